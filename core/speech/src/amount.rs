//! Numbers as they are written: signs, groups of thousands, decimals.
//!
//! ```text
//! Vietnamese   1.234.567,89      a dot before exactly three digits groups, a comma is the decimal sign
//! English      1,234,567.89      the other way round
//! both         1.234.567 and 1,234,567 group, whatever the language: there are two of the same sign
//! ```

use crate::{numeral, reading::Reading};

/// Whose way of writing numbers it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notation {
    /// As people write in the language that is read.
    Spoken(Reading),
    /// As JSON writes: a dot is the decimal sign, nothing groups.
    Machine,
}

/// A number with the digits that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Amount {
    /// Without signs of grouping; leading zeros are kept.
    pub(crate) whole: String,
    /// The digits behind the decimal sign; never empty.
    pub(crate) fraction: Option<String>,
    /// Whether thousands were set apart.
    pub(crate) is_grouped: bool,
}

impl Amount {
    /// Reads an unsigned number at the beginning of `chars`; returns it and how many characters it takes. Versions
    /// and addresses (`1.2.3`) are no numbers; of a list (`1,2,3`) the first is read.
    pub(crate) fn parse(chars: &[char], notation: Notation) -> Option<(Self, usize)> {
        let mut parts: Vec<(char, String)> = Vec::new();
        let mut at = 0;
        let mut sign = ' ';
        loop {
            let digits: String = chars[at..].iter().take_while(|c| c.is_ascii_digit()).collect();
            if digits.is_empty() {
                break;
            }
            at += digits.len();
            parts.push((sign, digits));
            match chars.get(at) {
                Some(c @ ('.' | ',')) if chars.get(at + 1).is_some_and(char::is_ascii_digit) => {
                    sign = *c;
                    at += 1;
                }
                _ => break,
            }
        }
        let (_, first) = parts.first()?.clone();
        if parts.len() == 1 {
            return Self::spaced(chars, &first, at).or_else(|| Some((Self::plain(first), at)));
        }
        let signs: Vec<char> = parts[1..].iter().map(|(sign, _)| *sign).collect();
        let is_group = |part: &(char, String)| part.1.len() == 3;
        let leads = first.len() <= 3 && !first.starts_with('0');
        let last = parts.len() - 1;
        let same = signs.iter().all(|sign| *sign == signs[0]);
        let join = |parts: &[(char, String)]| parts.iter().map(|(_, digits)| digits.as_str()).collect::<String>();
        if notation == Notation::Machine {
            let is_decimal = parts.len() == 2 && signs[0] == '.';
            let fraction = Some(parts[1].1.clone());
            return is_decimal.then_some((Self { whole: first, fraction, is_grouped: false }, at));
        }
        let groups = match notation {
            Notation::Spoken(Reading::Vietnamese(_)) => '.',
            _ => ',',
        };
        if same && leads && parts[1..].iter().all(is_group) && (signs.len() > 1 || signs[0] == groups) {
            return Some((Self { whole: join(&parts), fraction: None, is_grouped: true }, at));
        }
        if parts.len() == 2 {
            let fraction = Some(parts[1].1.clone());
            return Some((Self { whole: first, fraction, is_grouped: false }, at));
        }
        let mixed = signs[last - 1] != signs[0] && signs[..last - 1].iter().all(|sign| *sign == signs[0]);
        if mixed && leads && parts[1..last].iter().all(is_group) {
            let fraction = Some(parts[last].1.clone());
            return Some((Self { whole: join(&parts[..last]), fraction, is_grouped: true }, at));
        }
        let length = first.len();
        (signs[0] == ',').then_some((Self::plain(first), length))
    }

    /// Reads thousands that are set apart by blanks, `1 500 000`: at least two groups, or it may be a telephone number.
    fn spaced(chars: &[char], first: &str, mut at: usize) -> Option<(Self, usize)> {
        if first.len() > 3 || first.starts_with('0') {
            return None;
        }
        let mut whole = first.to_owned();
        while let [' ', a, b, c, ..] = chars[at..]
            && [a, b, c].iter().all(|c| c.is_ascii_digit())
            && !chars.get(at + 4).is_some_and(char::is_ascii_alphanumeric)
        {
            whole.extend([a, b, c]);
            at += 4;
        }
        (whole.len() >= first.len() + 6 && whole.ends_with("000"))
            .then_some((Self { whole, fraction: None, is_grouped: true }, at))
    }

    const fn plain(whole: String) -> Self {
        Self { whole, fraction: None, is_grouped: false }
    }

    /// Returns the whole number without leading zeros.
    pub(crate) fn significant(&self) -> &str {
        self.whole.trim_start_matches('0')
    }

    /// Returns the value if it is a whole number that fits.
    pub(crate) fn value(&self) -> Option<u64> {
        self.fraction.is_none().then(|| self.whole.parse().ok()).flatten()
    }

    /// Tells whether it is exactly one, for the English singular.
    pub(crate) fn is_one(&self) -> bool {
        self.fraction.is_none() && self.significant() == "1"
    }

    /// Returns the words, cut where numbers are cached; of decimals each digit is said.
    pub(crate) fn groups(&self, reading: Reading) -> Vec<String> {
        let mut said = numeral::groups(&self.whole, reading);
        if let Some(fraction) = &self.fraction {
            let point = reading.pick("phẩy", "point");
            said.push(format!("{point} {}", numeral::spell_digits(fraction, reading)));
        }
        said
    }

    pub(crate) fn words(&self, reading: Reading) -> String {
        self.groups(reading).join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_their_language_writes_them() {
        let vi = Notation::Spoken(Reading::NORTH);
        let en = Notation::Spoken(Reading::English);
        for (notation, text, whole, fraction, length) in [
            (vi, "1.500", "1500", None, 5),
            (en, "1.500", "1", Some("500"), 5),
            (vi, "1,500", "1", Some("500"), 5),
            (en, "1,500", "1500", None, 5),
            (vi, "1.234.567,89", "1234567", Some("89"), 12),
            (en, "1,234,567.89", "1234567", Some("89"), 12),
            (vi, "1,234,567", "1234567", None, 9),
            (en, "1.234.567", "1234567", None, 9),
            (vi, "1.1200", "1", Some("1200"), 6),
            (vi, "0.500", "0", Some("500"), 5),
            (vi, "5.", "5", None, 1),
            (vi, "5, 6", "5", None, 1),
            (vi, "1,2,3", "1", None, 1),
            (vi, "1 500 000", "1500000", None, 9),
            (vi, "1 500 khách", "1", None, 1),
            (Notation::Machine, "1.125", "1", Some("125"), 5),
            (Notation::Machine, "1500000", "1500000", None, 7),
        ] {
            let chars: Vec<char> = text.chars().collect();
            let (amount, taken) = Amount::parse(&chars, notation).unwrap();
            assert_eq!((amount.whole.as_str(), amount.fraction.as_deref(), taken), (whole, fraction, length), "{text}");
        }
        for text in ["1.2.3", "192.168.1.1", "x", ""] {
            assert_eq!(Amount::parse(&text.chars().collect::<Vec<_>>(), vi), None, "{text}");
        }
    }
}
