//! Trunks that sign in at their carrier.

use std::time::Duration;

use sip::{Config, Destination};
use testkit::{
    Registrar, World,
    registrar::Manner,
    until,
    world::{NOTICED, PATIENCE},
};

use super::world;

const LOGIN: (&str, &str) = ("84283000", "a password of the carrier");

async fn registrar() -> Registrar {
    Registrar::open(Config::on("127.0.0.1:0".parse().unwrap()), LOGIN.0, LOGIN.1).await.unwrap()
}

fn address(registrar: &Registrar) -> String {
    registrar.sip.local_udp().unwrap().to_string()
}

/// Makes a trunk that registers at these places; returns its id.
async fn trunk(world: &World, registrars: &[String]) -> String {
    let create = ["trunk", "create", "--name", "carrier-2", "--host", "127.0.0.1", "--port", "9"];
    let login = ["--username", LOGIN.0, "--password", LOGIN.1];
    let made = world.server.admin(&[&create[..], &login].concat()).await.unwrap();
    let id = made["id"].to_string();
    let list = registrars.join(",");
    world.server.admin(&["trunk", "register", &id, "--registrar", &list, "--expires", "60"]).await.unwrap();
    id
}

async fn until_state(world: &World, id: &str, state: &str) {
    let path = format!("/api/pbx/trunks/{id}");
    until(&format!("the trunk is {state}"), PATIENCE, async || {
        let reply = world.crm().get(&path).await.ok()?;
        (reply.json["data"]["registration"] == state).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_registers_is_called_there_and_leaves() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let registrar = registrar().await;
    registrar.set_manner(Manner::AtLeast(120));
    let id = trunk(&world, &[address(&registrar)]).await;
    let seen = registrar.until_seen(2, PATIENCE).await.unwrap();
    assert_eq!((seen[0].expires, seen[1].expires), (60, 120), "423 says how long it has to be");
    assert_eq!(seen[1].user, LOGIN.0);
    until_state(&world, &id, "registered").await;

    // The carrier calls the number at the contact, and is known by being where the trunk is registered.
    world.server.admin(&["route", "create", "--did", "02873000000", "--extension", "1001"]).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
    let to = Destination::udp(world.server.sip());
    let mut events = registrar.call("02873000000", &seen[1], to, sdp);
    agent.call(PATIENCE, |call| call.about().caller == "0901234567").await.expect("the agent is called");
    let answered = async {
        while let Some(event) = events.recv().await {
            if matches!(event.kind, sip::LegEventKind::Answered { .. }) {
                return true;
            }
        }
        false
    };
    assert!(tokio::time::timeout(PATIENCE, answered).await.unwrap());

    world.server.admin(&["trunk", "register", &id, "--off"]).await.unwrap();
    let seen = registrar.until_seen(3, PATIENCE).await.unwrap();
    assert_eq!(seen[2].expires, 0, "the registration is taken back");
    until_state(&world, &id, "unknown").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_registration_is_made_after_the_former_one_was_taken_back() {
    let world = world().await;
    let registrar = registrar().await;
    registrar.set_manner(Manner::ForgetsSlowly);
    let id = trunk(&world, &[address(&registrar)]).await;
    until_state(&world, &id, "registered").await;
    let list = address(&registrar);
    world.server.admin(&["trunk", "register", &id, "--registrar", &list, "--expires", "120"]).await.unwrap();
    let seen = registrar.until_seen(3, PATIENCE).await.unwrap();
    let asked: Vec<u32> = seen.iter().map(|seen| seen.expires).collect();
    assert_eq!(asked, [60, 0, 120], "the contact is the same: what comes last counts");
    assert_eq!(seen[0].contact, seen[2].contact);
    until_state(&world, &id, "registered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_goes_to_the_next_registrar_and_is_refreshed_there() {
    let world = world().await;
    let (first, second) = (registrar().await, registrar().await);
    first.set_manner(Manner::Refuses(503));
    // Refreshed after five seconds at the earliest, whatever is granted.
    second.set_manner(Manner::Grants(5));
    let id = trunk(&world, &[address(&first), address(&second)]).await;
    until_state(&world, &id, "registered").await;
    let refreshed = second.until_seen(2, Duration::from_secs(15)).await.unwrap();
    assert_eq!(refreshed[0].contact, refreshed[1].contact);
    assert_eq!(first.seen().len(), 1, "what took it last is asked first");
    second.set_manner(Manner::Refuses(403));
    until_state(&world, &id, "unregistered").await;
    assert!(first.seen().len() >= 2, "then the others are");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_takes_its_registrations_back() {
    let mut world = world().await;
    let registrar = registrar().await;
    let id = trunk(&world, &[address(&registrar)]).await;
    until_state(&world, &id, "registered").await;
    world.server.stop(Duration::from_secs(30)).await.unwrap();
    assert_eq!(registrar.seen().last().unwrap().expires, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_not_tried_for_ever() {
    let world = world().await;
    let registrar =
        Registrar::open(Config::on("127.0.0.1:0".parse().unwrap()), LOGIN.0, "another password").await.unwrap();
    let id = trunk(&world, &[address(&registrar)]).await;
    until_state(&world, &id, "unregistered").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(registrar.seen().is_empty());
    let log = world.server.log();
    assert_eq!(log.matches("a trunk is not registered").count(), 1, "it is said once");
    assert!(!log.contains(LOGIN.1));
}
