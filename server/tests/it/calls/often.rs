//! A number is called so often within a day and no more, whoever calls it.

use serde_json::{Value, json};
use testkit::{World, until, world::PATIENCE};

use super::{
    set,
    talk::{CUSTOMER, all_over},
    world,
};

/// Calls a number and lets the call be over; the status and what the API said.
async fn call(world: &World, number: &str) -> (u16, Value) {
    let body = json!({ "from_extension": "1001", "to_phone": number });
    let reply = world.crm().post("/api/pbx/calls/click-to-call", &body).await.unwrap();
    if reply.status == 202 {
        let far = until("the customer is called", PATIENCE, async || {
            world.carrier.calls().into_iter().rfind(|call| !call.is_over())
        });
        let far = far.await.unwrap();
        assert!(far.up(PATIENCE).await);
        far.hang_up();
        all_over(world).await;
        world.cdr(reply.json["data"]["call_uuid"].as_str().unwrap()).await.unwrap();
    }
    (reply.status, reply.json)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_called_more_often_a_day_than_the_account_lets_and_a_restart_forgets_nothing() {
    let mut world = world().await;
    let agent = world.agent("1001").await.unwrap();
    set(&world, &["toll", "set", "--calls-per-number", "2"]).await;
    assert_eq!(call(&world, CUSTOMER).await.0, 202);
    // The same number in the way that people write it.
    assert_eq!(call(&world, &format!("0{}", &CUSTOMER[2..])).await.0, 202);
    let (status, body) = call(&world, CUSTOMER).await;
    assert_eq!(status, 422, "{body}");
    let refused = agent.dial(CUSTOMER).unwrap();
    assert_eq!(refused.over(PATIENCE).await.unwrap().status, Some(403), "nor by a phone");
    assert_eq!(call(&world, "84281234588").await.0, 202, "another number is not concerned");
    world.server.kill().await.unwrap();
    world.server.launch().await.unwrap();
    agent.refresh().await.unwrap();
    assert_eq!(call(&world, CUSTOMER).await.0, 422);
    assert_eq!(call(&world, "84281234588").await.0, 202, "it was called once");
    assert_eq!(call(&world, "84281234588").await.0, 422);
    // Calls for help are not counted.
    for _ in 0..3 {
        let help = agent.dial("113").unwrap();
        until("the call for help reaches the carrier", PATIENCE, async || {
            world.carrier.calls().into_iter().find(|call| call.about().number == "113" && !call.is_over())
        })
        .await
        .unwrap();
        help.hang_up();
        all_over(&world).await;
    }
    set(&world, &["toll", "set", "--calls-per-number", "0"]).await;
    assert_eq!(call(&world, CUSTOMER).await.0, 202, "there is no limit any more");
}
