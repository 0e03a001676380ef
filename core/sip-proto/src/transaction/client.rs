//! Client transactions (RFC 3261 §17.1, RFC 6026 §7.2).
//!
//! ```text
//! INVITE:  Calling ──1xx──▶ Proceeding          other:  Trying ──1xx──▶ Proceeding
//!    │ A: send again, B: time-out   │              │ E: send again, F: time-out
//!    ├──300-699──▶ Completed (D) ◀──┤              └──200-699──▶ Completed (K)
//!    └──2xx──────▶ Accepted  (M) ◀──┘
//! ```

use std::time::{Duration, Instant};

use super::Kind;
use crate::timers::Timings;

/// What the state machine is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Calling (INVITE) or Trying: nothing came yet.
    Trying,
    Proceeding,
    /// An INVITE got its 2xx; more of them may come (forks, retransmissions).
    Accepted,
    Completed,
    Terminated,
}

/// What to do with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Hand it to the user.
    Pass,
    /// Acknowledge it in this transaction, then hand it to the user.
    AckAndPass,
    /// Send the same ACK again.
    AckAgain,
    Drop,
}

/// What a deadline asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It was not due yet.
    Nothing,
    /// Send the request again (timers A, E).
    Retransmit,
    /// No final response came (timers B, F): tell the user, forget the transaction.
    TimedOut,
    /// Forget the transaction (timers D, K, M).
    Terminated,
}

/// One client transaction.
#[derive(Clone, Debug)]
pub struct Client {
    kind: Kind,
    state: State,
    reliable: bool,
    /// Timers A and E: when, and the wait that follows.
    again: Option<(Instant, Duration)>,
    /// Timers B, D, F, K and M; none while an INVITE is proceeding.
    end: Option<Instant>,
}

impl Client {
    /// Starts the transaction; the request was sent at `now`.
    pub fn new(kind: Kind, reliable: bool, timings: &Timings, now: Instant) -> Self {
        let again = (!reliable).then(|| (now + timings.t1, timings.t1));
        Self { kind, state: State::Trying, reliable, again, end: Some(now + timings.t1x64()) }
    }

    /// Returns the state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes a response with this status.
    pub fn on_response(&mut self, status: u16, timings: &Timings, now: Instant) -> Verdict {
        match (self.kind, self.state, status) {
            (_, State::Terminated, _) => Verdict::Drop,
            (Kind::Invite, State::Trying | State::Proceeding, 100..=199) => {
                if self.state == State::Trying {
                    self.state = State::Proceeding;
                    self.again = None;
                    // Timer C of the user takes over from timer B.
                    self.end = None;
                }
                Verdict::Pass
            }
            (Kind::Invite, State::Trying | State::Proceeding, 200..=299) => {
                self.finish(State::Accepted, timings.t1x64(), now);
                Verdict::Pass
            }
            (Kind::Invite, State::Accepted, 200..=299) => Verdict::Pass,
            (Kind::Invite, State::Trying | State::Proceeding, _) => {
                let linger = if self.reliable { Duration::ZERO } else { timings.d };
                self.finish(State::Completed, linger, now);
                Verdict::AckAndPass
            }
            (Kind::Invite, State::Completed, 300..=699) => Verdict::AckAgain,
            (Kind::Invite, State::Accepted | State::Completed, _) => Verdict::Drop,
            (Kind::Other, State::Trying | State::Proceeding, 100..=199) => {
                if self.state == State::Trying {
                    self.state = State::Proceeding;
                    // From now on the request is repeated every T2 (§17.1.2.2).
                    self.again = self.again.map(|(at, _)| (at, timings.t2));
                }
                Verdict::Pass
            }
            (Kind::Other, State::Trying | State::Proceeding, _) => {
                let linger = if self.reliable { Duration::ZERO } else { timings.t4 };
                self.finish(State::Completed, linger, now);
                Verdict::Pass
            }
            (Kind::Other, State::Accepted | State::Completed, _) => Verdict::Drop,
        }
    }

    /// Gives an INVITE that proceeds (again) a time to end by: after its CANCEL (RFC 3261 §9.1).
    pub fn end_by(&mut self, at: Instant) {
        if matches!(self.state, State::Trying | State::Proceeding) {
            self.end = Some(at);
        }
    }

    /// Looks at the deadlines.
    pub fn on_timeout(&mut self, timings: &Timings, now: Instant) -> Expiry {
        if self.end.is_some_and(|end| end <= now) {
            let state = std::mem::replace(&mut self.state, State::Terminated);
            self.again = None;
            self.end = None;
            return match state {
                State::Trying | State::Proceeding => Expiry::TimedOut,
                State::Accepted | State::Completed | State::Terminated => Expiry::Terminated,
            };
        }
        match self.again {
            Some((at, wait)) if at <= now => {
                let doubled = wait.saturating_mul(2);
                let wait = match (self.kind, self.state) {
                    (Kind::Invite, _) => doubled,
                    (Kind::Other, State::Proceeding) => timings.t2,
                    (Kind::Other, _) => doubled.min(timings.t2),
                };
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

    fn finish(&mut self, state: State, linger: Duration, now: Instant) {
        self.state = state;
        self.again = None;
        self.end = Some(now + linger);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[expect(clippy::disallowed_methods, reason = "a starting point for virtual time")]
    fn start() -> Instant {
        Instant::now()
    }

    /// Runs the machine to its end and returns what happened after how many milliseconds.
    fn run(client: &mut Client, from: Instant) -> Vec<(u128, Expiry)> {
        let timings = Timings::default();
        let mut seen = Vec::new();
        while let Some(at) = client.next_timeout() {
            seen.push(((at - from).as_millis(), client.on_timeout(&timings, at)));
        }
        seen
    }

    #[test]
    fn an_unanswered_invite_over_udp_doubles_timer_a_until_timer_b() {
        let now = start();
        let mut client = Client::new(Kind::Invite, false, &Timings::default(), now);
        let sent: Vec<u128> = run(&mut client, now).iter().map(|(at, _)| *at).collect();
        assert_eq!(sent, [500, 1500, 3500, 7500, 15_500, 31_500, 32_000]);
        assert_eq!(client.state(), State::Terminated);
    }

    #[test]
    fn an_unanswered_request_over_udp_follows_timer_e_capped_at_t2_until_timer_f() {
        let now = start();
        let mut client = Client::new(Kind::Other, false, &Timings::default(), now);
        let seen = run(&mut client, now);
        let sent: Vec<u128> = seen.iter().map(|(at, _)| *at).collect();
        assert_eq!(sent, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500, 32_000]);
        assert_eq!(seen.last(), Some(&(32_000, Expiry::TimedOut)));
    }

    #[test]
    fn nothing_is_sent_again_over_a_reliable_transport() {
        let now = start();
        for kind in [Kind::Invite, Kind::Other] {
            let mut client = Client::new(kind, true, &Timings::default(), now);
            assert_eq!(run(&mut client, now), [(32_000, Expiry::TimedOut)]);
        }
    }

    #[test]
    fn a_provisional_response_stops_timers_a_and_b() {
        let now = start();
        let timings = Timings::default();
        let mut client = Client::new(Kind::Invite, false, &timings, now);
        assert_eq!(client.on_response(100, &timings, now), Verdict::Pass);
        assert_eq!(client.next_timeout(), None);
        client.end_by(now + MS(32_000));
        client.on_response(180, &timings, now);
        assert_eq!(run(&mut client, now), [(32_000, Expiry::TimedOut)]);
    }

    #[test]
    fn a_provisional_response_slows_timer_e_to_t2() {
        let now = start();
        let timings = Timings::default();
        let mut client = Client::new(Kind::Other, false, &timings, now);
        assert_eq!(client.on_response(100, &timings, now), Verdict::Pass);
        let sent: Vec<u128> = run(&mut client, now).iter().map(|(at, _)| *at).take(3).collect();
        assert_eq!(sent, [500, 4500, 8500]);
    }

    #[test]
    fn a_failure_is_acknowledged_again_until_timer_d() {
        let now = start();
        let timings = Timings::default();
        let mut client = Client::new(Kind::Invite, false, &timings, now);
        assert_eq!(client.on_response(486, &timings, now), Verdict::AckAndPass);
        assert_eq!(client.on_response(486, &timings, now), Verdict::AckAgain);
        assert_eq!(client.on_response(200, &timings, now), Verdict::Drop);
        assert_eq!(run(&mut client, now), [(32_000, Expiry::Terminated)]);
        let mut client = Client::new(Kind::Invite, true, &timings, now);
        assert_eq!(client.on_response(486, &timings, now), Verdict::AckAndPass);
        assert_eq!(run(&mut client, now), [(0, Expiry::Terminated)]);
    }

    #[test]
    fn further_2xx_pass_until_timer_m() {
        let now = start();
        let timings = Timings::default();
        for reliable in [false, true] {
            let mut client = Client::new(Kind::Invite, reliable, &timings, now);
            assert_eq!(client.on_response(200, &timings, now), Verdict::Pass);
            assert_eq!(client.on_response(200, &timings, now), Verdict::Pass);
            assert_eq!(client.on_response(603, &timings, now), Verdict::Drop, "6xx after 200");
            assert_eq!(run(&mut client, now), [(32_000, Expiry::Terminated)]);
        }
    }

    #[test]
    fn a_final_response_lingers_for_timer_k() {
        let now = start();
        let timings = Timings::default();
        let mut client = Client::new(Kind::Other, false, &timings, now);
        assert_eq!(client.on_response(200, &timings, now), Verdict::Pass);
        assert_eq!(client.on_response(200, &timings, now), Verdict::Drop);
        assert_eq!(run(&mut client, now), [(5000, Expiry::Terminated)]);
        let mut client = Client::new(Kind::Other, true, &timings, now);
        client.on_response(200, &timings, now);
        assert_eq!(run(&mut client, now), [(0, Expiry::Terminated)]);
    }
}
