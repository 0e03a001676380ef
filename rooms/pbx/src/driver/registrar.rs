//! The registrar: who may bind which contacts to an extension, and where its phones are.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{TenantId, Timestamp};
use sip::{Flow, RegisterRequest, Transport};
use sip_proto::registration::{Binding, Bindings, Lifetimes, Update};

use super::{
    auth::{self, Login},
    directory::Line,
};
use crate::{Pbx, model, store as rows};

type Aor = (TenantId, String);

/// How long a phone that lost its connection may come back to its calls by another. Media that is gone ends them earlier.
const COMES_BACK: Duration = Duration::from_secs(120);

/// All bindings of all extensions on this node.
#[derive(Clone, Default)]
pub(crate) struct Registrar(Arc<Mutex<HashMap<Aor, Bindings>>>, Arc<Mutex<HashMap<Device, (Flow, Timestamp)>>>);

/// A phone as it names itself, whatever it is connected by: its extension and its instance.
type Device = (Aor, String);

impl std::fmt::Debug for Registrar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registrar")
    }
}

impl Registrar {
    fn lock(&self) -> MutexGuard<'_, HashMap<Aor, Bindings>> {
        // Each change replaces whole values: a panic under the lock leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what an earlier run stored, so that phones stay reachable over a restart.
    pub(crate) async fn load(&self, pbx: &Pbx) -> Result<(), store::Error> {
        let mut tx = pbx.db.read_any_tenant().await?;
        let now = tx.now();
        let mut found: HashMap<Aor, Vec<Binding>> = HashMap::new();
        for row in rows::registrations::any_tenant_all(&mut tx).await? {
            if row.binding.expires_at <= now {
                continue;
            }
            if let Some(binding) = from_row(row.binding) {
                found.entry((row.tenant, row.number)).or_default().push(binding);
            }
        }
        *self.lock() = found.into_iter().map(|(aor, list)| (aor, Bindings::new(list))).collect();
        Ok(())
    }

    /// Returns where an extension can be reached now, the best contact first.
    pub(crate) fn contacts(&self, tenant: TenantId, number: &str, now: Timestamp) -> Vec<Binding> {
        let mut table = self.lock();
        let Some(bindings) = table.get_mut(&(tenant, number.to_owned())) else { return Vec::new() };
        bindings.expire(now.millis());
        let mut list = bindings.list().to_vec();
        list.sort_by_key(|binding| (std::cmp::Reverse(binding.q), std::cmp::Reverse(binding.expires_at)));
        list
    }

    /// Tells whether an extension has a phone that can be rung now.
    pub(crate) fn is_reachable(&self, tenant: TenantId, number: &str, now: Timestamp) -> bool {
        let mut table = self.lock();
        let Some(bindings) = table.get_mut(&(tenant, number.to_owned())) else { return false };
        bindings.expire(now.millis());
        !bindings.list().is_empty()
    }

    /// Tells of each of these extensions whether a phone of it can be rung.
    pub(crate) fn are_reachable(&self, tenant: TenantId, numbers: &[&str], now: Timestamp) -> Vec<bool> {
        let mut table = self.lock();
        let mut aor = (tenant, String::new());
        let mut asked = |number: &&str| {
            aor.1.clear();
            aor.1.push_str(number);
            let Some(bindings) = table.get_mut(&aor) else { return false };
            bindings.expire(now.millis());
            !bindings.list().is_empty()
        };
        numbers.iter().map(&mut asked).collect()
    }

    /// Ends every registration of an extension whose secret or status changed.
    pub(crate) fn forget(&self, tenant: TenantId, number: &str) {
        self.lock().remove(&(tenant, number.to_owned()));
    }

    fn lost(&self) -> MutexGuard<'_, HashMap<Device, (Flow, Timestamp)>> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers phones whose connection is gone: they may come back by another.
    fn remember(&self, ended: &[(Aor, Vec<Binding>)], now: Timestamp) {
        let mut lost = self.lost();
        for (aor, gone) in ended {
            for binding in gone.iter().filter(|binding| binding.flow.transport.is_websocket()) {
                if let Some(instance) = &binding.instance {
                    lost.insert((aor.clone(), instance.clone()), (binding.flow, now));
                }
            }
        }
    }

    /// Returns the connection that a registering phone had before, if that is another one.
    fn former_flow(&self, aor: &Aor, known: &Bindings, update: &Update<'_>, now: Timestamp) -> Option<Flow> {
        let instance = update.contacts.iter().find_map(|contact| contact.instance.as_ref())?;
        let lost = self.lost().remove(&(aor.clone(), instance.clone()));
        let replaced = known.list().iter().find(|binding| binding.instance.as_ref() == Some(instance));
        let lost = lost.filter(|(_, at)| now.since(*at) < COMES_BACK).map(|(flow, _)| flow);
        let former = replaced.map(|binding| binding.flow).or(lost)?;
        (former != update.flow && update.flow.transport.is_websocket()).then_some(former)
    }

    /// Ends the bindings that came over a connection that is closed.
    pub(crate) fn flow_closed(&self, flow: Flow) -> Vec<(Aor, Vec<Binding>)> {
        let mut table = self.lock();
        let mut ended = Vec::new();
        for (aor, bindings) in table.iter_mut() {
            let gone = bindings.flow_closed(flow);
            if !gone.is_empty() {
                ended.push((aor.clone(), gone));
            }
        }
        table.retain(|_, bindings| !bindings.list().is_empty());
        ended
    }

    /// Returns the phones that speak UDP and have a property, with their extensions.
    pub(crate) fn by_udp(&self, property: impl Fn(&Binding) -> bool) -> Vec<(TenantId, String, Binding)> {
        let table = self.lock();
        let all = table.iter().flat_map(|(aor, bindings)| bindings.list().iter().map(move |binding| (aor, binding)));
        all.filter(|(_, binding)| binding.flow.transport == Transport::Udp && property(binding))
            .map(|((tenant, number), binding)| (*tenant, number.clone(), binding.clone()))
            .collect()
    }

    /// Ends one binding.
    fn remove(&self, tenant: TenantId, number: &str, uri: &str) -> Option<Binding> {
        let mut table = self.lock();
        let bindings = table.get_mut(&(tenant, number.to_owned()))?;
        let (gone, kept) = bindings.list().iter().cloned().partition(|binding: &Binding| binding.uri == uri);
        *bindings = Bindings::new(kept);
        let gone: Vec<Binding> = gone;
        gone.into_iter().next()
    }

    /// Forgets extensions without a living contact.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.lock().retain(|_, bindings| {
            bindings.expire(now.millis());
            !bindings.list().is_empty()
        });
        self.lost().retain(|_, (_, at)| now.since(*at) < COMES_BACK);
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }
}

/// Answers one REGISTER: proves the login, applies the contacts, and acknowledges when they are on disk.
pub(crate) async fn register(pbx: Pbx, request: RegisterRequest) {
    let login = auth::login(&pbx, request.credentials.as_ref(), "REGISTER", &request.host, request.source.ip());
    let (tenant, line, until) = match login {
        Login::Proven { tenant, line, until } => (tenant, line, until),
        Login::Wrong => return request.challenge(),
        Login::Limited => return request.reject(403),
    };
    let number = line.extension.number.clone();
    if request.user != number {
        // A login registers its own extension only.
        return request.reject(403);
    }
    let now = pbx.db.now();
    let update = Update {
        contacts: &request.contacts,
        wildcard: request.wildcard,
        expires: request.expires,
        call_id: &request.call_id,
        cseq: request.cseq,
        flow: request.flow,
        path: &request.path,
        user_agent: request.user_agent.as_deref(),
    };
    let (applied, former) = {
        let mut table = pbx.registrar.lock();
        let aor = (tenant, number.clone());
        let bindings = table.entry(aor.clone()).or_default();
        let former = pbx.registrar.former_flow(&aor, bindings, &update, now);
        let applied = bindings.apply(&update, lifetimes(pbx.config.registration, until, now), now.millis());
        (applied.map(|changed| (changed, bindings.answer(now.millis()))), former)
    };
    let (changed, answer) = match applied {
        Ok(applied) => applied,
        Err(refused) => return request.refuse(refused),
    };
    let kept = persist(&pbx, tenant, &number, &changed.kept, &changed.removed).await;
    if let Some(former) = former {
        // Before the answer: what the phone asked for meanwhile comes right after it.
        pbx.sip.move_flow(former, request.flow);
    }
    match kept {
        Ok(()) => request.accept(answer),
        Err(error) => {
            tracing::error!(%error, tenant.id = %tenant, "registration could not be stored");
            request.reject(503);
        }
    }
}

/// A webphone is registered no longer than its session's login lives.
fn lifetimes(usual: Lifetimes, until: Option<Timestamp>, now: Timestamp) -> Lifetimes {
    let Some(until) = until else { return usual };
    let left = u32::try_from(until.since(now).as_secs()).unwrap_or(u32::MAX).max(1);
    Lifetimes { max: usual.max.min(left), default: usual.default.min(left), ..usual }
}

/// Forgets the registrations of an extension whose secret is another now, or that may not register any more.
/// `known` is the extension before the change: a new one has nothing to forget, and may have registered already.
pub(crate) fn follow(pbx: &Pbx, tenant: TenantId, number: &str, known: Option<&Line>) {
    let Some(known) = known else { return };
    let same = pbx.directory.line(tenant, number).is_some_and(|line| line.is_active() && line.secret == known.secret);
    if !same {
        pbx.registrar.forget(tenant, number);
    }
}

async fn persist(
    pbx: &Pbx,
    tenant: TenantId,
    number: &str,
    kept: &[Binding],
    removed: &[Binding],
) -> Result<(), store::Error> {
    if kept.is_empty() && removed.is_empty() {
        return Ok(());
    }
    let mut tx = pbx.db.begin(tenant).await?;
    for binding in removed {
        rows::registrations::delete_one(&mut tx, tenant, number, &binding.uri).await?;
    }
    let now = tx.now();
    for binding in kept {
        rows::registrations::put(&mut tx, tenant, number, &to_row(binding, now)).await?;
    }
    tx.commit().await
}

/// Ends one binding in memory and on the disk.
pub(crate) async fn end(pbx: &Pbx, tenant: TenantId, number: &str, uri: &str) {
    let Some(gone) = pbx.registrar.remove(tenant, number, uri) else { return };
    if let Err(error) = persist(pbx, tenant, number, &[], &[gone]).await {
        tracing::warn!(%error, tenant.id = %tenant, "a binding that was ended stays on the disk until it expires");
    }
}

/// Takes the bindings of a closed connection off the disk.
pub(crate) async fn flow_closed(pbx: Pbx, flow: Flow) {
    let ended = pbx.registrar.flow_closed(flow);
    pbx.registrar.remember(&ended, pbx.db.now());
    for ((tenant, number), gone) in ended {
        if let Err(error) = persist(&pbx, tenant, &number, &[], &gone).await {
            tracing::warn!(%error, tenant.id = %tenant, "bindings of a closed connection stay until they expire");
        }
    }
}

fn to_row(binding: &Binding, now: Timestamp) -> model::Binding {
    model::Binding {
        contact: binding.uri.clone(),
        instance: binding.instance.clone(),
        reg_id: binding.reg_id.map(i64::from),
        call_id: binding.call_id.clone(),
        cseq: i64::from(binding.cseq),
        expires_at: Timestamp(binding.expires_at),
        source: binding.flow.peer,
        transport: binding.flow.transport.to_string(),
        user_agent: binding.user_agent.clone(),
        path: (!binding.path.is_empty()).then(|| binding.path.join(", ")),
        registered_at: now,
    }
}

fn from_row(row: model::Binding) -> Option<Binding> {
    // A connection does not survive a restart, and nobody can call back through a NAT: its phone notices and registers
    // again.
    let transport = Transport::from_token(row.transport.as_bytes()).filter(|transport| !transport.is_reliable())?;
    Some(Binding {
        uri: row.contact,
        expires_at: row.expires_at.millis(),
        q: 1000,
        instance: row.instance,
        reg_id: row.reg_id.and_then(|id| u32::try_from(id).ok()),
        call_id: row.call_id,
        cseq: u32::try_from(row.cseq).ok()?,
        // UDP sockets are the same after a restart: number 0 is the first one.
        flow: Flow { transport, id: 0, peer: row.source },
        path: row.path.map(|path| vec![path]).unwrap_or_default(),
        user_agent: row.user_agent,
    })
}
