//! Key presses: for the application, for us, or passed on to the other side, whichever way it takes them.

use bytes::Bytes;
use domain::{
    app::AppInput,
    call::{Feature, Input, KeyOutput, Keypad, LegNo},
};
use tokio::time::Instant;

use super::{Driver, leg::LegState};
use crate::{
    driver::{
        live::{Conflict, TransferMode},
        robot,
    },
    model::TrunkDtmf,
};

/// What whoever pressed keys hears of it: hertz and milliseconds.
const DONE: (f64, usize) = (1_000.0, 120);
const REFUSED: (f64, usize) = (400.0, 500);

impl Driver {
    /// Takes a key that was heard in the media, which has passed on events to whoever takes them, and tones to whoever
    /// hears them.
    pub(super) async fn on_key(&mut self, no: LegNo, key: char) {
        if self.machine.waiting() == Some(no) {
            return self.key_in_app(key).await;
        }
        if self.leg(no).is_some_and(|leg| leg.keeps_keys) {
            return self.on_kept_key(no, key).await;
        }
        for hearer in self.machine.hearers_of(no) {
            let passed_on = if self.has_tones(no) { self.has_tones(hearer) } else { self.takes_events(hearer) };
            if passed_on {
                self.tell_key(hearer, key);
            } else {
                self.send_key(hearer, key);
            }
        }
    }

    /// Takes a key that came by INFO: the media thread has not seen it, so it is passed on here.
    pub(super) async fn on_info_key(&mut self, no: LegNo, key: char) {
        if self.machine.waiting() == Some(no) {
            return self.key_in_app(key).await;
        }
        if self.leg(no).is_some_and(|leg| leg.keeps_keys) {
            return self.on_kept_key(no, key).await;
        }
        self.pass_key(no, key);
    }

    fn pass_key(&self, no: LegNo, key: char) {
        for hearer in self.machine.hearers_of(no) {
            self.send_key(hearer, key);
        }
    }

    async fn key_in_app(&mut self, key: char) {
        if self.rare.as_ref().is_some_and(|rare| rare.app.is_some()) {
            self.tell_app(AppInput::Digit(key)).await;
        } else if self.is_with_robot() {
            self.tell_robot(robot::Input::Key(key)).await;
        } else {
            self.key_in_queue(key);
        }
    }

    /// Puts a leg that talks where it belongs: in the recording, and its keys to us where its extension may have things
    /// done by them.
    pub(super) fn arrange(&mut self, no: LegNo) {
        self.place_in_recording(no);
        let Some(leg) = self.leg(no).filter(|leg| !leg.keeps_keys) else { return };
        let (Some(extension), Some(media)) = (&leg.extension, leg.media) else { return };
        let Some(account) = self.pbx.directory.account(self.setup.tenant) else { return };
        if account.dialling.codes.in_call.is_on_for(extension) {
            self.session.keep_keys(media, true);
            if let Some(leg) = self.leg_mut(no) {
                leg.keeps_keys = true;
            }
        }
    }

    /// Takes a key of a leg whose keys nobody hears but us.
    async fn on_kept_key(&mut self, no: LegNo, key: char) {
        let Some(account) = self.pbx.directory.account(self.setup.tenant) else { return };
        let codes = &account.dialling.codes.in_call;
        let pads = &mut self.rare().keypads;
        let at = pads.iter().position(|(known, _)| *known == no).unwrap_or_else(|| {
            pads.push((no, Keypad::default()));
            pads.len() - 1
        });
        pads[at].1.press(key, codes, Instant::now().into_std());
        self.turn_keypads().await;
    }

    pub(super) fn keys_deadline(&self) -> Option<Instant> {
        let pads = &self.rare.as_ref()?.keypads;
        pads.iter().filter_map(|(_, pad)| pad.next_timeout()).min().map(Instant::from_std)
    }

    pub(super) async fn keys_timeout(&mut self) {
        let now = Instant::now().into_std();
        for (_, pad) in &mut self.rare().keypads {
            pad.handle_timeout(now);
        }
        self.turn_keypads().await;
    }

    /// Does what the keypads say.
    async fn turn_keypads(&mut self) {
        loop {
            let next = |pads: &mut Vec<(LegNo, Keypad)>| pads.iter_mut().find_map(|(no, pad)| Some((*no, pad.poll()?)));
            let Some((no, output)) = next(&mut self.rare().keypads) else { return };
            match output {
                KeyOutput::Pass(key) => self.pass_key(no, key),
                KeyOutput::Does(feature) => {
                    let done = Box::pin(self.feature(no, feature)).await;
                    self.confirm(no, done.is_ok());
                }
                KeyOutput::Number(feature, number) => {
                    let done = Box::pin(self.feature_to(no, feature, &number)).await;
                    if done.is_err() {
                        self.confirm(no, false);
                    }
                }
                KeyOutput::GaveUp(_) => {
                    let _ = self.try_feed(Input::Unhold { leg: no }).await;
                    self.confirm(no, false);
                }
            }
        }
    }

    /// Does what a code stands for, or asks for the number that it needs.
    async fn feature(&mut self, no: LegNo, feature: Feature) -> Result<(), Conflict> {
        let asks = self.machine.consults() == Some(no);
        match (feature, asks) {
            (Feature::Record, _) => self.record_by_key(no).await,
            // Whoever was asked leaves, and the first two talk again.
            (Feature::Attended, true) => self.cancel_transfer().await,
            (Feature::Blind, true) => self.try_feed(Input::Complete).await,
            (Feature::ThreeWay, true) => self.try_feed(Input::Merge).await,
            (Feature::Attended | Feature::Blind | Feature::ThreeWay, false) => {
                // The other side need not hear the number.
                if !self.machine.holds(no) {
                    self.try_feed(Input::Hold { leg: no }).await?;
                }
                let now = Instant::now().into_std();
                if let Some((_, pad)) = self.rare().keypads.iter_mut().find(|(known, _)| *known == no) {
                    pad.collect(feature, now);
                }
                Ok(())
            }
        }
    }

    async fn feature_to(&mut self, no: LegNo, feature: Feature, number: &str) -> Result<(), Conflict> {
        // One step: the two do not talk in between.
        let _ = self.machine.handle(Input::Unhold { leg: no }, Instant::now().into_std());
        let mode = if feature == Feature::Blind { TransferMode::Blind } else { TransferMode::Attended };
        self.rare().joins_all = feature == Feature::ThreeWay;
        let begun = self.begin_transfer(no, number, mode).await;
        if begun.is_err() {
            self.rare().joins_all = false;
            self.turn().await;
        }
        begun
    }

    async fn record_by_key(&mut self, no: LegNo) -> Result<(), Conflict> {
        if self.other_side(no).is_none() {
            return Err(Conflict::WrongState);
        }
        if self.recording.is_some() {
            return self.pause_recording(!self.recording_paused);
        }
        self.record = true;
        self.start_recording().await;
        self.show_live();
        self.journalled();
        if self.recording.is_some() { Ok(()) } else { Err(Conflict::NotRecorded) }
    }

    /// Lets whoever pressed keys hear what became of it; the others hear nothing of that.
    fn confirm(&mut self, no: LegNo, done: bool) {
        // What plays to him goes on: he is asking somebody, or waits.
        if self.leg(no).is_none_or(|leg| leg.plays || leg.state == LegState::Ended) {
            return;
        }
        let (hertz, millis) = if done { DONE } else { REFUSED };
        let samples = audio::tone::sine(hertz, 6_000.0, millis * 8).into();
        self.play(no, media::Source::Pcm { samples, repeat: media::Repeat::Once });
    }

    /// Forgets numbers that somebody began to dial whose call is another one now.
    pub(super) fn forget_keys(&mut self) {
        let Self { rare: Some(rare), machine, .. } = self else { return };
        if rare.keypads.is_empty() {
            return;
        }
        let talks = |no: LegNo| machine.parties().is_some_and(|(one, other)| [one, other].contains(&no));
        rare.keypads.iter_mut().filter(|(no, _)| !talks(*no)).for_each(|(_, pad)| pad.forget());
    }

    /// Says whether who is consulted joins the talk at once.
    pub(super) fn joins_all(&mut self) -> bool {
        self.rare.as_mut().is_some_and(|rare| std::mem::take(&mut rare.joins_all))
    }

    fn takes_events(&self, leg: LegNo) -> bool {
        self.leg(leg).and_then(|leg| leg.agreed.as_ref()).is_some_and(|agreed| agreed.dtmf_send.is_some())
    }

    /// Tells whether the keys of a leg are tones in its sound: what is passed on has them already.
    fn has_tones(&self, leg: LegNo) -> bool {
        self.leg(leg).is_some_and(|leg| leg.keys == TrunkDtmf::Inband)
    }

    /// Presses a key towards a leg, as it wants keys: as telephone-event, or by INFO where it takes none, or as tones.
    pub(super) fn send_key(&self, to: LegNo, key: char) {
        let events = self.takes_events(to) || self.has_tones(to);
        let Some(leg) = self.leg(to).filter(|leg| leg.state != LegState::Ended) else { return };
        match (leg.media, &leg.sip) {
            (Some(media), _) if events => {
                self.session.send_dtmf(media, key.encode_utf8(&mut [0; 4]));
                self.tell_key(to, key);
            }
            (_, Some(sip)) => inform(sip, key),
            (_, None) => {}
        }
    }

    /// Tells a browser of a key that is in its media.
    fn tell_key(&self, to: LegNo, key: char) {
        let told = self.leg(to).filter(|leg| leg.is_browser && leg.state != LegState::Ended);
        if let Some(sip) = told.and_then(|leg| leg.sip.as_ref()) {
            inform(sip, key);
        }
    }
}

fn inform(sip: &sip::Leg, key: char) {
    sip.info("application/dtmf-relay", Bytes::from(format!("Signal={key}\r\nDuration=160\r\n")));
}
