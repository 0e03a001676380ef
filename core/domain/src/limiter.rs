//! How often somebody may do something: an exact sliding window for each key, over a bounded number of keys.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    time::{Duration, Instant},
};

/// The contract's window: every limit is counted over the last 60 seconds.
pub const WINDOW: Duration = Duration::from_secs(60);

/// Counts hits of each key over the last [`WINDOW`].
///
/// Keys live in two generations. A key that is hit moves to the young one; when that is full, or older than the
/// window, it becomes the old one and what was old is forgotten. So memory is bounded, nothing is ever scanned, and
/// a key that was hit within the window is forgotten only if more than half of `max_keys` others were hit after it.
#[derive(Debug)]
pub struct Limiter<K> {
    young: HashMap<K, VecDeque<Instant>>,
    old: HashMap<K, VecDeque<Instant>>,
    /// When the young generation began.
    since: Option<Instant>,
    half: usize,
}

/// What one hit found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub limit: u32,
    /// Hits left in the window after this one.
    pub remaining: u32,
    /// Time until the oldest counted hit leaves the window and a place becomes free.
    pub reset: Duration,
    pub allowed: bool,
}

impl Verdict {
    /// Returns whole seconds to wait, at least 1, if the hit was refused.
    pub fn retry_after(&self) -> Option<u64> {
        (!self.allowed).then(|| whole_seconds(self.reset).max(1))
    }

    /// Returns [`Verdict::reset`] in whole seconds, rounded up.
    pub fn reset_seconds(&self) -> u64 {
        whole_seconds(self.reset)
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl<K: Hash + Eq> Limiter<K> {
    /// Returns a limiter that remembers at most `max_keys` keys.
    pub fn new(max_keys: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), since: None, half: (max_keys / 2).max(1) }
    }

    /// Counts a hit if fewer than `limit` were counted in the window that ends at `now`. A refused hit is not counted.
    pub fn hit(&mut self, key: K, limit: u32, now: Instant) -> Verdict {
        self.turn_generation(now, &key);
        let inherited = self.old.remove(&key);
        let hits = self.young.entry(key).or_insert_with(|| inherited.unwrap_or_default());
        while hits.front().is_some_and(|first| now.saturating_duration_since(*first) >= WINDOW) {
            hits.pop_front();
        }
        let allowed = hits.len() < limit as usize;
        if allowed {
            hits.push_back(now);
        }
        let reset = hits.front().map_or(WINDOW, |first| WINDOW.saturating_sub(now.saturating_duration_since(*first)));
        let counted = u32::try_from(hits.len()).unwrap_or(u32::MAX);
        Verdict { limit, remaining: limit.saturating_sub(counted), reset, allowed }
    }

    /// Tells whether a hit would be refused, without counting one.
    pub fn is_spent(&self, key: &K, limit: u32, now: Instant) -> bool {
        let hits = self.young.get(key).or_else(|| self.old.get(key));
        let inside = |hit: &&Instant| now.saturating_duration_since(**hit) < WINDOW;
        hits.is_some_and(|hits| hits.iter().filter(inside).count() >= limit as usize)
    }

    /// Returns how many keys are remembered.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn turn_generation(&mut self, now: Instant, key: &K) {
        let since = *self.since.get_or_insert(now);
        let full = self.young.len() >= self.half && !self.young.contains_key(key);
        if full || now.saturating_duration_since(since) >= WINDOW {
            self.old = std::mem::take(&mut self.young);
            self.since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests need one real instant to count from")]

    use super::*;

    #[test]
    fn the_sixty_first_hit_within_a_minute_is_refused_and_told_when_to_come_back() {
        let start = Instant::now();
        let mut limiter = Limiter::new(10);
        for second in 0..60_u32 {
            let verdict = limiter.hit("a", 60, start + Duration::from_millis(u64::from(second) * 500));
            assert!(verdict.allowed);
            assert_eq!(verdict.remaining, 59 - second);
        }
        let refused = limiter.hit("a", 60, start + Duration::from_millis(35_500));
        assert!(!refused.allowed);
        assert_eq!((refused.remaining, refused.retry_after()), (0, Some(25)));
        assert!(limiter.hit("b", 60, start + Duration::from_millis(35_500)).allowed, "another key is not concerned");
    }

    #[test]
    fn one_place_becomes_free_for_each_hit_that_leaves_the_window() {
        let start = Instant::now();
        let mut limiter = Limiter::new(10);
        assert!(limiter.hit(1, 2, start).allowed);
        assert!(limiter.hit(1, 2, start + Duration::from_secs(30)).allowed);
        assert!(!limiter.hit(1, 2, start + Duration::from_millis(59_999)).allowed);
        assert!(limiter.hit(1, 2, start + Duration::from_secs(60)).allowed);
        assert!(!limiter.hit(1, 2, start + Duration::from_secs(61)).allowed, "the second is still inside");
        assert!(limiter.hit(1, 2, start + Duration::from_secs(90)).allowed);
    }

    #[test]
    fn a_refused_hit_does_not_prolong_the_wait() {
        let start = Instant::now();
        let mut limiter = Limiter::new(10);
        limiter.hit(1, 1, start);
        for second in 1..60 {
            assert!(!limiter.hit(1, 1, start + Duration::from_secs(second)).allowed);
        }
        assert!(limiter.hit(1, 1, start + Duration::from_secs(60)).allowed);
    }

    #[test]
    fn a_million_keys_do_not_grow_the_memory_and_a_busy_key_is_kept() {
        let start = Instant::now();
        let mut limiter = Limiter::new(1_000);
        for key in 1..100_000_u32 {
            let now = start + Duration::from_micros(u64::from(key));
            if key % 100 == 0 {
                limiter.hit(0, 20, now);
            }
            limiter.hit(key, 20, now);
            assert!(limiter.len() <= 1_000);
        }
        assert!(!limiter.hit(0, 20, start + Duration::from_secs(1)).allowed);
    }

    #[test]
    fn a_limit_of_zero_refuses_everything() {
        let verdict = Limiter::new(1).hit((), 0, Instant::now());
        assert_eq!((verdict.allowed, verdict.retry_after()), (false, Some(60)));
    }
}
