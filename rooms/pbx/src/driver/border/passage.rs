//! What one leg over a trunk holds while it lasts: a channel of the trunk, the call's place in the guard's books, and the
//! number that it shows.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use domain::{CallId, TenantId, cause::Cause, ids::TrunkId, routing::Way};

use super::{
    Border, lock,
    numbers::{Outcome, Picked},
    toll::Toll,
};
use crate::driver::live::{Live, Seat, Taken};

/// A way over one trunk. Dropping the last clone gives everything back.
#[derive(Debug)]
pub(crate) struct Passage {
    border: Border,
    live: Live,
    tenant: TenantId,
    trunk: TrunkId,
    /// The number that was checked.
    number: String,
    /// Calls at once, and new ones a second.
    most: u32,
    pace: Option<u32>,
    channel: Mutex<Option<Taken>>,
    toll: Arc<Toll>,
    picked: Option<Picked>,
    answered: AtomicBool,
    told: AtomicBool,
}

/// What a trunk allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) channels: u32,
    pub(crate) per_second: Option<u32>,
}

impl Passage {
    pub(crate) fn new(
        border: &Border,
        live: &Live,
        (tenant, way): (TenantId, &Way),
        bounds: Bounds,
        toll: Arc<Toll>,
        picked: Option<Picked>,
    ) -> Self {
        Self {
            border: border.clone(),
            live: live.clone(),
            tenant,
            trunk: way.trunk,
            number: way.number.clone(),
            most: bounds.channels,
            pace: bounds.per_second,
            channel: Mutex::new(None),
            toll,
            picked,
            answered: AtomicBool::new(false),
            told: AtomicBool::new(false),
        }
    }

    /// Takes a channel and one of this second's calls, unless it has them. False if the trunk has none left.
    pub(crate) fn seize(&self) -> bool {
        let mut channel = lock(&self.channel);
        if channel.is_some() {
            return true;
        }
        let Some(taken) = self.live.take(Seat::Trunk(self.tenant, self.trunk), self.most) else { return false };
        if !self.border.keeps_pace(self.trunk, self.pace) {
            return false;
        }
        *channel = Some(taken);
        true
    }

    /// Says which number of a group it shows.
    pub(crate) fn showing(mut self, picked: Option<Picked>) -> Self {
        self.picked = picked;
        self
    }

    /// Says whose call it is, as the INVITE goes out or the leg moves to another call.
    pub(crate) fn begins(&self, call: CallId) {
        self.toll.begins(call);
    }

    /// The far end has answered: talk is counted from now on.
    pub(crate) fn answered(&self) {
        if !self.answered.swap(true, Ordering::Relaxed) {
            self.toll.answered(&self.number);
            self.tell(Outcome::Answered);
        }
    }

    /// The leg is over: the channel is free, and if it was the one that talked, the place in the books too.
    pub(crate) fn ended(&self, cause: Cause, sip_status: Option<u16>) {
        drop(lock(&self.channel).take());
        if self.answered.load(Ordering::Relaxed) {
            self.toll.ended();
        } else if let Some(outcome) = outcome(cause, sip_status) {
            self.tell(outcome);
        }
    }

    fn tell(&self, outcome: Outcome) {
        if let Some(picked) = &self.picked
            && !self.told.swap(true, Ordering::Relaxed)
        {
            self.border.turned_out(picked, outcome);
        }
    }
}

/// Returns what an unanswered leg says of the number that it showed; nothing if we gave it up ourselves.
const fn outcome(cause: Cause, sip_status: Option<u16>) -> Option<Outcome> {
    match (cause, sip_status) {
        (Cause::LoseRace | Cause::OutgoingCallBarred, _) => None,
        // RFC 8197, RFC 8688: the callee or somebody on the way does not want this caller.
        (_, Some(403 | 603 | 607 | 608)) => Some(Outcome::Blocked),
        (Cause::UserBusy | Cause::NoAnswer | Cause::NoUserResponse | Cause::OriginatorCancel, _) => {
            Some(Outcome::Unanswered)
        }
        _ => Some(Outcome::Failed),
    }
}
