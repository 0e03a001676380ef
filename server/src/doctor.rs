//! `zorio doctor`: what would keep the server from starting or working, before it is started.

#![expect(clippy::print_stdout, reason = "prints its findings")]

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use accounts::Accounts;
use anyhow::bail;
use serde_json::json;
use store::{DatabaseUrl, Db, Options};
use web::Text;

use crate::{
    alarms,
    config::Config,
    tls::{self, Certificates},
};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Prints the findings as JSON.
    #[arg(long)]
    pub json: bool,
    /// Prints the default settings with their comments instead.
    #[arg(long)]
    pub defaults: bool,
}

/// What one check found.
struct Finding {
    check: &'static str,
    result: Result<String, String>,
}

/// Checks and prints; fails if anything is wrong.
pub async fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let findings = examine(config).await;
    let wrong = findings.iter().filter(|finding| finding.result.is_err()).count();
    if args.json {
        let list: Vec<_> = findings
            .iter()
            .map(|finding| {
                let (Ok(detail) | Err(detail)) = &finding.result;
                json!({"check": finding.check, "ok": finding.result.is_ok(), "detail": detail})
            })
            .collect();
        println!("{}", json!({"ok": wrong == 0, "checks": list}));
    } else {
        for finding in &findings {
            let (mark, detail) = match &finding.result {
                Ok(detail) => ("ok   ", detail),
                Err(detail) => ("WRONG", detail),
            };
            println!("{mark} {:<12} {detail}", finding.check);
        }
    }
    if wrong > 0 {
        bail!("{wrong} of {} checks failed", findings.len());
    }
    Ok(())
}

async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![
        Finding { check: "settings", result: Ok("every key is known and every value fits".to_owned()) },
        Finding { check: "data_dir", result: data_dir(&config.data_dir).map_err(|text| text.to_string()) },
        Finding { check: "master key", result: key_file(&config.key_file()).map_err(|text| text.to_string()) },
        Finding { check: "database", result: database(config).await },
        Finding { check: "tls", result: certificates(config) },
        Finding { check: "sip tls", result: carriers(config) },
        Finding { check: "mail", result: relay(config).await },
    ];
    for (check, addresses) in [
        ("http", &config.http.listen),
        ("https", &config.https.listen),
        ("metrics", &config.metrics.listen),
        ("sip tcp", &config.sip.tcp_listen),
        ("sip tls", &config.sip.tls_listen),
        ("sip ws", &config.sip.ws_listen),
        ("sip wss", &config.sip.wss_listen),
    ] {
        findings.extend(addresses.iter().map(|address| Finding { check, result: tcp(*address) }));
    }
    findings.extend(config.sip.udp_listen.iter().map(|address| Finding { check: "sip udp", result: udp(*address) }));
    findings.push(Finding { check: "rtp ports", result: rtp(config) });
    findings
}

/// Returns that the folder can be written, or why not: for the console too, in both of its languages.
pub(crate) fn data_dir(path: &Path) -> Result<String, Text> {
    let shown = path.display();
    let failed = |error: std::io::Error| same(format!("{shown}: {error}"));
    match path.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(format!("{shown} will be made")),
        Err(error) => Err(failed(error)),
        Ok(metadata) if !metadata.is_dir() => {
            Err(Text::of(format!("{shown} is not a folder"), format!("{shown} không phải là thư mục")))
        }
        Ok(metadata) if metadata.permissions().mode() & 0o022 != 0 => Err(Text::of(
            format!("{shown} may be written by others: chmod go-w {shown}"),
            format!("người khác có thể ghi vào {shown}: chmod go-w {shown}"),
        )),
        Ok(_) => {
            let probe = path.join(".doctor");
            std::fs::write(&probe, b"").map_err(|error| {
                Text::of(format!("{shown} cannot be written: {error}"), format!("không ghi được vào {shown}: {error}"))
            })?;
            std::fs::remove_file(&probe).map_err(failed)?;
            Ok(format!("{shown} can be written"))
        }
    }
}

/// The same for the file of the master key.
pub(crate) fn key_file(path: &Path) -> Result<String, Text> {
    let shown = path.display();
    match path.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(format!("{shown} will be made")),
        Err(error) => Err(same(format!("{shown}: {error}"))),
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => Err(Text::of(
            format!("{shown} may be read by others: chmod 600 {shown}"),
            format!("người khác có thể đọc {shown}: chmod 600 {shown}"),
        )),
        Ok(_) if Path::new(&[path.as_os_str(), ".next".as_ref()].join("".as_ref())).exists() => Err(Text::of(
            format!("{shown}: a change of the key was cut off: zorio keys rotate finishes it"),
            format!("{shown}: việc đổi khóa bị gián đoạn: lệnh zorio keys rotate sẽ hoàn tất"),
        )),
        Ok(_) => Ok(format!("{shown} is its owner's alone")),
    }
}

/// Returns a text that is the same in every language: a path and what the system says of it.
fn same(text: String) -> Text {
    Text::of(text.clone(), text)
}

async fn database(config: &Config) -> Result<String, String> {
    let url = config.database_url().map_err(|error| format!("{error:#}"))?;
    if let DatabaseUrl::Sqlite(path) = &url
        && !path.exists()
    {
        return Ok(format!("{} will be made", path.display()));
    }
    let db = Db::open(&url, Options::default()).await.map_err(|error| chain(&error))?;
    let found = Accounts::count(&db).await;
    db.close().await;
    let found = found.map_err(|error| format!("{}; is it migrated? zorio migrate", chain(&error)))?;
    Ok(format!("{url:?} answers, {found} accounts"))
}

fn certificates(config: &Config) -> Result<String, String> {
    let (Some(cert), Some(key)) = (&config.tls.cert_file, &config.tls.key_file) else {
        return Ok("no certificate is configured".to_owned());
    };
    let folder = config.tls.domains_dir.as_deref();
    let certificates = Certificates::open(cert, key, folder).map_err(|error| format!("{error:#}"))?;
    let own = format!("{} and {} belong together", cert.display(), key.display());
    match folder {
        None => Ok(own),
        Some(folder) if !folder.is_dir() => Err(format!("tls.domains_dir {} is no folder", folder.display())),
        Some(_) => Ok(format!("{own}; domains of their own: {}", certificates.domains().len())),
    }
}

fn carriers(config: &Config) -> Result<String, String> {
    tls::client(config.sip.tls_ca_file.as_deref()).map_err(|error| format!("{error:#}"))?;
    Ok(match &config.sip.tls_ca_file {
        Some(file) => format!("carriers may show certificates of {} too", file.display()),
        None => "carriers need certificates of a common authority".to_owned(),
    })
}

async fn relay(config: &Config) -> Result<String, String> {
    let Some(host) = &config.mail.host else { return Ok("no relay is configured: no letters are sent".to_owned()) };
    mail::check(&alarms::mail_settings(config)).await.map_err(|error| format!("{host}: {error}"))?;
    Ok(format!("{host} answers and takes the login"))
}

fn tcp(address: SocketAddr) -> Result<String, String> {
    TcpListener::bind(address).map_err(|error| busy(address, &error))?;
    Ok(format!("{address} is free"))
}

fn udp(address: SocketAddr) -> Result<String, String> {
    UdpSocket::bind(address).map_err(|error| busy(address, &error))?;
    Ok(format!("{address} is free"))
}

fn busy(address: SocketAddr, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => format!("{address} is in use (by a running server?)"),
        _ => format!("{address}: {error}"),
    }
}

fn rtp(config: &Config) -> Result<String, String> {
    let range = config.media.port_range;
    let ports = usize::from(range.last - range.first) + 1;
    for port in [range.first, range.last] {
        udp(SocketAddr::new(config.media.bind_address, port))?;
    }
    Ok(format!("{}-{}: room for {} calls", range.first, range.last, ports / 4))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
