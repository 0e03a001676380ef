//! Whom a call rings: registered phones and trunks, and the INVITE that each of them gets.

use std::sync::Arc;

use bytes::Bytes;
use domain::{
    CallId,
    ids::TrunkId,
    number::Region,
    routing::{OutboundAuthorization, Way},
};
use sip::{Destination, Invite, Sip, TrunkCredentials};
use sip_proto::registration::Binding;

use super::{border::passage::Passage, directory::TrunkLine, network::Carried};
use crate::model::{Trunk, TrunkOptions, TrunkTransport};

/// One phone or trunk to try.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Phone(PhoneTarget),
    Trunk(TrunkTarget),
}

/// A registered contact of an extension.
#[derive(Clone, Debug)]
pub(crate) struct PhoneTarget {
    pub(crate) extension: String,
    pub(crate) binding: Binding,
}

/// A number to dial by a trunk. Its fields are private, so that only an authorization makes one.
#[derive(Clone, Debug)]
pub(crate) struct TrunkTarget {
    trunk: Arc<TrunkLine>,
    /// As the trunk wants it written.
    number: String,
    shown: Shown,
    passage: Arc<Passage>,
    region: Region,
}

/// What the called side sees of the caller.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) number: String,
    pub(crate) anonymous: bool,
}

impl TrunkTarget {
    /// Turns one way of the right to dial into a target. There is no other way to a trunk leg.
    pub(crate) fn new(
        right: &OutboundAuthorization,
        way: &Way,
        trunk: Arc<TrunkLine>,
        shown: Shown,
        passage: Arc<Passage>,
        region: Region,
    ) -> Option<Self> {
        // A right of one account never opens another account's trunk, and only the ways that passed are open.
        let is_open = right.tenant() == trunk.trunk.tenant
            && way.trunk == trunk.trunk.id
            && right.ways().iter().any(|passed| passed == way);
        is_open.then(|| {
            let options = &trunk.trunk.options;
            let number = match right.is_emergency() {
                true => way.number.clone(),
                false => options.number_format.apply(&way.number, region),
            };
            Self { trunk, number, shown, passage, region }
        })
    }

    pub(crate) fn id(&self) -> TrunkId {
        self.trunk.trunk.id
    }

    pub(crate) fn name(&self) -> &str {
        &self.trunk.trunk.name
    }

    /// Returns what the carrier wants done its way.
    pub(crate) fn options(&self) -> &TrunkOptions {
        &self.trunk.trunk.options
    }

    pub(crate) fn transport(&self) -> sip::Transport {
        transport(self.trunk.trunk.transport)
    }

    /// Returns what the leg holds while it lasts; its driver says when it was answered and when it has ended.
    pub(crate) fn passage(&self) -> Arc<Passage> {
        Arc::clone(&self.passage)
    }
}

/// What both kinds of INVITE say.
#[derive(Clone, Debug)]
pub(crate) struct Offer<'a> {
    pub(crate) call: CallId,
    pub(crate) from_display: Option<&'a str>,
    pub(crate) from_user: &'a str,
    /// Our own domain.
    pub(crate) realm: &'a str,
    pub(crate) sdp: Bytes,
    /// Headers that the API's caller asked for, already prefixed `X-`.
    pub(crate) headers: &'a [(String, String)],
    /// What the call brought along, if it came by a trunk.
    pub(crate) carried: Option<&'a Carried>,
    pub(crate) max_forwards: u8,
}

/// Why a target could not be dialled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreachable {
    #[error("the trunk's host has no address")]
    NoAddress(#[from] sip::Unresolved),
    #[error("the trunk has no channel free, or began enough calls this second")]
    Full,
}

/// Where a target is, the first place to try first.
#[derive(Clone, Debug)]
pub(crate) struct Place(Vec<Destination>);

impl Place {
    /// Tells whether it is reached by IPv6 alone. A carrier that has both is offered media by IPv4, whichever of its servers
    /// takes the call.
    pub(crate) fn is_ipv6(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|to| to.addr.ip().to_canonical().is_ipv6())
    }
}

impl Target {
    pub(crate) fn extension(&self) -> Option<&str> {
        match self {
            Self::Phone(phone) => Some(&phone.extension),
            Self::Trunk(_) => None,
        }
    }

    /// Returns the number that is called: the extension, or what the trunk is asked for.
    pub(crate) fn number(&self) -> &str {
        match self {
            Self::Phone(phone) => &phone.extension,
            Self::Trunk(trunk) => &trunk.number,
        }
    }

    pub(crate) fn trunk(&self) -> Option<&TrunkTarget> {
        match self {
            Self::Phone(_) => None,
            Self::Trunk(trunk) => Some(trunk),
        }
    }

    /// Tells whether it is a phone that is reached by IPv6; of a trunk [`Target::look_up`] tells.
    pub(crate) fn is_ipv6(&self) -> bool {
        matches!(self, Self::Phone(phone) if phone.binding.flow.peer.ip().to_canonical().is_ipv6())
    }

    /// Finds out where it is: a phone where it registered from, a trunk where its host's name leads to.
    pub(crate) async fn look_up(&self, sip: &Sip) -> Result<Place, Unreachable> {
        match self {
            // A binding goes back over the flow that it came by (RFC 5626 §5.3); after a restart UDP still finds the way.
            Self::Phone(phone) => Ok(Place(vec![Destination::from(phone.binding.flow)])),
            Self::Trunk(trunk) => Ok(Place(sip.resolve(target(&trunk.trunk.trunk)).await?)),
        }
    }

    /// Tells whether it speaks SIP over WebSocket.
    pub(crate) fn is_browser(&self) -> bool {
        matches!(self, Self::Phone(phone) if phone.binding.flow.transport.is_websocket())
    }

    /// Tells whether nobody on the way to it can read along.
    pub(crate) fn is_encrypted(&self) -> bool {
        match self {
            Self::Phone(phone) => phone.binding.flow.transport.is_secure(),
            Self::Trunk(trunk) => trunk.transport().is_secure(),
        }
    }

    /// Returns the INVITE for this target, who is there.
    pub(crate) fn invite(&self, place: Place, offer: Offer<'_>) -> Result<Invite, Unreachable> {
        match self {
            Self::Phone(phone) => Ok(phone.invite(&offer)),
            Self::Trunk(trunk) => trunk.invite(place, &offer),
        }
        .map(|invite| Invite { hold_ack: true, ..invite })
    }
}

impl PhoneTarget {
    fn invite(&self, offer: &Offer<'_>) -> Invite {
        let binding = &self.binding;
        let destination = Destination::from(binding.flow);
        let mut invite = Invite::new(binding.uri.clone(), destination, offer.from_user, offer.realm);
        invite.from_display = offer.from_display.map(str::to_owned);
        invite.to_uri = Some(format!("sip:{}@{}", self.extension, offer.realm));
        invite.sdp = Some(offer.sdp.clone());
        invite.headers.push((CALL_UUID.to_owned(), offer.call.to_string()));
        // Within the account nobody hides.
        invite.headers.extend(offer.headers.iter().filter(|(name, _)| name != PRIVACY).cloned());
        let transport = binding.flow.transport;
        invite.headers.extend(offer.carried.into_iter().flat_map(|carried| carried.for_phone(transport)));
        invite.max_forwards = offer.max_forwards;
        invite.path = binding.path.clone();
        invite
    }
}

impl TrunkTarget {
    fn invite(&self, place: Place, offer: &Offer<'_>) -> Result<Invite, Unreachable> {
        if !self.passage.seize() {
            return Err(Unreachable::Full);
        }
        self.passage.begins(offer.call);
        let trunk = &self.trunk.trunk;
        let mut destinations = place.0.into_iter();
        let destination = destinations.next().ok_or_else(|| sip::Unresolved::NoAddress(trunk.host.clone()))?;
        let host = if trunk.host.contains(':') { format!("[{}]", trunk.host) } else { trunk.host.clone() };
        let authority = trunk.port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let from_host = trunk.from_domain.as_deref().unwrap_or(&host);
        let parameter = if trunk.transport == TrunkTransport::Tls { sip::Transport::Tls.parameter() } else { "" };
        let uri = format!("sip:{}@{authority}{parameter}", self.number);
        let asked = offer.headers.iter().any(|(name, _)| name == PRIVACY);
        let from = self.from(from_host, asked);
        let mut invite = Invite::new(uri, destination, &from.user, &from.host);
        invite.also = destinations.collect();
        invite.from_display = from.display.map(str::to_owned);
        invite.headers.extend(from.headers);
        invite.sdp = Some(offer.sdp.clone());
        invite.headers.extend(offer.headers.iter().cloned());
        invite.headers.extend(offer.carried.into_iter().flat_map(Carried::for_trunk));
        invite.max_forwards = offer.max_forwards;
        if let (Some(username), Some(password)) = (&trunk.username, &self.trunk.password) {
            invite.credentials = Some(TrunkCredentials {
                username: username.clone(),
                password: password.clone(),
                realm: trunk.realm.clone(),
            });
        }
        Ok(invite)
    }

    /// Returns who the INVITE says calls. An anonymous caller is hidden in From (RFC 3323 §4.1.1.3) and
    /// named to the carrier alone (RFC 3325 §7).
    fn from(&self, from_host: &str, asked: bool) -> From<'_> {
        let trunk = &self.trunk.trunk;
        let number = trunk.options.caller_id_format.apply(&self.shown.number, self.region);
        let mut headers = Vec::new();
        // A carrier that wants its login in From learns the number to show beside it.
        let hides = asked || self.shown.anonymous;
        if hides || trunk.options.asserts_identity || trunk.from_user.is_some() {
            headers.push(("P-Asserted-Identity".to_owned(), format!("<sip:{number}@{from_host}>")));
        }
        let own = trunk.from_user.clone();
        if !hides {
            return From { user: own.unwrap_or(number), host: from_host.to_owned(), display: None, headers };
        }
        // A phone's own wish is among the headers that go along.
        if !asked {
            headers.push((PRIVACY.to_owned(), "id".to_owned()));
        }
        let display = Some("Anonymous");
        match own {
            Some(user) => From { user, host: from_host.to_owned(), display, headers },
            None => From { user: "anonymous".to_owned(), host: "anonymous.invalid".to_owned(), display, headers },
        }
    }
}

struct From<'a> {
    user: String,
    host: String,
    display: Option<&'a str>,
    headers: Vec<(String, String)>,
}

/// The header that names the call to phones.
pub(crate) const CALL_UUID: &str = "X-Call-UUID";

/// The header by which a caller asks not to be shown.
const PRIVACY: &str = "Privacy";

/// Returns the wish of a caller not to be known to strangers (RFC 3323), as [`Target::invite`] takes it.
pub(crate) fn privacy(request: &sip::Request) -> Option<(String, String)> {
    let hides = |value: &str| {
        let mut wishes = value.split([';', ',']).map(str::trim);
        wishes.any(|wish| ["id", "user", "header"].iter().any(|known| wish.eq_ignore_ascii_case(known)))
    };
    let asks = request.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case(PRIVACY) && hides(value));
    asks.then(|| (PRIVACY.to_owned(), "id".to_owned()))
}

/// Returns where a trunk's carrier is to be looked for.
pub(crate) fn target(trunk: &Trunk) -> sip::Target<'_> {
    sip::Target { host: &trunk.host, port: trunk.port, transport: Some(transport(trunk.transport)) }
}

const fn transport(transport: TrunkTransport) -> sip::Transport {
    match transport {
        TrunkTransport::Udp => sip::Transport::Udp,
        TrunkTransport::Tcp => sip::Transport::Tcp,
        TrunkTransport::Tls => sip::Transport::Tls,
    }
}
