//! What a leg hears where it is not simply the other: music, silence, several.

use std::sync::{Arc, OnceLock};

use audio::SAMPLE_RATE;
use domain::call::{Hears, Input, LegNo};

use super::{Driver, leg::LegState};

impl Driver {
    pub(super) fn hears(&mut self, no: LegNo, hears: &Hears) {
        match hears {
            Hears::Music => self.play(no, media::Source::Pcm(music(), media::Repeat::Forever)),
            Hears::Ringback => self.play(no, media::Source::Tone(media::Tone::Ringback)),
            Hears::Nothing => self.listen(no, &[]),
            Hears::Legs(legs) => self.listen(no, legs),
        }
        self.pair = None;
    }

    fn listen(&mut self, no: LegNo, to: &[LegNo]) {
        self.quiet(no);
        let Some(media) = self.media_of(no) else { return };
        match to {
            [] => self.session.disconnect(),
            [one] => {
                if let Some(one) = self.media_of(*one) {
                    self.session.connect(media, one);
                }
            }
            _ => {}
        }
    }

    /// A phone has put its other side on hold, or taken it back.
    pub(super) async fn held_by_phone(&mut self, no: LegNo, holds: bool) {
        if self.machine.holds(no) != holds {
            let input = if holds { Input::Hold { leg: no } } else { Input::Unhold { leg: no } };
            self.feed(input).await;
        }
    }

    /// Marks the legs that hold, as the list of live calls shows them.
    pub(super) fn mark_held(&mut self) {
        for at in 0..self.legs.len() {
            let holds = u8::try_from(at).is_ok_and(|at| self.machine.holds(LegNo(at)));
            let state = &mut self.legs[at].state;
            match (*state, holds) {
                (LegState::Answered, true) => *state = LegState::Held,
                (LegState::Held, false) => *state = LegState::Answered,
                _ => {}
            }
        }
    }
}

/// Notes of the built-in music, in Hz: four quiet chords, one after the other.
const CHORDS: [[f64; 3]; 4] =
    [[261.63, 329.63, 392.0], [220.0, 261.63, 329.63], [174.61, 220.0, 261.63], [196.0, 246.94, 293.66]];
/// Seconds of a chord.
const CHORD: usize = 2;
/// Loudest sample of one note.
const LOUDNESS: f64 = 2_600.0;

/// Returns the music that an account has which brought none of its own; made once.
fn music() -> Arc<[i16]> {
    static MUSIC: OnceLock<Arc<[i16]>> = OnceLock::new();
    Arc::clone(MUSIC.get_or_init(|| {
        let rate = f64::from(SAMPLE_RATE);
        let length = CHORD * usize::try_from(SAMPLE_RATE).unwrap_or(8_000);
        let note = |at: usize, number: usize, hz: f64| {
            // The notes of a chord begin one after the other and fade, as on a plucked string.
            let seconds = at as f64 / rate - number as f64 * 0.4;
            if seconds < 0.0 {
                return 0.0;
            }
            let fade = (-1.6 * seconds).exp() * (seconds * 200.0).min(1.0);
            (seconds * hz * std::f64::consts::TAU).sin() * fade * LOUDNESS
        };
        let sample = |chord: &[f64; 3], at: usize| {
            let ends = ((length - at) as f64 / 200.0).min(1.0);
            let sum: f64 = chord.iter().enumerate().map(|(number, hz)| note(at, number, *hz)).sum();
            #[expect(clippy::cast_possible_truncation, reason = "three notes stay far below the range of a sample")]
            let sample = (sum * ends) as i16;
            sample
        };
        CHORDS.iter().flat_map(|chord| (0..length).map(move |at| sample(chord, at))).collect()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_music_is_soft_and_never_silent_for_long() {
        let music = music();
        assert_eq!(music.len(), 8 * 8_000);
        assert!(music.iter().all(|sample| sample.unsigned_abs() < 9_000));
        assert!(music.chunks(4_000).all(|half| half.iter().any(|sample| sample.unsigned_abs() > 150)));
    }
}
