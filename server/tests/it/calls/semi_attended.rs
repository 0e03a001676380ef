//! Transfers before the one who is asked has answered.

use std::time::Duration;

use sandbox::{Reaction, Talk, Voice};
use serde_json::json;
use sip_proto::message::{Message, Name};
use testkit::{
    RawPhone, World, until,
    world::{NOTICED, PATIENCE},
};

use super::{
    talk::{self, CUSTOMER, all_over, hears},
    world,
};

/// A description of one G.711 stream that nobody listens to.
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 101\r\n\
a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

/// A phone that answers only after so long.
fn slowly(extension: &str) -> Reaction {
    Reaction::Answers { after: Duration::from_millis(2_500), talk: Talk::in_voice(Voice::of_agent(extension)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_completes_a_transfer_while_the_second_agent_still_rings() {
    let world = world().await;
    let talk::Talk { call, near, far, agent } = talk::talking(&world).await;
    let second = world.agent_that("1002", slowly("1002")).await.unwrap();
    let path = format!("/api/pbx/calls/{call}/transfer");
    let reply = world.crm().post(&path, &json!({ "to": "1002", "mode": "attended" })).await.unwrap();
    assert_eq!(reply.status, 202, "{}", reply.json);
    let asked = second.call(PATIENCE, |_| true).await.unwrap();
    let reply = world.crm().post(&format!("{path}/complete"), &json!({})).await.unwrap();
    assert_eq!(reply.status, 202, "{}", reply.json);
    hears(&far, Voice::of_agent("1002")).await;
    hears(&asked, Voice::of_customer(CUSTOMER)).await;
    assert!(near.over(PATIENCE).await.is_some(), "the first agent is free");
    asked.hang_up();
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!((&cdr["transfer_count"], &cdr["agent_extension"]), (&1.into(), &"1002".into()), "{cdr}");
    drop(agent);
}

/// Dials on that phone and returns the first answer but 100, and what was sent.
async fn dial(phone: &mut RawPhone, number: &str) -> (String, Message) {
    phone.new_call();
    let invite = INVITE.replace("{number}", number) + SDP;
    phone.send(&invite.replace("{login}\n", "")).await.unwrap();
    let challenge = phone.final_response().await.unwrap();
    phone.acknowledge(&challenge).await.unwrap();
    let login = phone.login(&challenge, &invite).unwrap();
    let sent = phone.send(&invite.replace("{login}\n", &login)).await.unwrap();
    loop {
        let answer = phone.receive(Duration::from_secs(5)).await.unwrap().expect("an answer");
        if answer.status().is_some_and(|status| status > 100) {
            return (sent, answer);
        }
    }
}

fn field<'a>(sent: &'a str, name: &str) -> &'a str {
    sent.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap().trim()
}

const INVITE: &str = "INVITE sip:{number}@{server} SIP/2.0\nVia: SIP/2.0/UDP {local};branch={branch};rport\n\
Max-Forwards: 70\nFrom: <sip:{user}@{server}>;tag={tag}\nTo: <sip:{number}@{server}>\nCall-ID: {call}\n\
CSeq: {cseq} INVITE\nContact: <sip:{user}@{local}>\n{login}\nContent-Type: application/sdp\nContent-Length: {length}\n\n";

/// What a REFER's Replaces names is a call of that phone which still rings: whoever is asked rings on, for the other side.
async fn semi_attended(world: &World, second: Reaction) -> (sandbox::Call, Option<sandbox::Call>, Vec<String>) {
    let customer = world.agent("1003").await.unwrap();
    let second = world.agent_that("1002", second).await.unwrap();
    let password = world.server.extension("1001").await.unwrap();
    tokio::time::sleep(NOTICED).await;
    let mut phone = RawPhone::open("1001", &password, world.server.sip()).await.unwrap();
    let (first, mut answer) = dial(&mut phone, "1003").await;
    while answer.status() != Some(200) {
        answer = phone.receive(Duration::from_secs(5)).await.unwrap().expect("the first call is answered");
    }
    phone.acknowledge(&answer).await.unwrap();
    let far = customer.call(PATIENCE, |_| true).await.unwrap();
    let to = String::from_utf8_lossy(answer.header(Name::To).unwrap()).into_owned();
    let contact = answer.contacts().next().unwrap().uri().as_str().to_owned();
    let (consult, ringing) = dial(&mut phone, "1002").await;
    assert_eq!(ringing.status(), Some(180));
    let rings = second.call(PATIENCE, |_| true).await.unwrap();
    let tag = |value: &str| value.split("tag=").nth(1).unwrap().to_owned();
    let theirs = tag(&String::from_utf8_lossy(ringing.header(Name::To).unwrap()));
    let ours = tag(field(&consult, "From"));
    let replaces =
        format!("{}%3Bto-tag%3D{theirs}%3Bfrom-tag%3D{ours}", field(&consult, "Call-ID").replace('@', "%40"));
    let refer = format!(
        "REFER {contact} SIP/2.0\nVia: SIP/2.0/UDP {{local}};branch={{branch}};rport\nMax-Forwards: 70\nFrom: {}\nTo: {to}\n\
         Call-ID: {}\nCSeq: 500 REFER\nContact: <sip:1001@{{local}}>\n\
         Refer-To: <sip:1002@{{server}}?Replaces={replaces}>\nContent-Length: 0\n\n",
        field(&first, "From"),
        field(&first, "Call-ID"),
    );
    phone.send(&refer).await.unwrap();
    // The answer, the news, and the end of the call that was asked in.
    let mut told = Vec::new();
    while let Some(message) = phone.receive(Duration::from_secs(8)).await.unwrap() {
        let text = String::from_utf8_lossy(message.bytes()).into_owned();
        if message.is_request() {
            let answer = sip_proto::message::ResponseBuilder::for_request(&message, 200, "OK").finish();
            phone.send_bytes(answer.bytes()).await.unwrap();
        } else if message.status().is_some_and(|status| status >= 300) {
            phone.acknowledge(&message).await.unwrap();
        }
        let over = text.starts_with("BYE ") || text.contains("SIP/2.0 486");
        told.push(text);
        if over {
            break;
        }
    }
    // The phones stay registered as long as somebody holds them.
    std::mem::forget((customer, second));
    (far, Some(rings), told)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_hands_the_customer_on_by_refer_to_one_who_still_rings() {
    let world = world().await;
    let (far, rings, told) = semi_attended(&world, slowly("1002")).await;
    let taken = rings.unwrap();
    assert!(taken.up(PATIENCE).await, "the same ringing is answered: {told:#?}");
    hears(&far, Voice::of_agent("1002")).await;
    hears(&taken, Voice::of_agent("1003")).await;
    let heard = |what: &str| told.iter().any(|text| text.contains(what));
    assert!(heard("SIP/2.0 202") && heard("SIP/2.0 487"), "{told:#?}");
    assert!(told.iter().any(|text| text.starts_with("NOTIFY ") && text.contains("SIP/2.0 200")), "{told:#?}");
    taken.hang_up();
    assert!(far.over(PATIENCE).await.is_some());
    all_over(&world).await;
    let records = until("both records are written", PATIENCE, async || {
        let reply = world.crm().get("/api/pbx/cdr").await.ok()?;
        (reply.json["total"] == 2).then_some(reply.json)
    })
    .await
    .unwrap();
    let of = |number: &str| {
        let all = records["data"].as_array().unwrap();
        all.iter().find(|cdr| cdr["destination_number"] == number).unwrap().clone()
    };
    let (kept, asked) = (of("1003"), of("1002"));
    assert_eq!((&kept["result"], &kept["transfer_count"]), (&"answered".into(), &1.into()), "{kept}");
    assert_eq!((&asked["result"], &asked["transfer_count"]), (&"cancelled".into(), &0.into()), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_rings_and_then_refuses_gives_the_customer_back() {
    let world = world().await;
    let (far, rings, told) = semi_attended(&world, Reaction::Rings).await;
    assert!(!rings.unwrap().over(PATIENCE).await.unwrap().answered);
    assert!(!far.is_over(), "the first two talk again");
    assert!(told.iter().any(|text| text.starts_with("NOTIFY ") && text.contains("SIP/2.0 4")), "{told:#?}");
    far.hang_up();
    all_over(&world).await;
}
