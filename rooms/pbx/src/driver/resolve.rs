//! What becomes of a caller next: phones that ring, an app, a queue, another call.
//!
//! Asked when a call starts, and again whenever a step came to nothing or an app is left. Reads memory only.

use std::{sync::Arc, time::Duration};

use domain::{
    CallId, TenantId,
    app::{Announce, App, Conference, Echo, Menu, Next, Park, Prompt, VoicemailMain},
    call::Order,
    cause::Cause,
    ids::TrunkId,
    routing::{Destination, Setting},
};

use super::{
    directory::{Account, Line},
    groups, inbound,
    leave::{Wish, leave},
    live::Taken,
    outbound::Target,
    parking::Place,
    rooms::Chair,
    voicemail,
};
use crate::{
    Pbx,
    model::{Direction, Forwarding, forwarding::TO_VOICEMAIL},
};

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
    /// It asks not to be shown.
    pub(crate) anonymous: bool,
    /// The number that it asked to be shown, an active caller ID of the account.
    pub(crate) asked: Option<String>,
    /// It called a `sips:` URI: every hop has to be encrypted (RFC 5630).
    pub(crate) encrypted: bool,
}

/// The cause for which a `sips:` call is let go that no encrypted way leads on.
pub(crate) const NOT_ENCRYPTED: Cause = Cause::NormalUnspecified;

/// What becomes of a caller.
pub(crate) struct Resolved {
    pub(crate) step: Found,
    pub(crate) targets: Vec<Target>,
    /// Counted as long as they are held. Those of phones that lost the race may go when one has answered:
    /// [`Taken::extension`].
    pub(crate) seats: Vec<Taken>,
    /// The extension that the call is filed under, if it leads to one.
    pub(crate) extension: Option<String>,
    pub(crate) record: bool,
    pub(crate) otherwise: Otherwise,
    /// What is held until the caller leaves the app.
    pub(crate) spot: Option<Spot>,
    /// The number that a trunk is shown in place of the caller's: of a call that is forwarded outside.
    pub(crate) shown: Option<String>,
    /// Headers for the INVITE to the targets.
    pub(crate) headers: Vec<(String, String)>,
    /// What the next question about this call is asked with.
    pub(crate) hops: u8,
}

/// Where a caller is while he is in an app.
#[derive(Debug)]
pub(crate) enum Spot {
    Parked(#[expect(dead_code, reason = "held, and given back when it is dropped")] Place),
    Room(Chair),
}

/// The step itself.
#[expect(clippy::large_enum_variant, reason = "made once a step and taken apart at once")]
pub(crate) enum Found {
    Ring {
        order: Order,
        time: Duration,
    },
    App(App),
    /// The queue of that name.
    Queue(String),
    /// The program that calls.
    Robot,
    /// Answers that call in place of the phones that ring.
    Pickup(CallId),
    /// Takes the caller of that call out of the parking place.
    Retrieve(CallId),
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

    /// The same for whatever happens.
    pub(super) fn always(onward: Option<Onward>) -> Self {
        Self { busy: onward.clone(), no_answer: onward.clone(), offline: onward }
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

impl Onward {
    /// Returns a further destination that is nobody's wish but the account's.
    pub(crate) const fn of(to: Destination) -> Self {
        Self { to, by: None, dialled: String::new() }
    }
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
        // A carrier takes numbers of the account only; who really called and who forwards stands beside (RFC 5806).
        resolved.shown.get_or_insert_with(|| inbound::shown_number(account, by));
        let diverted =
            format!("<sip:{}@{}>;reason=unknown;counter={}", by.extension.number, pbx.config.realm, hops + 1);
        resolved.headers.push(("Diversion".to_owned(), diverted));
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
    let mut resolved = any(pbx, tenant, account, caller, destination, hops)?;
    if caller.encrypted && !resolved.targets.is_empty() {
        resolved.targets.retain(Target::is_encrypted);
        if resolved.targets.is_empty() {
            return Err(NOT_ENCRYPTED);
        }
    }
    Ok(resolved)
}

/// The same, whatever way leads there.
fn any(
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
    let places = &account.places;
    match destination {
        Destination::Extension(number) => extension(pbx, tenant, account, caller, &number, hops),
        Destination::Outbound(trunks) => outside(pbx, tenant, account, caller, &trunks, hops),
        Destination::RingGroup(id) => {
            let group = places.groups.get(&id).ok_or(Cause::UnallocatedNumber)?;
            groups::ring(pbx, tenant, account, caller, group, hops)
        }
        Destination::Queue(name) => Ok(Resolved::step(Found::Queue(name), hops)),
        Destination::Menu(id) => {
            let menu = places.menus.get(&id).ok_or(Cause::UnallocatedNumber)?;
            Ok(Resolved::app(App::Menu(Menu::new(super::apps::menu(menu))), hops))
        }
        Destination::Voicemail(number) => {
            let line = account.active(&number).ok_or(Cause::UnallocatedNumber)?;
            let app = voicemail::leave(pbx, tenant, account, line).ok_or(Cause::NoUserResponse)?;
            Ok(Resolved { extension: Some(number), ..Resolved::app(App::Voicemail(app), hops) })
        }
        Destination::VoicemailMain => {
            let own = caller.extension.as_deref().and_then(|number| account.active(number));
            let own = own.filter(|line| line.extension.voicemail_enabled).map(|line| line.extension.number.clone());
            Ok(Resolved::app(App::VoicemailMain(VoicemailMain::new(own)), hops))
        }
        Destination::Announcement(id) => {
            let bye = Next::Hangup(Cause::NormalClearing);
            Ok(Resolved::app(App::Announce(Announce::new(vec![Prompt::Stored(id)], bye)), hops))
        }
        Destination::Conference(room) => {
            let most = account.dialling.codes.largest_conference;
            let chair = pbx.apps.rooms.enter(&pbx.media, &pbx.tracker, tenant, &room, most).ok_or(Cause::UserBusy)?;
            let spot = Some(Spot::Room(chair));
            Ok(Resolved { spot, ..Resolved::app(App::Conference(Conference::new(room)), hops) })
        }
        Destination::Echo => Ok(Resolved::app(App::Echo(Echo::default()), hops)),
        Destination::Park => park(pbx, tenant, account, caller, hops),
        Destination::Retrieve(slot) => {
            // Whoever waits there is of this account: places are looked up inside of it.
            own_phone(caller)?;
            let call = pbx.apps.lot.find(tenant, slot).ok_or(Cause::UnallocatedNumber)?;
            Ok(Resolved::step(Found::Retrieve(call), hops))
        }
        Destination::Pickup(extension) => {
            let own = own_phone(caller)?;
            let rung = groups::ringing(pbx, tenant, account, own, extension.as_deref()).ok_or(Cause::NoUserResponse)?;
            Ok(Resolved::step(Found::Pickup(rung), hops))
        }
        // Done by whoever dials it, as the call comes in ([`set`]); nobody is sent there.
        Destination::Setting(_) => Err(Cause::FacilityRejected),
        Destination::Reject(cause) => Err(cause),
    }
}

impl Resolved {
    pub(super) fn step(step: Found, hops: u8) -> Self {
        Self {
            step,
            targets: Vec::new(),
            seats: Vec::new(),
            extension: None,
            record: false,
            otherwise: Otherwise::default(),
            spot: None,
            shown: None,
            headers: Vec::new(),
            hops,
        }
    }

    fn app(app: App, hops: u8) -> Self {
        Self::step(Found::App(app), hops)
    }
}

/// Returns the extension that calls, for what only a phone of the account may do.
fn own_phone(caller: &Caller) -> Result<&str, Cause> {
    caller.extension.as_deref().ok_or(Cause::BearerCapabilityNotAuth)
}

fn extension(
    pbx: &Pbx,
    tenant: TenantId,
    account: &Account,
    caller: &Caller,
    number: &str,
    hops: u8,
) -> Result<Resolved, Cause> {
    let line = account.active(number).ok_or(Cause::UnallocatedNumber)?;
    let wish = account.places.wish(number);
    let go = |to: Option<Onward>, cause: Cause| match to {
        Some(to) => {
            // The call stays on file under the extension that was called first.
            let resolved = onward(pbx, tenant, account, caller, &to, hops)?;
            Ok(Resolved { extension: resolved.extension.or_else(|| Some(number.to_owned())), ..resolved })
        }
        None => Err(cause),
    };
    // Whoever is forwarded to calls back: the one who forwards is reached (a secretary reaches the manager).
    let is_target = wish.always.as_deref().is_some_and(|to| caller.extension.as_deref() == Some(to));
    if let Some(to) = wish.always.as_deref().filter(|_| !is_target) {
        return go(forward(account, line, to), Cause::NoRouteDestination);
    }
    let otherwise = wishes(account, line, &wish);
    if wish.do_not_disturb {
        return go(otherwise.busy, Cause::UserBusy);
    }
    let (targets, seat) = match inbound::phones(pbx, tenant, line) {
        Ok(reached) => reached,
        Err(cause) => return go(otherwise.after(cause).cloned(), cause),
    };
    let time = wish.ring_seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    Ok(Resolved {
        targets,
        seats: vec![seat],
        extension: Some(number.to_owned()),
        record: inbound::records(line.extension.recording_mode, Direction::Inbound),
        otherwise,
        ..Resolved::step(Found::Ring { order: Order::AllAtOnce, time: time.unwrap_or(pbx.config.ring_time) }, hops)
    })
}

/// Returns where calls of an extension go when nobody takes them: as it wishes, else its mailbox.
fn wishes(account: &Account, line: &Arc<Line>, wish: &Forwarding) -> Otherwise {
    let mailbox = || {
        let number = line.extension.number.clone();
        line.extension.voicemail_enabled.then(|| Onward::of(Destination::Voicemail(number)))
    };
    let of = |to: &Option<String>| to.as_deref().and_then(|to| forward(account, line, to)).or_else(mailbox);
    Otherwise { busy: of(&wish.busy), no_answer: of(&wish.no_answer), offline: of(&wish.offline) }
}

/// Returns where an extension's calls go that it forwards to `to`: its mailbox, or a number as it would dial it.
fn forward(account: &Account, line: &Arc<Line>, to: &str) -> Option<Onward> {
    if to == TO_VOICEMAIL {
        return Some(Onward::of(Destination::Voicemail(line.extension.number.clone())));
    }
    match account.onward(to) {
        Destination::Park | Destination::Reject(_) => None,
        destination => Some(Onward { to: destination, by: Some(Arc::clone(line)), dialled: to.to_owned() }),
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
    let wish = Wish {
        dialled: &caller.dialled,
        trunks,
        caller_id: caller.asked.as_deref(),
        anonymous: caller.anonymous,
        ..Wish::default()
    };
    let leaving = leave(pbx, tenant, account, Some(line), wish)?;
    Ok(Resolved {
        targets: leaving.targets,
        shown: Some(leaving.shown),
        extension: caller.extension.clone(),
        record: inbound::records(line.extension.recording_mode, Direction::Outbound),
        ..Resolved::step(Found::Ring { order: Order::OneByOne, time: pbx.config.ring_time }, hops)
    })
}

fn park(pbx: &Pbx, tenant: TenantId, account: &Account, caller: &Caller, hops: u8) -> Result<Resolved, Cause> {
    let parker = caller.acting.as_ref().map(|line| line.extension.number.clone());
    // A stranger cannot park: there has to be somebody who comes back for the call.
    let parker = parker.ok_or(Cause::BearerCapabilityNotAuth)?;
    let place = pbx.apps.lot.take(tenant, caller.call, account.slots()).ok_or(Cause::ResourceUnavailable)?;
    // Who parks by calling in hears the place; who is parked by a transfer does not care for it.
    let is_told = caller.extension.as_ref() == Some(&parker);
    let app = App::Park(Park::new(place.slot(), is_told, Some(parker), pbx.config.parked_time));
    Ok(Resolved { spot: Some(Spot::Parked(place)), ..Resolved::app(app, hops) })
}

/// Does what a feature code says that a phone of the account dialled, and tells so. [`resolve`] only decides: it is asked for
/// numbers that others name, too.
///
/// # Errors
/// The cause with which the caller is let go.
pub(super) fn set(
    pbx: &Pbx,
    tenant: TenantId,
    account: &Account,
    caller: &Caller,
    setting: Setting,
) -> Result<Resolved, Cause> {
    let number = own_phone(caller)?.to_owned();
    let word = match &setting {
        Setting::DoNotDisturb(true) | Setting::Forward(Some(_)) => "switched-on",
        Setting::DoNotDisturb(false) | Setting::Forward(None) => "switched-off",
        Setting::TimeCondition(id) => {
            let turned = account.would_be_open(*id, pbx.db.now()).ok_or(Cause::UnallocatedNumber)?;
            if turned { "switched-on" } else { "switched-off" }
        }
    };
    pbx.tracker.spawn(super::apps::change(pbx.clone(), tenant, number, setting));
    let said = vec![Prompt::Silence(300), Prompt::Word(word)];
    Ok(Resolved::app(App::Announce(Announce::new(said, Next::Hangup(Cause::NormalClearing))), 0))
}
