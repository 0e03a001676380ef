//! A network of its own in which datagrams of every kind are lost: SIP, RTP and RTCP, between everybody.
//!
//! The test runs itself again in a network namespace. Where the host lets nobody make one it says so and stops there;
//! the proxy's tests have lost signalling everywhere.

use testkit::{World, weather};

use super::{SETTINGS, call};
use crate::calls::ZORIO;

/// Set in the process that is in the rain.
const INSIDE: &str = "ZORIO_IN_RAIN";

/// Runs the test of that name in the rain, or what it is about if it is there already.
async fn in_rain(test: &str, loss: u32, answered: usize) {
    if std::env::var_os(INSIDE).is_some() {
        let world = World::open(ZORIO, SETTINGS).await.unwrap();
        let mut agents = Vec::new();
        for extension in ["1001", "1002", "1003"] {
            agents.push(world.agent(extension).await.unwrap());
        }
        call(&world, &agents, 9).await.assert_answered(answered);
        return;
    }
    if let Err(why) = weather::rain_is_possible() {
        eprintln!("NOT TESTED: calls with {loss} % loss in a network of their own: {why}");
        return;
    }
    let name = format!("loss::rain::{test}");
    let mut command = weather::in_rain(loss, INSIDE, &["--exact", &name, "--nocapture"]).unwrap();
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "the test of the name ran: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_stand_five_percent() {
    in_rain("calls_stand_five_percent", 5, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_stand_twenty_percent() {
    in_rain("calls_stand_twenty_percent", 20, 70).await;
}
