//! What becomes of a call, by what the carrier does with it.

use sandbox::{Outcome, carrier};
use std::time::Duration;
use testkit::{World, world::PATIENCE};

use super::{ZORIO, world};

/// Places a click-to-call and checks its events, their contents and its CDR against the sandbox's table.
async fn check(world: &World, extension: &str, number: &str) {
    let expected = Outcome::of(number).expected();
    let call = world.click(extension, number).await.unwrap();
    let ringing = world.event("pbx.call.ringing", &call).await.unwrap();
    assert_eq!(ringing["extension"], extension);
    assert_eq!(ringing["direction"], "outbound");
    assert_eq!(ringing["source_type"], "outbound_manual");
    assert_eq!(ringing["destination_number"], number);
    if expected.answered {
        let answered = world.event("pbx.call.answered", &call).await.unwrap();
        assert!(answered["answered_at"].is_string(), "{answered}");
        if Outcome::of(number) != Outcome::HangsUp {
            let far = world.carrier.call_to(number, PATIENCE).await.unwrap();
            assert!(far.up(PATIENCE).await);
            far.hang_up();
        }
    }
    let hangup = world.event("pbx.call.hangup", &call).await.unwrap();
    assert_eq!(hangup["result"], expected.result, "{hangup}");
    assert_eq!(hangup["hangup_cause"], expected.hangup_cause, "{hangup}");
    assert_eq!(hangup["hangup_cause_q850"], expected.q850, "{hangup}");
    assert_eq!(hangup["answered_at"].is_string(), expected.answered, "{hangup}");
    let created = world.event("pbx.cdr.created", &call).await.unwrap();
    let cdr = world.cdr(&call).await.unwrap();
    for (place, record) in [("event", &created), ("API", &cdr)] {
        assert_eq!(record["uuid"], call.as_str(), "{place}");
        assert_eq!(record["result"], expected.result, "{place}: {record}");
        assert_eq!(record["hangup_cause"], expected.hangup_cause, "{place}: {record}");
        assert_eq!(record["hangup_cause_q850"], expected.q850, "{place}: {record}");
        assert_eq!(record["direction"], "outbound", "{place}");
        assert_eq!(record["extension_number"], extension, "{place}");
        assert_eq!(record["answer_time"].is_string(), expected.answered, "{place}: {record}");
    }
    let mut events = vec!["pbx.call.ringing", "pbx.call.hangup", "pbx.cdr.created"];
    if expected.answered {
        events.insert(1, "pbx.call.answered");
    }
    assert_eq!(world.events_of(&call), events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_number_ends_with_the_carriers_cause() {
    let world = world().await;
    let _agent = world.agent("1001").await.unwrap();
    for number in ["84287770000", "84287770001", "84287770002"] {
        check(&world, "1001", number).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_nobody_answers_ends_with_no_answer() {
    let world = world().await;
    let _agent = world.agent("1001").await.unwrap();
    check(&world, "1001", "84287770003").await;
    let far = world.carrier.call_to("84287770003", PATIENCE).await.unwrap();
    assert!(!far.over(PATIENCE).await.unwrap().answered, "the carrier saw a CANCEL");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_call_ends_normally_whoever_hangs_up() {
    let quick = carrier::Config {
        answers_after: Duration::from_millis(100),
        answers_slowly_after: Duration::from_millis(1_500),
        hangs_up_after: Duration::from_millis(500),
        ..carrier::Config::on_loopback()
    };
    let world = World::open_with(ZORIO, &[], quick).await.unwrap();
    let _agent = world.agent("1001").await.unwrap();
    for number in ["84287770004", "84287770005", "84287770006", "84287770007", "84287770029"] {
        check(&world, "1001", number).await;
    }
}
