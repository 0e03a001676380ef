//! One leg: what comes in, what it hears, what is sent.

mod ear;
mod report;
mod send;
mod webrtc;

pub(crate) use send::LONGEST_FRAME;

use std::net::SocketAddr;
use std::sync::Arc;

use audio::align::Align;
use audio::detect::Detector;
use audio::dtmf::{Keypad, Receiver};
use audio::rtp::Header;
use audio::stream::{Inbound, Outbound, Refused};
use audio::{Codec, Decoder, Encoder, FRAME, Rate, SAMPLE_RATE};

use self::ear::Ear;
use crate::command::Side;
use crate::latch::Latch;
use crate::play::Player;
use crate::record::{MessageTap, Tap};
use crate::session::Heard;
use crate::socket::Ways;
use crate::srtp::Srtp;
use crate::{Dropped, LegNo, Remote, Source};

/// Comfort noise (RFC 3389): a sign of life, not relayed.
const COMFORT_NOISE: u8 = 13;
/// Time between reports.
const REPORT_EVERY: u64 = 5 * SAMPLE_RATE as u64;

/// One leg as its media thread knows it. Time is the thread's count of samples.
pub(crate) struct Leg {
    pub(crate) session: u64,
    pub(crate) no: LegNo,
    pub(crate) ways: Ways,
    /// Names its received stream among all that feed other legs, wherever it is moved.
    pub(crate) stream: u64,
    /// The leg that hears this one packet by packet.
    pub(crate) peer: Option<usize>,
    /// Further legs that hear this one packet by packet.
    pub(crate) audience: Vec<usize>,
    /// Legs that hear this one in a mix: key presses reach them as new ones.
    pub(crate) mixers: Vec<usize>,
    /// Takes part in nothing: hears nobody and is heard by nobody.
    pub(crate) held: bool,
    /// Its key presses are reported, and reach nobody by themselves.
    pub(crate) keeps_keys: bool,
    /// Where it is in the recording, if that was said.
    pub(crate) side: Option<Side>,
    far: Option<Box<Far>>,
    srtp: Option<Box<Srtp>>,
    /// What protected a stream that is in plain now.
    resting_srtp: Option<Box<Srtp>>,
    inbound: Inbound,
    outbound: Outbound,
    receiver: Receiver,
    ear: Option<Box<Ear>>,
    mix: Option<Box<Mix>>,
    player: Option<Box<Player>>,
    keys: Option<Box<Keys>>,
    voice: Option<Box<(Codec, Encoder)>>,
    /// Timestamp of our next frame; `None` where the sound begins anew.
    next_stamp: Option<u32>,
    detector: Option<Box<Detector>>,
    pub(crate) tap: Option<Tap>,
    /// Records what is played to this leg as if the other side had said it.
    pub(crate) played_tap: Option<Tap>,
    /// Records what this leg says into a file of its own.
    pub(crate) message: Option<Box<MessageTap>>,
    capture: Option<Box<CaptureTap>>,
    heard_at: u64,
    inactive: bool,
    report_at: u64,
    figures: Figures,
    dropped: Dropped,
}

/// The far end, once it is known.
struct Far {
    remote: Remote,
    latch: Latch,
    /// Where RTCP came from, if it did.
    rtcp: Option<SocketAddr>,
}

/// What RTCP told, and what has to be told back.
#[derive(Default)]
struct Figures {
    remote_lost: u64,
    remote_jitter_ms: f32,
    round_trip_ms: Option<f32>,
    /// The last sender report heard, and when.
    reported: Option<(u32, u64)>,
}

/// What a leg hears if that has to be made: the sum of other legs.
struct Mix {
    sources: Vec<usize>,
    rate: Rate,
}

struct Keys {
    pad: Keypad,
    timestamp: u32,
}

struct CaptureTap {
    heard: Arc<Heard>,
    align: Align,
    began: Option<u64>,
    decoder: Option<(Codec, Decoder)>,
    samples: Vec<i16>,
}

/// How a leg hears others and is heard, worked out for a whole session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    /// Legs that hear this one packet by packet.
    pub(crate) audience: Vec<usize>,
    /// Legs that hear this one in a mix.
    pub(crate) mixers: Vec<usize>,
    /// Legs that this one hears in a mix.
    pub(crate) sources: Vec<usize>,
    /// Rate of all mixes of the session.
    pub(crate) rate: Rate,
}

/// A packet that was let in.
pub(crate) struct Taken {
    pub(crate) header: Header,
    pub(crate) codec: Codec,
    pub(crate) generation: u32,
    pub(crate) kind: Kind,
    /// A key press that is for nobody but us.
    pub(crate) kept: bool,
    /// A key that was heard in the sound.
    pub(crate) tone: Option<char>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Audio,
    /// A telephone-event; the key if it was just pressed.
    Event(Option<char>),
}

/// What a tick of 20 ms did.
pub(crate) struct Ticked {
    /// Something is left to be sent.
    pub(crate) busy: bool,
    pub(crate) finished: bool,
    /// A frame that was played, with its timestamp.
    pub(crate) played: Option<(u32, [i16; FRAME])>,
}

impl Leg {
    pub(crate) fn new(session: u64, no: LegNo, ways: Ways, now: u64) -> Self {
        let ssrc = match &ways {
            Ways::Ports(_) => rand::random(),
            Ways::WebRtc(line) => line.ssrc,
        };
        Self {
            session,
            no,
            ways,
            stream: rand::random(),
            peer: None,
            audience: Vec::new(),
            mixers: Vec::new(),
            held: false,
            keeps_keys: false,
            side: None,
            far: None,
            srtp: None,
            resting_srtp: None,
            inbound: Inbound::default(),
            outbound: Outbound::new(ssrc, rand::random::<u16>() & 0x7fff, rand::random()),
            receiver: Receiver::default(),
            ear: None,
            mix: None,
            player: None,
            keys: None,
            voice: None,
            next_stamp: None,
            detector: None,
            tap: None,
            played_tap: None,
            message: None,
            capture: None,
            heard_at: now,
            inactive: false,
            report_at: now + REPORT_EVERY,
            figures: Figures::default(),
            dropped: Dropped::default(),
        }
    }

    /// Takes what the far end says; true if it turned out to be somebody else (WebRTC).
    pub(crate) fn set_remote(&mut self, remote: Remote, now: u64) -> bool {
        let peer = remote.webrtc;
        let latch = match &mut self.ways {
            Ways::Ports(_) => Latch::new(&remote, self.far.as_ref().map(|far| &far.latch)),
            Ways::WebRtc(line) => Latch::led(line.destination()),
        };
        if !remote.direction.sends() {
            self.outbound.interrupt();
            self.next_stamp = None;
        }
        match remote.srtp.clone() {
            // Its keys come from DTLS.
            _ if matches!(self.ways, Ways::WebRtc(_)) => {}
            Some(keys) => {
                let former = self.srtp.take().or_else(|| self.resting_srtp.take());
                self.srtp = Some(match former {
                    Some(mut srtp) => {
                        srtp.renew(keys);
                        srtp
                    }
                    None => Box::new(Srtp::new(keys)),
                });
            }
            // Its counters outlast a time in plain.
            None => self.resting_srtp = self.srtp.take().or_else(|| self.resting_srtp.take()),
        }
        self.inbound.set_scale(remote.codec.scale());
        self.outbound.set_scale(remote.codec.scale());
        self.far = Some(Box::new(Far { remote, latch, rtcp: None }));
        self.listen_anew(now);
        self.expect(peer)
    }

    /// Returns the codec, once it is known.
    pub(crate) fn codec(&self) -> Option<Codec> {
        self.far.as_ref().map(|far| far.remote.codec)
    }

    /// Tells whether key presses can be sent as telephone-events.
    pub(crate) fn takes_events(&self) -> bool {
        self.far.as_ref().is_some_and(|far| far.remote.dtmf_send.is_some())
    }

    /// Takes its place among the legs of the session; the silence that counts as inactivity begins anew if that
    /// changes who hears it.
    pub(crate) fn set_route(&mut self, route: Route, now: u64) {
        let Route { audience, mixers, sources, rate } = route;
        let mut hearers = audience.into_iter();
        let (peer, others): (_, Vec<usize>) = (hearers.next(), hearers.collect());
        if (peer, &others, &mixers) != (self.peer, &self.audience, &self.mixers) {
            self.listen_anew(now);
        }
        (self.peer, self.audience) = (peer, others);
        match (self.codec(), mixers.is_empty()) {
            (Some(codec), false) => {
                if self.ear.as_ref().is_none_or(|ear| !ear.fits(codec, rate)) {
                    self.ear = Some(Box::new(Ear::new(codec, rate)));
                }
            }
            _ => self.ear = None,
        }
        self.mixers = mixers;
        if sources.is_empty() {
            self.mix = None;
        } else if let Some(mix) = &mut self.mix {
            (mix.sources, mix.rate) = (sources, rate);
        } else {
            self.mix = Some(Box::new(Mix { sources, rate }));
            self.next_stamp = None;
        }
    }

    /// Leaves its session: nobody hears it, nothing is played to it, nothing of it is recorded there.
    pub(crate) fn leave(&mut self, now: u64) {
        self.set_route(Route::default(), now);
        (self.held, self.player, self.keys) = (false, None, None);
        (self.tap, self.played_tap, self.message) = (None, None, None);
        (self.keeps_keys, self.side) = (false, None);
        self.outbound.interrupt();
        self.next_stamp = None;
    }

    fn listen_anew(&mut self, now: u64) {
        self.heard_at = now;
        self.inactive = false;
    }

    fn is_heard(&self) -> bool {
        self.peer.is_some() || !self.mixers.is_empty()
    }

    /// Judges a datagram from the RTP socket; a protected one is opened in place.
    pub(crate) fn take(&mut self, datagram: &mut [u8], source: SocketAddr, now: u64) -> Option<Taken> {
        let Some(far) = &mut self.far else {
            self.dropped.early += 1;
            return None;
        };
        let source = self.ways.plain(source);
        let mut datagram = datagram;
        if let Some(srtp) = &mut self.srtp {
            // What was not signed by the far end changes nothing and is learnt from by nobody.
            if !far.latch.allows(source) {
                self.dropped.stranger += 1;
                return None;
            }
            let Some(length) = srtp.open(datagram) else {
                self.dropped.unauthentic += 1;
                return None;
            };
            datagram = &mut datagram[..length];
        } else if matches!(self.ways, Ways::WebRtc(_)) {
            // Never in plain, whatever comes first.
            self.dropped.early += 1;
            return None;
        }
        let Some(header) = Header::parse(datagram) else {
            self.dropped.malformed += 1;
            return None;
        };
        if !far.remote.direction.receives() {
            self.dropped.held += 1;
            return None;
        }
        let audio = header.payload_type == far.remote.receive_payload;
        if !audio && Some(header.payload_type) != far.remote.dtmf_receive {
            if header.payload_type == COMFORT_NOISE && far.latch.is_locked_to(source) {
                (self.heard_at, self.inactive) = (now, false);
            }
            self.dropped.payload += 1;
            return None;
        }
        if !far.latch.judge(source, header.ssrc, header.sequence) {
            self.dropped.stranger += 1;
            return None;
        }
        match self.inbound.arrive(&header, now) {
            Ok(()) => {}
            Err(Refused::Sequence) => {
                self.dropped.sequence += 1;
                return None;
            }
            Err(Refused::Excess) => {
                self.dropped.excess += 1;
                return None;
            }
        }
        (self.heard_at, self.inactive) = (now, false);
        let codec = far.remote.codec;
        let generation = self.inbound.generation();
        let payload = datagram.get(header.payload.clone()).unwrap_or_default();
        if let Some(ear) = &mut self.ear {
            ear.push(header.sequence, header.timestamp, audio.then_some(payload), generation, now);
        }
        let mut tone = None;
        let kind = if audio {
            if let Some(capture) = &mut self.capture {
                capture.put(codec, header.timestamp, payload, now);
            }
            if let (Some(detector), Some(law)) = (&mut self.detector, codec.law()) {
                let mut samples = Vec::with_capacity(payload.len());
                law.decode_into(payload, &mut samples);
                detector.hear(&samples, |key| tone = Some(key));
            }
            Kind::Audio
        } else {
            Kind::Event(self.receiver.push(header.timestamp, payload))
        };
        let kept = self.keeps_keys && !audio;
        Some(Taken { codec, generation, header, kind, kept, tone })
    }

    pub(crate) fn play(&mut self, source: Source) {
        self.player = Some(Box::new(Player::new(source)));
        self.next_stamp = None;
    }

    pub(crate) fn stop(&mut self) {
        if self.player.take().is_some() {
            self.next_stamp = None;
        }
    }

    /// Listens for key presses in the sound itself, or no longer.
    pub(crate) fn detect_dtmf(&mut self, on: bool) {
        self.detector = on.then(Box::default);
    }

    /// Adds 20 ms of what this leg says to a mix; tells whether it says anything.
    pub(crate) fn add_to(&mut self, sum: &mut [i32], tick: u64, now: u64) -> bool {
        let Some(ear) = &mut self.ear else { return false };
        let frame = ear.hear(tick, now);
        for (sum, &sample) in sum.iter_mut().zip(frame) {
            *sum += i32::from(sample);
        }
        !frame.is_empty()
    }

    pub(crate) fn capture(&mut self, heard: Arc<Heard>) {
        let (align, samples) = (Align::default(), Vec::new());
        self.capture = Some(Box::new(CaptureTap { heard, align, began: None, decoder: None, samples }));
    }
}

impl CaptureTap {
    fn put(&mut self, codec: Codec, timestamp: u32, payload: &[u8], now: u64) {
        let began = *self.began.get_or_insert(now);
        let decoder = match &mut self.decoder {
            Some((known, decoder)) if *known == codec => decoder,
            other => &mut other.insert((codec, Decoder::new(codec, Rate::Narrow))).1,
        };
        self.samples.clear();
        decoder.decode(payload, &mut self.samples);
        if let Some(position) = self.align.place(timestamp / codec.scale(), now - began) {
            self.heard.put(position, self.samples.iter().copied());
        }
    }
}
