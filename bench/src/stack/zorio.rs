//! The product: a trunk that is trusted by its address, numbers that lead to registered phones.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::Treatment;
use crate::http::{ask, request};
use crate::process::Program;
use crate::sipp::{CALLER, Scenarios};
use crate::time::wait_until;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const HTTP_PORT: u16 = 18080;
const SIP_PORT: u16 = 15060;
/// Of the administrator and of every phone.
pub(crate) const PASSWORD: &str = "a-password-for-one-benchmark";
/// Calls that an extension may have up at once, at most.
const CALLS_PER_EXTENSION: u32 = 10;

pub(crate) struct Zorio {
    program: Program,
    binary: PathBuf,
    environment: Vec<(&'static str, String)>,
    token: String,
    relayed: Vec<String>,
    recorded: Vec<String>,
}

/// What the run needs of the product.
#[derive(Clone, Default)]
pub(crate) struct Setup {
    /// Calls that have to be up at once, with media relayed and with media recorded too.
    pub(crate) relayed: u32,
    pub(crate) recorded: u32,
    /// Extensions to import, in a CSV file.
    pub(crate) extensions: Option<PathBuf>,
    /// Whether SIP is spoken by TLS too, with `tls.pem` and `tls-key.pem` of the folder.
    pub(crate) tls: bool,
    /// The certificate of the webhooks' receiver.
    pub(crate) ca_file: Option<PathBuf>,
}

impl Zorio {
    /// Starts a server with an empty database in the folder, and registers a phone for every extension that is needed.
    pub(crate) fn start(binary: &Path, folder: &Path, scenarios: &Scenarios, setup: &Setup) -> Result<Self> {
        let data = folder.join("zorio");
        let mut environment = vec![
            ("ZORIO_DATA_DIR", data.display().to_string()),
            ("ZORIO_HTTP__LISTEN", format!("{ADDRESS}:{HTTP_PORT}")),
            ("ZORIO_SIP__UDP_LISTEN", format!("{ADDRESS}:{SIP_PORT}")),
            ("ZORIO_SIP__TCP_LISTEN", format!("{ADDRESS}:{SIP_PORT}")),
            ("ZORIO_MEDIA__BIND_ADDRESS", ADDRESS.to_string()),
            ("ZORIO_MEDIA__PORT_RANGE", "20000-59999".into()),
            ("ZORIO_MEDIA__WEBRTC_PORT", (HTTP_PORT + 2).to_string()),
            ("ZORIO_METRICS__LISTEN", format!("{ADDRESS}:{}", HTTP_PORT + 1)),
            ("ZORIO_LIMITS__PBX", "1000000".into()),
            ("ZORIO_BOOTSTRAP__ADMIN_USERNAME", "admin".into()),
            ("ZORIO_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD.into()),
            ("ZORIO_LOG__FILTER", "warn".into()),
        ];
        if setup.tls {
            crate::tls::write_certificate(folder)?;
            environment.push(("ZORIO_TLS__CERT_FILE", folder.join("tls.pem").display().to_string()));
            environment.push(("ZORIO_TLS__KEY_FILE", folder.join("tls-key.pem").display().to_string()));
            environment.push(("ZORIO_SIP__TLS_LISTEN", format!("{ADDRESS}:{}", SIP_PORT + 1)));
        }
        if let Some(file) = &setup.ca_file {
            environment.push(("ZORIO_WEBHOOKS__CA_FILE", file.display().to_string()));
            environment.push(("ZORIO_WEBHOOKS__ALLOW_NETWORKS", "127.0.0.0/8".into()));
        }
        let log = folder.join("zorio.log");
        let program = serve(binary, &environment, &log)?;
        let login = json!({"username": "admin", "password": PASSWORD});
        let answer = ask(http(), "POST", "/api/auth/login", None, Some(&login))?;
        let token = answer["token"].as_str().context("the login answers no token")?.to_owned();
        let binary = binary.to_path_buf();
        let mut zorio = Self { program, binary, environment, token, relayed: Vec::new(), recorded: Vec::new() };
        zorio.furnish(scenarios, setup)?;
        // A fresh process: its memory is that of a server that takes calls, not of one that was being set up.
        drop(zorio.program);
        zorio.program = serve(&zorio.binary, &zorio.environment, &log)?;
        Ok(zorio)
    }

    pub(super) fn sip(&self) -> SocketAddr {
        SocketAddr::from((ADDRESS, SIP_PORT))
    }

    /// Where SIP is spoken by TLS.
    pub(crate) fn tls(&self) -> SocketAddr {
        SocketAddr::from((ADDRESS, SIP_PORT + 1))
    }

    pub(crate) fn processes(&self) -> Vec<u32> {
        vec![self.program.id()]
    }

    pub(super) fn numbers(&self, treatment: Treatment) -> Vec<String> {
        match treatment {
            Treatment::Relayed => self.relayed.clone(),
            Treatment::Recorded => self.recorded.clone(),
        }
    }

    /// Stops the server, has something done to its data folder, and starts it again.
    pub(crate) fn while_stopped(&mut self, act: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        self.program.stop();
        let data = self.environment.iter().find(|(name, _)| *name == "ZORIO_DATA_DIR").map(|(_, value)| value);
        act(Path::new(data.context("the server has a data folder")?))?;
        let log = Path::new(data.context("the server has a data folder")?).with_extension("log");
        self.program = serve(&self.binary, &self.environment, &log)?;
        Ok(())
    }

    /// Asks for something that has to be there.
    pub(crate) fn ask(&self, path: &str) -> Result<Value> {
        ask(http(), "GET", path, Some(&self.token), None)
    }

    pub(crate) fn http(&self) -> SocketAddr {
        http()
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Returns how many call records there are.
    pub(crate) fn records(&self) -> Result<u64> {
        let list = ask(http(), "GET", "/api/pbx/cdr?per_page=1", Some(&self.token), None)?;
        list["total"].as_u64().context("the list of records has no total")
    }

    /// Runs `zorio admin … --json` beside the running server.
    pub(crate) fn admin(&self, arguments: &[&str]) -> Result<Value> {
        let mut command = Command::new(&self.binary);
        command
            .arg("admin")
            .args(arguments)
            .arg("--json")
            .envs(self.environment.iter().map(|(key, value)| (key, value)));
        let output = command.output().context("cannot start zorio admin")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "zorio admin {} failed: {errors}", arguments.join(" "));
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("zorio admin {} prints no JSON", arguments.join(" ")))
    }

    /// One trunk for the caller, and for every ten calls an extension with a number of its own.
    fn furnish(&mut self, scenarios: &Scenarios, setup: &Setup) -> Result<()> {
        let caller = CALLER.to_string();
        self.admin(&["trunk", "create", "--name", "carrier", "--host", &caller, "--auth", "ip", "--sources", &caller])?;
        if let Some(file) = &setup.extensions {
            let answer = self.admin(&["extension", "import", &file.display().to_string()])?;
            ensure!(answer["refused"].as_array().is_some_and(Vec::is_empty), "not all extensions were imported");
        }
        let mut phones = Vec::new();
        for (calls, first_digit, mode) in [(setup.relayed, '2', "none"), (setup.recorded, '4', "all")] {
            for index in 0..calls.div_ceil(CALLS_PER_EXTENSION) {
                let (number, extension) = (format!("{first_digit}{index:06}"), format!("{first_digit}{index:04}"));
                let body = json!({
                    "extension_number": extension, "sip_password": PASSWORD,
                    "recording_mode": mode, "max_concurrent": CALLS_PER_EXTENSION,
                });
                ask(http(), "POST", "/api/pbx/extensions", Some(&self.token), Some(&body))?;
                self.admin(&["route", "create", "--did", &number, "--extension", &extension])?;
                phones.push((extension, PASSWORD.to_owned()));
                if mode == "none" { &mut self.relayed } else { &mut self.recorded }.push(number);
            }
        }
        if phones.is_empty() { Ok(()) } else { scenarios.register(self.sip(), &phones) }
    }
}

/// Starts the server and waits until it takes calls.
fn serve(binary: &Path, environment: &[(&'static str, String)], log: &Path) -> Result<Program> {
    let mut command = Command::new(binary);
    command.arg("serve").envs(environment.iter().map(|(key, value)| (key, value)));
    let mut program = Program::start("zorio", &mut command, log)?;
    let ready = || request(http(), "GET", "/readyz", None, None).is_ok_and(|(status, _)| status == 200);
    if !wait_until(Duration::from_secs(20), ready) || !program.is_running() {
        bail!("zorio did not start:\n{}", std::fs::read_to_string(log).unwrap_or_default());
    }
    Ok(program)
}

fn http() -> SocketAddr {
    SocketAddr::from((ADDRESS, HTTP_PORT))
}
