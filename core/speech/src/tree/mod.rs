//! Keys that a callee may press, as checked data, and the machine that walks through them.

mod machine;
mod scripts;
#[cfg(test)]
mod tests;

pub use machine::{BargeIn, Ending, Input, Output, PlayId, Settings, Sound, Walk};
pub use scripts::{MOST_CHAIN, SwitchFault, check_switches};

use std::fmt;

use thiserror::Error;

/// Keys of one script.
pub const MOST_BRANCHES: usize = 12;
/// Characters of a label.
pub const MOST_LABEL: usize = 255;
/// Characters of a path or of a queue's name.
pub const MOST_TARGET: usize = 255;
/// Replays for callees who press nothing.
pub const REPEATS: std::ops::RangeInclusive<u8> = 1..=5;

/// A script by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScriptId(pub i64);

/// A key of a telephone that scripts may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(char);

impl Key {
    /// Returns the key if it is one of `0` to `9`, `*` and `#`.
    pub const fn new(key: char) -> Option<Self> {
        if matches!(key, '0'..='9' | '*' | '#') { Some(Self(key)) } else { None }
    }

    /// Reads a text of one key.
    pub fn parse(text: &str) -> Option<Self> {
        let mut chars = text.chars();
        chars.next().filter(|_| chars.next().is_none()).and_then(Self::new)
    }

    pub const fn as_char(self) -> char {
        self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a key does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Plays a media file, then waits for another key.
    Playback {
        audio: String,
    },
    PlaybackThenHangup {
        audio: String,
    },
    SwitchScript {
        script: ScriptId,
    },
    Queue {
        name: String,
    },
    RepeatScript,
    Hangup,
}

/// The names of the actions, in the order of the published list.
pub const ACTIONS: [&str; 6] =
    ["playback", "playback_then_hangup", "switch_script", "queue", "repeat_script", "hangup"];

impl Action {
    /// Returns the `action_type` of the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Playback { .. } => ACTIONS[0],
            Self::PlaybackThenHangup { .. } => ACTIONS[1],
            Self::SwitchScript { .. } => ACTIONS[2],
            Self::Queue { .. } => ACTIONS[3],
            Self::RepeatScript => ACTIONS[4],
            Self::Hangup => ACTIONS[5],
        }
    }
}

/// What one key of a script says and does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Branch {
    pub key: Key,
    pub label: String,
    pub action: Action,
}

/// A branch as it arrives, before anybody has looked at it. Targets that the action does not use are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    pub digit: String,
    pub label: String,
    pub action_type: String,
    pub target_audio_url: Option<String>,
    pub target_queue_name: Option<String>,
    pub target_script_id: Option<i64>,
}

/// What is wrong with a draft.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field} {fault}")]
pub struct Problem {
    /// Place in the list, from 0; `None` if the list itself or the number of repeats is wrong.
    pub at: Option<usize>,
    /// The name of the field in the API.
    pub field: &'static str,
    pub fault: Fault,
}

/// What can be wrong with keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("has more than {MOST_BRANCHES} keys")]
    TooMany,
    #[error("must be from 1 to 5")]
    Repeats,
    #[error("must be one of 0-9, * and #")]
    NoKey,
    #[error("is used twice")]
    Twice,
    #[error("must be playback, playback_then_hangup, switch_script, queue, repeat_script or hangup")]
    NoAction,
    #[error("is required by this action")]
    Missing,
    #[error("is too long")]
    TooLong,
    #[error("holds control characters")]
    Control,
    #[error("must be the path of a media file, such as /media/thank_you.wav")]
    NoPath,
    #[error("must be the number of a script")]
    NoScript,
}

/// The keys of one script, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    branches: Vec<Branch>,
    repeats: u8,
}

impl Tree {
    /// Checks the keys of a script, and how often it is said again to whoever presses nothing.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, at once.
    pub fn check(drafts: &[Draft], repeats: u8) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        if !REPEATS.contains(&repeats) {
            problems.push(Problem { at: None, field: "max_repeat_per_attempt", fault: Fault::Repeats });
        }
        if drafts.len() > MOST_BRANCHES {
            problems.push(Problem { at: None, field: "dtmf_actions", fault: Fault::TooMany });
            return Err(problems);
        }
        let mut branches: Vec<Branch> = Vec::new();
        let mut seen = Vec::new();
        for (at, draft) in drafts.iter().enumerate() {
            let mut refuse = |(field, fault)| problems.push(Problem { at: Some(at), field, fault });
            let key = Key::parse(draft.digit.trim());
            match key {
                None => refuse(("digit", Fault::NoKey)),
                Some(key) if seen.contains(&key) => refuse(("digit", Fault::Twice)),
                Some(key) => seen.push(key),
            }
            if let Err(fault) = text_of(&draft.label, MOST_LABEL) {
                refuse(("label", fault));
            }
            match action_of(draft) {
                Err(problem) => refuse(problem),
                Ok(action) => {
                    branches.extend(key.map(|key| Branch { key, label: draft.label.trim().to_owned(), action }));
                }
            }
        }
        if problems.is_empty() { Ok(Self { branches, repeats }) } else { Err(problems) }
    }

    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    /// Returns how often the script is said again to whoever presses nothing.
    pub const fn repeats(&self) -> u8 {
        self.repeats
    }

    /// Returns the scripts that its keys lead to.
    pub fn switches(&self) -> impl Iterator<Item = ScriptId> {
        self.branches.iter().filter_map(|branch| match branch.action {
            Action::SwitchScript { script } => Some(script),
            _ => None,
        })
    }

    fn action(&self, key: Key) -> Option<&Action> {
        self.branches.iter().find(|branch| branch.key == key).map(|branch| &branch.action)
    }
}

fn action_of(draft: &Draft) -> Result<Action, (&'static str, Fault)> {
    let target = |field, value: &Option<String>| {
        let value = value.as_deref().map(str::trim).filter(|value| !value.is_empty());
        let value = value.ok_or((field, Fault::Missing))?;
        text_of(value, MOST_TARGET).map_err(|fault| (field, fault))?;
        Ok(value.to_owned())
    };
    let audio = || {
        let field = "target_audio_url";
        let path = target(field, &draft.target_audio_url)?;
        // A path of ours, not somebody's server, and no way out of the folder.
        let is_ours = path.starts_with('/') && !path.starts_with("//") && !path.split('/').any(|part| part == "..");
        if is_ours { Ok(path) } else { Err((field, Fault::NoPath)) }
    };
    Ok(match draft.action_type.trim() {
        "playback" => Action::Playback { audio: audio()? },
        "playback_then_hangup" => Action::PlaybackThenHangup { audio: audio()? },
        "switch_script" => match draft.target_script_id {
            None => return Err(("target_script_id", Fault::Missing)),
            Some(script) if script > 0 => Action::SwitchScript { script: ScriptId(script) },
            Some(_) => return Err(("target_script_id", Fault::NoScript)),
        },
        "queue" => Action::Queue { name: target("target_queue_name", &draft.target_queue_name)? },
        "repeat_script" => Action::RepeatScript,
        "hangup" => Action::Hangup,
        _ => return Err(("action_type", Fault::NoAction)),
    })
}

fn text_of(text: &str, most: usize) -> Result<(), Fault> {
    if text.chars().any(char::is_control) {
        return Err(Fault::Control);
    }
    if text.chars().count() > most { Err(Fault::TooLong) } else { Ok(()) }
}
