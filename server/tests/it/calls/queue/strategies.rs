//! Whom each strategy rings: a table of expected orders, over real phones.

use super::*;

const AGENTS: [&str; 3] = ["1001", "1002", "1003"];

/// Calls the queue and returns who answered; both are free again afterwards.
async fn served_by(world: &World, phone: &Agent, agents: &[Agent]) -> String {
    let call = phone.dial(NUMBER).unwrap();
    let (by, taken) = until("somebody answers", PATIENCE, async || {
        agents.iter().find_map(|agent| {
            let taken = agent.calls().into_iter().find(|call| call.state() == sandbox::phone::State::Up)?;
            Some((agent.extension().to_owned(), taken))
        })
    })
    .await
    .unwrap();
    until_agent(world, &by, "in_call").await;
    call.hang_up();
    assert!(taken.over(PATIENCE).await.is_some());
    for agent in AGENTS {
        until_agent(world, agent, "waiting").await;
    }
    by
}

#[tokio::test(flavor = "multi_thread")]
async fn each_strategy_rings_agents_in_its_own_order() {
    let world = world().await;
    let mut agents = Vec::new();
    for name in AGENTS {
        agents.push(world.agent_that(name, quick(name)).await.unwrap());
    }
    queue(&world, json!({ "wrap_up_time": 0 }), &AGENTS).await;
    let phone = caller(&world).await;
    for (strategy, expected) in [
        // Who never had a call has been idle longest.
        ("longest-idle-agent", Some(["1001", "1002", "1003", "1001"])),
        // Logging in begins the counting anew.
        ("agent-with-fewest-calls", Some(["1001", "1002", "1003", "1001"])),
        ("round-robin", Some(["1002", "1003", "1001", "1002"])),
        ("top-down", Some(["1001", "1001", "1001", "1001"])),
        ("sequentially-by-agent-order", Some(["1001", "1001", "1001", "1001"])),
        ("random", None),
    ] {
        change(&world, json!({ "strategy": strategy })).await;
        for agent in AGENTS {
            set_status(&world, agent, "logged_out").await;
            set_status(&world, agent, "available").await;
        }
        let mut order = Vec::new();
        for _ in 0..4 {
            order.push(served_by(&world, &phone, &agents).await);
        }
        if let Some(expected) = expected {
            assert_eq!(order, expected, "{strategy}");
        }
    }
    // The first three have not talked at all; then whoever talked least.
    change(&world, json!({ "strategy": "agent-with-least-talk-time" })).await;
    for agent in AGENTS {
        set_status(&world, agent, "logged_out").await;
        set_status(&world, agent, "available").await;
    }
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(served_by(&world, &phone, &agents).await);
    }
    assert_eq!(order, AGENTS, "least talk time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_rings_everybody_at_once_or_goes_down_the_list() {
    let world = world().await;
    let mut agents = Vec::new();
    for name in AGENTS {
        agents.push(world.agent_that(name, Reaction::Rings).await.unwrap());
    }
    queue(&world, json!({ "strategy": "ring-all", "wrap_up_time": 0, "reject_delay_time": 1 }), &AGENTS).await;
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    let mut ringing = Vec::new();
    for agent in &agents {
        ringing.push(rung(agent).await);
    }
    call.hang_up();
    for call in &ringing {
        assert!(call.over(PATIENCE).await.is_some());
    }
    // The same caller goes further down, past whoever refused; the next one begins at the top again.
    change(&world, json!({ "strategy": "top-down" })).await;
    for agent in &agents[..2] {
        agent.set_reaction(Reaction::Refuses { status: 603, q850: 21 });
    }
    agents[2].set_reaction(quick("1003"));
    let call = phone.dial(NUMBER).unwrap();
    hears(&call, Voice::of_agent("1003")).await;
    let counts = || agents.iter().map(|agent| agent.calls().len()).collect::<Vec<_>>();
    assert_eq!(counts(), [2, 2, 2]);
    call.hang_up();
    for agent in AGENTS {
        until_agent(&world, agent, "waiting").await;
    }
    agents[0].set_reaction(quick("1001"));
    let call = phone.dial(NUMBER).unwrap();
    hears(&call, Voice::of_agent("1001")).await;
    assert_eq!(counts(), [3, 2, 2]);
    drop(call);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_higher_level_is_rung_when_the_wait_is_up() {
    let world = world().await;
    let _lower = world.agent_that("1001", Reaction::Rings).await.unwrap();
    let higher = world.agent_that("1002", quick("1002")).await.unwrap();
    let rules =
        json!({ "tier_rules_apply": true, "tier_rule_wait_second": 3, "ring_time": 1, "no_answer_delay_time": 60 });
    queue(&world, rules, &["1001", "1002"]).await;
    let level = json!({ "tier_level": 2 });
    let reply = world.crm().put("/api/pbx/queues/support/tiers/1002", &level).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.json);
    let phone = caller(&world).await;
    let call = phone.dial(NUMBER).unwrap();
    rung(&higher).await;
    hears(&call, Voice::of_agent("1002")).await;
    call.hang_up();
    let record = records(&world, 1).await.remove(0);
    assert_eq!(record["queue_wait_time"], 3, "{record}");
}
