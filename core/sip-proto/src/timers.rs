//! The timers of RFC 3261 §17 and RFC 6026, and the queue that orders them.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

/// The base values of RFC 3261 table 4; tests shorten them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// The estimate of the round trip, 500 ms.
    pub t1: Duration,
    /// The longest wait between retransmissions, 4 s.
    pub t2: Duration,
    /// The longest time a message stays in the network, 5 s.
    pub t4: Duration,
    /// The wait of a UDP client INVITE transaction in Completed: more than 32 s (timer D).
    pub d: Duration,
    /// The longest time between the first provisional and the final response of our INVITE (timer C is 3 min).
    pub c: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            d: Duration::from_secs(32),
            c: Duration::from_secs(180),
        }
    }
}

impl Timings {
    /// Returns 64 × T1: timers B, F, H, L, M, and the time an answer waits for its ACK.
    pub fn t1x64(&self) -> Duration {
        self.t1.saturating_mul(64)
    }
}

/// Everything an endpoint waits for. The number is the slot, the second one the slot's generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The next deadline of a client transaction: A, B, D, M or E, F, K.
    Client(u32, u32),
    /// The next deadline of a server transaction: G, H, I, L or J.
    Server(u32, u32),
    /// The next deadline of a leg: 2xx retransmission, missing ACK, glare, timer C.
    Leg(u32, u32),
    /// The end of a subscription.
    Subscription(u32, u32),
}

/// Deadlines in order. A timer is never taken out: its owner looks at its own deadline when it comes up.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(Instant, Timer)>>,
}

impl Timers {
    /// Adds a deadline.
    pub fn add(&mut self, at: Instant, timer: Timer) {
        self.heap.push(Reverse((at, timer)));
    }

    /// Returns the earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one timer that is due at `now`.
    pub fn take_due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, timer))| timer)
    }

    /// Returns the number of waiting deadlines, those nobody needs any more included.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Returns whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}
