//! How the receiver behaves, well or badly.

use std::{convert::Infallible, net::SocketAddr, pin::Pin, task, task::Poll, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use hyper::body::{Body, Frame};
use tokio::time::Sleep;

/// What the receiver does with a request after recording it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manners {
    /// Verifies and answers 200, 400 or 401, as the documentation tells customers to.
    Polite,
    /// Answers that status at once.
    Fails(u16),
    /// Answers that status with a `Retry-After` header of this value.
    RetryAfter(u16, String),
    /// Reads the request and never answers.
    Hangs,
    /// Answers 200 at once, then sends one byte of the body at a time, with this much time between.
    Drips(Duration),
    /// Answers 302 to this address.
    Redirects(String),
    /// Answers 200 with a body of that many bytes.
    Talks(usize),
    /// Is polite, but takes that long.
    Dawdles(Duration),
    /// Reads the request and resets the connection.
    Resets,
    /// Hands the request as it came to the program that listens there, by plain HTTP, and answers what that answers:
    /// a proxy that takes the TLS off.
    Passes(SocketAddr),
}

/// For how long bad manners last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    Always,
    /// For that many requests; polite again afterwards.
    Next(u32),
}

/// The body of an answer.
pub(crate) enum Answer {
    Whole(Option<Bytes>),
    Drip { every: Duration, pause: Pin<Box<Sleep>> },
}

impl Answer {
    pub(crate) fn text(text: &'static str) -> Self {
        Self::Whole(Some(Bytes::from_static(text.as_bytes())))
    }

    fn drip(every: Duration) -> Self {
        Self::Drip { every, pause: Box::pin(tokio::time::sleep(every)) }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Drip { every, pause } => {
                task::ready!(pause.as_mut().poll(cx));
                let next = tokio::time::Instant::now() + *every;
                pause.as_mut().reset(next);
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b".")))))
            }
        }
    }
}

/// Returns the ill-mannered answer; `None` where the request is to be answered politely.
pub(crate) async fn misbehave(manners: &Manners) -> Option<Response<Answer>> {
    let mut answer = Response::new(Answer::text(""));
    let status = match manners {
        Manners::Polite => return None,
        Manners::Dawdles(time) => {
            tokio::time::sleep(*time).await;
            return None;
        }
        // Not answers: the receiver sees to them.
        Manners::Resets | Manners::Passes(_) => return None,
        Manners::Hangs => std::future::pending().await,
        Manners::Fails(status) => *status,
        Manners::RetryAfter(status, value) => {
            answer.headers_mut().insert(header::RETRY_AFTER, header_value(value));
            *status
        }
        Manners::Drips(every) => {
            *answer.body_mut() = Answer::drip(*every);
            200
        }
        Manners::Redirects(target) => {
            answer.headers_mut().insert(header::LOCATION, header_value(target));
            302
        }
        Manners::Talks(length) => {
            *answer.body_mut() = Answer::Whole(Some(Bytes::from(vec![b'z'; *length])));
            200
        }
    };
    *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    Some(answer)
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unprintable"))
}
