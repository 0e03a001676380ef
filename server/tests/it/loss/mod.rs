//! Bad networks: what is lost, late, repeated or overtaken costs time, never a call's record, a port or a leg.

mod proxy;
mod rain;

use std::{collections::BTreeSet, time::Duration};

use sandbox::Agent;
use testkit::{World, until};

/// How long calls over a bad network may take to their records: SIP gives up after 32 s (RFC 3261 timer B).
const TO_THE_END: Duration = Duration::from_secs(90);

/// Settings that let what nobody ends any more end soon.
const SETTINGS: &[(&str, &str)] = &[
    ("ZORIO_CALLS__RING_SECONDS", "20"),
    ("ZORIO_CALLS__AGENT_RING_SECONDS", "20"),
    ("ZORIO_MEDIA__INACTIVITY_SECONDS", "10"),
    ("ZORIO_LIMITS__CLICK_TO_CALL", "1000"),
    ("ZORIO_LIMITS__PBX", "10000"),
];

/// What became of some calls.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    calls: usize,
    answered: usize,
}

impl Outcome {
    fn assert_answered(self, percent: usize) {
        assert!(self.answered * 100 >= self.calls * percent, "{self:?}, wanted {percent} %");
    }
}

/// Places `count` calls from the agents' phones to customers who hang up by themselves, and waits for their records.
/// Every call has exactly one record, and afterwards nothing of any is left.
async fn call(world: &World, agents: &[Agent], count: usize) -> Outcome {
    let mut placed = BTreeSet::new();
    for agent in agents {
        let path = format!("/api/pbx/extensions/{}", agent.extension());
        let reply = world.crm().put(&path, &serde_json::json!({ "max_concurrent": 10 })).await.unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    for (index, agent) in (0..count).zip(agents.iter().cycle()) {
        let reply = world.crm().click_to_call(agent.extension(), &format!("8428123{index:03}6")).await.unwrap();
        placed.insert(reply["call_uuid"].as_str().unwrap().to_owned());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let records = until("every call has its record", TO_THE_END, async || {
        let reply = world.crm().get("/api/pbx/cdr?per_page=200").await.ok()?;
        let records = reply.json["data"].as_array()?.clone();
        (records.len() >= placed.len()).then_some(records)
    })
    .await
    .unwrap();
    let found: BTreeSet<String> = records.iter().map(|cdr| cdr["uuid"].as_str().unwrap().to_owned()).collect();
    assert_eq!((found.len(), &found), (records.len(), &placed), "one record for each call");
    nothing_is_left(world).await;
    let answered = records.iter().filter(|cdr| cdr["result"] == "answered").count();
    Outcome { calls: count, answered }
}

/// No call is up any more, and no port for media is open.
async fn nothing_is_left(world: &World) {
    let live = || async { world.crm().get("/api/pbx/calls").await.ok()?.json["data"].as_array().map(Vec::len) };
    until("no call is up", TO_THE_END, async || (live().await? == 0).then_some(())).await.unwrap();
    let media = world.server.media();
    until("every port for media is free", TO_THE_END, async || {
        let open = open_udp_ports();
        (!open.iter().any(|port| media.contains(port))).then_some(())
    })
    .await
    .unwrap();
}

/// Returns the local ports of every UDP socket in this network.
fn open_udp_ports() -> BTreeSet<u16> {
    let table = std::fs::read_to_string("/proc/self/net/udp").unwrap();
    let port = |line: &str| u16::from_str_radix(line.split_whitespace().nth(1)?.split(':').nth(1)?, 16).ok();
    table.lines().skip(1).filter_map(port).collect()
}
