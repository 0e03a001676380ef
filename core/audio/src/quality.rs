//! How good a call sounded: the E-model (ITU-T G.107) reduced to what a media server knows.

use crate::Codec;

/// Rating of a connection without impairment, with the default values of G.107.
const BEST: f64 = 93.2;
/// Packet, network and device delay that is always there, in milliseconds.
const FIXED_DELAY: f64 = 40.0;

/// What is known of how a stream sounded.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    pub codec: Codec,
    /// Share of packets lost, 0.0 to 1.0.
    pub loss: f64,
    pub jitter_ms: f64,
    /// Way there and back, where it is known.
    pub round_trip_ms: Option<f64>,
}

/// Returns the mean opinion score, 1.0 to 4.5.
pub fn mos(heard: &Heard) -> f64 {
    // A phone's jitter buffer holds about twice the jitter.
    let way = heard.round_trip_ms.map_or(0.0, |both| both.max(0.0) / 2.0);
    let delay = FIXED_DELAY + 2.0 * heard.jitter_ms.max(0.0) + way;
    let over = delay - 177.3;
    let delay_impairment = 0.024 * delay + if over > 0.0 { 0.11 * over } else { 0.0 };
    let percent = heard.loss.clamp(0.0, 1.0) * 100.0;
    let loss_impairment = 95.0 * percent / (percent + robustness(heard.codec));
    let rating = BEST - delay_impairment - loss_impairment;
    if rating <= 0.0 {
        return 1.0;
    }
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).clamp(1.0, 4.5)
}

/// Returns how well a codec stands random loss (G.113 appendix I: G.711 with concealment; Opus repeats what was lost,
/// G.722 without concealment of its own stands less).
const fn robustness(codec: Codec) -> f64 {
    match codec {
        Codec::Pcmu | Codec::Pcma => 25.1,
        Codec::G722 => 18.0,
        Codec::Opus => 30.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(loss: f64, jitter_ms: f64) -> f64 {
        mos(&Heard { codec: Codec::Pcma, loss, jitter_ms, round_trip_ms: None })
    }

    #[test]
    fn loss_and_jitter_lower_the_score() {
        assert!((4.3..4.45).contains(&score(0.0, 1.0)));
        assert!((3.9..4.25).contains(&score(0.02, 5.0)));
        assert!(score(0.1, 20.0) < 3.4);
        assert!(score(1.0, 500.0) < 1.1);
        let scores: Vec<f64> = (0..=20).map(|percent| score(f64::from(percent) / 100.0, 0.0)).collect();
        assert!(scores.is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn a_long_way_lowers_the_score() {
        let far = |round_trip_ms| mos(&Heard { codec: Codec::Opus, loss: 0.0, jitter_ms: 2.0, round_trip_ms });
        assert!(far(Some(100.0)) < far(None));
        assert!(far(Some(600.0)) < far(Some(100.0)) - 0.3);
    }
}
