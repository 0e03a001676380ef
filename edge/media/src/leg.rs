use std::net::SocketAddr;
use std::sync::Arc;

use audio::align::Align;
use audio::dtmf::{Keypad, Receiver, Step};
use audio::rtcp::{self, Sent};
use audio::rtp::{HEADER, Header, Stamp};
use audio::stream::{Inbound, Origin, Outbound, Refused};
use audio::{Codec, FRAME, SAMPLE_RATE, quality};

use crate::latch::{Latch, canonical};
use crate::play::Player;
use crate::record::Tap;
use crate::session::Heard;
use crate::socket::Pair;
use crate::{Dropped, LegNo, LegStats, Remote, Source};

/// Comfort noise (RFC 3389): a sign of life, not relayed.
const COMFORT_NOISE: u8 = 13;
/// Time between sender reports.
const REPORT_EVERY: u64 = 5 * SAMPLE_RATE as u64;

/// One leg as its media thread knows it. Time is the thread's count of samples.
pub(crate) struct Leg {
    pub(crate) session: u64,
    pub(crate) no: LegNo,
    pub(crate) pair: Pair,
    pub(crate) peer: Option<usize>,
    far: Option<Box<Far>>,
    inbound: Inbound,
    outbound: Outbound,
    receiver: Receiver,
    player: Option<Box<Player>>,
    keys: Option<Box<Keys>>,
    pub(crate) tap: Option<Tap>,
    /// Records what is played to this leg as if the other side had said it.
    pub(crate) played_tap: Option<Tap>,
    capture: Option<Box<CaptureTap>>,
    heard_at: u64,
    inactive: bool,
    report_at: u64,
    remote_lost: u64,
    remote_jitter_ms: f32,
    dropped: Dropped,
}

/// The far end, once it is known.
struct Far {
    remote: Remote,
    latch: Latch,
    /// Where RTCP came from, if it did.
    rtcp: Option<SocketAddr>,
}

struct Keys {
    pad: Keypad,
    timestamp: u32,
}

struct CaptureTap {
    heard: Arc<Heard>,
    align: Align,
    began: Option<u64>,
}

/// A packet that was let in.
pub(crate) struct Taken {
    pub(crate) header: Header,
    pub(crate) codec: Codec,
    pub(crate) generation: u32,
    pub(crate) kind: Kind,
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
    /// A frame that was played, encoded, with its timestamp.
    pub(crate) played: Option<(Codec, u32, [u8; FRAME])>,
}

impl Leg {
    pub(crate) fn new(session: u64, no: LegNo, pair: Pair, now: u64) -> Self {
        Self {
            session,
            no,
            pair,
            peer: None,
            far: None,
            inbound: Inbound::default(),
            outbound: Outbound::new(rand::random(), rand::random::<u16>() & 0x7fff, rand::random()),
            receiver: Receiver::default(),
            player: None,
            keys: None,
            tap: None,
            played_tap: None,
            capture: None,
            heard_at: now,
            inactive: false,
            report_at: now + REPORT_EVERY,
            remote_lost: 0,
            remote_jitter_ms: 0.0,
            dropped: Dropped::default(),
        }
    }

    pub(crate) fn set_remote(&mut self, remote: Remote, now: u64) {
        let latch = Latch::new(&remote, self.far.as_ref().map(|far| &far.latch));
        if !remote.direction.sends() {
            self.outbound.interrupt();
        }
        self.far = Some(Box::new(Far { remote, latch, rtcp: None }));
        self.listen_anew(now);
    }

    /// Connects or separates; the silence that counts as inactivity begins now.
    pub(crate) fn set_peer(&mut self, peer: Option<usize>, now: u64) {
        self.peer = peer;
        self.listen_anew(now);
    }

    fn listen_anew(&mut self, now: u64) {
        self.heard_at = now;
        self.inactive = false;
    }

    /// Judges a datagram from the RTP socket.
    pub(crate) fn take(&mut self, datagram: &[u8], source: SocketAddr, now: u64) -> Option<Taken> {
        let Some(far) = &mut self.far else {
            self.dropped.early += 1;
            return None;
        };
        let source = if self.pair.v6 { canonical(source) } else { source };
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
        let payload = datagram.get(header.payload.clone()).unwrap_or_default();
        let kind = if audio {
            if let Some(capture) = &mut self.capture {
                capture.put(far.remote.codec, header.timestamp, payload, now);
            }
            Kind::Audio
        } else {
            Kind::Event(self.receiver.push(header.timestamp, payload))
        };
        Some(Taken { codec: far.remote.codec, generation: self.inbound.generation(), header, kind })
    }

    /// Sends on what another leg took. `datagram` is rewritten in place.
    pub(crate) fn forward(&mut self, taken: &Taken, stream: u64, datagram: &mut [u8], now: u64) {
        let origin = Origin { stream, generation: taken.generation };
        let Some(far) = &self.far else { return };
        if self.player.is_some() || self.keys.is_some() {
            return;
        }
        if !far.remote.direction.sends() {
            self.outbound.interrupt();
            return;
        }
        let payload = taken.header.payload.clone();
        let payload_type = match taken.kind {
            Kind::Audio => Some(far.remote.send_payload),
            Kind::Event(_) => far.remote.dtmf_send,
        };
        let (Some(payload_type), false) = (payload_type, payload.is_empty()) else {
            self.outbound.skip(origin);
            return;
        };
        let Some(destination) = far.latch.destination() else { return };
        let Some(stamp) = self.outbound.relay(origin, &taken.header, now) else { return };
        let end = HEADER + payload.len();
        if payload.start != HEADER {
            datagram.copy_within(payload, HEADER);
        }
        let packet = &mut datagram[..end];
        packet[..HEADER].copy_from_slice(&Stamp { payload_type, ..stamp }.bytes());
        if taken.kind == Kind::Audio && taken.codec != far.remote.codec {
            taken.codec.transcode_in_place(&mut packet[HEADER..]);
        }
        if self.pair.send(packet, destination) {
            self.outbound.sent(end - HEADER);
        }
    }

    pub(crate) fn play(&mut self, source: Source) {
        self.player = Some(Box::new(Player::new(source)));
    }

    pub(crate) fn stop(&mut self) {
        self.player = None;
    }

    pub(crate) fn press(&mut self, events: &[u8]) {
        if self.far.as_ref().is_some_and(|far| far.remote.dtmf_send.is_some()) {
            let keys = self.keys.get_or_insert_with(|| Box::new(Keys { pad: Keypad::default(), timestamp: 0 }));
            keys.pad.press(events);
        }
    }

    /// Tells whether ticks have something to do here.
    pub(crate) fn is_busy(&self) -> bool {
        self.player.is_some() || self.keys.is_some()
    }

    /// Sends the 20 ms that are due of keys or of what is played.
    pub(crate) fn tick(&mut self, now: u64) -> Ticked {
        let mut ticked = Ticked { busy: self.is_busy(), finished: false, played: None };
        let Some(far) = &self.far else { return ticked };
        let destination = far.latch.destination().filter(|_| far.remote.direction.sends());
        if let Some(keys) = &mut self.keys {
            match keys.pad.tick() {
                Step::Idle => self.keys = None,
                Step::Pause => return ticked,
                Step::Send { payload, first } => {
                    if first {
                        keys.timestamp = self.outbound.beginning(now);
                    }
                    let stamp = self.outbound.originate(first, keys.timestamp, now);
                    let payload_type = far.remote.dtmf_send.unwrap_or_default();
                    let mut packet = [0; HEADER + 4];
                    packet[..HEADER].copy_from_slice(&Stamp { payload_type, ..stamp }.bytes());
                    packet[HEADER..].copy_from_slice(&payload);
                    if destination.is_some_and(|destination| self.pair.send(&packet, destination)) {
                        self.outbound.sent(4);
                    }
                    if let Some(player) = &mut self.player {
                        player.timestamp = None;
                    }
                    return ticked;
                }
            }
        }
        let mut frame = [0; FRAME];
        let Some(player) = &mut self.player else {
            ticked.busy = false;
            return ticked;
        };
        if !player.next(&mut frame) {
            self.player = None;
            return Ticked { busy: false, finished: true, played: None };
        }
        let (marker, timestamp) = match player.timestamp {
            Some(timestamp) => (false, timestamp),
            None => (true, self.outbound.beginning(now)),
        };
        let mut packet = [0; HEADER + FRAME];
        let codec = far.remote.codec;
        codec.encode_into(&frame, &mut packet[HEADER..]);
        if let Some(destination) = destination {
            let stamp = self.outbound.originate(marker, timestamp, now);
            player.timestamp = Some(timestamp.wrapping_add(FRAME as u32));
            packet[..HEADER].copy_from_slice(&Stamp { payload_type: far.remote.send_payload, ..stamp }.bytes());
            if self.pair.send(&packet, destination) {
                self.outbound.sent(FRAME);
            }
        } else {
            player.timestamp = None;
        }
        if self.played_tap.is_some() {
            let mut payload = [0; FRAME];
            payload.copy_from_slice(&packet[HEADER..]);
            ticked.played = Some((codec, timestamp, payload));
        }
        ticked
    }

    pub(crate) fn capture(&mut self, heard: Arc<Heard>) {
        self.capture = Some(Box::new(CaptureTap { heard, align: Align::default(), began: None }));
    }

    /// Takes a datagram from the RTCP socket: only the far end's word about our stream counts.
    pub(crate) fn take_rtcp(&mut self, datagram: &[u8], source: SocketAddr) {
        let Some(far) = &mut self.far else { return };
        let source = canonical(source);
        let known = [Some(canonical(far.remote.rtcp).ip()), far.latch.destination().map(|rtp| rtp.ip())];
        if !known.contains(&Some(source.ip())) {
            return;
        }
        let Ok(block) = rtcp::report_about(self.outbound.ssrc(), datagram) else { return };
        far.rtcp = Some(source);
        if let Some(block) = block {
            self.remote_lost = u64::try_from(block.lost).unwrap_or(0);
            self.remote_jitter_ms = block.jitter as f32 / 8.0;
        }
    }

    /// Sends a report if one is due, and tells whether the leg has just become inactive.
    pub(crate) fn look(&mut self, inactivity: u64, now: u64) -> bool {
        self.report(now);
        let Some(far) = &self.far else { return false };
        let expected = self.peer.is_some() && far.remote.direction.receives();
        if !expected || self.inactive || now.saturating_sub(self.heard_at) < inactivity {
            return false;
        }
        self.inactive = true;
        true
    }

    fn report(&mut self, now: u64) {
        if now < self.report_at {
            return;
        }
        self.report_at = now + REPORT_EVERY;
        let Some(far) = &self.far else { return };
        let Some(rtp) = far.latch.destination() else { return };
        if self.outbound.packets() == 0 {
            return;
        }
        let offered = canonical(far.remote.rtcp);
        let destination = far.rtcp.unwrap_or_else(|| {
            let beside = SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1));
            if offered.ip() == rtp.ip() { offered } else { beside }
        });
        let sent = Sent {
            ssrc: self.outbound.ssrc(),
            ntp: ((now / 8_000) << 32) | (((now % 8_000) << 32) / 8_000),
            timestamp: self.outbound.clock(now),
            packets: self.outbound.packets() as u32,
            octets: self.outbound.octets() as u32,
        };
        let packet = rtcp::sender_report(&sent, self.inbound.report().as_ref());
        self.pair.send_rtcp(&packet, destination);
    }

    pub(crate) fn stats(&self) -> LegStats {
        let (received, lost) = (self.inbound.received(), self.inbound.lost());
        let jitter_ms = self.inbound.jitter_ms();
        let mos = if received == 0 {
            0.0
        } else {
            quality::mos(lost as f64 / (received + lost) as f64, f64::from(jitter_ms)) as f32
        };
        LegStats {
            leg: self.no,
            received,
            sent: self.outbound.packets(),
            lost,
            jitter_ms,
            mos,
            remote_lost: self.remote_lost,
            remote_jitter_ms: self.remote_jitter_ms,
            dropped: self.dropped,
        }
    }
}

impl CaptureTap {
    fn put(&mut self, codec: Codec, timestamp: u32, payload: &[u8], now: u64) {
        let began = *self.began.get_or_insert(now);
        if let Some(position) = self.align.place(timestamp, now - began) {
            self.heard.put(position, payload.iter().map(|&byte| codec.decode(byte)));
        }
    }
}
