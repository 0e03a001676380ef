//! English numbers, American: *three hundred fifteen*.

use super::digit;
use crate::reading::Reading;

const TEENS: [&str; 10] =
    ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [&str; 7] = ["", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion"];

/// Takes digits without leading zeros, at most 21.
pub(super) fn groups(digits: &str) -> Vec<String> {
    let count = digits.len().div_ceil(3);
    let mut said = Vec::new();
    let mut rest = digits;
    for scale in (0..count).rev() {
        let (group, after) = rest.split_at(rest.len() - scale * 3);
        rest = after;
        let value: u32 = group.parse().unwrap_or_default();
        if value > 0 {
            let mut words = below_thousand(value);
            words.extend(SCALES.get(scale).copied().filter(|name| !name.is_empty()));
            said.push(words.join(" "));
        }
    }
    said
}

fn below_thousand(value: u32) -> Vec<&'static str> {
    let unit = |value| digit(value, Reading::English);
    let (hundreds, tens, ones) = (value / 100 % 10, value / 10 % 10, value % 10);
    let mut words = Vec::new();
    if hundreds > 0 {
        words.extend([unit(hundreds), "hundred"]);
    }
    match (tens, ones) {
        (0, 0) => {}
        (0, _) => words.push(unit(ones)),
        (1, _) => words.push(TEENS[ones as usize]),
        (_, 0) => words.push(TENS[tens as usize]),
        _ => words.extend([TENS[tens as usize], unit(ones)]),
    }
    words
}

/// Turns the words of a number into those of its rank: *twenty one* to *twenty first*.
pub(crate) fn ordinal(cardinal: &str) -> String {
    let (before, last) = cardinal.rsplit_once(' ').map_or(("", cardinal), |(before, last)| (before, last));
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        tens if tens.ends_with('y') => format!("{}ieth", tens.trim_end_matches('y')),
        other => format!("{other}th"),
    };
    if before.is_empty() { last } else { format!("{before} {last}") }
}

/// Returns the words of a year: *nineteen oh five*, *two thousand nine*, *twenty twenty six*.
pub(crate) fn year(year: u32) -> String {
    let (century, rest) = (year / 100, year % 100);
    let two = |value: u32| groups(&value.to_string()).join(" ");
    match (century, rest) {
        (10..=99, 1..=9) if century % 10 == 0 => two(year),
        (10..=99, 0) if century % 10 == 0 => two(year),
        (10..=99, 0) => format!("{} hundred", two(century)),
        (10..=99, 1..=9) => format!("{} oh {}", two(century), two(rest)),
        (10..=99, _) => format!("{} {}", two(century), two(rest)),
        _ => super::cardinal(&year.to_string(), Reading::English),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_end_as_they_are_spoken() {
        for (number, words) in [
            ("1", "first"),
            ("2", "second"),
            ("3", "third"),
            ("4", "fourth"),
            ("5", "fifth"),
            ("8", "eighth"),
            ("9", "ninth"),
            ("11", "eleventh"),
            ("12", "twelfth"),
            ("13", "thirteenth"),
            ("20", "twentieth"),
            ("21", "twenty first"),
            ("40", "fortieth"),
            ("100", "one hundredth"),
            ("111", "one hundred eleventh"),
            ("1000", "one thousandth"),
        ] {
            assert_eq!(ordinal(&groups(number).join(" ")), words);
        }
    }

    #[test]
    fn years_are_read_in_pairs() {
        for (number, words) in [
            (1066, "ten sixty six"),
            (1900, "nineteen hundred"),
            (1905, "nineteen oh five"),
            (1999, "nineteen ninety nine"),
            (2000, "two thousand"),
            (2001, "two thousand one"),
            (2010, "twenty ten"),
            (2026, "twenty twenty six"),
            (2100, "twenty one hundred"),
            (850, "eight hundred fifty"),
        ] {
            assert_eq!(year(number), words);
        }
    }
}
