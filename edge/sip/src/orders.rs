//! What handles ask of the endpoint task, and the bounded way there.

use std::collections::HashSet;

use sip_proto::{
    endpoint::{Notification, RegisterAnswer, RequestKey, SubscribeAnswer, SubscriptionKey},
    message::Message,
    session::LegCommand,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Destination, DialogRecord, EndedBy, Flow, Invite, LegEvent, LegEventKind, LegKey, LegSink, OutOfDialog, Reason,
    RequestFailed, TrustedSource,
};

/// What handles ask of the endpoint task.
#[derive(Debug)]
pub(crate) enum Order {
    Invite {
        leg: LegKey,
        invite: Box<Invite>,
        sink: LegSink,
    },
    Leg(LegKey, LegCommand),
    Sink(LegKey, LegSink),
    HandOver {
        leg: LegKey,
        sink: LegSink,
        done: oneshot::Sender<()>,
    },
    Register {
        request: RequestKey,
        flow: Flow,
        answer: RegisterAnswer,
    },
    Subscribe {
        request: RequestKey,
        flow: Flow,
        answer: SubscribeAnswer,
    },
    Notify {
        subscription: SubscriptionKey,
        notification: Notification,
    },
    Request {
        request: Box<OutOfDialog>,
        reply: oneshot::Sender<Result<Message, RequestFailed>>,
    },
    ByeOrphan {
        record: Box<DialogRecord>,
        reason: Option<Reason>,
    },
    Domains(HashSet<String>),
    Trust(Vec<TrustedSource>),
    MoveFlow {
        from: Flow,
        to: Flow,
    },
    /// Opens a NAT's way again.
    KeepAlive(Destination),
    /// Asks to be told once all that was ordered before has been sent.
    Sent(oneshot::Sender<()>),
    Drain,
}

/// The way to the endpoint task: bounded, never waiting.
#[derive(Clone, Debug)]
pub(crate) struct Commands {
    queue: mpsc::Sender<Order>,
}

impl Commands {
    pub(crate) fn new(queue: mpsc::Sender<Order>) -> Self {
        Self { queue }
    }

    /// Gives an order. New calls stop at half of the queue's capacity, so that there is room to end those that live.
    pub(crate) fn give(&self, order: Order) {
        if self.queue.try_send(order).is_err() {
            metrics::counter!("sip_commands_dropped_total").increment(1);
        }
    }

    pub(crate) fn invite(&self, leg: LegKey, invite: Invite, sink: LegSink) {
        if self.queue.capacity() < self.queue.max_capacity() / 2 || self.queue.is_closed() {
            let kind = LegEventKind::Ended { status: Some(503), reason: None, by: EndedBy::Us };
            let _ = sink.0.try_send(LegEvent { leg, kind });
            return;
        }
        self.give(Order::Invite { leg, invite: Box::new(invite), sink });
    }
}
