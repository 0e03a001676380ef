//! Lists as files for spreadsheets.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderValue, header};

/// What spreadsheets know UTF-8 by.
const BOM: &str = "\u{feff}";

/// Appends one line (RFC 4180). A cell that a spreadsheet would compute gets an apostrophe before it.
pub(crate) fn line<'a>(out: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
        let prefix = if is_formula { "'" } else { "" };
        if cell.contains([',', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(prefix);
            out.push_str(&cell.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(prefix);
            out.push_str(cell);
        }
    }
    out.push_str("\r\n");
}

/// Returns a download that is made while it is read. `lines` yields texts made by [`line`]; an error cuts it short.
pub(crate) fn download<S>(name: &str, head: &[&str], lines: S) -> Response
where
    S: Stream<Item = Result<String, crate::Failure>> + Send + 'static,
{
    use futures_util::StreamExt;
    let mut first = BOM.to_owned();
    line(&mut first, head.iter().copied());
    let first = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(first))]);
    let rest = lines.map(|part| part.map(Bytes::from).map_err(|_| std::io::Error::other("the list could not be read")));
    let mut response = Body::from_stream(first.chain(rest)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    headers.insert(header::CONTENT_DISPOSITION, disposition.expect("file names are plain"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_computed() {
        let mut out = String::new();
        line(&mut out, ["a", "b,c", "say \"hi\"", "=1+1", "@x", "-5", "+84 1", "two\nlines"]);
        assert_eq!(out, "a,\"b,c\",\"say \"\"hi\"\"\",'=1+1,'@x,-5,'+84 1,\"two\nlines\"\r\n");
    }
}
