//! A customer's HTTPS endpoint that does what a test tells it.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt as _, StreamBody, combinators::BoxBody};
use hyper::{body::Frame, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_rustls::TlsAcceptor;

/// An authority that receivers get their certificates from.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

/// What a receiver answers.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Status(u16),
    /// Status with a header.
    Header(u16, &'static str, String),
    /// 200 with a body of that many bytes.
    Body(usize),
    /// Nothing, until told otherwise.
    Hang,
    /// 200 and then a byte now and then.
    Drip,
    /// Closes the connection instead.
    Close,
}

/// What arrived.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    protocol: Protocol,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    arrived: Mutex<Vec<Arrived>>,
    connections: AtomicUsize,
    answer: watch::Sender<Answer>,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(super) fn pem(&self) -> String {
        self.issuer.pem()
    }

    fn acceptor(&self, protocol: Protocol) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let names = ["a.test", "b.test", "127.0.0.1"].map(str::to_owned).to_vec();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        acceptor(&certificate, &key, protocol)
    }
}

fn acceptor(certificate: &Certificate, key: &KeyPair, protocol: Protocol) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    if protocol == Protocol::Https2 {
        config.alpn_protocols = vec![b"h2".to_vec()];
    }
    TlsAcceptor::from(Arc::new(config))
}

/// A certificate of nobody but itself, which calls itself an authority as those of openssl do.
pub(super) struct SelfSigned {
    certificate: Certificate,
    key: KeyPair,
}

impl SelfSigned {
    pub(super) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    pub(super) fn pem(&self) -> String {
        self.certificate.pem()
    }
}

/// What a receiver speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Https1,
    Https2,
}

impl Receiver {
    pub(super) async fn start(authority: &Authority, answer: Answer) -> Self {
        Self::start_at("127.0.0.1:0", authority, Protocol::Https1, answer).await
    }

    pub(super) async fn start_at(at: &str, authority: &Authority, protocol: Protocol, answer: Answer) -> Self {
        let acceptor = (protocol != Protocol::Http1).then(|| authority.acceptor(protocol));
        Self::listen(at, acceptor, protocol, answer).await
    }

    pub(super) async fn self_signed(signed: &SelfSigned, answer: Answer) -> Self {
        let acceptor = acceptor(&signed.certificate, &signed.key, Protocol::Https1);
        Self::listen("127.0.0.1:0", Some(acceptor), Protocol::Https1, answer).await
    }

    async fn listen(at: &str, acceptor: Option<TlsAcceptor>, protocol: Protocol, answer: Answer) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            arrived: Mutex::default(),
            connections: AtomicUsize::new(0),
            answer: watch::Sender::new(answer),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, acceptor, shared.clone()));
        Self { address, protocol, shared, _tasks: tasks }
    }

    pub(super) fn url(&self) -> String {
        let scheme = if self.protocol == Protocol::Http1 { "http" } else { "https" };
        format!("{scheme}://a.test:{}/hook", self.address.port())
    }

    pub(super) fn answer(&self, answer: Answer) {
        self.shared.answer.send_replace(answer);
    }

    pub(super) fn arrived(&self) -> Vec<Arrived> {
        self.shared.arrived.lock().unwrap().clone()
    }

    pub(super) fn count(&self) -> usize {
        self.shared.arrived.lock().unwrap().len()
    }

    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Arrived {
    pub(super) fn header(&self, name: &str) -> String {
        self.headers.get(name).map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let (acceptor, shared) = (acceptor.clone(), shared.clone());
        connections.spawn(async move {
            let service = service_fn(move |request| serve(shared.clone(), request));
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            match acceptor {
                Some(acceptor) => {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    server.serve_connection(TokioIo::new(stream), service).await.ok();
                }
                None => {
                    server.serve_connection(TokioIo::new(stream), service).await.ok();
                }
            }
        });
    }
}

#[derive(Debug, thiserror::Error)]
#[error("closed on purpose")]
struct Closed;

async fn serve(
    shared: Arc<Shared>,
    request: http::Request<hyper::body::Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Closed> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
    let arrived = Arrived { path: parts.uri.path().to_owned(), headers: parts.headers, body };
    shared.arrived.lock().unwrap().push(arrived);
    let mut answers = shared.answer.subscribe();
    let answer = answers.wait_for(|answer| !matches!(answer, Answer::Hang)).await.unwrap().clone();
    let full = |bytes: Vec<u8>| http_body_util::Full::new(Bytes::from(bytes)).boxed();
    let response = match answer {
        Answer::Status(status) => Response::builder().status(status).body(full(b"noted".to_vec())),
        Answer::Header(status, name, value) => {
            Response::builder().status(status).header(name, value).body(full(Vec::new()))
        }
        Answer::Body(length) => Response::builder().body(full(vec![b'x'; length])),
        Answer::Drip => {
            let bytes = futures_util::stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"."))), ()))
            });
            Response::builder().body(StreamBody::new(SyncStream::new(bytes)).boxed())
        }
        Answer::Close | Answer::Hang => return Err(Closed),
    };
    Ok(response.unwrap())
}

/// Makes a stream `Sync`, which a boxed body wants, by never sharing it.
struct SyncStream<S>(Mutex<std::pin::Pin<Box<S>>>);

impl<S> SyncStream<S> {
    fn new(stream: S) -> Self {
        Self(Mutex::new(Box::pin(stream)))
    }
}

impl<S: futures_util::Stream> futures_util::Stream for SyncStream<S> {
    type Item = S::Item;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.lock().unwrap().as_mut().poll_next(cx)
    }
}
