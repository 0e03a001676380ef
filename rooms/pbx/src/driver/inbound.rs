//! Calls that come in: whose they are, where they go, and what becomes of them.

use std::sync::Arc;

use domain::{CallId, LegId, TenantId, cause::Cause, ids::TrunkId, number, routing::Destination};
use uuid::Uuid;

use super::{
    auth::{self, Login},
    call::{self, Setup},
    directory::{Account, Line},
    live::{Command, JoinAs, Joining, LegView, Seat, Taken, View},
    network::{self, Carried},
    outbound::{self, PhoneTarget, Target},
    resolve::{self, Found, Resolved, resolve},
    whose::{Whose, whose},
};
use crate::{
    Pbx,
    model::{Direction, RecordingMode, SourceType},
};

/// Who calls, once it is known.
enum Caller {
    Extension(Arc<Line>),
    Trunk(TrunkId),
}

/// Takes an INVITE to its call, or refuses it. Returns at once: the call runs on its own.
pub(crate) fn receive(pbx: &Pbx, incoming: sip::Incoming) {
    let source = incoming.source.ip();
    let is_page = matches!(incoming.transport, sip::Transport::Ws | sip::Transport::Wss);
    let (tenant, caller) = if incoming.credentials.is_none() {
        match whose(pbx, source, &incoming.request) {
            // A page is nobody's carrier: behind a proxy all pages come from one address, which may be a carrier's too.
            _ if is_page => return incoming.challenge(),
            Whose::Trunk(tenant, trunk) => (tenant, Caller::Trunk(trunk)),
            // Trusted a moment ago: it has to say who it is.
            Whose::Stranger => return incoming.challenge(),
            Whose::Unclear => return incoming.reject(404, None),
        }
    } else {
        let host = incoming.request.uri_host.as_str();
        match auth::login(pbx, incoming.credentials.as_ref(), "INVITE", host, source) {
            Login::Proven { tenant, line, .. } => (tenant, Caller::Extension(line)),
            Login::Wrong => return incoming.challenge(),
            Login::Limited => return incoming.reject(403, None),
        }
    };
    let Some(account) = pbx.directory.account(tenant) else { return incoming.reject(404, None) };
    if incoming.request.is_sips && !incoming.transport.is_secure() {
        return incoming.reject(416, Some(sip::Reason::sip(416, "sips needs TLS")));
    }
    if incoming.replaces.is_some() {
        return replace(pbx, tenant, &caller, incoming);
    }
    let planned = match &caller {
        Caller::Extension(line) => from_extension(pbx, tenant, &account, line, &incoming),
        Caller::Trunk(trunk) => from_trunk(pbx, tenant, &account, *trunk, &incoming),
    };
    match planned {
        Ok(planned) => match planned.first.step {
            Found::Pickup(call) => join(pbx, tenant, call, JoinAs::Pickup, planned, incoming),
            Found::Retrieve(call) => join(pbx, tenant, call, JoinAs::Retrieve, planned, incoming),
            _ => start(pbx, tenant, planned, incoming),
        },
        Err(cause) => {
            tracing::info!(
                tenant.id = %tenant,
                cause = cause.as_str(),
                to = number::masked(&incoming.request.uri_user),
                "call refused"
            );
            let reason = match cause {
                resolve::NOT_ENCRYPTED if incoming.request.is_sips => Some(sip::Reason::sip(480, "SIPS Not Allowed")),
                _ => call::reason(cause),
            };
            incoming.reject(call::refusal(cause), reason);
        }
    }
}

/// Takes an INVITE that asks for the place of a leg to the call of that leg (RFC 3891). Only extensions take places, and
/// only in calls of their account.
fn replace(pbx: &Pbx, tenant: TenantId, caller: &Caller, incoming: sip::Incoming) {
    let Caller::Extension(line) = caller else { return incoming.reject(403, None) };
    let found = incoming.replaces.as_ref().and_then(|replaces| {
        let key = replaces.leg?;
        Some((pbx.live.with_leg(tenant, key)?, key, replaces.refusal()))
    });
    let (call, key) = match found {
        None => return incoming.reject(481, None),
        Some((_, _, Some(status))) => return incoming.reject(status, None),
        Some((call, key, None)) => (call, key),
    };
    let Ok(seat) = take_extension(pbx, tenant, line) else { return incoming.reject(486, None) };
    let extension = Some(line.extension.number.clone());
    let joining = Joining { incoming, how: JoinAs::Replaces(key), extension, seat: Some(seat) };
    // A call that ended meanwhile drops the INVITE, which refuses it.
    pbx.live.command(tenant, call, Command::Join(Box::new(joining)));
}

/// Lets somebody into a call that is up: the INVITE becomes a leg of it, not a call of its own.
fn join(pbx: &Pbx, tenant: TenantId, call: CallId, how: JoinAs, planned: Planned, incoming: sip::Incoming) {
    let joining = Joining { incoming, how, extension: planned.extension, seat: Some(planned.seat) };
    // A call that ended meanwhile drops the INVITE, which refuses it.
    pbx.live.command(tenant, call, Command::Join(Box::new(joining)));
}

/// What is known of a call before it starts.
struct Planned {
    caller: resolve::Caller,
    source_type: SourceType,
    trunk: Option<(TrunkId, String)>,
    extension: Option<String>,
    /// The caller's own seat.
    seat: Taken,
    first: Resolved,
    carried: Option<Box<Carried>>,
}

fn from_extension(
    pbx: &Pbx,
    tenant: TenantId,
    account: &Account,
    line: &Arc<Line>,
    incoming: &sip::Incoming,
) -> Result<Planned, Cause> {
    let dialled = incoming.request.uri_user.clone();
    let own = &line.extension;
    // The login says who calls, whatever From claims. Whoever calls for help is not told to hang up something first.
    let most = if account.is_emergency(&dialled) { Some(u32::MAX) } else { None };
    let seat = take_seat(pbx, tenant, line, most)?;
    let destination = account.way(&dialled);
    let leaves = matches!(destination, Destination::Outbound(_));
    let mut caller = resolve::Caller {
        call: CallId(Uuid::now_v7()),
        direction: if leaves { Direction::Outbound } else { Direction::Internal },
        number: own.number.clone(),
        name: own.display_name.clone().filter(|_| !leaves),
        extension: Some(own.number.clone()),
        acting: Some(Arc::clone(line)),
        dialled,
        anonymous: false,
        asked: None,
        encrypted: incoming.request.is_sips,
    };
    let mut first = match destination {
        Destination::Setting(setting) => resolve::set(pbx, tenant, account, &caller, setting)?,
        destination => resolve(pbx, tenant, account, &caller, destination, 0)?,
    };
    if let Some(shown) = first.shown.take() {
        caller.number = shown;
    }
    first.record |= records(own.recording_mode, Direction::Outbound);
    if matches!(first.step, Found::App(_)) {
        caller.direction = Direction::Local;
    }
    Ok(Planned {
        caller,
        source_type: if leaves { SourceType::OutboundManual } else { SourceType::Internal },
        trunk: None,
        extension: Some(own.number.clone()),
        seat,
        first,
        carried: None,
    })
}

/// A trunk reaches only the numbers that are mapped to extensions, never another trunk (no transit).
fn from_trunk(
    pbx: &Pbx,
    tenant: TenantId,
    account: &Account,
    trunk: TrunkId,
    incoming: &sip::Incoming,
) -> Result<Planned, Cause> {
    let line = account.trunks.get(&trunk).ok_or(Cause::NoRouteTransitNet)?;
    let carried = Carried::of(&incoming.request);
    if carried.is_loop() {
        return Err(Cause::ExchangeRoutingError);
    }
    let asserted = network::asserted(&incoming.request, &line.trunk.options);
    let number = asserted.as_deref().unwrap_or(&incoming.request.from_user);
    let leads = |dialled: &str| account.inbound(dialled, number, trunk, pbx.db.now()).cloned();
    let mut dialled = incoming.request.uri_user.clone();
    let mut destination = leads(&dialled);
    let is_contact = line.contact == dialled || line.trunk.username.as_ref() == Some(&dialled);
    if destination.is_none() && is_contact {
        // A carrier that a trunk is registered at may call its contact: the number is in To then.
        dialled.clone_from(&incoming.request.to_user);
        destination = leads(&dialled);
    }
    let destination = destination.ok_or(Cause::UnallocatedNumber)?;
    let most = line.trunk.max_channels.and_then(|most| u32::try_from(most).ok()).unwrap_or(u32::MAX);
    let seat = pbx.live.take(Seat::Trunk(tenant, trunk), most).ok_or(Cause::RequestedChanUnavail)?;
    let caller = resolve::Caller {
        call: CallId(Uuid::now_v7()),
        direction: Direction::Inbound,
        number: number.to_owned(),
        name: incoming.request.from_display.clone(),
        extension: None,
        acting: None,
        dialled: dialled.clone(),
        anonymous: false,
        asked: None,
        encrypted: incoming.request.is_sips,
    };
    let first = resolve(pbx, tenant, account, &caller, destination, 0)?;
    Ok(Planned {
        caller,
        source_type: SourceType::Inbound,
        trunk: Some((trunk, line.trunk.name.clone())),
        extension: first.extension.clone(),
        seat,
        first,
        carried: Some(Box::new(carried)),
    })
}

fn start(pbx: &Pbx, tenant: TenantId, planned: Planned, incoming: sip::Incoming) {
    let caller = planned.caller;
    let call = caller.call;
    let (a_leg, b_leg) = (LegId(Uuid::now_v7()), LegId(Uuid::now_v7()));
    let account = pbx.directory.account(tenant);
    let helps = caller.acting.is_some() && account.is_some_and(|account| account.is_emergency(&caller.dialled));
    let most = if helps { u32::MAX } else { pbx.config.max_calls };
    let Some(node) = pbx.live.take(Seat::Node, most) else {
        return incoming.reject(503, None);
    };
    let started_at = pbx.db.now();
    let view = View {
        call,
        state: "ringing",
        direction: caller.direction,
        source_type: planned.source_type,
        caller_number: caller.number.clone(),
        destination_number: caller.dialled.clone(),
        extension: planned.extension.clone(),
        legs: Vec::<LegView>::new(),
        started_at,
        answered_at: None,
        queue: None,
        recording: None,
    };
    let Some(commands) = pbx.live.enter(tenant, view) else { return incoming.reject(503, None) };
    let mut first = planned.first;
    first.headers.extend(outbound::privacy(&incoming.request));
    let setup = Setup {
        call,
        tenant,
        direction: caller.direction,
        source_type: planned.source_type,
        caller_number: caller.number.clone(),
        caller_name: caller.name.clone(),
        destination_number: caller.dialled.clone(),
        trunk: planned.trunk,
        extension: planned.extension,
        caller,
        caller_targets: Vec::new(),
        first,
        max_forwards: incoming.request.max_forwards.saturating_sub(1),
        incoming: Some(Box::new(incoming)),
        a_leg,
        b_leg,
        started_at,
        commands,
        queue: None,
        seats: vec![planned.seat, node],
        is_on_disk: false,
        carried: planned.carried,
        robot: None,
    };
    pbx.tracker.spawn(call::run(pbx.clone(), setup));
}

/// Takes one of the calls that an extension may have up.
pub(crate) fn take_extension(pbx: &Pbx, tenant: TenantId, line: &Line) -> Result<Taken, Cause> {
    take_seat(pbx, tenant, line, None)
}

/// Takes one of the calls that an extension may have up, or of `most`.
fn take_seat(pbx: &Pbx, tenant: TenantId, line: &Line, most: Option<u32>) -> Result<Taken, Cause> {
    let most = most.unwrap_or_else(|| u32::try_from(line.extension.max_concurrent).unwrap_or(1));
    let seat = Seat::Extension(tenant, line.extension.number.clone());
    pbx.live.take(seat, most).ok_or(Cause::UserBusy)
}

/// Returns the phones of an extension that are reachable now, and its seat.
pub(crate) fn phones(pbx: &Pbx, tenant: TenantId, line: &Line) -> Result<(Vec<Target>, Taken), Cause> {
    let number = &line.extension.number;
    let contacts = pbx.registrar.contacts(tenant, number, pbx.db.now());
    if contacts.is_empty() {
        return Err(Cause::NoUserResponse);
    }
    let seat = take_extension(pbx, tenant, line)?;
    let phone = |binding| Target::Phone(PhoneTarget { extension: number.clone(), binding });
    Ok((contacts.into_iter().map(phone).collect(), seat))
}

/// Returns the number that the called side sees: the extension's caller ID while it is active, else the extension.
pub(crate) fn shown_number(account: &Account, line: &Line) -> String {
    let own = &line.extension;
    let chosen = own.outbound_caller_id.as_ref().filter(|number| account.caller_ids.contains_key(*number));
    chosen.unwrap_or(&own.number).clone()
}

/// Tells whether an extension's mode has a call of that direction recorded.
pub(crate) const fn records(mode: RecordingMode, direction: Direction) -> bool {
    matches!(
        (mode, direction),
        (RecordingMode::All, _)
            | (RecordingMode::Inbound, Direction::Inbound)
            | (RecordingMode::Outbound, Direction::Outbound)
    )
}
