//! Text as it arrives, made one: NFC, no invisible debris, plain punctuation.
//!
//! Decomposed Vietnamese (*e* + *̂* + *̃*) makes speech engines switch the language and lose tones, hence NFC first.

use unicode_normalization::{UnicodeNormalization, char::decompose_compatible};

/// What a character outside of words is to somebody who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Odd {
    /// Terminal escapes, NUL, overrides of the writing direction: never meant.
    Control,
    /// A picture: nobody can say it.
    Emoji,
    /// Left over from copying (zero-width spaces, soft hyphens): of no meaning, dropped everywhere.
    Invisible,
}

/// Returns what is odd about a character, if anything.
pub(crate) const fn odd(c: char) -> Option<Odd> {
    match c {
        '\t' | '\n' | '\r' => None,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Some(Odd::Control),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fff0}'..='\u{ffff}' => Some(Odd::Control),
        '\u{e000}'..='\u{f8ff}' | '\u{f_0000}'..='\u{10_ffff}' => Some(Odd::Control),
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' => Some(Odd::Invisible),
        '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => {
            Some(Odd::Invisible)
        }
        '\u{20e3}' | '\u{231a}'..='\u{231b}' | '\u{23e9}'..='\u{23fa}' | '\u{2600}'..='\u{27bf}' => Some(Odd::Emoji),
        '\u{2b05}'..='\u{2b07}' | '\u{2b1b}'..='\u{2b1c}' | '\u{2b50}' | '\u{2b55}' | '\u{3030}' | '\u{303d}' => {
            Some(Odd::Emoji)
        }
        '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}' | '\u{e_0000}'..='\u{e_0fff}' => Some(Odd::Emoji),
        _ => None,
    }
}

/// Returns the text in NFC and without invisible characters; everything else stays.
pub(crate) fn compose(text: &str) -> String {
    text.chars().filter(|c| odd(*c) != Some(Odd::Invisible)).nfc().collect()
}

/// Returns the text in NFC, with plain quotes, dashes and digits, and blanks in place of pictures and controls.
pub(crate) fn clean(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match odd(c) {
            Some(Odd::Invisible) => {}
            Some(Odd::Control | Odd::Emoji) => plain.push(' '),
            None => plainer(c, &mut plain),
        }
    }
    plain.nfc().collect()
}

fn plainer(c: char, plain: &mut String) {
    match c {
        c if c.is_ascii() => plain.push(c),
        '‘' | '’' | '‛' | '′' | '`' | '´' => plain.push('\''),
        '“' | '”' | '„' | '«' | '»' | '″' => plain.push('"'),
        '‐' | '‑' | '−' => plain.push('-'),
        '‒' | '–' | '—' | '―' => plain.push('–'),
        '…' => plain.push_str("..."),
        // Wide and decorated letters are pictures of the plain ones.
        '\u{ff01}'..='\u{ff5e}' | '\u{1d400}'..='\u{1d7ff}' => decompose_compatible(c, |part| plain.push(part)),
        '℃' => plain.push_str("°C"),
        c if c.is_whitespace() => plain.push(' '),
        c => plain.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decomposed_letters_are_composed() {
        let decomposed = "Nguye\u{302}\u{303}n Va\u{306}n \u{110}u\u{31b}\u{301}c";
        assert_eq!(clean(decomposed), "Nguyễn Văn Đức");
        assert_eq!(compose(decomposed), "Nguyễn Văn Đức");
    }

    #[test]
    fn debris_of_copying_is_gone() {
        for (text, expected) in [
            ("a\u{200b}b\u{feff}c\u{ad}d", "abcd"),
            ("a\u{a0}b\u{202f}c", "a b c"),
            ("“Xin chào” – ‘bạn’…", "\"Xin chào\" – 'bạn'..."),
            ("ＡＢＣ１２３", "ABC123"),
            ("𝐕𝐈𝐏", "VIP"),
            ("Chào 👋🏽 bạn", "Chào    bạn"),
            ("a\u{1b}[31mb\0c", "a [31mb c"),
            ("1️⃣", "1 "),
            ("\u{202e}abc", " abc"),
        ] {
            assert_eq!(clean(text), expected, "{text:?}");
        }
    }
}
