//! Finding a body of one type, in multipart bodies too (RFC 2046 §5.1, RFC 5621).

use bytes::Bytes;

use super::{
    Name,
    head::{Lines, head_end},
};
use crate::{
    limits,
    text::{Params, split_quoted},
};

/// Tells whether a Content-Type value names this type; case, blanks and parameters do not matter.
pub(super) fn is_type(value: &[u8], media_type: &str) -> bool {
    let named = value.split(|&byte| byte == b';').next().unwrap_or_default();
    let tight = named.iter().filter(|byte| !byte.is_ascii_whitespace()).map(u8::to_ascii_lowercase);
    tight.eq(media_type.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// Returns the first body of this type; multipart bodies are looked into down to [`limits::MULTIPART_DEPTH`].
pub(super) fn find(content_type: &[u8], body: &Bytes, media_type: &str) -> Option<Bytes> {
    if is_type(content_type, media_type) {
        return Some(body.clone());
    }
    let mut level = vec![(Bytes::copy_from_slice(content_type), body.clone())];
    for _ in 0..limits::MULTIPART_DEPTH {
        let mut below = Vec::new();
        for (kind, body) in &level {
            for (kind, part) in parts(kind, body) {
                if is_type(&kind, media_type) {
                    return Some(part);
                }
                below.push((kind, part));
            }
        }
        level = below;
    }
    None
}

/// Cuts a multipart body into at most [`limits::MULTIPART_PARTS`] parts with their types.
fn parts(content_type: &[u8], body: &Bytes) -> Vec<(Bytes, Bytes)> {
    let mut found = Vec::new();
    let Some(boundary) = boundary(content_type) else { return found };
    let delimiter = [b"--", boundary].concat();
    let mut starts = None;
    let mut at = 0_usize;
    while let Some(line) = body.get(at..).filter(|rest| !rest.is_empty()) {
        let length = line.iter().position(|&byte| byte == b'\n').map_or(line.len(), |end| end.saturating_add(1));
        let next = at.saturating_add(length);
        let text = line.get(..length).unwrap_or_default().trim_ascii_end();
        let closing = text.strip_suffix(b"--") == Some(&*delimiter);
        if closing || text == &*delimiter {
            if let Some(start) = starts {
                // The line break before the delimiter belongs to it.
                let raw = body.get(start..at).unwrap_or_default();
                let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
                found.extend(part(body, raw.strip_suffix(b"\r").unwrap_or(raw)));
            }
            if closing || found.len() >= limits::MULTIPART_PARTS {
                break;
            }
            starts = Some(next);
        }
        at = next;
    }
    found
}

fn part(body: &Bytes, raw: &[u8]) -> Option<(Bytes, Bytes)> {
    if let Some(content) = raw.strip_prefix(b"\r\n") {
        return Some((Bytes::from_static(b"text/plain"), body.slice_ref(content)));
    }
    let (head, content) = raw.split_at_checked(head_end(raw, 0)?)?;
    let mut kind = Bytes::from_static(b"text/plain");
    let mut lines = Lines::new(head);
    while let Some(field) = lines.field() {
        if Name::parse(field.name) == Name::ContentType {
            kind = body.slice_ref(field.value);
        }
    }
    Some((kind, body.slice_ref(content)))
}

fn boundary(content_type: &[u8]) -> Option<&[u8]> {
    let semicolon = content_type.iter().position(|&byte| byte == b';')?;
    let (kind, params) = content_type.split_at_checked(semicolon)?;
    if !kind.get(..10)?.eq_ignore_ascii_case(b"multipart/") {
        return None;
    }
    let value = Params::new(params).value("boundary")?;
    let value = split_quoted(value).map_or(value, |(inside, _)| inside);
    (1..=70).contains(&value.len()).then_some(value)
}
