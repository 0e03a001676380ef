//! How good a call sounded: the E-model (ITU-T G.107) reduced to what a media server knows.

/// Rating of a connection without impairment, with the default values of G.107.
const BEST: f64 = 93.2;
/// Robustness of G.711 with loss concealment against random loss (G.113 appendix I).
const ROBUSTNESS: f64 = 25.1;
/// Packet, network and device delay that is always there, in milliseconds.
const FIXED_DELAY: f64 = 40.0;

/// Returns the mean opinion score, 1.0 to 4.5, of G.711 with a share of packets lost (0.0-1.0) and this much jitter.
pub fn mos(loss: f64, jitter_ms: f64) -> f64 {
    // A phone's jitter buffer holds about twice the jitter.
    let delay = FIXED_DELAY + 2.0 * jitter_ms.max(0.0);
    let over = delay - 177.3;
    let delay_impairment = 0.024 * delay + if over > 0.0 { 0.11 * over } else { 0.0 };
    let percent = loss.clamp(0.0, 1.0) * 100.0;
    let loss_impairment = 95.0 * percent / (percent + ROBUSTNESS);
    let rating = BEST - delay_impairment - loss_impairment;
    if rating <= 0.0 {
        return 1.0;
    }
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_jitter_lower_the_score() {
        assert!((4.3..4.45).contains(&mos(0.0, 1.0)));
        assert!((3.9..4.25).contains(&mos(0.02, 5.0)));
        assert!(mos(0.1, 20.0) < 3.4);
        assert!(mos(1.0, 500.0) < 1.1);
        let scores: Vec<f64> = (0..=20).map(|percent| mos(f64::from(percent) / 100.0, 0.0)).collect();
        assert!(scores.is_sorted_by(|a, b| a > b));
    }
}
