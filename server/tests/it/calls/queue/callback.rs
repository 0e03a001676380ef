//! A call back instead of waiting: the promise, the call, its events and its record.

use super::*;

const CUSTOMER: &str = "84281234578";

async fn is_promised(world: &World) -> Value {
    until("the promise is kept in mind", PATIENCE, async || {
        let seen = status(world).await;
        (seen["waiting"][0]["callback"] == true).then_some(seen)
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_it_is_called_back_when_an_agent_is_free() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    queue(&world, json!({ "callback_key": "1" }), &["1001"]).await;
    let away = json!({ "status": "on_break", "break_reason": "Lunch" });
    world.crm().put("/api/pbx/agents/1001/status", &away).await.unwrap();
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    assert!(call.up(PATIENCE).await);
    until_waiting(&world, 1).await;
    call.press("1");
    // The queue says goodbye and hangs up; the place stays.
    assert!(call.over(PATIENCE).await.is_some());
    is_promised(&world).await;
    let first = records(&world, 1).await.remove(0);
    assert_eq!((&first["result"], &first["hangup_by"]), (&json!("no_answer"), &json!("system")), "{first}");
    set_status(&world, "1001", "available").await;
    let near = rung(&agent).await;
    let far = phone.call(PATIENCE, |call| !call.is_over()).await.unwrap();
    hears(&near, Voice::of_agent("2001")).await;
    hears(&far, Voice::of_agent("1001")).await;
    until_agent(&world, "1001", "in_call").await;
    near.hang_up();
    until_figures(&world, json!({ "callbacks_asked": 1, "callbacks_done": 1, "abandoned": 0, "overflowed": 0 })).await;
    until_agent(&world, "1001", "wrap_up").await;
    let all = records(&world, 2).await;
    let back = all.iter().find(|record| record["uuid"] != first["uuid"]).unwrap();
    assert_eq!((&back["source_type"], &back["queue_name"]), (&json!("outbound_callback"), &json!("support")), "{back}");
    assert_eq!((&back["result"], &back["agent_extension"]), (&json!("answered"), &json!("1001")), "{back}");
    assert_eq!((&back["destination_number"], &back["queue_wait_time"]), (&json!("2001"), &Value::Null), "{back}");
    let uuid = back["uuid"].as_str().unwrap();
    for event in ["pbx.call.ringing", "pbx.call.answered", "pbx.call.hangup", "pbx.cdr.created"] {
        let told = world.event(event, uuid).await.unwrap();
        assert_eq!(
            (&told["queue_name"], &told["source_type"]),
            (&json!("support"), &json!("outbound_callback")),
            "{told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_was_handed_on_is_called_back_under_the_own_number() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let hands_on = world.agent("1002").await.unwrap();
    queue(&world, json!({ "callback_key": "1" }), &["1001"]).await;
    set_status(&world, "1001", "on_break").await;
    let talk = world.click("1002", CUSTOMER).await.unwrap();
    let near = rung(&hands_on).await;
    let far = world.carrier.call_to(CUSTOMER, PATIENCE).await.unwrap();
    hears(&near, Voice::of_customer(CUSTOMER)).await;
    let wish = json!({ "to": NUMBER });
    assert_eq!(world.crm().post(&format!("/api/pbx/calls/{talk}/transfer"), &wish).await.unwrap().status, 202);
    let seen = until_waiting(&world, 1).await;
    assert_eq!(seen["waiting"][0]["caller_number"], CUSTOMER, "{seen}");
    far.press("1");
    assert!(far.over(PATIENCE).await.is_some());
    is_promised(&world).await;
    set_status(&world, "1001", "available").await;
    let near = rung(&agent).await;
    let far = until("the customer is called back", PATIENCE, async || {
        world.carrier.calls().into_iter().find(|call| call.about().number == CUSTOMER && !call.is_over())
    })
    .await
    .unwrap();
    hears(&near, Voice::of_customer(CUSTOMER)).await;
    hears(&far, Voice::of_agent("1001")).await;
    near.hang_up();
    let all = records(&world, 2).await;
    let back = all.iter().find(|record| record["source_type"] == "outbound_callback").unwrap();
    assert_eq!((&back["direction"], &back["trunk_name"]), (&json!("outbound"), &json!("carrier")), "{back}");
    assert_eq!((&back["queue_name"], &back["destination_number"]), (&json!("support"), &json!(CUSTOMER)), "{back}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_refuses_a_call_back_leaves_it_to_the_next() {
    let world = world().await;
    let refuses = world.agent_that("1001", Reaction::Refuses { status: 603, q850: 21 }).await.unwrap();
    let agent = world.agent("1002").await.unwrap();
    queue(&world, json!({ "callback_key": "1", "reject_delay_time": 600 }), &["1001", "1002"]).await;
    for name in ["1001", "1002"] {
        set_status(&world, name, "on_break").await;
    }
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    assert!(call.up(PATIENCE).await);
    until_waiting(&world, 1).await;
    call.press("1");
    assert!(call.over(PATIENCE).await.is_some());
    is_promised(&world).await;
    for name in ["1001", "1002"] {
        set_status(&world, name, "available").await;
    }
    let near = rung(&agent).await;
    hears(&near, Voice::of_agent("2001")).await;
    assert_eq!(refuses.calls().len(), 1);
    until_agent(&world, "1001", "resting").await;
    near.hang_up();
    until_figures(&world, json!({ "callbacks_asked": 1, "callbacks_done": 1, "callbacks_failed": 0 })).await;
}
