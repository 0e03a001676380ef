//! The torture tests of SIP: messages of our own for all 49 sections of RFC 4475 and the IPv6 ones of RFC 5118.

mod addresses;
mod limits;
mod messages;
mod reading;
mod replay;
mod targets;

use std::net::SocketAddr;

use bytes::Bytes;
use sip_proto::message::{Capabilities, Message, Method, check, parse};

use self::messages::{application, invalid, valid};

/// What must become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Parsed and served.
    Served,
    /// Parsed, then refused by the check with this status.
    Checked(u16),
    /// Refused by the parser with this status, and answered.
    Refused(u16),
    /// Refused by the parser without an answer.
    Dropped,
}

use Fate::{Checked, Dropped, Refused, Served};

const UNDERSTOOD: Capabilities<'static> = Capabilities {
    methods: &[
        Method::Invite,
        Method::Ack,
        Method::Bye,
        Method::Cancel,
        Method::Options,
        Method::Register,
        Method::Message,
    ],
    extensions: &["timer", "replaces"],
    content_types: &["application/sdp", "text/plain"],
    tel: true,
};

fn fate(message: &[u8]) -> Fate {
    let source: SocketAddr = SocketAddr::from(([192, 0, 2, 1], 5060));
    match parse(Bytes::copy_from_slice(message)) {
        Ok(message) => match check(&message, &UNDERSTOOD) {
            Ok(()) => Served,
            Err(rejection) => Checked(rejection.status),
        },
        Err(error) => match error.answer(source, "torture") {
            Some(answer) => {
                assert_eq!(answer.message().status(), Some(error.status));
                Refused(error.status)
            }
            None => Dropped,
        },
    }
}

fn read(message: &[u8]) -> Message {
    parse(Bytes::copy_from_slice(message)).expect("the message is valid")
}

#[test]
fn a_message_for_each_of_the_49_sections_of_rfc_4475_meets_its_fate() {
    let (longreq, mpart01) = (valid::longreq(), valid::mpart01());
    let table: [(&str, &[u8], Fate); 49] = [
        ("3.1.1.1 wsinv", valid::WSINV, Served),
        ("3.1.1.2 intmeth", valid::INTMETH, Checked(501)),
        ("3.1.1.3 esc01", valid::ESC01, Served),
        ("3.1.1.4 escnull", valid::ESCNULL, Served),
        ("3.1.1.5 esc02", valid::ESC02, Checked(501)),
        ("3.1.1.6 lwsdisp", valid::LWSDISP, Served),
        ("3.1.1.7 longreq", &longreq, Served),
        ("3.1.1.8 dblreq", valid::DBLREQ, Served),
        ("3.1.1.9 semiuri", valid::SEMIURI, Served),
        ("3.1.1.10 transports", valid::TRANSPORTS, Served),
        ("3.1.1.11 mpart01", &mpart01, Served),
        ("3.1.1.12 unreason", valid::UNREASON, Served),
        ("3.1.1.13 noreason", valid::NOREASON, Served),
        ("3.1.2.1 badinv01", invalid::BADINV01, Dropped),
        ("3.1.2.2 clerr", invalid::CLERR, Refused(400)),
        ("3.1.2.3 ncl", invalid::NCL, Refused(400)),
        ("3.1.2.4 scalar02", invalid::SCALAR02, Refused(400)),
        ("3.1.2.5 scalarlg", invalid::SCALARLG, Dropped),
        ("3.1.2.6 quotbal", invalid::QUOTBAL, Refused(400)),
        ("3.1.2.7 ltgtruri", invalid::LTGTRURI, Refused(400)),
        ("3.1.2.8 lwsruri", invalid::LWSRURI, Refused(400)),
        ("3.1.2.9 lwsstart", invalid::LWSSTART, Refused(400)),
        ("3.1.2.10 trws", invalid::TRWS, Refused(400)),
        ("3.1.2.11 escruri", invalid::ESCRURI, Refused(400)),
        ("3.1.2.12 baddate", invalid::BADDATE, Refused(400)),
        ("3.1.2.13 regbadct", invalid::REGBADCT, Refused(400)),
        ("3.1.2.14 badaspec", invalid::BADASPEC, Refused(400)),
        ("3.1.2.15 baddn", invalid::BADDN, Refused(400)),
        ("3.1.2.16 badvers", invalid::BADVERS, Refused(505)),
        ("3.1.2.17 mismatch01", invalid::MISMATCH01, Refused(400)),
        ("3.1.2.18 mismatch02", invalid::MISMATCH02, Refused(400)),
        ("3.1.2.19 bigcode", invalid::BIGCODE, Dropped),
        ("3.2.1 badbranch", application::BADBRANCH, Refused(400)),
        ("3.3.1 insuf", application::INSUF, Refused(400)),
        ("3.3.2 unkscm", application::UNKSCM, Checked(416)),
        ("3.3.3 novelsc", application::NOVELSC, Checked(416)),
        ("3.3.4 unksm2", application::UNKSM2, Served),
        ("3.3.5 bext01", application::BEXT01, Checked(420)),
        ("3.3.6 invut", application::INVUT, Checked(415)),
        ("3.3.7 regaut01", application::REGAUT01, Served),
        ("3.3.8 multi01", application::MULTI01, Refused(400)),
        ("3.3.9 mcl01", application::MCL01, Refused(400)),
        ("3.3.10 bcast", application::BCAST, Served),
        ("3.3.11 zeromf", application::ZEROMF, Checked(483)),
        ("3.3.12 cparam01", application::CPARAM01, Served),
        ("3.3.13 cparam02", application::CPARAM02, Served),
        ("3.3.14 regescrt", application::REGESCRT, Served),
        ("3.3.15 sdp01", application::SDP01, Checked(406)),
        ("3.4.1 inv2543", application::INV2543, Served),
    ];
    let wrong: Vec<_> = table
        .iter()
        .map(|(name, message, expected)| (name, fate(message), expected))
        .filter(|(_, found, expected)| found != *expected)
        .collect();
    assert!(wrong.is_empty(), "name, found, expected: {wrong:#?}");
}

/// Every message with a body says how long it is, but for those that are about saying it wrongly or not at all.
#[test]
fn declared_lengths_are_right() {
    let (longreq, mpart01) = (valid::longreq(), valid::mpart01());
    let messages: [&[u8]; 13] = [
        valid::WSINV,
        valid::ESC01,
        &longreq,
        &mpart01,
        application::INVUT,
        application::BCAST,
        application::SDP01,
        messages::ipv6::IN_SDP,
        messages::ipv6::MIXED_SDP,
        messages::ipv6::MAPPED,
        valid::UNREASON,
        valid::NOREASON,
        application::ZEROMF,
    ];
    for message in messages {
        let end = message.windows(4).position(|window| window == b"\r\n\r\n").expect("an end of the head") + 4;
        let name = String::from_utf8_lossy(&message[..40]);
        assert_eq!(read(message).body().len(), message.len() - end, "{name}");
    }
}
