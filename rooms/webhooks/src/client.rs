//! One exchange with a receiver: a signed POST and its answer, within one deadline.

use std::{
    collections::HashMap,
    error::Error as StdError,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{self, connect::capture_connection},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use web::Text;

use crate::{
    Error, authority,
    dial::{Connector, DialError, Dialer, Uses},
    kind::Kind,
    model::Failure,
};

/// Bytes of an answer's body that are read and kept; a longer one is cut off with its connection.
pub(crate) const BODY_LIMIT: usize = 16 * 1024;
/// Bytes of an answer's head, and of what is read at once.
const HEAD_LIMIT: usize = 32 * 1024;
/// Header fields of an answer.
const HEADER_LIMIT: usize = 100;
/// Idle connections kept per receiver: as many as may be busy at once.
const IDLE_LIMIT: usize = 64;
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// A reused connection that breaks this soon was closed by the receiver in between: the request goes out once more.
const STALE_WITHIN: Duration = Duration::from_secs(1);
const USER_AGENT: HeaderValue = HeaderValue::from_static("Zorio-Webhooks/1.0");
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// How often a connection that is used is asked for a sign of life, and how long that may take. HTTP/2 only: many
/// requests share one connection there, and each would time out on one that is dead.
const PING: Duration = Duration::from_secs(2);
const PONG: Duration = Duration::from_secs(2);
/// How long the client of an authority is kept without use.
const CLIENT_MEMORY: Duration = Duration::from_secs(60);

/// The shared client, with its connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    http: legacy::Client<Connector, Full<Bytes>>,
    timeout: Duration,
}

/// One client for all, and one for each certificate authority that webhooks brought along.
pub(crate) struct Clients {
    dialer: Dialer,
    timeout: Duration,
    common: Client,
    own: Mutex<HashMap<[u8; 32], (Client, std::time::Instant)>>,
}

/// What came of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub(crate) result: Result<(), Failure>,
    pub(crate) status: Option<u16>,
    pub(crate) retry_after: Option<String>,
    /// At most 16 KiB.
    pub(crate) body: Vec<u8>,
    pub(crate) duration: Duration,
}

/// The parts of a request that differ between attempts.
pub(crate) struct Post {
    pub(crate) url: http::Uri,
    pub(crate) headers: [(&'static str, String); 7],
    pub(crate) body: Bytes,
    pub(crate) kind: Kind,
}

impl Clients {
    pub(crate) fn open(dialer: Dialer, ca_file: Option<&Path>, timeout: Duration) -> Result<Self, Error> {
        let common = Client::open(dialer.clone(), usual(roots(ca_file)?)?, timeout);
        Ok(Self { dialer, timeout, common, own: Mutex::default() })
    }

    /// Returns the client that trusts these authorities alone, or the usual ones if there are none.
    pub(crate) fn for_authority(&self, pem: Option<&str>) -> Result<Client, Text> {
        let Some(pem) = pem else { return Ok(self.common.clone()) };
        let now = Instant::now().into_std();
        let name = Sha256::digest(pem.as_bytes()).into();
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((client, used)) = own.get_mut(&name) {
            *used = now;
            return Ok(client.clone());
        }
        let client = Client::open(self.dialer.clone(), authority::tls(pem)?, self.timeout);
        own.insert(name, (client.clone(), now));
        Ok(client)
    }

    /// Forgets clients that nobody asked for lately.
    pub(crate) fn tidy(&self, now: std::time::Instant) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.retain(|_, (_, used)| now.saturating_duration_since(*used) < CLIENT_MEMORY);
    }
}

impl Client {
    fn open(dialer: Dialer, tls: ClientConfig, timeout: Duration) -> Self {
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            // Plain HTTP is refused where URLs are checked, unless the operator of the host allows it.
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(dialer);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_LIMIT)
            // As the documentation spells them: some receivers compare names byte by byte.
            .http1_title_case_headers(true)
            .http1_max_headers(HEADER_LIMIT)
            .http1_max_buf_size(HEAD_LIMIT)
            .http2_max_header_list_size(16 * 1024)
            .http2_initial_stream_window_size(64 * 1024)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PONG)
            .build(Connector { https, timeout });
        Self { http, timeout }
    }

    /// Posts once and reads the answer, within the deadline in all. Never follows a redirect.
    pub(crate) async fn post(&self, post: &Post) -> Exchange {
        let start = Instant::now();
        let mut exchange = match tokio::time::timeout(self.timeout, self.exchange(post, start)).await {
            Ok(Ok(exchange)) => exchange,
            Ok(Err(failure)) => Exchange::failed(failure),
            Err(_) => Exchange::failed(Failure::Timeout),
        };
        // How long a forbidden address took to answer is nobody's business.
        if exchange.result != Err(Failure::Blocked) {
            exchange.duration = start.elapsed();
        }
        exchange
    }

    async fn exchange(&self, post: &Post, start: Instant) -> Result<Exchange, Failure> {
        let answer = match self.send(post).await {
            Err((error, true)) if is_broken(&error) && start.elapsed() < STALE_WITHIN => self.send(post).await,
            other => other,
        };
        let response = answer.map_err(|(error, _)| classify(&error))?;
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let body = read(response.into_body()).await?;
        Ok(Exchange {
            result: if post.kind.is_success(status) { Ok(()) } else { Err(Failure::Status) },
            status: Some(status.as_u16()),
            retry_after,
            body,
            duration: Duration::ZERO,
        })
    }

    /// Sends and waits for the head of the answer. An error tells whether the connection had been used before.
    async fn send(&self, post: &Post) -> Result<http::Response<Incoming>, (legacy::Error, bool)> {
        let mut request = Request::new(Full::new(post.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = post.url.clone();
        let headers = request.headers_mut();
        headers.reserve(post.headers.len() + 4);
        headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
        headers.insert(header::USER_AGENT, USER_AGENT);
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        for (name, value) in &post.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(*name, value);
            }
        }
        let captured = capture_connection(&mut request);
        let result = self.http.request(request).await;
        let mut extensions = http::Extensions::new();
        if let Some(connected) = captured.connection_metadata().as_ref() {
            connected.get_extras(&mut extensions);
        }
        let uses = extensions.remove::<Uses>().unwrap_or_default();
        match result {
            Ok(response) => {
                uses.add();
                Ok(response)
            }
            Err(error) => Err((error, uses.count() > 0)),
        }
    }
}

impl Exchange {
    pub(crate) const fn failed(failure: Failure) -> Self {
        Self { result: Err(failure), status: None, retry_after: None, body: Vec::new(), duration: Duration::ZERO }
    }

    /// Returns whether the receiver answered at all, however badly.
    pub(crate) const fn answered(&self) -> bool {
        self.status.is_some()
    }
}

/// Reads up to the limit; what comes after it stays where it is, and the connection is given up.
async fn read(mut body: Incoming) -> Result<Vec<u8>, Failure> {
    let mut kept = BytesMut::new();
    while kept.len() < BODY_LIMIT
        && let Some(frame) = body.frame().await
    {
        let Ok(frame) = frame else { return Err(Failure::Reset) };
        let Ok(data) = frame.into_data() else { continue };
        kept.extend_from_slice(&data[..data.len().min(BODY_LIMIT - kept.len())]);
    }
    Ok(kept.into())
}

fn is_broken(error: &legacy::Error) -> bool {
    !error.is_connect()
}

fn classify(error: &legacy::Error) -> Failure {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(dial) = error.downcast_ref::<DialError>() {
            return dial.failure();
        }
        cause = error.source();
    }
    Failure::Reset
}

fn usual(roots: RootCertStore) -> Result<ClientConfig, Error> {
    Ok(ClientConfig::builder_with_provider(authority::provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Config(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Returns the host's certificate authorities, or the built-in ones if it has none, and those of the extra file.
fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(path) = ca_file {
        let fail = |reason: String| Error::Config(format!("ca_file {}: {reason}", path.display()));
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| fail(error.to_string()))?;
        let before = roots.len();
        for certificate in certificates {
            let certificate = certificate.map_err(|error| fail(error.to_string()))?;
            roots.add(certificate).map_err(|error| fail(error.to_string()))?;
        }
        if roots.len() == before {
            return Err(fail("no certificate in it".to_owned()));
        }
    }
    Ok(roots)
}

/// What stands for more seconds than fit into a number.
const TOO_LONG: u64 = u32::MAX as u64;

/// Reads a `Retry-After` (RFC 9110 §10.2.3): seconds, or an HTTP date compared with `now`.
pub(crate) fn retry_after(text: &str, now: domain::Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean more than the day it is cut to anyway.
        return Some(Duration::from_secs(text.parse().unwrap_or(TOO_LONG)));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
    Some(domain::Timestamp::from_millis(date).since(now))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Timestamp::from_millis(1_445_412_480_000);
        for (text, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::from(u32::MAX))),
            ("Wed, 21 Oct 2015 07:29:00 GMT", Some(60)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now).map(|wait| wait.as_secs()), seconds, "{text}");
        }
    }
}
