use std::collections::HashSet;

use ::store::testing::TENANT;
use domain::{CallId, Event, EventName, Principal, TenantId, principal::Actor};
use uuid::Uuid;

use super::{
    receiver::{Answer, Receiver},
    rig::{Rig, until_count},
};
use crate::{DeliveryStatus, Error, Failure, Secret, verify};

const BODY: &str = r#"{"caller_id_name":"An","caller_id_number":"+84912345678","destination_number":"+842873000000"}"#;

impl Rig {
    /// Publishes what the exchange publishes when a call comes in.
    async fn call_comes_in(&self, tenant: TenantId) -> CallId {
        let call = CallId(Uuid::new_v4());
        let data = format!(
            r#"{{"call_uuid":"{call}","caller_id_name":"An","caller_id_number":"+84912345678","destination_number":"+842873000000"}}"#
        );
        let at = self.db.now();
        let event = Event { id: Uuid::now_v7(), name: EventName::CallIncoming, tenant, at, call: Some(call), data };
        let mut tx = self.bus.db().begin(tenant).await.unwrap();
        self.bus.publish(&mut tx, event).await.unwrap();
        tx.commit().await.unwrap();
        call
    }

    async fn told_at(&self, receiver: &Receiver) -> (domain::ids::WebhookId, Secret) {
        let set = self.hooks.set_incoming(&self.admin(), &receiver.url()).await.unwrap();
        (set.webhook.id, set.secret.expect("the first URL comes with a secret"))
    }
}

#[tokio::test]
async fn a_call_that_comes_in_is_told_in_three_signed_fields_to_nobody_else() {
    let rig = Rig::start().await;
    let (receiver, other) = (rig.receiver(Answer::Status(200)).await, rig.receiver(Answer::Status(200)).await);
    let (id, secret) = rig.told_at(&receiver).await;
    rig.webhook(&other.url()).await;
    let call = rig.call_comes_in(TENANT).await;
    let delivery = rig.delivery(id, |d| d.status == DeliveryStatus::Delivered).await;
    let arrived = receiver.arrived().remove(0);
    assert_eq!(arrived.body, BODY);
    assert_eq!((delivery.event.as_str(), delivery.payload.as_deref()), ("pbx.call.incoming", Some(BODY)));
    assert_eq!(arrived.header("x-zorio-event"), "pbx.call.incoming");
    assert_eq!(arrived.header("x-zorio-delivery"), delivery.id.to_string());
    assert!(verify(secret.reveal(), &arrived.body, &arrived.header("x-zorio-signature")));
    let detail = rig.hooks.delivery(&rig.admin(), delivery.id).await.unwrap();
    assert_eq!(detail.call_uuid, Some(call));
    rig.settled().await;
    assert_eq!((receiver.count(), other.count()), (1, 0));
    assert!(rig.hooks.list(TENANT).await.unwrap().iter().all(|webhook| webhook.id != id), "it is no subscription");
}

#[tokio::test]
async fn it_is_tried_again_after_one_and_five_seconds_and_only_200_will_do() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(204)).await;
    let (id, _) = rig.told_at(&receiver).await;
    rig.call_comes_in(TENANT).await;
    for (attempts, wait) in [(1, 1_000), (2, 5_000)] {
        let failed = rig.delivery(id, |d| d.attempts == attempts).await;
        assert_eq!((failed.status, failed.error), (DeliveryStatus::Failed, Some(Failure::Status)));
        let due = failed.next_attempt_at.unwrap();
        assert_eq!(due.since(rig.db.now()).as_millis(), wait);
        rig.db.clock.set(due);
        until_count(&receiver, usize::try_from(attempts).unwrap() + 1).await;
    }
    let dead = rig.delivery(id, |d| d.status == DeliveryStatus::Deadletter).await;
    assert_eq!((dead.attempts, dead.response_status), (3, Some(204)));
    let arrived = receiver.arrived();
    assert_eq!(arrived.iter().map(|a| a.body.clone()).collect::<HashSet<_>>().len(), 1);
    assert_eq!(arrived.iter().map(|a| a.header("x-zorio-delivery")).collect::<HashSet<_>>().len(), 1);
    rig.settled().await;
}

#[tokio::test]
async fn an_account_has_one_url_and_its_secret_outlives_it() {
    let rig = Rig::start().await;
    let (first, second) = (rig.receiver(Answer::Status(200)).await, rig.receiver(Answer::Status(200)).await);
    let (id, secret) = rig.told_at(&first).await;
    let set = rig.hooks.set_incoming(&rig.admin(), &second.url()).await.unwrap();
    assert_eq!((set.webhook.id, set.webhook.url.as_str()), (id, second.url().as_str()));
    assert!(set.secret.is_none(), "a secret is shown once");
    rig.call_comes_in(TENANT).await;
    until_count(&second, 1).await;
    assert!(verify(secret.reveal(), &second.arrived()[0].body, &second.arrived()[0].header("x-zorio-signature")));
    let drawn = rig.hooks.rotate_incoming(&rig.admin()).await.unwrap();
    rig.call_comes_in(TENANT).await;
    until_count(&second, 2).await;
    let signature = second.arrived()[1].header("x-zorio-signature");
    assert!(
        verify(drawn.reveal(), BODY.as_bytes(), &signature) && !verify(secret.reveal(), BODY.as_bytes(), &signature)
    );
    rig.settled().await;
    assert_eq!(first.count(), 0);
}

#[tokio::test]
async fn without_a_url_nothing_is_told() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    rig.call_comes_in(TENANT).await;
    let (id, _) = rig.told_at(&receiver).await;
    rig.call_comes_in(TENANT).await;
    rig.delivery(id, |d| d.status == DeliveryStatus::Delivered).await;
    rig.hooks.remove_incoming(&rig.admin()).await.unwrap();
    assert!(rig.hooks.incoming(&rig.admin()).await.unwrap().is_none());
    assert!(matches!(rig.hooks.remove_incoming(&rig.admin()).await, Err(Error::NotFound)));
    rig.call_comes_in(TENANT).await;
    rig.settled().await;
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn machine_tokens_set_the_url_but_see_no_secret() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    let machine = Principal { actor: Actor::Machine { name: "crm".to_owned() }, ..rig.admin() };
    assert!(rig.hooks.set_incoming(&machine, &receiver.url()).await.is_ok());
    assert!(rig.hooks.incoming(&machine).await.unwrap().is_some());
    assert!(matches!(rig.hooks.rotate_incoming(&machine).await, Err(Error::Denied)));
    assert!(matches!(rig.hooks.remove_incoming(&machine).await, Err(Error::Denied)));
    let nothing = Principal { permissions: Vec::new(), ..machine };
    assert!(matches!(rig.hooks.set_incoming(&nothing, &receiver.url()).await, Err(Error::Denied)));
    assert!(matches!(rig.hooks.incoming(&nothing).await, Err(Error::Denied)));
}
