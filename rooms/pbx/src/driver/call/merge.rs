//! Two calls become one: who was asked in a call of its own takes the place of who asked.

use std::time::Duration;

use domain::{
    CallId,
    call::{Input, Join, LegNo, Rings},
    cause::Cause,
};
use sip::LegKey;
use tokio::{sync::oneshot, time::timeout};

use super::{
    Driver,
    leg::{Leg, LegState},
    speech::{ALAW_FIRST, security},
};
use crate::driver::{
    live::{Command, Conflict, Gift, JoinAs, Joining, TakeLeg, Taken},
    outbound::{self, Target},
    resolve::Otherwise,
};

/// How long another call may take until it begins to let a leg go.
const LETS_GO: Duration = Duration::from_secs(2);

/// Legs on their way from one call to another, with their media and what they have said meanwhile: one who talks, or
/// those who ring.
pub(crate) struct Moved {
    parties: Vec<(Leg, media::Detached)>,
    /// What came from the legs and was not looked at.
    news: Vec<sip::LegEvent>,
    seats: Vec<Taken>,
    rings: Option<Box<Ringing>>,
}

/// How the legs that ring were dialled, and what follows when nobody answers.
struct Ringing {
    rings: Rings,
    targets: Vec<Target>,
    otherwise: Otherwise,
    headers: Vec<(String, String)>,
    shown: Option<String>,
    hops: u8,
}

impl std::fmt::Debug for Moved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Moved").field("legs", &self.parties.len()).finish_non_exhaustive()
    }
}

impl Moved {
    /// Nobody is left who would talk with them.
    fn hang_up(self) {
        for sip in self.parties.into_iter().filter_map(|(leg, _)| leg.sip) {
            sip.hangup(None);
        }
    }
}

impl Driver {
    /// Puts the one whom `other`, a leg of another call, talks with into the place of `by`; or has those who ring for it
    /// ring for the other side of `by`. This call goes on, the other one ends.
    pub(super) async fn merge(&mut self, by: LegNo, other: LegKey) -> Result<(), Conflict> {
        if !self.machine.may_transfer(by) || self.machine.next_leg().is_none() {
            return Err(Conflict::WrongState);
        }
        let call = self.pbx.live.with_leg(self.setup.tenant, other).ok_or(Conflict::NoSuchParty)?;
        if call == self.setup.call {
            return Err(Conflict::WrongState);
        }
        let Moved { parties, news, seats, rings } = *self.taken_from(call, other).await?;
        let before = self.legs.len();
        for (mut leg, media) in parties {
            leg.media = Some(self.session.adopt(media));
            if let Some(passage) = &leg.passage {
                // What is to be cut is the call that it is in now.
                passage.begins(self.setup.call);
            }
            self.legs.push(leg);
        }
        self.setup.seats.extend(seats);
        tracing::info!(call.uuid = %self.setup.call, other = %call, "two calls become one");
        let input = match rings {
            None => Input::Adopt { place: by },
            Some(ringing) => {
                let Ringing { rings, targets, otherwise, headers, shown, hops } = *ringing;
                (self.targets, self.otherwise, self.headers, self.hops) = (targets, otherwise, headers, hops);
                self.rare().shown = shown;
                Input::AdoptRinging { by, rings }
            }
        };
        let fed = self.try_feed(input).await;
        if let Err(conflict) = fed {
            // Nobody is left who would talk with them.
            for sip in self.legs.drain(before..).filter_map(|leg| leg.sip) {
                sip.hangup(None);
            }
            return Err(conflict);
        }
        for at in before..self.legs.len() {
            if let Some((_, side)) = u8::try_from(at).ok().and_then(|no| self.machine.part(LegNo(no))) {
                self.legs[at].side = side;
            }
        }
        self.journalled();
        for event in news {
            Box::pin(self.on_sip(event)).await;
        }
        Ok(())
    }

    /// Has another call give away the one whom `beside` talks with there, or those who ring for it.
    async fn taken_from(&mut self, call: CallId, beside: LegKey) -> Result<Box<Moved>, Conflict> {
        // Two that are to take from each other: who asks first takes, and the other one gives.
        let _waiting = self.pbx.live.wait_for(self.setup.call, call).ok_or(Conflict::WrongState)?;
        let (begins, mut begun) = oneshot::channel();
        let take = TakeLeg { beside, sink: self.sip_sink.clone(), begins };
        if !self.pbx.live.command(self.setup.tenant, call, Command::TakeLeg(Box::new(take))) {
            return Err(Conflict::NoSuchParty);
        }
        let in_time = timeout(LETS_GO, &mut begun).await.ok().and_then(Result::ok);
        // What begins at the last moment is waited for; what has not begun by now never does.
        begun.close();
        let gift: Gift = in_time.or_else(|| begun.try_recv().ok()).ok_or(Conflict::WrongState)?;
        gift.await.unwrap_or(Err(Conflict::WrongState))
    }

    fn last_leg(&self) -> Option<LegNo> {
        u8::try_from(self.legs.len()).ok()?.checked_sub(1).map(LegNo)
    }

    /// Gives the one whom `beside` talks with, or those who ring for it, to another call, and ends.
    pub(super) async fn give_away(&mut self, wish: TakeLeg) {
        let (gives, gift) = oneshot::channel();
        if wish.begins.send(gift).is_err() {
            // Whoever asked has been told that it came to nothing.
            return;
        }
        let mut came = Vec::new();
        let (given, end) = match self.give(wish.beside, wish.sink, &mut came).await {
            Ok((moved, end)) => (Ok(Box::new(moved)), Some(end)),
            Err(conflict) => (Err(conflict), None),
        };
        // Whoever asked waits for it, unless it failed meanwhile: nobody would talk with the legs.
        if let Err(Ok(moved)) = gives.send(given) {
            moved.hang_up();
        }
        for event in came {
            Box::pin(self.on_sip(event)).await;
        }
        if let Some(end) = end {
            self.feed(end).await;
        }
    }

    /// Returns what goes, and what becomes of this call then. What the legs that stay said meanwhile is put into `came`:
    /// the other call waits, and is not kept waiting for what that leads to.
    async fn give(
        &mut self,
        beside: LegKey,
        sink: sip::LegSink,
        came: &mut Vec<sip::LegEvent>,
    ) -> Result<(Moved, Input), Conflict> {
        let stays = self.leg_of(beside).ok_or(Conflict::NoSuchParty)?;
        let (going, rings, end) = match (self.other_side(stays), self.machine.rings_for(stays)) {
            (Some(goes), _) => (vec![goes], None, Input::Released { leg: goes }),
            (None, Some((rings, legs))) => (legs, Some(rings), Input::Hangup { cause: Cause::OriginatorCancel }),
            (None, None) => return Err(Conflict::WrongState),
        };
        let mut moved =
            Moved { parties: Vec::with_capacity(going.len()), news: Vec::new(), seats: Vec::new(), rings: None };
        for no in going {
            let at = usize::from(no.0);
            let (Some(sip), Some(media)) = (self.legs[at].sip.clone(), self.legs[at].media) else { continue };
            let Ok(detached) = self.session.detach(media).await else { continue };
            sip.hand_over(sink.clone()).await;
            // What came before the hand-over waits here; all else goes to the other call by itself.
            came.extend(std::iter::from_fn(|| self.sip_events.try_recv().ok()));
            moved.news.extend(came.extract_if(.., |event| event.leg == sip.key()));
            let now = self.pbx.db.now();
            let mut leg = self.legs[at].moved(now);
            leg.plays = false;
            if let Some(number) = &leg.extension {
                moved.seats.extend(self.setup.seats.extract_if(.., |taken| taken.is_of(number)));
            }
            moved.parties.push((leg, detached));
        }
        if moved.parties.is_empty() {
            return Err(Conflict::WrongState);
        }
        moved.rings = rings.map(|rings| {
            Box::new(Ringing {
                rings: Rings { legs: u8::try_from(moved.parties.len()).unwrap_or(u8::MAX), ..rings },
                targets: self.targets.clone(),
                otherwise: self.otherwise.clone(),
                headers: self.headers.clone(),
                shown: self.rare.as_ref().and_then(|rare| rare.shown.clone()),
                hops: self.hops,
            })
        });
        Ok((moved, end))
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
        leg.is_browser = incoming.transport.is_websocket();
        if leg.is_browser {
            sip.say(outbound::CALL_UUID, self.setup.call.to_string());
        }
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
