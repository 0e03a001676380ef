//! The border: what calls over trunks are counted and limited by. The guard's books, the paces of trunks, which of them
//! answer, the rates, and how the numbers of caller-ID groups were used.
//!
//! Everything is in memory and decided in one step; what a restart has to know is written down every second.

pub(crate) mod numbers;
pub(crate) mod passage;
pub(crate) mod rates;
pub(crate) mod toll;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{TenantId, Timestamp, ids::TrunkId, pace::Pace};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use self::{numbers::Numbers, rates::Rates, toll::Tolls};
use crate::{Pbx, store as rows};

/// How often calls are looked at that may have reached a limit, and the books written down: what is lost beyond a limit
/// is what the calls that are up cost in this time.
const TICK: Duration = Duration::from_secs(1);
/// A database that does not answer for so long holds up the next attempt no longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Milliseconds that calls to one number are counted for.
const DAY: i64 = 86_400_000;
/// How often old books are deleted.
const SWEEP: Duration = Duration::from_secs(600);

/// A cheap clone.
#[derive(Clone)]
pub(crate) struct Border(Arc<Inner>);

struct Inner {
    /// The books' clock: the wall's at the start, and from there on one that nobody can put back.
    start: (Timestamp, Instant),
    tolls: Mutex<Tolls>,
    numbers: Mutex<Numbers>,
    paces: Mutex<HashMap<TrunkId, Pace>>,
    /// Trunks that do not answer; they are tried last.
    down: Mutex<HashSet<TrunkId>>,
    rates: Mutex<HashMap<TenantId, (i64, Arc<Rates>)>>,
}

impl std::fmt::Debug for Border {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Border")
    }
}

/// Data behind a lock is written in single steps: a panic leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Border {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self(Arc::new(Inner {
            start: (now, Instant::now()),
            tolls: Mutex::default(),
            numbers: Mutex::default(),
            paces: Mutex::default(),
            down: Mutex::default(),
            rates: Mutex::default(),
        }))
    }

    /// Returns the time of the books.
    pub(crate) fn now(&self) -> Timestamp {
        let (start, since) = self.0.start;
        start.after(since.elapsed())
    }

    /// Reads what an earlier run wrote down.
    pub(crate) async fn load(&self, pbx: &Pbx) -> Result<(), store::Error> {
        let mut tx = pbx.db.read_any_tenant().await?;
        let minutes = rows::guard::any_tenant_minutes(&mut tx, domain::guard::first_minute(self.now())).await?;
        lock(&self.0.tolls).restore(minutes);
        for (tenant, policy) in rows::guard::any_tenant_policies(&mut tx).await? {
            if policy.calls_per_number.is_some() {
                // The records know which numbers were called; what left by a transfer or a forward is forgotten.
                let since = Timestamp::from_millis(self.now().millis() - DAY);
                let mut own = pbx.db.read(tenant).await?;
                let calls = rows::cdr_numbers::called_since(&mut own, tenant, since).await?;
                lock(&self.0.tolls).restore_calls(tenant, calls);
            }
        }
        let uses = rows::caller_id_groups::any_tenant_uses(&mut tx, numbers::first_quarter(self.now())).await?;
        lock(&self.0.numbers).restore(uses);
        drop(tx);
        self.read_rates(pbx).await
    }

    /// Reads the rates of those accounts that have others now.
    pub(crate) async fn read_rates(&self, pbx: &Pbx) -> Result<(), store::Error> {
        let mut tx = pbx.db.read_any_tenant().await?;
        let versions = rows::rates::any_tenant_versions(&mut tx).await?;
        for (tenant, version) in versions {
            if lock(&self.0.rates).get(&tenant).is_some_and(|(known, _)| *known == version) {
                continue;
            }
            let mut own = pbx.db.read(tenant).await?;
            let rates = Rates::of(rows::rates::all(&mut own, tenant).await?);
            lock(&self.0.rates).insert(tenant, (version, Arc::new(rates)));
        }
        Ok(())
    }

    pub(crate) fn rates(&self, tenant: TenantId) -> Option<Arc<Rates>> {
        lock(&self.0.rates).get(&tenant).map(|(_, rates)| Arc::clone(rates))
    }

    /// Says which trunks do not answer.
    pub(crate) fn set_down(&self, trunks: HashSet<TrunkId>) {
        *lock(&self.0.down) = trunks;
    }

    pub(crate) fn is_down(&self, trunk: TrunkId) -> bool {
        lock(&self.0.down).contains(&trunk)
    }

    /// Takes one of the calls that a trunk may begin this second.
    pub(crate) fn keeps_pace(&self, trunk: TrunkId, per_second: Option<u32>) -> bool {
        let Some(per_second) = per_second else { return true };
        let now = Instant::now().into_std();
        lock(&self.0.paces).entry(trunk).or_default().admit(per_second, now).is_ok()
    }
}

/// Cuts calls that have reached a limit and writes the books down, until the program ends.
pub(crate) async fn watch(pbx: Pbx) {
    tokio::join!(cut(&pbx), write_down(&pbx));
}

/// Nothing here waits for the database: money is lost while it is away, too.
async fn cut(pbx: &Pbx) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        pbx.border.cut_overdue(pbx);
    }
}

async fn write_down(pbx: &Pbx) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut swept = Instant::now();
    loop {
        tick.tick().await;
        let written = timeout(PATIENCE, pbx.border.flush(pbx)).await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!("the books of calls over trunks wait for the database");
            continue;
        }
        if swept.elapsed() >= SWEEP {
            swept = Instant::now();
            if let Err(error) = sweep(pbx).await {
                tracing::warn!(%error, "old books could not be deleted");
            }
        }
    }
}

async fn sweep(pbx: &Pbx) -> Result<(), store::Error> {
    let now = pbx.border.now();
    let mut tx = pbx.db.begin_any_tenant().await?;
    rows::guard::any_tenant_delete_old_minutes(&mut tx, domain::guard::first_minute(now) - 1).await?;
    rows::caller_id_groups::any_tenant_delete_old_uses(&mut tx, numbers::first_quarter(now)).await?;
    tx.commit().await
}
