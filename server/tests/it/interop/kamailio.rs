//! Kamailio as the carrier: a proxy that challenges our calls, stays on their way, and brings others in.

use std::net::SocketAddr;

use sandbox::{
    Agent, agent,
    carrier::{self, Customers},
};
use sip::{Destination, TrustedSource};
use testkit::{
    World,
    kamailio::{Kamailio, Place},
    world::{NOTICED, PATIENCE},
};

use crate::calls::ZORIO;

/// What our trunk and the carrier share.
const PASSWORD: &str = "secret-of-the-trunk";
/// The carrier's own address, by which its calls are told from those of phones.
const CARRIER_IP: [u8; 4] = [127, 6, 6, 7];

/// Opens a world whose carrier lets Kamailio call, too.
async fn world() -> World {
    let sources = [[127, 0, 0, 1], CARRIER_IP].map(|ip| TrustedSource { ip: ip.into(), port: None });
    let config =
        carrier::Config { customers: Customers::Addresses(sources.to_vec()), ..carrier::Config::on_loopback() };
    let settings = [("ZORIO_CALLS__RING_SECONDS", "3"), ("ZORIO_CALLS__AGENT_RING_SECONDS", "3")];
    World::open_with(ZORIO, &settings, config).await.unwrap()
}

/// Puts Kamailio between the server and the simulated carrier, as the trunk of all numbers.
async fn behind_kamailio(world: &World) -> Kamailio {
    let listen = SocketAddr::from((CARRIER_IP, world.server.spare(30).port()));
    let place = Place { listen, exchange: world.server.sip(), callee: world.carrier.address(), password: PASSWORD };
    let kamailio = Kamailio::start(place).await.unwrap();
    let (host, port) = (listen.ip().to_string(), listen.port().to_string());
    let create = [
        "trunk",
        "create",
        "--name",
        "kamailio",
        "--host",
        &host,
        "--port",
        &port,
        "--auth",
        "digest",
        "--username",
        "zorio",
        "--password",
        PASSWORD,
        "--sources",
        &host,
    ];
    let trunk = world.server.admin(&create).await.unwrap()["id"].as_i64().unwrap();
    world.server.prefix_route("84", trunk).await.unwrap();
    let did = ["route", "create", "--did", "02873001234", "--extension", "1001", "--trunk-id", &trunk.to_string()];
    world.server.admin(&did).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    kamailio
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_out_through_a_proxy_that_challenges_and_records_its_route() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let kamailio = behind_kamailio(&world).await;
    // The customer hangs up, then the agent does; then the customer refuses and does not answer.
    for (number, agent_hangs_up, cause) in [
        ("84281234576", false, "NORMAL_CLEARING"),
        ("84281234577", true, "NORMAL_CLEARING"),
        ("84281234570", false, "USER_BUSY"),
        ("84281234573", false, "NO_ANSWER"),
    ] {
        let call = world.click("1001", number).await.unwrap();
        let far = world.carrier.call_to(number, PATIENCE).await.unwrap_or_else(|| panic!("{}", kamailio.log()));
        if agent_hangs_up {
            world.event("pbx.call.answered", &call).await.unwrap();
            agent.calls().last().unwrap().hang_up();
        }
        let hangup = world.event("pbx.call.hangup", &call).await.unwrap();
        assert_eq!(hangup["hangup_cause"], cause, "{number}: {hangup}");
        let cdr = world.cdr(&call).await.unwrap();
        assert_eq!((&cdr["trunk_name"], &cdr["uuid"]), (&"kamailio".into(), &call.as_str().into()));
        drop(far);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_come_in_through_the_proxy() {
    let world = world().await;
    let callee = world.agent("1001").await.unwrap();
    let kamailio = behind_kamailio(&world).await;
    // A subscriber of the carrier, who is nobody at our server.
    let mut config = agent::Config::new("0987654321", "", kamailio.address());
    config.registrar = Destination::udp(kamailio.address());
    let subscriber = Agent::register(config, world.media.clone()).await.unwrap();
    let call = subscriber.dial("02873001234").unwrap();
    let rung = callee.call(PATIENCE, |_| true).await.unwrap_or_else(|| panic!("{}", kamailio.log()));
    testkit::until("both hear each other", PATIENCE, async || {
        (call.heard_voice_lately().is_some() && rung.heard_voice_lately().is_some()).then_some(())
    })
    .await
    .unwrap();
    rung.hang_up();
    let created = world.receiver.wait_for(PATIENCE, |d| d.event() == "pbx.cdr.created").await.unwrap();
    let data = &created.json()["data"];
    assert_eq!((&data["direction"], &data["caller_number"]), (&"inbound".into(), &"0987654321".into()), "{data}");
    assert_eq!((&data["result"], &data["hangup_by"]), (&"answered".into(), &"callee".into()), "{data}");
}
