//! Letters by name, and what can be said as a word instead.

use crate::reading::Reading;

/// Returns the name of a letter, as in an abbreviation; `None` for what is no Latin letter.
pub(crate) fn letter(c: char, reading: Reading) -> Option<&'static str> {
    const VI: [&str; 26] = [
        "a", "bê", "xê", "đê", "e", "ép", "giê", "hát", "i", "giây", "ca", "lờ", "em", "en", "ô", "pê", "quy", "rờ",
        "ét", "tê", "u", "vê", "vê kép", "ích", "y dài", "dét",
    ];
    const EN: [&str; 26] = [
        "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V",
        "W", "X", "Y", "Z",
    ];
    let upper = c.to_ascii_uppercase();
    if upper.is_ascii_uppercase() {
        let place = usize::from(u8::try_from(upper).ok()? - b'A');
        return Some(if reading.is_vietnamese() { VI[place] } else { EN[place] });
    }
    match (c, reading.is_vietnamese()) {
        ('Đ' | 'đ', true) => Some("đê"),
        ('Đ' | 'đ', false) => Some("D"),
        ('Ư' | 'ư', true) => Some("ư"),
        ('Ơ' | 'ơ', true) => Some("ơ"),
        ('Ă' | 'ă', true) => Some("ă"),
        ('Â' | 'â', true) => Some("â"),
        ('Ê' | 'ê', true) => Some("ê"),
        ('Ô' | 'ô', true) => Some("ô"),
        _ => None,
    }
}

/// Tells whether plain capitals are shaped like a Vietnamese syllable, so that `NAM` is a name and `ATM` is not.
pub(crate) fn is_syllable(word: &str) -> bool {
    const ONSETS: [&str; 28] = [
        "NGH", "NG", "NH", "TH", "TR", "CH", "KH", "PH", "GH", "GI", "QU", "B", "C", "D", "Đ", "G", "H", "K", "L", "M",
        "N", "P", "R", "S", "T", "V", "X", "",
    ];
    const CODAS: [&str; 9] = ["NG", "NH", "CH", "C", "M", "N", "P", "T", ""];
    const NUCLEI: [&str; 36] = [
        "A", "E", "I", "O", "U", "Y", "AI", "AO", "AU", "AY", "EO", "EU", "IA", "IE", "IU", "OA", "OE", "OI", "OO",
        "UA", "UE", "UI", "UO", "UU", "UY", "YE", "IEU", "YEU", "OAI", "OAY", "OAO", "UOI", "UOU", "UYE", "UYA", "UAY",
    ];
    ONSETS
        .iter()
        .filter_map(|onset| word.strip_prefix(onset))
        .any(|rime| CODAS.iter().filter_map(|coda| rime.strip_suffix(coda)).any(|nucleus| NUCLEI.contains(&nucleus)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_capitals_are_told_from_abbreviations() {
        for word in ["NAM", "LAN", "NGHIEM", "QUYEN", "HUONG", "ANH", "VIP", "TRANG"] {
            assert!(is_syllable(word), "{word}");
        }
        for word in ["ATM", "OTP", "SMS", "FPT", "BIDV", "TNHH", "USB", "VNPT", "CCCD"] {
            assert!(!is_syllable(word), "{word}");
        }
    }
}
