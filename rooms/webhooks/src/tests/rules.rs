use std::{collections::HashSet, time::Duration};

use ::store::testing::TENANT;
use domain::{CallId, Event, EventName};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    receiver::Answer,
    rig::{Rig, until, until_count},
};
use crate::{
    Change, DeliveryStatus, EventFilter, Failure, Kind, Status,
    subscriber::{Parcel, Producer},
};

fn about(rig: &Rig, data: &str) -> Event {
    Event { data: data.to_owned(), ..rig.event(CallId(Uuid::now_v7()), 0) }
}

#[tokio::test]
async fn a_filter_lets_through_what_it_names_from_the_next_event_on() {
    let rig = Rig::start().await;
    let (some, all) = (rig.receiver(Answer::Status(200)).await, rig.receiver(Answer::Status(200)).await);
    let filter = EventFilter { extensions: vec![" 101".to_owned()], ..EventFilter::default() };
    let hook = rig.webhook_with(&some.url(), |new| new.filter = filter).await.webhook;
    assert_eq!(hook.filter.extensions, ["101"]);
    rig.webhook(&all.url()).await;
    let events = || {
        [r#"{"extension":"101","n":1}"#, r#"{"extension":"102","n":2}"#, r#"{"queue_name":"sales","n":3}"#]
            .map(|data| about(&rig, data))
            .to_vec()
    };
    rig.publish_all(events()).await;
    until_count(&all, 3).await;
    rig.settled().await;
    let numbers = || some.arrived().iter().map(|a| a.json()["data"]["n"].as_i64().unwrap()).collect::<Vec<_>>();
    assert_eq!(numbers(), [1]);
    let filter = Some(EventFilter { queues: vec!["sales".to_owned()], ..EventFilter::default() });
    let change = Change { filter, ..Change::default() };
    rig.hooks.change(&rig.admin(), hook.id, change).await.unwrap();
    rig.publish_all(events()).await;
    until_count(&all, 6).await;
    rig.settled().await;
    assert_eq!(numbers(), [1, 3]);
    // What does not pass is not in the history either.
    assert_eq!(rig.deliveries(hook.id).await.len(), 2);
}

#[tokio::test]
async fn a_paused_webhook_skips_only_what_passes_its_filter() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let filter = EventFilter { campaigns: vec![7], ..EventFilter::default() };
    let hook = rig.webhook_with(&receiver.url(), |new| new.filter = filter).await.webhook.id;
    rig.hooks.pause(&rig.admin(), hook).await.unwrap();
    rig.publish_all(vec![about(&rig, r#"{"campaign_id":7}"#), about(&rig, r#"{"campaign_id":8}"#)]).await;
    assert_eq!(rig.deliveries(hook).await.len(), 1);
}

#[tokio::test]
async fn a_paced_webhook_gets_no_more_than_it_wants() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    rig.webhook_with(&receiver.url(), |new| new.pace = Some(20)).await;
    let start = Instant::now();
    for number in 0..30 {
        rig.publish(number).await;
    }
    until_count(&receiver, 30).await;
    // A tenth of a second's worth may go at once: 2, then one each 50 ms.
    let least = Duration::from_millis(28 * 50 - 100);
    assert!(start.elapsed() >= least, "{:?}", start.elapsed());
    rig.settled().await;
}

#[tokio::test]
async fn a_pace_for_all_is_a_setting() {
    let rig = Rig::start_with(|config| config.pace = Some(10)).await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    rig.webhook(&receiver.url()).await;
    let start = Instant::now();
    for number in 0..8 {
        rig.publish(number).await;
    }
    until_count(&receiver, 8).await;
    assert!(start.elapsed() >= Duration::from_millis(6 * 100), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_event_that_waited_too_long_for_its_first_attempt_is_expired_and_can_be_sent_by_hand() {
    let mut rig = Rig::open(|_| {}).await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    rig.publish(1).await;
    let other = Event { name: EventName::CallHangup, ..about(&rig, r#"{"number":2}"#) };
    rig.publish_all(vec![other]).await;
    rig.db.clock.advance(Duration::from_secs(601));
    rig.run();
    let expired = rig.delivery(hook, |delivery| delivery.status == DeliveryStatus::Expired).await;
    assert_eq!((expired.attempts, expired.attempted_at, expired.error), (0, None, None));
    rig.settled().await;
    assert_eq!(receiver.arrived().iter().map(|a| a.header("x-zorio-event")).collect::<Vec<_>>(), ["pbx.call.hangup"]);
    rig.hooks.replay(&rig.admin(), expired.id).await.unwrap();
    let delivered = rig.delivery(hook, |d| d.id == expired.id && d.status == DeliveryStatus::Delivered).await;
    assert_eq!(delivered.attempts, 1);
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn a_new_url_is_tried_at_once_however_the_old_one_was() {
    let rig = Rig::start().await;
    let (dead, alive) = (rig.receiver(Answer::Close).await, rig.receiver(Answer::Status(200)).await);
    let hook = rig.webhook(&dead.url()).await.webhook.id;
    for number in 0..60 {
        rig.publish(number).await;
    }
    // Left alone for 30 s from now on.
    until_count(&dead, 10).await;
    let change = Change { url: Some(alive.url()), ..Change::default() };
    rig.hooks.change(&rig.admin(), hook, change).await.unwrap();
    until_count(&alive, 40).await;
}

#[tokio::test]
async fn an_answer_410_is_a_failure_like_others() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(410)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    rig.publish(1).await;
    let failed = rig.delivery(hook, |delivery| delivery.attempts == 1).await;
    assert_eq!((failed.status, failed.response_status), (DeliveryStatus::Failed, Some(410)));
    assert_eq!(rig.hooks.find(TENANT, hook).await.unwrap().status, Status::Active);
    receiver.answer(Answer::Status(200));
    rig.db.clock.set(failed.next_attempt_at.unwrap());
    rig.delivery(hook, |delivery| delivery.status == DeliveryStatus::Delivered).await;
}

#[tokio::test]
async fn a_test_event_goes_out_at_once_and_its_answer_comes_back() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(418)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    let tested = rig.hooks.test(&rig.admin(), hook).await.unwrap();
    let answer = tested.answer.unwrap();
    assert_eq!((answer.status, answer.body.as_str(), answer.error), (Some(418), "noted", Some(Failure::Status)));
    let recorded = rig.delivery(hook, |delivery| delivery.attempts == 1).await;
    assert_eq!((recorded.id, recorded.event.as_str()), (tested.delivery, "webhook.test"));
    receiver.answer(Answer::Body(5_000));
    let answer = rig.hooks.test(&rig.admin(), hook).await.unwrap().answer.unwrap();
    assert_eq!((answer.status, answer.error, answer.body.len()), (Some(200), None, 2_000));
    // Past a crowd that hangs.
    receiver.answer(Answer::Hang);
    for number in 0..20 {
        rig.publish(number).await;
    }
    let answer = rig.hooks.test(&rig.admin(), hook).await.unwrap().answer.unwrap();
    assert_eq!((answer.status, answer.error), (None, Some(Failure::Timeout)));
}

#[tokio::test]
async fn a_test_event_to_nobody_says_so() {
    let rig = Rig::start().await;
    let hook = rig.webhook("https://unknown.test/").await.webhook.id;
    let answer = rig.hooks.test(&rig.admin(), hook).await.unwrap().answer.unwrap();
    assert_eq!((answer.status, answer.error), (None, Some(Failure::Dns)));
}

/// What another interface sends: a body without an envelope, tried three times within seconds, 200 alone is success.
#[tokio::test]
async fn a_parcel_of_another_kind_keeps_its_body_and_its_own_retries() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(202)).await;
    let events = rig.webhook(&receiver.url()).await.webhook.id;
    let mut tx = rig.db.begin(TENANT).await.unwrap();
    ::store::sql("update webhook set kind = 'incoming' where id = $1").bind(events).run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = rig.bus.db().begin(TENANT).await.unwrap();
    let body = r#"{"caller_id_number":"+84912345678"}"#.to_owned();
    let parcel = Parcel { id: Uuid::now_v7(), name: "incoming_call", call: None, body: body.clone() };
    let producer =
        Producer { node: rig.bus.db().node().to_owned(), room: rig.hooks.room.clone(), inbox: rig.hooks.inbox.clone() };
    producer.post(&mut tx, TENANT, Kind::Incoming, parcel).await.unwrap();
    tx.commit().await.unwrap();
    let dead = until(async || {
        rig.db.clock.advance(Duration::from_millis(200));
        rig.deliveries(events).await.into_iter().find(|delivery| delivery.status == DeliveryStatus::Deadletter)
    })
    .await;
    assert_eq!((dead.attempts, dead.event.as_str(), dead.error), (3, "incoming_call", Some(Failure::Status)));
    let arrived = receiver.arrived();
    assert!(arrived.iter().all(|a| a.body == body.as_bytes() && a.header("x-zorio-event") == "incoming_call"));
    let ids: HashSet<_> = arrived.iter().map(|a| a.header("x-zorio-delivery")).collect();
    assert_eq!((arrived.len(), ids.len()), (3, 1));
    assert!(rig.hooks.list(TENANT).await.unwrap().is_empty(), "it is no webhook for events");
}
