//! One leg of a call: its SIP dialog, its media, and what the record will say of it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use domain::{LegId, Timestamp, call::Side, cause::Cause};
use serde::Serialize;
use sip_proto::{dialog::DialogRecord, sdp};

use crate::{
    driver::{border::passage::Passage, network::Verdict},
    model::TrunkDtmf,
};

pub(crate) struct Leg {
    pub(crate) uuid: LegId,
    pub(crate) side: Side,
    pub(crate) sip: Option<sip::Leg>,
    pub(crate) media: Option<media::LegNo>,
    /// What we said in our last SDP.
    pub(crate) local: Option<sdp::Local<'static>>,
    pub(crate) agreed: Option<sdp::Agreed>,
    /// How a browser reaches it, if it is one.
    pub(crate) webrtc: Option<media::WebRtc>,
    /// Whether its media is protected, and with which keys of ours.
    pub(crate) security: sdp::Security,
    /// How its key presses travel.
    pub(crate) keys: TrunkDtmf,
    /// The answer to the caller's offer, sent with 183 or 200.
    pub(crate) answer: Option<String>,
    pub(crate) dialog: Option<DialogRecord>,
    /// It was answered, and the ACK waits until that is on disk: what nobody would end after a crash is not begun.
    /// A leg that called in waits for our answer in the same way.
    pub(crate) ack_waits: bool,
    /// Something plays to it.
    pub(crate) plays: bool,
    /// Its key presses are ours to pass on.
    pub(crate) keeps_keys: bool,
    /// Where it is in the recording, if that was said.
    pub(crate) recorded_at: Option<media::Side>,
    /// It was offered the call by a queue.
    pub(crate) offer: Option<u64>,
    /// Where its signalling comes from; media from there is believed.
    pub(crate) signalled_from: IpAddr,
    pub(crate) number: String,
    pub(crate) extension: Option<String>,
    pub(crate) trunk: Option<String>,
    /// What a leg over a trunk holds while it lasts.
    pub(crate) passage: Option<Arc<Passage>>,
    pub(crate) is_incoming: bool,
    /// It speaks SIP over WebSocket: a page cannot see keys in the media, so it is told of them (RFC 6086).
    pub(crate) is_browser: bool,
    pub(crate) state: LegState,
    pub(crate) started_at: Timestamp,
    pub(crate) answered_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) cause: Option<Cause>,
    pub(crate) sip_status: Option<u16>,
    /// What the network says of the caller's number.
    pub(crate) verdict: Option<Verdict>,
}

/// A leg's state as the API names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LegState {
    Dialling,
    Ringing,
    Answered,
    Held,
    Ended,
}

impl LegState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Dialling => "initiating",
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Held => "held",
            Self::Ended => "ended",
        }
    }
}

/// A leg as the record and the journal show it.
#[derive(Serialize)]
struct Shown<'a> {
    uuid: LegId,
    side: &'static str,
    number: &'a str,
    extension: &'a Option<String>,
    trunk: &'a Option<String>,
    started_at: String,
    answered_at: Option<String>,
    ended_at: Option<String>,
    hangup_cause: Option<&'static str>,
    sip_status: Option<u16>,
    codec: Option<&'static str>,
    /// What the network says of the caller's number; null if it says nothing, or is not believed.
    verdict: Option<Verdict>,
    /// What its media was like; null while the call is up.
    rtp: Option<Quality>,
}

/// What a leg heard and, as far as its far end says so by RTCP, what that heard of us.
#[derive(Serialize)]
struct Quality {
    received: u64,
    sent: u64,
    lost: u64,
    /// Of the packets that should have come.
    loss_percent: f64,
    /// Came too late to be heard, where we decode.
    late: u64,
    jitter_ms: f64,
    remote_lost: u64,
    remote_jitter_ms: f64,
    /// As RTCP tells; null if the far end sends none.
    round_trip_ms: Option<f64>,
    /// Packets that were not let in.
    dropped: u64,
    /// Estimated; null if nothing was heard.
    mos: Option<f64>,
}

impl Quality {
    fn of(stats: &media::LegStats) -> Self {
        let expected = stats.received + stats.lost;
        let share = if expected == 0 { 0.0 } else { stats.lost as f64 * 100.0 / expected as f64 };
        Self {
            received: stats.received,
            sent: stats.sent,
            lost: stats.lost,
            loss_percent: rounded(share),
            late: stats.late,
            jitter_ms: rounded(f64::from(stats.jitter_ms)),
            remote_lost: stats.remote_lost,
            remote_jitter_ms: rounded(f64::from(stats.remote_jitter_ms)),
            round_trip_ms: stats.round_trip_ms.map(|ms| rounded(f64::from(ms))),
            dropped: stats.dropped.total(),
            mos: (stats.received > 0).then(|| rounded(f64::from(stats.mos))),
        }
    }
}

/// Returns hundredths: more digits would only look exact.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl Leg {
    pub(crate) const fn side_name(&self) -> &'static str {
        self.side.as_str()
    }

    /// Returns what the media thread needs to know of the far end.
    pub(crate) fn remote(&self, agreed: &sdp::Agreed) -> media::Remote {
        remote(agreed, self.signalled_from)
    }

    /// Takes the leg out for another call; what stays is what the record of this one says of it.
    pub(crate) fn moved(&mut self, at: Timestamp) -> Self {
        let goes = Self {
            uuid: self.uuid,
            side: self.side,
            sip: self.sip.take(),
            media: self.media.take(),
            local: self.local.clone(),
            webrtc: self.webrtc.clone(),
            agreed: self.agreed.clone(),
            answer: self.answer.clone(),
            dialog: self.dialog.take(),
            ack_waits: std::mem::take(&mut self.ack_waits),
            plays: self.plays,
            keeps_keys: false,
            recorded_at: None,
            passage: self.passage.take(),
            security: self.security.clone(),
            keys: self.keys,
            offer: None,
            signalled_from: self.signalled_from,
            number: self.number.clone(),
            extension: self.extension.clone(),
            trunk: self.trunk.clone(),
            is_incoming: self.is_incoming,
            is_browser: self.is_browser,
            state: self.state,
            started_at: self.started_at,
            answered_at: self.answered_at,
            ended_at: None,
            cause: None,
            sip_status: self.sip_status,
            verdict: self.verdict,
        };
        self.close(at, Cause::NormalClearing, None);
        goes
    }

    pub(crate) fn close(&mut self, at: Timestamp, cause: Cause, sip_status: Option<u16>) {
        if self.state != LegState::Ended {
            self.state = LegState::Ended;
            self.ended_at = Some(at);
            self.cause = Some(cause);
            self.sip_status = sip_status.or(self.sip_status);
            if let Some(passage) = self.passage.take() {
                passage.ended(cause, sip_status);
            }
        }
    }
}

/// Returns what the media thread needs to know of a far end whose signalling comes from `signalled_from`.
pub(crate) fn remote(agreed: &sdp::Agreed, signalled_from: IpAddr) -> media::Remote {
    media::Remote {
        address: agreed.remote,
        rtcp: agreed.remote_rtcp,
        codec: codec(agreed.codec),
        send_payload: agreed.payload,
        receive_payload: agreed.receive_payload,
        dtmf_send: agreed.dtmf_send,
        dtmf_receive: agreed.dtmf_receive,
        may_latch: behind_nat(agreed.remote, signalled_from),
        signalled_from,
        direction: direction(agreed.direction),
        srtp: agreed.srtp.as_ref().and_then(srtp),
        webrtc: agreed.webrtc.as_ref().map(|peer| media::Peer { fingerprint: peer.fingerprint }),
    }
}

/// Returns the legs as JSON.
pub(crate) fn show(legs: &[Leg]) -> String {
    show_heard(legs, &[])
}

/// Returns the legs as JSON, with what their media was like.
pub(crate) fn show_heard(legs: &[Leg], heard: &[media::LegStats]) -> String {
    let shown: Vec<Shown<'_>> = legs
        .iter()
        .map(|leg| Shown {
            uuid: leg.uuid,
            side: leg.side_name(),
            number: &leg.number,
            extension: &leg.extension,
            trunk: &leg.trunk,
            started_at: leg.started_at.rfc3339(),
            answered_at: leg.answered_at.map(Timestamp::rfc3339),
            ended_at: leg.ended_at.map(Timestamp::rfc3339),
            hangup_cause: leg.cause.map(Cause::as_str),
            sip_status: leg.sip_status,
            codec: leg.agreed.as_ref().map(|agreed| agreed.codec.encoding()),
            verdict: leg.verdict,
            rtp: leg.media.and_then(|leg| heard.iter().find(|stats| stats.leg == leg)).map(Quality::of),
        })
        .collect();
    serde_json::to_string(&shown).expect("strings and numbers always serialise")
}

const fn codec(codec: sdp::Codec) -> audio::Codec {
    match codec {
        sdp::Codec::Pcmu => audio::Codec::Pcmu,
        sdp::Codec::Pcma => audio::Codec::Pcma,
        sdp::Codec::G722 => audio::Codec::G722,
        sdp::Codec::Opus => audio::Codec::Opus,
    }
}

fn srtp(agreed: &sdp::Srtp) -> Option<media::SrtpKeys> {
    let suite = match agreed.suite {
        sdp::Suite::Aes128Sha80 => media::SrtpSuite::Aes128Sha80,
        sdp::Suite::Aes128Sha32 => media::SrtpSuite::Aes128Sha32,
        sdp::Suite::Aes256Sha80 => media::SrtpSuite::Aes256Sha80,
    };
    media::SrtpKeys::new(suite, agreed.send.reveal(), agreed.receive.reveal())
}

/// Mirrors nothing: `sdp` speaks of the direction as we see it already.
const fn direction(direction: sdp::Direction) -> media::Direction {
    match direction {
        sdp::Direction::SendRecv => media::Direction::SendReceive,
        sdp::Direction::SendOnly => media::Direction::SendOnly,
        sdp::Direction::RecvOnly => media::Direction::ReceiveOnly,
        sdp::Direction::Inactive => media::Direction::Inactive,
    }
}

/// Tells a phone behind NAT: its SDP names a private address while its signalling comes from elsewhere.
fn behind_nat(stated: SocketAddr, signalled_from: IpAddr) -> bool {
    let private = match stated.ip() {
        IpAddr::V4(v4) => v4.is_private() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unspecified(),
    };
    private && stated.ip() != signalled_from
}
