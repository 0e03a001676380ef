//! The receiver's half of the signature contract, as a customer would write it.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How far a delivery's timestamp may be from now, in seconds.
pub const TOLERANCE: i64 = 300;

/// Why a delivery is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("header {0} is missing")]
    Missing(&'static str),
    #[error("header {0} is malformed")]
    Malformed(&'static str),
    #[error("the timestamp is {0} s away")]
    Stale(i64),
    #[error("the signature in {0} does not match")]
    Mismatch(&'static str),
    #[error("no secret is known for this path")]
    NoSecret,
}

/// What a request says of itself; headers as they came.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    pub headers: &'a http::HeaderMap,
    pub body: &'a [u8],
    /// The receiver's clock, in seconds since 1970.
    pub now: i64,
}

/// Checks `X-Zorio-Signature`: `sha256=` and the lowercase hexadecimal HMAC-SHA256 of the raw body,
/// under a timestamp that is no more than [`TOLERANCE`] away.
pub fn zorio(secret: &str, signed: Signed<'_>) -> Result<(), Flaw> {
    signed.fresh("x-zorio-timestamp")?;
    let text = signed.header("x-zorio-signature")?;
    let digits = text.strip_prefix("sha256=").ok_or(Flaw::Malformed("x-zorio-signature"))?;
    if digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(Flaw::Malformed("x-zorio-signature"));
    }
    let claimed = hex::decode(digits).map_err(|_| Flaw::Malformed("x-zorio-signature"))?;
    let mut mac = keyed(secret);
    mac.update(signed.body);
    mac.verify_slice(&claimed).map_err(|_| Flaw::Mismatch("x-zorio-signature"))
}

/// Checks the Standard Webhooks headers: one of the space-separated `v1,<base64>` is the HMAC-SHA256 of
/// `id.timestamp.body`, under a timestamp that is no more than [`TOLERANCE`] away.
pub fn standard(secret: &str, signed: Signed<'_>) -> Result<(), Flaw> {
    signed.fresh("webhook-timestamp")?;
    let id = signed.header("webhook-id")?;
    let timestamp = signed.header("webhook-timestamp")?;
    let mut mac = keyed(secret);
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", signed.body] {
        mac.update(part);
    }
    let claims = signed.header("webhook-signature")?;
    let known = claims.split(' ').filter_map(|claim| claim.strip_prefix("v1,"));
    let mut any = false;
    for claim in known {
        let claimed = STANDARD.decode(claim).map_err(|_| Flaw::Malformed("webhook-signature"))?;
        any |= mac.clone().verify_slice(&claimed).is_ok();
    }
    if any { Ok(()) } else { Err(Flaw::Mismatch("webhook-signature")) }
}

impl<'a> Signed<'a> {
    fn header(self, name: &'static str) -> Result<&'a str, Flaw> {
        let value = self.headers.get(name).ok_or(Flaw::Missing(name))?;
        value.to_str().map_err(|_| Flaw::Malformed(name))
    }

    fn fresh(self, name: &'static str) -> Result<(), Flaw> {
        let at: i64 = self.header(name)?.parse().map_err(|_| Flaw::Malformed(name))?;
        let away = self.now.saturating_sub(at);
        if away.saturating_abs() > TOLERANCE { Err(Flaw::Stale(away)) } else { Ok(()) }
    }
}

/// Both families use the secret's 32 characters as they stand.
fn keyed(secret: &str) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ42";
    const BODY: &[u8] = br#"{"event":"webhook.test","data":{}}"#;
    const NOW: i64 = 1_782_706_011;

    fn headers(timestamp: i64) -> http::HeaderMap {
        let mut body_mac = keyed(SECRET);
        body_mac.update(BODY);
        let mut full_mac = keyed(SECRET);
        full_mac.update(format!("id-1.{timestamp}.").as_bytes());
        full_mac.update(BODY);
        let mut headers = http::HeaderMap::new();
        for (name, value) in [
            ("x-zorio-timestamp", timestamp.to_string()),
            ("x-zorio-signature", format!("sha256={}", hex::encode(body_mac.finalize().into_bytes()))),
            ("webhook-id", "id-1".to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", format!("v1,{}", STANDARD.encode(full_mac.finalize().into_bytes()))),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    fn both(headers: &http::HeaderMap, secret: &str, body: &[u8]) -> (Result<(), Flaw>, Result<(), Flaw>) {
        let signed = Signed { headers, body, now: NOW };
        (zorio(secret, signed), standard(secret, signed))
    }

    #[test]
    fn an_honest_delivery_is_believed_by_both_families() {
        assert_eq!(both(&headers(NOW - 299), SECRET, BODY), (Ok(()), Ok(())));
        assert_eq!(both(&headers(NOW + 300), SECRET, BODY), (Ok(()), Ok(())));
    }

    #[test]
    fn a_changed_body_another_secret_or_an_old_timestamp_is_not() {
        let mismatch = (Err(Flaw::Mismatch("x-zorio-signature")), Err(Flaw::Mismatch("webhook-signature")));
        assert_eq!(both(&headers(NOW), SECRET, b"{}"), mismatch);
        assert_eq!(both(&headers(NOW), "another secret", BODY), mismatch);
        assert_eq!(both(&headers(NOW - 301), SECRET, BODY), (Err(Flaw::Stale(301)), Err(Flaw::Stale(301))));
    }

    #[test]
    fn the_standard_signature_covers_id_and_timestamp() {
        let mut other_id = headers(NOW);
        other_id.insert("webhook-id", "id-2".parse().unwrap());
        assert_eq!(both(&other_id, SECRET, BODY).1, Err(Flaw::Mismatch("webhook-signature")));
        let mut other_time = headers(NOW);
        other_time.insert("webhook-timestamp", (NOW + 1).to_string().parse().unwrap());
        assert_eq!(both(&other_time, SECRET, BODY).1, Err(Flaw::Mismatch("webhook-signature")));
    }

    #[test]
    fn a_second_signature_of_a_rotated_secret_is_enough() {
        let mut rotated = headers(NOW);
        let valid = rotated["webhook-signature"].to_str().unwrap().to_owned();
        rotated.insert("webhook-signature", format!("v1,AAAA v1a,xyz {valid}").parse().unwrap());
        assert_eq!(both(&rotated, SECRET, BODY).1, Ok(()));
    }

    #[test]
    fn malformed_headers_are_named() {
        for (name, value) in
            [("x-zorio-signature", "md5=00"), ("x-zorio-signature", "sha256=zz"), ("x-zorio-timestamp", "soon")]
        {
            let mut bad = headers(NOW);
            bad.insert(name, value.parse().unwrap());
            assert_eq!(both(&bad, SECRET, BODY).0, Err(Flaw::Malformed(name)), "{value}");
        }
        let signed = Signed { headers: &http::HeaderMap::new(), body: BODY, now: NOW };
        assert_eq!(zorio(SECRET, signed), Err(Flaw::Missing("x-zorio-timestamp")));
    }
}
