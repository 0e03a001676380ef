//! A menu: a greeting, keys that lead somewhere, and what happens to whoever presses none.
//!
//! ```text
//!   Greeting ──finished──▶ Waiting ──nothing──▶ said again, or otherwise
//!      │ key                  │ key
//!      └──────────┬───────────┘
//!                 ▼
//!   leads somewhere: Leave · begins a number: Collecting ──▶ Asking ──▶ Leave · unknown: Scolding ──▶ Greeting
//! ```

use std::time::{Duration, Instant};

use super::{AppInput, AppOutput, Next, Outputs, Prompt, Question};
use crate::{cause::Cause, routing::Destination};

/// What a key does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    To(Destination),
    /// The greeting again; it does not count as a mistake.
    Again,
    Hangup,
}

/// What a menu consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuPlan {
    pub greeting: Vec<Prompt>,
    /// Said when a key means nothing; a built-in sentence if empty.
    pub invalid: Vec<Prompt>,
    pub keys: Vec<(char, Choice)>,
    /// How many digits the numbers have that callers may dial here; none may be dialled if `None`.
    pub dials: Option<usize>,
    /// How long a key is waited for after the greeting.
    pub wait: Duration,
    /// How long the next digit of a number is waited for.
    pub between: Duration,
    /// How often the greeting is said again to whoever presses nothing or a wrong key.
    pub repeats: u8,
    /// Where whoever chose nothing goes then.
    pub otherwise: Next,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Greeting,
    Waiting,
    Collecting(String),
    Asking(String),
    Scolding,
    Over,
}

/// A caller in a menu.
#[derive(Debug)]
pub struct Menu {
    plan: MenuPlan,
    state: State,
    /// How often nothing or something wrong was pressed.
    mistakes: u8,
    pub(super) deadline: Option<Instant>,
    pub(super) outputs: Outputs,
}

impl Menu {
    pub fn new(plan: MenuPlan) -> Self {
        Self { plan, state: State::Idle, mistakes: 0, deadline: None, outputs: Outputs::default() }
    }

    pub(super) fn handle(&mut self, input: AppInput, now: Instant) {
        match (input, &self.state) {
            (AppInput::Started, State::Idle) => self.greet(now),
            (AppInput::Digit(digit), State::Greeting | State::Waiting | State::Scolding) => {
                self.outputs.say(AppOutput::StopPlaying);
                self.pressed(String::new(), digit, now);
            }
            (AppInput::Digit(digit), State::Collecting(so_far)) => self.pressed(so_far.clone(), digit, now),
            (AppInput::PlayFinished, State::Greeting) => {
                self.state = State::Waiting;
                self.deadline = now.checked_add(self.plan.wait);
            }
            (AppInput::PlayFinished, State::Scolding) => self.again(now),
            (AppInput::Found(found), State::Asking(_)) => match found {
                Some(destination) => self.leave(Next::Chosen(destination)),
                None => self.scold(now),
            },
            (AppInput::CallerLeft, _) => {
                self.state = State::Over;
                self.deadline = None;
                self.outputs.hush();
            }
            _ => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.deadline = None;
        match std::mem::replace(&mut self.state, State::Over) {
            State::Collecting(so_far) => self.complete(so_far, now),
            State::Waiting => self.again(now),
            other => self.state = other,
        }
    }

    fn greet(&mut self, now: Instant) {
        if self.plan.greeting.is_empty() {
            // A menu without words waits for keys all the same.
            self.state = State::Waiting;
            self.deadline = now.checked_add(self.plan.wait);
            return;
        }
        self.state = State::Greeting;
        self.deadline = None;
        self.outputs.play(self.plan.greeting.clone());
    }

    /// Says the greeting once more, unless it was said often enough.
    fn again(&mut self, now: Instant) {
        self.mistakes = self.mistakes.saturating_add(1);
        if self.mistakes > self.plan.repeats {
            return self.leave(self.plan.otherwise.clone());
        }
        self.greet(now);
    }

    fn pressed(&mut self, mut so_far: String, digit: char, now: Instant) {
        let dials = self.plan.dials.unwrap_or(0);
        if digit == '#' && !so_far.is_empty() {
            return self.complete(so_far, now);
        }
        so_far.push(digit);
        let begins_number = so_far.bytes().all(|byte| byte.is_ascii_digit());
        if begins_number && so_far.len() < dials {
            self.deadline = now.checked_add(self.plan.between);
            self.state = State::Collecting(so_far);
            return;
        }
        self.complete(so_far, now);
    }

    /// Does what was pressed: one key, or a number.
    fn complete(&mut self, pressed: String, now: Instant) {
        self.deadline = None;
        let mut keys = pressed.chars();
        if let (Some(key), None) = (keys.next(), keys.next()) {
            let choice = self.plan.keys.iter().find(|(known, _)| *known == key).map(|(_, choice)| choice.clone());
            return match choice {
                Some(Choice::To(destination)) => self.leave(Next::Chosen(destination)),
                Some(Choice::Again) => self.greet(now),
                Some(Choice::Hangup) => self.leave(Next::Hangup(Cause::NormalClearing)),
                None => self.scold(now),
            };
        }
        if self.plan.dials.is_some() && pressed.bytes().all(|byte| byte.is_ascii_digit()) {
            self.outputs.say(AppOutput::Ask(Question::Number(pressed.clone())));
            self.state = State::Asking(pressed);
        } else {
            self.scold(now);
        }
    }

    fn scold(&mut self, now: Instant) {
        if self.mistakes >= self.plan.repeats {
            // The last mistake: no use to ask for another key.
            return self.again(now);
        }
        self.state = State::Scolding;
        let said = if self.plan.invalid.is_empty() { vec![Prompt::Word("invalid")] } else { self.plan.invalid.clone() };
        self.outputs.play(said);
    }

    fn leave(&mut self, next: Next) {
        self.state = State::Over;
        self.deadline = None;
        self.outputs.leave(next);
    }
}
