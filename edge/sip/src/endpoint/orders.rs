//! What the task does for the handles.

use std::time::Instant;

use sip_proto::{
    endpoint::{Answer, Command, Input, RequestKey},
    session::LegCommand,
};

use super::{NOTHING, Sink, Task};
use crate::{EndedBy, Flow, LegEvent, LegEventKind, LegKey, orders::Order};

impl Task {
    pub(super) fn obey(&mut self, order: Order, now: Instant) {
        let command = match order {
            Order::Invite { leg, invite, sink } => {
                if self.draining {
                    let kind = LegEventKind::Ended { status: Some(503), reason: None, by: EndedBy::Us };
                    let _ = sink.0.try_send(LegEvent { leg, kind });
                    return;
                }
                self.guard.welcome(invite.destination.addr.ip(), now);
                self.sinks.insert(leg, Sink::Ready(sink));
                self.count_legs();
                Command::Invite { leg, invite }
            }
            Order::Leg(leg, command) => {
                if let Some((flow, user)) = self.flows.get(&leg) {
                    match &command {
                        LegCommand::Challenge => self.guard.failed(user, flow.peer.ip(), now),
                        LegCommand::Ring { .. } | LegCommand::Answer { .. } => self.welcome(leg, now),
                        _ => {}
                    }
                }
                let ends =
                    matches!(command, LegCommand::Reject { .. } | LegCommand::Challenge | LegCommand::Hangup { .. });
                if ends && matches!(self.sinks.get(&leg), Some(Sink::Waiting(_))) {
                    // Its owner refused it without listening.
                    self.forget(leg);
                }
                Command::Leg { leg, command }
            }
            Order::Sink(leg, sink) => {
                self.welcome(leg, now);
                self.take(leg, sink);
                return;
            }
            Order::HandOver { leg, sink, done } => {
                self.take(leg, sink);
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
                return;
            }
            Order::Register { request, flow, answer } => {
                self.judged(request, flow, &answer, now);
                Command::Register { request, answer }
            }
            Order::Subscribe { request, flow, answer } => {
                self.judged(request, flow, &answer, now);
                Command::Subscribe { request, answer }
            }
            Order::Notify { subscription, notification } => Command::Notify { subscription, notification },
            Order::Request { request, reply } => {
                self.guard.welcome(request.destination.addr.ip(), now);
                self.next_reply = self.next_reply.wrapping_add(1);
                self.replies.insert(self.next_reply, reply);
                Command::Request { id: self.next_reply, request }
            }
            Order::ByeOrphan { record, reason } => Command::ByeOrphan { record, reason },
            Order::MoveFlow { from, to } => Command::MoveFlow { from, to },
            Order::Domains(domains) => Command::Domains(domains),
            Order::Trust(sources) => {
                self.guard.trust(sources.iter().map(|source| source.ip));
                Command::Trust(sources)
            }
            Order::KeepAlive(to) => {
                if !self.sockets.send(to, NOTHING.into()) {
                    tracing::debug!(peer = %to.addr, "a keep-alive has no socket");
                }
                return;
            }
            Order::Sent(done) => {
                self.unsent.push(done);
                return;
            }
            Order::Drain => {
                self.draining = true;
                Command::Overload(true)
            }
        };
        self.feed(Input::Command(command), now);
    }

    /// Remembers what the answer to a REGISTER or SUBSCRIBE says of who sent it. Generic as [`Answer`] is.
    fn judged<Granted>(&mut self, request: RequestKey, flow: Flow, answer: &Answer<Granted>, now: Instant) {
        let user = self.asking.remove(&request).unwrap_or_default();
        match answer {
            Answer::Accept(_) => {
                self.guard.proved(&user, flow.peer.ip(), now);
                self.belongs(flow, now);
            }
            Answer::Challenge => self.guard.failed(&user, flow.peer.ip(), now),
            Answer::Reject { .. } => {}
        }
    }

    /// Remembers that an incoming leg's source belongs here: its owner took the call.
    fn welcome(&mut self, leg: LegKey, now: Instant) {
        if let Some((flow, user)) = self.flows.remove(&leg) {
            // Without a login it is a trunk's.
            if !user.is_empty() {
                self.guard.proved(&user, flow.peer.ip(), now);
            }
            self.belongs(flow, now);
        }
    }

    /// Lifts the limits for strangers from a source and its connection.
    fn belongs(&mut self, flow: Flow, now: Instant) {
        self.guard.welcome(flow.peer.ip(), now);
        if flow.transport.is_reliable() {
            self.connections.authenticated(flow.id);
        }
    }
}
