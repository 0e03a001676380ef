//! What a call writes down: each fact with its events and its job in one transaction, in the order it happened.

use std::time::Duration;

use domain::{CallId, Event, EventName, TenantId, Timestamp, cause::CallResult, number::Region};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Pbx,
    model::{Cdr, Direction, LiveCall, RecordingState, SourceType, cdr},
    ops::recordings,
    store,
};

/// The job that finishes a recording whose call is over.
pub(crate) const FINISH_RECORDING: &str = "pbx.finish_recording";

/// Milliseconds after which that job looks, in case the driver did not live to finish it itself.
const FINISH_AFTER_MS: u64 = 30_000;

/// Something that has to be on disk.
#[derive(Debug)]
pub(crate) enum Fact {
    Started {
        call: Box<LiveCall>,
        caller_name: Option<String>,
    },
    /// An extension rings.
    Ringing {
        common: Common,
        at: Timestamp,
    },
    Answered {
        common: Common,
        rang_at: Timestamp,
        answered: Box<store::calls::Answered>,
    },
    /// A leg was answered while the other side still rings: after a crash it has to get a BYE.
    LegAnswered {
        call: CallId,
        journal: Box<store::calls::Journal>,
    },
    /// The call is over: the record, the hang-up, and what tells of the record. Without a record in the CDR only those
    /// are told whose phones rang.
    Ended {
        cdr: Box<Cdr>,
        common: Common,
        has_cdr: bool,
    },
}

/// The fields that every event of a call carries.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Common {
    pub(crate) call_uuid: CallId,
    pub(crate) extension: Option<String>,
    pub(crate) direction: &'static str,
    pub(crate) caller_number: String,
    pub(crate) destination_number: String,
    pub(crate) queue_name: Option<String>,
    pub(crate) source_type: SourceType,
    pub(crate) campaign_id: Option<i64>,
    pub(crate) lead_id: Option<i64>,
}

#[derive(Serialize)]
struct RingingData<'a> {
    #[serde(flatten)]
    common: &'a Common,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<String>,
}

#[derive(Serialize)]
struct IncomingData<'a> {
    call_uuid: CallId,
    caller_id_name: &'a str,
    caller_id_number: String,
    destination_number: String,
}

#[derive(Serialize)]
struct HangupData<'a> {
    call_uuid: CallId,
    extension: &'a Option<String>,
    direction: &'static str,
    caller_number: &'a str,
    destination_number: &'a str,
    started_at: String,
    answered_at: Option<String>,
    ended_at: String,
    duration: i64,
    billsec: i64,
    hangup_cause: &'static str,
    hangup_cause_q850: Option<i64>,
    result: &'static str,
    hangup_by: &'static str,
    queue_name: &'a Option<String>,
    source_type: SourceType,
}

impl Common {
    pub(crate) fn of(call: &LiveCall) -> Self {
        Self {
            call_uuid: call.call,
            extension: call.extension.clone(),
            direction: in_events(call.direction),
            caller_number: call.caller_number.clone(),
            destination_number: call.destination_number.clone(),
            queue_name: call.queue_name.clone(),
            source_type: call.source_type,
            campaign_id: call.campaign,
            lead_id: call.lead,
        }
    }
}

/// Returns the direction as webhooks name it: `local` is a word of the CDR only.
const fn in_events(direction: Direction) -> &'static str {
    match direction {
        Direction::Local => Direction::Internal.as_str(),
        other => other.as_str(),
    }
}

/// Commits the facts of one call, all or none; with patience if nobody waits for them.
pub(crate) async fn commit(
    pbx: &Pbx,
    tenant: TenantId,
    facts: &[Fact],
    patience: Option<Duration>,
) -> Result<(), ::store::Error> {
    let region = pbx.directory.account(tenant).map_or_else(|| Region::of("VN"), |account| account.region());
    let mut tx = pbx.db.begin(tenant).await?;
    let mut events = Vec::with_capacity(facts.len() + 1);
    for fact in facts {
        match fact {
            Fact::Started { call, caller_name } => {
                store::calls::insert(&mut tx, tenant, call).await?;
                // A request with an Idempotency-Key dials once, whatever becomes of its answer.
                web::acted(&mut tx).await?;
                if call.direction == Direction::Inbound {
                    events.push(incoming(tenant, call, caller_name.as_deref(), region));
                }
            }
            Fact::Ringing { common, at } => events.push(ringing(tenant, common, *at)),
            Fact::Answered { common, rang_at, answered: found } => {
                store::calls::mark_answered(&mut tx, tenant, common.call_uuid, found).await?;
                events.push(answered(tenant, common, *rang_at, found.at));
            }
            Fact::LegAnswered { call, journal } => {
                store::calls::journal(&mut tx, tenant, *call, journal).await?;
            }
            Fact::Ended { cdr, common, has_cdr } => {
                if !store::calls::remove(&mut tx, tenant, cdr.uuid).await? {
                    // Its books were closed before, by a retry of this very transaction.
                    continue;
                }
                if !has_cdr {
                    events.extend(common.extension.as_ref().map(|_| hangup(tenant, common, cdr)));
                    continue;
                }
                if !store::cdr::insert(&mut tx, tenant, cdr, region).await? {
                    continue;
                }
                events.push(hangup(tenant, common, cdr));
                if cdr.recording.state == RecordingState::Pending {
                    let payload = serde_json::json!({ "uuid": cdr.uuid });
                    let at = tx.now().after(Duration::from_millis(FINISH_AFTER_MS));
                    ::store::jobs::add(&mut tx, FINISH_RECORDING, &payload, at).await?;
                } else {
                    events.push(created(pbx, tenant, cdr, tx.now()));
                }
            }
        }
    }
    pbx.bus.publish_all(&mut tx, events).await?;
    match patience {
        Some(patience) => tx.commit_patiently(patience).await,
        None => tx.commit().await,
    }
}

/// Returns `pbx.cdr.created`, with a signed URL if there is something to hear.
pub(crate) fn created(pbx: &Pbx, tenant: TenantId, cdr: &Cdr, now: Timestamp) -> Event {
    let url = cdr.recording.is_available().then(|| recordings::signed_url(pbx, tenant, cdr.uuid, now));
    event(EventName::CdrCreated, tenant, cdr.uuid, now, cdr::event_data(cdr, url))
}

pub(crate) fn hangup(tenant: TenantId, common: &Common, cdr: &Cdr) -> Event {
    let data = HangupData {
        call_uuid: cdr.uuid,
        extension: &common.extension,
        direction: common.direction,
        caller_number: &common.caller_number,
        destination_number: &common.destination_number,
        started_at: cdr.start_time.rfc3339(),
        answered_at: cdr.answer_time.map(Timestamp::rfc3339),
        ended_at: cdr.end_time.rfc3339(),
        duration: cdr.duration,
        billsec: cdr.billsec,
        hangup_cause: cdr.hangup_cause.as_str(),
        hangup_cause_q850: cdr.hangup_cause_q850,
        result: CallResult::as_str(cdr.result),
        hangup_by: cdr.hangup_by.as_str(),
        queue_name: &common.queue_name,
        source_type: common.source_type,
    };
    event(EventName::CallHangup, tenant, cdr.uuid, cdr.end_time, json(&data))
}

/// Returns what the incoming-call webhook is told; numbers as E.164 with the plus where they can be read so.
fn incoming(tenant: TenantId, call: &LiveCall, caller_name: Option<&str>, region: Region) -> Event {
    let shown = |number: &str| region.e164(number).map_or_else(|| number.to_owned(), |digits| format!("+{digits}"));
    let data = IncomingData {
        call_uuid: call.call,
        caller_id_name: caller_name.unwrap_or_default(),
        caller_id_number: shown(&call.caller_number),
        destination_number: shown(&call.destination_number),
    };
    event(EventName::CallIncoming, tenant, call.call, call.started_at, json(&data))
}

fn ringing(tenant: TenantId, common: &Common, at: Timestamp) -> Event {
    let data = RingingData { common, timestamp: at.rfc3339(), answered_at: None };
    event(EventName::CallRinging, tenant, common.call_uuid, at, json(&data))
}

fn answered(tenant: TenantId, common: &Common, rang_at: Timestamp, at: Timestamp) -> Event {
    let data = RingingData { common, timestamp: rang_at.rfc3339(), answered_at: Some(at.rfc3339()) };
    event(EventName::CallAnswered, tenant, common.call_uuid, at, json(&data))
}

fn event(name: EventName, tenant: TenantId, call: CallId, at: Timestamp, data: String) -> Event {
    Event { id: Uuid::now_v7(), name, tenant, at, call: Some(call), data }
}

fn json(data: &impl Serialize) -> String {
    serde_json::to_string(data).expect("strings and numbers always serialise")
}
