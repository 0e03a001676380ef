use std::{collections::HashSet, time::Duration};

use ::store::testing::{START, TENANT};
use domain::{Principal, TenantId, Timestamp, ids::WebhookId};

use super::{
    receiver::Answer,
    rig::{Rig, until, until_count},
};
use crate::{DeliveryStatus, Error, Filter, Replay, ReplayId, ReplayState};

const EVER: (Timestamp, Timestamp) = (START, Timestamp(i64::MAX));

/// Leaves so many skipped deliveries behind, a millisecond apart.
async fn skipped(rig: &Rig, hook: WebhookId, count: usize) {
    rig.hooks.pause(&rig.admin(), hook).await.unwrap();
    for number in 0..count {
        rig.publish(number).await;
        rig.db.clock.advance(Duration::from_millis(1));
    }
    rig.hooks.resume(&rig.admin(), hook).await.unwrap();
}

async fn over(rig: &Rig, id: ReplayId) -> Replay {
    until(async || {
        let replay = rig.hooks.replay_progress(&rig.admin(), id).await.unwrap();
        (replay.state != ReplayState::Running).then_some(replay)
    })
    .await
}

#[tokio::test]
async fn a_replay_of_a_time_range_sends_each_once_and_says_how_far_it_is() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    skipped(&rig, hook, 100).await;
    // Without the first ten and the last ten.
    let range = (Timestamp(START.millis() + 10), Timestamp(START.millis() + 90));
    let id = rig.hooks.replay_range(&rig.admin(), hook, range, &[]).await.unwrap();
    let replay = over(&rig, id).await;
    assert_eq!((replay.state, replay.queued, replay.total), (ReplayState::Done, 80, Some(80)));
    assert_eq!(replay.statuses, [DeliveryStatus::Deadletter, DeliveryStatus::Skipped]);
    rig.settled().await;
    let numbers: Vec<_> = receiver.arrived().iter().map(|a| a.json()["data"]["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers.len(), 80);
    assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), 80);
    assert!(numbers.iter().all(|number| (10..90).contains(number)));
    assert_eq!(rig.hooks.replays(&rig.admin()).await.unwrap().len(), 1);
    // Again: nothing is left of these states.
    let id = rig.hooks.replay_range(&rig.admin(), hook, range, &[]).await.unwrap();
    assert_eq!(over(&rig, id).await.queued, 0);
}

#[tokio::test]
async fn what_was_delivered_can_be_sent_again_too_and_keeps_its_first_attempt() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    for number in 0..40 {
        rig.publish(number).await;
    }
    rig.settled().await;
    rig.db.clock.advance(Duration::from_secs(60));
    let id = rig.hooks.replay_range(&rig.admin(), hook, EVER, &[DeliveryStatus::Delivered]).await.unwrap();
    assert_eq!(over(&rig, id).await.queued, 40);
    rig.settled().await;
    assert_eq!(receiver.count(), 80);
    let delivery = rig.deliveries(hook).await.remove(0);
    assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Delivered, 2));
    let detail = rig.hooks.delivery(&rig.admin(), delivery.id).await.unwrap();
    assert_eq!(detail.attempts.iter().map(|attempt| attempt.error).collect::<Vec<_>>(), [None, None]);
}

#[tokio::test]
async fn a_replay_goes_on_after_a_crash_and_sends_nothing_under_two_ids() {
    let mut rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    skipped(&rig, hook, 200).await;
    let id = rig.hooks.replay_range(&rig.admin(), hook, EVER, &[]).await.unwrap();
    for count in [1, 40, 90] {
        until_count(&receiver, count).await;
        rig.crash_and_restart().await;
    }
    let replay = over(&rig, id).await;
    assert_eq!((replay.state, replay.queued), (ReplayState::Done, 200));
    rig.settled().await;
    let ids: HashSet<_> = receiver.arrived().iter().map(|a| a.header("x-zorio-delivery")).collect();
    assert_eq!(ids.len(), 200);
    let filter =
        Filter { webhook: Some(hook), status: Some(DeliveryStatus::Delivered), limit: 200, ..Filter::default() };
    assert_eq!(rig.hooks.deliveries(TENANT, &filter).await.unwrap().len(), 200);
}

#[tokio::test]
async fn a_replay_can_be_cancelled_and_waits_while_its_webhook_is_paused() {
    let mut rig = Rig::open(|_| {}).await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    skipped(&rig, hook, 50).await;
    let id = rig.hooks.replay_range(&rig.admin(), hook, EVER, &[]).await.unwrap();
    rig.hooks.pause(&rig.admin(), hook).await.unwrap();
    rig.run();
    rig.publish(1).await;
    rig.settled().await;
    let replay = rig.hooks.replay_progress(&rig.admin(), id).await.unwrap();
    assert_eq!((replay.state, replay.queued), (ReplayState::Running, 0));
    rig.hooks.cancel_replay(&rig.admin(), id).await.unwrap();
    rig.hooks.cancel_replay(&rig.admin(), id).await.unwrap();
    rig.hooks.resume(&rig.admin(), hook).await.unwrap();
    assert_eq!(over(&rig, id).await.state, ReplayState::Cancelled);
    rig.publish(2).await;
    until_count(&receiver, 1).await;
    rig.settled().await;
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn what_happens_now_passes_a_replay() {
    let rig = Rig::start_with(|config| config.timeout = Duration::from_secs(20)).await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    skipped(&rig, hook, 60).await;
    receiver.answer(Answer::Hang);
    rig.hooks.replay_range(&rig.admin(), hook, EVER, &[]).await.unwrap();
    until_count(&receiver, 2).await;
    // A quarter of eight slots is all that replays get; the others are free.
    rig.publish(1_000).await;
    until_count(&receiver, 3).await;
    let last = receiver.arrived().pop().unwrap();
    assert_eq!(last.json()["data"]["number"], 1_000);
    receiver.answer(Answer::Status(200));
    rig.settled().await;
}

#[tokio::test]
async fn nobody_else_sees_or_cancels_a_replay_and_wrong_wishes_are_named() {
    let rig = Rig::open(|_| {}).await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    let (admin, other) = (rig.admin(), Principal::system(TenantId(2)));
    let id = rig.hooks.replay_range(&admin, hook, EVER, &[]).await.unwrap();
    assert!(matches!(rig.hooks.replay_progress(&other, id).await, Err(Error::NotFound)));
    assert!(matches!(rig.hooks.cancel_replay(&other, id).await, Err(Error::NotFound)));
    assert!(rig.hooks.replays(&other).await.unwrap().is_empty());
    assert!(matches!(rig.hooks.replay_range(&other, hook, EVER, &[]).await, Err(Error::NotFound)));
    let failed = rig.hooks.replay_range(&admin, hook, EVER, &[DeliveryStatus::Failed]).await;
    assert!(matches!(failed, Err(Error::Invalid { field: "statuses", .. })));
    let empty = rig.hooks.replay_range(&admin, hook, (START, START), &[]).await;
    assert!(matches!(empty, Err(Error::Invalid { field: "to", .. })));
    for _ in 1..5 {
        rig.hooks.replay_range(&admin, hook, EVER, &[]).await.unwrap();
    }
    assert!(matches!(rig.hooks.replay_range(&admin, hook, EVER, &[]).await, Err(Error::Invalid { field: "from", .. })));
    rig.hooks.delete(&admin, hook).await.unwrap();
    let states: HashSet<_> = rig.hooks.replays(&admin).await.unwrap().iter().map(|r| r.state.as_str()).collect();
    assert_eq!(states, HashSet::from(["cancelled"]));
}
