//! How numbers are said: lists of built-in words.
//!
//! Vietnamese: 1 after *mươi* is *mốt*, 4 after *mươi* is *tư*, 5 after *mười* and *mươi* is *lăm*; an empty place of
//! tens is *linh*; an inner group below a hundred says its *không trăm*.

use super::Language;

/// Returns the words of a number. Beyond 999,999,999 the digits are said.
pub fn number(language: Language, number: u32) -> Vec<&'static str> {
    if number > 999_999_999 {
        return digits(language, &number.to_string());
    }
    let (millions, thousands, rest) = (number / 1_000_000, number / 1_000 % 1_000, number % 1_000);
    let mut words = Vec::new();
    for (group, name) in [(millions, Some("million")), (thousands, Some("thousand")), (rest, None)] {
        if group > 0 || (name.is_none() && words.is_empty()) {
            match language {
                Language::En => english(group, &mut words),
                Language::Vi => vietnamese(group, &mut words),
            }
            words.extend(name);
        }
    }
    words
}

/// Returns the words of digits said one by one; what is no digit is passed over, except `*`, `#` and `+`.
pub fn digits(_language: Language, text: &str) -> Vec<&'static str> {
    let word = |c: char| match c {
        '*' => Some("star"),
        '#' => Some("pound"),
        '+' => Some("plus"),
        _ => c.to_digit(10).map(unit),
    };
    text.chars().filter_map(word).collect()
}

const fn unit(digit: u32) -> &'static str {
    match digit {
        0 => "0",
        1 => "1",
        2 => "2",
        3 => "3",
        4 => "4",
        5 => "5",
        6 => "6",
        7 => "7",
        8 => "8",
        _ => "9",
    }
}

fn english(group: u32, words: &mut Vec<&'static str>) {
    const TEENS: [&str; 10] = ["10", "11", "12", "13", "14", "15", "16", "17", "18", "19"];
    const TENS: [&str; 10] = ["", "", "20", "30", "40", "50", "60", "70", "80", "90"];
    let (hundreds, tens, ones) = (group / 100, group / 10 % 10, group % 10);
    if hundreds > 0 {
        words.extend([unit(hundreds), "hundred"]);
    }
    match (tens, ones) {
        (0, 0) if hundreds > 0 => {}
        (0, _) => words.push(unit(ones)),
        (1, _) => words.push(TEENS[ones as usize]),
        (_, 0) => words.push(TENS[tens as usize]),
        _ => words.extend([TENS[tens as usize], unit(ones)]),
    }
}

fn vietnamese(group: u32, words: &mut Vec<&'static str>) {
    let (hundreds, tens, ones) = (group / 100, group / 10 % 10, group % 10);
    let is_inner = !words.is_empty();
    if hundreds > 0 || is_inner {
        words.extend([unit(hundreds), "hundred"]);
    }
    match (tens, ones) {
        (0, 0) if hundreds > 0 || is_inner => {}
        (0, _) if hundreds > 0 || is_inner => words.extend(["linh", unit(ones)]),
        (0, _) => words.push(unit(ones)),
        (1, 0) => words.push("10"),
        (1, 5) => words.extend(["10", "lam"]),
        (1, _) => words.extend(["10", unit(ones)]),
        (_, 0) => words.extend([unit(tens), "muoi"]),
        (_, 1) => words.extend([unit(tens), "muoi", "mot"]),
        (_, 4) => words.extend([unit(tens), "muoi", "tu"]),
        (_, 5) => words.extend([unit(tens), "muoi", "lam"]),
        _ => words.extend([unit(tens), "muoi", unit(ones)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::word;

    fn said(language: Language, n: u32) -> String {
        let text = |name: &str| word(name).map(|word| word.text(language)).unwrap_or_default();
        number(language, n).into_iter().map(text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn vietnamese_numbers_follow_the_rules_of_speech() {
        for (number, text) in [
            (0, "không"),
            (1, "một"),
            (4, "bốn"),
            (5, "năm"),
            (10, "mười"),
            (11, "mười một"),
            (14, "mười bốn"),
            (15, "mười lăm"),
            (20, "hai mươi"),
            (21, "hai mươi mốt"),
            (24, "hai mươi tư"),
            (25, "hai mươi lăm"),
            (55, "năm mươi lăm"),
            (99, "chín mươi chín"),
            (100, "một trăm"),
            (101, "một trăm linh một"),
            (105, "một trăm linh năm"),
            (110, "một trăm mười"),
            (505, "năm trăm linh năm"),
            (1_000, "một nghìn"),
            (1_005, "một nghìn không trăm linh năm"),
            (523_056, "năm trăm hai mươi ba nghìn không trăm năm mươi sáu"),
            (2_000_001, "hai triệu không trăm linh một"),
        ] {
            assert_eq!(said(Language::Vi, number), text, "{number}");
        }
    }

    #[test]
    fn english_numbers_are_said_in_groups() {
        for (number, text) in [
            (0, "zero"),
            (13, "thirteen"),
            (20, "twenty"),
            (42, "forty two"),
            (100, "one hundred"),
            (315, "three hundred fifteen"),
            (1_001, "one thousand one"),
            (1_000_000, "one million"),
        ] {
            assert_eq!(said(Language::En, number), text, "{number}");
        }
    }

    #[test]
    fn a_telephone_number_is_said_digit_by_digit() {
        assert_eq!(digits(Language::Vi, "+84 9-05#"), ["plus", "8", "4", "9", "0", "5", "pound"]);
    }
}
