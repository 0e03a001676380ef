//! Doing what the machine says.

use bytes::Bytes;
use domain::{
    LegId, Timestamp,
    call::{Input, LegNo, Output, Part, Side},
    cause::{CallResult, Cause},
};
use sip_proto::{dialog::DialogRecord, sdp, session::Reason};

use super::{
    Driver,
    facts::Fact,
    leg::{Leg, LegState, show},
    speech::{ALAW_FIRST, answered_to, security, trunk_security},
};
use crate::{
    driver::{
        live::LegView,
        network::Verdict,
        outbound::{self, Target, TrunkTarget},
        robot,
    },
    model::TrunkDtmf,
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
        self.forget_keys();
        self.show_live();
    }

    async fn perform(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Dial { leg, side, part, target } => return self.dial(leg, side, part, target).await,
            Output::RingCaller => self.ring_caller(),
            Output::EarlyMedia { to, from } => self.early_media(to, from),
            Output::Ringback { to } => self.play(to, media::Source::Tone(media::Tone::Ringback)),
            Output::AnswerCaller if self.is_on_disk => self.answer_caller(),
            Output::AnswerCaller => self.answer_waits = true,
            Output::AnswerLeg { leg } => self.answer_leg(leg),
            Output::Connect { caller, callee } => self.connect(caller, callee).await,
            Output::Hears { leg, hears } => Box::pin(self.hears(leg, &hears)).await,
            Output::Drop { leg, cause } => self.drop_leg(leg, cause),
            Output::Ringing { leg } => self.on_ringing(leg),
            Output::Answered { caller, callee } => self.on_answered(caller, callee),
            Output::Undecided(outcome) => return Some(self.undecided(outcome)),
            Output::Transferred { by } => self.on_transferred(by),
            Output::TransferFailed { by, outcome } => self.on_transfer_failed(by, outcome),
            Output::Consulted(outcome) => return self.on_consulted(outcome),
            Output::RingsOn => self.on_rings_on(),
            Output::NobodyJoined(outcome) => self.on_nobody_joined(outcome),
            // In a box: what an application needs is more than plain calls should carry.
            Output::App { caller } => Box::pin(self.on_app(caller)).await,
            Output::OfferFailed { offer, outcome } => self.on_offer_failed(offer, outcome),
            Output::Ended(ending) => self.ending = Some(ending),
        }
        None
    }

    /// Takes over the caller's own leg: number 0 of an incoming call.
    pub(super) fn accept_caller(&mut self, incoming: &sip::Incoming) {
        let sip = incoming.accept(self.sip_sink.clone());
        let mut leg = self.new_leg(self.setup.a_leg, Side::Caller, self.setup.caller_number.clone());
        leg.extension.clone_from(&self.setup.caller.extension);
        leg.trunk = self.setup.trunk.as_ref().map(|(_, name)| name.clone());
        leg.is_incoming = true;
        leg.is_browser = incoming.transport.is_websocket();
        if leg.is_browser {
            sip.say(outbound::CALL_UUID, self.setup.call.to_string());
        }
        leg.state = LegState::Ringing;
        leg.signalled_from = incoming.source.ip();
        let codecs = match self.came_by() {
            Some(options) => {
                leg.keys = options.dtmf;
                leg.verdict = Verdict::of(&incoming.request, &options);
                leg.security = trunk_security(&options, incoming.transport);
                answered_to(&options)
            }
            None => {
                leg.security = security(&self.pbx, self.setup.tenant, leg.extension.as_deref(), incoming.transport);
                ALAW_FIRST
            }
        };
        leg.dialog = Some(incoming.dialog.clone());
        leg.sip = Some(sip);
        if let Err(cause) = self.answer_offer(&mut leg, incoming.sdp.as_ref(), codecs) {
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
            webrtc: None,
            agreed: None,
            security: sdp::Security::Plain,
            keys: TrunkDtmf::Rfc4733,
            answer: None,
            dialog: None,
            ack_waits: false,
            plays: false,
            keeps_keys: false,
            recorded_at: None,
            offer: None,
            signalled_from: self.pbx.media.address(),
            number,
            extension: None,
            trunk: None,
            passage: None,
            is_incoming: false,
            is_browser: false,
            state: LegState::Dialling,
            started_at: self.pbx.db.now(),
            answered_at: None,
            ended_at: None,
            cause: None,
            sip_status: None,
            verdict: None,
        }
    }

    fn ring_caller(&mut self) {
        if let Some(caller) = self.legs.first()
            && caller.is_incoming
            && let Some(sip) = &caller.sip
        {
            sip.ring(180, None);
        }
    }

    fn early_media(&mut self, to: LegNo, from: LegNo) {
        if self.leg(from).is_none_or(|leg| leg.agreed.is_none()) {
            return;
        }
        let (Some(a), Some(b)) = (self.media_of(to), self.media_of(from)) else { return };
        self.quiet(to);
        self.session.connect(a, b);
        if let Some(leg) = self.leg(to)
            && leg.is_incoming
            && leg.answered_at.is_none()
            && let (Some(sip), Some(answer)) = (&leg.sip, &leg.answer)
        {
            sip.ring(183, Some(Bytes::from(answer.clone())));
        }
    }

    /// Plays to a leg in place of what it hears.
    pub(super) fn play(&mut self, to: LegNo, source: media::Source) {
        let Some(media) = self.media_of(to) else { return };
        self.session.play(media, source);
        if let Some(leg) = self.leg_mut(to) {
            leg.plays = true;
        }
    }

    /// Stops what plays to a leg.
    pub(super) fn quiet(&mut self, to: LegNo) {
        let Some(leg) = self.leg_mut(to) else { return };
        if std::mem::take(&mut leg.plays)
            && let Some(media) = leg.media
        {
            self.session.stop(media);
        }
    }

    /// Has a leg that joined answered as soon as that is on disk.
    fn answer_leg(&mut self, no: LegNo) {
        let now = self.pbx.db.now();
        if let Some(leg) = self.leg_mut(no) {
            leg.state = LegState::Answered;
            leg.answered_at = Some(now);
            leg.ack_waits = true;
        }
        self.journalled();
    }

    /// Returns when an application answered, if that counts as the answer.
    fn reached_at(&self) -> Option<Timestamp> {
        let rare = self.rare.as_ref().filter(|rare| rare.queue.is_none())?;
        rare.reached.filter(|(result, ..)| *result == CallResult::Answered).map(|(_, at, _)| at)
    }

    /// Journals the legs as they are now.
    pub(super) fn journalled(&mut self) {
        let journal = store::calls::Journal {
            legs: show(&self.legs),
            dialogs: self.journal(),
            extension: self.row.extension.clone(),
            agent_extension: self.row.agent_extension.clone(),
            queue_name: self.row.queue_name.clone(),
            recording_path: self.recording.clone(),
            transfers: self.rare.as_ref().map_or(0, |rare| rare.transfers),
            answered_at: self.reached_at(),
        };
        self.facts.push_back(Fact::LegAnswered { call: self.setup.call, journal: Box::new(journal) });
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

    pub(super) async fn connect(&mut self, caller: LegNo, callee: LegNo) {
        let (Some(a), Some(b)) = (self.media_of(caller), self.media_of(callee)) else { return };
        if self.rare.is_some() {
            Box::pin(self.end_app()).await;
            if Box::pin(self.leaves_queue(caller, callee)).await {
                return;
            }
        }
        self.quiet(caller);
        self.quiet(callee);
        self.session.connect(a, b);
        if self.record && self.recording.is_none() {
            self.start_recording().await;
        }
        self.arrange(caller);
        self.arrange(callee);
        let before = self.pair.replace((caller, callee));
        if self.answered.is_some() && before != self.pair {
            self.on_others_talk(caller, callee);
        }
    }

    pub(super) fn drop_leg(&mut self, no: LegNo, cause: Cause) {
        let now = self.pbx.db.now();
        let Some(leg) = self.leg_mut(no) else { return };
        if let Some(sip) = &leg.sip {
            if leg.is_incoming && leg.answered_at.is_none() {
                sip.reject(refusal(cause), reason(cause));
            } else {
                sip.hangup(reason(cause));
            }
        }
        leg.close(now, cause, None);
        self.leave_media(no);
        self.agent_left(no);
    }

    /// Gives back what a leg that is over needed, where the call goes on without it.
    pub(super) fn leave_media(&mut self, no: LegNo) {
        let offered = matches!(self.machine.part(no), Some((Part::Offer(_), _)));
        if self.rare.is_some()
            && !offered
            && let Some(media) = self.media_of(no)
        {
            self.session.close_leg(media);
        }
    }

    fn on_ringing(&mut self, no: LegNo) {
        let now = self.pbx.db.now();
        let Some(leg) = self.leg_mut(no) else { return };
        leg.state = LegState::Ringing;
        if let Some(robot) = &mut self.setup.robot {
            robot.hear(robot::Input::Rings);
        }
        let extension = self.leg(no).and_then(|leg| leg.extension.clone());
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

    fn on_answered(&mut self, caller: LegNo, callee: LegNo) {
        let now = self.pbx.db.now();
        self.answered = Some((now, tokio::time::Instant::now()));
        // A queue that calls back does so by its agent, whoever is called.
        let called_by = self.setup.queue.as_ref().and_then(|_| self.row.extension.clone());
        // Whom a program called talks to an agent, who is the caller then.
        let agent = self.setup.robot.as_ref().and_then(|_| self.leg(caller)?.extension.clone());
        let answering = called_by.or_else(|| self.leg(callee).and_then(|leg| leg.extension.clone())).or(agent);
        if let Some(robot) = &mut self.setup.robot {
            robot.hear(robot::Input::Agent { extension: answering.clone(), at: now });
        }
        let trunk = self.leg(callee).and_then(|leg| leg.trunk.clone());
        if let Some(name) = trunk {
            // After a failover the call runs by another trunk than it began with.
            self.runs_by(name);
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
            agent_extension: self.row.agent_extension.clone(),
        };
        let rang_at = self.rang_at.unwrap_or(self.setup.started_at);
        self.facts.push_back(Fact::Answered { common: self.common(), rang_at, answered: Box::new(answered) });
    }

    /// Notes the trunk that the call runs by.
    pub(super) fn runs_by(&mut self, name: String) {
        let targets = self.targets.iter().chain(&self.setup.caller_targets);
        let used = targets.filter_map(Target::trunk).find(|trunk| trunk.name() == name);
        self.row.trunk = used.map(TrunkTarget::id);
        self.row.trunk_name = Some(name);
    }

    /// Returns the dialogs of the living legs as they are journalled.
    pub(super) fn journal(&self) -> String {
        let alive = self.legs.iter().filter(|leg| leg.state != LegState::Ended);
        let dialogs: Vec<String> = alive.filter_map(|leg| leg.dialog.as_ref().map(DialogRecord::encode)).collect();
        serde_json::to_string(&dialogs).expect("strings always serialise")
    }

    pub(super) fn media_of(&self, leg: LegNo) -> Option<media::LegNo> {
        self.legs.get(usize::from(leg.0)).and_then(|leg| leg.media)
    }

    pub(super) fn show_live(&mut self) {
        if self.rare.is_some() || self.machine.state_name() == "held" {
            self.mark_held();
        }
        let state = self.machine.state_name();
        let legs = self.legs.iter().map(|leg| LegView {
            uuid: leg.uuid,
            key: leg.sip.as_ref().map(sip::Leg::key),
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
            view.queue.clone_from(&self.row.queue_name);
            view.recording =
                self.recording.as_ref().map(|_| if self.recording_paused { "paused" } else { "recording" });
        });
    }
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
