//! Who a carrier says calls: believed where the trunk is, shown, and passed on with its signature.

use sip_proto::message::{Method, Name};
use testkit::{RawPhone, until, world::NOTICED};

use crate::hostile::{
    Fort,
    callee::{Callee, invite, reply, sdp},
};

const DID: &str = "02873001234";
const SIGNATURE: &str = "eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiJ9.eyJhdHRlc3QiOiJBIn0.c2lnbmVk;info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken";

/// Makes a trunk of that address, with arguments, whose calls ring 1002.
async fn trunk(fort: &Fort, ip: &str, more: &[&str]) {
    let create = ["trunk", "create", "--name", ip, "--host", ip, "--auth", "ip", "--sources", ip];
    let trunk = fort.server.admin(&[&create[..], more].concat()).await.unwrap()["id"].to_string();
    fort.server.admin(&["route", "create", "--did", DID, "--extension", "1002", "--trunk-id", &trunk]).await.unwrap();
}

/// A call to the number with these headers beside From.
fn call(from: &str, headers: &str) -> String {
    invite(&sdp(40_000))
        .replace("{login}\n", headers)
        .replace("1002@{server}", &format!("{DID}@{{server}}"))
        .replace("From: <sip:{user}@{server}>", &format!("From: {from}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_and_a_number_are_taken_from_a_trunk_that_is_believed_and_a_signature_is_passed_on() {
    let mut fort = Fort::open().await;
    let password = fort.extension("1002").await;
    // By TCP: a datagram has no room for signatures.
    let mut phone = RawPhone::connect("1002", &password, fort.server.sip()).await.unwrap();
    let domain = fort.domain.clone();
    phone.register(&domain).await.unwrap();
    let mut callee = Callee::start(phone, |invite| reply(invite, 486, None));
    trunk(&fort, "127.6.6.10", &["--trusts-identity", "true"]).await;
    trunk(&fort, "127.6.6.11", &[]).await;
    tokio::time::sleep(NOTICED).await;
    let from = "<sip:0900000000@h>";
    let asserted = "P-Asserted-Identity: <sip:+84901234567;verstat=TN-Validation-Passed-A@h>\n";
    let verdict = |result: &str, level: Option<&str>| serde_json::json!({ "result": result, "attestation": level });
    for (ip, from, headers, number, expected) in [
        ("127.6.6.10", from, asserted, "+84901234567", verdict("passed", Some("A"))),
        ("127.6.6.11", from, asserted, "0900000000", serde_json::Value::Null),
        ("127.6.6.10", "<sip:+84909;verstat=TN-Validation-Failed@h>", "", "+84909", verdict("failed", None)),
        ("127.6.6.11", "<sip:+84909;verstat=TN-Validation-Failed@h>", "", "+84909", serde_json::Value::Null),
        (
            "127.6.6.10",
            from,
            "P-Asserted-Identity: <sip:+84901@h>\nPrivacy: id\n",
            "0900000000",
            serde_json::Value::Null,
        ),
    ] {
        let mut carrier = RawPhone::open_at(ip, "carrier", "", fort.server.sip()).await.unwrap();
        let headers = format!("{headers}Identity: {SIGNATURE}\n");
        let answer = carrier.request(&call(from, &headers)).await.unwrap();
        carrier.acknowledge(&answer).await.unwrap();
        let row = format!("{ip} {from} {headers}");
        assert_eq!(answer.status(), Some(486), "{row}");
        let rung = callee.next(&Method::Invite).await;
        assert_eq!(rung.from().unwrap().uri().user(), Some(number), "{row}");
        assert_eq!(rung.header(Name::Identity), Some(SIGNATURE.as_bytes()), "{row}");
        assert!(rung.header(Name::PAssertedIdentity).is_none(), "{row}");
        let record = until("the call has its record", std::time::Duration::from_secs(10), async || {
            let list = fort.server.crm().get("/api/pbx/cdr").await.ok()?;
            let uuid = list.json["data"][0]["uuid"].as_str()?.to_owned();
            let cdr = fort.server.crm().get(&format!("/api/pbx/cdr/{uuid}")).await.ok()?.json["data"].clone();
            (cdr["caller_number"] == number && cdr["legs"][0]["verdict"] == expected).then_some(cdr)
        });
        record.await.unwrap_or_else(|error| panic!("{row}: {error}"));
        fort.is_empty().await;
    }
}
