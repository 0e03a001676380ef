//! What becomes of a call to the simulated carrier: the last digit of the number decides.

/// What happens to a dialled number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// 0: 486 Busy Here.
    Busy,
    /// 1: 603 Decline.
    Rejected,
    /// 2: 404 Not Found.
    Unallocated,
    /// 3: rings until the caller gives up.
    NoAnswer,
    /// 4: rings for long, then answers and talks.
    AnswersSlowly,
    /// 5: an answering machine: a greeting, a beep, then silence.
    AnsweringMachine,
    /// 6: answers, talks, and hangs up after a moment.
    HangsUp,
    /// 7-9: answers and talks until the caller hangs up; 9 also presses a key.
    Answers {
        /// The key pressed a second after the answer (RFC 4733): the digit that stands before a last 9.
        presses: Option<char>,
    },
}

/// What the records of such a call must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    pub answered: bool,
    /// `result` of the CDR.
    pub result: &'static str,
    pub hangup_cause: &'static str,
    /// `hangup_cause_q850` of the CDR.
    pub q850: u8,
}

impl Outcome {
    /// Returns what the carrier does with the number. A number without a digit at its end does not exist.
    pub fn of(number: &str) -> Self {
        let mut backwards = number.chars().rev();
        match backwards.next() {
            Some('0') => Self::Busy,
            Some('1') => Self::Rejected,
            Some('3') => Self::NoAnswer,
            Some('4') => Self::AnswersSlowly,
            Some('5') => Self::AnsweringMachine,
            Some('6') => Self::HangsUp,
            Some('7' | '8') => Self::Answers { presses: None },
            Some('9') => Self::Answers { presses: backwards.next().filter(char::is_ascii_digit) },
            _ => Self::Unallocated,
        }
    }

    /// Returns what a person calls it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Rejected => "rejects the call",
            Self::Unallocated => "unallocated number",
            Self::NoAnswer => "nobody answers",
            Self::AnswersSlowly => "answers slowly",
            Self::AnsweringMachine => "answering machine",
            Self::HangsUp => "hangs up mid-call",
            Self::Answers { presses: None } => "answers and talks",
            Self::Answers { presses: Some(_) } => "answers, presses a key",
        }
    }

    /// Returns what the CDR must say of a call that the caller ends normally.
    pub const fn expected(self) -> Expected {
        let (answered, result, hangup_cause, q850) = match self {
            Self::Busy => (false, "busy", "USER_BUSY", 17),
            Self::Rejected => (false, "rejected", "CALL_REJECTED", 21),
            Self::Unallocated => (false, "failed", "UNALLOCATED_NUMBER", 1),
            Self::NoAnswer => (false, "no_answer", "NO_ANSWER", 19),
            Self::AnswersSlowly | Self::AnsweringMachine | Self::HangsUp | Self::Answers { .. } => {
                (true, "answered", "NORMAL_CLEARING", 16)
            }
        };
        Expected { answered, result, hangup_cause, q850 }
    }

    /// Returns the final SIP answer and Q.850 cause of a number that does not answer; `None` if it rings.
    pub(crate) const fn refusal(self) -> Option<(u16, u8)> {
        match self {
            Self::Busy => Some((486, 17)),
            Self::Rejected => Some((603, 21)),
            Self::Unallocated => Some((404, 1)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_digit_picks_the_outcome() {
        for (number, outcome) in [
            ("84281234560", Outcome::Busy),
            ("84281234561", Outcome::Rejected),
            ("84281234562", Outcome::Unallocated),
            ("84281234563", Outcome::NoAnswer),
            ("84281234564", Outcome::AnswersSlowly),
            ("84281234565", Outcome::AnsweringMachine),
            ("84281234566", Outcome::HangsUp),
            ("84281234567", Outcome::Answers { presses: None }),
            ("84281234568", Outcome::Answers { presses: None }),
            ("84281234539", Outcome::Answers { presses: Some('3') }),
            ("9", Outcome::Answers { presses: None }),
            ("+9", Outcome::Answers { presses: None }),
            ("reception", Outcome::Unallocated),
            ("", Outcome::Unallocated),
        ] {
            assert_eq!(Outcome::of(number), outcome, "{number}");
        }
    }

    #[test]
    fn a_refused_call_is_never_expected_to_be_answered() {
        for digit in 0..10 {
            let outcome = Outcome::of(&format!("8428{digit}"));
            assert_eq!(outcome.refusal().is_some() || outcome == Outcome::NoAnswer, !outcome.expected().answered);
        }
    }
}
