//! Phones with IPv6 addresses.

use std::net::SocketAddr;

use sip_proto::message::Name;
use testkit::{RawPhone, World, world::PATIENCE};

use super::ZORIO;

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_with_an_ipv6_address_registers_and_is_called_from_one() {
    // A free port of this family is free on a machine that runs these tests alone in it.
    let probe = std::net::UdpSocket::bind("[::1]:0").unwrap();
    let server: SocketAddr = probe.local_addr().unwrap();
    drop(probe);
    let listen = format!("127.0.0.1:0,{server}");
    let tcp = format!("127.0.0.1:0,{server}");
    let world =
        World::open(ZORIO, &[("ZORIO_SIP__UDP_LISTEN", &listen), ("ZORIO_SIP__TCP_LISTEN", &tcp)]).await.unwrap();
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
