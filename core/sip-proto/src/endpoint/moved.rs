//! A peer that lost its connection and is there again by another (RFC 5626 §5.3): its dialogs go on over that.

use std::time::Instant;

use super::{Endpoint, Flow, flow::Destination};

impl Endpoint {
    /// Sends over `to` what would have gone over `from`: further requests of dialogs, answers, and once more what was
    /// never answered. A request that the peer repeats there finds the answer it had.
    pub(super) fn move_flow(&mut self, from: Flow, to: Flow, now: Instant) {
        if from == to {
            return;
        }
        let there = Destination::from(to);
        let moves = |place: &mut Destination| {
            if place.flow == Some(from) {
                *place = there;
            }
        };
        for (_, leg) in &mut self.legs {
            moves(&mut leg.dialog.to);
            if let Some(answer) = &mut leg.unacknowledged {
                moves(&mut answer.to);
            }
            if let Some(reliable) = &mut leg.reliable {
                reliable.each_destination(moves);
            }
        }
        self.core.move_servers(from, to);
        self.core.move_clients(from, to, now);
    }
}
