//! Client transactions in their slots.

use std::{sync::Arc, time::Instant};

use super::{Core, LegRequest, User};
use crate::{
    endpoint::{
        config::MAX_FORWARDS,
        flow::{Destination, Flow},
        ids::Token,
    },
    message::{Message, Method, Name, RequestBuilder, Wire},
    session::TrunkCredentials,
    timers::Timer,
    transaction::{Client, Kind, client},
};

/// How many T1 a destination may be silent while there is another one: 4 s.
const SILENT_T1S: u32 = 8;

pub(crate) struct ClientSlot {
    machine: Client,
    generation: u32,
    random: u128,
    armed: Option<Instant>,
    pub(crate) to: Destination,
    pub(crate) method: Method,
    /// The request while it may be sent again, then the ACK; nothing when nothing is sent again.
    pub(crate) kept: Option<Wire>,
    pub(crate) user: User,
    pub(super) credentials: Option<Arc<TrunkCredentials>>,
    pub(super) challenges: u8,
    /// The CANCEL of this INVITE: it has the same branch.
    cancel: Option<u32>,
    /// Hashes of the To tags whose 2xx were acknowledged; the first one is the call.
    pub(crate) accepted: Vec<u64>,
    /// The ACK of the first 2xx waits for the leg's owner.
    pub(crate) ack_held: bool,
    /// Where the request goes if it comes to nothing here (RFC 3263 §4.3).
    pub(super) also: Vec<Destination>,
}

impl ClientSlot {
    /// Returns whether no final response came yet.
    fn is_open(&self) -> bool {
        matches!(self.machine.state(), client::State::Trying | client::State::Proceeding)
    }

    /// Returns whether it is a request within a dialog. BYE has no user any more.
    fn is_in_dialog(&self) -> bool {
        match self.user {
            User::Leg(_, LegRequest::Invite) | User::OutOfDialog(_) | User::Subscription(_) => false,
            User::Leg(..) => true,
            User::Nobody => self.method == Method::Bye,
        }
    }
}

/// A new request and what belongs to its transaction.
pub(crate) struct Outgoing {
    pub(crate) token: Token,
    pub(crate) method: Method,
    pub(crate) message: Wire,
    pub(crate) to: Destination,
    pub(crate) user: User,
    pub(crate) credentials: Option<Arc<TrunkCredentials>>,
}

/// What became of a response.
pub(crate) enum Heard {
    Nothing,
    Pass {
        client: u32,
        user: User,
    },
    /// The request was sent again with credentials; the user notes slot and CSeq.
    Retried {
        user: User,
        client: u32,
        cseq: u32,
    },
    Moved(Moved),
}

/// The request was sent to the next destination; the user notes slot and destination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    pub(crate) user: User,
    pub(crate) client: u32,
    pub(crate) to: Destination,
}

/// What became of a deadline of a client transaction.
pub(crate) enum Ended {
    Nothing,
    /// Nobody answered, or nothing could be sent.
    Lost(User),
    Moved(Moved),
}

impl Core {
    /// Returns the token of the next client transaction; its branch goes into the request.
    pub(crate) fn client_token(&mut self) -> Token {
        let slot = u32::try_from(self.clients.vacant_key()).unwrap_or(u32::MAX);
        Token { random: self.ids.random128(), slot }
    }

    /// Starts a request with Via and Max-Forwards.
    pub(crate) fn begin(&self, method: &Method, uri: &str, token: Token, to: Destination, hops: u8) -> RequestBuilder {
        RequestBuilder::new(method, uri)
            .via(to.transport.token(), self.host(to), self.ids.branch(token))
            .header(Name::MaxForwards, hops)
    }

    /// Sends a request and waits for its responses.
    pub(crate) fn start(&mut self, request: Outgoing, now: Instant) -> u32 {
        let Outgoing { token, method, message, to, user, credentials } = request;
        let kind = if method == Method::Invite { Kind::Invite } else { Kind::Other };
        let machine = Client::new(kind, to.transport.is_reliable(), &self.config.timings, now);
        self.send(to, message.clone());
        if let Some(flow) = to.flow.filter(|flow| flow.transport.is_reliable()) {
            self.used_flows.insert(flow.id);
        }
        let generation = self.next_generation();
        let index = self.clients.insert(ClientSlot {
            machine,
            generation,
            random: token.random,
            armed: None,
            to,
            method,
            kept: Some(message),
            user,
            credentials,
            challenges: 0,
            cancel: None,
            accepted: Vec::new(),
            ack_held: false,
            also: Vec::new(),
        });
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        self.arm_client(index);
        index
    }

    pub(crate) fn client(&mut self, index: u32) -> Option<&mut ClientSlot> {
        self.clients.get_mut(usize::try_from(index).ok()?)
    }

    /// Gives an INVITE further destinations. While there is one, silence is waited for only as long as four
    /// retransmissions take.
    pub(crate) fn try_also(&mut self, invite: u32, also: Vec<Destination>, now: Instant) {
        let patience = now + self.config.timings.t1 * SILENT_T1S;
        if let Some(slot) = self.client(invite).filter(|_| !also.is_empty()) {
            slot.machine.end_by(patience);
            slot.also = also;
            self.arm_client(invite);
        }
    }

    /// Keeps an INVITE where it is: its owner hung up.
    pub(crate) fn stay(&mut self, invite: u32) {
        if let Some(slot) = self.client(invite) {
            slot.also = Vec::new();
        }
    }

    /// Returns whether a token of ours names a client transaction that lives: what carries it came from us.
    pub(crate) fn is_ours(&self, branch: &str) -> bool {
        self.ids.parse_branch(branch).and_then(|token| self.find_client(token)).is_some()
    }

    fn find_client(&self, token: Token) -> Option<u32> {
        let slot = self.clients.get(usize::try_from(token.slot).ok()?)?;
        (slot.random == token.random).then_some(token.slot)
    }

    /// Cancels an INVITE (RFC 3261 §9.1); its transaction ends 64 × T1 from now at the latest.
    pub(crate) fn cancel(&mut self, invite: u32, reason: Option<String>, now: Instant) {
        let end = now + self.config.timings.t1x64();
        self.stay(invite);
        let Some(slot) = self.client(invite) else {
            return;
        };
        slot.machine.end_by(end);
        let (to, request, random) = (slot.to, slot.kept.clone(), slot.random);
        self.arm_client(invite);
        let Some(request) = request.map(|request| request.message()) else {
            return;
        };
        let token = Token { random, slot: invite };
        let uri = String::from_utf8_lossy(request.raw_request_uri().unwrap_or_default()).into_owned();
        let mut builder = self.begin(&Method::Cancel, &uri, token, to, MAX_FORWARDS);
        builder = copy(builder, &request, &[Name::Route, Name::From, Name::To, Name::CallId]);
        builder = builder.header(Name::CSeq, format_args!("{} CANCEL", request.cseq().0));
        if let Some(reason) = reason {
            builder = builder.header(Name::Reason, reason);
        }
        let outgoing = Outgoing {
            token: Token { random: self.ids.random128(), slot: 0 },
            method: Method::Cancel,
            message: builder.wire(),
            to,
            user: User::Nobody,
            credentials: None,
        };
        let cancel = self.start(outgoing, now);
        if let Some(slot) = self.client(invite) {
            slot.cancel = Some(cancel);
        }
    }

    /// Gives an INVITE that proceeds a time to end by.
    pub(crate) fn end_by(&mut self, invite: u32, at: Instant) {
        if let Some(slot) = self.client(invite) {
            slot.machine.end_by(at);
            self.arm_client(invite);
        }
    }

    /// Gives a response to its transaction.
    pub(crate) fn on_response(&mut self, flow: Flow, response: &Message, now: Instant) -> Heard {
        let Some(mut index) = response
            .via()
            .and_then(|via| self.ids.parse_branch(via.branch()?))
            .and_then(|token| self.find_client(token))
        else {
            return Heard::Nothing;
        };
        let (status, method) = (response.status().unwrap_or_default(), response.method());
        if *method == Method::Cancel {
            match self.client(index).and_then(|slot| slot.cancel) {
                Some(cancel) => index = cancel,
                None => return Heard::Nothing,
            }
        }
        let timings = self.config.timings;
        let Some(slot) = self.client(index) else {
            return Heard::Nothing;
        };
        let from_there = slot.to.addr.ip().to_canonical() == flow.peer.ip().to_canonical();
        if slot.method != *method || !from_there || response.via_count() != 1 {
            return Heard::Nothing;
        }
        let user = slot.user;
        let verdict = slot.machine.on_response(status, &timings, now);
        let (to, kept) = (slot.to, slot.kept.clone());
        match verdict {
            client::Verdict::Drop => return Heard::Nothing,
            client::Verdict::AckAgain => {
                if let Some(ack) = kept {
                    self.send(to, ack);
                }
                return Heard::Nothing;
            }
            client::Verdict::AckAndPass => self.acknowledge_failure(index, response, to, kept.as_ref()),
            client::Verdict::Pass => {}
        }
        if status >= 200
            && *method != Method::Invite
            && let Some(slot) = self.client(index)
        {
            slot.kept = None;
        }
        let retried = match status {
            401 | 407 => self.retry_with_credentials(index, flow, response, kept.as_ref(), now),
            422 => self.retry_with_longer_session(index, response, kept.as_ref(), now),
            _ => None,
        };
        let heard = if status == 503
            && let Some(moved) = self.try_elsewhere(index, kept.as_ref(), now)
        {
            Heard::Moved(moved)
        } else if let Some((client, cseq)) = retried {
            Heard::Retried { user, client, cseq }
        } else {
            Heard::Pass { client: index, user }
        };
        self.end_or_arm_client(index, now);
        heard
    }

    /// Sends the ACK of a failure, which belongs to the INVITE's transaction (RFC 3261 §17.1.1.3).
    fn acknowledge_failure(&mut self, index: u32, response: &Message, to: Destination, request: Option<&Wire>) {
        let Some(request) = request.map(Wire::message) else {
            return;
        };
        let Some(random) = self.client(index).map(|slot| slot.random) else {
            return;
        };
        let uri = String::from_utf8_lossy(request.raw_request_uri().unwrap_or_default()).into_owned();
        let token = Token { random, slot: index };
        let mut ack = self.begin(&Method::Ack, &uri, token, to, MAX_FORWARDS);
        ack = copy(ack, &request, &[Name::Route, Name::From]);
        ack = copy(ack, response, &[Name::To]);
        ack = copy(ack, &request, &[Name::CallId]);
        let ack = ack.header(Name::CSeq, format_args!("{} ACK", request.cseq().0)).wire();
        self.send(to, ack.clone());
        if let Some(slot) = self.client(index) {
            slot.kept = Some(ack);
        }
    }

    fn end_or_arm_client(&mut self, index: u32, now: Instant) {
        let due = self.client(index).and_then(|slot| slot.machine.next_timeout()).is_some_and(|at| at <= now);
        if due {
            // A lingering time of zero: reliable transports.
            self.client_due(index, now);
        } else {
            self.arm_client(index);
        }
    }

    fn arm_client(&mut self, index: u32) {
        let Some(slot) = self.clients.get_mut(index as usize) else {
            return;
        };
        if let Some(at) = slot.machine.next_timeout()
            && slot.armed.is_none_or(|armed| armed > at)
        {
            slot.armed = Some(at);
            self.timers.add(at, Timer::Client(index, slot.generation));
        }
    }

    /// Looks at a client transaction whose timer came up.
    pub(crate) fn on_client_timer(&mut self, index: u32, generation: u32, now: Instant) -> Ended {
        match self.client(index) {
            Some(slot) if slot.generation == generation => slot.armed = None,
            _ => return Ended::Nothing,
        }
        self.client_due(index, now)
    }

    fn client_due(&mut self, index: u32, now: Instant) -> Ended {
        let timings = self.config.timings;
        let Some(slot) = self.client(index) else {
            return Ended::Nothing;
        };
        match slot.machine.on_timeout(&timings, now) {
            client::Expiry::Nothing => self.arm_client(index),
            client::Expiry::Retransmit => {
                let (to, kept) = (slot.to, slot.kept.clone());
                if let Some(message) = kept {
                    self.send(to, message);
                }
                self.arm_client(index);
            }
            client::Expiry::TimedOut => {
                let (user, kept) = (slot.user, slot.kept.clone());
                let moved = self.try_elsewhere(index, kept.as_ref(), now);
                self.clients.remove(index as usize);
                return moved.map_or(Ended::Lost(user), Ended::Moved);
            }
            client::Expiry::Terminated => {
                self.clients.remove(index as usize);
            }
        }
        Ended::Nothing
    }

    /// Forgets the requests that went where nothing can be sent any more and returns what became of them. Those of dialogs
    /// may wait for another way to the peer, until their own time is over.
    pub(crate) fn fail_clients(
        &mut self,
        dialogs_wait: bool,
        gone: impl Fn(&Destination) -> bool,
        now: Instant,
    ) -> Vec<Ended> {
        let waits = |slot: &ClientSlot| gone(&slot.to) && slot.is_open() && !(dialogs_wait && slot.is_in_dialog());
        let failing: Vec<usize> = self.clients.iter().filter(|(_, slot)| waits(slot)).map(|(index, _)| index).collect();
        let mut ended = Vec::with_capacity(failing.len());
        for index in failing {
            let Some((user, kept)) = self.clients.get(index).map(|slot| (slot.user, slot.kept.clone())) else {
                continue;
            };
            let moved = self.try_elsewhere(u32::try_from(index).unwrap_or(u32::MAX), kept.as_ref(), now);
            self.clients.remove(index);
            ended.push(moved.map_or(Ended::Lost(user), Ended::Moved));
        }
        ended
    }

    /// Sends over `to` what went over `from`, and once more what the peer did not answer at all.
    pub(crate) fn move_clients(&mut self, from: Flow, to: Flow, now: Instant) {
        let there = Destination::from(to);
        let mut again = Vec::new();
        for (index, slot) in &mut self.clients {
            if slot.to.flow == Some(from) {
                slot.to = there;
                let unanswered = slot.machine.state() == client::State::Trying && slot.is_in_dialog();
                again.extend(slot.kept.clone().filter(|_| unanswered).map(|kept| (index, kept)));
            }
        }
        let end = now + self.config.timings.t1x64();
        for (index, message) in again {
            self.send(there, message);
            self.used_flows.insert(to.id);
            if let Some(slot) = self.clients.get_mut(index) {
                slot.machine.end_by(end);
            }
            self.arm_client(u32::try_from(index).unwrap_or(u32::MAX));
        }
    }

    /// Returns whether a flow carried requests of ours, and forgets it.
    pub(crate) fn take_used_flow(&mut self, flow: Flow) -> bool {
        self.used_flows.remove(&flow.id)
    }
}

/// Copies header fields as they were written.
fn copy(mut builder: RequestBuilder, from: &Message, names: &[Name]) -> RequestBuilder {
    for name in names {
        for value in from.headers(*name) {
            builder = builder.header_bytes(*name, value);
        }
    }
    builder
}
