//! Reliable provisional responses (RFC 3262): RSeq and PRACK on both sides.
//!
//! ```text
//! we answer:  1xx with RSeq ──T1, 2 T1, 4 T1 …──▶ again       PRACK ─▶ the next one, or the 200 that waits
//!                     └──64 T1 without PRACK──▶ 504
//! we call:    1xx with RSeq ─▶ PRACK, once; the same one again, or one out of order, is passed over
//! ```

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    EndedBy, LegEventKind,
    leg::{Early, Leg, Offer, State, sdp_of},
    uas::with_sdp,
};
use crate::{
    dialog::{Dialog, text},
    endpoint::{
        config::{MAX_FORKS, MAX_PROGRESS},
        core::{Core, LegRequest, ServerUser, Slot, User},
        flow::Destination,
    },
    message::{Message, Method, Name, Wire},
    text::decimal,
};

/// Provisional responses that may wait for the PRACK of another.
const MAX_WAITING: usize = 8;

/// The reliable provisional responses of one incoming leg.
#[derive(Debug)]
pub(crate) struct Reliable {
    rseq: u32,
    /// The CSeq number of the INVITE.
    invite: u32,
    /// The final response went out before the PRACK of the last one, which may still come.
    late: bool,
    /// The last one, until its PRACK comes.
    pending: Option<Pending>,
    /// Responses that may not be sent before (§3).
    waiting: VecDeque<(u16, Option<Bytes>)>,
    /// The 200 that waits: an unacknowledged response carries the session.
    answer: Option<Bytes>,
    /// A description was sent and acknowledged: the session stands, and UPDATE may change it.
    pub(crate) settled: bool,
}

#[derive(Debug)]
struct Pending {
    bytes: Wire,
    to: Destination,
    carries_sdp: bool,
    again: Instant,
    wait: Duration,
    end: Instant,
}

impl Reliable {
    /// Lets the places that something is still sent to be changed.
    pub(crate) fn each_destination(&mut self, change: impl Fn(&mut Destination)) {
        if let Some(pending) = &mut self.pending {
            change(&mut pending.to);
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.pending.as_ref().map(|pending| pending.again.min(pending.end))
    }
}

impl Leg {
    /// Sends a provisional response reliably if the peer asked for that, or can do it and the response carries the
    /// session. Returns false if it is an ordinary one.
    pub(crate) fn ring_reliably(&mut self, core: &mut Core, status: u16, sdp: Option<&Bytes>, now: Instant) -> bool {
        let Some(request) = self.server.and_then(|server| core.server_slot(server)?.request.clone()) else {
            return false;
        };
        let required = request.require().any(|tag| tag.eq_ignore_ascii_case("100rel"));
        if !required && (sdp.is_none() || !request.supports("100rel")) {
            return false;
        }
        if self.reliable.as_ref().is_some_and(|reliable| reliable.pending.is_some()) {
            if let Some(reliable) = &mut self.reliable
                && reliable.waiting.len() < MAX_WAITING
            {
                reliable.waiting.push_back((status, sdp.cloned()));
            }
            return true;
        }
        let rseq = match &self.reliable {
            Some(reliable) => reliable.rseq.wrapping_add(1),
            // Between 1 and 2^31 - 1, and far from wrapping around (§3).
            None => 1 + u32::try_from(core.ids.below(1 << 30)).unwrap_or_default(),
        };
        let contact = core.contact(self.dialog.to);
        let to = self.server.and_then(|server| core.server_slot(server)).map(|slot| slot.reply_to());
        let sent = self.respond(
            core,
            status,
            |response| {
                let response = response.record_routes().header(Name::Contact, contact);
                with_sdp(response.header(Name::Require, "100rel").header(Name::RSeq, rseq), sdp.cloned())
            },
            now,
        );
        let (Some(bytes), Some(to)) = (sent, to) else { return true };
        let timings = &core.config.timings;
        let pending = Pending {
            bytes,
            to,
            carries_sdp: sdp.is_some(),
            again: now + timings.t1,
            wait: timings.t1,
            end: now + timings.t1x64(),
        };
        let reliable = self.reliable.get_or_insert_with(|| {
            let (waiting, invite) = (VecDeque::new(), request.cseq().0);
            Box::new(Reliable { rseq, invite, late: false, pending: None, waiting, answer: None, settled: false })
        });
        (reliable.rseq, reliable.pending) = (rseq, Some(pending));
        true
    }

    /// Keeps a 200 back while a description waits for its PRACK; returns the 200 if it may go.
    pub(crate) fn after_prack(&mut self, sdp: Bytes) -> Option<Bytes> {
        match &mut self.reliable {
            Some(reliable) if reliable.pending.as_ref().is_some_and(|pending| pending.carries_sdp) => {
                reliable.answer = Some(sdp);
                None
            }
            Some(reliable) => {
                // What is not acknowledged yet is not sent again once the final response is (§3).
                reliable.late = reliable.pending.take().is_some();
                Some(sdp)
            }
            None => Some(sdp),
        }
    }

    /// Takes a PRACK.
    pub(crate) fn on_prack(&mut self, core: &mut Core, server: Slot, request: &Message, now: Instant) {
        let tag = Arc::clone(&self.dialog.local_tag);
        let rack = rack_of(request);
        let meant = self.reliable.as_deref_mut().filter(|reliable| rack == Some((reliable.rseq, reliable.invite)));
        let reliable = match meant {
            Some(reliable) if reliable.late => {
                reliable.late = false;
                core.respond(server, 200, &tag, |r| r, now);
                return;
            }
            Some(reliable) if self.state == State::Ringing && reliable.pending.is_some() => reliable,
            _ => {
                core.respond(server, 481, &tag, |r| r, now);
                return;
            }
        };
        reliable.settled |= reliable.pending.take().is_some_and(|pending| pending.carries_sdp);
        let (next, answer) = (reliable.waiting.pop_front(), reliable.answer.take());
        let settled = reliable.settled;
        match sdp_of(request) {
            // An offer behind the answer that our response was (§5).
            Some(sdp) if settled && self.has_offered && self.offer == Offer::None => {
                if let Some(slot) = core.server_slot(server) {
                    slot.user = ServerUser::Leg(self.slot);
                }
                self.offer = Offer::Theirs { server };
                self.tell(core, LegEventKind::Offer { sdp });
            }
            // The answer to the offer that our response was.
            Some(sdp) if settled => {
                core.respond(server, 200, &tag, |r| r, now);
                self.tell(core, LegEventKind::Confirmed { sdp: Some(sdp) });
            }
            _ => {
                core.respond(server, 200, &tag, |r| r, now);
            }
        }
        if let Some(sdp) = answer {
            self.answer(core, sdp, now);
        } else if let Some((status, sdp)) = next {
            self.ring(core, status, sdp, now);
        }
    }

    /// Sends the response again, or gives up.
    pub(crate) fn on_reliable_timeout(&mut self, core: &mut Core, now: Instant) {
        let Some(pending) = self.reliable.as_mut().and_then(|reliable| reliable.pending.as_mut()) else { return };
        if pending.end <= now {
            self.respond(core, 504, |response| response, now);
            self.state = State::Over;
            self.tell_end(core, Some(504), None, EndedBy::Timeout);
        } else if pending.again <= now {
            pending.wait = pending.wait.saturating_mul(2);
            pending.again = now + pending.wait;
            core.send(pending.to, pending.bytes.clone());
        }
    }

    /// Looks at a provisional response of the peer: a reliable one is acknowledged once. Returns whether it is news.
    pub(crate) fn on_early_dialog(&mut self, core: &mut Core, response: &Message, now: Instant) -> bool {
        let Some(tag) = response.to_tag() else { return true };
        let known = self.early.iter().position(|early| early.tag == tag);
        let at = match known {
            Some(at) => at,
            None if self.early.len() >= MAX_FORKS => return true,
            None => {
                self.early.push(Early { tag: tag.to_owned(), rseq: None, pracks: 0 });
                self.early.len() - 1
            }
        };
        let is_reliable = response.require().any(|tag| tag.eq_ignore_ascii_case("100rel"));
        let Some(rseq) = response.header(Name::RSeq).filter(|_| is_reliable).and_then(decimal::<u32>) else {
            return true;
        };
        let Some(early) = self.early.get_mut(at) else { return true };
        if early.rseq.is_some_and(|last| rseq != last.wrapping_add(1)) || early.pracks >= MAX_PROGRESS {
            return false;
        }
        early.rseq = Some(rseq);
        early.pracks += 1;
        let mut dialog = Dialog::outgoing(response, self.dialog.to);
        if dialog.target.is_empty() {
            return true;
        }
        dialog.local_cseq = self.dialog.local_cseq;
        let token = core.client_token();
        let invite = response.cseq().0;
        let prack =
            dialog.request(core, &Method::Prack, token).header(Name::RAck, format_args!("{rseq} {invite} INVITE"));
        self.dialog.local_cseq = dialog.local_cseq;
        self.start(core, token, Method::Prack, prack.wire(), User::Leg(self.slot, LegRequest::News), now);
        true
    }
}

/// Reads RAck: the RSeq and the CSeq number of the INVITE.
fn rack_of(request: &Message) -> Option<(u32, u32)> {
    let value = text(request.header(Name::RAck));
    let mut words = value.split_ascii_whitespace();
    let rack = (decimal(words.next()?.as_bytes())?, decimal(words.next()?.as_bytes())?);
    (words.next() == Some("INVITE") && words.next().is_none()).then_some(rack)
}
