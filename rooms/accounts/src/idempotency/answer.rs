//! The answer of a request, as it is kept and given again.

use axum::{
    body::{Body, HttpBody},
    response::Response,
};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body_util::BodyExt;

/// Longest answer that is kept.
pub(super) const LONGEST_ANSWER: usize = 64 * 1024;
/// Headers that are of an answer's own time, or of its connection.
const PASSING: [HeaderName; 8] = [
    header::CONTENT_LENGTH,
    header::CONNECTION,
    header::DATE,
    header::SET_COOKIE,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-ratelimit-limit"),
    HeaderName::from_static("x-ratelimit-remaining"),
    HeaderName::from_static("x-ratelimit-reset"),
];

/// Reads an answer as far as it can be kept. Returns the same answer again, and its body unless that is too long.
pub(super) async fn read_answer(response: Response) -> (Response, Option<Bytes>) {
    let (parts, mut body) = response.into_parts();
    let mut read = BytesMut::new();
    while read.len() <= LONGEST_ANSWER && !body.is_end_stream() {
        match body.frame().await {
            None => break,
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    read.extend_from_slice(&data);
                }
            }
            Some(Err(error)) => {
                // The client gets what there is, and the same end.
                let ended = stream::iter([Ok(read.freeze()), Err(error)]);
                return (Response::from_parts(parts, Body::from_stream(ended)), None);
            }
        }
    }
    let read = read.freeze();
    if read.len() <= LONGEST_ANSWER {
        return (Response::from_parts(parts, Body::from(read.clone())), Some(read));
    }
    let whole = stream::iter([Ok(read)]).chain(body.into_data_stream());
    (Response::from_parts(parts, Body::from_stream(whole)), None)
}

/// Returns the headers that are of the answer itself, as JSON pairs.
pub(super) fn headers_to_json(headers: &HeaderMap) -> String {
    let kept = headers.iter().filter(|(name, _)| !PASSING.contains(name));
    let pairs: Vec<(&str, &str)> =
        kept.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    serde_json::to_string(&pairs).unwrap_or_default()
}

/// Reads what [`headers_to_json`] wrote.
pub(super) fn headers_from_json(text: &str) -> HeaderMap {
    let pairs: Vec<(String, String)> = serde_json::from_str(text).unwrap_or_default();
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_moment_are_not_kept() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::LOCATION, HeaderValue::from_static("/api/x"));
        headers.insert(header::SET_COOKIE, HeaderValue::from_static("a=b"));
        headers.insert("x-ratelimit-remaining", HeaderValue::from_static("5"));
        let kept = headers_from_json(&headers_to_json(&headers));
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[header::LOCATION], "/api/x");
    }

    #[tokio::test]
    async fn an_answer_is_passed_on_whole_however_long_it_is() {
        for length in [0, 1, LONGEST_ANSWER, LONGEST_ANSWER + 1, 3 * LONGEST_ANSWER] {
            let chunks: Vec<Result<Bytes, std::convert::Infallible>> =
                vec![b'x'; length].chunks(1000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
            let (response, kept) = read_answer(Response::new(Body::from_stream(stream::iter(chunks)))).await;
            assert_eq!(kept.map(|body| body.len()), (length <= LONGEST_ANSWER).then_some(length));
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), length);
        }
    }
}
