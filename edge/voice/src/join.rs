//! Clips in a row: the sound that a callee is to hear, also for whoever checks that it was heard.

use std::time::Duration;

use audio::SAMPLE_RATE;
use speech::{Joint, segment::CROSS_FADE};

/// Puts clips together: each meets the next as its joint says. The joint of the last one does not matter.
/// Clips have 8 kHz and silence of 10 ms at either end.
pub fn join<'a>(clips: impl IntoIterator<Item = (&'a [i16], Joint)>) -> Vec<i16> {
    let mut joined: Vec<i16> = Vec::new();
    let mut last: Option<Joint> = None;
    for (clip, joint) in clips {
        match last {
            None => joined.extend_from_slice(clip),
            Some(Joint::Phrase) => cross_fade(&mut joined, clip),
            Some(joint) => {
                joined.resize(joined.len() + samples(joint.pause()), 0);
                joined.extend_from_slice(clip);
            }
        }
        last = Some(joint);
    }
    joined
}

fn cross_fade(joined: &mut Vec<i16>, clip: &[i16]) {
    let over = samples(CROSS_FADE).min(joined.len()).min(clip.len());
    let (under, rest) = clip.split_at(over);
    let start = joined.len() - over;
    for (index, (there, &next)) in joined[start..].iter_mut().zip(under).enumerate() {
        let part = (index + 1) as f32 / (over + 1) as f32;
        *there = (f32::from(*there) * (1.0 - part) + f32::from(next) * part).round() as i16;
    }
    joined.extend_from_slice(rest);
}

fn samples(duration: Duration) -> usize {
    usize::try_from(duration.as_millis()).unwrap_or(0) * (SAMPLE_RATE as usize / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_joint_has_its_pause() {
        let (a, b) = ([1_000i16; 800], [2_000i16; 800]);
        for (joint, length) in [
            (Joint::Phrase, 1_600 - 64),
            (Joint::Slot, 1_600 + 480),
            (Joint::Clause, 1_600 + 960),
            (Joint::Sentence, 1_600 + 2_000),
        ] {
            let joined = join([(&a[..], joint), (&b[..], Joint::Sentence)]);
            assert_eq!(joined.len(), length, "{joint:?}");
            assert_eq!((joined[0], joined[length - 1]), (1_000, 2_000));
        }
    }

    #[test]
    fn a_cross_fade_goes_steadily_from_one_to_the_other() {
        let joined = join([(&[1_000i16; 100][..], Joint::Phrase), (&[2_000i16; 100][..], Joint::Phrase)]);
        assert!(joined.windows(2).all(|pair| pair[1] >= pair[0] && pair[1] - pair[0] <= 20), "{joined:?}");
    }

    #[test]
    fn short_and_empty_clips_are_joined_too() {
        assert_eq!(join([(&[1i16; 3][..], Joint::Phrase), (&[], Joint::Phrase), (&[1; 2], Joint::Slot)]).len(), 3);
        assert!(join([]).is_empty());
    }
}
