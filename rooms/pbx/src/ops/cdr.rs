//! Reading call detail records: whose one may see, of which period.

use domain::{
    CallId, Permission, Principal, TenantId, Timestamp,
    cause::CallResult,
    ids::TrunkId,
    principal::{Access, Actor},
};
use jiff::{ToSpan as _, civil::Date, tz::TimeZone};
use store::Db;
use web::{Fields, Listing, Page, Rule, Text};

use super::refuse;
use crate::{
    Pbx,
    error::{Error, Result},
    model::{Cdr, Direction, cdr::phone_key},
    store::{
        self as rows,
        accounts::AccountSettings,
        cdr::{Filter, Scope, Stored},
    },
};

/// Rows that a stream reads at a time.
const STREAM_BATCH: i64 = 500;
/// Shortest and longest text that `extension` matches.
const EXTENSION_LENGTH: std::ops::RangeInclusive<usize> = 3..=20;
/// Most tags of a record, and the longest in characters.
pub(crate) const MOST_TAGS: usize = 20;
pub(crate) const LONGEST_TAG: usize = 50;
/// Longest text that `phone` matches.
const LONGEST_PHONE: usize = 50;

/// What is asked for, as the client wrote it.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// First day, `YYYY-MM-DD`, in the account's time zone; 30 days ago if none.
    pub from: Option<String>,
    /// Last day, included; today if none.
    pub to: Option<String>,
    pub direction: Option<String>,
    pub extension: Option<String>,
    pub phone: Option<String>,
    /// One of `answered`, `missed` …
    pub result: Option<String>,
    /// Calls that ran by this trunk.
    pub trunk: Option<TrunkId>,
}

/// Returns one page of the records that the caller may see, the newest first.
pub async fn list(pbx: &Pbx, who: &Principal, wanted: Wanted, page: Page, fields: Fields) -> Result<Listing<Cdr>> {
    let tenant = may_read(who)?;
    let mut tx = pbx.db.read(tenant).await?;
    let account = rows::accounts::settings(&mut tx, tenant).await?;
    let filter = filter(who, wanted, &account, tx.now(), fields)?;
    let slice = rows::Slice { offset: page.offset(), limit: page.limit() };
    let (cdrs, total) = rows::cdr::list(&mut tx, tenant, &filter, slice).await?;
    Ok(Listing::new(page, cdrs, total))
}

/// Returns one page of the records with any of the numbers on either side that the caller may see, the newest first.
/// Numbers beyond the twentieth are not looked at.
pub async fn of_numbers(pbx: &Pbx, who: &Principal, numbers: &[String], page: Page) -> Result<Listing<Cdr>> {
    let tenant = may_read(who)?;
    let mut tx = pbx.db.read(tenant).await?;
    let region = rows::accounts::settings(&mut tx, tenant).await?.region;
    let numbers = numbers.iter().take(rows::cdr_numbers::MOST_NUMBERS);
    let keys: Vec<String> = numbers.map(|number| phone_key(number, region)).collect();
    let slice = rows::Slice { offset: page.offset(), limit: page.limit() };
    let (cdrs, total) = rows::cdr_numbers::list(&mut tx, tenant, &keys, &scope(who), slice).await?;
    Ok(Listing::new(page, cdrs, total))
}

/// Begins a reading of every record that the caller may see, in batches, the newest first.
pub async fn stream(pbx: &Pbx, who: &Principal, wanted: Wanted, fields: Fields) -> Result<Stream> {
    let tenant = may_read(who)?;
    let mut tx = pbx.db.read(tenant).await?;
    let account = rows::accounts::settings(&mut tx, tenant).await?;
    let filter = filter(who, wanted, &account, tx.now(), fields)?;
    Ok(Stream { db: pbx.db.clone(), tenant, filter, place: Place::Start })
}

/// Records read batch by batch: no connection is held in between, however slowly the client reads.
pub struct Stream {
    db: Db,
    tenant: TenantId,
    filter: Filter,
    place: Place,
}

enum Place {
    Start,
    After(Timestamp, CallId),
    End,
}

impl Stream {
    /// Returns the next records; none at the end.
    pub async fn next(&mut self) -> Result<Vec<Cdr>> {
        let last = match self.place {
            Place::Start => None,
            Place::After(at, uuid) => Some((at, uuid)),
            Place::End => return Ok(Vec::new()),
        };
        let mut tx = self.db.read(self.tenant).await?;
        let cdrs = rows::cdr::after(&mut tx, self.tenant, &self.filter, last, STREAM_BATCH).await?;
        let full = i64::try_from(cdrs.len()).is_ok_and(|count| count == STREAM_BATCH);
        self.place = match cdrs.last() {
            Some(cdr) if full => Place::After(cdr.start_time, cdr.uuid),
            _ => Place::End,
        };
        Ok(cdrs)
    }
}

/// Returns a record that the caller may see.
pub async fn show(pbx: &Pbx, who: &Principal, uuid: CallId) -> Result<Cdr> {
    find(&pbx.db, who, uuid).await
}

/// Puts tags on a record that the caller may see; they replace those that it has. Users of the role `read_only` may not.
///
/// # Errors
/// `Invalid` names `tags`: 20 at most, each of 1-50 characters without commas and semicolons.
pub async fn tag(pbx: &Pbx, who: &Principal, uuid: CallId, tags: &[String]) -> Result<()> {
    who.may(Permission::PbxApiAccess, Access::Write)?;
    let tenant = who.tenant;
    find(&pbx.db, who, uuid).await?;
    let mut fields = Fields::new();
    fields.check("tags", tags.len() <= MOST_TAGS, Rule::Entries(0, MOST_TAGS));
    let plain = |tag: &String| {
        (1..=LONGEST_TAG).contains(&tag.chars().count()) && !tag.contains(|c: char| c.is_control() || ",;".contains(c))
    };
    fields.check("tags", tags.iter().all(plain), Rule::Format);
    refuse(fields)?;
    let mut tx = pbx.db.begin(tenant).await?;
    if !rows::cdr::set_tags(&mut tx, tenant, uuid, tags).await? {
        return Err(Error::NotFound("call"));
    }
    let detail = serde_json::json!({ "tags": tags });
    store::audit(&mut tx, who, "call.tag", &format!("call:{uuid}"), detail).await?;
    Ok(tx.commit().await?)
}

/// Finds a record that the caller may see. One that exists and may not be seen is not found.
pub(super) async fn find(db: &Db, who: &Principal, uuid: CallId) -> Result<Cdr> {
    let tenant = may_read(who)?;
    let mut tx = db.read(tenant).await?;
    let stored = rows::cdr::find(&mut tx, tenant, uuid).await?;
    stored.filter(|stored| scope(who).covers(stored)).map(|stored| stored.cdr).ok_or(Error::NotFound("record"))
}

fn may_read(who: &Principal) -> Result<TenantId> {
    who.may(Permission::PbxApiAccess, Access::Read)?;
    Ok(who.tenant)
}

/// Returns whose records the caller may see: the account's, the team's, or those of the own extension.
fn scope(who: &Principal) -> Scope {
    if who.holds(Permission::ViewAllCdr) {
        return Scope::Account;
    }
    match &who.actor {
        Actor::User { team: Some(team), .. } if who.holds(Permission::ViewTeamCdr) => Scope::Team(*team),
        Actor::User { extension: Some(extension), .. } => Scope::Extension(extension.clone()),
        _ => Scope::Nothing,
    }
}

impl Scope {
    fn covers(&self, stored: &Stored) -> bool {
        match self {
            Self::Account => true,
            Self::Team(team) => stored.team == Some(*team),
            Self::Extension(own) => [&stored.cdr.extension, &stored.cdr.agent_extension]
                .into_iter()
                .any(|other| other.as_ref() == Some(own)),
            Self::Nothing => false,
        }
    }
}

fn filter(
    who: &Principal,
    wanted: Wanted,
    account: &AccountSettings,
    now: Timestamp,
    mut fields: Fields,
) -> Result<Filter> {
    let (from, until) = period(&wanted, account, now, &mut fields);
    let direction = wanted.direction.as_deref().map(Direction::parse);
    fields.check("direction", direction != Some(None), Rule::Selected);
    let result = wanted.result.as_deref().map(CallResult::parse);
    fields.check("result", result != Some(None), Rule::Selected);
    if let Some(extension) = &wanted.extension {
        let (shortest, longest) = (*EXTENSION_LENGTH.start(), *EXTENSION_LENGTH.end());
        fields.check(
            "extension",
            EXTENSION_LENGTH.contains(&extension.chars().count()),
            Rule::Length(shortest, longest),
        );
    }
    let phone = fields.text("phone", wanted.phone.as_deref(), 1, LONGEST_PHONE);
    refuse(fields)?;
    Ok(Filter {
        from,
        until,
        direction: direction.flatten(),
        result: result.flatten(),
        trunk: wanted.trunk,
        extension: wanted.extension,
        phone: phone.map(|phone| phone_key(&phone, account.region)),
        scope: scope(who),
    })
}

/// Returns the first millisecond of `from` and the first after `to`, days of the account's time zone.
fn period(wanted: &Wanted, account: &AccountSettings, now: Timestamp, fields: &mut Fields) -> (Timestamp, Timestamp) {
    let zone = TimeZone::get(&account.timezone).unwrap_or(TimeZone::UTC);
    let today = jiff::Timestamp::from_millisecond(now.millis())
        .map_or_else(|_| Date::constant(1970, 1, 1), |now| now.to_zoned(zone.clone()).date());
    let earliest = today.saturating_sub(account.cdr_max_days.min(36_500).days());
    let mut day = |field, text: Option<&String>, otherwise| {
        let day = text.map_or(Some(otherwise), |text| calendar_day(text));
        fields.check(field, day.is_some(), Rule::Format);
        day
    };
    let from = day("from", wanted.from.as_ref(), earliest);
    let to = day("to", wanted.to.as_ref(), today);
    let (Some(from), Some(to)) = (from, to) else { return (now, now) };
    fields.check(
        "to",
        to >= from,
        Text::new("The to must be a date after or equal to from.", "Ngày kết thúc phải bằng hoặc sau ngày bắt đầu."),
    );
    let days = from.until(to).map_or(i64::MAX, |span| i64::from(span.get_days()));
    if days > account.cdr_max_days {
        fields.add(
            "to",
            Text::of(
                format!("The period from..to must not exceed {} days.", account.cdr_max_days),
                format!("Khoảng thời gian không được quá {} ngày.", account.cdr_max_days),
            ),
        );
    }
    let start =
        |day: Date| day.to_zoned(zone.clone()).map_or(now, |start| Timestamp(start.timestamp().as_millisecond()));
    (start(from), start(to.saturating_add(1.day())))
}

/// Reads `YYYY-MM-DD` and nothing else.
fn calendar_day(text: &str) -> Option<Date> {
    let plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let day: Date = if plain { text.parse().ok()? } else { return None };
    // Far from both ends of the calendar, so that no time zone or next day leaves it.
    (1970..=9000).contains(&day.year()).then_some(day)
}

#[cfg(test)]
mod tests {
    use domain::{UserId, principal::Role};

    use super::*;

    /// 2026-02-03T04:05:06Z, 11:05 in Viet Nam.
    const NOW: Timestamp = Timestamp::from_millis(1_770_091_506_000);

    fn days(from: Option<&str>, to: Option<&str>) -> std::result::Result<(String, String), Vec<String>> {
        let wanted = Wanted { from: from.map(str::to_owned), to: to.map(str::to_owned), ..Wanted::default() };
        let mut fields = Fields::new();
        let (from, until) = period(&wanted, &AccountSettings::default(), NOW, &mut fields);
        if fields.is_empty() {
            Ok((from.rfc3339(), until.rfc3339()))
        } else {
            Err(fields.names().map(str::to_owned).collect())
        }
    }

    #[test]
    fn days_are_the_accounts_and_both_are_included() {
        let (from, until) = days(Some("2026-02-01"), Some("2026-02-01")).unwrap();
        assert_eq!((from.as_str(), until.as_str()), ("2026-01-31T17:00:00.000Z", "2026-02-01T17:00:00.000Z"));
        let (from, until) = days(None, None).unwrap();
        assert_eq!((from.as_str(), until.as_str()), ("2026-01-03T17:00:00.000Z", "2026-02-03T17:00:00.000Z"));
    }

    #[test]
    fn a_period_is_30_days_at_most_and_does_not_run_backwards() {
        assert!(days(Some("2026-01-01"), Some("2026-01-31")).is_ok());
        assert_eq!(days(Some("2026-01-01"), Some("2026-02-01")), Err(vec!["to".to_owned()]));
        assert_eq!(days(Some("2026-02-02"), Some("2026-02-01")), Err(vec!["to".to_owned()]));
        for bad in ["2026-02-30", "2026-2-1", "20260201", "yesterday", "2026-02-01T00", "-009999-01", "9999-12-31"] {
            assert_eq!(days(Some(bad), Some("x")), Err(vec!["from".to_owned(), "to".to_owned()]), "{bad}");
        }
    }

    #[test]
    fn who_sees_which_records_follows_from_the_permissions() {
        let user = |permissions: &[Permission], team, extension: Option<&str>| Principal {
            permissions: permissions.to_vec(),
            actor: Actor::User {
                id: UserId(1),
                username: "u".to_owned(),
                role: Role::Agent,
                team,
                extension: extension.map(str::to_owned),
            },
            ..Principal::system(TenantId(1))
        };
        let (all, team) = (Permission::ViewAllCdr, Permission::ViewTeamCdr);
        assert_eq!(scope(&user(&[all], None, None)), Scope::Account);
        assert_eq!(scope(&user(&[team], Some(3), Some("1001"))), Scope::Team(3));
        assert_eq!(scope(&user(&[team], None, Some("1001"))), Scope::Extension("1001".to_owned()));
        assert_eq!(scope(&user(&[], Some(3), Some("1001"))), Scope::Extension("1001".to_owned()));
        assert_eq!(scope(&user(&[], Some(3), None)), Scope::Nothing);
    }
}
