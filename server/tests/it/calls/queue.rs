//! Queues over real SIP: who is rung, who talks with whom, and what the ledger says of it.

use sandbox::{Agent, Call, Reaction, Voice};
use serde_json::{Value, json};
use testkit::{World, until, world::PATIENCE};

use super::world;

/// What the queue of each test is dialled by.
const NUMBER: &str = "8001";

/// Makes a queue `support` that these extensions serve, in this order.
async fn queue(world: &World, fields: Value, agents: &[&str]) {
    let mut body = json!({ "name": "support", "queue_number": NUMBER, "strategy": "sequentially-by-agent-order" });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    let reply = world.crm().post("/api/pbx/queues", &body).await.unwrap();
    assert_eq!(reply.status, 201, "{}", reply.json);
    for (at, agent) in agents.iter().enumerate() {
        let tier = json!({ "extension": agent, "tier_position": at.min(8) + 1 });
        let reply = world.crm().post("/api/pbx/queues/support/tiers", &tier).await.unwrap();
        assert_eq!(reply.status, 201, "{}", reply.json);
    }
}

async fn status(world: &World) -> Value {
    world.crm().get("/api/pbx/queues/support/status").await.unwrap().json["data"].take()
}

/// Waits until an agent does that.
async fn until_agent(world: &World, agent: &str, state: &str) {
    until(state, PATIENCE, async || {
        let reply = world.crm().get(&format!("/api/pbx/agents/{agent}/status")).await.ok()?;
        (reply.json["data"]["state"] == state).then_some(())
    })
    .await
    .unwrap();
}

async fn hears(party: &Call, voice: Voice) {
    until("the party hears the voice", PATIENCE, async || (party.heard_voice_lately() == Some(voice)).then_some(()))
        .await
        .unwrap();
}

/// Returns the record of the only call.
async fn record(world: &World) -> Value {
    let uuid = until("the record is written", PATIENCE, async || {
        let reply = world.crm().get("/api/pbx/cdr").await.ok()?;
        (reply.json["total"] == 1).then(|| reply.json["data"][0]["uuid"].as_str().map(str::to_owned)).flatten()
    })
    .await
    .unwrap();
    world.cdr(&uuid).await.unwrap()
}

/// Waits until the figures of today are these.
async fn until_figures(world: &World, expected: Value) -> Value {
    until("the figures are those of the ledger", PATIENCE, async || {
        let status = status(world).await;
        let fits = expected.as_object()?.iter().all(|(name, figure)| status["today"][name] == *figure);
        fits.then_some(status)
    })
    .await
    .unwrap()
}

async fn caller(world: &World) -> Agent {
    world.agent("2001").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_talks_with_the_agent_who_answers_and_the_agent_has_time_for_notes() {
    let world = world().await;
    let busy = world.agent_that("1001", Reaction::Refuses { status: 486, q850: 17 }).await.unwrap();
    let agent = world.agent("1002").await.unwrap();
    queue(&world, json!({ "wrap_up_time": 2 }), &["1001", "1002"]).await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    let taken = agent.call(PATIENCE, |_| true).await.unwrap();
    hears(&call, Voice::of_agent("1002")).await;
    hears(&taken, Voice::of_agent("2001")).await;
    assert_eq!(busy.calls().len(), 1, "the first agent was rung once");
    until_agent(&world, "1002", "in_call").await;
    until_agent(&world, "1001", "resting").await;
    // Nobody is free: the next caller waits until the notes are written.
    let second = phone.dial(NUMBER).unwrap();
    call.hang_up();
    until_agent(&world, "1002", "wrap_up").await;
    assert_eq!(status(&world).await["waiting_count"], 1);
    let next = agent.call(PATIENCE, |call| !call.is_over()).await.unwrap();
    hears(&next, Voice::of_agent("2001")).await;
    next.hang_up();
    assert!(second.over(PATIENCE).await.is_some());
    let seen =
        until_figures(&world, json!({ "offered": 2, "answered": 2, "abandoned": 0, "overflowed": 0 })).await;
    assert_eq!((&seen["waiting_count"], &seen["service_level"]["percent"]), (&json!(0), &json!(100.0)), "{seen}");
    let records = until("both records are written", PATIENCE, async || {
        let reply = world.crm().get("/api/pbx/cdr").await.ok()?;
        (reply.json["total"] == 2).then(|| reply.json["data"].clone())
    })
    .await
    .unwrap();
    for record in records.as_array().unwrap() {
        assert_eq!((&record["queue_name"], &record["agent_extension"]), (&json!("support"), &json!("1002")), "{record}");
        assert_eq!(record["result"], "answered", "{record}");
        assert!(record["queue_wait_time"].is_i64(), "{record}");
        let uuid = record["uuid"].as_str().unwrap();
        assert_eq!(world.event("pbx.call.answered", uuid).await.unwrap()["queue_name"], "support");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_phone_that_rings_is_let_go_when_the_caller_hangs_up() {
    let world = world().await;
    let names: Vec<String> = (1001..=1012).map(|number| number.to_string()).collect();
    let mut agents = Vec::new();
    for name in &names {
        agents.push(world.agent_that(name, Reaction::Rings).await.unwrap());
    }
    let numbers: Vec<&str> = names.iter().map(String::as_str).collect();
    queue(&world, json!({ "strategy": "ring-all" }), &numbers).await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    let mut rung = Vec::new();
    for agent in &agents {
        rung.push(agent.call(PATIENCE, |_| true).await.unwrap());
    }
    call.hang_up();
    for call in &rung {
        assert!(call.over(PATIENCE).await.is_some_and(|ending| !ending.answered));
    }
    let record = record(&world).await;
    assert_eq!((&record["result"], &record["queue_name"]), (&json!("abandoned"), &json!("support")), "{record}");
    // By the server's own clock: the caller's leg and the last of the agents'.
    let ended: Vec<i64> =
        record["legs"].as_array().unwrap().iter().filter_map(|leg| leg["ended_at"].as_str()).map(millis).collect();
    let spread = ended.iter().max().unwrap() - ended.iter().min().unwrap();
    assert!(ended.len() == 13 && spread <= 200, "{spread} ms, {record}");
    until_figures(&world, json!({ "offered": 1, "answered": 0, "abandoned": 1 })).await;
    for name in &names {
        until_agent(&world, name, "waiting").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_too_long_goes_where_the_queue_overflows() {
    let world = world().await;
    let _rings = world.agent_that("1001", Reaction::Rings).await.unwrap();
    let other = world.agent("1003").await.unwrap();
    let fields = json!({ "max_wait_time": 2, "overflow_kind": "extension", "overflow_target": "1003" });
    queue(&world, fields, &["1001"]).await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    let taken = other.call(PATIENCE, |_| true).await.unwrap();
    hears(&taken, Voice::of_agent("2001")).await;
    call.hang_up();
    until_figures(&world, json!({ "offered": 1, "answered": 0, "abandoned": 0, "overflowed": 1 })).await;
    until_agent(&world, "1001", "waiting").await;
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
    until("the caller waits", PATIENCE, async || (status(&world).await["waiting_count"] == 1).then_some(()))
        .await
        .unwrap();
    call.press("1");
    // The queue says goodbye and hangs up; the place stays.
    assert!(call.over(PATIENCE).await.is_some());
    until("the promise is kept in mind", PATIENCE, async || {
        (status(&world).await["waiting"][0]["callback"] == true).then_some(())
    })
    .await
    .unwrap();
    world.crm().put("/api/pbx/agents/1001/status", &json!({ "status": "available" })).await.unwrap();
    let near = agent.call(PATIENCE, |_| true).await.unwrap();
    let far = phone.call(PATIENCE, |call| !call.is_over()).await.unwrap();
    hears(&near, Voice::of_agent("2001")).await;
    hears(&far, Voice::of_agent("1001")).await;
    near.hang_up();
    until_figures(&world, json!({ "callbacks_asked": 1, "callbacks_done": 1, "abandoned": 0, "overflowed": 0 })).await;
    until_agent(&world, "1001", "wrap_up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_forgets_no_agents_word_and_leaves_none_stuck() {
    let mut world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let _other = world.agent("1002").await.unwrap();
    queue(&world, json!({}), &["1001", "1002"]).await;
    world.crm().put("/api/pbx/agents/1002/status", &json!({ "status": "logged_out" })).await.unwrap();
    let phone = caller(&world).await;
    let _call = phone.dial(NUMBER).unwrap();
    agent.call(PATIENCE, |_| true).await.unwrap();
    until_agent(&world, "1001", "in_call").await;
    world.server.kill().await.unwrap();
    world.server.launch().await.unwrap();
    until_agent(&world, "1001", "waiting").await;
    until_agent(&world, "1002", "logged_out").await;
    assert_eq!(status(&world).await["waiting_count"], 0);
    // And takes the next caller.
    let _again = phone.dial(NUMBER).unwrap();
    until_agent(&world, "1001", "in_call").await;
}

/// Reads the milliseconds of a day from `…T04:05:06.789Z`.
fn millis(time: &str) -> i64 {
    let clock = time.split_once('T').unwrap().1.trim_end_matches('Z');
    let mut parts = clock.split([':', '.']).map(|part| part.parse::<i64>().unwrap());
    let mut next = || parts.next().unwrap();
    ((next() * 60 + next()) * 60 + next()) * 1000 + next()
}
