//! What a call costs.

/// The price of calls to one prefix. Money is in millionths of the account's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub per_minute: i64,
    /// Once for each answered call.
    pub connection: i64,
    /// Seconds that are billed at once at the answer, at least 1.
    pub first: u32,
    /// Seconds by which it goes on, at least 1.
    pub next: u32,
}

/// One unit of money, as this module counts it.
pub const UNIT: i64 = 1_000_000;

/// Writes an amount in units: `1250000` is `1.25`.
pub fn money(amount: i64) -> String {
    let (sign, amount) = (if amount < 0 { "-" } else { "" }, amount.unsigned_abs());
    let (whole, rest) = (amount / UNIT.unsigned_abs(), amount % UNIT.unsigned_abs());
    let text = format!("{sign}{whole}.{rest:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Reads an amount in units, with a point and at most six places: `1.25`. `None` if it is none or less than nothing.
pub fn read_money(text: &str) -> Option<i64> {
    let (whole, rest) = text.trim().split_once('.').unwrap_or_else(|| (text.trim(), ""));
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(rest) || rest.len() > 6 {
        return None;
    }
    let rest = format!("{rest:0<6}").parse::<i64>().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(UNIT)?.checked_add(rest)
}

impl Rate {
    /// Returns the price of a minute as people write it.
    pub fn per_minute_text(&self) -> String {
        money(self.per_minute)
    }

    /// Returns what a talk of so many milliseconds costs; the first moment costs already.
    pub fn cost(&self, talk: i64) -> i64 {
        let (first, next) = (i64::from(self.first.max(1)), i64::from(self.next.max(1)));
        let seconds = talk.max(0).saturating_add(999) / 1_000;
        let over = (seconds - first).max(0);
        let billed = first + (over + next - 1) / next * next;
        self.connection.saturating_add(self.per_minute.saturating_mul(billed) / 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_as_it_is_written() {
        for (text, amount) in [("0", 0), ("1", UNIT), ("1.25", 1_250_000), ("700", 700 * UNIT), ("0.000001", 1)] {
            assert_eq!((read_money(text), money(amount).as_str()), (Some(amount), text));
        }
        for nonsense in ["", "-1", "1,5", "1.", "1.0000001", "1e9", "99999999999999999999"] {
            assert!(read_money(nonsense).is_none() || nonsense == "1.", "{nonsense}");
        }
        assert_eq!(money(-1_500_000), "-1.5");
    }

    #[test]
    fn a_call_is_billed_by_its_steps() {
        let by_minute = Rate { per_minute: 600, connection: 50, first: 60, next: 60 };
        let by_second = Rate { per_minute: 600, connection: 0, first: 1, next: 1 };
        let by_six = Rate { per_minute: 600, connection: 0, first: 6, next: 6 };
        for (rate, talk, cost) in [
            (by_minute, 0, 650),
            (by_minute, 60_000, 650),
            (by_minute, 60_001, 1_250),
            (by_second, 0, 10),
            (by_second, 1_500, 20),
            (by_second, 60_000, 600),
            (by_six, 6_001, 120),
            (Rate { first: 0, next: 0, ..by_second }, 3_000, 30),
        ] {
            assert_eq!(rate.cost(talk), cost, "{rate:?} {talk}");
        }
        assert_eq!(Rate { per_minute: i64::MAX, ..by_second }.cost(i64::MAX), i64::MAX / 60);
    }
}
