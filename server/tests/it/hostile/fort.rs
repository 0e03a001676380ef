//! A server under attack, and the look at it after each blow.

use std::time::Duration;

use serde_json::Value;
use testkit::{RawPhone, Server, server::ADMIN, world::PATIENCE};

use super::ANSWERS_WITHIN;
use crate::calls::ZORIO;

/// How often a probe is repeated before the server counts as deaf: other tests keep the machine busy too.
const PROBES: usize = 6;
/// Resident memory that attacks may add, in KiB. Buffers grow once and stay; each core hashes passwords in 19 MiB.
const MORE_MEMORY: u64 = 128 * 1024;
/// Settings under which a table of attacks is not cut short by the limits that other tests are about.
const PATIENT: [(&str, &str); 10] = [
    ("ZORIO_SIP__STRANGER_RATE", "1000000"),
    ("ZORIO_SIP__STRANGER_BURST", "1000000"),
    ("ZORIO_LIMITS__LOGIN", "100000"),
    ("ZORIO_LIMITS__LOGIN_PER_ADDRESS", "100000"),
    ("ZORIO_LIMITS__AUTH", "100000"),
    ("ZORIO_LIMITS__PBX", "100000"),
    ("ZORIO_LIMITS__CLICK_TO_CALL", "100000"),
    ("ZORIO_LIMITS__OTHER", "100000"),
    ("ZORIO_CALLS__RING_SECONDS", "5"),
    // What is logged at `debug` must not hold secrets either.
    ("ZORIO_LOG__FILTER", "info,server=debug,sip=debug,sip_proto=debug,pbx=debug,media=debug,web=debug,accounts=debug"),
];

/// The Call-ID of the probe that follows an attack on its own socket.
const BEHIND: &str = "probe-behind";

/// A valid OPTIONS.
pub(crate) const OPTIONS: &str = "OPTIONS sip:{server} SIP/2.0\nVia: SIP/2.0/UDP {local};branch={branch};rport\n\
Max-Forwards: 70\nFrom: <sip:probe@{local}>;tag={tag}\nTo: <sip:{server}>\nCall-ID: {call}\nCSeq: {cseq} OPTIONS\n\
Content-Length: 0\n\n";

pub(crate) struct Fort {
    pub(crate) server: Server,
    /// The first SIP domain of the account: any host means the only account.
    pub(crate) domain: String,
    probe: RawPhone,
    secrets: Vec<String>,
    log_read: usize,
    memory: u64,
}

impl Fort {
    /// Starts a server whose limits do not cut a table short.
    pub(crate) async fn open() -> Self {
        Self::open_with(&PATIENT).await
    }

    /// Starts a server with these settings over the test defaults.
    pub(crate) async fn open_with(settings: &[(&str, &str)]) -> Self {
        let server = Server::start(ZORIO, settings).await.unwrap();
        // Known sources are exempt from the budget of strangers; the probe is one of nobody's.
        let probe = RawPhone::open_at("127.7.7.7", "probe", "", server.sip()).await.unwrap();
        let domain = server.sip().to_string();
        let secrets = vec![ADMIN.1.to_owned(), server.crm().token().unwrap().to_owned()];
        let mut fort = Self { server, domain, probe, secrets, log_read: 0, memory: 0 };
        fort.memory = fort.resident();
        fort.stands("the start").await;
        fort
    }

    /// Creates an extension; its password must not be seen in the log. Returns its registered phone.
    pub(crate) async fn phone(&mut self, extension: &str) -> RawPhone {
        let password = self.extension(extension).await;
        let mut phone = RawPhone::open(extension, &password, self.server.sip()).await.unwrap();
        phone.register(&self.domain).await.unwrap();
        phone
    }

    /// Creates an extension and returns its password.
    pub(crate) async fn extension(&mut self, extension: &str) -> String {
        let password = self.server.extension(extension).await.unwrap();
        self.secrets.push(password.clone());
        password
    }

    /// The log must not hold this text.
    pub(crate) fn keep_secret(&mut self, secret: &str) {
        self.secrets.push(secret.to_owned());
    }

    /// The standing checks, after the row of that name.
    pub(crate) async fn stands(&mut self, row: &str) {
        assert!(self.answers().await, "after {row}: a valid OPTIONS was not answered in {ANSWERS_WITHIN:?}");
        let health = tokio::time::timeout(PATIENCE, self.server.crm().get("/healthz")).await;
        assert!(
            health.is_ok_and(|reply| reply.is_ok_and(|reply| reply.status == 200)),
            "after {row}: /healthz is silent"
        );
        let log = self.server.log();
        let new = &log[self.log_read.min(log.len())..];
        self.log_read = log.len();
        assert!(!new.contains("panicked"), "after {row}: {new}");
        for secret in &self.secrets {
            assert!(!new.contains(secret.as_str()), "after {row} the log holds {secret:?}: {new}");
        }
        let control = new.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "after {row} the log holds a control character: {new:?}");
        let grown = self.resident().saturating_sub(self.memory);
        assert!(grown <= MORE_MEMORY, "after {row}: {grown} KiB more");
    }

    async fn answers(&mut self) -> bool {
        for _ in 0..PROBES {
            self.probe.new_call();
            self.probe.send(OPTIONS).await.unwrap();
            let answer = self.probe.receive(ANSWERS_WITHIN).await.unwrap();
            if answer.is_some_and(|answer| answer.status() == Some(200)) {
                return true;
            }
        }
        false
    }

    /// Returns the resident memory of the process in KiB; zero if it is gone.
    pub(crate) fn resident(&self) -> u64 {
        let pid = self.server.pid().unwrap_or_default();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    }

    /// Sends bytes and returns the status of every answer that comes before that of a probe sent behind them;
    /// `None` at the end if the connection was closed, or swallowed the probe as part of what came before.
    pub(crate) async fn answers_to(&self, phone: &mut RawPhone, bytes: &[u8]) -> Vec<Option<u16>> {
        let mut answers = Vec::new();
        let probe = phone.fill(&OPTIONS.replace("{call}", BEHIND)).unwrap();
        if phone.send_bytes(bytes).await.is_err() || phone.send_bytes(probe.as_bytes()).await.is_err() {
            answers.push(None);
        }
        loop {
            match phone.receive_bytes(ANSWERS_WITHIN * 4).await {
                Ok(Some(answer)) => {
                    let text = String::from_utf8_lossy(&answer);
                    if text.contains(BEHIND) {
                        return answers;
                    }
                    answers.push(text.get(8..11).and_then(|status| status.parse().ok()));
                }
                Ok(None) | Err(_) => {
                    answers.push(None);
                    return answers;
                }
            }
        }
    }

    /// Waits until no call is up.
    pub(crate) async fn is_empty(&self) {
        testkit::until("every call has ended", Duration::from_secs(20), async || {
            let reply = self.server.crm().get("/api/pbx/calls").await.ok()?;
            (reply.json["data"] == Value::Array(Vec::new())).then_some(())
        })
        .await
        .unwrap();
    }
}
