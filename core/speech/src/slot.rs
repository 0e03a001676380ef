//! Values of leads, read as the type of their variable says: nothing is guessed where it was declared.

use thiserror::Error;

use crate::{
    amount::{Amount, Notation},
    clean::{self, Odd, clean},
    guess::{
        self,
        calendar::{Date, Time},
        number_groups,
        quantity::{minus, money, percent},
        spelled,
    },
    lexicon::{self, Currency},
    reading::Reading,
    segment::Joint,
};

/// The longest value, in characters.
pub const MOST_VALUE: usize = 500;
/// The longest name, in characters.
pub const MOST_NAME: usize = 100;
/// Years that a date may have.
const YEARS: std::ops::RangeInclusive<u32> = 1900..=2199;

/// How a variable is read aloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Of a person or a company: left as it is.
    Name,
    /// An amount; đồng if nothing else is said.
    Money,
    Number,
    /// Telephone numbers, one-time codes, order numbers: one by one.
    Digits,
    Date,
    Time,
    Percent,
    /// Anything: read by guessing.
    #[default]
    Text,
}

impl Kind {
    pub const ALL: &'static [Self] =
        &[Self::Name, Self::Money, Self::Number, Self::Digits, Self::Date, Self::Time, Self::Percent, Self::Text];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Money => "money",
            Self::Number => "number",
            Self::Digits => "digits",
            Self::Date => "date",
            Self::Time => "time",
            Self::Percent => "percent",
            Self::Text => "text",
        }
    }

    /// Reads a name; `currency` and `phone`, as the API calls variables, are money and digits.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "currency" => Some(Self::Money),
            "phone" => Some(Self::Digits),
            name => Self::ALL.iter().copied().find(|kind| kind.as_str() == name),
        }
    }
}

/// A value as it arrived.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// Written by a person, in the way of the language: `1.500` is fifteen hundred in Vietnamese.
    Text(String),
    /// A JSON number: a dot is the decimal sign, `1.500` is one and a half.
    Number(String),
}

impl Value {
    fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
        }
    }
}

/// Why a value cannot be read as what its variable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    #[error("is empty, or holds nothing that can be said")]
    Empty,
    #[error("is longer than {0} characters")]
    TooLong(usize),
    #[error("holds control characters")]
    Control,
    #[error("is no amount of money, such as 1500000 or 19.99 USD")]
    NotMoney,
    #[error("has parts of a đồng: amounts in VND are whole")]
    PartOfDong,
    #[error("is no number")]
    NotNumber,
    #[error("is no percentage, such as 12.5")]
    NotPercent,
    #[error("is no number to be read digit by digit")]
    NotDigits,
    #[error("is no date, such as 2026-04-05 or 05/04/2026")]
    NotDate,
    #[error("is no time of day, such as 08:30")]
    NotTime,
    #[error("names a time zone: give the time as it is to be heard")]
    Zoned,
}

/// What a constant part beside a slot already says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Around {
    /// The text before ends with *ngày*.
    pub(crate) is_after_day: bool,
    /// The text behind begins with a unit, which the slot says itself.
    pub(crate) unit: Option<Ahead>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ahead {
    Currency(&'static Currency),
    Percent,
}

/// Returns the words of a value, in the parts in which they are cached, each with how it meets the next.
pub(crate) fn say(
    kind: Kind,
    value: &Value,
    around: Around,
    reading: Reading,
) -> Result<Vec<(String, Joint)>, Unreadable> {
    let most = if kind == Kind::Name { MOST_NAME } else { MOST_VALUE };
    if value.as_str().len() > most * 8 {
        return Err(Unreadable::TooLong(most));
    }
    if value.as_str().chars().any(|c| clean::odd(c) == Some(Odd::Control)) {
        return Err(Unreadable::Control);
    }
    let text = clean(value.as_str());
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > most {
        return Err(Unreadable::TooLong(most));
    }
    if text.is_empty() {
        return Err(Unreadable::Empty);
    }
    let notation = match value {
        Value::Text(_) => Notation::Spoken(reading),
        Value::Number(_) => Notation::Machine,
    };
    let parts = match (kind, around.unit) {
        (Kind::Name, _) => name(&text, reading),
        (Kind::Money, Some(Ahead::Currency(currency))) => amount_of_money(&text, notation, Some(currency), reading)?,
        (Kind::Money, _) => amount_of_money(&text, notation, None, reading)?,
        (Kind::Number, Some(Ahead::Currency(currency))) => amount_of_money(&text, notation, Some(currency), reading)?,
        (Kind::Number, Some(Ahead::Percent)) | (Kind::Percent, _) => {
            let bare = text.trim_end_matches('%').trim_end();
            let mut parts = number(bare, notation, reading).ok_or(Unreadable::NotPercent)?;
            parts.push(percent(reading).to_owned());
            parts
        }
        (Kind::Number, None) => number(&text, notation, reading).ok_or(Unreadable::NotNumber)?,
        (Kind::Digits, _) => return digits(&text, reading),
        (Kind::Date, _) => {
            let mut parts = date(&text)?.parts(reading);
            if let Some(first) = parts.first_mut().filter(|_| around.is_after_day) {
                *first = first.strip_prefix("ngày ").unwrap_or(first).to_owned();
            }
            parts
        }
        (Kind::Time, _) => time(&text)?.parts(reading),
        (Kind::Text, _) => return free(&text, reading),
    };
    if parts.is_empty() {
        return Err(Unreadable::Empty);
    }
    Ok(parts.into_iter().map(|part| (part, Joint::Phrase)).collect())
}

/// Names are not touched; what has digits or signs is no mere name.
fn name(text: &str, reading: Reading) -> Vec<String> {
    let is_part = |c: char| {
        c.is_alphabetic() || unicode_normalization::char::is_combining_mark(c) || matches!(c, ' ' | '\'' | '-' | '.')
    };
    let said = if text.chars().all(is_part) { text.to_owned() } else { guess::normalise(text, reading) };
    let has_letters = said.chars().any(char::is_alphabetic);
    has_letters.then_some(said).into_iter().collect()
}

fn free(text: &str, reading: Reading) -> Result<Vec<(String, Joint)>, Unreadable> {
    let said = guess::normalise(text, reading);
    // The template's own marks end what it says.
    let said = said.trim_end_matches(['.', ',']).to_owned();
    // Marks without a letter to stand on are nothing that can be said.
    if said.chars().any(char::is_alphabetic) { Ok(vec![(said, Joint::Phrase)]) } else { Err(Unreadable::Empty) }
}

/// Reads a number with a sign, and nothing else.
fn signed(text: &str, notation: Notation) -> Option<(bool, Amount)> {
    let (is_negative, rest) = match text.strip_prefix(['-', '–']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let chars: Vec<char> = rest.chars().collect();
    let (amount, taken) = Amount::parse(&chars, notation)?;
    let is_zero = amount.significant().is_empty()
        && amount.fraction.as_deref().is_none_or(|rest| rest.bytes().all(|b| b == b'0'));
    (taken == chars.len()).then_some((is_negative && !is_zero, amount))
}

fn number(text: &str, notation: Notation, reading: Reading) -> Option<Vec<String>> {
    let (is_negative, amount) = signed(text, notation)?;
    Some(with_sign(is_negative, amount.groups(reading), reading))
}

fn with_sign(is_negative: bool, parts: Vec<String>, reading: Reading) -> Vec<String> {
    let sign = is_negative.then(|| minus(reading).to_owned());
    sign.into_iter().chain(parts).collect()
}

fn amount_of_money(
    text: &str,
    notation: Notation,
    given: Option<&'static Currency>,
    reading: Reading,
) -> Result<Vec<String>, Unreadable> {
    let (bare, named) = split_currency(text);
    let Some((is_negative, mut amount)) = signed(bare, notation) else {
        // "500k", "2tr5", "$1.5 triệu": rarer, and one clip.
        return guess::measure(text, reading).map(|words| vec![words]).ok_or(Unreadable::NotMoney);
    };
    let currency = named.or(given).or_else(|| lexicon::of_code("VND")).ok_or(Unreadable::NotMoney)?;
    if currency.is_dong()
        && let Some(fraction) = amount.fraction.take()
    {
        let is_group = fraction.len() == 3 && !amount.whole.starts_with('0') && notation != Notation::Machine;
        if is_group {
            amount.whole.push_str(&fraction);
        } else if fraction.bytes().any(|digit| digit != b'0') {
            return Err(Unreadable::PartOfDong);
        }
    }
    Ok(with_sign(is_negative, money(&amount, currency, reading), reading))
}

/// Takes the currency off an amount, before or behind it.
fn split_currency(text: &str) -> (&str, Option<&'static Currency>) {
    let named = |word: &str| {
        let mut chars = word.chars();
        let sign = chars.next().filter(|_| chars.next().is_none()).and_then(lexicon::of_symbol);
        let is_dong = matches!(word, "đ" | "Đ" | "d" | "đồng" | "Đồng" | "dong");
        sign.or_else(|| lexicon::of_code(if is_dong { "VND" } else { word }))
    };
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+' | '–' | ' ');
    let front = text.find(is_number).unwrap_or(0);
    if let (Some(currency), Some(rest)) = (named(text[..front].trim()), text.get(front..)) {
        return (rest.trim(), Some(currency));
    }
    // A minus sign stands before the currency too: -$5.
    let back = text.rfind(is_number).map_or(0, |at| at + text[at..].chars().next().map_or(0, char::len_utf8));
    match named(text[back..].trim()) {
        Some(currency) => (text[..back].trim(), Some(currency)),
        None => (text, None),
    }
}

fn digits(text: &str, reading: Reading) -> Result<Vec<(String, Joint)>, Unreadable> {
    let is_sign = |c: char| matches!(c, ' ' | '.' | '-' | '(' | ')' | '/' | '_' | '*' | '#' | '+');
    let fits = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, 'Đ' | 'đ') || is_sign(c));
    if !fits || !text.contains(|c: char| c.is_ascii_digit()) {
        return Err(Unreadable::NotDigits);
    }
    let is_number = text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '.' | '-' | '(' | ')' | '+'));
    let parts = if is_number { number_groups(text, reading) } else { spelled(&text.to_uppercase(), reading) };
    Ok(parts.into_iter().map(|part| (part, Joint::Clause)).collect())
}

/// Reads `2026-04-05`, `05/04/2026`, `5-4-2026`, `05.04.2026`, `05/04`, and the date of `2026-04-05T08:30`. The day
/// stands before the month in both languages; what is no date in this order is refused rather than turned around.
fn date(text: &str) -> Result<Date, Unreadable> {
    let day = match text.split_once(['T', ' ']) {
        Some((day, rest)) if rest.contains(':') => {
            if is_zoned(rest) {
                return Err(Unreadable::Zoned);
            }
            day
        }
        _ => text,
    };
    let sign = day.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '-' | '/' | '.'));
    let parts: Vec<&str> = sign.map(|sign| day.split(sign).collect()).unwrap_or_default();
    let number = |text: &str, most: usize| {
        let fits = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| text.parse::<u32>().ok()).flatten()
    };
    let found = match parts[..] {
        [year, month, day] if year.len() == 4 => number(year, 4)
            .zip(number(month, 2))
            .zip(number(day, 2))
            .map(|((year, month), day)| (day, month, Some(year))),
        [day, month, year] if year.len() == 4 => number(year, 4)
            .zip(number(month, 2))
            .zip(number(day, 2))
            .map(|((year, month), day)| (day, month, Some(year))),
        [day, month] if sign == Some('/') => {
            number(day, 2).zip(number(month, 2)).map(|(day, month)| (day, month, None))
        }
        _ => None,
    };
    found
        .and_then(|(day, month, year)| Date::new(day, month, year))
        .filter(|date| date.year.is_none_or(|year| YEARS.contains(&year)))
        .ok_or(Unreadable::NotDate)
}

/// Reads `08:30`, `8h30`, `8:30 PM`, and the time of `2026-04-05T08:30:00`; seconds of zero are not said.
fn time(text: &str) -> Result<Time, Unreadable> {
    let clock = match text.split_once(['T', ' ']) {
        Some((day, rest)) if date(day).is_ok() => rest,
        _ => text,
    };
    if is_zoned(clock) {
        return Err(Unreadable::Zoned);
    }
    let clock = clock.split_once('.').map_or(clock, |(clock, fraction)| {
        if !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit()) { clock } else { text }
    });
    guess::time_of_day(clock).ok_or(Unreadable::NotTime)
}

/// Tells whether a clock time ends with `Z` or an offset: heard as it stands, it would be another time.
fn is_zoned(clock: &str) -> bool {
    let tail = clock.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ':' | '.'));
    clock.contains(':') && (tail == "Z" || tail == "z" || tail.starts_with(['+', '-']))
}
