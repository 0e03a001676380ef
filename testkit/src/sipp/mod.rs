//! SIPp as caller, callee and trunk: scenario in, counts out.

pub mod scenario;
pub mod script;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// A SIPp process in the making.
#[derive(Clone, Debug)]
pub struct Sipp {
    scenario: String,
    arguments: Vec<String>,
    patience: Duration,
    local: SocketAddr,
    remote: Option<SocketAddr>,
}

/// A running SIPp; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    folder: TempDir,
    patience: Duration,
}

/// What SIPp counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub successful: u64,
    pub failed: u64,
    /// Messages that the scenario did not expect, and other complaints; empty where all went well.
    pub errors: String,
    /// Messages as they went over the wire, newest last.
    pub messages: String,
}

impl Sipp {
    /// Prepares a run of a scenario (the inside of `<scenario>`) on the local address.
    pub fn new(scenario: &str, local: SocketAddr) -> Self {
        let scenario = format!(
            "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?>\n<!DOCTYPE scenario SYSTEM \"sipp.dtd\">\n\
             <scenario name=\"test\">\n{scenario}\n</scenario>\n"
        );
        Self { scenario, arguments: Vec::new(), patience: Duration::from_secs(30), local, remote: None }
    }

    /// Where the first request goes.
    pub fn remote(mut self, remote: SocketAddr) -> Self {
        self.remote = Some(remote);
        self
    }

    /// Places (or takes) that many calls, at most `at_once` at a time, `rate` new ones per second, then ends.
    pub fn calls(self, total: u32, rate: u32, at_once: u32) -> Self {
        self.argument("-m", total).argument("-r", rate).argument("-l", at_once)
    }

    /// Ends with a failure after that long.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Passes an option of SIPp's own, such as `-s` for `[service]`.
    pub fn argument(mut self, name: &str, value: impl ToString) -> Self {
        self.arguments.extend([name.to_owned(), value.to_string()]);
        self
    }

    /// Replaces `[$name]`-like keys: `-key name value`.
    pub fn key(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend(["-key".to_owned(), name.to_owned(), value.to_owned()]);
        self
    }

    /// Starts the process.
    pub fn start(self) -> anyhow::Result<Running> {
        let folder = tempfile::tempdir()?;
        let scenario = folder.path().join("scenario.xml");
        std::fs::write(&scenario, &self.scenario)?;
        let mut command = Command::new("sipp");
        command.arg("-sf").arg(&scenario);
        command.args(["-i", &self.local.ip().to_string(), "-p", &self.local.port().to_string()]);
        command.args(["-nostdin", "-trace_err", "-trace_msg", "-trace_stat", "-fd", "1"]);
        command.args(["-error_file", "errors", "-message_file", "messages", "-stf", "statistics"]);
        command.args(["-timeout", &format!("{}s", self.patience.as_secs()), "-timeout_error", "-max_socket", "1024"]);
        command.args(&self.arguments);
        if let Some(remote) = self.remote {
            command.arg(remote.to_string());
        }
        let child = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start sipp (apt install sip-tester)")?;
        Ok(Running { child, folder, patience: self.patience })
    }

    /// Runs to the end and returns the counts.
    pub async fn run(self) -> anyhow::Result<Outcome> {
        self.start()?.finish().await
    }
}

impl Running {
    /// Waits for the end of the run and returns the counts.
    pub async fn finish(mut self) -> anyhow::Result<Outcome> {
        let waiting = tokio::time::timeout(self.patience + Duration::from_secs(10), self.child.wait());
        let status = waiting.await.context("sipp does not end")??;
        self.outcome(status)
    }

    /// Ends the run now and returns the counts so far.
    pub async fn stop(mut self) -> anyhow::Result<Outcome> {
        // SIGUSR1 lets SIPp finish its calls and write its files.
        if let Some(pid) = self.child.id() {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(pid)?);
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGUSR1)?;
        }
        if tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        let status = self.child.wait().await?;
        self.outcome(status)
    }

    fn outcome(&self, status: ExitStatus) -> anyhow::Result<Outcome> {
        let read = |name: &str| std::fs::read(self.path(name)).map(|b| String::from_utf8_lossy(&b).into_owned());
        let statistics = read("statistics").unwrap_or_default();
        let (Some(names), Some(last)) = (statistics.lines().next(), statistics.lines().last()) else {
            bail!("sipp ended with {status} before it counted anything: {}", read("errors").unwrap_or_default());
        };
        let column = |name: &str| -> anyhow::Result<u64> {
            let at = names.split(';').position(|column| column == name).context("sipp's statistics have changed")?;
            Ok(last.split(';').nth(at).unwrap_or_default().parse()?)
        };
        Ok(Outcome {
            successful: column("SuccessfulCall(C)")?,
            failed: column("FailedCall(C)")?,
            errors: read("errors").unwrap_or_default(),
            messages: read("messages").unwrap_or_default(),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}

impl Outcome {
    /// Panics unless that many calls succeeded and none failed; shows SIPp's complaints.
    #[track_caller]
    pub fn assert_successful(&self, calls: u64) {
        let tail: String = self.messages.chars().rev().take(6000).collect::<Vec<_>>().into_iter().rev().collect();
        assert!(
            self.successful == calls && self.failed == 0,
            "{} of {calls} calls succeeded, {} failed\n{}\n--- last messages ---\n{tail}",
            self.successful,
            self.failed,
            self.errors
        );
    }
}

#[cfg(test)]
mod tests;
