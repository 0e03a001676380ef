//! Percent escapes and the characters that may stand in each part (RFC 3261 §25.1).

use std::borrow::Cow;

use super::UriError;

/// Decodes percent escapes once; malformed ones stay as they are.
pub fn percent_decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        match (byte, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(hex_value(*high).wrapping_shl(4) | hex_value(*low));
                rest = after;
            }
            _ => {
                decoded.push(byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(decoded)
}

/// Writes text as the user part of a SIP URI, escaping what may not stand there.
pub fn encode_user(user: &str) -> Cow<'_, str> {
    if user.bytes().all(|byte| is_user_byte(byte) && byte != b'#' && byte != b'%') {
        return Cow::Borrowed(user);
    }
    let mut encoded = String::with_capacity(user.len().saturating_mul(2));
    for byte in user.bytes() {
        if is_user_byte(byte) && byte != b'#' && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            let [high, low] =
                [byte.wrapping_shr(4), byte & 15].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            encoded.extend(['%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]);
        }
    }
    Cow::Owned(encoded)
}

fn hex_value(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0)
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}

/// User part bytes; `#` is not legal but desk phones dial star codes with it.
pub(super) const fn is_user_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/' | b'#' | b'%')
}

pub(super) const fn is_param_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$' | b'%' | b'"')
}

/// Checks that the bytes are allowed and every `%` has two hex digits.
pub(super) fn escapes_ok(text: &[u8], allowed: impl Fn(u8) -> bool) -> Result<(), UriError> {
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        if !allowed(byte) {
            return Err(UriError::Character);
        }
        rest = match (byte, tail) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => after,
            (b'%', _) => return Err(UriError::Character),
            _ => tail,
        };
    }
    Ok(())
}
