//! The last look at words before an engine gets them.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::Error;

/// Characters that are rendered at once.
pub(crate) const MOST: usize = 4_000;

/// Returns words as engines take them: composed (NFC), one blank between two, nothing but letters, digits and
/// the marks of a sentence. An engine has orders of its own (`[[…]]` are phonemes to espeak-ng, `<…>` is SSML to
/// others), and a lead's name must never be one.
pub(crate) fn speakable(text: &str) -> Result<String, Error> {
    // Far more bytes than characters may have: refused unread.
    let characters = text.len();
    if characters > MOST * 8 {
        return Err(Error::TooLong { characters, most: MOST });
    }
    let keep = |c: char| if is_said(c) { c } else { ' ' };
    let composed: String = text.nfc().map(keep).collect();
    let words = composed.split_whitespace().collect::<Vec<_>>().join(" ");
    let characters = words.chars().count();
    if characters > MOST {
        return Err(Error::TooLong { characters, most: MOST });
    }
    if !words.chars().any(char::is_alphanumeric) {
        return Err(Error::NothingToSay);
    }
    Ok(words)
}

/// Returns words without what stands behind them, for texts that are the same but for their place in a sentence.
pub(crate) fn bare(words: &str) -> &str {
    words.trim_end_matches([',', '.', '?', '!', ' '])
}

fn is_said(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c) || matches!(c, ',' | '.' | '?' | '!' | '\'' | '’' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_composed_and_carry_no_orders() {
        for (text, words) in [
            ("Nguye\u{302}\u{303}n  Va\u{306}n Đức,", "Nguyễn Văn Đức,"),
            ("a[[h@loU]]b", "a h loU b"),
            ("<speak>xin chào</speak>", "speak xin chào speak"),
            ("một\0hai\r\nba", "một hai ba"),
            ("chào 😀 chị!", "chào chị!"),
            ("O'Neil - năm", "O'Neil - năm"),
        ] {
            assert_eq!(speakable(text).unwrap(), words, "{text:?}");
        }
    }

    #[test]
    fn nothing_and_too_much_are_refused() {
        for text in ["", "  ", "...", "😀", "[[]]", "\0"] {
            assert!(matches!(speakable(text), Err(Error::NothingToSay)), "{text:?}");
        }
        let letters = "ê ".repeat(MOST / 2);
        assert!(speakable(&letters).is_ok());
        assert!(matches!(speakable(&"ê ".repeat(MOST)), Err(Error::TooLong { .. })));
        assert!(matches!(speakable(&" ".repeat(10_000_000)), Err(Error::TooLong { .. })));
    }

    #[test]
    fn the_mark_behind_words_can_be_left_out() {
        assert_eq!(bare("xin chào, "), "xin chào");
        assert_eq!(bare("có?!"), "có");
    }
}
