//! Apps of one step: an announcement, the echo, the parking place, the conference.

use std::time::{Duration, Instant};

use super::{AppInput, AppOutput, MusicChoice, Next, Outputs, Prompt};
use crate::{cause::Cause, routing::Destination};

/// How long a call stays parked before whoever parked it is called back.
pub const PARKED_FOR: Duration = Duration::from_secs(120);
/// The longest echo.
const ECHO: Duration = Duration::from_secs(300);

/// Says something and goes on.
#[derive(Debug)]
pub struct Announce {
    prompts: Vec<Prompt>,
    then: Option<Next>,
    pub(super) deadline: Option<Instant>,
    pub(super) outputs: Outputs,
}

impl Announce {
    pub fn new(prompts: Vec<Prompt>, then: Next) -> Self {
        Self { prompts, then: Some(then), deadline: None, outputs: Outputs::default() }
    }

    pub(super) fn handle(&mut self, input: AppInput, _now: Instant) {
        match input {
            AppInput::Started => self.outputs.play(std::mem::take(&mut self.prompts)),
            AppInput::PlayFinished => {
                if let Some(then) = self.then.take() {
                    self.outputs.leave(then);
                }
            }
            AppInput::CallerLeft => self.outputs.hush(),
            _ => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, _now: Instant) {}
}

/// Lets the caller hear the own voice until `#`, `*` or five minutes end it.
#[derive(Debug, Default)]
pub struct Echo {
    pub(super) deadline: Option<Instant>,
    pub(super) outputs: Outputs,
}

impl Echo {
    pub(super) fn handle(&mut self, input: AppInput, now: Instant) {
        match input {
            AppInput::Started => {
                self.deadline = now.checked_add(ECHO);
                self.outputs.play(vec![Prompt::Word("echo")]);
            }
            AppInput::PlayFinished => self.outputs.say(AppOutput::Echo),
            AppInput::Digit('#' | '*') => self.handle_timeout(now),
            AppInput::CallerLeft => self.outputs.hush(),
            _ => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, _now: Instant) {
        self.deadline = None;
        self.outputs.leave(Next::Hangup(Cause::NormalClearing));
    }
}

/// A caller who waits in a parking place for somebody to dial its number.
#[derive(Debug)]
pub struct Park {
    slot: u16,
    /// Said to the caller first: the one who parks by calling in hears the place's number.
    is_told: bool,
    /// Who is called back when nobody came.
    parker: Option<String>,
    stays: Duration,
    pub(super) deadline: Option<Instant>,
    pub(super) outputs: Outputs,
}

impl Park {
    pub fn new(slot: u16, is_told: bool, parker: Option<String>, stays: Duration) -> Self {
        Self { slot, is_told, parker, stays, deadline: None, outputs: Outputs::default() }
    }

    pub const fn slot(&self) -> u16 {
        self.slot
    }

    pub(super) fn handle(&mut self, input: AppInput, now: Instant) {
        match input {
            AppInput::Started => {
                self.deadline = now.checked_add(self.stays);
                if self.is_told {
                    self.outputs.play(vec![Prompt::Word("parked-at"), Prompt::Digits(self.slot.to_string())]);
                } else {
                    self.outputs.say(AppOutput::Music(MusicChoice::Account));
                }
            }
            AppInput::PlayFinished => self.outputs.say(AppOutput::Music(MusicChoice::Account)),
            AppInput::CallerLeft => {
                self.deadline = None;
                self.outputs.hush();
            }
            _ => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, _now: Instant) {
        self.deadline = None;
        self.outputs.leave(match self.parker.take() {
            Some(extension) => Next::To(Destination::Extension(extension)),
            None => Next::Hangup(Cause::NoAnswer),
        });
    }
}

/// The way into a conference: its number is said, then the caller is in the room until he hangs up.
#[derive(Debug)]
pub struct Conference {
    room: String,
    pub(super) deadline: Option<Instant>,
    pub(super) outputs: Outputs,
}

impl Conference {
    pub fn new(room: impl Into<String>) -> Self {
        Self { room: room.into(), deadline: None, outputs: Outputs::default() }
    }

    pub fn room(&self) -> &str {
        &self.room
    }

    pub(super) fn handle(&mut self, input: AppInput, _now: Instant) {
        match input {
            AppInput::Started => {
                self.outputs.play(vec![Prompt::Word("conference"), Prompt::Digits(self.room.clone())]);
            }
            AppInput::PlayFinished => self.outputs.say(AppOutput::EnterRoom),
            AppInput::CallerLeft => self.outputs.hush(),
            _ => {}
        }
    }

    pub(super) fn handle_timeout(&mut self, _now: Instant) {}
}
