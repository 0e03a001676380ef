//! RTP and RTCP that no phone sends, to the ports of a live call (§3.4 M), and what strangers do with its recording (H21).

use std::{net::SocketAddr, time::Duration};

use audio::rtp::Stamp;
use http::Method;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sip_proto::message::{Message, Method as SipMethod};
use testkit::{Crm, RawPhone, until};
use tokio::{
    net::UdpSocket,
    time::{Instant, timeout},
};

use super::{
    Fort,
    callee::{Callee, invite, reply, sdp},
};

/// A call of 1001 with 1002, both with a media socket of their own.
pub(super) struct Call {
    pub(super) caller: RawPhone,
    pub(super) callee: Callee,
    pub(super) answer: Message,
    /// The media socket of each side, and the server's port for it.
    sides: [(UdpSocket, SocketAddr); 2],
    sequence: u16,
}

fn server_port(description: &[u8]) -> SocketAddr {
    let text = String::from_utf8_lossy(description);
    let port = text.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()))
}

fn packet(payload_type: u8, sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let timestamp = u32::from(sequence) * 160;
    [&Stamp { marker: false, payload_type, sequence, timestamp, ssrc }.bytes()[..], payload].concat()
}

impl Call {
    pub(super) async fn place(fort: &mut Fort) -> Self {
        let rtp = [UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap()];
        let ports = rtp.each_ref().map(|socket| socket.local_addr().unwrap().port());
        let answering = sdp(ports[1]);
        let phone = fort.phone("1002").await;
        let mut callee = Callee::start(phone, move |invite| reply(invite, 200, Some(&answering)));
        let password = fort.extension("1001").await;
        let mut caller = RawPhone::open("1001", &password, fort.server.sip()).await.unwrap();
        let answer = caller.request(&invite(&sdp(ports[0]))).await.unwrap();
        assert_eq!(answer.status(), Some(200));
        caller.acknowledge(&answer).await.unwrap();
        let offered = callee.next(&SipMethod::Invite).await;
        let servers = [server_port(answer.body()), server_port(offered.body())];
        let [a, b] = rtp;
        let mut call = Self { caller, callee, answer, sides: [(a, servers[0]), (b, servers[1])], sequence: 0 };
        for side in [0, 1].repeat(10) {
            let (socket, server) = &call.sides[side];
            call.sequence += 1;
            socket.send_to(&packet(8, call.sequence, 7, &[0xd5; 160]), server).await.unwrap();
        }
        call.still_talks("the first packets").await;
        call
    }

    /// A packet with a mark that was sent by one side is heard by the other.
    pub(super) async fn still_talks(&mut self, row: &str) {
        for (from, to) in [(0, 1), (1, 0)] {
            let began = Instant::now();
            let mut buffer = [0; 2_000];
            'heard: loop {
                self.sequence = self.sequence.wrapping_add(1);
                let mark = [self.sequence.to_be_bytes().as_slice(), &[0x55; 158]].concat();
                let (socket, server) = &self.sides[from];
                socket.send_to(&packet(8, self.sequence, 7, &mark), server).await.unwrap();
                while let Ok(received) = timeout(Duration::from_millis(20), self.sides[to].0.recv(&mut buffer)).await {
                    if buffer[..received.unwrap()].ends_with(&mark) {
                        break 'heard;
                    }
                }
                assert!(began.elapsed() < Duration::from_secs(5), "after {row} side {to} is deaf");
            }
        }
    }

    /// Returns a request of the caller inside of the call, with these lines and, behind an empty one, a body.
    pub(super) fn request(&self, method: &str, lines: &str) -> String {
        let to = String::from_utf8_lossy(self.answer.header(sip_proto::message::Name::To).unwrap()).into_owned();
        let (lines, body) = lines.split_once("\n\n").unwrap_or((lines, ""));
        let lines = if lines.is_empty() { String::new() } else { format!("{lines}\n") };
        format!(
            "{method} sip:{{server}} SIP/2.0\nVia: SIP/2.0/UDP {{local}};branch={{branch}};rport\nMax-Forwards: 70\n\
             From: <sip:{{user}}@{{server}}>;tag={{tag}}\nTo: {to}\nCall-ID: {{call}}\nCSeq: {{cseq}} {method}\n\
             Contact: <sip:{{user}}@{{local}}>\n{lines}Content-Length: {{length}}\n\n{body}"
        )
    }

    pub(super) async fn hang_up(&mut self) {
        let bye = self.request("BYE", "");
        self.caller.send(&bye).await.unwrap();
        assert_eq!(self.caller.final_response().await.unwrap().status(), Some(200));
        self.callee.next(&SipMethod::Bye).await;
    }
}

/// M01 and M03: packets for the RTP port.
fn rtp_rows() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let valid = packet(8, 30_000, 9, &[]);
    let first = |byte: u8, rest: &[u8]| [&[byte][..], &valid[1..], rest].concat();
    vec![
        ("M01 0, 1 and 11 bytes", vec![vec![], vec![0x80], valid[..11].to_vec()]),
        ("M01 versions 0, 1 and 3", [0x00, 0x40, 0xc0].map(|byte| first(byte, &[0; 160])).to_vec()),
        ("M01 15 sources that are not there", vec![first(0x8f, &[])]),
        ("M01 an extension of 65535 words", vec![first(0x90, &[0xbe, 0xde, 0xff, 0xff])]),
        ("M01 an extension that is cut off", vec![first(0x90, &[0xbe])]),
        ("M01 a padding of 0 and of 255", vec![first(0xa0, &[1, 0]), first(0xa0, &[1, 255])]),
        ("M01 everything at once", vec![first(0xbf, &[0xff; 40])]),
        ("M01 9000 bytes", vec![packet(8, 30_001, 9, &[0xd5; 9_000])]),
        ("M03 every payload type", (0..128).map(|kind| packet(kind, 30_002, 9, &[0; 160])).collect()),
        ("M03 another source with each packet", (0..200).map(|n| packet(8, n, u32::from(n), &[0xd5; 160])).collect()),
        (
            "M03 sequence numbers that jump",
            (0..200).map(|n: u16| packet(8, n.wrapping_mul(7_919), 7, &[0xd5; 160])).collect(),
        ),
        ("M03 one packet a thousand times", vec![packet(8, 40_000, 9, &[0xd5; 160]); 1_000]),
        ("M03 empty payloads", (0..100).map(|n| packet(8, n, 9, &[])).collect()),
        (
            "M03 keys without bytes, without end, and impossible",
            vec![
                packet(101, 1, 9, &[]),
                packet(101, 2, 9, &[1]),
                packet(101, 3, 9, &[255, 255, 255, 255]),
                packet(101, 4, 9, &[0; 1_000]),
            ],
        ),
        ("M15 one byte of sound", (0..100).map(|n| packet(8, n, 9, &[0xd5])).collect()),
        ("SIP at the RTP port", vec![b"OPTIONS sip:h SIP/2.0\r\n\r\n".to_vec()]),
        ("STUN at the RTP port", vec![[&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat()]),
    ]
}

/// M11: packets for the RTCP port.
fn rtcp_rows() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let source = [0, 0, 0, 9];
    let compound = |first: u8, kind: u8, length: u16, rest: &[u8]| {
        [&[first, kind][..], &length.to_be_bytes(), &source, rest].concat()
    };
    vec![
        ("M11 BYE", vec![compound(0x81, 203, 1, &[])]),
        ("M11 BYE of 31 sources with a reason of 255", vec![compound(0x9f, 203, 31, &[255; 10])]),
        ("M11 lengths 0 and 65535", vec![compound(0x80, 200, 0, &[]), compound(0x80, 200, 65_535, &[])]),
        ("M11 SDES without an end", vec![compound(0x81, 202, 2, &[1, 255, b'a', b'b'])]),
        ("M11 31 reports that are not there", vec![compound(0x9f, 200, 6, &[0; 20]), compound(0x9f, 201, 1, &[])]),
        ("M11 APP and XR", vec![compound(0x80, 204, 2, b"evil"), compound(0x80, 207, 1, &[4, 0, 255, 255])]),
        (
            "M11 NACK, PLI and REMB",
            vec![
                compound(0x81, 205, 3, &[0; 8]),
                compound(0x81, 206, 2, &source),
                compound(0x8f, 206, 5, b"\0\0\0\0REMB\xff\0\0\0\0\0\0\0"),
            ],
        ),
        ("M11 a storm", vec![compound(0x81, 206, 2, &source); 3_000]),
        ("M11 noise", (0..100).map(|n| vec![n; usize::from(n)]).collect()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_packet_ends_or_enters_a_call() {
    let mut fort = Fort::open().await;
    let mut call = Call::place(&mut fort).await;
    let stranger = UdpSocket::bind("127.9.9.9:0").await.unwrap();
    let servers = [call.sides[0].1, call.sides[1].1];
    for (is_rtcp, rows) in [(0, rtp_rows()), (1, rtcp_rows())] {
        for (row, packets) in rows {
            for server in servers {
                let port = SocketAddr::new(server.ip(), server.port() + is_rtcp);
                for bytes in &packets {
                    stranger.send_to(bytes, port).await.unwrap();
                }
            }
            call.still_talks(row).await;
            // The same from the caller itself, a broken phone.
            let (socket, server) = &call.sides[0];
            for bytes in &packets {
                socket.send_to(bytes, SocketAddr::new(server.ip(), server.port() + is_rtcp)).await.unwrap();
            }
            call.sequence = call.sequence.wrapping_add(1_000);
            call.still_talks(row).await;
            fort.stands(row).await;
        }
    }
    // M05: to one port, and over all of them.
    let media = fort.server.media();
    for n in 0..20_000_u16 {
        let port = if n % 2 == 0 { servers[0].port() } else { media.start() + n % 200 };
        stranger.send_to(&packet(8, n, 9, &[0xd5; 160]), ("127.0.0.1", port)).await.unwrap();
    }
    call.still_talks("M05").await;
    fort.stands("M05").await;
    call.hang_up().await;
    // M07: after the end nobody is learnt.
    for n in 0..100 {
        for server in servers {
            stranger.send_to(&packet(8, n, 9, &[0xd5; 160]), server).await.unwrap();
        }
    }
    fort.stands("M07").await;
    assert!(stranger.try_recv(&mut [0; 10]).is_err(), "the stranger was sent something");
    fort.is_empty().await;
}

/// Asks for a path as a stranger.
async fn status_of(stranger: &Crm, method: Method, path: &str, headers: &[(&str, &str)]) -> (u16, usize) {
    match stranger.send(method, path, headers, bytes::Bytes::new()).await {
        Ok(reply) => (reply.status, reply.bytes.len()),
        // What is no URL is not sent at all.
        Err(_) => (0, 0),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_heard_by_its_url_alone() {
    let mut fort = Fort::open().await;
    let mut call = Call::place(&mut fort).await;
    call.hang_up().await;
    let crm = fort.server.crm().clone();
    let url = until("there is a recording", Duration::from_secs(10), async || {
        let list = crm.get("/api/pbx/cdr").await.ok()?;
        let uuid = list.json["data"][0]["uuid"].as_str()?.to_owned();
        let detail = crm.get(&format!("/api/pbx/cdr/{uuid}")).await.ok()?;
        detail.json["data"]["recording_url"].as_str().map(str::to_owned)
    })
    .await
    .unwrap();
    let path = url[url.find("/recordings/").unwrap()..].to_owned();
    let stranger = Crm::new(&fort.server.base());
    let (status, whole) = status_of(&stranger, Method::GET, &path, &[]).await;
    assert_eq!(status, 200);
    assert!(whole > 44, "{whole} bytes");

    let (name, query) = path.split_once('?').unwrap();
    let (expires, signature) = query.split_once('&').unwrap();
    let seconds: i64 = expires.trim_start_matches("expires=").parse().unwrap();
    let signature = signature.trim_start_matches("signature=");
    let upper = signature.to_uppercase();
    let other = format!("/recordings/{}.wav", uuid::Uuid::now_v7());
    let longer = format!("{signature}00");
    for (id, path) in [
        ("a second later", format!("{name}?expires={}&signature={signature}", seconds + 1)),
        ("2^64", format!("{name}?expires=18446744073709551616&signature={signature}")),
        ("2^63 - 1", format!("{name}?expires=9223372036854775807&signature={signature}")),
        ("negative", format!("{name}?expires=-{seconds}&signature={signature}")),
        ("a sign", format!("{name}?expires=%2B{seconds}&signature={signature}")),
        ("leading zeros", format!("{name}?expires=00{seconds}&signature={signature}")),
        ("a blank", format!("{name}?expires=%20{seconds}&signature={signature}")),
        ("upper case", format!("{name}?expires={seconds}&signature={upper}")),
        ("cut", format!("{name}?expires={seconds}&signature={}", &signature[..62])),
        ("longer", format!("{name}?expires={seconds}&signature={longer}")),
        ("empty", format!("{name}?expires={seconds}&signature=")),
        ("none", format!("{name}?expires={seconds}")),
        ("no expiry", format!("{name}?signature={signature}")),
        ("twice", format!("{path}&signature={signature}")),
        ("no query", name.to_owned()),
        ("another call", format!("{other}?{query}")),
        ("upper case name", format!("{}?{query}", name.replace(".wav", ".WAV"))),
        ("no suffix", format!("{}?{query}", name.trim_end_matches(".wav"))),
        ("a longer name", format!("{name}.wav?{query}")),
        ("dots", format!("/recordings/..%2f..%2fzorio.db?{query}")),
        ("more dots", format!("/recordings/../recordings/../../zorio.db?{query}")),
        ("an absolute name", format!("/recordings/%2fetc%2fpasswd?{query}")),
        ("NUL", format!("{}%00.wav?{query}", name.trim_end_matches(".wav"))),
    ] {
        let (status, _) = status_of(&stranger, Method::GET, &path, &[]).await;
        assert!(matches!(status, 400 | 403 | 404), "{id}: {status}");
    }
    fort.stands("H21").await;
    let mut random = StdRng::seed_from_u64(21);
    let letters = b"0123456789abcdefABCDEFxyz-_.%&=?;:@!$'()*+,/~";
    let start = "/recordings/".len();
    for round in 0..1_000 {
        let mut bytes = path.clone().into_bytes();
        for _ in 0..random.random_range(1..3) {
            let at = random.random_range(start..bytes.len());
            let letter = letters[random.random_range(0..letters.len())];
            match random.random_range(0..4) {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, letter),
                _ => bytes[at] = letter,
            }
        }
        let mutated = String::from_utf8(bytes).unwrap();
        // One `&` more is an empty parameter, and says nothing.
        if mutated == path
            || mutated.replace("&&", "&").trim_end_matches('&') == path
            || mutated.replace("?&", "?") == path
        {
            continue;
        }
        let (status, _) = status_of(&stranger, Method::GET, &mutated, &[]).await;
        assert!(matches!(status, 0 | 400 | 403 | 404), "mutation {round}: {status} for {mutated}");
    }
    fort.stands("H21, a thousand mutations").await;

    let many = format!("bytes={}", (0..10_000).map(|n| format!("{n}-{n}")).collect::<Vec<_>>().join(","));
    for (range, allowed) in [
        ("bytes=0-0", &[206][..]),
        ("bytes=-1", &[206]),
        ("bytes=0-,-1", &[200, 206]),
        ("bytes=9-1", &[200, 416]),
        ("bytes=999999999999-", &[416]),
        ("bytes=18446744073709551616-", &[200, 416]),
        ("bytes=-0", &[416]),
        ("bytes=0-18446744073709551615", &[206]),
        ("bytes=", &[200, 416]),
        ("bytes", &[200]),
        ("lines=0-1", &[200]),
        ("bytes=a-b", &[200, 416]),
        ("bytes=--1", &[200, 416]),
        ("bytes=0-0,2-2,4-4", &[200, 206]),
        (&many, &[200, 206, 431]),
    ] {
        let (status, length) = status_of(&stranger, Method::GET, &path, &[("range", range)]).await;
        let shown: String = range.chars().take(40).collect();
        assert!(allowed.contains(&status), "{shown}: {status}");
        assert!(length <= whole.max(1_000), "{shown}: {length} bytes");
        fort.stands(&shown).await;
    }
    let (status, length) = status_of(&stranger, Method::HEAD, &path, &[]).await;
    assert!(matches!((status, length), (200 | 405, 0)), "HEAD: {status} with {length} bytes");
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        assert_eq!(status_of(&stranger, method.clone(), &path, &[]).await.0, 405, "{method}");
    }
}
