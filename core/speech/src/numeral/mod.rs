//! Numbers as words, from their digits: no arithmetic that could overflow.

mod en;
mod vi;

pub(crate) use en::{ordinal, year};

use crate::reading::{Reading, Region};

/// Longer numbers are read digit by digit.
pub(crate) const MOST_DIGITS: usize = 21;

/// Returns the words of a whole number, in the parts in which it is best cached: one for each group of three digits,
/// with the name of the group (*năm trăm nghìn*). What is no number of at most 21 digits is read digit by digit.
pub(crate) fn groups(digits: &str, reading: Reading) -> Vec<String> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || digits.is_empty() {
        return vec![spell_digits(digits, reading)];
    }
    let short = digits.trim_start_matches('0');
    if short.is_empty() {
        return vec![digit(0, reading).to_owned()];
    }
    if short.len() > MOST_DIGITS {
        return vec![spell_digits(digits, reading)];
    }
    match reading {
        Reading::Vietnamese(region) => vi::groups(short, region),
        Reading::English => en::groups(short),
    }
}

/// Returns the words of a whole number.
pub fn cardinal(digits: &str, reading: Reading) -> String {
    groups(digits, reading).join(" ")
}

/// Returns the words of digits said one by one; what is no digit is passed over.
pub fn spell_digits(text: &str, reading: Reading) -> String {
    let words: Vec<_> = text.chars().filter_map(|c| c.to_digit(10)).map(|value| digit(value, reading)).collect();
    words.join(" ")
}

/// Returns the word of one digit, as in a telephone number.
pub(crate) const fn digit(value: u32, reading: Reading) -> &'static str {
    const VI: [&str; 10] = ["không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín"];
    const EN: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let value = (value % 10) as usize;
    match reading {
        Reading::Vietnamese(_) => VI[value],
        Reading::English => EN[value],
    }
}

/// Returns *nghìn* or *ngàn*, *thousand*.
pub(crate) const fn thousand(reading: Reading) -> &'static str {
    match reading {
        Reading::Vietnamese(Region::North) => "nghìn",
        Reading::Vietnamese(Region::South) => "ngàn",
        Reading::English => "thousand",
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, proptest};

    use super::*;

    #[test]
    fn a_number_is_cut_where_it_is_cached() {
        assert_eq!(groups("523056", Reading::NORTH), ["năm trăm hai mươi ba nghìn", "không trăm năm mươi sáu"]);
        assert_eq!(groups("1100000000000", Reading::NORTH), ["một nghìn", "một trăm tỷ"]);
        assert_eq!(groups("1200300", Reading::English), ["one million", "two hundred thousand", "three hundred"]);
    }

    #[test]
    fn what_is_too_long_is_spelt() {
        assert_eq!(cardinal(&"7".repeat(22), Reading::English), ["seven"; 22].join(" "));
        assert_eq!(cardinal("", Reading::English), "");
    }

    /// Reads words back, so that writer and reader must agree on every number.
    fn value(words: &str) -> u64 {
        let mut total = 0;
        let mut group = 0;
        let mut ones = 0;
        for word in words.split(' ') {
            match word {
                "không" | "linh" | "lẻ" => {}
                "một" | "mốt" => ones = 1,
                "hai" => ones = 2,
                "ba" => ones = 3,
                "bốn" | "tư" => ones = 4,
                "năm" | "lăm" => ones = 5,
                "sáu" => ones = 6,
                "bảy" => ones = 7,
                "tám" => ones = 8,
                "chín" => ones = 9,
                "mười" => (group, ones) = (group + 10, 0),
                "mươi" => (group, ones) = (group + ones * 10, 0),
                "trăm" => (group, ones) = (group + ones * 100, 0),
                scale => {
                    group += ones;
                    ones = 0;
                    let factor = match scale {
                        "nghìn" | "ngàn" => 1_000,
                        "triệu" => 1_000_000,
                        _ => 1_000_000_000,
                    };
                    if factor == 1_000_000_000 {
                        total = (total + group) * factor;
                    } else {
                        total += group * factor;
                    }
                    group = 0;
                }
            }
        }
        total + group + ones
    }

    proptest! {
        #[test]
        fn every_vietnamese_number_can_be_read_back(number in 0_u64..1_000_000_000_000_000_000, cut in 1_u64..1_000_000_000_000) {
            for number in [number, number / cut] {
                for reading in [Reading::NORTH, Reading::SOUTH] {
                    let words = cardinal(&number.to_string(), reading);
                    prop_assert!(value(&words) == number, "{number}: {words}");
                }
            }
        }

        #[test]
        fn any_digits_have_words(digits in "[0-9]{1,40}") {
            for reading in [Reading::NORTH, Reading::SOUTH, Reading::English] {
                let words = cardinal(&digits, reading);
                prop_assert!(!words.is_empty() && words.split(' ').all(|word| !word.is_empty()), "{words:?}");
            }
        }
    }
}
