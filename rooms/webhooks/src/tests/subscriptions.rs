use ::store::testing::{START, TENANT};
use domain::{
    EventName, Principal, TenantId, Timestamp, UserId,
    ids::WebhookId,
    principal::{Actor, Role},
};

use super::{
    receiver::Answer,
    rig::{Rig, until, until_count},
};
use crate::{Change, DeliveryStatus, Error, Filter, NewWebhook, Notice, Status, verify};

#[tokio::test]
async fn a_webhook_gets_exactly_the_events_it_asked_for() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let new = NewWebhook {
        name: "cdr".to_owned(),
        url: receiver.url(),
        events: vec![EventName::CdrCreated],
        ..NewWebhook::default()
    };
    let hook = rig.hooks.create(&rig.admin(), new).await.unwrap().webhook;
    assert_eq!((hook.events.as_slice(), hook.status), (&[EventName::CdrCreated][..], Status::Active));
    rig.publish(1).await;
    let events = Some(vec![EventName::CallRinging, EventName::CallRinging]);
    let change = Change { events, ..Change::default() };
    let hook = rig.hooks.change(&rig.admin(), hook.id, change).await.unwrap();
    assert_eq!(hook.events, [EventName::CallRinging]);
    rig.publish(2).await;
    until_count(&receiver, 1).await;
    rig.settled().await;
    assert_eq!(receiver.count(), 1);
    assert_eq!(receiver.arrived()[0].json()["data"]["number"], 2);
}

#[tokio::test]
async fn while_paused_events_are_skipped_and_can_be_replayed() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    rig.hooks.pause(&rig.admin(), hook).await.unwrap();
    for number in 0..3 {
        rig.publish(number).await;
    }
    let skipped = rig.deliveries(hook).await;
    assert_eq!(skipped.iter().filter(|d| d.status == DeliveryStatus::Skipped && d.attempts == 0).count(), 3);
    rig.settled().await;
    assert_eq!(receiver.count(), 0);
    let first = skipped.last().unwrap().id;
    assert!(matches!(rig.hooks.replay(&rig.admin(), first).await, Err(Error::Inactive)));
    rig.hooks.resume(&rig.admin(), hook).await.unwrap();
    rig.hooks.replay(&rig.admin(), first).await.unwrap();
    rig.settled().await;
    assert_eq!(receiver.count(), 1);
    let range = (START, Timestamp(i64::MAX));
    rig.hooks.replay_range(&rig.admin(), hook, range, &[]).await.unwrap();
    rig.settled().await;
    until(async || {
        let deliveries = rig.deliveries(hook).await;
        deliveries.iter().all(|d| d.status == DeliveryStatus::Delivered).then_some(())
    })
    .await;
    assert_eq!(receiver.count(), 3);
    rig.publish(9).await;
    until_count(&receiver, 4).await;
}

#[tokio::test]
async fn a_dead_letter_is_replayed_with_its_id_and_body() {
    let rig = Rig::start_with(|config| config.retry_scale = 0.000_001).await;
    let receiver = rig.receiver(Answer::Status(503)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    rig.publish(1).await;
    let dead = until(async || {
        rig.db.clock.advance(std::time::Duration::from_millis(10));
        rig.deliveries(hook).await.into_iter().find(|d| d.status == DeliveryStatus::Deadletter)
    })
    .await;
    receiver.answer(Answer::Status(200));
    rig.hooks.replay(&rig.admin(), dead.id).await.unwrap();
    let delivered = rig.delivery(hook, |d| d.status == DeliveryStatus::Delivered).await;
    assert_eq!((delivered.id, delivered.attempts), (dead.id, 5));
    let arrived = receiver.arrived();
    assert!(arrived.iter().all(|a| a.header("x-zorio-delivery") == dead.id.to_string() && a.body == arrived[0].body));
}

#[tokio::test]
async fn fifty_dead_letters_in_a_row_suspend_and_an_admin_resumes() {
    let rig = Rig::start_with(|config| config.retry_scale = 0.000_001).await;
    let receiver = rig.receiver(Answer::Status(500)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    let mut notices = rig.hooks.notices();
    let dead = |count: i64| {
        let (rig, receiver) = (&rig, &receiver);
        async move {
            for number in 0..count {
                rig.publish(usize::try_from(number).unwrap()).await;
            }
            until(async || {
                rig.db.clock.advance(std::time::Duration::from_millis(50));
                let found = rig.hooks.find(TENANT, hook).await.unwrap();
                (found.status == Status::Suspended || found.failed_in_row >= count).then_some(())
            })
            .await;
            let _ = receiver;
        }
    };
    dead(49).await;
    // One success in between starts the count anew.
    receiver.answer(Answer::Status(200));
    rig.publish(100).await;
    until(async || (rig.hooks.find(TENANT, hook).await.unwrap().failed_in_row == 0).then_some(())).await;
    receiver.answer(Answer::Status(500));
    dead(49).await;
    assert_eq!(rig.hooks.find(TENANT, hook).await.unwrap().status, Status::Active);
    rig.publish(101).await;
    let suspended = until(async || {
        rig.db.clock.advance(std::time::Duration::from_millis(50));
        let found = rig.hooks.find(TENANT, hook).await.unwrap();
        (found.status == Status::Suspended).then_some(found)
    })
    .await;
    assert!(suspended.reason.unwrap().contains("50"));
    assert!(matches!(notices.recv().await.unwrap(), Notice::Suspended { webhook, .. } if webhook == hook));
    rig.publish(102).await;
    rig.delivery(hook, |d| d.status == DeliveryStatus::Skipped).await;
    receiver.answer(Answer::Status(200));
    rig.hooks.resume(&rig.admin(), hook).await.unwrap();
    let resumed = rig.hooks.find(TENANT, hook).await.unwrap();
    assert_eq!((resumed.status, resumed.failed_in_row, resumed.reason), (Status::Active, 0, None));
    assert!(matches!(notices.recv().await.unwrap(), Notice::Resumed { webhook, .. } if webhook == hook));
    let before = receiver.count();
    rig.publish(103).await;
    until_count(&receiver, before + 1).await;
}

#[tokio::test]
async fn the_next_event_after_a_rotation_is_signed_with_the_new_secret() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let hook = rig.webhook(&receiver.url()).await;
    for number in 0..10 {
        let secret = rig.hooks.rotate(&rig.admin(), hook.webhook.id).await.unwrap();
        rig.publish(number).await;
        until_count(&receiver, number + 1).await;
        let arrived = receiver.arrived().pop().unwrap();
        assert!(verify(secret.reveal(), &arrived.body, &arrived.header("x-zorio-signature")));
        assert!(!verify(hook.secret.reveal(), &arrived.body, &arrived.header("x-zorio-signature")));
    }
}

#[tokio::test]
async fn a_rotation_by_another_process_counts_for_the_next_event_too() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    let db = rig.db.reopen().await;
    let bus = bus::Bus::new(db.clone());
    let cli = crate::Webhooks::open(db, bus, rig.db.secrets.clone(), rig.config.clone()).await.unwrap();
    rig.publish(0).await;
    until_count(&receiver, 1).await;
    let secret = cli.rotate(&rig.admin(), hook).await.unwrap();
    rig.publish(1).await;
    until_count(&receiver, 2).await;
    let arrived = receiver.arrived().pop().unwrap();
    assert!(verify(secret.reveal(), &arrived.body, &arrived.header("x-zorio-signature")));
    // And what it queues is picked up here.
    let id = cli.test(&rig.admin(), hook).await.unwrap().delivery;
    until_count(&receiver, 3).await;
    let arrived = receiver.arrived().pop().unwrap();
    assert_eq!(arrived.header("x-zorio-delivery"), id.to_string());
    assert_eq!(arrived.header("x-zorio-event"), "webhook.test");
    assert_eq!(arrived.json()["data"]["webhook_id"], hook.0);
}

#[tokio::test]
async fn a_deleted_webhook_gets_nothing_more() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(500)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    rig.publish(1).await;
    rig.delivery(hook, |d| d.attempts == 1).await;
    rig.hooks.delete(&rig.admin(), hook).await.unwrap();
    rig.publish(2).await;
    rig.settled().await;
    assert_eq!(receiver.count(), 1);
    assert!(rig.hooks.list(TENANT).await.unwrap().is_empty());
}

#[tokio::test]
async fn another_account_neither_sees_nor_changes_nor_receives() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let hook = rig.webhook(&receiver.url()).await.webhook.id;
    let other = Principal::system(TenantId(2));
    rig.publish(1).await;
    let delivery = rig.delivery(hook, |d| d.attempts == 1).await.id;
    let hooks = &rig.hooks;
    assert!(hooks.list(other.tenant).await.unwrap().is_empty());
    assert!(matches!(hooks.find(other.tenant, hook).await, Err(Error::NotFound)));
    assert!(matches!(hooks.change(&other, hook, Change::default()).await, Err(Error::NotFound)));
    assert!(matches!(hooks.pause(&other, hook).await, Err(Error::NotFound)));
    assert!(matches!(hooks.resume(&other, hook).await, Err(Error::NotFound)));
    assert!(matches!(hooks.rotate(&other, hook).await, Err(Error::NotFound)));
    assert!(matches!(hooks.delete(&other, hook).await, Err(Error::NotFound)));
    assert!(matches!(hooks.test(&other, hook).await, Err(Error::NotFound)));
    assert!(matches!(hooks.replay(&other, delivery).await, Err(Error::NotFound)));
    let filter = Filter { webhook: Some(hook), ..Filter::default() };
    assert!(hooks.deliveries(other.tenant, &filter).await.unwrap().is_empty());
    let mut tx = rig.bus.db().begin(other.tenant).await.unwrap();
    let mut event = rig.event(domain::CallId(uuid::Uuid::new_v4()), 1);
    event.tenant = other.tenant;
    rig.bus.publish(&mut tx, event).await.unwrap();
    tx.commit().await.unwrap();
    rig.settled().await;
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn only_admins_change_webhooks_and_every_change_is_in_the_audit_log() {
    let rig = Rig::open(|_| {}).await;
    let user = |role| Principal {
        actor: Actor::User { id: UserId(1), username: "someone".to_owned(), role, team: None, extension: None },
        ..rig.admin()
    };
    let machine = Principal { actor: Actor::Machine { name: "crm".to_owned() }, ..rig.admin() };
    let new = || NewWebhook {
        name: "x".to_owned(),
        url: "https://a.test/".to_owned(),
        events: vec![EventName::CallRinging],
        ..NewWebhook::default()
    };
    for who in [user(Role::Supervisor), user(Role::Agent), user(Role::ReadOnly), machine] {
        assert!(matches!(rig.hooks.create(&who, new()).await, Err(Error::Denied)), "{who:?}");
        assert!(matches!(rig.hooks.rotate(&who, WebhookId(1)).await, Err(Error::Denied)));
    }
    let admin = user(Role::Admin);
    let created = rig.hooks.create(&admin, new()).await.unwrap();
    let id = created.webhook.id;
    rig.hooks.change(&admin, id, Change::default()).await.unwrap();
    rig.hooks.rotate(&admin, id).await.unwrap();
    rig.hooks.pause(&admin, id).await.unwrap();
    rig.hooks.resume(&admin, id).await.unwrap();
    rig.hooks.delete(&admin, id).await.unwrap();
    let mut tx = rig.db.read(TENANT).await.unwrap();
    let rows = ::store::sql("select action, actor, target, detail from audit_log order by id")
        .all::<(String, String, String, String)>(&mut tx)
        .await
        .unwrap();
    let actions: Vec<_> = rows.iter().map(|row| row.0.trim_start_matches("webhook.")).collect();
    assert_eq!(actions, ["create", "change", "rotate", "pause", "resume", "delete"]);
    assert!(rows.iter().all(|row| row.1 == "someone" && row.2 == format!("webhook:{id}")));
    assert!(rows.iter().all(|row| !row.3.contains(created.secret.reveal())));
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let rig = Rig::open(|config| config.allow_networks.clear()).await;
    let good = || NewWebhook {
        name: "x".to_owned(),
        url: "https://example.com/".to_owned(),
        events: vec![EventName::CallRinging],
        ..NewWebhook::default()
    };
    let cases = [
        ("name", NewWebhook { name: " ".to_owned(), ..good() }),
        ("name", NewWebhook { name: "n".repeat(101), ..good() }),
        ("url", NewWebhook { url: "http://example.com/".to_owned(), ..good() }),
        ("url", NewWebhook { url: "https://127.0.0.1/".to_owned(), ..good() }),
        ("events", NewWebhook { events: Vec::new(), ..good() }),
        ("events", NewWebhook { events: vec![EventName::WebhookTest], ..good() }),
    ];
    for (expected, new) in cases {
        let error = rig.hooks.create(&rig.admin(), new).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { field, .. } if field == expected), "{error}");
    }
    rig.hooks.create(&rig.admin(), good()).await.unwrap();
}
