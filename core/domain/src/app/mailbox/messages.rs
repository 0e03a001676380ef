//! Listening to messages.

use super::{State, VoicemailMain};
use crate::app::{AppFact, AppOutput, Prompt};

impl VoicemailMain {
    /// Returns how many messages there are, as it is said.
    pub(super) fn counts(&self) -> Vec<Prompt> {
        let new = self.cards.iter().filter(|card| card.is_new).count();
        let old = self.cards.len() - new;
        let count = |number: usize| Prompt::Number(u32::try_from(number).unwrap_or(u32::MAX));
        if self.cards.is_empty() {
            return vec![Prompt::Word("no-messages")];
        }
        vec![
            Prompt::Word("you-have"),
            count(new),
            Prompt::Word("new-messages"),
            count(old),
            Prompt::Word("old-messages"),
        ]
    }

    /// Plays a message; behind the last one it is back to the choices.
    pub(super) fn message(&mut self, at: usize) {
        let Some(card) = self.cards.get(at) else { return self.main(vec![Prompt::Word("no-more-messages")]) };
        let mut said = vec![Prompt::Word("message"), Prompt::Number(u32::try_from(at + 1).unwrap_or(u32::MAX))];
        let digits: String = card.caller.chars().filter(char::is_ascii_digit).collect();
        if !digits.is_empty() {
            said.extend([Prompt::Word("from"), Prompt::Digits(digits)]);
        }
        said.extend([Prompt::Silence(300), Prompt::Message(card.id), Prompt::Word("message-menu")]);
        let heard = card.is_new.then(|| AppFact::Heard { extension: self.own(), message: card.id });
        self.state = State::Message { at };
        self.deadline = None;
        self.outputs.play(said);
        if let Some(heard) = heard {
            self.cards[at].is_new = false;
            self.outputs.say(AppOutput::Keep(heard));
        }
    }

    pub(super) fn next_message(&mut self, at: usize) {
        self.message(at + 1);
    }

    pub(super) fn message_key(&mut self, at: usize, digit: char) {
        match digit {
            '1' => self.message(at),
            '2' | '#' => self.next_message(at),
            '3' => {
                if at < self.cards.len() {
                    let card = self.cards.remove(at);
                    let extension = self.own();
                    self.outputs.say(AppOutput::Keep(AppFact::Deleted { extension, message: card.id }));
                }
                self.message(at);
            }
            '*' => self.main(Vec::new()),
            _ => self.outputs.play(vec![Prompt::Word("message-menu")]),
        }
    }
}
