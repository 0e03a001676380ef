//! One struct per section; `config.default.toml` says what each key means.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use anyhow::{Context, ensure};
use domain::EventName;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};
use store::DatabaseUrl;
use web::LimitSettings;

use super::webphone::Webphone;

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub data_dir: PathBuf,
    drain_seconds: u64,
    #[serde(deserialize_with = "optional")]
    master_key_file: Option<PathBuf>,
    pub node: String,
    pub http: Http,
    pub https: Https,
    pub tls: Tls,
    pub database: Database,
    pub sip: Sip,
    pub calls: Calls,
    pub media: Media,
    pub recordings: Recordings,
    pub voicemail: Voicemail,
    pub webphone: Webphone,
    pub webhooks: Webhooks,
    pub console: Console,
    pub mail: Mail,
    pub alerts: Alerts,
    pub limits: Limits,
    pub bootstrap: Bootstrap,
    pub log: Log,
    pub metrics: Metrics,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub listen: Vec<SocketAddr>,
    #[serde(deserialize_with = "optional")]
    pub public_url: Option<String>,
    pub trusted_proxies: Vec<IpNet>,
    pub max_connections: usize,
    pub stranger_connections: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Https {
    pub listen: Vec<SocketAddr>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    #[serde(deserialize_with = "optional")]
    pub cert_file: Option<PathBuf>,
    #[serde(deserialize_with = "optional")]
    pub key_file: Option<PathBuf>,
    #[serde(deserialize_with = "optional")]
    pub domains_dir: Option<PathBuf>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    #[serde(deserialize_with = "optional")]
    pub url: Option<String>,
    pub readers: u32,
    pub writers: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sip {
    pub udp_listen: Vec<SocketAddr>,
    pub tcp_listen: Vec<SocketAddr>,
    pub tls_listen: Vec<SocketAddr>,
    pub ws_listen: Vec<SocketAddr>,
    pub wss_listen: Vec<SocketAddr>,
    pub ws_origins: Vec<String>,
    #[serde(deserialize_with = "optional")]
    pub tls_ca_file: Option<PathBuf>,
    pub dns_servers: Vec<SocketAddr>,
    #[serde(deserialize_with = "optional")]
    pub external_address: Option<IpAddr>,
    #[serde(deserialize_with = "optional")]
    pub external_address_v6: Option<Ipv6Addr>,
    pub realm: String,
    pub min_expires_seconds: u32,
    pub max_expires_seconds: u32,
    pub stranger_rate: u32,
    pub stranger_burst: u32,
    pub guesses_per_source: u32,
    pub guess_window_seconds: u64,
    pub max_connections: usize,
    pub stranger_connections: usize,
    pub nat_keepalive_seconds: u64,
    pub options_ping_seconds: u64,
    pub stream_ping_seconds: u64,
    pub session_expires_seconds: u32,
    pub min_session_seconds: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    pub agent_ring_seconds: u64,
    pub ring_seconds: u64,
    pub parked_seconds: u64,
    pub longest_seconds: u64,
    pub max_calls: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    pub port_range: PortRange,
    pub bind_address: IpAddr,
    #[serde(deserialize_with = "optional")]
    pub bind_address_v6: Option<Ipv6Addr>,
    pub webrtc_port: u16,
    pub threads: usize,
    pub inactivity_seconds: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recordings {
    #[serde(deserialize_with = "optional")]
    pub dir: Option<PathBuf>,
    pub layout: Layout,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voicemail {
    pub longest_seconds: u64,
    pub silence_seconds: u64,
    pub account_megabytes: u32,
    pub retention_days: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    TwoChannel,
    Mix,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    pub allow_networks: Vec<IpNet>,
    pub deny_networks: Vec<IpNet>,
    #[serde(deserialize_with = "optional")]
    pub ca_file: Option<PathBuf>,
    pub timeout_seconds: u64,
    pub retry_scale: f64,
    pub slots: usize,
    pub pace: u32,
    pub max_age_seconds: BTreeMap<EventName, u64>,
    pub allow_http: bool,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    #[serde(deserialize_with = "optional")]
    pub host: Option<String>,
    pub port: u16,
    pub security: MailSecurity,
    #[serde(deserialize_with = "optional")]
    pub username: Option<String>,
    pub password: String,
    pub from: String,
    #[serde(deserialize_with = "optional")]
    pub ca_file: Option<PathBuf>,
    pub timeout_seconds: u64,
    pub retry_scale: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailSecurity {
    StartTls,
    Tls,
    None,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    pub check_seconds: u64,
    pub settle_seconds: u64,
    pub trunk_seconds: u64,
    pub host_account: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Console {
    pub listen: Vec<SocketAddr>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub login: u32,
    pub login_per_address: u32,
    pub auth: u32,
    pub click_to_call: u32,
    pub pbx: u32,
    pub telesales: u32,
    pub autocall: u32,
    pub other: u32,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    pub admin_username: String,
    #[serde(deserialize_with = "optional")]
    pub admin_password: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub filter: String,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    pub listen: Vec<SocketAddr>,
}

impl Config {
    /// Returns what is wrong between keys that are right each by itself.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let has_certificate = self.tls.cert_file.is_some() && self.tls.key_file.is_some();
        ensure!(!self.data_dir.as_os_str().is_empty(), "data_dir is empty");
        ensure!(self.https.listen.is_empty() || has_certificate, "https.listen needs tls.cert_file and tls.key_file");
        ensure!(
            (self.sip.tls_listen.is_empty() && self.sip.wss_listen.is_empty()) || has_certificate,
            "sip.tls_listen and sip.wss_listen need tls.cert_file and tls.key_file"
        );
        ensure!(
            self.tls.domains_dir.is_none() || has_certificate,
            "tls.domains_dir needs tls.cert_file and tls.key_file"
        );
        ensure!(!self.bootstrap.admin_username.trim().is_empty(), "bootstrap.admin_username is empty");
        ensure!(self.http.max_connections > 0, "http.max_connections is 0");
        ensure!(self.http.stranger_connections > 0, "http.stranger_connections is 0: nobody could sign in");
        ensure!(self.mail.host.is_none() || !self.mail.from.trim().is_empty(), "mail.host needs mail.from");
        ensure!(self.alerts.check_seconds > 0, "alerts.check_seconds is 0");
        ensure!(!self.sip.realm.is_empty(), "sip.realm is empty");
        ensure!(self.sip.max_connections > 0, "sip.max_connections is 0");
        ensure!(
            self.sip.min_expires_seconds <= self.sip.max_expires_seconds,
            "sip.min_expires_seconds is above the maximum"
        );
        ensure!(
            self.sip.session_expires_seconds == 0 || self.sip.session_expires_seconds >= self.sip.min_session_seconds,
            "sip.session_expires_seconds is below the minimum"
        );
        self.webphone.check()?;
        self.database_url()?;
        Ok(())
    }

    pub fn database_url(&self) -> anyhow::Result<DatabaseUrl> {
        let text = self.database.url.clone();
        let text = text.unwrap_or_else(|| format!("sqlite:{}", self.data_dir.join("zorio.db").display()));
        text.parse().context("database.url")
    }

    /// Returns how long live calls may go on after SIGTERM.
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    pub fn set_drain(&mut self, drain: Duration) {
        self.drain_seconds = drain.as_secs();
    }

    pub fn key_file(&self) -> PathBuf {
        self.master_key_file.clone().unwrap_or_else(|| self.data_dir.join("master.key"))
    }

    pub fn recordings_dir(&self) -> PathBuf {
        self.recordings.dir.clone().unwrap_or_else(|| self.data_dir.join("recordings"))
    }

    /// Returns how clients reach the server: as configured, else the first of the addresses it listens on.
    pub fn public_url(&self, http: Option<SocketAddr>, https: Option<SocketAddr>) -> String {
        let reachable = |address: SocketAddr| match address.ip().is_unspecified() {
            true => SocketAddr::new(IpAddr::from([127, 0, 0, 1]), address.port()),
            false => address,
        };
        match (&self.http.public_url, https, http) {
            (Some(url), _, _) => url.trim_end_matches('/').to_owned(),
            (None, Some(address), _) => format!("https://{}", reachable(address)),
            (None, None, Some(address)) => format!("http://{}", reachable(address)),
            (None, None, None) => "http://localhost".to_owned(),
        }
    }
}

impl From<&Limits> for LimitSettings {
    fn from(limits: &Limits) -> Self {
        Self {
            login: limits.login,
            login_per_address: limits.login_per_address,
            auth: limits.auth,
            click_to_call: limits.click_to_call,
            pbx: limits.pbx,
            telesales: limits.telesales,
            autocall: limits.autocall,
            other: limits.other,
        }
    }
}

/// `first-last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

impl PortRange {
    pub fn range(self) -> RangeInclusive<u16> {
        self.first..=self.last
    }
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a range of ports such as 20000-29999");
        let (first, last) = text.split_once('-').ok_or_else(wrong)?;
        let range =
            Self { first: first.trim().parse().map_err(|_| wrong())?, last: last.trim().parse().map_err(|_| wrong())? };
        // One leg needs an even port and the next.
        if range.first == 0 || range.last <= range.first { Err(wrong()) } else { Ok(range) }
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

// Whoever prints settings must not print passwords.
impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("readers", &self.readers)
            .field("writers", &self.writers)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("host", &self.host).field("from", &self.from).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bootstrap").field("admin_username", &self.admin_username).finish_non_exhaustive()
    }
}

/// Reads an empty text as none.
pub(super) fn optional<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(de::Error::custom)
}
