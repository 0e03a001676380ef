//! Trunks that sign in at their carrier: refreshed before they end, moved to the next registrar when one fails, taken
//! back when the trunk goes.
//!
//! ```text
//! Asking ──200──▶ Registered ──refresh──▶ …        the connection closes: at once again
//!    └─all failed─▶ Failed ──back-off, 15 s to 30 min──▶ Asking
//! ```

mod attempt;
mod schedule;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{TenantId, ids::TrunkId};
use sip::{Flow, Transport};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use self::attempt::{Granted, Line};
use super::{directory::TrunkLine, outbound};
use crate::{
    Pbx,
    model::{RegistrationState, TrunkRegistration, TrunkStatus},
    store as rows,
};

/// How often a NAT between us and a registrar by UDP is kept open.
const OPEN_NAT: Duration = Duration::from_secs(25);
/// How long a registration that was changed waits until the former one is taken back.
const TAKEN_BACK: Duration = Duration::from_secs(15);
/// How long the end of the program waits for registrations to be taken back.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The registrations of all trunks on this node. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrunkRegistrations(Arc<Mutex<HashMap<TrunkId, Running>>>);

/// One trunk's loop, seen from outside.
#[derive(Debug)]
struct Running {
    tenant: TenantId,
    settings: Arc<Settings>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    now: Mutex<Now>,
    /// The way to the registrar is gone.
    again: Notify,
    stop: CancellationToken,
    /// The loop has ended, and with it the registration.
    left: CancellationToken,
}

#[derive(Debug, Default)]
struct Now {
    state: RegistrationState,
    granted: Option<Granted>,
}

/// All that a registration is made of: another one is another registration.
#[derive(Clone, PartialEq, Eq)]
struct Settings {
    name: String,
    /// `host` or `host:port`; never empty.
    registrars: Vec<String>,
    transport: Transport,
    /// The user and host of the address of record.
    aor_user: String,
    domain: String,
    username: String,
    password: String,
    realm: Option<String>,
    /// The user of the contact.
    contact: String,
    expires: u32,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("trunk", &self.name).finish_non_exhaustive()
    }
}

impl Settings {
    /// Returns how a trunk registers; `None` if it lacks a login or is not in use.
    fn of(line: &TrunkLine, registration: &TrunkRegistration) -> Option<Self> {
        let trunk = &line.trunk;
        let username = trunk.username.clone()?;
        let own = || match trunk.port {
            Some(port) if trunk.host.contains(':') => format!("[{}]:{port}", trunk.host.trim_matches(['[', ']'])),
            Some(port) => format!("{}:{port}", trunk.host),
            None => trunk.host.clone(),
        };
        let registrars = if registration.registrars.is_empty() { vec![own()] } else { registration.registrars.clone() };
        let host = if trunk.host.contains(':') && !trunk.host.starts_with('[') {
            format!("[{}]", trunk.host)
        } else {
            trunk.host.clone()
        };
        (trunk.status == TrunkStatus::Active).then_some(Self {
            name: trunk.name.clone(),
            registrars,
            transport: outbound::target(trunk).transport?,
            aor_user: trunk.from_user.clone().unwrap_or_else(|| username.clone()),
            domain: trunk.from_domain.clone().unwrap_or(host),
            password: line.password.clone()?,
            realm: trunk.realm.clone(),
            contact: line.contact.clone(),
            username,
            expires: u32::try_from(registration.expires).ok()?,
        })
    }

    fn registrars(&self) -> impl Iterator<Item = &str> {
        self.registrars.iter().map(String::as_str)
    }
}

impl TrunkRegistrations {
    fn lock(&self) -> MutexGuard<'_, HashMap<TrunkId, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns where a trunk's registration stands.
    pub(crate) fn state(&self, trunk: TrunkId) -> RegistrationState {
        self.lock().get(&trunk).map(|running| running.shared.now().state.clone()).unwrap_or_default()
    }

    /// Returns the addresses of registrars where a trunk is registered: calls from there are that trunk's.
    pub(crate) fn sources(&self) -> HashMap<IpAddr, Vec<(TenantId, TrunkId)>> {
        let mut sources: HashMap<IpAddr, Vec<(TenantId, TrunkId)>> = HashMap::new();
        for (trunk, running) in self.lock().iter() {
            if let Some(granted) = &running.shared.now().granted {
                sources.entry(granted.to.addr.ip().to_canonical()).or_default().push((running.tenant, *trunk));
            }
        }
        sources
    }

    /// Registers again what was registered over a connection that is closed.
    pub(crate) fn flow_closed(&self, flow: Flow) {
        for running in self.lock().values() {
            let over_it = |granted: &Granted| granted.to.transport == flow.transport && granted.to.addr == flow.peer;
            if running.shared.now().granted.as_ref().is_some_and(over_it) {
                running.shared.again.notify_one();
            }
        }
    }

    /// Takes all registrations back and waits for that, a moment at most.
    pub(crate) async fn leave(&self) {
        let all: Vec<Arc<Shared>> = self.lock().drain().map(|(_, running)| running.shared).collect();
        all.iter().for_each(|shared| shared.stop.cancel());
        let left = async {
            for shared in &all {
                shared.left.cancelled().await;
            }
        };
        let _ = timeout(LAST_WORDS, left).await;
    }
}

impl Shared {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts, changes and ends registrations as the database has them.
pub(crate) async fn follow(pbx: &Pbx) -> Result<(), store::Error> {
    let mut tx = pbx.db.read_any_tenant().await?;
    let wanted = rows::trunk_registrations::any_tenant_all(&mut tx).await?;
    drop(tx);
    let mut settings = HashMap::new();
    for registration in wanted {
        let line =
            pbx.directory.account(registration.tenant).and_then(|it| it.trunks.get(&registration.trunk).cloned());
        if let Some(found) = line.and_then(|line| Settings::of(&line, &registration)) {
            settings.insert(registration.trunk, (registration.tenant, found));
        }
    }
    let mut leaving: HashMap<TrunkId, CancellationToken> = HashMap::new();
    let mut running = pbx.trunk_registrations.lock();
    running.retain(|trunk, running| {
        let stays = settings.get(trunk).is_some_and(|(_, wanted)| *wanted == *running.settings);
        if !stays {
            running.shared.stop.cancel();
            leaving.insert(*trunk, running.shared.left.clone());
        }
        stays
    });
    if pbx.live.is_closed() {
        return Ok(());
    }
    for (trunk, (tenant, wanted)) in settings {
        running.entry(trunk).or_insert_with(|| {
            let (settings, shared) = (Arc::new(wanted), Arc::new(Shared::default()));
            let before = leaving.remove(&trunk);
            pbx.tracker.spawn(keep(pbx.clone(), settings.clone(), shared.clone(), before));
            Running { tenant, settings, shared }
        });
    }
    Ok(())
}

/// Keeps one trunk registered until it is told to stop. The former registration of the trunk is taken back `before`: it
/// has the same contact, and would take the new one along.
async fn keep(pbx: Pbx, settings: Arc<Settings>, shared: Arc<Shared>, before: Option<CancellationToken>) {
    // Whoever waits for the end does not wait for ever, whatever happens here.
    let _left = shared.left.clone().drop_guard();
    let mut line = Line { call_id: format!("{:032x}", rand::random::<u128>()), cseq: 0, expires: settings.expires };
    let (mut failures, mut last): (u32, Option<String>) = (0, None);
    shared.now().state = RegistrationState::Asking;
    if let Some(before) = before {
        let _ = timeout(TAKEN_BACK, shared.stop.run_until_cancelled(before.cancelled())).await;
    }
    loop {
        let attempt = attempt::register(&pbx.sip, &settings, &mut line, last.as_deref());
        let Some(outcome) = shared.stop.run_until_cancelled(attempt).await else { break };
        let wait = match outcome {
            Ok(granted) => {
                failures = 0;
                last = Some(granted.registrar.clone());
                let wait = schedule::refresh_after(granted.seconds, rand::random());
                set(&pbx, &settings, &shared, Ok(granted));
                wait
            }
            Err(failed) => {
                failures = failures.saturating_add(1);
                let wait = schedule::back_off(failures, failed.retry_after, rand::random());
                set(&pbx, &settings, &shared, Err(failed.why));
                wait
            }
        };
        if shared.stop.run_until_cancelled(rest(&pbx, &shared, wait)).await.is_none() {
            break;
        }
    }
    let granted = shared.now().granted.take();
    if let Some(granted) = granted {
        attempt::leave(&pbx.sip, &settings, &mut line, &granted).await;
    }
    announce(&pbx);
}

/// Waits for the next attempt, or for the end of the way to the registrar.
async fn rest(pbx: &Pbx, shared: &Shared, wait: Duration) {
    let end = Instant::now() + wait;
    loop {
        let by_udp =
            shared.now().granted.as_ref().map(|granted| granted.to).filter(|to| to.transport == Transport::Udp);
        let nap = by_udp.map_or(end, |_| end.min(Instant::now() + OPEN_NAT));
        tokio::select! {
            () = sleep_until(nap) => {}
            () = shared.again.notified() => return,
        }
        if Instant::now() >= end {
            return;
        }
        if let Some(to) = by_udp {
            pbx.sip.keep_alive(to);
        }
    }
}

fn set(pbx: &Pbx, settings: &Settings, shared: &Shared, outcome: Result<Granted, String>) {
    let (state, granted) = match outcome {
        Ok(granted) => {
            let (registrar, seconds) = (granted.registrar.clone(), granted.seconds);
            (RegistrationState::Registered { registrar, seconds }, Some(granted))
        }
        Err(why) => (RegistrationState::Failed { why }, None),
    };
    let before = {
        let mut now = shared.now();
        now.granted = granted;
        std::mem::replace(&mut now.state, state.clone())
    };
    if before.as_str() != state.as_str() || matches!(before, RegistrationState::Asking) {
        match &state {
            RegistrationState::Failed { why } => {
                tracing::warn!(trunk = %settings.name, why, "a trunk is not registered; it is tried again");
            }
            _ => tracing::info!(trunk = %settings.name, "a trunk is registered"),
        }
    }
    announce(pbx);
}

/// Tells whose requests are trusted: carriers call from where they are registered at.
fn announce(pbx: &Pbx) {
    let registered = pbx.trunk_registrations.sources();
    let count = registered.values().map(Vec::len).sum::<usize>();
    metrics::gauge!("pbx_registered_trunks").set(u32::try_from(count).map_or(f64::MAX, f64::from));
    pbx.directory.set_registered(registered);
    super::announce(pbx);
}

/// Reads a registrar: `host`, `host:port`, `[IPv6]` or `[IPv6]:port`.
pub(crate) fn place(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (
                host,
                rest.strip_prefix(':')
                    .or_else(|| rest.is_empty().then_some(""))
                    .map(|port| (!port.is_empty()).then_some(port))?,
            )
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|port| *port > 0)?),
        None => None,
    };
    let named = |host: &str| {
        !host.is_empty()
            && host.len() <= 255
            && !host.starts_with(['-', '.'])
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    (text.starts_with('[') || named(host)).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registrar_is_a_host_with_or_without_a_port() {
        for (text, found) in [
            ("sip.carrier.example", Some(("sip.carrier.example", None))),
            ("sip.carrier.example:5080", Some(("sip.carrier.example", Some(5080)))),
            ("192.0.2.1:5060", Some(("192.0.2.1", Some(5060)))),
            ("[2001:db8::1]:5061", Some(("2001:db8::1", Some(5061)))),
            ("[2001:db8::1]", Some(("2001:db8::1", None))),
            ("2001:db8::1", None),
            ("[nonsense]", None),
            ("host:0", None),
            ("host:99999", None),
            ("two words", None),
            ("a;b", None),
            ("", None),
        ] {
            assert_eq!(place(text), found, "{text:?}");
        }
    }
}
