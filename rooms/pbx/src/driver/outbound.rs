//! Whom a call rings: registered phones and trunks, and the INVITE that each of them gets.

use std::sync::Arc;

use bytes::Bytes;
use domain::{CallId, ids::TrunkId, routing::OutboundAuthorization};
use sip::{Destination, Invite, Sip, TrunkCredentials};
use sip_proto::registration::Binding;

use super::directory::TrunkLine;
use crate::model::{Trunk, TrunkTransport};

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
    number: String,
}

impl TrunkTarget {
    /// Turns the right to dial into a target. There is no other way to a trunk leg.
    pub(crate) fn new(right: &OutboundAuthorization, trunk: Arc<TrunkLine>) -> Option<Self> {
        // A right of one account never opens another account's trunk.
        (right.tenant() == trunk.trunk.tenant).then(|| Self { trunk, number: right.number().to_owned() })
    }

    pub(crate) fn id(&self) -> TrunkId {
        self.trunk.trunk.id
    }

    pub(crate) fn name(&self) -> &str {
        &self.trunk.trunk.name
    }

    /// Returns how many calls the trunk may carry.
    pub(crate) fn channels(&self) -> u32 {
        self.trunk.trunk.max_channels.and_then(|most| u32::try_from(most).ok()).unwrap_or(u32::MAX)
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
    pub(crate) max_forwards: u8,
}

/// Why a target could not be dialled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreachable {
    #[error("the trunk's host has no address")]
    NoAddress(#[from] sip::Unresolved),
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

    /// Returns the INVITE for this target; resolves the trunk's host.
    pub(crate) async fn invite(&self, sip: &Sip, offer: Offer<'_>) -> Result<Invite, Unreachable> {
        match self {
            Self::Phone(phone) => Ok(phone.invite(&offer)),
            Self::Trunk(trunk) => trunk.invite(sip, &offer).await,
        }
        .map(|invite| Invite { hold_ack: true, ..invite })
    }
}

impl PhoneTarget {
    fn invite(&self, offer: &Offer<'_>) -> Invite {
        let binding = &self.binding;
        // A binding goes back over the flow that it came by (RFC 5626 §5.3); after a restart UDP still finds the way.
        let destination = Destination::from(binding.flow);
        let mut invite = Invite::new(binding.uri.clone(), destination, offer.from_user, offer.realm);
        invite.from_display = offer.from_display.map(str::to_owned);
        invite.to_uri = Some(format!("sip:{}@{}", self.extension, offer.realm));
        invite.sdp = Some(offer.sdp.clone());
        invite.headers.push(("X-Call-UUID".to_owned(), offer.call.to_string()));
        // Within the account nobody hides.
        invite.headers.extend(offer.headers.iter().filter(|(name, _)| name != PRIVACY).cloned());
        invite.max_forwards = offer.max_forwards;
        invite.path = binding.path.clone();
        invite
    }
}

impl TrunkTarget {
    async fn invite(&self, sip: &Sip, offer: &Offer<'_>) -> Result<Invite, Unreachable> {
        let trunk = &self.trunk.trunk;
        let mut destinations = sip.resolve(target(trunk)).await?.into_iter();
        let destination = destinations.next().ok_or_else(|| sip::Unresolved::NoAddress(trunk.host.clone()))?;
        let host = if trunk.host.contains(':') { format!("[{}]", trunk.host) } else { trunk.host.clone() };
        let authority = trunk.port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let from_user = trunk.from_user.as_deref().unwrap_or(offer.from_user);
        let from_host = trunk.from_domain.as_deref().unwrap_or(&host);
        let parameter = if trunk.transport == TrunkTransport::Tls { sip::Transport::Tls.parameter() } else { "" };
        let uri = format!("sip:{}@{authority}{parameter}", self.number);
        let mut invite = Invite::new(uri, destination, from_user, from_host);
        invite.also = destinations.collect();
        let hides = offer.headers.iter().any(|(name, _)| name == PRIVACY);
        if hides && trunk.from_user.is_none() {
            // The carrier knows who calls, and tells nobody (RFC 3325 §7).
            invite.from_display = Some("Anonymous".to_owned());
            invite.from_user = "anonymous".to_owned();
            invite.from_host = "anonymous.invalid".to_owned();
        }
        if hides || trunk.from_user.is_some() {
            // The carrier wants its login in From; the number to show travels beside it (RFC 3325).
            invite.headers.push(("P-Asserted-Identity".to_owned(), format!("<sip:{}@{from_host}>", offer.from_user)));
        }
        invite.sdp = Some(offer.sdp.clone());
        invite.headers.extend(offer.headers.iter().cloned());
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
}

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
    let transport = match trunk.transport {
        TrunkTransport::Udp => sip::Transport::Udp,
        TrunkTransport::Tcp => sip::Transport::Tcp,
        TrunkTransport::Tls => sip::Transport::Tls,
    };
    sip::Target { host: &trunk.host, port: trunk.port, transport: Some(transport) }
}
