use std::{collections::HashSet, time::Duration};

use ::store::testing::START;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{
    receiver::{Answer, Authority, Receiver},
    rig::{Rig, TIMEOUT, until, until_count},
};
use crate::{DeliveryStatus, Failure, store::queue, verify};

#[tokio::test]
async fn a_delivery_carries_what_the_contract_says_and_verifies_by_its_recipe() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(204)).await;
    let hook = rig.webhook(&receiver.url()).await;
    rig.publish(1).await;
    until_count(&receiver, 1).await;
    let arrived = receiver.arrived().remove(0);
    let secret = hook.secret.reveal();
    assert_eq!(arrived.header("x-zorio-event"), "pbx.call.ringing");
    assert_eq!(arrived.header("x-zorio-timestamp"), START.secs().to_string());
    assert_eq!(arrived.header("content-type"), "application/json; charset=utf-8");
    assert!(arrived.header("user-agent").starts_with("Zorio-Webhooks/"));
    assert!(verify(secret, &arrived.body, &arrived.header("x-zorio-signature")));
    // Standard Webhooks: the library decodes the base64 after `whsec_`.
    let key = STANDARD.decode(hook.secret.standard().strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let id = arrived.header("webhook-id");
    mac.update(format!("{id}.{}.", arrived.header("webhook-timestamp")).as_bytes());
    mac.update(&arrived.body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(arrived.header("webhook-signature"), expected);
    let delivery = rig.delivery(hook.webhook.id, |d| d.status == DeliveryStatus::Delivered).await;
    assert_eq!(arrived.header("x-zorio-delivery"), delivery.id.to_string());
    assert_eq!(id, delivery.id.to_string());
    assert_eq!((delivery.attempts, delivery.response_status, delivery.error), (1, Some(204), None));
    assert_eq!(delivery.payload.unwrap().as_bytes(), &arrived.body);
    assert_eq!(arrived.json()["tenant_id"], 1);
    rig.settled().await;
}

#[tokio::test]
async fn four_attempts_are_made_on_schedule_with_the_same_body_and_id_and_then_it_is_a_dead_letter() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(500)).await;
    let hook = rig.webhook(&receiver.url()).await;
    rig.publish(1).await;
    for (attempts, wait) in [(1, 30), (2, 300), (3, 1800)] {
        let failed = rig.delivery(hook.webhook.id, |d| d.attempts == attempts).await;
        assert_eq!((failed.status, failed.error), (DeliveryStatus::Failed, Some(Failure::Status)));
        let due = failed.next_attempt_at.unwrap();
        let waits = due.since(rig.db.now()).as_secs_f64();
        assert!((f64::from(wait)..=f64::from(wait) * 1.1).contains(&waits), "{waits} s after attempt {attempts}");
        // Not a moment before it is due.
        rig.db.clock.set(domain::Timestamp(due.millis() - 1));
        let mut tx = rig.db.read_any_tenant().await.unwrap();
        assert!(queue::any_tenant_due(&mut tx).await.unwrap().is_empty());
        assert_eq!(receiver.count(), usize::try_from(attempts).unwrap());
        rig.db.clock.set(due);
        until_count(&receiver, usize::try_from(attempts).unwrap() + 1).await;
    }
    let dead = rig.delivery(hook.webhook.id, |d| d.status == DeliveryStatus::Deadletter).await;
    assert_eq!((dead.attempts, dead.response_status, dead.next_attempt_at), (4, Some(500), None));
    assert_eq!(dead.response_body.as_deref(), Some("noted"));
    let arrived = receiver.arrived();
    assert_eq!(arrived.iter().map(|a| a.body.clone()).collect::<HashSet<_>>().len(), 1);
    assert_eq!(arrived.iter().map(|a| a.header("x-zorio-delivery")).collect::<HashSet<_>>().len(), 1);
    let times: HashSet<_> = arrived.iter().map(|a| a.header("x-zorio-timestamp")).collect();
    assert_eq!(times.len(), 4, "the timestamp is refreshed");
    assert!(arrived.iter().all(|a| verify(hook.secret.reveal(), &a.body, &a.header("x-zorio-signature"))));
    rig.settled().await;
}

#[tokio::test]
async fn a_receiver_may_ask_for_more_time() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Header(429, "retry-after", "7200".to_owned())).await;
    let hook = rig.webhook(&receiver.url()).await;
    rig.publish(1).await;
    let failed = rig.delivery(hook.webhook.id, |d| d.attempts == 1).await;
    assert_eq!(failed.next_attempt_at.unwrap(), START.after(Duration::from_secs(7200)));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_never_followed() {
    let rig = Rig::start().await;
    let other = rig.receiver(Answer::Status(200)).await;
    for status in [301, 302, 303, 307, 308] {
        let receiver = rig.receiver(Answer::Header(status, "location", other.url())).await;
        let hook = rig.webhook(&receiver.url()).await;
        rig.publish(1).await;
        let failed = rig.delivery(hook.webhook.id, |d| d.attempts == 1).await;
        assert_eq!((failed.error, failed.response_status), (Some(Failure::Status), Some(status.into())));
        rig.hooks.delete(&rig.admin(), hook.webhook.id).await.unwrap();
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn an_answer_that_does_not_end_in_time_is_a_timeout() {
    for answer in [Answer::Hang, Answer::Drip] {
        let rig = Rig::start().await;
        let receiver = rig.receiver(answer.clone()).await;
        let hook = rig.webhook(&receiver.url()).await;
        rig.publish(1).await;
        let failed = rig.delivery(hook.webhook.id, |d| d.attempts == 1).await;
        assert_eq!(failed.error, Some(Failure::Timeout), "{answer:?}");
        let limit = i64::try_from(TIMEOUT.as_millis()).unwrap();
        assert!((limit..limit + 300).contains(&failed.duration_ms.unwrap()), "{failed:?}");
    }
}

#[tokio::test]
async fn a_long_answer_is_cut_and_only_its_beginning_kept() {
    let rig = Rig::start_with(|config| config.timeout = Duration::from_secs(5)).await;
    let receiver = rig.receiver(Answer::Body(50_000_000)).await;
    let hook = rig.webhook(&receiver.url()).await;
    rig.publish(1).await;
    let delivery = rig.delivery(hook.webhook.id, |d| d.attempts == 1).await;
    assert_eq!(delivery.status, DeliveryStatus::Delivered);
    assert_eq!(delivery.response_body.unwrap().len(), 16 * 1024);
    assert!(delivery.duration_ms.unwrap() < 2_000);
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart() {
    let rig = Rig::start().await;
    let trusted = rig.receiver(Answer::Close).await;
    let stranger = Receiver::start(&Authority::new(), Answer::Status(200)).await;
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let cases = [
        (trusted.url(), Failure::Reset),
        (stranger.url(), Failure::Tls),
        (format!("https://a.test:{nobody}/"), Failure::Refused),
        ("https://unknown.test/".to_owned(), Failure::Dns),
    ];
    for (url, failure) in cases {
        let hook = rig.webhook(&url).await;
        rig.publish(1).await;
        let delivery = rig.delivery(hook.webhook.id, |d| d.attempts == 1).await;
        assert_eq!(delivery.error, Some(failure), "{url}");
        rig.hooks.delete(&rig.admin(), hook.webhook.id).await.unwrap();
    }
    assert_eq!(stranger.count(), 0);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_before_anything_is_dialled() {
    let rig = Rig::start_with(|config| config.allow_networks.clear()).await;
    let inside = rig.receiver(Answer::Status(200)).await;
    let answers: [&[&str]; 5] =
        [&["127.0.0.1"], &["8.8.8.8", "127.0.0.1"], &["::ffff:127.0.0.1"], &["8.8.8.8", "::1"], &["169.254.169.254"]];
    for addresses in answers {
        let hook = rig.webhook(&inside.url()).await;
        rig.names.lock().unwrap().insert("a.test".to_owned(), addresses.iter().map(|a| a.parse().unwrap()).collect());
        rig.publish(1).await;
        let blocked = rig.delivery(hook.webhook.id, |d| d.attempts == 1).await;
        assert_eq!((blocked.error, blocked.duration_ms), (Some(Failure::Blocked), Some(0)), "{addresses:?}");
        rig.hooks.delete(&rig.admin(), hook.webhook.id).await.unwrap();
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn connections_are_reused() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    rig.webhook(&receiver.url()).await;
    for number in 0..50 {
        rig.publish(number).await;
        until_count(&receiver, number + 1).await;
    }
    // As many as may be under way at once; the next event comes before the answer to the last one is read.
    assert!(receiver.connections() <= 8, "{} connections for 50 deliveries", receiver.connections());
}

#[tokio::test]
async fn an_event_of_a_transaction_that_did_not_commit_is_never_sent() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    rig.webhook(&receiver.url()).await;
    let mut tx = rig.bus.db().begin(::store::testing::TENANT).await.unwrap();
    rig.bus.publish(&mut tx, rig.event(domain::CallId(uuid::Uuid::new_v4()), 1)).await.unwrap();
    drop(tx);
    rig.publish(2).await;
    until_count(&receiver, 1).await;
    rig.settled().await;
    let numbers: Vec<_> = receiver.arrived().iter().map(|a| a.json()["data"]["number"].clone()).collect();
    assert_eq!(numbers, [2]);
}

#[tokio::test]
async fn pending_retries_go_to_the_webhooks_present_url() {
    let rig = Rig::start().await;
    let (old, new) = (rig.receiver(Answer::Status(500)).await, rig.receiver(Answer::Status(200)).await);
    let hook = rig.webhook(&old.url()).await;
    rig.publish(1).await;
    let failed = rig.delivery(hook.webhook.id, |d| d.attempts == 1).await;
    let change = crate::Change { url: Some(new.url()), ..crate::Change::default() };
    rig.hooks.change(&rig.admin(), hook.webhook.id, change).await.unwrap();
    rig.db.clock.set(failed.next_attempt_at.unwrap());
    until_count(&new, 1).await;
    assert_eq!(old.count(), 1);
    assert_eq!(new.arrived()[0].header("x-zorio-delivery"), failed.id.to_string());
    assert_eq!(new.arrived()[0].path, "/hook");
}

#[tokio::test]
async fn a_stale_connection_costs_no_attempt() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let hook = rig.webhook(&receiver.url()).await;
    rig.publish(1).await;
    rig.settled().await;
    // The receiver closes the connection that is kept for reuse on the next request, once.
    receiver.answer(Answer::Close);
    rig.publish(2).await;
    until_count(&receiver, 2).await;
    receiver.answer(Answer::Status(200));
    let outcome = until(async || {
        let deliveries = rig.deliveries(hook.webhook.id).await;
        (deliveries.len() == 2 && deliveries.iter().all(|d| d.attempts == 1)).then_some(deliveries)
    })
    .await;
    // Either the second try met the new answer or it was closed as well: one attempt in the books all the same.
    assert!(outcome.iter().all(|d| d.attempts == 1));
    assert!(receiver.count() <= 3);
}
