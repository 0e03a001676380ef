//! What a leg does beside, if it is reached by WebRTC.

use std::net::SocketAddr;
use std::time::Instant;

use super::Leg;
use crate::Peer;
use crate::socket::Ways;
use crate::srtp::Srtp;
use crate::webrtc::{Happened, Line, Ready};

impl Leg {
    /// Returns the way of a WebRTC leg.
    pub(crate) fn line(&mut self) -> Option<&mut Line> {
        match &mut self.ways {
            Ways::WebRtc(line) => Some(line),
            Ways::Ports(_) => None,
        }
    }

    /// Learns who the far end is to be; true if it is somebody else.
    pub(super) fn expect(&mut self, peer: Option<Peer>) -> bool {
        let happened = self.line().map_or(Happened::Nothing, |line| line.expect(peer));
        self.secure(happened)
    }

    /// Tells whether nothing can be sent because keys are still being agreed on: what is played waits for them.
    pub(super) fn waits_for_keys(&self) -> bool {
        matches!(self.ways, Ways::WebRtc(_)) && self.srtp.is_none()
    }

    /// The far end proved an address, or chose it.
    pub(crate) fn checked(&mut self, source: SocketAddr, ready: Ready, now: u64) {
        if let (Some(line), Ready::Check { nominates }) = (self.line(), ready) {
            line.checked(source, nominates, now);
            self.lead();
        }
    }

    /// Takes a datagram of DTLS; true if the far end turned out to be somebody else.
    pub(crate) fn shake(&mut self, datagram: &[u8], source: SocketAddr, now: Instant) -> bool {
        let happened = self.line().map_or(Happened::Nothing, |line| line.shake(datagram, source, now));
        self.secure(happened)
    }

    /// Repeats what DTLS may have lost; true as above.
    pub(crate) fn remind(&mut self, now: Instant) -> bool {
        let happened = self.line().map_or(Happened::Nothing, |line| line.remind(now));
        self.secure(happened)
    }

    pub(crate) fn is_shaking(&mut self) -> bool {
        self.line().is_some_and(|line| line.is_shaking())
    }

    /// Sends nothing more to whom has not asked for it for long (RFC 7675).
    pub(super) fn consent(&mut self, now: u64) {
        if self.line().is_some_and(|line| line.consent(now)) {
            self.lead();
        }
    }

    fn secure(&mut self, happened: Happened) -> bool {
        match happened {
            Happened::Nothing => return false,
            Happened::Refused => self.srtp = None,
            Happened::Secured(keys) => match &mut self.srtp {
                // The same keys keep their counters.
                Some(srtp) => srtp.renew(keys),
                None => self.srtp = Some(Box::new(Srtp::new(keys))),
            },
        }
        self.lead();
        self.srtp.is_none()
    }

    fn lead(&mut self) {
        let destination = self.line().and_then(|line| line.destination());
        if let Some(far) = &mut self.far {
            far.latch.lead(destination);
        }
    }
}
