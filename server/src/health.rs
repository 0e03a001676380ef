//! What the running server says about itself: the page "System" of the console.

use std::{path::PathBuf, time::Duration};

use console::{Check, Fact, Health, System};
use domain::Timestamp;
use nix::sys::statvfs::statvfs;
use pbx::Pbx;
use store::{DatabaseUrl, Engine};
use web::Text;

use crate::{config::Config, doctor, tls::Certificates, wire::Rooms};

/// Less free space than this share of the disk is a problem.
const LEAST_FREE: f64 = 0.1;
/// A certificate that ends so soon is a problem.
const EXPIRES_SOON: Duration = Duration::from_secs(14 * 86_400);
/// Deliveries that wait longer, in seconds, are a problem.
const LATEST_DELIVERY: u64 = 300;

/// Returns the page's source.
pub fn system(
    config: &Config,
    rooms: &Rooms,
    pbx: &Pbx,
    certificates: Option<Certificates>,
    public_url: &str,
) -> System {
    let host = Host {
        config: config.clone(),
        rooms: rooms.clone(),
        pbx: pbx.clone(),
        certificates,
        public_url: public_url.to_owned(),
        started: rooms.db.now(),
    };
    System::new(move || {
        let host = host.clone();
        async move { host.look().await }
    })
}

#[derive(Clone)]
struct Host {
    config: Config,
    rooms: Rooms,
    pbx: Pbx,
    certificates: Option<Certificates>,
    public_url: String,
    started: Timestamp,
}

impl Host {
    async fn look(&self) -> Health {
        let mut health = Health { facts: self.facts(), checks: Vec::new() };
        let mut check = |key, result| health.checks.push(Check { key, result });
        check("database", self.database().await);
        check("data_dir", doctor::data_dir(&self.config.data_dir).map(drop));
        check("master_key", doctor::key_file(&self.config.key_file()).map(drop));
        check("disk", self.disk());
        check("certificate", self.certificate());
        check("webhooks", self.webhooks().await);
        health
    }

    fn facts(&self) -> Vec<(&'static str, Fact)> {
        let engine = match self.rooms.db.engine() {
            Engine::Sqlite => "SQLite",
            Engine::Postgres => "PostgreSQL",
        };
        let mut facts = vec![
            ("version", Fact::Text(env!("CARGO_PKG_VERSION").to_owned())),
            ("node", Fact::Text(self.config.node.clone())),
            ("public_url", Fact::Text(self.public_url.clone())),
            ("started", Fact::At(self.started)),
            ("calls", Fact::Text(self.pbx.live_calls().to_string())),
            ("database", Fact::Text(engine.to_owned())),
        ];
        facts.extend(self.database_size().map(|size| ("database_size", Fact::Bytes(size))));
        facts.extend(memory().map(|bytes| ("memory", Fact::Bytes(bytes))));
        facts.extend(self.space().map(|(used, of)| ("disk", Fact::Share { used, of })));
        facts.extend(self.expires_at().map(|at| ("certificate", Fact::At(at))));
        facts
    }

    /// Returns the bytes of an SQLite database with its log; another's are elsewhere.
    fn database_size(&self) -> Option<u64> {
        let Ok(DatabaseUrl::Sqlite(path)) = self.config.database_url() else { return None };
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        let size = |path: PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
        Some(size(path) + size(log.into()))
    }

    /// Returns the used and all bytes of the disk that the data is on.
    fn space(&self) -> Option<(u64, u64)> {
        let disk = statvfs(&self.config.data_dir).ok()?;
        let block = disk.fragment_size();
        // What only root may fill is as good as used.
        Some((
            (disk.blocks() - disk.blocks_free()) * block,
            (disk.blocks() - disk.blocks_free() + disk.blocks_available()) * block,
        ))
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.certificates.as_ref()?.expires_at()
    }

    async fn database(&self) -> Result<(), Text> {
        self.rooms.db.read_any_tenant().await.map(drop).map_err(|error| untold(&error))
    }

    fn disk(&self) -> Result<(), Text> {
        let Some((used, of)) = self.space() else { return Ok(()) };
        let free = 1.0 - used as f64 / of.max(1) as f64;
        if free >= LEAST_FREE {
            return Ok(());
        }
        let percent = format!("{:.0}%", free * 100.0);
        Err(Text::of(format!("{percent} free"), format!("còn trống {percent}")))
    }

    fn certificate(&self) -> Result<(), Text> {
        if self.certificates.is_none() {
            return Ok(());
        }
        let Some(at) = self.expires_at() else {
            return Err(Text::new("its end cannot be read", "không đọc được ngày hết hạn"));
        };
        if at >= self.rooms.db.now().after(EXPIRES_SOON) {
            return Ok(());
        }
        let at = at.rfc3339();
        Err(Text::of(format!("expires {at}"), format!("hết hạn {at}")))
    }

    async fn webhooks(&self) -> Result<(), Text> {
        let health = self.rooms.webhooks.health().await.map_err(|error| untold(&error))?;
        let seconds = health.oldest_due_seconds;
        if seconds <= LATEST_DELIVERY {
            return Ok(());
        }
        Err(Text::of(
            format!("the oldest due delivery waits {seconds} s"),
            format!("lượt gửi đến hạn lâu nhất đã chờ {seconds} giây"),
        ))
    }
}

/// Returns the words of others, which are the same in every language.
fn untold(error: &dyn std::error::Error) -> Text {
    Text::of(error.to_string(), error.to_string())
}

/// Returns the process's resident memory in bytes.
fn memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().split(' ').next()?.parse().ok()?;
    Some(kilobytes * 1024)
}
