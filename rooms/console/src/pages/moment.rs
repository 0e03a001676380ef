//! Points in time as forms have them: of the account's time zone, to the minute.

use domain::Timestamp;
use jiff::civil::{Date, DateTime, time};

use crate::view::View;

/// Reads a day and time as `<input type="datetime-local">` sends it.
pub(crate) fn moment(view: &View, text: &str) -> Option<Timestamp> {
    at(view, text.parse().ok()?)
}

/// Returns the last moment of a day, as `<input type="date">` sends it.
pub(crate) fn end_of_day(view: &View, text: &str) -> Option<Timestamp> {
    at(view, text.parse::<Date>().ok()?.to_datetime(time(23, 59, 59, 999_000_000)))
}

fn at(view: &View, moment: DateTime) -> Option<Timestamp> {
    let moment = Some(moment).filter(|moment| (1970..=9000).contains(&moment.year()))?;
    let moment = moment.to_zoned(view.zone().clone()).ok()?;
    Some(Timestamp(moment.timestamp().as_millisecond()))
}

/// Writes a point in time as `<input type="datetime-local">` holds it.
pub(crate) fn local(view: &View, at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.to_zoned(view.zone().clone()).strftime("%Y-%m-%dT%H:%M").to_string()
}
