//! Placing, listing and ending calls.

pub(crate) mod control;

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    CallId, LegId, Permission, Principal, cause::Cause, ids::TrunkId, number, principal::Access, routing::Destination,
};
use tokio::sync::oneshot;
use uuid::Uuid;
use web::{Fields, Page, Rule, Text};

use crate::{
    Pbx,
    driver::{
        call::{self, Setup, facts},
        directory::{Account, Line, TrunkLine},
        inbound,
        live::{Command, Seat, View},
        resolve::{Caller, Resolved, resolve},
    },
    error::{Error, Result},
    model::{Direction, SourceType, TrunkStatus},
};

/// Most headers that one click-to-call may add.
const MAX_HEADERS: usize = 20;
/// Longest name of such a header, without its `X-`.
const MAX_HEADER_NAME: usize = 64;
/// Longest value of such a header, the contract's.
const MAX_HEADER_VALUE: usize = 200;

/// A wish to be connected: the extension's phones ring first, then the number.
#[derive(Clone, Debug, Default)]
pub struct Originate {
    pub from_extension: Option<String>,
    pub to_phone: Option<String>,
    pub caller_id: Option<String>,
    /// Wins over `trunk_name`.
    pub trunk_id: Option<i64>,
    pub trunk_name: Option<String>,
    pub headers: BTreeMap<String, String>,
    /// The queue that promised the call.
    pub queue: Option<String>,
}

/// A call that was accepted and is on disk.
#[derive(Clone, Debug)]
pub struct Originated {
    pub call: CallId,
    pub a_leg: LegId,
    pub b_leg: LegId,
    pub from_extension: String,
    pub to_phone: String,
    pub caller_id: String,
    /// The trunk that was asked for; none if the routes chose.
    pub trunk: Option<(TrunkId, String)>,
}

/// Rings the caller's own phones and, when one answers, the number. Comes back when the call is on disk.
///
/// # Errors
/// One `Invalid` with every bad field; `ExtensionOffline`, `ExtensionFull`, `NoChannel` or `Draining`.
pub async fn originate(pbx: &Pbx, who: &Principal, wish: Originate) -> Result<Originated> {
    who.may(Permission::PbxApiAccess, Access::Write)?;
    let tenant = who.tenant;
    let account = pbx.directory.account(tenant).ok_or(Error::NotFound("account"))?;
    let queue = wish.queue.clone();
    let source_type = if queue.is_some() { SourceType::OutboundCallback } else { SourceType::OutboundManual };
    let mut checked = check(&account, wish)?;
    let line = Arc::clone(&checked.line);
    let line = &line;
    let own = line.extension.number.clone();
    if pbx.live.is_closed() {
        return Err(Error::Draining);
    }
    let (caller_targets, seat) = match inbound::phones(pbx, tenant, line) {
        Ok(found) => found,
        Err(Cause::NoUserResponse) => return Err(Error::ExtensionOffline(own)),
        Err(_) => return Err(Error::ExtensionFull(own)),
    };
    let mut caller = Caller {
        call: CallId(Uuid::now_v7()),
        direction: Direction::Outbound,
        number: checked.caller_id.clone(),
        name: line.extension.display_name.clone(),
        extension: Some(own.clone()),
        acting: Some(Arc::clone(line)),
        dialled: checked.to_phone.clone(),
        anonymous: false,
        asked: checked.asked_caller_id.then(|| checked.caller_id.clone()),
        encrypted: false,
    };
    let (mut first, direction) = callee(pbx, &account, &checked, &caller)?;
    first.record = inbound::records(line.extension.recording_mode, Direction::Outbound);
    first.headers = std::mem::take(&mut checked.headers);
    if let Some(shown) = first.shown.take() {
        caller.number.clone_from(&shown);
        checked.caller_id = shown;
    }
    caller.direction = direction;
    let node = pbx.live.take(Seat::Node, pbx.config.max_calls).ok_or(Error::NoChannel)?;
    let (call, a_leg, b_leg) = (caller.call, LegId(Uuid::now_v7()), LegId(Uuid::now_v7()));
    let view = View {
        call,
        state: "initiating",
        direction,
        source_type,
        caller_number: checked.caller_id.clone(),
        destination_number: checked.to_phone.clone(),
        extension: Some(own.clone()),
        legs: Vec::new(),
        started_at: pbx.db.now(),
        answered_at: None,
        queue: queue.clone(),
        recording: None,
    };
    let started_at = view.started_at;
    let commands = pbx.live.enter(tenant, view).ok_or(Error::Draining)?;
    let setup = Setup {
        call,
        tenant,
        direction,
        source_type,
        caller_number: checked.caller_id.clone(),
        caller_name: line.extension.display_name.clone(),
        destination_number: checked.to_phone.clone(),
        trunk: None,
        extension: Some(own.clone()),
        caller,
        caller_targets,
        first,
        incoming: None,
        a_leg,
        b_leg,
        started_at,
        commands,
        queue,
        seats: vec![seat, node],
        is_on_disk: true,
        max_forwards: 70,
        carried: None,
        robot: None,
    };
    let (begun, hears) = oneshot::channel();
    pbx.tracker.spawn(begin(pbx.clone(), setup, begun));
    hears.await.map_err(|_| Error::Draining)??;
    Ok(Originated {
        call,
        a_leg,
        b_leg,
        from_extension: own,
        to_phone: checked.to_phone,
        caller_id: checked.caller_id,
        trunk: checked.trunk.map(|trunk| (trunk.trunk.id, trunk.trunk.name.clone())),
    })
}

/// Writes a call down and runs it. Whoever asked for it may be gone any moment: what is in the list of live calls is driven.
pub(crate) async fn begin(pbx: Pbx, setup: Setup, begun: oneshot::Sender<std::result::Result<(), store::Error>>) {
    let (tenant, call) = (setup.tenant, setup.call);
    // What is acknowledged is on disk: after a crash this call still gets its record.
    let fact = facts::Fact::Started { call: Box::new(setup.row(&pbx)), caller_name: None };
    let written = facts::commit(&pbx, tenant, &[fact], None).await;
    let failed = written.is_err();
    // Nobody has to listen.
    let _ = begun.send(written);
    if failed {
        return pbx.live.leave(call);
    }
    let tracker = pbx.tracker.clone();
    tracker.spawn(call::run(pbx, setup));
}

/// A wish whose fields are right.
struct Checked {
    line: Arc<Line>,
    to_phone: String,
    caller_id: String,
    /// Whether the caller ID was asked for by number.
    asked_caller_id: bool,
    trunk: Option<Arc<TrunkLine>>,
    headers: Vec<(String, String)>,
}

fn check(account: &Account, wish: Originate) -> Result<Checked> {
    let mut fields = Fields::new();
    let from = fields.require("from_extension", wish.from_extension);
    if let Some(from) = &from {
        fields.check("from_extension", number::is_extension(from), Rule::Format);
    }
    let line = from.filter(|from| number::is_extension(from)).and_then(|from| {
        let line = account.active(&from).cloned();
        fields.check("from_extension", line.is_some(), Rule::Selected);
        line
    });
    let to_phone = fields.require("to_phone", wish.to_phone);
    if let Some(to) = &to_phone {
        fields.check("to_phone", number::is_dialable(to), Rule::Format);
    }
    let asked_caller_id = wish.caller_id.is_some();
    let caller_id = match wish.caller_id {
        Some(chosen) => {
            fields.check("caller_id", account.caller_ids.contains_key(&chosen), Rule::Selected);
            chosen
        }
        None => line.as_ref().map(|line| inbound::shown_number(account, line)).unwrap_or_default(),
    };
    let trunk = find_trunk(account, wish.trunk_id, wish.trunk_name, &mut fields);
    let headers = check_headers(wish.headers, &mut fields);
    if !fields.is_empty() {
        return Err(fields.into());
    }
    let (Some(line), Some(to_phone)) = (line, to_phone) else { return Err(Error::NotFound("extension")) };
    Ok(Checked { line, to_phone, caller_id, asked_caller_id, trunk, headers })
}

fn find_trunk(account: &Account, id: Option<i64>, name: Option<String>, fields: &mut Fields) -> Option<Arc<TrunkLine>> {
    let (field, found) = match (id, name) {
        (Some(id), _) => ("trunk_id", account.trunks.get(&TrunkId(id))),
        (None, Some(name)) => ("trunk_name", account.trunks.values().find(|line| line.trunk.name == name)),
        (None, None) => return None,
    };
    let found = found.filter(|line| line.trunk.status == TrunkStatus::Active).cloned();
    fields.check(field, found.is_some(), Rule::Selected);
    found
}

/// Returns the headers with their `X-`, as they go into the callee's INVITE.
fn check_headers(headers: BTreeMap<String, String>, fields: &mut Fields) -> Vec<(String, String)> {
    fields.check("headers", headers.len() <= MAX_HEADERS, Rule::Length(0, MAX_HEADERS));
    let mut checked = Vec::with_capacity(headers.len().min(MAX_HEADERS));
    for (name, value) in headers.into_iter().take(MAX_HEADERS) {
        let is_name = (1..=MAX_HEADER_NAME).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        let is_value = value.chars().count() <= MAX_HEADER_VALUE && !value.contains(|c: char| c.is_control());
        if is_name && is_value {
            let bare = name.strip_prefix("X-").or_else(|| name.strip_prefix("x-")).unwrap_or(&name).to_owned();
            checked.push((format!("X-{bare}"), value));
        } else {
            let shown: String = name.chars().take(MAX_HEADER_NAME).collect();
            fields.add(format!("headers.{shown}"), Rule::Format);
        }
    }
    checked
}

fn callee(pbx: &Pbx, account: &Account, checked: &Checked, caller: &Caller) -> Result<(Resolved, Direction)> {
    let no_route = || {
        Error::from(Fields::from_iter([(
            "to_phone",
            Rule::from(Text::new("No outbound route leads to this number.", "Không có tuyến gọi ra nào đến số này.")),
        )]))
    };
    let barred = || {
        Error::from(Fields::from_iter([(
            "to_phone",
            Rule::from(Text::new(
                "The rules against toll fraud forbid this call.",
                "Quy tắc chống gian lận cước không cho phép cuộc gọi này.",
            )),
        )]))
    };
    let destination = match &checked.trunk {
        Some(trunk) => Destination::Outbound(vec![trunk.trunk.id]),
        None => account.way(&checked.to_phone),
    };
    let own = match &destination {
        Destination::Extension(number) => Some(number.clone()),
        _ => None,
    };
    let tenant = checked.line.extension.tenant;
    match (resolve(pbx, tenant, account, caller, destination, 0), own) {
        (Ok(found), own) => Ok((found, if own.is_some() { Direction::Internal } else { Direction::Outbound })),
        (Err(Cause::NoUserResponse), Some(number)) => Err(Error::ExtensionOffline(number)),
        (Err(Cause::UserBusy), Some(number)) => Err(Error::ExtensionFull(number)),
        (Err(Cause::RequestedChanUnavail), None) => Err(Error::NoChannel),
        (Err(Cause::OutgoingCallBarred), _) => Err(barred()),
        (Err(_), _) => Err(no_route()),
    }
}

/// Returns one page of the account's live calls, the oldest first, and how many there are.
pub(crate) fn live(pbx: &Pbx, who: &Principal, page: Page) -> Result<(Vec<View>, i64)> {
    who.may(Permission::PbxApiAccess, Access::Read)?;
    let calls = pbx.live.all(who.tenant);
    let total = i64::try_from(calls.len()).unwrap_or(i64::MAX);
    let skip = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let take = usize::try_from(page.limit()).unwrap_or(0);
    Ok((calls.into_iter().skip(skip).take(take).collect(), total))
}

/// Returns one live call; a call that is over is a CDR.
pub(crate) fn find(pbx: &Pbx, who: &Principal, call: CallId) -> Result<View> {
    who.may(Permission::PbxApiAccess, Access::Read)?;
    pbx.live.find(who.tenant, call).ok_or(Error::NotFound("call"))
}

/// Ends a call.
pub async fn hang_up(pbx: &Pbx, who: &Principal, call: CallId) -> Result<()> {
    who.may(Permission::PbxApiAccess, Access::Write)?;
    if pbx.live.find(who.tenant, call).is_none() {
        return Err(Error::NotFound("call"));
    }
    let mut tx = pbx.db.begin(who.tenant).await?;
    store::audit(&mut tx, who, "call.hangup", &call.to_string(), serde_json::json!({})).await?;
    tx.commit().await?;
    pbx.live.command(who.tenant, call, Command::Hangup(Cause::NormalClearing));
    Ok(())
}
