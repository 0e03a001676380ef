//! What the engine writes: reservations of leads, the ledger of attempts, refusals.
//!
//! A row of the ledger is inserted before its INVITE and closed once. It goes only if nobody was called.

use std::time::Duration;

use dialer::gate;
use domain::{CallId, TenantId, Timestamp};
use serde_json::{Value as Json, json};
use store::{Error, FromRow, Tx, sql};

use super::reports::QUARTER;
use crate::model::{Lead, LeadStatus};

/// Most earlier calls to a number that the caps look at.
const MOST_PAST: i64 = 200;

/// An attempt that is under way.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Open {
    pub(crate) id: i64,
    pub(crate) call_uuid: CallId,
    pub(crate) campaign_id: i64,
    pub(crate) lead_id: i64,
    pub(crate) script_id: i64,
    pub(crate) attempt_number: i64,
    pub(crate) phone: String,
    pub(crate) caller_id: Option<String>,
    pub(crate) dialled_at: Timestamp,
    pub(crate) answered_at: Option<Timestamp>,
    pub(crate) digits: String,
}

impl Open {
    /// Returns the fields that every event of the attempt carries.
    pub(crate) fn data(&self) -> Json {
        json!({
            "uuid": self.call_uuid, "call_uuid": self.call_uuid, "campaign_id": self.campaign_id,
            "lead_id": self.lead_id, "phone": self.phone, "attempt_number": self.attempt_number,
            "caller_id": self.caller_id, "started_at": self.dialled_at.rfc3339(),
        })
    }
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) at: Timestamp,
    pub(crate) result: &'static str,
    pub(crate) cause: Option<&'static str>,
    pub(crate) sip_status: Option<i64>,
    /// Seconds from answer to end.
    pub(crate) billsec: i64,
    pub(crate) trunk: Option<String>,
    pub(crate) recording: Option<String>,
}

/// What a callee agreed to, as it is stored.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Consent {
    purposes: String,
    given_at: Timestamp,
    expires_at: Option<Timestamp>,
    withdrawn_at: Option<Timestamp>,
    frequency_calls: Option<i64>,
    frequency_seconds: Option<i64>,
}

impl Consent {
    pub(crate) fn read(self) -> gate::Consent {
        let frequency = self.frequency_calls.zip(self.frequency_seconds).and_then(|(calls, seconds)| {
            let within = Duration::from_secs(u64::try_from(seconds).ok()?);
            Some(gate::Cap { calls: u32::try_from(calls).ok()?, within })
        });
        gate::Consent {
            purposes: self.purposes.split(',').filter_map(|name| gate::Purpose::parse(name.trim())).collect(),
            given: self.given_at,
            expires: self.expires_at,
            withdrawn: self.withdrawn_at,
            frequency,
        }
    }
}

/// An earlier call to a number.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Past {
    dialled_at: Timestamp,
    campaign_id: i64,
    call_purpose: String,
}

impl Past {
    pub(crate) fn read(self) -> gate::Past {
        let purpose = gate::Purpose::parse(&self.call_purpose).unwrap_or(gate::Purpose::Advertising);
        gate::Past { at: self.dialled_at, campaign: self.campaign_id, purpose }
    }
}

/// Returns the campaigns that run, of every account.
pub(crate) async fn any_tenant_running(tx: &mut Tx) -> Result<Vec<(TenantId, i64)>, Error> {
    sql("select tenant_id, id from autocall_campaign where status = 'running' order by id").all(tx).await
}

/// Gives back what other runs had reserved.
pub(crate) async fn any_tenant_release(tx: &mut Tx, boot: &str) -> Result<u64, Error> {
    sql("update autocall_lead set status = 'pending', lease_until = null, lease_boot = null
         where status = 'reserved' and lease_boot <> $1")
    .bind(boot)
    .run(tx)
    .await
}

/// Returns the attempts that other runs left open.
pub(crate) async fn any_tenant_left_over(tx: &mut Tx, boot: &str) -> Result<Vec<(TenantId, i64)>, Error> {
    sql("select tenant_id, id from autocall_attempt where ended_at is null and boot_id <> $1 order by id")
        .bind(boot)
        .all(tx)
        .await
}

pub(crate) async fn is_running(tx: &mut Tx, tenant: TenantId, campaign: i64) -> Result<bool, Error> {
    let (count,) =
        sql("select count(*) from autocall_campaign where tenant_id = $1 and id = $2 and status = 'running'")
            .bind(tenant)
            .bind(campaign)
            .one::<(i64,)>(tx)
            .await?;
    Ok(count > 0)
}

/// Reserves leads that are due, the one whose time came first before others.
pub(crate) async fn claim(
    tx: &mut Tx,
    tenant: TenantId,
    campaign: i64,
    boot: &str,
    until: Timestamp,
    most: i64,
) -> Result<Vec<Lead>, Error> {
    let now = tx.now();
    sql("update autocall_lead set status = 'reserved', lease_until = $4, lease_boot = $5
         where tenant_id = $1 and status = 'pending' and id in (
            select id from autocall_lead
            where tenant_id = $1 and campaign_id = $2 and status = 'pending' and next_at <= $3
            order by next_at, id limit $6)
         returning id, campaign_id, phone, phone_original, external_ref, payload, status, attempts, next_at,
            last_result, created_at, updated_at")
    .bind(tenant)
    .bind(campaign)
    .bind(now)
    .bind(until)
    .bind(boot)
    .bind(most)
    .all(tx)
    .await
}

/// Gives back reservations that have run out.
pub(crate) async fn release_expired(tx: &mut Tx, tenant: TenantId, campaign: i64) -> Result<u64, Error> {
    let now = tx.now();
    sql("update autocall_lead set status = 'pending', lease_until = null, lease_boot = null
         where tenant_id = $1 and campaign_id = $2 and status = 'reserved' and lease_until < $3")
    .bind(tenant)
    .bind(campaign)
    .bind(now)
    .run(tx)
    .await
}

/// Gives a reservation back; the lead waits until then.
pub(crate) async fn give_back(
    tx: &mut Tx,
    tenant: TenantId,
    lead: i64,
    boot: &str,
    next_at: Timestamp,
) -> Result<u64, Error> {
    let now = tx.now();
    sql("update autocall_lead set status = 'pending', next_at = $4, lease_until = null, lease_boot = null,
            updated_at = $5
         where tenant_id = $1 and id = $2 and status = 'reserved' and lease_boot = $3")
    .bind(tenant)
    .bind(lead)
    .bind(boot)
    .bind(next_at)
    .bind(now)
    .run(tx)
    .await
}

/// Closes a lead that this run has reserved, without a call.
pub(crate) async fn close_reserved(
    tx: &mut Tx,
    tenant: TenantId,
    lead: i64,
    boot: &str,
    status: LeadStatus,
) -> Result<u64, Error> {
    let now = tx.now();
    sql("update autocall_lead set status = $4, lease_until = null, lease_boot = null, updated_at = $5
         where tenant_id = $1 and id = $2 and status = 'reserved' and lease_boot = $3")
    .bind(tenant)
    .bind(lead)
    .bind(boot)
    .bind(status)
    .bind(now)
    .run(tx)
    .await
}

/// Turns a reservation into an attempt; 0 if it is not this run's any more.
pub(crate) async fn dial(tx: &mut Tx, tenant: TenantId, lead: i64, boot: &str) -> Result<u64, Error> {
    let now = tx.now();
    sql("update autocall_lead set status = 'dialing', attempts = attempts + 1, lease_until = null, lease_boot = null,
            updated_at = $4
         where tenant_id = $1 and id = $2 and status = 'reserved' and lease_boot = $3")
    .bind(tenant)
    .bind(lead)
    .bind(boot)
    .bind(now)
    .run(tx)
    .await
}

/// Takes an attempt back for which nobody was called.
pub(crate) async fn undial(tx: &mut Tx, tenant: TenantId, lead: i64, next_at: Timestamp) -> Result<u64, Error> {
    let now = tx.now();
    sql("update autocall_lead set status = 'pending', attempts = attempts - 1, next_at = $3, updated_at = $4
         where tenant_id = $1 and id = $2 and status = 'dialing'")
    .bind(tenant)
    .bind(lead)
    .bind(next_at)
    .bind(now)
    .run(tx)
    .await
}

/// Says what a lead is after an attempt.
pub(crate) async fn settle(
    tx: &mut Tx,
    tenant: TenantId,
    lead: i64,
    status: LeadStatus,
    next_at: Timestamp,
    result: &str,
) -> Result<u64, Error> {
    let now = tx.now();
    sql("update autocall_lead set status = $3, next_at = $4, last_result = $5, updated_at = $6
         where tenant_id = $1 and id = $2 and status = 'dialing'")
    .bind(tenant)
    .bind(lead)
    .bind(status)
    .bind(next_at)
    .bind(result)
    .bind(now)
    .run(tx)
    .await
}

/// Returns how many leads of a campaign are not closed.
pub(crate) async fn left_to_call(tx: &mut Tx, tenant: TenantId, campaign: i64) -> Result<i64, Error> {
    sql("select count(*) from autocall_lead
         where tenant_id = $1 and campaign_id = $2 and status in ('pending', 'reserved', 'dialing')")
    .bind(tenant)
    .bind(campaign)
    .one::<(i64,)>(tx)
    .await
    .map(|row| row.0)
}

/// Returns how many leads of a campaign somebody is about to call, or calls.
pub(crate) async fn under_way(tx: &mut Tx, tenant: TenantId, campaign: i64) -> Result<i64, Error> {
    sql("select count(*) from autocall_lead
         where tenant_id = $1 and campaign_id = $2 and status in ('reserved', 'dialing')")
    .bind(tenant)
    .bind(campaign)
    .one::<(i64,)>(tx)
    .await
    .map(|row| row.0)
}

/// Adds a row to the ledger and returns its id.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, open: &Open, boot: &str) -> Result<i64, Error> {
    sql("insert into autocall_attempt (tenant_id, call_uuid, campaign_id, lead_id, script_id, attempt_number, phone,
            boot_id, dialled_at, quarter)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning id")
    .bind(tenant)
    .bind(open.call_uuid)
    .bind(open.campaign_id)
    .bind(open.lead_id)
    .bind(open.script_id)
    .bind(open.attempt_number)
    .bind(&open.phone)
    .bind(boot)
    .bind(open.dialled_at)
    .bind(open.dialled_at.millis().div_euclid(QUARTER))
    .one::<(i64,)>(tx)
    .await
    .map(|row| row.0)
}

/// Returns an attempt that has no end yet.
pub(crate) async fn open_attempt(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<Open>, Error> {
    sql("select id, call_uuid, campaign_id, lead_id, script_id, attempt_number, phone, caller_id, dialled_at,
            answered_at, digits
         from autocall_attempt where tenant_id = $1 and id = $2 and ended_at is null")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

/// Writes down how far an attempt has come.
pub(crate) async fn progress(tx: &mut Tx, tenant: TenantId, open: &Open) -> Result<u64, Error> {
    sql("update autocall_attempt set caller_id = $3, answered_at = $4, digits = $5
         where tenant_id = $1 and id = $2 and ended_at is null")
    .bind(tenant)
    .bind(open.id)
    .bind(open.caller_id.clone())
    .bind(open.answered_at)
    .bind(&open.digits)
    .run(tx)
    .await
}

/// The callee was handed to a queue.
pub(crate) async fn queued(tx: &mut Tx, tenant: TenantId, id: i64, queue: &str) -> Result<u64, Error> {
    let now = tx.now();
    sql("update autocall_attempt set transferred_to = $3, transferred_at = $4
         where tenant_id = $1 and id = $2 and ended_at is null")
    .bind(tenant)
    .bind(id)
    .bind(queue)
    .bind(now)
    .run(tx)
    .await
}

/// An agent of the queue talks with the callee.
pub(crate) async fn connected(
    tx: &mut Tx,
    tenant: TenantId,
    id: i64,
    agent: Option<&str>,
    at: Timestamp,
) -> Result<u64, Error> {
    sql("update autocall_attempt set transfer_agent = $3, transfer_answered_at = $4
         where tenant_id = $1 and id = $2 and ended_at is null")
    .bind(tenant)
    .bind(id)
    .bind(agent)
    .bind(at)
    .run(tx)
    .await
}

/// Closes a row; 0 if it is closed already.
pub(crate) async fn end(tx: &mut Tx, tenant: TenantId, id: i64, ended: &Ended) -> Result<u64, Error> {
    sql("update autocall_attempt set ended_at = $3, result = $4, hangup_cause = $5, sip_status = $6, billsec = $7,
            trunk_name = $8, trunk_id = (select t.id from trunk t where t.tenant_id = $1 and t.name = $8),
            recording_path = $9
         where tenant_id = $1 and id = $2 and ended_at is null")
    .bind(tenant)
    .bind(id)
    .bind(ended.at)
    .bind(ended.result)
    .bind(ended.cause)
    .bind(ended.sip_status)
    .bind(ended.billsec)
    .bind(ended.trunk.clone())
    .bind(ended.recording.clone())
    .run(tx)
    .await
}

/// Removes the row of an attempt for which nobody was called.
pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<u64, Error> {
    sql("delete from autocall_attempt where tenant_id = $1 and id = $2 and ended_at is null and answered_at is null")
        .bind(tenant)
        .bind(id)
        .run(tx)
        .await
}

/// Returns the latest that is known of a number's consent.
pub(crate) async fn consent(tx: &mut Tx, tenant: TenantId, phone: &str) -> Result<Option<Consent>, Error> {
    sql("select purposes, given_at, expires_at, withdrawn_at, frequency_calls, frequency_seconds
         from consent where tenant_id = $1 and phone = $2 order by id desc limit 1")
    .bind(tenant)
    .bind(phone)
    .first(tx)
    .await
}

/// Returns the calls to a number since then, by any campaign of the account, the newest first.
pub(crate) async fn past(tx: &mut Tx, tenant: TenantId, phone: &str, since: Timestamp) -> Result<Vec<Past>, Error> {
    sql("select a.dialled_at, a.campaign_id, c.call_purpose
         from autocall_attempt a join autocall_campaign c on c.tenant_id = a.tenant_id and c.id = a.campaign_id
         where a.tenant_id = $1 and a.phone = $2 and a.dialled_at >= $3 order by a.dialled_at desc limit $4")
    .bind(tenant)
    .bind(phone)
    .bind(since)
    .bind(MOST_PAST)
    .all(tx)
    .await
}

/// Writes down that a rule kept a lead from being called.
pub(crate) async fn refuse(
    tx: &mut Tx,
    tenant: TenantId,
    lead: i64,
    campaign: i64,
    rule: &str,
    version: i64,
    until: Option<Timestamp>,
) -> Result<u64, Error> {
    let now = tx.now();
    sql("insert into autocall_refusal (tenant_id, lead_id, campaign_id, rule, rule_version, until_at, refused_at, times)
         values ($1, $2, $3, $4, $5, $6, $7, 1)
         on conflict (tenant_id, lead_id, rule) do update set rule_version = excluded.rule_version,
            until_at = excluded.until_at, refused_at = excluded.refused_at, times = autocall_refusal.times + 1")
    .bind(tenant)
    .bind(lead)
    .bind(campaign)
    .bind(rule)
    .bind(version)
    .bind(until)
    .bind(now)
    .run(tx)
    .await
}

/// Returns the file of a sound by the path that scripts name it by.
pub(crate) async fn sound_file(tx: &mut Tx, tenant: TenantId, path: &str) -> Result<Option<String>, Error> {
    let found: Option<(String,)> = sql("select path from prompt where tenant_id = $1 and file_path = $2")
        .bind(tenant)
        .bind(path)
        .first(tx)
        .await?;
    Ok(found.map(|row| row.0))
}
