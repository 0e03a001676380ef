//! Requests inside of a live call: odd ones of its own phone, right ones of strangers.

use std::time::Duration;

use sip_proto::message::{Method, Name, ResponseBuilder};
use testkit::RawPhone;

use super::{
    Fort,
    callee::{Callee, invite, sdp},
    media::Call,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_request_inside_of_a_call_does_not_end_it() {
    let mut fort = Fort::open().await;
    let mut call = Call::place(&mut fort).await;
    let typed = |kind: &str, body: &str| format!("Content-Type: {kind}\n\n{body}");
    let multicast = sdp(40_000).replace("c=IN IP4 127.0.0.1", "c=IN IP4 239.1.1.1");
    let rows: Vec<(&str, String, &[u16])> = vec![
        ("a new offer to multicast", call.request("INVITE", &typed("application/sdp", &multicast)), &[488]),
        ("a new offer of rubbish", call.request("INVITE", &typed("application/sdp", "rubbish")), &[400, 488]),
        ("a new offer of another kind", call.request("INVITE", &typed("text/html", "<html>")), &[415]),
        ("a new offer of a low port", call.request("INVITE", &typed("application/sdp", &sdp(22))), &[488]),
        ("an update of rubbish", call.request("UPDATE", &typed("application/sdp", "rubbish")), &[400, 488]),
        ("an update of nothing", call.request("UPDATE", ""), &[200]),
        (
            "keys that are none",
            call.request("INFO", &typed("application/dtmf-relay", "Signal=\u{1b}[31m\nDuration=-1")),
            &[200, 400],
        ),
        (
            "keys without end",
            call.request("INFO", &typed("application/dtmf-relay", &"Signal=1\n".repeat(5_000))),
            &[200, 400],
        ),
        ("information of 50 KiB", call.request("INFO", &typed("text/plain", &"x".repeat(50_000))), &[200, 415]),
        ("information without a type", call.request("INFO", "\n\nhello"), &[200, 400, 415]),
        (
            "a transfer to a premium number",
            call.request("REFER", "Refer-To: <sip:1900123456@127.0.0.1>"),
            &[403, 404, 405, 501, 603],
        ),
        ("a transfer to nowhere", call.request("REFER", ""), &[400, 403, 405, 501, 603]),
        ("a message", call.request("MESSAGE", &typed("text/plain", "x")), &[405, 415, 501]),
        ("a subscription", call.request("SUBSCRIBE", "Event: dialog\nExpires: 0"), &[405, 481, 489, 501]),
        (
            "a notification",
            call.request("NOTIFY", "Event: refer\nSubscription-State: terminated"),
            &[405, 481, 489, 501],
        ),
        ("a method of its own", call.request("HACK", ""), &[405, 501]),
        ("a PRACK of nothing", call.request("PRACK", "RAck: 1 1 INVITE"), &[405, 481]),
        ("something that is required", call.request("UPDATE", "Require: magic"), &[420]),
        ("a BYE of the past", call.request("BYE", "").replace("CSeq: {cseq}", "CSeq: 1"), &[400, 500]),
        ("a BYE with another tag", call.request("BYE", "").replace(";tag={tag}", ";tag=other"), &[481]),
        ("a BYE of another call", call.request("BYE", "").replace("{call}", "other"), &[481]),
    ];
    let mut wrong = Vec::new();
    for (row, template, allowed) in rows {
        let is_invite = template.starts_with("INVITE");
        call.caller.send(&template).await.unwrap();
        let answer = call.caller.final_response().await.unwrap();
        if !answer.status().is_some_and(|status| allowed.contains(&status)) {
            wrong.push(format!("{row}: {:?} for {allowed:?}", answer.status()));
        }
        if is_invite {
            call.caller.acknowledge(&answer).await.unwrap();
        }
        call.still_talks(row).await;
        fort.stands(row).await;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // T10: a stranger who knows every identifier of the call, but sits elsewhere.
    let mut stranger = RawPhone::open_at("127.5.5.5", "1001", "", fort.server.sip()).await.unwrap();
    for method in ["BYE", "INVITE", "UPDATE", "INFO", "REFER"] {
        let request = call.request(method, "");
        let forged = call.caller.fill(&request).unwrap();
        let (own, theirs) = (call.caller.address().unwrap().to_string(), stranger.address().unwrap().to_string());
        stranger.send_bytes(forged.replace(&own, &theirs).as_bytes()).await.unwrap();
        assert_eq!(stranger.final_response().await.unwrap().status(), Some(481), "{method} of a stranger");
        call.still_talks(method).await;
        fort.stands(method).await;
    }
    call.hang_up().await;
    let again = call.request("BYE", "");
    call.caller.send(&again).await.unwrap();
    assert_eq!(call.caller.final_response().await.unwrap().status(), Some(481), "a BYE after the BYE");
    fort.is_empty().await;
    fort.stands("the end").await;
}

/// T3: whoever is called learns nothing by asking for a password.
#[tokio::test(flavor = "multi_thread")]
async fn a_callee_that_asks_for_a_login_gets_none() {
    let mut fort = Fort::open().await;
    let password = fort.extension("1001").await;
    for (number, status, name) in [("1002", 401, Name::WwwAuthenticate), ("1003", 407, Name::ProxyAuthenticate)] {
        let mut callee = Callee::start(fort.phone(number).await, move |invite| {
            let challenge = "Digest realm=\"zorio\",nonce=\"n\",qop=\"auth\"";
            ResponseBuilder::for_request(invite, status, "").to_tag("x").header(name, challenge).finish()
        });
        let mut phone = RawPhone::open("1001", &password, fort.server.sip()).await.unwrap();
        let answer = phone.request(&invite(&sdp(40_000)).replace("1002", number)).await.unwrap();
        phone.acknowledge(&answer).await.unwrap();
        assert!(answer.status().is_some_and(|status| status >= 400), "{:?}", answer.status());
        assert!(!matches!(answer.status(), Some(401 | 407)), "the challenge of another was passed on");
        let call = callee.next(&Method::Invite).await;
        for header in [Name::Authorization, Name::ProxyAuthorization] {
            assert!(call.header(header).is_none(), "{number} was shown a login");
        }
        assert_eq!(callee.invites(), 0, "{number} was asked again");
        assert!(phone.receive(Duration::from_millis(1)).await.unwrap().is_none());
        fort.stands(number).await;
    }
    fort.is_empty().await;
}
