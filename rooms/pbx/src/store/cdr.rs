//! Call detail records.
//!
//! A list is driven by the most selective thing asked for: a phone number, else an extension, else the period.
//! Each of the three has its own statement, because one text with every condition optional would use no index at all.

use domain::{
    CallId, TenantId, Timestamp,
    call::EndedBy,
    cause::{CallResult, Cause},
    ids::TrunkId,
    number::Region,
};
use store::{FromRow, Query, Row, Tx, sql};

use super::{
    Result, Slice,
    cdr_hours::{self, Hours},
    unreadable,
};
use crate::model::{Cdr, Direction, RecordingInfo, cdr::phone_key};

/// Which records a list shows.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// First millisecond.
    pub(crate) from: Timestamp,
    /// First millisecond after the period.
    pub(crate) until: Timestamp,
    pub(crate) direction: Option<Direction>,
    pub(crate) result: Option<CallResult>,
    pub(crate) trunk: Option<TrunkId>,
    /// Matches `extension_number` or `agent_extension`.
    pub(crate) extension: Option<String>,
    /// The [`phone_key`] of the caller's or the destination's number.
    pub(crate) phone: Option<String>,
    pub(crate) scope: Scope,
}

/// Whose records the asking user may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Account,
    Team(i64),
    /// The user's own extension.
    Extension(String),
    Nothing,
}

impl FromRow for Cdr {
    fn from_row(row: &Row) -> Result<Self> {
        let result: String = row.get("result")?;
        let cause: String = row.get("hangup_cause")?;
        let by: String = row.get("hangup_by")?;
        let tags: String = row.get("tags")?;
        let by = [EndedBy::Caller, EndedBy::Callee, EndedBy::System].into_iter().find(|known| known.as_str() == by);
        Ok(Self {
            uuid: row.get("uuid")?,
            tenant: row.get("tenant_id")?,
            direction: row.get("direction")?,
            source_type: row.get("source_type")?,
            caller_number: row.get("caller_number")?,
            destination_number: row.get("destination_number")?,
            extension: row.get("extension_number")?,
            agent_extension: row.get("agent_extension")?,
            start_time: row.get("start_time")?,
            answer_time: row.get("answer_time")?,
            end_time: row.get("end_time")?,
            duration: row.get("duration")?,
            billsec: row.get("billsec")?,
            queue_name: row.get("queue_name")?,
            queue_wait_time: row.get("queue_wait_time")?,
            trunk: row.get("trunk_id")?,
            trunk_name: row.get("trunk_name")?,
            transfer_count: row.get("transfer_count")?,
            result: CallResult::parse(&result).ok_or_else(|| unreadable("result", result))?,
            hangup_cause: Cause::parse(&cause).ok_or_else(|| unreadable("hangup_cause", cause))?,
            hangup_cause_q850: row.get("hangup_cause_q850")?,
            sip_status: row.get("sip_status")?,
            hangup_by: by.ok_or_else(|| unreadable("hangup_by", "another name"))?,
            recording: RecordingInfo {
                state: row.get("recording_state")?,
                path: row.get("recording_path")?,
                duration_ms: row.get("recording_duration")?,
                size_bytes: row.get("recording_size_bytes")?,
            },
            disposition: row.get("disposition")?,
            campaign: row.get("campaign_id")?,
            lead: row.get("lead_id")?,
            tags: serde_json::from_str(&tags).map_err(|_| unreadable("tags", tags))?,
            mos: row.get("mos")?,
            legs: row.get("legs")?,
        })
    }
}

/// Stores the record of a finished call. Writing it again changes nothing: recovery may come twice.
/// Returns whether it was new.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, cdr: &Cdr, region: Region) -> Result<bool> {
    let caller = phone_key(&cdr.caller_number, region);
    // The two keys of a row differ, so that a search by either finds the row once.
    let destination = Some(phone_key(&cdr.destination_number, region)).filter(|destination| *destination != caller);
    let rows = sql("insert into cdr
            (day, uuid, tenant_id, direction, source_type, caller_number, destination_number, extension_number,
             agent_extension, caller_key, destination_key, team_id, start_time, answer_time, end_time, duration, billsec,
             queue_name, queue_wait_time, trunk_id, trunk_name, transfer_count, result, hangup_cause, hangup_cause_q850,
             sip_status, hangup_by, recording_state, recording_path, recording_duration, recording_size_bytes,
             disposition, campaign_id, lead_id, tags, mos, legs)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
             (select team_id from extension where tenant_id = $3 and extension_number = coalesce($9, $8)),
             $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32,
             $33, $34, $35, $36)
         on conflict do nothing")
    .bind(cdr.start_time.day())
    .bind(cdr.uuid)
    .bind(tenant)
    .bind(cdr.direction)
    .bind(cdr.source_type)
    .bind(&cdr.caller_number)
    .bind(&cdr.destination_number)
    .bind(cdr.extension.as_deref())
    .bind(cdr.agent_extension.as_deref())
    .bind(caller)
    .bind(destination)
    .bind(cdr.start_time)
    .bind(cdr.answer_time)
    .bind(cdr.end_time)
    .bind(cdr.duration)
    .bind(cdr.billsec)
    .bind(cdr.queue_name.as_deref())
    .bind(cdr.queue_wait_time)
    .bind(cdr.trunk)
    .bind(cdr.trunk_name.as_deref())
    .bind(cdr.transfer_count)
    .bind(cdr.result.as_str())
    .bind(cdr.hangup_cause.as_str())
    .bind(cdr.hangup_cause_q850)
    .bind(cdr.sip_status)
    .bind(cdr.hangup_by.as_str())
    .bind(cdr.recording.state)
    .bind(cdr.recording.path.as_deref())
    .bind(cdr.recording.duration_ms)
    .bind(cdr.recording.size_bytes)
    .bind(cdr.disposition.as_deref())
    .bind(cdr.campaign)
    .bind(cdr.lead)
    .bind(serde_json::to_string(&cdr.tags).expect("texts always serialise"))
    .bind(cdr.mos)
    .bind(&cdr.legs)
    .run(tx)
    .await?;
    if rows > 0 {
        cdr_hours::add(tx, tenant, cdr).await?;
    }
    Ok(rows > 0)
}

/// A record with what the wire does not show.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) cdr: Cdr,
    /// The team of its extension when the call ended.
    pub(crate) team: Option<i64>,
    /// When its recording was first fetched.
    pub(crate) downloaded_at: Option<Timestamp>,
}

impl FromRow for Stored {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            cdr: Cdr::from_row(row)?,
            team: row.get("team_id")?,
            downloaded_at: row.get("recording_downloaded_at")?,
        })
    }
}

/// Puts a select with the columns of [`Cdr`] together: `rows!("from cdr where …")`.
///
/// A macro, because a statement must be one literal and the columns are the same in eight of them.
macro_rules! rows {
    ($($rest:literal),+) => {
        sql(concat!(
            "select uuid, tenant_id, direction, source_type, caller_number, destination_number, extension_number,
                agent_extension, team_id, start_time, answer_time, end_time, duration, billsec, queue_name,
                queue_wait_time, trunk_id, trunk_name, transfer_count, result, hangup_cause, hangup_cause_q850,
                sip_status, hangup_by, recording_state, recording_path, recording_duration, recording_size_bytes,
                recording_downloaded_at, disposition, campaign_id, lead_id, tags, mos, legs ",
            $($rest),+
        ))
    };
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, uuid: CallId) -> Result<Option<Stored>> {
    rows!("from cdr where tenant_id = $1 and uuid = $2").bind(tenant).bind(uuid).first(tx).await
}

/// Finds a record by its UUID alone: the signed URL of a recording names no account.
pub(crate) async fn any_tenant_find(tx: &mut Tx, uuid: CallId) -> Result<Option<Stored>> {
    rows!("from cdr where uuid = $1").bind(uuid).first(tx).await
}

/// From here on a page is looked for by its time first: what lies before it is passed over in the index alone.
const FAR: i64 = 1_000;

/// What drives a list. Every driver binds the same twelve values; see [`Filter::bound`].
#[derive(Clone, Copy)]
enum Driver {
    Period,
    Extension,
    Phone,
}

// Macros, because the conditions are shared by three statements each and `concat!` takes literals alone.
// The days are those of the period: by them PostgreSQL leaves partitions out.
// A value that does not apply is null and named all the same, because PostgreSQL wants every `$n` used.
// The two branches of a `union all` have an index each; an `or` over both columns would read the whole period.
// Counting asks them for no column, so that it reads the index alone.
macro_rules! by_period {
    ($head:ident, $($tail:literal),+) => {
        $head!(
            "from cdr where tenant_id = $1 and start_time >= $2 and start_time < $3 and day >= $9 and day <= $10
               and (cast($4 as text) is null or direction = $4)
               and (cast($5 as bigint) is null or team_id = $5)
               and (cast($11 as text) is null or result = $11)
               and (cast($12 as bigint) is null or trunk_id = $12)
               and cast($6 as text) is null and cast($7 as text) is null and cast($8 as text) is null ",
            $($tail),+
        )
    };
}
macro_rules! by_extension {
    ($head:ident, $columns:literal, $($tail:literal),+) => {
        $head!(
            "from (select ", $columns, " from cdr
                   where tenant_id = $1 and extension_number = $6 and start_time >= $2 and start_time < $3
                     and day >= $9 and day <= $10
                     and (cast($4 as text) is null or direction = $4)
                     and (cast($5 as bigint) is null or team_id = $5)
                     and (cast($11 as text) is null or result = $11)
                     and (cast($12 as bigint) is null or trunk_id = $12)
                     and (cast($7 as text) is null or extension_number = $7 or agent_extension = $7)
                   union all
                   select ", $columns, " from cdr
                   where tenant_id = $1 and agent_extension = $6 and start_time >= $2 and start_time < $3
                     and day >= $9 and day <= $10
                     and (extension_number is null or extension_number <> $6)
                     and (cast($4 as text) is null or direction = $4)
                     and (cast($5 as bigint) is null or team_id = $5)
                     and (cast($11 as text) is null or result = $11)
                     and (cast($12 as bigint) is null or trunk_id = $12)
                     and (cast($7 as text) is null or extension_number = $7 or agent_extension = $7)) as cdr
             where cast($8 as text) is null ",
            $($tail),+
        )
    };
}
macro_rules! by_phone {
    ($head:ident, $columns:literal, $($tail:literal),+) => {
        $head!(
            "from (select ", $columns, " from cdr
                   where tenant_id = $1 and caller_key = $8 and start_time >= $2 and start_time < $3
                     and day >= $9 and day <= $10
                     and (cast($4 as text) is null or direction = $4)
                     and (cast($5 as bigint) is null or team_id = $5)
                     and (cast($11 as text) is null or result = $11)
                     and (cast($12 as bigint) is null or trunk_id = $12)
                     and (cast($6 as text) is null or extension_number = $6 or agent_extension = $6)
                     and (cast($7 as text) is null or extension_number = $7 or agent_extension = $7)
                   union all
                   select ", $columns, " from cdr
                   where tenant_id = $1 and destination_key = $8 and start_time >= $2 and start_time < $3
                     and day >= $9 and day <= $10
                     and (cast($4 as text) is null or direction = $4)
                     and (cast($5 as bigint) is null or team_id = $5)
                     and (cast($11 as text) is null or result = $11)
                     and (cast($12 as bigint) is null or trunk_id = $12)
                     and (cast($6 as text) is null or extension_number = $6 or agent_extension = $6)
                     and (cast($7 as text) is null or extension_number = $7 or agent_extension = $7)) as cdr
             where 1 = 1 ",
            $($tail),+
        )
    };
}
macro_rules! starts {
    ($($rest:literal),+) => { sql(concat!("select start_time ", $($rest),+)) };
}
macro_rules! count {
    ($($rest:literal),+) => { sql(concat!("select count(*) ", $($rest),+)) };
}

impl Filter {
    fn driver(&self) -> Driver {
        match (&self.phone, &self.extension, &self.scope) {
            (Some(_), ..) => Driver::Phone,
            (None, Some(_), _) | (None, None, Scope::Extension(_)) => Driver::Extension,
            _ => Driver::Period,
        }
    }

    /// Binds $1 to $12. $6 drives [`Driver::Extension`], so it is the first extension there is.
    fn bound(&self, tenant: TenantId, query: Query) -> Query {
        let (team, own) = match &self.scope {
            Scope::Account | Scope::Nothing => (None, None),
            Scope::Team(team) => (Some(*team), None),
            Scope::Extension(own) => (None, Some(own)),
        };
        query
            .bind(tenant)
            .bind(self.from)
            .bind(self.until)
            .bind(self.direction)
            .bind(team)
            .bind(self.extension.as_ref().or(own))
            .bind(own)
            .bind(self.phone.as_deref())
            .bind(self.from.day())
            .bind(Timestamp(self.until.millis() - 1).day())
            .bind(self.result.map(CallResult::as_str))
            .bind(self.trunk)
    }
}

/// Returns the records of one page, the newest first, and how many there are in all.
pub(crate) async fn list(tx: &mut Tx, tenant: TenantId, filter: &Filter, slice: Slice) -> Result<(Vec<Cdr>, i64)> {
    if filter.scope == Scope::Nothing {
        return Ok((Vec::new(), 0));
    }
    let page = match filter.driver() {
        Driver::Period => return list_by_hours(tx, tenant, filter, slice).await,
        Driver::Extension => by_extension!(rows, "*", "order by start_time desc, uuid desc limit $13 offset $14"),
        Driver::Phone => by_phone!(rows, "*", "order by start_time desc, uuid desc limit $13 offset $14"),
    };
    let total = count_driven(tx, tenant, filter, filter.from).await?;
    let (mut until, mut offset) = (filter.until, slice.offset);
    if offset >= FAR {
        let Some(at) = start_at(tx, tenant, filter, offset).await? else { return Ok((Vec::new(), total)) };
        let next = Timestamp(at.millis() + 1);
        offset -= count_driven(tx, tenant, filter, next).await?;
        until = next;
    }
    let within = Filter { until, ..filter.clone() };
    let rows = within.bound(tenant, page).bind(slice.limit).bind(offset).all(tx).await?;
    Ok((rows, total))
}

/// Counts the records of a number or an extension that began at `from` or later.
async fn count_driven(tx: &mut Tx, tenant: TenantId, filter: &Filter, from: Timestamp) -> Result<i64> {
    let count = match filter.driver() {
        Driver::Phone => by_phone!(count, "1", ""),
        _ => by_extension!(count, "1", ""),
    };
    let later = Filter { from, ..filter.clone() };
    later.bound(tenant, count).one::<(i64,)>(tx).await.map(|(count,)| count)
}

/// Returns when that record of a number or an extension began, counted from the newest.
async fn start_at(tx: &mut Tx, tenant: TenantId, filter: &Filter, offset: i64) -> Result<Option<Timestamp>> {
    let starts = match filter.driver() {
        Driver::Phone => by_phone!(starts, "start_time", "order by start_time desc limit 1 offset $13"),
        _ => by_extension!(starts, "start_time", "order by start_time desc limit 1 offset $13"),
    };
    let found = filter.bound(tenant, starts).bind(offset).first::<(Timestamp,)>(tx).await?;
    Ok(found.map(|(at,)| at))
}

/// Lists a period by its hours: the total is their sum, and a far page begins at the hour that it lies in instead of
/// passing over everything before it.
async fn list_by_hours(tx: &mut Tx, tenant: TenantId, filter: &Filter, slice: Slice) -> Result<(Vec<Cdr>, i64)> {
    let Some(hours) = Hours::within(filter.from, filter.until) else {
        let total = count_period(tx, tenant, filter, filter.from, filter.until).await?;
        return Ok((page_of_period(tx, tenant, filter, slice).await?, total));
    };
    // What lies after the last whole hour is newest, and what lies before the first is oldest.
    let newest = count_period(tx, tenant, filter, hours.end(), filter.until).await?;
    let oldest = count_period(tx, tenant, filter, filter.from, hours.start()).await?;
    let whole = cdr_hours::list(tx, tenant, filter, hours).await?;
    let total = newest + oldest + whole.iter().map(|hour| hour.calls).sum::<i64>();
    let (mut until, mut offset) = (filter.until, slice.offset);
    if offset >= newest {
        (until, offset) = (hours.end(), offset - newest);
        for hour in whole {
            if offset < hour.calls {
                break;
            }
            (until, offset) = (hour.start(), offset - hour.calls);
        }
    }
    let within = Filter { until, ..filter.clone() };
    Ok((page_of_period(tx, tenant, &within, Slice { offset, limit: slice.limit }).await?, total))
}

async fn page_of_period(tx: &mut Tx, tenant: TenantId, filter: &Filter, slice: Slice) -> Result<Vec<Cdr>> {
    let page = by_period!(rows, "order by start_time desc, uuid desc limit $13 offset $14");
    filter.bound(tenant, page).bind(slice.limit).bind(slice.offset).all(tx).await
}

async fn count_period(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &Filter,
    from: Timestamp,
    until: Timestamp,
) -> Result<i64> {
    if from >= until {
        return Ok(0);
    }
    let part = Filter { from, until, ..filter.clone() };
    part.bound(tenant, by_period!(count, "")).one::<(i64,)>(tx).await.map(|(count,)| count)
}

/// Returns up to `limit` records, the newest first, that stand after `last` in that order.
pub(crate) async fn after(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &Filter,
    last: Option<(Timestamp, CallId)>,
    limit: i64,
) -> Result<Vec<Cdr>> {
    if filter.scope == Scope::Nothing {
        return Ok(Vec::new());
    }
    let (until, at, uuid) = match last {
        None => (filter.until, filter.until, String::new()),
        Some((at, uuid)) => (Timestamp(at.millis() + 1), at, uuid.to_string()),
    };
    let filter = Filter { until, ..filter.clone() };
    let query = match filter.driver() {
        Driver::Period => {
            by_period!(rows, "and (start_time < $13 or uuid < $14) order by start_time desc, uuid desc limit $15")
        }
        Driver::Extension => {
            by_extension!(
                rows,
                "*",
                "and (start_time < $13 or uuid < $14) order by start_time desc, uuid desc limit $15"
            )
        }
        Driver::Phone => {
            by_phone!(rows, "*", "and (start_time < $13 or uuid < $14) order by start_time desc, uuid desc limit $15")
        }
    };
    filter.bound(tenant, query).bind(at).bind(uuid).bind(limit).all(tx).await
}

/// Notes the first fetch of a recording. Returns whether this was the first.
pub(crate) async fn mark_downloaded(tx: &mut Tx, tenant: TenantId, uuid: CallId) -> Result<bool> {
    let now = tx.now();
    let rows = sql("update cdr set recording_downloaded_at = $3
         where tenant_id = $1 and uuid = $2 and recording_downloaded_at is null")
    .bind(tenant)
    .bind(uuid)
    .bind(now)
    .run(tx)
    .await?;
    Ok(rows > 0)
}

/// Sets the tags of a record. Returns whether it is there.
pub(crate) async fn set_tags(tx: &mut Tx, tenant: TenantId, uuid: CallId, tags: &[String]) -> Result<bool> {
    let rows = sql("update cdr set tags = $3 where tenant_id = $1 and uuid = $2")
        .bind(tenant)
        .bind(uuid)
        .bind(serde_json::to_string(tags).expect("texts always serialise"))
        .run(tx)
        .await?;
    Ok(rows > 0)
}

/// Returns up to `limit` of an account's oldest records that began before a time, each with its recording's file.
pub(crate) async fn oldest(
    tx: &mut Tx,
    tenant: TenantId,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<(i64, String, Option<String>)>> {
    sql("select day, uuid, recording_path from cdr
         where tenant_id = $1 and start_time < $2
         order by start_time, uuid limit $3")
    .bind(tenant)
    .bind(before)
    .bind(limit)
    .all(tx)
    .await
}

/// Deletes an account's records that began before a time, the oldest first; returns how many.
pub(crate) async fn forget(tx: &mut Tx, tenant: TenantId, before: Timestamp, limit: i64) -> Result<u64> {
    sql("delete from cdr where tenant_id = $1 and (uuid, day) in (
            select uuid, day from cdr where tenant_id = $1 and start_time < $2 order by start_time, uuid limit $3)")
    .bind(tenant)
    .bind(before)
    .bind(limit)
    .run(tx)
    .await
}
