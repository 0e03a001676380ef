//! Secrets, signatures and delivery ids.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::ids::WebhookId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// Length of a secret in characters.
const SECRET_LENGTH: usize = 32;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A webhook's secret: 32 alphanumeric characters, shown once.
#[derive(Clone)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Secret {
    /// Draws a new one, about 190 bits.
    pub fn generate() -> Self {
        Self((0..SECRET_LENGTH).map(|_| char::from(ALPHABET[rand::random_range(0..ALPHABET.len())])).collect())
    }

    /// Takes one that another room keeps: any text, whose bytes are the key.
    pub const fn of(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn from_stored(bytes: &[u8]) -> Option<Self> {
        String::from_utf8(bytes.to_vec()).ok().map(Self)
    }

    /// Returns the 32 characters: the key of both signatures, as they are.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns the form that Standard Webhooks libraries take: `whsec_` and the base64 of the 32 characters.
    pub fn standard(&self) -> String {
        format!("whsec_{}", STANDARD.encode(&self.0))
    }

    pub(crate) fn key(&self) -> Key {
        Key(Hmac::new_from_slice(self.0.as_bytes()).expect("HMAC takes keys of any length"))
    }
}

/// A secret made ready to sign.
#[derive(Clone)]
pub(crate) struct Key(Hmac<Sha256>);

impl Key {
    /// Returns `X-Zorio-Signature`: over the raw body alone.
    pub(crate) fn body_signature(&self, body: &[u8]) -> String {
        format!("sha256={}", hex::encode(self.mac(&[body])))
    }

    /// Returns `webhook-signature` of Standard Webhooks: over `id.timestamp.body`.
    pub(crate) fn standard_signature(&self, delivery: Uuid, seconds: i64, body: &[u8]) -> String {
        let signed = format!("{delivery}.{seconds}.");
        format!("v1,{}", STANDARD.encode(self.mac(&[signed.as_bytes(), body])))
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

/// Returns whether `signature` (`sha256=…`) is the body's under the secret, in constant time.
/// What a receiver has to do, as the documentation tells it.
pub fn verify(secret: &str, body: &[u8], signature: &str) -> bool {
    let expected = Secret(secret.to_owned()).key().body_signature(body);
    expected.as_bytes().ct_eq(signature.as_bytes()).into()
}

/// Returns the delivery's id: one UUID per event and webhook, in the order of the events' ids.
///
/// It is derived, so that every attempt, node and replay knows the same one: the first half is the event's,
/// the second half mixes in the webhook.
pub(crate) fn delivery_id(event: Uuid, webhook: WebhookId) -> Uuid {
    let hash = Sha256::new().chain_update(event.as_bytes()).chain_update(webhook.0.to_be_bytes()).finalize();
    let mut bytes = *event.as_bytes();
    bytes[8..].copy_from_slice(&hash[..8]);
    // The variant of RFC 9562; the version is the event's.
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    Uuid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_published_recipe() {
        // Computed with another implementation of HMAC.
        let key = Secret("abcdefghijklmnopqrstuvwxyz012345".to_owned()).key();
        let signature = key.body_signature(br#"{"event":"webhook.test"}"#);
        assert_eq!(signature, "sha256=20f9fd5d7293124cf72471de86531a59c99fa552835b52e1f93fc346555ab293");
        let standard = key.standard_signature(Uuid::nil(), 1_770_091_506, br#"{"event":"webhook.test"}"#);
        assert_eq!(standard, "v1,z+Jloq4kZd6eBkbTmnj5JheCwmguG2Szc1WwwkErfBw=");
    }

    #[test]
    fn a_secret_is_thirty_two_alphanumeric_characters_and_never_the_same() {
        let (a, b) = (Secret::generate(), Secret::generate());
        assert_eq!(a.reveal().len(), SECRET_LENGTH);
        assert!(a.reveal().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(a.reveal(), b.reveal());
        let encoded = a.standard();
        assert_eq!(STANDARD.decode(encoded.strip_prefix("whsec_").unwrap()).unwrap(), a.reveal().as_bytes());
        assert_eq!(format!("{a:?}"), "Secret(***)");
    }

    #[test]
    fn a_changed_body_does_not_verify() {
        let secret = Secret::generate();
        let signature = secret.key().body_signature(b"body");
        assert!(verify(secret.reveal(), b"body", &signature));
        assert!(!verify(secret.reveal(), b"bodY", &signature));
        assert!(!verify(Secret::generate().reveal(), b"body", &signature));
        assert!(!verify(secret.reveal(), b"body", ""));
    }

    #[test]
    fn a_delivery_id_is_one_uuid_per_event_and_webhook() {
        let event = Uuid::new_v4();
        let id = delivery_id(event, WebhookId(1));
        assert_eq!(id, delivery_id(event, WebhookId(1)));
        assert_ne!(id, delivery_id(event, WebhookId(2)));
        assert_ne!(id, delivery_id(Uuid::new_v4(), WebhookId(1)));
        assert_eq!(id.get_version_num(), 4);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
    }
}
