//! The Replaces header (RFC 3891): a call that takes the place of another.

use std::fmt;

use super::LegKey;
use crate::{
    text::{Params, ascii, is_token},
    uri::percent_decode,
};

/// The dialog that a new call is to replace, as the one who asks for it sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replaces {
    pub call_id: String,
    /// The tag of whoever gets the INVITE: ours, where the header came to us.
    pub to_tag: String,
    pub from_tag: String,
    /// Only a dialog that was not answered yet is meant.
    pub early_only: bool,
    /// The leg of this endpoint that is meant; nothing if there is none that may be replaced (RFC 3891 §3).
    /// Whose call that is, is for the owner to look at: another account's leg is none at all.
    pub leg: Option<LegKey>,
    /// Whether that leg was answered.
    pub answered: bool,
}

impl Replaces {
    /// Reads a header value; nothing if it is malformed.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let end = value.iter().position(|byte| *byte == b';')?;
        let (call_id, params) = value.split_at_checked(end)?;
        let call_id = call_id.trim_ascii();
        if call_id.is_empty() || !call_id.is_ascii() || !Params::well_formed(params) {
            return None;
        }
        let params = Params::new(params);
        let tag = |name| params.value(name).filter(|tag| is_token(tag)).map(|tag| ascii(tag).to_owned());
        Some(Self {
            call_id: ascii(call_id).to_owned(),
            to_tag: tag("to-tag")?,
            from_tag: tag("from-tag")?,
            early_only: params.value("early-only").is_some(),
            leg: None,
            answered: false,
        })
    }

    /// Reads the headers part of a URI (`Replaces=…&…`), as in Refer-To; an error if there is one that is malformed.
    pub(crate) fn of_uri_headers(headers: &str) -> Result<Option<Self>, Malformed> {
        let mut found = headers.split('&').filter_map(|header| {
            let (name, value) = header.split_once('=')?;
            name.eq_ignore_ascii_case("replaces").then_some(value)
        });
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Self::parse(&percent_decode(value.as_bytes())).map(Some).ok_or(Malformed),
            (Some(_), Some(_)) => Err(Malformed),
        }
    }

    /// Returns the status by which an INVITE that asks for this is refused: 481 if there is no such leg, 486 if the leg
    /// was answered and only an early one is meant.
    pub fn refusal(&self) -> Option<u16> {
        match self.leg {
            None => Some(481),
            Some(_) if self.answered && self.early_only => Some(486),
            Some(_) => None,
        }
    }
}

/// A header is not what its grammar says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl fmt::Display for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};to-tag={};from-tag={}", self.call_id, self.to_tag, self.from_tag)?;
        if self.early_only {
            f.write_str(";early-only")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_from_its_text() {
        let read = Replaces::parse(b" 425928@bobster.example ; to-tag=7743;from-tag=6472 ;early-only").unwrap();
        assert_eq!((read.call_id.as_str(), read.early_only), ("425928@bobster.example", true));
        assert_eq!(Replaces::parse(read.to_string().as_bytes()), Some(read.clone()));
        let uri = "Replaces=425928%40bobster.example%3Bto-tag%3D7743%3Bfrom-tag%3D6472%3Bearly-only&Require=replaces";
        assert_eq!(Replaces::of_uri_headers(uri), Ok(Some(read)));
        assert_eq!(Replaces::of_uri_headers("Require=replaces"), Ok(None));
    }

    #[test]
    fn what_names_no_dialog_is_none() {
        for value in
            ["", "a", "a;to-tag=1", ";to-tag=1;from-tag=2", "a;to-tag=1;from-tag=2;from-tag=3", "a;to-tag=;from-tag=1"]
        {
            assert_eq!(Replaces::parse(value.as_bytes()), None, "{value}");
        }
        let twice = "Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2&Replaces=b%3Bto-tag%3D1%3Bfrom-tag%3D2";
        assert_eq!(Replaces::of_uri_headers(twice), Err(Malformed));
    }

    #[test]
    fn a_missing_leg_is_481_and_an_answered_one_that_had_to_be_early_486() {
        let mut replaces = Replaces { early_only: true, ..Replaces::default() };
        assert_eq!(replaces.refusal(), Some(481));
        replaces.leg = Some(LegKey(2));
        assert_eq!(replaces.refusal(), None);
        replaces.answered = true;
        assert_eq!(replaces.refusal(), Some(486));
        replaces.early_only = false;
        assert_eq!(replaces.refusal(), None);
    }
}
