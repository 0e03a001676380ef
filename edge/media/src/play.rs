use std::sync::Arc;

use audio::FRAME;
use audio::tone::Tone;

use crate::{Repeat, Source};

/// A source that is being played.
pub(crate) struct Player {
    kind: Kind,
    /// Timestamp of the next frame; `None` until the first was sent.
    pub(crate) timestamp: Option<u32>,
}

enum Kind {
    Tone(Tone, u64),
    Pcm { samples: Arc<[i16]>, position: usize, repeat: Repeat },
}

impl Player {
    pub(crate) fn new(source: Source) -> Self {
        let kind = match source {
            Source::Tone(tone) => Kind::Tone(tone, 0),
            Source::Pcm(samples, repeat) => Kind::Pcm { samples, position: 0, repeat },
        };
        Self { kind, timestamp: None }
    }

    /// Fills the next 20 ms; false when the source has ended. The last frame is filled up with silence.
    pub(crate) fn next(&mut self, frame: &mut [i16; FRAME]) -> bool {
        match &mut self.kind {
            Kind::Tone(tone, position) => {
                tone.fill(*position, frame);
                *position += FRAME as u64;
                true
            }
            Kind::Pcm { samples, position, repeat } => {
                if samples.is_empty() {
                    return false;
                }
                let mut filled = 0;
                while filled < FRAME {
                    if *position == samples.len() {
                        match repeat {
                            Repeat::Forever => *position = 0,
                            Repeat::Once if filled == 0 => return false,
                            Repeat::Once => {
                                frame[filled..].fill(0);
                                break;
                            }
                        }
                    }
                    let count = (FRAME - filled).min(samples.len() - *position);
                    frame[filled..filled + count].copy_from_slice(&samples[*position..*position + count]);
                    filled += count;
                    *position += count;
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(source: Source, most: usize) -> Vec<[i16; FRAME]> {
        let mut player = Player::new(source);
        let mut frames = Vec::new();
        let mut frame = [9; FRAME];
        while frames.len() < most && player.next(&mut frame) {
            frames.push(frame);
        }
        frames
    }

    #[test]
    fn a_source_played_once_ends_with_silence_up_to_the_frame() {
        let frames = frames(Source::Pcm(vec![7; 200].into(), Repeat::Once), 10);
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[1][39..42], [7, 0, 0]);
    }

    #[test]
    fn a_repeated_source_wraps_within_a_frame() {
        let frames = frames(Source::Pcm((0..100).collect(), Repeat::Forever), 10);
        assert_eq!(frames.len(), 10);
        assert_eq!(frames[0][99..102], [99, 0, 1]);
    }

    #[test]
    fn nothing_to_play_ends_at_once() {
        assert!(frames(Source::Pcm(Vec::new().into(), Repeat::Forever), 3).is_empty());
        assert_eq!(frames(Source::Tone(Tone::Busy), 3).len(), 3);
    }
}
