//! One callee in the scripts of a call.
//!
//! ```text
//!              Answered          finished             time passes
//!   Before ───────────▶ Saying ───────────▶ Waiting ─────────────▶ Saying again, or over: nothing pressed
//!                         │ key               │ key
//!                         └─────────┬─────────┘
//!   playback:              Playing ─┤─ finished ─▶ Waiting (time passes: over)
//!   playback_then_hangup:  Parting ─┤─ finished ─▶ over
//!   switch_script:         Switching, until Ready ─▶ Saying the other script
//!   queue, hangup:         over
//! ```
//!
//! What is played has a number, so that the end of something that was stopped is not taken for the end of what is
//! played now. Nothing is believed for ever: sounds that never end, scripts that never come and calls that never stop
//! run into a time of their own.

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use super::{Action, Key, ScriptId, Tree};

/// How long the same key is taken for an echo of itself: digits that arrive both as events and as tones.
const ECHO: Duration = Duration::from_millis(100);
/// Repeats that a callee may ask for; a stuck key does not hold the line for ever.
const MOST_ASKED: u8 = 10;
/// Media files that may be played in one call, for the same reason.
const MOST_PLAYED: u8 = 50;
/// Scripts of one call; trees that were checked never come here.
const MOST_SCRIPTS: usize = super::MOST_CHAIN + 1;

/// How keys are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// After a script or a file was heard.
    pub wait: Duration,
    /// What is played longer than this has got stuck.
    pub longest_sound: Duration,
    /// How long the next script may take to be made ready.
    pub longest_switch: Duration,
    /// The whole call.
    pub longest_call: Duration,
    pub barge_in: BargeIn,
}

/// What a key does while something is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BargeIn {
    /// It stops what is said and acts at once.
    #[default]
    Allowed,
    /// It is kept, and acts when all is said; the first counts.
    AfterPrompt,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(5),
            longest_sound: Duration::from_secs(300),
            longest_switch: Duration::from_secs(10),
            longest_call: Duration::from_secs(900),
            barge_in: BargeIn::Allowed,
        }
    }
}

/// The number of something that is played, within one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlayId(pub u32);

/// What is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sound {
    /// The segments of a script for this lead.
    Script(ScriptId),
    /// A media file by its path.
    File(String),
}

/// What happens to the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Answered,
    Key(char),
    /// A sound came to its end, or could not be played: both leave silence.
    Finished(PlayId),
    /// The script that was switched to is there; `None` if it cannot be heard.
    Ready {
        script: ScriptId,
        tree: Option<Tree>,
    },
    CalleeLeft,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Play {
        id: PlayId,
        sound: Sound,
    },
    Stop(PlayId),
    /// A key was pressed; what it does, or `None` if it means nothing here. The record of the attempt holds all.
    Pressed {
        key: Key,
        script: ScriptId,
        action: Option<Action>,
    },
    /// Make this script ready and answer by [`Input::Ready`].
    Switch(ScriptId),
    /// Last of all, and once.
    End(Ending),
}

/// How the call goes on without us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The call is handed to a queue.
    Queue(String),
    /// The others hang up: by a key, or after the last file.
    Pressed,
    /// Nobody pressed a key that means something.
    NothingPressed,
    /// After a file nothing more was pressed.
    Silent,
    CalleeLeft,
    /// The script that was switched to cannot be heard.
    Unavailable(ScriptId),
    /// Something took too long or came too often.
    Overrun,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Before,
    Saying(PlayId),
    Playing(PlayId),
    Parting(PlayId),
    /// After the script itself, or after a file.
    Waiting {
        after_script: bool,
    },
    Switching(ScriptId),
    Over,
}

/// One call's walk through its scripts. Its driver is the only owner.
#[derive(Debug)]
pub struct Walk {
    settings: Settings,
    script: ScriptId,
    tree: Tree,
    state: State,
    heard: BTreeSet<ScriptId>,
    plays: u32,
    /// How often this script was said again because nothing was pressed, and because somebody asked for it.
    unasked: u8,
    asked: u8,
    files: u8,
    /// A key that waits for the end of what is said.
    kept: Option<Key>,
    last_key: Option<(Key, Instant)>,
    deadline: Option<Instant>,
    /// When the whole call has lasted too long.
    ends: Option<Instant>,
    outputs: VecDeque<Output>,
}

impl Walk {
    /// Returns a walk that begins with this script once the call is answered.
    pub fn new(script: ScriptId, tree: Tree, settings: Settings) -> Self {
        Self {
            settings,
            script,
            tree,
            state: State::Before,
            heard: BTreeSet::from([script]),
            plays: 0,
            unasked: 0,
            asked: 0,
            files: 0,
            kept: None,
            last_key: None,
            deadline: None,
            ends: None,
            outputs: VecDeque::new(),
        }
    }

    /// Takes what happened. News of what is over is passed over.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.handle_timeout(now);
        match (input, &self.state) {
            (_, State::Over) => {}
            (Input::CalleeLeft, _) => self.end(Ending::CalleeLeft),
            (Input::Answered, State::Before) => {
                self.ends = now.checked_add(self.settings.longest_call);
                self.say(now);
            }
            (Input::Key(key), _) => {
                if let Some(key) = Key::new(key) {
                    self.key(key, now);
                }
            }
            (Input::Finished(id), State::Saying(playing)) if id == *playing => self.said(true, now),
            (Input::Finished(id), State::Playing(playing)) if id == *playing => self.said(false, now),
            (Input::Finished(id), State::Parting(playing)) if id == *playing => {
                self.state = State::Waiting { after_script: false };
                self.end(Ending::Pressed);
            }
            (Input::Ready { script, tree }, State::Switching(expected)) if script == *expected => {
                self.ready(script, tree, now);
            }
            _ => {}
        }
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.ends.is_some_and(|ends| ends <= now) {
            return self.end(Ending::Overrun);
        }
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        self.deadline = None;
        match self.state {
            State::Waiting { after_script: true } => self.again(now),
            State::Waiting { after_script: false } => self.end(Ending::Silent),
            State::Before | State::Over => {}
            State::Saying(_) | State::Playing(_) | State::Parting(_) | State::Switching(_) => self.end(Ending::Overrun),
        }
    }

    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Returns when something is due by time alone; always something between the answer and the end.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.deadline.into_iter().chain(self.ends).min()
    }

    /// Returns the script that the callee is in.
    pub const fn script(&self) -> ScriptId {
        self.script
    }

    fn key(&mut self, key: Key, now: Instant) {
        let echoes = self.last_key.is_some_and(|(last, at)| last == key && now.saturating_duration_since(at) < ECHO);
        if self.state == State::Before || echoes {
            return;
        }
        self.last_key = Some((key, now));
        let listens = matches!(self.state, State::Saying(_) | State::Playing(_) | State::Waiting { .. });
        // While the next script is fetched, a key still means the menu that was left; while the last file is heard, it
        // means nothing.
        let action = self.tree.action(key).filter(|_| listens && self.kept.is_none()).cloned();
        self.outputs.push_back(Output::Pressed { key, script: self.script, action: action.clone() });
        let is_talking = matches!(self.state, State::Saying(_) | State::Playing(_));
        match action {
            Some(_) if is_talking && self.settings.barge_in == BargeIn::AfterPrompt => self.kept = Some(key),
            Some(action) => self.act(action, now),
            // A wrong key in the silence is answered like no key; during the prompt it is left alone.
            None if self.state == (State::Waiting { after_script: true }) => self.again(now),
            None if matches!(self.state, State::Waiting { .. }) => self.deadline = now.checked_add(self.settings.wait),
            None => {}
        }
    }

    fn act(&mut self, action: Action, now: Instant) {
        self.hush();
        match action {
            Action::Hangup => self.end(Ending::Pressed),
            Action::Queue { name } => self.end(Ending::Queue(name)),
            Action::RepeatScript => {
                self.asked = self.asked.saturating_add(1);
                if self.asked > MOST_ASKED { self.end(Ending::Overrun) } else { self.say(now) }
            }
            Action::Playback { audio } => {
                self.files = self.files.saturating_add(1);
                if self.files > MOST_PLAYED {
                    return self.end(Ending::Overrun);
                }
                let id = self.play(Sound::File(audio), now);
                self.state = State::Playing(id);
            }
            Action::PlaybackThenHangup { audio } => {
                let id = self.play(Sound::File(audio), now);
                self.state = State::Parting(id);
            }
            Action::SwitchScript { script } => {
                if !self.heard.insert(script) || self.heard.len() > MOST_SCRIPTS {
                    return self.end(Ending::Overrun);
                }
                self.outputs.push_back(Output::Switch(script));
                self.state = State::Switching(script);
                self.deadline = now.checked_add(self.settings.longest_switch);
            }
        }
    }

    fn ready(&mut self, script: ScriptId, tree: Option<Tree>, now: Instant) {
        let Some(tree) = tree else { return self.end(Ending::Unavailable(script)) };
        self.script = script;
        self.tree = tree;
        (self.unasked, self.asked) = (0, 0);
        self.say(now);
    }

    fn said(&mut self, after_script: bool, now: Instant) {
        self.state = State::Waiting { after_script };
        if self.tree.branches().is_empty() {
            // A message without keys is said once: there is nothing to wait for.
            return self.end(Ending::NothingPressed);
        }
        self.deadline = now.checked_add(self.settings.wait);
        if let Some(action) = self.kept.take().and_then(|key| self.tree.action(key)).cloned() {
            self.act(action, now);
        }
    }

    /// Says the script once more to whoever pressed nothing, unless it was said often enough.
    fn again(&mut self, now: Instant) {
        if self.unasked >= self.tree.repeats() {
            return self.end(Ending::NothingPressed);
        }
        self.unasked += 1;
        self.say(now);
    }

    fn say(&mut self, now: Instant) {
        let id = self.play(Sound::Script(self.script), now);
        self.state = State::Saying(id);
    }

    fn play(&mut self, sound: Sound, now: Instant) -> PlayId {
        self.plays += 1;
        let id = PlayId(self.plays);
        self.outputs.push_back(Output::Play { id, sound });
        self.deadline = now.checked_add(self.settings.longest_sound);
        id
    }

    /// Stops what is played.
    fn hush(&mut self) {
        self.deadline = None;
        if let State::Saying(id) | State::Playing(id) | State::Parting(id) = self.state {
            self.outputs.push_back(Output::Stop(id));
            self.state = State::Waiting { after_script: false };
        }
    }

    fn end(&mut self, ending: Ending) {
        if self.state == State::Over {
            return;
        }
        self.hush();
        self.state = State::Over;
        (self.deadline, self.ends, self.kept) = (None, None, None);
        self.outputs.push_back(Output::End(ending));
    }
}
