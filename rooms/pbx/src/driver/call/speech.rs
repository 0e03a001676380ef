//! What a leg may speak, and whether it is protected.

use domain::TenantId;
use sip::Transport;
use sip_proto::sdp::{self, Codec};

use super::Driver;
use crate::{Pbx, driver::outbound::Target};

/// G.711 with A-law first, as carriers outside of North America and Japan have it; what has to be transcoded for them
/// comes last.
pub(super) const ALAW_FIRST: &[Codec] = &[Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];
const ULAW_FIRST: &[Codec] = &[Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];
const G722_FIRST: &[Codec] = &[Codec::G722, Codec::Pcma, Codec::Pcmu, Codec::Opus];
const OPUS_FIRST: &[Codec] = &[Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu];
/// Of trunks: A-law first, µ-law first.
const TRUNK: [&[Codec]; 2] = [&[Codec::Pcma, Codec::Pcmu], &[Codec::Pcmu, Codec::Pcma]];

/// Returns what is offered to a target whose other side speaks `other`: that comes first, so that nothing has to be
/// transcoded. Carriers are offered G.711.
pub(super) fn offered_to(target: &Target, other: Option<Codec>) -> &'static [Codec] {
    let [alaw, ulaw] = TRUNK;
    match (target, other) {
        (Target::Trunk(_), Some(Codec::Pcmu)) => ulaw,
        (Target::Trunk(_), _) => alaw,
        (Target::Phone(_), Some(Codec::Pcmu)) => ULAW_FIRST,
        (Target::Phone(_), Some(Codec::G722)) => G722_FIRST,
        (Target::Phone(_), Some(Codec::Opus)) => OPUS_FIRST,
        (Target::Phone(_), Some(Codec::Pcma) | None) => ALAW_FIRST,
    }
}

/// Returns whether the media of a leg is protected. Its keys travel in the description: only where the signalling is
/// encrypted they are worth something. An extension that is to use TLS has no media in plain there.
pub(crate) fn security(pbx: &Pbx, tenant: TenantId, extension: Option<&str>, transport: Transport) -> sdp::Security {
    if !transport.is_secure() {
        return sdp::Security::Plain;
    }
    let keys = sdp::Keys::new(rand::random());
    let line = extension.and_then(|number| pbx.directory.line(tenant, number));
    if line.is_some_and(|line| line.extension.tls_enabled) {
        sdp::Security::Requires(keys)
    } else {
        sdp::Security::Accepts(keys)
    }
}

impl Driver {
    /// Returns whether the media of a leg that we call is protected. Trunks are called in plain.
    pub(super) fn security_of(&self, target: &Target) -> sdp::Security {
        match target {
            Target::Phone(phone) => {
                let transport = phone.binding.flow.transport;
                security(&self.pbx, self.setup.tenant, Some(&phone.extension), transport)
            }
            Target::Trunk(_) => sdp::Security::Plain,
        }
    }
}
