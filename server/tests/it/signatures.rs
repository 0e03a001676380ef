//! Real deliveries, believed by implementations that are not ours: the `standardwebhooks` package, and the receivers of
//! the documentation. What was tampered with is refused by all of them.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use sandbox::{
    Receiver,
    receiver::{self, Delivery, Manners, Times},
};
use serde_json::{Value, json};
use testkit::{Server, until, world::PATIENCE};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
};

use crate::calls::ZORIO;

/// A server and a receiver of webhooks; no phones.
struct Post {
    server: Server,
    receiver: Receiver,
    folder: tempfile::TempDir,
}

/// A webhook as its owner knows it.
struct Hook {
    id: i64,
    path: String,
    secret: String,
    whsec: String,
}

impl Post {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = receiver::Config { listen: "127.0.0.1:0".parse().unwrap(), ca_file: folder.path().join("ca.pem") };
        let receiver = Receiver::open(config).await.unwrap();
        let ca_file = receiver.ca_file().to_string_lossy().into_owned();
        let server = Server::start(ZORIO, &[("ZORIO_WEBHOOKS__CA_FILE", &ca_file)]).await.unwrap();
        Self { server, receiver, folder }
    }

    async fn hook(&self, path: &str) -> Hook {
        let url = self.receiver.url(path);
        let arguments = ["webhook", "create", "--url", &url, "--events", "pbx.cdr.created", "--name", "Chào"];
        let made = self.server.admin(&arguments).await.unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let hook = Hook {
            id: made["id"].as_i64().unwrap(),
            path: path.to_owned(),
            secret: text("secret"),
            whsec: text("whsec"),
        };
        self.receiver.set_secret(path, &hook.secret);
        hook
    }

    /// Sends a test event and returns it as it arrived.
    async fn deliver(&self, hook: &Hook) -> Arc<Delivery> {
        let sent = self.server.admin(&["webhook", "test", &hook.id.to_string()]).await.unwrap();
        let id = sent["delivery"].as_str().unwrap();
        self.receiver.wait_for(PATIENCE, |delivery| delivery.id() == id).await.expect("the test event arrives")
    }

    /// Waits until the history says that a delivery was a success.
    async fn delivered(&self, hook: &Hook, delivery: &Delivery) {
        let id = hook.id.to_string();
        until("the answer is in the history", PATIENCE, async || {
            let list = ["delivery", "list", "--webhook", &id, "--status", "delivered"];
            let found = self.server.admin(&list).await.unwrap();
            found.as_array()?.iter().any(|row| row["id"] == delivery.id()).then_some(())
        })
        .await
        .unwrap();
    }
}

/// What could be done to a delivery on its way: its name, the headers and the body.
fn tampered(delivery: &Delivery) -> Vec<(&'static str, HeaderMap, Bytes)> {
    let with = |names: &[&'static str], change: &dyn Fn(&str) -> String| {
        let mut headers = delivery.headers.clone();
        for name in names {
            headers.insert(*name, HeaderValue::from_str(&change(delivery.header(name))).unwrap());
        }
        headers
    };
    let signatures = ["x-zorio-signature", "webhook-signature"];
    let mut body = delivery.body.to_vec();
    let last = body.len() - 2;
    body[last] ^= 1;
    let mut longer = delivery.body.to_vec();
    longer.push(b' ');
    vec![
        ("another body", delivery.headers.clone(), body.into()),
        ("a longer body", delivery.headers.clone(), longer.into()),
        ("no body", delivery.headers.clone(), Bytes::new()),
        ("another signature", with(&signatures, &|old| flipped(old)), delivery.body.clone()),
        ("half a signature", with(&signatures, &|old| old[..old.len() / 2].to_owned()), delivery.body.clone()),
        ("no signature", with(&signatures, &|_| String::new()), delivery.body.clone()),
    ]
}

/// Changes a digit in the middle: one of hexadecimal and of base64 alike.
fn flipped(text: &str) -> String {
    let middle = text.len() / 2;
    let other = if text.as_bytes()[middle] == b'a' { "b" } else { "a" };
    format!("{}{other}{}", &text[..middle], &text[middle + 1..])
}

fn shifted(delivery: &Delivery, seconds: i64) -> HeaderMap {
    let mut headers = delivery.headers.clone();
    for name in ["x-zorio-timestamp", "webhook-timestamp"] {
        let at = delivery.header(name).parse::<i64>().unwrap() + seconds;
        headers.insert(name, HeaderValue::from(at));
    }
    headers
}

/// The package of npm, in a process of its own that is asked line by line.
struct Package {
    program: Child,
    answers: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
}

impl Package {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/verifier/verify.cjs");
        let mut program = Command::new("node")
            .arg(script)
            .env("NODE_PATH", verifier().join("node_modules"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let answers = BufReader::new(program.stdout.take().unwrap()).lines();
        Self { program, answers }
    }

    /// Returns what the package says of a delivery.
    async fn ask(&mut self, secret: &str, headers: &HeaderMap, body: &[u8]) -> String {
        let headers: Value =
            headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect();
        let line = json!({ "secret": secret, "headers": headers, "body": STANDARD.encode(body) });
        let stdin = self.program.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        let answer = tokio::time::timeout(PATIENCE, self.answers.next_line()).await.unwrap().unwrap();
        answer.expect("the verifier ended: `cargo xtask setup` installs its package")
    }
}

/// Where `cargo xtask setup` installs the package.
fn verifier() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
    cache.unwrap_or_else(home).join("zorio/verifier")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_package_of_standard_webhooks_believes_real_deliveries_and_no_others() {
    let post = Post::open().await;
    let (hook, other) = (post.hook("/a").await, post.hook("/b").await);
    let mut package = Package::start();
    let delivery = post.deliver(&hook).await;
    assert_eq!(package.ask(&hook.whsec, &delivery.headers, &delivery.body).await, "believed");
    assert_eq!(
        package.ask(&other.whsec, &delivery.headers, &delivery.body).await,
        "refused: No matching signature found"
    );
    for (name, headers, body) in tampered(&delivery) {
        let said = package.ask(&hook.whsec, &headers, &body).await;
        assert!(said.starts_with("refused"), "{name}: {said}");
    }
    // This signature covers id and timestamp too.
    for seconds in [-1, 1, -400, 400] {
        let said = package.ask(&hook.whsec, &shifted(&delivery, seconds), &delivery.body).await;
        assert!(said.starts_with("refused"), "{seconds} s: {said}");
    }
    let mut renamed = delivery.headers.clone();
    renamed.insert("webhook-id", HeaderValue::from_static("0190f3c2-6c1e-7d7a-8d1e-3f0c8a2b9e11"));
    assert!(package.ask(&hook.whsec, &renamed, &delivery.body).await.starts_with("refused"));

    // The next event after a rotation is the new secret's, and the old one's no more.
    let rotated = post.server.admin(&["webhook", "rotate", &hook.id.to_string()]).await.unwrap();
    let whsec = rotated["whsec"].as_str().unwrap();
    let delivery = post.deliver(&hook).await;
    assert_eq!(package.ask(whsec, &delivery.headers, &delivery.body).await, "believed");
    assert!(package.ask(&hook.whsec, &delivery.headers, &delivery.body).await.starts_with("refused"));
}

/// A receiver of the documentation, running.
struct Program {
    _child: Child,
    address: SocketAddr,
}

impl Program {
    /// Starts it with a secret, on a port that is not taken.
    async fn start(language: &str, secret: &str, folder: &Path, spare: SocketAddr) -> Self {
        let file = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/receivers").join(name);
        let mut command = match language {
            "node" => with(Command::new("node"), file("receiver.mjs")),
            "python" => with(Command::new("python3"), file("receiver.py")),
            "ruby" => with(Command::new("ruby"), file("receiver.rb")),
            "php" => {
                let mut php = Command::new("php");
                php.args(["-q", "-S", &spare.to_string()]);
                with(php, file("receiver.php"))
            }
            "go" => {
                let binary = folder.join("receiver");
                let mut build = Command::new("go");
                build.args(["build", "-o"]).arg(&binary).arg(file("receiver.go"));
                assert!(build.status().await.unwrap().success(), "it compiles");
                Command::new(binary)
            }
            other => panic!("no receiver for {other}"),
        };
        command.env("ZORIO_WEBHOOK_SECRET", secret).env("PORT", spare.port().to_string());
        command.env("SEEN_FOLDER", folder.join(format!("seen-{language}")));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        until("the receiver listens", Duration::from_secs(10), async || {
            tokio::net::TcpStream::connect(spare).await.ok().map(|_| ())
        })
        .await
        .unwrap_or_else(|error| panic!("{language}: {error}"));
        Self { _child: child, address: spare }
    }

    /// Sends it something directly; returns the status and the text.
    async fn post(&self, headers: &HeaderMap, body: Bytes) -> (u16, String) {
        let client: Client<HttpConnector, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        let mut request = Request::post(format!("http://{}/", self.address)).body(Full::from(body)).unwrap();
        *request.headers_mut() = headers.clone();
        // The body may be another than the headers tell of.
        for name in ["host", "content-length"] {
            request.headers_mut().remove(name);
        }
        let answer = client.request(request).await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&text).into_owned())
    }
}

fn with(mut command: Command, file: PathBuf) -> Command {
    command.arg(file);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receivers_of_the_documentation_believe_real_deliveries_and_no_others() {
    let post = Post::open().await;
    for (n, language) in (0..).zip(["node", "python", "php", "ruby", "go"]) {
        let hook = post.hook(&format!("/{language}")).await;
        let program = Program::start(language, &hook.secret, post.folder.path(), post.server.spare(n)).await;
        post.receiver.set_manners(&hook.path, Manners::Passes(program.address), Times::Always);
        let delivery = post.deliver(&hook).await;
        // The server had the program's own answer.
        post.delivered(&hook, &delivery).await;
        let (status, text) = program.post(&delivery.headers, delivery.body.clone()).await;
        assert_eq!((status, text.as_str()), (200, "Duplicate"), "{language}");
        for (name, headers, body) in tampered(&delivery) {
            let (status, text) = program.post(&headers, body).await;
            assert_eq!((status, text.as_str()), (401, "Invalid signature"), "{language}: {name}");
        }
        for seconds in [-400, 400] {
            let (status, text) = program.post(&shifted(&delivery, seconds), delivery.body.clone()).await;
            assert_eq!((status, text.as_str()), (400, "Stale timestamp"), "{language}: {seconds} s");
        }
    }
}
