//! Queues over real SIP: who is rung, who talks with whom, what everybody hears, and what the ledger says of it.

mod agents;
mod callback;
mod ending;
mod overflow;
mod served;
mod sound;
mod storm;
mod strategies;

use std::time::Duration;

use sandbox::{Agent, Call, Reaction, Talk, Voice};
use serde_json::{Value, json};
use testkit::{World, until, world::PATIENCE};

use super::world;

/// What the queue of each test is dialled by.
pub(crate) const NUMBER: &str = "8001";

/// Makes a queue `support` that these extensions serve, in this order.
pub(crate) async fn queue(world: &World, fields: Value, agents: &[&str]) {
    another(world, "support", NUMBER, fields, agents).await;
}

/// Makes a queue that these extensions serve, in this order.
async fn another(world: &World, name: &str, number: &str, fields: Value, agents: &[&str]) {
    let mut body = json!({ "name": name, "queue_number": number, "strategy": "sequentially-by-agent-order" });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    let reply = world.crm().post("/api/pbx/queues", &body).await.unwrap();
    assert_eq!(reply.status, 201, "{}", reply.json);
    for (at, agent) in agents.iter().enumerate() {
        let tier = json!({ "extension": agent, "tier_position": at.min(8) + 1 });
        let reply = world.crm().post(&format!("/api/pbx/queues/{name}/tiers"), &tier).await.unwrap();
        assert_eq!(reply.status, 201, "{}", reply.json);
    }
}

/// Adds sound to the account and returns its id.
async fn prompt(world: &World, name: &str, sound: &[i16]) -> i64 {
    let file = world.wav(&format!("{name}.wav"), sound).unwrap();
    let file = file.to_string_lossy();
    let added = world.server.admin(&["prompt", "add", "--name", name, "--file", &file]).await.unwrap();
    added["id"].as_i64().unwrap()
}

async fn change(world: &World, fields: Value) {
    let reply = world.crm().put("/api/pbx/queues/support", &fields).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.json);
}

pub(crate) async fn status(world: &World) -> Value {
    world.crm().get("/api/pbx/queues/support/status").await.unwrap().json["data"].take()
}

pub(crate) async fn set_status(world: &World, agent: &str, status: &str) {
    let reply =
        world.crm().put(&format!("/api/pbx/agents/{agent}/status"), &json!({ "status": status })).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.json);
}

/// Waits until an agent does that.
pub(crate) async fn until_agent(world: &World, agent: &str, state: &str) {
    until_agent_within(world, agent, state, PATIENCE).await;
}

async fn until_agent_within(world: &World, agent: &str, state: &str, patience: Duration) {
    let mut last = Value::Null;
    let reached = until(state, patience, async || {
        let reply = world.crm().get(&format!("/api/pbx/agents/{agent}/status")).await.ok()?;
        last = reply.json["data"].clone();
        (last["state"] == state).then_some(())
    })
    .await;
    reached.unwrap_or_else(|error| panic!("{agent}: {error}; {last}"));
}

/// Waits until so many callers wait.
pub(crate) async fn until_waiting(world: &World, count: usize) -> Value {
    until("so many callers wait", PATIENCE, async || {
        let status = status(world).await;
        (status["waiting"].as_array().is_some_and(|waiting| waiting.len() == count)).then_some(status)
    })
    .await
    .unwrap()
}

async fn hears(party: &Call, voice: Voice) {
    until("the party hears the voice", PATIENCE, async || (party.heard_voice_lately() == Some(voice)).then_some(()))
        .await
        .unwrap_or_else(|error| panic!("{error}: {voice:?}, not {:?}", party.heard_voice_lately()));
}

/// Waits until there are so many records, the newest first, each with its detail.
async fn records(world: &World, count: usize) -> Vec<Value> {
    let listed = until("the records are written", PATIENCE, async || {
        let reply = world.crm().get("/api/pbx/cdr").await.ok()?;
        (reply.json["total"] == count).then(|| reply.json["data"].as_array().cloned()).flatten()
    })
    .await
    .unwrap();
    let mut all = Vec::new();
    for record in listed {
        all.push(world.cdr(record["uuid"].as_str().unwrap()).await.unwrap());
    }
    all
}

/// Waits until the figures of today are these.
pub(crate) async fn until_figures(world: &World, expected: Value) -> Value {
    let mut last = Value::Null;
    let reached = until("the figures are those of the ledger", PATIENCE, async || {
        last = status(world).await;
        expected.as_object()?.iter().all(|(name, figure)| last["today"][name] == *figure).then_some(())
    })
    .await;
    reached.unwrap_or_else(|error| panic!("{error}: {expected}, not {last}"));
    last
}

/// Somebody of the company who calls the queue, several times at once.
pub(crate) async fn caller(world: &World) -> Agent {
    let phone = world.agent("2001").await.unwrap();
    world.crm().put("/api/pbx/extensions/2001", &json!({ "max_concurrent": 10 })).await.unwrap();
    phone
}

/// Waits until a phone rings or talks, for a call that is not over.
pub(crate) async fn rung(agent: &Agent) -> Call {
    agent.call(PATIENCE, |call| !call.is_over()).await.unwrap_or_else(|| panic!("{} is not rung", agent.extension()))
}

/// A phone that answers at once and talks until the other side hangs up.
fn quick(extension: &str) -> Reaction {
    Reaction::Answers { after: Duration::from_millis(50), talk: Talk::in_voice(Voice::of_agent(extension)) }
}

/// Reads the milliseconds of a day from `…T04:05:06.789Z`.
fn millis(time: &str) -> i64 {
    let clock = time.split_once('T').unwrap().1.trim_end_matches('Z');
    let mut parts = clock.split([':', '.']).map(|part| part.parse::<i64>().unwrap());
    let mut next = || parts.next().unwrap();
    ((next() * 60 + next()) * 60 + next()) * 1000 + next()
}

/// Returns how many milliseconds lie between the first and the last end of a call's legs.
fn spread(record: &Value) -> i64 {
    let legs = record["legs"].as_array().unwrap();
    let ended: Vec<i64> = legs.iter().filter_map(|leg| leg["ended_at"].as_str()).map(millis).collect();
    assert_eq!(ended.len(), legs.len(), "{record}");
    ended.iter().max().unwrap() - ended.iter().min().unwrap()
}
