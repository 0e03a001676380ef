//! Phones with IPv6 addresses.

use std::net::SocketAddr;

use sandbox::{Agent, Carrier, Voice, agent, carrier};
use sip::{Destination, TrustedSource};
use sip_proto::message::Name;
use testkit::{
    Dns, RawPhone, World, until,
    world::{NOTICED, PATIENCE},
};

use super::{ZORIO, talk::both_hear};

/// Opens a world whose server listens by IPv6 too, and returns where.
async fn world() -> (World, SocketAddr) {
    world_with(&[]).await
}

async fn world_with(more: &[(&str, &str)]) -> (World, SocketAddr) {
    // A free port of this family is free on a machine that runs these tests alone in it.
    let probe = std::net::UdpSocket::bind("[::1]:0").unwrap();
    let server: SocketAddr = probe.local_addr().unwrap();
    drop(probe);
    let listen = format!("127.0.0.1:0,{server}");
    let settings = [("ZORIO_SIP__UDP_LISTEN", &*listen), ("ZORIO_SIP__TCP_LISTEN", &*listen)];
    (World::open(ZORIO, &[&settings[..], more].concat()).await.unwrap(), server)
}

/// Media of a phone or a carrier that has no other address.
fn media_by_ipv6() -> media::Media {
    media::Media::open(media::Config {
        bind: "::1".parse().unwrap(),
        ports: 58_000..=58_400,
        threads: 1,
        ..media::Config::default()
    })
    .unwrap()
}

async fn agent_by_ipv6(world: &World, server: SocketAddr, media: media::Media) -> Agent {
    let password = world.server.extension("1001").await.unwrap();
    let mut config = agent::Config::new("1001", &password, server);
    config.registrar = Destination::udp(server);
    config.domain = "localhost".to_owned();
    config.listen = "[::1]:0".parse().unwrap();
    Agent::register(config, media).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_is_known_by_its_name_alone_and_has_ipv6_alone_is_offered_ipv6() {
    let dns = Dns::open().await.unwrap();
    let servers = dns.address().to_string();
    let (world, server) = world_with(&[("ZORIO_SIP__DNS_SERVERS", &servers)]).await;
    let media = media_by_ipv6();
    let agent = agent_by_ipv6(&world, server, media.clone()).await;
    let config = carrier::Config {
        listen: "[::1]:0".parse().unwrap(),
        customers: carrier::Customers::Addresses(vec![TrustedSource { ip: "::1".parse().unwrap(), port: None }]),
        ..carrier::Config::on_loopback()
    };
    let carrier = Carrier::open(config, media).await.unwrap();
    dns.set_addresses("six.carrier.example", &["::1".parse().unwrap()]);
    let port = carrier.address().port().to_string();
    let create = ["trunk", "create", "--name", "six", "--host", "six.carrier.example", "--port", &port];
    world.server.admin(&create).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    let customer = "84281234577";
    let body = serde_json::json!({ "from_extension": "1001", "to_phone": customer, "trunk_name": "six" });
    world.crm().post("/api/pbx/calls/click-to-call", &body).await.unwrap().expect_status(202).unwrap();
    let far = carrier.call_to(customer, PATIENCE).await.expect("the carrier is called");
    let near = agent.call(PATIENCE, |_| true).await.unwrap();
    both_hear(&near, &far, customer).await;
    far.hang_up();
    assert!(near.over(PATIENCE).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_with_ipv6_alone_and_a_customer_with_ipv4_hear_each_other() {
    let (world, server) = world().await;
    let agent = agent_by_ipv6(&world, server, media_by_ipv6()).await;
    let talk = async |near: &sandbox::Call, far: &sandbox::Call, customer: &str| {
        until("each side hears the other", PATIENCE, async || {
            let both = near.heard_voice_lately() == Some(Voice::of_customer(customer))
                && far.heard_voice_lately() == Some(Voice::of_agent("1001"));
            both.then_some(())
        })
        .await
        .unwrap();
    };
    // It is called: we offer it an IPv6 address.
    let call = world.click("1001", "84281234577").await.unwrap();
    let far = world.carrier.call_to("84281234577", PATIENCE).await.unwrap();
    let near = agent.call(PATIENCE, |_| true).await.unwrap();
    talk(&near, &far, "84281234577").await;
    far.hang_up();
    world.event("pbx.cdr.created", &call).await.unwrap();
    // It calls: we answer its IPv6 address with ours.
    let near = agent.dial("84281234578").unwrap();
    let far = world.carrier.call_to("84281234578", PATIENCE).await.unwrap();
    talk(&near, &far, "84281234578").await;
    near.hang_up();
    assert!(far.over(PATIENCE).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_with_an_ipv6_address_registers_and_is_called_from_one() {
    let (world, server) = world().await;
    let password = world.server.extension("1001").await.unwrap();
    let mut phone = RawPhone::open_at("::1", "1001", &password, server).await.unwrap();
    phone.register(&server.to_string()).await.unwrap();

    let call = world.click("1001", "84281234577").await.unwrap();
    let invite = phone.receive(PATIENCE).await.unwrap().expect("the phone is called");
    assert_eq!(invite.method().as_str(), "INVITE");
    let via = String::from_utf8_lossy(invite.header(Name::Via).unwrap()).into_owned();
    assert!(via.starts_with(&format!("SIP/2.0/UDP {server};")), "{via}");
    let contact = String::from_utf8_lossy(invite.header(Name::Contact).unwrap()).into_owned();
    assert_eq!(contact, format!("<sip:{server}>"));
    let reply = world.crm().post(&format!("/api/pbx/calls/{call}/hangup"), &serde_json::json!({})).await.unwrap();
    assert_eq!(reply.status, 202, "{reply:?}");
    let cancel = loop {
        let message = phone.receive(PATIENCE).await.unwrap().expect("the call is cancelled");
        if message.method().as_str() != "INVITE" {
            break message;
        }
        // CANCEL waits for a provisional answer.
        let ringing = sip_proto::message::ResponseBuilder::for_request(&message, 180, "").to_tag("v6").finish();
        phone.send_bytes(ringing.bytes()).await.unwrap();
    };
    assert_eq!(cancel.method().as_str(), "CANCEL");
}
