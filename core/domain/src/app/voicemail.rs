//! Leaving a message.
//!
//! ```text
//!   Greeting ──finished or #──▶ Beep ──▶ Recording ──silence, #, full──▶ [Review ──1──▶] kept ──▶ Goodbye
//!                                            ▲                              │ 3
//!                                            └──────────────────────────────┘
//! ```

use std::time::{Duration, Instant};

use super::{AppFact, AppInput, AppOutput, Next, Outputs, Prompt, Recording};
use crate::cause::Cause;

/// What is shorter is no message: somebody breathed and hung up.
const SHORTEST: Duration = Duration::from_secs(1);
/// How long a key is waited for in the review; whoever says nothing has said yes.
const REVIEW: Duration = Duration::from_secs(5);
/// Messages spoken anew in one call.
const ATTEMPTS: u8 = 5;

/// How a mailbox takes messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoicemailPlan {
    pub extension: String,
    /// Said before the beep; the built-in sentence with the extension's number if empty.
    pub greeting: Vec<Prompt>,
    /// Whether it has room; without it the caller is told so.
    pub has_room: bool,
    pub longest: Duration,
    /// Silence that ends the message.
    pub silence: Duration,
    /// Whether the caller may hear the message and speak it anew.
    pub review: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Greeting,
    Beep,
    Recording { since: Instant },
    Review { millis: u64 },
    Goodbye,
    Over,
}

/// A caller who leaves a message.
#[derive(Debug)]
pub struct Voicemail {
    plan: VoicemailPlan,
    state: State,
    attempts: u8,
    pub(super) deadline: Option<Instant>,
    pub(super) outputs: Outputs,
}

impl Voicemail {
    pub fn new(plan: VoicemailPlan) -> Self {
        Self { plan, state: State::Idle, attempts: 0, deadline: None, outputs: Outputs::default() }
    }

    pub fn extension(&self) -> &str {
        &self.plan.extension
    }

    pub(super) fn handle(&mut self, input: AppInput, now: Instant) {
        match (input, self.state) {
            (AppInput::Started, State::Idle) if !self.plan.has_room => self.goodbye("mailbox-full"),
            (AppInput::Started, State::Idle) => {
                self.state = State::Greeting;
                let greeting = std::mem::take(&mut self.plan.greeting);
                self.outputs.play(if greeting.is_empty() { self.usual_greeting() } else { greeting });
            }
            (AppInput::PlayFinished, State::Greeting) | (AppInput::Digit('#'), State::Greeting) => self.beep(),
            (AppInput::PlayFinished, State::Beep) => self.record(now),
            (AppInput::Digit('#'), State::Recording { .. }) => self.outputs.say(AppOutput::StopRecording),
            (AppInput::Recorded { millis }, State::Recording { .. }) => self.recorded(millis),
            (AppInput::PlayFinished, State::Review { .. }) => self.deadline = now.checked_add(REVIEW),
            (AppInput::Digit(digit), State::Review { millis }) => self.reviewed(digit, millis),
            (AppInput::PlayFinished, State::Goodbye) => self.leave(),
            (AppInput::CallerLeft, state) => self.caller_left(state, now),
            _ => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, _now: Instant) {
        self.deadline = None;
        if let State::Review { millis } = self.state {
            self.keep(millis);
        }
    }

    fn usual_greeting(&self) -> Vec<Prompt> {
        let extension = Prompt::Digits(self.plan.extension.clone());
        vec![Prompt::Word("extension"), extension, Prompt::Word("not-available")]
    }

    fn beep(&mut self) {
        self.state = State::Beep;
        self.outputs.play(vec![Prompt::Word("beep")]);
    }

    fn record(&mut self, now: Instant) {
        self.attempts += 1;
        self.state = State::Recording { since: now };
        self.outputs.say(AppOutput::Record {
            what: Recording::Message(self.plan.extension.clone()),
            longest: self.plan.longest,
            silence: self.plan.silence,
        });
    }

    fn recorded(&mut self, millis: u64) {
        if is_short(millis) {
            self.outputs.say(AppOutput::Keep(AppFact::Discarded));
            self.goodbye("goodbye");
        } else if self.plan.review && self.attempts < ATTEMPTS {
            self.state = State::Review { millis };
            self.outputs.play(vec![Prompt::Word("review")]);
        } else {
            self.keep(millis);
        }
    }

    fn reviewed(&mut self, digit: char, millis: u64) {
        self.deadline = None;
        match digit {
            '1' | '#' => self.keep(millis),
            '2' => self.outputs.play(vec![Prompt::LastRecording, Prompt::Word("review")]),
            '3' => {
                self.outputs.say(AppOutput::Keep(AppFact::Discarded));
                self.beep();
            }
            _ => self.outputs.play(vec![Prompt::Word("review")]),
        }
    }

    fn keep(&mut self, millis: u64) {
        self.outputs.say(AppOutput::Keep(AppFact::MessageLeft { extension: self.plan.extension.clone(), millis }));
        self.goodbye("message-saved");
    }

    fn goodbye(&mut self, word: &'static str) {
        self.state = State::Goodbye;
        self.deadline = None;
        self.outputs.play(vec![Prompt::Word(word)]);
    }

    /// Hanging up is how most people end a message.
    fn caller_left(&mut self, state: State, now: Instant) {
        let spoken = match state {
            State::Recording { since } => Some(millis(now.saturating_duration_since(since))),
            State::Review { millis } => Some(millis),
            _ => None,
        };
        if let Some(millis) = spoken {
            let extension = self.plan.extension.clone();
            self.outputs.say(AppOutput::Keep(match is_short(millis) {
                true => AppFact::Discarded,
                false => AppFact::MessageLeft { extension, millis },
            }));
        }
        self.state = State::Over;
        self.deadline = None;
        self.outputs.hush();
    }

    fn leave(&mut self) {
        self.state = State::Over;
        self.outputs.leave(Next::Hangup(Cause::NormalClearing));
    }
}

fn is_short(millis: u64) -> bool {
    Duration::from_millis(millis) < SHORTEST
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
