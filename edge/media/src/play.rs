use std::sync::Arc;

use audio::FRAME;
use audio::tone::Tone;

use crate::{Repeat, Source};

/// A source that is being played.
pub(crate) struct Player {
    kind: Kind,
}

enum Kind {
    Tone(Tone, u64),
    /// The parts, which of them is playing, and where in it.
    Pcm {
        parts: Vec<Arc<[i16]>>,
        part: usize,
        position: usize,
        repeat: Repeat,
    },
}

impl Player {
    pub(crate) fn new(source: Source) -> Self {
        let kind = match source {
            Source::Tone(tone) => Kind::Tone(tone, 0),
            Source::Pcm { samples, repeat } => parts(vec![samples], repeat),
            Source::Sequence(sequence) => parts(sequence, Repeat::Once),
            Source::Music => parts(vec![audio::music::on_hold()], Repeat::Forever),
        };
        Self { kind }
    }

    /// Fills the next 20 ms; false when the source has ended. The last frame is filled up with silence.
    pub(crate) fn next(&mut self, frame: &mut [i16; FRAME]) -> bool {
        match &mut self.kind {
            Kind::Tone(tone, position) => {
                tone.fill(*position, frame);
                *position += FRAME as u64;
                true
            }
            Kind::Pcm { parts, part, position, repeat } => {
                let mut filled = 0;
                while filled < FRAME {
                    let Some(samples) = parts.get(*part) else {
                        match repeat {
                            Repeat::Forever if !parts.is_empty() => *part = 0,
                            _ if filled == 0 => return false,
                            _ => {
                                frame[filled..].fill(0);
                                break;
                            }
                        }
                        continue;
                    };
                    let count = (FRAME - filled).min(samples.len() - *position);
                    frame[filled..filled + count].copy_from_slice(&samples[*position..*position + count]);
                    filled += count;
                    *position += count;
                    if *position == samples.len() {
                        (*part, *position) = (*part + 1, 0);
                    }
                }
                true
            }
        }
    }
}

/// Leaves out what is empty: it could be repeated for ever.
fn parts(mut parts: Vec<Arc<[i16]>>, repeat: Repeat) -> Kind {
    parts.retain(|part| !part.is_empty());
    Kind::Pcm { parts, part: 0, position: 0, repeat }
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
        let frames = frames(Source::Pcm { samples: vec![7; 200].into(), repeat: Repeat::Once }, 10);
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[1][39..42], [7, 0, 0]);
    }

    #[test]
    fn a_repeated_source_wraps_within_a_frame() {
        let frames = frames(Source::Pcm { samples: (0..100).collect(), repeat: Repeat::Forever }, 10);
        assert_eq!(frames.len(), 10);
        assert_eq!(frames[0][99..102], [99, 0, 1]);
    }

    #[test]
    fn a_sequence_is_played_without_gaps_and_ends_once() {
        let part = |value: i16, length: usize| -> Arc<[i16]> { vec![value; length].into() };
        let frames = frames(Source::Sequence(vec![part(1, 100), part(9, 0), part(2, 100), part(3, 200)]), 10);
        assert_eq!(frames.len(), 3);
        assert_eq!((frames[0][99], frames[0][100], frames[1][39], frames[1][40]), (1, 2, 2, 3));
        assert_eq!(frames[2][79..82], [3, 0, 0]);
    }

    #[test]
    fn nothing_to_play_ends_at_once() {
        assert!(frames(Source::Pcm { samples: Vec::new().into(), repeat: Repeat::Forever }, 3).is_empty());
        assert_eq!(frames(Source::Tone(Tone::Busy), 3).len(), 3);
    }
}
