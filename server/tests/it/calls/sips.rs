//! `sips:` numbers: encrypted on every hop, or not at all (RFC 5630).

use sandbox::{Agent, agent};
use sip::{Destination, Transport};
use testkit::{RawPhone, world::PATIENCE};

use super::tls::Papers;
use crate::hostile::callee::{invite, sdp};

#[tokio::test(flavor = "multi_thread")]
async fn a_sips_number_is_reached_by_tls_and_by_nothing_else() {
    let papers = Papers::new();
    let world = papers.world(&[]).await;
    let password = world.server.extension("1001").await.unwrap();
    let _plain = world.agent("1002").await.unwrap();
    let secret = world.server.extension("1003").await.unwrap();
    let mut config = agent::Config::new("1003", &secret, world.server.sip());
    config.registrar = Destination::new(world.server.sip_tls(), Transport::Tls);
    config.tls = Some(papers.authority.client());
    let encrypted = Agent::register(config, world.media.clone()).await.unwrap();

    // By UDP a sips: URI is a contradiction.
    let mut phone = RawPhone::open("1001", &password, world.server.sip()).await.unwrap();
    let sips = invite(&sdp(40_000)).replace("sip:1002@{server} SIP", "sips:1003@{server} SIP");
    let answer = phone.request(&sips).await.unwrap();
    assert_eq!(answer.status(), Some(416));
    phone.acknowledge(&answer).await.unwrap();

    // By TLS it goes on where TLS leads on.
    let mut config = agent::Config::new("1001", &password, world.server.sip());
    config.registrar = Destination::new(world.server.sip_tls(), Transport::Tls);
    config.tls = Some(papers.authority.client());
    let caller = Agent::register(config, world.media.clone()).await.unwrap();
    let call = caller.dial_sips("1002").unwrap();
    let ending = call.over(PATIENCE).await.expect("it ends");
    assert_eq!((ending.answered, ending.status), (false, Some(480)));
    let call = caller.dial_sips("1003").unwrap();
    assert!(call.up(PATIENCE).await, "{:?}", call.state());
    let far = encrypted.call(PATIENCE, |_| true).await.unwrap();
    far.hang_up();
    assert!(call.over(PATIENCE).await.is_some_and(|ending| ending.answered));
}
