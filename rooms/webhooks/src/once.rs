//! One post for somebody else: the same vetted client, limits, headers and signatures, without a queue.

use bytes::Bytes;
use uuid::Uuid;

use crate::{Error, Failure, Kind, Webhooks, client::Post, sign::Secret};

/// Something to post once. Whoever asks tries again.
#[derive(Clone, Debug)]
pub struct Once {
    pub url: String,
    /// `webhook-id` and `X-Zorio-Delivery`.
    pub id: Uuid,
    /// `X-Zorio-Event`.
    pub event: &'static str,
    pub secret: Secret,
    pub body: String,
}

impl Webhooks {
    /// Returns the URL in its proper form if deliveries may go there.
    pub fn check_url(&self, url: &str) -> Result<String, Error> {
        self.checked_url(url)
    }

    /// Posts once, as a delivery is posted. An answer that is no success is an error with its status.
    pub async fn post_once(&self, once: Once) -> Result<(), (Failure, Option<u16>)> {
        // The address may have become one that is refused since it was given.
        let url = self.checked_url(&once.url).map_err(|_| (Failure::Blocked, None))?;
        let Ok(url) = url.parse() else { return Err((Failure::Blocked, None)) };
        let Ok(client) = self.targets.clients.for_authority(None) else { return Err((Failure::Tls, None)) };
        let (seconds, key, body) = (self.db.now().secs(), once.secret.key(), Bytes::from(once.body));
        let headers = [
            ("x-zorio-event", once.event.to_owned()),
            ("x-zorio-timestamp", seconds.to_string()),
            ("x-zorio-delivery", once.id.to_string()),
            ("x-zorio-signature", key.body_signature(&body)),
            ("webhook-id", once.id.to_string()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", key.standard_signature(once.id, seconds, &body)),
        ];
        let exchange = client.post(&Post { url, headers, body, kind: Kind::Events }).await;
        exchange.result.map_err(|failure| (failure, exchange.status))
    }
}
