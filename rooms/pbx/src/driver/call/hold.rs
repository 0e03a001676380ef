//! What a leg hears where it is not simply the other: music, silence, several.

use domain::{
    app::MusicChoice,
    call::{Hears, Input, LegNo},
};

use super::{Driver, leg::LegState};

impl Driver {
    pub(super) async fn hears(&mut self, no: LegNo, hears: &Hears) {
        match hears {
            Hears::Music => {
                self.listen(no, &[]);
                self.play_music(no, MusicChoice::Account).await;
            }
            Hears::Ringback => self.play(no, media::Source::Tone(media::Tone::Ringback)),
            Hears::Nothing => self.listen(no, &[]),
            Hears::Legs(legs) => self.listen(no, legs),
        }
        self.pair = None;
        self.arrange(no);
    }

    pub(super) fn listen(&mut self, no: LegNo, to: &[LegNo]) {
        self.quiet(no);
        let heard: Vec<media::LegNo> = to.iter().filter_map(|leg| self.media_of(*leg)).collect();
        if let Some(media) = self.media_of(no) {
            self.session.hears(media, &heard);
        }
    }

    /// A phone has put its other side on hold, or taken it back.
    pub(super) async fn held_by_phone(&mut self, no: LegNo, holds: bool) {
        if self.machine.holds(no) != holds {
            let input = if holds { Input::Hold { leg: no } } else { Input::Unhold { leg: no } };
            self.feed(input).await;
        }
    }

    /// Marks the legs that hold, as the list of live calls shows them.
    pub(super) fn mark_held(&mut self) {
        for at in 0..self.legs.len() {
            let holds = u8::try_from(at).is_ok_and(|at| self.machine.holds(LegNo(at)));
            let state = &mut self.legs[at].state;
            match (*state, holds) {
                (LegState::Answered, true) => *state = LegState::Held,
                (LegState::Held, false) => *state = LegState::Answered,
                _ => {}
            }
        }
    }
}
