//! Bad input beyond the RFC's own, and every limit at its edge.

use sip_proto::limits;

use super::{
    Fate::{self, Dropped, Refused, Served},
    fate, read,
};

const BASE: &str = "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKedge\r\n\
    From: <sip:a@example.com>;tag=1\r\n\
    To: <sip:b@example.com>\r\n\
    Call-ID: edge\r\n\
    CSeq: 1 OPTIONS\r\n";

fn options(uri: &str, fields: &str) -> Vec<u8> {
    format!("OPTIONS {uri} SIP/2.0\r\n{BASE}{fields}\r\n").into_bytes()
}

fn with(fields: &str) -> Fate {
    fate(&options("sip:b@example.com", fields))
}

/// Replaces one header field of the usual ones.
fn instead(from: &str, to: &str) -> Fate {
    let text = String::from_utf8(options("sip:b@example.com", "")).expect("text");
    assert!(text.contains(from));
    fate(text.replacen(from, to, 1).as_bytes())
}

/// Tells whether a thing of this size passes.
fn edge(limit: usize, make: impl Fn(usize) -> Fate) {
    assert_eq!(make(limit), Served, "at the limit of {limit}");
    assert!(matches!(make(limit + 1), Refused(_) | Dropped), "beyond the limit of {limit}");
}

#[test]
fn every_limit_holds_at_its_edge() {
    edge(limits::LINE, |size| with(&format!("Subject: {}\r\n", "s".repeat(size - "Subject: ".len()))));
    edge(limits::LINE, |size| with(&format!("Subject: a\r\n {}\r\n", "s".repeat(size - "Subject: a\r\n ".len()))));
    edge(limits::HEADERS, |count| with(&"X-Y: 1\r\n".repeat(count - 5)));
    edge(limits::VIAS, |count| with(&"Via: SIP/2.0/TCP h\r\n".repeat(count - 1)));
    edge(limits::VIAS, |count| with(&format!("Via: SIP/2.0/TCP h{}\r\n", ", SIP/2.0/TCP h".repeat(count - 2))));
    edge(limits::ROUTES, |count| with(&"Route: <sip:h;lr>\r\n".repeat(count)));
    edge(limits::ROUTES, |count| with(&format!("Record-Route: <sip:h>{}\r\n", ",<sip:h>".repeat(count - 1))));
    edge(limits::CONTACTS, |count| with(&"Contact: <sip:h>\r\n".repeat(count)));
    edge(limits::TOKEN, |size| instead("Call-ID: edge", &format!("Call-ID: {}", "c".repeat(size))));
    edge(limits::TOKEN, |size| instead("tag=1", &format!("tag={}", "t".repeat(size))));
    edge(limits::TOKEN, |size| instead("z9hG4bKedge", &format!("z9hG4bK{}", "b".repeat(size - 7))));
    edge(limits::URI, |size| fate(&options(&format!("sip:{}@h", "u".repeat(size - "sip:@h".len())), "")));
    let params = |count: usize| (0..count).map(|n| format!(";p{n}")).collect::<String>();
    edge(limits::PARAMETERS, |count| fate(&options(&format!("sip:h{}", params(count)), "")));
    edge(limits::PARAMETERS, |count| instead(";tag=1", &params(count)));
    edge(usize::try_from(limits::CSEQ).expect("fits"), |number| instead("CSeq: 1 ", &format!("CSeq: {number} ")));
    edge(255, |hops| with(&format!("Max-Forwards: {hops}\r\n")));
    edge(limits::MESSAGE, |size| {
        let mut message = options("sip:b@example.com", "");
        message.resize(size, b'x');
        fate_of_any_content(&message)
    });
}

/// The body has no type here: only the parser is asked.
fn fate_of_any_content(message: &[u8]) -> Fate {
    match fate(message) {
        Fate::Checked(400) => Served,
        other => other,
    }
}

#[test]
fn the_status_says_which_limit_it_was() {
    assert_eq!(fate(&options(&format!("sip:{}@h", "u".repeat(limits::URI)), "")), Refused(414));
    let mut large = options("sip:b@example.com", "");
    large.resize(limits::MESSAGE + 1, b'x');
    assert_eq!(fate(&large), Refused(513));
    // One header field that fills the datagram.
    assert_eq!(fate(&options("sip:b@example.com", &format!("X: {}\r\n", "x".repeat(65_000)))), Refused(400));
}

#[test]
fn content_length_is_a_plain_number_or_nothing() {
    for value in
        ["-1", "+10", "0x10", "10 10", "1e2", "٣", "", "1,1", "0;x", "99999999999999999999", "18446744073709551615"]
    {
        assert_eq!(with(&format!("Content-Length: {value}\r\n")), Refused(400), "{value}");
    }
    for fields in ["Content-Length: 0\r\nContent-Length: 0\r\n", "l: 0\r\nContent-Length : 0\r\n", "l:0\r\nL:0\r\n"] {
        assert_eq!(with(fields), Refused(400), "{fields}");
    }
    for fields in ["Content-Length : 0\r\n", "Content-Length\t:\r\n 0\r\n", "l:000\r\n"] {
        assert_eq!(with(fields), Served, "{fields}");
    }
}

#[test]
fn a_datagram_without_content_length_is_all_body() {
    let mut message = options("sip:b@example.com", "Content-Type: text/plain\r\n");
    message.extend_from_slice(b"the rest\r\nof it");
    assert_eq!(&read(&message).body()[..], b"the rest\r\nof it");
}

#[test]
fn malformed_uris_are_refused() {
    for uri in [
        "sip:",
        "sip:@",
        "sip::@h",
        "sip:a@",
        "sip:a@h:0",
        "sip:a@h:65536",
        "sip:a@h:99999999999",
        "sip:a@h:",
        "sip:a@b@c",
        "sip:a@h;",
        "sip:a@h;=x",
        "sip:a%2@h",
        "sip:a@1.2.3.400",
        "sip:a@h?",
        "sip:a@[::1",
        "sip:a@::1",
        "sip:a@-h",
        "noscheme",
        ":x",
        "1sip:h",
        "tel:",
        "tel:abc+x",
        "sip:h;a;A=1",
        "sip:\u{e9}@h",
        "sip:a\"@h",
        "sip:a@h..x",
    ] {
        assert_eq!(fate(&options(uri, "")), Refused(400), "{uri}");
    }
    assert_eq!(fate(&options("tel:+84-28-1234567;phone-context=x.example", "")), Served);
}

#[test]
fn sequence_numbers_are_checked() {
    for value in [
        "0 ".to_owned() + &"A".repeat(600),
        "1".to_owned(),
        "OPTIONS 1".to_owned(),
        "-1 OPTIONS".to_owned(),
        "1 INVITE".to_owned(),
        "2147483648 OPTIONS".to_owned(),
    ] {
        assert_eq!(instead("CSeq: 1 OPTIONS", &format!("CSeq: {value}")), Refused(400), "{value:.20}");
    }
    // Methods are case-sensitive.
    assert_eq!(instead("CSeq: 1 OPTIONS", "CSeq: 1 options"), Refused(400));
}

#[test]
fn header_lines_are_read_one_way_only() {
    // Blanks before the colon are legal, a line break is not.
    for fields in ["X-Internal : 1\r\n", "X-Internal\t: 1\r\n"] {
        let message = read(&options("sip:b@example.com", fields));
        assert_eq!(message.custom("X-Internal"), Some(b"1".as_slice()));
    }
    for fields in [
        "X-Internal\r\n : 1\r\n",
        "no colon\r\n",
        ": 1\r\n",
        "X Y: 1\r\n",
        "X: a\rY: 1\r\n",
        "X: a\nY: 1\r\n",
        "X: \0\r\n",
    ] {
        assert_eq!(with(fields), Refused(400), "{fields:?}");
    }
    let bare = String::from_utf8(options("sip:b@example.com", "")).expect("text").replace("\r\n", "\n");
    assert_eq!(fate(bare.as_bytes()), Refused(400));
    assert_eq!(fate(b"\r\n\r\n"), Dropped);
    assert_eq!(fate(b""), Dropped);
    assert_eq!(fate(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Dropped);
    assert_eq!(fate(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), Dropped);
}

#[test]
fn odd_bytes_in_texts_do_no_harm() {
    let nested = "(".repeat(1000) + &")".repeat(1000);
    assert_eq!(with(&format!("User-Agent: {nested}\r\n")), Served);
    assert_eq!(with(&"Accept: ;;;,\r\n".repeat(50)), Served);
    // Latin-1 and broken UTF-8 before everything else: nothing behind it is lost.
    let mut message = b"OPTIONS sip:b@example.com SIP/2.0\r\nSubject: caf\xe9 \xc0\x80\xff\r\n".to_vec();
    message.extend_from_slice(BASE.as_bytes());
    message.extend_from_slice(b"\r\n");
    let message = read(&message);
    assert_eq!((message.call_id(), message.via_count()), ("edge", 1));
    for display in
        ["\"caf\u{e9}\" ", "<script>", "\"<script>alert(1)</script>\" ", "\"'; DROP TABLE cdr;--\" ", "\"\u{202e}\" "]
    {
        let served = if display == "<script>" { Refused(400) } else { Served };
        assert_eq!(instead("From: <", &format!("From: {display}<")), served, "{display}");
    }
    let mut latin1 = String::from_utf8(options("sip:b@example.com", "")).expect("text").into_bytes();
    let at = latin1.windows(7).position(|window| window == b"From: <").expect("a From") + 6;
    latin1.splice(at..at, *b"\"Ren\xe9\" ");
    assert_eq!(
        read(&latin1).from().and_then(|from| from.display().map(|name| name.into_owned())).as_deref(),
        Some("René")
    );
}

#[test]
fn acks_and_responses_are_never_answered() {
    let ack = String::from_utf8(options("sip:b@example.com", "Content-Length: x\r\n"))
        .expect("text")
        .replace("OPTIONS", "ACK");
    assert_eq!(fate(ack.as_bytes()), Dropped);
    let response = format!("SIP/2.0 200 OK\r\n{BASE}Content-Length: x\r\n\r\n");
    assert_eq!(fate(response.as_bytes()), Dropped);
    // A strange Contact costs the contact, not the response.
    let response = format!("SIP/2.0 200 OK\r\n{BASE}Contact: <<>>\r\n\r\n");
    assert_eq!(read(response.as_bytes()).contacts().count(), 0);
}
