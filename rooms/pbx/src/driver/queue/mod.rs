//! Queues as calls see them: a door to the task that owns each queue, and the agents whom all queues of an account share.
//!
//! ```text
//!  call driver ──join, tell──▶ task of the queue ──Command::Queue(QueueOrder)──▶ call driver
//!                                   │      ▲
//!                           ledger, agents └── API (status), callbacks, other queues' agents
//! ```

mod books;
mod callback;
pub(crate) mod left_over;
mod staff;
#[cfg(test)]
mod storm;
mod task;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
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

/// The way to the queue that a call waits in or came out of, whatever the queue is called by now.
#[derive(Clone, Debug)]
pub(crate) struct Door(mpsc::Sender<Ask>);

impl Door {
    /// Passes news on. What cannot be delivered is found out by the queue's reaper.
    pub(crate) fn tell(&self, news: News) {
        if self.0.try_send(Ask::News(news)).is_err() {
            tracing::warn!("a queue is behind its news, or gone");
        }
    }
}

/// What a caller hears who was let in.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    pub(crate) door: Door,
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
    /// The caller hung up.
    Left,
    /// Somebody else than the queue took the caller.
    Taken,
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
    /// Say this as the last thing: the caller will be called back.
    Promise(Vec<Prompt>),
    /// The caller waits here no longer.
    Leave(Next),
}

/// What a queue's task hears.
#[derive(Debug)]
pub(super) enum Ask {
    Join(Box<Waiting>),
    News(News),
    Change(Arc<Plan>),
    /// A call back that was promised in one call was set up as another.
    Placed {
        offer: u64,
        promised: CallId,
        call: CallId,
    },
    /// It was not: because of the agent, or without a cause because of the customer's number.
    Unplaced {
        offer: u64,
        promised: CallId,
        cause: Option<Cause>,
    },
    /// A call back reached the agent, but not the customer.
    Unreached {
        offer: u64,
    },
    Show(oneshot::Sender<Vec<(Caller, Timestamp)>>),
    /// Wants to know when everything is written.
    Settle(oneshot::Sender<()>),
    #[cfg(test)]
    Fail,
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
pub(crate) struct Queues {
    accounts: Arc<Mutex<HashMap<TenantId, Account>>>,
    /// A queue had no room for its new settings, or for the news that it is closed.
    is_behind: Arc<AtomicBool>,
    /// Held while they are read anew.
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl Queues {
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Account>> {
        // A panic while the lock was held cannot leave a half-written entry: each change is one insert or remove.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether what was written has to be told again, and forgets that.
    pub(crate) fn was_behind(&self) -> bool {
        self.is_behind.swap(false, Ordering::Relaxed)
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
            door: Door(handle.asks.clone()),
            music: queue.music_prompt.map_or(MusicChoice::Account, MusicChoice::Stored),
            greeting,
            record: queue.recording_template.is_some(),
        })
    }

    /// Returns who waits in a queue and since when, in the order in which they are served.
    pub(crate) async fn waiting(&self, tenant: TenantId, queue: i64) -> Vec<(Caller, Timestamp)> {
        let asks = self.lock().get(&tenant).and_then(|account| account.queues.get(&queue)).map(|h| h.asks.clone());
        let Some(asks) = asks else { return Vec::new() };
        let (reply, answer) = oneshot::channel();
        if asks.try_send(Ask::Show(reply)).is_err() {
            return Vec::new();
        }
        tokio::time::timeout(ASK, answer).await.ok().and_then(Result::ok).unwrap_or_default()
    }

    /// Waits until every queue has written what happened in it, at most `patience`.
    pub(crate) async fn settle(&self, patience: Duration) {
        let all: Vec<mpsc::Sender<Ask>> = self
            .lock()
            .values()
            .flat_map(|account| account.queues.values())
            .map(|handle| handle.asks.clone())
            .collect();
        let settled = async {
            for asks in all {
                let (reply, answer) = oneshot::channel();
                if asks.send(Ask::Settle(reply)).await.is_ok() {
                    let _ = answer.await;
                }
            }
        };
        if tokio::time::timeout(patience, settled).await.is_err() {
            tracing::warn!("not every line of the queues' ledger could be written");
        }
    }

    /// Has a queue's task fail, as a mistake in the program would.
    #[cfg(test)]
    fn fail(&self, tenant: TenantId, name: &str) {
        let accounts = self.lock();
        let handle = accounts.get(&tenant).and_then(|account| account.by_name(name)).expect("there is such a queue");
        handle.asks.try_send(Ask::Fail).expect("its mailbox has room");
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
    // One at a time: whoever read before a queue was made would close it after another has started it.
    let _one = pbx.queues.reading.lock().await;
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
            Some(handle) if handle.plan == plan && !handle.asks.is_closed() => {}
            // A mailbox that is full is read within moments; the next look sends the change again.
            Some(handle) if !handle.asks.is_closed() => match handle.asks.try_send(Ask::Change(Arc::clone(&plan))) {
                Ok(()) => handle.plan = plan,
                Err(_) => pbx.queues.is_behind.store(true, Ordering::Relaxed),
            },
            _ => {
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
            if known.contains(id) {
                return true;
            }
            let waits = matches!(handle.asks.try_send(Ask::Close), Err(mpsc::error::TrySendError::Full(_)));
            if waits {
                pbx.queues.is_behind.store(true, Ordering::Relaxed);
            }
            waits
        });
    }
    Ok(())
}
