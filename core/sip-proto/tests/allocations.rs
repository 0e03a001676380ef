//! An outgoing message takes one allocation: the message itself.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use allocation_counter::measure;
use bytes::Bytes;
use sip_proto::{
    digest::{Algorithm, Challenge},
    endpoint::{Command, Config, Destination, Endpoint, Event, Flow, Input, Output, Transport},
    message::{Message, Method, Name, RequestBuilder, ResponseBuilder, Wire, parse},
    session::{Invite, LegCommand, LegEvent, LegEventKind, LegKey, Reason, TrustedSource},
};

const SDP: &[u8] =
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 9], 5060))
}

fn flow() -> Flow {
    Flow { transport: Transport::Udp, id: 0, peer: peer() }
}

fn invite(call: usize) -> Bytes {
    let sdp = String::from_utf8_lossy(SDP);
    Bytes::from(format!(
        "INVITE sip:200@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{call};rport\r\n\
         Max-Forwards: 70\r\nRecord-Route: <sip:192.0.2.9;lr>\r\nFrom: <sip:100@192.0.2.9>;tag=f{call}\r\n\
         To: <sip:200@192.0.2.1>\r\nCall-ID: c{call}\r\nCSeq: 1 INVITE\r\nContact: <sip:100@192.0.2.9>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    ))
}

/// Returns the allocations of `work` and what it made.
fn allocations<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let mut made = None;
    let counted = measure(|| made = Some(work()));
    (counted.count_total, made.unwrap())
}

fn request() -> Wire {
    RequestBuilder::new(&Method::Invite, "sip:200@192.0.2.9:5060;transport=udp")
        .via("UDP", "192.0.2.1:5060", "z9hG4bK1")
        .header(Name::MaxForwards, 70)
        .header(Name::From, format_args!("<sip:100@{}>;tag=1", "192.0.2.1"))
        .header_bytes(Name::To, b"<sip:200@192.0.2.9>")
        .header(Name::CallId, "one")
        .header(Name::CSeq, format_args!("{} INVITE", 1))
        .custom("X-Call-UUID", "00000000-0000-0000-0000-000000000000")
        .body("application/sdp", SDP)
        .wire()
}

fn response(request: &Message) -> Wire {
    ResponseBuilder::for_request(request, 200, "")
        .source(peer())
        .to_tag("2")
        .record_routes()
        .header(Name::Contact, "<sip:192.0.2.1:5060>")
        .body("application/sdp", SDP)
        .wire()
}

#[test]
fn a_built_message_is_one_allocation_and_its_copies_are_none() {
    let received = parse(invite(0)).unwrap();
    // The first one of a thread buys the paper.
    let expected = (request(), response(&received));
    let (count, wire) = allocations(request);
    assert_eq!((count, &wire), (1, &expected.0));
    let (count, wire) = allocations(|| response(&received));
    assert_eq!((count, &wire), (1, &expected.1));
    assert_eq!(allocations(|| wire.clone()), (0, wire.clone()));
}

#[test]
fn a_refusal_of_garbage_is_one_allocation() {
    let garbage =
        Bytes::from_static(b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\n\r\n");
    let error = parse(garbage).unwrap_err();
    let expected = error.answer(peer(), "t");
    assert_eq!(allocations(|| error.answer(peer(), "t")), (1, expected));
}

/// An endpoint with one leg at a time; its clock stands still.
struct Phone {
    endpoint: Endpoint,
    now: Instant,
}

impl Phone {
    #[expect(clippy::disallowed_methods, reason = "a starting point for virtual time")]
    fn new() -> Self {
        let now = Instant::now();
        let mut phone = Self { endpoint: Endpoint::new(Config::new("192.0.2.1:5060", [7; 32]), now), now };
        phone.does(Input::Command(Command::Trust(vec![TrustedSource::from(peer())])));
        phone
    }

    /// Returns what was sent, what was said, and the allocations behind it.
    fn does(&mut self, input: Input) -> (Vec<Wire>, Vec<Event>, u64) {
        let (mut sent, mut events) = (Vec::with_capacity(8), Vec::with_capacity(8));
        let counted = measure(|| {
            self.endpoint.handle(input, self.now);
            while let Some(output) = self.endpoint.poll() {
                match output {
                    Output::Send { bytes, .. } => sent.push(bytes),
                    Output::Event(event) => events.push(event),
                }
            }
        });
        (sent, events, counted.count_total)
    }

    fn receive(&mut self, bytes: impl Into<Bytes>) -> (Vec<Wire>, Vec<Event>, u64) {
        self.does(Input::Received { flow: flow(), bytes: bytes.into() })
    }

    /// Tells the leg something that sends one message, and returns its allocations.
    fn tell(&mut self, leg: LegKey, command: LegCommand) -> (Message, u64) {
        let (sent, _, count) = self.does(Input::Command(Command::Leg { leg, command }));
        let [wire] = sent.as_slice() else { panic!("{} messages", sent.len()) };
        (wire.message(), count)
    }

    fn called(&mut self, call: usize) -> LegKey {
        let (_, events, _) = self.receive(invite(call));
        match events.as_slice() {
            [Event::Incoming(incoming)] => incoming.leg,
            other => panic!("{other:?}"),
        }
    }
}

/// Leads one call from its INVITE to our BYE and returns what each step sent, with its allocations.
fn whole_call(phone: &mut Phone, call: usize) -> Vec<(String, u64)> {
    let leg = phone.called(call);
    let sdp = Bytes::from_static(SDP);
    let (ringing, for_ringing) = phone.tell(leg, LegCommand::Ring { status: 180, sdp: None });
    let (ok, for_ok) = phone.tell(leg, LegCommand::Answer { sdp: sdp.clone() });
    phone.now += Duration::from_millis(500);
    let counted = measure(|| phone.endpoint.handle_timeout(phone.now));
    assert!(matches!(phone.endpoint.poll(), Some(Output::Send { bytes, .. }) if *bytes == **ok.bytes()));
    let again = ("the 200 again".to_owned(), counted.count_total);
    let tag = ok.to_tag().unwrap();
    phone.receive(format!(
        "ACK sip:192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKack\r\nMax-Forwards: 70\r\n\
         From: <sip:100@192.0.2.9>;tag=f{call}\r\nTo: <sip:200@192.0.2.1>;tag={tag}\r\nCall-ID: c{call}\r\n\
         CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
    ));
    let info = LegCommand::Info { content_type: "application/dtmf-relay".to_owned(), body: Bytes::from_static(b"5") };
    let (info, for_info) = phone.tell(leg, info);
    let (offer, for_offer) = phone.tell(leg, LegCommand::Reinvite { sdp });
    let (bye, for_bye) = phone.tell(leg, LegCommand::Hangup { reason: None });
    assert_eq!(bye.routes().count(), 1, "the route set is written too");
    // Everything lingers to its end, so that the next call finds the room that this one needed.
    phone.now += Duration::from_secs(40);
    phone.endpoint.handle_timeout(phone.now);
    while phone.endpoint.poll().is_some() {}
    let steps = [(ringing, for_ringing), (ok, for_ok), (info, for_info), (offer, for_offer), (bye, for_bye)];
    let named = |(message, count): (Message, u64)| {
        (message.status().map_or_else(|| message.method().to_string(), |status| status.to_string()), count)
    };
    steps.into_iter().map(named).chain([again]).collect()
}

#[test]
fn what_an_endpoint_sends_on_command_is_one_allocation_each_and_none_when_sent_again() {
    let mut phone = Phone::new();
    whole_call(&mut phone, 0);
    let steps = whole_call(&mut phone, 1);
    let expected = [("180", 1), ("200", 1), ("INFO", 1), ("INVITE", 1), ("BYE", 1), ("the 200 again", 0)];
    assert_eq!(steps, expected.map(|(what, count)| (what.to_owned(), count)));
}

#[test]
fn the_ack_that_waited_is_not_made_again() {
    let mut phone = Phone::new();
    let mut call = Invite::new("sip:200@192.0.2.9", Destination::udp(peer()), "100", "192.0.2.1");
    (call.sdp, call.hold_ack) = (Some(Bytes::from_static(SDP)), true);
    let leg = LegKey(2);
    let (sent, _, _) = phone.does(Input::Command(Command::Invite { leg, invite: Box::new(call) }));
    let ok = ResponseBuilder::for_request(&sent[0].message(), 200, "")
        .to_tag("theirs")
        .header(Name::Contact, "<sip:200@192.0.2.9>")
        .body("application/sdp", SDP)
        .wire();
    let (sent, events, _) = phone.receive(Bytes::copy_from_slice(&ok));
    assert!(sent.is_empty());
    assert!(matches!(events[..], [Event::Leg(LegEvent { kind: LegEventKind::Answered { .. }, .. })]));
    let (ack, count) = phone.tell(leg, LegCommand::Acknowledge);
    assert_eq!((ack.method(), count), (&Method::Ack, 0));
    let reason = Reason::q850(16);
    let (bye, count) = phone.tell(leg, LegCommand::Hangup { reason: Some(reason) });
    assert_eq!((bye.header(Name::Reason), count), (Some(&b"Q.850;cause=16"[..]), 2), "its reason, and itself");
}

#[test]
fn a_challenge_for_a_stranger_is_one_message() {
    let challenge = Challenge {
        realm: "pbx.example".to_owned(),
        nonce: "0123456789abcdef".to_owned(),
        algorithm: Algorithm::Md5,
        qop_auth: true,
        stale: false,
        opaque: None,
    };
    let received = parse(invite(0)).unwrap();
    let build = || {
        ResponseBuilder::for_request(&received, 407, "")
            .source(peer())
            .to_tag("t")
            .header(Name::ProxyAuthenticate, &challenge)
            .wire()
    };
    let expected = build();
    assert_eq!(allocations(build), (1, expected));
}

/// Leads one bridged call through the endpoint: in from the peer, out to the peer, ended by the caller.
fn bridged_call(phone: &mut Phone, call: usize) {
    let caller = phone.called(call);
    let mut out = Invite::new("sip:200@192.0.2.9", Destination::udp(peer()), "100", "192.0.2.1");
    out.sdp = Some(Bytes::from_static(SDP));
    let callee = LegKey(2 * call as u64 + 2);
    let (sent, _, _) = phone.does(Input::Command(Command::Invite { leg: callee, invite: Box::new(out) }));
    let answer = |request: &Wire| {
        let ok = ResponseBuilder::for_request(&request.message(), 200, "")
            .to_tag("theirs")
            .header(Name::Contact, "<sip:200@192.0.2.9>")
            .body("application/sdp", SDP)
            .wire();
        Bytes::copy_from_slice(&ok)
    };
    phone.receive(answer(&sent[0]));
    let (ok, _) = phone.tell(caller, LegCommand::Answer { sdp: Bytes::from_static(SDP) });
    let tag = ok.to_tag().unwrap();
    let in_dialog = |method: &str, cseq: u32| {
        format!(
            "{method} sip:192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{method}{call}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:100@192.0.2.9>;tag=f{call}\r\nTo: <sip:200@192.0.2.1>;tag={tag}\r\n\
             Call-ID: c{call}\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    phone.receive(in_dialog("ACK", 1));
    phone.receive(in_dialog("BYE", 2));
    let (sent, _, _) =
        phone.does(Input::Command(Command::Leg { leg: callee, command: LegCommand::Hangup { reason: None } }));
    phone.receive(answer(&sent[0]));
}

#[test]
fn a_finished_call_keeps_little_while_it_lingers() {
    const CALLS: usize = 1000;
    let mut phone = Phone::new();
    (0..CALLS).for_each(|call| bridged_call(&mut phone, call));
    // The second thousand: what is counted is not the room that the first one left.
    let counted = measure(|| (CALLS..2 * CALLS).for_each(|call| bridged_call(&mut phone, call)));
    assert_eq!(phone.endpoint.load().legs, 0);
    let each = counted.bytes_current / CALLS as i64;
    assert!(each < 4096, "{each} bytes");
}
