//! Keys that an extension presses in a call: what they stand for, and the number that follows some of them.
//!
//! ```text
//!            a code begins              it is complete: Does
//!   Quiet ───────────────────▶ Held ────────────────────────▶ Quiet
//!     ▲    ◀───────────────────┘ another key, or nothing for a second: Pass what was held
//!     │ Number, GaveUp
//!     └──────────────── Collecting ◀── Keypad::collect, when a feature needs a number
//! ```
//!
//! Keys that are no code go to the other side; it never hears those that are.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::routing::InCall;

/// How long the next key of a code is waited for.
const BETWEEN: Duration = Duration::from_millis(1_200);
/// How long the first digit of a number is waited for.
const FIRST: Duration = Duration::from_secs(10);
/// How long each further digit is waited for; then the number is complete.
const NEXT: Duration = Duration::from_secs(3);
/// Most digits of a number.
const MOST: usize = 32;

/// What an extension can have done by keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Begins to record, pauses, goes on recording.
    Record,
    /// Asks somebody before handing the other side on.
    Attended,
    /// Hands the other side on.
    Blind,
    /// Brings somebody into the call.
    ThreeWay,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOutput {
    /// The other side hears this key.
    Pass(char),
    Does(Feature),
    /// The number that the feature is about.
    Number(Feature, String),
    /// No number was given, or `*` took it back.
    GaveUp(Feature),
}

/// The keypad of one leg.
#[derive(Debug, Default)]
pub struct Keypad {
    held: String,
    collects: Option<(Feature, String)>,
    deadline: Option<Instant>,
    outputs: VecDeque<KeyOutput>,
}

impl Keypad {
    /// Takes a key.
    pub fn press(&mut self, key: char, codes: &InCall, now: Instant) {
        if self.collects.is_some() {
            return self.dial(key, now);
        }
        self.held.push(key);
        self.deadline = None;
        while !self.held.is_empty() {
            if let Some(feature) = codes.read(&self.held) {
                self.held.clear();
                return self.outputs.push_back(KeyOutput::Does(feature));
            }
            if codes.begins(&self.held) {
                self.deadline = now.checked_add(BETWEEN);
                return;
            }
            // No code begins like this: the first key was meant for the other side, the rest may be a code.
            let first = self.held.remove(0);
            self.outputs.push_back(KeyOutput::Pass(first));
        }
    }

    /// Takes the next keys as the number that `feature` needs.
    pub fn collect(&mut self, feature: Feature, now: Instant) {
        self.held.clear();
        self.collects = Some((feature, String::new()));
        self.deadline = now.checked_add(FIRST);
    }

    /// Forgets a number that is not complete: the call is not what it was.
    pub fn forget(&mut self) {
        (self.collects, self.deadline) = (None, None);
        self.held.clear();
    }

    /// Returns whether a number is being dialled.
    pub const fn collects(&self) -> bool {
        self.collects.is_some()
    }

    fn dial(&mut self, key: char, now: Instant) {
        let Some((feature, number)) = &mut self.collects else { return };
        let feature = *feature;
        match key {
            '#' => self.complete(),
            // A star first begins a feature code: to park, to a conference.
            '*' if !number.is_empty() => {
                self.forget();
                self.outputs.push_back(KeyOutput::GaveUp(feature));
            }
            _ => {
                number.push(key);
                self.deadline = now.checked_add(NEXT);
                if number.len() >= MOST {
                    self.complete();
                }
            }
        }
    }

    fn complete(&mut self) {
        let Some((feature, number)) = self.collects.take() else { return };
        self.deadline = None;
        let dialled = number.trim_start_matches('*');
        self.outputs.push_back(match dialled.is_empty() {
            true => KeyOutput::GaveUp(feature),
            false => KeyOutput::Number(feature, number),
        });
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.deadline = None;
        if self.collects.is_some() {
            return self.complete();
        }
        self.outputs.extend(std::mem::take(&mut self.held).chars().map(KeyOutput::Pass));
    }

    pub fn poll(&mut self) -> Option<KeyOutput> {
        self.outputs.pop_front()
    }

    pub const fn next_timeout(&self) -> Option<Instant> {
        self.deadline
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests may look at the clock")]
mod tests {
    use super::*;

    fn all(pad: &mut Keypad) -> Vec<KeyOutput> {
        std::iter::from_fn(|| pad.poll()).collect()
    }

    fn pressed(keys: &str) -> (Keypad, Vec<KeyOutput>, Instant) {
        let (mut pad, now) = (Keypad::default(), Instant::now());
        keys.chars().for_each(|key| pad.press(key, &InCall::default(), now));
        let said = all(&mut pad);
        (pad, said, now)
    }

    #[test]
    fn codes_are_heard_by_nobody_and_other_keys_by_the_other_side() {
        use KeyOutput::{Does, Pass};
        for (keys, expected) in [
            ("*1", vec![Does(Feature::Record)]),
            ("*2", vec![Does(Feature::Attended)]),
            ("##", vec![Does(Feature::Blind)]),
            ("*3", vec![Does(Feature::ThreeWay)]),
            ("5", vec![Pass('5')]),
            ("*7", vec![Pass('*'), Pass('7')]),
            ("**1", vec![Pass('*'), Does(Feature::Record)]),
            ("#*1", vec![Pass('#'), Does(Feature::Record)]),
            ("*", vec![]),
        ] {
            assert_eq!(pressed(keys).1, expected, "{keys}");
        }
    }

    #[test]
    fn a_key_that_may_be_a_code_reaches_the_other_side_a_moment_later() {
        let (mut pad, said, now) = pressed("#");
        assert_eq!((said, pad.next_timeout()), (vec![], Some(now + BETWEEN)));
        pad.handle_timeout(now + BETWEEN);
        assert_eq!(all(&mut pad), [KeyOutput::Pass('#')]);
        assert_eq!(pad.next_timeout(), None);
    }

    #[test]
    fn a_number_ends_with_a_hash_or_after_a_while_and_a_star_takes_it_back() {
        for (keys, expected) in [
            ("1002#", KeyOutput::Number(Feature::Blind, "1002".to_owned())),
            ("*700#", KeyOutput::Number(Feature::Blind, "*700".to_owned())),
            ("10*", KeyOutput::GaveUp(Feature::Blind)),
            ("#", KeyOutput::GaveUp(Feature::Blind)),
        ] {
            let (mut pad, _, now) = pressed("##");
            pad.collect(Feature::Blind, now);
            keys.chars().for_each(|key| pad.press(key, &InCall::default(), now));
            assert_eq!(all(&mut pad), [expected], "{keys}");
            assert!(!pad.collects(), "{keys}");
        }
        let (mut pad, _, now) = pressed("*2");
        pad.collect(Feature::Attended, now);
        pad.press('1', &InCall::default(), now);
        pad.handle_timeout(now + NEXT);
        assert_eq!(all(&mut pad), [KeyOutput::Number(Feature::Attended, "1".to_owned())]);
        pad.collect(Feature::Attended, now);
        pad.handle_timeout(now + FIRST);
        assert_eq!(all(&mut pad), [KeyOutput::GaveUp(Feature::Attended)]);
    }

    #[test]
    fn a_code_that_is_off_is_no_code() {
        let codes = InCall { record: String::new(), ..InCall::default() };
        let (mut pad, now) = (Keypad::default(), Instant::now());
        "*1".chars().for_each(|key| pad.press(key, &codes, now));
        assert_eq!(all(&mut pad), [KeyOutput::Pass('*'), KeyOutput::Pass('1')]);
    }
}
