//! Conference rooms: who hears whom, how many there may be, and what the records say.

use sandbox::Voice;
use testkit::{
    until,
    world::{NOTICED, PATIENCE},
};

use super::{
    talk::{CUSTOMER, Talk, all_over, hears, hears_all, hears_music, talking},
    world,
};

#[tokio::test(flavor = "multi_thread")]
async fn members_hear_all_others_and_the_last_one_hears_music() {
    let world = world().await;
    let (one, two, three) =
        (world.agent("1001").await.unwrap(), world.agent("1002").await.unwrap(), world.agent("1004").await.unwrap());
    let [first_voice, second_voice, third_voice] = ["1001", "1002", "1004"].map(Voice::of_agent);
    let first = one.dial("*305").unwrap();
    hears_music(&first).await;
    let second = two.dial("*305").unwrap();
    hears(&first, second_voice).await;
    hears(&second, first_voice).await;
    let third = three.dial("*305").unwrap();
    hears_all(&first, &[second_voice, third_voice]).await;
    hears_all(&second, &[first_voice, third_voice]).await;
    hears_all(&third, &[first_voice, second_voice]).await;
    first.press("5");
    second.hang_up();
    hears(&first, third_voice).await;
    assert_eq!(third.keys(), "", "keys are not for the others");
    third.hang_up();
    hears_music(&first).await;
    first.hang_up();
    all_over(&world).await;
    let records = until("the records are written", PATIENCE, async || {
        let reply = world.crm().get("/api/pbx/cdr").await.ok()?;
        (reply.json["total"] == 3).then_some(reply.json)
    })
    .await
    .unwrap();
    for cdr in records["data"].as_array().unwrap() {
        assert_eq!((&cdr["direction"], &cdr["result"]), (&"local".into(), &"answered".into()), "{cdr}");
        assert_eq!(
            (&cdr["destination_number"], &cdr["hangup_cause"]),
            (&"*305".into(), &"NORMAL_CLEARING".into()),
            "{cdr}"
        );
        assert!(cdr["billsec"].as_i64().unwrap() > 0, "{cdr}");
        let detail = world.cdr(cdr["uuid"].as_str().unwrap()).await.unwrap();
        assert!(detail["legs"][0]["rtp"]["received"].as_i64().unwrap() > 50, "the figures come back: {detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_room_is_busy_until_somebody_leaves() {
    let world = world().await;
    world.server.admin(&["dialling", "set", "--largest-conference", "2"]).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    let (one, two, three) =
        (world.agent("1001").await.unwrap(), world.agent("1002").await.unwrap(), world.agent("1003").await.unwrap());
    let (first, second) = (one.dial("*305").unwrap(), two.dial("*305").unwrap());
    assert!(first.up(PATIENCE).await && second.up(PATIENCE).await);
    let refused = three.dial("*305").unwrap().over(PATIENCE).await.unwrap();
    assert_eq!((refused.answered, refused.status), (false, Some(486)), "{refused:?}");
    let elsewhere = three.dial("*306").unwrap();
    assert!(elsewhere.up(PATIENCE).await, "another room has room");
    elsewhere.hang_up();
    assert!(elsewhere.over(PATIENCE).await.is_some());
    second.hang_up();
    assert!(second.over(PATIENCE).await.is_some());
    let third = until("there is a place", PATIENCE, async || {
        let third = three.dial("*305").unwrap();
        third.up(PATIENCE).await.then_some(third)
    })
    .await
    .unwrap();
    hears(&first, Voice::of_agent("1003")).await;
    third.hang_up();
    first.hang_up();
    all_over(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_handed_on_into_a_room() {
    let world = world().await;
    let Talk { call, near, far, agent } = talking(&world).await;
    near.refer_to("*307", "127.0.0.1");
    assert_eq!(near.referred(PATIENCE).await, Some(200));
    assert!(near.over(PATIENCE).await.is_some());
    let member = agent.dial("*307").unwrap();
    hears(&member, Voice::of_customer(CUSTOMER)).await;
    hears(&far, Voice::of_agent("1001")).await;
    far.hang_up();
    hears_music(&member).await;
    member.hang_up();
    let cdr = world.cdr(&call).await.unwrap();
    assert_eq!((&cdr["transfer_count"], &cdr["result"]), (&1.into(), &"answered".into()), "{cdr}");
    all_over(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_holds_and_comes_back_is_heard_again() {
    let world = world().await;
    let (one, two) = (world.agent("1001").await.unwrap(), world.agent("1002").await.unwrap());
    let (first, second) = (one.dial("*308").unwrap(), two.dial("*308").unwrap());
    hears(&first, Voice::of_agent("1002")).await;
    hears(&second, Voice::of_agent("1001")).await;
    first.hold();
    let still = first.heard().len();
    until("the room goes on", PATIENCE, async || (second.heard_voice_lately().is_some()).then_some(())).await.unwrap();
    first.resume();
    until("who was away hears the room again", PATIENCE, async || (first.heard().len() > still + 16_000).then_some(()))
        .await
        .unwrap();
    hears(&first, Voice::of_agent("1002")).await;
    first.hang_up();
    second.hang_up();
    all_over(&world).await;
}
