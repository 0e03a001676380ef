//! The server as its users run it: the `zorio` binary, a data folder, a configuration in the environment.

use std::{
    fs::{self, File},
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sandbox::Crm;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{Database, Ports, wait::until};

/// The first admin's login in every test.
pub const ADMIN: (&str, &str) = ("admin", "correct horse battery staple");

/// How long a start may take on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// Lines of the log that a failing test shows.
const SHOWN: usize = 80;

/// A server process of one test, with its folder and database. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    binary: PathBuf,
    folder: TempDir,
    ports: Ports,
    database: Database,
    settings: Vec<(String, String)>,
    child: Option<Child>,
    crm: Option<Crm>,
}

impl Server {
    /// Starts the binary (`env!("CARGO_BIN_EXE_zorio")`) on a fresh database, with `settings` such as
    /// `("ZORIO_WEBHOOKS__CA_FILE", path)` over the test defaults, and signs its admin in.
    pub async fn start(binary: &str, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut server = Self {
            binary: binary.into(),
            folder: tempfile::tempdir()?,
            ports: Ports::take()?,
            database: Database::fresh().await?,
            settings: settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            child: None,
            crm: None,
        };
        server.launch().await?;
        let stranger = Crm::new(&server.base());
        server.crm = Some(stranger.log_in(ADMIN.0, ADMIN.1).await.with_context(|| server.log_tail())?);
        Ok(server)
    }

    /// Returns the URL of the API without a slash at its end.
    pub fn base(&self) -> String {
        format!("http://{}", self.ports.address(0))
    }

    /// Returns the SIP address, UDP and TCP.
    pub fn sip(&self) -> SocketAddr {
        self.ports.address(1)
    }

    /// Returns the SIP address by TLS, open where the settings name a certificate.
    pub fn sip_tls(&self) -> SocketAddr {
        self.ports.address(3)
    }

    /// Returns the address of SIP over WebSocket, and of that over TLS where the settings name a certificate.
    pub fn sip_ws(&self) -> [SocketAddr; 2] {
        [self.ports.address(4), self.ports.address(5)]
    }

    /// Returns what the metrics listener shows.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let reply = Crm::new(&format!("http://{}", self.ports.address(2))).get("/metrics").await?;
        Ok(String::from_utf8_lossy(&reply.bytes).into_owned())
    }

    /// Returns the port of the first media thread for browsers; every further thread has the next one.
    pub fn webrtc(&self) -> SocketAddr {
        self.ports.address(60)
    }

    /// Returns the server's ports for media: 200 of them.
    pub fn media(&self) -> RangeInclusive<u16> {
        self.ports.media()
    }

    /// Returns the `n`th port (0-79) for the test's own listeners.
    pub fn spare(&self, n: u16) -> SocketAddr {
        assert!(n < 80, "there are 80 spare ports");
        self.ports.address(20 + n)
    }

    /// Returns a client with the admin's token.
    pub fn crm(&self) -> &Crm {
        self.crm.as_ref().expect("the admin signs in at the start")
    }

    pub fn data_folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Returns the process id, `None` while stopped.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Starts the process again after [`Server::kill`] or [`Server::stop`] and waits until it is ready.
    pub async fn launch(&mut self) -> anyhow::Result<()> {
        self.spawn()?;
        self.ready().await
    }

    /// Starts the process without waiting.
    pub fn spawn(&mut self) -> anyhow::Result<()> {
        ensure!(self.child.is_none(), "the server runs already");
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let mut command = self.command();
        command.arg("serve").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn().with_context(|| format!("cannot start {}", self.binary.display()))?);
        Ok(())
    }

    /// Waits until the server can take calls.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let crm = Crm::new(&self.base());
        let ready = until("the server is ready", STARTS_WITHIN, async || {
            if let Some(Ok(Some(status))) = self.child.as_mut().map(Child::try_wait) {
                return Some(Err(status));
            }
            let reply = crm.get("/readyz").await;
            reply.is_ok_and(|reply| reply.status == 200).then_some(Ok(()))
        })
        .await;
        match ready {
            Ok(Ok(())) => Ok(()),
            Ok(Err(status)) => bail!("the server ended with {status}\n{}", self.log_tail()),
            Err(error) => Err(error.context(self.log_tail())),
        }
    }

    /// Kills the process as a crash would (SIGKILL).
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("the server does not run")?;
        child.start_kill()?;
        child.wait().await?;
        Ok(())
    }

    /// Asks the process to drain (SIGTERM).
    pub fn terminate(&self) -> anyhow::Result<()> {
        let pid = self.pid().context("the server does not run")?;
        Ok(kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGTERM)?)
    }

    /// Asks the process to drain and waits for its end.
    pub async fn stop(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        self.terminate()?;
        self.ended(patience).await
    }

    /// Waits for the end of a process that was asked to drain.
    pub async fn ended(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let mut child = self.child.take().context("the server does not run")?;
        let status = tokio::time::timeout(patience, child.wait()).await.with_context(|| self.log_tail())??;
        Ok(status)
    }

    /// Runs `zorio admin … --json` beside the server and returns what it prints.
    pub async fn admin(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let output = self.command().arg("admin").args(arguments).arg("--json").output().await?;
        ensure!(
            output.status.success(),
            "zorio admin {} failed: {}{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).context("zorio admin printed no JSON")
    }

    /// Returns the binary with other arguments and the server's own settings, to run beside it.
    pub fn zorio(&self, arguments: &[&str]) -> Command {
        let mut command = self.command();
        command.args(arguments);
        command
    }

    /// Creates an extension by the API and returns its SIP password.
    pub async fn extension(&self, number: &str) -> anyhow::Result<String> {
        self.extension_with(&json!({ "extension_number": number, "recording_mode": "all" })).await
    }

    /// Creates an extension from these fields and returns its SIP password.
    pub async fn extension_with(&self, fields: &Value) -> anyhow::Result<String> {
        let reply = self.crm().post("/api/pbx/extensions", fields).await?.expect_status(201)?;
        let password = reply.json["data"]["sip_password"].as_str().context("the answer has no sip_password")?;
        Ok(password.to_owned())
    }

    /// Creates a trunk to a static address by UDP and returns its id. The server notices it within a second.
    pub async fn trunk(&self, name: &str, address: SocketAddr) -> anyhow::Result<i64> {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let trunk = self.admin(&["trunk", "create", "--name", name, "--host", &host, "--port", &port]).await?;
        trunk["id"].as_i64().context("the trunk has no id")
    }

    /// Routes every number that no other route takes to a trunk.
    pub async fn default_route(&self, trunk: i64) -> anyhow::Result<()> {
        self.admin(&["route", "create", "--default", "--trunk-id", &trunk.to_string()]).await.map(|_| ())
    }

    /// Routes the numbers that begin like that to a trunk.
    pub async fn prefix_route(&self, prefix: &str, trunk: i64) -> anyhow::Result<()> {
        self.admin(&["route", "create", "--prefix", prefix, "--trunk-id", &trunk.to_string()]).await.map(|_| ())
    }

    /// Creates a webhook for the events (separated by commas) and returns its secret.
    pub async fn webhook(&self, url: &str, events: &str) -> anyhow::Result<String> {
        let webhook = self.admin(&["webhook", "create", "--url", url, "--events", events, "--name", "test"]).await?;
        Ok(webhook["secret"].as_str().context("the webhook has no secret")?.to_owned())
    }

    /// Returns the name and the call of every event of a call that the server has committed, read from its database.
    pub async fn committed_events(&self) -> anyhow::Result<Vec<(String, String)>> {
        self.database.rows(&self.data_folder(), "select name, call_uuid from event where call_uuid is not null").await
    }

    /// Returns everything that the server has logged.
    pub fn log(&self) -> String {
        fs::read(self.log_file()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Returns the binary with the whole configuration in its environment.
    fn command(&self) -> Command {
        let media = self.ports.media();
        let mut command = Command::new(&self.binary);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ZORIO_")) {
            command.env_remove(name);
        }
        for (name, value) in [
            ("ZORIO_DATA_DIR", path(&self.data_folder())),
            ("ZORIO_HTTP__LISTEN", self.ports.address(0).to_string()),
            ("ZORIO_SIP__UDP_LISTEN", self.sip().to_string()),
            ("ZORIO_SIP__TCP_LISTEN", self.sip().to_string()),
            ("ZORIO_SIP__WS_LISTEN", self.sip_ws()[0].to_string()),
            ("ZORIO_MEDIA__BIND_ADDRESS", "127.0.0.1".to_owned()),
            ("ZORIO_MEDIA__PORT_RANGE", format!("{}-{}", media.start(), media.end())),
            ("ZORIO_MEDIA__WEBRTC_PORT", self.webrtc().port().to_string()),
            ("ZORIO_METRICS__LISTEN", self.ports.address(2).to_string()),
            ("ZORIO_WEBHOOKS__ALLOW_NETWORKS", "127.0.0.0/8".to_owned()),
            // Scripted carriers expect what their script says and nothing else.
            ("ZORIO_ALERTS__TRUNK_SECONDS", "0".to_owned()),
            ("ZORIO_BOOTSTRAP__ADMIN_USERNAME", ADMIN.0.to_owned()),
            ("ZORIO_BOOTSTRAP__ADMIN_PASSWORD", ADMIN.1.to_owned()),
        ] {
            command.env(name, value);
        }
        if self.settings.iter().any(|(name, _)| name == "ZORIO_TLS__CERT_FILE") {
            command.env("ZORIO_SIP__TLS_LISTEN", self.sip_tls().to_string());
            command.env("ZORIO_SIP__WSS_LISTEN", self.sip_ws()[1].to_string());
        }
        if let Some(url) = self.database.url() {
            command.env("ZORIO_DATABASE__URL", url);
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the server's log ---\n{}\n---", self.log_tail());
        }
    }
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
