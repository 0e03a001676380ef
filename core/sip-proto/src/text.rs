//! Byte-level helpers shared by the parsers: spans, tokens, quotes, lists.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions, clippy::unwrap_used)
)]

use crate::limits;

/// Part of a buffer, as offsets.
///
/// Messages are at most 64 KiB, so 32 bits are plenty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Returns the span of `inner`, which must be a slice of `outer`.
    pub(crate) fn of(outer: &[u8], inner: &[u8]) -> Self {
        let start = inner.as_ptr().addr().saturating_sub(outer.as_ptr().addr());
        Self::new(start, start.saturating_add(inner.len()))
    }

    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: u32::try_from(start).unwrap_or(u32::MAX), end: u32::try_from(end).unwrap_or(u32::MAX) }
    }

    pub(crate) fn get(self, outer: &[u8]) -> &[u8] {
        outer.get(widen(self.start)..widen(self.end)).unwrap_or_default()
    }
}

fn widen(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// Returns ASCII text as `&str`; callers have checked the bytes, anything else reads as empty.
pub(crate) fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Tells whether the byte may stand in a `token` (RFC 3261 §25.1).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// Tells whether the bytes are one non-empty `token`.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Reads an unsigned decimal; refuses signs, blanks, other digits and overflow.
pub(crate) fn decimal<T: TryFrom<u64>>(bytes: &[u8]) -> Option<T> {
    if bytes.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for &byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(byte.wrapping_sub(b'0')))?;
    }
    T::try_from(value).ok()
}

/// Splits at the first byte that satisfies `stop` outside quoted strings.
///
/// Returns the parts before and from the stop byte on; `None` when a quoted string does not end.
pub(crate) fn split_unquoted(bytes: &[u8], stop: impl Fn(u8) -> bool) -> Option<(&[u8], &[u8])> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, &byte) in bytes.iter().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
        } else if stop(byte) {
            return bytes.split_at_checked(at);
        } else if byte == b'"' {
            quoted = true;
        }
    }
    (!quoted).then_some((bytes, &[]))
}

/// Splits a leading quoted string (its inside, still escaped) from the rest.
pub(crate) fn split_quoted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = bytes.strip_prefix(b"\"")?;
    let mut escaped = false;
    for (at, &byte) in inside.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                let (text, rest) = inside.split_at_checked(at)?;
                return Some((text, rest.get(1..)?));
            }
            _ => {}
        }
    }
    None
}

/// Removes the backslashes of quoted pairs.
pub(crate) fn unescape(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut escaped = false;
    for &byte in bytes {
        if byte == b'\\' && !escaped {
            escaped = true;
        } else {
            text.push(byte);
            escaped = false;
        }
    }
    text
}

/// Comma-separated values of one header field; commas inside quotes and `<>` do not separate.
#[derive(Debug, Clone)]
pub(crate) struct List<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> List<'a> {
    pub(crate) fn new(value: &'a [u8]) -> Self {
        Self { rest: Some(value) }
    }
}

impl<'a> Iterator for List<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        let mut quoted = false;
        let mut escaped = false;
        let mut angle = false;
        for (at, &byte) in rest.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' if !angle => quoted = !quoted,
                _ if quoted => {}
                b'<' => angle = true,
                b'>' => angle = false,
                b',' if !angle => {
                    let (item, tail) = rest.split_at_checked(at)?;
                    self.rest = tail.get(1..);
                    return Some(item.trim_ascii());
                }
                _ => {}
            }
        }
        Some(rest.trim_ascii())
    }
}

/// `;name=value` parameters behind a URI or a Via.
#[derive(Debug, Clone)]
pub struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Params<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// Returns the value of a parameter (empty for one without a value), quotes kept.
    pub fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.clone()
            .find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.unwrap_or_default())
    }

    /// Tells whether the text is well formed: names are tokens and stand once, quotes end, nothing is empty.
    pub(crate) fn well_formed(text: &[u8]) -> bool {
        let mut rest = text.trim_ascii();
        let mut seen = [b"".as_slice(); limits::PARAMETERS];
        let mut slots = seen.iter_mut();
        while !rest.is_empty() {
            let Some(after) = rest.strip_prefix(b";") else { return false };
            let Some((item, tail)) = split_unquoted(after, |byte| byte == b';') else { return false };
            let (name, value) = halves(item);
            let Some(slot) = slots.next() else { return false };
            *slot = name;
            if !is_token(name) || !value.is_none_or(plausible_value) {
                return false;
            }
            rest = tail;
        }
        let used = limits::PARAMETERS.saturating_sub(slots.len());
        unrepeated(seen.get(..used).unwrap_or_default())
    }
}

/// Tells whether no name stands twice, in any case. The caller bounds the number of names.
pub(crate) fn unrepeated(names: &[&[u8]]) -> bool {
    let mut rest = names;
    while let Some((name, others)) = rest.split_first() {
        if others.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            return false;
        }
        rest = others;
    }
    true
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let after = self.rest.trim_ascii_start().strip_prefix(b";")?;
        let (item, tail) = split_unquoted(after, |byte| byte == b';').unwrap_or((after, &[]));
        self.rest = tail;
        Some(halves(item))
    }
}

fn halves(item: &[u8]) -> (&[u8], Option<&[u8]>) {
    match split_once(item, b'=') {
        Some((name, value)) => (name.trim_ascii(), Some(value.trim_ascii())),
        None => (item.trim_ascii(), None),
    }
}

fn plausible_value(value: &[u8]) -> bool {
    if value.first() == Some(&b'"') {
        return split_quoted(value).is_some_and(|(_, rest)| rest.is_empty());
    }
    !value.is_empty()
        && value.iter().all(|&byte| byte > b' ' && byte != 0x7f && !matches!(byte, b'"' | b'<' | b'>' | b','))
}

/// Splits at the first `at`, which is in neither half.
pub(crate) fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let found = bytes.iter().position(|&byte| byte == at)?;
    let (before, rest) = bytes.split_at_checked(found)?;
    Some((before, rest.get(1..)?))
}
