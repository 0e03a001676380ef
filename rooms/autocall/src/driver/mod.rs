//! The engine: leads that are due are reserved, asked the gate, written down and called.
//!
//! ```text
//!  pending ──claim──▶ reserved ──gate, attempt row──▶ dialing ──call, script──▶ pending again, or closed
//!     ▲                  │ lease over, run gone          │ run gone: lost
//!     └──────────────────┴───────────────────────────────┘
//! ```
//!
//! A reservation runs out by itself, and the row of an attempt is committed before its INVITE: a process that dies in
//! between leaves a lead that is taken again, or an attempt without an end that counts, and never a second call.

mod attempt;
mod decide;
mod speaker;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use dialer::{attempts::Outcome, zone::Zone};
use domain::{EventName, TenantId, number::Region};
use serde_json::json;
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};
use tokio_util::task::TaskTracker;

pub use self::speaker::{Said, Speaker};
use crate::{
    Autocall, Result, events,
    model::{Campaign, CampaignStatus, Lead, LeadStatus},
    store::{self, ledger},
};

/// How often due leads are looked for while nothing else happens.
const TICK: Duration = Duration::from_millis(500);
/// How long a reservation lasts.
const LEASE: Duration = Duration::from_secs(180);
/// Leads that are reserved at a time.
const MOST: i64 = 50;

/// Runs all campaigns of all accounts on this node.
#[derive(Clone)]
pub(crate) struct Engine {
    room: Autocall,
    speaker: Arc<dyn Speaker>,
    tracker: TaskTracker,
    /// A call has ended: another may begin.
    ended: Arc<Notify>,
}

/// A campaign as its calls need it.
#[derive(Clone, Debug)]
struct Running {
    tenant: TenantId,
    campaign: Campaign,
    zone: Zone,
    region: Region,
}

/// Counts a call as long as it is held.
struct Line {
    up: Arc<AtomicI64>,
    ended: Arc<Notify>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.up.fetch_sub(1, Ordering::AcqRel);
        self.ended.notify_one();
    }
}

impl Engine {
    pub(crate) fn new(room: Autocall, speaker: Arc<dyn Speaker>) -> Self {
        Self { room, speaker, tracker: TaskTracker::new(), ended: Arc::default() }
    }

    /// Works until the program ends.
    pub(crate) async fn run(self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut up: HashMap<(TenantId, i64), Arc<AtomicI64>> = HashMap::new();
        let mut recovered = false;
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.ended.notified() => {}
            }
            if !recovered {
                match self.recover().await {
                    Ok(()) => recovered = true,
                    Err(error) => {
                        tracing::warn!(%error, "what an earlier run left cannot be closed yet");
                        continue;
                    }
                }
            }
            if let Err(error) = self.look(&mut up).await {
                tracing::warn!(%error, "campaigns cannot be served");
            }
        }
    }

    /// Closes the attempts that an earlier run left open, and gives its reservations back.
    async fn recover(&self) -> Result<()> {
        let mut tx = self.room.db.begin_any_tenant().await?;
        ledger::any_tenant_release(&mut tx, &self.room.boot).await?;
        tx.commit().await?;
        let left = {
            let mut tx = self.room.db.read_any_tenant().await?;
            ledger::any_tenant_left_over(&mut tx, &self.room.boot).await?
        };
        for (tenant, id) in &left {
            self.lose(*tenant, *id).await?;
        }
        if !left.is_empty() {
            tracing::warn!(attempts = left.len(), "attempts cut off by the end of an earlier run count as lost");
        }
        Ok(())
    }

    async fn lose(&self, tenant: TenantId, id: i64) -> Result<()> {
        let mut tx = self.room.db.begin(tenant).await?;
        let Some(open) = ledger::open_attempt(&mut tx, tenant, id).await? else { return Ok(()) };
        let Some(running) = self.campaign(&mut tx, tenant, open.campaign_id).await? else { return Ok(()) };
        let now = tx.now();
        let ended = ledger::Ended {
            at: now,
            result: Outcome::Lost.as_str(),
            cause: None,
            sip_status: None,
            billsec: open.answered_at.map_or(0, |at| i64::try_from(now.since(at).as_secs()).unwrap_or(0)),
            trunk: None,
            recording: None,
        };
        self.close(&mut tx, &running, &open, &ended, Outcome::Lost).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Serves every campaign that runs.
    async fn look(&self, up: &mut HashMap<(TenantId, i64), Arc<AtomicI64>>) -> Result<()> {
        let running = {
            let mut tx = self.room.db.read_any_tenant().await?;
            ledger::any_tenant_running(&mut tx).await?
        };
        up.retain(|key, calls| running.contains(key) || calls.load(Ordering::Acquire) > 0);
        for (tenant, id) in running {
            let calls = up.entry((tenant, id)).or_default();
            if let Err(error) = self.serve(tenant, id, calls).await {
                tracing::warn!(%error, tenant.id = %tenant, campaign = id, "a campaign cannot be served");
            }
        }
        Ok(())
    }

    /// Begins as many calls of a campaign as it may have, and ends it when nobody is left to be called.
    async fn serve(&self, tenant: TenantId, id: i64, up: &Arc<AtomicI64>) -> Result<()> {
        let mut tx = self.room.db.begin(tenant).await?;
        let now = tx.now();
        let Some(running) = self.campaign(&mut tx, tenant, id).await? else { return Ok(()) };
        let campaign = &running.campaign;
        if campaign.status != CampaignStatus::Running || campaign.start_at.is_some_and(|start| now < start) {
            return Ok(());
        }
        let is_over = campaign.end_at.is_some_and(|end| now >= end);
        let free = campaign.max_concurrent - up.load(Ordering::Acquire);
        let leads: Vec<Lead> = if is_over || free <= 0 {
            Vec::new()
        } else {
            ledger::release_expired(&mut tx, tenant, id).await?;
            ledger::claim(&mut tx, tenant, id, &self.room.boot, now.after(LEASE), free.min(MOST)).await?
        };
        if leads.is_empty() && up.load(Ordering::Acquire) == 0 {
            let left = ledger::left_to_call(&mut tx, tenant, id).await?;
            let under_way = ledger::under_way(&mut tx, tenant, id).await?;
            if (left == 0 || is_over) && under_way == 0 {
                self.finish(&mut tx, &running).await?;
            }
        }
        tx.commit().await?;
        let running = Arc::new(running);
        for lead in leads {
            up.fetch_add(1, Ordering::AcqRel);
            let line = Line { up: Arc::clone(up), ended: Arc::clone(&self.ended) };
            let (engine, running) = (self.clone(), Arc::clone(&running));
            self.tracker.spawn(async move {
                let id = lead.id;
                if let Err(error) = engine.attempt(running, lead).await {
                    tracing::error!(%error, lead = id, "an attempt could not be made");
                }
                drop(line);
            });
        }
        Ok(())
    }

    async fn campaign(&self, tx: &mut ::store::Tx, tenant: TenantId, id: i64) -> Result<Option<Running>> {
        let Some(campaign) = store::campaigns::find(tx, tenant, id).await? else { return Ok(None) };
        let (region, zone) = store::house::region_and_zone(tx, tenant).await?;
        let zone = Zone::named(&zone).unwrap_or_else(Zone::utc);
        Ok(Some(Running { tenant, campaign, zone, region: Region::of(&region) }))
    }

    /// Ends a campaign: nobody is left to be called, or its time is over.
    async fn finish(&self, tx: &mut ::store::Tx, running: &Running) -> Result<()> {
        let mut campaign = running.campaign.clone();
        campaign.status = CampaignStatus::Finished;
        campaign.finished_at = Some(tx.now());
        if store::campaigns::set_status(tx, running.tenant, &campaign, CampaignStatus::Running).await? > 0 {
            let name = EventName::AutocallFinished;
            self.room.tell_campaign(tx, running.tenant, &campaign, name, "system").await?;
        }
        Ok(())
    }

    /// Writes the end of an attempt, what becomes of its lead, and what tells of both.
    async fn close(
        &self,
        tx: &mut ::store::Tx,
        running: &Running,
        open: &ledger::Open,
        ended: &ledger::Ended,
        outcome: Outcome,
    ) -> Result<()> {
        let tenant = running.tenant;
        if ledger::end(tx, tenant, open.id, ended).await? == 0 {
            return Ok(());
        }
        let Some(lead) = store::leads::find(tx, tenant, open.lead_id).await? else { return Ok(()) };
        let (status, next_at) = decide::after(outcome, lead.attempts, ended.at, &running.campaign, &running.zone);
        ledger::settle(tx, tenant, lead.id, status, next_at, outcome.as_str()).await?;
        let mut data = open.data();
        data["answered_at"] = json!(open.answered_at.map(|at| at.rfc3339()));
        data["result"] = json!(ended.result);
        data["hangup_cause"] = json!(ended.cause);
        data["billsec"] = json!(ended.billsec);
        data["digits"] = json!(open.digits);
        data["ended_at"] = json!(ended.at.rfc3339());
        let (bus, call) = (&self.room.bus, Some(open.call_uuid));
        events::publish(bus, tx, tenant, EventName::AutocallCallCompleted, call, &data).await?;
        if status != LeadStatus::Pending {
            self.tell_closed(tx, tenant, &lead, status).await?;
        }
        Ok(())
    }

    /// Tells that a lead is not called any more.
    async fn tell_closed(&self, tx: &mut ::store::Tx, tenant: TenantId, lead: &Lead, status: LeadStatus) -> Result<()> {
        let data = json!({
            "lead_id": lead.id, "campaign_id": lead.campaign_id, "phone": lead.phone,
            "external_ref": lead.external_ref, "final_status": status.as_str(), "total_attempts": lead.attempts,
        });
        events::publish(&self.room.bus, tx, tenant, EventName::AutocallLeadCompleted, None, &data).await?;
        Ok(())
    }
}
