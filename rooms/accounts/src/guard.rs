//! Wrong passwords of one user from many addresses: after too many in a minute only known addresses may go on trying.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::limiter::{Limiter, WINDOW};

/// Wrong passwords of one username in a minute, from all addresses together. One address alone is limited before that.
const MOST_FAILURES: u32 = 60;
/// Most usernames that are counted at a time.
const MOST_NAMES: usize = 50_000;
/// Most pairs of address and username that are remembered as good.
const MOST_FRIENDS: usize = 20_000;
/// How long an address from which somebody signed in stays good for that username.
const FRIENDSHIP: Duration = Duration::from_secs(30 * 86_400);

/// Counts wrong passwords, in memory.
pub(crate) struct Guard {
    state: Mutex<State>,
}

struct State {
    failures: Limiter<u64>,
    friends: HashMap<(IpAddr, u64), Instant>,
}

impl Default for Guard {
    fn default() -> Self {
        Self { state: Mutex::new(State { failures: Limiter::new(MOST_NAMES), friends: HashMap::new() }) }
    }
}

impl Guard {
    /// Returns the seconds to wait if this username was guessed at too often, unless the address is known for it.
    pub(crate) fn check(&self, address: IpAddr, login: &str, now: Instant) -> Result<(), u64> {
        let name = hash(login);
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_friend = || {
            let since = state.friends.get(&(web::network(address), name));
            since.is_some_and(|since| now.saturating_duration_since(*since) < FRIENDSHIP)
        };
        if state.failures.is_spent(&name, MOST_FAILURES, now) && !is_friend() {
            return Err(WINDOW.as_secs());
        }
        Ok(())
    }

    pub(crate) fn failed(&self, login: &str, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures.hit(hash(login), MOST_FAILURES, now);
    }

    pub(crate) fn succeeded(&self, address: IpAddr, login: &str, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.friends.len() >= MOST_FRIENDS {
            // Whoever came last stays; half of the room is made at once, so that this is rare.
            let mut times: Vec<Instant> = state.friends.values().copied().collect();
            let (_, middle, _) = times.select_nth_unstable(MOST_FRIENDS / 2);
            let middle = *middle;
            state.friends.retain(|_, since| *since > middle);
        }
        state.friends.insert((web::network(address), hash(login)), now);
    }
}

fn hash(login: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    login.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn a_user_who_is_guessed_at_from_everywhere_still_gets_in_from_home() {
        let (guard, start) = (Guard::default(), testing_now());
        let home = address(1);
        guard.succeeded(home, "an", start);
        for n in 0..MOST_FAILURES {
            assert!(guard.check(address(100 + n), "an", start).is_ok());
            guard.failed("an", start);
        }
        assert_eq!(guard.check(address(7), "an", start), Err(60));
        assert!(guard.check(home, "an", start).is_ok());
        assert!(guard.check(address(7), "binh", start).is_ok(), "others are not concerned");
        assert!(guard.check(address(7), "an", start + WINDOW).is_ok());
        assert_eq!(guard.check(home, "binh", start), Ok(()));
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let (guard, start) = (Guard::default(), testing_now());
        for n in 0..50_000 {
            guard.succeeded(address(n), "an", start + Duration::from_secs(u64::from(n)));
        }
        let state = guard.state.lock().unwrap();
        assert!(state.friends.len() <= MOST_FRIENDS, "{}", state.friends.len());
        assert!(state.friends.contains_key(&(address(49_999), hash("an"))), "the newest stays");
    }

    fn testing_now() -> Instant {
        tokio::time::Instant::now().into_std()
    }
}
