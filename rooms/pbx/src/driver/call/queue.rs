//! A caller who waits in a queue. (The queues themselves are elsewhere.)

use domain::{
    app::Next,
    call::{LegNo, Outcome},
    cause::Cause,
};

use super::Driver;

impl Driver {
    pub(super) async fn enter_queue(&mut self, _name: String) {
        self.leave_app(Next::Hangup(Cause::DestinationOutOfOrder));
    }

    pub(super) async fn queue_music(&mut self, _to: LegNo) {}

    pub(super) async fn announcement_is_over(&mut self, _no: LegNo) -> bool {
        false
    }

    pub(super) fn key_in_queue(&mut self, _key: char) {}

    pub(super) fn on_offer_failed(&mut self, _offer: u64, _outcome: Outcome) {}
}
