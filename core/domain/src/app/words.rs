//! The built-in words and sentences, in the languages that callers are spoken to in.
//!
//! The sound of each ships with the program; `words.tsv` says which there are and what they say: name, English,
//! Vietnamese. A language that does without a word has nothing there. Beside them there is `beep`, a tone.

use std::sync::LazyLock;

use super::Language;

/// One built-in word or sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    pub name: &'static str,
    en: &'static str,
    vi: &'static str,
}

impl Word {
    /// Returns what is said; empty if that language does without.
    pub const fn text(&self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::Vi => self.vi,
        }
    }
}

/// Returns every built-in word.
pub fn words() -> &'static [Word] {
    static WORDS: LazyLock<Vec<Word>> = LazyLock::new(|| {
        let read = |line: &'static str| {
            let mut parts = line.split('\t');
            Some(Word { name: parts.next()?, en: parts.next()?, vi: parts.next()? })
        };
        include_str!("words.tsv").lines().filter_map(read).collect()
    });
    &WORDS
}

/// Returns the word of that name.
pub fn word(name: &str) -> Option<&'static Word> {
    words().iter().find(|word| word.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_word_with_one_name_that_some_language_says() {
        assert_eq!(words().len(), include_str!("words.tsv").lines().count());
        for (at, word) in words().iter().enumerate() {
            assert!(Language::ALL.into_iter().any(|language| !word.text(language).is_empty()), "{}", word.name);
            assert!(!words()[..at].iter().any(|other| other.name == word.name), "{}", word.name);
        }
    }
}
