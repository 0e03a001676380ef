//! When a certificate ends: the one field that is read of it (X.509, RFC 5280 §4.1.2.5).

use domain::Timestamp;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The version of a certificate, absent in version 1.
const VERSION: u8 = 0xa0;

/// Returns the end of a certificate's validity; `None` for what is no certificate.
pub fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (whole, _) = element(certificate, SEQUENCE)?;
    let (fields, _) = element(whole, SEQUENCE)?;
    let after_version = element(fields, VERSION).map_or(fields, |(_, rest)| rest);
    let (_, after_serial) = element(after_version, INTEGER)?;
    let (_, after_signature) = element(after_serial, SEQUENCE)?;
    let (_, after_issuer) = element(after_signature, SEQUENCE)?;
    let (validity, _) = element(after_issuer, SEQUENCE)?;
    let (_, not_after) = time(validity)?;
    let (text, _) = time(not_after)?;
    let at: jiff::Timestamp = text?.parse().ok()?;
    Some(Timestamp(at.as_millisecond()))
}

/// Reads a time as RFC 3339 text, and what follows it.
fn time(bytes: &[u8]) -> Option<(Option<String>, &[u8])> {
    if let Some((short, rest)) = element(bytes, UTC_TIME) {
        // Two digits of the year: from 50 on they are of the last century (RFC 5280 §4.1.2.5.1).
        let century = if short.first().is_some_and(|digit| *digit >= b'5') { "19" } else { "20" };
        return Some((written(&format!("{century}{}", std::str::from_utf8(short).ok()?)), rest));
    }
    let (long, rest) = element(bytes, GENERALIZED_TIME)?;
    Some((written(std::str::from_utf8(long).ok()?), rest))
}

/// `20260203040506Z` as `2026-02-03T04:05:06Z`.
fn written(digits: &str) -> Option<String> {
    let part = |range| digits.get(range);
    Some(format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0..4)?,
        part(4..6)?,
        part(6..8)?,
        part(8..10)?,
        part(10..12)?,
        part(12..14)?
    ))
}

/// Returns the content of an element of this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    (found == tag).then_some((content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read() {
        for (year, expected) in [(2031, "2031-02-03T00:00:00.000Z"), (2075, "2075-02-03T00:00:00.000Z")] {
            let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            parameters.not_after = rcgen::date_time_ymd(year, 2, 3);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = parameters.self_signed(&key).unwrap();
            assert_eq!(not_after(certificate.der()).unwrap().rfc3339(), expected);
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for bytes in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x30\x01\x00", b"hello"] {
            assert_eq!(not_after(bytes), None);
        }
    }
}
