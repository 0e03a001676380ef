//! Reading and writing of messages.

use bytes::Bytes;
use sip_proto::message::{
    Capabilities, Message, Method, Name, ParseError, Rejection, RequestBuilder, ResponseBuilder, check, parse,
};

fn read(text: &str) -> Result<Message, ParseError> {
    parse(Bytes::copy_from_slice(text.as_bytes()))
}

const INVITE: &str = "INVITE sip:%23123@pbx.example.com;transport=tcp SIP/2.0\r\n\
    Via: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKabc;rport\r\n\
    v: SIP/2.0/TCP a.example.com;branch=z9hG4bKd , SIP/2.0/UDP b.example.com;branch=z9hG4bKe\r\n\
    From: \"<sip:admin@victim.example>\" <sip:mallory@evil.example>;tag=1\r\n\
    To: <sip:%23123@pbx.example.com>\r\n\
    Call-ID: one@10.0.0.9\r\n\
    CSeq: 7 INVITE\r\n\
    Contact: \"Smith, \\\"J\\\"\" <sip:j@10.0.0.9:5070;ob>;+sip.instance=\"<urn:uuid:1,2>\", sip:k@h;expires=30\r\n\
    X-Ticket : 42\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length : 4\r\n\
    \r\n\
    v=0\n";

#[test]
fn a_request_is_read() {
    let message = read(INVITE).unwrap();
    assert_eq!(message.method(), &Method::Invite);
    assert_eq!(message.request_uri().unwrap().user(), Some("%23123"));
    assert_eq!(message.request_uri().unwrap().as_str(), "sip:%23123@pbx.example.com;transport=tcp");
    assert_eq!(message.via_count(), 3);
    assert_eq!(message.via().unwrap().branch(), Some("z9hG4bKabc"));
    assert!(message.via().unwrap().wants_rport());
    assert_eq!(message.call_id(), "one@10.0.0.9");
    assert_eq!(message.cseq(), (7, &Method::Invite));
    assert_eq!(message.custom("x-ticket"), Some(b"42".as_slice()));
    assert_eq!(&message.body()[..], b"v=0\n");
    assert!(message.is_content("application/sdp"));
    let contacts: Vec<_> = message.contacts().collect();
    assert_eq!(contacts.len(), 2);
    assert_eq!(contacts[0].display().unwrap(), "Smith, \"J\"");
    assert_eq!(contacts[0].param("+sip.instance").unwrap(), "\"<urn:uuid:1,2>\"");
    assert_eq!(contacts[1].expires(), Some(30));
    assert_eq!(message.from_tag(), Some("1"));
    assert_eq!(message.to_tag(), None);
}

#[test]
fn a_quoted_bracket_is_not_the_caller() {
    let from = read(INVITE).unwrap().from().unwrap();
    assert_eq!(from.uri().as_str(), "sip:mallory@evil.example");
    assert_eq!(from.display().unwrap(), "<sip:admin@victim.example>");
}

#[test]
fn a_response_repeats_the_request() {
    let request = read(INVITE).unwrap();
    let response = ResponseBuilder::for_request(&request, 180, "")
        .header(Name::Contact, "<sip:us@10.0.0.1>")
        .to_tag("ours")
        .source("192.0.2.7:6000".parse().unwrap())
        .finish();
    let text = std::str::from_utf8(response.bytes()).unwrap();
    assert_eq!(
        text,
        "SIP/2.0 180 Ringing\r\n\
         Via: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKabc;received=192.0.2.7;rport=6000\r\n\
         Via: SIP/2.0/TCP a.example.com;branch=z9hG4bKd\r\n\
         Via: SIP/2.0/UDP b.example.com;branch=z9hG4bKe\r\n\
         From: \"<sip:admin@victim.example>\" <sip:mallory@evil.example>;tag=1\r\n\
         To: <sip:%23123@pbx.example.com>;tag=ours\r\n\
         Call-ID: one@10.0.0.9\r\n\
         CSeq: 7 INVITE\r\n\
         Contact: <sip:us@10.0.0.1>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let back = parse(response.bytes().clone()).unwrap();
    assert_eq!((back.status(), back.method()), (Some(180), &Method::Invite));
    assert_eq!(back.via().unwrap().received(), Some("192.0.2.7".parse().unwrap()));
    assert_eq!(back.via().unwrap().rport(), Some(6000));
}

#[test]
fn a_value_cannot_become_a_header() {
    let message = RequestBuilder::new(&Method::Invite, "sip:a@b\r\nX: 1")
        .via("UDP", "10.0.0.1:5060", "z9hG4bK1")
        .header(Name::From, "<sip:a@b>;tag=1\r\nX-Evil: 1")
        .header_bytes(Name::To, b"<sip:c@d>\nX-Evil: 2\0")
        .header(Name::CallId, "1")
        .header(Name::CSeq, format_args!("{} INVITE", 1))
        .custom("X-Good", "a\r\nX-Evil: 3")
        .custom("X-Bad: 1\r\nX-Evil", "4")
        .body("application/sdp\r\nX-Evil: 5", b"v=0\r\n")
        .finish();
    assert_eq!(message.custom("X-Evil"), None);
    assert_eq!(message.custom("X"), None);
    assert_eq!(message.custom("X-Good"), Some(b"aX-Evil: 3".as_slice()));
    assert_eq!(&message.body()[..], b"v=0\r\n");
}

const UNDERSTOOD: Capabilities<'static> = Capabilities {
    methods: &[Method::Invite, Method::Ack, Method::Bye, Method::Cancel, Method::Info],
    extensions: &["timer"],
    content_types: &["application/sdp"],
    tel: false,
};

fn checked(method: &str, uri: &str, fields: &str, body: &str) -> Option<Rejection> {
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
         Call-ID: 1\r\nCSeq: 1 {method}\r\n{fields}\r\n{body}"
    );
    check(&read(&text).expect("the request is well formed"), &UNDERSTOOD).err()
}

#[test]
fn a_refusal_names_what_would_be_taken() {
    let says = |method, uri, fields, body| {
        checked(method, uri, fields, body).map(|rejection| (rejection.status, rejection.header.map(|(_, value)| value)))
    };
    let all = Some("INVITE, ACK, BYE, CANCEL, INFO".to_owned());
    assert_eq!(says("OPTIONS", "sip:b@h", "", ""), Some((405, all.clone())));
    assert_eq!(says("invite", "sip:b@h", "", ""), Some((501, all)));
    assert_eq!(says("INVITE", "tel:+841", "", ""), Some((416, None)));
    assert_eq!(says("INVITE", "sip:b@h", "Max-Forwards: 0\r\n", ""), Some((483, None)));
    assert_eq!(says("INVITE", "sip:b@h", "Require: timer, 100rel\r\n", ""), Some((420, Some("100rel".to_owned()))));
    assert_eq!(says("INVITE", "sip:b@h", "Accept: text/plain, application/*;q=0.1\r\n", ""), None);
    assert_eq!(says("INVITE", "sip:b@h", "Accept: text/plain\r\n", ""), Some((406, None)));
    let sdp = Some("application/sdp".to_owned());
    assert_eq!(says("INFO", "sip:b@h", "Content-Type: text/html\r\n", "x"), Some((415, sdp)));
    assert_eq!(says("INFO", "sip:b@h", "Content-Type: text/html\r\n", ""), None);
    assert_eq!(says("INFO", "sip:b@h", "c: Application / SDP ;x=y\r\n", "x"), None);
    let coded = "c: application/sdp\r\ne: gzip\r\n";
    assert_eq!(says("INFO", "sip:b@h", coded, "x"), Some((415, Some("identity".to_owned()))));
    let optional = "c: text/html\r\nContent-Disposition: x;Handling=OPTIONAL\r\n";
    assert_eq!(says("INFO", "sip:b@h", optional, "x"), None);
    // ACK and CANCEL cannot be refused for what they require.
    assert_eq!(says("ACK", "sip:b@h", "Require: x\r\nMax-Forwards: 0\r\n", ""), None);
    assert_eq!(says("CANCEL", "sip:b@h", "Require: x\r\n", ""), None);
}

#[test]
fn parts_are_found_two_levels_deep() {
    let inner = |kind: &str| format!("--i\r\nContent-Type: {kind}\r\n\r\nfound\r\n--i--\r\n");
    let outer = |kind: &str, body: &str| {
        let body = format!("preamble\r\n--o\r\n\r\nplain\r\n--o\r\nc: {kind}\r\n\r\n{body}\r\n--o--\r\nepilogue");
        let text = INVITE.replace("application/sdp", "multipart/mixed ; boundary=\"o\"");
        let (head, _) = text.split_once("Content-Length").unwrap();
        read(&format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).unwrap()
    };
    let found =
        |message: &Message| message.content("application/sdp").map(|part| String::from_utf8_lossy(&part).into_owned());
    let two = outer("multipart/alternative;boundary=i", &inner("application/SDP;x=y"));
    assert_eq!(found(&two).as_deref(), Some("found"));
    assert_eq!(two.content("text/plain").as_deref(), Some(b"plain".as_slice()));
    let deep = format!("--j\r\nContent-Type: multipart/mixed;boundary=i\r\n\r\n{}\r\n--j--", inner("application/sdp"));
    assert_eq!(found(&outer("multipart/mixed;boundary=j", &deep)), None);
    let many = "--i\r\n\r\nx\r\n".repeat(8) + &inner("application/sdp");
    assert_eq!(found(&outer("multipart/mixed;boundary=i", &many)), None);
    let seven = "--i\r\n\r\nx\r\n".repeat(7) + &inner("application/sdp");
    assert_eq!(found(&outer("multipart/mixed;boundary=i", &seven)).as_deref(), Some("found"));
}

#[test]
fn compact_names_are_the_same_headers() {
    for (compact, full) in [
        ("a", "Accept-Contact"),
        ("b", "Referred-By"),
        ("c", "Content-Type"),
        ("d", "Request-Disposition"),
        ("e", "Content-Encoding"),
        ("f", "From"),
        ("i", "Call-ID"),
        ("j", "Reject-Contact"),
        ("k", "Supported"),
        ("l", "Content-Length"),
        ("m", "Contact"),
        ("o", "Event"),
        ("r", "Refer-To"),
        ("s", "Subject"),
        ("t", "To"),
        ("u", "Allow-Events"),
        ("v", "Via"),
        ("x", "Session-Expires"),
        ("y", "Identity"),
    ] {
        let name = Name::parse(full.as_bytes());
        assert_eq!((name.as_str(), Name::parse(compact.as_bytes())), (full, name));
        assert_eq!(Name::parse(full.to_uppercase().as_bytes()), name);
        assert_eq!(Name::parse(compact.to_uppercase().as_bytes()), name);
    }
    assert_eq!(Name::parse(b"X-Ticket"), Name::Other);
    assert_eq!(Name::parse(&[b'x'; 300]), Name::Other);
}

/// What JsSIP sends, and what other parsers refuse: a made-up host, `ob`, instance and compact names.
#[test]
fn browsers_and_odd_phones_are_read() {
    let register = read(
        "REGISTER sip:pbx.example.com SIP/2.0\r\n\
         Via: SIP/2.0/WSS 4dke3bq2ii0d.invalid;branch=z9hG4bK6203853\r\n\
         Max-Forwards: 69\r\n\
         To: <sip:1001@pbx.example.com>\r\n\
         F: <sip:1001;isub=2@pbx.example.com;user=phone>;tag=b5cd1g3p0e\r\n\
         Call-ID: 6usnp0l4v2m3gh4b8k2a1p\r\n\
         CSeq: 1 REGISTER\r\n\
         Contact: <sip:q1m7r2d0@4dke3bq2ii0d.invalid;transport=ws>;+sip.ice;reg-id=1;\
         +sip.instance=\"<urn:uuid:8f1fa16a-1165-4a96-8341-785b1ef24f12>\";expires=600\r\n\
         Expires: 600\r\n\
         Supported: path,gruu,outbound\r\n\
         Content-Length: 0\r\n\r\n",
    )
    .unwrap();
    assert_eq!(register.via().unwrap().transport(), "WSS");
    let contact = register.contacts().next().unwrap();
    assert_eq!((contact.expires(), contact.param("reg-id").as_deref()), (Some(600), Some("1")));
    assert_eq!(contact.uri().param("transport"), Some("ws"));
    assert_eq!(register.from().unwrap().uri().user(), Some("1001;isub=2"));
    assert!(register.supports("outbound") && register.supports("PATH") && !register.supports("timer"));
    assert!(!register.contact_wildcard());
}

#[test]
fn a_via_is_read_or_refused_without_panic() {
    let with = |via: &str| read(&INVITE.replace("SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKabc;rport", via));
    for via in [
        "xyz",
        "",
        ",",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0/UDP h:0",
        "SIP/2.0/UDP h;",
        "HTTP/1.1/TCP h",
        "SIP/2.0/UDP [::1",
    ] {
        let error = with(via).unwrap_err();
        assert_eq!((error.status, error.salvage.is_some()), (400, false), "{via}");
    }
    let spaced = with("SIP / 2.0 / UDP  h.example : 5070 ; branch = z9hG4bK1").unwrap().via().unwrap();
    assert_eq!(
        (spaced.host().to_string(), spaced.port(), spaced.branch()),
        ("h.example".to_owned(), Some(5070), Some("z9hG4bK1"))
    );
}

#[test]
fn secrets_and_numbers_stay_out_of_what_is_printed() {
    let message = read(&INVITE.replace("X-Ticket : 42", "Authorization: Digest response=\"secret\"")).unwrap();
    let shown = format!("{message:?}");
    assert!(shown.starts_with("INVITE of "), "{shown}");
    let error = read(&INVITE.replace("CSeq: 7 INVITE", "CSeq: secret")).unwrap_err();
    assert!(!format!("{error:?} {error}").contains("secret"));
}
