//! Calls back: the agent's phone rings first, then the customer's.

use std::time::Duration;

use domain::{CallId, Principal, TenantId, Timestamp, cause::Cause, queue::Join};
use tokio::{sync::mpsc, time::sleep};

use super::{Ask, News, NewsKind, Staff};
use crate::{
    Pbx,
    ops::calls::{self, Originate},
    store as rows,
};

/// How long a promise is kept over restarts.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Promises that are taken up again.
const MOST: i64 = 200;
/// Between two looks at the call.
const LOOK: Duration = Duration::from_millis(100);

/// Whom to call, and for whom.
pub(super) struct Wish {
    pub(super) offer: u64,
    /// The call in which it was promised.
    pub(super) call: CallId,
    pub(super) agent: String,
    pub(super) number: String,
    /// The queue's name.
    pub(super) queue: String,
}

/// Returns whom earlier runs promised to call, with their places and when they joined.
pub(super) async fn promises(pbx: &Pbx, tenant: TenantId, queue: i64) -> Result<Vec<(Join, Timestamp)>, store::Error> {
    let (clock, now) = (pbx.db.now(), tokio::time::Instant::now().into_std());
    let from = Timestamp(clock.millis() - i64::try_from(KEPT.as_millis()).unwrap_or(0));
    let mut tx = pbx.db.read(tenant).await?;
    let promises = rows::queue_calls::promises(&mut tx, tenant, queue, from, MOST).await?;
    let joins = promises.into_iter().filter_map(|promise| {
        let waited = Duration::from_millis(u64::try_from(promise.waited_ms).unwrap_or(0));
        let started = now.checked_sub(clock.since(promise.at) + waited).unwrap_or(now);
        let call = promise.call_uuid.parse().ok()?;
        let joined = Timestamp(promise.at.millis() - promise.waited_ms);
        Some((Join { call, number: promise.caller_number, name: None, priority: 0, started }, joined))
    });
    Ok(joins.collect())
}

/// Sets the call up as a click-to-call of the agent, and tells the queue how it goes until it is over.
pub(super) async fn place(pbx: Pbx, tenant: TenantId, wish: Wish, staff: Staff, asks: mpsc::Sender<Ask>) {
    let Wish { offer, call: promised, agent, number, queue } = wish;
    let originate = Originate {
        from_extension: Some(agent.clone()),
        to_phone: Some(number),
        queue: Some(queue.clone()),
        ..Originate::default()
    };
    let placed = calls::originate(&pbx, &Principal::system(tenant), originate).await;
    let call = match placed {
        Ok(placed) => placed.call,
        Err(error) => {
            tracing::warn!(%error, tenant.id = %tenant, queue, "a call back could not be placed");
            // An agent without a phone rests; a number that cannot be dialled is the customer's failure.
            let cause = match error {
                crate::Error::ExtensionOffline(_) | crate::Error::ExtensionFull(_) => Some(Cause::NoUserResponse),
                _ => None,
            };
            return tell(&asks, &staff, promised, Ask::Unplaced { offer, promised, cause }).await;
        }
    };
    tell(&asks, &staff, promised, Ask::Placed { offer, promised, call }).await;
    let (mut agent_was_there, mut is_answered) = (false, false);
    while let Some(view) = pbx.live.find(tenant, call) {
        let own = view.legs.iter().filter(|leg| leg.extension.as_deref() == Some(&agent));
        agent_was_there |= own.into_iter().any(|leg| leg.state == "answered");
        if view.answered_at.is_some() && !is_answered {
            is_answered = true;
            let _ = asks.send(Ask::News(News { call, kind: NewsKind::Answered { offer } })).await;
        }
        sleep(LOOK).await;
    }
    let ask = match (is_answered, agent_was_there) {
        (true, _) => Ask::News(News { call, kind: NewsKind::Ended { offer } }),
        (false, true) => Ask::Unreached { offer },
        (false, false) => Ask::News(News { call, kind: NewsKind::Failed { offer, cause: Cause::NoAnswer } }),
    };
    let _ = asks.send(ask).await;
}

/// Tells the queue how placing a call went; a queue that is gone waits for it no longer.
async fn tell(asks: &mpsc::Sender<Ask>, staff: &Staff, promised: CallId, ask: Ask) {
    if asks.send(ask).await.is_err() {
        staff.end_placing(promised);
    }
}
