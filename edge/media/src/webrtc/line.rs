use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Instant;

use dimpl::{Dtls, KeyingMaterial, Output, SrtpProfile};
use zeroize::Zeroizing;

use super::desk::{LABEL, read_label};
use super::{Credentials, Desk, Identity, Ready, Sockets, WebRtcPort, fingerprint};
use crate::{Peer, SrtpKeys, SrtpSuite};

/// Silence of the far end's checks after which nothing is sent there (RFC 7675 §5.1: 30 seconds), in samples.
const CONSENT: u64 = 30 * audio::SAMPLE_RATE as u64;
/// Room for a datagram of DTLS.
const ROOM: usize = 2_048;
/// Outputs of DTLS that one input may have.
const OUTPUTS: usize = 64;

/// How a WebRTC leg is reached: its way through the port of its home thread, and the keys it agrees on.
pub(crate) struct Line {
    pub(crate) place: u64,
    sockets: Arc<Sockets>,
    identity: Arc<Identity>,
    /// Taken by the desk that the leg is added to.
    credentials: Option<Credentials>,
    /// The source of what is sent: SDP names it.
    pub(crate) ssrc: u32,
    /// Where its packets are found off its home thread.
    away: Option<UnixDatagram>,
    /// As long as it lives the desk at home keeps its place.
    alive: Arc<()>,
    dtls: Option<Box<Dtls>>,
    /// Where DTLS came from last.
    shaken_from: Option<SocketAddr>,
    /// When DTLS wants to be asked again.
    due: Option<Instant>,
    peer: Option<Peer>,
    /// SHA-256 of the certificate that the far end showed.
    shown: Option<[u8; 32]>,
    agreed: Option<SrtpKeys>,
    /// The far end is not who its SDP says, or DTLS failed.
    refused: bool,
    /// The way that the far end chose, or else the first that it proved.
    way: Option<SocketAddr>,
    nominated: bool,
    /// When the far end last showed that it wants to hear us.
    consented_at: u64,
}

/// What came of something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Nothing,
    /// The keys are known, and the far end is who it says.
    Secured(SrtpKeys),
    /// It is not, or it cannot agree on keys.
    Refused,
}

impl Line {
    pub(crate) fn new(place: u64, port: &WebRtcPort, credentials: Credentials, ssrc: u32) -> Self {
        Self {
            place,
            sockets: Arc::clone(&port.sockets),
            identity: Arc::clone(&port.identity),
            credentials: Some(credentials),
            ssrc,
            away: None,
            alive: Arc::new(()),
            dtls: None,
            shaken_from: None,
            due: None,
            peer: None,
            shown: None,
            agreed: None,
            refused: false,
            way: None,
            nominated: false,
            consented_at: 0,
        }
    }

    /// Returns the port.
    pub(crate) fn port(&self) -> u16 {
        self.sockets.all().next().and_then(|socket| socket.local_addr().ok()).map_or(0, |address| address.port())
    }

    fn is_at_home(&self, desk: Option<&Desk>) -> bool {
        desk.is_some_and(|desk| Arc::ptr_eq(desk.sockets(), &self.sockets))
    }

    /// Takes its place on a thread; returns the socket to watch if that is not its home.
    pub(crate) fn arrive(&mut self, desk: Option<&mut Desk>, leg: usize) -> Option<&UnixDatagram> {
        if !self.is_at_home(desk.as_deref()) {
            return self.away.as_ref();
        }
        if let Some(desk) = desk {
            match self.credentials.take() {
                Some(credentials) => desk.add(self.place, credentials, leg),
                None => desk.settle(self.place, leg),
            }
        }
        None
    }

    /// What waited between two threads was fetched: at home packets come by the port again.
    pub(crate) fn settled(&mut self, desk: Option<&Desk>) {
        if self.is_at_home(desk) {
            self.away = None;
        }
    }

    /// Leaves a thread for another one.
    pub(crate) fn depart(&mut self, desk: Option<&mut Desk>) {
        if self.is_at_home(desk.as_deref())
            && let Some(desk) = desk
        {
            self.away = desk.send_away(self.place, &self.alive);
        }
    }

    /// Ends on this thread. Elsewhere the place at home is forgotten when it is next tidied.
    pub(crate) fn end(&mut self, desk: Option<&mut Desk>) {
        if self.is_at_home(desk.as_deref())
            && let Some(desk) = desk
        {
            desk.remove(self.place);
        }
    }

    /// Returns the socket that brings its packets off its home thread.
    pub(crate) fn away(&self) -> Option<&UnixDatagram> {
        self.away.as_ref()
    }

    /// Fetches a packet from there.
    pub(crate) fn fetch(&self, buffer: &mut [u8]) -> Option<(usize, SocketAddr, Ready)> {
        let length = self.away.as_ref()?.recv(buffer).ok()?;
        let (source, ready) = read_label(buffer.first_chunk::<LABEL>()?);
        let length = length.checked_sub(LABEL)?;
        buffer.copy_within(LABEL..LABEL + length, 0);
        Some((length, source, ready))
    }

    /// Sends a packet.
    pub(crate) fn send(&self, packet: &[u8], to: SocketAddr) -> bool {
        self.sockets.send(packet, to)
    }

    /// Returns where to send media: nowhere before the far end has proved who it is.
    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        self.way.filter(|_| self.is_secure())
    }

    fn is_secure(&self) -> bool {
        !self.refused && self.agreed.is_some() && self.shown == self.peer.map(|peer| peer.fingerprint)
    }

    /// The far end proved an address, and maybe chose it.
    pub(crate) fn checked(&mut self, source: SocketAddr, nominates: bool, now: u64) {
        if nominates || self.way.is_none() || (!self.nominated && self.way != Some(source)) {
            self.way = Some(source);
            self.nominated |= nominates;
        }
        if self.way == Some(source) {
            self.consented_at = now;
        }
    }

    /// Gives the way up that the far end has not checked for long; tells whether it did.
    pub(crate) fn consent(&mut self, now: u64) -> bool {
        let over = self.way.is_some() && now.saturating_sub(self.consented_at) > CONSENT;
        if over {
            (self.way, self.nominated) = (None, false);
        }
        over
    }

    /// Learns who the far end is to be.
    pub(crate) fn expect(&mut self, peer: Option<Peer>) -> Happened {
        self.peer = peer;
        self.judge()
    }

    /// Takes a datagram of DTLS.
    pub(crate) fn shake(&mut self, packet: &[u8], source: SocketAddr, now: Instant) -> Happened {
        if self.refused {
            return Happened::Nothing;
        }
        let Identity { certificate, config, .. } = &*self.identity;
        let dtls =
            self.dtls.get_or_insert_with(|| Box::new(Dtls::new_auto(Arc::clone(config), certificate.clone(), now)));
        self.shaken_from = Some(source);
        let taken = dtls.handle_timeout(now).and_then(|()| dtls.handle_packet(packet));
        self.turn(taken)
    }

    /// Repeats what was lost.
    pub(crate) fn remind(&mut self, now: Instant) -> Happened {
        if self.due.is_none_or(|due| due > now) {
            return Happened::Nothing;
        }
        let Some(dtls) = &mut self.dtls else { return Happened::Nothing };
        let taken = dtls.handle_timeout(now);
        self.turn(taken)
    }

    /// Tells whether DTLS has to be reminded of the time.
    pub(crate) fn is_shaking(&self) -> bool {
        self.dtls.is_some() && self.agreed.is_none() && !self.refused
    }

    fn turn(&mut self, taken: Result<(), dimpl::Error>) -> Happened {
        let Some(dtls) = &mut self.dtls else { return Happened::Nothing };
        if let Err(error) = taken {
            tracing::info!(%error, "DTLS failed");
            (self.dtls, self.due) = (None, None);
            if self.agreed.is_some() {
                // The keys are agreed on: media goes on without the association.
                return Happened::Nothing;
            }
            self.refused = true;
            return Happened::Refused;
        }
        let mut room = [0; ROOM];
        let mut agreed = None;
        for _ in 0..OUTPUTS {
            match dtls.poll_output(&mut room) {
                Output::Packet(packet) => {
                    if let Some(to) = self.shaken_from {
                        self.sockets.send(packet, to);
                    }
                }
                Output::PeerCert(certificate) => self.shown = Some(fingerprint(certificate)),
                Output::KeyingMaterial(material, profile) => agreed = keys(&material, profile),
                Output::Timeout(at) => {
                    self.due = Some(at);
                    break;
                }
                _ => {}
            }
        }
        match agreed {
            Some(agreed) => {
                self.agreed = Some(agreed);
                self.judge()
            }
            None => Happened::Nothing,
        }
    }

    /// Compares the certificate with the SDP, once both are known.
    fn judge(&mut self) -> Happened {
        let (Some(peer), Some(shown), Some(agreed)) = (self.peer, self.shown, &self.agreed) else {
            return Happened::Nothing;
        };
        if peer.fingerprint == shown && !self.refused {
            return Happened::Secured(agreed.clone());
        }
        tracing::warn!("the far end of a WebRTC leg shows another certificate than its SDP says");
        self.refused = true;
        Happened::Refused
    }
}

/// Takes the keys of the server's side out of what DTLS derived (RFC 5764 §4.2).
fn keys(material: &KeyingMaterial, profile: SrtpProfile) -> Option<SrtpKeys> {
    let suite = match profile {
        SrtpProfile::AES128_CM_SHA1_80 => SrtpSuite::Aes128Sha80,
        SrtpProfile::AEAD_AES_128_GCM => SrtpSuite::Aes128Gcm,
        SrtpProfile::AEAD_AES_256_GCM => SrtpSuite::Aes256Gcm,
        _ => return None,
    };
    let (key, salt) = (suite.key_length(), suite.salt_length());
    let part = |from: usize, length: usize| material.get(from..from + length);
    let both = |key: &[u8], salt: &[u8]| Zeroizing::new([key, salt].concat());
    let client = both(part(0, key)?, part(2 * key, salt)?);
    let server = both(part(key, key)?, part(2 * key + salt, salt)?);
    SrtpKeys::new(suite, &server, &client)
}
