//! What a leg sends: packets of others, or frames of ours.

use std::net::SocketAddr;

use audio::codec::MAX_ENCODED;
use audio::dtmf::{Step, TelephoneEvent, key_of};
use audio::rtp::{HEADER, Stamp};
use audio::stream::Origin;
use audio::{Codec, Encoder, FRAME, Rate, detect};

use super::{Keys, Kind, Leg, Taken, Ticked};
use crate::socket::Ways;
use crate::srtp::{SEALED, Srtp};

/// Samples of 20 ms at most.
pub(crate) const LONGEST_FRAME: usize = 2 * FRAME;

impl Leg {
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
            Kind::Event(_) => far.remote.dtmf_send.filter(|_| !taken.kept),
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
        if taken.kind == Kind::Audio
            && taken.codec != far.remote.codec
            && let Some(law) = taken.codec.law()
        {
            law.transcode_in_place(&mut packet[HEADER..]);
        }
        if send(&self.ways, &mut self.srtp, packet, destination) {
            self.outbound.sent(end - HEADER);
        }
    }

    /// Presses keys: as telephone-events, or as tones to a far end that takes none.
    pub(crate) fn press(&mut self, events: &[u8]) {
        if self.far.is_some() {
            let keys = self.keys.get_or_insert_with(|| Box::new(Keys { pad: Default::default(), timestamp: 0 }));
            keys.pad.press(events);
        }
    }

    /// Tells whether ticks have something to do here.
    pub(crate) fn is_busy(&self) -> bool {
        self.player.is_some() || self.keys.is_some() || self.mix.is_some()
    }

    /// Returns the legs whose mix this one hears now, and its rate; nothing while something else is sent to it.
    pub(crate) fn take_sources(&mut self) -> Option<(Vec<usize>, Rate)> {
        let busy = self.player.is_some() || self.keys.is_some() || self.held;
        let mix = self.mix.as_mut().filter(|_| !busy)?;
        Some((std::mem::take(&mut mix.sources), mix.rate))
    }

    /// Gives back what [`Self::take_sources`] returned.
    pub(crate) fn return_sources(&mut self, sources: Vec<usize>) {
        if let Some(mix) = &mut self.mix {
            mix.sources = sources;
        }
    }

    /// Sends the 20 ms that are due of keys, of what is played, or of what is `mixed`.
    pub(crate) fn tick(&mut self, mixed: Option<(&[i16], Rate)>, now: u64) -> Ticked {
        let mut ticked = Ticked { busy: self.is_busy(), finished: false, played: None };
        if self.far.is_none() || self.waits_for_keys() {
            return ticked;
        }
        let mut frame = [0; FRAME];
        match self.tick_keys(&mut frame, now) {
            Pressed::Nothing => {}
            Pressed::Event => {
                self.next_stamp = None;
                return ticked;
            }
            Pressed::Tone => {
                self.say(&frame, Rate::Narrow, now);
                return ticked;
            }
        }
        let Some(player) = &mut self.player else {
            match mixed {
                Some((frame, rate)) => {
                    self.say(frame, rate, now);
                }
                None => self.next_stamp = None,
            }
            ticked.busy = self.mix.is_some();
            return ticked;
        };
        if !player.next(&mut frame) {
            self.stop();
            return Ticked { busy: self.is_busy(), finished: true, played: None };
        }
        let timestamp = self.say(&frame, Rate::Narrow, now);
        if self.played_tap.is_some() {
            ticked.played = Some((timestamp, frame));
        }
        ticked
    }

    /// Sends what is due of keys, or fills `frame` with their tones.
    fn tick_keys(&mut self, frame: &mut [i16; FRAME], now: u64) -> Pressed {
        let (Some(far), Some(keys)) = (&self.far, &mut self.keys) else { return Pressed::Nothing };
        let tones = far.remote.dtmf_send.is_none();
        match keys.pad.tick() {
            Step::Idle => {
                self.keys = None;
                Pressed::Nothing
            }
            Step::Pause if tones => Pressed::Tone,
            Step::Pause => Pressed::Event,
            Step::Send { payload, .. } if tones => {
                if let Some(event) = TelephoneEvent::parse(&payload).filter(|event| !event.end)
                    && let Some(key) = key_of(event.event)
                {
                    detect::tones(key, usize::from(event.duration).saturating_sub(FRAME), frame);
                }
                Pressed::Tone
            }
            Step::Send { mut payload, first } => {
                if first {
                    keys.timestamp = self.outbound.beginning(now);
                }
                let [_, _, long @ ..] = &mut payload;
                let duration = u16::from_be_bytes(*long).saturating_mul(far.remote.codec.scale() as u16);
                *long = duration.to_be_bytes();
                let destination = far.latch.destination().filter(|_| far.remote.direction.sends());
                let stamp = self.outbound.originate(first, keys.timestamp, now);
                let payload_type = far.remote.dtmf_send.unwrap_or_default();
                let mut packet = [0; HEADER + 4];
                packet[..HEADER].copy_from_slice(&Stamp { payload_type, ..stamp }.bytes());
                packet[HEADER..].copy_from_slice(&payload);
                if destination.is_some_and(|to| send(&self.ways, &mut self.srtp, &packet, to)) {
                    self.outbound.sent(4);
                }
                Pressed::Event
            }
        }
    }

    /// Encodes and sends 20 ms; returns their timestamp.
    fn say(&mut self, frame: &[i16], rate: Rate, now: u64) -> u32 {
        let (marker, timestamp) = match self.next_stamp {
            Some(timestamp) => (false, timestamp),
            None => (true, self.outbound.beginning(now)),
        };
        let Some(far) = &self.far else { return timestamp };
        let codec = far.remote.codec;
        let Some(destination) = far.latch.destination().filter(|_| far.remote.direction.sends()) else {
            self.next_stamp = None;
            return timestamp;
        };
        let mut payload = [0; MAX_ENCODED];
        let length = encoder(&mut self.voice, codec).encode(frame, rate, &mut payload);
        if length == 0 {
            return timestamp;
        }
        let stamp = self.outbound.originate(marker, timestamp, now);
        self.next_stamp = Some(timestamp.wrapping_add(FRAME as u32 * codec.scale()));
        let mut packet = [0; HEADER + MAX_ENCODED];
        packet[..HEADER].copy_from_slice(&Stamp { payload_type: far.remote.send_payload, ..stamp }.bytes());
        packet[HEADER..HEADER + length].copy_from_slice(&payload[..length]);
        if send(&self.ways, &mut self.srtp, &packet[..HEADER + length], destination) {
            self.outbound.sent(length);
        }
        timestamp
    }
}

/// What a tick did for keys.
enum Pressed {
    Nothing,
    /// An event was sent, or the pause after one lasts.
    Event,
    /// The frame is to be sent.
    Tone,
}

fn encoder(voice: &mut Option<Box<(Codec, Encoder)>>, codec: Codec) -> &mut Encoder {
    if voice.as_ref().is_none_or(|voice| voice.0 != codec) {
        *voice = None;
    }
    &mut voice.get_or_insert_with(|| Box::new((codec, Encoder::new(codec)))).1
}

/// Sends a packet, protected if the leg is.
fn send(ways: &Ways, srtp: &mut Option<Box<Srtp>>, packet: &[u8], to: SocketAddr) -> bool {
    match srtp {
        // Never in plain, even if it is known where to.
        None if matches!(ways, Ways::WebRtc(_)) => false,
        None => ways.send(packet, to),
        Some(srtp) => {
            let mut room = [0; SEALED];
            srtp.seal(packet, &mut room).is_some_and(|sealed| ways.send(sealed, to))
        }
    }
}
