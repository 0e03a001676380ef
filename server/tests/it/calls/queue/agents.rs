//! Agents who refuse, do not answer, are busy, away or shared: their states, and who is rung instead.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_does_not_take_a_call_is_left_alone_and_the_next_one_is_rung() {
    let world = world().await;
    let refuses = world.agent_that("1001", Reaction::Refuses { status: 603, q850: 21 }).await.unwrap();
    let rings = world.agent_that("1002", Reaction::Rings).await.unwrap();
    let _busy = world.agent_that("1003", Reaction::Refuses { status: 486, q850: 17 }).await.unwrap();
    let agent = world.agent("1004").await.unwrap();
    let fields = json!({
        "ring_time": 1, "reject_delay_time": 600, "no_answer_delay_time": 600, "busy_delay_time": 2, "max_no_answer": 0,
    });
    queue(&world, fields, &["1001", "1002", "1003", "1004"]).await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    let asked = rung(&rings).await;
    hears(&call, Voice::of_agent("1004")).await;
    assert!(asked.over(PATIENCE).await.is_some_and(|ending| !ending.answered), "it stopped ringing");
    for (name, state) in [("1001", "resting"), ("1002", "resting"), ("1004", "in_call")] {
        until_agent(&world, name, state).await;
    }
    // The rest after busy is short; the others end by the agent's own word.
    until_agent(&world, "1003", "waiting").await;
    set_status(&world, "1001", "available").await;
    until_agent(&world, "1001", "waiting").await;
    assert_eq!((refuses.calls().len(), rings.calls().len()), (1, 1), "nobody was rung twice for one caller");
    rung(&agent).await.hang_up();
    assert!(call.over(PATIENCE).await.is_some());
    let record = records(&world, 1).await.remove(0);
    assert!(record["queue_wait_time"].as_i64() >= Some(1), "{record}");
    assert_eq!(record["legs"].as_array().map(Vec::len), Some(5), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_never_answers_is_sent_on_a_break() {
    let world = world().await;
    let rings = world.agent_that("1001", Reaction::Rings).await.unwrap();
    queue(&world, json!({ "ring_time": 1, "no_answer_delay_time": 0, "max_no_answer": 2 }), &["1001"]).await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    until_agent(&world, "1001", "ringing").await;
    until_agent(&world, "1001", "on_break").await;
    assert_eq!(rings.calls().len(), 2);
    let seen = world.crm().get("/api/pbx/agents/1001/status").await.unwrap().json;
    assert_eq!(seen["data"]["break_reason"], "no_answer", "{seen}");
    // Who comes back is rung again.
    rings.set_reaction(quick("1001"));
    set_status(&world, "1001", "available").await;
    hears(&call, Voice::of_agent("1001")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_in_any_other_call_or_without_a_phone_is_not_rung() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let gone = world.agent("1002").await.unwrap();
    queue(&world, json!({ "wrap_up_time": 0 }), &["1001", "1002"]).await;
    gone.leave().await.unwrap();
    until_agent(&world, "1002", "unreachable").await;
    // A call of the agent's own.
    let own = agent.dial("84281234578").unwrap();
    assert!(own.up(PATIENCE).await);
    until_agent(&world, "1001", "busy").await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    until("the caller has waited", PATIENCE, async || {
        (status(&world).await["longest_wait"].as_i64() >= Some(2)).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(agent.calls().len(), 1, "a busy agent is left alone");
    own.hang_up();
    hears(&call, Voice::of_agent("1001")).await;
    call.hang_up();
    until_agent(&world, "1001", "waiting").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_goes_on_a_break_while_the_phone_rings_is_let_go() {
    let world = world().await;
    let rings = world.agent_that("1001", Reaction::Rings).await.unwrap();
    let agent = world.agent("1002").await.unwrap();
    queue(&world, json!({}), &["1001", "1002"]).await;
    set_status(&world, "1002", "logged_out").await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    let ringing = rung(&rings).await;
    set_status(&world, "1001", "on_break").await;
    assert!(ringing.over(PATIENCE).await.is_some_and(|ending| !ending.answered));
    until_agent(&world, "1001", "on_break").await;
    set_status(&world, "1002", "available").await;
    rung(&agent).await;
    hears(&call, Voice::of_agent("1002")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_two_queues_is_never_rung_by_both() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    let talk = Talk { hangs_up_after: Some(Duration::from_millis(400)), ..Talk::in_voice(Voice::of_agent("1001")) };
    agent.set_reaction(Reaction::Answers { after: Duration::from_millis(200), talk });
    // A second between two calls: his phone has seen the end of one before the next rings.
    let fields = json!({ "wrap_up_time": 1, "strategy": "ring-all" });
    queue(&world, fields.clone(), &["1001"]).await;
    another(&world, "sales", "8002", fields, &["1001"]).await;
    let phone = caller(&world).await;
    let calls: Vec<Call> = (0..6).map(|at| phone.dial(["8001", "8002"][at % 2]).unwrap()).collect();
    let mut most = 0;
    until("every caller was served", PATIENCE, async || {
        most = most.max(agent.calls().iter().filter(|call| !call.is_over()).count());
        calls.iter().all(Call::is_over).then_some(())
    })
    .await
    .unwrap();
    assert_eq!((agent.calls().len(), most), (6, 1), "one after the other, each once");
    until_agent(&world, "1001", "waiting").await;
    let mut answered = 0;
    for name in ["support", "sales"] {
        let seen = world.crm().get(&format!("/api/pbx/queues/{name}/status")).await.unwrap().json;
        answered += seen["data"]["today"]["answered"].as_i64().unwrap();
    }
    assert_eq!(answered, 6);
}
