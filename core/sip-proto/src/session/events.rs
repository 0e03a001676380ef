//! What a session tells its owner and what its owner may tell it.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::{Notify, Refer, ReferKey, Replaces};
use crate::{
    dialog::DialogRecord,
    endpoint::flow::{Destination, Flow, Transport},
};

/// Names one leg for as long as the program runs.
///
/// Even keys are given by the driver to outgoing legs, odd ones by the endpoint to incoming legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegKey(pub u64);

/// The `Reason` header (RFC 3326, RFC 6432).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reason {
    pub q850: Option<u8>,
    pub sip: Option<u16>,
    pub text: Option<String>,
}

impl Reason {
    /// Returns a Q.850 cause.
    pub fn q850(cause: u8) -> Self {
        Self { q850: Some(cause), ..Self::default() }
    }

    /// Returns a SIP status as reason, as in CANCEL for a call that was answered elsewhere (200).
    pub fn sip(status: u16, text: &str) -> Self {
        Self { sip: Some(status), text: Some(text.to_owned()), ..Self::default() }
    }

    /// Returns the header's value, or nothing if the reason is empty.
    pub fn print(&self) -> Option<String> {
        let text = self.text.as_ref().map_or_else(String::new, |text| {
            let safe: String = text.chars().filter(|c| !c.is_control() && *c != '"' && *c != '\\').collect();
            format!(";text=\"{safe}\"")
        });
        match (self.q850, self.sip) {
            (Some(q850), Some(sip)) => Some(format!("Q.850;cause={q850}{text}, SIP;cause={sip}")),
            (Some(q850), None) => Some(format!("Q.850;cause={q850}{text}")),
            (None, Some(sip)) => Some(format!("SIP;cause={sip}{text}")),
            (None, None) => None,
        }
    }

    /// Reads one header value; unknown protocols are skipped.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let value = String::from_utf8_lossy(value);
        let mut reason = Self::default();
        for part in split_outside_quotes(&value, ',').take(8) {
            let mut fields = split_outside_quotes(part, ';');
            let protocol = fields.next().unwrap_or_default().trim().to_owned();
            let (mut cause, mut text) = (None, None);
            for field in fields.take(8) {
                let (name, value) = field.split_once('=').unwrap_or((field, ""));
                if name.trim().eq_ignore_ascii_case("cause") {
                    cause = value.trim().parse::<u16>().ok();
                } else if name.trim().eq_ignore_ascii_case("text") {
                    text = Some(value.trim().trim_matches('"').chars().take(128).collect::<String>());
                }
            }
            if protocol.eq_ignore_ascii_case("q.850") {
                reason.q850 = cause.and_then(|cause| u8::try_from(cause).ok()).filter(|cause| *cause < 128);
            } else if protocol.eq_ignore_ascii_case("sip") {
                reason.sip = cause;
            } else {
                continue;
            }
            reason.text = reason.text.or(text);
        }
        (reason.q850.is_some() || reason.sip.is_some()).then_some(reason)
    }
}

fn split_outside_quotes(text: &str, at: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        if c == '"' {
            quoted = !quoted;
        }
        c == at && !quoted
    })
}

/// Who ended a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    Peer,
    Us,
    /// Nobody answered a request in time (timers B, F, H), or no ACK came for 32 s.
    Timeout,
    /// The request could not be sent, or the connection was lost.
    Transport,
}

/// Something that happened on a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegEvent {
    pub leg: LegKey,
    pub kind: LegEventKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegEventKind {
    /// A provisional response from 101 to 199 on an outgoing leg.
    Progress { status: u16, sdp: Option<Bytes> },
    /// The 2xx to our INVITE, or to our re-INVITE or UPDATE (then `sdp` is the answer to it). Already acknowledged.
    /// The dialog is large and rare: in a box, it does not make every event of a waiting channel large.
    Answered { sdp: Option<Bytes>, dialog: Box<DialogRecord> },
    /// The ACK to our 2xx; it carries the answer if our 2xx carried the offer.
    Confirmed { sdp: Option<Bytes> },
    /// A re-INVITE or UPDATE: answer with `accept` or `refuse`. An empty `sdp` asks us for the offer.
    Offer { sdp: Bytes },
    /// Our re-INVITE or UPDATE was refused with `status` (408 if nobody answered); the call goes on as it was.
    OfferRefused { status: u16 },
    /// An INFO request, already answered 200.
    Info { content_type: String, body: Bytes },
    /// The peer asks us to call somebody (RFC 3515): answer with `accept_refer` or `refuse_refer`.
    Refer { refer: Box<Refer> },
    /// The response to our REFER.
    Referred { status: u16 },
    /// News of what our REFER asked for, already answered 200.
    Notify { notify: Box<Notify> },
    /// The callee names other places (3xx), three at most, the preferred first; `Ended` follows.
    /// Who calls there must be allowed to.
    Redirected { contacts: Box<[String]> },
    /// The leg is over; nothing follows. `status` is the final failure of an INVITE.
    Ended { status: Option<u16>, reason: Option<Reason>, by: EndedBy },
}

/// The login for one trunk. `realm` pins the realm whose challenges are answered.
#[derive(Clone, PartialEq, Eq)]
pub struct TrunkCredentials {
    pub username: String,
    pub password: String,
    pub realm: Option<String>,
}

impl std::fmt::Debug for TrunkCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrunkCredentials").field("realm", &self.realm).finish_non_exhaustive()
    }
}

/// An outgoing call.
#[derive(Clone, Debug)]
pub struct Invite {
    /// The Request-URI, sent unchanged.
    pub target_uri: String,
    pub destination: Destination,
    /// Where else to try, in that order, if one cannot be reached, is silent for 4 s or answers 503 (RFC 3263 §4.3).
    pub also: Vec<Destination>,
    /// Route header values: the Path that the callee registered (RFC 3327 §5.4).
    pub path: Vec<String>,
    pub from_display: Option<String>,
    pub from_user: String,
    pub from_host: String,
    /// The To URI, the Request-URI if there is none.
    pub to_uri: Option<String>,
    pub sdp: Option<Bytes>,
    /// Further headers, for instance `X-…` and `P-Asserted-Identity`.
    pub headers: Vec<(String, String)>,
    /// Used only for challenges that come from `destination` with the pinned realm.
    pub credentials: Option<TrunkCredentials>,
    /// At most 70.
    pub max_forwards: u8,
    /// The ACK of the 2xx waits for [`LegCommand::Acknowledge`]: an owner that journals the dialog first leaves no
    /// call behind that nobody can end. The peer repeats its 2xx meanwhile and gives up after 32 s.
    pub hold_ack: bool,
}

impl Invite {
    /// Returns a call to `target_uri` at `destination` without SDP, extra headers or credentials.
    pub fn new(target_uri: impl Into<String>, destination: Destination, from_user: &str, from_host: &str) -> Self {
        Self {
            target_uri: target_uri.into(),
            destination,
            also: Vec::new(),
            path: Vec::new(),
            from_display: None,
            from_user: from_user.to_owned(),
            from_host: from_host.to_owned(),
            to_uri: None,
            sdp: None,
            headers: Vec::new(),
            credentials: None,
            max_forwards: 70,
            hold_ack: false,
        }
    }
}

/// What an incoming INVITE says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub uri_user: String,
    pub uri_host: String,
    pub from_user: String,
    pub from_host: String,
    pub from_display: Option<String>,
    pub to_user: String,
    /// `X-…`, identity and diversion headers as received, bounded in number and size.
    pub headers: Vec<(String, String)>,
    pub max_forwards: u8,
    pub user_agent: Option<String>,
    /// What the network says of the caller's number (`verstat`, 3GPP TS 24.229 §7.2A.20), of P-Asserted-Identity
    /// or else of From.
    pub verstat: Option<String>,
    /// How often the call came back to this exchange before, as our own header says that trunks carry along.
    pub loops: u8,
    /// The Request-URI is `sips:`: every hop has to be encrypted (RFC 5630).
    pub is_sips: bool,
}

/// The header that counts how often a call went out by one trunk and came in by another.
pub const LOOPS: &str = "X-Zorio-Loops";

/// An incoming INVITE that passed the stateless checks.
#[derive(Clone, Debug)]
pub struct IncomingInvite {
    pub leg: LegKey,
    pub request: Request,
    pub sdp: Option<Bytes>,
    pub source: SocketAddr,
    pub transport: Transport,
    pub flow: Flow,
    /// Absent if and only if the source is trusted.
    pub credentials: Option<crate::digest::Credentials>,
    pub dialog: DialogRecord,
    /// The call whose place this one asks for; see [`Replaces::refusal`].
    pub replaces: Option<Replaces>,
}

/// What the owner of a leg asks for.
#[derive(Clone, Debug)]
pub enum LegCommand {
    /// Puts a header field on every further response to the peer's INVITE but 100.
    Say {
        header: &'static str,
        value: String,
    },
    /// Sends a provisional response, 101 to 199.
    Ring {
        status: u16,
        sdp: Option<Bytes>,
    },
    Answer {
        sdp: Bytes,
    },
    /// Sends the ACK that was held.
    Acknowledge,
    /// Sends a final failure, 300 to 699.
    Reject {
        status: u16,
        reason: Option<Reason>,
    },
    /// Asks for credentials again.
    Challenge,
    Reinvite {
        sdp: Bytes,
    },
    /// Offers by UPDATE, or by re-INVITE if the peer does not know UPDATE.
    Update {
        sdp: Bytes,
    },
    /// Asks the peer to call somebody, in place of another call if `replaces` names one.
    Refer {
        target: String,
        replaces: Option<Replaces>,
        referred_by: Option<String>,
    },
    /// Answers the peer's REFER 202 and tells it that the call is tried.
    AcceptRefer {
        refer: ReferKey,
    },
    RefuseRefer {
        refer: ReferKey,
        status: u16,
    },
    /// Tells how the call that the peer asked for fares; a final status is the last news.
    NotifyRefer {
        refer: ReferKey,
        status: u16,
    },
    /// Answers the peer's offer.
    Accept {
        sdp: Bytes,
    },
    /// Refuses the peer's offer.
    Refuse {
        status: u16,
    },
    Info {
        content_type: String,
        body: Bytes,
    },
    /// Sends CANCEL, BYE or a final failure, whichever the state asks for.
    Hangup {
        reason: Option<Reason>,
    },
}

/// A source whose requests are not challenged: an address, with any port if `port` is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TrustedSource {
    pub ip: IpAddr,
    pub port: Option<u16>,
}

impl From<IpAddr> for TrustedSource {
    fn from(ip: IpAddr) -> Self {
        Self { ip, port: None }
    }
}

impl From<SocketAddr> for TrustedSource {
    fn from(address: SocketAddr) -> Self {
        Self { ip: address.ip(), port: Some(address.port()) }
    }
}

/// Returns the key that an INFO request reports (`application/dtmf-relay`, `application/dtmf`) and for how many
/// milliseconds it was pressed, if it says so.
pub fn dtmf_of_info(content_type: &str, body: &[u8]) -> Option<(char, Option<u16>)> {
    /// Longest body that is looked at, and most lines of it.
    const LONGEST: usize = 256;
    const LINES: usize = 8;
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let text = String::from_utf8_lossy(body.get(..body.len().min(LONGEST))?);
    let field = |name: &str| {
        text.lines().take(LINES).find_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let (key, millis) = if kind.eq_ignore_ascii_case("application/dtmf-relay") {
        (field("signal")?, field("duration").and_then(|millis| millis.parse().ok()))
    } else if kind.eq_ignore_ascii_case("application/dtmf") {
        (field("signal").unwrap_or_else(|| text.trim().to_owned()), None)
    } else {
        return None;
    };
    // Some phones number the keys as telephone-events do: 10 is the star, 11 the pound sign.
    let key = match key.as_str() {
        "10" => '*',
        "11" => '#',
        "12" | "13" | "14" | "15" => ['A', 'B', 'C', 'D'].get(key.parse::<usize>().ok()?.checked_sub(12)?).copied()?,
        single => single.chars().next().filter(|_| single.chars().count() == 1)?.to_ascii_uppercase(),
    };
    "0123456789*#ABCD".contains(key).then_some((key, millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_info_reports_a_key_however_phones_write_it() {
        for (kind, body, key) in [
            ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", Some(('5', Some(160)))),
            ("application/dtmf-relay;x=y", "Signal= #\nDuration= 250", Some(('#', Some(250)))),
            ("Application/DTMF-Relay", "signal=11", Some(('#', None))),
            ("application/dtmf-relay", "Signal=d", Some(('D', None))),
            ("application/dtmf", "7", Some(('7', None))),
            ("application/dtmf", "Signal=*", Some(('*', None))),
            ("application/dtmf-relay", "Signal=55", None),
            ("application/dtmf-relay", "Signal=", None),
            ("application/dtmf-relay", "Signal=\u{1b}[31m\nDuration=-1", None),
            ("application/dtmf-relay", "Duration=160", None),
            ("text/plain", "Signal=5", None),
        ] {
            assert_eq!(dtmf_of_info(kind, body.as_bytes()), key, "{kind}: {body:?}");
        }
    }
}
