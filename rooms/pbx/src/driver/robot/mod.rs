//! Calls whose near side is a program: how they are placed, and what the call's driver holds for them.

mod machine;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use domain::{
    CallId, LegId, TenantId, Timestamp,
    call::{Order, Ring},
    cause::Cause,
    routing::Destination,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use uuid::Uuid;

use self::machine::Machine;
pub(crate) use self::machine::{Input, Output};
use super::{
    call::Setup,
    leave::{Leaving, Wish, leave},
    live::{Seat, View},
    resolve::{Caller, Found, Resolved},
};
use crate::{
    Pbx,
    model::{Cdr, Direction, SourceType},
    ops::calls,
    robot::{RobotCall, RobotEnd, RobotEvent, RobotHandle, RobotRefused, Shows},
};

/// Events that may wait for a program. Whoever presses more keys than it can hear is not heard.
const WAITING: usize = 64;

/// What a call holds for the program that placed it.
#[derive(Debug)]
pub(crate) struct Robot {
    ring_time: Duration,
    pub(crate) records: bool,
    pub(crate) has_cdr: bool,
    pub(crate) campaign: Option<i64>,
    pub(crate) lead: Option<i64>,
    machine: Machine,
    events: mpsc::Sender<RobotEvent>,
    /// A place that nothing but the end takes.
    last: mpsc::OwnedPermit<RobotEvent>,
    todo: VecDeque<Output>,
    answered: Option<(Timestamp, Instant)>,
    talked: Duration,
}

impl Robot {
    /// Returns how the callee is rung by so many trunks.
    pub(crate) const fn ring(&self, targets: usize) -> Ring {
        Ring { targets, order: Order::OneByOne, time: self.ring_time }
    }

    /// Gives the machine an input; what the program is told is told at once, the rest waits for [`Robot::poll`].
    pub(crate) fn hear(&mut self, input: Input) {
        if let Input::Up(at) = input {
            self.answered = Some((at, Instant::now()));
        }
        self.machine.handle(input);
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Tell(event) => self.tell(event),
                output => self.todo.push_back(output),
            }
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.todo.pop_front()
    }

    pub(crate) const fn is_speaking(&self) -> bool {
        self.machine.is_speaking()
    }

    /// Returns when the callee answered.
    pub(crate) const fn answered(&self) -> Option<(Timestamp, Instant)> {
        self.answered
    }

    /// Takes the length of the talk: the call is over now.
    pub(crate) fn stop_clock(&mut self) {
        self.talked = self.answered.map_or(Duration::ZERO, |(_, since)| since.elapsed());
    }

    /// Returns how the call ended, as its record has it.
    pub(crate) fn end(&self, cdr: &Cdr) -> RobotEnd {
        RobotEnd {
            cause: cdr.hangup_cause,
            result: cdr.result,
            sip_status: cdr.sip_status.and_then(|status| u16::try_from(status).ok()),
            by: cdr.hangup_by,
            answered_at: self.answered.map(|(at, _)| at),
            ended_at: cdr.end_time,
            talked: self.talked,
            trunk: cdr.trunk_name.clone(),
            shown: cdr.caller_number.clone(),
            recording: cdr.recording.path.clone(),
        }
    }

    /// Tells the program the end.
    pub(crate) fn ended(self, end: RobotEnd) {
        drop(self.last.send(RobotEvent::Ended(Box::new(end))));
    }

    fn tell(&mut self, event: RobotEvent) {
        let is_key = matches!(event, RobotEvent::Key(_));
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            tracing::warn!(is_key, "a program does not listen to its call");
            if !is_key {
                // What it waits for now would never come.
                self.machine.handle(Input::Gone);
            }
        }
    }
}

/// Places a program's call.
pub(crate) async fn place(pbx: &Pbx, wish: RobotCall) -> Result<RobotHandle, RobotRefused> {
    if pbx.live.is_closed() {
        return Err(RobotRefused::Draining);
    }
    let tenant = wish.tenant;
    let leaving = way_out(pbx, tenant, &wish.number, &wish.shows)?;
    let node = pbx.live.take(Seat::Node, pbx.config.max_calls).ok_or(RobotRefused::Full)?;
    let (shown, call, started_at) = (leaving.shown, wish.call, pbx.db.now());
    let view = View {
        call,
        state: "initiating",
        direction: Direction::Outbound,
        source_type: SourceType::OutboundTelesales,
        caller_number: shown.clone(),
        destination_number: wish.number.clone(),
        extension: None,
        legs: Vec::new(),
        started_at,
        answered_at: None,
        queue: None,
        recording: None,
    };
    let (robot, events) = Robot::new(&wish)?;
    let heard = pbx.live.enter(tenant, view).ok_or(RobotRefused::Draining)?;
    let commands = pbx.live.commands(call).ok_or(RobotRefused::Draining)?;
    let setup = Setup {
        call,
        tenant,
        direction: Direction::Outbound,
        source_type: SourceType::OutboundTelesales,
        caller_number: shown.clone(),
        caller_name: None,
        destination_number: wish.number.clone(),
        trunk: None,
        extension: None,
        caller: waiting(call, &wish.number),
        caller_targets: leaving.targets,
        first: Resolved::step(Found::Robot, 0),
        incoming: None,
        a_leg: LegId(Uuid::now_v7()),
        b_leg: LegId(Uuid::now_v7()),
        started_at,
        commands: heard,
        queue: None,
        seats: vec![node],
        is_on_disk: true,
        max_forwards: 70,
        carried: None,
        robot: Some(Box::new(robot)),
    };
    let handle = RobotHandle { live: pbx.live.clone(), tenant, call, shown, commands, events, is_let_go: false };
    let (begun, hears) = oneshot::channel();
    pbx.tracker.spawn(calls::begin(pbx.clone(), setup, begun));
    hears.await.map_err(|_| RobotRefused::Draining)??;
    Ok(handle)
}

impl Robot {
    fn new(wish: &RobotCall) -> Result<(Self, mpsc::Receiver<RobotEvent>), RobotRefused> {
        let (events, hears) = mpsc::channel(WAITING + 1);
        let last = events.clone().try_reserve_owned().map_err(|_| RobotRefused::Draining)?;
        let robot = Self {
            ring_time: wish.ring_time,
            records: wish.records,
            has_cdr: wish.has_cdr,
            campaign: wish.campaign,
            lead: wish.lead,
            machine: Machine::default(),
            events,
            last,
            todo: VecDeque::new(),
            answered: None,
            talked: Duration::ZERO,
        };
        Ok((robot, hears))
    }
}

/// Finds the trunks to a number and takes the right to dial it. Nobody's extension stands for the call: what does not
/// lead outside is refused, and so are calls for help, which a program cannot need.
fn way_out(pbx: &Pbx, tenant: TenantId, number: &str, shows: &Shows) -> Result<Leaving, RobotRefused> {
    let account = pbx.directory.account(tenant).ok_or(RobotRefused::Barred(Cause::UnallocatedNumber))?;
    if account.is_emergency(number) {
        return Err(RobotRefused::Barred(Cause::OutgoingCallBarred));
    }
    let Destination::Outbound(trunks) = account.way(number) else {
        return Err(RobotRefused::Barred(Cause::NoRouteDestination));
    };
    let (caller_id, group) = match shows {
        Shows::Default => (None, None),
        Shows::Group(id) => (None, Some(*id)),
        Shows::Number(own) if account.caller_ids.contains_key(own) => (Some(own.as_str()), None),
        Shows::Number(_) => return Err(RobotRefused::Barred(Cause::FacilityRejected)),
    };
    let wish = Wish { dialled: number, trunks: &trunks, caller_id, group, ..Wish::default() };
    leave(pbx, tenant, &account, None, wish).map_err(|cause| match cause {
        Cause::RequestedChanUnavail => RobotRefused::Full,
        cause => RobotRefused::Barred(cause),
    })
}

/// Returns the callee as whoever decides where he goes sees him: he waits, and nothing leads him outside.
fn waiting(call: CallId, number: &str) -> Caller {
    Caller {
        call,
        direction: Direction::Outbound,
        number: number.to_owned(),
        name: None,
        extension: None,
        acting: None,
        dialled: number.to_owned(),
        anonymous: false,
        asked: None,
        encrypted: false,
    }
}
