//! What a caller hears when nobody has answered: turning the application he is in.

use std::{path::Path, time::Duration};

use domain::{
    app::{App, AppInput, AppOutput, MusicChoice, Next},
    call::{Input, LegNo},
    cause::{CallResult, Cause},
};
use tokio::time::{Instant, timeout_at};

use super::Driver;
use crate::driver::{
    apps::{self, Take},
    prompts,
    resolve::{Spot, resolve},
    robot,
};

/// How long the end of a call waits for the last words of a message to be on disk.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a caller enters when the machine says so.
#[expect(clippy::large_enum_variant, reason = "waits in the box of what is rare in a call")]
pub(super) enum Begins {
    App(App, Option<Spot>),
    Queue(String),
    /// The program that called him.
    Robot,
}

/// The application that the caller is in.
pub(super) struct Running {
    app: App,
    /// Held as long as the call is parked, or in a conference room.
    pub(super) spot: Option<Spot>,
    /// The last recording.
    take: Option<Take>,
    records: bool,
    /// Something is being said, and its end is waited for.
    speaks: bool,
    music: Option<MusicChoice>,
}

impl Driver {
    /// The caller is in an application now; or another leg is in place of the caller.
    pub(super) async fn on_app(&mut self, caller: LegNo) {
        if self.answer_waits {
            self.rare().app_waits = Some(caller);
            return;
        }
        let now = self.pbx.db.now();
        match self.rare().begins.take() {
            Some(Begins::App(mut app, spot)) => {
                let at = Instant::now();
                if !self.machine.has_talked() {
                    let result = match &app {
                        App::Voicemail(_) => CallResult::Voicemail,
                        _ => CallResult::Answered,
                    };
                    self.rare().reached = Some((result, now, at));
                }
                app.handle(AppInput::Started, at.into_std());
                let running = Running { app, spot, take: None, records: false, speaks: false, music: None };
                self.rare().app = Some(Box::new(running));
                self.pair = None;
                self.free_seats();
                self.journalled();
                self.run_app().await;
            }
            Some(Begins::Queue(name)) => self.enter_queue(name).await,
            Some(Begins::Robot) => self.meets_robot(caller).await,
            None => self.goes_on_hearing(caller).await,
        }
    }

    /// Another leg is in the place of the caller: it hears what he would.
    async fn goes_on_hearing(&mut self, caller: LegNo) {
        if self.moves_in_room(caller).await {
            return;
        }
        let Some(running) = self.rare().app.as_mut() else { return self.spoke_in_queue(caller).await };
        if std::mem::take(&mut running.speaks) {
            running.app.handle(AppInput::PlayFinished, Instant::now().into_std());
        } else if let Some(music) = running.music {
            self.play_music(caller, music).await;
        }
        self.run_app().await;
    }

    pub(super) async fn play_music(&mut self, to: LegNo, choice: MusicChoice) {
        let samples = prompts::music(&self.pbx, self.setup.tenant, choice).await;
        self.play(to, media::Source::Pcm { samples, repeat: media::Repeat::Forever });
    }

    /// Gives the application an input, and does what follows.
    pub(super) async fn tell_app(&mut self, input: AppInput) {
        let Some(running) = self.rare.as_mut().and_then(|rare| rare.app.as_mut()) else { return };
        running.app.handle(input, Instant::now().into_std());
        self.run_app().await;
        self.turn().await;
    }

    pub(super) async fn app_timeout(&mut self) {
        let Some(running) = self.rare.as_mut().and_then(|rare| rare.app.as_mut()) else { return };
        running.app.handle_timeout(Instant::now().into_std());
        self.run_app().await;
    }

    pub(super) fn app_deadline(&self) -> Option<Instant> {
        let running = self.rare.as_ref()?.app.as_ref()?;
        running.app.next_timeout().map(Instant::from_std)
    }

    /// Does what the application says. The machine's words are for [`Driver::turn`].
    async fn run_app(&mut self) {
        let tenant = self.setup.tenant;
        while let Some(leg) = self.machine.waiting()
            && let Some(running) = self.rare.as_mut().and_then(|rare| rare.app.as_mut())
            && let Some(output) = running.app.poll()
        {
            match output {
                AppOutput::Play(said) => {
                    running.music = None;
                    let last = running.take.as_ref().map(|take| take.path.clone());
                    let sounds = prompts::sequence(&self.pbx, tenant, &said, last.as_deref().map(Path::new)).await;
                    let silent = sounds.iter().all(|sound| sound.is_empty());
                    if !silent {
                        self.listen(leg, &[]);
                        self.play(leg, media::Source::Sequence(sounds));
                    }
                    if let Some(running) = self.running() {
                        running.speaks = !silent;
                        if silent {
                            running.app.handle(AppInput::PlayFinished, Instant::now().into_std());
                        }
                    }
                }
                AppOutput::Music(choice) => {
                    (running.music, running.speaks) = (Some(choice), false);
                    self.listen(leg, &[]);
                    self.play_music(leg, choice).await;
                }
                AppOutput::StopPlaying => {
                    (running.music, running.speaks) = (None, false);
                    self.quiet(leg);
                }
                AppOutput::Echo => {
                    running.music = None;
                    self.listen(leg, &[leg]);
                }
                AppOutput::EnterRoom => self.enter_room(leg).await,
                AppOutput::Record { what, longest, silence } => self.record_message(leg, what, longest, silence).await,
                AppOutput::StopRecording => {
                    if let Some(media) = self.media_of(leg) {
                        self.session.stop_recording_leg(media);
                    }
                }
                AppOutput::Ask(question) => {
                    let answer = apps::answer(&self.pbx, tenant, &self.setup.caller, question).await;
                    if let Some(running) = self.running() {
                        running.app.handle(answer, Instant::now().into_std());
                    }
                }
                AppOutput::Keep(fact) => {
                    let take = running.take.clone();
                    apps::keep(&self.pbx, tenant, fact, take.as_ref()).await;
                }
                AppOutput::Leave(next) => self.leave_app(next),
            }
        }
    }

    pub(super) fn running(&mut self) -> Option<&mut Running> {
        self.rare.as_mut().and_then(|rare| rare.app.as_deref_mut())
    }

    async fn record_message(&mut self, leg: LegNo, what: domain::app::Recording, longest: Duration, silence: Duration) {
        let take = apps::begin_recording(&self.pbx, self.setup.tenant, &self.setup.caller, &what).await;
        let media = self.media_of(leg);
        let file = take.as_ref().map(|take| take.file(&self.pbx));
        if let (Some(media), Some(path)) = (media, &file) {
            self.quiet(leg);
            self.session.record_leg(media, media::RecordLeg { path: path.clone(), longest, silence });
        }
        let Some(running) = self.running() else { return };
        running.records = media.is_some() && file.is_some();
        running.take = take;
        if !running.records {
            running.app.handle(AppInput::Recorded { millis: 0 }, Instant::now().into_std());
        }
    }

    /// Takes the caller where the application or the queue sends him.
    pub(super) fn leave_app(&mut self, next: Next) {
        self.rare().app = None;
        let (to, hops) = match next {
            Next::Hangup(cause) => {
                let _ = self.machine.handle(Input::Hangup { cause }, Instant::now().into_std());
                return;
            }
            Next::To(to) => (to, self.hops + 1),
            Next::Chosen(to) => (to, 0),
        };
        let tenant = self.setup.tenant;
        let found = match self.pbx.directory.account(tenant) {
            Some(account) => resolve(&self.pbx, tenant, &account, &self.setup.caller, to, hops),
            None => Err(Cause::UnallocatedNumber),
        };
        let input = match found {
            Ok(resolved) => Input::Next(self.begin(resolved)),
            Err(cause) => Input::Hangup { cause },
        };
        let _ = self.machine.handle(input, Instant::now().into_std());
    }

    /// Somebody else has the caller now, or he has hung up: what the application wants kept is kept.
    pub(super) async fn end_app(&mut self) {
        self.leave_room().await;
        let Some(mut running) = self.rare.as_mut().and_then(|rare| rare.app.take()) else { return };
        if running.records {
            self.until_recorded().await;
        }
        running.app.handle(AppInput::CallerLeft, Instant::now().into_std());
        while let Some(output) = running.app.poll() {
            if let AppOutput::Keep(fact) = output {
                apps::keep(&self.pbx, self.setup.tenant, fact, running.take.as_ref()).await;
            }
        }
    }

    /// Waits until the message that is being recorded is on disk.
    async fn until_recorded(&mut self) {
        for leg in self.legs.iter().filter_map(|leg| leg.media) {
            self.session.stop_recording_leg(leg);
        }
        let deadline = Instant::now() + LAST_WORDS;
        while let Ok(Some(event)) = timeout_at(deadline, self.media_events.recv()).await {
            if matches!(event.kind, media::EventKind::LegRecorded { .. }) {
                return;
            }
        }
    }

    pub(super) async fn on_play_finished(&mut self, no: LegNo) {
        if let Some(leg) = self.leg_mut(no) {
            leg.plays = false;
        }
        if self.announcement_is_over(no).await {
            return;
        }
        if self.machine.waiting() == Some(no) {
            match self.running().map(|running| std::mem::take(&mut running.speaks)) {
                Some(true) => self.tell_app(AppInput::PlayFinished).await,
                Some(false) => {}
                None if self.is_with_robot() => self.tell_robot(robot::Input::Finished).await,
                None => {
                    self.spoke_in_queue(no).await;
                    self.turn().await;
                }
            }
        }
    }

    pub(super) async fn on_leg_recorded(&mut self, millis: u64) {
        if let Some(running) = self.running()
            && std::mem::take(&mut running.records)
        {
            self.tell_app(AppInput::Recorded { millis }).await;
        }
    }
}
