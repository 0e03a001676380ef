//! `kill -9` at random moments of a running load.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sandbox::{Agent, Crm, Reaction, Talk, Voice, carrier};
use testkit::{World, until};
use tokio::{task::JoinSet, time::Instant};

use super::ledger::{self, Ledger};
use crate::calls::ZORIO;

/// How often the server is killed.
const KILLS: u32 = 50;

/// Phones that are called over and over, all at the same time.
const AGENTS: u32 = 6;

/// Phones that dial over and over by themselves.
const DIALLERS: u32 = 2;

/// Longest time to live between two kills.
const LONGEST_LIFE: u64 = 1_200;

/// A killed server must take calls again within this.
const READY_AGAIN: Duration = Duration::from_secs(5);

/// A phone whose answer nobody acknowledged gives up after 32 s (RFC 3261 §13.3.1.4); all others get their BYE at once.
const LEGS_END: Duration = Duration::from_secs(40);

/// After the last start every call must have its record and every event its receiver within this.
const SETTLED: Duration = Duration::from_secs(90);

/// Calls over and over from one extension, to numbers that nobody called before, until told to stop.
async fn load(crm: Crm, extension: String, ledger: Arc<Ledger>, next: Arc<AtomicUsize>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        // Most are answered and end by themselves (6), some are busy (0).
        let last = if number.is_multiple_of(5) { 0 } else { 6 };
        match crm.click_to_call(&extension, &format!("8490{number:06}{last}")).await {
            Ok(answer) => ledger.acknowledge(answer["call_uuid"].as_str().expect("202 names the call").to_owned()),
            // The server is being killed or started.
            Err(_) => tokio::time::sleep(Duration::from_millis(30)).await,
        }
        // A hundred pairs of media ports, each of which rests for 2 s after its call, are enough for that.
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
}

/// Dials over and over from one phone, to numbers that nobody else calls, until told to stop.
async fn dial(agent: Agent, ledger: Arc<Ledger>, next: Arc<AtomicUsize>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let number = format!("8491{:06}6", next.fetch_add(1, Ordering::Relaxed));
        let call = agent.dial(&number).expect("the phone has free ports");
        if call.up(Duration::from_secs(1)).await {
            ledger.answer(number);
            call.over(Duration::from_secs(1)).await;
        }
        call.hang_up();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_no_call_record_and_no_event() {
    let seed = rand::random::<u64>();
    eprintln!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let temper = carrier::Config {
        answers_after: Duration::from_millis(20),
        hangs_up_after: Duration::from_millis(300),
        hears: Duration::ZERO,
        ..carrier::Config::on_loopback()
    };
    let settings = [("ZORIO_LIMITS__CLICK_TO_CALL", "1000000"), ("ZORIO_LIMITS__PBX", "1000000")];
    let mut world = World::open_with(ZORIO, &settings, temper).await.unwrap();
    let (ledger, next, stop) = (Arc::<Ledger>::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let mut agents = Vec::new();
    let mut loads = JoinSet::new();
    for n in 1..=AGENTS {
        let extension = format!("200{n}");
        let talk = Talk::in_voice(Voice::of_agent(&extension));
        let answers = Reaction::Answers { after: Duration::from_millis(20), talk };
        agents.push(world.agent_that(&extension, answers).await.unwrap());
        loads.spawn(load(world.crm().clone(), extension, ledger.clone(), next.clone(), stop.clone()));
    }
    for n in 1..=DIALLERS {
        let agent = world.agent(&format!("201{n}")).await.unwrap();
        loads.spawn(dial(agent.clone(), ledger.clone(), next.clone(), stop.clone()));
        agents.push(agent);
    }

    let mut slowest = Duration::ZERO;
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(chance.random_range(50..LONGEST_LIFE))).await;
        world.server.kill().await.unwrap();
        let began = Instant::now();
        world.server.launch().await.unwrap();
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest <= READY_AGAIN, "seed {seed}: a start took {slowest:?}");
    stop.store(true, Ordering::Relaxed);
    loads.join_all().await;

    let acknowledged = ledger.acknowledged();
    eprintln!("{} calls acknowledged, slowest start {slowest:?}", acknowledged.len());
    assert!(acknowledged.len() > 100, "seed {seed}: the load did not run");
    every_call_has_its_record(&world, &acknowledged, seed).await;
    every_call_is_told_once(&world, &ledger, seed).await;
    every_event_arrives_under_one_id(&world, seed).await;
    every_leg_ends(&world, &agents, seed).await;
}

/// No zombie calls: the legs that a kill orphaned get their BYE.
async fn every_leg_ends(world: &World, agents: &[Agent], seed: u64) {
    let living = || {
        let of_agents = agents.iter().flat_map(Agent::calls);
        let living = of_agents.chain(world.carrier.calls()).filter(|call| !call.is_over());
        living.map(|call| (call.about().clone(), call.state())).collect::<Vec<_>>()
    };
    let ended = until("every leg ends", LEGS_END, async || (living().is_empty()).then_some(())).await;
    assert!(ended.is_ok(), "seed {seed}: these legs live on: {:#?}", living());
}

async fn every_call_has_its_record(world: &World, acknowledged: &BTreeSet<String>, seed: u64) {
    let mut cut = 0;
    for call in acknowledged {
        let cdr = world.cdr(call).await.unwrap_or_else(|error| panic!("seed {seed}: call {call}: {error}"));
        let cause = cdr["hangup_cause"].as_str().unwrap_or_default();
        let known = ["NORMAL_CLEARING", "USER_BUSY", "NORMAL_TEMPORARY_FAILURE"];
        assert!(known.contains(&cause), "seed {seed}: {cdr}");
        cut += usize::from(cause == "NORMAL_TEMPORARY_FAILURE");
    }
    eprintln!("{cut} calls were cut by a kill");
    assert!(cut > 0, "seed {seed}: no kill met a call");
}

/// A recorded call's `pbx.cdr.created` waits for its recording; a job that a kill cut off is done again when its lease
/// of 30 s has run out.
async fn every_call_is_told_once(world: &World, ledger: &Ledger, seed: u64) {
    let (acknowledged, answered) = (ledger.acknowledged(), ledger.answered());
    let told = until("every call is told", SETTLED, async || {
        let records = ledger::records(world);
        let numbers: BTreeSet<&String> = records.values().collect();
        let missing = acknowledged.iter().filter(|call| !records.contains_key(*call)).count()
            + answered.iter().filter(|number| !numbers.contains(number)).count();
        (missing == 0).then_some(records)
    })
    .await;
    let records = told.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    for number in &answered {
        let calls: Vec<_> = records.iter().filter(|(_, called)| *called == number).collect();
        assert_eq!(calls.len(), 1, "seed {seed}: the call to {number} has the records {calls:?}");
    }
    eprintln!("{} dialled calls were answered", answered.len());
    assert!(answered.len() > 20, "seed {seed}: the diallers did not reach anybody");
}

async fn every_event_arrives_under_one_id(world: &World, seed: u64) {
    let arrived = until("every committed event arrives", SETTLED, async || {
        let delivered = ledger::delivered(world);
        let committed = ledger::committed(world).await.ok()?;
        let missing =
            committed.iter().filter(|(event, count)| delivered.get(*event).map_or(0, |ids| ids.len()) < **count);
        (missing.count() == 0).then_some(delivered)
    })
    .await;
    let delivered = arrived.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    for ((event, call), ids) in &delivered {
        let once = event == "pbx.cdr.created" || event == "pbx.call.hangup" || event == "pbx.call.answered";
        assert!(!once || ids.len() == 1, "seed {seed}: {event} of {call} has the delivery ids {ids:?}");
    }
    let sent = world.receiver.deliveries().len();
    let events: usize = delivered.values().map(BTreeSet::len).sum();
    eprintln!("{events} events in {sent} deliveries");
}
