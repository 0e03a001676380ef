//! What a queue writes down: its ledger and the states of its agents, in the order in which they happened.

use std::{collections::BTreeMap, future::Future, pin::Pin, time::Duration};

use domain::{
    TenantId, Timestamp,
    agent::Status,
    queue::{Fact, FactKind},
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    Pbx,
    model::{AgentWork, QueueLine},
    store as rows,
};

/// Pause between attempts while the database is away.
const RETRY: Duration = Duration::from_secs(1);
/// Lines that wait for the database at most; the oldest are given up, and that is said.
const MOST_LINES: usize = 100_000;

type Pages = (Vec<QueueLine>, BTreeMap<String, (Status, AgentWork)>);
type Writing = Pin<Box<dyn Future<Output = (Pages, Result<(), store::Error>)> + Send>>;

pub(super) struct Books {
    queue: i64,
    lines: Vec<QueueLine>,
    agents: BTreeMap<String, (Status, AgentWork)>,
    writing: Option<Writing>,
    again_at: Option<Instant>,
}

impl Books {
    pub(super) fn new(queue: i64) -> Self {
        Self { queue, lines: Vec::new(), agents: BTreeMap::new(), writing: None, again_at: None }
    }

    pub(super) fn note(&mut self, fact: Fact, at: Timestamp) {
        let millis = |length: Duration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        let talked_ms = match fact.kind {
            FactKind::Ended { talked } => Some(millis(talked)),
            _ => None,
        };
        let reason = match fact.kind {
            FactKind::Missed(cause) => Some(cause.as_str().to_owned()),
            FactKind::Overflowed(why) => Some(why.as_str().to_owned()),
            _ => None,
        };
        if self.lines.len() >= MOST_LINES {
            tracing::error!(queue.id = self.queue, "lines of the ledger are lost: the database is away for too long");
            self.lines.clear();
        }
        self.lines.push(QueueLine {
            id: Uuid::now_v7().to_string(),
            queue: self.queue,
            call: fact.call.to_string(),
            kind: fact.kind.as_str(),
            at,
            caller_number: fact.number,
            extension: fact.agent,
            waited_ms: millis(fact.waited),
            talked_ms,
            reason,
        });
    }

    /// Notes an agent's state; only the last one before a commit is written.
    pub(super) fn note_agent(&mut self, extension: String, status: Status, work: AgentWork) {
        self.agents.insert(extension, (status, work));
    }

    pub(super) fn is_written(&self) -> bool {
        self.lines.is_empty() && self.agents.is_empty() && self.writing.is_none()
    }

    /// Returns when a commit that failed is tried again.
    pub(super) fn again_at(&self) -> Option<Instant> {
        self.again_at.filter(|_| self.writing.is_none())
    }

    /// Begins to write what has come together since the last commit.
    pub(super) fn begin(&mut self, pbx: &Pbx, tenant: TenantId) {
        let waits = self.again_at.is_some_and(|at| Instant::now() < at);
        if self.writing.is_some() || waits || (self.lines.is_empty() && self.agents.is_empty()) {
            return;
        }
        self.again_at = None;
        let pages = (std::mem::take(&mut self.lines), std::mem::take(&mut self.agents));
        let pbx = pbx.clone();
        self.writing = Some(Box::pin(async move {
            let result = write(&pbx, tenant, &pages).await;
            (pages, result)
        }));
    }

    /// Waits for the commit that is under way; forever if there is none.
    pub(super) async fn written(&mut self) -> (Pages, Result<(), store::Error>) {
        match &mut self.writing {
            Some(writing) => writing.await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn on_written(&mut self, ((mut lines, agents), result): (Pages, Result<(), store::Error>)) {
        self.writing = None;
        if let Err(error) = result {
            tracing::warn!(%error, queue.id = self.queue, "the ledger waits for the database");
            lines.append(&mut self.lines);
            self.lines = lines;
            for (extension, state) in agents {
                self.agents.entry(extension).or_insert(state);
            }
            self.again_at = Some(Instant::now() + RETRY);
        }
    }
}

async fn write(pbx: &Pbx, tenant: TenantId, (lines, agents): &Pages) -> Result<(), store::Error> {
    let mut tx = pbx.db.begin(tenant).await?;
    for line in lines {
        rows::queue_calls::append(&mut tx, tenant, line).await?;
    }
    for (extension, (status, work)) in agents {
        rows::agents::put_work(&mut tx, tenant, extension, work).await?;
        if *status == Status::OnBreak {
            // The machine itself sends agents on a break who do not answer; their own word stays as it was given.
            rows::agents::send_on_break(&mut tx, tenant, extension).await?;
        }
    }
    tx.commit().await
}
