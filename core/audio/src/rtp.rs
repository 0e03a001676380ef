//! RTP packets (RFC 3550 §5.1): parsed by reference, rewritten in place.

use std::ops::Range;

/// Length of a header without CSRC list and extension.
pub const HEADER: usize = 12;

/// Longest datagram that is taken for RTP.
pub const MAX_PACKET: usize = 1_500;

/// What a packet says about itself, and where its payload lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Without CSRC list, header extension and padding.
    pub payload: Range<usize>,
}

impl Header {
    /// Reads a datagram; `None` unless it is version 2 and every length in it fits.
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        if datagram.len() > MAX_PACKET {
            return None;
        }
        let (fixed, rest) = datagram.split_first_chunk::<HEADER>()?;
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if first >> 6 != 2 {
            return None;
        }
        let mut start = HEADER + usize::from(first & 0x0f) * 4;
        if first & 0x10 != 0 {
            let extension = rest.get(start - HEADER..start - HEADER + 4)?;
            let words = u16::from_be_bytes([extension[2], extension[3]]);
            start += 4 + usize::from(words) * 4;
        }
        let mut end = datagram.len();
        if first & 0x20 != 0 {
            let padding = usize::from(*datagram.last()?);
            if padding == 0 {
                return None;
            }
            end = end.checked_sub(padding)?;
        }
        if start > end {
            return None;
        }
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            payload: start..end,
        })
    }
}

/// The fields of a header that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

impl Stamp {
    /// Returns the header as bytes: version 2, no padding, no extension, no CSRC.
    pub fn bytes(self) -> [u8; HEADER] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        let second = (u8::from(self.marker) << 7) | (self.payload_type & 0x7f);
        [0x80, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(payload: &[u8]) -> Vec<u8> {
        let stamp = Stamp { marker: true, payload_type: 8, sequence: 7, timestamp: 0x0102_0304, ssrc: 0xdead_beef };
        [&stamp.bytes(), payload].concat()
    }

    #[test]
    fn a_plain_packet_is_read_as_it_was_written() {
        let header = Header::parse(&plain(&[1, 2, 3])).unwrap();
        assert!(header.marker);
        assert_eq!((header.payload_type, header.sequence), (8, 7));
        assert_eq!((header.timestamp, header.ssrc), (0x0102_0304, 0xdead_beef));
        assert_eq!(header.payload, 12..15);
    }

    #[test]
    fn csrc_extension_and_padding_are_no_payload() {
        let mut packet = plain(&[]);
        packet[0] = 0x80 | 0x20 | 0x10 | 2;
        packet.extend([0; 8]); // two CSRC
        packet.extend([0xbe, 0xde, 0, 1, 9, 9, 9, 9]); // extension of one word
        packet.extend([1, 2, 3, 0, 0, 3]); // three bytes and three of padding
        assert_eq!(Header::parse(&packet).unwrap().payload, 28..31);
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        for length in [0, 1, 11] {
            assert_eq!(Header::parse(&plain(&[])[..length]), None);
        }
        for version in [0, 1, 3] {
            let mut packet = plain(&[0; 160]);
            packet[0] = version << 6;
            assert_eq!(Header::parse(&packet), None);
        }
        let mut csrc = plain(&[]);
        csrc[0] = 0x8f;
        assert_eq!(Header::parse(&csrc), None);
        let mut extension = plain(&[0, 0, 0xff, 0xff]);
        extension[0] = 0x90;
        assert_eq!(Header::parse(&extension), None);
        for padding in [0, 255] {
            let mut packet = plain(&[padding]);
            packet[0] = 0xa0;
            assert_eq!(Header::parse(&packet), None);
        }
        assert_eq!(Header::parse(&plain(&[0; MAX_PACKET])), None);
        assert!(Header::parse(&plain(&[0; MAX_PACKET - HEADER])).is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..1_600)) {
            if let Some(header) = Header::parse(&bytes) {
                prop_assert!(header.payload.start >= HEADER);
                prop_assert!(bytes.get(header.payload).is_some());
            }
        }

        #[test]
        fn any_flags_with_a_valid_version_are_read_or_refused(
            flags in 0x80u8..0xc0, rest in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let bytes = [&[flags][..], &rest].concat();
            if let Some(header) = Header::parse(&bytes) {
                prop_assert!(bytes.get(header.payload).is_some());
            }
        }
    }
}
