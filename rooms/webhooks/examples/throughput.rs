//! Prints how many durable deliveries go through a second, and their CPU time:
//! `cargo run --release -p webhooks --example throughput [events] [publishers]`.
//!
//! The receiver is this program again, as a process of its own, so that its time is not counted.

#![expect(clippy::unwrap_used, reason = "a measurement for people")]

use std::{
    convert::Infallible,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use bus::Bus;
use bytes::Bytes;
use domain::{CallId, Event, EventName, Principal, TenantId};
use http_body_util::{BodyExt as _, Empty};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use store::{Clock, DatabaseUrl, Db, Options, Secrets};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use webhooks::{Config, DeliveryStatus, Filter, NewWebhook, Webhooks};

const TENANT: TenantId = TenantId(1);

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, folder] = arguments.as_slice()
        && role == "receive"
    {
        return receive(folder.into()).await;
    }
    let number = |index: usize, default: usize| arguments.get(index).map_or(default, |text| text.parse().unwrap());
    measure(number(0, 20_000), number(1, 256)).await;
}

async fn measure(events: usize, publishers: usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut receiver = Command::new(std::env::current_exe().unwrap())
        .args(["receive".as_ref(), folder.path()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(receiver.stdout.take().unwrap()).read_line(&mut port).unwrap();

    #[expect(clippy::disallowed_methods, reason = "a measurement has no settings")]
    let url = std::env::var("ZORIO_TEST_DATABASE_URL")
        .map_or_else(|_| DatabaseUrl::Sqlite(folder.path().join("bench.db")), DatabaseUrl::Postgres);
    let db = Db::open(&url, Options { clock: Clock::system(), ..Options::default() }).await.unwrap();
    db.migrate().await.unwrap();
    let bus = Bus::new(db.clone());
    let secrets = Secrets::open(&folder.path().join("key")).unwrap();
    let config = Config {
        allow_networks: vec!["127.0.0.0/8".parse().unwrap()],
        ca_file: Some(folder.path().join("ca.pem")),
        ..Config::default()
    };
    let hooks = Webhooks::open(db.clone(), bus.clone(), secrets, config).await.unwrap();
    let new = NewWebhook {
        name: "bench".to_owned(),
        url: format!("https://127.0.0.1:{}/", port.trim()),
        events: vec![EventName::CdrCreated],
        ..NewWebhook::default()
    };
    hooks.create(&Principal::system(TENANT), new).await.unwrap();
    let stop = CancellationToken::new();
    let mut running = JoinSet::new();
    running.spawn({
        let (hooks, stop) = (hooks.clone(), stop.clone());
        async move { hooks.run(stop).await }
    });

    let (start, cpu) = (Instant::now(), cpu_seconds());
    let data: Arc<str> = format!(r#"{{"padding":"{}"}}"#, "x".repeat(900)).into();
    let mut tasks = JoinSet::new();
    for publisher in 0..publishers {
        let (bus, db, data) = (bus.clone(), db.clone(), data.clone());
        let share = events / publishers + usize::from(publisher < events % publishers);
        tasks.spawn(async move {
            for _ in 0..share {
                let mut tx = db.begin(TENANT).await.unwrap();
                let event = Event {
                    id: Uuid::now_v7(),
                    name: EventName::CdrCreated,
                    tenant: TENANT,
                    at: tx.now(),
                    call: Some(CallId(Uuid::new_v4())),
                    data: data.to_string(),
                };
                bus.publish(&mut tx, event).await.unwrap();
                tx.commit().await.unwrap();
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    let published = start.elapsed();
    while waits(&hooks).await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (elapsed, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{events} events: published in {:.2} s, delivered in {elapsed:.2} s: {:.0}/s, {:.2} CPU-s per 10,000",
        published.as_secs_f64(),
        events as f64 / elapsed,
        cpu / events as f64 * 10_000.0
    )
    .unwrap();
    stop.cancel();
    while running.join_next().await.is_some() {}
    receiver.kill().unwrap();
    receiver.wait().unwrap();
}

/// Returns whether something was not attempted yet.
async fn waits(hooks: &Webhooks) -> bool {
    let filter = Filter { status: Some(DeliveryStatus::Pending), limit: 1, ..Filter::default() };
    !hooks.deliveries(TENANT, &filter).await.unwrap().is_empty()
}

/// User and system time of this process, from /proc.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

async fn receive(folder: PathBuf) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr().unwrap().port()).unwrap();
    out.flush().unwrap();
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            let stream = acceptor.accept(stream).await.unwrap();
            let service = service_fn(async |request: http::Request<hyper::body::Incoming>| {
                request.into_body().collect().await.ok();
                Ok::<_, Infallible>(http::Response::new(Empty::<Bytes>::new()))
            });
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}
