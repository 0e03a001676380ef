//! How often a token may ask: a sliding minute per token and group of endpoints.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::{
    ids::TokenId,
    limiter::{Limiter, Verdict},
};
use http::{HeaderName, HeaderValue, header};
use store::Clock;

use crate::{ClientAddress, CountedAs, Error, SignIn};

/// Most tokens and addresses that are counted at a time.
const MOST_KEYS: usize = 200_000;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Endpoints that share one count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// `POST /api/auth/login`, per client address and username.
    Login,
    Auth,
    ClickToCall,
    Pbx,
    Telesales,
    Autocall,
    Other,
}

impl Group {
    /// Returns the group of a path; `None` outside of the API.
    pub fn of(path: &str) -> Option<Self> {
        let under =
            |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        Some(match path {
            "/api/auth/login" => Self::Login,
            "/api/pbx/calls/click-to-call" => Self::ClickToCall,
            _ if under("/api/auth") || under("/oauth") => Self::Auth,
            _ if under("/api/pbx") => Self::Pbx,
            _ if under("/api/telesales") => Self::Telesales,
            _ if under("/api/autocall") => Self::Autocall,
            _ if under("/api") => Self::Other,
            _ => return None,
        })
    }
}

/// Requests a minute, by group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    pub login: u32,
    /// Of one client address, whatever the usernames.
    pub login_per_address: u32,
    pub auth: u32,
    pub click_to_call: u32,
    pub pbx: u32,
    pub telesales: u32,
    pub autocall: u32,
    pub other: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            login: 5,
            login_per_address: 60,
            auth: 30,
            click_to_call: 10,
            pbx: 60,
            telesales: 60,
            autocall: 60,
            other: 60,
        }
    }
}

/// Limits of the caller's account that differ from the server's. The sign-in layer puts it beside [`SignIn`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountLimits {
    pub click_to_call: Option<u32>,
    pub pbx: Option<u32>,
    pub telesales: Option<u32>,
    pub autocall: Option<u32>,
    pub other: Option<u32>,
}

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    Token(TokenId),
    /// Whoever a [`CountedAs`] names.
    Named(u64),
    Address(IpAddr),
    /// An address with the hash of a username.
    Login(IpAddr, u64),
}

/// The counts of all tokens. Clones share them.
#[derive(Clone)]
pub struct Limits {
    shared: Arc<Shared>,
}

struct Shared {
    settings: LimitSettings,
    clock: Clock,
    limiter: Mutex<Limiter<(Who, Group)>>,
}

impl Limits {
    pub fn new(settings: LimitSettings, clock: Clock) -> Self {
        Self { shared: Arc::new(Shared { settings, clock, limiter: Mutex::new(Limiter::new(MOST_KEYS)) }) }
    }

    /// Counts an attempt to sign in as `username` from `address`. The error is the 429.
    ///
    /// The layer cannot do this: the username stands in the body. The result's headers go out with the answer.
    pub fn count_login(&self, address: IpAddr, username: &str) -> (LimitHeaders, Result<(), Error>) {
        let verdict = self.hit((login(address, username), Group::Login), self.shared.settings.login);
        (self.headers(verdict), refusal(verdict))
    }

    /// Counts an attempt to sign in from `address`, as both the layer and [`Self::count_login`] do for the API. The error is
    /// how many seconds to wait.
    pub fn count_sign_in(&self, address: IpAddr, username: &str) -> Result<(), u64> {
        let verdict = self.hit((Who::Address(network(address)), Group::Login), self.shared.settings.login_per_address);
        verdict.retry_after().map_or(Ok(()), Err)?;
        let refused = self.count_login(address, username).1;
        refused.map_err(|error| error.retry_after().unwrap_or(1))
    }

    /// Counts a request for a new password of `username`, apart from attempts to sign in: whoever made too many of those
    /// asks for one next. The error is how many seconds to wait.
    pub fn count_forgotten(&self, address: IpAddr, username: &str) -> Result<(), u64> {
        let settings = &self.shared.settings;
        let of_address = self.hit((Who::Address(network(address)), Group::Auth), settings.login_per_address);
        of_address.retry_after().map_or(Ok(()), Err)?;
        self.hit((login(address, username), Group::Auth), settings.login).retry_after().map_or(Ok(()), Err)
    }

    fn hit(&self, key: (Who, Group), limit: u32) -> Verdict {
        let now = tokio::time::Instant::now().into_std();
        self.shared.limiter.lock().unwrap_or_else(PoisonError::into_inner).hit(key, limit, now)
    }

    fn limit(&self, group: Group, account: AccountLimits) -> u32 {
        let settings = &self.shared.settings;
        match group {
            Group::Login => settings.login_per_address,
            Group::Auth => settings.auth,
            Group::ClickToCall => account.click_to_call.unwrap_or(settings.click_to_call),
            Group::Pbx => account.pbx.unwrap_or(settings.pbx),
            Group::Telesales => account.telesales.unwrap_or(settings.telesales),
            Group::Autocall => account.autocall.unwrap_or(settings.autocall),
            Group::Other => account.other.unwrap_or(settings.other),
        }
    }

    fn headers(&self, verdict: Verdict) -> LimitHeaders {
        let seconds = i64::try_from(verdict.reset_seconds()).unwrap_or(0);
        LimitHeaders {
            limit: verdict.limit,
            remaining: verdict.remaining,
            reset: self.shared.clock.now().secs().saturating_add(seconds),
        }
    }
}

/// `X-RateLimit-Limit`, `-Remaining` and `-Reset` of an answer.
#[derive(Clone, Copy, Debug)]
pub struct LimitHeaders {
    limit: u32,
    remaining: u32,
    /// Seconds since the epoch.
    reset: i64,
}

impl LimitHeaders {
    /// Puts the headers on an answer; the layer leaves them as they are.
    pub fn put(self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(LIMIT, HeaderValue::from(self.limit));
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RESET, HeaderValue::from(self.reset));
    }
}

/// The layer that counts (`axum::middleware::from_fn_with_state(limits, web::limit)`). It stands inside of the sign-in layer.
pub async fn limit(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let Some(group) = Group::of(request.uri().path()) else { return next.run(request).await };
    let extensions = request.extensions();
    let address = extensions.get::<ClientAddress>().map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |client| client.0);
    let account = extensions.get::<AccountLimits>().copied().unwrap_or_default();
    let (who, refused) = match extensions.get::<SignIn>() {
        Some(SignIn::Caller(principal)) => {
            let named = extensions.get::<CountedAs>().map(|named| Who::Named(named.0));
            (principal.token.map(Who::Token).or(named).unwrap_or_else(|| Who::Address(network(address))), None)
        }
        Some(SignIn::Refused(error)) => (Who::Address(network(address)), Some(error.clone())),
        Some(SignIn::Nobody) | None => (Who::Address(network(address)), None),
    };
    let key = (who, group);
    let allowed = limits.limit(group, account);
    // Sign-in counts again by username, which only its handler knows; the headers are then that count's.
    let verdict = limits.hit(key, allowed);
    let mut response = match (refusal(verdict), refused) {
        (Err(error), _) | (Ok(()), Some(error)) => error.into_response(),
        (Ok(()), None) => next.run(request).await,
    };
    if !response.headers().contains_key(LIMIT) {
        limits.headers(verdict).put(&mut response);
    }
    if verdict.allowed {
        return response;
    }
    metrics::counter!("http_rate_limited_total").increment(1);
    debug_assert!(response.headers().contains_key(header::RETRY_AFTER), "a 429 names the wait");
    response
}

/// Returns whose attempts at a username are counted together.
fn login(address: IpAddr, username: &str) -> Who {
    let mut hasher = DefaultHasher::new();
    username.trim().to_lowercase().hash(&mut hasher);
    Who::Login(network(address), hasher.finish())
}

fn refusal(verdict: Verdict) -> Result<(), Error> {
    verdict.retry_after().map_or(Ok(()), |seconds| Err(Error::too_many(seconds)))
}

/// Returns what one customer has of addresses: a single IPv4 address, or an IPv6 network of 64 bits.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_fall_into_the_contracts_groups() {
        for (path, group) in [
            ("/api/auth/login", Some(Group::Login)),
            ("/api/auth/me", Some(Group::Auth)),
            ("/oauth/token", Some(Group::Auth)),
            ("/api/pbx/calls/click-to-call", Some(Group::ClickToCall)),
            ("/api/pbx/cdr", Some(Group::Pbx)),
            ("/api/pbxx", Some(Group::Other)),
            ("/api/telesales/campaigns", Some(Group::Telesales)),
            ("/api/autocall/scripts", Some(Group::Autocall)),
            ("/api/contacts/lookup", Some(Group::Other)),
            ("/api", Some(Group::Other)),
            ("/healthz", None),
            ("/openapi/", None),
        ] {
            assert_eq!(Group::of(path), group, "{path}");
        }
    }

    #[tokio::test]
    async fn the_sixth_sign_in_of_a_minute_is_refused_per_address_and_username() {
        let limits = Limits::new(LimitSettings::default(), Clock::system());
        let here = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..5 {
            assert!(limits.count_login(here, "an").1.is_ok());
        }
        assert_eq!(limits.count_login(here, " AN ").1.map_err(|error| error.status().as_u16()), Err(429));
        assert!(limits.count_login(here, "binh").1.is_ok());
        assert!(limits.count_login(IpAddr::from([192, 0, 2, 2]), "an").1.is_ok());
    }

    #[test]
    fn an_ipv6_customer_is_one_however_many_addresses_it_uses() {
        let one: Ipv6Addr = "2001:db8::1".parse().expect("an address");
        let two: Ipv6Addr = "2001:db8::ffff:1".parse().expect("an address");
        let other: Ipv6Addr = "2001:db8:0:1::1".parse().expect("an address");
        assert_eq!(network(one.into()), network(two.into()));
        assert_ne!(network(one.into()), network(other.into()));
        assert_eq!(network("::ffff:192.0.2.1".parse().expect("an address")), IpAddr::from([192, 0, 2, 1]));
    }
}
