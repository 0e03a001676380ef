//! Parking a call, and taking it from its place.

use testkit::world::PATIENCE;

use super::world;

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_call_is_taken_by_dialling_its_place() {
    let world = world().await;
    let parked = world.agent("1001").await.unwrap();
    let other = world.agent("1002").await.unwrap();
    let call = parked.dial("*700").unwrap();
    assert!(call.up(PATIENCE).await);
    // The number of the place is said first, then there is music.
    testkit::until("the place is said", PATIENCE, async || (call.heard().len() > 3 * 8_000).then_some(()))
        .await
        .unwrap();
    let taker = other.dial("701").unwrap();
    assert!(taker.up(PATIENCE).await);
    testkit::until("the two hear each other", PATIENCE, async || {
        (call.heard_voice_lately() == Some(sandbox::Voice::of_agent("1002"))
            && taker.heard_voice_lately() == Some(sandbox::Voice::of_agent("1001")))
        .then_some(())
    })
    .await
    .unwrap();
    taker.hang_up();
    assert!(call.over(PATIENCE).await.is_some());
    // The place is free again.
    let nobody = other.dial("701").unwrap();
    assert!(!nobody.over(PATIENCE).await.unwrap().answered);
}
