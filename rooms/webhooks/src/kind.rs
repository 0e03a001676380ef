//! What a webhook is for, and what follows from that: what counts as success, when to try again, when it is too late.

use std::time::Duration;

use domain::{EventName, retry};
use http::StatusCode;

/// What is sent to a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Events that it subscribed to, in their envelope.
    Events,
    /// The incoming-call notification of `/api/v3`, with a body of its own.
    Incoming,
}

/// The waits after the first and the second failed attempt of an incoming-call notification.
const INCOMING_SCHEDULE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// An incoming-call notification that is older is worth nothing: the call is over.
const INCOMING_AGE: Duration = Duration::from_secs(60);

impl Kind {
    /// Returns whether an answer with this status is a success.
    pub(crate) fn is_success(self, status: StatusCode) -> bool {
        match self {
            Self::Events => status.is_success(),
            Self::Incoming => status == StatusCode::OK,
        }
    }

    /// Returns the wait between failed attempt `attempt` (1 is the first) and the next; `None` if it was the last.
    /// `asked` is the receiver's `Retry-After`, `chance` a random number in 0..1.
    pub(crate) fn wait_before(
        self,
        attempt: u32,
        asked: Option<Duration>,
        chance: f64,
        scale: f64,
    ) -> Option<Duration> {
        match self {
            Self::Events => {
                let scheduled = retry::wait_before(attempt, None, chance)?.mul_f64(scale);
                Some(scheduled.max(asked.unwrap_or_default().min(retry::RETRY_AFTER_LIMIT)))
            }
            Self::Incoming => {
                let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
                INCOMING_SCHEDULE.get(index).map(|wait| wait.mul_f64(scale))
            }
        }
    }

    /// Returns the age at which a delivery is not attempted any more; `first` says whether it never was.
    pub(crate) fn max_age(self, event: &str, first: bool, limits: &[(EventName, Duration)]) -> Option<Duration> {
        match self {
            // What was attempted once keeps its schedule.
            Self::Events if first => limits.iter().find(|(name, _)| name.as_str() == event).map(|(_, age)| *age),
            Self::Events => None,
            Self::Incoming => Some(INCOMING_AGE),
        }
    }

    /// Returns whether dead letters in a row suspend the webhook.
    pub(crate) const fn suspends(self) -> bool {
        matches!(self, Self::Events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incoming_call_is_told_three_times_within_seconds_and_only_200_will_do() {
        let waits: Vec<_> = (0..4).map(|attempt| Kind::Incoming.wait_before(attempt, None, 0.9, 1.0)).collect();
        assert_eq!(waits, [None, Some(Duration::from_secs(1)), Some(Duration::from_secs(5)), None]);
        let success =
            |kind: Kind| [200, 201, 204, 302, 500].map(|status| kind.is_success(StatusCode::from_u16(status).unwrap()));
        assert_eq!(success(Kind::Incoming), [true, false, false, false, false]);
        assert_eq!(success(Kind::Events), [true, true, true, false, false]);
    }

    #[test]
    fn a_receiver_may_postpone_the_retry_of_an_event_by_a_day_at_most() {
        let wait = |asked| Kind::Events.wait_before(1, Some(Duration::from_secs(asked)), 0.0, 1.0).unwrap().as_secs();
        assert_eq!([wait(1), wait(3_600), wait(1_000_000)], [30, 3_600, 86_400]);
        assert_eq!(Kind::Incoming.wait_before(1, Some(Duration::from_secs(60)), 0.0, 1.0), Some(INCOMING_SCHEDULE[0]));
    }

    #[test]
    fn only_what_was_never_attempted_gets_too_old() {
        let limits = [(EventName::CallRinging, Duration::from_secs(600))];
        let age = |event, first| Kind::Events.max_age(event, first, &limits);
        assert_eq!(age("pbx.call.ringing", true), Some(Duration::from_secs(600)));
        assert_eq!(age("pbx.call.ringing", false), None);
        assert_eq!(age("pbx.cdr.created", true), None);
        assert_eq!(Kind::Incoming.max_age("", false, &limits), Some(INCOMING_AGE));
    }
}
