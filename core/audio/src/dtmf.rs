//! Key presses as telephone-events (RFC 4733).
//!
//! A press is many packets with one timestamp: updates of a growing duration, then the end, sent three times.
//!
//! ```text
//! Keypad:  Idle -> Pressed(1..=8 updates) -> Ending(3 ends) -> Pausing(4 ticks) -> Idle or the next key
//! ```

use std::collections::VecDeque;

/// The sixteen keys by event code.
const KEYS: [u8; 16] = *b"0123456789*#ABCD";

/// Samples between a segment of a long press and its continuation that still count as one (RFC 4733 §2.5.1.3).
const SEAM: u32 = 320;
/// Timestamps this far behind are late packets of an earlier press rather than a new one.
const LATE: u32 = 5 * 8_000;

const TICK: u16 = 160;
const UPDATES: u16 = 8;
const ENDS: u8 = 3;
const PAUSES: u8 = 4;
/// Keys that may wait in a [`Keypad`].
const MAX_WAITING: usize = 64;
/// -10 dBm0.
const VOLUME: u8 = 10;

/// Returns the event code of a key, upper or lower case.
pub fn event_of(key: u8) -> Option<u8> {
    let key = key.to_ascii_uppercase();
    KEYS.iter().position(|&known| known == key).and_then(|index| u8::try_from(index).ok())
}

/// Returns the key of an event code; other events (flash, tones) are no keys.
pub fn key_of(event: u8) -> Option<char> {
    KEYS.get(usize::from(event)).map(|&key| char::from(key))
}

/// The payload of one telephone-event packet (RFC 4733 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    pub event: u8,
    pub end: bool,
    pub volume: u8,
    /// In samples.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Reads a payload; `None` when it is too short. Of several events in one packet the first counts.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (&[event, flags, d0, d1], _) = payload.split_first_chunk::<4>()?;
        let duration = u16::from_be_bytes([d0, d1]);
        Some(Self { event, end: flags & 0x80 != 0, volume: flags & 0x3f, duration })
    }

    pub fn bytes(self) -> [u8; 4] {
        let [d0, d1] = self.duration.to_be_bytes();
        [self.event, (u8::from(self.end) << 7) | (self.volume & 0x3f), d0, d1]
    }
}

/// Turns received telephone-events into key presses.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    last: Option<Press>,
}

#[derive(Clone, Debug)]
struct Press {
    event: u8,
    timestamp: u32,
    duration: u16,
    ended: bool,
}

impl Receiver {
    /// Takes one packet and returns the key if it is the first heard of a press.
    pub fn push(&mut self, timestamp: u32, payload: &[u8]) -> Option<char> {
        let heard = TelephoneEvent::parse(payload)?;
        if let Some(last) = &mut self.last {
            let after = timestamp.wrapping_sub(last.timestamp);
            if after == 0 {
                last.duration = last.duration.max(heard.duration);
                last.ended |= heard.end;
                return None;
            }
            if last.timestamp.wrapping_sub(timestamp) <= LATE {
                return None;
            }
            if !last.ended && heard.event == last.event && after <= u32::from(last.duration) + SEAM {
                *last = Press { event: heard.event, timestamp, duration: heard.duration, ended: heard.end };
                return None;
            }
        }
        self.last = Some(Press { event: heard.event, timestamp, duration: heard.duration, ended: heard.end });
        key_of(heard.event)
    }
}

/// What a [`Keypad`] does in one tick of 20 ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this; `first` asks for the marker bit and a new timestamp, the others repeat it.
    Send { payload: [u8; 4], first: bool },
    /// Send nothing: the pause after a key.
    Pause,
    /// No key is left.
    Idle,
}

/// Presses keys one after the other: 160 ms each, 80 ms between.
#[derive(Clone, Debug, Default)]
pub struct Keypad {
    waiting: VecDeque<u8>,
    state: State,
}

#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Idle,
    Pressed {
        event: u8,
        updates: u16,
    },
    Ending {
        event: u8,
        ends: u8,
    },
    Pausing {
        ticks: u8,
    },
}

impl Keypad {
    /// Adds keys by event code; those beyond 64 waiting are left out.
    pub fn press(&mut self, events: &[u8]) {
        let room = MAX_WAITING.saturating_sub(self.waiting.len());
        self.waiting.extend(events.iter().take(room));
    }

    /// Moves on by 20 ms.
    pub fn tick(&mut self) -> Step {
        let send = |event, end, updates: u16, first| {
            let event = TelephoneEvent { event, end, volume: VOLUME, duration: updates * TICK };
            Step::Send { payload: event.bytes(), first }
        };
        match self.state {
            State::Pausing { ticks } if ticks < PAUSES => {
                self.state = State::Pausing { ticks: ticks + 1 };
                Step::Pause
            }
            State::Idle | State::Pausing { .. } => match self.waiting.pop_front() {
                Some(event) => {
                    self.state = State::Pressed { event, updates: 1 };
                    send(event, false, 1, true)
                }
                None => {
                    self.state = State::Idle;
                    Step::Idle
                }
            },
            State::Pressed { event, updates } if updates < UPDATES => {
                self.state = State::Pressed { event, updates: updates + 1 };
                send(event, false, updates + 1, false)
            }
            State::Pressed { event, .. } => {
                self.state = State::Ending { event, ends: 1 };
                send(event, true, UPDATES, false)
            }
            State::Ending { event, ends } if ends < ENDS => {
                self.state = State::Ending { event, ends: ends + 1 };
                send(event, true, UPDATES, false)
            }
            State::Ending { .. } => {
                self.state = State::Pausing { ticks: 1 };
                Step::Pause
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Plays a keypad into packets of (timestamp, payload).
    fn packets(keys: &str) -> Vec<(u32, [u8; 4])> {
        let mut pad = Keypad::default();
        pad.press(&keys.bytes().filter_map(event_of).collect::<Vec<_>>());
        let (mut now, mut pressed_at, mut sent) = (1_000, 0, Vec::new());
        loop {
            match pad.tick() {
                Step::Send { payload, first } => {
                    if first {
                        pressed_at = now;
                    }
                    sent.push((pressed_at, payload));
                }
                Step::Pause => {}
                Step::Idle => return sent,
            }
            now += 160;
        }
    }

    fn heard(packets: &[(u32, [u8; 4])]) -> String {
        let mut receiver = Receiver::default();
        packets.iter().filter_map(|(timestamp, payload)| receiver.push(*timestamp, payload)).collect()
    }

    #[test]
    fn every_key_is_heard_once() {
        let sent = packets("0123456789*#abcd1188");
        assert_eq!(sent.len(), 20 * 11);
        assert_eq!(heard(&sent), "0123456789*#ABCD1188");
    }

    #[test]
    fn any_single_packet_of_a_press_is_enough() {
        let sent = packets("5");
        for packet in sent {
            assert_eq!(heard(&[packet]), "5");
        }
    }

    #[test]
    fn late_packets_of_an_earlier_press_are_not_heard_again() {
        let mut sent = packets("12");
        let late = sent[10];
        sent.push(late);
        assert_eq!(heard(&sent), "12");
    }

    #[test]
    fn a_long_press_in_segments_is_one_key() {
        let segment = |duration, end| TelephoneEvent { event: 7, end, volume: 10, duration }.bytes();
        let long =
            [(1_000, segment(u16::MAX, false)), (1_000 + 65_535, segment(800, false)), (66_535, segment(900, true))];
        assert_eq!(heard(&long), "7");
    }

    #[test]
    fn the_same_key_again_is_heard_again_even_if_all_ends_are_lost() {
        let sent: Vec<_> = packets("99").into_iter().filter(|(_, payload)| payload[1] & 0x80 == 0).collect();
        assert_eq!(heard(&sent), "99");
    }

    #[test]
    fn flash_and_tones_are_no_keys() {
        assert_eq!(heard(&[(1, [16, 0, 0, 160]), (9_000, [255, 0, 0, 160])]), "");
        assert_eq!(TelephoneEvent::parse(&[1, 2, 3]), None);
    }

    #[test]
    fn no_more_than_64_keys_wait() {
        let mut pad = Keypad::default();
        pad.press(&[1; 1_000]);
        pad.press(&[1; 1_000]);
        assert_eq!(pad.waiting.len(), 64);
    }

    proptest! {
        #[test]
        fn any_packets_are_read_or_refused(
            packets in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..8)), 0..50),
        ) {
            let mut receiver = Receiver::default();
            for (timestamp, payload) in packets {
                let _ = receiver.push(timestamp, &payload);
            }
        }

        #[test]
        fn lost_and_doubled_packets_do_not_change_what_is_heard(
            keys in "[0-9]{1,12}", fate in prop::collection::vec(0u8..4, 200),
        ) {
            let sent = packets(&keys);
            let mut arrived = Vec::new();
            for (index, packet) in sent.iter().enumerate() {
                // A quarter is lost, a quarter doubled; the first end of every press arrives.
                let copies = if index % 11 == 8 { 1 } else { [0, 1, 1, 2][usize::from(fate[index % fate.len()])] };
                arrived.extend(std::iter::repeat_n(*packet, copies));
            }
            prop_assert_eq!(heard(&arrived), keys);
        }
    }

    #[test]
    fn a_payload_is_read_as_it_was_written() {
        let event = TelephoneEvent { event: 11, end: true, volume: 63, duration: 65_535 };
        assert_eq!(TelephoneEvent::parse(&event.bytes()).unwrap(), event);
    }
}
