//! One request and its answer, bounded in time and size. Redirects are not followed.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

use super::Fault;

/// Bytes of an answer.
pub(super) const MOST: usize = 20_000_000;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const IDLE_LIMIT: usize = 8;
/// The longest that a vendor may have us wait.
const MOST_WAIT: Duration = Duration::from_secs(60);

pub(super) struct Http {
    client: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

/// A successful answer.
pub(super) struct Answer {
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
}

impl Http {
    pub(super) fn open(timeout: Duration) -> Result<Self, Fault> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Fault::Settings(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        // HTTPS goes through it too; plain HTTP is refused where addresses are checked.
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(timeout / 2));
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_all_versions();
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_LIMIT)
            .build(https.wrap_connector(tcp));
        Ok(Self { client, timeout })
    }

    /// Sends and reads the whole answer.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, Fault> {
        tokio::time::timeout(self.timeout, self.exchange(request)).await.map_err(|_| Fault::Slow)?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, Fault> {
        let down = |why: &str| Fault::Down(why.to_owned());
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| down(if error.is_connect() { "no connection" } else { "no answer" }))?;
        let status = answer.status().as_u16();
        let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let retry_after = text(header::RETRY_AFTER).and_then(|text| text.trim().parse().ok());
        let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds).min(MOST_WAIT));
        let content_type = text(header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        match status {
            200..=299 => {}
            429 => return Err(Fault::Busy { retry_after }),
            500.. => return Err(Fault::Down(format!("status {status}"))),
            _ => return Err(Fault::Refused(status)),
        }
        let body = Limited::new(answer.into_body(), MOST).collect().await.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                Fault::Odd(format!("more than {MOST} bytes"))
            } else {
                down("the answer broke off")
            }
        })?;
        Ok(Answer { content_type, body: body.to_bytes().into() })
    }
}
