use std::{collections::HashMap, time::Duration};

use domain::CallId;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    receiver::Answer,
    rig::{Rig, until_count},
};

#[tokio::test]
async fn events_of_a_call_arrive_in_their_order() {
    let rig = Rig::start().await;
    let receiver = rig.receiver(Answer::Status(200)).await;
    rig.webhook(&receiver.url()).await;
    let calls: Vec<_> = (0..10).map(|_| CallId(Uuid::new_v4())).collect();
    for number in 0..10 {
        let mut tx = rig.bus.db().begin(::store::testing::TENANT).await.unwrap();
        let events = calls.iter().map(|call| rig.event(*call, number)).collect();
        rig.bus.publish_all(&mut tx, events).await.unwrap();
        tx.commit().await.unwrap();
    }
    until_count(&receiver, 100).await;
    rig.settled().await;
    let mut seen: HashMap<String, Vec<u64>> = HashMap::new();
    for arrived in receiver.arrived() {
        let data = &arrived.json()["data"];
        seen.entry(data["call_uuid"].to_string()).or_default().push(data["number"].as_u64().unwrap());
    }
    assert_eq!(seen.len(), 10);
    assert!(seen.values().all(|numbers| *numbers == (0..10).collect::<Vec<_>>()), "{seen:?}");
}

#[tokio::test]
async fn endpoints_that_hang_or_drip_do_not_delay_another() {
    let rig = Rig::start_with(|config| config.timeout = Duration::from_secs(5)).await;
    let (hanging, dripping) = (rig.receiver(Answer::Hang).await, rig.receiver(Answer::Drip).await);
    let healthy = rig.receiver(Answer::Status(200)).await;
    for receiver in [&hanging, &dripping, &healthy] {
        rig.webhook(&receiver.url()).await;
    }
    let start = Instant::now();
    for number in 0..60 {
        rig.publish(number).await;
    }
    until_count(&healthy, 60).await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(hanging.count() <= 8, "a new endpoint gets eight at once: {}", hanging.count());
}
