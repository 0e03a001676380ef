//! The floor: signed bodies of an event's size, posted by bare hyper as fast as 64 at once go.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::Sha256;

use super::{Said, rig};
use crate::time::now;

/// Requests under way at once.
const AT_ONCE: usize = 64;

#[derive(clap::Args)]
pub(crate) struct Bare {
    url: String,
    ca_file: PathBuf,
    count: u64,
}

impl Bare {
    /// Posts and says what it took.
    pub(crate) fn run(&self) -> Result<Said> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(self.post())
    }

    async fn post(&self) -> Result<Said> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.ca_file).context("the certificate cannot be read")?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector =
            hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
        let left = Arc::new(AtomicU64::new(self.count));
        let (start, cpu) = (now(), rig::used()?);
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..AT_ONCE {
            let (client, left, url) = (client.clone(), Arc::clone(&left), self.url.clone());
            senders.spawn(async move {
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                    let answer = client.request(signed(&url)?).await?;
                    ensure!(answer.status().is_success(), "the receiver answered {}", answer.status());
                    answer.into_body().collect().await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = senders.join_next().await {
            ended??;
        }
        Ok(Said { seconds: start.elapsed().as_secs_f64(), cpu: rig::used()? - cpu, resident: rig::resident() })
    }
}

fn signed(url: &str) -> Result<Request<Full<Bytes>>> {
    let body = format!(
        r#"{{"event":"pbx.cdr.created","timestamp":"2026-01-02T03:04:05.678Z","tenant_id":1,"data":{}}}"#,
        rig::data()
    );
    let mac = || Hmac::<Sha256>::new_from_slice(b"0123456789abcdefghijklmnopqrstuv").expect("HMAC takes any key");
    let sign = |parts: &[&[u8]]| {
        let mut mac = mac();
        parts.iter().for_each(|part| mac.update(part));
        hex::encode(mac.finalize().into_bytes())
    };
    let id = uuid::Uuid::new_v4().to_string();
    let request = Request::post(url)
        .header("content-type", "application/json; charset=utf-8")
        .header("x-zorio-event", "pbx.cdr.created")
        .header("x-zorio-delivery", &id)
        .header("x-zorio-timestamp", "1767323045")
        .header("x-zorio-signature", format!("sha256={}", sign(&[body.as_bytes()])))
        .header("webhook-id", &id)
        .header("webhook-timestamp", "1767323045")
        .header("webhook-signature", format!("v1,{}", sign(&[id.as_bytes(), b".1767323045.", body.as_bytes()])));
    Ok(request.body(Full::from(body))?)
}
