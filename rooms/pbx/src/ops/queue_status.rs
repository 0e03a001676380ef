//! What goes on in a queue at this moment, and what it did today.

use std::collections::HashMap;

use domain::{CallId, Principal, Timestamp};
use store::Tx;

use super::{
    agents::{self, AgentState},
    figures::day_of,
    may_read, queues,
};
use crate::{
    Pbx,
    error::Result,
    model::{Abandoned, Queue, QueueFigures, QueueTier},
    store as rows,
};

/// Callers who hung up that are listed.
const MOST_ABANDONED: i64 = 100;

/// A queue as its wallboard shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueState {
    pub queue: Queue,
    /// In the order in which they are served.
    pub waiting: Vec<Waiting>,
    /// By level and position.
    pub agents: Vec<(QueueTier, AgentState)>,
    /// Since midnight of the account.
    pub today: QueueFigures,
    /// Who hung up today and was not answered since, the last first.
    pub abandoned: Vec<Abandoned>,
    /// When this was looked at.
    pub at: Timestamp,
}

/// Somebody who waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub call: CallId,
    pub number: String,
    pub name: Option<String>,
    /// From 1.
    pub position: usize,
    pub since: Timestamp,
    /// Seconds.
    pub waited: i64,
    /// Nobody is on the line: a call back was promised.
    pub is_callback: bool,
    /// Extensions that ring for this caller.
    pub offered_to: Vec<String>,
}

impl QueueState {
    /// Returns the longest wait at this moment of somebody on the line, in seconds.
    pub fn longest_wait(&self) -> i64 {
        self.waiting.iter().filter(|waiting| !waiting.is_callback).map(|waiting| waiting.waited).max().unwrap_or(0)
    }

    /// Returns how many agents are in that state.
    pub fn count(&self, state: &str) -> usize {
        self.agents.iter().filter(|(_, agent)| agent.state == state).count()
    }
}

/// Returns everything about a queue at this moment.
pub async fn status(pbx: &Pbx, who: &Principal, name: &str) -> Result<QueueState> {
    let tenant = may_read(who)?;
    let mut tx = pbx.db.read(tenant).await?;
    let queue = queues::find(&mut tx, tenant, name).await?;
    let tiers = rows::queues::tiers(&mut tx, tenant, queue.id).await?;
    let agents = agents_of(pbx, &mut tx, &queue, tiers).await?;
    let account = rows::accounts::settings(&mut tx, tenant).await?;
    let at = tx.now();
    let (midnight, _) = day_of(&account.timezone, at);
    let level_ms = queue.service_level_seconds * 1000;
    let today = rows::queue_calls::figures(&mut tx, tenant, queue.id, midnight, level_ms).await?;
    let abandoned = rows::queue_calls::abandoned(&mut tx, tenant, queue.id, midnight, MOST_ABANDONED).await?;
    drop(tx);
    let waiting = pbx.queues.waiting(tenant, queue.id).await.into_iter().map(|(caller, since)| Waiting {
        call: caller.call,
        number: caller.number,
        name: caller.name,
        position: caller.position,
        since,
        waited: i64::try_from(caller.waited.as_secs()).unwrap_or(0),
        is_callback: caller.is_callback,
        offered_to: caller.offered_to,
    });
    Ok(QueueState { waiting: waiting.collect(), queue, agents, today, abandoned, at })
}

/// Rings the phones of `extension`, whose owner then hears an agent's call: `listen`, `whisper` or `barge`.
pub async fn supervise(pbx: &Pbx, who: &Principal, call: CallId, extension: &str, mode: &str) -> Result<()> {
    super::calls::control::supervise(pbx, who, call, Some(extension.to_owned()), Some(mode.to_owned())).await
}

async fn agents_of(
    pbx: &Pbx,
    tx: &mut Tx,
    queue: &Queue,
    tiers: Vec<QueueTier>,
) -> Result<Vec<(QueueTier, AgentState)>> {
    let written = rows::agents::all(tx, queue.tenant).await?;
    let written: HashMap<&str, _> = written.iter().map(|agent| (agent.extension.as_str(), agent)).collect();
    let account = pbx.directory.account(queue.tenant);
    let states = tiers.into_iter().map(|tier| {
        let line = account.as_ref().and_then(|account| account.extensions.get(&tier.extension));
        let name = line.and_then(|line| line.extension.display_name.clone());
        let row = written.get(tier.extension.as_str()).copied();
        let state = agents::state(pbx, queue.tenant, &tier.extension, name, row);
        (tier, state)
    });
    Ok(states.collect())
}
