//! Codes of authenticator apps (TOTP, RFC 6238): HMAC-SHA-1, six figures, thirty seconds, which is what all apps know.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Bytes of a secret: as long as the hash (RFC 4226 §4, R6).
pub(crate) const SECRET_LENGTH: usize = 20;
/// Seconds that a code is shown.
const STEP: i64 = 30;
/// Steps before and after the present one whose codes are taken too: clocks differ, and people type slowly.
const DRIFT: i64 = 1;

/// Returns the step of the code if it is that of `now`, in seconds since the epoch, or of a neighbour, and newer than
/// `last`. Takes as long for every code.
pub(crate) fn step_of(secret: &[u8], code: &str, now: i64, last: i64) -> Option<i64> {
    let present = now.div_euclid(STEP);
    let mut found = -1_i64;
    for step in present - DRIFT..=present + DRIFT {
        let fits = self::code(secret, step).as_bytes().ct_eq(code.as_bytes());
        let newer = Choice::from(u8::from(step > last));
        found.conditional_assign(&step, fits & newer);
    }
    (found >= 0).then_some(found)
}

/// Returns the code of a step: RFC 4226 §5.3 with the step as counter.
pub(crate) fn code(secret: &[u8], step: i64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 0xf);
    let word = u32::from_be_bytes([hash[at], hash[at + 1], hash[at + 2], hash[at + 3]]) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

/// Tells whether a text looks like a code of an app, blanks aside.
pub(crate) fn is_code(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Writes bytes in base32 (RFC 4648 §6) without padding; a secret needs none.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(LETTERS[(buffer >> bits) as usize & 31]));
        }
    }
    if bits > 0 {
        text.push(char::from(LETTERS[(buffer << (5 - bits)) as usize & 31]));
    }
    text
}

/// Returns what a QR code says to an app (the "Key URI Format").
pub(crate) fn url(issuer: &str, account: &str, secret: &[u8]) -> String {
    let (issuer, account) = (escaped(issuer), escaped(account));
    let secret = base32(secret);
    format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30")
}

/// Escapes everything but unreserved characters (RFC 3986 §2.3).
fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").expect("a String takes everything"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        // Appendix B, SHA1, the last six of its eight figures.
        for (time, shown) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(SECRET, time / 30), shown, "{time}");
            assert_eq!(step_of(SECRET, shown, time, 0), Some(time / 30), "{time}");
        }
    }

    #[test]
    fn a_code_is_good_one_step_early_and_late_and_never_twice() {
        let step = 1_000;
        let shown = code(SECRET, step);
        for (now, last, good) in [
            (step * 30, 0, true),
            (step * 30 + 29, 0, true),
            (step * 30 - 1, 0, true),
            (step * 30 - 30, 0, true),
            (step * 30 - 31, 0, false),
            (step * 30 + 59, 0, true),
            (step * 30 + 60, 0, false),
            (step * 30, step - 1, true),
            (step * 30, step, false),
            (step * 30, step + 1, false),
        ] {
            assert_eq!(step_of(SECRET, &shown, now, last).is_some(), good, "{now} {last}");
        }
        assert_eq!(step_of(SECRET, "", step * 30, 0), None);
        assert_eq!(step_of(SECRET, "12345", step * 30, 0), None);
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (text, coded) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(text.as_bytes()), coded);
        }
    }

    #[test]
    fn an_app_reads_the_url_whatever_the_names_are() {
        assert_eq!(
            url("Tổng đài", "an:x@y?z", b"hello"),
            "otpauth://totp/T%E1%BB%95ng%20%C4%91%C3%A0i:an%3Ax%40y%3Fz?secret=NBSWY3DP&issuer=T%E1%BB%95ng%20%C4%91%C3%A0i&algorithm=SHA1&digits=6&period=30"
        );
    }
}
