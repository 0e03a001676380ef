//! A callee with the program that called him: what is said, the keys, and the way into a queue.

use domain::{
    app::Next,
    call::{Input, LegNo},
    cause::CallResult,
    routing::Destination,
};
use tokio::time::Instant;

use super::Driver;
use crate::driver::{
    prompts,
    robot::{self, Output},
};

impl Driver {
    /// The callee has answered: the program has him now.
    pub(super) async fn meets_robot(&mut self, callee: LegNo) {
        let now = self.pbx.db.now();
        self.rare().reached = Some((CallResult::Answered, now, Instant::now()));
        if let Some(trunk) = self.leg(callee).and_then(|leg| leg.trunk.clone()) {
            self.runs_by(trunk);
        }
        self.pair = None;
        self.free_seats();
        self.journalled();
        let records = self.setup.robot.as_ref().is_some_and(|robot| robot.records);
        if records && self.recording.is_none() {
            self.record = true;
            self.start_recording().await;
        }
        if let Some(robot) = &mut self.setup.robot {
            robot.hear(robot::Input::Up(now));
        }
    }

    /// Says whether a program has the one who waits.
    pub(super) fn is_with_robot(&self) -> bool {
        self.setup.robot.as_ref().is_some_and(|robot| robot.is_speaking())
    }

    /// Gives the program's machine an input, and does what follows.
    pub(super) async fn tell_robot(&mut self, input: robot::Input) {
        let Some(robot) = &mut self.setup.robot else { return };
        robot.hear(input);
        while let Some(output) = self.setup.robot.as_mut().and_then(|robot| robot.poll()) {
            match output {
                Output::Play(files) => self.say_files(&files).await,
                Output::Stop => {
                    if let Some(callee) = self.machine.waiting() {
                        self.quiet(callee);
                    }
                }
                Output::Enter(queue) => self.leave_app(Next::Chosen(Destination::Queue(queue))),
                Output::HangUp(cause) => {
                    let _ = self.machine.handle(Input::Hangup { cause }, Instant::now().into_std());
                }
                Output::Tell(_) => {}
            }
        }
        self.turn().await;
    }

    async fn say_files(&mut self, files: &[std::path::PathBuf]) {
        let Some(callee) = self.machine.waiting() else { return };
        let heard = match prompts::files(files).await {
            Some(sounds) if sounds.iter().all(|sound| sound.is_empty()) => Err(robot::Input::Finished),
            Some(sounds) => Ok(sounds),
            None => Err(robot::Input::Unplayable),
        };
        self.listen(callee, &[]);
        match (heard, &mut self.setup.robot) {
            (Ok(sounds), _) => self.play(callee, media::Source::Sequence(sounds)),
            (Err(input), Some(robot)) => robot.hear(input),
            (Err(_), None) => {}
        }
    }
}
