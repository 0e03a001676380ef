//! S49 and T12: calls that go in circles end soon, whatever the carrier does with them.

use std::time::Duration;

use sip_proto::message::{Message, Method, parse};
use testkit::{RawPhone, until, world::NOTICED};
use tokio::time::Instant;

use super::{
    Fort,
    callee::{invite, reply, sdp},
};

const CARRIER: &str = "127.6.6.12";
const DID: &str = "02873001234";
/// Where 1001 forwards its calls to.
const OUTSIDE: &str = "0912345678";

/// A server whose calls to a number come to 1001, which forwards them outside, to the same carrier.
async fn ring_road(fort: &mut Fort) -> RawPhone {
    let carrier = RawPhone::open_at(CARRIER, "carrier", "", fort.server.sip()).await.unwrap();
    let port = carrier.address().unwrap().port().to_string();
    let create = ["trunk", "create", "--name", "carrier", "--host", CARRIER, "--port", &port, "--sources", CARRIER];
    let trunk = fort.server.admin(&create).await.unwrap()["id"].as_i64().unwrap();
    fort.server.default_route(trunk).await.unwrap();
    let fields = serde_json::json!({ "extension_number": "1001", "max_concurrent": 10 });
    let password = fort.server.extension_with(&fields).await.unwrap();
    let route = ["route", "create", "--did", DID, "--extension", "1001"];
    fort.server.admin(&route).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    let mut phone = RawPhone::open("1001", &password, fort.server.sip()).await.unwrap();
    let forward = invite(&sdp(40_000)).replace("1002@", &format!("*72{OUTSIDE}@"));
    let answer = phone.request(&forward).await.unwrap();
    assert_eq!(answer.status(), Some(200), "calls of 1001 are forwarded");
    phone.acknowledge(&answer).await.unwrap();
    fort.is_empty().await;
    carrier
}

/// Returns the INVITE as the carrier brings it back: to the number that leads here again, with other lines.
fn sent_back(invite: &Message, line: impl Fn(&str) -> String) -> Vec<u8> {
    let text = String::from_utf8_lossy(invite.bytes()).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let (first, rest) = head.split_once("\r\n").unwrap();
    let number = invite.request_uri().unwrap().user().unwrap().to_owned();
    let rest: Vec<String> = rest.split("\r\n").map(line).collect();
    format!("{}\r\n{}\r\n\r\n{body}", first.replacen(&number, DID, 1), rest.join("\r\n")).into_bytes()
}

/// Plays a carrier that sends every call back, until the call that began it all ends; returns how it ended, and how
/// often the carrier was called.
async fn circle(carrier: &mut RawPhone, back: impl Fn(&Message, usize) -> Vec<u8>) -> (u16, usize) {
    let template = invite(&sdp(40_000)).replace("{login}\n", "");
    let sent = carrier.send(&template.replace("1002@{server}", &format!("{DID}@{{server}}"))).await.unwrap();
    let first = parse(sent.into_bytes().into()).unwrap().call_id().to_owned();
    // The calls under way, the newest last: what becomes of one that came back becomes of the one that it came from.
    let (mut asked, mut invites): (Vec<Message>, usize) = (Vec::new(), 0);
    loop {
        let message = carrier.receive(Duration::from_secs(10)).await.unwrap().expect("it ends");
        if message.is_request() {
            if *message.method() == Method::Invite && !asked.iter().any(|known| known.call_id() == message.call_id()) {
                invites += 1;
                carrier.send_bytes(&back(&message, invites)).await.unwrap();
                asked.push(message);
            }
            continue;
        }
        let Some(status) = message.status().filter(|status| *status >= 200) else { continue };
        if message.call_id() == first {
            return (status, invites);
        }
        if let Some(invite) = asked.pop() {
            carrier.send_bytes(reply(&invite, status, None).bytes()).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_passes_a_call_back_is_told_at_once() {
    let mut fort = Fort::open().await;
    let mut carrier = ring_road(&mut fort).await;
    let local = carrier.address().unwrap();
    let began = Instant::now();
    let (status, invites) = circle(&mut carrier, |invite, n| {
        // A proxy: our own Via is still there, below its own.
        sent_back(invite, |line| match line.starts_with("Via:") {
            true => format!("Via: SIP/2.0/UDP {local};branch=z9hG4bKproxy{n}\r\n{line}"),
            false => line.to_owned(),
        })
    })
    .await;
    assert_eq!(invites, 1, "it ended with {status}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    fort.is_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_makes_new_calls_of_one_goes_round_ten_times_at_most() {
    let mut fort = Fort::open().await;
    let mut carrier = ring_road(&mut fort).await;
    let local = carrier.address().unwrap();
    let (status, invites) = circle(&mut carrier, |invite, n| {
        sent_back(invite, |line| match line.split(':').next().unwrap_or_default() {
            "Via" => format!("Via: SIP/2.0/UDP {local};branch=z9hG4bKagain{n}"),
            "Call-ID" => format!("Call-ID: again-{n}"),
            "From" => format!("From: <sip:0900000000@h>;tag=again{n}"),
            "To" => format!("To: <sip:{DID}@h>"),
            // It counts anew.
            "Max-Forwards" => "Max-Forwards: 70".to_owned(),
            "Contact" => format!("Contact: <sip:x@{local}>"),
            _ => line.to_owned(),
        })
    })
    .await;
    // As many calls out at once as the guard lets an extension have.
    assert_eq!((invites, status), (4, 603));
    fort.is_empty().await;
    until("every round has its record", Duration::from_secs(20), async || {
        let list = fort.server.crm().get("/api/pbx/cdr?per_page=200").await.ok()?;
        (list.json["total"].as_u64()? as usize >= invites).then_some(())
    })
    .await
    .unwrap();
}
