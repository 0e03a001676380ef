//! Key presses: for the application, or passed on to the other side, whichever way it takes them.

use bytes::Bytes;
use domain::{app::AppInput, call::LegNo};

use super::{Driver, leg::LegState};
use crate::model::TrunkDtmf;

impl Driver {
    /// Takes a key that was heard in the media, which has passed on events to whoever takes them, and tones to whoever
    /// hears them.
    pub(super) async fn on_key(&mut self, no: LegNo, key: char) {
        if self.machine.waiting() == Some(no) {
            return self.key_in_app(key).await;
        }
        if let Some(other) = self.other_side(no) {
            let passed_on = if self.has_tones(no) { self.has_tones(other) } else { self.takes_events(other) };
            if !passed_on {
                self.send_key(other, key);
            }
        }
    }

    /// Takes a key that came by INFO: the media thread has not seen it, so it is passed on here.
    pub(super) async fn on_info_key(&mut self, no: LegNo, key: char) {
        if self.machine.waiting() == Some(no) {
            return self.key_in_app(key).await;
        }
        if let Some(other) = self.other_side(no) {
            self.send_key(other, key);
        }
    }

    async fn key_in_app(&mut self, key: char) {
        if self.rare.as_ref().is_some_and(|rare| rare.app.is_some()) {
            self.tell_app(AppInput::Digit(key)).await;
        } else {
            self.key_in_queue(key);
        }
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
            (Some(media), _) if events => self.session.send_dtmf(media, key.encode_utf8(&mut [0; 4])),
            (_, Some(sip)) => {
                sip.info("application/dtmf-relay", Bytes::from(format!("Signal={key}\r\nDuration=160\r\n")));
            }
            (_, None) => {}
        }
    }
}
