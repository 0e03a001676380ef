//! A ring test: the phones of an extension are rung, and who picks one up hears a tone.
//!
//! It is no call: nothing is recorded or published, and no trunk is involved. It says which phone could be reached,
//! and whether sound came from the one that was picked up: a phone behind a firewall that rings and stays silent.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use domain::{CallId, Principal, TenantId, cause::Cause};
use serde_json::json;
use sip::{LegEvent, LegEventKind, LegSink};
use sip_proto::sdp;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use uuid::Uuid;

use super::may_manage;
use crate::{
    Pbx,
    driver::{
        call::{is_browser, media_address, media_remote, reason, security, webrtc_security},
        inbound,
        live::Taken,
        outbound::{Offer, Target},
    },
    error::{Error, Result},
};

/// How long the phones ring.
const RING_TIME: Duration = Duration::from_secs(8);
/// How long whoever picks up hears the tone.
const TONE_TIME: Duration = Duration::from_secs(3);
/// How long to wait for the figures of the sound.
const FIGURES_TIME: Duration = Duration::from_secs(2);
/// Most phones of an extension that are rung.
const MOST_PHONES: usize = 8;
/// Events that may wait.
const WAITING: usize = 64;
const CODECS: &[sdp::Codec] = &[sdp::Codec::Pcma, sdp::Codec::Pcmu];

/// What became of one phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The Contact URI as the phone gave it.
    pub contact: String,
    pub user_agent: Option<String>,
    pub address: SocketAddr,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was picked up; whether sound came from it.
    Answered {
        heard: bool,
    },
    Rang,
    /// It said no, with this SIP status.
    Refused(u16),
    /// Nothing came back.
    Silent,
}

/// Rings an extension for some seconds and returns what its phones did.
///
/// # Errors
/// `NotFound`, `ExtensionOffline` if no phone is registered, `ExtensionFull` if it has all its calls up, `Draining`.
pub async fn ring_test(pbx: &Pbx, who: &Principal, number: &str) -> Result<Vec<Tested>> {
    let tenant = may_manage(who)?;
    let account = pbx.directory.account(tenant).ok_or(Error::NotFound("extension"))?;
    let line = account.active(number).ok_or(Error::NotFound("extension"))?;
    if pbx.live.is_closed() {
        return Err(Error::Draining);
    }
    let (mut targets, seat) = match inbound::phones(pbx, tenant, line) {
        Ok(found) => found,
        Err(Cause::NoUserResponse) => return Err(Error::ExtensionOffline(number.to_owned())),
        Err(_) => return Err(Error::ExtensionFull(number.to_owned())),
    };
    targets.truncate(MOST_PHONES);
    let mut tx = pbx.db.begin(tenant).await?;
    store::audit(&mut tx, who, "extension.ring_test", &format!("extension:{number}"), json!({})).await?;
    tx.commit().await?;
    let test = Test { pbx: pbx.clone(), tenant, number: number.to_owned(), phones: Vec::new(), _seat: seat };
    // Whoever asked may go away; what was rung is hung up all the same.
    let tested = pbx.tracker.spawn(test.run(targets)).await;
    tested.map_err(|_| Error::Draining)
}

struct Test {
    pbx: Pbx,
    tenant: TenantId,
    number: String,
    phones: Vec<Rung>,
    _seat: Taken,
}

/// A phone that rings.
struct Rung {
    tested: Tested,
    leg: sip::Leg,
    media: media::LegNo,
    local: sdp::Local<'static>,
    signalled_from: std::net::IpAddr,
    is_over: bool,
}

impl Test {
    async fn run(mut self, targets: Vec<Target>) -> Vec<Tested> {
        let (media_sink, _media_events) = mpsc::channel(WAITING);
        let session = self.pbx.media.session(media::EventSink::new(media_sink));
        let (sink, mut events) = LegSink::channel(WAITING);
        let call = CallId(Uuid::now_v7());
        for target in &targets {
            self.ring(&session, &sink, call, target).await;
        }
        let mut deadline = Instant::now() + RING_TIME;
        while self.phones.iter().any(|phone| !phone.is_over) {
            let Ok(Some(event)) = tokio::time::timeout_at(deadline, events.recv()).await else { break };
            if self.follow(&session, event) {
                deadline = Instant::now() + TONE_TIME;
            }
        }
        for phone in self.phones.iter().filter(|phone| !phone.is_over) {
            // As of a call that was taken elsewhere: phones show no missed call.
            phone.leg.hangup(reason(Cause::LoseRace));
        }
        let figures = timeout(FIGURES_TIME, session.finish()).await.ok().and_then(std::result::Result::ok);
        let received =
            |leg| figures.iter().flat_map(|all| &all.legs).any(|stats| stats.leg == leg && stats.received > 0);
        let tested = self.phones.into_iter().map(|phone| match phone.tested.outcome {
            Outcome::Answered { .. } => {
                Tested { outcome: Outcome::Answered { heard: received(phone.media) }, ..phone.tested }
            }
            _ => phone.tested,
        });
        tested.collect()
    }

    async fn ring(&mut self, session: &media::Session, sink: &LegSink, call: CallId, target: &Target) {
        let Target::Phone(phone) = target else { return };
        let address = media_address(&self.pbx, target.is_ipv6());
        let opened = if is_browser(&self.pbx, target) {
            session.open_webrtc_leg().map(|(media, local)| (media, webrtc_security(&local)))
        } else {
            let transport = phone.binding.flow.transport;
            let plain = || security(&self.pbx, self.tenant, Some(&self.number), transport);
            session.open_leg_in(address.is_ipv6()).map(|media| (media, plain()))
        };
        let Ok((media, security)) = opened else {
            tracing::error!(extension = %self.number, "no media port is free for a ring test");
            return;
        };
        let local = sdp::Local {
            address,
            port: media.port,
            session_id: u64::from(media.port) << 32,
            version: 1,
            codecs: CODECS,
            dtmf: true,
            direction: sdp::Direction::SendRecv,
            security,
        };
        let offer = Offer {
            call,
            from_display: Some("Ring test"),
            from_user: &self.number,
            realm: &self.pbx.config.realm,
            sdp: Bytes::from(sdp::offer(&local)),
            headers: &[],
            carried: None,
            max_forwards: 70,
        };
        let Ok(place) = target.look_up(&self.pbx.sip).await else { return };
        let Ok(invite) = target.invite(place, offer) else { return };
        let signalled_from = invite.destination.addr.ip();
        let tested = Tested {
            contact: phone.binding.uri.clone(),
            user_agent: phone.binding.user_agent.clone(),
            address: phone.binding.flow.peer,
            outcome: Outcome::Silent,
        };
        let leg = self.pbx.sip.invite(invite, sink.clone());
        self.phones.push(Rung { tested, leg, media: media.id, local, signalled_from, is_over: false });
    }

    /// Takes an event in; returns whether a phone was picked up.
    fn follow(&mut self, session: &media::Session, event: LegEvent) -> bool {
        let Some(at) = self.phones.iter().position(|phone| phone.leg.key() == event.leg) else { return false };
        let is_first = !self.phones.iter().any(|phone| matches!(phone.tested.outcome, Outcome::Answered { .. }));
        let phone = &mut self.phones[at];
        match event.kind {
            LegEventKind::Progress { .. } if phone.tested.outcome == Outcome::Silent => {
                phone.tested.outcome = Outcome::Rang;
            }
            LegEventKind::Answered { sdp, .. } => {
                phone.leg.acknowledge();
                phone.tested.outcome = Outcome::Answered { heard: false };
                if let Some(agreed) = sdp.and_then(|answer| sdp::accept_answer(&phone.local, &answer).ok()) {
                    session.set_remote(phone.media, media_remote(&agreed, phone.signalled_from));
                    session.play(phone.media, media::Source::Tone(media::Tone::Busy));
                }
                let picked_up = phone.leg.key();
                for other in self.phones.iter_mut().filter(|other| !other.is_over && other.leg.key() != picked_up) {
                    other.leg.hangup(reason(Cause::LoseRace));
                    other.is_over = true;
                }
                return is_first;
            }
            LegEventKind::Ended { status, .. } => {
                phone.is_over = true;
                match (phone.tested.outcome, status) {
                    (Outcome::Answered { .. }, _) => {}
                    // The endpoint's own word for "nothing came back" (RFC 3261 §8.1.3.1).
                    (Outcome::Silent, Some(408)) => {}
                    (_, Some(status)) => phone.tested.outcome = Outcome::Refused(status),
                    (_, None) => {}
                }
            }
            _ => {}
        }
        false
    }
}
