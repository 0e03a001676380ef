//! The demo's own record of what arrived, kept beside the server's, and the verdict on it.

use std::sync::Arc;

use sandbox::receiver::Delivery;
use serde_json::Value;

use super::plan::Planned;

/// All that became known of one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    pub(super) deliveries: Vec<Arc<Delivery>>,
    /// `GET /api/pbx/cdr/{uuid}`.
    pub(super) cdr: Value,
    pub(super) sound: Sound,
    /// What went wrong on the way, such as a refused request.
    pub(super) mishaps: Vec<String>,
}

/// What was heard during the call and in its recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sound {
    /// Whether each side heard the voice of the other; `None` if there was nothing to hear.
    pub(super) both_heard: Option<bool>,
    pub(super) recording: Option<Recording>,
    /// Keys that reached the agent, and the key that should have.
    pub(super) keys: Option<(String, char)>,
}

/// A recording that was downloaded by its signed URL.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Recording {
    pub(super) seconds: f64,
    /// Mean level of all channels, dB below full scale.
    pub(super) level: f64,
    pub(super) bytes: usize,
    pub(super) channels: u16,
}

/// Shortest recording of a call that was talked on, in seconds.
const SHORTEST: f64 = 1.0;

/// A recording below this level holds no speech.
const QUIET: f64 = -50.0;

impl Life {
    /// Returns what the CDR says under a name, empty if nothing.
    pub(super) fn cdr_text(&self, name: &str) -> &str {
        self.cdr[name].as_str().unwrap_or_default()
    }

    /// Returns all that is not as it must be; empty if the call went as planned.
    pub(super) fn complaints(&self, planned: &Planned) -> Vec<String> {
        let mut complaints = self.mishaps.clone();
        complaints.extend(self.event_complaints(planned));
        complaints.extend(self.record_complaints(planned));
        complaints.extend(self.sound_complaints(planned));
        complaints
    }

    fn event_complaints(&self, planned: &Planned) -> Vec<String> {
        let mut complaints = Vec::new();
        let first: Vec<&Arc<Delivery>> = self.deliveries.iter().filter(|delivery| !delivery.duplicate).collect();
        let events: Vec<&str> = first.iter().map(|delivery| delivery.event()).collect();
        if events != planned.events() {
            complaints.push(format!("events {} instead of {}", list(&events), list(planned.events())));
        }
        for delivery in &self.deliveries {
            for flaw in [&delivery.zorio, &delivery.standard].into_iter().filter_map(|verdict| verdict.as_ref().err()) {
                complaints.push(format!("{}: {flaw}", delivery.event()));
            }
        }
        let expected = planned.expected();
        for name in ["pbx.call.hangup", "pbx.cdr.created"] {
            let Some(data) = first.iter().find(|delivery| delivery.event() == name).map(|d| d.json()["data"].clone())
            else {
                continue;
            };
            complaints.extend(difference(name, "result", &data["result"], &expected.result.into()));
            complaints.extend(difference(name, "hangup_cause", &data["hangup_cause"], &expected.hangup_cause.into()));
            complaints.extend(difference(name, "hangup_cause_q850", &data["hangup_cause_q850"], &expected.q850.into()));
        }
        complaints
    }

    fn record_complaints(&self, planned: &Planned) -> Vec<String> {
        if self.cdr.is_null() {
            return vec!["no CDR".to_owned()];
        }
        let expected = planned.expected();
        let mut complaints = Vec::new();
        complaints.extend(difference("CDR", "result", &self.cdr["result"], &expected.result.into()));
        complaints.extend(difference("CDR", "hangup_cause", &self.cdr["hangup_cause"], &expected.hangup_cause.into()));
        if self.cdr["answer_time"].is_string() != expected.answered {
            complaints.push(format!("CDR: answer_time is {}", self.cdr["answer_time"]));
        }
        complaints
    }

    fn sound_complaints(&self, planned: &Planned) -> Vec<String> {
        let mut complaints = Vec::new();
        let answered = planned.expected().answered;
        if self.sound.both_heard == Some(false) {
            complaints.push("the two sides did not hear each other".to_owned());
        }
        if let Some((keys, pressed)) = &self.sound.keys
            && *keys != pressed.to_string()
        {
            complaints.push(format!("key {pressed} was pressed, the agent received \"{keys}\""));
        }
        match &self.sound.recording {
            None if answered => complaints.push("no recording".to_owned()),
            Some(_) if !answered => complaints.push("a recording of a call that nobody answered".to_owned()),
            Some(recording) if recording.seconds < SHORTEST || recording.level < QUIET => {
                complaints.push(format!("the recording has {:.1} s at {:.0} dBFS", recording.seconds, recording.level))
            }
            _ => {}
        }
        complaints
    }
}

/// Returns how long after the event a delivery arrived, in milliseconds; `None` if its timestamp cannot be read.
pub(super) fn latency_ms(delivery: &Delivery) -> Option<i64> {
    Some(delivery.arrived - millis(delivery.json()["timestamp"].as_str()?)?)
}

/// Reads `2026-02-03T04:05:06.789Z` as milliseconds since 1970.
fn millis(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    if text.len() != 24 || !text.ends_with('Z') {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    // Days of the civil calendar (Hinnant), with the year beginning in March.
    let shifted = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719_468;
    let seconds = number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    Some((days * 86_400 + seconds) * 1000 + number(20..23)?)
}

fn difference(place: &str, name: &str, found: &Value, wanted: &Value) -> Option<String> {
    (found != wanted).then(|| format!("{place}: {name} is {found} instead of {wanted}"))
}

fn list(events: &[&str]) -> String {
    let short: Vec<&str> = events.iter().map(|event| event.rsplit('.').next().unwrap_or(event)).collect();
    if short.is_empty() { "none".to_owned() } else { short.join(", ") }
}

#[cfg(test)]
mod tests {
    use sandbox::{Outcome, receiver::Flaw};
    use serde_json::json;

    use super::*;
    use crate::demo::plan::{Ends, Way};

    fn planned(to: &str) -> Planned {
        let way = Way::ClickToCall(Outcome::of(to));
        Planned { number: 1, from: "1001", to: to.to_owned(), way, ends: Ends::Other }
    }

    fn delivery(event: &str, data: Value) -> Arc<Delivery> {
        let mut headers = http::HeaderMap::new();
        headers.insert("x-zorio-event", event.parse().unwrap());
        Arc::new(Delivery {
            path: "/crm".to_owned(),
            headers,
            body: json!({ "event": event, "timestamp": "2026-02-03T04:05:06.789Z", "data": data }).to_string().into(),
            arrived: 1_770_091_506_792,
            zorio: Ok(()),
            standard: Ok(()),
            duplicate: false,
        })
    }

    fn busy() -> Life {
        let end = json!({ "result": "busy", "hangup_cause": "USER_BUSY", "hangup_cause_q850": 17 });
        Life {
            deliveries: vec![
                delivery("pbx.call.ringing", json!({})),
                delivery("pbx.call.hangup", end.clone()),
                delivery("pbx.cdr.created", end),
            ],
            cdr: json!({ "result": "busy", "hangup_cause": "USER_BUSY", "answer_time": null }),
            ..Life::default()
        }
    }

    #[test]
    fn a_busy_call_with_its_three_events_is_in_order() {
        assert_eq!(busy().complaints(&planned("8420")), Vec::<String>::new());
    }

    #[test]
    fn a_missing_event_a_wrong_cause_and_a_bad_signature_are_each_named() {
        let mut life = busy();
        life.deliveries.remove(0);
        assert_eq!(life.complaints(&planned("8420")), ["events hangup, created instead of ringing, hangup, created"]);
        let mut life = busy();
        Arc::get_mut(&mut life.deliveries[0]).unwrap().zorio = Err(Flaw::Mismatch("x-zorio-signature"));
        assert_eq!(
            life.complaints(&planned("8420")),
            ["pbx.call.ringing: the signature in x-zorio-signature does not match"]
        );
        assert_eq!(busy().complaints(&planned("8421")).len(), 8, "every mention of the result and the cause");
    }

    #[test]
    fn a_duplicate_is_no_second_event() {
        let mut life = busy();
        let mut again = (*life.deliveries[2]).clone();
        again.duplicate = true;
        life.deliveries.push(Arc::new(again));
        assert_eq!(life.complaints(&planned("8420")), Vec::<String>::new());
    }

    #[test]
    fn latency_is_counted_from_the_envelopes_timestamp() {
        assert_eq!(latency_ms(&delivery("webhook.test", json!({}))), Some(3));
        assert_eq!(millis("1970-01-01T00:00:00.000Z"), Some(0));
        assert_eq!(millis("2024-02-29T12:34:56.789Z"), Some(1_709_210_096_789));
        assert_eq!(millis("yesterday"), None);
    }
}
