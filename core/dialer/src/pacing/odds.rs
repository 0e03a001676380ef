//! How many of independent things happen: the exact distribution, by convolution (Poisson-binomial).

/// Below this a chance changes no decision and costs a convolution.
const NOTHING: f64 = 1e-5;

/// The distribution of how many happen.
#[derive(Clone, Debug)]
pub(super) struct Count {
    /// `of[k]` is the chance that exactly `k` happen.
    of: Vec<f64>,
}

impl Count {
    pub(super) fn new() -> Self {
        Self { of: vec![1.0] }
    }

    /// Adds one thing that happens with chance `p` (held to 0..=1).
    pub(super) fn add(&mut self, p: f64) {
        let p = chance(p);
        if p < NOTHING {
            return;
        }
        let mut one_less = 0.0;
        for of in &mut self.of {
            let before = *of;
            *of = before * (1.0 - p) + one_less * p;
            one_less = before;
        }
        self.of.push(one_less * p);
    }
}

/// Returns a number that is a probability, whatever was put in; what is no number is taken for 0.
pub(super) fn chance(p: f64) -> f64 {
    if p.is_nan() { 0.0 } else { p.clamp(0.0, 1.0) }
}

/// How many answers find no agent, on the average: E[(A + owed - B)⁺] over the answers A and the agents B who become
/// free, both distributions exact.
pub(super) struct Shortage {
    /// `of[k]` is what `k` answers fall short by, on the average.
    of: Vec<f64>,
}

impl Shortage {
    /// `owed` is how many answers are due before any of A: those that wait, less the agents who are free already.
    pub(super) fn new(becoming_free: &Count, owed: i64) -> Self {
        // From k answers to k + 1 the shortage grows by the chance that at most k + owed agents become free.
        let cumulated = |upto: i64| -> f64 {
            match usize::try_from(upto) {
                Ok(upto) => becoming_free.of.iter().take(upto.saturating_add(1)).sum::<f64>().min(1.0),
                Err(_) => 0.0,
            }
        };
        let start: f64 = if owed > 0 {
            let short = |(free, p): (usize, &f64)| p * (owed as f64 - free as f64).max(0.0);
            becoming_free.of.iter().enumerate().map(short).sum()
        } else {
            0.0
        };
        let mut below = cumulated(owed - 1);
        let mut of = vec![start];
        let mut at = owed;
        // Beyond this every further answer falls short by a whole one: `after` continues the line.
        while at < becoming_free.of.len() as i64 {
            if at >= 0 {
                below = (below + becoming_free.of[at as usize]).min(1.0);
            }
            of.push(of[of.len() - 1] + below);
            at += 1;
        }
        Self { of }
    }

    fn after(&self, answers: usize) -> f64 {
        match self.of.get(answers) {
            Some(short) => *short,
            None => self.of[self.of.len() - 1] + (answers + 1 - self.of.len()) as f64,
        }
    }

    /// Returns the shortage that `answers` leave, and what it would be with one more that comes for certain.
    pub(super) fn of(&self, answers: &Count) -> (f64, f64) {
        let (mut so_many, mut one_more) = (0.0, 0.0);
        let mut here = self.after(0);
        for (k, p) in answers.of.iter().enumerate() {
            let next = self.after(k + 1);
            so_many += p * here;
            one_more += p * next;
            here = next;
        }
        (so_many, one_more)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(chances: &[f64]) -> Count {
        let mut count = Count::new();
        chances.iter().for_each(|p| count.add(*p));
        count
    }

    /// Goes through every combination.
    fn by_hand(answers: &[f64], free: &[f64], owed: i64) -> f64 {
        let mut short = 0.0;
        for case in 0..1_u32 << (answers.len() + free.len()) {
            let (mut p, mut a, mut b) = (1.0, 0_i64, 0_i64);
            for (at, chance) in answers.iter().chain(free).enumerate() {
                let happens = case >> at & 1 == 1;
                p *= if happens { *chance } else { 1.0 - chance };
                if happens && at < answers.len() {
                    a += 1;
                } else if happens {
                    b += 1;
                }
            }
            short += p * (a + owed - b).max(0) as f64;
        }
        short
    }

    #[test]
    fn two_coins_come_up_as_coins_do() {
        let coins = count(&[0.5, 0.5]);
        assert_eq!(coins.of, [0.25, 0.5, 0.25]);
    }

    #[test]
    fn what_is_no_probability_is_made_one() {
        let count = count(&[f64::NAN, -3.0, 7.0, f64::INFINITY]);
        assert_eq!(count.of, [0.0, 0.0, 1.0]);
    }

    proptest! {
        #[test]
        fn the_shortage_is_what_every_combination_adds_up_to(
            answers in prop::collection::vec(0.0..=1.0_f64, 0..6),
            free in prop::collection::vec(0.0..=1.0_f64, 0..6),
            owed in -4_i64..5,
        ) {
            let found = Shortage::new(&count(&free), owed).of(&count(&answers)).0;
            let expected = by_hand(&answers, &free, owed);
            prop_assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
        }
    }
}
