//! What a phone claims in its calls, and where others point the server to.

use std::{net::SocketAddr, time::Duration};

use sip_proto::message::{Method, Name, ResponseBuilder};
use testkit::{RawPhone, raw_phone::REGISTER};
use tokio::net::UdpSocket;

use super::{
    Fort,
    callee::{Callee, invite, reply, sdp},
};

/// Lines that a caller adds, and what of them must not reach the other phone. `{lf}` and its like are bytes.
const CLAIMS: [(&str, &str, &str); 20] = [
    ("S05 a blank before the colon", "X-Internal : 1", "X-Internal"),
    ("S05 a tab before the colon", "X-Internal\t: 1", "X-Internal"),
    ("S43 our own headers", "X-Zorio-Account: 2", "X-Zorio"),
    ("S43 charging", "P-Charging-Vector: icid-value=evil", "evil"),
    ("S43 privacy", "Privacy: id;critical", "critical"),
    ("T9 an asserted identity", "P-Asserted-Identity: <sip:113@evil.example>", "evil"),
    ("T9 a preferred identity", "P-Preferred-Identity: <sip:113@evil.example>", "evil"),
    ("T9 a remote party", "Remote-Party-ID: <sip:113@evil.example>;party=calling", "evil"),
    ("T9 a diversion", "Diversion: <sip:113@evil.example>", "evil"),
    ("T9 a history", "History-Info: <sip:113@evil.example>;index=1", "evil"),
    ("T9 a signature of the network", "Identity: evil;info=<https://evil.example/>", "evil"),
    ("S21 a route", "Route: <sip:evil.example;lr>", "evil"),
    ("S21 a recorded route", "Record-Route: <sip:evil.example;lr>", "evil"),
    ("S55 a call's sound", "Alert-Info: <http://evil.example/ring.wav>", "evil"),
    ("S55 a picture", "Call-Info: <http://evil.example/x.png>;purpose=icon", "evil"),
    ("S55 a subject", "Subject: <script>evil()</script>", "evil"),
    ("S55 a program's name", "User-Agent: evil<script>alert(1)</script>\u{202e}", "evil"),
    ("S33 a timer of a second", "Session-Expires: 1;refresher=evil", "evil"),
    ("S35 somebody else's call", "Replaces: evil;to-tag=1;from-tag=2", "evil"),
    ("S35 joining", "Join: evil;to-tag=1;from-tag=2", "evil"),
];

/// Names that a caller shows.
const NAMES: [&str; 8] = [
    "\"<script>alert('evil')</script>\"",
    "\"\\\"><img src=x onerror=evil>\"",
    "\"'; DROP TABLE cdr;-- evil\"",
    "\"=HYPERLINK(\\\"http://evil.example\\\")\"",
    "\"[ERROR] evil log\"",
    "\"\u{202e}live\u{202c} evil\"",
    "\"\u{1b}[31mevil\u{7}\"",
    "evil",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_who_signed_in_and_nothing_else_gets_through() {
    let mut fort = Fort::open().await;
    let mut callee = Callee::busy(fort.phone("1002").await);
    let password = fort.extension("1001").await;
    let mut phone = RawPhone::open("1001", &password, fort.server.sip()).await.unwrap();
    let plain = invite(&sdp(40_000));
    let mut rows: Vec<(String, String, &str)> = CLAIMS
        .iter()
        .map(|(id, line, never)| {
            ((*id).to_owned(), plain.replace("{login}\n", &format!("{line}\n{{login}}\n")), *never)
        })
        .collect();
    for name in NAMES {
        let from = format!("From: {name} <sip:113@evil.example>");
        rows.push((name.to_owned(), plain.replace("From: <sip:{user}@{server}>", &from), "evil"));
    }
    let long = "e".repeat(5_000);
    let from = format!("From: \"{long}\" <sip:1001@h>");
    rows.push(("S55 a name of 5 KiB".to_owned(), plain.replace("From: <sip:{user}@{server}>", &from), &long[..100]));
    for (id, template, never) in rows {
        phone.new_call();
        let answer = phone.request(&template).await.unwrap();
        phone.acknowledge(&answer).await.unwrap();
        if answer.status() == Some(486) {
            let call = callee.next(&Method::Invite).await;
            let text = String::from_utf8_lossy(call.bytes()).into_owned();
            assert!(!text.contains(never), "{id}: {text}");
            assert_eq!(call.from().unwrap().uri().user().unwrap_or_default(), "1001", "{id}");
        } else {
            assert!(matches!(answer.status(), Some(400 | 403 | 422 | 481)), "{id}: {:?}", answer.status());
        }
        fort.stands(&id).await;
    }
    let records = fort.server.crm().get("/api/pbx/cdr").await.unwrap();
    for record in records.json["data"].as_array().unwrap() {
        assert_eq!(record["caller_number"], "1001", "{record}");
    }
    let reply = fort.server.crm().get("/api/pbx/cdr?format=csv").await.unwrap();
    assert!(!String::from_utf8_lossy(&reply.bytes).contains("evil"), "{reply:?}");
}

/// S45 and S21: neither a registered address nor a redirection makes the server call somewhere else.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_the_server_send_to_a_third_party() {
    let mut fort = Fort::open().await;
    let lure = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = lure.local_addr().unwrap().port();
    let caller_password = fort.extension("1001").await;
    // 1002 answers 302, to the lure and to a premium number.
    let redirecting = Callee::start(fort.phone("1002").await, move |invite| {
        let contact = format!("<sip:1900123456@127.0.0.1:{port}>, <sip:84281234567@127.0.0.1:{port}>");
        ResponseBuilder::for_request(invite, 302, "").to_tag("x").header(Name::Contact, contact).finish()
    });
    // 1003 registers the lure as its own address.
    let password = fort.extension("1003").await;
    let mut liar = RawPhone::open("1003", &password, fort.server.sip()).await.unwrap();
    let elsewhere = format!("Contact: <sip:1003@127.0.0.1:{port}>");
    let template = REGISTER.replace("{domain}", &fort.domain).replace("Contact: <sip:{user}@{local}>", &elsewhere);
    assert_eq!(liar.request(&template).await.unwrap().status(), Some(200));
    let lied_to = Callee::busy(liar);
    for number in ["1002", "1003"] {
        let mut phone = RawPhone::open("1001", &caller_password, fort.server.sip()).await.unwrap();
        let answer = phone.request(&invite(&sdp(40_000)).replace("1002", number)).await.unwrap();
        phone.acknowledge(&answer).await.unwrap();
        assert!(answer.status().is_some_and(|status| status >= 400), "{number}: {:?}", answer.status());
        fort.stands(number).await;
    }
    assert!(lure.try_recv(&mut [0; 2_000]).is_err(), "the server called the lure");
    drop((redirecting, lied_to));
    fort.is_empty().await;
}

/// S27: the same call on two ways is one call.
#[tokio::test(flavor = "multi_thread")]
async fn a_merged_request_is_482_and_a_loop_483() {
    let mut fort = Fort::open().await;
    let mut callee = Callee::start(fort.phone("1002").await, |invite| reply(invite, 180, None));
    let password = fort.extension("1001").await;
    let mut phone = RawPhone::open("1001", &password, fort.server.sip()).await.unwrap();
    let template = invite(&sdp(40_000));
    phone.send(&template.replace("{login}\n", "")).await.unwrap();
    let challenge = phone.final_response().await.unwrap();
    let login = phone.login(&challenge, &template).unwrap();
    let first = phone.send(&template.replace("{login}\n", &login)).await.unwrap();
    callee.next(&Method::Invite).await;
    let branch = first.split("branch=").nth(1).unwrap().split(';').next().unwrap();
    phone.send_bytes(first.replace(branch, "z9hG4bKother").as_bytes()).await.unwrap();
    assert_eq!(phone.final_response().await.unwrap().status(), Some(482));
    assert_eq!(callee.invites(), 0, "it rang once");
    // Somebody else cannot end it.
    let mut stranger = RawPhone::open_at("127.5.5.5", "1001", "", fort.server.sip()).await.unwrap();
    let cancel = first.split("\r\n\r\n").next().unwrap().replace("INVITE", "CANCEL");
    let cancel: Vec<&str> = cancel.lines().filter(|line| !line.starts_with("Content-")).collect();
    let cancel = format!("{}\r\nContent-Length: 0\r\n\r\n", cancel.join("\r\n"));
    // The Via of the stranger's own address, for the answer to come back.
    let (own, theirs): (SocketAddr, SocketAddr) = (phone.address().unwrap(), stranger.address().unwrap());
    stranger.send_bytes(cancel.replace(&own.to_string(), &theirs.to_string()).as_bytes()).await.unwrap();
    assert_eq!(stranger.final_response().await.unwrap().status(), Some(481));
    fort.stands("CANCEL of a stranger").await;
    // The caller can.
    phone.send_bytes(cancel.as_bytes()).await.unwrap();
    let ended = testkit::until("the call is cancelled", Duration::from_secs(5), async || {
        (phone.final_response().await.unwrap().status() == Some(487)).then_some(())
    });
    ended.await.unwrap();
    let mut tired = RawPhone::open("1001", &password, fort.server.sip()).await.unwrap();
    let answer = tired.request(&template.replace("Max-Forwards: 70", "Max-Forwards: 0")).await.unwrap();
    assert_eq!(answer.status(), Some(483), "S49");
    fort.stands("S49").await;
    fort.is_empty().await;
}
