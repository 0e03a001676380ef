//! Answering a call that rings at somebody else's phone.

use sandbox::Reaction;
use testkit::world::PATIENCE;

use super::{set, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_rings_at_another_phone_is_answered_by_code() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let rings = world.agent_that("1002", Reaction::Rings).await.unwrap();
    let helper = world.agent("1003").await.unwrap();
    let arguments = ["ring-group", "create", "--name", "office", "--member", "1002,1003"];
    set(&world, &arguments).await;
    // By the number of the phone, then by the group that both are in.
    for code in ["*81002", "*8"] {
        let call = caller.dial("1002").unwrap();
        let ringing = rings.call(PATIENCE, |ringing| !ringing.is_over()).await.unwrap();
        let picked = testkit::until("the call rings and is picked up", PATIENCE, async || {
            let picked = helper.dial(code).unwrap();
            picked.up(std::time::Duration::from_secs(2)).await.then_some(picked)
        })
        .await
        .unwrap();
        assert!(call.up(PATIENCE).await, "{code}");
        assert!(!ringing.over(PATIENCE).await.unwrap().answered, "{code}: the other phone stops");
        call.hang_up();
        assert!(picked.over(PATIENCE).await.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_picked_up_where_nothing_rings() {
    let world = world().await;
    let helper = world.agent("1003").await.unwrap();
    let picked = helper.dial("*81002").unwrap();
    assert!(!picked.over(PATIENCE).await.unwrap().answered);
}
