//! Time conditions: when an account is open.

use domain::{
    Principal, Timestamp,
    hours::{Calendar, Local, Override},
};
use jiff::tz::TimeZone;
use serde_json::json;
use store::Tx;
use web::{Fields, Rule};

use super::{Desk, Done, full, may_manage, may_read, refuse, taken};
use crate::{
    changes::Changed,
    error::{Error, Result},
    model::TimeCondition,
    store as rows,
};

/// Longest name in characters.
const LONGEST_NAME: usize = 100;
/// Most time conditions of an account.
const MOST: usize = 1_000;

/// A time condition to be.
#[derive(Clone, Debug, Default)]
pub struct NewTimeCondition {
    pub name: String,
    pub calendar: Calendar,
    pub by_hand: Override,
}

/// A time condition and whether it is open now.
#[derive(Clone, Debug)]
pub struct TimeConditionState {
    pub condition: TimeCondition,
    pub is_open: bool,
    /// What the calendar alone says.
    pub calendar_is_open: bool,
}

/// Returns the time zone of that IANA name; UTC if there is none.
pub(crate) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// Returns what a clock on the wall shows there.
pub(crate) fn local(zone: &TimeZone, now: Timestamp) -> Local {
    let there = jiff::Timestamp::from_millisecond(now.millis()).unwrap_or_default().to_zoned(zone.clone());
    let small = |number: i8| u8::try_from(number).unwrap_or(0);
    let minute = i16::from(there.hour()) * 60 + i16::from(there.minute());
    Local {
        year: there.year(),
        month: small(there.month()),
        day: small(there.day()),
        weekday: small(there.weekday().to_monday_one_offset()),
        minute: u16::try_from(minute).unwrap_or(0),
    }
}

/// Returns when the day began there.
pub(crate) fn midnight(zone: &TimeZone, now: Timestamp) -> Timestamp {
    let there = jiff::Timestamp::from_millisecond(now.millis()).unwrap_or_default().to_zoned(zone.clone());
    there.start_of_day().map_or(now, |start| Timestamp::from_millis(start.timestamp().as_millisecond()))
}

/// Lists the account's time conditions, by name.
pub async fn list(desk: &Desk, who: &Principal) -> Result<Vec<TimeConditionState>> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    let zone = zone(&rows::accounts::settings(&mut tx, tenant).await?.timezone);
    let now = local(&zone, tx.now());
    let state = |condition: TimeCondition| {
        let calendar_is_open = condition.calendar.is_open(now);
        let is_open = match condition.by_hand {
            Override::Automatic => calendar_is_open,
            Override::Open => true,
            Override::Closed => false,
        };
        TimeConditionState { condition, is_open, calendar_is_open }
    };
    Ok(rows::time_conditions::all(&mut tx, tenant).await?.into_iter().map(state).collect())
}

pub async fn show(desk: &Desk, who: &Principal, id: i64) -> Result<TimeConditionState> {
    let found = list(desk, who).await?.into_iter().find(|state| state.condition.id == id);
    found.ok_or(Error::NotFound("time condition"))
}

pub async fn create(desk: &Desk, who: &Principal, new: NewTimeCondition) -> Result<TimeCondition> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let name = checked(&new)?;
    if rows::time_conditions::all(&mut tx, tenant).await?.len() >= MOST {
        return Err(Fields::from_iter([("name", full(MOST))]).into());
    }
    let now = tx.now();
    let (calendar, by_hand) = (new.calendar, new.by_hand);
    let mut condition = TimeCondition { id: 0, tenant, name, calendar, by_hand, created_at: now, updated_at: now };
    condition.id = rows::time_conditions::insert(&mut tx, tenant, &condition).await.map_err(taken("name"))?;
    desk.commit(tx, who, done("time_condition.create", &condition)).await?;
    Ok(condition)
}

pub async fn replace(desk: &Desk, who: &Principal, id: i64, new: NewTimeCondition) -> Result<TimeCondition> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let old = find(&mut tx, who, id).await?;
    let name = checked(&new)?;
    let condition = TimeCondition { name, calendar: new.calendar, by_hand: new.by_hand, updated_at: tx.now(), ..old };
    rows::time_conditions::update(&mut tx, tenant, &condition).await.map_err(taken("name"))?;
    desk.commit(tx, who, done("time_condition.update", &condition)).await?;
    Ok(condition)
}

/// Decides by hand whether it is open, or leaves it to the calendar again.
pub async fn decide(desk: &Desk, who: &Principal, id: i64, by_hand: Override) -> Result<TimeCondition> {
    let tenant = may_manage(who)?;
    put_override(desk, who, tenant, id, by_hand).await
}

/// Does what the feature code asks for: to the opposite of the calendar, or back to it. Whoever has a phone of the
/// account may dial it. Returns what holds now.
pub(crate) async fn turn(desk: &Desk, tenant: domain::TenantId, extension: &str, id: i64) -> Result<Override> {
    let who = Principal::system(tenant);
    let state = show(desk, &who, id).await?;
    let by_hand = state.condition.by_hand.turned(state.calendar_is_open);
    put_override(desk, &who, tenant, id, by_hand).await?;
    tracing::info!(tenant.id = %tenant, extension, time_condition = id, by_hand = by_hand.as_str(), "turned by phone");
    Ok(by_hand)
}

async fn put_override(
    desk: &Desk,
    who: &Principal,
    tenant: domain::TenantId,
    id: i64,
    by_hand: Override,
) -> Result<TimeCondition> {
    let mut tx = desk.write(who).await?;
    let old = find(&mut tx, who, id).await?;
    let now = tx.now();
    rows::time_conditions::set_override(&mut tx, tenant, id, by_hand, now).await?;
    let condition = TimeCondition { by_hand, updated_at: now, ..old };
    desk.commit(tx, who, done("time_condition.decide", &condition)).await?;
    Ok(condition)
}

/// Deletes a time condition that no rule looks at.
pub async fn delete(desk: &Desk, who: &Principal, id: i64) -> Result<()> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let condition = find(&mut tx, who, id).await?;
    let count = rows::routes::count_by_condition(&mut tx, tenant, id).await?;
    if count > 0 {
        return Err(Error::InUse { what: "time condition", count });
    }
    rows::time_conditions::delete(&mut tx, tenant, id).await?;
    desk.commit(tx, who, done("time_condition.delete", &condition)).await
}

fn checked(new: &NewTimeCondition) -> Result<String> {
    let mut fields = Fields::new();
    let name = fields.require_text("name", Some(&new.name), 1, LONGEST_NAME);
    fields.check("calendar", new.calendar.is_sound(), Rule::Format);
    refuse(fields)?;
    Ok(name.unwrap_or_default())
}

async fn find(tx: &mut Tx, who: &Principal, id: i64) -> Result<TimeCondition> {
    let all = rows::time_conditions::all(tx, who.tenant).await?;
    all.into_iter().find(|condition| condition.id == id).ok_or(Error::NotFound("time condition"))
}

fn done<'a>(action: &'static str, condition: &TimeCondition) -> Done<'a> {
    Done {
        action,
        target: format!("time_condition:{}", condition.id).into(),
        detail: json!({
            "name": condition.name,
            "calendar": condition.calendar,
            "override": condition.by_hand.as_str(),
        }),
        changed: Changed::Routes(condition.tenant),
    }
}
