//! What the machine tells the program, and what becomes of it when the program does not listen.

use std::sync::atomic::Ordering;

use sip_proto::{
    endpoint::{self as machine, Answer, Command, Input, RequestKey},
    session::{IncomingInvite, LegCommand},
};
use tokio::sync::mpsc;

use super::{Sink, Task, now};
use crate::{
    Credentials, Event, Flow, Incoming, Leg, LegEvent, LegEventKind, LegKey, LegSink, RegisterRequest,
    SubscribeRequest, SubscriptionNews, guard::Word, leg, orders::Order,
};

/// Events kept for a call that nobody took yet.
const MAX_WAITING_EVENTS: usize = 16;

impl Task {
    pub(super) fn take(&mut self, leg: LegKey, sink: LegSink) {
        let Some(found) = self.sinks.get_mut(&leg) else {
            return;
        };
        if let Sink::Waiting(events) = std::mem::replace(found, Sink::Ready(sink)) {
            for event in events {
                self.deliver(event);
            }
        }
    }

    pub(super) fn event(&mut self, event: machine::Event) {
        match event {
            machine::Event::Leg(event) => self.deliver(event),
            machine::Event::Incoming(incoming) => self.incoming(*incoming),
            machine::Event::Register(incoming) => {
                let (request, flow) = (incoming.request, incoming.flow);
                match self.first_word(request, incoming.credentials.as_ref(), flow) {
                    Some(answer) => self.feed(Input::Command(Command::Register { request, answer }), now()),
                    None => {
                        let unanswered = Order::Register { request, flow, answer: unanswered() };
                        let guard = leg::Guard::new(unanswered, self.commands.clone());
                        self.tell(Event::Register(RegisterRequest::new(*incoming, guard)));
                    }
                }
            }
            machine::Event::Subscribe(incoming) => {
                let (request, flow) = (incoming.request, incoming.flow);
                match self.first_word(request, incoming.credentials.as_ref(), flow) {
                    Some(answer) => self.feed(Input::Command(Command::Subscribe { request, answer }), now()),
                    None => {
                        let unanswered = Order::Subscribe { request, flow, answer: unanswered() };
                        let guard = leg::Guard::new(unanswered, self.commands.clone());
                        self.tell(Event::Subscribe(SubscribeRequest::new(*incoming, guard)));
                    }
                }
            }
            machine::Event::Subscription { subscription, news } => {
                self.tell(Event::Subscription { subscription, news });
            }
            machine::Event::Response { id, outcome } => {
                if let Some(reply) = self.replies.remove(&id) {
                    let _ = reply.send(outcome);
                }
            }
        }
    }

    /// Returns the answer to a REGISTER or SUBSCRIBE that its owner does not get to hear of; else remembers who asks.
    /// Generic as [`Answer`] is.
    fn first_word<Granted>(
        &mut self,
        request: RequestKey,
        credentials: Option<&Credentials>,
        flow: Flow,
    ) -> Option<Answer<Granted>> {
        let user = user(credentials);
        match self.guard.word(&user, flow.peer.ip(), now()) {
            Word::Unheard => Some(Answer::Challenge),
            Word::Barred => Some(Answer::Reject { status: 403, min_expires: None }),
            Word::Heard => {
                self.asking.insert(request, user);
                None
            }
        }
    }

    fn incoming(&mut self, incoming: IncomingInvite) {
        let key = incoming.leg;
        let user = user(incoming.credentials.as_ref());
        let refusal = match self.guard.word(&user, incoming.source.ip(), now()) {
            _ if incoming.credentials.is_none() => None,
            Word::Heard => None,
            Word::Unheard => Some(LegCommand::Challenge),
            Word::Barred => Some(LegCommand::Reject { status: 403, reason: None }),
        };
        if let Some(command) = refusal {
            self.feed(Input::Command(Command::Leg { leg: key, command }), now());
            return;
        }
        self.sinks.insert(key, Sink::Waiting(Vec::new()));
        self.flows.insert(key, (incoming.flow, user));
        self.count_legs();
        let refusal = LegCommand::Reject { status: 480, reason: None };
        let event = Incoming {
            leg: Leg::new(key, self.commands.clone()),
            request: incoming.request,
            sdp: incoming.sdp,
            source: incoming.source,
            transport: incoming.transport,
            flow: incoming.flow,
            credentials: incoming.credentials,
            dialog: incoming.dialog,
            replaces: incoming.replaces,
            guard: leg::Guard::new(Order::Leg(key, refusal), self.commands.clone()),
        };
        self.tell(Event::Incoming(event));
    }

    /// Gives an event to the program. What does not fit is answered 503.
    pub(super) fn tell(&mut self, event: Event) {
        match self.events.try_send(event) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(event)) if waits(&event) => self.backlog.push(event),
            Err(failed) => {
                metrics::counter!("sip_dropped_total", "why" => "behind").increment(1);
                if let mpsc::error::TrySendError::Full(Event::Incoming(incoming)) = failed {
                    incoming.reject(503, None);
                }
            }
        }
    }

    fn deliver(&mut self, event: LegEvent) {
        let leg = event.leg;
        let ended = matches!(event.kind, LegEventKind::Ended { .. });
        let kept = match self.sinks.get_mut(&leg) {
            None => return,
            Some(Sink::Ready(sink)) => sink.0.try_send(event).is_ok(),
            Some(Sink::Waiting(events)) if events.len() < MAX_WAITING_EVENTS => {
                events.push(event);
                true
            }
            Some(Sink::Waiting(_)) => false,
        };
        let nobody_took_it = matches!(self.sinks.get(&leg), Some(Sink::Waiting(_)));
        if !kept || ended && !nobody_took_it {
            self.forget(leg);
        }
        if !kept && !ended {
            metrics::counter!("sip_legs_cut_total").increment(1);
            let command = LegCommand::Hangup { reason: None };
            self.feed(Input::Command(Command::Leg { leg, command }), now());
        }
    }

    pub(super) fn forget(&mut self, leg: LegKey) {
        self.sinks.remove(&leg);
        self.flows.remove(&leg);
        self.count_legs();
    }

    pub(super) fn count_legs(&self) {
        self.legs.store(self.sinks.len(), Ordering::Relaxed);
    }

    /// Turns new requests away while the program does not keep up with its events.
    pub(super) fn watch_load(&mut self) {
        while let Some(event) = self.backlog.pop() {
            if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
                self.backlog.push(event);
                break;
            }
        }
        let behind = self.draining || self.events.capacity() <= self.events.max_capacity() / 8;
        if behind != self.overloaded {
            self.overloaded = behind;
            self.feed(Input::Command(Command::Overload(behind)), now());
        }
    }
}

fn user(credentials: Option<&Credentials>) -> String {
    credentials.map_or_else(String::new, |credentials| credentials.username().to_owned())
}

/// The answer to what was dropped; generic as [`Answer`] is.
fn unanswered<Granted>() -> Answer<Granted> {
    Answer::Reject { status: 503, min_expires: None }
}

/// Returns whether an event that the program has no room for is kept until it has. It is said once of each connection and
/// each subscription, which are bounded; a phone may refresh as often as it likes.
const fn waits(event: &Event) -> bool {
    match event {
        Event::FlowClosed(_) => true,
        Event::Subscription { news, .. } => !matches!(news, SubscriptionNews::Refreshed),
        _ => false,
    }
}
