//! What the whole account does at this moment and did today, for the dashboard.

use domain::{
    CallId, Permission, Principal, Timestamp,
    principal::{Access, Actor},
};
use jiff::{ToSpan as _, tz::TimeZone};

use crate::{
    Pbx,
    error::Result,
    model::Direction,
    store::{accounts, figures as rows},
};

/// One live call, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveCall {
    pub uuid: CallId,
    /// `initiating`, `ringing`, `answered` …
    pub state: &'static str,
    pub direction: Direction,
    pub caller_number: String,
    pub destination_number: String,
    pub extension: Option<String>,
    pub trunk: Option<String>,
    pub started_at: Timestamp,
    pub answered_at: Option<Timestamp>,
}

/// The calls that began today, in the account's time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Today {
    /// The first moment of the day.
    pub start: Timestamp,
    /// One for each hour of the day: 24, but 23 or 25 where the clocks change.
    pub hours: Vec<Hour>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    pub calls: i64,
    pub answered: i64,
}

/// How many of the active extensions have a phone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registrations {
    pub extensions: i64,
    pub registered: i64,
}

impl Today {
    pub fn calls(&self) -> i64 {
        self.hours.iter().map(|hour| hour.calls).sum()
    }

    pub fn answered(&self) -> i64 {
        self.hours.iter().map(|hour| hour.answered).sum()
    }
}

/// Returns the live calls of this node that the caller may see, the oldest first: the account's, or those of the own
/// extension.
pub fn live(pbx: &Pbx, who: &Principal) -> Result<Vec<LiveCall>> {
    who.may(Permission::PbxApiAccess, Access::Read)?;
    let own = match &who.actor {
        _ if who.holds(Permission::ViewAllCdr) => None,
        Actor::User { extension, .. } => Some(extension.clone()),
        Actor::Machine { .. } | Actor::System => Some(None),
    };
    let calls = pbx.live.all(who.tenant).into_iter();
    let seen = calls.filter(|view| match &own {
        None => true,
        Some(own) => own.is_some() && (view.extension == *own || view.legs.iter().any(|leg| leg.extension == *own)),
    });
    Ok(seen
        .map(|view| LiveCall {
            uuid: view.call,
            state: view.state,
            direction: view.direction,
            trunk: view.legs.iter().find_map(|leg| leg.trunk.clone()),
            caller_number: view.caller_number,
            destination_number: view.destination_number,
            extension: view.extension,
            started_at: view.started_at,
            answered_at: view.answered_at,
        })
        .collect())
}

/// Returns how many calls each hour of today brought, of the whole account.
pub async fn today(pbx: &Pbx, who: &Principal) -> Result<Today> {
    who.may(Permission::ViewAllCdr, Access::Read)?;
    let mut tx = pbx.db.read(who.tenant).await?;
    let account = accounts::settings(&mut tx, who.tenant).await?;
    let (start, end) = day_of(&account.timezone, tx.now());
    let length = usize::try_from((end.millis() - start.millis()) / 3_600_000).unwrap_or(24);
    let mut hours = vec![Hour::default(); length];
    for (hour, calls, answered) in rows::hours(&mut tx, who.tenant, start, end).await? {
        if let Some(slot) = usize::try_from(hour).ok().and_then(|hour| hours.get_mut(hour)) {
            *slot = Hour { calls, answered };
        }
    }
    Ok(Today { start, hours })
}

/// Returns how many of the account's extensions have a phone at this moment.
pub async fn registrations(pbx: &Pbx, who: &Principal) -> Result<Registrations> {
    who.may(Permission::PbxApiAccess, Access::Read)?;
    let mut tx = pbx.db.read(who.tenant).await?;
    let now = tx.now();
    let extensions = rows::extensions(&mut tx, who.tenant).await?;
    Ok(Registrations { extensions, registered: rows::registered(&mut tx, who.tenant, now).await? })
}

/// Returns the first moments of the day of `now` and of the next.
pub(super) fn day_of(timezone: &str, now: Timestamp) -> (Timestamp, Timestamp) {
    let zone = TimeZone::get(timezone).unwrap_or(TimeZone::UTC);
    let date = jiff::Timestamp::from_millisecond(now.millis()).unwrap_or_default().to_zoned(zone.clone()).date();
    let start = |date: jiff::civil::Date| {
        date.to_zoned(zone.clone()).map_or(now, |start| Timestamp(start.timestamp().as_millisecond()))
    };
    (start(date), start(date.saturating_add(1.day())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_the_accounts_and_has_25_hours_when_the_clocks_go_back() {
        // 2026-02-03T20:00Z is 03:00 of the 4th in Viet Nam.
        let (start, end) = day_of("Asia/Ho_Chi_Minh", Timestamp(1_770_148_800_000));
        assert_eq!((start.rfc3339().as_str(), end.millis() - start.millis()), ("2026-02-03T17:00:00.000Z", 86_400_000));
        // 2026-10-25 in Berlin.
        let (start, end) = day_of("Europe/Berlin", Timestamp(1_792_929_600_000));
        assert_eq!((end.millis() - start.millis()) / 3_600_000, 25, "{}", start.rfc3339());
    }
}
