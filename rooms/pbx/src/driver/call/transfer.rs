//! Handing a party on: blind, or after asking.

use std::sync::Arc;

use domain::call::{Input, LegNo, Outcome, Part, Side, Step};

use super::{Driver, refusal};
use crate::driver::{
    directory::Line,
    inbound,
    live::{Conflict, Transfer, TransferMode, Who},
    outbound::Target,
    resolve::{Caller, Resolved},
};

/// Who asked by REFER for the transfer under way.
pub(super) struct Pending {
    leg: sip::Leg,
    refer: sip::ReferKey,
}

/// Whom a party asks before handing the call on.
pub(super) struct Consultation {
    /// All that the number led to: if the call is handed on while it rings, the call does that.
    found: Resolved,
    /// What those see as the caller's number who are asked.
    shown: String,
}

impl Consultation {
    pub(super) fn targets(&self) -> &[Target] {
        &self.found.targets
    }

    pub(super) const fn shown(&self) -> &String {
        &self.shown
    }
}

impl Driver {
    pub(super) async fn transfer(&mut self, wish: Transfer) {
        let begun = match self.party(&wish.by) {
            Some(by) => self.begin_transfer(by, &wish.to, wish.mode).await,
            None => Err(Conflict::NoSuchParty),
        };
        // Whoever asked may have stopped waiting.
        let _ = wish.reply.send(begun);
    }

    /// Begins to hand the other side of `by` on to a number.
    pub(super) async fn begin_transfer(&mut self, by: LegNo, to: &str, mode: TransferMode) -> Result<(), Conflict> {
        let input = self.find_transfer(by, to, mode)?;
        let fed = self.try_feed(input).await;
        if fed.is_err() {
            self.free_seats();
        }
        fed
    }

    /// Ends the consultation: what it held of trunks and of the guard's books is free.
    pub(super) async fn cancel_transfer(&mut self) -> Result<(), Conflict> {
        let done = self.try_feed(Input::Return).await;
        if done.is_ok() {
            self.rare().consult = None;
            self.free_seats();
        }
        done
    }

    /// Finds out where the other side of `by` goes. The input that it returns is not refused: a transfer that is changes
    /// nothing.
    fn find_transfer(&mut self, by: LegNo, to: &str, mode: TransferMode) -> Result<Input, Conflict> {
        if !self.machine.may_transfer(by) {
            return Err(Conflict::WrongState);
        }
        let tenant = self.setup.tenant;
        let account = self.pbx.directory.account(tenant).ok_or(Conflict::WrongState)?;
        // Only an extension hands calls on, and with its own rights.
        let line = self.leg(by).and_then(|leg| leg.extension.as_ref()).and_then(|number| account.active(number));
        let line = line.cloned().ok_or(Conflict::NoSuchParty)?;
        let (shown, own) = (inbound::shown_number(&account, &line), line.extension.number.clone());
        let destination = account.onward(to);
        let goes = self.goes_on(by, line, to);
        let mut resolved = self.find(destination, &goes, 0).map_err(Conflict::Unreachable)?;
        if resolved.targets.iter().any(|target| target.trunk().is_some()) {
            // A carrier takes numbers of the account only: whoever hands the call on shows its own.
            resolved.shown.get_or_insert(shown);
        }
        Ok(match mode {
            TransferMode::Blind => Input::Transfer { by, step: self.begin(resolved) },
            TransferMode::Attended => {
                let Step::Ring(ring) = super::step_of(&resolved) else { return Err(Conflict::WrongState) };
                self.setup.seats.append(&mut resolved.seats);
                let shown = resolved.shown.clone().unwrap_or(own);
                self.rare().consult = Some(Box::new(Consultation { found: resolved, shown }));
                Input::Consult { by, ring }
            }
        })
    }

    /// Returns the other side of `by` as somebody who goes on with the rights of `by`.
    fn goes_on(&self, by: LegNo, line: Arc<Line>, dialled: &str) -> Caller {
        let other = self.other_side(by).and_then(|other| self.leg(other));
        let mut goes = self.setup.caller.clone();
        if let Some(other) = other {
            goes.extension.clone_from(&other.extension);
            if other.side == Side::Callee {
                (goes.number, goes.name) = (other.number.clone(), None);
            }
        }
        Caller { acting: Some(line), dialled: dialled.to_owned(), ..goes }
    }

    /// A phone hands its other side on (RFC 3515): to a number, or to whom it talks with in another call.
    pub(super) async fn on_refer(&mut self, by: LegNo, refer: sip::Refer) {
        let Some(leg) = self.leg(by).and_then(|leg| leg.sip.clone()) else { return };
        if self.rare.as_ref().is_some_and(|rare| rare.transfer.is_some()) {
            return leg.refuse_refer(refer.refer, 491);
        }
        if let Some(replaces) = &refer.replaces {
            return match replaces.leg.filter(|_| self.may_hand_on(by)) {
                Some(other) => {
                    leg.accept_refer(refer.refer);
                    self.rare().transfer = Some(Pending { leg, refer: refer.refer });
                    if let Err(conflict) = self.merge(by, other).await {
                        self.tell_transferor(status_of(&conflict));
                    }
                }
                None => leg.refuse_refer(refer.refer, if replaces.leg.is_some() { 403 } else { 481 }),
            };
        }
        match self.find_transfer(by, &refer.target_user, TransferMode::Blind) {
            Ok(input) => {
                leg.accept_refer(refer.refer);
                self.rare().transfer = Some(Pending { leg, refer: refer.refer });
                if let Err(conflict) = self.try_feed(input).await {
                    self.tell_transferor(status_of(&conflict));
                }
            }
            Err(conflict) => leg.refuse_refer(refer.refer, status_of(&conflict)),
        }
    }

    /// Tells whether that leg is an extension's, which alone hands calls on.
    pub(super) fn may_hand_on(&self, by: LegNo) -> bool {
        self.leg(by).is_some_and(|leg| leg.extension.is_some())
    }

    /// Tells who asked by REFER how it goes; a final status is the last news.
    fn tell_transferor(&mut self, status: u16) {
        let Some(rare) = &mut self.rare else { return };
        let Some(Pending { leg, refer }) = &rare.transfer else { return };
        leg.notify_refer(*refer, status);
        if status >= 200 {
            rare.transfer = None;
        }
    }

    pub(super) fn on_transfer_progress(&mut self, no: LegNo, status: u16) {
        if status == 180 && matches!(self.machine.part(no), Some((Part::Step, _))) {
            self.tell_transferor(180);
        }
    }

    pub(super) fn on_transferred(&mut self, by: LegNo) {
        self.rare().transfers += 1;
        self.tell_transferor(200);
        tracing::info!(call.uuid = %self.setup.call, leg = by.0, "call transferred");
    }

    pub(super) fn on_transfer_failed(&mut self, by: LegNo, outcome: Outcome) {
        self.tell_transferor(
            outcome.sip_status.filter(|status| *status >= 300).unwrap_or_else(|| refusal(outcome.cause)),
        );
        tracing::info!(call.uuid = %self.setup.call, leg = by.0, cause = outcome.cause.as_str(), "transfer failed");
        self.free_seats();
    }

    /// Who was asked is there, or could not be reached; says what follows.
    pub(super) fn on_consulted(&mut self, outcome: Result<LegNo, Outcome>) -> Option<Input> {
        let joins = self.joins_all();
        if outcome.is_err() {
            self.rare().consult = None;
            self.free_seats();
        }
        (joins && outcome.is_ok()).then_some(Input::Merge)
    }

    /// Who is asked rings for the other side from now on, as if it had been sent there at once.
    pub(super) fn on_rings_on(&mut self) {
        if let Some(asks) = self.rare().consult.take() {
            self.begin(asks.found);
        }
    }

    /// Other two talk than before: the books say so, and who left is free for other calls.
    pub(super) fn on_others_talk(&mut self, caller: LegNo, callee: LegNo) {
        let agent = [callee, caller].into_iter().find_map(|no| self.leg(no)?.extension.clone());
        if agent.is_some() {
            self.row.agent_extension = agent;
        }
        self.free_seats();
        self.journalled();
    }

    /// Returns the leg that is meant, among the two who talk or wait.
    pub(super) fn party(&self, who: &Who) -> Option<LegNo> {
        let talking = self.machine.parties().map(|(caller, callee)| [caller, callee]);
        let all = talking.into_iter().flatten().chain(self.machine.waiting());
        match who {
            Who::Leg(uuid) => all.into_iter().find(|no| self.leg(*no).is_some_and(|leg| leg.uuid == *uuid)),
            Who::Agent => {
                let all: Vec<LegNo> = all.collect();
                let extension = |no: &LegNo| self.leg(*no).and_then(|leg| leg.extension.as_ref());
                let own = self.row.agent_extension.as_ref().or(self.row.extension.as_ref());
                let filed = all.iter().find(|no| own.is_some() && extension(no) == own);
                filed.or_else(|| all.iter().find(|no| extension(no).is_some())).copied()
            }
        }
    }

    /// Returns the one who talks with that leg.
    pub(super) fn other_side(&self, leg: LegNo) -> Option<LegNo> {
        let (caller, callee) = self.machine.parties()?;
        match leg {
            leg if leg == caller => Some(callee),
            leg if leg == callee => Some(caller),
            _ => None,
        }
    }
}

/// Returns the response that stands for a conflict.
fn status_of(conflict: &Conflict) -> u16 {
    match conflict {
        Conflict::Unreachable(cause) => refusal(*cause),
        Conflict::NoSuchParty => 403,
        Conflict::WrongState | Conflict::NotRecorded => 480,
    }
}
