//! Callers whom an application answers.

use sandbox::Voice;
use testkit::{until, world::PATIENCE};

use super::world;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dials_the_echo_hears_himself_and_ends_it_by_a_key() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let call = agent.dial("*60").unwrap();
    assert!(call.up(PATIENCE).await);
    until("the caller hears himself", PATIENCE, async || {
        (call.heard_voice_lately() == Some(Voice::of_agent("1001"))).then_some(())
    })
    .await
    .unwrap();
    call.press("#");
    assert!(call.over(PATIENCE).await.is_some_and(|ending| ending.answered));
    let records = until("the record is written", PATIENCE, async || {
        let reply = world.crm().get("/api/pbx/cdr").await.ok()?;
        (reply.json["total"] == 1).then_some(reply.json)
    })
    .await
    .unwrap();
    let cdr = &records["data"][0];
    assert_eq!((&cdr["direction"], &cdr["result"]), (&"local".into(), &"answered".into()), "{cdr}");
}
