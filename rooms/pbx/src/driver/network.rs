//! What comes along with a call by a trunk: who the networks say calls, how sure they are, how often it was here.

use domain::number;
use serde::Serialize;
use sip_proto::message::NameAddr;

use crate::model::TrunkOptions;

/// How often a call may come back by a trunk and leave by one again; then it goes in circles.
const MOST_LOOPS: u8 = 10;
/// Signatures of one call that are passed on.
const MOST_SIGNATURES: usize = 4;

/// What a call by a trunk brought along for the INVITEs that follow from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Signatures of the networks before us (RFC 8224), as they were written.
    pub(crate) identity: Vec<String>,
    /// How often the call came back here before.
    pub(crate) loops: u8,
}

impl Carried {
    pub(crate) fn of(request: &sip::Request) -> Self {
        let signatures = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Identity"));
        let identity = signatures.map(|(_, value)| value.clone()).take(MOST_SIGNATURES).collect();
        Self { identity, loops: request.loops }
    }

    /// Tells whether the call goes in circles.
    pub(crate) fn is_loop(&self) -> bool {
        self.loops >= MOST_LOOPS
    }

    /// Returns the headers for a phone. A datagram has no room for signatures.
    pub(crate) fn for_phone(&self, transport: sip::Transport) -> impl Iterator<Item = (String, String)> {
        let signatures = if transport.is_reliable() { &self.identity[..] } else { &[] };
        signatures.iter().map(|value| ("Identity".to_owned(), value.clone()))
    }

    /// Returns the headers for a trunk.
    pub(crate) fn for_trunk(&self) -> impl Iterator<Item = (String, String)> {
        let signatures = self.identity.iter().map(|value| ("Identity".to_owned(), value.clone()));
        signatures.chain([(sip::LOOPS.to_owned(), self.loops.saturating_add(1).to_string())])
    }
}

/// The verdict of the network on the caller's number (STIR/SHAKEN, as ATIS-1000074 has it told).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    pub(crate) result: VerdictResult,
    /// `A` (the carrier knows the caller and the number), `B` (the caller alone) or `C` (neither).
    pub(crate) attestation: Option<char>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VerdictResult {
    Passed,
    Failed,
    NotVerified,
}

impl Verdict {
    /// Reads what a trunk says of a caller, if it is believed.
    pub(crate) fn of(request: &sip::Request, options: &TrunkOptions) -> Option<Self> {
        let text = request.verstat.as_deref().filter(|_| options.trusts_identity)?.to_ascii_lowercase();
        let results = [
            ("tn-validation-passed", VerdictResult::Passed),
            ("tn-validation-failed", VerdictResult::Failed),
            ("no-tn-validation", VerdictResult::NotVerified),
        ];
        let (rest, result) = results.into_iter().find_map(|(name, result)| Some((text.strip_prefix(name)?, result)))?;
        let attestation = match rest {
            "" => None,
            "-a" => Some('A'),
            "-b" => Some('B'),
            "-c" => Some('C'),
            _ => return None,
        };
        Some(Self { result, attestation })
    }
}

/// Returns the number that a trunk asserts to be the caller's (RFC 3325), if it is believed and the caller does not hide.
pub(crate) fn asserted(request: &sip::Request, options: &TrunkOptions) -> Option<String> {
    if !options.trusts_identity || super::outbound::privacy(request).is_some() {
        return None;
    }
    let header = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("P-Asserted-Identity");
    let (_, value) = request.headers.iter().find(header)?;
    // Two of them are a SIP and a tel URI of the same caller (RFC 3325 §9.1).
    let address = NameAddr::parse(value.split(',').next()?.trim().as_bytes()).ok()?;
    let user = String::from_utf8(address.uri().user_decoded()?.into_owned()).ok()?;
    let number = user.split(';').next()?;
    number::is_dialable(number).then(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(asserted: &str, verstat: Option<&str>) -> sip::Request {
        sip::Request {
            headers: vec![("P-Asserted-Identity".to_owned(), asserted.to_owned())],
            verstat: verstat.map(str::to_owned),
            ..sip::Request::default()
        }
    }

    const TRUSTED: fn() -> TrunkOptions = || TrunkOptions { trusts_identity: true, ..TrunkOptions::default() };

    #[test]
    fn a_verdict_is_read_from_a_trunk_that_is_believed_and_from_no_other() {
        for (verstat, expected) in [
            ("TN-Validation-Passed", Some((VerdictResult::Passed, None))),
            ("TN-Validation-Passed-A", Some((VerdictResult::Passed, Some('A')))),
            ("tn-validation-failed-c", Some((VerdictResult::Failed, Some('C')))),
            ("No-TN-Validation", Some((VerdictResult::NotVerified, None))),
            ("TN-Validation-Passed-Z", None),
            ("yes", None),
        ] {
            let request = request("<sip:+84901234567@h>", Some(verstat));
            let found = Verdict::of(&request, &TRUSTED());
            assert_eq!(found.map(|verdict| (verdict.result, verdict.attestation)), expected, "{verstat}");
            assert_eq!(Verdict::of(&request, &TrunkOptions::default()), None, "{verstat}");
        }
        assert_eq!(Verdict::of(&request("<sip:+84901234567@h>", None), &TRUSTED()), None);
    }

    #[test]
    fn an_asserted_number_counts_where_it_is_believed_and_one() {
        for (value, expected) in [
            ("<sip:+84901234567@h>", Some("+84901234567")),
            ("<sip:+84901234567;verstat=TN-Validation-Passed@h;user=phone>, <tel:+84901234567>", Some("+84901234567")),
            ("<tel:+84901234567;verstat=x>", Some("+84901234567")),
            ("\"Name\" <sip:alice@h>", None),
            ("nonsense", None),
        ] {
            assert_eq!(asserted(&request(value, None), &TRUSTED()).as_deref(), expected, "{value}");
            assert_eq!(asserted(&request(value, None), &TrunkOptions::default()), None);
        }
        let mut hidden = request("<sip:+84901234567@h>", None);
        hidden.headers.push(("Privacy".to_owned(), "id".to_owned()));
        assert_eq!(asserted(&hidden, &TRUSTED()), None);
    }

    #[test]
    fn a_call_that_came_back_ten_times_goes_in_circles() {
        let carried = |loops| Carried { loops, ..Carried::default() };
        assert_eq!((carried(9).is_loop(), carried(10).is_loop()), (false, true));
        assert_eq!(carried(3).for_trunk().last(), Some(("X-Zorio-Loops".to_owned(), "4".to_owned())));
    }
}
