//! Server transactions (RFC 3261 §17.2, RFC 6026 §7.1).
//!
//! ```text
//! INVITE:  Proceeding ──300-699──▶ Completed ──ACK──▶ Confirmed (I)     other:  Trying ──1xx──▶ Proceeding
//!              │                    G: send again, H: no ACK              └──200-699──▶ Completed (J)
//!              └──2xx──▶ Accepted (L)
//! ```

use std::time::{Duration, Instant};

use super::Kind;
use crate::timers::Timings;

/// What the state machine is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No final response yet.
    Proceeding,
    /// An INVITE was answered 2xx; its user repeats the answer.
    Accepted,
    Completed,
    /// The ACK of a failure came.
    Confirmed,
    Terminated,
}

/// What a deadline asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It was not due yet.
    Nothing,
    /// Send the final response again (timer G).
    Retransmit,
    /// Forget the transaction (timers H, I, J, L).
    Terminated,
}

/// One server transaction.
#[derive(Clone, Debug)]
pub struct Server {
    kind: Kind,
    state: State,
    reliable: bool,
    /// Timer G: when, and the wait that follows.
    again: Option<(Instant, Duration)>,
    /// Timers H, I, J and L.
    end: Option<Instant>,
}

impl Server {
    /// Starts the transaction for a request that came over such a transport.
    pub fn new(kind: Kind, reliable: bool) -> Self {
        Self { kind, state: State::Proceeding, reliable, again: None, end: None }
    }

    /// Returns the state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Returns whether a repeated request is answered by the last response.
    pub fn answers_again(&self) -> bool {
        matches!(self.state, State::Proceeding | State::Completed)
    }

    /// Notes that a response was sent; returns false if none may be sent any more.
    pub fn on_response(&mut self, status: u16, timings: &Timings, now: Instant) -> bool {
        if self.state != State::Proceeding {
            return false;
        }
        match (self.kind, status) {
            (_, 100..=199) => {}
            (Kind::Invite, 200..=299) => {
                self.state = State::Accepted;
                self.end = Some(now + timings.t1x64());
            }
            (Kind::Invite, _) => {
                self.state = State::Completed;
                self.again = (!self.reliable).then(|| (now + timings.t1, timings.t1));
                self.end = Some(now + timings.t1x64());
            }
            (Kind::Other, _) => {
                self.state = State::Completed;
                self.end = Some(if self.reliable { now } else { now + timings.t1x64() });
            }
        }
        true
    }

    /// Takes the ACK of a failure.
    pub fn on_ack(&mut self, timings: &Timings, now: Instant) {
        if self.kind == Kind::Invite && self.state == State::Completed {
            self.state = State::Confirmed;
            self.again = None;
            self.end = Some(if self.reliable { now } else { now + timings.t4 });
        }
    }

    /// Looks at the deadlines.
    pub fn on_timeout(&mut self, timings: &Timings, now: Instant) -> Expiry {
        if self.end.is_some_and(|end| end <= now) {
            self.state = State::Terminated;
            self.again = None;
            self.end = None;
            return Expiry::Terminated;
        }
        match self.again {
            Some((at, wait)) if at <= now => {
                let wait = wait.saturating_mul(2).min(timings.t2);
                self.again = Some((now + wait, wait));
                Expiry::Retransmit
            }
            _ => Expiry::Nothing,
        }
    }

    /// Returns the earliest deadline.
    pub fn next_timeout(&self) -> Option<Instant> {
        match (self.again, self.end) {
            (Some((again, _)), Some(end)) => Some(again.min(end)),
            (Some((again, _)), None) => Some(again),
            (None, end) => end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a starting point for virtual time")]
    fn start() -> Instant {
        Instant::now()
    }

    fn run(server: &mut Server, from: Instant) -> Vec<(u128, Expiry)> {
        let timings = Timings::default();
        let mut seen = Vec::new();
        while let Some(at) = server.next_timeout() {
            seen.push(((at - from).as_millis(), server.on_timeout(&timings, at)));
        }
        seen
    }

    #[test]
    fn a_failure_is_sent_again_by_timer_g_until_timer_h() {
        let now = start();
        let mut server = Server::new(Kind::Invite, false);
        assert!(server.on_response(486, &Timings::default(), now));
        assert!(server.answers_again());
        let sent: Vec<u128> = run(&mut server, now).iter().map(|(at, _)| *at).collect();
        assert_eq!(sent, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500, 32_000]);
    }

    #[test]
    fn the_ack_stops_timer_g_and_starts_timer_i() {
        let now = start();
        let mut server = Server::new(Kind::Invite, false);
        server.on_response(486, &Timings::default(), now);
        server.on_ack(&Timings::default(), now);
        assert!(!server.answers_again());
        assert_eq!(run(&mut server, now), [(5000, Expiry::Terminated)]);
        let mut server = Server::new(Kind::Invite, true);
        server.on_response(486, &Timings::default(), now);
        server.on_ack(&Timings::default(), now);
        assert_eq!(run(&mut server, now), [(0, Expiry::Terminated)]);
    }

    #[test]
    fn a_2xx_is_absorbed_until_timer_l() {
        let now = start();
        let mut server = Server::new(Kind::Invite, false);
        assert!(server.on_response(180, &Timings::default(), now));
        assert!(server.on_response(200, &Timings::default(), now));
        assert!(!server.answers_again(), "the user repeats a 2xx");
        assert!(!server.on_response(487, &Timings::default(), now), "there is one final response");
        assert_eq!(run(&mut server, now), [(32_000, Expiry::Terminated)]);
    }

    #[test]
    fn a_finished_request_lingers_for_timer_j() {
        let now = start();
        let mut server = Server::new(Kind::Other, false);
        server.on_response(200, &Timings::default(), now);
        assert_eq!(run(&mut server, now), [(32_000, Expiry::Terminated)]);
        let mut server = Server::new(Kind::Other, true);
        server.on_response(200, &Timings::default(), now);
        assert_eq!(run(&mut server, now), [(0, Expiry::Terminated)]);
    }
}
