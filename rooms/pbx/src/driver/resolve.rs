//! What becomes of a caller next: phones or trunks that ring.
//!
//! Asked when a call starts, and again whenever a step came to nothing. Reads memory only.

use std::{sync::Arc, time::Duration};

use domain::{CallId, TenantId, call::Order, cause::Cause, ids::TrunkId, routing::Destination};

use super::{
    directory::{Account, Line},
    inbound,
    live::Taken,
    outbound::Target,
};
use crate::{Pbx, model::Direction};

/// How often a call may be handed on without a caller's own doing; then it goes in circles.
pub(crate) const MOST_HOPS: u8 = 5;

/// Who is to be taken somewhere.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) call: CallId,
    pub(crate) direction: Direction,
    /// As it is shown to who is called.
    pub(crate) number: String,
    pub(crate) name: Option<String>,
    /// The extension whose phone it is, if it is one of ours.
    pub(crate) extension: Option<String>,
    /// The extension whose right it is to go there: it dialled, it transferred, it forwards. Without one, nothing
    /// leads outside.
    pub(crate) acting: Option<Arc<Line>>,
    /// The number that was dialled: an outside one is dialled as it stands.
    pub(crate) dialled: String,
}

/// What becomes of a caller.
pub(crate) struct Resolved {
    pub(crate) step: Found,
    pub(crate) targets: Vec<Target>,
    pub(crate) seats: Vec<Taken>,
    /// The extension that the call is filed under, if it leads to one.
    pub(crate) extension: Option<String>,
    pub(crate) record: bool,
    pub(crate) otherwise: Otherwise,
    /// The number that a trunk is shown in place of the caller's: of a call that is forwarded outside.
    pub(crate) shown: Option<String>,
    /// Headers for the INVITE to the targets.
    pub(crate) headers: Vec<(String, String)>,
    /// What the next question about this call is asked with.
    pub(crate) hops: u8,
}

/// The step itself.
pub(crate) enum Found {
    Ring { order: Order, time: Duration },
}

/// Where a caller goes whom the step could not help.
#[derive(Clone, Debug, Default)]
pub(crate) struct Otherwise {
    pub(crate) busy: Option<Onward>,
    pub(crate) no_answer: Option<Onward>,
    pub(crate) offline: Option<Onward>,
}

impl Otherwise {
    /// Returns where a caller goes after a step that came to nothing for `cause`.
    pub(crate) fn after(&self, cause: Cause) -> Option<&Onward> {
        match cause {
            Cause::UserBusy | Cause::CallRejected => self.busy.as_ref(),
            Cause::NoAnswer => self.no_answer.as_ref(),
            _ => self.offline.as_ref(),
        }
    }
}

/// A further destination, and whose wish it is.
#[derive(Clone, Debug)]
pub(crate) struct Onward {
    pub(crate) to: Destination,
    /// The extension that forwards, if it is one; its right counts.
    pub(crate) by: Option<Arc<Line>>,
    /// The number that it forwards to.
    pub(crate) dialled: String,
}

/// Takes a caller on after a step came to nothing.
///
/// # Errors
/// The cause with which the caller is let go.
pub(crate) fn onward(
    pbx: &Pbx,
    tenant: TenantId,
    account: &Account,
    caller: &Caller,
    onward: &Onward,
    hops: u8,
) -> Result<Resolved, Cause> {
    let mut caller = caller.clone();
    if let Some(by) = &onward.by {
        caller.acting = Some(Arc::clone(by));
        caller.dialled.clone_from(&onward.dialled);
    }
    let mut resolved = resolve(pbx, tenant, account, &caller, onward.to.clone(), hops + 1)?;
    if let Some(by) = onward.by.as_ref().filter(|_| resolved.targets.iter().any(|target| target.trunk().is_some())) {
        // A carrier takes numbers of the account only.
        resolved.shown.get_or_insert_with(|| inbound::shown_number(account, by));
    }
    Ok(resolved)
}

/// Finds out what becomes of a caller who is to go to `destination`. `hops` counts how often the call was handed on.
///
/// # Errors
/// The cause with which the caller is let go.
pub(crate) fn resolve(
    pbx: &Pbx,
    tenant: TenantId,
    account: &Account,
    caller: &Caller,
    destination: Destination,
    hops: u8,
) -> Result<Resolved, Cause> {
    if hops > MOST_HOPS {
        tracing::info!(call.uuid = %caller.call, "a call that was handed on too often is ended");
        return Err(Cause::ExchangeRoutingError);
    }
    match destination {
        Destination::Extension(number) => {
            let line = account.active(&number).ok_or(Cause::UnallocatedNumber)?;
            let (targets, seat) = inbound::phones(pbx, tenant, line)?;
            Ok(Resolved {
                targets,
                seats: vec![seat],
                record: inbound::records(line.extension.recording_mode, Direction::Inbound),
                extension: Some(number),
                ..Resolved::step(Found::Ring { order: Order::AllAtOnce, time: pbx.config.ring_time }, hops)
            })
        }
        Destination::Outbound(trunks) => outside(pbx, tenant, account, caller, &trunks, hops),
        Destination::Reject(cause) => Err(cause),
    }
}

impl Resolved {
    fn step(step: Found, hops: u8) -> Self {
        Self {
            step,
            targets: Vec::new(),
            seats: Vec::new(),
            extension: None,
            record: false,
            otherwise: Otherwise::default(),
            shown: None,
            headers: Vec::new(),
            hops,
        }
    }
}

fn outside(
    pbx: &Pbx,
    tenant: TenantId,
    account: &Account,
    caller: &Caller,
    trunks: &[TrunkId],
    hops: u8,
) -> Result<Resolved, Cause> {
    // No dial-through: what leads outside is somebody's, who answers for it.
    let line = caller.acting.as_ref().ok_or(Cause::BearerCapabilityNotAuth)?;
    let (targets, seat) = inbound::trunks_for(pbx, tenant, account, line, &caller.dialled, trunks)?;
    Ok(Resolved {
        targets,
        seats: vec![seat],
        extension: caller.extension.clone(),
        record: inbound::records(line.extension.recording_mode, Direction::Outbound),
        ..Resolved::step(Found::Ring { order: Order::OneByOne, time: pbx.config.ring_time }, hops)
    })
}
