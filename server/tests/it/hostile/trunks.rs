//! A carrier that lies or is broken: what it claims of its callers ends up in records, logs and phones.

use std::time::Duration;

use serde_json::Value;
use sip_proto::message::{Method, Name, ResponseBuilder, parse};
use testkit::{RawPhone, until, world::NOTICED};

use super::{
    Fort,
    callee::{Callee, invite, sdp},
};

/// Longest text of a caller that a record takes.
const LONGEST: usize = 256;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_carrier_says_of_its_callers_the_call_has_a_record() {
    let mut fort = Fort::open().await;
    let mut callee = Callee::busy(fort.phone("1002").await);
    let carrier = "127.6.6.6";
    let create = ["trunk", "create", "--name", "carrier", "--host", carrier, "--auth", "ip", "--sources", carrier];
    let trunk = fort.server.admin(&create).await.unwrap()["id"].to_string();
    let did = "02873001234";
    fort.server.admin(&["route", "create", "--did", did, "--extension", "1002", "--trunk-id", &trunk]).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    let mut phone = RawPhone::open_at(carrier, "0987654321", "", fort.server.sip()).await.unwrap();
    let template = invite(&sdp(40_000)).replace("{login}\n", "").replace("1002@{server}", &format!("{did}@{{server}}"));
    let long = "a".repeat(900);
    let mut calls = 0;
    for (row, from) in [
        ("as it should be", "<sip:0987654321@h>".to_owned()),
        ("NUL in the number", "<sip:098%00765@h>".to_owned()),
        ("line ends in the number", "<sip:098%0d%0aX-Evil:%201@h>".to_owned()),
        ("colours in the number", "<sip:%1b[31m098%07@h>".to_owned()),
        ("bytes in the number", "<sip:%ff%fe%c0%80@h>".to_owned()),
        ("a number of 900 letters", format!("<sip:{long}@h>")),
        ("no number", "<sip:h>".to_owned()),
        ("a telephone", "<tel:+84987654321>".to_owned()),
        ("HTML in the number", "<sip:%3cscript%3ealert(1)%3c/script%3e@h>".to_owned()),
        ("quotes in the number", "<sip:'%20or%201=1--@h>".to_owned()),
        ("NUL in the name", "\"a\\\u{1}b\" <sip:098@h>".to_owned()),
        ("colours in the name", "\"\u{1b}[31m\u{7}\" <sip:098@h>".to_owned()),
        ("a name that turns the text round", "\"\u{202e}evil\" <sip:098@h>".to_owned()),
        ("a name of 5 KiB", format!("\"{}\" <sip:098@h>", "\u{1f600}".repeat(1_200))),
        ("an anonymous caller", "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned()),
    ] {
        phone.new_call();
        let template = template.replace("From: <sip:{user}@{server}>", &format!("From: {from}"));
        let nul = |bytes: &mut [u8]| bytes.iter_mut().filter(|byte| **byte == 1).for_each(|byte| *byte = 0);
        phone.send_bytes_of(&template, nul).await.unwrap();
        // A refusal repeats what was wrong.
        let answer = until("a final answer", Duration::from_secs(5), async || {
            let answer = phone.receive_bytes(Duration::from_secs(5)).await.unwrap()?;
            (!answer.starts_with(b"SIP/2.0 1")).then_some(answer)
        })
        .await
        .unwrap();
        if answer.starts_with(b"SIP/2.0 400 ") {
            fort.stands(row).await;
            continue;
        }
        let answer = parse(answer).unwrap();
        assert_eq!(answer.status(), Some(486), "{row}");
        phone.acknowledge(&answer).await.unwrap();
        let call = callee.next(&Method::Invite).await;
        let head = String::from_utf8_lossy(call.bytes()).into_owned();
        assert!(!head.contains("\nX-Evil"), "{row}: {head}");
        calls += 1;
        let records = until("the call has its record", Duration::from_secs(10), async || {
            let reply = fort.server.crm().get("/api/pbx/cdr").await.ok()?;
            let records = reply.json["data"].as_array()?.clone();
            (records.len() == calls).then_some(records)
        });
        let records = records.await.unwrap_or_else(|error| panic!("{row}: {error}"));
        check(row, &records[0]);
        fort.stands(row).await;
    }
    fort.is_empty().await;
}

/// No text of a record has control characters or no end.
fn check(row: &str, record: &Value) {
    for (field, value) in record.as_object().unwrap() {
        let text = value.as_str().unwrap_or_default();
        assert!(!text.chars().any(char::is_control), "{row}: {field} is {text:?}");
        assert!(text.chars().count() <= LONGEST, "{row}: {field} has {} characters", text.chars().count());
    }
}

/// T3: the password of a trunk is proved to its realm alone, whoever asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_trunks_login_is_shown_to_its_realm_alone() {
    let mut fort = Fort::open().await;
    let phone = RawPhone::open_at("127.6.6.7", "carrier", "", fort.server.sip()).await.unwrap();
    let port = phone.address().unwrap().port().to_string();
    let secret = "the trunk's password";
    fort.keep_secret(secret);
    let create =
        ["trunk", "create", "--name", "carrier", "--host", "127.6.6.7", "--port", &port, "--username", "zorio"];
    let login = ["--password", secret, "--realm", "carrier.example"];
    let trunk = fort.server.admin(&[&create[..], &login].concat()).await.unwrap()["id"].as_i64().unwrap();
    fort.server.default_route(trunk).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    // Which realm it asks for depends on the number that is dialled.
    let mut carrier = Callee::start(phone, |invite| {
        let dialled = String::from_utf8_lossy(invite.raw_request_uri().unwrap_or_default()).into_owned();
        let number = dialled.split('@').next().unwrap_or_default();
        let realm = ["zorio", "other.example", "carrier.example"][number.matches('9').count().min(2)];
        let challenge = format!("Digest realm=\"{realm}\",nonce=\"n\",qop=\"auth\"");
        let answer =
            ResponseBuilder::for_request(invite, 407, "").to_tag("x").header(Name::ProxyAuthenticate, challenge);
        answer.finish()
    });
    let password = fort.extension("1001").await;
    for (number, logins) in [("84281234567", 0), ("84281234569", 0), ("84281234599", 1)] {
        let mut caller = RawPhone::open("1001", &password, fort.server.sip()).await.unwrap();
        let dialled = invite(&sdp(40_000)).replace("1002@", &format!("{number}@"));
        let answer = caller.request(&dialled).await.unwrap();
        caller.acknowledge(&answer).await.unwrap();
        assert!(answer.status().is_some_and(|status| status >= 400 && status != 407), "{:?}", answer.status());
        let mut shown = 0;
        for _ in 0..=logins {
            let call = carrier.next(&Method::Invite).await;
            shown += usize::from(call.header(Name::ProxyAuthorization).is_some());
            assert!(!String::from_utf8_lossy(call.bytes()).contains(secret));
        }
        assert_eq!((shown, carrier.invites()), (logins, 0), "to {number}");
        fort.stands(number).await;
    }
    fort.is_empty().await;
}
