//! What is counted of attempts, and how shares are written.

use ::store::Tx;
use domain::{TenantId, Timestamp};

use crate::{Result, model::AttemptResult, store};

/// The attempts of some time, each in exactly one of the five results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Attempts that are over.
    pub(crate) dialed: i64,
    /// Somebody or a machine took the call.
    pub(crate) answered: i64,
    pub(crate) no_answer: i64,
    pub(crate) busy: i64,
    /// Turned down, unknown, or not carried by the network.
    pub(crate) failed: i64,
    /// Answered, handed to a queue, and gone before an agent was free.
    pub(crate) abandoned: i64,
    /// Seconds that answered calls took.
    pub(crate) talk: i64,
    /// Calls handed to a queue, and those that an agent answered there.
    pub(crate) transferred: i64,
    pub(crate) transfer_answered: i64,
}

impl Figures {
    /// Sums up all attempts of a campaign that are over.
    pub(crate) async fn of_all(tx: &mut Tx, tenant: TenantId, campaign: i64) -> Result<Self> {
        Self::of(tx, tenant, campaign, (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX))).await
    }

    /// Sums up the attempts of a campaign that were dialled within a time and are over.
    pub(crate) async fn of(tx: &mut Tx, tenant: TenantId, campaign: i64, span: store::reports::Span) -> Result<Self> {
        let mut figures = Self::default();
        for sum in store::reports::by_result(tx, tenant, campaign, span).await? {
            figures.add(sum.result, sum.count, sum.talk);
            figures.transferred += sum.transferred;
            figures.transfer_answered += sum.transfer_answered;
        }
        Ok(figures)
    }

    /// Counts attempts of one result, `talk` seconds long together.
    pub(crate) fn add(&mut self, result: AttemptResult, count: i64, talk: i64) {
        use AttemptResult as R;
        self.dialed += count;
        match result {
            R::Answered | R::Machine => {
                self.answered += count;
                self.talk += talk;
            }
            R::NoAnswer => self.no_answer += count,
            R::Busy => self.busy += count,
            R::Abandoned => self.abandoned += count,
            R::Rejected | R::Failed | R::Unallocated | R::CalledOff | R::Lost => self.failed += count,
        }
    }

    /// Adds other attempts.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.dialed += other.dialed;
        self.answered += other.answered;
        self.no_answer += other.no_answer;
        self.busy += other.busy;
        self.failed += other.failed;
        self.abandoned += other.abandoned;
        self.talk += other.talk;
        self.transferred += other.transferred;
        self.transfer_answered += other.transfer_answered;
    }

    /// Answered of dialled, in percent with two decimals.
    pub(crate) fn answer_rate(&self) -> String {
        percent(self.answered, self.dialed)
    }

    /// Average seconds of an answered call, rounded.
    pub(crate) const fn average_talk(&self) -> i64 {
        if self.answered == 0 { 0 } else { (2 * self.talk + self.answered) / (2 * self.answered) }
    }

    /// Calls that met an agent, of those handed to a queue.
    pub(crate) fn transfer_success(&self) -> String {
        percent(self.transfer_answered, self.transferred)
    }
}

/// Writes a share in percent with two decimals, half a hundredth rounded up; `0.00` of nothing.
pub(crate) fn percent(part: i64, whole: i64) -> String {
    let hundredths = if whole == 0 { 0 } else { (20_000 * part + whole) / (2 * whole) };
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_two_decimals_and_are_rounded() {
        for (part, whole, text) in [
            (0, 0, "0.00"),
            (0, 7, "0.00"),
            (7, 7, "100.00"),
            (1, 3, "33.33"),
            (2, 3, "66.67"),
            (1, 800, "0.13"),
            (1, 20_000, "0.01"),
            (1_294, 2_000, "64.70"),
            (6_469, 10_000, "64.69"),
        ] {
            assert_eq!(percent(part, whole), text, "{part} of {whole}");
        }
    }

    #[test]
    fn each_attempt_has_one_result() {
        let mut figures = Figures::default();
        for name in dialer::attempts::Outcome::ALL {
            figures.add(AttemptResult::parse(name.as_str()).expect("every outcome is a result"), 10, 5);
        }
        let Figures { dialed, answered, no_answer, busy, failed, abandoned, .. } = figures;
        assert_eq!((dialed, answered + no_answer + busy + failed + abandoned), (100, 100));
        assert_eq!((answered, figures.talk, figures.average_talk()), (20, 10, 1));
        assert_eq!(figures.answer_rate(), "20.00");
    }
}
