//! The caller in a conference room: his media is there, his signalling stays here.

use domain::{
    app::{AppInput, MusicChoice, Next},
    call::{Input, LegNo},
    cause::Cause,
};
use media::EventKind;

use super::Driver;
use crate::driver::{prompts, resolve::Spot, rooms::Chair};

impl Driver {
    /// Brings the caller's media into the room that his chair is in.
    pub(super) async fn enter_room(&mut self, caller: LegNo) {
        let music = prompts::music(&self.pbx, self.setup.tenant, MusicChoice::Account).await;
        let commands = self.pbx.live.commands(self.setup.call);
        let (Some(media), Some(commands)) = (self.media_of(caller), commands) else { return };
        self.quiet(caller);
        let Ok(detached) = self.session.detach(media).await else {
            return self.leave_app(Next::Hangup(Cause::NormalTemporaryFailure));
        };
        if let Some(leg) = self.leg_mut(caller) {
            leg.media = None;
        }
        match self.chair() {
            Some(chair) => chair.sit(detached, commands, music),
            None => self.leave_app(Next::Hangup(Cause::NormalTemporaryFailure)),
        }
    }

    fn chair(&mut self) -> Option<&mut Chair> {
        match self.running()?.spot.as_mut()? {
            Spot::Room(chair) => Some(chair),
            Spot::Parked(_) => None,
        }
    }

    /// Returns the leg whose media is in a room: the caller's.
    fn in_room(&self) -> Option<LegNo> {
        let at = self.legs.iter().rposition(|leg| leg.sip.is_some() && leg.local.is_some() && leg.media.is_none())?;
        u8::try_from(at).ok().map(LegNo)
    }

    /// Takes the caller's media back, with its figures.
    pub(super) async fn leave_room(&mut self) {
        let Some(chair) = self.chair() else { return };
        let Some(detached) = chair.rise().await else { return };
        let media = self.session.adopt(detached);
        if let Some(leg) = self.in_room().and_then(|no| self.leg_mut(no)) {
            leg.media = Some(media);
        }
    }

    /// Another leg is in the caller's place: it takes his place in the room too. Says whether there is one.
    pub(super) async fn moves_in_room(&mut self, caller: LegNo) -> bool {
        let Some(chair) = self.chair() else { return false };
        // The former caller has left; nobody hears him any more.
        let former = chair.rise().await;
        if former.is_none() {
            return false;
        }
        drop(former);
        self.enter_room(caller).await;
        true
    }

    /// Tells the media where the far end of a leg is, wherever that media is.
    pub(super) fn set_remote(&mut self, no: LegNo, remote: media::Remote) {
        if let Some(media) = self.media_of(no) {
            return self.session.set_remote(media, remote);
        }
        if let Some((session, leg)) = self.chair().and_then(|chair| chair.media()) {
            session.set_remote(leg, remote);
        }
    }

    /// What the room's media says of the caller.
    pub(super) async fn on_room(&mut self, kind: EventKind) {
        let Some(caller) = self.machine.waiting() else { return };
        match kind {
            EventKind::Dtmf { digit, .. } => self.tell_app(AppInput::Digit(digit)).await,
            EventKind::Inactive { .. } | EventKind::Insecure { .. } => {
                self.feed(Input::MediaInactive { leg: caller }).await;
            }
            EventKind::PlayFinished { .. } | EventKind::LegRecorded { .. } | EventKind::RecordingFailed { .. } => {}
        }
    }
}
