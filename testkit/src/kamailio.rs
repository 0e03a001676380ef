//! Kamailio as a carrier's edge: a foreign proxy that challenges, keeps itself on the way, and brings calls in.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{RawPhone, until};

/// Who stands around it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Where it listens; a trunk is told from a phone by the address, so not 127.0.0.1.
    pub listen: SocketAddr,
    /// Our server; what comes from elsewhere goes there.
    pub exchange: SocketAddr,
    /// Where calls of the exchange go.
    pub callee: SocketAddr,
    /// What the exchange has to know; any username will do.
    pub password: &'a str,
}

/// A running Kamailio; ended when dropped.
#[derive(Debug)]
pub struct Kamailio {
    child: Child,
    folder: TempDir,
    listen: SocketAddr,
}

impl Kamailio {
    /// Tells whether it is installed.
    pub fn is_there() -> bool {
        program().is_some() && modules().is_some()
    }

    /// Starts it and waits until it answers.
    pub async fn start(place: Place<'_>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let modules = modules().context("kamailio is not installed (apt install kamailio)")?;
        let config = include_str!("kamailio.cfg")
            .replace("@LISTEN@", &place.listen.to_string())
            .replace("@MODULES@", &format!("{}/", modules.display()))
            .replace("@EXCHANGE_IP@", &place.exchange.ip().to_string())
            .replace("@EXCHANGE_PORT@", &place.exchange.port().to_string())
            .replace("@CALLEE@", &place.callee.to_string())
            .replace("@PASSWORD@", place.password);
        let file = folder.path().join("kamailio.cfg");
        std::fs::write(&file, config)?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let program = program().context("kamailio is not installed (apt install kamailio)")?;
        let mut command = Command::new(program);
        command.arg("-f").arg(&file).args(["-DD", "-E", "-m", "64", "-M", "8", "-w"]).arg(folder.path());
        command.arg("-Y").arg(folder.path()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // A group of its own: its children end with it.
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let kamailio = Self { child, folder, listen: place.listen };
        let mut phone = RawPhone::open("probe", "", place.listen).await?;
        until("kamailio answers", Duration::from_secs(15), async || {
            phone.send(OPTIONS).await.ok()?;
            phone.receive(Duration::from_millis(300)).await.ok().flatten()
        })
        .await
        .with_context(|| kamailio.log())?;
        Ok(kamailio)
    }

    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// Returns what it has printed so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        use nix::{
            sys::signal::{Signal, killpg},
            unistd::Pid,
        };
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = killpg(Pid::from_raw(id), Signal::SIGTERM);
        }
    }
}

const OPTIONS: &str = "OPTIONS sip:{server} SIP/2.0\nVia: SIP/2.0/UDP {local};branch={branch};rport\n\
Max-Forwards: 70\nFrom: <sip:probe@{local}>;tag={tag}\nTo: <sip:{server}>\nCall-ID: {call}\nCSeq: {cseq} OPTIONS\n\
Content-Length: 0\n\n";

fn program() -> Option<PathBuf> {
    let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];
    folders.into_iter().map(|folder| Path::new(folder).join("kamailio")).find(|path| path.is_file())
}

fn modules() -> Option<PathBuf> {
    let direct = ["/usr/lib/kamailio/modules", "/usr/local/lib/kamailio/modules"].map(PathBuf::from);
    let multiarch = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("kamailio/modules"));
    direct.into_iter().chain(multiarch).find(|folder| folder.join("tm.so").is_file())
}
