//! Forms that bring a file along: `multipart/form-data` (RFC 7578), as far as browsers send it.

use bytes::Bytes;

use crate::form::Form;

/// Most parts of a form.
const MOST_PARTS: usize = 64;
/// Most bytes of a part that is no file.
const LONGEST_VALUE: usize = 64 * 1024;
/// Most characters of a boundary (RFC 2046 §5.1.1).
const LONGEST_BOUNDARY: usize = 70;

/// The files of a form, by field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upload(Vec<(String, Bytes)>);

impl Upload {
    /// Returns the content of a file; an empty one if none was chosen.
    pub(crate) fn file(&self, field: &str) -> Option<&[u8]> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, bytes)| bytes.as_ref())
    }

    /// Reads a form; `None` if it is not one.
    pub(crate) fn read(content_type: &[u8], body: &Bytes) -> Option<(Form, Self)> {
        let content_type = std::str::from_utf8(content_type).ok()?;
        let boundary =
            content_type.split(';').find_map(|part| part.trim().strip_prefix("boundary="))?.trim_matches('"');
        if boundary.is_empty() || boundary.len() > LONGEST_BOUNDARY {
            return None;
        }
        let first = format!("--{boundary}");
        let between = format!("\r\n--{boundary}");
        let mut at = find(body, first.as_bytes(), 0)? + first.len();
        let (mut form, mut files) = (Form::default(), Vec::new());
        for _ in 0..MOST_PARTS {
            if body.get(at..at + 2) == Some(b"--") {
                return Some((form, Self(files)));
            }
            let head = find(body, b"\r\n\r\n", at)?;
            let content = head + 4;
            let end = find(body, between.as_bytes(), content)?;
            let disposition = std::str::from_utf8(body.get(at..head)?).ok()?;
            let name = parameter(disposition, "name")?;
            match parameter(disposition, "filename") {
                Some(_) => files.push((name, body.slice(content..end))),
                None => {
                    let value = body.get(content..end).filter(|value| value.len() <= LONGEST_VALUE)?;
                    form = form.with(&name, String::from_utf8_lossy(value));
                }
            }
            at = end + between.len();
        }
        None
    }
}

/// Returns where `wanted` begins, at or behind `from`.
fn find(body: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = body.get(from..)?;
    let first = *wanted.first()?;
    let mut at = 0;
    loop {
        at += rest.get(at..)?.iter().position(|byte| *byte == first)?;
        if rest[at..].starts_with(wanted) {
            return Some(from + at);
        }
        at += 1;
    }
}

/// Returns a quoted parameter of `Content-Disposition`.
fn parameter(head: &str, name: &str) -> Option<String> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    line.split(';').skip(1).find_map(|part| {
        let (key, value) = part.trim().split_once('=')?;
        (key == name).then(|| value.trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &[u8] = b"multipart/form-data; boundary=----x";

    fn body(parts: &[(&str, &str)]) -> Bytes {
        let mut text = String::new();
        for (head, content) in parts {
            text += &format!("------x\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n");
        }
        Bytes::from(text + "------x--\r\n")
    }

    #[test]
    fn values_and_files_are_told_apart() {
        let body = body(&[
            ("name=\"csrf\"", "token"),
            ("name=\"name\"", "Chào"),
            ("name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav", "RIFF\r\n--\r\n\r\nx"),
        ]);
        let (form, upload) = Upload::read(KIND, &body).unwrap();
        assert_eq!((form.value("csrf"), form.value("name")), ("token", "Chào"));
        assert_eq!(upload.file("file"), Some(&b"RIFF\r\n--\r\n\r\nx"[..]));
        assert_eq!(upload.file("other"), None);
    }

    #[test]
    fn what_is_cut_off_or_no_form_is_refused() {
        let whole = body(&[("name=\"file\"; filename=\"a.wav\"", "RIFF")]);
        for length in 0..whole.len() - 4 {
            assert!(Upload::read(KIND, &whole.slice(..length)).is_none(), "{length}");
        }
        assert!(Upload::read(b"multipart/form-data", &whole).is_none());
        assert!(Upload::read(b"multipart/form-data; boundary=", &whole).is_none());
        let many: Vec<(&str, &str)> = vec![("name=\"a\"", ""); MOST_PARTS + 1];
        assert!(Upload::read(KIND, &body(&many)).is_none());
    }
}
