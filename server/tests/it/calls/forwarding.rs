//! Forwarding and do-not-disturb, set by the phone itself.

use sandbox::Reaction;
use testkit::{
    until,
    world::{NOTICED, PATIENCE},
};

use super::{set, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_forwards_its_calls_and_takes_that_back() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let away = world.agent("1002").await.unwrap();
    let stands_in = world.agent("1003").await.unwrap();
    for (code, rings, silent) in [("*721003", &stands_in, &away), ("*73", &away, &stands_in)] {
        let setting = away.dial(code).unwrap();
        assert!(setting.up(PATIENCE).await, "{code} is confirmed");
        assert!(setting.over(PATIENCE).await.is_some());
        let before = silent.calls().len();
        let call = caller.dial("1002").unwrap();
        let far = rings.call(PATIENCE, |far| !far.is_over()).await.unwrap();
        assert!(far.up(PATIENCE).await && call.up(PATIENCE).await);
        assert_eq!(silent.calls().len(), before, "{code}");
        call.hang_up();
        assert!(far.over(PATIENCE).await.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn do_not_disturb_is_busy_until_it_is_switched_off() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let callee = world.agent("1002").await.unwrap();
    for (code, reached) in [("*78", false), ("*79", true)] {
        let setting = callee.dial(code).unwrap();
        assert!(setting.over(PATIENCE).await.is_some(), "{code}");
        until("the directory follows", PATIENCE, async || {
            let call = caller.dial("1002").unwrap();
            let up = call.up(std::time::Duration::from_secs(2)).await;
            call.hang_up();
            call.over(PATIENCE).await;
            (up == reached).then_some(())
        })
        .await
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn extensions_that_forward_to_each_other_do_not_ring_for_ever() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let _one = world.agent("1002").await.unwrap();
    let _two = world.agent("1003").await.unwrap();
    set(&world, &["forwarding", "set", "1002", "--always", "1003"]).await;
    set(&world, &["forwarding", "set", "1003", "--always", "1002"]).await;
    let call = caller.dial("1002").unwrap();
    let ending = call.over(PATIENCE).await.unwrap();
    assert!(!ending.answered, "{ending:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_to_outside_leaves_by_a_trunk() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let _callee = world.agent("1002").await.unwrap();
    set(&world, &["forwarding", "set", "1002", "--always", "84281234577"]).await;
    let call = caller.dial("1002").unwrap();
    let far = world.carrier.call_to("84281234577", PATIENCE).await.unwrap();
    assert!(far.up(PATIENCE).await && call.up(PATIENCE).await);
    call.hang_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_forwarded_where_the_phone_is_busy_silent_or_away() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let stands_in = world.agent("1003").await.unwrap();
    let busy = Reaction::Refuses { status: 486, q850: 17 };
    let _busy = world.agent_that("1002", busy).await.unwrap();
    let _silent = world.agent_that("1004", Reaction::Rings).await.unwrap();
    world.server.extension("1005").await.unwrap();
    for (extension, when) in [("1002", "--busy"), ("1004", "--no-answer"), ("1005", "--offline")] {
        set(&world, &["forwarding", "set", extension, when, "1003"]).await;
    }
    tokio::time::sleep(NOTICED).await;
    for extension in ["1002", "1004", "1005"] {
        let call = caller.dial(extension).unwrap();
        let far = stands_in.call(PATIENCE, |far| !far.is_over()).await.unwrap();
        assert!(far.up(PATIENCE).await && call.up(PATIENCE).await, "{extension}");
        call.hang_up();
        assert!(far.over(PATIENCE).await.is_some());
        let records = until("the record names both", PATIENCE, async || {
            let reply = world.crm().get(&format!("/api/pbx/cdr?phone={extension}")).await.ok()?;
            (reply.json["total"] == 1).then_some(reply.json)
        })
        .await
        .unwrap();
        let cdr = &records["data"][0];
        assert_eq!((&cdr["result"], &cdr["agent_extension"]), (&"answered".into(), &"1003".into()), "{cdr}");
    }
}
