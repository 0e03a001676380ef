//! How long agents talk and wrap up, and from that how likely one is to become free in time.
//!
//! Survival curves by Kaplan and Meier: whoever still talks counts among those who have talked so long, so that the
//! first short talks of a campaign do not make all talks seem short.

use std::time::Duration;

/// The longest time that is looked at second by second.
const LONGEST: usize = 900;
/// What an older observation loses with each new one.
const MEMORY: f64 = 500.0;
/// How many imagined agents keep a second that few have reached from being certain of itself.
const DOUBT: f64 = 3.0;

/// One kind of work: how long it takes.
#[derive(Debug)]
pub(super) struct Curve {
    /// Weight of what ended in each second.
    ended: Vec<f64>,
    /// `left[e]`: the share that is not over after `e` seconds.
    left: Vec<f64>,
    observed: u64,
}

impl Curve {
    pub(super) fn new() -> Self {
        Self { ended: vec![0.0; LONGEST + 1], left: vec![1.0; LONGEST + 2], observed: 0 }
    }

    /// Notes that one took so long. The curve is drawn anew by [`Curve::draw`].
    pub(super) fn took(&mut self, time: Duration) {
        for weight in &mut self.ended {
            *weight *= 1.0 - 1.0 / MEMORY;
        }
        self.ended[second(time)] += 1.0;
        self.observed += 1;
    }

    /// Draws the curve; `running` is how long those have lasted that go on.
    pub(super) fn draw(&mut self, running: impl Iterator<Item = Duration>) {
        let mut censored = vec![0_u32; LONGEST + 1];
        for time in running {
            censored[second(time)] += 1;
        }
        // How many were there at the beginning of each second, from the last to the first.
        let mut there = vec![0.0; LONGEST + 2];
        let mut work = 0.0;
        for e in (0..=LONGEST).rev() {
            there[e] = there[e + 1] + self.ended[e] + f64::from(censored[e]);
            work += there[e];
        }
        let all: f64 = self.ended.iter().sum();
        let pace = if work > 0.0 { all / work } else { 0.0 };
        let mut left = 1.0;
        for (e, there) in there.iter().enumerate().take(LONGEST + 1) {
            self.left[e] = left;
            let ends = (self.ended[e] + DOUBT * pace) / (there + DOUBT);
            left *= 1.0 - ends.clamp(0.0, 1.0);
        }
        self.left[LONGEST + 1] = left;
    }

    /// Returns the chance that what has gone on for `age` is over within `within` more seconds.
    pub(super) fn over(&self, age: Duration, within: f64) -> f64 {
        let before = self.left(age.as_secs_f64());
        if self.observed == 0 || before <= 0.0 {
            return 0.0;
        }
        (1.0 - self.left(age.as_secs_f64() + within.max(0.0)) / before).clamp(0.0, 1.0)
    }

    fn left(&self, seconds: f64) -> f64 {
        let whole = seconds as usize;
        let Some([here, next]) = self.left.get(whole..).and_then(|rest| rest.first_chunk::<2>()) else {
            // Nobody looks further: it goes on as it went in the last seconds.
            return self.left[LONGEST + 1];
        };
        here + (next - here) * (seconds - whole as f64)
    }
}

fn second(time: Duration) -> usize {
    usize::try_from(time.as_secs()).unwrap_or(LONGEST).min(LONGEST)
}

/// Talks, and the wrap-up after each, seen so many seconds ahead as `horizons` says.
#[derive(Debug)]
pub(super) struct Handling {
    talk: Curve,
    wrap: Curve,
    horizons: &'static [f64],
    /// For each horizon: the chance that a wrap-up is over by then if the talk ended in the second `[u]` from now.
    done: Vec<Vec<f64>>,
}

impl Handling {
    pub(super) fn new(horizons: &'static [f64]) -> Self {
        let done = vec![Vec::new(); horizons.len()];
        Self { talk: Curve::new(), wrap: Curve::new(), horizons, done }
    }

    pub(super) fn talked(&mut self, time: Duration) {
        self.talk.took(time);
    }

    pub(super) fn wrapped_up(&mut self, time: Duration) {
        self.wrap.took(time);
    }

    /// Draws both curves; the arguments say how long those have been at it who go on.
    pub(super) fn draw(&mut self, talking: impl Iterator<Item = Duration>, wrapping: impl Iterator<Item = Duration>) {
        self.talk.draw(talking);
        self.wrap.draw(wrapping);
        for (done, horizon) in self.done.iter_mut().zip(self.horizons) {
            done.clear();
            let seconds = horizon.ceil() as usize;
            // The talk is over in the middle of its second.
            let left = |second: usize| (horizon - second as f64 - 0.5).max(0.0);
            done.extend((0..seconds).map(|second| self.wrap.over(Duration::ZERO, left(second))));
        }
    }

    /// Returns the chance that an agent who has talked for `age` is free at that horizon, wrapped up.
    pub(super) fn talker_frees(&self, age: Duration, horizon: usize) -> f64 {
        let from = second(age);
        let Some(here) = self.talk.left.get(from..).filter(|here| here[0] > 0.0) else { return 0.0 };
        let ends = here.windows(2).map(|pair| pair[0] - pair[1]);
        self.done[horizon].iter().zip(ends).map(|(done, ends)| done * ends).sum::<f64>() / here[0]
    }

    /// Returns the chance that an agent who has wrapped up for `age` is free at that horizon.
    pub(super) fn wrapper_frees(&self, age: Duration, horizon: usize) -> f64 {
        self.wrap.over(age, self.horizons[horizon])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn work_that_always_takes_twenty_seconds_is_over_after_twenty_seconds() {
        let mut curve = Curve::new();
        (0..200).for_each(|_| curve.took(s(20)));
        curve.draw([].into_iter());
        assert!(curve.over(s(0), 10.0) < 0.02);
        assert!(curve.over(s(12), 10.0) > 0.9, "{}", curve.over(s(12), 10.0));
    }

    #[test]
    fn those_who_still_talk_count_so_that_the_first_short_talks_do_not_deceive() {
        let mut short = Curve::new();
        (0..5).for_each(|_| short.took(s(10)));
        short.draw([].into_iter());
        let deceived = short.over(s(0), 15.0);
        short.draw((0..45).map(|_| s(30)));
        let honest = short.over(s(0), 15.0);
        assert!(deceived > 0.5 && honest < 0.15, "{deceived} {honest}");
    }

    #[test]
    fn an_exponential_talk_forgets_how_long_it_has_lasted() {
        let mut curve = Curve::new();
        for round in 0..5_000_u32 {
            let u = (f64::from(round * 7_919 % 5_000) + 0.5) / 5_000.0;
            curve.took(Duration::from_secs_f64(-100.0 * u.ln()));
        }
        curve.draw([].into_iter());
        for age in [0, 50, 100, 200] {
            let over = curve.over(s(age), 20.0);
            assert!((over - 0.18).abs() < 0.09, "{age}: {over}");
        }
    }

    #[test]
    fn a_talker_needs_time_to_wrap_up_as_well() {
        let mut handling = Handling::new(&[10.0, 15.0, 30.0]);
        assert_eq!(handling.talker_frees(s(10), 2), 0.0, "nothing is known");
        for _ in 0..300 {
            handling.talked(s(60));
            handling.wrapped_up(s(20));
        }
        handling.draw([].into_iter(), [].into_iter());
        assert!(handling.talker_frees(s(58), 1) < 0.1);
        assert!(handling.talker_frees(s(58), 2) > 0.7);
        assert!(handling.wrapper_frees(s(15), 0) > 0.7);
        assert!(handling.talker_frees(s(100_000_000), 2) <= 1.0);
    }
}
