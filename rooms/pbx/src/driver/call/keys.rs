//! Key presses: passed on to the other side, whichever way it takes them.

use bytes::Bytes;
use domain::call::LegNo;

use super::{Driver, leg::LegState};

impl Driver {
    /// Takes a key that came by INFO: the media thread has not seen it, so it is passed on here.
    pub(super) fn on_info_key(&mut self, no: LegNo, key: char) {
        if let Some(other) = self.other_side(no) {
            self.send_key(other, key);
        }
    }

    /// Presses a key towards a leg: as telephone-event, or by INFO where it takes none.
    pub(super) fn send_key(&self, to: LegNo, key: char) {
        let Some(leg) = self.leg(to).filter(|leg| leg.state != LegState::Ended) else { return };
        let events = leg.agreed.as_ref().is_some_and(|agreed| agreed.dtmf_send.is_some());
        match (leg.media, &leg.sip) {
            (Some(media), _) if events => self.session.send_dtmf(media, key.encode_utf8(&mut [0; 4])),
            (_, Some(sip)) => {
                sip.info("application/dtmf-relay", Bytes::from(format!("Signal={key}\r\nDuration=160\r\n")));
            }
            (_, None) => {}
        }
    }
}
