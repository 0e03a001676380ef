//! What other rooms and the server ask of the exchange as it runs.

use std::collections::HashSet;

use domain::ids::TrunkId;

use crate::{Pbx, TollAlarm, model};

impl Pbx {
    /// Returns where a trunk's registration at its carrier stands.
    pub fn trunk_registration(&self, trunk: TrunkId) -> model::RegistrationState {
        self.trunk_registrations.state(trunk)
    }

    /// Returns whether a trunk answered when it was asked last; one that is never asked does.
    pub fn trunk_answers(&self, trunk: TrunkId) -> bool {
        !self.border.is_down(trunk)
    }

    /// Returns how many calls are up on this node.
    pub fn live_calls(&self) -> usize {
        self.live.count()
    }

    /// Returns what the guard against toll fraud refused within the last hour, of every account.
    pub fn toll_alarms(&self) -> Vec<TollAlarm> {
        self.border.alarms()
    }

    /// Says which trunks do not answer: calls try them last.
    pub fn trunks_are_down(&self, trunks: HashSet<TrunkId>) {
        self.border.set_down(trunks);
    }
}
