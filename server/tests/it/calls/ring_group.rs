//! Ring groups: together, by turns, and what follows when nobody answers.

use sandbox::Reaction;
use testkit::world::PATIENCE;

use super::{set, world};

#[tokio::test(flavor = "multi_thread")]
async fn all_members_ring_and_the_first_who_answers_has_the_call() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let rings = world.agent_that("1002", Reaction::Rings).await.unwrap();
    let answers = world.agent("1003").await.unwrap();
    let arguments = ["ring-group", "create", "--name", "sales", "--number", "600", "--member", "1002,1003"];
    set(&world, &arguments).await;
    let call = caller.dial("600").unwrap();
    assert!(call.up(PATIENCE).await);
    let far = answers.call(PATIENCE, |_| true).await.unwrap();
    assert!(far.up(PATIENCE).await);
    let lost = rings.call(PATIENCE, |_| true).await.unwrap();
    assert!(!lost.over(PATIENCE).await.unwrap().answered, "the other phone stops ringing");
    call.hang_up();
    assert!(far.over(PATIENCE).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn members_ring_one_after_the_other_and_then_the_fallback() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let first = world.agent_that("1002", Reaction::Rings).await.unwrap();
    let second = world.agent_that("1003", Reaction::Refuses { status: 486, q850: 17 }).await.unwrap();
    let last = world.agent("1004").await.unwrap();
    let arguments = ["ring-group", "create", "--name", "sales", "--number", "600", "--member", "1002,1003"];
    let more = ["--strategy", "in-order", "--ring-seconds", "5", "--fallback", "extension:1004"];
    set(&world, &[&arguments[..], &more[..]].concat()).await;
    let call = caller.dial("600").unwrap();
    assert!(first.call(PATIENCE, |_| true).await.is_some());
    assert!(second.calls().is_empty(), "one after the other");
    assert!(second.call(PATIENCE, |_| true).await.is_some());
    let far = last.call(PATIENCE, |_| true).await.unwrap();
    assert!(far.up(PATIENCE).await && call.up(PATIENCE).await);
    call.hang_up();
}
