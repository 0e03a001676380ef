//! RTCP (RFC 3550 §6): enough to learn what the far end hears and to tell it what we hear.

/// Longest compound packet that is looked at.
const MAX_PACKET: usize = 1_500;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
/// The range of RTCP packet types (RFC 5761 §4).
const TYPES: std::ops::RangeInclusive<u8> = 192..=223;

/// One reception report block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The stream that the report is about.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub fraction: u8,
    /// Lost since the beginning; negative when packets were repeated. 24 bits on the wire.
    pub lost: i32,
    /// Extended highest sequence number.
    pub highest: u32,
    /// In timestamp units.
    pub jitter: u32,
    /// The middle of the time of the last sender report heard (LSR); 0 if none was.
    pub last_report: u32,
    /// Time since then in 1/65,536 s (DLSR).
    pub since: u32,
}

/// What a compound packet says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The block about the stream that was asked for.
    pub block: Option<Block>,
    /// The middle of the time of its sender report, to be given back as [`Block::last_report`].
    pub report: Option<u32>,
}

/// Reads a compound packet for a sender report, and the block about stream `about`.
///
/// `Err(Malformed)` when the packet is no RTCP of version 2 or a length in it does not fit; unknown packet types are
/// passed over.
pub fn read(about: u32, datagram: &[u8]) -> Result<Heard, Malformed> {
    if datagram.len() > MAX_PACKET || datagram.is_empty() {
        return Err(Malformed);
    }
    let mut heard = Heard::default();
    let mut rest = datagram;
    while !rest.is_empty() {
        let (&[first, kind, l0, l1], _) = rest.split_first_chunk::<4>().ok_or(Malformed)?;
        let length = (usize::from(u16::from_be_bytes([l0, l1])) + 1) * 4;
        if first >> 6 != 2 || !TYPES.contains(&kind) || length > rest.len() {
            return Err(Malformed);
        }
        let (packet, next) = rest.split_at(length);
        rest = next;
        let blocks = match kind {
            SENDER_REPORT => {
                // Bytes 2 to 5 of the eight of the time.
                let time = packet.get(10..14).and_then(|time| time.try_into().ok()).map(u32::from_be_bytes);
                heard.report = time.or(heard.report);
                packet.get(28..)
            }
            RECEIVER_REPORT => packet.get(8..),
            _ => continue,
        };
        let blocks = blocks.ok_or(Malformed)?.chunks_exact(24).take(usize::from(first & 0x1f));
        heard.block = blocks.filter_map(Block::read).find(|block| block.ssrc == about).or(heard.block);
    }
    Ok(heard)
}

/// The datagram is no RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed RTCP")]
pub struct Malformed;

/// What a sender report says of the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub ssrc: u32,
    /// 32.32 fixed point seconds; any monotonic origin (RFC 3550 §6.4.1).
    pub ntp: u64,
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// Returns a compound packet: sender report, at most one block, and a CNAME made from the SSRC.
pub fn sender_report(sent: &Sent, block: Option<&Block>) -> Vec<u8> {
    let mut packet = Vec::with_capacity(80);
    let count = u8::from(block.is_some());
    let words = 6 + 6 * u16::from(count);
    packet.extend([0x80 | count, SENDER_REPORT]);
    packet.extend(words.to_be_bytes());
    packet.extend(sent.ssrc.to_be_bytes());
    packet.extend(sent.ntp.to_be_bytes());
    packet.extend(sent.timestamp.to_be_bytes());
    packet.extend(sent.packets.to_be_bytes());
    packet.extend(sent.octets.to_be_bytes());
    if let Some(block) = block {
        block.write(&mut packet);
    }
    name(sent.ssrc, &mut packet);
    packet
}

/// Returns a compound packet of somebody who sends nothing: receiver report, at most one block, and a CNAME.
pub fn receiver_report(ssrc: u32, block: Option<&Block>) -> Vec<u8> {
    let mut packet = Vec::with_capacity(56);
    let count = u8::from(block.is_some());
    packet.extend([0x80 | count, RECEIVER_REPORT]);
    packet.extend((1 + 6 * u16::from(count)).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    if let Some(block) = block {
        block.write(&mut packet);
    }
    name(ssrc, &mut packet);
    packet
}

/// Returns the way there and back in 1/65,536 s, of a block that arrived at `now` (the middle of our time); `None` if
/// the far end has heard no report of ours, or says what cannot be.
pub fn round_trip(block: &Block, now: u32) -> Option<u32> {
    let passed = now.wrapping_sub(block.last_report).checked_sub(block.since)?;
    // A minute is no round trip.
    (block.last_report != 0 && passed < 60 << 16).then_some(passed)
}

fn name(ssrc: u32, packet: &mut Vec<u8>) {
    // One chunk: SSRC, CNAME of 8 hex digits, end, padded to a word.
    let name = format!("{ssrc:08x}");
    packet.extend([0x81, SOURCE_DESCRIPTION, 0, 4]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend([1, 8]);
    packet.extend(name.as_bytes());
    packet.extend([0, 0]);
}

impl Block {
    fn read(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        let lost = word(4)?;
        Some(Self {
            ssrc: word(0)?,
            fraction: (lost >> 24) as u8,
            lost: ((lost << 8) as i32) >> 8,
            highest: word(8)?,
            jitter: word(12)?,
            last_report: word(16)?,
            since: word(20)?,
        })
    }

    fn write(&self, packet: &mut Vec<u8>) {
        let lost = (self.lost.clamp(-0x80_0000, 0x7f_ffff) as u32) & 0xff_ffff;
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(((u32::from(self.fraction) << 24) | lost).to_be_bytes());
        packet.extend(self.highest.to_be_bytes());
        packet.extend(self.jitter.to_be_bytes());
        packet.extend(self.last_report.to_be_bytes());
        packet.extend(self.since.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SENT: Sent = Sent { ssrc: 0xaabb_ccdd, ntp: 1 << 40, timestamp: 5, packets: 6, octets: 7 };

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let block = Block { ssrc: 42, fraction: 3, lost: -2, highest: 70_000, jitter: 17, last_report: 9, since: 10 };
        let packet = sender_report(&SENT, Some(&block));
        assert_eq!(packet.len() % 4, 0);
        let report = Some(1 << 24);
        assert_eq!(read(42, &packet), Ok(Heard { block: Some(block), report }));
        assert_eq!(read(43, &packet), Ok(Heard { block: None, report }));
        assert_eq!(read(42, &sender_report(&SENT, None)), Ok(Heard { block: None, report }));
        assert_eq!(read(42, &receiver_report(7, Some(&block))), Ok(Heard { block: Some(block), report: None }));
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let whole = sender_report(&SENT, Some(&Block::default()));
        for length in 0..whole.len() {
            // Cut between its two packets it is still a compound packet.
            assert_eq!(read(0, &whole[..length]).is_err(), length != 52, "{length}");
        }
        let mut endless = whole.clone();
        endless[2..4].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(read(0, &endless), Err(Malformed));
        // Length 0: a header alone, and no sender in a sender report.
        assert_eq!(read(0, &[0x80, SENDER_REPORT, 0, 0]), Err(Malformed));
        // 31 blocks claimed, none there.
        assert_eq!(read(0, &[0x9f, RECEIVER_REPORT, 0, 1, 0, 0, 0, 1]), Ok(Heard::default()));
    }

    #[test]
    fn the_round_trip_is_what_neither_end_waited() {
        // 5.25 s after our report, of which the far end held it for 5.
        let block = Block { last_report: 70_000, since: 5 << 16, ..Block::default() };
        assert_eq!(round_trip(&block, 70_000 + (5 << 16) + (1 << 14)), Some(1 << 14));
        assert_eq!(round_trip(&block, 70_000), None, "it cannot have come back already");
        assert_eq!(round_trip(&Block::default(), 70_000), None, "no report was heard");
    }

    #[test]
    fn bye_app_xr_and_feedback_are_passed_over() {
        for kind in [203, 204, 205, 206, 207] {
            assert_eq!(read(1, &[0x81, kind, 0, 1, 0, 0, 0, 1]), Ok(Heard::default()));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(1, &bytes);
        }

        #[test]
        fn any_body_under_a_valid_header_is_read_or_refused(
            count in 0x80u8..0xa0, kind in 192u8..224, body in prop::collection::vec(any::<[u8; 4]>(), 0..60),
        ) {
            let mut bytes = vec![count, kind];
            bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
            bytes.extend(body.concat());
            let _ = read(1, &bytes);
        }
    }
}
