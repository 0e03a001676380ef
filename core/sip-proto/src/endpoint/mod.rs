//! A sans-IO SIP user agent: it turns transactions, dialogs and sessions, and never reads a clock or a socket.
//!
//! ```text
//! Input ─▶ handle ─▶ [ transactions │ legs │ timers ] ─▶ poll ─▶ Output
//!            time ─▶ handle_timeout ─┘        └─▶ next_timeout
//! ```

pub(crate) mod auth;
pub mod config;
pub(crate) mod core;
pub mod flow;
pub(crate) mod ids;
pub mod io;
mod moved;
mod receive;
mod register;
mod subscribe;

use std::{collections::HashMap, hash::BuildHasherDefault, time::Instant};

use slab::Slab;

use self::{
    auth::Nonces,
    core::{Core, Ended, LegRequest, Moved, Ready, Slot, User},
    subscribe::Subscriptions,
};
pub use self::{
    config::{Config, Realm},
    flow::{Destination, Flow, HostKey, Hosts, Transport},
    io::{
        Answer, Command, Event, IncomingRegister, IncomingSubscribe, Input, Notification, OutOfDialog, Output,
        RegisterAnswer, RequestFailed, RequestKey, SubscribeAnswer, SubscriptionKey, SubscriptionNews,
    },
};
use crate::{
    dialog::Dialog,
    message::Message,
    session::{
        EndedBy, LegCommand, LegEvent, LegEventKind, LegKey, Reason,
        leg::{Leg, State},
        uac,
    },
    timers::Timer,
};

/// The machine.
pub struct Endpoint {
    core: Core,
    legs: Slab<Leg>,
    by_key: HashMap<u64, u32, BuildHasherDefault<Ready>>,
    next_incoming: u64,
    subscriptions: Subscriptions,
    nonces: Nonces,
    /// New INVITE and REGISTER are turned away.
    overloaded: bool,
    started: Instant,
}

/// How much an endpoint holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    pub legs: usize,
    pub transactions: usize,
    pub subscriptions: usize,
    /// Deadlines, those nobody needs any more included.
    pub timers: usize,
}

impl Endpoint {
    /// Returns an endpoint that begins at `now`.
    pub fn new(config: Config, now: Instant) -> Self {
        Self {
            core: Core::new(config),
            legs: Slab::new(),
            by_key: HashMap::default(),
            next_incoming: 0,
            subscriptions: Subscriptions::default(),
            nonces: Nonces::default(),
            overloaded: false,
            started: now,
        }
    }

    /// Takes one input; [`Endpoint::poll`] says what follows from it.
    pub fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Received { flow, bytes } => self.received(flow, bytes, now),
            Input::FlowClosed(flow) => {
                if self.core.take_used_flow(flow) {
                    // A page that lost its connection comes back by another within seconds: its dialogs wait for that.
                    let waits = flow.transport.is_websocket();
                    self.fail(waits, now, |to| to.flow == Some(flow) || (to.flow.is_none() && to.addr == flow.peer));
                }
            }
            Input::Unreachable(gone) => {
                self.fail(false, now, |to| to.addr == gone.addr && to.transport == gone.transport);
            }
            Input::Command(command) => self.command(command, now),
        }
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.core.timers.take_due(now) {
            match timer {
                Timer::Client(index, generation) => {
                    let ended = self.core.on_client_timer(index, generation, now);
                    self.ended(ended, EndedBy::Timeout, now);
                }
                Timer::Server(index, generation) => self.core.on_server_timer(index, generation, now),
                Timer::Leg(index, generation) => {
                    self.with_leg(Slot { index, generation }, now, |leg, core| leg.on_timeout(core, now));
                }
                Timer::Subscription(index, generation) => {
                    self.subscriptions.on_timer(&mut self.core, Slot { index, generation }, now);
                }
            }
        }
    }

    /// Returns when [`Endpoint::handle_timeout`] has something to do.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.core.timers.next()
    }

    /// Returns the next thing to do for the driver.
    pub fn poll(&mut self) -> Option<Output> {
        self.core.out.pop_front()
    }

    /// Returns how much the endpoint holds.
    pub fn load(&self) -> Load {
        Load {
            legs: self.legs.len(),
            transactions: self.core.transactions(),
            subscriptions: self.subscriptions.len(),
            timers: self.core.timers.len(),
        }
    }

    fn command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Invite { leg, invite } => {
                if self.legs.len() >= self.core.config.max_legs || self.core.is_full() {
                    let kind = LegEventKind::Ended { status: Some(503), reason: None, by: EndedBy::Us };
                    self.core.leg_event(LegEvent { leg, kind });
                    return;
                }
                let slot = self.vacant_leg();
                let leg = Leg::call(&mut self.core, slot, leg, *invite, now);
                self.insert_leg(leg);
            }
            Command::Leg { leg, command } => {
                let Some(slot) = self.leg_slot(leg) else {
                    return;
                };
                if matches!(command, LegCommand::Challenge) {
                    self.challenge_leg(slot, now);
                } else {
                    self.with_leg(slot, now, |leg, core| leg.command(core, command, now));
                }
            }
            Command::Register { request, answer } => self.answer_register(request, answer, now),
            Command::Subscribe { request, answer } => self.answer_subscribe(request, answer, now),
            Command::Notify { subscription, notification } => {
                self.subscriptions.notify(&mut self.core, subscription, notification, now);
            }
            Command::Request { id, request } => {
                if self.core.is_full() {
                    self.core.event(Event::Response { id, outcome: Err(RequestFailed::Overloaded) });
                } else {
                    uac::request(&mut self.core, id, *request, now);
                }
            }
            Command::ByeOrphan { record, reason } => {
                let reason = reason.as_ref().and_then(Reason::print);
                uac::bye_restored(&mut self.core, Dialog::restored(&record), reason, now);
            }
            Command::Domains(domains) => self.core.domains = domains,
            Command::Trust(sources) => {
                self.core.trusted = sources
                    .into_iter()
                    .map(|mut source| {
                        source.ip = source.ip.to_canonical();
                        source
                    })
                    .collect();
            }
            Command::MoveFlow { from, to } => self.move_flow(from, to, now),
            Command::Overload(on) => self.overloaded = on,
        }
    }

    /// Returns seconds since the endpoint began; nonces count by them.
    fn seconds(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_secs()
    }

    fn vacant_leg(&mut self) -> Slot {
        let index = u32::try_from(self.legs.vacant_key()).unwrap_or(u32::MAX);
        Slot { index, generation: self.core.next_generation() }
    }

    fn insert_leg(&mut self, mut leg: Leg) {
        leg.arm(&mut self.core);
        self.by_key.insert(leg.key.0, leg.slot.index);
        self.legs.insert(leg);
    }

    fn leg_slot(&self, key: LegKey) -> Option<Slot> {
        let index = *self.by_key.get(&key.0)?;
        self.legs.get(index as usize).map(|leg| leg.slot)
    }

    /// Lets a leg work, sets its timer, and removes it when it is over.
    fn with_leg(&mut self, slot: Slot, now: Instant, work: impl FnOnce(&mut Leg, &mut Core)) {
        let Some(leg) = self.legs.get_mut(slot.index as usize).filter(|leg| leg.slot == slot) else {
            return;
        };
        work(leg, &mut self.core);
        if leg.state == State::Over {
            leg.close(&mut self.core, now);
            self.by_key.remove(&leg.key.0);
            self.legs.remove(slot.index as usize);
        } else {
            leg.arm(&mut self.core);
        }
    }

    fn fail(&mut self, dialogs_wait: bool, now: Instant, gone: impl Fn(&Destination) -> bool) {
        for ended in self.core.fail_clients(dialogs_wait, gone, now) {
            self.ended(ended, EndedBy::Transport, now);
        }
    }

    fn ended(&mut self, ended: Ended, by: EndedBy, now: Instant) {
        match ended {
            Ended::Nothing => {}
            Ended::Lost(user) => self.failed(user, by, now),
            Ended::Moved(moved) => self.moved(moved, now),
        }
    }

    fn moved(&mut self, moved: Moved, now: Instant) {
        if let User::Leg(slot, _) = moved.user {
            self.with_leg(slot, now, |leg, _| leg.on_moved(moved.client, moved.to));
        }
    }

    fn failed(&mut self, user: User, by: EndedBy, now: Instant) {
        match user {
            User::Leg(slot, what) => self.with_leg(slot, now, |leg, core| leg.on_failed(core, what, by, now)),
            User::OutOfDialog(id) => {
                let failed = if by == EndedBy::Timeout { RequestFailed::Timeout } else { RequestFailed::Transport };
                self.core.event(Event::Response { id, outcome: Err(failed) });
            }
            User::Subscription(slot) => self.subscriptions.on_notified(&mut self.core, slot, 408, now),
            User::Nobody => {}
        }
    }

    /// Gives a response to whoever waits for it.
    fn on_response(&mut self, flow: Flow, response: Message, now: Instant) {
        match self.core.on_response(flow, &response, now) {
            core::Heard::Nothing => {}
            core::Heard::Retried { user: User::Leg(slot, what), client, cseq } => {
                self.with_leg(slot, now, |leg, _| leg.on_retried(what, client, cseq));
            }
            core::Heard::Retried { .. } => {}
            core::Heard::Moved(moved) => self.moved(moved, now),
            core::Heard::Pass { user: User::Subscription(slot), .. } => {
                let status = response.status().unwrap_or_default();
                self.subscriptions.on_notified(&mut self.core, slot, status, now);
            }
            core::Heard::Pass { user: User::Nobody, .. } => {}
            core::Heard::Pass { user: User::OutOfDialog(id), .. } => {
                if response.status().is_some_and(|status| status >= 200) {
                    self.core.event(Event::Response { id, outcome: Ok(response) });
                }
            }
            core::Heard::Pass { user: User::Leg(slot, what), client } => {
                let status = response.status().unwrap_or_default();
                let is_2xx = (200..300).contains(&status);
                let gone = self.legs.get(slot.index as usize).is_none_or(|leg| leg.slot != slot);
                if status < 200 && gone {
                    // The leg does not wait any more: the transaction must end by itself.
                    self.core.end_by(client, now + self.core.config.timings.t1x64());
                }
                match what {
                    LegRequest::News => {}
                    LegRequest::Refer => self.with_leg(slot, now, |leg, core| leg.on_refer_response(core, status)),
                    LegRequest::Refresh => {
                        self.with_leg(slot, now, |leg, core| leg.on_refresh_response(core, &response, now));
                    }
                    LegRequest::Update => {
                        self.with_leg(slot, now, |leg, core| leg.on_offer_response(core, client, &response, now));
                    }
                    _ if is_2xx && uac::on_late_answer(&mut self.core, client, &response, now) => {}
                    _ if is_2xx && gone => {
                        uac::abandon(&mut self.core, client, &response, what == LegRequest::Invite, now);
                    }
                    LegRequest::Invite => {
                        self.with_leg(slot, now, |leg, core| leg.on_invite_response(core, client, &response, now));
                    }
                    LegRequest::Reinvite => {
                        self.with_leg(slot, now, |leg, core| leg.on_offer_response(core, client, &response, now));
                    }
                }
            }
        }
    }
}
