//! What there is to subscribe to, for whoever has to choose.

use domain::{CallId, Event, EventName, TenantId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// Events that belong together.
#[derive(Clone, Debug)]
pub struct EventGroup {
    pub name: &'static str,
    pub events: Vec<EventInfo>,
}

/// An event that a webhook may subscribe to.
#[derive(Clone, Copy, Debug)]
pub struct EventInfo {
    pub name: EventName,
    /// When it happens, in a few English words.
    pub description: &'static str,
}

/// Returns every event that can be chosen, in groups.
pub fn events() -> Vec<EventGroup> {
    let mut groups: Vec<EventGroup> = Vec::new();
    for name in EventName::ALL.iter().copied() {
        let Some((group, description)) = place(name) else { continue };
        let info = EventInfo { name, description };
        match groups.iter_mut().find(|found| found.name == group) {
            Some(found) => found.events.push(info),
            None => groups.push(EventGroup { name: group, events: vec![info] }),
        }
    }
    groups
}

/// Returns an example of what a webhook is sent for an event: the body, byte for byte as an event would be.
pub fn sample(name: EventName) -> String {
    Event {
        id: Uuid::nil(),
        name,
        tenant: TenantId(1),
        at: AT,
        call: Some(CallId(CALL)),
        data: sample_data(name).to_string(),
    }
    .body()
}

/// Group and description; `None` for what is sent unasked.
const fn place(name: EventName) -> Option<(&'static str, &'static str)> {
    match name {
        EventName::CallRinging => Some(("Calls", "An extension rings.")),
        EventName::CallAnswered => Some(("Calls", "The two sides can talk.")),
        EventName::CallHangup => Some(("Calls", "The call is over.")),
        EventName::CdrCreated => Some(("Calls", "The record is complete, with its recording if there is one.")),
        EventName::AlertRaised => Some(("Alerts", "Something needs an operator's attention.")),
        EventName::AlertResolved => Some(("Alerts", "What an alert was about is over.")),
        EventName::AutocallStarted => Some((AUTOCALL, "A campaign was started.")),
        EventName::AutocallPaused => Some((AUTOCALL, "A campaign was paused.")),
        EventName::AutocallResumed => Some((AUTOCALL, "A paused campaign goes on.")),
        EventName::AutocallFinished => Some((AUTOCALL, "A campaign has nobody left to call, or its end has come.")),
        EventName::AutocallCompleted => Some((AUTOCALL, "The second name of autocall.campaign.finished.")),
        EventName::AutocallLeadAdded => Some((AUTOCALL, "A lead was taken in.")),
        EventName::AutocallAudioReady => Some((AUTOCALL, "What a lead will hear is rendered.")),
        EventName::AutocallLeadDialed => Some((AUTOCALL, "A lead is dialled.")),
        EventName::AutocallCallInitiated => Some((AUTOCALL, "The second name of autocall.lead.dialed.")),
        EventName::AutocallLeadAnswered => Some((AUTOCALL, "A lead answered.")),
        EventName::AutocallCallAnswered => Some((AUTOCALL, "The second name of autocall.lead.answered.")),
        EventName::AutocallLeadPressed => Some((AUTOCALL, "A lead pressed a key.")),
        EventName::AutocallPressed => Some((AUTOCALL, "The second name of autocall.lead.dtmf_pressed.")),
        EventName::AutocallLeadTransferred => Some((AUTOCALL, "A lead was handed to a queue.")),
        EventName::AutocallCallTransferred => Some((AUTOCALL, "The second name of autocall.lead.transferred.")),
        EventName::AutocallCallCompleted => Some((AUTOCALL, "An attempt is over.")),
        EventName::AutocallLeadCompleted => Some((AUTOCALL, "A lead is not called any more.")),
        EventName::AutocallRenderFailed => Some((AUTOCALL, "What a lead was to hear could not be rendered.")),
        EventName::WebhookTest | EventName::CallIncoming => None,
    }
}

const AUTOCALL: &str = "AutoCall";

/// 2026-01-02T03:04:05.678Z.
const AT: Timestamp = Timestamp::from_millis(1_767_323_045_678);
const CALL: Uuid = Uuid::from_u128(0x0190_6d0e_8f3e_7d53_9a55_0d6a_6c7f_4a10);

fn sample_data(name: EventName) -> Value {
    let (rang, answered, ended) = (at(0), at(5), at(65));
    let common = |more: Value| {
        let mut data = json!({
            "call_uuid": CALL, "extension": "1001", "direction": "inbound", "caller_number": "0912345678",
            "destination_number": "02873000000", "queue_name": null, "source_type": "inbound",
            "campaign_id": null, "lead_id": null,
        });
        if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
            data.extend(more);
        }
        data
    };
    match name {
        EventName::CallRinging => common(json!({ "timestamp": rang })),
        EventName::CallAnswered => common(json!({ "timestamp": rang, "answered_at": answered })),
        EventName::CallHangup => common(json!({
            "started_at": rang, "answered_at": answered, "ended_at": ended, "duration": 65, "billsec": 60,
            "hangup_cause": "NORMAL_CLEARING", "hangup_cause_q850": 16, "result": "answered", "hangup_by": "caller",
        })),
        EventName::CdrCreated => json!({
            "uuid": CALL, "call_uuid": CALL, "direction": "inbound", "caller_number": "0912345678",
            "destination_number": "02873000000", "extension": "1001", "agent_extension": "1001",
            "start_time": rang, "answer_time": answered, "end_time": ended, "duration": 65, "billsec": 60,
            "result": "answered", "hangup_cause": "NORMAL_CLEARING", "hangup_cause_q850": 16, "hangup_by": "caller",
            "queue_name": null, "campaign_id": null, "lead_id": null, "recording_url": null,
        }),
        EventName::CallIncoming => json!({
            "call_uuid": CALL, "caller_id_name": "", "caller_id_number": "+84912345678",
            "destination_number": "+842873000000",
        }),
        EventName::AlertRaised | EventName::AlertResolved => json!({
            "incident_id": 1, "kind": "trunk_down", "subject": "7", "name": "carrier", "value": null, "threshold": null,
            "reminder": false, "opened_at": rang, "resolved_at": null,
        }),
        EventName::WebhookTest => json!({ "message": "This is a test event", "webhook_id": 1 }),
        _ => autocall_data(name),
    }
}

/// An example of what campaigns without agents tell.
fn autocall_data(name: EventName) -> Value {
    let (rang, answered, ended) = (at(0), at(5), at(65));
    let campaign = |status: &str| {
        json!({
            "campaign_id": 1, "name": "Reminders", "status": status, "at": rang, "actor": "admin",
            "totals": { "total_leads": 100, "dialed": 40, "answered": 26, "no_answer": 10, "busy": 3, "failed": 1,
                "abandoned": 0 },
        })
    };
    let call = |more: Value| {
        let mut data = json!({
            "uuid": CALL, "call_uuid": CALL, "campaign_id": 1, "lead_id": 1, "phone": "84912345678",
            "attempt_number": 1, "caller_id": "02873000000", "started_at": rang,
        });
        if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
            data.extend(more);
        }
        data
    };
    let lead = json!({ "lead_id": 1, "campaign_id": 1, "phone": "84912345678", "external_ref": "A-1001" });
    let with = |more: (&str, Value)| {
        let mut lead = lead.clone();
        lead[more.0] = more.1;
        lead
    };
    match name {
        EventName::AutocallPaused => campaign("paused"),
        EventName::AutocallFinished | EventName::AutocallCompleted => campaign("finished"),
        EventName::AutocallLeadAdded => lead,
        EventName::AutocallAudioReady => with(("audio_url", Value::Null)),
        EventName::AutocallLeadDialed | EventName::AutocallCallInitiated => call(json!({})),
        EventName::AutocallLeadAnswered | EventName::AutocallCallAnswered => call(json!({ "answered_at": answered })),
        EventName::AutocallLeadPressed | EventName::AutocallPressed => call(json!({
            "answered_at": answered, "digit": "1", "script_id": 1, "action_type": "queue", "pressed_at": at(20),
        })),
        EventName::AutocallLeadTransferred | EventName::AutocallCallTransferred => call(json!({
            "answered_at": answered, "queue_name": "support", "agent_extension": "1001", "transferred_at": at(21),
        })),
        EventName::AutocallCallCompleted => call(json!({
            "answered_at": answered, "result": "answered", "hangup_cause": "NORMAL_CLEARING", "billsec": 60,
            "digits": "1", "ended_at": ended,
        })),
        EventName::AutocallLeadCompleted => {
            let mut lead = with(("final_status", json!("completed")));
            lead["total_attempts"] = json!(1);
            lead
        }
        EventName::AutocallRenderFailed => json!({
            "lead_id": 1, "campaign_id": 1, "script_id": 1, "provider": "local", "error": "The voice is not available.",
        }),
        _ => campaign("running"),
    }
}

fn at(seconds: u64) -> String {
    AT.after(std::time::Duration::from_secs(seconds)).rfc3339()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_but_the_test_can_be_chosen_once() {
        let mut names: Vec<_> = events().into_iter().flat_map(|group| group.events).map(|info| info.name).collect();
        names.push(EventName::WebhookTest);
        names.sort_unstable();
        let mut all = EventName::ALL.to_vec();
        all.sort_unstable();
        assert_eq!(names, all);
    }

    #[test]
    fn a_sample_is_an_envelope_of_its_event() {
        for name in EventName::ALL {
            let body: Value = serde_json::from_str(&sample(*name)).unwrap();
            assert_eq!(body["event"], name.as_str());
            assert_eq!(body["timestamp"], "2026-01-02T03:04:05.678Z");
            assert!(body["data"].is_object());
        }
    }
}
