//! Settings of the room.

use std::{path::PathBuf, time::Duration};

use domain::{app::PARKED_FOR, call::RING_TIME};
use sip_proto::registration::Lifetimes;

/// How calls run on this node. Times are seconds in the configuration file.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients reach the HTTP listener, without a slash at the end; signed URLs begin with it.
    pub public_url: String,
    /// The digest realm, and the domain in the From of calls to phones.
    pub realm: String,
    pub recordings_dir: PathBuf,
    pub recording_layout: media::Layout,
    /// Where messages and greetings lie.
    pub voicemail_dir: PathBuf,
    /// The longest message.
    pub voicemail_longest: Duration,
    /// Silence that ends a message.
    pub voicemail_silence: Duration,
    /// Bytes that the messages of one account may take; none is no limit.
    pub voicemail_storage: Option<i64>,
    /// How long messages are kept; none means until somebody deletes them.
    pub voicemail_retention: Option<Duration>,
    /// Where the sound of prompts lies.
    pub prompts_dir: PathBuf,
    /// How long the phones of a click-to-call's own extension ring.
    pub agent_ring_time: Duration,
    /// How long the called side rings.
    pub ring_time: Duration,
    /// How long a call stays parked before whoever parked it is called back.
    pub parked_time: Duration,
    /// The longest that two may talk.
    pub longest_call: Option<Duration>,
    /// Calls at once on this node; more are answered 503.
    pub max_calls: u32,
    /// The bounds on registrations.
    pub registration: Lifetimes,
    /// How often phones by UDP behind NAT are sent something; `None` for never.
    pub nat_keep_alive: Option<Duration>,
    /// How often phones by UDP are asked whether they are there; `None` for never.
    pub options_ping: Option<Duration>,
    /// The node's name; the same after a restart.
    pub node: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1:8080".to_owned(),
            realm: "zorio".to_owned(),
            recordings_dir: PathBuf::from("recordings"),
            recording_layout: media::Layout::TwoChannel,
            voicemail_dir: PathBuf::from("voicemail"),
            voicemail_longest: Duration::from_secs(300),
            voicemail_silence: Duration::from_secs(5),
            voicemail_storage: Some(10_000 * 1_000_000),
            voicemail_retention: Some(Duration::from_secs(90 * 86_400)),
            prompts_dir: PathBuf::from("prompts"),
            agent_ring_time: Duration::from_secs(30),
            ring_time: RING_TIME,
            parked_time: PARKED_FOR,
            longest_call: Some(Duration::from_secs(4 * 3600)),
            max_calls: 5_000,
            registration: Lifetimes::default(),
            nat_keep_alive: Some(Duration::from_secs(25)),
            options_ping: None,
            node: "node-1".to_owned(),
        }
    }
}
