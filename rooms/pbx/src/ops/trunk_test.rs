//! A test call over one trunk: a number is called with the rights of an extension, hears a word, and is let go.
//!
//! It is no call of anybody's: nothing is recorded or published. But it leaves like every other one, so the guard
//! against toll fraud, the trunk's channels and its pace count it.

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use domain::{CallId, Principal, TenantId, app::Prompt, cause::Cause, ids::TrunkId, number};
use serde_json::json;
use sip::{EndedBy, LegEvent, LegEventKind, LegSink};
use sip_proto::sdp;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};
use uuid::Uuid;
use web::{Fields, Rule};

use super::{may_manage, refuse};
use crate::{
    Pbx,
    driver::{
        call::{cause_of, media_address, media_remote, offered_to, reason, trunk_security},
        leave::{Wish, leave},
        outbound::{Offer, Target, TrunkTarget},
        prompts,
    },
    error::{Error, Result},
    model::TrunkDtmf,
};

/// How long the number is rung.
const RING_TIME: Duration = Duration::from_secs(20);
/// How long whoever answers is listened to, the word included.
const TALK_TIME: Duration = Duration::from_secs(3);
/// How long to wait for the figures of the sound.
const FIGURES_TIME: Duration = Duration::from_secs(2);
/// Events that may wait.
const WAITING: usize = 64;

/// What became of a test call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The number as the carrier was asked for it; what was entered, if it was not asked.
    pub number: String,
    pub outcome: Outcome,
    /// From the INVITE to the first ringing, and to the answer.
    pub rang_after: Option<Duration>,
    pub answered_after: Option<Duration>,
    pub codec: Option<&'static str>,
    /// The voice was encrypted.
    pub encrypted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered; whether sound came back.
    Answered { heard: bool },
    /// Nobody picked up.
    Rang,
    /// The carrier said no.
    Refused { status: u16, cause: Cause },
    /// The carrier was not reached, or did not answer.
    Silent,
    /// Our own rules let nobody call there, or the trunk is full or disabled.
    Barred(Cause),
}

/// Calls a number by a trunk as if `extension` had dialled it, and returns how that went.
///
/// # Errors
/// `NotFound`; `Invalid` for a number that cannot be dialled or an extension that is not there; `Draining`.
pub async fn call(pbx: &Pbx, who: &Principal, trunk: TrunkId, extension: &str, dialled: &str) -> Result<Tested> {
    let tenant = may_manage(who)?;
    let account = pbx.directory.account(tenant).ok_or(Error::NotFound("trunk"))?;
    let name = account.trunks.get(&trunk).map(|line| line.trunk.name.clone()).ok_or(Error::NotFound("trunk"))?;
    let line = account.active(extension);
    let mut fields = Fields::new();
    fields.check("number", number::is_dialable(dialled), Rule::Format);
    fields.check("extension", line.is_some(), Rule::Selected);
    refuse(fields)?;
    let line = line.ok_or(Error::NotFound("extension"))?;
    if pbx.live.is_closed() {
        return Err(Error::Draining);
    }
    let mut tx = pbx.db.begin(tenant).await?;
    let detail = json!({ "name": name, "number": dialled, "extension": extension });
    store::audit(&mut tx, who, "trunk.test_call", &format!("trunk:{trunk}"), detail).await?;
    tx.commit().await?;
    let wish = Wish { dialled, trunks: &[trunk], ..Wish::default() };
    let barred = |cause| Tested {
        number: dialled.to_owned(),
        outcome: Outcome::Barred(cause),
        rang_after: None,
        answered_after: None,
        codec: None,
        encrypted: false,
    };
    let target = match leave(pbx, tenant, &account, Some(line), wish) {
        Ok(leaving) => leaving.targets.into_iter().next(),
        Err(cause) => return Ok(barred(cause)),
    };
    let Some(target) = target else { return Ok(barred(Cause::RequestedChanUnavail)) };
    // Whoever asked may go away; what was called is hung up all the same.
    let tested = pbx.tracker.spawn(run(pbx.clone(), tenant, extension.to_owned(), target)).await;
    tested.map_err(|_| Error::Draining)
}

async fn run(pbx: Pbx, tenant: TenantId, extension: String, target: Target) -> Tested {
    let mut tested = Tested {
        number: target.number().to_owned(),
        outcome: Outcome::Silent,
        rang_after: None,
        answered_after: None,
        codec: None,
        encrypted: false,
    };
    let Some(trunk) = target.trunk() else { return tested };
    let passage = trunk.passage();
    let (media_sink, _media_events) = mpsc::channel(WAITING);
    let session = pbx.media.session(media::EventSink::new(media_sink));
    let Ok(place) = target.look_up(&pbx.sip).await else {
        passage.ended(Cause::NetworkOutOfOrder, None);
        return tested;
    };
    let address = media_address(&pbx, place.is_ipv6());
    let Ok(media) = session.open_leg_in(address.is_ipv6()) else {
        tracing::error!("no media port is free for a test call");
        return tested;
    };
    let local = local(&target, trunk, address, media.port);
    let offer = Offer {
        call: CallId(Uuid::now_v7()),
        from_display: None,
        from_user: &extension,
        realm: &pbx.config.realm,
        sdp: Bytes::from(sdp::offer(&local)),
        headers: &[],
        carried: None,
        max_forwards: 70,
    };
    let Ok(invite) = target.invite(place, offer) else {
        passage.ended(Cause::NetworkOutOfOrder, None);
        return tested;
    };
    let (sink, mut events) = LegSink::channel(WAITING);
    let began = Instant::now();
    let leg = pbx.sip.invite(invite, sink);
    let mut deadline = began + RING_TIME;
    let mut ending = (Cause::OriginatorCancel, None);
    let mut is_over = false;
    while !is_over && let Ok(Some(LegEvent { kind, .. })) = timeout_at(deadline, events.recv()).await {
        match kind {
            LegEventKind::Progress { status, .. } if status > 100 && tested.rang_after.is_none() => {
                tested.rang_after = Some(began.elapsed());
                tested.outcome = Outcome::Rang;
            }
            LegEventKind::Answered { sdp, dialog } if tested.answered_after.is_none() => {
                leg.acknowledge();
                passage.answered();
                // Another of the trunk's addresses may have taken the call than the one that was tried first.
                let signalled_from = dialog.addr.ip();
                tested.answered_after = Some(began.elapsed());
                tested.outcome = Outcome::Answered { heard: false };
                deadline = Instant::now() + TALK_TIME;
                if let Some(agreed) = sdp.and_then(|answer| sdp::accept_answer(&local, &answer).ok()) {
                    tested.codec = Some(agreed.codec.encoding());
                    tested.encrypted = agreed.srtp.is_some();
                    session.set_remote(media.id, media_remote(&agreed, signalled_from));
                    let word = [Prompt::Silence(500), Prompt::Word("goodbye")];
                    let sounds = prompts::sequence(&pbx, tenant, &word, None).await;
                    session.play(media.id, media::Source::Sequence(sounds));
                }
            }
            LegEventKind::Ended { status, reason, by } => {
                is_over = true;
                ending = (cause_of(status, reason.as_ref(), by), status);
                match (tested.outcome, status, by) {
                    (Outcome::Answered { .. }, ..) | (_, _, EndedBy::Timeout | EndedBy::Transport) => {}
                    (_, Some(status), _) => tested.outcome = Outcome::Refused { status, cause: ending.0 },
                    (_, None, _) => {}
                }
            }
            _ => {}
        }
    }
    if !is_over {
        leg.hangup(reason(Cause::NormalClearing));
    }
    passage.ended(ending.0, ending.1);
    let figures = timeout(FIGURES_TIME, session.finish()).await.ok().and_then(std::result::Result::ok);
    let received = figures.iter().flat_map(|all| &all.legs).any(|stats| stats.received > 0);
    if let Outcome::Answered { heard } = &mut tested.outcome {
        *heard = received;
    }
    tested
}

fn local(target: &Target, trunk: &TrunkTarget, address: IpAddr, port: u16) -> sdp::Local<'static> {
    sdp::Local {
        address,
        port,
        session_id: u64::from(port) << 32,
        version: 1,
        codecs: offered_to(target, None),
        dtmf: trunk.options().dtmf == TrunkDtmf::Rfc4733,
        direction: sdp::Direction::SendRecv,
        security: trunk_security(trunk.options(), trunk.transport()),
    }
}
