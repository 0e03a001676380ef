//! The connector: resolves, vets every address, dials the vetted one, speaks TLS.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use tokio::net::TcpStream;
use tower::Service;

use crate::{
    address::{Blocked, Policy},
    model::Failure,
    resolve::Resolver,
};

/// Addresses of a name that are tried.
const TRIES: usize = 4;
/// How long one address is tried while others are left.
const ONE_ADDRESS: Duration = Duration::from_millis(1500);

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("the name does not resolve")]
    Dns,
    #[error("nobody listens there")]
    Refused,
    #[error(transparent)]
    Blocked(#[from] Blocked),
    #[error("the connection took too long")]
    Timeout,
    #[error("the TLS handshake failed: {0}")]
    Tls(String),
}

impl DialError {
    pub(crate) const fn failure(&self) -> Failure {
        match self {
            Self::Dns => Failure::Dns,
            Self::Refused => Failure::Refused,
            Self::Blocked(_) => Failure::Blocked,
            Self::Timeout => Failure::Timeout,
            Self::Tls(_) => Failure::Tls,
        }
    }
}

/// Opens TCP connections to vetted addresses.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) policy: Arc<Policy>,
    pub(crate) resolver: Resolver,
}

impl Service<Uri> for Dialer {
    type Response = Dialed;
    type Error = DialError;
    type Future = BoxFuture<Result<Dialed, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move { dialer.dial(&uri).await })
    }
}

impl Dialer {
    async fn dial(&self, uri: &Uri) -> Result<Dialed, DialError> {
        let host = uri.host().ok_or(DialError::Dns)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or_else(|| if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let addresses = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => self.resolver.resolve(host).await?,
        };
        self.policy.check_all(&addresses)?;
        metrics::counter!("webhooks_connects_total").increment(1);
        let tries = addresses.len().min(TRIES);
        let mut outcome = Err(DialError::Dns);
        for (index, address) in addresses.into_iter().take(tries).enumerate() {
            let connecting = TcpStream::connect(SocketAddr::new(address, port));
            outcome = if index + 1 == tries {
                connecting.await.map_err(refused)
            } else {
                tokio::time::timeout(ONE_ADDRESS, connecting)
                    .await
                    .map_or(Err(DialError::Timeout), |r| r.map_err(refused))
            };
            if outcome.is_ok() {
                break;
            }
        }
        let stream = outcome?;
        // Worth having, not worth failing for.
        stream.set_nodelay(true).ok();
        Ok(Dialed { stream: TokioIo::new(stream), uses: Uses::default() })
    }
}

fn refused(error: io::Error) -> DialError {
    match error.kind() {
        io::ErrorKind::TimedOut => DialError::Timeout,
        _ => DialError::Refused,
    }
}

/// How many answers a connection has brought.
#[derive(Clone, Default)]
pub(crate) struct Uses(Arc<AtomicU32>);

impl Uses {
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A TCP connection that tells how often it was used.
pub(crate) struct Dialed {
    stream: TokioIo<TcpStream>,
    uses: Uses,
}

impl Connection for Dialed {
    fn connected(&self) -> Connected {
        self.stream.connected().extra(self.uses.clone())
    }
}

impl Read for Dialed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl Write for Dialed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}

/// TLS over the dialer, within a time limit: the client goes on connecting in the background after a request
/// was given up, and that must end too.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) https: HttpsConnector<Dialer>,
    pub(crate) timeout: Duration,
}

impl Service<Uri> for Connector {
    type Response = <HttpsConnector<Dialer> as Service<Uri>>::Response;
    type Error = DialError;
    type Future = BoxFuture<Result<Self::Response, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.timeout, self.https.call(uri));
        Box::pin(async move {
            match connecting.await {
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(error)) => Err(match error.downcast::<DialError>() {
                    Ok(error) => *error,
                    Err(error) => DialError::Tls(error.to_string()),
                }),
                Err(_) => Err(DialError::Timeout),
            }
        })
    }
}
