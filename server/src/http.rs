//! HTTP listeners: our own accept loop with time limits, TLS, and an end that lets requests finish.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use ipnet::IpNet;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;
use web::{ClientAddress, Secure, SignIn};

use crate::{
    opening::Opening,
    strangers::{Guest, Strangers},
};

/// From a connection's start or the last answer to the end of the next request's headers.
const HEADER_WAIT: Duration = Duration::from_secs(10);
/// From the accept to the end of the TLS handshake.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);
/// Bytes of a request's headers.
const HEADER_BYTES: u32 = 16 * 1024;
/// Fields of a request's headers.
const HEADER_FIELDS: usize = 100;
/// Requests at a time on one HTTP/2 connection.
const STREAMS: u32 = 100;
/// Streams that a client may reset before they were answered ("rapid reset"); beyond it the connection ends.
const RESETS: usize = 20;
/// How long open requests may take once the listener closes.
const CLOSE_WAIT: Duration = Duration::from_secs(10);
/// Wait after an accept failed, as it does when the process is out of descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What all connections share.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

struct Inner {
    router: Router,
    trusted_proxies: Vec<IpNet>,
    connections: Arc<Semaphore>,
    strangers: Strangers,
    tracker: TaskTracker,
    stop: CancellationToken,
}

/// How many may connect.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Believed about whom they speak for, and never strangers.
    pub trusted_proxies: Vec<IpNet>,
    /// Connections at a time; more wait to be accepted.
    pub connections: usize,
    /// Connections at a time from one address on which nobody has signed in; more are closed.
    pub strangers: usize,
}

/// A bound listener that does not accept yet.
pub struct Bound {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Bound {
    pub async fn bind(address: SocketAddr, tls: Option<TlsAcceptor>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        Ok(Self { listener, tls })
    }

    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }
}

impl Server {
    pub fn new(router: Router, bounds: Bounds) -> Self {
        let connections = Arc::new(Semaphore::new(bounds.connections.min(Semaphore::MAX_PERMITS)));
        let (trusted_proxies, strangers) = (bounds.trusted_proxies, Strangers::new(bounds.strangers));
        let (tracker, stop) = Default::default();
        Self { inner: Arc::new(Inner { router, trusted_proxies, connections, strangers, tracker, stop }) }
    }

    /// Starts to accept.
    pub fn listen(&self, bound: Bound) {
        let server = self.clone();
        self.inner.tracker.spawn(async move { server.accept(bound).await });
    }

    /// Stops accepting, lets open requests finish for ten seconds, then cuts them.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tracker.close();
        self.inner.tracker.wait().await;
    }

    async fn accept(&self, bound: Bound) {
        let graceful = GracefulShutdown::new();
        let connections = TaskTracker::new();
        let cut = CancellationToken::new();
        loop {
            let permit = tokio::select! {
                () = self.inner.stop.cancelled() => break,
                permit = self.inner.connections.clone().acquire_owned() => permit,
            };
            let accepted = tokio::select! {
                () = self.inner.stop.cancelled() => break,
                accepted = bound.listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            };
            metrics::counter!("http_connections_total").increment(1);
            let Some(guest) = self.admit(peer.ip()) else {
                // The newest goes: whoever came before keeps what was begun.
                metrics::counter!("http_connections_refused_total").increment(1);
                continue;
            };
            let (server, tls, watcher, cut) = (self.clone(), bound.tls.clone(), graceful.watcher(), cut.clone());
            connections.spawn(async move {
                let _permit = permit;
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = server.serve(stream, peer, guest, tls, watcher) => {}
                }
            });
        }
        drop(bound);
        connections.close();
        tokio::time::timeout(CLOSE_WAIT, graceful.shutdown()).await.ok();
        cut.cancel();
        connections.wait().await;
    }

    /// Counts a new connection; `None` if its address has too many on which nobody signed in.
    fn admit(&self, peer: IpAddr) -> Option<Guest> {
        match self.is_proxy(peer) {
            true => Some(Guest::friend()),
            false => self.inner.strangers.admit(peer),
        }
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.inner.trusted_proxies.iter().any(|network| network.contains(&address.to_canonical()))
    }

    async fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        guest: Guest,
        tls: Option<TlsAcceptor>,
        watcher: Watcher,
    ) {
        // Answers are small and whole; waiting to fill packets only adds delay.
        stream.set_nodelay(true).ok();
        match tls {
            None => self.connection(stream, peer, guest, Secure(false), watcher).await,
            Some(tls) => match tokio::time::timeout(HANDSHAKE_WAIT, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.connection(stream, peer, guest, Secure(true), watcher).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
            },
        }
    }

    async fn connection<S>(&self, stream: S, peer: SocketAddr, guest: Guest, secure: Secure, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (server, guest) = (self.clone(), Arc::new(guest));
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let (server, guest) = (server.clone(), Arc::clone(&guest));
            async move {
                let response = server.answer(request.map(Body::new), peer.ip(), secure).await;
                if matches!(response.extensions().get::<SignIn>(), Some(SignIn::Caller(_))) {
                    guest.signed_in();
                }
                Ok::<_, Infallible>(response)
            }
        });
        let builder = connection_builder();
        let stream = TokioIo::new(Opening::new(stream, HEADER_WAIT));
        let connection = builder.serve_connection_with_upgrades(stream, service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, error = %error, "a connection ended early");
        }
    }

    async fn answer(&self, mut request: Request, peer: IpAddr, secure: Secure) -> Response {
        let address = client_address(peer, request.headers(), &self.inner.trusted_proxies);
        let secure = is_secure(secure, peer, request.headers(), &self.inner.trusted_proxies);
        request.extensions_mut().insert(ClientAddress(address));
        request.extensions_mut().insert(secure);
        if has_odd_coding(request.headers()) {
            return refuse_and_close();
        }
        match self.inner.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

fn connection_builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_WAIT)
        .max_headers(HEADER_FIELDS)
        .max_buf_size(HEADER_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES)
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(RESETS)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(HEADER_WAIT);
    builder
}

/// Tells a request whose body another program on the way may have ended elsewhere: in other codings than plain chunks.
fn has_odd_coding(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let first = codings.next();
    first.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) || codings.next().is_some()
}

/// What follows such a request on its connection is not looked at.
fn refuse_and_close() -> Response {
    let close = [(header::CONNECTION, "close")];
    (StatusCode::BAD_REQUEST, close, axum::Json(json!({"message": "Malformed request", "code": "malformed"})))
        .into_response()
}

/// Returns whom a request comes from: the peer, or, through proxies that are trusted, the last address before them.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address.to_canonical()));
    let mut address = peer.to_canonical();
    if trusted.is_empty() {
        return address;
    }
    let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.into_iter().rev() {
        if !is_trusted(address) {
            break;
        }
        let Ok(before) = hop.parse::<IpAddr>() else { break };
        address = before.to_canonical();
    }
    address
}

/// Returns whether the client came by TLS: to us, or to a proxy that is trusted and says so.
fn is_secure(ours: Secure, peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Secure {
    if !trusted.iter().any(|network| network.contains(&peer.to_canonical())) {
        return ours;
    }
    headers.get("x-forwarded-proto").map_or(ours, |scheme| Secure(scheme.as_bytes().eq_ignore_ascii_case(b"https")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_say_how_a_client_came() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        for (peer, forwarded, ours, secure) in [
            ("192.0.2.1", "https", false, false),
            ("192.0.2.1", "http", true, true),
            ("10.0.0.1", "https", false, true),
            ("10.0.0.1", "http", true, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-proto", forwarded.parse().unwrap());
            let found = is_secure(Secure(ours), peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(found, Secure(secure), "{peer} {forwarded}");
        }
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        for (peer, forwarded, trusted, client) in [
            ("192.0.2.1", "203.0.113.9", &trusted[..], "192.0.2.1"),
            ("10.0.0.1", "203.0.113.9", &trusted[..], "203.0.113.9"),
            ("10.0.0.1", "203.0.113.9", &[][..], "10.0.0.1"),
            ("10.0.0.1", "198.51.100.66, 203.0.113.9, 10.0.0.2", &trusted[..], "203.0.113.9"),
            ("::ffff:10.0.0.1", "203.0.113.9", &trusted[..], "203.0.113.9"),
            ("10.0.0.1", "nonsense", &trusted[..], "10.0.0.1"),
            ("10.0.0.1", "", &trusted[..], "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            assert_eq!(
                client_address(peer.parse().unwrap(), &headers, trusted).to_string(),
                client,
                "{peer} {forwarded}"
            );
        }
    }
}
