//! Requests that no phone sends, by UDP and TCP, from strangers.

use std::time::Duration;

use testkit::RawPhone;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    task::JoinSet,
    time::{interval, timeout},
};

use super::Fort;

/// What may come back.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expect {
    /// One answer with this status.
    Is(u16),
    /// One answer with one of these.
    OneOf(&'static [u16]),
    /// Nothing.
    Silence,
}

use Expect::{Is, OneOf, Silence};

/// A stranger is challenged.
const STRANGER: Expect = OneOf(&[401, 407]);

impl Expect {
    fn allows(self, answers: &[Option<u16>]) -> bool {
        match (self, answers) {
            (Is(status), [Some(found)]) => status == *found,
            (OneOf(list), [Some(found)]) => list.contains(found),
            (Silence, []) => true,
            _ => false,
        }
    }
}

/// A request with `lines` in place of the header's end; it is valid without them.
fn request(method: &str, uri: &str, lines: &str) -> String {
    let length = if lines.contains("Content-Length") { "" } else { "Content-Length: 0\n" };
    format!(
        "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP {{local}};branch={{branch}};rport\nMax-Forwards: 70\n\
         From: <sip:stranger@{{local}}>;tag={{tag}}\nTo: <sip:1001@{{server}}>\nCall-ID: {{call}}\n\
         CSeq: {{cseq}} {method}\nContact: <sip:stranger@{{local}}>\n{lines}{length}\n"
    )
}

fn options(lines: &str) -> String {
    request("OPTIONS", "sip:{server}", &if lines.is_empty() { String::new() } else { format!("{lines}\n") })
}

/// The same with another header line for one of its own.
fn instead(name: &str, line: &str) -> String {
    let lines = options("Accept: */*");
    let own = lines.lines().find(|own| own.starts_with(name)).unwrap_or_default().to_owned();
    lines.replace(&own, line)
}

struct Row {
    id: &'static str,
    message: Vec<u8>,
    expect: Expect,
    /// The length of the message is in doubt: a stream ends here.
    ends_stream: bool,
}

fn row(id: &'static str, message: String, expect: Expect) -> Row {
    Row { id, message: message.into_bytes(), expect, ends_stream: false }
}

/// S01-S55 of the families that a stranger can send in one message.
fn rows() -> Vec<Row> {
    let long = |n: usize| "A".repeat(n);
    let from = |display: &str| instead("From:", &format!("From: {display} <sip:s@h>;tag=1"));
    let via = "SIP/2.0/UDP {local};branch={branch};rport";
    let mut rows = vec![
        row("S01 600 letters in CSeq", instead("CSeq:", &format!("CSeq: 0 {}", long(600))), Is(400)),
        row("S01 no number in CSeq", instead("CSeq:", "CSeq: OPTIONS"), Is(400)),
        row("S01 CSeq beyond 2^31", instead("CSeq:", "CSeq: 4294967296 OPTIONS"), Is(400)),
        row("S01 CSeq of another method", instead("CSeq:", "CSeq: 1 INVITE"), Is(400)),
        row(
            "S03 50 malformed Accept",
            request("SUBSCRIBE", "sip:{server}", &format!("{}Event: presence\n", "Accept: ;/,=\"\n".repeat(50))),
            OneOf(&[400, 401, 407]),
        ),
        row("S05 blank before the colon", options("X-Internal : 1"), OneOf(&[200, 400])),
        row("S05 tab before the colon", options("X-Internal\t: 1"), OneOf(&[200, 400])),
        row("S05 folded before the colon", options("X-Internal\n : 1"), Is(400)),
        row("S09 a header of 60 KiB", options(&format!("Subject: {}", long(60_000))), OneOf(&[400, 413, 513])),
        row("S09 201 headers", options(&"X: 1\n".repeat(201)), Is(400)),
        row("S09 71 Vias", options(&format!("Via: {via}\n").repeat(71)), Is(400)),
        row("S09 a tag of 300", from(&long(300)).replace("tag=1", &format!("tag={}", long(300))), Is(400)),
        row("S09 a Call-ID of 300", instead("Call-ID:", &format!("Call-ID: {}", long(300))), Is(400)),
        row("S09 a method of 300", request(&long(300), "sip:{server}", ""), Is(400)),
        row("S13 bare LF inside of a header", options("Subject: a{lf}X-Smuggled: 1"), OneOf(&[200, 400])),
        row("S13 bare CR inside of a header", options("Subject: a{cr}X-Smuggled: 1"), OneOf(&[200, 400])),
        row("S13 NUL inside of a header", options("Subject: a{nul}b"), OneOf(&[200, 400])),
        row("S15 an overlong slash in a display name", from("\"{c0}{80}\""), OneOf(&[200, 400])),
        row("S15 a byte that UTF-8 has not", from("\"{ff}\""), OneOf(&[200, 400])),
        row("S17 nested comments", options(&format!("User-Agent: {}", "(".repeat(1_000))), OneOf(&[200, 400])),
        row("S19 no host", request("OPTIONS", "sip:", ""), Is(400)),
        row("S19 only an at", request("OPTIONS", "sip:@", ""), Is(400)),
        row("S19 no user", request("OPTIONS", "sip::@h", ""), Is(400)),
        row("S19 no host behind the at", request("OPTIONS", "sip:a@", ""), Is(400)),
        row("S19 port 0", request("OPTIONS", "sip:a@h:0", ""), OneOf(&[200, 400])),
        row("S19 port 65536", request("OPTIONS", "sip:a@h:65536", ""), Is(400)),
        row("S19 port of eleven digits", request("OPTIONS", "sip:a@h:99999999999", ""), Is(400)),
        row("S19 a URI of 2 KiB", request("OPTIONS", &format!("sip:{}@h", long(2_000)), ""), OneOf(&[400, 414])),
        row("S25 SUBSCRIBE that ends nothing", request("SUBSCRIBE", "sip:{server}", "Expires: 0\n"), STRANGER),
        row("S27 our own Via", options("Via: SIP/2.0/UDP {server};branch=z9hG4bK1"), OneOf(&[200, 482])),
        row("S35 Replaces without a login", request("INVITE", "sip:1001@{server}", "Replaces: a;to-tag=b\n"), STRANGER),
        row("S35 Require: replaces", request("INVITE", "sip:1001@{server}", "Require: replaces\n"), STRANGER),
        row("S35 BYE of nobody's call", request("BYE", "sip:1001@{server}", ""), Is(481)),
        row(
            "S35 a re-INVITE of nobody's call",
            request("INVITE", "sip:1001@{server}", "").replace("To: <sip:1001@{server}>", "To: <sip:a@h>;tag=1"),
            Is(481),
        ),
        row("S35 CANCEL of nobody's call", request("CANCEL", "sip:1001@{server}", ""), Is(481)),
        row("S35 REFER without a login", request("REFER", "sip:1001@{server}", "Refer-To: <sip:2@h>\n"), STRANGER),
        row("S37 MESSAGE without a login", request("MESSAGE", "sip:1001@{server}", ""), STRANGER),
        row("S37 PUBLISH without a login", request("PUBLISH", "sip:1001@{server}", "Event: x\n"), STRANGER),
        row("S37 NOTIFY out of nothing", request("NOTIFY", "sip:1001@{server}", "Event: x\n"), Is(481)),
        row("S37 an unknown method", request("HACK", "sip:{server}", ""), Is(501)),
        row(
            "S47 an answer to nothing",
            format!(
                "SIP/2.0 200 OK\nVia: {via}\nFrom: <sip:a@h>;tag=1\n\
            To: <sip:b@h>;tag=2\nCall-ID: {{call}}\nCSeq: 1 INVITE\nContent-Length: 0\n\n"
            ),
            Silence,
        ),
        row(
            "S47 a status of 999",
            format!(
                "SIP/2.0 999 ?\nVia: {via}\nFrom: <sip:a@h>;tag=1\n\
            To: <sip:b@h>;tag=2\nCall-ID: {{call}}\nCSeq: 1 INVITE\nContent-Length: 0\n\n"
            ),
            Silence,
        ),
        row("S47 an ACK to nothing", request("ACK", "sip:1001@{server}", ""), Silence),
        row("S49 Max-Forwards 0", request("INVITE", "sip:1001@{server}", "").replace("70", "0"), Is(483)),
        row("S49 Max-Forwards 256", options("").replace("Forwards: 70", "Forwards: 256"), Is(400)),
        row("S49 Max-Forwards -1", options("").replace("Forwards: 70", "Forwards: -1"), Is(400)),
        row("no From", instead("From:", "Subject: x"), Is(400)),
        row("no To", instead("To:", "Subject: x"), Is(400)),
        row("no Call-ID", instead("Call-ID:", "Subject: x"), Is(400)),
        row("two Call-IDs", options("Call-ID: other"), Is(400)),
        row("two Froms", options("From: <sip:a@h>;tag=2"), Is(400)),
        row("another version", options("").replacen("SIP/2.0", "SIP/7.0", 1), Is(505)),
        row("another scheme", request("OPTIONS", "mailto:a@h", ""), Is(416)),
        row(
            "REGISTER of a stranger",
            request("REGISTER", "sip:{server}", "Contact: *\nExpires: 3600\n"),
            OneOf(&[400, 401]),
        ),
        row("100 Contacts", request("REGISTER", "sip:{server}", &"Contact: <sip:a@h>\n".repeat(100)), Is(400)),
    ];
    for length in ["-1", "+10", "0x10", "10 10", "1e2", "\u{663}", "", "99999999999999999999"] {
        let message = request("OPTIONS", "sip:{server}", &format!("Content-Length: {length}\n")).into_bytes();
        rows.push(Row { id: "S07 no length", message, expect: Is(400), ends_stream: true });
    }
    for (id, lines) in [
        ("S07 two lengths", "Content-Length: 0\nContent-Length: 5\n"),
        ("S07 a length in both forms", "Content-Length: 0\nl: 5\n"),
    ] {
        let message = request("OPTIONS", "sip:{server}", lines).into_bytes();
        rows.push(Row { id, message, expect: Is(400), ends_stream: true });
    }
    for (id, login) in logins() {
        let message = request("REGISTER", "sip:{server}", &format!("Authorization: {login}\n")).into_bytes();
        rows.push(Row { id, message, expect: OneOf(&[400, 401]), ends_stream: false });
    }
    rows
}

/// S39 and S41: what must not open the door, and how it is closed matters little.
fn logins() -> Vec<(&'static str, String)> {
    let digest = |username: &str, nonce: &str, more: &str| {
        format!(
            "Digest username=\"{username}\",realm=\"zorio\",nonce=\"{nonce}\",uri=\"sip:h\",\
             response=\"00000000000000000000000000000000\"{more}"
        )
    };
    let many: String = (0..1_000).map(|n| format!(",p{n}=1")).collect();
    vec![
        ("S39 a thousand parameters", digest("1001", "n", &many)),
        ("S39 a quote that never ends", "Digest username=\"1001,realm=\"zorio\"".to_owned()),
        ("S39 no username", "Digest realm=\"zorio\",nonce=\"n\",uri=\"sip:h\",response=\"0\"".to_owned()),
        ("S39 an empty username", digest("", "n", "")),
        ("S39 an escaped quote", digest("a\\\"b", "n", "")),
        ("S39 a username with SQL", digest("' or 1=1 --", "n", ",qop=auth,nc=00000001,cnonce=\"c\"")),
        ("S39 two logins of one realm", format!("{0}\nAuthorization: {0}", digest("1001", "n", ""))),
        ("S39 nothing", String::new()),
        ("S39 only the scheme", "Digest".to_owned()),
        ("S39 Basic", "Basic MTAwMToxMDAx".to_owned()),
        ("S39 auth-int", digest("1001", "n", ",qop=auth-int,nc=00000001,cnonce=\"c\"")),
        ("S39 a counter of nine digits", digest("1001", "n", ",qop=auth,nc=000000001,cnonce=\"c\"")),
        ("S39 an algorithm of the future", digest("1001", "n", ",algorithm=SHA-4096")),
        ("S41 a nonce of 4 KiB", digest("1001", &"a".repeat(4_096), ",qop=auth,nc=00000001,cnonce=\"c\"")),
        (
            "S41 a nonce of somebody else",
            digest("1001", "AAAAAAAAAAAAAAAAAAAAAAAA", ",qop=auth,nc=00000001,cnonce=\"c\""),
        ),
        ("S41 an empty nonce", digest("1001", "", ",qop=auth,nc=00000001,cnonce=\"c\"")),
    ]
}

/// Bytes that a text cannot hold.
fn with_bytes(text: &[u8]) -> Vec<u8> {
    let mut bytes = text.to_vec();
    for (key, byte) in [("{lf}", b'\n'), ("{cr}", b'\r'), ("{nul}", 0), ("{c0}", 0xc0), ("{80}", 0x80), ("{ff}", 0xff)]
    {
        while let Some(at) = bytes.windows(key.len()).position(|window| window == key.as_bytes()) {
            bytes.splice(at..at + key.len(), [byte]);
        }
    }
    bytes
}

async fn fill(phone: &mut RawPhone, message: &[u8]) -> Vec<u8> {
    phone.new_call();
    with_bytes(phone.fill(std::str::from_utf8(message).unwrap()).unwrap().as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_of_a_stranger_gets_in_or_breaks_anything_by_udp() {
    let mut fort = Fort::open().await;
    fort.extension("1001").await;
    let mut phone = RawPhone::open("stranger", "", fort.server.sip()).await.unwrap();
    let mut wrong = Vec::new();
    for row in rows() {
        let bytes = fill(&mut phone, &row.message).await;
        let answers = fort.answers_to(&mut phone, &bytes).await;
        if !row.expect.allows(&answers) {
            wrong.push(format!("{}: {answers:?} for {:?}", row.id, row.expect));
        }
        fort.stands(row.id).await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_of_a_stranger_gets_in_or_breaks_anything_by_tcp() {
    let mut fort = Fort::open().await;
    fort.extension("1001").await;
    let mut wrong = Vec::new();
    for row in rows() {
        let mut phone = RawPhone::connect("stranger", "", fort.server.sip()).await.unwrap();
        let bytes = fill(&mut phone, &row.message).await;
        let mut answers = fort.answers_to(&mut phone, &bytes).await;
        // A stream whose lengths are no more to be trusted is closed, with or without a word.
        let closed = answers.pop_if(|last| last.is_none()).is_some();
        let may_close = ["S09", "S13"].iter().any(|family| row.id.starts_with(family));
        let stays = if row.ends_stream { closed } else { !closed || may_close };
        let answered = row.expect.allows(&answers) || closed && answers.is_empty();
        if !(stays && answered) {
            wrong.push(format!("{}: {answers:?}, closed {closed}, for {:?}", row.id, row.expect));
        }
        fort.stands(row.id).await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// S53 and relatives: other protocols at the SIP port. UDP is silent, TCP closes or goes on.
#[tokio::test(flavor = "multi_thread")]
async fn other_protocols_at_the_sip_port_are_dropped() {
    let mut fort = Fort::open().await;
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let rows: [(&str, Vec<u8>); 12] = [
        ("nothing", Vec::new()),
        ("one byte", vec![0]),
        ("STUN", stun),
        ("DTLS", [&[22, 254, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4][..], &[1; 200]].concat()),
        ("RTP", [&[0x80, 8, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4][..], &[0xd5; 160]].concat()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("HTTP with a body", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello".to_vec()),
        ("DNS", b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01".to_vec()),
        ("noise", (0..=255).cycle().take(2_000).collect()),
        ("empty lines", b"\r\n".repeat(500)),
        ("a keep-alive", b"\r\n\r\n".to_vec()),
    ];
    let mut udp = RawPhone::open("stranger", "", fort.server.sip()).await.unwrap();
    for (name, bytes) in &rows {
        let answers = fort.answers_to(&mut udp, bytes).await;
        assert_eq!(answers, [], "{name} by UDP");
        let mut tcp = RawPhone::connect("stranger", "", fort.server.sip()).await.unwrap();
        let answers = fort.answers_to(&mut tcp, bytes).await;
        assert!(answers.iter().all(|answer| answer.is_none_or(|status| status >= 400)), "{name} by TCP: {answers:?}");
        fort.stands(name).await;
    }
}

/// S11, S13, S37: streams that waste time or memory are closed.
#[tokio::test(flavor = "multi_thread")]
async fn streams_that_waste_time_or_memory_are_closed() {
    let mut fort = Fort::open().await;
    let sip = fort.server.sip();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut stream = TcpStream::connect(sip).await.unwrap();
        let mut ticks = interval(Duration::from_secs(1));
        for byte in OPTIONS_HEAD.bytes() {
            let mut answer = [0];
            tokio::select! {
                _ = ticks.tick() => {
                    if stream.write_all(&[byte]).await.is_err() {
                        return;
                    }
                }
                read = stream.read(&mut answer) => {
                    assert_eq!(read.unwrap_or(0), 0);
                    return;
                }
            }
        }
    });
    let mut head = format!("MESSAGE sip:{sip} SIP/2.0\r\nContent-Length: 1048576\r\n\r\n").into_bytes();
    head.extend(vec![b'a'; 1024 * 1024]);
    for (name, bytes) in [
        ("S13 a million empty lines", b"\r\n".repeat(1_000_000)),
        ("S37 a message of 1 MiB", head),
        (
            "a head without an end",
            [OPTIONS_HEAD.as_bytes(), &b"X: aaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(40_000)].concat(),
        ),
        ("a line without an end", b"a".repeat(1024 * 1024)),
    ] {
        let mut stream = TcpStream::connect(sip).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let mut answer = Vec::new();
        let both = async { tokio::join!(writing.write_all(&bytes), reading.read_to_end(&mut answer)) };
        assert!(timeout(Duration::from_secs(10), both).await.is_ok(), "{name}: the stream was left open");
        assert!(answer.len() < 2_000, "{name}: {} bytes came back", answer.len());
        fort.stands(name).await;
    }
    let slow = timeout(Duration::from_secs(13), tasks.join_next()).await;
    slow.expect("S11: one byte a second ends after ten").unwrap().unwrap();
    fort.stands("S11").await;
}

const OPTIONS_HEAD: &str = "OPTIONS sip:h SIP/2.0\r\nMax-Forwards: 70\r\n";

/// S21: routes and `maddr` of strangers are not followed.
#[tokio::test(flavor = "multi_thread")]
async fn a_route_of_a_stranger_leads_nowhere() {
    let mut fort = Fort::open().await;
    let mut phone = fort.phone("1001").await;
    let lure = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = lure.local_addr().unwrap().port();
    for line in [
        format!("Route: <sip:127.0.0.1:{port};lr>"),
        format!("Record-Route: <sip:127.0.0.1:{port};lr>"),
        format!("Route: <sip:{{server}};lr>, <sip:127.0.0.1:{port};lr>"),
        format!("Path: <sip:127.0.0.1:{port};lr>"),
    ] {
        phone.new_call();
        for method in ["OPTIONS", "INVITE", "MESSAGE"] {
            let target = format!("sip:9999@127.0.0.1:{port};maddr=127.0.0.1");
            let template = request(method, &target, &format!("{line}\n{{login}}\nContent-Length: 0\n"));
            let answer = phone.request(&template).await.unwrap();
            if method == "INVITE" {
                phone.acknowledge(&answer).await.unwrap();
            }
        }
        fort.stands(&line).await;
    }
    assert!(lure.try_recv(&mut [0; 100]).is_err(), "something was sent where a stranger pointed to");
}
