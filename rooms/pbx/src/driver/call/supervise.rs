//! Third parties: a supervisor who listens, whispers or barges in.

use std::time::Duration;

use domain::{
    call::{Input, Joins, LegNo, Order, Outcome, Part, Ring},
    cause::Cause,
};

use super::Driver;
use crate::driver::{
    inbound,
    live::{Conflict, Supervise, SuperviseMode, Who},
};

/// How long a supervisor's phones ring.
const RINGS: Duration = Duration::from_secs(30);

impl Driver {
    pub(super) async fn supervise(&mut self, extension: &str, mode: SuperviseMode) -> Result<(), Conflict> {
        let joins = match mode {
            SuperviseMode::Listen => Joins::Listen,
            SuperviseMode::Whisper => Joins::Whisper(self.party(&Who::Agent).ok_or(Conflict::NoSuchParty)?),
            SuperviseMode::Barge => Joins::Barge,
        };
        if let Some(leg) = self.third_of(extension) {
            return self.try_feed(Input::Change { leg, joins }).await;
        }
        if !self.machine.may_be_joined() {
            return Err(Conflict::WrongState);
        }
        let tenant = self.setup.tenant;
        let account = self.pbx.directory.account(tenant).ok_or(Conflict::WrongState)?;
        let line = account.active(extension).ok_or(Conflict::Unreachable(Cause::UnallocatedNumber))?;
        let (targets, seat) = inbound::phones(&self.pbx, tenant, line).map_err(Conflict::Unreachable)?;
        let ring = Ring { targets: targets.len(), order: Order::AllAtOnce, time: RINGS };
        self.setup.seats.push(seat);
        self.rare().thirds = targets;
        let fed = self.try_feed(Input::Supervise { ring, joins }).await;
        if fed.is_err() {
            self.free_seats();
        }
        fed
    }

    pub(super) async fn on_supervise(&mut self, wish: Supervise) {
        let done = self.supervise(&wish.extension, wish.mode).await;
        // Whoever asked may have stopped waiting.
        let _ = wish.reply.send(done);
    }

    pub(super) fn on_nobody_joined(&mut self, outcome: Outcome) {
        tracing::info!(call.uuid = %self.setup.call, cause = outcome.cause.as_str(), "nobody came to supervise");
        self.free_seats();
    }

    /// Returns the leg by which an extension takes part as a third.
    fn third_of(&self, extension: &str) -> Option<LegNo> {
        let found = |at: &usize| {
            let leg = &self.legs[*at];
            let third = u8::try_from(*at).ok().and_then(|at| self.machine.part(LegNo(at)));
            leg.extension.as_deref() == Some(extension)
                && leg.ended_at.is_none()
                && matches!(third, Some((Part::Third(_), _)))
        };
        (0..self.legs.len()).find(found).and_then(|at| u8::try_from(at).ok()).map(LegNo)
    }
}
