//! What a caller hears when nobody has answered: menus, voicemail, announcements, parking.
//!
//! ```text
//!               Started, Digit, PlayFinished, Recorded, answers
//!   driver ──────────────────────────────────────────────────────▶ App
//!          ◀──────────────────────────────────────────────────────
//!            Play, Music, StopPlaying, Record, Ask, Keep, Leave
//! ```
//!
//! Each app is a machine of the usual shape; it knows neither sound nor disk. `Leave` is said once and last, unless the
//! caller hangs up first: then the driver says [`AppInput::CallerLeft`] and still takes what is to be kept.

mod mailbox;
mod menu;
mod numbers;
mod simple;
mod voicemail;
mod words;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

pub use mailbox::VoicemailMain;
pub use menu::{Choice, Menu, MenuPlan};
pub use numbers::{digits, number};
pub use simple::{Announce, Conference, Echo, PARKED_FOR, Park};
pub use voicemail::{Voicemail, VoicemailPlan};
pub use words::{Word, word, words};

use crate::{cause::Cause, routing::Destination};

/// The language that an account's callers are spoken to in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    #[default]
    En,
    Vi,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::En, Self::Vi];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Vi => "vi",
        }
    }

    /// Returns the language of that ISO 639-1 code, if it is spoken here.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.as_str() == code)
    }
}

/// One piece of what is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// A prompt of the account, by its id.
    Stored(i64),
    /// A built-in word or sentence, by its name in [`words`].
    Word(&'static str),
    /// A number, said as a whole.
    Number(u32),
    /// Digits, said one by one.
    Digits(String),
    /// A pause in milliseconds.
    Silence(u32),
    /// The greeting that the owner of this extension's mailbox recorded; nothing if there is none.
    Greeting(String),
    /// What was recorded last in this call and is not kept yet.
    LastRecording,
    /// A message of a mailbox, by its id.
    Message(i64),
}

/// Which music a waiting caller hears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MusicChoice {
    /// The account's own, else the built-in one.
    #[default]
    Account,
    /// A prompt of the account, from its beginning again and again.
    Stored(i64),
}

/// Where a call goes when an app is done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The app decided: a time-out, a fallback. Counts as a hop.
    To(Destination),
    /// The caller pressed keys for it: hops are counted anew.
    Chosen(Destination),
    Hangup(Cause),
}

/// What happened to a caller who is with an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppInput {
    /// The caller is answered and can hear; said once and first.
    Started,
    Digit(char),
    /// Everything of the last `Play` was sent.
    PlayFinished,
    /// The recording stopped: by silence, by its longest time or because it was told to.
    Recorded {
        millis: u64,
    },
    /// The caller hung up, or somebody else took the call; what is to be kept is said now.
    CallerLeft,
    /// To [`Question::Number`]: where that number leads, if a caller may be sent there.
    Found(Option<Destination>),
    /// To [`Question::Open`].
    Opened(Opened),
    /// To [`Question::SetPin`]: whether it was taken.
    PinSet(bool),
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppOutput {
    /// Say this in place of whatever is heard now.
    Play(Vec<Prompt>),
    /// Music until something else is said.
    Music(MusicChoice),
    /// Fall silent; nothing is reported as finished.
    StopPlaying,
    /// Let the caller hear the own voice.
    Echo,
    /// Let the caller hear whoever is in the conference room, and be heard there; music while nobody else is.
    EnterRoom,
    /// Record what the caller says, from now on.
    Record {
        what: Recording,
        longest: Duration,
        silence: Duration,
    },
    /// Ends the recording, which is then reported.
    StopRecording,
    /// Answer with the matching input.
    Ask(Question),
    /// Write it down; nobody waits for it.
    Keep(AppFact),
    Leave(Next),
}

/// What a recording is going to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recording {
    /// A message in the mailbox of this extension.
    Message(String),
    /// The greeting of the mailbox of this extension.
    Greeting(String),
}

/// What an app has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Where a caller may be sent who dials this number. Never outside.
    Number(String),
    /// Opens the mailbox of this extension; no PIN is given if the caller calls from the extension itself and was not
    /// asked yet.
    Open { extension: String, pin: Option<String> },
    /// Gives a mailbox that was opened another PIN.
    SetPin { extension: String, pin: String },
}

/// What became of opening a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Its messages, new ones first, then by age.
    Messages(Vec<Card>),
    PinWanted,
    WrongPin,
    /// Too many wrong PINs, or no such mailbox.
    Refused,
}

/// A message as its owner is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub id: i64,
    pub is_new: bool,
    /// Who left it; empty if withheld.
    pub caller: String,
}

/// What happened that is worth a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppFact {
    /// The last recording is a message now.
    MessageLeft {
        extension: String,
        millis: u64,
    },
    /// The last recording is a greeting now.
    GreetingLeft {
        extension: String,
        millis: u64,
    },
    /// The last recording is worth nothing: too short, or spoken again.
    Discarded,
    /// A message was listened to.
    Heard {
        extension: String,
        message: i64,
    },
    Deleted {
        extension: String,
        message: i64,
    },
}

/// One app and the caller in it.
#[derive(Debug)]
pub enum App {
    Menu(Menu),
    Voicemail(Voicemail),
    VoicemailMain(VoicemailMain),
    Announce(Announce),
    Echo(Echo),
    Park(Park),
    Conference(Conference),
}

/// Does the same with whichever app it is.
// A macro: seven arms for each of four methods say nothing.
macro_rules! each {
    ($app:expr, $inner:ident => $do:expr) => {
        match $app {
            App::Menu($inner) => $do,
            App::Voicemail($inner) => $do,
            App::VoicemailMain($inner) => $do,
            App::Announce($inner) => $do,
            App::Echo($inner) => $do,
            App::Park($inner) => $do,
            App::Conference($inner) => $do,
        }
    };
}

impl App {
    /// Takes what happened. What does not fit, such as an answer that nobody waits for any more, changes nothing.
    pub fn handle(&mut self, input: AppInput, now: Instant) {
        each!(self, app => app.handle(input, now));
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.next_timeout().is_some_and(|deadline| now >= deadline) {
            each!(self, app => app.handle_timeout(now));
        }
    }

    pub fn poll(&mut self) -> Option<AppOutput> {
        each!(self, app => app.outputs.poll())
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        each!(self, app => app.deadline)
    }

    /// Returns the word for it in the list of live calls.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Menu(_) => "menu",
            Self::Voicemail(_) => "voicemail",
            Self::VoicemailMain(_) => "voicemail_main",
            Self::Announce(_) => "announcement",
            Self::Echo(_) => "echo",
            Self::Park(_) => "parked",
            Self::Conference(_) => "conference",
        }
    }

    /// Says whether the caller waits here for somebody, and may be taken out by another call.
    pub const fn waits(&self) -> bool {
        matches!(self, Self::Park(_))
    }
}

/// What an app has to say; nothing more after it left.
#[derive(Debug, Default)]
struct Outputs {
    queue: VecDeque<AppOutput>,
    over: bool,
}

impl Outputs {
    fn say(&mut self, output: AppOutput) {
        if !self.over {
            self.queue.push_back(output);
        }
    }

    fn play(&mut self, prompts: Vec<Prompt>) {
        self.say(AppOutput::Play(prompts));
    }

    fn leave(&mut self, next: Next) {
        self.say(AppOutput::Leave(next));
        self.over = true;
    }

    /// The caller is gone: what was to be heard is not said, what is to be kept is.
    fn hush(&mut self) {
        self.queue.retain(|output| matches!(output, AppOutput::Keep(_)));
        self.over = true;
    }

    fn poll(&mut self) -> Option<AppOutput> {
        self.queue.pop_front()
    }
}
