//! Embed tokens: JSON Web Tokens (RFC 7519) that this server signs for itself, by HMAC-SHA256 alone.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{TenantId, Timestamp, UserId};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Most bytes of a token that are looked at.
const LONGEST: usize = 2048;
/// The only header there is: a token that names another algorithm, or none, is not ours.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) account: i64,
    pub(crate) extension: String,
    /// For whom it was made; an application's token is for nobody in particular.
    pub(crate) user: Option<i64>,
    /// The only origin that the frame obeys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<String>,
    /// Seconds since 1970.
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) jti: String,
}

impl Claims {
    pub(crate) fn tenant(&self) -> TenantId {
        TenantId(self.account)
    }

    pub(crate) fn user(&self) -> Option<UserId> {
        self.user.map(UserId)
    }
}

/// Signs the claims.
pub(crate) fn sign(claims: &Claims, key: &[u8]) -> String {
    let payload = serde_json::to_vec(claims).expect("claims are texts and numbers");
    let mut token = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(payload));
    let signature = mac(&token, key).finalize().into_bytes();
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(signature));
    token
}

/// Returns the claims of a token that was signed with the key of the account that it names and is not over.
pub(crate) fn verify(token: &str, key_of: impl FnOnce(TenantId) -> Vec<u8>, now: Timestamp) -> Option<Claims> {
    if token.len() > LONGEST {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    if URL_SAFE_NO_PAD.decode(header).ok()? != HEADER.as_bytes() {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    // Compared in a time that says nothing of where they differ.
    mac(signed, &key_of(claims.tenant())).verify_slice(&signature).ok()?;
    (claims.iat <= now.secs().saturating_add(SKEW) && now.secs() < claims.exp).then_some(claims)
}

/// Seconds by which the clocks of two nodes may differ.
const SKEW: i64 = 5;

fn mac(text: &str, key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length").chain_update(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            account: 7,
            extension: "1001".to_owned(),
            user: Some(3),
            origin: Some("https://crm.example".to_owned()),
            iat: 1_000,
            exp: 1_300,
            jti: "one".to_owned(),
        }
    }

    fn key(tenant: TenantId) -> Vec<u8> {
        format!("key of {}", tenant.0).into_bytes()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_token_says_what_was_signed_until_its_time_is_over() {
        let token = sign(&claims(), &key(TenantId(7)));
        for now in [996, 1_000, 1_299] {
            assert_eq!(verify(&token, key, at(now)), Some(claims()), "{now}");
        }
        for now in [994, 1_300, 1_305, 9_999] {
            assert_eq!(verify(&token, key, at(now)), None, "{now}");
        }
    }

    #[test]
    fn a_token_is_a_jwt_as_others_read_it() {
        let token = sign(&Claims { origin: None, ..claims() }, &key(TenantId(7)));
        let parts: Vec<Vec<u8>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        assert_eq!(parts[0], HEADER.as_bytes());
        let payload: serde_json::Value = serde_json::from_slice(&parts[1]).unwrap();
        assert_eq!(
            payload,
            serde_json::json!({"account": 7, "extension": "1001", "user": 3, "iat": 1000, "exp": 1300, "jti": "one"})
        );
        assert_eq!(parts[2].len(), 32);
    }

    #[test]
    fn what_another_account_signed_opens_nothing_here() {
        // Account 8 knows its own key and claims to be account 7.
        let token = sign(&claims(), &key(TenantId(8)));
        assert_eq!(verify(&token, key, at(1_100)), None);
    }

    #[test]
    fn every_change_of_a_token_makes_it_worthless() {
        let token = sign(&claims(), &key(TenantId(7)));
        for at_byte in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at_byte] = if bytes[at_byte] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            let same = URL_SAFE_NO_PAD.decode(changed.rsplit_once('.').unwrap_or_default().1).ok()
                == URL_SAFE_NO_PAD.decode(token.rsplit_once('.').unwrap().1).ok();
            let head = changed.rsplit_once('.').unwrap_or_default().0 == token.rsplit_once('.').unwrap().0;
            assert!(verify(&changed, key, at(1_100)).is_none() || (same && head), "byte {at_byte}");
        }
    }

    #[test]
    fn no_other_algorithm_is_believed() {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims()).unwrap());
        for header in [r#"{"alg":"none","typ":"JWT"}"#, r#"{"alg":"HS512","typ":"JWT"}"#, r#"{"typ":"JWT"}"#, "{}", ""]
        {
            let signed = format!("{}.{payload}", URL_SAFE_NO_PAD.encode(header));
            let signature = URL_SAFE_NO_PAD.encode(mac(&signed, &key(TenantId(7))).finalize().into_bytes());
            assert_eq!(verify(&format!("{signed}.{signature}"), key, at(1_100)), None, "{header}");
            assert_eq!(verify(&format!("{signed}."), key, at(1_100)), None, "{header} unsigned");
        }
        for garbage in ["", ".", "..", "a.b.c", "é.é.é", &"x".repeat(5_000)] {
            assert_eq!(verify(garbage, key, at(1_100)), None);
        }
    }
}
