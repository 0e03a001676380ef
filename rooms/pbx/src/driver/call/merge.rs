//! Two calls become one: who was asked in a call of its own takes the place of who asked.

use std::time::Duration;

use domain::call::{Input, Join, LegNo};
use sip::LegKey;
use tokio::{sync::oneshot, time::timeout};

use super::{
    Driver,
    leg::{Leg, LegState},
    speech::{ALAW_FIRST, security},
};
use crate::driver::live::{Command, Conflict, JoinAs, Joining, TakeLeg, Taken};

/// How long another call may take to let a leg go.
const LETS_GO: Duration = Duration::from_secs(2);

/// A leg on its way from one call to another, with its media and what it has said meanwhile.
pub(crate) struct Moved {
    leg: Leg,
    media: media::Detached,
    /// What came from the leg and was not looked at.
    news: Vec<sip::LegEvent>,
    seats: Vec<Taken>,
}

impl std::fmt::Debug for Moved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Moved").field("leg", &self.leg.uuid).finish_non_exhaustive()
    }
}

impl Driver {
    /// Puts the one whom `other`, a leg of another call, talks with into the place of `by`. This call goes on, the
    /// other one ends.
    pub(super) async fn merge(&mut self, by: LegNo, other: LegKey) -> Result<(), Conflict> {
        if !self.machine.may_transfer(by) || self.machine.next_leg().is_none() {
            return Err(Conflict::WrongState);
        }
        let call = self.pbx.live.with_leg(self.setup.tenant, other).ok_or(Conflict::NoSuchParty)?;
        if call == self.setup.call {
            return Err(Conflict::WrongState);
        }
        let (reply, moved) = oneshot::channel();
        let take = TakeLeg { beside: other, sink: self.sip_sink.clone(), reply };
        if !self.pbx.live.command(self.setup.tenant, call, Command::TakeLeg(Box::new(take))) {
            return Err(Conflict::NoSuchParty);
        }
        let moved = timeout(LETS_GO, moved).await.ok().and_then(Result::ok).unwrap_or(Err(Conflict::WrongState))?;
        let Moved { mut leg, media, news, seats } = *moved;
        leg.media = Some(self.session.adopt(media));
        if let Some(passage) = &leg.passage {
            // What is to be cut is the call that it is in now.
            passage.begins(self.setup.call);
        }
        self.setup.seats.extend(seats);
        tracing::info!(call.uuid = %self.setup.call, other = %call, "two calls become one");
        self.legs.push(leg);
        let fed = self.try_feed(Input::Adopt { place: by }).await;
        match fed {
            Ok(()) => {
                if let Some((_, side)) = self.last_leg().and_then(|no| self.machine.part(no))
                    && let Some(leg) = self.legs.last_mut()
                {
                    leg.side = side;
                }
                for event in news {
                    Box::pin(self.on_sip(event)).await;
                }
                Ok(())
            }
            Err(conflict) => {
                // Nobody is left who would talk with it.
                if let Some(leg) = self.legs.pop()
                    && let Some(sip) = leg.sip
                {
                    sip.hangup(None);
                }
                Err(conflict)
            }
        }
    }

    fn last_leg(&self) -> Option<LegNo> {
        u8::try_from(self.legs.len()).ok()?.checked_sub(1).map(LegNo)
    }

    /// Gives the one whom `beside` talks with to another call, and ends.
    pub(super) async fn give_away(&mut self, wish: TakeLeg) {
        if wish.reply.is_closed() {
            // Whoever asked has been told that it came to nothing.
            return;
        }
        let given = self.give(wish.beside, wish.sink).await;
        let went = given.as_ref().ok().map(|(no, _)| *no);
        let moved = given.map(|(_, moved)| Box::new(moved));
        // Whoever asked and left meanwhile loses the leg: nobody would talk with it.
        if let Err(Ok(moved)) = wish.reply.send(moved)
            && let Some(sip) = moved.leg.sip
        {
            sip.hangup(None);
        }
        if let Some(no) = went {
            self.feed(Input::Released { leg: no }).await;
        }
    }

    async fn give(&mut self, beside: LegKey, sink: sip::LegSink) -> Result<(LegNo, Moved), Conflict> {
        let stays = self.leg_of(beside).ok_or(Conflict::NoSuchParty)?;
        let goes = self.other_side(stays).ok_or(Conflict::WrongState)?;
        let at = usize::from(goes.0);
        let (Some(sip), Some(media)) = (self.legs[at].sip.clone(), self.legs[at].media) else {
            return Err(Conflict::WrongState);
        };
        let detached = self.session.detach(media).await.map_err(|_| Conflict::WrongState)?;
        sip.hand_over(sink).await;
        // What came before the hand-over waits here; all else goes to the other call by itself.
        let (mut news, mut others) = (Vec::new(), Vec::new());
        while let Ok(event) = self.sip_events.try_recv() {
            if event.leg == sip.key() { news.push(event) } else { others.push(event) }
        }
        let now = self.pbx.db.now();
        let place = &mut self.legs[at];
        let mut leg = place.moved(now);
        leg.plays = false;
        let number = leg.extension.clone();
        let seats = match number {
            Some(number) => self.setup.seats.extract_if(.., |taken| taken.is_of(&number)).collect(),
            None => Vec::new(),
        };
        for event in others {
            Box::pin(self.on_sip(event)).await;
        }
        Ok((goes, Moved { leg, media: detached, news, seats }))
    }

    pub(super) fn leg_of(&self, key: LegKey) -> Option<LegNo> {
        let found = self.legs.iter().position(|leg| leg.sip.as_ref().is_some_and(|sip| sip.key() == key));
        found.and_then(|at| u8::try_from(at).ok()).map(LegNo)
    }

    /// Lets somebody in who called for that: to pick the call up, to take it out of its place, to replace a leg.
    pub(super) async fn join(&mut self, joining: Joining) {
        let Joining { incoming, how, extension, seat } = joining;
        let join = match how {
            JoinAs::Pickup => Some(Join::Pickup),
            JoinAs::Retrieve => Some(Join::Retrieve),
            JoinAs::Replaces(key) => self.leg_of(key).map(Join::Replace),
        };
        let (Some(join), Some(_)) = (join, self.machine.next_leg()) else { return incoming.reject(481, None) };
        let sip = incoming.accept(self.sip_sink.clone());
        let number = extension.clone().unwrap_or_else(|| incoming.request.from_user.clone());
        let mut leg = self.new_leg(domain::LegId(uuid::Uuid::now_v7()), domain::call::Side::Callee, number);
        leg.extension = extension;
        leg.is_incoming = true;
        leg.state = LegState::Ringing;
        leg.signalled_from = incoming.source.ip();
        leg.dialog = Some(incoming.dialog.clone());
        leg.sip = Some(sip.clone());
        leg.security = security(&self.pbx, self.setup.tenant, leg.extension.as_deref(), incoming.transport);
        if let Err(cause) = self.answer_offer(&mut leg, incoming.sdp.as_ref(), ALAW_FIRST) {
            return sip.reject(super::refusal(cause), super::reason(cause));
        }
        let media = leg.media;
        self.rare();
        self.legs.push(leg);
        if self.machine.handle(Input::Join(join), tokio::time::Instant::now().into_std()).is_err() {
            self.legs.pop();
            if let Some(media) = media {
                self.session.close_leg(media);
            }
            // The call was answered or ended meanwhile (RFC 3891 §3).
            return sip.reject(481, None);
        }
        self.setup.seats.extend(seat);
        if let Some((_, side)) = self.last_leg().and_then(|no| self.machine.part(no))
            && let Some(leg) = self.legs.last_mut()
        {
            leg.side = side;
        }
        self.turn().await;
    }
}
