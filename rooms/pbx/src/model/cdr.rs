//! The call detail record: what is left of a call.

use domain::{
    CallId, TenantId, Timestamp,
    call::EndedBy,
    cause::{CallResult, Cause},
    ids::TrunkId,
    number::Region,
};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Direction, SourceType, names};

/// One finished call. Its team, for those who may see their team's records only, is taken from the extension
/// when the record is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Cdr {
    pub uuid: CallId,
    pub tenant: TenantId,
    pub direction: Direction,
    pub source_type: SourceType,
    pub caller_number: String,
    pub destination_number: String,
    pub extension: Option<String>,
    /// Who answered, where a queue or menu chose.
    pub agent_extension: Option<String>,
    pub start_time: Timestamp,
    pub answer_time: Option<Timestamp>,
    pub end_time: Timestamp,
    /// Seconds from start to end.
    pub duration: i64,
    /// Seconds from answer to end; 0 if unanswered.
    pub billsec: i64,
    pub queue_name: Option<String>,
    /// Seconds.
    pub queue_wait_time: Option<i64>,
    pub trunk: Option<TrunkId>,
    pub trunk_name: Option<String>,
    pub transfer_count: i64,
    pub result: CallResult,
    pub hangup_cause: Cause,
    pub hangup_cause_q850: Option<i64>,
    /// The final SIP status of the leg that decided the result.
    pub sip_status: Option<i64>,
    pub hangup_by: EndedBy,
    pub recording: RecordingInfo,
    pub disposition: Option<String>,
    pub campaign: Option<i64>,
    pub lead: Option<i64>,
    pub tags: Vec<String>,
    /// Estimated mean opinion score, 1.0-4.5.
    pub mos: Option<f64>,
    /// JSON array of legs.
    pub legs: String,
}

names! {
    pub enum RecordingState {
        None = "none",
        /// The call is over, the file is not finished.
        Pending = "pending",
        Available = "available",
        Failed = "failed",
        Deleted = "deleted",
    }
}

/// The recording of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingInfo {
    pub state: RecordingState,
    /// Relative to the recordings folder; named by us.
    pub path: Option<String>,
    /// Milliseconds.
    pub duration_ms: Option<i64>,
    pub size_bytes: Option<i64>,
}

impl RecordingInfo {
    pub const NONE: Self = Self { state: RecordingState::None, path: None, duration_ms: None, size_bytes: None };

    pub fn is_available(&self) -> bool {
        self.state == RecordingState::Available && self.path.is_some()
    }
}

/// A record in a list. Also the columns of the CSV form, in this order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Cdr)]
pub struct CdrBody {
    /// The call's UUID, `call_uuid` of its events.
    pub uuid: String,
    #[schema(value_type = String, example = "outbound")]
    pub direction: Direction,
    #[schema(value_type = String, example = "outbound_manual")]
    pub source_type: SourceType,
    pub caller_number: String,
    pub destination_number: String,
    pub extension_number: Option<String>,
    pub agent_extension: Option<String>,
    #[schema(format = DateTime)]
    pub start_time: String,
    #[schema(format = DateTime)]
    pub answer_time: Option<String>,
    #[schema(format = DateTime)]
    pub end_time: String,
    /// Seconds.
    pub duration: i64,
    /// Seconds after the answer.
    pub billsec: i64,
    pub queue_name: Option<String>,
    pub queue_wait_time: Option<i64>,
    pub trunk_name: Option<String>,
    pub transfer_count: i64,
    #[schema(example = "answered")]
    pub result: &'static str,
    #[schema(example = "NORMAL_CLEARING")]
    pub hangup_cause: &'static str,
    /// Null where Q.850 has no number for the cause.
    pub hangup_cause_q850: Option<i64>,
    pub sip_status: Option<i64>,
    pub recording: RecordingBody,
    pub disposition: Option<String>,
    pub campaign_id: Option<i64>,
    pub lead_id: Option<i64>,
    pub tags: Vec<String>,
    /// Estimated mean opinion score.
    pub mos: Option<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CdrRecording)]
pub struct RecordingBody {
    pub available: bool,
    /// Seconds.
    pub duration: Option<i64>,
    pub size_bytes: Option<i64>,
}

/// One record with all there is to know.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CdrDetail)]
pub struct CdrDetail {
    #[serde(flatten)]
    pub record: CdrBody,
    /// `caller`, `callee` or `system`.
    pub hangup_by: &'static str,
    /// Signed, valid for 30 minutes; null without a recording.
    pub recording_url: Option<String>,
    #[schema(value_type = Vec<serde_json::Value>)]
    pub legs: Box<RawValue>,
}

impl From<Cdr> for CdrBody {
    fn from(cdr: Cdr) -> Self {
        Self {
            uuid: cdr.uuid.to_string(),
            direction: cdr.direction,
            source_type: cdr.source_type,
            caller_number: cdr.caller_number,
            destination_number: cdr.destination_number,
            extension_number: cdr.extension,
            agent_extension: cdr.agent_extension,
            start_time: cdr.start_time.rfc3339(),
            answer_time: cdr.answer_time.map(Timestamp::rfc3339),
            end_time: cdr.end_time.rfc3339(),
            duration: cdr.duration,
            billsec: cdr.billsec,
            queue_name: cdr.queue_name,
            queue_wait_time: cdr.queue_wait_time,
            trunk_name: cdr.trunk_name,
            transfer_count: cdr.transfer_count,
            result: cdr.result.as_str(),
            hangup_cause: cdr.hangup_cause.as_str(),
            hangup_cause_q850: cdr.hangup_cause_q850,
            sip_status: cdr.sip_status,
            recording: RecordingBody {
                available: cdr.recording.is_available(),
                duration: cdr.recording.duration_ms.map(|ms| (ms + 500) / 1000),
                size_bytes: cdr.recording.size_bytes,
            },
            disposition: cdr.disposition,
            campaign_id: cdr.campaign,
            lead_id: cdr.lead,
            tags: cdr.tags,
            mos: cdr.mos,
        }
    }
}

impl CdrDetail {
    pub fn new(cdr: Cdr, recording_url: Option<String>) -> Self {
        let hangup_by = cdr.hangup_by.as_str();
        let legs = RawValue::from_string(cdr.legs.clone()).unwrap_or_else(|_| empty_array());
        Self { record: cdr.into(), hangup_by, recording_url, legs }
    }
}

/// Returns the `data` of `pbx.cdr.created`: `call_uuid` and every field of the detail.
pub fn event_data(cdr: &Cdr, recording_url: Option<String>) -> String {
    #[derive(Serialize)]
    struct EventData {
        call_uuid: String,
        #[serde(flatten)]
        detail: CdrDetail,
    }
    let data = EventData { call_uuid: cdr.uuid.to_string(), detail: CdrDetail::new(cdr.clone(), recording_url) };
    serde_json::to_string(&data).expect("strings, numbers and valid JSON always serialise")
}

/// Returns the form in which a record's numbers are searched: E.164 without `+` for a public number, else as it is.
pub fn phone_key(number: &str, region: Region) -> String {
    region.e164(number).unwrap_or_else(|| number.to_owned())
}

fn empty_array() -> Box<RawValue> {
    RawValue::from_string("[]".to_owned()).expect("an empty array is valid JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered() -> Cdr {
        Cdr {
            uuid: CallId(uuid::Uuid::nil()),
            tenant: TenantId(1),
            direction: Direction::Outbound,
            source_type: SourceType::OutboundManual,
            caller_number: "1001".to_owned(),
            destination_number: "0987654321".to_owned(),
            extension: Some("1001".to_owned()),
            agent_extension: None,
            start_time: Timestamp(0),
            answer_time: Some(Timestamp(2_000)),
            end_time: Timestamp(62_000),
            duration: 62,
            billsec: 60,
            queue_name: None,
            queue_wait_time: None,
            trunk: Some(TrunkId(1)),
            trunk_name: Some("carrier".to_owned()),
            transfer_count: 0,
            result: CallResult::Answered,
            hangup_cause: Cause::NormalClearing,
            hangup_cause_q850: Some(16),
            sip_status: Some(200),
            hangup_by: EndedBy::Caller,
            recording: RecordingInfo {
                state: RecordingState::Available,
                path: Some("a.wav".to_owned()),
                duration_ms: Some(59_600),
                size_bytes: Some(953_644),
            },
            disposition: None,
            campaign: None,
            lead: None,
            tags: vec!["vip".to_owned()],
            mos: Some(4.2),
            legs: r#"[{"role":"a"}]"#.to_owned(),
        }
    }

    #[test]
    fn the_event_carries_every_field_of_the_detail() {
        let expected = concat!(
            r#"{"call_uuid":"00000000-0000-0000-0000-000000000000","uuid":"00000000-0000-0000-0000-000000000000","#,
            r#""direction":"outbound","source_type":"outbound_manual","caller_number":"1001","#,
            r#""destination_number":"0987654321","extension_number":"1001","agent_extension":null,"#,
            r#""start_time":"1970-01-01T00:00:00.000Z","answer_time":"1970-01-01T00:00:02.000Z","#,
            r#""end_time":"1970-01-01T00:01:02.000Z","duration":62,"billsec":60,"queue_name":null,"#,
            r#""queue_wait_time":null,"trunk_name":"carrier","transfer_count":0,"result":"answered","#,
            r#""hangup_cause":"NORMAL_CLEARING","hangup_cause_q850":16,"sip_status":200,"#,
            r#""recording":{"available":true,"duration":60,"size_bytes":953644},"disposition":null,"#,
            r#""campaign_id":null,"lead_id":null,"tags":["vip"],"mos":4.2,"hangup_by":"caller","#,
            r#""recording_url":"https://x/r.wav","legs":[{"role":"a"}]}"#,
        );
        assert_eq!(event_data(&answered(), Some("https://x/r.wav".to_owned())), expected);
    }

    #[test]
    fn spoilt_legs_are_shown_as_none() {
        let body = CdrDetail::new(Cdr { legs: "nonsense".to_owned(), ..answered() }, None);
        assert_eq!(serde_json::to_value(&body).unwrap()["legs"], serde_json::json!([]));
    }

    #[test]
    fn a_number_is_searched_by_whichever_form_was_dialled() {
        let vn = Region::of("VN");
        for (number, key) in
            [("0987654321", "84987654321"), ("+84987654321", "84987654321"), ("1001", "1001"), ("*43", "*43")]
        {
            assert_eq!(phone_key(number, vn), key);
        }
    }
}
