//! What is rendered and cached: pieces of speech, and the keys under which their sound is kept.
//!
//! A key is made of the words themselves and of everything that shapes their sound. Two leads share a clip if and only
//! if they would hear the same words in the same voice, so no lead can hear what belongs to another.

use std::{fmt, time::Duration};

use sha2::{Digest, Sha256};

use crate::{
    reading::{Reading, VERSION},
    slot::Kind,
};

/// Over which time neighbours within a phrase are faded into each other.
pub const CROSS_FADE: Duration = Duration::from_millis(8);

/// How a segment meets the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Joint {
    /// Within a phrase: faded into each other.
    Phrase,
    /// At the edge of a slot.
    Slot,
    /// At a comma.
    Clause,
    /// At the end of a sentence.
    Sentence,
}

impl Joint {
    /// Returns the silence between two segments that were trimmed of their own.
    pub const fn pause(self) -> Duration {
        Duration::from_millis(match self {
            Self::Phrase => 0,
            Self::Slot => 60,
            Self::Clause => 120,
            Self::Sentence => 250,
        })
    }
}

/// Where the words of a segment come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The template: the same for every lead.
    Constant,
    /// A value of the lead.
    Slot(Kind),
}

impl Source {
    /// Tells whether the words may tell who somebody is, so that the clip goes when that person's data does.
    pub const fn is_personal(self) -> bool {
        matches!(self, Self::Slot(Kind::Name | Kind::Digits | Kind::Text))
    }
}

/// A piece of speech that is rendered by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// Words in NFC, perhaps with a mark at the end.
    pub text: String,
    /// How it meets the next segment.
    pub joint: Joint,
    pub source: Source,
}

/// Writes segments as the text that is heard, for previews and for voices that render whole sentences.
pub fn text(segments: &[Segment]) -> String {
    let mut said = String::new();
    for segment in segments {
        if !said.is_empty() {
            said.push(' ');
        }
        said.push_str(&segment.text);
        if !segment.text.ends_with([',', '.', '?', '!']) {
            match segment.joint {
                Joint::Phrase | Joint::Slot => {}
                Joint::Clause => said.push(','),
                Joint::Sentence => said.push('.'),
            }
        }
    }
    said
}

/// Everything beside the words that shapes the sound of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Voice {
    /// Such as `espeak-ng`.
    pub engine: String,
    pub engine_version: String,
    /// The engine's own name of the voice, such as `vi+f2`.
    pub name: String,
    pub reading: Reading,
    /// Words a minute.
    pub rate: u16,
    /// In the engine's own measure.
    pub pitch: u16,
    /// Samples a second.
    pub sample_rate: u32,
    /// Active speech level, dB below full scale.
    pub level: u8,
}

/// The content hash of a segment's sound.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

impl Key {
    /// Returns the key of some words in a voice, for today's rules of reading.
    pub fn new(text: &str, voice: &Voice) -> Self {
        Self::of_version(text, voice, VERSION)
    }

    fn of_version(text: &str, voice: &Voice, version: u32) -> Self {
        let mut hash = Sha256::new();
        // Each part follows its length, so that no two lists of parts are written alike.
        let mut add = |part: &[u8]| {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        };
        add(b"zorio.speech.segment");
        add(&version.to_be_bytes());
        add(voice.engine.as_bytes());
        add(voice.engine_version.as_bytes());
        add(voice.name.as_bytes());
        add(voice.reading.name().as_bytes());
        add(&voice.rate.to_be_bytes());
        add(&voice.pitch.to_be_bytes());
        add(&voice.sample_rate.to_be_bytes());
        add(&[voice.level]);
        add(crate::clean::compose(text).as_bytes());
        Self(hash.finalize().into())
    }

    /// Returns where the sound is kept, relative to the folder of the cache: `ab/cd/` and the whole hash.
    pub fn path(&self) -> String {
        let name = self.to_string();
        let (first, second) = (name.get(..2).unwrap_or_default(), name.get(2..4).unwrap_or_default());
        format!("{first}/{second}/{name}.wav")
    }

    /// Reads what [`fmt::Display`] writes: 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let mut key = [0; 32];
        for (at, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self(key))
    }

    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert_eq, proptest};

    use super::*;

    fn voice() -> Voice {
        Voice {
            engine: "espeak-ng".to_owned(),
            engine_version: "1.51".to_owned(),
            name: "vi+f2".to_owned(),
            reading: Reading::NORTH,
            rate: 150,
            pitch: 50,
            sample_rate: 8_000,
            level: 20,
        }
    }

    /// Computed by another program: a cache on disk must be found again by tomorrow's binary.
    #[test]
    fn a_key_stays_what_it_is() {
        let key = Key::of_version("xin chào", &voice(), 1);
        assert_eq!(key.to_string(), "e87585a6fb6a98c92f10423d4e659fd52c1f45e22ec2ab2f68da0a983f2f36a9");
        assert_eq!(key.path(), format!("{}/{}/{key}.wav", &key.to_string()[..2], &key.to_string()[2..4]));
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let key = Key::new("xin chào", &voice());
        let text = key.to_string();
        assert_eq!(Key::parse(&text), Some(key));
        for wrong in ["", &text[1..], &text.to_uppercase(), &text.replace(&text[..2], "+1"), &"é".repeat(32)] {
            assert_eq!(Key::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn whatever_shapes_the_sound_changes_the_key() {
        let voice = voice();
        let keys = [
            Key::new("xin chào", &voice),
            Key::new("xin chào,", &voice),
            Key::of_version("xin chào", &voice, VERSION + 1),
            Key::new("xin chào", &Voice { engine: "piper".to_owned(), ..voice.clone() }),
            Key::new("xin chào", &Voice { engine_version: "1.52".to_owned(), ..voice.clone() }),
            Key::new("xin chào", &Voice { name: "vi+f3".to_owned(), ..voice.clone() }),
            Key::new("xin chào", &Voice { reading: Reading::SOUTH, ..voice.clone() }),
            Key::new("xin chào", &Voice { rate: 151, ..voice.clone() }),
            Key::new("xin chào", &Voice { pitch: 51, ..voice.clone() }),
            Key::new("xin chào", &Voice { sample_rate: 16_000, ..voice.clone() }),
            Key::new("xin chào", &Voice { level: 21, ..voice.clone() }),
            // The same letters, cut elsewhere.
            Key::new("xin chào", &Voice { engine: "espeak-ng1".to_owned(), engine_version: ".51".to_owned(), ..voice }),
        ];
        let unlike: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(unlike.len(), keys.len());
    }

    #[test]
    fn decomposed_words_have_the_key_of_composed_ones() {
        assert_eq!(Key::new("Nguye\u{302}\u{303}n", &voice()), Key::new("Nguyễn", &voice()));
    }

    proptest! {
        #[test]
        fn two_names_share_a_clip_only_if_they_are_one(a in "[A-Za-zĐđàêưới ]{0,12}", b in "[A-Za-zĐđàêưới ]{0,12}") {
            prop_assert_eq!(Key::new(&a, &voice()) == Key::new(&b, &voice()), a == b);
        }
    }
}
