//! Calls that leave by a trunk: whose right it is, which ways there are, and what number is shown.
//!
//! Whatever has a number dialled outside goes through [`leave`]: phones, the API, forwards, transfers, callbacks.

use std::sync::Arc;

use domain::{
    TenantId,
    cause::Cause,
    ids::TrunkId,
    routing::{self, Denied, Dialler, Law, OutboundAuthorization, Route, Way},
};

use super::{
    border::{
        numbers::{Moment, Picked},
        passage::{Bounds, Passage},
        toll::Toll,
    },
    directory::{Account, Line, TrunkLine},
    outbound::{Shown, Target, TrunkTarget},
};
use crate::{Pbx, model::Extension, ops::time_conditions};

/// A wish to call a number outside.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish<'a> {
    /// As dialled; the code that hides the caller may stand before it.
    pub(crate) dialled: &'a str,
    /// The trunks that were planned or chosen, in their order.
    pub(crate) trunks: &'a [TrunkId],
    /// The number that was asked to be shown, an active caller ID of the account.
    pub(crate) caller_id: Option<&'a str>,
    pub(crate) anonymous: bool,
    /// The group to draw the number from, whatever the route or the extension has.
    pub(crate) group: Option<i64>,
    /// Whom a sticky group knows the called side by; the called number if nobody says otherwise.
    pub(crate) lead: Option<&'a str>,
}

/// What a call leaves with.
#[derive(Debug)]
pub(crate) struct Leaving {
    /// One for each trunk, the first with its channel taken.
    pub(crate) targets: Vec<Target>,
    /// The number that the called side sees, for the record; even an anonymous call has one.
    pub(crate) shown: String,
}

/// Asks for the right to dial on behalf of `line`, or of the account itself, and finds the ways.
///
/// # Errors
/// The cause with which the call is refused; [`Cause::RequestedChanUnavail`] if every trunk is full.
pub(crate) fn leave(
    pbx: &Pbx,
    tenant: TenantId,
    account: &Account,
    line: Option<&Line>,
    wish: Wish<'_>,
) -> Result<Leaving, Cause> {
    let hidden = account.dialling.codes.hidden(wish.dialled);
    let dialled = hidden.unwrap_or(wish.dialled);
    let emergency = account.is_emergency(dialled);
    let routes = chosen(pbx, account, dialled, wish.trunks, emergency, false);
    let ways: Vec<Way> = routes.iter().map(|(route, trunk)| way(pbx, account, route, trunk, dialled)).collect();
    let own = line.map(|line| &line.extension);
    let dialler = Dialler {
        tenant,
        extension: own.map(|own| own.number.as_str()),
        active: line.is_none_or(Line::is_active),
        // The caller's own seat is taken by now, and taking it checked the limit.
        calls: 0,
        max_calls: own.map_or(u32::MAX, |own| u32::try_from(own.max_concurrent).unwrap_or(1)),
    };
    let law = Law { region: account.region(), emergency: &account.dialling.emergency, policy: &account.policy };
    let (right, toll) = pbx.border.authorize(dialled, ways, &dialler, law).map_err(|denied: Denied| denied.cause)?;
    let anonymous = (wish.anonymous || hidden.is_some()) && !emergency;
    build(pbx, account, line, &right, &toll, &routes, Wish { dialled, anonymous, ..wish })
}

/// Returns the routes and trunks that the plan names, those that answer first; `all` leaves the disabled ones in.
pub(crate) fn chosen<'a>(
    pbx: &Pbx,
    account: &'a Account,
    dialled: &str,
    trunks: &[TrunkId],
    emergency: bool,
    all: bool,
) -> Vec<(Route, &'a Arc<TrunkLine>)> {
    let region = account.region();
    let rates =
        trunks.first().and_then(|id| account.trunks.get(id)).and_then(|line| pbx.border.rates(line.trunk.tenant));
    let e164 = region.e164(dialled);
    let cost = |trunk: TrunkId| {
        let (rates, e164) = (rates.as_ref()?, e164.as_ref()?);
        rates.find(e164, trunk).map(|rate| rate.per_minute)
    };
    let fitting = match emergency {
        true => routing::emergency_ways(dialled, region, &account.routes),
        false => routing::ways(dialled, region, &account.routes, cost),
    };
    // A trunk that was chosen by hand has no route; it dials what was dialled.
    let mut found: Vec<(Route, &Arc<TrunkLine>)> = trunks
        .iter()
        .filter_map(|id| {
            let line = account.trunks.get(id).filter(|line| all || line.is_active())?;
            let route = fitting.iter().find(|route| route.trunk == *id).map(|route| (*route).clone());
            Some((route.unwrap_or_else(|| Route::new("", *id, 0)), line))
        })
        .collect();
    let place = |id: TrunkId| fitting.iter().position(|route| route.trunk == id).unwrap_or(usize::MAX);
    found.sort_by_key(|(route, _)| (pbx.border.is_down(route.trunk), place(route.trunk)));
    found
}

/// Returns the number as it leaves by a route and trunk, before it is written the trunk's way. This is what is checked.
pub(crate) fn way(pbx: &Pbx, account: &Account, route: &Route, trunk: &TrunkLine, dialled: &str) -> Way {
    let number = trunk.trunk.options.rewrite.apply(&route.rewrite.apply(dialled));
    let e164 = account.region().e164(&number);
    let rate = pbx.border.rates(trunk.trunk.tenant).and_then(|rates| rates.find(&e164?, route.trunk));
    Way { trunk: route.trunk, number, rate }
}

fn build(
    pbx: &Pbx,
    account: &Account,
    line: Option<&Line>,
    right: &OutboundAuthorization,
    toll: &Arc<Toll>,
    routes: &[(Route, &Arc<TrunkLine>)],
    wish: Wish<'_>,
) -> Result<Leaving, Cause> {
    let mut leaving = Leaving { targets: Vec::with_capacity(right.ways().len()), shown: String::new() };
    for way in right.ways() {
        let Some((route, trunk)) = routes.iter().find(|(route, _)| route.trunk == way.trunk) else { continue };
        let bounds = bounds(trunk, right.is_emergency());
        let key = (right.tenant(), way);
        let passage = |picked| Passage::new(&pbx.border, &pbx.live, key, bounds, Arc::clone(toll), picked);
        let anonymous = wish.anonymous || (route.anonymous && !right.is_emergency());
        let is_first = leaving.targets.is_empty();
        let taken = is_first.then(|| passage(None)).map(|probe| probe.seize().then_some(probe));
        if matches!(taken, Some(None)) {
            // Full: the next trunk may have a channel.
            continue;
        }
        // The number is drawn for the trunk that the call leaves by; the others show it too, if they may.
        let (number, picked) = match is_first {
            true => shown(pbx, account, line, route, trunk, wish),
            false => (bound(account, trunk, leaving.shown.clone()), None),
        };
        let passage = match taken.flatten() {
            Some(probe) => probe.showing(picked),
            None => passage(picked),
        };
        if is_first {
            leaving.shown.clone_from(&number);
        }
        let shown = Shown { number, anonymous };
        let target = TrunkTarget::new(right, way, Arc::clone(trunk), shown, Arc::new(passage), account.region());
        leaving.targets.extend(target.map(Target::Trunk));
    }
    if leaving.targets.is_empty() { Err(Cause::RequestedChanUnavail) } else { Ok(leaving) }
}

fn bounds(trunk: &TrunkLine, emergency: bool) -> Bounds {
    let limit = |most: Option<i64>| most.and_then(|most| u32::try_from(most).ok());
    match emergency {
        true => Bounds { channels: u32::MAX, per_second: None },
        false => Bounds {
            channels: limit(trunk.trunk.max_channels).unwrap_or(u32::MAX),
            per_second: limit(trunk.trunk.options.max_cps),
        },
    }
}

/// Returns the number that the called side is to see by this route: what was asked for, else one of the group of the
/// route or of the extension, else the extension's own, else the trunk's, else the extension's number.
fn shown(
    pbx: &Pbx,
    account: &Account,
    line: Option<&Line>,
    route: &Route,
    trunk: &TrunkLine,
    wish: Wish<'_>,
) -> (String, Option<Picked>) {
    if let Some(asked) = wish.caller_id {
        return (bound(account, trunk, asked.to_owned()), None);
    }
    let own = line.map(|line| &line.extension);
    let of_extension = || account.group_of.get(&own?.number).copied();
    let group = wish.group.or(route.caller_id_group).or_else(of_extension);
    if let Some(group) = group.and_then(|id| account.groups.get(&id)) {
        let now = pbx.border.now();
        let today = time_conditions::midnight(&account.timezone(), now);
        let called = account.region().e164(wish.dialled);
        let lead = wish.lead.or(called.as_deref());
        let may = |number: &str| {
            account.caller_ids.get(number).is_some_and(|trunk_id| trunk_id.is_none_or(|id| id == trunk.trunk.id))
        };
        if let Some(picked) = pbx.border.pick(trunk.trunk.tenant, group, Moment { now, today, lead }, may) {
            return (picked.number.clone(), Some(picked));
        }
    }
    let chosen = own.and_then(|own| own.outbound_caller_id.as_ref());
    match chosen.filter(|number| account.caller_ids.contains_key(*number)) {
        Some(number) => (bound(account, trunk, number.clone()), None),
        None => (trunk.trunk.options.caller_id.clone().unwrap_or_else(|| fallback(account, own, trunk)), None),
    }
}

/// Returns what is shown where nothing else was set: the extension, or of a call of nobody's extension the least of the
/// account's numbers that this trunk may show.
fn fallback(account: &Account, own: Option<&Extension>, trunk: &TrunkLine) -> String {
    let may = |of: &Option<TrunkId>| of.is_none_or(|id| id == trunk.trunk.id);
    let least = || account.caller_ids.iter().filter(|(_, of)| may(of)).map(|(number, _)| number).min().cloned();
    own.map(|own| own.number.clone()).or_else(least).or_else(|| trunk.trunk.username.clone()).unwrap_or_default()
}

/// Returns the number, or the trunk's own if that number belongs to another trunk.
fn bound(account: &Account, trunk: &TrunkLine, number: String) -> String {
    let elsewhere = account.caller_ids.get(&number).copied().flatten().is_some_and(|id| id != trunk.trunk.id);
    match &trunk.trunk.options.caller_id {
        Some(own) if elsewhere => own.clone(),
        _ => number,
    }
}
