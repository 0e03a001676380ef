//! The guard against toll fraud at work: places in the books, refusals that are told of, calls that are cut.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::{
    CallId, Principal, TenantId, Timestamp,
    cause::Cause,
    guard::{Entry, Guard, Line, Usage, Why},
    number,
    routing::{self, Denied, Dialler, Law, OutboundAuthorization, Way},
};
use serde_json::json;

use super::{Border, lock};
use crate::{Pbx, driver::live::Command, store as rows};

/// A reason is told again after this time.
const AGAIN: Duration = Duration::from_secs(3_600);
/// Reports that may wait for the database.
const MOST_REPORTS: usize = 1_000;

/// The guard's books of every account.
#[derive(Default)]
pub(super) struct Tolls {
    guards: HashMap<TenantId, Guard>,
    /// Which call a place belongs to, once it has begun.
    calls: HashMap<(TenantId, Entry), CallId>,
    refusals: HashMap<(TenantId, Option<String>, Why), Refusals>,
    reports: Vec<Report>,
    /// Lines that are not on disk yet.
    unwritten: HashMap<(TenantId, Option<String>, i64), Line>,
}

#[derive(Clone, Copy)]
struct Refusals {
    told: Timestamp,
    last: Timestamp,
    count: i64,
}

/// What the audit log is to say.
#[derive(Clone, Debug)]
struct Report {
    tenant: TenantId,
    extension: Option<String>,
    why: Why,
    number: String,
    was_up: bool,
}

/// What the guard refused within the last hour, of one account and for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TollAlarm {
    pub tenant: TenantId,
    pub why: Why,
    /// Whose calls, as far as they were an extension's.
    pub extensions: Vec<String>,
    pub calls: i64,
}

impl Tolls {
    pub(super) fn restore(&mut self, lines: Vec<(TenantId, Line)>) {
        for (tenant, line) in lines {
            self.guards.entry(tenant).or_default().restore(line);
        }
    }

    pub(super) fn restore_calls(&mut self, tenant: TenantId, calls: Vec<(String, Timestamp, i64)>) {
        let guard = self.guards.entry(tenant).or_default();
        for (number, since, calls) in calls {
            guard.restore_calls(&number, since, u32::try_from(calls).unwrap_or(u32::MAX));
        }
    }

    fn refused(&mut self, report: Report, now: Timestamp) {
        let key = (report.tenant, report.extension.clone(), report.why);
        let known = self.refusals.entry(key).or_insert(Refusals { told: now, last: now, count: 0 });
        let tell = known.count == 0 || now.since(known.told) >= AGAIN;
        known.last = now;
        known.count += 1;
        if tell {
            known.told = now;
            if self.reports.len() < MOST_REPORTS {
                self.reports.push(report);
            }
        }
    }
}

/// A place in the books, given back when nothing holds it any more.
#[derive(Debug)]
pub(crate) struct Toll {
    border: Border,
    tenant: TenantId,
    /// `None`: an emergency call, which nobody counts.
    entry: Mutex<Option<Entry>>,
}

impl Toll {
    /// Says which call it is, so that it can be cut. A leg that moves to another call says so again.
    pub(crate) fn begins(&self, call: CallId) {
        if let Some(entry) = *lock(&self.entry) {
            lock(&self.border.0.tolls).calls.insert((self.tenant, entry), call);
        }
    }

    /// The far end has answered under that number.
    pub(crate) fn answered(&self, number: &str) {
        let now = self.border.now();
        if let Some(entry) = *lock(&self.entry)
            && let Some(guard) = lock(&self.border.0.tolls).guards.get_mut(&self.tenant)
        {
            guard.answered(entry, number, now);
        }
    }

    /// Gives the place back; a second time does nothing.
    pub(crate) fn ended(&self) {
        let Some(entry) = lock(&self.entry).take() else { return };
        let now = self.border.now();
        let mut tolls = lock(&self.border.0.tolls);
        tolls.calls.remove(&(self.tenant, entry));
        if let Some(guard) = tolls.guards.get_mut(&self.tenant) {
            guard.ended(entry, now);
        }
    }
}

impl Drop for Toll {
    fn drop(&mut self) {
        self.ended();
    }
}

impl Border {
    /// Asks for the right to dial and takes the call's place in the books. A refusal by a rule against fraud is
    /// written to the audit log and alarms, once an hour for each reason.
    pub(crate) fn authorize(
        &self,
        number: &str,
        ways: Vec<Way>,
        dialler: &Dialler<'_>,
        law: Law<'_>,
    ) -> Result<(OutboundAuthorization, Arc<Toll>), Denied> {
        let now = self.now();
        let mut tolls = lock(&self.0.tolls);
        let guard = tolls.guards.entry(dialler.tenant).or_default();
        match routing::authorize_outbound(number, ways, dialler, law, guard, now) {
            Ok(right) => {
                let entry = Mutex::new(right.entry());
                Ok((right, Arc::new(Toll { border: self.clone(), tenant: dialler.tenant, entry })))
            }
            Err(denied) => {
                if let Some(why) = denied.why {
                    let extension = dialler.extension.map(str::to_owned);
                    let tenant = dialler.tenant;
                    tracing::warn!(
                        tenant.id = %tenant,
                        extension = extension.as_deref().unwrap_or_default(),
                        reason = why.as_str(),
                        to = number::masked(number),
                        "a call out was refused"
                    );
                    let number = number.to_owned();
                    tolls.refused(Report { tenant, extension, why, number, was_up: false }, now);
                    metrics::counter!("pbx_toll_refusals_total", "reason" => why.as_str()).increment(1);
                }
                Err(denied)
            }
        }
    }

    /// Ends the calls that may not go on.
    pub(super) fn cut_overdue(&self, pbx: &Pbx) {
        let now = self.now();
        let mut cut = Vec::new();
        {
            let mut tolls = lock(&self.0.tolls);
            let Tolls { guards, calls, unwritten, .. } = &mut *tolls;
            for (tenant, guard) in guards.iter_mut() {
                let Some(account) = pbx.directory.account(*tenant) else { continue };
                for (entry, why) in guard.overdue(&account.policy, account.region(), now) {
                    if let Some(call) = calls.get(&(*tenant, entry)) {
                        cut.push((*tenant, *call, why));
                    }
                }
                for line in guard.take_changed() {
                    unwritten.insert((*tenant, line.extension.clone(), line.minute.at), line);
                }
            }
            guards.retain(|_, guard| !guard.is_idle());
            let first = domain::guard::first_minute(now);
            unwritten.retain(|(_, _, minute), _| *minute >= first);
            tolls.refusals.retain(|_, refusals| now.since(refusals.last) < AGAIN);
        }
        for (tenant, call, why) in cut {
            let Some(view) = pbx.live.find(tenant, call) else { continue };
            tracing::warn!(tenant.id = %tenant, call.uuid = %call, reason = why.as_str(), "a call out was cut at its limit");
            let (extension, number) = (view.extension, view.destination_number);
            let report = Report { tenant, extension, why, number, was_up: true };
            lock(&self.0.tolls).refused(report, now);
            metrics::counter!("pbx_toll_cuts_total", "reason" => why.as_str()).increment(1);
            pbx.live.command(tenant, call, Command::Hangup(Cause::OutgoingCallBarred));
        }
    }

    /// Writes down what is not on disk yet.
    pub(super) async fn flush(&self, pbx: &Pbx) -> Result<(), store::Error> {
        let (lines, reports) = {
            let tolls = lock(&self.0.tolls);
            let lines: Vec<(TenantId, Line)> =
                tolls.unwritten.iter().map(|((tenant, ..), line)| (*tenant, line.clone())).collect();
            (lines, tolls.reports.clone())
        };
        let uses = lock(&self.0.numbers).changed();
        if !lines.is_empty() || !uses.is_empty() {
            let mut tx = pbx.db.begin_any_tenant().await?;
            rows::guard::any_tenant_write_minutes(&mut tx, &lines).await?;
            rows::caller_id_groups::any_tenant_write_uses(&mut tx, &uses).await?;
            tx.commit().await?;
            let mut tolls = lock(&self.0.tolls);
            for (tenant, line) in &lines {
                let key = (*tenant, line.extension.clone(), line.minute.at);
                // What changed meanwhile is written the next time.
                if tolls.unwritten.get(&key) == Some(line) {
                    tolls.unwritten.remove(&key);
                }
            }
            drop(tolls);
            lock(&self.0.numbers).written(&uses);
        }
        for report in &reports {
            let mut tx = pbx.db.begin(report.tenant).await?;
            let action = if report.was_up { "toll.cut" } else { "toll.refused" };
            let target = match &report.extension {
                Some(extension) => format!("extension:{extension}"),
                None => "account".to_owned(),
            };
            let detail = json!({ "reason": report.why.as_str(), "number": report.number });
            store::audit(&mut tx, &Principal::system(report.tenant), action, &target, detail).await?;
            tx.commit().await?;
            let mut tolls = lock(&self.0.tolls);
            if !tolls.reports.is_empty() {
                tolls.reports.remove(0);
            }
        }
        Ok(())
    }

    /// Returns what was refused within the last hour.
    pub(crate) fn alarms(&self) -> Vec<TollAlarm> {
        let mut alarms: HashMap<(TenantId, Why), TollAlarm> = HashMap::new();
        let now = self.now();
        for ((tenant, extension, why), refusals) in &lock(&self.0.tolls).refusals {
            if now.since(refusals.last) >= AGAIN {
                continue;
            }
            let new = || TollAlarm { tenant: *tenant, why: *why, extensions: Vec::new(), calls: 0 };
            let alarm = alarms.entry((*tenant, *why)).or_insert_with(new);
            alarm.extensions.extend(extension.clone());
            alarm.calls += refusals.count;
        }
        let mut alarms: Vec<TollAlarm> = alarms.into_values().collect();
        alarms.iter_mut().for_each(|alarm| alarm.extensions.sort());
        alarms.sort_by_key(|alarm| (alarm.tenant, alarm.why.as_str()));
        alarms
    }

    /// Returns what an account has used within the hour, and each of its extensions.
    pub(crate) fn usage(&self, tenant: TenantId) -> (Usage, Vec<(String, Usage)>) {
        let now = self.now();
        let tolls = lock(&self.0.tolls);
        let guard = tolls.guards.get(&tenant);
        guard.map_or_else(Default::default, |guard| (guard.usage(now), guard.usage_of_extensions(now)))
    }
}
