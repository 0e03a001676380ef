//! Feature codes: what is dialled with a star.

use serde::{Deserialize, Serialize};

use super::{Destination, Setting};
use crate::{call::Feature, number};

/// The codes of an account. An empty one is off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureCodes {
    pub voicemail: String,
    /// Followed by an extension: its ringing call; alone: a ringing call of one's own group.
    pub pickup: String,
    pub park: String,
    /// The places of parked calls, first and last; a call is taken by dialling its place, with or without a star.
    pub first_slot: u16,
    pub last_slot: u16,
    pub echo: String,
    pub dnd_on: String,
    pub dnd_off: String,
    /// Followed by the number to forward to.
    pub forward_on: String,
    pub forward_off: String,
    /// Followed by the number of the room, 1-8 digits.
    pub conference: String,
    /// Followed by the number of a time condition.
    pub time_condition: String,
    /// Followed by the number to call without showing one's own.
    pub hide: String,
    /// Keys that extensions press in a call.
    pub in_call: InCall,
    /// Most members of a conference room.
    pub largest_conference: u16,
}

/// What extensions can have done in a call by keys. An empty code is off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InCall {
    /// Every extension may; without it those named below.
    pub everybody: bool,
    pub extensions: Vec<String>,
    pub record: String,
    pub attended: String,
    pub blind: String,
    pub three_way: String,
}

impl Default for InCall {
    fn default() -> Self {
        let code = str::to_owned;
        Self {
            everybody: false,
            extensions: Vec::new(),
            record: code("*1"),
            attended: code("*2"),
            blind: code("##"),
            three_way: code("*3"),
        }
    }
}

impl InCall {
    const fn all(&self) -> [(&String, Feature); 4] {
        [
            (&self.record, Feature::Record),
            (&self.attended, Feature::Attended),
            (&self.blind, Feature::Blind),
            (&self.three_way, Feature::ThreeWay),
        ]
    }

    /// Returns whether keys of that extension are looked at.
    pub fn is_on_for(&self, extension: &str) -> bool {
        self.everybody || self.extensions.iter().any(|known| known == extension)
    }

    /// Returns what these keys stand for.
    pub fn read(&self, keys: &str) -> Option<Feature> {
        self.all().into_iter().find(|(code, _)| !code.is_empty() && *code == keys).map(|(_, feature)| feature)
    }

    /// Returns whether a code begins like this.
    pub fn begins(&self, keys: &str) -> bool {
        self.all().iter().any(|(code, _)| code.starts_with(keys))
    }

    /// Returns whether every code can be pressed, is told from the others, and none is a key that people press.
    fn is_sound(&self) -> bool {
        let pressed = |code: &str| {
            code.is_empty()
                || ((2..=4).contains(&code.len())
                    && code.starts_with(['*', '#'])
                    && code.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#'))
        };
        let all = self.all();
        let apart = |at: usize| {
            let code = all[at].0;
            let hidden = |other: &String| !other.is_empty() && (code.starts_with(other.as_str()));
            code.is_empty() || all.iter().enumerate().all(|(other, (code, _))| other == at || !hidden(code))
        };
        let named = self.extensions.len() <= MOST_NAMED && self.extensions.iter().all(|one| number::is_extension(one));
        named && all.iter().all(|(code, _)| pressed(code)) && (0..all.len()).all(apart)
    }
}

/// Most extensions that are named one by one.
const MOST_NAMED: usize = 10_000;
/// Most members that a conference room may be given.
const LARGEST: u16 = 200;

impl Default for FeatureCodes {
    fn default() -> Self {
        let code = str::to_owned;
        Self {
            voicemail: code("*97"),
            pickup: code("*8"),
            park: code("*700"),
            first_slot: 701,
            last_slot: 720,
            echo: code("*60"),
            dnd_on: code("*78"),
            dnd_off: code("*79"),
            forward_on: code("*72"),
            forward_off: code("*73"),
            conference: code("*30"),
            time_condition: code("*27"),
            hide: code("*67"),
            in_call: InCall::default(),
            largest_conference: 32,
        }
    }
}

/// Most places for parked calls.
const MOST_SLOTS: u16 = 100;

impl FeatureCodes {
    /// Puts another code in the place of the one of that name; false if there is none.
    pub fn set(&mut self, name: &str, code: &str) -> bool {
        let place = match name {
            "voicemail" => &mut self.voicemail,
            "pickup" => &mut self.pickup,
            "park" => &mut self.park,
            "echo" => &mut self.echo,
            "dnd_on" => &mut self.dnd_on,
            "dnd_off" => &mut self.dnd_off,
            "forward_on" => &mut self.forward_on,
            "forward_off" => &mut self.forward_off,
            "conference" => &mut self.conference,
            "time_condition" => &mut self.time_condition,
            "hide" => &mut self.hide,
            "record" => &mut self.in_call.record,
            "attended" => &mut self.in_call.attended,
            "blind" => &mut self.in_call.blind,
            "three_way" => &mut self.in_call.three_way,
            _ => return false,
        };
        code.clone_into(place);
        true
    }

    /// Returns what the dialled code stands for, `None` if it is none.
    pub fn read(&self, dialled: &str) -> Option<Destination> {
        let is = |code: &str| !code.is_empty() && dialled == code;
        if is(&self.voicemail) {
            return Some(Destination::VoicemailMain);
        }
        if is(&self.park) {
            return Some(Destination::Park);
        }
        if is(&self.echo) {
            return Some(Destination::Echo);
        }
        if is(&self.dnd_on) || is(&self.dnd_off) {
            return Some(Destination::Setting(Setting::DoNotDisturb(is(&self.dnd_on))));
        }
        if is(&self.forward_off) {
            return Some(Destination::Setting(Setting::Forward(None)));
        }
        if is(&self.pickup) {
            return Some(Destination::Pickup(None));
        }
        if let Some(slot) = self.slot(dialled) {
            return Some(Destination::Retrieve(slot));
        }
        // The longest code that fits: `*720901…` is a forward although `*7` might be something too.
        let followed = [&self.forward_on, &self.conference, &self.time_condition, &self.pickup];
        let code = followed.into_iter().filter(|code| !code.is_empty() && dialled.starts_with(code.as_str()));
        let code = code.max_by_key(|code| code.len())?;
        let rest = &dialled[code.len()..];
        let digits = !rest.is_empty() && rest.bytes().all(|digit| digit.is_ascii_digit());
        if *code == self.forward_on {
            number::is_dialable(rest).then(|| Destination::Setting(Setting::Forward(Some(rest.to_owned()))))
        } else if *code == self.conference {
            (digits && rest.len() <= 8).then(|| Destination::Conference(rest.to_owned()))
        } else if *code == self.time_condition {
            let id = rest.parse().ok().filter(|_| digits)?;
            Some(Destination::Setting(Setting::TimeCondition(id)))
        } else {
            number::is_extension(rest).then(|| Destination::Pickup(Some(rest.to_owned())))
        }
    }

    /// Returns the number that is to be called without showing one's own, `None` if the code does not stand before it.
    pub fn hidden<'a>(&self, dialled: &'a str) -> Option<&'a str> {
        let code = Some(self.hide.as_str()).filter(|code| !code.is_empty())?;
        dialled.strip_prefix(code).filter(|rest| !rest.is_empty())
    }

    fn slot(&self, dialled: &str) -> Option<u16> {
        let bare = dialled.strip_prefix('*').unwrap_or(dialled);
        let slot = bare.parse::<u16>().ok().filter(|slot| slot.to_string() == bare)?;
        (self.first_slot..=self.last_slot).contains(&slot).then_some(slot)
    }

    /// Returns whether every code can be dialled and no two are the same.
    pub fn is_sound(&self) -> bool {
        let all = [
            &self.voicemail,
            &self.pickup,
            &self.park,
            &self.echo,
            &self.dnd_on,
            &self.dnd_off,
            &self.forward_on,
            &self.forward_off,
            &self.conference,
            &self.time_condition,
            &self.hide,
        ];
        let dialable = |code: &str| {
            let rest = code.strip_prefix('*').unwrap_or_default();
            code.is_empty()
                || ((1..=6).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#'))
        };
        let once = |at: usize| all[at].is_empty() || all[..at].iter().all(|other| *other != all[at]);
        let slots =
            self.first_slot >= 10 && self.last_slot.checked_sub(self.first_slot).is_some_and(|n| n < MOST_SLOTS);
        let rooms = (2..=LARGEST).contains(&self.largest_conference);
        slots && rooms && self.in_call.is_sound() && all.iter().all(|code| dialable(code)) && (0..all.len()).all(once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_codes_do_the_usual_things() {
        let codes = FeatureCodes::default();
        assert!(codes.is_sound());
        let forward = |to: Option<&str>| Destination::Setting(Setting::Forward(to.map(str::to_owned)));
        for (dialled, expected) in [
            ("*97", Some(Destination::VoicemailMain)),
            ("*8", Some(Destination::Pickup(None))),
            ("*81001", Some(Destination::Pickup(Some("1001".to_owned())))),
            ("*8100123456789", None),
            ("*700", Some(Destination::Park)),
            ("701", Some(Destination::Retrieve(701))),
            ("*720", Some(Destination::Retrieve(720))),
            ("721", None),
            ("0701", None),
            ("*60", Some(Destination::Echo)),
            ("*78", Some(Destination::Setting(Setting::DoNotDisturb(true)))),
            ("*79", Some(Destination::Setting(Setting::DoNotDisturb(false)))),
            ("*720987654321", Some(forward(Some("0987654321")))),
            ("*72+84987654321", Some(forward(Some("+84987654321")))),
            ("*72", None),
            ("*73", Some(forward(None))),
            ("*301", Some(Destination::Conference("1".to_owned()))),
            ("*30", None),
            ("*30123456789", None),
            ("*2712", Some(Destination::Setting(Setting::TimeCondition(12)))),
            ("*99", None),
            ("", None),
        ] {
            assert_eq!(codes.read(dialled), expected, "{dialled}");
        }
        assert_eq!(codes.hidden("*670987654321"), Some("0987654321"));
        assert_eq!((codes.hidden("*67"), codes.hidden("0987654321")), (None, None));
    }

    #[test]
    fn an_empty_code_is_off_and_two_equal_ones_are_refused() {
        let codes = FeatureCodes { echo: String::new(), hide: String::new(), ..FeatureCodes::default() };
        assert!(codes.is_sound());
        assert_eq!((codes.read("*60"), codes.read(""), codes.hidden("0987654321")), (None, None, None));
        for unsound in [
            FeatureCodes { echo: "*97".to_owned(), ..FeatureCodes::default() },
            FeatureCodes { echo: "60".to_owned(), ..FeatureCodes::default() },
            FeatureCodes { echo: "*".to_owned(), ..FeatureCodes::default() },
            FeatureCodes { last_slot: 700, ..FeatureCodes::default() },
            FeatureCodes { last_slot: 2_000, ..FeatureCodes::default() },
            FeatureCodes { largest_conference: 1, ..FeatureCodes::default() },
            FeatureCodes { in_call: InCall { record: "1".to_owned(), ..InCall::default() }, ..FeatureCodes::default() },
            FeatureCodes {
                in_call: InCall { blind: "*2#".to_owned(), ..InCall::default() },
                ..FeatureCodes::default()
            },
        ] {
            assert!(!unsound.is_sound(), "{unsound:?}");
        }
    }
}
