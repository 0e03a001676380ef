//! Who may speak, and how much: token buckets for strangers, memory of those who are known.

use std::{
    collections::{HashMap, HashSet},
    hash::{Hash, Hasher, RandomState},
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::Limits;

/// How long a source that authenticated, or that we called, is exempt from the stranger's budget.
const KNOWN_FOR: Duration = Duration::from_secs(2 * 3600);
/// Known sources remembered at most.
const MAX_KNOWN: usize = 200_000;
/// Failed logins of one user from one source within the window before its requests are no longer looked at.
const MAX_FAILURES: u32 = 10;
/// Pairs of user and source, and sources, whose failures are remembered.
const MAX_FAILING: usize = 65_536;

/// A map that forgets the keys unseen longest: when the young half is full, the old half goes.
#[derive(Debug)]
struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Hash + Eq + Copy, V: Copy> Recent<K, V> {
    fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: (capacity / 2).max(1) }
    }

    fn get(&mut self, key: K, fresh: impl FnOnce() -> V) -> &mut V {
        if !self.young.contains_key(&key) {
            let value = self.old.remove(&key).unwrap_or_else(fresh);
            if self.young.len() >= self.half {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(key, value);
        }
        self.young.get_mut(&key).expect("the key was inserted above")
    }

    fn peek(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Thousandths of a message.
    tokens: u32,
    at: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    since: Instant,
}

/// The doorman of the endpoint task.
#[derive(Debug)]
pub(crate) struct Guard {
    limits: Limits,
    buckets: Recent<u64, Bucket>,
    known: Recent<IpAddr, Instant>,
    trusted: HashSet<IpAddr>,
    /// By user and source.
    failing: Recent<u64, Failures>,
    /// By source alone, whatever the user: guesses that are spread over many extensions.
    guessing: Recent<u64, Failures>,
    /// Users that signed in from a source, and when they did last.
    proven: Recent<u64, Instant>,
    hasher: RandomState,
}

/// What becomes of a login before its password is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Heard,
    /// This user failed too often from there: it is challenged again, whatever it says.
    Unheard,
    /// Too many logins of whatever users failed from there, and this one never signed in from there: refused.
    Barred,
}

impl Guard {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            buckets: Recent::new(limits.stranger_networks),
            known: Recent::new(MAX_KNOWN),
            trusted: HashSet::new(),
            failing: Recent::new(MAX_FAILING),
            guessing: Recent::new(MAX_FAILING),
            proven: Recent::new(MAX_KNOWN),
            hasher: RandomState::new(),
        }
    }

    /// Replaces the sources that never spend a budget.
    pub(crate) fn trust(&mut self, sources: impl Iterator<Item = IpAddr>) {
        self.trusted = sources.collect();
    }

    /// Returns whether a message from `source` may be parsed; a stranger pays one token.
    pub(crate) fn admit(&mut self, source: IpAddr, now: Instant) -> bool {
        if self.is_known(source, now) {
            return true;
        }
        let full = self.limits.stranger_burst.saturating_mul(1000);
        let rate = u64::from(self.limits.stranger_rate);
        let bucket = self.buckets.get(network(source), || Bucket { tokens: full, at: now });
        let passed = u64::try_from(now.saturating_duration_since(bucket.at).as_millis()).unwrap_or(u64::MAX);
        let gained = u32::try_from(passed.saturating_mul(rate)).unwrap_or(u32::MAX);
        bucket.tokens = bucket.tokens.saturating_add(gained).min(full);
        bucket.at = now;
        if bucket.tokens < 1000 {
            return false;
        }
        bucket.tokens -= 1000;
        true
    }

    /// Returns whether `source` is trusted, or authenticated or was called not long ago.
    pub(crate) fn is_known(&self, source: IpAddr, now: Instant) -> bool {
        self.trusted.contains(&source)
            || self.known.peek(&source).is_some_and(|at| now.saturating_duration_since(*at) < KNOWN_FOR)
    }

    /// Remembers that `source` belongs here.
    pub(crate) fn welcome(&mut self, source: IpAddr, now: Instant) {
        *self.known.get(source, || now) = now;
    }

    /// Remembers that `user` signed in from `source`: guesses of others there are not held against it.
    pub(crate) fn proved(&mut self, user: &str, source: IpAddr, now: Instant) {
        let key = self.pair(user, source);
        *self.proven.get(key, || now) = now;
    }

    /// Counts a wrong login.
    pub(crate) fn failed(&mut self, user: &str, source: IpAddr, now: Instant) {
        let window = self.limits.guess_window;
        let keys = (self.pair(user, source), host(source));
        for failures in [
            self.failing.get(keys.0, || Failures { count: 0, since: now }),
            self.guessing.get(keys.1, || Failures { count: 0, since: now }),
        ] {
            if now.saturating_duration_since(failures.since) >= window {
                *failures = Failures { count: 0, since: now };
            }
            failures.count = failures.count.saturating_add(1);
        }
    }

    /// Returns whether a login of `user` from `source` is looked at.
    pub(crate) fn word(&self, user: &str, source: IpAddr, now: Instant) -> Word {
        let pair = self.pair(user, source);
        let spent = |found: Option<&Failures>, most: u32| {
            found.is_some_and(|failures| {
                failures.count >= most && now.saturating_duration_since(failures.since) < self.limits.guess_window
            })
        };
        let is_proven = || self.proven.peek(&pair).is_some_and(|at| now.saturating_duration_since(*at) < KNOWN_FOR);
        if spent(self.failing.peek(&pair), MAX_FAILURES) {
            Word::Unheard
        } else if spent(self.guessing.peek(&host(source)), self.limits.guesses_per_source) && !is_proven() {
            Word::Barred
        } else {
            Word::Heard
        }
    }

    /// Returns how many networks, sources and pairs are remembered.
    #[cfg(test)]
    pub(crate) fn size(&self) -> usize {
        self.buckets.len() + self.known.len() + self.failing.len() + self.guessing.len() + self.proven.len()
    }

    fn pair(&self, user: &str, source: IpAddr) -> u64 {
        let mut hasher = std::hash::BuildHasher::build_hasher(&self.hasher);
        (user, source).hash(&mut hasher);
        hasher.finish()
    }
}

/// The /24 or /48 of an address.
fn network(source: IpAddr) -> u64 {
    match source.to_canonical() {
        IpAddr::V4(ip) => u64::from(u32::from(ip) >> 8),
        IpAddr::V6(ip) => (u64::try_from(u128::from(ip) >> 80).unwrap_or(u64::MAX)) | (1 << 63),
    }
}

/// One host: an IPv4 address, or the /64 in which a host chooses its IPv6 addresses.
fn host(source: IpAddr) -> u64 {
    match source.to_canonical() {
        IpAddr::V4(ip) => u64::from(u32::from(ip)),
        // No global IPv6 prefix begins with as many zeros as an IPv4 address has.
        IpAddr::V6(ip) => u64::try_from(u128::from(ip) >> 64).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(n))
    }

    #[test]
    fn a_stranger_is_cut_off_at_the_burst_and_refilled_by_the_rate() {
        let start = now();
        let mut guard = Guard::new(Limits { stranger_rate: 10, stranger_burst: 5, ..Limits::default() });
        let admitted = (0..20).filter(|_| guard.admit(address(0x0a00_0001), start)).count();
        assert_eq!(admitted, 5);
        let later = start + Duration::from_millis(300);
        assert_eq!((0..20).filter(|_| guard.admit(address(0x0a00_0002), later)).count(), 3, "one /24 shares a bucket");
        assert!(guard.admit(address(0x0b00_0001), later), "another network has its own");
    }

    #[test]
    fn a_known_source_pays_nothing() {
        let start = now();
        let mut guard = Guard::new(Limits { stranger_rate: 1, stranger_burst: 1, ..Limits::default() });
        guard.welcome(address(1), start);
        assert!((0..1000).all(|_| guard.admit(address(1), start)));
        assert!(!guard.is_known(address(1), start + KNOWN_FOR));
    }

    #[test]
    fn sixty_five_thousand_sources_do_not_grow_the_memory() {
        let start = now();
        let mut guard = Guard::new(Limits { stranger_networks: 1024, ..Limits::default() });
        for n in 0..65_536 {
            guard.admit(address(n << 8), start);
        }
        assert!(guard.size() <= 1024);
    }

    #[test]
    fn ten_wrong_logins_shut_out_that_user_from_that_source_alone() {
        let start = now();
        let limits = Limits::default();
        let mut guard = Guard::new(limits);
        for _ in 0..10 {
            assert_eq!(guard.word("101", address(1), start), Word::Heard);
            guard.failed("101", address(1), start);
        }
        assert_eq!(guard.word("101", address(1), start), Word::Unheard);
        assert_eq!(guard.word("102", address(1), start), Word::Heard);
        assert_eq!(guard.word("101", address(2), start), Word::Heard);
        assert_eq!(guard.word("101", address(1), start + limits.guess_window), Word::Heard);
    }

    #[test]
    fn guesses_over_many_users_bar_their_source_but_nobody_who_signed_in_from_there() {
        let start = now();
        let limits = Limits { guesses_per_source: 30, ..Limits::default() };
        let mut guard = Guard::new(limits);
        guard.proved("101", address(1), start);
        for user in 0..30 {
            guard.failed(&format!("2{user:02}"), address(1), start);
        }
        assert_eq!(guard.word("230", address(1), start), Word::Barred);
        assert_eq!(guard.word("101", address(1), start), Word::Heard, "a phone of the same office");
        assert_eq!(guard.word("230", address(2), start), Word::Heard);
        assert_eq!(guard.word("230", address(1), start + limits.guess_window), Word::Heard);
        assert_eq!(guard.word("101", address(1), start + KNOWN_FOR), Word::Heard, "the guesses are over by then");
    }

    #[test]
    fn addresses_of_one_ipv6_host_count_together() {
        let (one, other) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        let mut guard = Guard::new(Limits { guesses_per_source: 1, ..Limits::default() });
        guard.failed("101", one, now());
        assert_eq!(guard.word("102", other, now()), Word::Barred);
        assert_eq!(guard.word("102", "2001:db8:0:1::1".parse().unwrap(), now()), Word::Heard);
    }
}
