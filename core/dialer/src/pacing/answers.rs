//! How likely a call is to be answered by a person, and when: learnt from cohorts.
//!
//! Only calls that are older than the longest that a call may ring teach anything, whatever became of them. Counting
//! calls as they end would be biased: refusals end after 2 s, answers after 11 s and silence after 27 s, so that the
//! first half minute of a campaign would seem to answer every second call.

use std::{collections::VecDeque, time::Duration};

/// The longest that a call may ring, beyond which everything counts as ended, in seconds.
const LONGEST: usize = 240;
/// What call set-up may add to the ring time.
const SETUP: Duration = Duration::from_secs(5);
/// What calls that are over weigh, less by 1/MEMORY with each later one.
const MEMORY: f64 = 400.0;
/// Most cohorts that wait to be old enough. Calls beyond it are dialled all the same and teach nothing.
const MOST: usize = 100_000;

#[derive(Debug)]
struct Cohort {
    placed: Duration,
    /// When it ended, and whether a person answered.
    ended: Option<(Duration, bool)>,
}

/// Which call of [`Answers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u64);

/// What calls have taught.
#[derive(Debug)]
pub(super) struct Answers {
    ripe_after: Duration,
    cohorts: VecDeque<Cohort>,
    /// The number of the first cohort.
    first: u64,
    /// Weight of the calls that ended in each second, by whether a person answered.
    human: Vec<f64>,
    other: Vec<f64>,
    /// `likely[a]`: the chance that a call which still rings after `a` seconds will be answered by a person.
    likely: Vec<f64>,
    /// `from[a]`: the weight of calls that were answered from second `a` on, and of all that rang still.
    from: Vec<(f64, f64)>,
    finished: u64,
}

impl Answers {
    pub(super) fn new(ring_timeout: Duration) -> Self {
        let ripe_after = ring_timeout.min(Duration::from_secs(LONGEST as u64 - 6)) + SETUP;
        let seconds = ripe_after.as_secs() as usize + 1;
        Self {
            ripe_after,
            cohorts: VecDeque::new(),
            first: 0,
            human: vec![0.0; seconds],
            other: vec![0.0; seconds],
            likely: vec![0.0; seconds],
            from: vec![(0.0, 0.0); seconds],
            finished: 0,
        }
    }

    /// Notes that a call is placed.
    pub(super) fn placed(&mut self, now: Duration) -> Place {
        let place = Place(self.first + self.cohorts.len() as u64);
        if self.cohorts.len() < MOST {
            self.cohorts.push_back(Cohort { placed: now, ended: None });
            return place;
        }
        Place(u64::MAX)
    }

    /// Notes how it ended; the first word counts.
    pub(super) fn ended(&mut self, place: Place, human: bool, now: Duration) {
        let at = place.0.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(cohort) = at.and_then(|at| self.cohorts.get_mut(at)) {
            cohort.ended.get_or_insert((now, human));
        }
    }

    /// Learns from every call that is old enough. One that still has not ended by then was answered by nobody.
    pub(super) fn ripen(&mut self, now: Duration) {
        let mut learnt = false;
        while let Some(cohort) = self.cohorts.front() {
            if now.saturating_sub(cohort.placed) < self.ripe_after {
                break;
            }
            let (after, human) = match cohort.ended {
                Some((at, human)) => (at.saturating_sub(cohort.placed), human),
                None => (self.ripe_after, false),
            };
            self.cohorts.pop_front();
            self.first += 1;
            self.finished += 1;
            learnt = true;
            let second = (after.as_secs() as usize).min(self.human.len() - 1);
            for weight in self.human.iter_mut().chain(&mut self.other) {
                *weight *= 1.0 - 1.0 / MEMORY;
            }
            if human {
                self.human[second] += 1.0;
            } else {
                self.other[second] += 1.0;
            }
        }
        if learnt {
            self.draw();
        }
    }

    fn draw(&mut self) {
        let (mut human, mut other) = (0.0, 0.0);
        for second in (0..self.likely.len()).rev() {
            human += self.human[second];
            other += self.other[second];
            let all = human + other;
            // One call's weight of nothing keeps the last seconds of the curve from being certain of themselves.
            self.likely[second] = human / (all + 0.5);
            self.from[second] = (human, all + 0.5);
        }
    }

    /// Returns the chance that a person will answer a call that has rung for so long already.
    pub(super) fn likely(&self, age: Duration) -> f64 {
        self.likely.get(age.as_secs() as usize).copied().unwrap_or(0.0)
    }

    /// Returns the chance that a person answers a call of that age within so many more seconds.
    pub(super) fn within(&self, age: Duration, seconds: f64) -> f64 {
        let at = |second: f64| -> f64 {
            let whole = second as usize;
            let here = self.from.get(whole).map_or(0.0, |from| from.0);
            let next = self.from.get(whole + 1).map_or(0.0, |from| from.0);
            here + (next - here) * (second - whole as f64)
        };
        match self.from.get(age.as_secs() as usize) {
            Some((_, all)) => {
                let age = age.as_secs_f64();
                ((at(age) - at(age + seconds)) / all).clamp(0.0, 1.0)
            }
            None => 0.0,
        }
    }

    /// Returns how many calls have taught anything.
    pub(super) fn finished(&self) -> u64 {
        self.finished
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Ten calls a second: of ten calls three are answered after 11 s, two are busy after 2 s, five are never answered.
    fn learnt(until: u64) -> Answers {
        let mut answers = Answers::new(s(25));
        let mut ends: Vec<(Duration, Place, bool)> = Vec::new();
        for second in 0..until {
            for kind in 0..10 {
                let place = answers.placed(s(second));
                ends.push(match kind {
                    0..3 => (s(second + 11), place, true),
                    3..5 => (s(second + 2), place, false),
                    _ => (s(second + 27), place, false),
                });
            }
            for (at, place, human) in ends.extract_if(.., |(at, ..)| *at <= s(second)) {
                answers.ended(place, human, at);
            }
            answers.ripen(s(second));
        }
        answers
    }

    #[test]
    fn nothing_is_believed_before_the_first_calls_are_old_enough() {
        let answers = learnt(30);
        assert_eq!(answers.finished(), 0);
        assert_eq!(answers.likely(s(0)), 0.0);
    }

    #[test]
    fn the_first_cohorts_show_the_true_share_though_the_quick_calls_ended_long_before() {
        let answers = learnt(40);
        assert!((answers.likely(s(0)) - 0.3).abs() < 0.02, "{}", answers.likely(s(0)));
        assert_eq!(answers.within(s(0), 10.0), 0.0);
        assert!((answers.within(s(0), 12.0) - 0.3).abs() < 0.02);
    }

    #[test]
    fn a_call_that_rings_beyond_the_busy_ones_is_likelier_and_beyond_the_answers_hopeless() {
        let answers = learnt(120);
        assert!((answers.likely(s(5)) - 0.375).abs() < 0.02, "{}", answers.likely(s(5)));
        assert_eq!(answers.likely(s(15)), 0.0);
        assert_eq!(answers.likely(s(1_000_000)), 0.0);
    }

    #[test]
    fn a_call_of_which_nothing_was_heard_was_answered_by_nobody() {
        let mut answers = Answers::new(s(25));
        (0..10).for_each(|_| {
            answers.placed(s(0));
        });
        answers.ripen(s(1_000));
        assert_eq!((answers.finished(), answers.likely(s(0))), (10, 0.0));
    }
}
