//! A customer's webhook receiver: HTTPS, verifies both signatures, drops duplicates, and can be told to misbehave.

mod authority;
mod manners;
mod proxy;
pub mod verify;

use std::{
    collections::{HashMap, HashSet},
    io,
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    authority::Authority,
    manners::{Answer, misbehave},
    proxy::Proxy,
    verify::Signed,
};
pub use self::{
    manners::{Manners, Times},
    verify::Flaw,
};
use crate::clock;

/// Largest request body taken.
const BODY_LIMIT: usize = 1024 * 1024;

/// Deliveries kept in memory; later ones are verified and answered, but not kept.
const KEPT: usize = 200_000;

/// How long a connection may take over its TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Where the receiver listens and leaves its authority's certificate.
#[derive(Clone, Debug)]
pub struct Config {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The PEM file to write; give it to the server as `webhooks.ca_file`.
    pub ca_file: PathBuf,
}

/// One request as it came, and what was made of it.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub path: String,
    pub headers: http::HeaderMap,
    pub body: Bytes,
    /// The receiver's clock at arrival, in milliseconds since 1970.
    pub arrived: i64,
    /// The verdict on `X-Zorio-Signature`.
    pub zorio: Result<(), Flaw>,
    /// The verdict on the Standard Webhooks headers.
    pub standard: Result<(), Flaw>,
    /// The delivery id was seen before on this path.
    pub duplicate: bool,
}

impl Delivery {
    /// Returns `X-Zorio-Event`, empty if absent.
    pub fn event(&self) -> &str {
        self.header("x-zorio-event")
    }

    /// Returns `X-Zorio-Delivery`, empty if absent.
    pub fn id(&self) -> &str {
        self.header("x-zorio-delivery")
    }

    /// Returns a header's value, empty if absent or not ASCII.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Returns whether both signatures are right and fresh.
    pub fn verified(&self) -> bool {
        self.zorio.is_ok() && self.standard.is_ok()
    }

    /// Returns the body as JSON, null if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns `data.call_uuid` of the body.
    pub fn call_uuid(&self) -> Option<String> {
        self.json()["data"]["call_uuid"].as_str().map(str::to_owned)
    }
}

/// The receiver. Stops when the last clone is gone.
#[derive(Clone)]
pub struct Receiver {
    inner: Arc<Inner>,
    _stop: Arc<tokio_util::sync::DropGuard>,
}

struct Inner {
    address: SocketAddr,
    ca_file: PathBuf,
    state: Mutex<State>,
    arrivals: watch::Sender<usize>,
    tracker: TaskTracker,
    proxy: Proxy,
}

#[derive(Default)]
struct State {
    paths: HashMap<String, Rules>,
    deliveries: Vec<Arc<Delivery>>,
    seen: HashSet<(String, String)>,
}

/// What is agreed for one path of the receiver.
#[derive(Default)]
struct Rules {
    secret: Option<String>,
    manners: Option<(Manners, Times)>,
}

impl Receiver {
    /// Makes an authority, writes its certificate to `config.ca_file`, and listens.
    pub async fn open(config: Config) -> io::Result<Self> {
        Self::open_on(config, &[]).await
    }

    /// The same with a certificate that is good for further addresses of the host: listening on `0.0.0.0`, one receiver
    /// is as many as there are addresses.
    pub async fn open_on(config: Config, addresses: &[IpAddr]) -> io::Result<Self> {
        let authority = Authority::new()?;
        authority.write(&config.ca_file)?;
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let addresses: Vec<_> = std::iter::once(address.ip()).chain(addresses.iter().copied()).collect();
        let acceptor = TlsAcceptor::from(authority.server(&addresses)?);
        let stop = CancellationToken::new();
        let inner = Arc::new(Inner {
            address,
            ca_file: config.ca_file,
            state: Mutex::default(),
            arrivals: watch::channel(0).0,
            tracker: TaskTracker::new(),
            proxy: Proxy::default(),
        });
        inner.tracker.spawn(accept(listener, acceptor, Arc::clone(&inner), stop.clone()));
        Ok(Self { inner, _stop: Arc::new(stop.drop_guard()) })
    }

    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// Returns the PEM file of the authority that signed the receiver's certificate.
    pub fn ca_file(&self) -> &Path {
        &self.inner.ca_file
    }

    /// Returns the URL of a path, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.inner.address)
    }

    /// Returns the URL of a path at another of the host's addresses.
    pub fn url_at(&self, address: IpAddr, path: &str) -> String {
        format!("https://{}{path}", SocketAddr::new(address, self.inner.address.port()))
    }

    /// Tells the secret that deliveries to this path are signed with.
    pub fn set_secret(&self, path: &str, secret: &str) {
        self.inner.state().paths.entry(path.to_owned()).or_default().secret = Some(secret.to_owned());
    }

    /// Tells the path how to behave.
    pub fn set_manners(&self, path: &str, manners: Manners, times: Times) {
        self.inner.state().paths.entry(path.to_owned()).or_default().manners = Some((manners, times));
    }

    /// Returns all that arrived so far, in order of arrival.
    pub fn deliveries(&self) -> Vec<Arc<Delivery>> {
        self.inner.state().deliveries.clone()
    }

    /// Returns what arrived after the first `count`.
    pub fn deliveries_after(&self, count: usize) -> Vec<Arc<Delivery>> {
        self.inner.state().deliveries.get(count..).map(<[_]>::to_vec).unwrap_or_default()
    }

    /// Waits until more than `count` deliveries have arrived.
    pub async fn more_than(&self, count: usize) {
        let mut arrivals = self.inner.arrivals.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = arrivals.wait_for(|arrived| *arrived > count).await;
    }

    /// Waits until a delivery that has `property` has arrived and returns it; `None` after `patience`.
    pub async fn wait_for(&self, patience: Duration, property: impl Fn(&Delivery) -> bool) -> Option<Arc<Delivery>> {
        let search = async {
            let mut looked_at = 0;
            loop {
                for delivery in self.deliveries_after(looked_at) {
                    looked_at += 1;
                    if property(&delivery) {
                        return delivery;
                    }
                }
                self.more_than(looked_at).await;
            }
        };
        tokio::time::timeout(patience, search).await.ok()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Records the request and returns how to answer it.
    fn record(&self, path: String, headers: http::HeaderMap, body: Bytes) -> (Arc<Delivery>, Manners) {
        let arrived = clock::epoch_millis();
        let signed = Signed { headers: &headers, body: &body, now: arrived / 1000 };
        let mut state = self.state();
        let rules = state.paths.entry(path.clone()).or_default();
        let manners = rules.next_manners();
        let (zorio, standard) = match &rules.secret {
            Some(secret) => (verify::zorio(secret, signed), verify::standard(secret, signed)),
            None => (Err(Flaw::NoSecret), Err(Flaw::NoSecret)),
        };
        let mut delivery = Delivery { path, headers, body, arrived, zorio, standard, duplicate: false };
        if delivery.verified() && state.seen.len() < KEPT {
            delivery.duplicate = !state.seen.insert((delivery.path.clone(), delivery.id().to_owned()));
        }
        let delivery = Arc::new(delivery);
        if state.deliveries.len() < KEPT {
            state.deliveries.push(Arc::clone(&delivery));
        }
        let count = state.deliveries.len();
        drop(state);
        self.arrivals.send_replace(count);
        (delivery, manners)
    }

    /// Returns the answer; the error ends the connection without one.
    async fn answer(&self, request: Request<Incoming>, socket: Option<&OwnedFd>) -> io::Result<Response<Answer>> {
        let (parts, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
            return Ok(status(StatusCode::PAYLOAD_TOO_LARGE, "Too large"));
        };
        let (delivery, manners) = self.record(parts.uri.path().to_owned(), parts.headers, body.to_bytes());
        match manners {
            Manners::Resets => {
                socket.map(proxy::reset_on_close);
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Manners::Passes(program) => return self.proxy.pass(program, &delivery).await,
            manners => {
                if let Some(answer) = misbehave(&manners).await {
                    return Ok(answer);
                }
            }
        }
        Ok(match (&delivery.zorio, &delivery.standard) {
            (Ok(()), Ok(())) if delivery.duplicate => status(StatusCode::OK, "Duplicate"),
            (Ok(()), Ok(())) => status(StatusCode::OK, "OK"),
            (Err(Flaw::Stale(_)), _) | (_, Err(Flaw::Stale(_))) => status(StatusCode::BAD_REQUEST, "Stale timestamp"),
            _ => status(StatusCode::UNAUTHORIZED, "Invalid signature"),
        })
    }
}

impl Rules {
    /// Returns how to behave now, and uses up one of the counted times.
    fn next_manners(&mut self) -> Manners {
        let Some((manners, times)) = &mut self.manners else {
            return Manners::Polite;
        };
        let now = manners.clone();
        match times {
            Times::Always => {}
            Times::Next(0 | 1) => self.manners = None,
            Times::Next(left) => *left -= 1,
        }
        now
    }
}

fn status(status: StatusCode, text: &'static str) -> Response<Answer> {
    let mut answer = Response::new(Answer::text(text));
    *answer.status_mut() = status;
    answer
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, inner: Arc<Inner>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let serving = serve(stream, acceptor.clone(), Arc::clone(&inner));
                inner.tracker.spawn(stop.clone().run_until_cancelled_owned(serving));
            }
            Err(error) => {
                tracing::warn!(%error, "the receiver cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, inner: Arc<Inner>) {
    let _ = stream.set_nodelay(true);
    let socket = stream.as_fd().try_clone_to_owned().ok();
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await else {
        return;
    };
    let service = service_fn(|request| inner.answer(request, socket.as_ref()));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to the receiver ended badly");
    }
}

#[cfg(test)]
mod tests;
