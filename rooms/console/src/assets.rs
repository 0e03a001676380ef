//! Scripts, styles, fonts and icons, under names that change with their content.

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

include!(concat!(env!("OUT_DIR"), "/assets.rs"));
include!(concat!(env!("OUT_DIR"), "/icons.rs"));

/// A year: another content has another name.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

struct Asset {
    /// `console.css`.
    name: &'static str,
    /// `console-0123456789ab.css`.
    public: &'static str,
    media_type: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
}

/// Returns the public name of an asset; the empty text if there is none of that name.
pub(crate) fn public(name: &str) -> &'static str {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    debug_assert!(asset.is_some(), "there is an asset {name}");
    asset.map_or("", |asset| asset.public)
}

/// Returns the inside of an icon's `<svg>`.
pub(crate) fn icon(name: &str) -> &'static str {
    let index = ICONS.binary_search_by(|(other, _)| (*other).cmp(name));
    debug_assert!(index.is_ok(), "there is an icon {name}");
    index.map_or("", |index| ICONS[index].1)
}

/// `GET /assets/{name}`.
pub(crate) async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.public == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let takes_gzip = headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| coding.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("gzip")));
    let mut response = match asset.gzip.filter(|_| takes_gzip) {
        Some(packed) => ([(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))], packed).into_response(),
        None => asset.plain.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(header::CACHE_CONTROL, FOREVER);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_first_visit_loads_is_at_most_250_kilobytes() {
        let sent = |asset: &Asset| asset.gzip.unwrap_or(asset.plain).len();
        let all: usize = ASSETS.iter().map(sent).sum();
        assert!(all <= 200_000, "{all} bytes of assets leave no room for the page");
    }

    #[test]
    fn icons_are_found() {
        assert!(icon("search").contains("<"));
        assert!(ICONS.is_sorted_by_key(|(name, _)| name));
    }
}
