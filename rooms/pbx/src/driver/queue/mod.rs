//! Queues as calls see them: a door to the task that owns each queue, and the agents whom all queues of an account share.
//!
//! ```text
//!  call driver ──join, tell──▶ task of the queue ──Command::Queue(QueueOrder)──▶ call driver
//!                                   │      ▲
//!                           ledger, agents └── API (status), callbacks, other queues' agents
//! ```

mod books;
mod callback;
mod staff;
mod task;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{
    CallId, TenantId, Timestamp,
    app::{MusicChoice, Next, Prompt},
    cause::Cause,
    queue::{Tier, Waiting as Caller},
};
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::staff::{AgentView, Staff};
use super::live::Command;
use crate::{
    Pbx,
    model::{Queue, QueueStatus},
    store as rows,
};

/// News and callers that may wait for a queue's task.
const MAILBOX: usize = 1024;
/// Callers that one queue holds; more are turned away.
const MOST_CALLERS: usize = 500;
/// How long a page waits for a queue to say who waits in it.
const ASK: Duration = Duration::from_secs(1);

/// A call that wants to wait in a queue.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) call: CallId,
    pub(crate) caller_number: String,
    pub(crate) caller_name: Option<String>,
    /// When the call began; with `time_base_score` = `system` the order goes by it.
    pub(crate) started_at: Timestamp,
    pub(crate) joined_at: Timestamp,
    /// Seconds that the caller is ahead of those who came at the same time.
    pub(crate) priority: i64,
    /// Where the call's driver hears [`QueueOrder`]s.
    pub(crate) commands: mpsc::Sender<Command>,
}

/// What a caller hears who was let in.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    pub(crate) music: MusicChoice,
    /// Said once, before the music.
    pub(crate) greeting: Vec<Prompt>,
    /// Whether the queue has its calls recorded.
    pub(crate) record: bool,
}

/// What a call's driver tells the queue that its call waits in, or whose agent it talks to.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) call: CallId,
    pub(crate) kind: NewsKind,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum NewsKind {
    /// The caller hung up, or was taken elsewhere by somebody else than the queue.
    Left,
    /// The agent was not reached or does not want to. Not said of an offer that the queue withdrew.
    Failed { offer: u64, cause: Cause },
    /// The agent answered; the caller waits no longer.
    Answered { offer: u64 },
    /// The agent's leg is over.
    Ended { offer: u64 },
    /// The caller pressed a key.
    Key(char),
}

/// What a queue has a call's driver do.
#[derive(Clone, Debug)]
pub(crate) enum QueueOrder {
    /// Ring an agent's phones beside what the caller hears. `announce` is for the agent's ears, before the two talk.
    Offer { offer: u64, extension: String, ring: Duration, announce: Option<Prompt> },
    /// Stop ringing for this offer at once.
    Withdraw { offer: u64 },
    /// Say this, then go on with the music.
    Play(Vec<Prompt>),
    /// The caller waits here no longer.
    Leave(Next),
}

/// What a queue's task hears.
#[derive(Debug)]
pub(super) enum Ask {
    Join(Box<Waiting>),
    News(News),
    Change(Arc<Plan>),
    /// A call back was set up as this call.
    Placed {
        offer: u64,
        call: CallId,
    },
    /// A call back reached the agent, but not the customer.
    Unreached {
        offer: u64,
    },
    Show(oneshot::Sender<Vec<Caller>>),
    Close,
}

/// A queue as it is written down, with its agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) queue: Queue,
    pub(crate) tiers: Vec<Tier>,
}

#[derive(Debug)]
struct Handle {
    plan: Arc<Plan>,
    asks: mpsc::Sender<Ask>,
}

#[derive(Debug, Default)]
struct Account {
    queues: HashMap<i64, Handle>,
    staff: Option<Staff>,
}

impl Account {
    fn by_name(&self, name: &str) -> Option<&Handle> {
        self.queues.values().find(|handle| handle.plan.queue.name == name)
    }
}

/// The queues of this node. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queues(Arc<Mutex<HashMap<TenantId, Account>>>);

impl Queues {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Account>> {
        // A panic while the lock was held cannot leave a half-written entry: each change is one insert or remove.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a caller in. The call hears orders until it says that it left, or is told to leave.
    ///
    /// # Errors
    /// The cause with which the call goes on: there is no such queue, it is closed, or full.
    pub(crate) fn join(&self, tenant: TenantId, name: &str, waiting: Waiting) -> Result<Joined, Cause> {
        let accounts = self.lock();
        let handle = accounts.get(&tenant).and_then(|account| account.by_name(name));
        let handle = handle.ok_or(Cause::UnallocatedNumber)?;
        let queue = &handle.plan.queue;
        if queue.status == QueueStatus::Inactive {
            return Err(Cause::DestinationOutOfOrder);
        }
        handle.asks.try_send(Ask::Join(Box::new(waiting))).map_err(|_| Cause::SwitchCongestion)?;
        let mut greeting = vec![queue.greeting_prompt.map_or(Prompt::Word("please-wait"), Prompt::Stored)];
        if queue.callback_key == Some('1') && queue.greeting_prompt.is_none() {
            greeting.push(Prompt::Word("callback-offer"));
        }
        Ok(Joined {
            music: queue.music_prompt.map_or(MusicChoice::Account, MusicChoice::Stored),
            greeting,
            record: queue.recording_template.is_some(),
        })
    }

    /// Passes news on. What cannot be delivered is found out by the queue's reaper.
    pub(crate) fn tell(&self, tenant: TenantId, name: &str, news: News) {
        let accounts = self.lock();
        if let Some(handle) = accounts.get(&tenant).and_then(|account| account.by_name(name))
            && handle.asks.try_send(Ask::News(news)).is_err()
        {
            tracing::warn!(tenant.id = %tenant, queue = name, "a queue is behind its news");
        }
    }

    /// Returns the names of the account's queues.
    pub(crate) fn names(&self, tenant: TenantId) -> Vec<String> {
        let accounts = self.lock();
        let queues = accounts.get(&tenant).into_iter().flat_map(|account| account.queues.values());
        queues.map(|handle| handle.plan.queue.name.clone()).collect()
    }

    /// Returns who waits in a queue, in the order in which they are served.
    pub(crate) async fn waiting(&self, tenant: TenantId, queue: i64) -> Vec<Caller> {
        let asks = self.lock().get(&tenant).and_then(|account| account.queues.get(&queue)).map(|h| h.asks.clone());
        let Some(asks) = asks else { return Vec::new() };
        let (reply, answer) = oneshot::channel();
        if asks.try_send(Ask::Show(reply)).is_err() {
            return Vec::new();
        }
        tokio::time::timeout(ASK, answer).await.ok().and_then(Result::ok).unwrap_or_default()
    }

    /// Returns the agents of an account.
    pub(crate) fn staff(&self, tenant: TenantId) -> Staff {
        self.lock().entry(tenant).or_default().staff.get_or_insert_with(Staff::new).clone()
    }
}

/// Starts the queues: nobody does anything any more for calls of an earlier run.
pub(crate) async fn open(pbx: &Pbx) -> Result<(), store::Error> {
    let mut tx = pbx.db.begin_any_tenant().await?;
    let now = tx.now();
    rows::agents::any_tenant_all_idle(&mut tx, now).await?;
    tx.commit().await?;
    reload(pbx).await
}

/// Reads every queue anew: starts those that are new, tells those that changed, closes those that are gone.
pub(crate) async fn reload(pbx: &Pbx) -> Result<(), store::Error> {
    let mut tx = pbx.db.read_any_tenant().await?;
    let queues = rows::queues::any_tenant_all(&mut tx).await?;
    let tiers = rows::queues::any_tenant_tiers(&mut tx).await?;
    let agents = rows::agents::any_tenant_all(&mut tx).await?;
    drop(tx);
    let mut served: HashMap<i64, Vec<Tier>> = HashMap::new();
    for tier in &tiers {
        served.entry(tier.queue).or_default().push(tier.tier());
    }
    let now = pbx.db.now();
    let mut kept: HashSet<(TenantId, String)> = HashSet::new();
    for agent in agents {
        pbx.queues.staff(agent.tenant).add(&agent, now);
        kept.insert((agent.tenant, agent.extension));
    }
    let mut accounts = pbx.queues.lock();
    let mut known: HashMap<TenantId, Vec<i64>> = HashMap::new();
    for queue in queues {
        let plan = Arc::new(Plan { tiers: served.remove(&queue.id).unwrap_or_default(), queue });
        let (tenant, id) = (plan.queue.tenant, plan.queue.id);
        known.entry(tenant).or_default().push(id);
        let account = accounts.entry(tenant).or_default();
        let staff = account.staff.get_or_insert_with(Staff::new).clone();
        for tier in &plan.tiers {
            staff.add_new(&tier.agent);
            kept.insert((tenant, tier.agent.clone()));
        }
        match account.queues.get_mut(&id) {
            Some(handle) if handle.plan == plan => {}
            Some(handle) => {
                handle.plan = Arc::clone(&plan);
                // A mailbox that is full is read within moments; the next look sends the change again.
                if handle.asks.try_send(Ask::Change(plan)).is_err() {
                    tracing::warn!(tenant.id = %tenant, queue.id = id, "a queue is behind its settings");
                }
            }
            None => {
                let (asks, heard) = mpsc::channel(MAILBOX);
                let task = task::Task::new(pbx.clone(), Arc::clone(&plan), staff, asks.clone());
                pbx.tracker.spawn(task.run(heard));
                account.queues.insert(id, Handle { plan, asks });
            }
        }
    }
    for (tenant, account) in accounts.iter_mut() {
        if let Some(staff) = &account.staff {
            staff.keep(|number| kept.contains(&(*tenant, number.to_owned())));
        }
        let known = known.get(tenant).map(Vec::as_slice).unwrap_or_default();
        account.queues.retain(|id, handle| {
            let is_kept = known.contains(id);
            if !is_kept {
                let _ = handle.asks.try_send(Ask::Close);
            }
            is_kept
        });
    }
    Ok(())
}
