//! Opens the telephone exchange: SIP, media and the room that uses them.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use media::Media;
use pbx::Pbx;
use sip::{Realm, Sip};
use sip_proto::registration::Lifetimes;

use crate::{
    config::{Config, Layout},
    tls::{self, Certificates},
    wire::Rooms,
};

/// The exchange with its SIP edge, whose addresses are known once it is bound.
pub struct Exchange {
    pub pbx: Pbx,
    pub sip: Sip,
}

/// Binds SIP and media and opens the room. Links to recordings begin with `public_url`.
pub async fn open(
    config: &Config,
    rooms: &Rooms,
    certificates: Option<&Certificates>,
    public_url: &str,
) -> anyhow::Result<Exchange> {
    let (sip, sip_events) = Sip::open(sip_settings(config, certificates)?).await.context("sip")?;
    sip.allow_origins(own_origins(config, public_url));
    let media = Media::open(media_settings(config)).context("media")?;
    let deps = pbx::Deps {
        db: rooms.db.clone(),
        bus: rooms.bus.clone(),
        secrets: rooms.secrets.clone(),
        sip: sip.clone(),
        sip_events,
        media,
        mail: rooms.mail.clone(),
        config: room_settings(config, public_url),
    };
    Ok(Exchange { pbx: Pbx::open(deps).await?, sip })
}

/// Returns the web sites whose pages may always connect: the server's own and those that the settings name.
pub(crate) fn own_origins(config: &Config, public_url: &str) -> Vec<String> {
    config.sip.ws_origins.iter().cloned().chain([public_url.to_owned()]).collect()
}

fn sip_settings(config: &Config, certificates: Option<&Certificates>) -> anyhow::Result<sip::Config> {
    let limits = sip::Limits {
        stranger_rate: config.sip.stranger_rate,
        stranger_burst: config.sip.stranger_burst,
        guesses_per_source: config.sip.guesses_per_source,
        guess_window: Duration::from_secs(config.sip.guess_window_seconds),
        connections: config.sip.max_connections,
        connections_per_source: config.sip.stranger_connections,
        stream_ping: seconds(config.sip.stream_ping_seconds),
        ..sip::Limits::default()
    };
    let tls_server = certificates.map(|certificates| certificates.server(&[])).transpose()?;
    Ok(sip::Config {
        udp: config.sip.udp_listen.clone(),
        tcp: config.sip.tcp_listen.clone(),
        tls: config.sip.tls_listen.clone(),
        ws: config.sip.ws_listen.clone(),
        wss: config.sip.wss_listen.clone(),
        tls_server: tls_server.map(Arc::new),
        tls_client: Some(tls::client(config.sip.tls_ca_file.as_deref())?),
        dns_servers: config.sip.dns_servers.clone(),
        external: config.sip.external_address,
        external_v6: config.sip.external_address_v6,
        realm: Realm::Fixed(config.sip.realm.clone()),
        user_agent: concat!("Zorio/", env!("CARGO_PKG_VERSION")).to_owned(),
        limits,
        session_expires: (config.sip.session_expires_seconds > 0).then_some(config.sip.session_expires_seconds),
        min_session: config.sip.min_session_seconds,
        ..sip::Config::default()
    })
}

/// Reads 0 as never.
fn seconds(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

fn media_settings(config: &Config) -> media::Config {
    let default = media::Config::default();
    media::Config {
        bind: config.media.bind_address,
        external: config.sip.external_address.or_else(|| first_specific(config)),
        other: config.media.bind_address_v6.or_else(|| first_v6(config)).map(IpAddr::V6),
        other_external: config.sip.external_address_v6.map(IpAddr::V6),
        ports: config.media.port_range.range(),
        webrtc_port: (config.media.webrtc_port != 0).then_some(config.media.webrtc_port),
        threads: if config.media.threads == 0 { default.threads } else { config.media.threads },
        inactivity: Duration::from_secs(config.media.inactivity_seconds),
        ..default
    }
}

/// Returns the address of the first SIP listener that names one, for SDP when media listens on all interfaces.
fn first_specific(config: &Config) -> Option<IpAddr> {
    let listeners = config.sip.udp_listen.iter().chain(&config.sip.tcp_listen);
    let bind = config.media.bind_address;
    let of_family = |address: &IpAddr| !address.is_unspecified() && address.is_ipv6() == bind.is_ipv6();
    listeners.map(|address| address.ip()).find(of_family).filter(|_| bind.is_unspecified())
}

/// Returns the first IPv6 address of the SIP listeners.
fn first_v6(config: &Config) -> Option<Ipv6Addr> {
    let listeners = config.sip.udp_listen.iter().chain(&config.sip.tcp_listen).chain(&config.sip.tls_listen);
    listeners.map(|address| address.ip()).find_map(|address| match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => Some(v6),
    })
}

fn room_settings(config: &Config, public_url: &str) -> pbx::Config {
    pbx::Config {
        public_url: public_url.to_owned(),
        realm: config.sip.realm.clone(),
        recordings_dir: config.recordings_dir(),
        voicemail_dir: config.data_dir.join("voicemail"),
        voicemail_longest: Duration::from_secs(config.voicemail.longest_seconds),
        voicemail_silence: Duration::from_secs(config.voicemail.silence_seconds),
        voicemail_storage: Some(config.voicemail.account_megabytes)
            .filter(|megabytes| *megabytes > 0)
            .map(|megabytes| i64::from(megabytes) * 1_000_000),
        voicemail_retention: (config.voicemail.retention_days > 0)
            .then(|| Duration::from_secs(config.voicemail.retention_days * 86_400)),
        prompts_dir: config.data_dir.join("prompts"),
        recording_layout: match config.recordings.layout {
            Layout::TwoChannel => media::Layout::TwoChannel,
            Layout::Mix => media::Layout::Mix,
        },
        agent_ring_time: Duration::from_secs(config.calls.agent_ring_seconds),
        ring_time: Duration::from_secs(config.calls.ring_seconds),
        parked_time: Duration::from_secs(config.calls.parked_seconds),
        longest_call: (config.calls.longest_seconds > 0).then(|| Duration::from_secs(config.calls.longest_seconds)),
        max_calls: config.calls.max_calls,
        registration: Lifetimes {
            min: config.sip.min_expires_seconds,
            max: config.sip.max_expires_seconds,
            default: config.sip.max_expires_seconds,
        },
        nat_keep_alive: seconds(config.sip.nat_keepalive_seconds),
        options_ping: seconds(config.sip.options_ping_seconds),
        node: config.node.clone(),
    }
}
