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
}

/// Returns the block about stream `about` in a compound packet.
///
/// `Err(Malformed)` when the packet is no RTCP of version 2 or a length in it does not fit; unknown packet types are
/// passed over.
pub fn report_about(about: u32, datagram: &[u8]) -> Result<Option<Block>, Malformed> {
    if datagram.len() > MAX_PACKET || datagram.is_empty() {
        return Err(Malformed);
    }
    let mut found = None;
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
            SENDER_REPORT => packet.get(28..),
            RECEIVER_REPORT => packet.get(8..),
            _ => continue,
        };
        let blocks = blocks.ok_or(Malformed)?.chunks_exact(24).take(usize::from(first & 0x1f));
        found = blocks.filter_map(Block::read).find(|block| block.ssrc == about).or(found);
    }
    Ok(found)
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
    // One chunk: SSRC, CNAME of 8 hex digits, end, padded to a word.
    let name = format!("{:08x}", sent.ssrc);
    packet.extend([0x81, SOURCE_DESCRIPTION, 0, 4]);
    packet.extend(sent.ssrc.to_be_bytes());
    packet.extend([1, 8]);
    packet.extend(name.as_bytes());
    packet.extend([0, 0]);
    packet
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
        })
    }

    fn write(&self, packet: &mut Vec<u8>) {
        let lost = (self.lost.clamp(-0x80_0000, 0x7f_ffff) as u32) & 0xff_ffff;
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(((u32::from(self.fraction) << 24) | lost).to_be_bytes());
        packet.extend(self.highest.to_be_bytes());
        packet.extend(self.jitter.to_be_bytes());
        packet.extend([0; 8]); // last SR and the delay since it: round trips are not measured
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SENT: Sent = Sent { ssrc: 0xaabb_ccdd, ntp: 1 << 40, timestamp: 5, packets: 6, octets: 7 };

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let block = Block { ssrc: 42, fraction: 3, lost: -2, highest: 70_000, jitter: 17 };
        let packet = sender_report(&SENT, Some(&block));
        assert_eq!(packet.len() % 4, 0);
        assert_eq!(report_about(42, &packet), Ok(Some(block)));
        assert_eq!(report_about(43, &packet), Ok(None));
        assert_eq!(report_about(42, &sender_report(&SENT, None)), Ok(None));
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let whole = sender_report(&SENT, Some(&Block::default()));
        for length in 0..whole.len() {
            // Cut between its two packets it is still a compound packet.
            assert_eq!(report_about(0, &whole[..length]).is_err(), length != 52, "{length}");
        }
        let mut endless = whole.clone();
        endless[2..4].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(report_about(0, &endless), Err(Malformed));
        // Length 0: a header alone, and no sender in a sender report.
        assert_eq!(report_about(0, &[0x80, SENDER_REPORT, 0, 0]), Err(Malformed));
        // 31 blocks claimed, none there.
        assert_eq!(report_about(0, &[0x9f, RECEIVER_REPORT, 0, 1, 0, 0, 0, 1]), Ok(None));
    }

    #[test]
    fn bye_app_xr_and_feedback_are_passed_over() {
        for kind in [203, 204, 205, 206, 207] {
            assert_eq!(report_about(1, &[0x81, kind, 0, 1, 0, 0, 0, 1]), Ok(None));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = report_about(1, &bytes);
        }

        #[test]
        fn any_body_under_a_valid_header_is_read_or_refused(
            count in 0x80u8..0xa0, kind in 192u8..224, body in prop::collection::vec(any::<[u8; 4]>(), 0..60),
        ) {
            let mut bytes = vec![count, kind];
            bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
            bytes.extend(body.concat());
            let _ = report_about(1, &bytes);
        }
    }
}
