//! The handles of legs: what a call's driver holds.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use sip_proto::session::{LegCommand, LegEvent, LegKey, Reason, ReferKey, Replaces, Request};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Credentials, DialogRecord, Flow, Transport,
    orders::{Commands, Order},
};

/// Takes the events of one or more legs. A full or closed one ends the leg.
#[derive(Clone, Debug)]
pub struct LegSink(pub(crate) mpsc::Sender<LegEvent>);

impl LegSink {
    /// Returns the sink over a bounded channel.
    pub fn new(events: mpsc::Sender<LegEvent>) -> Self {
        Self(events)
    }

    /// Returns a sink of `capacity` events and its receiver.
    pub fn channel(capacity: usize) -> (Self, mpsc::Receiver<LegEvent>) {
        let (sender, receiver) = mpsc::channel(capacity);
        (Self(sender), receiver)
    }
}

impl From<mpsc::Sender<LegEvent>> for LegSink {
    fn from(events: mpsc::Sender<LegEvent>) -> Self {
        Self(events)
    }
}

/// One leg of a call. Commands return at once; a command that does not fit the leg's state does nothing.
#[derive(Clone, Debug)]
pub struct Leg {
    key: LegKey,
    commands: Commands,
}

impl Leg {
    pub(crate) fn new(key: LegKey, commands: Commands) -> Self {
        Self { key, commands }
    }

    /// Returns the key that this leg's events carry.
    pub fn key(&self) -> LegKey {
        self.key
    }

    /// Puts a header field on every further response to the peer's INVITE but 100.
    pub fn say(&self, header: &'static str, value: impl Into<String>) {
        self.send(LegCommand::Say { header, value: value.into() });
    }

    /// Sends a provisional response, 101 to 199, with SDP for early media.
    pub fn ring(&self, status: u16, sdp: Option<Bytes>) {
        self.send(LegCommand::Ring { status, sdp });
    }

    /// Answers 200; it is repeated until the ACK comes, and after 32 s without one the leg ends with a BYE.
    pub fn answer(&self, sdp: Bytes) {
        self.send(LegCommand::Answer { sdp });
    }

    /// Sends the ACK that [`crate::Invite::hold_ack`] held back.
    pub fn acknowledge(&self) {
        self.send(LegCommand::Acknowledge);
    }

    /// Answers a final failure, 300 to 699.
    pub fn reject(&self, status: u16, reason: Option<Reason>) {
        self.send(LegCommand::Reject { status, reason });
    }

    /// Asks for credentials again, as after a wrong password; counts against the source.
    pub fn challenge(&self) {
        self.send(LegCommand::Challenge);
    }

    /// Offers `sdp` in a re-INVITE. Glare is tried again; the outcome is `Answered` or `OfferRefused`.
    pub fn reinvite(&self, sdp: Bytes) {
        self.send(LegCommand::Reinvite { sdp });
    }

    /// Offers `sdp` in an UPDATE, or in a re-INVITE if the peer does not take UPDATE; the outcome is as with `reinvite`.
    pub fn update(&self, sdp: Bytes) {
        self.send(LegCommand::Update { sdp });
    }

    /// Asks the peer to call `target`, in place of another call if `replaces` names one. The outcome is `Referred`,
    /// then `Notify`.
    pub fn refer(&self, target: impl Into<String>, replaces: Option<Replaces>) {
        self.send(LegCommand::Refer { target: target.into(), replaces, referred_by: None });
    }

    /// Answers the peer's REFER 202, and tells it that the call is being tried.
    pub fn accept_refer(&self, refer: ReferKey) {
        self.send(LegCommand::AcceptRefer { refer });
    }

    /// Refuses the peer's REFER, for instance with 403.
    pub fn refuse_refer(&self, refer: ReferKey, status: u16) {
        self.send(LegCommand::RefuseRefer { refer, status });
    }

    /// Tells the peer how the call that it asked for fares: 180, 200, 486. A final status is the last news.
    pub fn notify_refer(&self, refer: ReferKey, status: u16) {
        self.send(LegCommand::NotifyRefer { refer, status });
    }

    /// Answers the peer's offer.
    pub fn accept(&self, sdp: Bytes) {
        self.send(LegCommand::Accept { sdp });
    }

    /// Refuses the peer's offer, for instance with 488.
    pub fn refuse(&self, status: u16) {
        self.send(LegCommand::Refuse { status });
    }

    /// Sends an INFO.
    pub fn info(&self, content_type: impl Into<String>, body: Bytes) {
        self.send(LegCommand::Info { content_type: content_type.into(), body });
    }

    /// Ends the leg with CANCEL, BYE or a failure, whichever its state asks for.
    pub fn hangup(&self, reason: Option<Reason>) {
        self.send(LegCommand::Hangup { reason });
    }

    /// Has further events of this leg go to `sink`. Comes back when that is so; what came before went to the former one.
    pub async fn hand_over(&self, sink: LegSink) {
        let (done, is_done) = oneshot::channel();
        self.commands.give(Order::HandOver { leg: self.key, sink, done });
        let _ = is_done.await;
    }

    fn send(&self, command: LegCommand) {
        self.commands.give(Order::Leg(self.key, command));
    }
}

/// An incoming call. Dropping it unaccepted answers 480.
#[derive(Debug)]
pub struct Incoming {
    pub leg: Leg,
    pub request: Request,
    pub sdp: Option<Bytes>,
    pub source: SocketAddr,
    pub transport: Transport,
    pub flow: Flow,
    /// Absent if the source is trusted. The nonce is fresh, the password not yet checked.
    pub credentials: Option<Credentials>,
    pub dialog: DialogRecord,
    /// The call whose place this one asks for. The leg that it names may be another account's: look before
    /// [`Replaces::refusal`] says that it may be replaced.
    pub replaces: Option<Replaces>,
    pub(crate) guard: Guard,
}

impl Incoming {
    /// Takes the call: events go to `sink` from now on, those that already happened first.
    pub fn accept(&self, sink: LegSink) -> Leg {
        self.guard.done();
        self.leg.commands.give(Order::Sink(self.leg.key, sink));
        self.leg.clone()
    }

    /// Refuses the call.
    pub fn reject(&self, status: u16, reason: Option<Reason>) {
        self.guard.done();
        self.leg.reject(status, reason);
    }

    /// Asks for credentials again; counts against the source.
    pub fn challenge(&self) {
        self.guard.done();
        self.leg.challenge();
    }
}

/// Answers for a request that its owner dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    order: Option<Order>,
    commands: Commands,
    done: AtomicBool,
}

impl Guard {
    pub(crate) fn new(order: Order, commands: Commands) -> Self {
        Self { order: Some(order), commands, done: AtomicBool::new(false) }
    }

    pub(crate) fn done(&self) {
        self.done.store(true, Ordering::Relaxed);
    }

    pub(crate) fn give(&self, order: Order) {
        self.done();
        self.commands.give(order);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.done.load(Ordering::Relaxed)
            && let Some(order) = self.order.take()
        {
            self.commands.give(order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_small_because_every_call_has_room_for_many() {
        assert!(size_of::<LegEvent>() <= 80, "{}", size_of::<LegEvent>());
    }
}
