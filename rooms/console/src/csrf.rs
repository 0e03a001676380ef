//! Tokens that unsafe requests carry, and where such requests may come from.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use http::{HeaderMap, header};
use subtle::ConstantTimeEq;

/// The field of forms.
pub(crate) const FIELD: &str = "csrf";
/// The header of requests that scripts make.
pub(crate) const HEADER: &str = "x-csrf-token";
/// Most bytes of the secret behind the tokens.
const LONGEST: usize = 128;

/// Returns a token for one page: another text each time, so that compression of pages tells nothing about the secret
/// (BREACH).
pub(crate) fn token(secret: &str) -> String {
    let secret = secret.as_bytes();
    let mut bytes: Vec<u8> = (0..secret.len()).map(|_| rand::random()).collect();
    for (index, byte) in secret.iter().enumerate() {
        bytes.push(byte ^ bytes[index]);
    }
    BASE64.encode(bytes)
}

/// Tells whether a token was made from the secret.
pub(crate) fn matches(secret: &str, token: &str) -> bool {
    if secret.is_empty() || token.len() > 4 * LONGEST {
        return false;
    }
    let Ok(bytes) = BASE64.decode(token) else { return false };
    if bytes.len() != 2 * secret.len() {
        return false;
    }
    let (mask, masked) = bytes.split_at(secret.len());
    let plain: Vec<u8> = mask.iter().zip(masked).map(|(mask, byte)| mask ^ byte).collect();
    plain.ct_eq(secret.as_bytes()).into()
}

/// Tells whether an unsafe request was made by a page of this very origin.
///
/// Browsers say so in `Sec-Fetch-Site` and in `Origin`; whoever sends neither is no browser that has a console open.
pub(crate) fn is_same_origin(headers: &HeaderMap, host: &str, public_url: &str) -> bool {
    let text = |name| headers.get(name).map(|value: &http::HeaderValue| value.to_str().unwrap_or("?"));
    let site = text(header::HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| site != "same-origin") {
        return false;
    }
    match text(header::ORIGIN) {
        Some(origin) => {
            let asked = origin.split_once("://").map(|(_, host)| host);
            origin == public_url || asked.is_some_and(|asked| asked.eq_ignore_ascii_case(host))
        }
        None => site.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_all_match_their_secret_alone() {
        let (one, two) = (token("secret"), token("secret"));
        assert_ne!(one, two);
        assert!(matches("secret", &one) && matches("secret", &two));
        assert!(!matches("Secret", &one) && !matches("secret2", &one));
        for wrong in ["", "AAAA", "secret", "!", &"A".repeat(4000)] {
            assert!(!matches("secret", wrong), "{wrong}");
        }
        assert!(!matches("", ""));
    }

    #[test]
    fn only_pages_of_the_same_origin_may_ask() {
        for (headers, allowed) in [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", "https://pbx.example")], true),
            (&[("origin", "https://PBX.example")], true),
            (&[("origin", "https://console.example")], true),
            (&[("origin", "https://evil.pbx.example")], false),
            (&[("origin", "null")], false),
            (&[("origin", "https://pbx.example"), ("sec-fetch-site", "cross-site")], false),
            (&[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            assert_eq!(is_same_origin(&map, "pbx.example", "https://console.example"), allowed, "{headers:?}");
        }
    }
}
