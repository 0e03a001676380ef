//! Apps on a clock that the test moves.

mod mailbox;
mod menu;
mod simple;
mod voicemail;

use std::time::{Duration, Instant};

use super::*;

/// An app and a virtual clock.
struct Table {
    app: App,
    start: Instant,
    now: Instant,
}

impl Table {
    #[expect(clippy::disallowed_methods, reason = "any instant will do to begin with")]
    fn new(app: App) -> Self {
        let start = Instant::now();
        Self { app, start, now: start }
    }

    /// Says what happened and returns what the app answers.
    fn on(&mut self, input: AppInput) -> Vec<AppOutput> {
        self.app.handle(input, self.now);
        self.said()
    }

    fn key(&mut self, digit: char) -> Vec<AppOutput> {
        self.on(AppInput::Digit(digit))
    }

    /// Presses several keys and returns the answer to the last.
    fn keys(&mut self, digits: &str) -> Vec<AppOutput> {
        digits.chars().map(|digit| self.key(digit)).last().unwrap_or_default()
    }

    fn said(&mut self) -> Vec<AppOutput> {
        std::iter::from_fn(|| self.app.poll()).collect()
    }

    /// Lets time pass.
    fn wait(&mut self, seconds: f64) -> Vec<AppOutput> {
        self.now += Duration::from_secs_f64(seconds);
        self.app.handle_timeout(self.now);
        self.said()
    }

    fn seconds(&self) -> Option<f64> {
        self.app.next_timeout().map(|at| at.saturating_duration_since(self.start).as_secs_f64())
    }
}

fn word(name: &'static str) -> Prompt {
    Prompt::Word(name)
}

fn play(prompts: impl IntoIterator<Item = Prompt>) -> AppOutput {
    AppOutput::Play(prompts.into_iter().collect())
}

const BYE: AppOutput = AppOutput::Leave(Next::Hangup(Cause::NormalClearing));
