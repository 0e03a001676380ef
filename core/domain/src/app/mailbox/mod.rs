//! The owner of a mailbox hears messages and changes its PIN and greeting.
//!
//! ```text
//!   [which mailbox] ──▶ [PIN] ──▶ Main ──1──▶ Message ⟲ 1 again, 2 keep, 3 delete, # next, * back
//!                                  │ 2 ──▶ greeting: beep, record, review
//!                                  │ 3 ──▶ PIN: twice
//!                                  └ *, or nothing three times ──▶ Goodbye
//! ```

mod messages;
mod settings;

use std::time::{Duration, Instant};

use super::{AppInput, AppOutput, Card, Next, Opened, Outputs, Prompt, Question};
use crate::cause::Cause;

/// How long a key is waited for.
const WAIT: Duration = Duration::from_secs(6);
/// Wrong PINs in one call.
const ATTEMPTS: u8 = 3;
/// How often the choices are said to whoever presses nothing.
const REPEATS: u8 = 3;
/// The digits of a PIN.
pub(super) const PIN: std::ops::RangeInclusive<usize> = 4..=10;
/// The longest number that may be put in; more digits are passed over.
const LONGEST_INPUT: usize = 10;

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// Digits up to `#`.
    Reading(Reading, String),
    Opening,
    Main,
    Message {
        at: usize,
    },
    SettingPin,
    GreetingBeep,
    GreetingRecording {
        since: Instant,
    },
    GreetingReview {
        millis: u64,
    },
    Goodbye,
    Over,
}

/// What digits are being put in for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reading {
    Mailbox,
    Pin,
    NewPin,
    NewPinAgain(String),
}

/// A caller at a mailbox.
#[derive(Debug)]
pub struct VoicemailMain {
    /// The mailbox; asked for if the caller has none.
    extension: Option<String>,
    state: State,
    cards: Vec<Card>,
    attempts: u8,
    silent: u8,
    pub(super) deadline: Option<Instant>,
    pub(super) outputs: Outputs,
}

impl VoicemailMain {
    /// `extension` is the caller's own, if it has a mailbox.
    pub fn new(extension: Option<String>) -> Self {
        Self {
            extension,
            state: State::Idle,
            cards: Vec::new(),
            attempts: 0,
            silent: 0,
            deadline: None,
            outputs: Outputs::default(),
        }
    }

    pub(super) fn handle(&mut self, input: AppInput, now: Instant) {
        match input {
            AppInput::Started if self.state == State::Idle => match self.extension.is_some() {
                true => self.open(None),
                false => self.read(Reading::Mailbox, "which-mailbox"),
            },
            AppInput::Digit(digit) => {
                self.silent = 0;
                self.digit(digit, now);
            }
            AppInput::PlayFinished => self.play_finished(now),
            AppInput::Opened(opened) if self.state == State::Opening => self.opened(opened),
            AppInput::PinSet(taken) if self.state == State::SettingPin => {
                self.main(vec![Prompt::Word(if taken { "pin-changed" } else { "invalid" })]);
            }
            AppInput::Recorded { millis } => self.greeting_recorded(millis),
            AppInput::CallerLeft => {
                self.greeting_abandoned();
                self.state = State::Over;
                self.deadline = None;
                self.outputs.hush();
            }
            _ => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.deadline = None;
        self.silent += 1;
        if self.silent >= REPEATS {
            self.greeting_abandoned();
            return self.goodbye("goodbye");
        }
        match self.state.clone() {
            State::Reading(reading, digits) if !digits.is_empty() => self.read_all(reading, digits),
            State::Reading(Reading::Mailbox, _) => self.read(Reading::Mailbox, "which-mailbox"),
            State::Reading(Reading::Pin, _) => self.read(Reading::Pin, "enter-pin"),
            State::Reading(..) | State::Main => self.main(Vec::new()),
            State::Message { at } => self.next_message(at),
            State::GreetingReview { millis } => self.greeting_reviewed('1', millis),
            _ => self.deadline = now.checked_add(WAIT),
        }
    }

    fn digit(&mut self, digit: char, now: Instant) {
        match self.state.clone() {
            State::Reading(reading, mut digits) => match digit {
                '#' => self.read_all(reading, digits),
                '*' if digits.is_empty() && matches!(reading, Reading::Mailbox | Reading::Pin) => {
                    self.goodbye("goodbye");
                }
                '*' if digits.is_empty() => self.main(Vec::new()),
                // Begins anew.
                '*' => self.state = State::Reading(reading, String::new()),
                _ => {
                    if digits.is_empty() {
                        self.outputs.say(AppOutput::StopPlaying);
                    }
                    if digits.len() < LONGEST_INPUT {
                        digits.push(digit);
                    }
                    self.deadline = now.checked_add(WAIT);
                    self.state = State::Reading(reading, digits);
                }
            },
            State::Main => match digit {
                '1' => self.message(0),
                '2' => self.greeting_beep("greeting-after-beep"),
                '3' => self.read(Reading::NewPin, "new-pin"),
                '*' | '#' => self.goodbye("goodbye"),
                _ => self.main(vec![Prompt::Word("invalid")]),
            },
            State::Message { at } => self.message_key(at, digit),
            State::GreetingRecording { .. } if digit == '#' => self.outputs.say(AppOutput::StopRecording),
            State::GreetingReview { millis } => self.greeting_reviewed(digit, millis),
            _ => {}
        }
    }

    fn play_finished(&mut self, now: Instant) {
        match self.state {
            State::Reading(..) | State::Main | State::Message { .. } | State::GreetingReview { .. } => {
                self.deadline = now.checked_add(WAIT);
            }
            State::GreetingBeep => self.greeting_record(now),
            State::Goodbye => {
                self.state = State::Over;
                self.outputs.leave(Next::Hangup(Cause::NormalClearing));
            }
            _ => {}
        }
    }

    fn read(&mut self, reading: Reading, word: &'static str) {
        self.state = State::Reading(reading, String::new());
        self.deadline = None;
        self.outputs.play(vec![Prompt::Word(word)]);
    }

    fn read_all(&mut self, reading: Reading, digits: String) {
        self.deadline = None;
        match reading {
            Reading::Mailbox if digits.is_empty() => self.read(Reading::Mailbox, "which-mailbox"),
            Reading::Mailbox => {
                self.extension = Some(digits);
                // Whether that mailbox exists is not said before the PIN.
                self.read(Reading::Pin, "enter-pin");
            }
            Reading::Pin => self.open(Some(digits)),
            Reading::NewPin | Reading::NewPinAgain(_) => self.new_pin(reading, digits),
        }
    }

    fn open(&mut self, pin: Option<String>) {
        self.state = State::Opening;
        let extension = self.own();
        self.outputs.say(AppOutput::Ask(Question::Open { extension, pin }));
    }

    fn opened(&mut self, opened: Opened) {
        match opened {
            Opened::Messages(cards) => {
                self.cards = cards;
                let counts = self.counts();
                self.main(counts);
            }
            Opened::PinWanted => self.read(Reading::Pin, "enter-pin"),
            Opened::WrongPin => {
                self.attempts += 1;
                match self.attempts < ATTEMPTS {
                    true => self.read(Reading::Pin, "wrong-pin"),
                    false => self.goodbye("goodbye"),
                }
            }
            Opened::Refused => self.goodbye("goodbye"),
        }
    }

    /// Says what is in the mailbox and what may be done.
    fn main(&mut self, first: Vec<Prompt>) {
        self.state = State::Main;
        self.deadline = None;
        let mut said = first;
        said.push(Prompt::Word("mailbox-menu"));
        self.outputs.play(said);
    }

    fn goodbye(&mut self, word: &'static str) {
        self.state = State::Goodbye;
        self.deadline = None;
        self.outputs.play(vec![Prompt::Word(word)]);
    }

    fn own(&self) -> String {
        self.extension.clone().unwrap_or_default()
    }
}
