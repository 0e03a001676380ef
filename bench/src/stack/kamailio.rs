//! The reference: Kamailio as a proxy with rtpengine as its media relay. It keeps no records and publishes no events.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Treatment;
use crate::process::Program;
use crate::sipp::CALLEE;
use crate::time::wait_until;

const PROXY: u16 = 16080;
const CONTROL: u16 = 16090;

pub(crate) struct Kamailio {
    proxy: Program,
    relay: Program,
}

impl Kamailio {
    /// Returns the name of a program that the reference needs and that is not there.
    pub(super) fn missing() -> Option<&'static str> {
        ["kamailio", "rtpengine"].into_iter().find(|program| found(program).is_none())
    }

    pub(super) fn start(folder: &Path) -> Result<Self> {
        let modules = modules().context("kamailio's modules are not found")?;
        let recordings = folder.join("rtpengine");
        fs::create_dir_all(&recordings)?;
        let config = include_str!("../../reference/kamailio.cfg")
            .replace("@PROXY@", &PROXY.to_string())
            .replace("@CONTROL@", &CONTROL.to_string())
            .replace("@CALLEE@", &CALLEE.to_string())
            .replace("@MODULES@", &modules.display().to_string());
        let file = folder.join("kamailio.cfg");
        fs::write(&file, config)?;

        let mut relay = Command::new(found("rtpengine").context("rtpengine is not found")?);
        relay.args(["--config-file=none", "-f", "-E", "-L", "3", "--table=-1", "--interface=127.0.0.1"]);
        relay.args([
            &format!("--listen-ng=127.0.0.1:{CONTROL}"),
            "--port-min=40000",
            "--port-max=54998",
            "--num-threads=2",
        ]);
        relay.args(["--recording-method=pcap"]).arg(format!("--recording-dir={}", recordings.display()));
        let relay = Program::start("rtpengine", &mut relay, &folder.join("rtpengine.log"))?;
        let mut proxy = Command::new(found("kamailio").context("kamailio is not found")?);
        proxy.arg("-f").arg(&file).args(["-DD", "-E", "-m", "256", "-w"]).arg(folder).arg("-Y").arg(folder);
        let proxy = Program::start("kamailio", &mut proxy, &folder.join("kamailio.log"))?;

        let mut started = Self { proxy, relay };
        let both = |started: &mut Self| started.proxy.is_running() && started.relay.is_running();
        let ready = wait_until(Duration::from_secs(10), || is_bound(PROXY) && is_bound(CONTROL));
        ensure!(
            ready && both(&mut started),
            "kamailio or rtpengine did not start; see the logs in {}",
            folder.display()
        );
        Ok(started)
    }

    pub(super) fn sip(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], PROXY))
    }

    pub(super) fn processes(&self) -> Vec<u32> {
        vec![self.proxy.id(), self.relay.id()]
    }
}

/// The first digit decides, see the configuration.
pub(super) fn numbers(treatment: Treatment) -> Vec<String> {
    match treatment {
        Treatment::Relayed => vec!["2000001".into()],
        Treatment::Recorded => vec!["4000001".into()],
    }
}

/// A UDP socket of that port stands in the kernel's table.
fn is_bound(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    table.lines().any(|line| line.contains(&format!(":{port:04X} ")))
}

fn found(program: &str) -> Option<PathBuf> {
    let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    folders.into_iter().map(|folder| Path::new(folder).join(program)).find(|path| path.is_file())
}

fn modules() -> Option<PathBuf> {
    let direct = ["/usr/lib/kamailio/modules", "/usr/local/lib/kamailio/modules", "/usr/lib64/kamailio/modules"];
    let multiarch =
        fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path().join("kamailio/modules"));
    direct
        .into_iter()
        .map(PathBuf::from)
        .chain(multiarch)
        .find(|folder| folder.join("tm.so").is_file())
        .map(|folder| folder.join(""))
}
