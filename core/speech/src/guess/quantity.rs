//! Numbers with what belongs to them: sign, multiplier, currency, percent, unit, rank.

use super::{Found, Scan, Sort};
use crate::{
    amount::{Amount, Notation},
    lexicon::{self, Currency},
    numeral::{self, cardinal, ordinal},
    reading::Reading,
};

/// Returns an amount of money in the parts in which it is cached: groups of the number, then the currency. English says
/// cents apart: *nineteen dollars and ninety nine cents*.
pub(crate) fn money(amount: &Amount, currency: &Currency, reading: Reading) -> Vec<String> {
    if let (Reading::English, Some(fraction), Some((cent, cents))) = (reading, &amount.fraction, currency.cent)
        && fraction.len() <= 2
    {
        let count: u32 = format!("{fraction:0<2}").parse().unwrap_or_default();
        let small = || {
            let name = if count == 1 { cent } else { cents };
            format!("{} {name}", cardinal(&count.to_string(), reading))
        };
        let whole = Amount { fraction: None, ..amount.clone() };
        if whole.significant().is_empty() && count > 0 {
            return vec![small()];
        }
        let mut parts = money(&whole, currency, reading);
        if count > 0 {
            parts.push(format!("and {}", small()));
        }
        return parts;
    }
    let mut parts = amount.groups(reading);
    parts.push(currency.name(amount.is_one(), reading).to_owned());
    parts
}

/// Returns the word for a number below zero.
pub(crate) const fn minus(reading: Reading) -> &'static str {
    reading.pick("âm", "minus")
}

/// Returns *phần trăm* and *percent*.
pub(crate) const fn percent(reading: Reading) -> &'static str {
    reading.pick("phần trăm", "percent")
}

impl Scan<'_> {
    /// `1.500.000đ`, `$19.99`, `500k`, `2tr5`, `-5%`, `60 km/h`, `1m75`, `21st`, `1.234`.
    pub(super) fn quantity(&self, at: usize) -> Option<Found> {
        let mut place = at;
        let is_negative = self.peek(place) == Some('-');
        place += usize::from(is_negative);
        let sign = self.peek(place).and_then(lexicon::of_symbol);
        place += usize::from(sign.is_some());
        place += usize::from(sign.is_some() && self.peek(place) == Some(' '));
        let (amount, taken) = Amount::parse(&self.text[place..], Notation::Spoken(self.reading))?;
        let mut found = self.measured(amount, sign, place + taken);
        if is_negative {
            found.words.insert_str(0, &format!("{} ", minus(self.reading)));
            found.value = None;
        }
        Some(found)
    }

    /// Reads `USD 100` and `VND 1.500.000`, from the code on.
    pub(super) fn code_and_amount(&self, at: usize) -> Option<Found> {
        let end = self.run(at, char::is_alphabetic);
        let currency = lexicon::of_code(&self.slice(at, end)).filter(|_| (3..=4).contains(&(end - at)))?;
        let is_capital = self.text[at..end].iter().all(|c| c.is_uppercase());
        let place = end + usize::from(self.peek(end) == Some(' '));
        if !is_capital || !self.peek(place).is_some_and(|c| c.is_ascii_digit()) {
            return None;
        }
        let (amount, taken) = Amount::parse(&self.text[place..], Notation::Spoken(self.reading))?;
        Some(self.measured(amount, Some(currency), place + taken))
    }

    /// Says a number whose digits end at `end` together with what follows.
    fn measured(&self, amount: Amount, sign: Option<&'static Currency>, end: usize) -> Found {
        let reading = self.reading;
        let measure = |end, words| Found { end, words, sort: Sort::Measure, value: None };
        if let Some((name, after)) = self.multiplier(&amount, sign.is_some(), end) {
            if let Some(found) = self.compound(&amount, name, after) {
                return found;
            }
            let (currency, after) = match sign {
                Some(currency) => (Some(currency), after),
                None => self.currency(after, &amount).map_or((None, after), |(found, end)| (Some(found), end)),
            };
            let mut words = format!("{} {name}", amount.words(reading));
            if let Some(currency) = currency {
                words = format!("{words} {}", currency.name(false, reading));
            }
            return measure(after, words);
        }
        let currency = sign.map(|currency| (currency, end)).or_else(|| self.currency(end, &amount));
        if let Some((currency, after)) = currency {
            let amount = if currency.is_dong() { whole_dong(amount) } else { amount };
            return measure(after, money(&amount, currency, reading).join(" "));
        }
        let blank = usize::from(self.peek(end) == Some(' '));
        match self.peek(end + blank) {
            Some('%') => return measure(end + blank + 1, format!("{} {}", amount.words(reading), percent(reading))),
            Some('‰') => {
                let mille = reading.pick("phần nghìn", "per mille");
                return measure(end + blank + 1, format!("{} {mille}", amount.words(reading)));
            }
            _ => {}
        }
        if let Some(found) = self.height(&amount, end) {
            return found;
        }
        if let Some((unit, after)) = self.unit(end) {
            return measure(after, format!("{} {}", amount.words(reading), unit.name(amount.is_one(), reading)));
        }
        self.bare(&amount, end)
    }

    /// Reads a currency behind a number.
    fn currency(&self, end: usize, amount: &Amount) -> Option<(&'static Currency, usize)> {
        let blank = usize::from(self.peek(end) == Some(' '));
        let from = end + blank;
        if let Some(currency) = self.peek(from).and_then(lexicon::of_symbol) {
            // A sign that leads the next number is not ours.
            let leads = self.peek(from + 1).is_some_and(|c| c.is_ascii_digit());
            return (!leads).then_some((currency, from + 1));
        }
        let after = self.run(from, char::is_alphanumeric);
        let code = self.slice(from, after);
        let is_dong = matches!(code.as_str(), "đ" | "Đ")
            || code == "d"
                && blank == 0
                && self.reading.is_vietnamese()
                && (amount.is_grouped || amount.whole.len() > 3);
        if is_dong {
            return lexicon::of_code("VND").map(|currency| (currency, after));
        }
        let is_code = code.chars().all(char::is_uppercase) || matches!(code.as_str(), "vnđ" | "vnd" | "usd");
        lexicon::of_code(&code).filter(|_| is_code).map(|currency| (currency, after))
    }

    /// Reads `k`, `tr`, `M`, `bn`, and after a sign of currency `triệu` or `million`.
    fn multiplier(&self, amount: &Amount, has_sign: bool, end: usize) -> Option<(&'static str, usize)> {
        let is_attached = self.peek(end).is_some_and(char::is_alphabetic);
        let from = end + usize::from(!is_attached && self.peek(end) == Some(' '));
        let after = self.run(from, char::is_alphabetic);
        let word = self.slice(from, after);
        const PLACES: &[&str] = &[
            "phòng",
            "căn",
            "tòa",
            "toà",
            "lô",
            "cổng",
            "ghế",
            "block",
            "apt.",
            "apartment",
            "room",
            "unit",
            "suite",
            "gate",
            "seat",
            "flat",
        ];
        if is_attached && self.after(PLACES) {
            return None;
        }
        let thousand = numeral::thousand(self.reading);
        let vietnamese = self.reading.is_vietnamese();
        let name = match (word.as_str(), vietnamese) {
            ("k" | "K", _) if is_attached => thousand,
            ("tr", true) => "triệu",
            ("M", true) if is_attached => "triệu",
            ("B", true) if is_attached => "tỷ",
            ("tỷ" | "tỉ", true) if is_attached || has_sign => "tỷ",
            ("triệu", true) if is_attached || has_sign => "triệu",
            ("nghìn" | "ngàn", true) if is_attached || has_sign => thousand,
            ("M" | "mn" | "mil", false) if is_attached => "million",
            ("m", false) if is_attached && has_sign => "million",
            ("B" | "bn", false) if is_attached => "billion",
            ("T" | "tn", false) if is_attached && has_sign => "trillion",
            ("thousand" | "million" | "billion" | "trillion", false) if has_sign => match word.as_str() {
                "thousand" => "thousand",
                "million" => "million",
                "billion" => "billion",
                _ => "trillion",
            },
            _ => return None,
        };
        let continues = self.is_word_at(after) && !vietnamese;
        (!continues && !amount.whole.is_empty()).then_some((name, after))
    }

    /// Reads `2tr5` as two million five hundred thousand: the digits behind count in hundreds of the next lower name.
    fn compound(&self, amount: &Amount, name: &str, after: usize) -> Option<Found> {
        let (digits, end) = self.digit_run(after);
        let fits = (1..=3).contains(&digits.len()) && amount.fraction.is_none() && !self.is_word_at(end);
        if !fits || !self.reading.is_vietnamese() {
            return None;
        }
        let lower = match name {
            "tỷ" => " triệu".to_owned(),
            "triệu" => format!(" {}", numeral::thousand(self.reading)),
            _ => String::new(),
        };
        let rest = cardinal(&format!("{digits:0<3}"), self.reading);
        let words = format!("{} {name} {rest}{lower}", amount.words(self.reading));
        Some(Found { end, words, sort: Sort::Measure, value: None })
    }

    /// Reads `1m75`.
    fn height(&self, amount: &Amount, end: usize) -> Option<Found> {
        let (centimetres, last) = self.digit_run(end + 1);
        let fits = self.reading.is_vietnamese()
            && self.peek(end) == Some('m')
            && (1..=2).contains(&centimetres.len())
            && !matches!(centimetres.as_str(), "2" | "3")
            && !self.is_word_at(last);
        fits.then(|| {
            let words = format!("{} mét {}", amount.words(self.reading), cardinal(&centimetres, self.reading));
            Found { end: last, words, sort: Sort::Measure, value: None }
        })
    }

    /// Reads a unit behind a number: at once, or after a blank if nothing else is likely meant by it.
    fn unit(&self, end: usize) -> Option<(&'static lexicon::Unit, usize)> {
        let blank = usize::from(self.peek(end) == Some(' '));
        let from = end + blank;
        let is_sign = |c: char| c.is_alphabetic() || matches!(c, '°' | '²' | '³' | '2' | '3');
        let first = self.run(from, is_sign);
        let slashed = match self.peek(first) {
            Some('/') => self.run(first + 1, is_sign),
            _ => first,
        };
        [slashed, first].into_iter().find_map(|after| {
            let sign = self.slice(from, after);
            let is_sure =
                blank == 0 || sign.chars().count() > 1 || matches!(sign.as_str(), "m" | "g" | "l" | "h" | "°");
            let unit = lexicon::unit(&sign).filter(|_| is_sure && !self.is_word_at(after))?;
            Some((unit, after))
        })
    }

    /// Returns the unit that stands at `at` without a number, as in *a kilogram* behind a slash.
    pub(super) fn lone_unit(&self, at: usize) -> Option<(&'static str, usize)> {
        let after = self.run(at, |c| c.is_alphabetic() || matches!(c, '²' | '³' | '2' | '3'));
        let unit = lexicon::unit(&self.slice(at, after))?;
        (!self.is_word_at(after)).then(|| (unit.name(true, self.reading), after))
    }

    /// Says a number alone, as its neighbours ask for.
    fn bare(&self, amount: &Amount, end: usize) -> Found {
        let value = amount.value();
        let words = match (self.reading, value) {
            (Reading::Vietnamese(_), Some(1)) if self.after(&["thứ"]) => "nhất".to_owned(),
            (Reading::Vietnamese(_), Some(4)) if self.after(&["thứ", "tháng", "quý"]) => "tư".to_owned(),
            (Reading::Vietnamese(_), Some(1..=10)) if self.after(&["ngày"]) && self.is_before(end, &["tháng"]) => {
                format!("mùng {}", amount.words(self.reading))
            }
            (Reading::English, Some(number)) => return self.english(amount, number, end),
            _ => amount.words(self.reading),
        };
        Found { end, words, sort: Sort::Plain, value }
    }

    fn english(&self, amount: &Amount, number: u64, end: usize) -> Found {
        let found = |end, words| Found { end, words, sort: Sort::Plain, value: Some(number) };
        let suffix = self.run(end, char::is_alphabetic);
        let is_rank = matches!(self.slice(end, suffix).to_ascii_lowercase().as_str(), "st" | "nd" | "rd" | "th");
        if is_rank && !self.is_word_at(suffix) {
            return found(suffix, ordinal(&amount.words(self.reading)));
        }
        if let Some(found) = self.decade(amount, number, end) {
            return found;
        }
        const BEFORE_YEAR: &[&str] = &["in", "since", "of", "year", "until", "from", "by", "to", "before", "after"];
        const BEFORE_DAY: &[&str] = &[
            "january",
            "february",
            "march",
            "april",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
            "jan.",
            "feb.",
            "aug.",
            "sept.",
            "oct.",
            "nov.",
            "dec.",
            "jan",
            "feb",
            "mar",
            "apr",
            "jun",
            "jul",
            "aug",
            "sep",
            "sept",
            "oct",
            "nov",
            "dec",
        ];
        let is_four = amount.whole.len() == 4 && !amount.is_grouped && matches!(number, 1100..=2199);
        let follows_year =
            self.number.as_ref().and_then(|last| last.value).is_some_and(|last| (1100..=2199).contains(&last));
        let ends = !self.is_before(end, &["people", "customers", "dollars", "items", "units", "percent", "times"]);
        // Behind a day of a month stands its year: "April 5, 2026".
        let is_year = is_four
            && ends
            && (self.after(BEFORE_YEAR)
                || self.after(BEFORE_DAY)
                || self.after(&["may"])
                || self.is_after_day()
                || follows_year);
        if let Some(year) = u32::try_from(number).ok().filter(|_| is_year) {
            return found(end, numeral::year(year));
        }
        if (1..=31).contains(&number) && (self.after(BEFORE_DAY) || self.after(&["may"])) {
            return found(end, ordinal(&amount.words(self.reading)));
        }
        found(end, amount.words(self.reading))
    }

    /// `1990s`; two digits only behind a word that speaks of years.
    fn decade(&self, amount: &Amount, number: u64, end: usize) -> Option<Found> {
        let from = end + usize::from(self.peek(end) == Some('\''));
        let is_plural = self.peek(from) == Some('s') && !self.is_word_at(from + 1);
        let is_named = self.after(&["the", "his", "her", "their", "early", "mid", "late", "my"]);
        let fits = match amount.whole.len() {
            4 => (1100..=2190).contains(&number),
            2 => (20..=90).contains(&number) && is_named,
            _ => false,
        };
        let year = u32::try_from(number).ok().filter(|_| is_plural && fits && number.is_multiple_of(10))?;
        let words = if year < 100 { cardinal(&amount.whole, self.reading) } else { numeral::year(year) };
        let words = words.strip_suffix('y').map_or_else(|| format!("{words}s"), |stem| format!("{stem}ies"));
        Some(Found::plain(from + 1, words))
    }

    /// Tells whether the number before was the day of a named month, a comma between.
    fn is_after_day(&self) -> bool {
        let Some(last) = &self.number else { return false };
        last.value.is_some_and(|day| (1..=31).contains(&day))
            && last.end + 2 >= self.at
            && RANKS.iter().any(|rank| last.words.ends_with(rank))
    }

    /// `1/2`, `3/4`: fractions; other slashes between numbers are said as such, `123/45`, `24/7`.
    pub(super) fn fraction(&self, at: usize) -> Option<Found> {
        let (over, end) = self.digit_run(at);
        if over.is_empty() || self.peek(end) != Some('/') {
            return None;
        }
        let (under, last) = self.digit_run(end + 1);
        if under.is_empty() || under.len() > 6 || over.len() > 6 || self.is_word_at(last) {
            return None;
        }
        let reading = self.reading;
        let (top, bottom): (u32, u32) = (over.parse().ok()?, under.parse().ok()?);
        // "Fifty fifty", "nine eleven": people do not say the slash of short ones.
        let is_short = over.len() <= 2 && under.len() <= 2 && self.peek(last) != Some('/');
        let [over, under] = [over, under].map(|digits| cardinal(&digits, reading));
        let is_fraction = top > 0 && top < bottom && bottom <= 10 || top == 1 && matches!(bottom, 20 | 100 | 1000);
        let words = match reading {
            Reading::Vietnamese(_) if is_fraction && bottom == 4 => format!("{over} phần tư"),
            Reading::Vietnamese(_) if is_fraction => format!("{over} phần {under}"),
            Reading::Vietnamese(_) => format!("{over} trên {under}"),
            Reading::English if (top, bottom) == (1, 2) => "one half".to_owned(),
            Reading::English if is_fraction && bottom == 4 => {
                format!("{over} quarter{}", if top == 1 { "" } else { "s" })
            }
            Reading::English if is_fraction => format!("{over} {}{}", ordinal(&under), if top == 1 { "" } else { "s" }),
            Reading::English if is_short => format!("{over} {under}"),
            Reading::English => format!("{over} slash {under}"),
        };
        Some(Found::plain(last, words))
    }
}

/// How the words of a day of a month end.
const RANKS: [&str; 4] = ["st", "nd", "rd", "th"];

/// Of đồng there are no parts: three digits behind a comma are a group.
fn whole_dong(amount: Amount) -> Amount {
    match &amount.fraction {
        Some(fraction) if fraction.len() == 3 && !amount.whole.starts_with('0') => {
            Amount { whole: format!("{}{fraction}", amount.whole), fraction: None, is_grouped: true }
        }
        _ => amount,
    }
}
