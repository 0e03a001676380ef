//! The task behind one simulated party: turns SIP and media events into what its script says.

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use media::{Direction, EventKind, EventSink, LegMedia, Media, NoPorts, Remote, Session, SrtpKeys, SrtpSuite};
use sip::{EndedBy, Incoming, Invite, Leg, LegEvent, LegEventKind, LegSink, Reason, Sip};
use sip_proto::sdp;
use tokio::{sync::mpsc, time::Instant};

use super::{
    call::{About, Call, Ending, Order, State},
    script::{self, Keys, Reaction, Says, Speaks, Talk},
};
use crate::speech::RATE;

/// Events of SIP and media that may wait for one party.
const EVENTS: usize = 256;

/// How long into the call a key is pressed.
const PRESS_AFTER: Duration = Duration::from_secs(1);

/// No simulated call lasts longer.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Q.850 normal call clearing.
const NORMAL_CLEARING: u8 = 16;

/// Q.850 bearer capability not available.
const NO_COMMON_CODEC: u8 = 58;

/// What a party is made of, for a carrier's or agent's own use.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) media: Media,
    /// How much of each call is kept.
    pub(crate) hears: Duration,
    pub(crate) speaks: Speaks,
}

/// One side of a call.
pub(crate) struct Party {
    call: Call,
    leg: Leg,
    legs: mpsc::Receiver<LegEvent>,
    orders: mpsc::Receiver<Order>,
    caller: Caller,
    line: Option<Line>,
    /// Where the signalling comes from.
    peer: IpAddr,
    talk: Talk,
    plan: Vec<(Instant, Act)>,
    answered: bool,
}

/// The media of the party.
struct Line {
    session: Session,
    leg: LegMedia,
    events: mpsc::Receiver<media::Event>,
    local: sdp::Local<'static>,
}

/// Something to do at a time.
#[derive(Clone, Debug)]
enum Act {
    Answer(Option<Bytes>),
    Press(char),
    HangUp,
}

impl Party {
    /// Takes an incoming call; the future runs it to its end.
    pub(crate) fn take(
        incoming: &Incoming,
        caller: Caller,
        reaction: Reaction,
    ) -> (Call, impl Future<Output = ()> + use<>) {
        let about = About {
            number: incoming.request.uri_user.clone(),
            caller: incoming.request.from_user.clone(),
            caller_name: incoming.request.from_display.clone(),
            headers: incoming.request.headers.clone(),
        };
        let (call, orders) = Call::new(about);
        let (sink, legs) = LegSink::channel(EVENTS);
        let leg = incoming.accept(sink);
        call.set_leg(leg.key());
        call.set_dialog(incoming.dialog.clone());
        let mut party = Self {
            call: call.clone(),
            leg,
            legs,
            orders,
            caller,
            line: None,
            peer: incoming.source.ip(),
            talk: Talk { says: Says::Nothing, presses: None, hangs_up_after: None },
            plan: Vec::new(),
            answered: false,
        };
        let now = Instant::now();
        match reaction {
            Reaction::Refuses { status, q850 } => party.leg.reject(status, Some(Reason::q850(q850))),
            Reaction::Rings => party.leg.ring(180, None),
            Reaction::Answers { after, talk } => {
                party.leg.ring(180, None);
                party.talk = talk;
                party.plan.push((now + after, Act::Answer(incoming.sdp.clone())));
            }
        }
        party.plan.push((now + LONGEST, Act::HangUp));
        (call, party.run())
    }

    /// Places a call; the future runs it to its end.
    pub(crate) fn place(
        sip: &Sip,
        mut invite: Invite,
        about: About,
        caller: Caller,
        talk: Talk,
    ) -> Result<(Call, impl Future<Output = ()> + use<>), NoPorts> {
        let (call, orders) = Call::new(about);
        let (sink, legs) = LegSink::channel(EVENTS);
        let line = Line::open(&caller, &call)?;
        let peer = invite.destination.addr.ip();
        invite.sdp = Some(sdp::offer(&line.local).into());
        let leg = sip.invite(invite, sink);
        call.set_leg(leg.key());
        let plan = vec![(Instant::now() + LONGEST, Act::HangUp)];
        let party =
            Self { call: call.clone(), leg, legs, orders, caller, line: Some(line), peer, talk, plan, answered: false };
        Ok((call, party.run()))
    }

    async fn run(mut self) {
        let ending = loop {
            let next = self.plan.iter().map(|(at, _)| *at).min();
            tokio::select! {
                event = self.legs.recv() => match event {
                    Some(event) => {
                        if let Some(ending) = self.on_leg(event.kind) {
                            break ending;
                        }
                    }
                    None => break self.ending(EndedBy::Us, None, None),
                },
                event = media_event(&mut self.line) => self.on_media(event),
                Some(order) = self.orders.recv() => self.obey(order),
                () = until(next) => self.act(),
            }
        };
        self.leave(ending).await;
    }

    /// Returns how the call ended, once it has.
    fn on_leg(&mut self, kind: LegEventKind) -> Option<Ending> {
        match kind {
            LegEventKind::Progress { .. } | LegEventKind::OfferRefused { .. } => {}
            LegEventKind::Info { content_type, body } => {
                if let Some((key, _)) = sip::dtmf_of_info(&content_type, &body) {
                    self.call.add_key(key);
                }
            }
            LegEventKind::Notify { notify } => {
                if let Some(status) = notify.status() {
                    self.call.set_news(status);
                }
            }
            LegEventKind::Referred { status } if status >= 300 => self.call.set_news(status),
            LegEventKind::Referred { .. } | LegEventKind::Redirected { .. } => {}
            LegEventKind::Refer { refer } => self.leg.refuse_refer(refer.refer, 603),
            LegEventKind::Answered { sdp, dialog } => {
                self.call.set_dialog(*dialog);
                if let Some(answer) = sdp.filter(|sdp| !sdp.is_empty()) {
                    self.on_answer(&answer);
                }
                self.stand();
            }
            LegEventKind::Confirmed { sdp } => {
                if let Some(answer) = sdp.filter(|sdp| !sdp.is_empty()) {
                    self.on_answer(&answer);
                }
                self.stand();
            }
            LegEventKind::Offer { sdp } => self.on_offer(&sdp),
            LegEventKind::Ended { status, reason, by } => {
                return Some(self.ending(by, status, reason.and_then(|reason| reason.q850)));
            }
        }
        None
    }

    fn on_media(&mut self, event: media::Event) {
        match event.kind {
            EventKind::Dtmf { digit, .. } => self.call.add_key(digit),
            EventKind::PlayFinished { leg } => {
                if let Some(line) = &self.line {
                    line.session.play(leg, script::silence());
                }
            }
            EventKind::Inactive { .. }
            | EventKind::Insecure { .. }
            | EventKind::RecordingFailed { .. }
            | EventKind::LegRecorded { .. } => {}
        }
    }

    fn obey(&mut self, order: Order) {
        match (order, &self.line) {
            (Order::HangUp, _) => self.leg.hangup(Some(Reason::q850(NORMAL_CLEARING))),
            (Order::Press(digits), Some(_)) if self.caller.speaks.keys == Keys::Info => {
                for key in digits.chars() {
                    let body = format!("Signal={key}\r\nDuration=160\r\n");
                    self.leg.info("application/dtmf-relay", body.into());
                }
            }
            (Order::Press(digits), Some(line)) => line.session.send_dtmf(line.leg.id, &digits),
            (Order::Say(says), _) => {
                self.talk.says = says;
                self.speak();
            }
            (Order::Hold(holds), Some(_)) => self.hold(holds),
            (Order::Refer { target, replaces }, _) => self.leg.refer(target, replaces),
            (Order::Press(_) | Order::Hold(_), None) => {}
        }
    }

    /// Puts the other side on hold as desk phones do (RFC 3264 §8.4), or takes it back.
    fn hold(&mut self, holds: bool) {
        let Some(line) = &mut self.line else { return };
        line.local.version += 1;
        line.local.direction = if holds { sdp::Direction::SendOnly } else { sdp::Direction::SendRecv };
        self.leg.reinvite(sdp::offer(&line.local).into());
    }

    /// Does what is due.
    fn act(&mut self) {
        let now = Instant::now();
        let due: Vec<Act> = self.plan.extract_if(.., |(at, _)| *at <= now).map(|(_, act)| act).collect();
        for act in due {
            match act {
                Act::Answer(offer) => self.answer(offer.as_ref()),
                Act::Press(key) => self.obey(Order::Press(key.to_string())),
                Act::HangUp => self.obey(Order::HangUp),
            }
        }
    }

    fn answer(&mut self, offer: Option<&Bytes>) {
        let Ok(line) = Line::open(&self.caller, &self.call) else {
            return self.leg.reject(503, None);
        };
        match offer.filter(|offer| !offer.is_empty()) {
            Some(offer) => match sdp::accept_offer(offer, &line.local) {
                Ok((answer, agreed)) => {
                    line.agree(&agreed, self.peer, &self.call);
                    self.leg.answer(answer.into());
                }
                Err(_) => return self.leg.reject(488, Some(Reason::q850(NO_COMMON_CODEC))),
            },
            None => self.leg.answer(sdp::offer(&line.local).into()),
        }
        self.line = Some(line);
    }

    fn on_offer(&mut self, offer: &Bytes) {
        let Some(line) = &mut self.line else {
            return self.leg.refuse(488);
        };
        line.local.version += 1;
        if offer.is_empty() {
            return self.leg.accept(sdp::offer(&line.local).into());
        }
        match sdp::accept_offer(offer, &line.local) {
            Ok((answer, agreed)) => {
                line.agree(&agreed, self.peer, &self.call);
                self.leg.accept(answer.into());
            }
            Err(_) => self.leg.refuse(488),
        }
    }

    fn on_answer(&mut self, answer: &Bytes) {
        let Some(line) = &self.line else {
            return;
        };
        match sdp::accept_answer(&line.local, answer) {
            Ok(agreed) => line.agree(&agreed, self.peer, &self.call),
            Err(_) => self.leg.hangup(Some(Reason::q850(NO_COMMON_CODEC))),
        }
    }

    /// The call stands: the script begins.
    fn stand(&mut self) {
        if self.answered {
            return;
        }
        self.answered = true;
        let now = Instant::now();
        if let Some(key) = self.talk.presses {
            self.plan.push((now + PRESS_AFTER, Act::Press(key)));
        }
        if let Some(after) = self.talk.hangs_up_after {
            self.plan.push((now + after, Act::HangUp));
        }
        self.speak();
        self.call.set_state(State::Up);
    }

    fn speak(&self) {
        if let Some(line) = self.line.as_ref().filter(|_| self.answered) {
            match self.talk.says.source() {
                Some(source) => line.session.play(line.leg.id, source),
                None => line.session.stop(line.leg.id),
            }
        }
    }

    fn ending(&self, by: EndedBy, status: Option<u16>, q850: Option<u8>) -> Ending {
        Ending { answered: self.answered, by, status, q850, media: None }
    }

    /// Closes the media and lets everybody know.
    async fn leave(self, mut ending: Ending) {
        if let Some(line) = self.line
            && let Ok(finished) = line.session.finish().await
        {
            ending.media = finished.legs.into_iter().next();
        }
        self.call.set_state(State::Over(ending));
    }
}

impl Line {
    fn open(caller: &Caller, call: &Call) -> Result<Self, NoPorts> {
        let (sender, events) = mpsc::channel(EVENTS);
        let session = caller.media.session(EventSink::new(sender));
        let leg = session.open_leg()?;
        let samples = usize::try_from(caller.hears.as_millis()).unwrap_or(0) * (RATE as usize / 1000);
        if samples > 0 {
            call.set_ear(session.capture(leg.id, samples));
        }
        let local = sdp::Local {
            address: caller.media.address(),
            port: leg.port,
            session_id: u64::from(rand::random::<u32>()),
            version: 1,
            codecs: caller.speaks.codecs,
            dtmf: caller.speaks.keys == Keys::Events,
            direction: sdp::Direction::SendRecv,
            security: match caller.speaks {
                Speaks { encrypted: true, .. } => sdp::Security::Requires(sdp::Keys::new(rand::random())),
                Speaks { may_encrypt: true, .. } => sdp::Security::Prefers(sdp::Keys::new(rand::random())),
                Speaks { .. } => sdp::Security::Plain,
            },
        };
        session.detect_dtmf(leg.id, caller.speaks.keys == Keys::Tones);
        Ok(Self { session, leg, events, local })
    }

    /// Tells the media what the two sides agreed to.
    fn agree(&self, agreed: &sdp::Agreed, peer: IpAddr, call: &Call) {
        call.set_encrypted(agreed.srtp.is_some());
        let remote = Remote {
            address: agreed.remote,
            rtcp: agreed.remote_rtcp,
            codec: match agreed.codec {
                sdp::Codec::Pcmu => media::Codec::Pcmu,
                sdp::Codec::Pcma => media::Codec::Pcma,
                sdp::Codec::G722 => media::Codec::G722,
                sdp::Codec::Opus => media::Codec::Opus,
            },
            send_payload: agreed.payload,
            receive_payload: agreed.receive_payload,
            dtmf_send: agreed.dtmf_send,
            dtmf_receive: agreed.dtmf_receive,
            may_latch: false,
            signalled_from: peer,
            direction: match agreed.direction {
                sdp::Direction::SendRecv => Direction::SendReceive,
                sdp::Direction::SendOnly => Direction::SendOnly,
                sdp::Direction::RecvOnly => Direction::ReceiveOnly,
                sdp::Direction::Inactive => Direction::Inactive,
            },
            webrtc: None,
            srtp: agreed.srtp.as_ref().and_then(|srtp| {
                let suite = match srtp.suite {
                    sdp::Suite::Aes128Sha80 => SrtpSuite::Aes128Sha80,
                    sdp::Suite::Aes128Sha32 => SrtpSuite::Aes128Sha32,
                    sdp::Suite::Aes256Sha80 => SrtpSuite::Aes256Sha80,
                };
                SrtpKeys::new(suite, srtp.send.reveal(), srtp.receive.reveal())
            }),
        };
        self.session.set_remote(self.leg.id, remote);
    }
}

/// Waits for the next media event; for ever while there is no media.
async fn media_event(line: &mut Option<Line>) -> media::Event {
    match line {
        Some(line) => match line.events.recv().await {
            Some(event) => event,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
