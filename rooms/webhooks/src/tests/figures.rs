use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::store::testing::{START, TENANT};
use domain::{CallId, Principal, TenantId, Timestamp};
use uuid::Uuid;

use super::{
    receiver::Answer,
    rig::{Rig, until, until_count},
};
use crate::{DeliveryStatus, Error, Failure, Filter, Status};

#[tokio::test]
async fn the_details_of_a_delivery_have_every_attempt() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(500)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    let call = CallId(Uuid::now_v7());
    rig.publish_call(call, 1).await;
    let failed = rig.delivery(hook, |delivery| delivery.attempts == 1).await;
    receiver.answer(Answer::Body(3));
    rig.db.clock.set(failed.next_attempt_at.unwrap());
    rig.delivery(hook, |delivery| delivery.status == DeliveryStatus::Delivered).await;
    let detail = rig.hooks.delivery(&rig.admin(), failed.id).await.unwrap();
    assert_eq!((detail.webhook_name.as_deref(), detail.call_uuid), (Some("test"), Some(call)));
    assert!(detail.delivery.payload.unwrap().contains(&call.to_string()));
    let attempts: Vec<_> =
        detail.attempts.iter().map(|a| (a.at, a.response_status, a.error, a.response_body.as_deref())).collect();
    assert_eq!(
        attempts,
        [
            (START, Some(500), Some(Failure::Status), Some("noted")),
            (failed.next_attempt_at.unwrap(), Some(200), None, Some("xxx")),
        ]
    );
    // And those of a replay, which fails.
    receiver.answer(Answer::Close);
    rig.db.clock.advance(Duration::from_secs(9));
    rig.hooks.replay(&rig.admin(), failed.id).await.unwrap();
    rig.delivery(hook, |delivery| delivery.attempts == 3).await;
    let detail = rig.hooks.delivery(&rig.admin(), failed.id).await.unwrap();
    let errors: Vec<_> = detail.attempts.iter().map(|attempt| attempt.error).collect();
    assert_eq!(errors, [Some(Failure::Status), None, Some(Failure::Reset)]);
    let other = Principal::system(TenantId(2));
    assert!(matches!(rig.hooks.delivery(&other, failed.id).await, Err(Error::NotFound)));
    assert!(matches!(rig.hooks.delivery(&rig.admin(), Uuid::now_v7()).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_delivery_that_was_never_attempted_has_details_too() {
    let rig = Rig::open(|_| {}).await;
    let hook = rig.webhook("https://a.test/").await.webhook.id;
    rig.publish(1).await;
    let pending = rig.deliveries(hook).await.remove(0);
    let detail = rig.hooks.delivery(&rig.admin(), pending.id).await.unwrap();
    assert_eq!((detail.delivery.id, detail.delivery.status), (pending.id, DeliveryStatus::Pending));
    assert!(detail.attempts.is_empty());
}

#[tokio::test]
async fn deliveries_are_found_by_call_event_time_state_and_text() {
    let mut rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let (a, b) = (rig.webhook(&receiver.url()).await.webhook.id, rig.webhook(&receiver.url()).await.webhook.id);
    let call = CallId(Uuid::now_v7());
    for number in 0..3 {
        rig.publish_call(call, number).await;
        rig.db.clock.advance(Duration::from_secs(1));
    }
    for number in 10..15 {
        rig.publish(number).await;
    }
    rig.settled().await;
    rig.stop().await;
    // One more that waits.
    rig.publish_call(call, 3).await;
    let count = async |filter: Filter| rig.hooks.deliveries(TENANT, &filter).await.unwrap().len();
    assert_eq!(count(Filter::default()).await, 18);
    assert_eq!(count(Filter { call: Some(call), ..Filter::default() }).await, 8);
    assert_eq!(count(Filter { call: Some(call), webhook: Some(b), ..Filter::default() }).await, 4);
    let status = Some(DeliveryStatus::Pending);
    assert_eq!(count(Filter { call: Some(call), status, ..Filter::default() }).await, 2);
    assert_eq!(count(Filter { status, ..Filter::default() }).await, 2);
    let status = Some(DeliveryStatus::Skipped);
    assert_eq!(count(Filter { status, ..Filter::default() }).await, 0);
    let event = |name: &str| Some(name.to_owned());
    assert_eq!(count(Filter { event: event("pbx.call.ringing"), ..Filter::default() }).await, 18);
    assert_eq!(count(Filter { event: event("pbx.call.hangup"), ..Filter::default() }).await, 0);
    let later = Some(START.after(Duration::from_secs(1)));
    assert_eq!(count(Filter { from: later, ..Filter::default() }).await, 16);
    assert_eq!(count(Filter { to: later, ..Filter::default() }).await, 2);
    assert_eq!(count(Filter { call: Some(call), from: later, webhook: Some(a), ..Filter::default() }).await, 3);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(count(Filter { text: text(r#""number":12"#), ..Filter::default() }).await, 2);
    assert_eq!(count(Filter { text: text("%"), ..Filter::default() }).await, 0, "it is no pattern");
    assert_eq!(count(Filter { text: text("call_uuid"), limit: 5, ..Filter::default() }).await, 5);
    let foreign = Filter { call: Some(call), ..Filter::default() };
    assert!(rig.hooks.deliveries(TenantId(2), &foreign).await.unwrap().is_empty());
}

#[tokio::test]
async fn pages_follow_one_another_without_a_gap() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    rig.webhook(&receiver.url()).await;
    rig.webhook(&receiver.url()).await;
    for number in 0..30 {
        rig.publish(number).await;
    }
    rig.settled().await;
    let (mut seen, mut before) = (std::collections::HashSet::new(), None);
    loop {
        let filter = Filter { before, limit: 7, ..Filter::default() };
        let page = rig.hooks.deliveries(TENANT, &filter).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some((last.created_at, last.id));
        assert!(page.iter().all(|delivery| seen.insert(delivery.id)));
    }
    assert_eq!(seen.len(), 60);
}

#[tokio::test]
async fn figures_tell_how_webhooks_do() {
    let rig = Rig::start().await;
    let (good, bad) = (rig.receiver(Answer::Status(200)).await, rig.receiver(Answer::Status(500)).await);
    let good_hook = rig.webhook_with(&good.url(), |new| new.name = "Good one".to_owned()).await.webhook.id;
    let bad_hook = rig.webhook(&bad.url()).await.webhook.id;
    for number in 0..6 {
        rig.publish(number).await;
    }
    let overview = until(async || {
        rig.hooks.pulse.write().await.unwrap();
        let overview = rig.hooks.overview(&rig.admin(), "").await.unwrap();
        overview.iter().all(|overview| overview.figures.attempts_1h == 6).then_some(overview)
    })
    .await;
    let rates: Vec<_> = overview.iter().map(|o| (o.figures.attempts_1h, o.figures.failure_rate_1h)).collect();
    assert_eq!(rates, [(6, Some(0.0)), (6, Some(1.0))]);
    assert_eq!((overview[0].figures.delivered_24h, overview[1].figures.failed_24h), (6, 6));
    assert_eq!(overview[0].figures.last_success_at, Some(START));
    assert_eq!(overview[1].webhook.last_failure_at, Some(START));
    assert_eq!(rig.hooks.overview(&rig.admin(), " good ").await.unwrap().len(), 1);
    assert_eq!(rig.hooks.show(&rig.admin(), bad_hook).await.unwrap().figures.failed_1h, 6);
    let health = rig.hooks.health().await.unwrap();
    assert_eq!(health.oldest_due_seconds, 0);
    let found = health.endpoints.iter().find(|endpoint| endpoint.webhook == bad_hook).unwrap();
    assert_eq!((found.tenant, found.failure_rate_1h, found.status), (TENANT, Some(1.0), Status::Active));
    // An hour later that is history.
    rig.db.clock.advance(Duration::from_secs(3_900));
    let figures = rig.hooks.show(&rig.admin(), good_hook).await.unwrap().figures;
    assert_eq!((figures.attempts_1h, figures.failure_rate_1h, figures.delivered_24h), (0, None, 6));
    let stranger = Principal::system(TenantId(2));
    assert!(rig.hooks.overview(&stranger, "").await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_late_is_told_wherever_it_waits() {
    let mut rig = Rig::start_with(|config| config.timeout = Duration::from_secs(30)).await;
    let receiver = rig.receiver(Answer::Hang).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    for number in 0..20 {
        rig.publish(number).await;
    }
    until_count(&receiver, 8).await;
    rig.db.clock.advance(Duration::from_secs(90));
    // In memory, behind what is under way.
    let health = until(async || {
        let health = rig.hooks.health().await.unwrap();
        (health.oldest_due_seconds >= 90).then_some(health)
    })
    .await;
    assert_eq!(health.endpoints[0].oldest_due_seconds, health.oldest_due_seconds);
    receiver.answer(Answer::Status(200));
    rig.settled().await;
    rig.stop().await;
    // In the database, with nobody to send it.
    rig.publish(1).await;
    rig.db.clock.advance(Duration::from_secs(100));
    assert_eq!(rig.hooks.show(&rig.admin(), hook).await.unwrap().figures.oldest_due_seconds, 100);
    rig.hooks.pause(&rig.admin(), hook).await.unwrap();
    assert_eq!(rig.hooks.health().await.unwrap().oldest_due_seconds, 0, "what is paused is not late");
}

/// Counts what is logged as an error.
struct Errors(Arc<AtomicUsize>);

impl tracing::Subscriber for Errors {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::ERROR
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        if *event.metadata().level() == tracing::Level::ERROR {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn an_orderly_stop_is_no_error() {
    let errors = Arc::new(AtomicUsize::new(0));
    let _guard = tracing::subscriber::set_default(Errors(Arc::clone(&errors)));
    for _ in 0..20 {
        let mut rig = Rig::start().await;
        tokio::task::yield_now().await;
        rig.stop().await;
    }
    assert_eq!(errors.load(Ordering::SeqCst), 0);
    tracing::error!("counted");
    assert_eq!(errors.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_ends_by_a_failure_of_our_own_is_started_anew_and_loses_nothing() {
    let rig = Rig::start_with(|config| config.timeout = Duration::from_secs(20)).await;
    let receiver = rig.receiver(Answer::Hang).await;
    rig.webhook(&receiver.url()).await;
    for number in 0..20 {
        rig.publish(number).await;
    }
    until_count(&receiver, 8).await;
    // The driver listens to nobody any more and ends.
    drop(rig.hooks.inbox.open());
    receiver.answer(Answer::Status(200));
    rig.settled().await;
    rig.publish(20).await;
    rig.settled().await;
    let numbers: std::collections::HashSet<_> =
        receiver.arrived().iter().map(|a| a.json()["data"]["number"].as_u64()).collect();
    assert_eq!(numbers.len(), 21);
}

#[tokio::test]
async fn old_figures_and_replays_are_forgotten() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(500)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    rig.publish(1).await;
    rig.delivery(hook, |delivery| delivery.attempts == 1).await;
    rig.hooks.pulse.write().await.unwrap();
    let range = (START, Timestamp(START.millis() + 1));
    rig.hooks.replay_range(&rig.admin(), hook, range, &[]).await.unwrap();
    until(async || (rig.hooks.replays(&rig.admin()).await.unwrap()[0].queued == 0).then_some(())).await;
    until(async || {
        let replay = rig.hooks.replays(&rig.admin()).await.unwrap().remove(0);
        (replay.state == crate::ReplayState::Done).then_some(())
    })
    .await;
    rig.hooks.pause(&rig.admin(), hook).await.unwrap();
    rig.db.clock.advance(Duration::from_secs(86_400 * 31));
    rig.hooks.claimer().forget().await.unwrap();
    let mut tx = rig.db.read_any_tenant().await.unwrap();
    for text in ["select count(*) from webhook_tally", "select count(*) from delivery_attempt"] {
        assert_eq!(::store::sql(text).one::<(i64,)>(&mut tx).await.unwrap().0, 0, "{text}");
    }
    drop(tx);
    assert!(rig.hooks.replays(&rig.admin()).await.unwrap().is_empty());
}
