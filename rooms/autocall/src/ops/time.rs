//! Times as clients write them.

use domain::Timestamp;
use jiff::{civil, tz::TimeZone};

/// Reads a point in time: RFC 3339, or date and time on a clock of `zone`.
pub(crate) fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp::from_millis(at.as_millisecond()));
    }
    let local: civil::DateTime = text.parse().ok()?;
    let at = local.to_zoned(zone.clone()).ok()?.timestamp();
    Some(Timestamp::from_millis(at.as_millisecond()))
}

/// Reads the beginning of a span: a point in time, or a day, which begins at midnight.
pub(crate) fn from(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    moment(text, zone)
}

/// Reads the end of a span, which does not belong to it: a point in time, or a day, the whole of which does.
pub(crate) fn to(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if text.trim().len() <= 10
        && let Ok(day) = text.trim().parse::<civil::Date>()
    {
        let next = day.tomorrow().ok()?.to_zoned(zone.clone()).ok()?;
        return Some(Timestamp::from_millis(next.timestamp().as_millisecond()));
    }
    moment(text, zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_a_zone_are_those_of_the_account() {
        let zone = TimeZone::get("Asia/Ho_Chi_Minh").unwrap();
        let at = |text: &str| moment(text, &zone).map(Timestamp::rfc3339);
        for text in ["2026-02-03T01:00:00Z", "2026-02-03T08:00:00+07:00", "2026-02-03T08:00:00", "2026-02-03 08:00"] {
            assert_eq!(at(text).as_deref(), Some("2026-02-03T01:00:00.000Z"), "{text}");
        }
        for text in ["", "tomorrow", "2026-02-30T08:00:00", "03/02/2026", "1770080400"] {
            assert_eq!(at(text), None, "{text}");
        }
        let day = |text: &str| (from(text, &zone).map(Timestamp::rfc3339), to(text, &zone).map(Timestamp::rfc3339));
        assert_eq!(
            day("2026-02-03"),
            (Some("2026-02-02T17:00:00.000Z".to_owned()), Some("2026-02-03T17:00:00.000Z".to_owned())),
            "both ends of a day belong to it"
        );
    }
}
