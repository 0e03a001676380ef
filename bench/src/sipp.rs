//! SIPp as caller and callee.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::Program;

/// Callers, callees and the product have an address of loopback each, so that no two fight for a port.
pub(crate) const CALLER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
pub(crate) const CALLEE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 3), 16070);
const CALLER_PORT: u16 = 16060;
/// Named by callers and callees where no RTP is to flow.
pub(crate) const DEAD_PORT: u16 = 9_998;
/// Ports that callers put into their SDP, two apart.
pub(crate) const FIRST_RTP_PORT: u16 = 10_000;

/// The scenarios, as files that SIPp can read.
pub(crate) struct Scenarios(PathBuf);

impl Scenarios {
    pub(crate) fn write(folder: &Path) -> Result<Self> {
        for (name, text) in [
            ("uac.xml", include_str!("../scenarios/uac.xml")),
            ("uac-media.xml", include_str!("../scenarios/uac-media.xml")),
            ("uas.xml", include_str!("../scenarios/uas.xml")),
            ("register.xml", include_str!("../scenarios/register.xml")),
        ] {
            fs::write(folder.join(name), text)?;
        }
        Ok(Self(folder.to_path_buf()))
    }

    fn sipp(&self, scenario: &str, local: Ipv4Addr, port: u16) -> Command {
        let mut command = Command::new("sipp");
        command.args(["-sf", scenario, "-nostdin", "-i", &local.to_string(), "-p", &port.to_string()]);
        command.args(["-buff_size", "4194304"]).current_dir(&self.0);
        command
    }

    /// Starts the callee, whose SDP names the given RTP port.
    pub(crate) fn callee(&self, rtp_port: u16) -> Result<Program> {
        let mut command = self.sipp("uas.xml", *CALLEE.ip(), CALLEE.port());
        command.args(["-key", "rtpport", &rtp_port.to_string()]);
        Program::start("sipp (callee)", &mut command, &self.0.join("uas.log"))
    }

    /// Registers every user with its password, from the callee's own address, which must be free: like behind any
    /// NAT, a phone is called where its registration came from.
    pub(crate) fn register(&self, registrar: SocketAddr, users: &[(String, String)]) -> Result<()> {
        let rows: Vec<_> = users
            .iter()
            .map(|(user, password)| format!("{user};[authentication username={user} password={password}]"))
            .collect();
        fs::write(self.0.join("users.csv"), format!("SEQUENTIAL\n{}\n", rows.join("\n")))?;
        let mut command = self.sipp("register.xml", *CALLEE.ip(), CALLEE.port());
        command.args([&registrar.to_string(), "-inf", "users.csv", "-key", "contact", &CALLEE.to_string()]);
        command.args(["-r", "100", "-m", &users.len().to_string()]);
        let mut program = Program::start("sipp (registrations)", &mut command, &self.0.join("register.log"))?;
        ensure!(
            program.wait(Duration::from_secs(60))?,
            "not every phone could register:\n{}",
            self.tail("register.log")
        );
        Ok(())
    }

    /// Starts a load by UDP.
    pub(crate) fn load(&self, load: &Load<'_>) -> Result<Running> {
        self.load_by(load, "u1")
    }

    /// Starts a load over one connection by TCP.
    pub(crate) fn load_by_tcp(&self, load: &Load<'_>) -> Result<Running> {
        self.load_by(load, "t1")
    }

    fn load_by(&self, load: &Load<'_>, transport: &str) -> Result<Running> {
        let mut rows = String::from("SEQUENTIAL\n");
        for (number, index) in load.numbers.iter().cycle().zip(0..load.rtp_ports.max(load.numbers.len() as u16)) {
            let _ = writeln!(rows, "{number};{}", FIRST_RTP_PORT + index * 2);
        }
        fs::write(self.0.join("calls.csv"), rows)?;
        let _ = fs::remove_file(self.0.join("uac.stat"));
        let scenario = if load.media { "uac-media.xml" } else { "uac.xml" };
        let mut command = self.sipp(scenario, CALLER, CALLER_PORT);
        command.args([&load.server.to_string(), "-inf", "calls.csv", "-d", &load.hold.as_millis().to_string()]);
        command.args(["-r", &load.rate.to_string(), "-m", &load.calls.to_string(), "-l", "100000"]);
        command.args(["-trace_stat", "-stf", "uac.stat", "-fd", "1", "-t", transport]);
        let _ = fs::remove_file(self.0.join("uac.err"));
        command.args(["-trace_err", "-error_file", "uac.err"]);
        if load.media {
            let _ = fs::remove_file(self.rtp_log());
            command.args(["-trace_logs", "-log_file"]).arg(self.rtp_log());
        }
        let program = Program::start("sipp (caller)", &mut command, &self.0.join("uac.log"))?;
        let lasts = Duration::from_secs(u64::from(load.calls / load.rate)) + load.hold;
        Ok(Running { program, folder: self.0.clone(), patience: lasts + Duration::from_secs(60) })
    }

    /// Where the media scenario writes which port talks to which.
    pub(crate) fn rtp_log(&self) -> PathBuf {
        self.0.join("rtp.log")
    }

    fn tail(&self, log: &str) -> String {
        let text = fs::read(self.0.join(log)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().rev().take(15).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// What the caller does.
pub(crate) struct Load<'a> {
    pub(crate) server: SocketAddr,
    /// Dialled in turn.
    pub(crate) numbers: &'a [String],
    /// Calls a second.
    pub(crate) rate: u32,
    pub(crate) calls: u32,
    pub(crate) hold: Duration,
    /// Whether a generator sends RTP for the calls.
    pub(crate) media: bool,
    /// How many different RTP ports the SDPs name.
    pub(crate) rtp_ports: u16,
}

pub(crate) struct Running {
    program: Program,
    folder: PathBuf,
    patience: Duration,
}

impl Running {
    /// Waits for the last call and returns what became of all.
    pub(crate) fn finish(mut self) -> Result<Outcome> {
        self.program.wait(self.patience)?;
        let stat = fs::read_to_string(self.folder.join("uac.stat")).context("sipp wrote no statistics")?;
        let mut outcome = Outcome::read(&stat).context("sipp's statistics cannot be read")?;
        if outcome.failed > 0 {
            let errors = fs::read(self.folder.join("uac.err")).unwrap_or_default();
            outcome.reasons.extend(refusals(&String::from_utf8_lossy(&errors)));
        }
        Ok(outcome)
    }
}

/// What became of a load.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) successful: u64,
    pub(crate) failed: u64,
    pub(crate) retransmissions: u64,
    /// SIPp's names for why calls failed, with how many did.
    pub(crate) reasons: Vec<(String, u64)>,
}

impl Outcome {
    fn read(stat: &str) -> Option<Self> {
        let mut lines = stat.lines();
        let names: Vec<_> = lines.next()?.split(';').collect();
        let values: Vec<_> = lines.next_back()?.split(';').collect();
        let value = |name: &str| -> Option<u64> { values.get(names.iter().position(|n| *n == name)?)?.parse().ok() };
        let reasons = names.iter().filter_map(|name| {
            let reason = name.strip_prefix("Failed")?.strip_suffix("(C)").filter(|reason| *reason != "Call")?;
            Some((reason.to_owned(), value(name)?))
        });
        Some(Self {
            reasons: reasons.filter(|(_, count)| *count > 0).collect(),
            successful: value("SuccessfulCall(C)")?,
            failed: value("FailedCall(C)")?,
            retransmissions: value("Retransmissions(C)")?,
        })
    }
}

/// Returns the answers that SIPp had not expected, with how often each came.
fn refusals(errors: &str) -> Vec<(String, u64)> {
    let mut counts = BTreeMap::new();
    for line in errors.lines() {
        // The first line of a message follows the complaint on the same line, or stands alone.
        if let Some(at) = line.find("SIP/2.0 ") {
            let status = line[at + "SIP/2.0 ".len()..].trim_end_matches(['\'', '"', '\r']).to_owned();
            if status.starts_with(|first: char| first.is_ascii_digit()) {
                *counts.entry(status).or_insert(0) += 1;
            }
        }
    }
    counts.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_nobody_expected_are_counted() {
        let errors = "2026-01-01: Aborting call on unexpected message for Call-Id '1': while expecting '200' (index 4), \
                      received 'SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP 127.0.0.2\r\n\r\n'.\n\
                      x received 'SIP/2.0 486 Busy Here\r\n";
        assert_eq!(refusals(errors), [("486 Busy Here".to_owned(), 2)]);
    }

    #[test]
    fn the_statistics_of_sipp_are_read() {
        let stat = "A;SuccessfulCall(C);FailedCall(C);FailedRegexp(C);FailedTimeoutOnRecv(C);Retransmissions(C);\n\
                    1;2;3;0;0;4;\n1;200;1;0;1;7;\n";
        let reasons = vec![("TimeoutOnRecv".to_owned(), 1)];
        assert_eq!(Outcome::read(stat), Some(Outcome { successful: 200, failed: 1, retransmissions: 7, reasons }));
    }
}
