//! Phones with IPv6 addresses.

use std::net::SocketAddr;

use sandbox::{Agent, Voice, agent};
use sip::Destination;
use sip_proto::message::Name;
use testkit::{RawPhone, World, until, world::PATIENCE};

use super::ZORIO;

/// Opens a world whose server listens by IPv6 too, and returns where.
async fn world() -> (World, SocketAddr) {
    // A free port of this family is free on a machine that runs these tests alone in it.
    let probe = std::net::UdpSocket::bind("[::1]:0").unwrap();
    let server: SocketAddr = probe.local_addr().unwrap();
    drop(probe);
    let listen = format!("127.0.0.1:0,{server}");
    let settings = [("ZORIO_SIP__UDP_LISTEN", &*listen), ("ZORIO_SIP__TCP_LISTEN", &*listen)];
    (World::open(ZORIO, &settings).await.unwrap(), server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_with_ipv6_alone_and_a_customer_with_ipv4_hear_each_other() {
    let (world, server) = world().await;
    let media = media::Media::open(media::Config {
        bind: "::1".parse().unwrap(),
        ports: 58_000..=58_400,
        threads: 1,
        ..media::Config::default()
    })
    .unwrap();
    let password = world.server.extension("1001").await.unwrap();
    let mut config = agent::Config::new("1001", &password, server);
    config.registrar = Destination::udp(server);
    config.domain = "localhost".to_owned();
    config.listen = "[::1]:0".parse().unwrap();
    let agent = Agent::register(config, media).await.unwrap();
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
