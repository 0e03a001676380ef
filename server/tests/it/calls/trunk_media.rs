//! What a trunk's settings make of the voice: codecs in their order, key presses in their manner, encryption.

use std::time::Duration;

use sandbox::{
    Agent, Carrier, Reaction, Says, Talk, carrier,
    phone::{self, Keys, Speaks},
};
use serde_json::{Value, json};
use sip_proto::{message::Method, sdp::Codec};
use testkit::{
    RawPhone, World, until,
    world::{NOTICED, PATIENCE},
};

use super::{talk::both_hear, tls::Papers, world};

const CUSTOMER: &str = "84281234577";

/// Makes a trunk to a carrier with these arguments.
async fn trunk(world: &World, name: &str, at: std::net::SocketAddr, more: &[&str]) {
    let (host, port) = (at.ip().to_string(), at.port().to_string());
    let create = ["trunk", "create", "--name", name, "--host", &host, "--port", &port];
    world.server.admin(&[&create[..], more].concat()).await.unwrap();
}

/// An agent that may have many calls: the next one begins while the last one is being written down.
async fn agent(world: &World) -> Agent {
    let agent = world.agent("1001").await.unwrap();
    let reply = world.crm().put("/api/pbx/extensions/1001", &json!({ "max_concurrent": 10 })).await.unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    agent
}

/// Calls a customer by the trunk of that name.
async fn click(world: &World, trunk: &str) -> String {
    let body = json!({ "from_extension": "1001", "to_phone": CUSTOMER, "trunk_name": trunk });
    let reply = world.crm().post("/api/pbx/calls/click-to-call", &body).await.unwrap().expect_status(202).unwrap();
    reply.json["data"]["call_uuid"].as_str().unwrap().to_owned()
}

async fn codecs_of(world: &World, call: &str) -> Vec<String> {
    let cdr = world.event("pbx.cdr.created", call).await.unwrap();
    cdr["legs"].as_array().unwrap().iter().map(|leg| leg["codec"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Opens a carrier beside the world's own whose lines are like that.
async fn carrier_that(speaks: Speaks) -> Carrier {
    let media = phone::media(59_000..=59_999).unwrap();
    Carrier::open(carrier::Config { speaks, ..carrier::Config::on_loopback() }, media).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn codecs_are_offered_in_the_order_of_the_trunk() {
    let world = world().await;
    let _agent = agent(&world).await;
    let rows: [(&str, &[&str], &str); 5] = [
        ("usual", &[], "8 0 101"),
        ("ulaw", &["--codecs", "PCMU"], "0 101"),
        ("wide", &["--codecs", "opus,G722,PCMU,PCMA"], "111 9 0 8 101 110"),
        ("tones", &["--codecs", "opus,PCMU", "--dtmf", "inband"], "0"),
        ("info", &["--dtmf", "info"], "8 0"),
    ];
    let mut carriers = Vec::new();
    for (name, more, formats) in rows {
        let carrier = RawPhone::open_at("127.6.6.9", "carrier", "", world.server.sip()).await.unwrap();
        trunk(&world, name, carrier.address().unwrap(), more).await;
        carriers.push((name, carrier, formats));
    }
    tokio::time::sleep(NOTICED).await;
    for (name, mut carrier, formats) in carriers {
        click(&world, name).await;
        let invite = carrier.receive(PATIENCE).await.unwrap().expect("the carrier is called");
        assert_eq!(*invite.method(), Method::Invite);
        let body = String::from_utf8_lossy(invite.body()).into_owned();
        let line = body.lines().find(|line| line.starts_with("m=audio")).unwrap();
        assert!(line.ends_with(&format!(" RTP/AVP {formats}")), "{name}: {body}");
        let busy = sip_proto::message::ResponseBuilder::for_request(&invite, 486, "").to_tag("x").finish();
        carrier.send_bytes(busy.bytes()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_with_g722_is_transcoded_if_its_trunk_says_so() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let carrier = carrier_that(Speaks { codecs: &[Codec::G722], ..Speaks::default() }).await;
    trunk(&world, "wide", carrier.address(), &["--codecs", "G722,PCMA"]).await;
    tokio::time::sleep(NOTICED).await;
    let call = click(&world, "wide").await;
    let far = carrier.call_to(CUSTOMER, PATIENCE).await.unwrap();
    let near = agent.call(PATIENCE, |_| true).await.unwrap();
    both_hear(&near, &far, CUSTOMER).await;
    far.hang_up();
    assert_eq!(codecs_of(&world, &call).await, ["PCMA", "G722"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn key_presses_travel_as_the_trunk_wants_them() {
    let world = world().await;
    let agent = agent(&world).await;
    // Silence, so that no voice sounds like a key.
    let quiet = Reaction::Answers {
        after: Duration::from_millis(100),
        talk: Talk { says: Says::Silence, presses: None, hangs_up_after: None },
    };
    agent.set_reaction(quiet.clone());
    for (name, keys) in [("rfc4733", Keys::Events), ("info", Keys::Info), ("inband", Keys::Tones)] {
        let carrier = carrier_that(Speaks { keys, ..Speaks::default() }).await;
        carrier.set_reaction(CUSTOMER, quiet.clone());
        trunk(&world, name, carrier.address(), &["--dtmf", name]).await;
        tokio::time::sleep(NOTICED).await;
        let call = click(&world, name).await;
        let far = carrier.call_to(CUSTOMER, PATIENCE).await.unwrap();
        let near = agent.call(PATIENCE, |call| !call.is_over()).await.unwrap();
        assert!(near.up(PATIENCE).await && far.up(PATIENCE).await, "{name}");
        world.event("pbx.call.answered", &call).await.unwrap();
        near.press("12#");
        until(&format!("{name}: the carrier gets the keys"), PATIENCE, async || (far.keys() == "12#").then_some(()))
            .await
            .unwrap_or_else(|error| panic!("{error}: {:?}", far.keys()));
        // The API presses keys towards the customer.
        let path = format!("/api/pbx/calls/{call}/dtmf");
        world.crm().post(&path, &json!({ "digits": "79" })).await.unwrap().expect_status(202).unwrap();
        until(&format!("{name}: and those of the API"), PATIENCE, async || (far.keys() == "12#79").then_some(()))
            .await
            .unwrap_or_else(|error| panic!("{error}: {:?}", far.keys()));
        far.press("48*");
        until(&format!("{name}: the agent gets the carrier's"), PATIENCE, async || {
            (near.keys() == "48*").then_some(())
        })
        .await
        .unwrap_or_else(|error| panic!("{error}: {:?}", near.keys()));
        far.hang_up();
        world.event("pbx.cdr.created", &call).await.unwrap();
        assert!(near.over(PATIENCE).await.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_voice_is_encrypted_where_the_trunk_requires_it() {
    let papers = Papers::new();
    let world = papers.world(&[]).await;
    let agent = agent(&world).await;
    let media = phone::media(59_000..=59_999).unwrap();
    let tls = papers.authority.issue(&["127.0.0.1"]).unwrap().server();
    let config = carrier::Config {
        tls: Some(tls),
        speaks: Speaks { encrypted: true, ..Speaks::default() },
        ..carrier::Config::on_loopback()
    };
    let carrier = Carrier::open(config, media).await.unwrap();
    let at = carrier.tls_address().unwrap();
    let refused = world.server.admin(&["trunk", "create", "--name", "x", "--host", "h", "--srtp", "required"]).await;
    assert!(refused.unwrap_err().to_string().to_lowercase().contains("srtp"), "keys do not travel in plain");
    trunk(&world, "secret", at, &["--transport", "tls", "--srtp", "required"]).await;
    trunk(&world, "plain", at, &["--transport", "tls"]).await;
    tokio::time::sleep(NOTICED).await;

    let call = click(&world, "secret").await;
    let far = carrier.call_to(CUSTOMER, PATIENCE).await.unwrap();
    let near = agent.call(PATIENCE, |_| true).await.unwrap();
    both_hear(&near, &far, CUSTOMER).await;
    far.hang_up();
    let cdr = world.event("pbx.cdr.created", &call).await.unwrap();
    let dropped = |leg: &Value| leg["rtp"]["dropped"].as_u64().unwrap();
    assert!(cdr["legs"].as_array().unwrap().iter().all(|leg| dropped(leg) < 5), "{cdr}");

    // A carrier that takes nothing else refuses a call in plain.
    let call = click(&world, "plain").await;
    let cdr = world.event("pbx.cdr.created", &call).await.unwrap();
    assert_eq!((&cdr["result"], &cdr["sip_status"]), (&"failed".into(), &488.into()), "{cdr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_voice_is_encrypted_with_a_carrier_that_can_where_the_trunk_lets_it() {
    let papers = Papers::new();
    let world = papers.world(&[]).await;
    let agent = agent(&world).await;
    for (name, may_encrypt) in [("able", true), ("unable", false)] {
        let media = phone::media(59_000..=59_999).unwrap();
        let tls = papers.authority.issue(&["127.0.0.1"]).unwrap().server();
        let speaks = Speaks { may_encrypt, ..Speaks::default() };
        let config = carrier::Config { tls: Some(tls), speaks, ..carrier::Config::on_loopback() };
        let carrier = Carrier::open(config, media).await.unwrap();
        let at = carrier.tls_address().unwrap();
        trunk(&world, name, at, &["--transport", "tls", "--srtp", "optional"]).await;
        tokio::time::sleep(NOTICED).await;
        let call = click(&world, name).await;
        let far = carrier.call_to(CUSTOMER, PATIENCE).await.unwrap();
        let near = agent.call(PATIENCE, |near| !near.is_over()).await.unwrap();
        both_hear(&near, &far, CUSTOMER).await;
        assert_eq!(far.is_encrypted(), may_encrypt, "{name}");
        far.hang_up();
        let cdr = world.event("pbx.cdr.created", &call).await.unwrap();
        assert_eq!(cdr["result"], "answered", "{name}: {cdr}");
        assert!(near.over(PATIENCE).await.is_some());
    }
}
