//! A webhook receiver that measures, and the bare sender it is compared with.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::time::wall_ms;

/// Answers 200 to everything and notes how long each event was on its way.
pub(crate) struct Receiver {
    pub(crate) port: u16,
    /// The certificate, to be trusted.
    pub(crate) ca_file: PathBuf,
    latencies: Arc<Mutex<Vec<f64>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Receiver {
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let identity = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let ca_file = folder.join("receiver.pem");
        std::fs::write(&ca_file, identity.cert.pem())?;
        let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![identity.cert.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        let latencies = Arc::new(Mutex::new(Vec::new()));
        runtime.spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), Arc::clone(&latencies)));
        Ok(Self { port, ca_file, latencies, _runtime: runtime })
    }

    pub(crate) fn count(&self) -> usize {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Returns how many milliseconds each event was on its way, and begins anew.
    pub(crate) fn take(&self) -> Vec<f64> {
        std::mem::take(&mut self.latencies.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, latencies: Arc<Mutex<Vec<f64>>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, latencies) = (acceptor.clone(), Arc::clone(&latencies));
        let _ = stream.set_nodelay(true);
        connections.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(move |request| receive(request, Arc::clone(&latencies)));
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn receive(
    request: Request<Incoming>,
    latencies: Arc<Mutex<Vec<f64>>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    // The head is here; what counts is when the event arrived, not when we had time to read it.
    let arrived = wall_ms();
    if let Ok(body) = request.into_body().collect().await {
        let event = serde_json::from_slice::<serde_json::Value>(&body.to_bytes()).unwrap_or_default();
        if let Some(at) = event["timestamp"].as_str().and_then(milliseconds) {
            latencies.lock().unwrap_or_else(PoisonError::into_inner).push(arrived - at);
        }
    }
    Ok(Response::new(Empty::new()))
}

/// Reads `2026-01-02T03:04:05.678Z` as milliseconds since 1970.
pub(crate) fn milliseconds(timestamp: &str) -> Option<f64> {
    let number = |from: usize, to: usize| timestamp.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second, fraction) = (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 23)?);
    // Days from civil, by Howard Hinnant: years begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) as f64 * 1000.0 + fraction as f64)
}

/// Posts `count` signed bodies of an event's size to the receiver, 64 at a time: what delivering costs at least.
pub(crate) async fn post(port: u16, ca_file: &Path, count: u64) -> Result<()> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca_file).context("the certificate cannot be read")?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
    let left = Arc::new(std::sync::atomic::AtomicU64::new(count));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (client, left) = (client.clone(), Arc::clone(&left));
        senders.spawn(async move {
            let took = || {
                left.fetch_update(std::sync::atomic::Ordering::Relaxed, std::sync::atomic::Ordering::Relaxed, |n| {
                    n.checked_sub(1)
                })
            };
            while let Ok(number) = took() {
                let answer = client.request(signed(port, number)?).await?;
                ensure!(answer.status().is_success(), "the receiver answered {}", answer.status());
                answer.into_body().collect().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = senders.join_next().await {
        ended??;
    }
    Ok(())
}

fn signed(port: u16, number: u64) -> Result<Request<Full<Bytes>>> {
    let body = format!(
        r#"{{"event":"pbx.call.answered","timestamp":"2026-01-02T03:04:05.678Z","tenant_id":1,"data":{{"call_uuid":"0b7c6d0e-8f3e-4d53-9a55-{number:012}","extension":"1001","direction":"outbound","caller_number":"02873000000","destination_number":"0912345678","timestamp":"2026-01-02T03:04:05.678Z","queue_name":null,"source_type":"outbound_manual","campaign_id":null,"lead_id":null,"answered_at":"2026-01-02T03:04:05.678Z"}}}}"#
    );
    let mut mac =
        Hmac::<Sha256>::new_from_slice(b"0123456789abcdefghijklmnopqrstuv").expect("HMAC takes keys of any length");
    mac.update(body.as_bytes());
    let request = Request::post(format!("https://127.0.0.1:{port}/"))
        .header("content-type", "application/json; charset=utf-8")
        .header("x-zorio-event", "pbx.call.answered")
        .header("x-zorio-delivery", format!("0b7c6d0e-8f3e-4d53-9a55-{number:012}"))
        .header("x-zorio-timestamp", "1767323045")
        .header("x-zorio-signature", format!("sha256={}", hex::encode(mac.finalize().into_bytes())));
    Ok(request.body(Full::from(body))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_read() {
        assert_eq!(milliseconds("1970-01-01T00:00:00.000Z"), Some(0.0));
        assert_eq!(milliseconds("2026-01-02T03:04:05.678Z"), Some(1_767_323_045_678.0));
        assert_eq!(milliseconds("2024-02-29T23:59:59.999Z"), Some(1_709_251_199_999.0));
        assert_eq!(milliseconds("yesterday"), None);
    }

    #[test]
    fn the_receiver_hears_the_bare_sender() {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(folder.path()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(post(receiver.port, &receiver.ca_file, 100)).unwrap();
        assert_eq!(receiver.take().len(), 100);
    }
}
