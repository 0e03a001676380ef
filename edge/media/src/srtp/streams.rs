//! Which packets of which streams were seen: numbers of 48 bits, of which a packet shows 16.

/// Streams of one key that are remembered. Each proved itself by a tag, so only the far end makes more, and a phone
/// begins a few in a call; one too many is refused rather than an old one forgotten, which could be played again.
const MOST: usize = 16;
/// Packets behind the newest that are remembered.
const WINDOW: u64 = 64;

/// The streams received with one key.
#[derive(Debug, Default)]
pub(super) struct Streams {
    known: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    highest: u64,
    /// Bit n: the packet n behind the highest was seen.
    seen: u64,
}

impl Streams {
    /// Returns the whole number of a packet (RFC 3711 §3.3.1), unless it was seen or is too old to know.
    pub(super) fn guess(&self, ssrc: u32, sequence: u16) -> Option<u64> {
        let index = match self.find(ssrc) {
            Some(stream) => nearest(stream.highest, sequence)?,
            None => u64::from(sequence),
        };
        self.is_new(ssrc, index).then_some(index)
    }

    /// Tells whether a number has not been seen, and can still be remembered.
    pub(super) fn is_new(&self, ssrc: u32, index: u64) -> bool {
        match self.find(ssrc) {
            Some(stream) => match stream.highest.checked_sub(index) {
                Some(behind) => behind < WINDOW && stream.seen & (1 << behind) == 0,
                None => true,
            },
            None => self.known.len() < MOST,
        }
    }

    /// Remembers an authentic packet.
    pub(super) fn accept(&mut self, ssrc: u32, index: u64) {
        let Some(stream) = self.known.iter_mut().find(|stream| stream.ssrc == ssrc) else {
            self.known.push(Stream { ssrc, highest: index, seen: 1 });
            return;
        };
        match index.checked_sub(stream.highest) {
            Some(ahead) => {
                stream.seen = if ahead < WINDOW { (stream.seen << ahead) | 1 } else { 1 };
                stream.highest = index;
            }
            None => stream.seen |= 1 << (stream.highest - index).min(WINDOW - 1),
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    fn find(&self, ssrc: u32) -> Option<&Stream> {
        self.known.iter().find(|stream| stream.ssrc == ssrc)
    }
}

/// The whole numbers of what we send.
#[derive(Debug, Default)]
pub(super) struct Sent {
    highest: Option<u64>,
}

impl Sent {
    /// Returns the whole number of our packet; numbers grow, but for packets that are sent on out of order.
    pub(super) fn index(&mut self, sequence: u16) -> u64 {
        let index = match self.highest {
            Some(highest) => nearest(highest, sequence).unwrap_or_else(|| u64::from(sequence)),
            None => u64::from(sequence),
        };
        self.highest = Some(self.highest.map_or(index, |highest| highest.max(index)));
        index
    }
}

/// Returns the number nearest to `highest` that ends with `sequence`; `None` where that would be before the first.
fn nearest(highest: u64, sequence: u16) -> Option<u64> {
    let ahead = sequence.wrapping_sub(highest as u16);
    if ahead < 0x8000 { Some(highest + u64::from(ahead)) } else { highest.checked_sub(u64::from(ahead.wrapping_neg())) }
}
