//! Music on hold that belongs to nobody: a slow arpeggio over four chords, computed.

use std::f64::consts::TAU;
use std::sync::{Arc, LazyLock};

/// Samples of one note (400 ms).
const NOTE: usize = 3_200;
/// A note sounds on for this long under the next ones.
const RING: usize = 4 * NOTE;
/// Peak of one note: with four of them ringing about -15 dBm0.
const PEAK: f64 = 2_600.0;

/// The chords as semitones above 220 Hz, two bars of eight notes each: A major, F sharp minor, D major, E major.
const CHORDS: [[i32; 4]; 4] = [[0, 4, 7, 12], [-3, 4, 9, 12], [-7, 5, 9, 14], [-5, 2, 7, 11]];
/// In which order the notes of a chord are played.
const ORDER: [usize; 8] = [0, 1, 2, 3, 2, 1, 2, 3];

static MUSIC: LazyLock<Arc<[i16]>> = LazyLock::new(|| {
    let notes: Vec<i32> = CHORDS
        .iter()
        .flat_map(|chord| [0, 12].map(|octave| ORDER.map(|at| chord[at] + if at == 0 { 0 } else { octave })))
        .flatten()
        .collect();
    let length = notes.len() * NOTE;
    let mut sum = vec![0.0; length];
    for (index, semitones) in notes.into_iter().enumerate() {
        let hertz = 220.0 * 2f64.powf(f64::from(semitones) / 12.0);
        for at in 0..RING {
            let time = at as f64 / f64::from(crate::SAMPLE_RATE);
            // Plucked softly: 8 ms to swell, then fading; overtones fade sooner.
            let swell = (at as f64 / 64.0).min(1.0);
            let fade = (-3.2 * time).exp() * (1.0 - at as f64 / RING as f64);
            let tone = (TAU * hertz * time).sin()
                + 0.35 * (-3.0 * time).exp() * (TAU * 2.0 * hertz * time).sin()
                + 0.12 * (-6.0 * time).exp() * (TAU * 3.0 * hertz * time).sin();
            // The end rings into the beginning: repeated, it has no seam.
            let place = (index * NOTE + at) % length;
            sum[place] += PEAK * swell * fade * tone;
        }
    }
    sum.into_iter().map(|sample: f64| sample as i16).collect()
});

/// Returns the music, to be repeated: 25 s of 8 kHz, the same memory for every listener.
pub fn on_hold() -> Arc<[i16]> {
    Arc::clone(&MUSIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_music_is_heard_throughout_and_has_no_seam() {
        let music = on_hold();
        assert_eq!(music.len(), 64 * NOTE);
        let loudest = music.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
        assert!((3_000..16_000).contains(&loudest), "{loudest}");
        for second in music.chunks(8_000) {
            assert!(second.iter().any(|sample| sample.unsigned_abs() > 1_000));
        }
        let step = (i32::from(music[0]) - i32::from(music[music.len() - 1])).abs();
        assert!(step < 1_500, "{step}");
    }
}
