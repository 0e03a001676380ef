//! The agents of an account, shared by its queues: guarded for a few lines, never over a wait.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use domain::{
    CallId, TenantId, Timestamp,
    agent::{Activity, Record, Roster, Status},
};
use tokio::sync::watch;

use crate::{
    Pbx,
    model::{Agent, AgentWork},
};

/// A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct Staff(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tables: Mutex<Tables>,
    /// Grows with every change, so that all queues look again.
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
struct Tables {
    roster: Roster,
    /// Calls back that are being set up: agents ring for them although no such call is up yet.
    placing: HashSet<CallId>,
}

/// An agent as pages show one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AgentView {
    pub(crate) status: Status,
    /// `waiting`, `ringing`, `in_call`, `wrap_up`, `busy`, `on_break`, `logged_out`, `unreachable`, `resting`.
    pub(crate) state: &'static str,
    pub(crate) call: Option<CallId>,
    pub(crate) calls: u32,
    pub(crate) talk_ms: i64,
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Staff {
    pub(super) fn new() -> Self {
        let tables = Tables { roster: Roster::new(now()), placing: HashSet::new() };
        Self(Arc::new(Inner { tables: Mutex::new(tables), changed: watch::channel(0).0 }))
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // A panic while the lock was held left some agent's state; the reaper sets it right.
        self.0.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an agent as the database has it, unless one is known already.
    pub(super) fn add(&self, agent: &Agent, clock: Timestamp) {
        let before = |at: Timestamp| at.millis() - clock.millis();
        let mut tables = self.lock();
        let at = tables.roster.millis(now());
        let record = Record {
            last_offered: agent.work.last_offered_at.map(|offered| at + before(offered)),
            last_ended: agent.work.last_ended_at.map(|ended| at + before(ended)),
            talk: std::time::Duration::from_millis(u64::try_from(agent.work.talk_ms).unwrap_or(0)),
            calls: u32::try_from(agent.work.calls).unwrap_or(0),
            unanswered: u32::try_from(agent.work.unanswered).unwrap_or(0),
        };
        tables.roster.add(&agent.extension, agent.status, record);
    }

    /// Adds an agent of whom nothing is known: available.
    pub(super) fn add_new(&self, extension: &str) {
        self.lock().roster.add(extension, Status::Available, Record::default());
    }

    pub(crate) fn set_status(&self, extension: &str, status: Status) {
        let mut tables = self.lock();
        tables.roster.add(extension, status, Record::default());
        tables.roster.set_status(extension, status);
        drop(tables);
        self.bump();
    }

    /// Forgets everybody but these.
    pub(super) fn keep(&self, is_kept: impl Fn(&str) -> bool) {
        let mut tables = self.lock();
        let gone: Vec<String> = tables
            .roster
            .iter()
            .map(|(number, _)| number)
            .filter(|number| !is_kept(number))
            .map(str::to_owned)
            .collect();
        for number in gone {
            tables.roster.remove(&number);
        }
    }

    pub(super) fn bump(&self) {
        self.0.changed.send_modify(|changed| *changed += 1);
    }

    pub(super) fn listen(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Does something with the roster.
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut Roster) -> R) -> R {
        work(&mut self.lock().roster)
    }

    pub(super) fn begin_placing(&self, call: CallId) {
        self.lock().placing.insert(call);
    }

    pub(super) fn end_placing(&self, call: CallId) {
        self.lock().placing.remove(&call);
    }

    pub(super) fn is_placing(&self) -> HashSet<CallId> {
        self.lock().placing.clone()
    }

    /// Looks at the phones and other calls of these agents: one look at each table, however many they are.
    pub(super) fn look<'a>(&self, pbx: &Pbx, tenant: TenantId, agents: impl Iterator<Item = &'a str>) {
        let agents: Vec<&str> = agents.collect();
        let reachable = pbx.registrar.are_reachable(tenant, &agents, pbx.db.now());
        let elsewhere = pbx.live.have_calls(tenant, &agents);
        let mut tables = self.lock();
        for (agent, (reachable, elsewhere)) in agents.into_iter().zip(reachable.into_iter().zip(elsewhere)) {
            tables.roster.set_presence(agent, reachable, elsewhere);
        }
    }

    /// Returns an agent as pages show one, with a fresh look at phones and other calls.
    pub(crate) fn seen(&self, pbx: &Pbx, tenant: TenantId, extension: &str) -> Option<AgentView> {
        self.look(pbx, tenant, std::iter::once(extension));
        self.view(extension)
    }

    fn view(&self, extension: &str) -> Option<AgentView> {
        let tables = self.lock();
        let agent = tables.roster.agent(extension)?;
        Some(AgentView {
            status: agent.status,
            state: agent.state(now()),
            call: agent.activity.call(),
            calls: agent.record.calls,
            talk_ms: i64::try_from(agent.record.talk.as_millis()).unwrap_or(i64::MAX),
        })
    }

    /// Returns what is written of an agent's work.
    pub(super) fn work(&self, extension: &str, clock: Timestamp) -> Option<(Status, AgentWork)> {
        let tables = self.lock();
        let agent = tables.roster.agent(extension)?;
        let at = tables.roster.millis(now());
        let moment = |past: i64| Timestamp(clock.millis() - (at - past));
        let queue = match agent.activity {
            Activity::Idle => None,
            Activity::Ringing { queue, .. } | Activity::InCall { queue, .. } | Activity::WrapUp { queue, .. } => {
                Some(queue)
            }
        };
        let work = AgentWork {
            activity: agent.activity.as_str().to_owned(),
            activity_since: clock,
            queue,
            call: agent.activity.call().map(|call| call.to_string()),
            last_offered_at: agent.record.last_offered.map(moment),
            last_ended_at: agent.record.last_ended.map(moment),
            calls: i64::from(agent.record.calls),
            talk_ms: i64::try_from(agent.record.talk.as_millis()).unwrap_or(i64::MAX),
            unanswered: i64::from(agent.record.unanswered),
        };
        Some((agent.status, work))
    }
}
