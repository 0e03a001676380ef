//! Doing what the machine says.

use bytes::Bytes;
use domain::{
    CallId, LegId,
    call::{Input, LegNo, Output, Side},
    cause::Cause,
};
use sip_proto::{dialog::DialogRecord, sdp, session::Reason};
use uuid::Uuid;

use super::{
    Driver,
    facts::Fact,
    leg::{Leg, LegState, show},
};
use crate::{
    driver::{
        live::LegView,
        outbound::{Offer, Target},
    },
    store,
};

impl Driver {
    /// Does everything the machine has to say.
    pub(super) async fn turn(&mut self) {
        // Dialling that fails at once feeds the machine again: loop instead of recursion.
        while let Some(output) = self.machine.poll() {
            if let Some(input) = self.perform(output).await {
                // A refused input here means that the call ended in the meantime.
                let _ = self.machine.handle(input, tokio::time::Instant::now().into_std());
            }
        }
        self.show_live();
    }

    async fn perform(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Dial { leg, side, target } => return self.dial(leg, side, target).await,
            Output::RingCaller => self.ring_caller(),
            Output::EarlyMedia { from } => self.early_media(from),
            Output::Ringback { to } => self.play(to, media::Tone::Ringback),
            Output::AnswerCaller if self.is_on_disk => self.answer_caller(),
            Output::AnswerCaller => self.answer_waits = true,
            Output::Connect { caller, callee } => self.connect(caller, callee).await,
            Output::Drop { leg, cause } => self.drop_leg(leg, cause),
            Output::Ringing { leg } => self.on_ringing(leg),
            Output::Answered { caller, callee } => self.on_answered(caller, callee),
            Output::Ended(ending) => self.ending = Some(ending),
        }
        None
    }

    /// Takes over the caller's own leg: number 0 of an incoming call.
    pub(super) fn accept_caller(&mut self, incoming: &sip::Incoming) {
        let sip = incoming.accept(self.sip_sink.clone());
        let mut leg = self.new_leg(self.setup.a_leg, Side::Caller, self.setup.caller_number.clone());
        leg.extension.clone_from(&self.setup.extension);
        leg.is_incoming = true;
        leg.state = LegState::Ringing;
        leg.signalled_from = incoming.source.ip();
        leg.dialog = Some(incoming.dialog.clone());
        leg.sip = Some(sip);
        if let Err(cause) = self.answer_offer(&mut leg, incoming.sdp.as_ref()) {
            // The machine has not started: it will find a leg that ended at once.
            leg.agreed = None;
            leg.cause = Some(cause);
        }
        self.legs.push(leg);
    }

    pub(super) fn new_leg(&self, uuid: LegId, side: Side, number: String) -> Leg {
        Leg {
            uuid,
            side,
            sip: None,
            media: None,
            local: None,
            agreed: None,
            answer: None,
            dialog: None,
            ack_waits: false,
            signalled_from: self.pbx.media.address(),
            number,
            extension: None,
            trunk: None,
            is_incoming: false,
            state: LegState::Dialling,
            started_at: self.pbx.db.now(),
            answered_at: None,
            ended_at: None,
            cause: None,
            sip_status: None,
        }
    }

    async fn dial(&mut self, no: LegNo, side: Side, target: usize) -> Option<Input> {
        let targets = match side {
            Side::Caller => &self.setup.caller_targets,
            Side::Callee => &self.setup.callee_targets,
        };
        let target = targets.get(target)?.clone();
        let first = !self.legs.iter().any(|leg| leg.side == side);
        let uuid = match (side, first) {
            (Side::Caller, true) => self.setup.a_leg,
            (Side::Callee, true) => self.setup.b_leg,
            _ => LegId(Uuid::now_v7()),
        };
        let number = match side {
            Side::Caller => self.setup.extension.clone().unwrap_or_default(),
            Side::Callee => self.setup.destination_number.clone(),
        };
        let mut leg = self.new_leg(uuid, side, number);
        leg.extension = target.extension().map(str::to_owned);
        leg.trunk = target.trunk().map(|trunk| trunk.name().to_owned());
        let failure = self.invite(&mut leg, side, &target).await.err();
        self.legs.push(leg);
        failure.map(|cause| Input::LegEnded { leg: no, cause, sip_status: None })
    }

    async fn invite(&mut self, leg: &mut Leg, side: Side, target: &Target) -> Result<(), Cause> {
        let sdp = self.make_offer(leg)?;
        // The agent of a click-to-call sees whom he is about to talk to; everybody else sees the caller.
        let (display, user) = match side {
            Side::Caller => (None, self.setup.destination_number.clone()),
            Side::Callee => (self.setup.caller_name.clone(), self.setup.caller_number.clone()),
        };
        let headers = if side == Side::Callee { self.setup.headers.clone() } else { Vec::new() };
        let realm = self.pbx.config.realm.clone();
        let offer = Offer {
            call: self.setup.call,
            from_display: display.as_deref(),
            from_user: &user,
            realm: &realm,
            sdp: Bytes::from(sdp),
            headers: &headers,
            max_forwards: self.setup.max_forwards,
        };
        let invite = target.invite(&self.pbx.sip, offer).await.map_err(|error| {
            tracing::warn!(call.uuid = %self.setup.call, %error, "a target cannot be dialled");
            Cause::NetworkOutOfOrder
        })?;
        leg.signalled_from = invite.destination.addr.ip();
        leg.sip = Some(self.pbx.sip.invite(invite, self.sip_sink.clone()));
        Ok(())
    }

    fn ring_caller(&mut self) {
        if let Some(caller) = self.legs.first()
            && caller.is_incoming
            && let Some(sip) = &caller.sip
        {
            sip.ring(180, None);
        }
    }

    fn early_media(&mut self, from: LegNo) {
        let Some(caller) = self.caller_up() else { return };
        if self.legs.get(usize::from(from.0)).is_none_or(|leg| leg.agreed.is_none()) {
            return;
        }
        let (Some(a), Some(b)) = (self.media_of(caller), self.media_of(from)) else { return };
        self.session.stop(a);
        self.session.connect(a, b);
        if let Some(leg) = self.legs.get(usize::from(caller.0))
            && leg.is_incoming
            && let (Some(sip), Some(answer)) = (&leg.sip, &leg.answer)
        {
            sip.ring(183, Some(Bytes::from(answer.clone())));
        }
    }

    /// Returns the caller's leg that can hear: the incoming one, or the phone that answered.
    fn caller_up(&self) -> Option<LegNo> {
        let found = self
            .legs
            .iter()
            .position(|leg| leg.side == Side::Caller && leg.agreed.is_some() && leg.state != LegState::Ended)?;
        u8::try_from(found).ok().map(LegNo)
    }

    fn play(&mut self, to: LegNo, tone: media::Tone) {
        if let Some(leg) = self.media_of(to) {
            self.session.play(leg, media::Source::Tone(tone));
        }
    }

    pub(super) fn answer_caller(&mut self) {
        let now = self.pbx.db.now();
        let Some(caller) = self.legs.first_mut() else { return };
        if let (Some(sip), Some(answer)) = (&caller.sip, &caller.answer) {
            sip.answer(Bytes::from(answer.clone()));
            caller.state = LegState::Answered;
            caller.answered_at = Some(now);
        }
    }

    async fn connect(&mut self, caller: LegNo, callee: LegNo) {
        let (Some(a), Some(b)) = (self.media_of(caller), self.media_of(callee)) else { return };
        self.session.stop(a);
        self.session.connect(a, b);
        if self.setup.record {
            self.start_recording().await;
        }
    }

    pub(super) fn drop_leg(&mut self, leg: LegNo, cause: Cause) {
        let now = self.pbx.db.now();
        let Some(leg) = self.leg_mut(leg) else { return };
        if let Some(sip) = &leg.sip {
            if leg.is_incoming && leg.answered_at.is_none() {
                sip.reject(refusal(cause), reason(cause));
            } else {
                sip.hangup(reason(cause));
            }
        }
        leg.close(now, cause, None);
    }

    fn on_ringing(&mut self, no: LegNo) {
        let now = self.pbx.db.now();
        let Some(leg) = self.leg_mut(no) else { return };
        leg.state = LegState::Ringing;
        let extension = leg.extension.clone();
        let Some(extension) = extension else { return };
        if self.rung.contains(&extension) {
            return;
        }
        self.rung.push(extension.clone());
        self.rang_at.get_or_insert(now);
        let mut common = self.common();
        common.extension = Some(extension);
        self.facts.push_back(Fact::Ringing { common, at: now });
    }

    fn on_answered(&mut self, _caller: LegNo, callee: LegNo) {
        let now = self.pbx.db.now();
        self.answered = Some((now, tokio::time::Instant::now()));
        let answering = self.legs.get(usize::from(callee.0)).and_then(|leg| leg.extension.clone());
        let trunk = self.legs.get(usize::from(callee.0)).and_then(|leg| leg.trunk.clone());
        if let Some(name) = trunk {
            // After a failover the call runs by another trunk than it began with.
            let used = self.setup.callee_targets.iter().filter_map(Target::trunk).find(|trunk| trunk.name() == name);
            self.row.trunk = used.map(|trunk| trunk.id());
            self.row.trunk_name = Some(name);
        }
        self.row.agent_extension = answering.or_else(|| self.row.extension.clone());
        if self.row.extension.is_none() {
            self.row.extension.clone_from(&self.row.agent_extension);
        }
        self.row.answered_at = Some(now);
        let answered = store::calls::Answered {
            at: now,
            extension: self.row.extension.clone(),
            legs: show(&self.legs),
            dialogs: self.journal(),
            recording_path: self.recording.clone(),
        };
        let rang_at = self.rang_at.unwrap_or(self.setup.started_at);
        self.facts.push_back(Fact::Answered { common: self.common(), rang_at, answered: Box::new(answered) });
    }

    /// Returns the dialogs of the living legs as they are journalled.
    pub(super) fn journal(&self) -> String {
        let alive = self.legs.iter().filter(|leg| leg.state != LegState::Ended);
        let dialogs: Vec<String> = alive.filter_map(|leg| leg.dialog.as_ref().map(DialogRecord::encode)).collect();
        serde_json::to_string(&dialogs).expect("strings always serialise")
    }

    fn media_of(&self, leg: LegNo) -> Option<media::LegNo> {
        self.legs.get(usize::from(leg.0)).and_then(|leg| leg.media)
    }

    fn show_live(&self) {
        let state = self.machine.state_name();
        let legs = self.legs.iter().map(|leg| LegView {
            uuid: leg.uuid,
            side: leg.side_name(),
            state: leg.state.as_str(),
            number: leg.number.clone(),
            extension: leg.extension.clone(),
            trunk: leg.trunk.clone(),
        });
        self.pbx.live.update(self.setup.call, |view| {
            view.state = state;
            view.legs = legs.collect();
            view.answered_at = self.row.answered_at;
            view.extension.clone_from(&self.row.extension);
            view.recording = self.recording.as_ref().map(|_| "recording");
        });
    }

    /// Opens media for a leg that we call, and returns what we offer it.
    fn make_offer(&mut self, leg: &mut Leg) -> Result<String, Cause> {
        let media = self.session.open_leg().map_err(|error| {
            tracing::error!(call.uuid = %self.setup.call, %error, "no media port is free");
            Cause::ResourceUnavailable
        })?;
        // What the other side speaks comes first: then nothing has to be transcoded.
        let preferred = self.legs.iter().find_map(|leg| leg.agreed.as_ref().map(|agreed| agreed.codec));
        let codecs = match preferred {
            Some(sdp::Codec::Pcmu) => ULAW_FIRST,
            _ => ALAW_FIRST,
        };
        let local = self.local(media.port, codecs);
        let offer = sdp::offer(&local);
        leg.media = Some(media.id);
        leg.local = Some(local);
        Ok(offer)
    }

    pub(super) fn local(&self, port: u16, codecs: &'static [sdp::Codec]) -> sdp::Local<'static> {
        sdp::Local {
            address: self.pbx.media.address(),
            port,
            session_id: session_id(self.setup.call, port),
            version: 1,
            codecs,
            dtmf: true,
            direction: sdp::Direction::SendRecv,
        }
    }
}

/// G.711 with A-law first, as carriers outside of North America and Japan have it.
pub(super) const ALAW_FIRST: &[sdp::Codec] = &[sdp::Codec::Pcma, sdp::Codec::Pcmu];
const ULAW_FIRST: &[sdp::Codec] = &[sdp::Codec::Pcmu, sdp::Codec::Pcma];

/// Returns a session id for the `o=` line that no other leg has (RFC 8866 §5.2).
fn session_id(call: CallId, port: u16) -> u64 {
    let [.., a, b, c, d] = call.0.into_bytes();
    u64::from(port) << 32 | u64::from(u32::from_be_bytes([a, b, c, d]))
}

/// Returns the final response that refuses an incoming call; a timeout of ours is not the caller's.
pub(crate) fn refusal(cause: Cause) -> u16 {
    match cause {
        Cause::NoAnswer => 480,
        other => other.sip_status(),
    }
}

pub(crate) fn reason(cause: Cause) -> Option<Reason> {
    if cause == Cause::LoseRace {
        // RFC 3326 §2: phones that lose the race show no missed call.
        return Some(Reason::sip(200, "Call completed elsewhere"));
    }
    let mut reason = Reason::q850(cause.q850()?);
    reason.text = Some(cause.as_str().to_owned());
    Some(reason)
}
