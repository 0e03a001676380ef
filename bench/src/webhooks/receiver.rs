//! Receivers that note how long each event was on its way, by how they answer: at once, never, or a byte a second.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::Result;
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::Interval;
use tokio_rustls::TlsAcceptor;

use crate::receiver::milliseconds;
use crate::time::wall_ms;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    Polite,
    Hangs,
    Drips,
}

impl Manners {
    const fn path(self) -> &'static str {
        match self {
            Self::Polite => "/polite",
            Self::Hangs => "/hangs",
            Self::Drips => "/drips",
        }
    }
}

/// What arrived: how it was answered, and how many milliseconds after the time in it.
type Arrivals = Arc<Mutex<Vec<(Manners, f64)>>>;

pub(crate) struct Receivers {
    pub(crate) ca_file: PathBuf,
    http: u16,
    https: u16,
    arrivals: Arrivals,
    _runtime: tokio::runtime::Runtime,
}

impl Receivers {
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let identity = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let ca_file = folder.join("receivers.pem");
        std::fs::write(&ca_file, identity.cert.pem())?;
        let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![identity.cert.der().clone()], key)?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let arrivals = Arrivals::default();
        let mut ports = [0; 2];
        for (port, tls) in ports.iter_mut().zip([None, Some(TlsAcceptor::from(Arc::new(tls)))]) {
            let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
            *port = listener.local_addr()?.port();
            runtime.spawn(accept(listener, tls, Arc::clone(&arrivals)));
        }
        let [http, https] = ports;
        Ok(Self { ca_file, http, https, arrivals, _runtime: runtime })
    }

    pub(crate) fn url(&self, scheme: &str, manners: Manners) -> String {
        let port = if scheme == "https" { self.https } else { self.http };
        format!("{scheme}://127.0.0.1:{port}{}", manners.path())
    }

    /// Forgets everything and returns how long each was on its way, in milliseconds.
    pub(crate) fn take(&self, manners: Manners) -> Vec<f64> {
        let all = std::mem::take(&mut *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner));
        all.into_iter().filter(|(which, _)| *which == manners).map(|(_, took)| took).collect()
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, arrivals: Arrivals) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, arrivals) = (tls.clone(), Arc::clone(&arrivals));
        connections.spawn(async move {
            let _ = stream.set_nodelay(true);
            match tls {
                None => serve(stream, arrivals).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, arrivals).await;
                    }
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, arrivals: Arrivals) {
    let service = service_fn(|request| receive(request, Arc::clone(&arrivals)));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn receive(request: Request<Incoming>, arrivals: Arrivals) -> Result<Response<Answer>, Infallible> {
    // The head is here; what counts is when the event arrived, not when we had time to read it.
    let arrived = wall_ms();
    let manners = [Manners::Polite, Manners::Hangs, Manners::Drips];
    let manners = manners.into_iter().find(|manners| manners.path() == request.uri().path()).unwrap_or(Manners::Polite);
    if let Ok(body) = request.into_body().collect().await {
        let took = happened(&body.to_bytes()).map_or(f64::NAN, |at| arrived - at);
        arrivals.lock().unwrap_or_else(PoisonError::into_inner).push((manners, took));
    }
    let answer = match manners {
        Manners::Polite => Answer(None),
        Manners::Hangs => std::future::pending().await,
        Manners::Drips => Answer(Some(tokio::time::interval(Duration::from_secs(1)))),
    };
    Ok(Response::new(answer))
}

/// Returns the envelope's time without reading the rest, which would cost more than all the receiver does.
fn happened(body: &[u8]) -> Option<f64> {
    const FIELD: &[u8] = b"\"timestamp\":\"";
    let at = body.windows(FIELD.len()).position(|window| window == FIELD)? + FIELD.len();
    milliseconds(std::str::from_utf8(body.get(at..at + 24)?).ok()?)
}

/// The body of an answer: nothing, or a byte at every tick, for ever.
struct Answer(Option<Interval>);

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(ticks) = &mut self.0 else { return Poll::Ready(None) };
        ready!(ticks.poll_tick(cx));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b".")))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}
