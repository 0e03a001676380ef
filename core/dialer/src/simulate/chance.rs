//! Chance from a seed: the same on every machine, run after run.

/// A stream of random numbers (SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x1234_5678_9ABC_DEF0)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Returns a number in 0..1, never 0 itself.
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Returns an exponential time of that mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.unit().ln()
    }

    /// Returns a log-normal time of that mean, whose logarithm varies by `sigma`.
    pub fn log_normal(&mut self, mean: f64, sigma: f64) -> f64 {
        // Box and Muller, one of the two.
        let normal = (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        (mean.ln() - sigma * sigma / 2.0 + sigma * normal).exp()
    }
}

/// How long something takes, in seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Time {
    Fixed(f64),
    Exponential(f64),
    /// The sum of a fixed part and a log-normal one of a mean and a spread.
    Ring {
        fixed: f64,
        mean: f64,
        sigma: f64,
    },
    /// With that chance the first mean, else the second; both exponential.
    Either {
        chance: f64,
        first: f64,
        second: f64,
    },
}

impl Time {
    pub(super) fn draw(&self, chance: &mut Chance) -> f64 {
        match *self {
            Self::Fixed(seconds) => seconds,
            Self::Exponential(mean) => chance.exponential(mean),
            Self::Ring { fixed, mean, sigma } => fixed + chance.log_normal(mean, sigma),
            Self::Either { chance: of, first, second } => {
                let mean = if chance.unit() < of { first } else { second };
                chance.exponential(mean)
            }
        }
    }

    /// Returns the mean, in seconds.
    pub fn mean(&self) -> f64 {
        match *self {
            Self::Fixed(seconds) => seconds,
            Self::Exponential(mean) => mean,
            Self::Ring { fixed, mean, .. } => fixed + mean,
            Self::Either { chance, first, second } => chance * first + (1.0 - chance) * second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_means_that_they_say() {
        let mut chance = Chance::new(1);
        for time in [
            Time::Fixed(3.0),
            Time::Exponential(100.0),
            Time::Ring { fixed: 2.0, mean: 9.0, sigma: 0.5 },
            Time::Either { chance: 0.35, first: 20.0, second: 150.0 },
        ] {
            let mean = (0..200_000).map(|_| time.draw(&mut chance)).sum::<f64>() / 200_000.0;
            assert!((mean / time.mean() - 1.0).abs() < 0.02, "{time:?}: {mean}");
        }
    }

    #[test]
    fn one_seed_is_one_stream_and_another_is_another() {
        let draw = |seed| (0..5).scan(Chance::new(seed), |chance, _| Some(chance.next())).collect::<Vec<_>>();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
