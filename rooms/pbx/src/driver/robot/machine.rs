//! What a program may do with its call, and what it is told: no SIP, no sound, no clock.
//!
//! ```text
//!  Calling ──Up──▶ Speaking ──Transfer──▶ Queued ──Agent──▶ Talking
//!     │  HangUp       │  HangUp             (the program has no more to say)
//!     └───────────────┴──▶ Over
//! ```

use std::{collections::VecDeque, path::PathBuf};

use domain::{Timestamp, cause::Cause};

use crate::robot::{RobotEvent, RobotOrder};

/// What happens to the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Rings,
    /// The callee answered and can hear.
    Up(Timestamp),
    Order(RobotOrder),
    /// The program is gone.
    Gone,
    Key(char),
    /// All of what was said last was sent.
    Finished,
    /// What was to be said last cannot be.
    Unplayable,
    /// Somebody talks with the callee.
    Agent {
        extension: Option<String>,
        at: Timestamp,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Say these files in place of whatever is said; answered by `Finished` or `Unplayable`.
    Play(Vec<PathBuf>),
    Stop,
    Enter(String),
    HangUp(Cause),
    Tell(RobotEvent),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Calling {
        rings: bool,
    },
    /// The number of what is said, if something is.
    Speaking(Option<u32>),
    Queued(String),
    Talking,
    Over,
}

/// One program and its call.
#[derive(Debug)]
pub(crate) struct Machine {
    state: State,
    outputs: VecDeque<Output>,
}

impl Default for Machine {
    fn default() -> Self {
        Self { state: State::Calling { rings: false }, outputs: VecDeque::new() }
    }
}

impl Machine {
    /// Takes what happened; what does not fit changes nothing.
    pub(crate) fn handle(&mut self, input: Input) {
        match (input, &mut self.state) {
            (Input::Rings, State::Calling { rings: rings @ false }) => {
                *rings = true;
                self.tell(RobotEvent::Ringing);
            }
            (Input::Up(at), State::Calling { .. }) => {
                self.state = State::Speaking(None);
                self.tell(RobotEvent::Answered { at });
            }
            (Input::Order(RobotOrder::HangUp) | Input::Gone, State::Calling { .. }) => {
                self.hang_up(Cause::OriginatorCancel);
            }
            (Input::Order(RobotOrder::HangUp) | Input::Gone, State::Speaking(_))
            | (Input::Order(RobotOrder::HangUp), State::Queued(_) | State::Talking) => {
                self.hang_up(Cause::NormalClearing);
            }
            (Input::Order(RobotOrder::Play { id, files }), State::Speaking(said)) => {
                *said = Some(id);
                self.outputs.push_back(Output::Play(files));
            }
            (Input::Order(RobotOrder::Stop), State::Speaking(said @ Some(_))) => {
                *said = None;
                self.outputs.push_back(Output::Stop);
            }
            (Input::Order(RobotOrder::Transfer { queue }), State::Speaking(_)) => {
                self.state = State::Queued(queue.clone());
                self.tell(RobotEvent::Queued { queue: queue.clone() });
                self.outputs.push_back(Output::Enter(queue));
            }
            (Input::Key(key), State::Speaking(_)) => self.tell(RobotEvent::Key(key)),
            (Input::Finished, State::Speaking(said)) => {
                if let Some(id) = said.take() {
                    self.tell(RobotEvent::Played { id });
                }
            }
            (Input::Unplayable, State::Speaking(said)) => {
                if let Some(id) = said.take() {
                    self.tell(RobotEvent::Unplayable { id });
                }
            }
            (Input::Agent { extension, at }, State::Queued(queue)) => {
                let queue = std::mem::take(queue);
                self.state = State::Talking;
                self.tell(RobotEvent::Connected { queue, extension, at });
            }
            _ => {}
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Says whether the program has the callee.
    pub(crate) const fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking(_))
    }

    fn tell(&mut self, event: RobotEvent) {
        self.outputs.push_back(Output::Tell(event));
    }

    fn hang_up(&mut self, cause: Cause) {
        self.state = State::Over;
        self.outputs.push_back(Output::HangUp(cause));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(7);

    fn play(id: u32) -> Input {
        Input::Order(RobotOrder::Play { id, files: vec![PathBuf::from("a.wav")] })
    }

    fn sound() -> Output {
        Output::Play(vec![PathBuf::from("a.wav")])
    }

    fn feed(machine: &mut Machine, inputs: impl IntoIterator<Item = Input>) -> Vec<Output> {
        inputs.into_iter().for_each(|input| machine.handle(input));
        std::iter::from_fn(|| machine.poll()).collect()
    }

    fn up() -> Machine {
        let mut machine = Machine::default();
        feed(&mut machine, [Input::Rings, Input::Up(AT)]);
        machine
    }

    fn transfer() -> Input {
        Input::Order(RobotOrder::Transfer { queue: "sales".to_owned() })
    }

    #[test]
    fn ringing_is_told_once_however_many_trunks_are_tried() {
        let mut machine = Machine::default();
        let told = feed(&mut machine, [Input::Rings, Input::Rings, Input::Up(AT)]);
        assert_eq!(told, [Output::Tell(RobotEvent::Ringing), Output::Tell(RobotEvent::Answered { at: AT })]);
    }

    #[test]
    fn nothing_is_said_before_the_answer_and_nothing_after_the_end() {
        let mut machine = Machine::default();
        assert_eq!(feed(&mut machine, [play(1), Input::Key('1'), transfer(), Input::Finished]), []);
        let mut machine = up();
        assert_eq!(feed(&mut machine, [Input::Order(RobotOrder::HangUp)]), [Output::HangUp(Cause::NormalClearing)]);
        let more = [play(2), Input::Key('1'), transfer(), Input::Order(RobotOrder::HangUp), Input::Gone];
        assert_eq!(feed(&mut machine, more), []);
    }

    #[test]
    fn what_is_said_ends_once_and_by_its_own_number() {
        let mut machine = up();
        assert_eq!(feed(&mut machine, [play(1), play(2)]), [sound(), sound()]);
        let told = feed(&mut machine, [Input::Finished, Input::Finished]);
        assert_eq!(told, [Output::Tell(RobotEvent::Played { id: 2 })]);
        feed(&mut machine, [play(3)]);
        assert_eq!(feed(&mut machine, [Input::Unplayable]), [Output::Tell(RobotEvent::Unplayable { id: 3 })]);
    }

    #[test]
    fn what_is_stopped_has_no_end() {
        let mut machine = up();
        feed(&mut machine, [play(1)]);
        let stop = || Input::Order(RobotOrder::Stop);
        assert_eq!(
            feed(&mut machine, [Input::Key('5'), stop(), stop(), Input::Finished]),
            [Output::Tell(RobotEvent::Key('5')), Output::Stop]
        );
    }

    #[test]
    fn whom_a_queue_has_the_program_hears_no_more_of_but_who_talks_with_him() {
        let mut machine = up();
        let queued = RobotEvent::Queued { queue: "sales".to_owned() };
        assert_eq!(feed(&mut machine, [transfer()]), [Output::Tell(queued), Output::Enter("sales".to_owned())]);
        assert_eq!(feed(&mut machine, [play(1), Input::Key('1'), Input::Finished, Input::Gone]), []);
        let agent = Input::Agent { extension: Some("1001".to_owned()), at: AT };
        let connected = RobotEvent::Connected { queue: "sales".to_owned(), extension: Some("1001".to_owned()), at: AT };
        assert_eq!(feed(&mut machine, [agent.clone(), agent]), [Output::Tell(connected)]);
        assert_eq!(feed(&mut machine, [Input::Gone]), [], "the two go on talking");
        assert_eq!(feed(&mut machine, [Input::Order(RobotOrder::HangUp)]), [Output::HangUp(Cause::NormalClearing)]);
    }

    #[test]
    fn a_program_that_is_gone_hangs_up_whom_it_has() {
        assert_eq!(feed(&mut Machine::default(), [Input::Gone]), [Output::HangUp(Cause::OriginatorCancel)]);
        assert_eq!(feed(&mut up(), [Input::Gone]), [Output::HangUp(Cause::NormalClearing)]);
    }
}
