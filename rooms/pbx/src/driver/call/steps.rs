//! What becomes of a caller next: the step that follows one that came to nothing.

use domain::{
    call::{Input, Outcome, Step},
    cause::Cause,
    routing::Destination,
};

use super::{Driver, begins, step_of};
use crate::driver::{
    live::Seat,
    resolve::{Caller, Resolved, onward, resolve},
};

impl Driver {
    /// Says what comes after a step that came to nothing.
    pub(super) fn undecided(&mut self, outcome: Outcome) -> Input {
        let Some(next) = self.otherwise.after(outcome.cause) else { return Input::NoNext };
        let tenant = self.setup.tenant;
        let Some(account) = self.pbx.directory.account(tenant) else { return Input::NoNext };
        match onward(&self.pbx, tenant, &account, &self.setup.caller, next, self.hops) {
            Ok(resolved) => Input::Next(self.begin(resolved)),
            Err(cause) => {
                tracing::info!(call.uuid = %self.setup.call, cause = cause.as_str(), "the call cannot be sent on");
                Input::NoNext
            }
        }
    }

    /// Finds out how somebody gets to a destination.
    pub(super) fn find(&self, to: Destination, caller: &Caller, hops: u8) -> Result<Resolved, Cause> {
        let tenant = self.setup.tenant;
        let account = self.pbx.directory.account(tenant).ok_or(Cause::UnallocatedNumber)?;
        resolve(&self.pbx, tenant, &account, caller, to, hops)
    }

    /// Makes what was found the step to be done.
    pub(super) fn begin(&mut self, mut resolved: Resolved) -> Step {
        let step = step_of(&resolved);
        self.rare().begins = begins(&mut resolved);
        if self.row.extension.is_none() {
            self.row.extension.clone_from(&resolved.extension);
        }
        self.targets = resolved.targets;
        self.otherwise = resolved.otherwise;
        self.record |= resolved.record;
        self.hops = resolved.hops;
        self.rare().shown = resolved.shown;
        self.headers = resolved.headers;
        self.free_seats();
        self.setup.seats.extend(resolved.seats);
        step
    }

    /// Gives back the seats of extensions and trunks that have no leg in this call any more.
    pub(super) fn free_seats(&mut self) {
        let account = self.pbx.directory.account(self.setup.tenant);
        let alive = || self.legs.iter().filter(|leg| leg.ended_at.is_none());
        self.setup.seats.retain(|taken| match taken.seat() {
            Seat::Extension(_, number) => alive().any(|leg| leg.extension.as_ref() == Some(number)),
            Seat::Trunk(_, id) => {
                let line = account.as_ref().and_then(|account| account.trunks.get(id));
                line.is_some_and(|line| alive().any(|leg| leg.trunk.as_ref() == Some(&line.trunk.name)))
            }
            Seat::Node => true,
        });
    }
}
