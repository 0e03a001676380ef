//! Ways to phones that would close by themselves: NATs in front of phones that speak UDP, and phones that are gone.
//!
//! Connections need nothing of it: the SIP edge says when one is dead.

use std::{collections::HashMap, time::Duration};

use domain::TenantId;
use futures_util::{StreamExt, stream};
use sip::{Binding, Destination, Flow, OutOfDialog};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::registrar;
use crate::Pbx;

/// Keep-alives sent at once; then there is a pause, so that a round is spread over its time.
const BATCH: usize = 64;
/// Phones that are asked at the same time.
const AT_ONCE: usize = 64;
/// How long a phone may think about OPTIONS.
const PATIENCE: Duration = Duration::from_secs(8);
/// Questions in a row without an answer after which a phone is gone.
const MISSES: u32 = 3;

type Place = (TenantId, String, String);

/// Does what the settings ask for; never returns.
pub(crate) async fn run(pbx: Pbx) {
    tokio::join!(open_nats(&pbx), ask_phones(&pbx));
}

async fn open_nats(pbx: &Pbx) {
    let Some(every) = pbx.config.nat_keep_alive else { return };
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let flows: Vec<Flow> =
            pbx.registrar.by_udp(is_behind_nat).into_iter().map(|(.., binding)| binding.flow).collect();
        let batches = u32::try_from(flows.len().div_ceil(BATCH)).unwrap_or(u32::MAX);
        for batch in flows.chunks(BATCH) {
            batch.iter().for_each(|flow| pbx.sip.keep_alive(*flow));
            // Half of the time, so that the next round is never late.
            sleep(every / 2 / batches.max(1)).await;
        }
    }
}

async fn ask_phones(pbx: &Pbx) {
    let Some(every) = pbx.config.options_ping else { return };
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut missed: HashMap<Place, u32> = HashMap::new();
    loop {
        tick.tick().await;
        let phones = pbx.registrar.by_udp(|_| true);
        let asked = stream::iter(phones).map(async |phone| (answers(pbx, &phone.2).await, phone));
        let silent: Vec<_> = asked
            .buffer_unordered(AT_ONCE)
            .filter_map(async |(answered, phone)| (!answered).then_some(phone))
            .collect()
            .await;
        let mut before = std::mem::take(&mut missed);
        for (tenant, number, binding) in silent {
            let place = (tenant, number, binding.uri);
            let count = before.remove(&place).unwrap_or_default() + 1;
            if count < MISSES {
                missed.insert(place, count);
                continue;
            }
            let (tenant, number, uri) = place;
            tracing::info!(tenant.id = %tenant, extension = %number, "a phone does not answer any more: it is not registered");
            registrar::end(pbx, tenant, &number, &uri).await;
        }
    }
}

/// Every answer will do: whoever refuses is there.
async fn answers(pbx: &Pbx, binding: &Binding) -> bool {
    let request = OutOfDialog {
        method: "OPTIONS".to_owned(),
        target_uri: binding.uri.clone(),
        destination: Destination::from(binding.flow),
        from_uri: format!("sip:{}", pbx.config.realm),
        to_uri: binding.uri.clone(),
        call_id: None,
        cseq: 1,
        headers: Vec::new(),
        body: None,
        credentials: None,
    };
    matches!(timeout(PATIENCE, pbx.sip.request(request)).await, Ok(Ok(_)))
}

/// Tells a phone whose Contact names another address than the one it speaks from.
fn is_behind_nat(binding: &Binding) -> bool {
    !binding.uri.contains(&binding.flow.peer.ip().to_string())
}
