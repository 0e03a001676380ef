//! `/sdk/webphone/*`: the SDK as it was built into the program.

use axum::{
    Router,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use web::Text;

use crate::{Webphone, api::Place, embed};

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// Where the files are.
const ROOT: &str = "/sdk/webphone";
/// Pages to try things out with, which nobody loads into others.
const EXAMPLES: &str = "examples/";
/// A year: another content has another path.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Kept, but asked for each time.
const ASK: HeaderValue = HeaderValue::from_static("public, no-cache");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const NOT_BUILT: Text = Text::new(
    "This server was compiled without the webphone's SDK: run `cargo xtask sdk` and compile it again.",
    "Máy chủ được biên dịch không kèm SDK webphone: hãy chạy `cargo xtask sdk` rồi biên dịch lại.",
);

struct File {
    /// With `/` between its parts.
    name: &'static str,
    media_type: &'static str,
    /// As `integrity="…"` wants it.
    integrity: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

/// Returns where a file lies under a path that never changes its content; `None` if there is no such file.
pub(crate) fn lasting_path(name: &str) -> Option<String> {
    find(name).map(|file| format!("{ROOT}/{VERSION}/{}", file.name))
}

/// The answer of all routes that need the SDK where it was not built.
pub(crate) fn not_built() -> web::Error {
    web::Error::new(StatusCode::NOT_FOUND, "webphone.not_built", NOT_BUILT)
}

pub(crate) fn routes(webphone: Webphone) -> Router {
    Router::new()
        .route(&format!("{ROOT}/integrity.json"), get(integrity))
        .route(&format!("{ROOT}/{{*path}}"), get(serve))
        .with_state(webphone)
}

fn find(name: &str) -> Option<&'static File> {
    let at = FILES.binary_search_by(|file| file.name.cmp(name)).ok()?;
    Some(&FILES[at])
}

/// Lists the files with their hashes.
async fn integrity() -> Response {
    if FILES.is_empty() {
        return not_built().into_response();
    }
    let shown = FILES.iter().filter(|file| !file.name.starts_with(EXAMPLES));
    let files: serde_json::Map<String, serde_json::Value> = shown
        .map(|file| (file.name.to_owned(), json!({"integrity": file.integrity, "bytes": file.plain.len()})))
        .collect();
    let list = json!({"version": VERSION, "path": format!("{ROOT}/{VERSION}/"), "files": files});
    let mut response = axum::Json(list).into_response();
    share(response.headers_mut(), ASK);
    response
}

/// Serves a file, under its version or without one.
async fn serve(
    State(webphone): State<Webphone>,
    Path(path): Path<String>,
    request: Request,
) -> Result<Response, web::Error> {
    if FILES.is_empty() {
        return Err(not_built());
    }
    let versioned = path.strip_prefix(VERSION).and_then(|rest| rest.strip_prefix('/'));
    let file = find(versioned.unwrap_or(&path)).ok_or_else(web::Error::not_found)?;
    let (parts, _) = request.into_parts();
    let tag = format!("\"{}\"", &file.integrity["sha384-".len()..]);
    let is_known = parts.headers.get_all(header::IF_NONE_MATCH).iter().any(|known| holds(known, &tag));
    let takes_gzip = takes_gzip(&parts.headers);
    let mut response = match (is_known, takes_gzip) {
        (true, _) => StatusCode::NOT_MODIFIED.into_response(),
        (false, true) => ([(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))], file.gzip).into_response(),
        (false, false) => file.plain.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    share(headers, if versioned.is_some() { FOREVER } else { ASK });
    if file.media_type.starts_with("text/html") {
        let policy = embed::policy(&webphone.ws_origin(&Place::of(&parts)), "'none'", "frame-src 'self'; ");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// Any page may load the SDK, and check its hash when it does.
fn share(headers: &mut HeaderMap, cache: HeaderValue) {
    headers.insert(header::CACHE_CONTROL, cache);
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
}

/// Tells whether a list of tags has this one (RFC 9110 §13.1.2).
fn holds(list: &HeaderValue, tag: &str) -> bool {
    let Ok(list) = list.to_str() else { return false };
    list.split(',').map(str::trim).any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_names() {
        assert!(FILES.is_sorted_by_key(|file| file.name));
        assert!(FILES.iter().all(|file| find(file.name).is_some_and(|found| found.name == file.name)));
        assert!(find("../package.json").is_none() && lasting_path("nothing.js").is_none());
    }

    #[test]
    fn a_tag_is_found_in_a_list() {
        for (list, found) in [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("\"b\"", false)]
        {
            assert_eq!(holds(&HeaderValue::from_static(list), "\"a\""), found, "{list}");
        }
    }

    #[test]
    fn a_coding_that_is_refused_is_not_taken() {
        for (accept, takes) in [("gzip", true), ("br, gzip;q=0.5", true), ("gzip;q=0", false), ("br", false)] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accept));
            assert_eq!(takes_gzip(&headers), takes, "{accept}");
        }
    }
}
