//! Why calls end: ITU-T Q.850 causes, SIP status codes, and the words of the CDR.
//!
//! SIP to cause: RFC 3398 §8.2.6.1; cause to SIP: RFC 3398 §7.2.4.1 and RFC 4497 §8.4;
//! the `Reason` header in responses: RFC 6432.

macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $q850:expr, $sip:literal);* $(;)?) => {
        /// A hangup cause, by its Q.850 name. The switch's own causes have no Q.850 number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Cause { $($(#[$doc])* $variant),* }

        impl Cause {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the name on the wire, for example `NORMAL_CLEARING`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Returns the Q.850 number, `None` for the switch's own causes.
            pub const fn q850(self) -> Option<u8> {
                match self { $(Self::$variant => $q850),* }
            }

            /// Returns the final SIP response that refuses a call for this cause.
            pub const fn sip_status(self) -> u16 {
                match self { $(Self::$variant => $sip),* }
            }
        }
    };
}

// A macro, so that a cause's name, number and SIP status stand in one row.
causes! {
    UnallocatedNumber = "UNALLOCATED_NUMBER", Some(1), 404;
    NoRouteTransitNet = "NO_ROUTE_TRANSIT_NET", Some(2), 404;
    NoRouteDestination = "NO_ROUTE_DESTINATION", Some(3), 404;
    ChannelUnacceptable = "CHANNEL_UNACCEPTABLE", Some(6), 500;
    NormalClearing = "NORMAL_CLEARING", Some(16), 480;
    UserBusy = "USER_BUSY", Some(17), 486;
    NoUserResponse = "NO_USER_RESPONSE", Some(18), 408;
    NoAnswer = "NO_ANSWER", Some(19), 480;
    CallRejected = "CALL_REJECTED", Some(21), 603;
    NumberChanged = "NUMBER_CHANGED", Some(22), 410;
    ExchangeRoutingError = "EXCHANGE_ROUTING_ERROR", Some(25), 483;
    DestinationOutOfOrder = "DESTINATION_OUT_OF_ORDER", Some(27), 502;
    InvalidNumberFormat = "INVALID_NUMBER_FORMAT", Some(28), 484;
    FacilityRejected = "FACILITY_REJECTED", Some(29), 501;
    NormalUnspecified = "NORMAL_UNSPECIFIED", Some(31), 480;
    NormalCircuitCongestion = "NORMAL_CIRCUIT_CONGESTION", Some(34), 503;
    NetworkOutOfOrder = "NETWORK_OUT_OF_ORDER", Some(38), 502;
    NormalTemporaryFailure = "NORMAL_TEMPORARY_FAILURE", Some(41), 503;
    SwitchCongestion = "SWITCH_CONGESTION", Some(42), 503;
    RequestedChanUnavail = "REQUESTED_CHAN_UNAVAIL", Some(44), 503;
    ResourceUnavailable = "RESOURCE_UNAVAILABLE", Some(47), 503;
    /// A rule against toll fraud forbids it.
    OutgoingCallBarred = "OUTGOING_CALL_BARRED", Some(52), 403;
    BearerCapabilityNotAuth = "BEARERCAPABILITY_NOTAUTH", Some(57), 403;
    BearerCapabilityNotAvail = "BEARERCAPABILITY_NOTAVAIL", Some(58), 488;
    IncompatibleDestination = "INCOMPATIBLE_DESTINATION", Some(88), 488;
    RecoveryOnTimerExpire = "RECOVERY_ON_TIMER_EXPIRE", Some(102), 504;
    Interworking = "INTERWORKING", Some(127), 500;
    /// The caller gave up before the answer.
    OriginatorCancel = "ORIGINATOR_CANCEL", None, 487;
    /// Another leg of the same call answered first.
    LoseRace = "LOSE_RACE", None, 487;
    /// RTP stopped for longer than `media.inactivity_seconds`.
    MediaTimeout = "MEDIA_TIMEOUT", None, 480;
}

impl Cause {
    /// Returns the cause of that name, as stored in a CDR.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cause| cause.as_str() == name)
    }

    /// Returns the cause of that Q.850 number; numbers outside our names become their class's general cause.
    pub fn from_q850(number: u8) -> Self {
        if let Some(cause) = Self::ALL.iter().copied().find(|cause| cause.q850() == Some(number)) {
            return cause;
        }
        match number {
            20 => Self::NoUserResponse,
            0..=31 => Self::NormalUnspecified,
            32..=47 => Self::ResourceUnavailable,
            48..=62 => Self::BearerCapabilityNotAuth,
            63..=79 => Self::FacilityRejected,
            80..=95 => Self::IncompatibleDestination,
            96..=111 => Self::RecoveryOnTimerExpire,
            _ => Self::Interworking,
        }
    }

    /// Returns the cause that a final SIP failure stands for (RFC 3398 §8.2.6.1).
    pub const fn from_sip(status: u16) -> Self {
        match status {
            400 | 481 | 500 | 503 => Self::NormalTemporaryFailure,
            401..=403 | 407 | 603 | 607 | 608 => Self::CallRejected,
            404 | 485 | 604 => Self::UnallocatedNumber,
            408 | 504 => Self::RecoveryOnTimerExpire,
            410 => Self::NumberChanged,
            480 => Self::NoUserResponse,
            482 | 483 => Self::ExchangeRoutingError,
            484 => Self::InvalidNumberFormat,
            486 | 600 => Self::UserBusy,
            487 => Self::OriginatorCancel,
            488 | 606 => Self::IncompatibleDestination,
            405 | 501 => Self::FacilityRejected,
            406 | 415 => Self::BearerCapabilityNotAvail,
            502 => Self::NetworkOutOfOrder,
            _ => Self::Interworking,
        }
    }

    /// Returns the better known of two failures of parallel branches: what a person did
    /// outranks what the network did (the spirit of RFC 3261 §16.7 step 6).
    pub fn better(self, other: Self) -> Self {
        let rank = |cause| match cause {
            Self::CallRejected => 0,
            Self::UserBusy => 1,
            Self::NoAnswer => 2,
            Self::NoUserResponse => 3,
            Self::UnallocatedNumber => 4,
            Self::LoseRace => 9,
            _ => 5,
        };
        if rank(other) < rank(self) { other } else { self }
    }
}

/// How a call turned out, the `result` of a CDR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallResult {
    Answered,
    NoAnswer,
    Busy,
    Failed,
    Cancelled,
    Rejected,
    Voicemail,
    Abandoned,
}

impl CallResult {
    pub const ALL: &'static [Self] = &[
        Self::Answered,
        Self::NoAnswer,
        Self::Busy,
        Self::Failed,
        Self::Cancelled,
        Self::Rejected,
        Self::Voicemail,
        Self::Abandoned,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Voicemail => "voicemail",
            Self::Abandoned => "abandoned",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|result| result.as_str() == name)
    }

    /// Returns the result of a call that ended for `cause`.
    pub const fn of(answered: bool, cause: Cause) -> Self {
        if answered {
            return Self::Answered;
        }
        match cause {
            Cause::UserBusy => Self::Busy,
            Cause::NoAnswer | Cause::NoUserResponse => Self::NoAnswer,
            Cause::CallRejected => Self::Rejected,
            Cause::OriginatorCancel => Self::Cancelled,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_found_by_its_name_and_number() {
        for cause in Cause::ALL {
            assert_eq!(Cause::parse(cause.as_str()), Some(*cause));
            if let Some(number) = cause.q850() {
                assert_eq!(Cause::from_q850(number), *cause);
            }
            assert!((400..700).contains(&cause.sip_status()), "{cause:?}");
        }
    }

    #[test]
    fn every_q850_number_and_sip_status_has_a_cause() {
        for number in 0..=255 {
            assert!(!Cause::from_q850(number).as_str().is_empty());
        }
        for status in 400..700 {
            assert!(!Cause::from_sip(status).as_str().is_empty());
        }
    }

    #[test]
    fn the_usual_sip_answers_have_the_usual_causes() {
        for (status, name) in [
            (486, "USER_BUSY"),
            (600, "USER_BUSY"),
            (603, "CALL_REJECTED"),
            (403, "CALL_REJECTED"),
            (404, "UNALLOCATED_NUMBER"),
            (480, "NO_USER_RESPONSE"),
            (484, "INVALID_NUMBER_FORMAT"),
            (487, "ORIGINATOR_CANCEL"),
            (488, "INCOMPATIBLE_DESTINATION"),
            (503, "NORMAL_TEMPORARY_FAILURE"),
            (408, "RECOVERY_ON_TIMER_EXPIRE"),
        ] {
            assert_eq!(Cause::from_sip(status).as_str(), name, "{status}");
        }
    }

    #[test]
    fn causes_of_the_switch_itself_have_no_q850_number() {
        for cause in [Cause::OriginatorCancel, Cause::LoseRace, Cause::MediaTimeout] {
            assert_eq!(cause.q850(), None);
        }
    }

    #[test]
    fn a_busy_phone_outranks_one_that_is_unreachable() {
        assert_eq!(Cause::RecoveryOnTimerExpire.better(Cause::UserBusy), Cause::UserBusy);
        assert_eq!(Cause::UserBusy.better(Cause::NetworkOutOfOrder), Cause::UserBusy);
    }
}
