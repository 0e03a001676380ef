//! A small SMTP server that remembers what it was given.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::{Config, Password, Security};

#[derive(Clone, Copy, Debug)]
pub(super) enum Behaviour {
    Accept,
    /// Takes the data and then answers 451, so often.
    Busy(usize),
    /// Answers 550 to every recipient.
    Refuse,
    /// Says nothing.
    Silent,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) data: String,
    pub(super) login: Option<String>,
    pub(super) secure: bool,
}

#[derive(Default)]
struct Seen {
    accepted: Vec<Received>,
    offered: Vec<String>,
    busy: usize,
}

pub(super) struct Relay {
    seen: Arc<Mutex<Seen>>,
    port: u16,
    security: Security,
    folder: tempfile::TempDir,
    _tasks: JoinSet<()>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Relay {
    pub(super) async fn start(security: Security, behaviour: Behaviour) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
        let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![made.cert.der().clone()],
                rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into(),
            )
            .unwrap();
        let tls = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let busy = if let Behaviour::Busy(times) = behaviour { times } else { 0 };
        let seen = Arc::new(Mutex::new(Seen { busy, ..Seen::default() }));
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&seen);
        tasks.spawn(async move {
            let mut talks = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tls, seen) = (tls.clone(), Arc::clone(&shared));
                talks.spawn(async move { talk(Box::new(stream), tls, security, behaviour, &seen).await });
            }
        });
        Self { seen, port, security, folder, _tasks: tasks }
    }

    pub(super) fn config(&self) -> Config {
        Config {
            host: Some("localhost".to_owned()),
            port: Some(self.port),
            security: self.security,
            login: Some(("zorio".to_owned(), Password("s3cret".to_owned()))),
            from: "Zorio <pbx@example.com>".to_owned(),
            ca_file: Some(self.ca_file()),
            timeout: Duration::from_secs(10),
            retry_scale: 1.0,
        }
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.seen.lock().unwrap().accepted.clone()
    }

    /// Returns the ids of all messages that were offered, taken or not.
    pub(super) fn message_ids(&self) -> Vec<String> {
        let id = |data: &String| data.lines().find(|line| line.starts_with("Message-ID:")).map(str::to_owned);
        self.seen.lock().unwrap().offered.iter().filter_map(id).collect()
    }
}

async fn talk(
    mut stream: Box<dyn Stream>,
    tls: TlsAcceptor,
    security: Security,
    behaviour: Behaviour,
    seen: &Mutex<Seen>,
) {
    if matches!(behaviour, Behaviour::Silent) {
        return std::future::pending().await;
    }
    let mut letter = Received::default();
    if security == Security::Tls {
        let Ok(secure) = tls.accept(stream).await else { return };
        (stream, letter.secure) = (Box::new(secure), true);
    }
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 relay.test ESMTP\r\n").await.ok();
    let mut line = String::new();
    while {
        line.clear();
        stream.read_line(&mut line).await.is_ok_and(|read| read > 0)
    } {
        let upper = line.trim_end().to_ascii_uppercase();
        let inside = |text: &str| text.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let answer = match upper.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" if security == Security::StartTls && !letter.secure => "250-relay.test\r\n250 STARTTLS",
            "EHLO" => "250-relay.test\r\n250-8BITMIME\r\n250 AUTH PLAIN",
            "STARTTLS" => {
                stream.write_all(b"220 go ahead\r\n").await.ok();
                let Ok(secure) = tls.accept(stream.into_inner()).await else { return };
                letter.secure = true;
                stream = BufReader::new(Box::new(secure));
                continue;
            }
            "AUTH" => {
                let word = line.split_whitespace().nth(2).unwrap_or_default();
                letter.login = STANDARD.decode(word).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                "235 fine"
            }
            "MAIL" => {
                letter.from = inside(&line);
                "250 fine"
            }
            "RCPT" if matches!(behaviour, Behaviour::Refuse) => "550 5.1.1 nobody here",
            "RCPT" => {
                letter.to.push(inside(&line));
                "250 fine"
            }
            "DATA" => {
                stream.write_all(b"354 go ahead\r\n").await.ok();
                let mut data = String::new();
                while !data.ends_with("\r\n.\r\n") {
                    if !stream.read_line(&mut data).await.is_ok_and(|read| read > 0) {
                        return;
                    }
                }
                seen.lock().unwrap().take(&mut letter, data)
            }
            "QUIT" => "221 bye",
            _ => "250 fine",
        };
        if stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() || upper == "QUIT" {
            return;
        }
    }
}

impl Seen {
    fn take(&mut self, letter: &mut Received, data: String) -> &'static str {
        self.offered.push(data.clone());
        if self.busy > 0 {
            self.busy -= 1;
            return "451 4.3.0 later";
        }
        let taken = Received { from: String::new(), to: Vec::new(), data: String::new(), ..letter.clone() };
        let taken = std::mem::replace(letter, taken);
        self.accepted.push(Received { data, ..taken });
        "250 taken"
    }
}
