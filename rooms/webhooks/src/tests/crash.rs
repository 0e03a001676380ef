use std::collections::{HashMap, HashSet};

use ::store::testing::TENANT;
use domain::CallId;
use uuid::Uuid;

use super::{
    receiver::Answer,
    rig::{Rig, until, until_count},
};
use crate::{DeliveryStatus, Filter};

#[tokio::test]
async fn what_was_under_way_in_a_crash_is_delivered_again_with_the_same_id() {
    let mut rig = Rig::start_with(|config| config.timeout = std::time::Duration::from_secs(20)).await;
    let receiver = rig.receiver(Answer::Hang).await;
    rig.webhook(&receiver.url()).await;
    for number in 0..5 {
        rig.publish(number).await;
    }
    until_count(&receiver, 5).await;
    rig.crash_and_restart().await;
    receiver.answer(Answer::Status(200));
    rig.settled().await;
    let ids: Vec<_> = receiver.arrived().iter().map(|a| a.header("x-zorio-delivery")).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 5);
    assert!(ids.len() >= 10);
    let delivered = Filter { status: Some(DeliveryStatus::Delivered), ..Filter::default() };
    assert_eq!(rig.hooks.deliveries(TENANT, &delivered).await.unwrap().len(), 5);
}

#[tokio::test]
async fn nothing_that_was_committed_is_lost_however_often_it_crashes() {
    let mut rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    rig.webhook(&receiver.url()).await;
    let mut number = 0;
    for _ in 0..4 {
        for _ in 0..25 {
            rig.publish(number).await;
            number += 1;
        }
        rig.crash_and_restart().await;
    }
    rig.settled().await;
    let numbers: HashSet<_> = receiver.arrived().iter().map(|a| a.json()["data"]["number"].as_u64()).collect();
    assert_eq!(numbers.len(), number);
    let ids: HashSet<_> = receiver.arrived().iter().map(|a| a.header("x-zorio-delivery")).collect();
    assert_eq!(ids.len(), number);
}

#[tokio::test]
async fn events_published_while_nothing_runs_are_delivered_by_the_next_start() {
    let mut rig = Rig::open(|_| {}).await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    rig.webhook(&receiver.url()).await;
    for number in 0..10 {
        rig.publish(number).await;
    }
    assert_eq!(receiver.count(), 0);
    rig.run();
    rig.settled().await;
    assert_eq!(receiver.count(), 10);
}

#[tokio::test]
async fn an_orderly_stop_ends_what_is_under_way_and_gives_back_the_rest() {
    let mut rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Hang).await;
    let hook = rig.webhook(&receiver.url()).await;
    for number in 0..20 {
        rig.publish(number).await;
    }
    until_count(&receiver, 8).await;
    rig.stop().await;
    let mut tx = rig.db.read_any_tenant().await.unwrap();
    let (left, leased) = ::store::sql("select count(*), count(lease_node) from delivery_queue")
        .one::<(i64, i64)>(&mut tx)
        .await
        .unwrap();
    assert_eq!((left, leased), (20, 0));
    drop(tx);
    let failed = rig.deliveries(hook.webhook.id).await.iter().filter(|d| d.attempts == 1).count();
    assert_eq!(failed, receiver.count());
}

#[tokio::test]
async fn a_crowd_that_does_not_fit_into_memory_keeps_its_order() {
    let mut rig = Rig::start_with(|config| config.timeout = std::time::Duration::from_secs(20)).await;
    let receiver = rig.receiver(Answer::Hang).await;
    rig.webhook(&receiver.url()).await;
    let calls: Vec<_> = (0..3).map(|_| CallId(Uuid::new_v4())).collect();
    for number in 0..300 {
        rig.db.clock.advance(std::time::Duration::from_millis(1));
        rig.publish_call(calls[number % 3], number).await;
    }
    assert!(rig.hooks.room.held() <= 64);
    receiver.answer(Answer::Status(200));
    rig.settled().await;
    for number in 300..320 {
        rig.db.clock.advance(std::time::Duration::from_millis(1));
        rig.publish_call(calls[number % 3], number).await;
    }
    until_count(&receiver, 320).await;
    rig.settled().await;
    let mut seen: HashMap<String, Vec<u64>> = HashMap::new();
    for arrived in receiver.arrived() {
        let data = &arrived.json()["data"];
        seen.entry(data["call_uuid"].to_string()).or_default().push(data["number"].as_u64().unwrap());
    }
    assert_eq!(seen.values().map(Vec::len).sum::<usize>(), 320);
    assert!(seen.values().all(|numbers| numbers.is_sorted()), "{seen:?}");
    rig.stop().await;
    until(async || (rig.hooks.room.held() == 0).then_some(())).await;
}

#[tokio::test]
async fn old_deliveries_and_their_payloads_are_forgotten() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let hook = rig.webhook(&receiver.url()).await;
    rig.publish(1).await;
    rig.delivery(hook.webhook.id, |d| d.status == DeliveryStatus::Delivered).await;
    let claimer = rig.hooks.claimer();
    rig.db.clock.advance(std::time::Duration::from_secs(86_400 * 30));
    claimer.forget().await.unwrap();
    assert_eq!(rig.deliveries(hook.webhook.id).await.len(), 1);
    rig.db.clock.advance(std::time::Duration::from_secs(86_400));
    claimer.forget().await.unwrap();
    assert_eq!(rig.deliveries(hook.webhook.id).await.len(), 0);
    let mut tx = rig.db.read_any_tenant().await.unwrap();
    assert_eq!(::store::sql("select count(*) from event").one::<(i64,)>(&mut tx).await.unwrap().0, 0);
}
