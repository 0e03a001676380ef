//! What a receiver of incoming calls gets: three fields and nothing around them.

use std::sync::Arc;

use bus::{BoxFuture, Subscriber};
use domain::{Event, EventName};
use serde::{Deserialize, Serialize};
use store::{Error, Tx};
use uuid::Uuid;

use crate::{
    kind::Kind,
    subscriber::{Parcel, Producer},
};

/// Queues the notification of each call that comes in, in the call's own transaction.
pub(crate) struct Notifier(pub(crate) Arc<Producer>);

impl Subscriber for Notifier {
    fn in_transaction<'a>(&'a self, tx: &'a mut Tx, events: &'a [Event]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            for event in events.iter().filter(|event| event.name == EventName::CallIncoming) {
                let parcel = Parcel {
                    id: Uuid::now_v7(),
                    name: EventName::CallIncoming.as_str(),
                    call: event.call,
                    body: body(&event.data),
                };
                self.0.post(tx, event.tenant, Kind::Incoming, parcel).await?;
            }
            Ok(())
        })
    }
}

/// The body that is posted, with its fields in the published order; what is not known is empty.
#[derive(Default, Serialize, Deserialize)]
struct Notification {
    #[serde(default, deserialize_with = "text")]
    caller_id_name: String,
    #[serde(default, deserialize_with = "text")]
    caller_id_number: String,
    #[serde(default, deserialize_with = "text")]
    destination_number: String,
}

/// Returns the body for an event's `data`.
pub(super) fn body(data: &str) -> String {
    let notification = serde_json::from_str::<Notification>(data).unwrap_or_else(|error| {
        tracing::error!(%error, "an incoming call is told without its numbers");
        Notification::default()
    });
    serde_json::to_string(&notification).unwrap_or_default()
}

/// A null is a text that is not known.
fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incoming_call_is_told_in_three_fields() {
        let data = r#"{"call_uuid":"0b7c6d0e-8f3e-4d53-9a55-0d6a6c7f4a10","destination_number":"+842873000000",
            "caller_id_number":"+84912345678","caller_id_name":"An \"A\" <Đỗ>"}"#;
        assert_eq!(
            body(data),
            r#"{"caller_id_name":"An \"A\" <Đỗ>","caller_id_number":"+84912345678","destination_number":"+842873000000"}"#
        );
    }

    #[test]
    fn what_is_not_known_is_empty() {
        let empty = r#"{"caller_id_name":"","caller_id_number":"+84","destination_number":""}"#;
        assert_eq!(body(r#"{"caller_id_name":null,"caller_id_number":"+84"}"#), empty);
        assert_eq!(body("nonsense"), empty.replace("+84", ""));
    }
}
