//! The greeting and the PIN of a mailbox.

use std::time::{Duration, Instant};

use super::{PIN, Reading, State, VoicemailMain};
use crate::app::{AppFact, AppOutput, Prompt, Question, Recording};

/// The longest greeting.
const GREETING: Duration = Duration::from_secs(60);
/// Silence that ends a greeting.
const SILENCE: Duration = Duration::from_secs(4);
/// A shorter one is no greeting.
const SHORTEST: u64 = 1_000;

impl VoicemailMain {
    pub(super) fn new_pin(&mut self, reading: Reading, digits: String) {
        let good = PIN.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        match reading {
            Reading::NewPinAgain(first) if first == digits => {
                self.state = State::SettingPin;
                let extension = self.own();
                self.outputs.say(AppOutput::Ask(Question::SetPin { extension, pin: digits }));
            }
            Reading::NewPinAgain(_) => self.read(Reading::NewPin, "pins-differ"),
            _ if good => self.read(Reading::NewPinAgain(digits), "pin-again"),
            _ => self.read(Reading::NewPin, "pin-length"),
        }
    }

    pub(super) fn greeting_beep(&mut self, word: &'static str) {
        self.state = State::GreetingBeep;
        self.deadline = None;
        self.outputs.play(vec![Prompt::Word(word), Prompt::Word("beep")]);
    }

    pub(super) fn greeting_record(&mut self, now: Instant) {
        self.state = State::GreetingRecording { since: now };
        let what = Recording::Greeting(self.own());
        self.outputs.say(AppOutput::Record { what, longest: GREETING, silence: SILENCE });
    }

    pub(super) fn greeting_recorded(&mut self, millis: u64) {
        if !matches!(self.state, State::GreetingRecording { .. }) {
            return;
        }
        if millis < SHORTEST {
            self.outputs.say(AppOutput::Keep(AppFact::Discarded));
            return self.main(vec![Prompt::Word("invalid")]);
        }
        self.state = State::GreetingReview { millis };
        self.outputs.play(vec![Prompt::LastRecording, Prompt::Word("review")]);
    }

    pub(super) fn greeting_reviewed(&mut self, digit: char, millis: u64) {
        self.deadline = None;
        match digit {
            '1' | '#' => {
                self.outputs.say(AppOutput::Keep(AppFact::GreetingLeft { extension: self.own(), millis }));
                self.main(vec![Prompt::Word("greeting-saved")]);
            }
            '2' => self.outputs.play(vec![Prompt::LastRecording, Prompt::Word("review")]),
            '3' => {
                self.outputs.say(AppOutput::Keep(AppFact::Discarded));
                self.greeting_beep("greeting-after-beep");
            }
            '*' => {
                self.outputs.say(AppOutput::Keep(AppFact::Discarded));
                self.main(Vec::new());
            }
            _ => self.outputs.play(vec![Prompt::Word("review")]),
        }
    }

    /// A greeting that was not confirmed is none.
    pub(super) fn greeting_abandoned(&mut self) {
        if matches!(self.state, State::GreetingRecording { .. } | State::GreetingReview { .. }) {
            self.outputs.say(AppOutput::Keep(AppFact::Discarded));
        }
    }
}
