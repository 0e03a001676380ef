//! Parking a call, and taking it from its place.

use testkit::{World, until, world::PATIENCE};

use super::{
    ZORIO,
    talk::{CUSTOMER, Talk, all_over, both_hear, hears_music, talking},
    world,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_call_is_taken_by_dialling_its_place() {
    let world = world().await;
    let parked = world.agent("1001").await.unwrap();
    let other = world.agent("1002").await.unwrap();
    let call = parked.dial("*700").unwrap();
    assert!(call.up(PATIENCE).await);
    // The number of the place is said first, then there is music.
    until("the place is said", PATIENCE, async || (call.heard().len() > 3 * 8_000).then_some(())).await.unwrap();
    let taker = other.dial("701").unwrap();
    assert!(taker.up(PATIENCE).await);
    until("the two hear each other", PATIENCE, async || {
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

#[tokio::test(flavor = "multi_thread")]
async fn whoever_parked_a_caller_is_called_back_when_nobody_came() {
    let world =
        World::open(ZORIO, &[("ZORIO_LIMITS__PBX", "100000"), ("ZORIO_CALLS__PARKED_SECONDS", "3")]).await.unwrap();
    let Talk { call, near, far, agent } = talking(&world).await;
    near.refer_to("*700", "127.0.0.1");
    assert_eq!(near.referred(PATIENCE).await, Some(200));
    assert!(near.over(PATIENCE).await.is_some(), "whoever parked the caller is free");
    hears_music(&far).await;
    let back = agent.call(PATIENCE, |call| !call.is_over()).await.expect("the parked caller comes back");
    both_hear(&back, &far, CUSTOMER).await;
    // The place is free: the next one who parks gets it.
    let next = world.agent("1002").await.unwrap();
    let nobody = next.dial("701").unwrap();
    assert!(!nobody.over(PATIENCE).await.unwrap().answered, "nobody waits there any more");
    back.hang_up();
    assert!(far.over(PATIENCE).await.is_some());
    all_over(&world).await;
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!((&cdr["result"], &cdr["agent_extension"]), (&"answered".into(), &"1001".into()), "{cdr}");
    assert_eq!(cdr["transfer_count"], 1, "{cdr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_caller_whose_parker_does_not_answer_is_let_go_with_a_record() {
    let settings =
        [("ZORIO_LIMITS__PBX", "100000"), ("ZORIO_CALLS__PARKED_SECONDS", "2"), ("ZORIO_CALLS__RING_SECONDS", "2")];
    let world = World::open(ZORIO, &settings).await.unwrap();
    let Talk { call, near, far, agent } = talking(&world).await;
    agent.set_reaction(sandbox::Reaction::Rings);
    near.refer_to("*700", "127.0.0.1");
    let back = agent.call(PATIENCE, |call| !call.is_over() && call.leg() != near.leg()).await.unwrap();
    assert!(!back.over(PATIENCE).await.unwrap().answered);
    assert!(far.over(PATIENCE).await.is_some(), "nobody is left for the caller");
    all_over(&world).await;
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!(cdr["result"], "answered", "{cdr}");
}
