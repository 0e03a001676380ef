//! Streams that meet on one time line.

/// Adds the samples of `other` to `to`, held within 16 bits.
pub fn add(to: &mut [i16], other: &[i16]) {
    for (sample, &more) in to.iter_mut().zip(other) {
        *sample = sample.saturating_add(more);
    }
}

/// A stretch of one or two channels of which the front is taken away while the back still fills.
#[derive(Clone, Debug)]
pub struct Window {
    channels: usize,
    /// Position of the first frame held.
    start: u64,
    /// Interleaved.
    samples: Vec<i16>,
    capacity: usize,
}

impl Window {
    /// Opens a window at position 0 that holds up to `capacity` frames.
    pub fn new(channels: usize, capacity: usize) -> Self {
        Self { channels: channels.max(1), start: 0, samples: Vec::new(), capacity }
    }

    /// Returns the position of the first frame not yet taken.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Adds samples to a channel at a position; what lies before or beyond the window is left out.
    pub fn add(&mut self, channel: usize, position: u64, samples: &[i16]) {
        let channel = channel.min(self.channels - 1);
        let late = usize::try_from(self.start.saturating_sub(position)).unwrap_or(usize::MAX);
        let ahead = usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let samples = samples.get(late..).unwrap_or_default();
        let fits = samples.len().min(self.capacity.saturating_sub(ahead));
        if fits == 0 {
            return;
        }
        let (from, until) = (ahead * self.channels, (ahead + fits) * self.channels);
        if let Some(more) = until.checked_sub(self.samples.len()) {
            // Exactly what is needed: many windows are open at once.
            self.samples.reserve_exact(more);
            self.samples.resize(until, 0);
        }
        for (frame, &sample) in self.samples[from..until].chunks_exact_mut(self.channels).zip(samples) {
            frame[channel] = frame[channel].saturating_add(sample);
        }
    }

    /// Takes everything before `until`, silence where nothing was added, as little-endian bytes appended to `to`.
    /// At most `limit` frames at once; returns how many.
    pub fn take(&mut self, until: u64, limit: usize, to: &mut Vec<u8>) -> usize {
        let frames = usize::try_from(until.saturating_sub(self.start)).unwrap_or(limit).min(limit);
        let wanted = frames * self.channels;
        let held = wanted.min(self.samples.len());
        let begin = to.len();
        to.resize(begin + wanted * 2, 0);
        for (bytes, sample) in to[begin..].chunks_exact_mut(2).zip(self.samples.drain(..held)) {
            bytes.copy_from_slice(&sample.to_le_bytes());
        }
        self.start += frames as u64;
        frames
    }

    /// Returns the position after the last frame that anything was added to.
    pub fn end(&self) -> u64 {
        self.start + (self.samples.len() / self.channels) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(window: &mut Window, until: u64) -> Vec<i16> {
        let mut bytes = Vec::new();
        window.take(until, 1_000, &mut bytes);
        bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    #[test]
    fn two_streams_in_one_channel_add_up_without_overflow() {
        let mut window = Window::new(1, 100);
        window.add(0, 0, &[1, 2, 30_000]);
        window.add(0, 1, &[10, 30_000, 5]);
        assert_eq!(take(&mut window, 5), [1, 12, i16::MAX, 5, 0]);
    }

    #[test]
    fn two_channels_stay_apart() {
        let mut window = Window::new(2, 100);
        window.add(1, 1, &[7, 8]);
        window.add(0, 0, &[1]);
        assert_eq!(take(&mut window, 3), [1, 0, 0, 7, 0, 8]);
    }

    #[test]
    fn what_comes_too_late_or_too_early_is_left_out() {
        let mut window = Window::new(1, 4);
        window.add(0, 2, &[1, 1, 1, 1]);
        assert_eq!(take(&mut window, 3), [0, 0, 1]);
        window.add(0, 1, &[9, 9, 9]);
        assert_eq!(take(&mut window, 5), [10, 0]);
        window.add(0, u64::MAX - 1, &[9, 9]);
        assert_eq!(window.end(), 5);
    }

    #[test]
    fn adding_two_buffers_saturates() {
        let mut to = [1, i16::MIN];
        add(&mut to, &[2, -1]);
        assert_eq!(to, [3, i16::MIN]);
    }
}
