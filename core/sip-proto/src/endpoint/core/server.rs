//! Server transactions in their slots.

use std::{sync::Arc, time::Instant};

use slab::Slab;

use super::{Core, ServerUser, Slot, reply_to};
use crate::{
    endpoint::{
        config::RETRY_AFTER_SECS,
        flow::{Destination, Flow},
        ids::ShortTag,
    },
    message::{Message, Method, Name, ResponseBuilder, Wire},
    timers::Timer,
    transaction::{Kind, Server, server},
};

pub(crate) struct ServerSlot {
    pub(crate) machine: Server,
    generation: u32,
    key: u64,
    merged: u64,
    armed: Option<Instant>,
    pub(crate) flow: Flow,
    /// The port that answers go to.
    reply_port: u16,
    /// The last response, unless its user repeats it.
    response: Option<Wire>,
    pub(crate) user: ServerUser,
    /// Kept until the final response; outside of the slot, which lingers without it.
    pub(crate) request: Option<Arc<Message>>,
}

impl ServerSlot {
    /// Returns where answers go.
    pub(crate) fn reply_to(&self) -> Destination {
        let mut to = Destination::from(self.flow);
        to.addr.set_port(self.reply_port);
        to
    }
}

impl Core {
    /// Returns the key of a request's server transaction (RFC 3261 §17.2.3); ACK and CANCEL find their INVITE's.
    pub(crate) fn server_key(&self, request: &Message) -> u64 {
        let method = match request.method() {
            Method::Ack | Method::Cancel => Method::Invite.as_str(),
            other => other.as_str(),
        };
        let Some(via) = request.via() else {
            return 0;
        };
        let port = via.port().unwrap_or(5060).to_be_bytes();
        match via.branch() {
            Some(branch) if branch.starts_with(crate::message::BRANCH_COOKIE) => {
                // Of browsers behind one proxy two may have drawn the same branch; what is repeated is the same throughout.
                self.ids.hash(&[
                    branch.as_bytes(),
                    via.host_str().as_bytes(),
                    &port,
                    request.call_id().as_bytes(),
                    &request.cseq().0.to_be_bytes(),
                    method.as_bytes(),
                ])
            }
            _ => self.ids.hash(&[
                via.as_bytes(),
                request.from_tag().unwrap_or_default().as_bytes(),
                request.call_id().as_bytes(),
                &request.cseq().0.to_be_bytes(),
                method.as_bytes(),
            ]),
        }
    }

    /// Returns the key by which the same request over another path is known (RFC 3261 §8.2.2.2).
    pub(crate) fn merged_key(&self, request: &Message) -> u64 {
        self.ids.hash(&[
            request.call_id().as_bytes(),
            request.from_tag().unwrap_or_default().as_bytes(),
            &request.cseq().0.to_be_bytes(),
            request.method().as_str().as_bytes(),
        ])
    }

    pub(crate) fn find_server(&self, key: u64) -> Option<u32> {
        self.keys.get(&key).copied()
    }

    /// Returns whether the same request came by another path before.
    pub(crate) fn is_merged(&self, merged: u64, key: u64) -> bool {
        self.merged.get(&merged).is_some_and(|known| *known != key)
    }

    pub(crate) fn server(&mut self, index: u32) -> Option<&mut ServerSlot> {
        self.servers.get_mut(usize::try_from(index).ok()?)
    }

    pub(crate) fn server_slot(&mut self, slot: Slot) -> Option<&mut ServerSlot> {
        self.server(slot.index).filter(|found| found.generation == slot.generation)
    }

    /// Takes a request into a transaction.
    pub(crate) fn serve(&mut self, flow: Flow, request: Message, user: ServerUser) -> Slot {
        let (key, merged) = (self.server_key(&request), self.merged_key(&request));
        let kind = if *request.method() == Method::Invite { Kind::Invite } else { Kind::Other };
        let generation = self.next_generation();
        let index = self.servers.insert(ServerSlot {
            // A browser that lost its connection repeats over the next one what it got no answer to: the answer is kept.
            machine: Server::new(
                kind,
                flow.transport.is_reliable() && !(flow.transport.is_websocket() && kind == Kind::Other),
            ),
            generation,
            key,
            merged,
            armed: None,
            flow,
            reply_port: reply_to(flow, &request).addr.port(),
            response: None,
            user,
            request: Some(Arc::new(request)),
        });
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        self.keys.insert(key, index);
        self.merged.insert(merged, key);
        Slot { index, generation }
    }

    /// Sends over `to` the answers to requests that came over `from`.
    pub(crate) fn move_servers(&mut self, from: Flow, to: Flow) {
        for (_, slot) in &mut self.servers {
            if slot.flow == from {
                (slot.flow, slot.reply_port) = (to, to.peer.port());
            }
        }
    }

    /// Answers a request that came again.
    pub(crate) fn answer_again(&mut self, index: u32) {
        if let Some(slot) = self.server(index)
            && slot.machine.answers_again()
            && let Some(response) = slot.response.clone()
        {
            let to = slot.reply_to();
            self.send(to, response);
        }
    }

    /// Sends a response in its transaction and returns its bytes; nothing if there was a final response before.
    pub(crate) fn respond(
        &mut self,
        slot: Slot,
        status: u16,
        tag: &str,
        fill: impl FnOnce(ResponseBuilder<'_>) -> ResponseBuilder<'_>,
        now: Instant,
    ) -> Option<Wire> {
        let timings = self.config.timings;
        let found = self.server_slot(slot)?;
        let request = found.request.clone()?;
        if !found.machine.on_response(status, &timings, now) {
            return None;
        }
        let builder = ResponseBuilder::for_request(&request, status, "").source(found.flow.peer);
        let builder = if status == 100 { builder } else { builder.to_tag(tag) };
        // RFC 3261 §21.5.4: without it, 503 says 500 to the peer.
        let builder = if status == 503 { builder.header(Name::RetryAfter, RETRY_AFTER_SECS) } else { builder };
        let response = fill(builder).wire();
        let accepted = found.machine.state() == server::State::Accepted;
        if status >= 200 {
            found.request = None;
        }
        found.response = (!accepted).then(|| response.clone());
        let to = found.reply_to();
        self.send(to, response.clone());
        if found_is_due(&self.servers, slot.index, now) {
            self.on_server_due(slot.index, now);
        } else {
            self.arm_server(slot.index);
        }
        Some(response)
    }

    /// Gives the ACK of a failure to its INVITE's transaction.
    pub(crate) fn acknowledged(&mut self, index: u32, now: Instant) {
        let timings = self.config.timings;
        if let Some(slot) = self.server(index) {
            slot.machine.on_ack(&timings, now);
            if found_is_due(&self.servers, index, now) {
                self.on_server_due(index, now);
            } else {
                self.arm_server(index);
            }
        }
    }

    /// Sends a response without keeping anything, never one larger than `bound`.
    pub(crate) fn respond_statelessly(&mut self, flow: Flow, request: &Message, response: &Wire, bound: usize) {
        if response.len() <= bound {
            let to = reply_to(flow, request);
            self.send(to, response.clone());
        }
    }

    /// Returns the To tag for responses without a dialog: the same for the same request.
    pub(crate) fn stateless_tag(&self, request: &Message) -> ShortTag {
        let via = request.via();
        let branch = via.as_ref().and_then(|via| via.branch()).unwrap_or_default();
        ShortTag::of(self.ids.hash(&[request.call_id().as_bytes(), branch.as_bytes()]))
    }

    fn arm_server(&mut self, index: u32) {
        let Some(slot) = self.servers.get_mut(index as usize) else {
            return;
        };
        if let Some(at) = slot.machine.next_timeout()
            && slot.armed.is_none_or(|armed| armed > at)
        {
            slot.armed = Some(at);
            self.timers.add(at, Timer::Server(index, slot.generation));
        }
    }

    /// Looks at a server transaction whose timer came up.
    pub(crate) fn on_server_timer(&mut self, index: u32, generation: u32, now: Instant) {
        match self.server(index) {
            Some(slot) if slot.generation == generation => slot.armed = None,
            _ => return,
        }
        self.on_server_due(index, now);
    }

    fn on_server_due(&mut self, index: u32, now: Instant) {
        let timings = self.config.timings;
        let Some(slot) = self.server(index) else {
            return;
        };
        match slot.machine.on_timeout(&timings, now) {
            server::Expiry::Nothing => self.arm_server(index),
            server::Expiry::Retransmit => {
                let (to, response) = (slot.reply_to(), slot.response.clone());
                if let Some(response) = response {
                    self.send(to, response);
                }
                self.arm_server(index);
            }
            server::Expiry::Terminated => {
                let slot = self.servers.remove(index as usize);
                self.keys.remove(&slot.key);
                if self.merged.get(&slot.merged) == Some(&slot.key) {
                    self.merged.remove(&slot.merged);
                }
            }
        }
    }
}

fn found_is_due(servers: &Slab<ServerSlot>, index: u32, now: Instant) -> bool {
    servers.get(index as usize).and_then(|slot| slot.machine.next_timeout()).is_some_and(|at| at <= now)
}
