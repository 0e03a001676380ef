//! How often a thread with much to do looks at its sockets.

/// The length of a window, in samples: 20 ms, in which every stream sends one packet.
const WINDOW: u64 = 160;
/// Packets of a window from which on the thread rests between looks: about 20 calls.
const MANY: u32 = 40;

/// Counts packets, and says whether there are so many that waking up for each of them costs more than moving them.
///
/// A thread that rests for a millisecond after each look finds many packets at once; no listener hears a millisecond.
#[derive(Debug, Default)]
pub(super) struct Pace {
    window: u64,
    packets: u32,
    rests: bool,
}

impl Pace {
    /// Notes the packets of one look.
    pub(super) fn note(&mut self, packets: u32, now: u64) {
        let window = now / WINDOW;
        if window != self.window {
            // A window in which nothing came is over as well.
            self.rests = window == self.window + 1 && self.packets >= MANY;
            (self.window, self.packets) = (window, 0);
        }
        self.packets = self.packets.saturating_add(packets);
    }

    /// Tells whether to rest before the next look.
    pub(super) fn rests(&self) -> bool {
        self.rests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_rests_while_many_packets_come_and_no_longer() {
        let mut pace = Pace::default();
        let mut at = |window: u64, packets| {
            pace.note(packets, window * WINDOW);
            pace.rests()
        };
        assert!(!at(10, 30));
        assert!(!at(10, 10), "it is known when the window is over");
        assert!(at(11, 1));
        assert!(!at(12, 0), "the window before had one packet");
        assert!(!at(20, 100));
        assert!(!at(30, 100), "silence lay between");
    }
}
