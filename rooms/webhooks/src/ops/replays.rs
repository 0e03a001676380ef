//! Replays of time ranges.

use domain::{Principal, Timestamp, ids::WebhookId};
use serde_json::json;
use store::audit;
use web::Text;

use super::{admin, invalid, target};
use crate::{
    Error, Webhooks,
    model::{DeliveryStatus, Replay, ReplayId},
    store::replays,
};

/// Replays of one webhook at a time.
const RUNNING_LIMIT: i64 = 5;

impl Webhooks {
    /// Sends the deliveries of a time range again, oldest first, however many they are: `statuses` out of deadletter,
    /// skipped, expired and delivered; of none of them, the first two. A durable job does it in small steps.
    pub async fn replay_range(
        &self,
        who: &Principal,
        id: WebhookId,
        range: (Timestamp, Timestamp),
        statuses: &[DeliveryStatus],
    ) -> Result<ReplayId, Error> {
        admin(who)?;
        let statuses = checked_statuses(statuses)?;
        if range.0 >= range.1 {
            return Err(invalid(
                "to",
                Text::new("The end must be after the beginning.", "Thời điểm kết thúc phải sau thời điểm bắt đầu."),
            ));
        }
        let tenant = who.tenant;
        let mut tx = self.db.begin(tenant).await?;
        self.must_be_active(&mut tx, tenant, id).await?;
        if replays::count_running(&mut tx, tenant, id).await? >= RUNNING_LIMIT {
            return Err(invalid(
                "from",
                Text::new("Five replays of this webhook are running already.", "Webhook này đang có năm lượt gửi lại."),
            ));
        }
        let replay = replays::insert(&mut tx, tenant, id, range, &statuses, who.name()).await?;
        let names: Vec<_> = statuses.iter().map(|status| status.as_str()).collect();
        let detail = json!({
            "replay": replay.0, "from": range.0.rfc3339(), "to": range.1.rfc3339(), "statuses": names,
        });
        audit(&mut tx, who, "webhook.replay", &target(id), detail).await?;
        let wake = self.replays.clone();
        tx.after_commit(move || wake.notify_one());
        tx.commit().await?;
        Ok(replay)
    }

    /// Returns the account's replays of the last 30 days, newest first, 100 at most.
    pub async fn replays(&self, who: &Principal) -> Result<Vec<Replay>, Error> {
        admin(who)?;
        Ok(replays::list(&mut self.db.read(who.tenant).await?, who.tenant).await?)
    }

    pub async fn replay_progress(&self, who: &Principal, id: ReplayId) -> Result<Replay, Error> {
        admin(who)?;
        replays::find(&mut self.db.read(who.tenant).await?, who.tenant, id).await?.ok_or(Error::NotFound)
    }

    /// Ends a replay early; what it has queued again is delivered. One that is over stays as it is.
    pub async fn cancel_replay(&self, who: &Principal, id: ReplayId) -> Result<(), Error> {
        admin(who)?;
        let mut tx = self.db.begin(who.tenant).await?;
        replays::find(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound)?;
        if let Some((webhook, queued)) = replays::cancel(&mut tx, who.tenant, id).await? {
            let detail = json!({ "replay": id.0, "queued": queued });
            audit(&mut tx, who, "webhook.replay_cancel", &target(webhook), detail).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

fn checked_statuses(statuses: &[DeliveryStatus]) -> Result<Vec<DeliveryStatus>, Error> {
    use DeliveryStatus::{Deadletter, Delivered, Expired, Skipped};
    let mut chosen: Vec<DeliveryStatus> = Vec::new();
    for status in statuses {
        match status {
            Deadletter | Skipped | Expired | Delivered if !chosen.contains(status) => chosen.push(*status),
            Deadletter | Skipped | Expired | Delivered => {}
            DeliveryStatus::Pending | DeliveryStatus::Failed => {
                return Err(invalid(
                    "statuses",
                    Text::new(
                        "Only finished deliveries can be sent again.",
                        "Chỉ có thể gửi lại những lần gửi đã kết thúc.",
                    ),
                ));
            }
        }
    }
    Ok(if chosen.is_empty() { vec![Deadletter, Skipped] } else { chosen })
}
