use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The even ports of the range: which are free and which rest.
///
/// A port is drawn at random, so that nobody can guess the next call's, and rests after use, so that late packets of
/// one call never reach another.
pub(crate) struct Ports {
    state: Mutex<State>,
    rest: Duration,
    pairs: usize,
}

struct State {
    free: Vec<u16>,
    /// Oldest first; the instant at which each may be drawn again.
    resting: VecDeque<(Instant, u16)>,
}

impl Ports {
    pub(crate) fn new(range: &RangeInclusive<u16>, rest: Duration) -> Self {
        let free: Vec<u16> = range
            .clone()
            .filter(|port| *port != 0 && port % 2 == 0 && range.contains(&port.saturating_add(1)))
            .collect();
        let pairs = free.len();
        Self { state: Mutex::new(State { free, resting: VecDeque::new() }), rest, pairs }
    }

    /// Returns how many pairs the range holds.
    pub(crate) fn pairs(&self) -> usize {
        self.pairs
    }

    /// Returns how many pairs may be drawn now.
    pub(crate) fn free(&self, now: Instant) -> usize {
        let mut state = self.lock();
        state.wake(now);
        state.free.len()
    }

    /// Draws an even port; `None` when all are in use or resting.
    pub(crate) fn draw(self: &Arc<Self>, now: Instant) -> Option<Lease> {
        let mut state = self.lock();
        state.wake(now);
        if state.free.is_empty() {
            return None;
        }
        let index = rand::random_range(0..state.free.len());
        let port = state.free.swap_remove(index);
        Some(Lease { port, ports: Arc::clone(self) })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self, now: Instant) {
        while let Some(&(at, port)) = self.resting.front()
            && at <= now
        {
            self.resting.pop_front();
            self.free.push(port);
        }
    }
}

/// The right to bind a pair; dropping it puts the port to rest.
pub(crate) struct Lease {
    port: u16,
    ports: Arc<Ports>,
}

impl Lease {
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let at = crate::now() + self.ports.rest;
        self.ports.lock().resting.push_back((at, self.port));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_even_ports_with_their_successor_are_drawn() {
        let ports = Arc::new(Ports::new(&(10_001..=10_006), Duration::ZERO));
        let now = crate::now();
        let leases = [ports.draw(now).unwrap(), ports.draw(now).unwrap()];
        let mut drawn = leases.each_ref().map(Lease::port);
        drawn.sort_unstable();
        assert_eq!(drawn, [10_002, 10_004]);
        assert!(ports.draw(now).is_none());
    }

    #[test]
    fn the_highest_port_of_all_has_no_successor_out_of_range() {
        assert_eq!(Ports::new(&(65_534..=65_535), Duration::ZERO).pairs(), 1);
        assert_eq!(Ports::new(&(65_535..=65_535), Duration::ZERO).pairs(), 0);
        assert_eq!(Ports::new(&(0..=1), Duration::ZERO).pairs(), 0);
    }

    #[test]
    fn a_freed_port_rests_before_it_is_drawn_again() {
        let ports = Arc::new(Ports::new(&(10_000..=10_001), Duration::from_secs(2)));
        drop(ports.draw(crate::now()).unwrap());
        let freed = crate::now();
        assert!(ports.draw(freed + Duration::from_millis(1_900)).is_none());
        assert!(ports.draw(freed + Duration::from_millis(2_001)).is_some());
    }

    #[test]
    fn ports_are_drawn_evenly_over_the_range() {
        // Chi-square over 64 pairs and 64,000 draws; the 99.99 % quantile for 63 degrees of freedom is about 110.
        let ports = Arc::new(Ports::new(&(20_000..=20_127), Duration::ZERO));
        let mut counts = [0f64; 64];
        for _ in 0..64_000 {
            let port = ports.draw(crate::now()).unwrap().port();
            counts[usize::from(port - 20_000) / 2] += 1.0;
        }
        let chi_square: f64 = counts.iter().map(|count| (count - 1_000.0).powi(2) / 1_000.0).sum();
        assert!(chi_square < 120.0, "{chi_square}");
    }
}
