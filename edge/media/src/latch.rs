//! Which source a leg listens to, and where it sends.
//!
//! ```text
//! Learning --5 consistent packets of one allowed source--> Locked --new set_remote--> Learning
//! ```
//!
//! The address of the SDP is preferred: once it was heard no other source can be learnt. Another source is allowed
//! when its IP is that of the SDP or of the signalling (a phone behind NAT), or when the far end `may_latch`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::Remote;

/// Consistent packets that lock a source.
const PROOF: u8 = 5;
/// Sources that are learnt side by side.
const CANDIDATES: usize = 4;
/// A step of the sequence number up to this is consistent.
const MAX_STEP: u16 = 50;

pub(crate) struct Latch {
    /// As the SDP says.
    offered: SocketAddr,
    signalled_from: IpAddr,
    may_latch: bool,
    /// Where to send; nowhere while the SDP address is unspecified and nothing was learnt.
    destination: Option<SocketAddr>,
    locked: Option<SocketAddr>,
    offered_heard: bool,
    /// The source that was locked before a re-INVITE that did not change the address.
    favoured: Option<SocketAddr>,
    candidates: Vec<Candidate>,
    /// Another protocol proves sources and says where to send (ICE): nothing is to be learnt.
    is_led: bool,
}

struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    sequence: u16,
    proof: u8,
}

impl Latch {
    /// Begins to learn. A destination learnt before is kept if the signalled addresses are the same.
    pub(crate) fn new(remote: &Remote, before: Option<&Self>) -> Self {
        let offered = canonical(remote.address);
        let signalled_from = remote.signalled_from.to_canonical();
        let same = before.filter(|latch| latch.offered == offered && latch.signalled_from == signalled_from);
        let offered_destination = (!offered.ip().is_unspecified() && offered.port() != 0).then_some(offered);
        Self {
            offered,
            signalled_from,
            may_latch: remote.may_latch,
            destination: same.and_then(|latch| latch.destination).or(offered_destination),
            locked: None,
            offered_heard: false,
            favoured: same.and_then(|latch| latch.locked),
            candidates: Vec::new(),
            is_led: false,
        }
    }

    /// Trusts whatever it is given, and sends where it is told.
    pub(crate) fn led(destination: Option<SocketAddr>) -> Self {
        let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        Self {
            offered: nowhere,
            signalled_from: nowhere.ip(),
            may_latch: false,
            destination,
            locked: None,
            offered_heard: false,
            favoured: None,
            candidates: Vec::new(),
            is_led: true,
        }
    }

    pub(crate) fn is_led(&self) -> bool {
        self.is_led
    }

    /// Says where to send, where that is not learnt.
    pub(crate) fn lead(&mut self, destination: Option<SocketAddr>) {
        if self.is_led {
            self.destination = destination;
        }
    }

    pub(crate) fn destination(&self) -> Option<SocketAddr> {
        self.destination
    }

    /// Tells whether the source may be trusted without a look at the packet: it is the locked one.
    pub(crate) fn is_locked_to(&self, source: SocketAddr) -> bool {
        self.is_led || self.locked == Some(source)
    }

    /// Tells whether a packet of this source could be taken: a cheap look before its tag is checked.
    pub(crate) fn allows(&self, source: SocketAddr) -> bool {
        match self.locked {
            Some(locked) => locked == source,
            None if self.is_led => true,
            None => self.is_candidate(source) && (!self.offered_heard || source == self.offered),
        }
    }

    fn is_candidate(&self, source: SocketAddr) -> bool {
        self.may_latch || self.is_signalled(source)
    }

    fn is_signalled(&self, source: SocketAddr) -> bool {
        source == self.offered || source.ip() == self.offered.ip() || source.ip() == self.signalled_from
    }

    /// Judges a well-formed packet: true if it is to be taken as the far end's.
    pub(crate) fn judge(&mut self, source: SocketAddr, ssrc: u32, sequence: u16) -> bool {
        if self.is_led {
            return true;
        }
        if let Some(locked) = self.locked {
            return locked == source;
        }
        let offered = source == self.offered;
        let signalled = self.is_signalled(source);
        if !(signalled || self.may_latch) || (self.offered_heard && !offered) {
            return false;
        }
        if offered && !self.offered_heard {
            self.offered_heard = true;
            self.candidates.clear();
        }
        let (first, proof) = self.weigh(source, ssrc, sequence);
        if proof >= PROOF {
            self.locked = Some(source);
            self.destination = Some(source);
            self.candidates = Vec::new();
            return true;
        }
        let known = self.favoured.is_none() || self.favoured == Some(source) || offered;
        let taken = signalled && first && known;
        if taken && !offered && self.favoured.is_none() && !is_global(self.offered.ip()) {
            // What the SDP says cannot be reached from outside: answer at once where the voice comes from.
            self.destination = Some(source);
        }
        taken
    }

    /// Counts a packet for its source; tells whether that source came first, and how well it is proved.
    fn weigh(&mut self, source: SocketAddr, ssrc: u32, sequence: u16) -> (bool, u8) {
        let Some(index) = self.candidates.iter().position(|candidate| candidate.source == source) else {
            if self.candidates.len() == CANDIDATES {
                // The first keeps its place; of the rest the oldest goes.
                self.candidates.remove(1);
            }
            self.candidates.push(Candidate { source, ssrc, sequence, proof: 1 });
            return (self.candidates.len() == 1, 1);
        };
        let candidate = &mut self.candidates[index];
        let step = sequence.wrapping_sub(candidate.sequence);
        let consistent = candidate.ssrc == ssrc && (1..=MAX_STEP).contains(&step);
        candidate.proof = if consistent { candidate.proof + 1 } else { 1 };
        (candidate.ssrc, candidate.sequence) = (ssrc, sequence);
        (index == 0, candidate.proof)
    }
}

/// Returns an address with an IPv4 address in IPv6 clothes undressed.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Tells whether an address can be reached from another network.
fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || shared)
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            let local = first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80;
            !(local || v6.is_loopback() || v6.is_unspecified())
        }
    }
}

#[cfg(test)]
mod tests {
    use audio::Codec;

    use super::*;
    use crate::Direction;

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    fn remote(offered: &str, signalled_from: &str, may_latch: bool) -> Remote {
        let address = at(offered);
        Remote {
            address,
            rtcp: SocketAddr::new(address.ip(), address.port() + 1),
            codec: Codec::Pcma,
            send_payload: 8,
            receive_payload: 8,
            dtmf_send: None,
            dtmf_receive: None,
            may_latch,
            signalled_from: signalled_from.parse().unwrap(),
            direction: Direction::SendReceive,
            srtp: None,
            webrtc: None,
        }
    }

    fn taken(latch: &mut Latch, source: &str, sequences: std::ops::Range<u16>) -> usize {
        sequences.filter(|&sequence| latch.judge(at(source), 1, sequence)).count()
    }

    #[test]
    fn the_address_of_the_sdp_is_taken_and_locked() {
        let mut latch = Latch::new(&remote("203.0.113.5:4000", "203.0.113.5", false), None);
        assert_eq!(taken(&mut latch, "203.0.113.5:4000", 0..5), 5);
        assert!(latch.is_locked_to(at("203.0.113.5:4000")));
        assert_eq!(taken(&mut latch, "203.0.113.5:4001", 5..50), 0);
    }

    #[test]
    fn a_stranger_is_never_learnt() {
        let mut latch = Latch::new(&remote("203.0.113.5:4000", "203.0.113.9", false), None);
        assert_eq!(taken(&mut latch, "198.51.100.1:4000", 0..1_000), 0);
        assert_eq!(latch.destination(), Some(at("203.0.113.5:4000")));
    }

    #[test]
    fn a_phone_behind_nat_is_answered_where_it_speaks_from() {
        let mut latch = Latch::new(&remote("192.168.1.7:4000", "203.0.113.9", false), None);
        assert_eq!(latch.destination(), Some(at("192.168.1.7:4000")));
        assert_eq!(taken(&mut latch, "203.0.113.9:61000", 0..1), 1);
        assert_eq!(latch.destination(), Some(at("203.0.113.9:61000")));
        assert_eq!(taken(&mut latch, "203.0.113.9:61000", 1..5), 4);
        assert!(latch.is_locked_to(at("203.0.113.9:61000")));
    }

    #[test]
    fn once_the_address_of_the_sdp_was_heard_no_other_is_learnt() {
        let mut latch = Latch::new(&remote("203.0.113.5:4000", "203.0.113.5", true), None);
        assert_eq!(taken(&mut latch, "203.0.113.5:5000", 0..4), 4);
        assert_eq!(taken(&mut latch, "203.0.113.5:4000", 0..1), 1);
        assert_eq!(taken(&mut latch, "203.0.113.5:5000", 4..100), 0);
        assert_eq!(taken(&mut latch, "198.51.100.1:9", 4..100), 0);
        assert_eq!(latch.destination(), Some(at("203.0.113.5:4000")));
    }

    #[test]
    fn inconsistent_packets_do_not_lock() {
        let mut latch = Latch::new(&remote("192.168.1.7:4000", "203.0.113.9", false), None);
        for sequence in 0..100u16 {
            latch.judge(at("203.0.113.9:61000"), 1, sequence.wrapping_mul(7_919));
        }
        assert!(!latch.is_locked_to(at("203.0.113.9:61000")));
    }

    #[test]
    fn with_may_latch_a_foreign_source_is_heard_after_five_packets() {
        let mut latch = Latch::new(&remote("203.0.113.5:4000", "203.0.113.5", true), None);
        assert_eq!(taken(&mut latch, "198.51.100.1:9", 0..10), 6, "four of ten are before the lock");
        assert_eq!(latch.destination(), Some(at("198.51.100.1:9")));
    }

    #[test]
    fn a_new_remote_relearns_and_the_same_address_keeps_the_way() {
        let first = remote("192.168.1.7:4000", "203.0.113.9", false);
        let mut latch = Latch::new(&first, None);
        taken(&mut latch, "203.0.113.9:61000", 0..5);
        let mut again = Latch::new(&first, Some(&latch));
        assert_eq!(again.destination(), Some(at("203.0.113.9:61000")));
        assert_eq!(taken(&mut again, "203.0.113.9:61000", 5..6), 1);
        let mut moved = Latch::new(&first, Some(&latch));
        assert_eq!(taken(&mut moved, "203.0.113.9:62000", 0..5), 1, "the new port proves itself first");
        assert_eq!(moved.destination(), Some(at("203.0.113.9:62000")));
        let elsewhere = Latch::new(&remote("192.168.1.8:4000", "203.0.113.9", false), Some(&latch));
        assert_eq!(elsewhere.destination(), Some(at("192.168.1.8:4000")));
    }

    #[test]
    fn an_unspecified_address_is_not_sent_to() {
        let latch = Latch::new(&remote("0.0.0.0:4000", "203.0.113.9", false), None);
        assert_eq!(latch.destination(), None);
    }

    #[test]
    fn many_sources_leave_a_bounded_trace() {
        let mut latch = Latch::new(&remote("192.168.1.7:4000", "203.0.113.9", true), None);
        for port in 1..60_000u16 {
            latch.judge(SocketAddr::new(at("203.0.113.9:1").ip(), port), 1, port);
        }
        assert_eq!(latch.candidates.len(), CANDIDATES);
    }
}
