//! The loops that turn the room's machines: SIP events in, calls out, and housekeeping.

pub(crate) mod apps;
#[cfg(test)]
mod apps_tests;
pub(crate) mod auth;
pub(crate) mod border;
pub(crate) mod call;
pub(crate) mod directory;
pub(crate) mod groups;
pub(crate) mod inbound;
pub(crate) mod keep_alive;
pub(crate) mod leave;
pub(crate) mod live;
pub(crate) mod network;
#[cfg(test)]
mod numbers_tests;
pub(crate) mod outbound;
pub(crate) mod parking;
pub(crate) mod places;
pub(crate) mod prompts;
pub(crate) mod queue;
pub(crate) mod recordings;
pub(crate) mod recover;
pub(crate) mod registrar;
pub(crate) mod resolve;
pub(crate) mod retention;
pub(crate) mod robot;
pub(crate) mod rooms;
pub(crate) mod session_login;
pub(crate) mod subscriptions;
pub(crate) mod trunk_registrations;
pub(crate) mod voicemail;
pub(crate) mod voicemail_files;
pub(crate) mod voicemail_notice;
mod whose;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use domain::{TenantId, Timestamp};
use tokio::{
    sync::{Semaphore, mpsc},
    time::{MissedTickBehavior, interval},
};

use crate::{Pbx, changes::Changed, store as rows};

/// How often another process's writes are looked for, and this run says that it is alive.
const TICK: Duration = Duration::from_secs(1);
/// How often expired registrations are taken off the disk.
const SWEEP: Duration = Duration::from_secs(600);
/// Registrations that may be written at the same time; more wait, and the SIP edge sheds what waits too long.
const REGISTRATIONS_AT_ONCE: usize = 512;

/// Takes SIP events until the SIP edge closes.
pub(crate) async fn listen(pbx: Pbx, mut events: mpsc::Receiver<sip::Event>) {
    let places = Arc::new(Semaphore::new(REGISTRATIONS_AT_ONCE));
    while let Some(event) = events.recv().await {
        match event {
            sip::Event::Incoming(incoming) => inbound::receive(&pbx, incoming),
            sip::Event::Register(request) => {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let pbx = pbx.clone();
                pbx.tracker.clone().spawn(async move {
                    registrar::register(pbx, request).await;
                    drop(place);
                });
            }
            sip::Event::Subscribe(request) => subscriptions::subscribe(&pbx, request),
            sip::Event::Subscription { subscription, news } => subscriptions::follow(&pbx, subscription, news),
            sip::Event::FlowClosed(flow) => {
                pbx.trunk_registrations.flow_closed(flow);
                pbx.tracker.spawn(registrar::flow_closed(pbx.clone(), flow));
            }
        }
    }
}

/// Keeps the directory fresh, says that this run is alive and forgets what expired, until the program ends.
pub(crate) async fn keep_house(pbx: Pbx) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut changes = pbx.changes.listen();
    // What the start has read is not read again: with 100,000 extensions that would double the memory.
    let (mut seen, mut swept) = (Some(pbx.read_at_start), None);
    // Writes since then whose changes were followed one by one.
    let mut followed = 0;
    loop {
        tokio::select! {
            _ = tick.tick() => {
                followed = 0;
                if let Err(error) = look_around(&pbx, &mut seen, &mut swept).await {
                    tracing::warn!(%error, "the database cannot be asked for changes");
                }
            }
            change = changes.recv() => {
                if let Ok((sent, Changed::Wish(tenant, number))) = &change
                    && follow_wish(&pbx, *tenant, number).await.is_ok()
                {
                    followed += 1;
                    // Nobody else has written: there is nothing to read anew.
                    if let Ok(version) = written(&pbx).await
                        && seen.is_some_and(|seen| version == seen + followed)
                    {
                        (seen, followed) = (Some(version), 0);
                    }
                    pbx.changes.have_followed(*sent);
                    continue;
                }
                let known = match &change {
                    Ok((_, Changed::Extension(tenant, number))) => pbx.directory.line(*tenant, number),
                    _ => None,
                };
                // What is written from here on is read again by the next look.
                if let Ok(version) = written(&pbx).await {
                    (seen, followed) = (Some(version), 0);
                }
                // A lagging listener has missed changes: reading everything anew is right in each case.
                refresh(&pbx).await;
                let Ok((sent, change)) = change else { continue };
                if let Changed::Extension(tenant, number) = change {
                    registrar::follow(&pbx, tenant, &number, known.as_deref());
                }
                pbx.changes.have_followed(sent);
            }
        }
    }
}

/// Reads what one extension wants done with its calls.
async fn follow_wish(pbx: &Pbx, tenant: TenantId, number: &str) -> Result<(), store::Error> {
    let mut tx = pbx.db.read(tenant).await?;
    let wish = rows::forwarding::find(&mut tx, tenant, number).await?;
    if let (Some(account), Some(wish)) = (pbx.directory.account(tenant), wish) {
        account.places.set_wish(number, wish);
    }
    Ok(())
}

/// Reads the directory anew and tells the SIP edge whom to trust.
pub(crate) async fn refresh(pbx: &Pbx) {
    if let Err(error) = pbx.directory.reload(&pbx.db, &pbx.secrets).await {
        tracing::error!(%error, "the directory could not be read anew; the last one is kept");
        return;
    }
    pbx.apps.mailboxes.forget_gone(|tenant, extension| pbx.directory.line(tenant, extension).is_some());
    if let Err(error) = queue::reload(pbx).await {
        tracing::error!(%error, "the queues could not be read anew; the last ones are kept");
    }
    if let Err(error) = pbx.border.read_rates(pbx).await {
        tracing::error!(%error, "the rates could not be read anew; the last ones are kept");
    }
    announce(pbx);
    if let Err(error) = trunk_registrations::follow(pbx).await {
        tracing::error!(%error, "the registrations of trunks could not be read anew; the last ones are kept");
    }
}

/// Tells the SIP edge whom not to challenge, and which domains are realms.
pub(crate) fn announce(pbx: &Pbx) {
    pbx.sip.trust(pbx.directory.sources());
    pbx.sip.serve_domains(pbx.directory.domains());
}

/// Returns the marker that grows with every write of what the directory holds.
pub(crate) async fn written(pbx: &Pbx) -> Result<i64, store::Error> {
    let mut tx = pbx.db.read_any_tenant().await?;
    rows::any_tenant_change_version(&mut tx).await
}

async fn look_around(pbx: &Pbx, seen: &mut Option<i64>, swept: &mut Option<Timestamp>) -> Result<(), store::Error> {
    let version = written(pbx).await?;
    if seen.replace(version) != Some(version) {
        refresh(pbx).await;
    } else if pbx.queues.was_behind() {
        queue::reload(pbx).await?;
    }
    pbx.barred.look(pbx).await?;
    recover::say_alive(pbx).await?;
    if pbx.apps.begun.swap(false, Ordering::Relaxed) && !voicemail::complete_begun(pbx).await.unwrap_or(false) {
        pbx.apps.begun.store(true, Ordering::Relaxed);
    }
    let now = pbx.db.now();
    pbx.registrar.sweep(now);
    if swept.is_none_or(|at| now.since(at) >= SWEEP) {
        *swept = Some(now);
        let mut tx = pbx.db.begin_any_tenant().await?;
        rows::registrations::any_tenant_delete_expired(&mut tx, now).await?;
        tx.commit().await?;
        voicemail::sweep(pbx).await?;
    }
    metrics::gauge!("pbx_live_calls").set(count(pbx.live.count()));
    metrics::gauge!("pbx_subscriptions").set(count(pbx.subscriptions.count()));
    metrics::gauge!("pbx_registered_extensions").set(count(pbx.registrar.count()));
    Ok(())
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}
