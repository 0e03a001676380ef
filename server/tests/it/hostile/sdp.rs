//! Descriptions that no phone offers or answers (§3.3 D): refused, declined or ignored, and never followed.

use std::time::Duration;

use sip_proto::message::{Message, Method};
use testkit::{RawPhone, until};

use super::{
    Fort,
    callee::{Callee, invite, reply, sdp},
};

/// What becomes of an offer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// The caller is told 400, 413, 415 or 488; the callee does not hear of the call.
    Refused,
    /// The odd part is passed over: the callee is called.
    Called,
    /// One or the other: the RFCs leave it open.
    Either,
}

use Fate::{Called, Either, Refused};

fn offers() -> Vec<(&'static str, String, Fate)> {
    let good = sdp(40_000);
    let with = |line: &str| format!("{good}{line}\r\n");
    let swapped = |from: &str, to: &str| good.replace(from, to);
    let audio = "m=audio 40000 RTP/AVP 8 101";
    let media = |line: &str| swapped(audio, line);
    let connection = |address: &str| swapped("c=IN IP4 127.0.0.1", &format!("c=IN {address}"));
    vec![
        ("as it should be", good.clone(), Called),
        ("D01 fmtp without a value", with("a=fmtp:"), Either),
        ("D01 fmtp of an impossible type", with("a=fmtp:999999999999 x"), Either),
        ("D01 fmtp of 3 KiB", with(&format!("a=fmtp:101 {}", "0,".repeat(1_500))), Either),
        ("D03 port 0", media("m=audio 0 RTP/AVP 8"), Refused),
        ("D03 port -1", media("m=audio -1 RTP/AVP 8"), Refused),
        ("D03 port 65536", media("m=audio 65536 RTP/AVP 8"), Refused),
        ("D03 255 ports", media("m=audio 5000/255 RTP/AVP 8"), Refused),
        ("D03 port 1", media("m=audio 1 RTP/AVP 8"), Refused),
        ("D03 the port of SIP", media("m=audio 1023 RTP/AVP 8"), Refused),
        ("D03 no port", media("m=audio RTP/AVP 8"), Refused),
        ("D03 no formats", media("m=audio 40000 RTP/AVP"), Refused),
        ("D05 IPv6 loopback", connection("IP6 ::1"), Refused),
        ("D05 IPv4 in IPv6", connection("IP6 ::ffff:127.0.0.1"), Either),
        ("D05 a name", connection("IP4 localhost"), Refused),
        ("D05 a name of the world", connection("IP4 example.com"), Refused),
        ("D05 multicast", connection("IP4 239.1.1.1/127"), Refused),
        ("D05 broadcast", connection("IP4 255.255.255.255"), Refused),
        ("D05 no address", connection("IP4"), Refused),
        ("D05 nowhere: a hold of old", connection("IP4 0.0.0.0"), Called),
        ("D05 no connection at all", swapped("c=IN IP4 127.0.0.1\r\n", ""), Refused),
        ("D05 RTCP somewhere else", with("a=rtcp:53 IN IP4 8.8.8.8"), Called),
        ("D07 a thousand streams", with(&"m=audio 40000 RTP/AVP 8\r\n".repeat(1_000)), Refused),
        ("D07 nine streams", with(&"m=audio 40000 RTP/AVP 8\r\n".repeat(8)), Refused),
        ("D07 ten thousand attributes", with(&"a=x\r\n".repeat(10_000)), Refused),
        ("D07 501 attributes", with(&"a=x\r\n".repeat(501)), Refused),
        ("D07 a line of 60 KiB", with(&format!("a={}", "x".repeat(60_000))), Refused),
        ("D09 Opus of clock 0", media("m=audio 40000 RTP/AVP 96\r\na=rtpmap:96 opus/0"), Refused),
        ("D09 255 channels", media("m=audio 40000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/255"), Refused),
        ("D09 PCMA at 1 Hz", swapped("a=rtpmap:8 PCMA/8000", "a=rtpmap:8 PCMA/1"), Refused),
        ("D09 events with channels", swapped("event/8000", "event/8000/99"), Either),
        ("D09 one type twice", with("a=rtpmap:8 opus/48000/2"), Either),
        ("D09 type 300", media("m=audio 40000 RTP/AVP 300"), Refused),
        ("D09 200 formats", media(&format!("m=audio 40000 RTP/AVP{}", " 8".repeat(200))), Refused),
        ("D11 DTLS", media("m=audio 40000 UDP/TLS/RTP/SAVPF 8"), Refused),
        ("D11 a fingerprint of MD5", with("a=fingerprint:md5 00"), Either),
        ("D11 SRTP without keys", media("m=audio 40000 RTP/SAVP 8"), Refused),
        ("D13 a setup that is none", with("a=setup:holdconn"), Either),
        ("D13 other media alone", media("m=video 40000 RTP/AVP 31"), Refused),
        ("D17 bare LF", good.replace("\r\n", "\u{1}"), Either),
        ("D17 bare CR", good.replace("\r\n", "\u{2}"), Refused),
        ("D17 NUL at the end", format!("{good}\u{3}"), Refused),
        ("D17 UTF-16", good.chars().flat_map(|c| [c.to_string(), "\u{3}".to_owned()]).collect(), Refused),
        ("D17 a byte order mark", format!("\u{feff}{good}"), Refused),
        ("no origin", swapped("o=- 1 1 IN IP4 127.0.0.1\r\n", ""), Refused),
        ("only a version", "v=0\r\n".to_owned(), Refused),
        ("version 1", swapped("v=0", "v=1"), Refused),
        ("ptime 0", with("a=ptime:0"), Called),
        ("ptime of a day", with("a=ptime:86400000"), Either),
        ("no description", "hello".to_owned(), Refused),
    ]
}

/// Puts bytes in that a text cannot hold.
fn odd_bytes(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = match *byte {
            1 => b'\n',
            2 => b'\r',
            3 => 0,
            other => other,
        };
    }
}

/// Places a call with a description in bytes; returns the final answer.
async fn offer(phone: &mut RawPhone, template: &str) -> Message {
    // The login is asked for by an INVITE that has nothing odd.
    phone.new_call();
    phone.send(&invite(&sdp(40_000)).replace("{login}\n", "")).await.unwrap();
    let challenge = phone.final_response().await.unwrap();
    let login = phone.login(&challenge, template).unwrap();
    phone.send_bytes_of(&template.replace("{login}\n", &login), odd_bytes).await.unwrap();
    let answer = phone.final_response().await.unwrap();
    phone.acknowledge(&answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_offer_is_refused_or_its_oddness_is_ignored() {
    let mut fort = Fort::open().await;
    let mut callee = Callee::busy(fort.phone("1002").await);
    let password = fort.extension("1001").await;
    let mut wrong = Vec::new();
    for transport in ["UDP", "TCP"] {
        for (id, body, fate) in offers() {
            let mut phone = match transport {
                "UDP" => RawPhone::open("1001", &password, fort.server.sip()).await.unwrap(),
                _ => RawPhone::connect("1001", &password, fort.server.sip()).await.unwrap(),
            };
            // Ports rest for two seconds after a call: 503 says that all of them do.
            let status = until("a media port is free", Duration::from_secs(10), async || {
                offer(&mut phone, &invite(&body)).await.status().filter(|status| *status != 503)
            });
            let status = status.await.unwrap();
            let called = callee.invites() > 0;
            let fits = match fate {
                Refused => !called && [400, 413, 415, 488, 606].contains(&status),
                Called => called && status == 486,
                Either => called && status == 486 || !called && [400, 488].contains(&status),
            };
            if !fits {
                wrong.push(format!("{id} by {transport}: {status}, called {called}, for {fate:?}"));
            }
            fort.stands(id).await;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    fort.is_empty().await;
}

/// D15: the callee's answer is as little to be trusted as an offer. The caller hears of a failure, and there is a record.
#[tokio::test(flavor = "multi_thread")]
async fn an_odd_answer_ends_the_call_with_a_record() {
    let mut fort = Fort::open().await;
    let password = fort.extension("1001").await;
    let answers = [
        ("D15 more streams than were offered", format!("{}m=audio 40002 RTP/AVP 8\r\n", sdp(40_000))),
        ("D15 no streams", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n".to_owned()),
        ("D15 another codec", sdp(40_000).replace("8 101", "18").replace("8 PCMA", "18 G729")),
        ("D15 the types exchanged", sdp(40_000).replace("8 PCMA/8000", "8 telephone-event/8000")),
        ("D15 everything declined", sdp(0)),
        ("D15 a low port", sdp(22)),
        ("D15 multicast", sdp(40_000).replace("c=IN IP4 127.0.0.1", "c=IN IP4 224.0.0.1")),
        ("D15 no description at all", String::new()),
        ("D15 rubbish", "<html>".to_owned()),
    ];
    let mut before = 0;
    let mut callees = Vec::new();
    for (row, (id, answer)) in answers.into_iter().enumerate() {
        let number = format!("20{row:02}");
        let callee = fort.phone(&number).await;
        callees.push(Callee::start(callee, move |invite| {
            reply(invite, 200, Some(&answer).filter(|a| !a.is_empty()).map(|a| a.as_str()))
        }));
        let mut phone = RawPhone::open("1001", &password, fort.server.sip()).await.unwrap();
        let answer = phone.request(&invite(&sdp(40_000)).replace("1002", &number)).await.unwrap();
        phone.acknowledge(&answer).await.unwrap();
        assert!(answer.status().is_some_and(|status| status >= 400), "{id}: {:?}", answer.status());
        callees.last_mut().unwrap().next(&Method::Bye).await;
        before = records(&fort, before + 1).await;
        fort.stands(id).await;
    }
    fort.is_empty().await;
}

/// D19: an INVITE without an offer, whose ACK brings no answer, is hung up.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_offer_that_nobody_answers_is_hung_up() {
    let mut fort = Fort::open().await;
    let mut callee = Callee::start(fort.phone("1002").await, |invite| reply(invite, 200, Some(&sdp(40_000))));
    let password = fort.extension("1001").await;
    let late = invite("").replace("Content-Type: application/sdp\n", "");
    for (id, body) in [("no answer", ""), ("rubbish", "rubbish")] {
        let mut phone = RawPhone::open("1001", &password, fort.server.sip()).await.unwrap();
        let answer = phone.request(&late).await.unwrap();
        assert_eq!(answer.status(), Some(200), "{id}");
        assert!(!answer.body().is_empty(), "the 200 brings the offer");
        phone.acknowledge_with(&answer, body).await.unwrap();
        let bye = phone.receive(Duration::from_secs(5)).await.unwrap().expect("a BYE");
        assert_eq!(bye.method(), &Method::Bye, "{id}");
        phone.send_bytes(reply(&bye, 200, None).bytes()).await.unwrap();
        callee.next(&Method::Bye).await;
        fort.stands(id).await;
    }
    records(&fort, 2).await;
    fort.is_empty().await;
}

/// Waits for that many records.
async fn records(fort: &Fort, wanted: usize) -> usize {
    until("the call has its record", Duration::from_secs(10), async || {
        let reply = fort.server.crm().get("/api/pbx/cdr").await.ok()?;
        (reply.json["data"].as_array()?.len() >= wanted).then_some(wanted)
    })
    .await
    .unwrap()
}
