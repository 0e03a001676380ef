//! The calls that the demo places, and what must come of them.

use sandbox::{Expected, Outcome};

/// The agents of the demo's account.
pub(super) const AGENTS: [&str; 5] = ["1001", "1002", "1003", "1004", "1005"];

/// One call of the demo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    /// From 1; how the view names it.
    pub(super) number: usize,
    /// The extension that the call is placed from.
    pub(super) from: &'static str,
    /// The number or extension that is called.
    pub(super) to: String,
    pub(super) way: Way,
    pub(super) ends: Ends,
}

/// How a call is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By the REST API, to the carrier.
    ClickToCall(Outcome),
    /// One phone dials the other.
    PhoneToPhone,
}

/// Who ends a call that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// The agent hangs up after a few seconds.
    Agent,
    /// The CRM ends it by the API.
    Api,
    /// The other side, by itself.
    Other,
}

impl Planned {
    /// Returns the story in a few words.
    pub(super) fn story(&self) -> &'static str {
        match (self.way, self.ends) {
            (Way::PhoneToPhone, _) => "phone to phone",
            (Way::ClickToCall(Outcome::Answers { presses: None }), Ends::Api) => "ended by the API",
            (Way::ClickToCall(outcome), _) => outcome.label(),
        }
    }

    pub(super) fn expected(&self) -> Expected {
        match self.way {
            Way::ClickToCall(outcome) => outcome.expected(),
            Way::PhoneToPhone => Outcome::Answers { presses: None }.expected(),
        }
    }

    /// Returns the events that must arrive, in this order.
    pub(super) fn events(&self) -> &'static [&'static str] {
        if self.expected().answered {
            &["pbx.call.ringing", "pbx.call.answered", "pbx.call.hangup", "pbx.cdr.created"]
        } else {
            &["pbx.call.ringing", "pbx.call.hangup", "pbx.cdr.created"]
        }
    }

    /// Returns the extensions that are busy during the call, in ascending order.
    pub(super) fn agents(&self) -> Vec<&str> {
        let mut agents = vec![self.from];
        if self.way == Way::PhoneToPhone {
            agents.push(&self.to);
        }
        agents.sort_unstable();
        agents
    }
}

/// Returns the calls: every outcome of the carrier, and one from phone to phone. Nine click-to-calls stay within the
/// ten that one token may place in a minute.
pub(super) fn calls() -> Vec<Planned> {
    // The long stories first, so that all of them end soon.
    let clicks = [
        ("1001", "84287770003", Ends::Other),
        ("1002", "84287770004", Ends::Agent),
        ("1003", "84287770005", Ends::Agent),
        ("1001", "84287770006", Ends::Other),
        ("1002", "84287770007", Ends::Api),
        ("1003", "84287770059", Ends::Agent),
        ("1004", "84287770000", Ends::Other),
        ("1005", "84287770001", Ends::Other),
        ("1005", "84287770002", Ends::Other),
    ];
    let clicks = clicks.into_iter().map(|(from, to, ends)| (from, to, Way::ClickToCall(Outcome::of(to)), ends));
    let direct = [("1004", "1005", Way::PhoneToPhone, Ends::Agent)];
    let calls = direct.into_iter().chain(clicks).enumerate();
    calls.map(|(n, (from, to, way, ends))| Planned { number: n + 1, from, to: to.to_owned(), way, ends }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_plan_covers_every_outcome_within_one_tokens_limit() {
        let calls = calls();
        let kinds: HashSet<_> = calls.iter().map(|call| call.story()).collect();
        assert_eq!(kinds.len(), calls.len(), "every call tells another story");
        let clicks = calls.iter().filter(|call| matches!(call.way, Way::ClickToCall(_))).count();
        assert!((8..=10).contains(&clicks));
        for digit in 0..8 {
            assert!(calls.iter().any(|call| call.to.ends_with(&digit.to_string())), "no number ends in {digit}");
        }
        assert!(calls.iter().all(|call| call.agents().iter().all(|agent| AGENTS.contains(agent))));
    }
}
