use std::sync::Mutex;

use domain::{CallId, EventName, Timestamp};
use store::{
    sql,
    testing::{START, TENANT, test_db},
};
use tokio::sync::broadcast::error::TryRecvError;
use uuid::Uuid;

use super::*;

/// Remembers what it saw; refuses events whose data says so.
#[derive(Default)]
struct Witness(Mutex<Vec<Uuid>>);

impl Subscriber for Witness {
    fn in_transaction<'a>(&'a self, tx: &'a mut Tx, events: &'a [Event]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let (stored,) = sql("select count(*) from event").one::<(i64,)>(tx).await?;
            assert!(stored >= 1, "a subscriber finds the events stored");
            self.0.lock().unwrap().extend(events.iter().map(|event| event.id));
            match events.iter().any(|event| event.data.contains("refuse")) {
                true => Err(Error::Config("refused".to_owned())),
                false => Ok(()),
            }
        })
    }
}

fn event(data: &str) -> Event {
    Event {
        id: Uuid::new_v4(),
        name: EventName::CallRinging,
        tenant: TENANT,
        at: START,
        call: Some(CallId(Uuid::nil())),
        data: data.to_owned(),
    }
}

#[tokio::test]
async fn an_event_is_stored_with_the_bytes_of_its_envelope() {
    let db = test_db().await;
    let bus = Bus::new((*db).clone());
    let event = event(r#"{"a":1}"#);
    let mut tx = db.begin(TENANT).await.unwrap();
    bus.publish(&mut tx, event.clone()).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.read(TENANT).await.unwrap();
    let row = sql("select id, name, call_uuid, at, body from event where tenant_id = $1")
        .bind(TENANT)
        .one::<(Uuid, String, CallId, Timestamp, String)>(&mut tx)
        .await
        .unwrap();
    assert_eq!(row, (event.id, "pbx.call.ringing".to_owned(), CallId(Uuid::nil()), START, event.body()));
}

#[tokio::test]
async fn listeners_hear_in_order_what_was_committed_and_nothing_else() {
    let db = test_db().await;
    let bus = Bus::new((*db).clone());
    let mut live = bus.listen();
    let mut tx = db.begin(TENANT).await.unwrap();
    bus.publish(&mut tx, event("{}")).await.unwrap();
    drop(tx);
    let (first, second) = (event("{}"), event("{}"));
    let mut tx = db.begin(TENANT).await.unwrap();
    bus.publish_all(&mut tx, vec![first.clone(), second.clone()]).await.unwrap();
    assert_eq!(live.try_recv().unwrap_err(), TryRecvError::Empty);
    tx.commit().await.unwrap();
    assert_eq!(live.try_recv().unwrap().id, first.id);
    assert_eq!(live.try_recv().unwrap().id, second.id);
    assert_eq!(live.try_recv().unwrap_err(), TryRecvError::Empty);
}

#[tokio::test]
async fn every_subscriber_sees_every_event_inside_the_transaction() {
    let db = test_db().await;
    let bus = Bus::new((*db).clone());
    let (one, two) = (Arc::new(Witness::default()), Arc::new(Witness::default()));
    bus.subscribe(one.clone());
    bus.subscribe(two.clone());
    let event = event("{}");
    let mut tx = db.begin(TENANT).await.unwrap();
    bus.publish(&mut tx, event.clone()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(*one.0.lock().unwrap(), [event.id]);
    assert_eq!(*two.0.lock().unwrap(), [event.id]);
}

#[tokio::test]
async fn a_subscriber_that_fails_fails_the_publishing() {
    let db = test_db().await;
    let bus = Bus::new((*db).clone());
    bus.subscribe(Arc::new(Witness::default()));
    let mut tx = db.begin(TENANT).await.unwrap();
    assert!(bus.publish(&mut tx, event(r#"{"refuse":true}"#)).await.is_err());
    drop(tx);
    let mut tx = db.read(TENANT).await.unwrap();
    assert_eq!(sql("select count(*) from event").one::<(i64,)>(&mut tx).await.unwrap().0, 0);
}
