//! One leg: a dialog begun by INVITE, seen from our side.
//!
//! ```text
//! outgoing: Calling ─1xx─▶ Proceeding ─2xx─▶ Confirmed ─BYE─▶ Over
//!              └──hangup──▶ Cancelling ─final─▶ Over (a late 2xx gets ACK and BYE)
//! incoming: Ringing ─answer─▶ Answered ─ACK─▶ Confirmed ─BYE─▶ Over
//!              └─reject, CANCEL─▶ Over           Answered without ACK for 32 s ─BYE─▶ Over
//! ```

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    EndedBy, LegCommand, LegEvent, LegEventKind, LegKey, Reason, TrunkCredentials, refer::Referral, reliable::Reliable,
    timer::SessionTimer,
};
use crate::{
    dialog::Dialog,
    endpoint::{
        core::{Core, LegRequest, Outgoing, Slot, User},
        flow::Destination,
    },
    message::{Message, Method, Name, Wire},
    timers::Timer,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Calling,
    Proceeding,
    /// The owner hung up before the final response; `sent` is false until a CANCEL may be sent.
    Cancelling {
        sent: bool,
        reason: Option<String>,
    },
    Ringing,
    /// We sent 2xx; with `bye` the owner hung up, and BYE waits for the ACK (RFC 3261 §15).
    Answered {
        bye: Option<Option<String>>,
    },
    Confirmed,
    Over,
}

/// A 2xx of ours that waits for its ACK (RFC 3261 §13.3.1.4).
#[derive(Debug)]
pub(crate) struct Unacknowledged {
    pub(crate) cseq: u32,
    pub(crate) bytes: Wire,
    pub(crate) to: Destination,
    pub(crate) again: Instant,
    pub(crate) wait: Duration,
    pub(crate) end: Instant,
}

/// The one offer that may be open (RFC 3264 §4).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    None,
    /// Our re-INVITE or UPDATE waits for its response.
    Ours {
        sdp: Bytes,
        tries: u8,
        update: bool,
    },
    /// The peer's re-INVITE or UPDATE waits for our owner.
    Theirs {
        server: Slot,
    },
}

/// An offer of ours that waits: it met the peer's (RFC 3261 §14.1), or another one is open.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) sdp: Bytes,
    pub(crate) tries: u8,
    pub(crate) update: bool,
    pub(crate) at: Instant,
}

/// An early dialog of an outgoing leg.
#[derive(Debug)]
pub(crate) struct Early {
    pub(crate) tag: String,
    /// The last reliable response that was acknowledged, and how many were.
    pub(crate) rseq: Option<u32>,
    pub(crate) pracks: u8,
}

pub(crate) struct Leg {
    pub(crate) key: LegKey,
    pub(crate) slot: Slot,
    /// The random part of our tag.
    pub(crate) random: u128,
    pub(crate) state: State,
    pub(crate) outgoing: bool,
    pub(crate) dialog: Dialog,
    /// The last provisional response that was told: status and hash of its SDP; and how many were told.
    pub(crate) progress: (u16, u64, u8),
    pub(crate) early: Vec<Early>,
    /// Our INVITE that has no final response yet.
    pub(crate) client: Option<u32>,
    /// Whether the ACK of the first 2xx waits for the owner, and the INVITE whose ACK does.
    pub(crate) hold_ack: bool,
    pub(crate) held_ack: Option<u32>,
    /// The peer's INVITE that has no final response yet.
    pub(crate) server: Option<Slot>,
    pub(crate) credentials: Option<Arc<TrunkCredentials>>,
    pub(crate) unacknowledged: Option<Unacknowledged>,
    pub(crate) offer: Offer,
    pub(crate) waiting: Option<Waiting>,
    /// The peer's INVITE came with an offer.
    pub(crate) has_offered: bool,
    /// A header field of every response to the peer's INVITE but 100.
    pub(crate) said: Option<Box<(&'static str, String)>>,
    /// Reliable provisional responses of ours.
    pub(crate) reliable: Option<Box<Reliable>>,
    /// The peer takes UPDATE.
    pub(crate) peer_updates: bool,
    /// When the session wants a sign of life.
    pub(crate) session: Option<SessionTimer>,
    /// Our last description, where a re-INVITE may have to repeat it.
    pub(crate) last_sdp: Option<Bytes>,
    /// The peer's REFER, and whether one of ours has news to come.
    pub(crate) referral: Option<Box<Referral>>,
    pub(crate) referring: bool,
    /// Timer C: the end of the patience with an INVITE that rings.
    pub(crate) patience: Option<Instant>,
    /// `Ended` was told.
    pub(crate) told: bool,
    armed: Option<Instant>,
}

impl Leg {
    pub(crate) fn new(key: LegKey, slot: Slot, random: u128, state: State, dialog: Dialog) -> Self {
        Self {
            key,
            slot,
            random,
            outgoing: state == State::Calling,
            state,
            dialog,
            progress: (0, 0, 0),
            early: Vec::new(),
            client: None,
            hold_ack: false,
            held_ack: None,
            server: None,
            credentials: None,
            unacknowledged: None,
            offer: Offer::None,
            waiting: None,
            has_offered: false,
            said: None,
            reliable: None,
            peer_updates: false,
            session: None,
            last_sdp: None,
            referral: None,
            referring: false,
            patience: None,
            told: false,
            armed: None,
        }
    }

    /// Tells the owner something, unless the end was told.
    pub(crate) fn tell(&mut self, core: &mut Core, kind: LegEventKind) {
        if self.told {
            return;
        }
        self.told = matches!(kind, LegEventKind::Ended { .. });
        core.leg_event(LegEvent { leg: self.key, kind });
    }

    pub(crate) fn tell_end(&mut self, core: &mut Core, status: Option<u16>, reason: Option<Reason>, by: EndedBy) {
        self.tell(core, LegEventKind::Ended { status, reason, by });
    }

    /// Does what the owner asks for, as far as the state allows it.
    pub(crate) fn command(&mut self, core: &mut Core, command: LegCommand, now: Instant) {
        match command {
            LegCommand::Say { header, value } => self.said = Some(Box::new((header, value))),
            LegCommand::Ring { status, sdp } => self.ring(core, status, sdp, now),
            LegCommand::Answer { sdp } => self.answer(core, sdp, now),
            LegCommand::Acknowledge => self.acknowledge(core),
            LegCommand::Reject { status, reason } => self.reject(core, status, reason, now),
            LegCommand::Challenge => self.reject(core, 403, None, now),
            LegCommand::Reinvite { sdp } => self.offer(core, sdp, 0, false, now),
            LegCommand::Update { sdp } => self.offer(core, sdp, 0, true, now),
            LegCommand::Refer { target, replaces, referred_by } => {
                self.refer(core, &target, replaces.as_ref(), referred_by.as_deref(), now);
            }
            LegCommand::AcceptRefer { refer } => self.accept_refer(core, refer, now),
            LegCommand::RefuseRefer { refer, status } => self.refuse_refer(core, refer, status, now),
            LegCommand::NotifyRefer { refer, status } => self.notify_refer(core, refer, status, now),
            LegCommand::Accept { sdp } => self.accept_offer(core, sdp, now),
            LegCommand::Refuse { status } => self.refuse_offer(core, status, now),
            LegCommand::Info { content_type, body } => self.send_info(core, &content_type, &body, now),
            LegCommand::Hangup { reason } => self.hangup(core, reason, now),
        }
    }

    /// Ends the leg from our side. The owner hears the end at once; CANCEL and BYE go on without it.
    pub(crate) fn hangup(&mut self, core: &mut Core, reason: Option<Reason>, now: Instant) {
        let header = reason.as_ref().and_then(Reason::print);
        match &mut self.state {
            State::Calling => {
                if let Some(client) = self.client {
                    core.stay(client);
                }
                self.state = State::Cancelling { sent: false, reason: header };
            }
            State::Proceeding => {
                if let Some(client) = self.client {
                    core.cancel(client, header.clone(), now);
                }
                self.state = State::Cancelling { sent: true, reason: header };
            }
            State::Ringing => {
                let status = reason.as_ref().and_then(|reason| reason.sip).filter(|s| (400..700).contains(s));
                return self.reject(core, status.unwrap_or(480), reason, now);
            }
            State::Answered { bye } => {
                if bye.is_none() {
                    *bye = Some(header);
                }
            }
            State::Confirmed => {
                self.acknowledge(core);
                self.bye(core, header, now);
                self.state = State::Over;
            }
            State::Cancelling { .. } | State::Over => return,
        }
        self.patience = None;
        self.tell_end(core, None, reason, EndedBy::Us);
    }

    /// Sends BYE; its response matters to nobody.
    pub(crate) fn bye(&mut self, core: &mut Core, reason: Option<String>, now: Instant) {
        bye(core, &mut self.dialog, self.credentials.clone(), reason, now);
    }

    fn send_info(&mut self, core: &mut Core, content_type: &str, body: &[u8], now: Instant) {
        if !matches!(self.state, State::Confirmed) {
            return;
        }
        let token = core.client_token();
        let request = self.dialog.request(core, &Method::Info, token).body(content_type, body).wire();
        let user = User::Leg(self.slot, LegRequest::News);
        self.start(core, token, Method::Info, request, user, now);
    }

    pub(crate) fn start(
        &self,
        core: &mut Core,
        token: crate::endpoint::ids::Token,
        method: Method,
        message: Wire,
        user: User,
        now: Instant,
    ) -> u32 {
        let credentials = self.credentials.clone();
        core.start(Outgoing { token, method, message, to: self.dialog.to, user, credentials }, now)
    }

    /// Notes that a request was sent again with credentials.
    pub(crate) fn on_retried(&mut self, what: LegRequest, client: u32, cseq: u32) {
        self.dialog.local_cseq = self.dialog.local_cseq.max(cseq);
        if what == LegRequest::Invite {
            self.client = Some(client);
            if let State::Cancelling { sent, .. } = &mut self.state {
                // The owner hung up meanwhile: this INVITE is cancelled as soon as it may be.
                *sent = false;
            }
        }
    }

    /// Notes that the INVITE came to nothing and went to another destination, where the call goes on.
    pub(crate) fn on_moved(&mut self, client: u32, to: Destination) {
        self.client = Some(client);
        self.dialog.to = to;
        self.patience = None;
        if self.state == State::Proceeding {
            self.state = State::Calling;
        }
    }

    /// Gives up a request that nobody answered or that could not be sent.
    pub(crate) fn on_failed(&mut self, core: &mut Core, what: LegRequest, by: EndedBy, now: Instant) {
        let status = if by == EndedBy::Timeout { 408 } else { 503 };
        match what {
            LegRequest::Invite => {
                self.state = State::Over;
                self.tell_end(core, Some(status), None, by);
            }
            // RFC 3261 §12.2.1.2: no answer within a dialog ends it.
            LegRequest::Reinvite | LegRequest::Update | LegRequest::Refresh => {
                self.bye(core, None, now);
                self.state = State::Over;
                self.tell_end(core, None, None, by);
            }
            LegRequest::Refer => self.on_refer_response(core, status),
            LegRequest::News => {}
        }
    }

    /// Returns the earliest deadline of the leg itself.
    fn next_timeout(&self) -> Option<Instant> {
        let answer = self.unacknowledged.as_ref().map(|answer| answer.again.min(answer.end));
        let waiting = self.waiting.as_ref().map(|waiting| waiting.at);
        let reliable = self.reliable.as_ref().and_then(|reliable| reliable.next_timeout());
        let session = self.session.as_ref().map(SessionTimer::next);
        [answer, waiting, reliable, session, self.patience].into_iter().flatten().min()
    }

    /// Sets the timer for the earliest deadline.
    pub(crate) fn arm(&mut self, core: &mut Core) {
        if let Some(at) = self.next_timeout()
            && self.armed.is_none_or(|armed| armed > at)
        {
            self.armed = Some(at);
            core.timers.add(at, Timer::Leg(self.slot.index, self.slot.generation));
        }
    }

    /// Answers what the peer still waits for when the leg is over.
    pub(crate) fn close(&mut self, core: &mut Core, now: Instant) {
        self.respond(core, 487, |response| response, now);
        if let Some(referral) = self.referral.take() {
            self.refuse_refer_of(core, &referral, now);
        }
        if let Offer::Theirs { server } = self.offer {
            core.respond(server, 487, &self.dialog.local_tag, |response| response, now);
        }
    }

    /// Looks at the deadlines.
    pub(crate) fn on_timeout(&mut self, core: &mut Core, now: Instant) {
        self.armed = None;
        if self.patience.is_some_and(|at| at <= now) {
            self.patience = None;
            self.tell_end(core, Some(408), None, EndedBy::Timeout);
            self.hangup(core, None, now);
        }
        if let Some(waiting) = self.waiting.take_if(|waiting| waiting.at <= now) {
            self.offer(core, waiting.sdp, waiting.tries, waiting.update, now);
        }
        self.on_reliable_timeout(core, now);
        self.on_session_timeout(core, now);
        let t2 = core.config.timings.t2;
        if let Some(answer) = &mut self.unacknowledged {
            if answer.end <= now {
                self.unacknowledged = None;
                self.bye(core, None, now);
                self.state = State::Over;
                self.tell_end(core, None, None, EndedBy::Timeout);
            } else if answer.again <= now {
                answer.wait = answer.wait.saturating_mul(2).min(t2);
                answer.again = now + answer.wait;
                core.send(answer.to, answer.bytes.clone());
            }
        }
    }

    /// Starts to repeat a 2xx until its ACK comes.
    pub(crate) fn await_ack(&mut self, core: &Core, cseq: u32, bytes: Wire, to: Destination, now: Instant) {
        let timings = &core.config.timings;
        let (again, wait, end) = (now + timings.t1, timings.t1, now + timings.t1x64());
        self.unacknowledged = Some(Unacknowledged { cseq, bytes, to, again, wait, end });
    }
}

/// Sends BYE in a dialog.
pub(crate) fn bye(
    core: &mut Core,
    dialog: &mut Dialog,
    credentials: Option<Arc<TrunkCredentials>>,
    reason: Option<String>,
    now: Instant,
) {
    let token = core.client_token();
    let mut request = dialog.request(core, &Method::Bye, token);
    if let Some(reason) = reason {
        request = request.header(Name::Reason, reason);
    }
    let message = request.wire();
    core.start(Outgoing { token, method: Method::Bye, message, to: dialog.to, user: User::Nobody, credentials }, now);
}

/// Returns the SDP of a message.
pub(crate) fn sdp_of(message: &Message) -> Option<Bytes> {
    if message.body().is_empty() {
        return None;
    }
    if message.is_content("application/sdp") {
        return Some(message.body().clone());
    }
    message.content("application/sdp")
}

/// Returns the Reason of a message.
pub(crate) fn reason_of(message: &Message) -> Option<Reason> {
    message.header(Name::Reason).and_then(Reason::parse)
}
