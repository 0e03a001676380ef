//! Session timers (RFC 4028): how long a session lives without a sign of life, and who gives it.
//!
//! ```text
//! we refresh:    ──SE/2──▶ UPDATE or re-INVITE ──2xx──▶ again        nothing until SE ──▶ BYE
//! they refresh:  ──SE - min(32 s, SE/3) without a refresh──▶ BYE
//! ```

use std::time::{Duration, Instant};

use crate::{
    message::{Message, Name, RequestBuilder, ResponseBuilder},
    text::{Params, decimal},
};

/// Who sends the refreshes, seen from one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answered it.
    Uas,
}

impl Refresher {
    fn as_str(self) -> &'static str {
        match self {
            Self::Uac => "uac",
            Self::Uas => "uas",
        }
    }
}

/// The value of a Session-Expires header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionExpires {
    pub(crate) seconds: u32,
    pub(crate) refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads a value; nothing if it is malformed.
    fn parse(value: &[u8]) -> Option<Self> {
        let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
        let (seconds, params) = value.split_at_checked(end)?;
        if !Params::well_formed(params) {
            return None;
        }
        let refresher = match Params::new(params).value("refresher") {
            None => None,
            Some(who) if who.eq_ignore_ascii_case(b"uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case(b"uas") => Some(Refresher::Uas),
            Some(_) => return None,
        };
        Some(Self { seconds: decimal(seconds.trim_ascii())?, refresher })
    }

    /// Returns what a 2xx says, if it says something that can be read.
    fn of(message: &Message) -> Option<Self> {
        message.header(Name::SessionExpires).and_then(Self::parse)
    }
}

/// Returns the status by which a request is refused for what it asks of the session timer: 400 if that cannot be read,
/// 422 if it is below `min` seconds (RFC 4028 §6).
pub(crate) fn refusal(request: &Message, min: u32) -> Option<u16> {
    if request.header(Name::MinSe).is_some() && min_se(request).is_none() {
        return Some(400);
    }
    let wish = request.header(Name::SessionExpires)?;
    match SessionExpires::parse(wish) {
        None => Some(400),
        Some(wish) if wish.seconds < min => Some(422),
        Some(_) => None,
    }
}

/// Returns the Min-SE of a message, parameters left aside.
pub(crate) fn min_se(message: &Message) -> Option<u32> {
    let value = message.header(Name::MinSe)?;
    decimal(value.split(|byte| *byte == b';').next()?.trim_ascii())
}

/// What our 2xx grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) seconds: u32,
    pub(crate) refresher: Refresher,
}

/// Returns what a request that was not refused is granted (RFC 4028 §9); `ours` is what we would like to have.
pub(crate) fn grant(request: &Message, ours: Option<u32>) -> Option<Granted> {
    let wish = SessionExpires::of(request);
    if wish.is_none() && ours.is_none() {
        return None;
    }
    let capable = request.supports("timer");
    let least = min_se(request).unwrap_or_default();
    let Some(wish) = wish else {
        let ours = ours.filter(|_| capable)?;
        return Some(Granted { seconds: ours.max(least), refresher: Refresher::Uac });
    };
    let seconds = ours.map_or(wish.seconds, |ours| wish.seconds.min(ours.max(least)));
    let refresher = match wish.refresher {
        // Who does not know the timer cannot refresh, whatever a proxy wrote for it.
        _ if !capable => Refresher::Uas,
        Some(who) => who,
        None => Refresher::Uac,
    };
    Some(Granted { seconds, refresher })
}

/// Writes what a 2xx grants.
pub(crate) fn write(response: ResponseBuilder<'_>, granted: Option<Granted>) -> ResponseBuilder<'_> {
    let Some(Granted { seconds, refresher }) = granted else { return response };
    let value = format_args!("{seconds};refresher={}", refresher.as_str());
    let response = response.header(Name::SessionExpires, value);
    if refresher == Refresher::Uac { response.header(Name::Require, "timer") } else { response }
}

/// The timer of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionTimer {
    pub(crate) seconds: u32,
    /// Whether the refreshes are ours.
    pub(crate) ours: bool,
    /// The next refresh; nothing while one is on its way.
    pub(crate) refresh: Option<Instant>,
    /// The end of a session that nobody refreshed.
    pub(crate) end: Instant,
}

impl SessionTimer {
    pub(crate) fn new(seconds: u32, ours: bool, now: Instant) -> Self {
        let whole = Duration::from_secs(seconds.into());
        let margin = Duration::from_secs(u64::from(seconds / 3).min(32));
        Self {
            seconds,
            ours,
            refresh: ours.then(|| now + whole / 2),
            end: if ours { now + whole } else { now + (whole - margin) },
        }
    }

    /// Returns the timer that our 2xx starts.
    pub(crate) fn granted(granted: Option<Granted>, now: Instant) -> Option<Self> {
        granted.map(|granted| Self::new(granted.seconds, granted.refresher == Refresher::Uas, now))
    }

    /// Returns the timer that the 2xx to our request starts. A peer that asks for less than `min` does not get it.
    pub(crate) fn agreed(response: &Message, min: u32, now: Instant) -> Option<Self> {
        let agreed = SessionExpires::of(response)?;
        Some(Self::new(agreed.seconds.max(min), agreed.refresher != Some(Refresher::Uas), now))
    }

    /// Returns the earlier deadline.
    pub(crate) fn next(&self) -> Instant {
        self.refresh.map_or(self.end, |refresh| refresh.min(self.end))
    }

    /// Writes the timer into a request of ours inside of the dialog.
    pub(crate) fn write(timer: Option<&Self>, request: RequestBuilder) -> RequestBuilder {
        match timer {
            Some(timer) => {
                let who = if timer.ours { Refresher::Uac } else { Refresher::Uas };
                let value = format_args!("{};refresher={}", timer.seconds, who.as_str());
                request.header(Name::SessionExpires, value)
            }
            None => request,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &str) -> Message {
        crate::message::parse(
            format!(
                "INVITE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
                 From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{headers}\r\n"
            )
            .into(),
        )
        .unwrap()
    }

    #[test]
    fn what_is_too_brief_or_unreadable_is_refused() {
        for (value, status) in [
            ("1", Some(422)),
            ("0", Some(422)),
            ("89", Some(422)),
            ("90", None),
            ("1800;refresher=uas", None),
            ("1800 ; refresher=UAC;x", None),
            ("4294967295", None),
            ("4294967296", Some(400)),
            ("-1", Some(400)),
            ("", Some(400)),
            ("1e3", Some(400)),
            ("1800;refresher=xyz", Some(400)),
            ("1800;refresher", Some(400)),
            ("1800;refresher=uac;refresher=uas", Some(400)),
        ] {
            assert_eq!(refusal(&request(&format!("Session-Expires: {value}\r\n")), 90), status, "{value:?}");
        }
        assert_eq!(refusal(&request("Min-SE: x\r\n"), 90), Some(400));
        assert_eq!(refusal(&request(""), 90), None);
    }

    #[test]
    fn the_refresher_is_chosen_by_the_table_of_rfc_4028() {
        use Refresher::{Uac, Uas};
        for (headers, ours, granted) in [
            ("", Some(1800), None),
            ("Supported: timer\r\n", Some(1800), Some((1800, Uac))),
            ("Supported: timer\r\n", None, None),
            ("Supported: timer\r\nMin-SE: 2000\r\n", Some(1800), Some((2000, Uac))),
            ("Supported: timer\r\nSession-Expires: 120\r\n", Some(1800), Some((120, Uac))),
            ("Supported: timer\r\nSession-Expires: 120;refresher=uas\r\n", Some(1800), Some((120, Uas))),
            ("Supported: timer\r\nSession-Expires: 7200;refresher=uac\r\n", Some(1800), Some((1800, Uac))),
            ("Supported: timer\r\nSession-Expires: 7200\r\nMin-SE: 3600\r\n", Some(1800), Some((3600, Uac))),
            ("Session-Expires: 120;refresher=uac\r\n", Some(1800), Some((120, Uas))),
            ("Session-Expires: 7200\r\n", None, Some((7200, Uas))),
        ] {
            let got = grant(&request(headers), ours).map(|granted| (granted.seconds, granted.refresher));
            assert_eq!(got, granted, "{headers:?}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a starting point for virtual time")]
    fn the_waiting_side_gives_up_a_third_or_half_a_minute_early() {
        let now = Instant::now();
        let after = |timer: SessionTimer| ((timer.end - now).as_secs(), timer.refresh.map(|at| (at - now).as_secs()));
        assert_eq!(after(SessionTimer::new(1800, true, now)), (1800, Some(900)));
        assert_eq!(after(SessionTimer::new(1800, false, now)), (1768, None));
        assert_eq!(after(SessionTimer::new(90, false, now)), (60, None));
    }
}
