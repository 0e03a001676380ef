//! What will go is announced on every answer that has to do with it: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");
/// Seconds of a day.
const DAY: i64 = 86_400;

/// A path or field that will go. The server has the table of all of them.
#[derive(Clone, Copy, Debug)]
pub struct Deprecated {
    /// `POST`.
    pub method: &'static str,
    /// The route as the OpenAPI document writes it: `/api/pbx/extensions/{ext}`.
    pub path: &'static str,
    /// A field of the query or of the body's outermost object; `None` for the whole path.
    pub field: Option<&'static str>,
    /// Since when it should not be used any more, in seconds since 1970.
    pub since: i64,
    /// When it stops to work, in seconds since 1970: six months after it was announced, or later.
    pub sunset: i64,
    /// Where one can read what to use instead.
    pub link: &'static str,
}

/// The fields that the reader of bodies looks out for, and whether it has found one.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    fields: Arc<[&'static str]>,
    found: Arc<AtomicBool>,
}

impl Watched {
    pub(crate) fn look(&self, body: &serde_json::Map<String, serde_json::Value>) {
        if self.fields.iter().any(|field| body.contains_key(*field)) {
            self.found.store(true, Ordering::Relaxed);
        }
    }
}

/// The layer that announces (`axum::middleware::from_fn_with_state(table, web::announce)`). It stands inside of routing.
pub async fn announce(State(table): State<&'static [Deprecated]>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let concerns = |row: &&Deprecated| Some(row.path) == route.as_deref() && row.method == request.method().as_str();
    let rows: Vec<&Deprecated> = table.iter().filter(concerns).collect();
    if rows.is_empty() {
        return next.run(request).await;
    }
    let query = request.uri().query().unwrap_or_default();
    let names: Vec<_> = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name.into_owned()).collect();
    let fields: Arc<[&'static str]> = rows.iter().filter_map(|row| row.field).collect();
    let watched = Watched { fields, found: Arc::default() };
    request.extensions_mut().insert(watched.clone());

    let mut response = next.run(request).await;

    let in_body = watched.found.load(Ordering::Relaxed);
    let used = rows.into_iter().filter(|row| match row.field {
        None => true,
        Some(field) => in_body || names.iter().any(|name| name == field),
    });
    // Of several that go, the first to go is announced.
    if let Some(row) = used.min_by_key(|row| row.sunset) {
        put(response.headers_mut(), row);
    }
    response
}

fn put(headers: &mut HeaderMap, row: &Deprecated) {
    let values = [
        // A date of structured fields (RFC 9651 §3.3.7).
        (DEPRECATION, format!("@{}", row.since)),
        (SUNSET, http_date(row.sunset)),
        (header::LINK, format!("<{}>; rel=\"deprecation\"; type=\"text/html\"", row.link)),
    ];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(name, value);
        }
    }
}

/// Writes a time as HTTP does (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = domain::Timestamp::from_millis(seconds * 1_000).rfc3339();
    let weekday = usize::try_from(seconds.div_euclid(DAY).rem_euclid(7)).unwrap_or(0);
    let month = text[5..7].parse::<usize>().unwrap_or(1);
    format!("{}, {} {} {} {} GMT", DAYS[weekday], &text[8..10], MONTHS[month - 1], &text[..4], &text[11..19])
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware::from_fn_with_state, routing::post};
    use tower::ServiceExt;

    use super::*;
    use crate::Json;

    const ROW: Deprecated = Deprecated {
        method: "POST",
        path: "/api/things/{id}",
        field: None,
        since: 1_688_169_599,
        sunset: 784_111_777,
        link: "/docs",
    };

    async fn ask(table: &'static [Deprecated], path: &str, body: &'static str) -> HeaderMap {
        let router = Router::new()
            .route("/api/things/{id}", post(|Json(_): Json<serde_json::Value>| async { "done" }))
            .route("/api/others", post(|| async { "done" }))
            .layer(from_fn_with_state(table, announce));
        let request = Request::post(path).header("content-type", "application/json").body(Body::from(body)).unwrap();
        router.oneshot(request).await.unwrap().headers().clone()
    }

    #[tokio::test]
    async fn a_path_that_goes_says_when() {
        static TABLE: [Deprecated; 1] = [ROW];
        let headers = ask(&TABLE, "/api/things/7", "{}").await;
        assert_eq!(headers["deprecation"], "@1688169599");
        assert_eq!(headers["sunset"], "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(headers["link"], "</docs>; rel=\"deprecation\"; type=\"text/html\"");
        assert!(!ask(&TABLE, "/api/others", "{}").await.contains_key("deprecation"));
    }

    #[tokio::test]
    async fn a_field_that_goes_is_announced_to_those_who_send_it() {
        static TABLE: [Deprecated; 2] =
            [Deprecated { field: Some("old"), ..ROW }, Deprecated { field: Some("older"), method: "GET", ..ROW }];
        assert!(!ask(&TABLE, "/api/things/7", r#"{"new":1}"#).await.contains_key("sunset"));
        assert!(!ask(&TABLE, "/api/things/7?older=1", "{}").await.contains_key("sunset"));
        assert!(ask(&TABLE, "/api/things/7", r#"{"old":null}"#).await.contains_key("sunset"));
        assert!(ask(&TABLE, "/api/things/7?old=1", "{}").await.contains_key("deprecation"));
    }

    #[test]
    fn dates_are_those_of_http() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"),
        ] {
            assert_eq!(http_date(seconds), text);
        }
    }
}
