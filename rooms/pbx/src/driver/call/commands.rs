//! What the outside asks of a call: the API, the console, another call.

use domain::call::Input;
use tokio::time::Instant;

use super::Driver;
use crate::driver::live::{Command, Conflict, Who};

impl Driver {
    pub(super) async fn obey(&mut self, command: Command) {
        let (done, reply) = match command {
            Command::Hangup(cause) => return self.feed(Input::Hangup { cause }).await,
            Command::Transfer(wish) => return self.transfer(*wish).await,
            Command::Supervise(wish) => return self.on_supervise(*wish).await,
            Command::Queue(order) => return self.on_order(order).await,
            Command::Robot(input) => return self.tell_robot(input).await,
            Command::InRoom(kind) => return self.on_room(kind).await,
            Command::TakeLeg(wish) => return self.give_away(*wish).await,
            Command::Join(joining) => return self.join(*joining).await,
            Command::Hold { by, reply } => (self.hold(&by, true).await, reply),
            Command::Unhold { by, reply } => (self.hold(&by, false).await, reply),
            Command::Dtmf { digits, to, reply } => (self.press(&digits, &to), reply),
            Command::PauseRecording { reply } => (self.pause_recording(true), reply),
            Command::ResumeRecording { reply } => (self.pause_recording(false), reply),
            Command::CompleteTransfer { reply } => (self.try_feed(Input::Complete).await, reply),
            Command::CancelTransfer { reply } => (self.cancel_transfer().await, reply),
        };
        // Whoever asked may have stopped waiting.
        let _ = reply.send(done);
    }

    /// Gives the machine an input that it may refuse.
    pub(super) async fn try_feed(&mut self, input: Input) -> Result<(), Conflict> {
        let taken = self.machine.handle(input, Instant::now().into_std());
        self.turn().await;
        taken.map_err(|_| Conflict::WrongState)
    }

    async fn hold(&mut self, by: &Who, holds: bool) -> Result<(), Conflict> {
        let leg = self.party(by).ok_or(Conflict::NoSuchParty)?;
        self.try_feed(if holds { Input::Hold { leg } } else { Input::Unhold { leg } }).await
    }

    /// Presses keys towards a party: the other side of the agent's, unless a leg is named.
    fn press(&mut self, digits: &str, to: &Who) -> Result<(), Conflict> {
        let named = self.party(to).ok_or(Conflict::NoSuchParty)?;
        let to = match to {
            Who::Agent => self.other_side(named).ok_or(Conflict::WrongState)?,
            Who::Leg(_) => named,
        };
        for digit in digits.chars() {
            self.send_key(to, digit);
        }
        Ok(())
    }

    pub(super) fn pause_recording(&mut self, paused: bool) -> Result<(), Conflict> {
        if self.recording.is_none() || self.recording_paused == paused {
            return Err(Conflict::NotRecorded);
        }
        self.recording_paused = paused;
        if paused {
            self.session.pause_recording();
        } else {
            self.session.resume_recording();
        }
        self.show_live();
        Ok(())
    }
}
