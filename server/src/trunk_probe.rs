//! Whether trunks answer: each active one is asked by OPTIONS now and then (RFC 3261 §11).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alerts::Reading;
use anyhow::Context;
use domain::{Principal, TenantId, ids::TrunkId};
use futures_util::{StreamExt, stream};
use pbx::{
    Pbx,
    model::{Trunk, TrunkStatus, TrunkTransport},
    ops::trunks,
};
use sip::{OutOfDialog, Sip, Target, Transport};
use web::Page;

use crate::wire::Rooms;

/// Unanswered requests in a row after which a trunk is said to be down.
const SILENCES: u32 = 3;
/// How long one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Trunks asked at the same time.
const AT_ONCE: usize = 32;
const PER_PAGE: i64 = 200;

/// What is known of every active trunk. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct TrunkProbe(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    rounds: u32,
    /// Names of trunks, and how many requests in a row were not answered.
    silent: HashMap<(TenantId, TrunkId), (String, u32)>,
}

impl TrunkProbe {
    /// Asks all trunks every so often; never returns. The first time is a period after the start.
    pub(crate) async fn run(&self, sip: &Sip, rooms: &Rooms, pbx: &Pbx, realm: &str, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            if let Err(error) = self.round(sip, rooms, realm).await {
                tracing::warn!(error = format!("{error:#}"), "the trunks could not be asked whether they are there");
            }
            // Calls try those last that do not answer.
            let down = self.down().unwrap_or_default();
            pbx.trunks_are_down(down.iter().filter_map(|one| one.subject.parse().ok().map(TrunkId)).collect());
        }
    }

    async fn round(&self, sip: &Sip, rooms: &Rooms, realm: &str) -> anyhow::Result<()> {
        let mut active = Vec::new();
        for account in rooms.accounts.accounts().await? {
            active.extend(trunks_of(rooms, account.id).await?);
        }
        let asked = stream::iter(active).map(async |trunk| (answers(sip, &trunk, realm).await, trunk));
        let asked: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut known.silent);
        for (_, trunk) in asked.into_iter().filter(|(answered, _)| !answered) {
            let key = (trunk.tenant, trunk.id);
            let silences = before.remove(&key).map_or(0, |(_, silences)| silences).saturating_add(1);
            known.silent.insert(key, (trunk.name, silences));
        }
        known.rounds = known.rounds.saturating_add(1);
        Ok(())
    }

    /// Returns the trunks that are down; an error while that cannot be said yet, as after a start.
    pub(crate) fn down(&self) -> Result<Vec<Reading>, String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.rounds < SILENCES {
            return Err(alerts::NOT_YET.to_owned());
        }
        let down = known.silent.iter().filter(|(_, (_, silences))| *silences >= SILENCES);
        let reading = |((tenant, id), (name, _)): (&(TenantId, TrunkId), &(String, u32))| Reading {
            tenant: Some(*tenant),
            subject: id.to_string(),
            name: name.clone(),
            value: 0,
        };
        Ok(down.map(reading).collect())
    }
}

async fn trunks_of(rooms: &Rooms, tenant: TenantId) -> anyhow::Result<Vec<Trunk>> {
    let (who, mut found) = (Principal::system(tenant), Vec::new());
    for page in 1.. {
        let list = trunks::list(&rooms.desk, &who, Page { page, per_page: PER_PAGE }).await;
        let list = list.map_err(|error| anyhow::anyhow!("{error}")).context("the account's trunks")?;
        found
            .extend(list.data.into_iter().map(|state| state.trunk).filter(|trunk| trunk.status == TrunkStatus::Active));
        if page >= list.last_page {
            break;
        }
    }
    Ok(found)
}

/// Asks once. Every answer will do: whoever refuses is there.
async fn answers(sip: &Sip, trunk: &Trunk, realm: &str) -> bool {
    let transport = match trunk.transport {
        TrunkTransport::Udp => Transport::Udp,
        TrunkTransport::Tcp => Transport::Tcp,
        TrunkTransport::Tls => Transport::Tls,
    };
    let carrier = Target { host: &trunk.host, port: trunk.port, transport: Some(transport) };
    let Ok(destinations) = sip.resolve(carrier).await else { return false };
    let host = if trunk.host.contains(':') { format!("[{}]", trunk.host) } else { trunk.host.clone() };
    let target = format!("sip:{}", trunk.port.map_or_else(|| host.clone(), |port| format!("{host}:{port}")));
    let request = |destination| OutOfDialog {
        method: "OPTIONS".to_owned(),
        target_uri: target.clone(),
        destination,
        from_uri: format!("sip:{}@{realm}", trunk.from_user.as_deref().unwrap_or("options")),
        to_uri: target.clone(),
        call_id: None,
        cseq: 1,
        headers: vec![("Accept".to_owned(), "application/sdp".to_owned())],
        body: None,
        credentials: None,
    };
    // A call would try all of them too.
    for destination in destinations {
        if let Ok(Ok(_)) = tokio::time::timeout(PATIENCE, sip.request(request(destination))).await {
            return true;
        }
    }
    false
}
