//! Signalling through a proxy that loses, delays, swaps and repeats, by a seed that stands in the test's name.

use std::time::Duration;

use sandbox::{Agent, agent};
use sip::Destination;
use testkit::{
    World,
    weather::{Proxy, Weather},
    world::NOTICED,
};

use super::{Outcome, SETTINGS, call};
use crate::calls::ZORIO;

/// Three agents and the carrier, each behind a proxy.
async fn calls_in(weather: Weather, seed: u64, count: usize) -> Outcome {
    let world = World::open(ZORIO, SETTINGS).await.unwrap();
    let carrier = Proxy::open(world.carrier.address(), weather, seed).await.unwrap();
    let phones = Proxy::open(world.server.sip(), weather, seed + 1).await.unwrap();
    let trunk = world.server.trunk("behind the weather", carrier.address()).await.unwrap();
    world.server.prefix_route("84", trunk).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    let mut agents = Vec::new();
    for extension in ["1001", "1002", "1003"] {
        let password = world.server.extension(extension).await.unwrap();
        let mut config = agent::Config::new(extension, &password, world.server.sip());
        config.registrar = Destination::udp(phones.address());
        agents.push(Agent::register(config, world.media.clone()).await.unwrap());
    }
    let outcome = call(&world, &agents, count).await;
    for (name, proxy) in [("carrier", &carrier), ("phones", &phones)] {
        let (taken, lost) = proxy.counts();
        assert!(taken > 0, "nothing came through the proxy of the {name}");
        assert_eq!(lost > 0, weather.loss > 0 && taken > 20, "{name}: {lost} of {taken} lost");
    }
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn one_in_twenty_lost_costs_no_call() {
    let weather = Weather { loss: 5, ..Weather::default() };
    calls_in(weather, 5, 9).await.assert_answered(100);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_in_five_lost_leaves_clean_ends() {
    let weather = Weather { loss: 20, ..Weather::default() };
    calls_in(weather, 20, 9).await.assert_answered(70);
}

#[tokio::test(flavor = "multi_thread")]
async fn late_swapped_and_repeated_messages_cost_no_call() {
    let weather = Weather {
        repeated: 20,
        late: 10,
        delay: Duration::from_millis(100),
        jitter: Duration::from_millis(80),
        ..Weather::default()
    };
    calls_in(weather, 10, 9).await.assert_answered(100);
}
