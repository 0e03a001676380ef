//! What an endpoint is told when it is made, and its limits.

use super::flow::Hosts;
use crate::timers::Timings;

/// Which realm a challenge names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Realm {
    Fixed(String),
    /// The host of the Request-URI: one server for many domains.
    RequestHost,
}

/// The settings of an [`Endpoint`](super::Endpoint).
#[derive(Clone)]
pub struct Config {
    pub timings: Timings,
    /// Seeds tags, branches and Call-IDs. Must be secret and new for each process.
    pub seed: [u8; 32],
    /// Signs nonces.
    pub nonce_key: [u8; 32],
    pub realm: Realm,
    /// The value of User-Agent and Server.
    pub user_agent: String,
    /// `host:port` in Via and Contact.
    pub hosts: Hosts,
    /// Seconds that a session may live without a refresh, as far as we choose it (RFC 4028); not at all if absent.
    pub session_expires: Option<u32>,
    /// The shortest such time that is accepted from others; RFC 4028 wants 90 s, tests less.
    pub min_session: u32,
    /// Subscriptions at once; beyond it SUBSCRIBE is answered 503.
    pub max_subscriptions: usize,
    /// Legs at once; beyond it INVITE is answered 503.
    pub max_legs: usize,
    /// Transactions at once; beyond it new requests are answered 503 without state.
    pub max_transactions: usize,
}

impl Config {
    /// Returns a configuration for `host:port` on all transports with the RFC's timers.
    pub fn new(host: &str, seed: [u8; 32]) -> Self {
        Self {
            timings: Timings::default(),
            seed,
            nonce_key: seed,
            realm: Realm::RequestHost,
            user_agent: "zorio".to_owned(),
            hosts: Hosts::all(host),
            session_expires: Some(SESSION_EXPIRES_SECS),
            min_session: MIN_SESSION_SECS,
            max_subscriptions: 50_000,
            max_legs: 50_000,
            max_transactions: 400_000,
        }
    }
}

/// The session timer that we wish for.
pub const SESSION_EXPIRES_SECS: u32 = 1800;
/// The shortest session timer (RFC 4028 §4).
pub const MIN_SESSION_SECS: u32 = 90;
/// A 422 that wants a longer session than this is not followed.
pub const MAX_SESSION_SECS: u32 = 86_400;
/// Seconds a nonce is good for; the next request gets `stale=true`.
pub const NONCE_LIFE_SECS: u64 = 60;
/// Nonces whose counters are remembered.
pub const MAX_NONCES: usize = 65_536;
/// Seconds in the Retry-After of a 503 that we send because we are behind.
pub const RETRY_AFTER_SECS: u32 = 2;
/// Seconds between the keep-alives of phones that speak RFC 5626. The kernel finds dead connections sooner.
pub const FLOW_TIMER_SECS: u32 = 120;
/// Early dialogs of one INVITE (RFC 5393 forks); further ones are not told apart.
pub const MAX_FORKS: usize = 10;
/// Challenges answered for one request.
pub const MAX_CHALLENGES: u8 = 2;
/// The highest Max-Forwards we send.
pub const MAX_FORWARDS: u8 = 70;
/// Headers of an INVITE handed up, and the bytes of one.
pub const MAX_CUSTOM_HEADERS: usize = 32;
pub const MAX_CUSTOM_HEADER_BYTES: usize = 1024;
/// A smaller unauthenticated UDP request is never answered by more bytes than it has.
pub const MIN_CHALLENGED_BYTES: usize = 200;
/// Times a glare (491) on our re-INVITE is tried again.
pub const MAX_GLARE_RETRIES: u8 = 3;
/// Methods we serve, as in Allow.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REFER, SUBSCRIBE, NOTIFY, REGISTER";
/// Extensions we have, as in Supported.
pub const SUPPORTED: &str = "100rel, norefersub, replaces, timer";
/// The same for an INVITE without an offer: a reliable response would bring one, which nobody waits for.
pub const SUPPORTED_WITHOUT_OFFER: &str = "norefersub, replaces, timer";
/// Event packages that may be subscribed to, as in Allow-Events.
pub const EVENTS: &[&str] = &["dialog", "message-summary"];
pub const ALLOW_EVENTS: &str = "dialog, message-summary";
/// Option tags that may be required of us.
pub const EXTENSIONS: &[&str] = &["path", "outbound", "100rel", "timer", "replaces", "norefersub"];
/// Provisional responses of one leg that its owner hears of; the same one again is not told.
pub const MAX_PROGRESS: u8 = 32;
