//! JSON bodies: one strict reader that refuses what is ambiguous and lists every field of the wrong kind.

use std::{collections::HashMap, fmt, time::Duration};

use axum::{
    body::Body as HttpBody,
    extract::{FromRequest, OptionalFromRequest, Request},
};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, Limited};
use serde::{
    Deserializer,
    de::{self, DeserializeOwned, DeserializeSeed},
};
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

use crate::{Error, Fields, Rule, csv, deprecation::Watched};

/// Most bytes of a JSON body.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// Most arrays and objects inside each other.
pub const DEPTH_LIMIT: usize = 32;
/// Longest wait for a body to arrive in full.
const BODY_WAIT: Duration = Duration::from_secs(30);
/// Most rounds of finding and setting aside a bad field.
const ROUNDS: usize = 100;

/// The JSON body of a request as a handler's argument. Unknown fields are ignored.
///
/// 415 for another or no content type, 413 beyond [`BODY_LIMIT`], 400 for what is not one JSON object (duplicate keys,
/// deeper than [`DEPTH_LIMIT`], trailing data, NUL in a text), 422 listing every field that is missing or of another kind.
/// `Option<Json<T>>` is `None` for a request without a body.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// Like [`Json`], but hands over the bad fields instead of refusing, so that one 422 can list them together with what the
/// handler finds. Bad fields of `value` hold placeholders: call [`Fields::finish`] before using it.
#[derive(Clone, Debug)]
pub struct Body<T> {
    pub value: T,
    pub fields: Fields,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let body = Body::<T>::from_request(request, state).await?;
        body.fields.finish()?;
        Ok(Self(body.value))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> OptionalFromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Error> {
        if !has_body(&request) {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let (parts, body) = request.into_parts();
        check_type(&parts.headers)?;
        let bytes = read_body(&parts.headers, body).await?;
        let value = parse(&bytes).ok_or_else(Error::bad_request)?;
        let Some(map) = value.as_object() else { return Err(Error::bad_request()) };
        if let Some(watched) = parts.extensions.get::<Watched>() {
            watched.look(map);
        }
        let mut fields = Fields::new();
        match shape(value, &mut fields) {
            Some(value) => Ok(Self { value, fields }),
            None => Err(fields.into()),
        }
    }
}

fn has_body<B: http_body::Body>(request: &http::Request<B>) -> bool {
    !request.body().is_end_stream() || request.headers().contains_key(header::CONTENT_TYPE)
}

fn check_type(headers: &HeaderMap) -> Result<(), Error> {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = text.split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let utf8 =
        parts.filter(|part| part.get(..8).is_some_and(|name| name.eq_ignore_ascii_case("charset="))).all(|part| {
            let name = part[8..].trim_matches('"');
            name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("utf8")
        });
    let plain = headers.get(header::CONTENT_ENCODING).is_none_or(|value| value == "identity");
    if json && utf8 && plain { Ok(()) } else { Err(Error::unsupported_media_type()) }
}

/// Reads a whole body: 413 beyond [`BODY_LIMIT`] or, of a sheet, [`csv::LIMIT`]; 408 if it comes too slowly.
pub async fn read_body(headers: &HeaderMap, body: HttpBody) -> Result<Bytes, Error> {
    let limit = if csv::is_sheet(headers) { csv::LIMIT } else { BODY_LIMIT };
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(Error::body_too_large());
    }
    match tokio::time::timeout(BODY_WAIT, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Error::body_too_large()),
        Ok(Err(_)) => Err(Error::bad_request()),
        Err(_) => Err(Error::body_timeout()),
    }
}

/// Returns the one JSON document that `bytes` are, `None` if they are not exactly that.
fn parse(bytes: &[u8]) -> Option<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(value)
}

/// Reads a [`Value`], refusing duplicate keys, NUL characters (PostgreSQL stores none) and too much depth.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_LIMIT {
            return Err(E::custom("too deep"));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        if value.contains('\0') {
            return Err(E::custom("NUL in a text"));
        }
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(value) = access.next_element_seed(inner)? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let value = access.next_value_seed(inner)?;
            if map.insert(key, value).is_some() {
                return Err(de::Error::custom("duplicate key"));
            }
        }
        Ok(Value::Object(map))
    }
}

/// Turns JSON into a `T`. Each field of the wrong kind is recorded, then taken out or replaced, and the rest is tried
/// again; so all of them are found. `None` if no `T` could be made at all.
fn shape<T: DeserializeOwned>(mut root: Value, fields: &mut Fields) -> Option<T> {
    /// Stand-ins for a required field, in the order tried.
    const PLACEHOLDERS: usize = 6;
    let mut tried: HashMap<String, usize> = HashMap::new();
    for _ in 0..ROUNDS {
        let error = match serde_path_to_error::deserialize::<_, T>(&root) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let reason = error.inner().to_string();
        let mut place = place(error.path())?;
        let missing = reason.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        place.extend(missing.map(|name| Step::Key(name.to_owned())));
        let name = place.iter().map(ToString::to_string).collect::<Vec<_>>().join(".");
        let rule = if missing.is_some() { Rule::Required } else { broken_rule(&reason) };
        let attempts = tried.entry(name.clone()).or_insert_with(|| {
            fields.add(name, rule);
            0
        });
        if *attempts > PLACEHOLDERS || !set_aside(&mut root, &place, missing.is_none() && *attempts == 0, *attempts) {
            return None;
        }
        *attempts += 1;
    }
    None
}

/// One step of the way to a field.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Index(index) => index.fmt(f),
        }
    }
}

fn place(path: &Path) -> Option<Vec<Step>> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Map { key } => Some(Some(Step::Key(key.clone()))),
            Segment::Seq { index } => Some(Some(Step::Index(*index))),
            Segment::Enum { .. } => None,
            Segment::Unknown => Some(None),
        })
        .collect()
}

/// Takes the bad value out, or puts the next placeholder into its place. Returns whether the place exists.
fn set_aside(root: &mut Value, place: &[Step], take_out: bool, attempt: usize) -> bool {
    let Some((last, way)) = place.split_last() else { return false };
    let mut parent = root;
    for step in way {
        let child = match (step, parent) {
            (Step::Key(key), Value::Object(map)) => map.get_mut(key),
            (Step::Index(index), Value::Array(list)) => list.get_mut(*index),
            _ => None,
        };
        let Some(child) = child else { return false };
        parent = child;
    }
    let placeholder = match attempt {
        0 | 1 => Value::String(String::new()),
        2 => Value::from(0),
        3 => Value::Bool(false),
        4 => Value::Array(Vec::new()),
        5 => Value::Object(Map::new()),
        _ => Value::Null,
    };
    match (last, parent) {
        (Step::Key(key), Value::Object(map)) if take_out => map.remove(key).is_some(),
        (Step::Key(key), Value::Object(map)) => {
            map.insert(key.clone(), placeholder);
            true
        }
        (Step::Index(index), Value::Array(list)) => list.get_mut(*index).is_some_and(|value| {
            *value = placeholder;
            true
        }),
        _ => false,
    }
}

/// Reads the rule out of serde's sentence: `invalid type: integer `5`, expected a string`.
pub(crate) fn broken_rule(reason: &str) -> Rule {
    if reason.starts_with("invalid type: null") || reason.starts_with("invalid type: Option value") {
        return Rule::Required;
    }
    if reason.starts_with("unknown variant") {
        return Rule::Selected;
    }
    let Some((_, expected)) = reason.split_once("expected ").filter(|_| reason.starts_with("invalid type")) else {
        return Rule::Format;
    };
    let integers = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "usize", "isize"];
    match expected {
        "a string" | "a borrowed string" | "string" => Rule::Type("string"),
        "a boolean" => Rule::Type("boolean"),
        "f32" | "f64" => Rule::Type("number"),
        _ if integers.contains(&expected) => Rule::Type("integer"),
        _ if expected.starts_with("a sequence") => Rule::Type("array"),
        _ if expected.starts_with("struct ") || expected.starts_with("a map") => Rule::Type("object"),
        _ => Rule::Format,
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde::Deserialize;

    use super::*;
    use crate::Language;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read from JSON")]
    struct Order {
        name: String,
        count: i64,
        kind: Option<Kind>,
        tags: Option<Vec<String>>,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Small,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read from JSON")]
    struct Inner {
        on: bool,
    }

    async fn send(content_type: Option<&str>, body: impl Into<HttpBody>) -> Result<Order, Error> {
        let mut request = http::Request::post("/");
        if let Some(text) = content_type {
            request = request.header(header::CONTENT_TYPE, text);
        }
        let request = request.body(body.into()).unwrap();
        <Json<Order> as FromRequest<()>>::from_request(request, &()).await.map(|json| json.0)
    }

    async fn status(content_type: &str, body: impl Into<HttpBody>) -> u16 {
        send(Some(content_type), body).await.map_or_else(|error| error.status().as_u16(), |_| 200)
    }

    #[tokio::test]
    async fn only_one_unambiguous_json_object_is_read() {
        let good = r#"{"name":"a","count":1}"#;
        assert_eq!(status("application/json", good).await, 200);
        assert_eq!(status("Application/JSON; Charset=UTF-8", good).await, 200);
        assert_eq!(status("application/json", r#"{"name":"a","count":1,"unknown":[{}]}"#).await, 200);
        for bad in [
            "",
            "{",
            "nonsense",
            "null",
            "[]",
            "5",
            r#"{"name":"a","count":1}{}"#,
            r#"{"name":"a","count":1,}"#,
            r#"{"name":"a","name":"b","count":1}"#,
            r#"{"name":"a","count":1,"x":{"y":1,"y":2}}"#,
            r#"{"name":"a","count":NaN}"#,
            r#"{"name":"a","count":1e999}"#,
            r#"{"name":"\ud800","count":1}"#,
            r#"{"name":"\u0000","count":1}"#,
            "\u{feff}{\"name\":\"a\",\"count\":1}",
            "{\"name\":\"a\",/* hi */\"count\":1}",
        ] {
            assert_eq!(status("application/json", bad).await, 400, "{bad}");
        }
        assert_eq!(status("application/json", "[".repeat(BODY_LIMIT)).await, 400);
        assert_eq!(status("application/json", r#"{"a":"#.repeat(100_000)).await, 400);
    }

    #[tokio::test]
    async fn depth_is_allowed_up_to_the_limit() {
        let nested = |depth: usize| {
            format!(r#"{{"name":"a","count":1,"x":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1))
        };
        assert_eq!(status("application/json", nested(DEPTH_LIMIT)).await, 200);
        assert_eq!(status("application/json", nested(DEPTH_LIMIT + 1)).await, 400);
    }

    #[tokio::test]
    async fn a_body_may_have_one_mebibyte() {
        let sized = |bytes: usize| {
            let frame = r#"{"name":"a","count":1,"x":""}"#;
            format!(r#"{{"name":"a","count":1,"x":"{}"}}"#, "x".repeat(bytes - frame.len()))
        };
        assert_eq!(status("application/json", sized(BODY_LIMIT)).await, 200);
        assert_eq!(status("application/json", sized(BODY_LIMIT + 1)).await, 413);
    }

    #[tokio::test]
    async fn only_json_in_utf_8_is_taken() {
        let body = r#"{"name":"a","count":1}"#;
        for content_type in
            ["text/plain", "application/json; charset=utf-7", "multipart/form-data", "application/jsonx", ""]
        {
            assert_eq!(status(content_type, body).await, 415, "{content_type}");
        }
        assert_eq!(send(None, body).await.unwrap_err().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }

    #[tokio::test]
    async fn one_422_lists_every_field_that_is_missing_or_of_another_kind() {
        let body = r#"{"name":5,"kind":"huge","tags":["a",7],"inner":{}}"#;
        let error = send(Some("application/json"), body).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(
            Value::Object(error.fields().to_json(Language::En)),
            serde_json::json!({
                "name": ["The name must be a string."],
                "count": ["The count field is required."],
                "kind": ["The selected kind is invalid."],
                "tags.1": ["The tags.1 must be a string."],
                "inner.on": ["The inner.on field is required."],
            })
        );
    }

    #[tokio::test]
    async fn numbers_that_do_not_fit_are_field_errors() {
        for number in ["18446744073709551616", "9223372036854775808", "1.5", "true", "\"1\"", "null"] {
            let error =
                send(Some("application/json"), format!(r#"{{"name":"a","count":{number}}}"#)).await.unwrap_err();
            assert_eq!(error.fields().names().collect::<Vec<_>>(), ["count"], "{number}");
        }
    }

    #[tokio::test]
    async fn an_optional_body_may_be_left_out() {
        let request = http::Request::post("/").body(HttpBody::empty()).unwrap();
        let none = <Json<Order> as OptionalFromRequest<()>>::from_request(request, &()).await.unwrap();
        assert!(none.is_none());
    }
}
