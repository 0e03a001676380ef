//! In which language, and how, something is read aloud.

/// Counts the changes of how text becomes words: a part of every segment's key, so that what was rendered by older
/// rules is not played under newer ones. Raise it whenever a case of the tables changes.
pub const VERSION: u32 = 1;

/// Where a Vietnamese voice is at home.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Region {
    /// *nghìn*, *linh*.
    #[default]
    North,
    /// *ngàn*, *lẻ*.
    South,
}

/// A language with the choices that a voice makes in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    Vietnamese(Region),
    /// American: no *and* within numbers, short scale.
    English,
}

impl Reading {
    pub const NORTH: Self = Self::Vietnamese(Region::North);
    pub const SOUTH: Self = Self::Vietnamese(Region::South);

    /// Returns the reading for a voice's language tag: `vi`, `vi-VN`, `vi-VN-x-south`, `en`, `en-US` and so on.
    pub fn of(tag: &str) -> Option<Self> {
        let tag = tag.to_ascii_lowercase();
        let mut parts = tag.split(['-', '_']);
        match parts.next()? {
            "vi" if parts.any(|part| part == "south") => Some(Self::SOUTH),
            "vi" => Some(Self::NORTH),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    /// Returns a name of the reading for keys and logs: `vi-north`, `vi-south`, `en`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vietnamese(Region::North) => "vi-north",
            Self::Vietnamese(Region::South) => "vi-south",
            Self::English => "en",
        }
    }

    pub(crate) const fn is_vietnamese(self) -> bool {
        matches!(self, Self::Vietnamese(_))
    }

    /// Returns the one of two texts that is in this language.
    pub(crate) const fn pick<'a>(self, vietnamese: &'a str, english: &'a str) -> &'a str {
        if self.is_vietnamese() { vietnamese } else { english }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_says_its_language_by_a_tag() {
        for (tag, reading) in [
            ("vi", Some(Reading::NORTH)),
            ("vi-VN", Some(Reading::NORTH)),
            ("vi-vn-x-south", Some(Reading::SOUTH)),
            ("en", Some(Reading::English)),
            ("en_GB", Some(Reading::English)),
            ("fr", None),
            ("", None),
        ] {
            assert_eq!(Reading::of(tag), reading, "{tag}");
        }
    }
}
