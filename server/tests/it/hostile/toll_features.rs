//! T58, T60: what the thief of an extension's password tries by the features of the exchange, since dialling is refused.
//!
//! Each way ends in a refusal, no call reaches the carrier, and the audit log names the extension whose right was asked.

use std::time::Duration;

use sandbox::{Agent, Call, Voice};
use serde_json::{Value, json};
use sip_proto::message::{Name, ResponseBuilder};
use testkit::{
    RawPhone, World, until,
    world::{NOTICED, PATIENCE},
};

use super::callee::{Callee, invite, sdp};
use crate::calls::{ZORIO, talk};

/// A premium number of the country, and one of a country that nobody opened.
const DEAR: [&str; 2] = ["19001234", "+5354123456"];

struct House {
    world: World,
    thief: Agent,
    colleague: Agent,
}

async fn house() -> House {
    let settings = [("ZORIO_LIMITS__PBX", "100000"), ("ZORIO_CALLS__RING_SECONDS", "3")];
    let world = World::open(ZORIO, &settings).await.unwrap();
    let (thief, colleague) = (world.agent("1001").await.unwrap(), world.agent("1002").await.unwrap());
    House { world, thief, colleague }
}

impl House {
    /// No dear number reached the carrier, and the refusal of this extension's call is in the audit log.
    async fn is_safe(&self, extension: &str) {
        self.alarmed(extension).await;
        let dear = |call: &Call| {
            let number = call.about().number.clone();
            DEAR.iter().any(|dear| number.ends_with(dear.trim_start_matches('+'))).then_some(number)
        };
        let reached: Vec<String> = self.world.carrier.calls().iter().filter_map(dear).collect();
        assert!(reached.is_empty(), "{reached:?} reached the carrier");
    }

    async fn alarmed(&self, extension: &str) {
        let query = "select target, detail from audit_log where action = 'toll.refused'";
        let (server, target) = (&self.world.server, format!("extension:{extension}"));
        until("the refusal is in the audit log", PATIENCE, async || {
            let rows = server.database().rows(&server.data_folder(), query).await.ok()?;
            rows.iter().any(|(known, _)| *known == target).then_some(())
        })
        .await
        .unwrap();
    }

    async fn talking(&self) -> (Call, Call) {
        let near = self.thief.dial("1002").unwrap();
        let far = self.colleague.call(PATIENCE, |far| !far.is_over()).await.unwrap();
        talk::hears(&near, Voice::of_agent("1002")).await;
        talk::hears(&far, Voice::of_agent("1001")).await;
        (near, far)
    }

    async fn uuid(&self) -> String {
        let live: Value = self.world.crm().get("/api/pbx/calls").await.unwrap().json;
        live["data"][0]["call_uuid"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_forward_leads_to_a_dear_number() {
    let house = house().await;
    for (extension, dear) in [("1003", DEAR[0]), ("1004", DEAR[1])] {
        house.world.server.extension(extension).await.unwrap();
        for when in ["--always", "--offline"] {
            house.world.server.admin(&["forwarding", "set", extension, when, dear]).await.unwrap();
            tokio::time::sleep(NOTICED).await;
            let ending = house.thief.dial(extension).unwrap().over(PATIENCE).await.unwrap();
            assert_eq!((ending.answered, ending.status), (false, Some(403)), "{dear} {when}: {ending:?}");
        }
        house.is_safe(extension).await;
    }
    // The thief's own phone sets it by code; whoever calls the extension is refused.
    let code = house.thief.dial(&format!("*72{}", DEAR[0])).unwrap();
    code.over(PATIENCE).await;
    tokio::time::sleep(NOTICED).await;
    let ending = house.colleague.dial("1001").unwrap().over(PATIENCE).await.unwrap();
    assert_eq!((ending.answered, ending.status), (false, Some(403)), "{ending:?}");
    house.is_safe("1001").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_refer_leads_to_a_dear_number() {
    let house = house().await;
    let (near, far) = house.talking().await;
    for dear in DEAR {
        near.refer_to(dear, "127.0.0.1");
        assert_eq!(near.referred(PATIENCE).await, Some(403), "{dear}");
        talk::hears(&far, Voice::of_agent("1001")).await;
    }
    house.is_safe("1001").await;
    // Attended: whoever would be asked is not reached.
    near.hold();
    let asks = house.thief.dial(DEAR[0]).unwrap();
    let ending = asks.over(PATIENCE).await.unwrap();
    assert_eq!((ending.answered, ending.status), (false, Some(403)), "{ending:?}");
    near.hang_up();
    house.is_safe("1001").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_transfer_by_the_api_or_by_keys_leads_to_a_dear_number() {
    let house = house().await;
    house.world.server.admin(&["dialling", "set", "--in-call-keys", "true"]).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    let (near, far) = house.talking().await;
    let path = format!("/api/pbx/calls/{}/transfer", house.uuid().await);
    for (dear, mode) in DEAR.into_iter().zip(["blind", "attended"]) {
        let reply = house.world.crm().post(&path, &json!({ "to": dear, "mode": mode })).await.unwrap();
        assert_eq!((reply.status, &reply.json["code"]), (409, &"pbx.unreachable".into()), "{dear}: {}", reply.json);
    }
    // The API hands calls on for the extension that answered.
    house.is_safe("1002").await;
    near.hang_up();
    assert!(far.over(PATIENCE).await.is_some());
    let (near, far) = house.talking().await;
    for code in ["##", "*3"] {
        near.press(&format!("{code}{}#", DEAR[0]));
        talk::hears_music(&far).await;
        talk::hears(&far, Voice::of_agent("1001")).await;
    }
    house.is_safe("1001").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_of_a_phone_leads_to_a_dear_number() {
    let house = house().await;
    for (extension, dear) in [("1003", DEAR[0]), ("1004", DEAR[1])] {
        let password = house.world.server.extension(extension).await.unwrap();
        tokio::time::sleep(NOTICED).await;
        let mut phone = RawPhone::open(extension, &password, house.world.server.sip()).await.unwrap();
        phone.register(&house.world.server.sip().to_string()).await.unwrap();
        let contact = format!("<sip:{dear}@127.0.0.1>");
        let _callee = Callee::start(phone, move |invite| {
            ResponseBuilder::for_request(invite, 302, "")
                .to_tag("away")
                .header(Name::Contact, contact.as_str())
                .finish()
        });
        let ending = house.thief.dial(extension).unwrap().over(PATIENCE).await.unwrap();
        assert!(!ending.answered && ending.status.is_some(), "{dear}: {ending:?}");
        house.is_safe(extension).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_group_and_keys_of_a_menu_are_inside() {
    let house = house().await;
    let server = &house.world.server;
    for dear in DEAR {
        let group = ["ring-group", "create", "--name", dear, "--member", dear];
        assert!(server.admin(&group).await.is_err(), "{dear} is no member");
        let fallback = format!("outbound:{dear}");
        let group = ["ring-group", "create", "--name", dear, "--member", "1002", "--fallback", &fallback];
        assert!(server.admin(&group).await.is_err(), "{dear} is no fallback");
        let key = format!("1=extension:{dear}");
        assert!(server.admin(&["menu", "create", "--name", dear, "--key", &key]).await.is_err(), "{dear} is no choice");
    }
    // A member's own forward is not followed by the group.
    server.extension("1003").await.unwrap();
    server.admin(&["forwarding", "set", "1003", "--always", DEAR[0]]).await.unwrap();
    server.admin(&["ring-group", "create", "--name", "night", "--number", "600", "--member", "1003"]).await.unwrap();
    server.admin(&["menu", "create", "--name", "front", "--number", "700", "--dial-digits", "8"]).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    let ending = house.thief.dial("600").unwrap().over(PATIENCE).await.unwrap();
    assert!(!ending.answered, "{ending:?}");
    let menu = house.thief.dial("700").unwrap();
    assert!(menu.up(PATIENCE).await);
    menu.press(DEAR[0]);
    menu.over(PATIENCE).await;
    assert!(house.world.carrier.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_called_back_at_a_dear_number() {
    let house = house().await;
    let (server, crm) = (&house.world.server, house.world.crm());
    let queue = json!({ "name": "support", "queue_number": "800", "strategy": "ring-all", "callback_key": "1" });
    crm.post("/api/pbx/queues", &queue).await.unwrap().expect_status(201).unwrap();
    let tier = json!({ "extension": "1002", "tier_level": 1, "tier_position": 1 });
    crm.post("/api/pbx/queues/support/tiers", &tier).await.unwrap().expect_status(201).unwrap();
    // Calls from outside reach the queue by an extension that forwards to it.
    server.extension("1005").await.unwrap();
    server.admin(&["forwarding", "set", "1005", "--always", "800"]).await.unwrap();
    let carrier = "127.6.6.12";
    let create = ["trunk", "create", "--name", "other", "--host", carrier, "--auth", "ip", "--sources", carrier];
    let trunk = server.admin(&create).await.unwrap()["id"].to_string();
    let did = "02873001234";
    server.admin(&["route", "create", "--did", did, "--extension", "1005", "--trunk-id", &trunk]).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    let mut caller = RawPhone::open_at(carrier, DEAR[0], "", server.sip()).await.unwrap();
    let dialled = invite(&sdp(40_000)).replace("{login}\n", "").replace("1002@{server}", &format!("{did}@{{server}}"));
    let sent = caller.send(&dialled).await.unwrap();
    let answer = caller.final_response().await.unwrap();
    assert_eq!(answer.status(), Some(200), "{}", String::from_utf8_lossy(answer.bytes()));
    caller.acknowledge(&answer).await.unwrap();
    let line = |name: &str| sent.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    let to = String::from_utf8_lossy(answer.header(Name::To).unwrap()).into_owned();
    let contact = answer.contacts().next().unwrap().uri().as_str().to_owned();
    let within = |method: &str, cseq: u32, body: &str| {
        format!(
            "{method} {contact} SIP/2.0\nVia: SIP/2.0/UDP {{local}};branch={{branch}};rport\nMax-Forwards: 70\n{}\nTo: {to}\n\
             {}\nCSeq: {cseq} {method}\nContent-Type: application/dtmf-relay\nContent-Length: {{length}}\n\n{body}",
            line("From:"),
            line("Call-ID:"),
        )
    };
    caller.send(&within("INFO", 900, "Signal=1\nDuration=160\n")).await.unwrap();
    // The call back is booked and the caller is let go, or leaves by himself.
    tokio::time::sleep(Duration::from_secs(2)).await;
    caller.send(&within("BYE", 901, "")).await.unwrap();
    crm.put("/api/pbx/agents/1002/status", &json!({ "status": "available" })).await.unwrap();
    house.is_safe("1002").await;
}
