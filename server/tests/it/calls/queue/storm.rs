//! Two hundred calls of which everything goes wrong by chance: callers and agents hang up at any moment, refuse, do not
//! answer, go away. Afterwards nobody is stuck, no leg lives on, every port is free.

use std::net::UdpSocket;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;

const CALLS: usize = 200;
const AGENTS: [&str; 6] = ["1001", "1002", "1003", "1004", "1005", "1006"];
const CALLERS: [&str; 3] = ["2001", "2002", "2003"];
const QUEUES: [(&str, &str); 2] = [("support", "8001"), ("sales", "8002")];
/// Calls that are up at a time.
const MOST: usize = 8;

fn by_chance(extension: &str, chance: &mut StdRng) -> Reaction {
    let moment = |chance: &mut StdRng| Duration::from_millis(chance.random_range(0..700));
    match chance.random_range(0..8) {
        0 => Reaction::Refuses { status: 486, q850: 17 },
        1 => Reaction::Refuses { status: 603, q850: 21 },
        2 => Reaction::Rings,
        3 => Reaction::Refuses { status: 500, q850: 41 },
        _ => {
            let hangs_up_after = Some(moment(chance));
            let talk = Talk { hangs_up_after, ..Talk::in_voice(Voice::of_agent(extension)) };
            Reaction::Answers { after: moment(chance), talk }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_calls_that_go_wrong_leave_no_agent_leg_or_port_behind() {
    let seed = rand::random::<u64>();
    eprintln!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let world = world().await;
    let (mut agents, mut phones) = (Vec::new(), Vec::new());
    for name in AGENTS {
        agents.push(world.agent_that(name, by_chance(name, &mut chance)).await.unwrap());
    }
    for name in CALLERS {
        phones.push(world.agent_that(name, Reaction::Rings).await.unwrap());
        // Each may have several calls up.
        let many = json!({ "max_concurrent": 10 });
        world.crm().put(&format!("/api/pbx/extensions/{name}"), &many).await.unwrap();
    }
    for ((name, number), strategy) in QUEUES.into_iter().zip(["ring-all", "round-robin"]) {
        let fields = json!({
            "strategy": strategy, "ring_time": 1, "wrap_up_time": 0, "max_no_answer": 0, "max_wait_time": 3,
            "reject_delay_time": 0, "busy_delay_time": 0, "no_answer_delay_time": 0, "exit_key": "0",
            "overflow_kind": "extension", "overflow_target": "1006",
        });
        another(&world, name, number, fields, &AGENTS).await;
    }
    let mut calls: Vec<Call> = Vec::new();
    let mut dialled = 0;
    while dialled < CALLS {
        let up: Vec<&Call> = calls.iter().filter(|call| !call.is_over()).collect();
        match chance.random_range(0..10) {
            0..5 if up.len() < MOST => {
                let (_, number) = QUEUES[chance.random_range(0..2)];
                calls.push(phones[chance.random_range(0..3)].dial(number).unwrap());
                dialled += 1;
            }
            5 if !up.is_empty() => up[chance.random_range(0..up.len())].hang_up(),
            6 if !up.is_empty() => up[chance.random_range(0..up.len())].press("0"),
            7 => {
                let at = chance.random_range(0..AGENTS.len());
                agents[at].set_reaction(by_chance(AGENTS[at], &mut chance));
            }
            8 if chance.random_bool(0.3) => {
                let status = ["available", "on_break", "logged_out"][chance.random_range(0..3)];
                set_status(&world, AGENTS[chance.random_range(0..AGENTS.len())], status).await;
            }
            _ => tokio::time::sleep(Duration::from_millis(chance.random_range(1..120))).await,
        }
    }
    for call in &calls {
        call.hang_up();
    }
    until("no call is up", PATIENCE, async || {
        let live = world.crm().get("/api/pbx/calls").await.ok()?;
        (live.json["total"] == 0).then_some(())
    })
    .await
    .unwrap();
    for name in AGENTS {
        set_status(&world, name, "available").await;
        until_agent(&world, name, "waiting").await;
    }
    let zombies = || {
        let of_phones = agents.iter().chain(&phones).flat_map(Agent::calls);
        of_phones.filter(|call| !call.is_over()).map(|call| call.about().clone()).collect::<Vec<_>>()
    };
    let ended = until("every leg is over", PATIENCE, async || zombies().is_empty().then_some(())).await;
    assert!(ended.is_ok(), "seed {seed}: {:?}", zombies());
    let (mut offered, mut over, mut answered) = (0, 0, 0);
    for (name, _) in QUEUES {
        let today = until("the ledger is complete", PATIENCE, async || {
            let seen = world.crm().get(&format!("/api/pbx/queues/{name}/status")).await.ok()?.json["data"].take();
            let figure = |name: &str| seen["today"][name].as_i64().unwrap_or(0);
            let over = figure("answered") + figure("abandoned") + figure("overflowed");
            (figure("offered") == over && seen["waiting_count"] == 0).then(|| seen["today"].clone())
        })
        .await
        .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        eprintln!("{name}: {today}");
        offered += today["offered"].as_i64().unwrap();
        over += today["abandoned"].as_i64().unwrap() + today["overflowed"].as_i64().unwrap();
        answered += today["answered"].as_i64().unwrap();
    }
    assert!(offered > 100 && answered > 20 && over > 20, "seed {seed}: {offered} offered, {answered} answered");
    let reaped = world.server.metrics().await.unwrap();
    let reaped = reaped.lines().find(|line| line.starts_with("pbx_queue_reaped"));
    assert!(reaped.is_none_or(|line| line.ends_with(" 0")), "seed {seed}: states had to be set right: {reaped:?}");
    // A port rests for a moment before it is given away again, closed.
    let taken =
        || world.server.media().filter(|port| UdpSocket::bind(("127.0.0.1", *port)).is_err()).collect::<Vec<_>>();
    let free = until("every port is free", PATIENCE, async || taken().is_empty().then_some(())).await;
    assert!(free.is_ok(), "seed {seed}: {:?} are still open", taken());
}
