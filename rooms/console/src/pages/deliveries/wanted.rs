//! Which deliveries a page's address asks for.

use std::time::Duration;

use domain::{CallId, Principal, Timestamp, ids::WebhookId};
use uuid::Uuid;
use webhooks::{Delivery, DeliveryStatus, Error, Filter};

use crate::{Console, asked::Asked, pages::moment::moment, view::View};

/// Rows of a page.
const ROWS: i64 = 25;
/// How far back a text is looked for when no start is given: every payload of the range is read.
const SEARCHED: Duration = Duration::from_secs(24 * 3_600);

#[derive(Clone, Debug)]
pub(super) struct Wanted {
    filter: Filter,
    /// An id that was searched for: of a call, or of a delivery.
    id: Option<Uuid>,
}

/// A page of deliveries.
pub(super) struct Found {
    pub(super) deliveries: Vec<Delivery>,
    /// What to ask with for the next, older ones.
    pub(super) older: Option<String>,
}

impl Wanted {
    pub(super) fn of(view: &View, asked: &Asked) -> Self {
        let id = Uuid::parse_str(asked.text("search")).ok();
        let text = asked.optional("search").filter(|_| id.is_none());
        let from = moment(view, asked.text("from"));
        let searched = text.as_ref().map(|_| Timestamp(view.now().millis() - SEARCHED.as_millis() as i64));
        let filter = Filter {
            webhook: asked.number("webhook").map(WebhookId),
            event: asked.optional("event"),
            status: DeliveryStatus::parse(asked.text("status")),
            from: from.or(searched),
            to: moment(view, asked.text("to")),
            call: id.map(CallId),
            text,
            before: before(asked.text("before")),
            limit: ROWS + 1,
        };
        Self { filter, id }
    }

    /// Tells whether the page is the first: only that one lives.
    pub(super) fn is_first(&self) -> bool {
        self.filter.before.is_none()
    }

    pub(super) async fn find(&self, console: &Console, who: &Principal) -> Result<Found, Error> {
        let mut deliveries = console.webhooks.deliveries(who.tenant, &self.filter).await?;
        if let (true, Some(id), true) = (deliveries.is_empty(), self.id, self.is_first()) {
            match console.webhooks.delivery(who, id).await {
                Ok(detail) => deliveries.push(detail.delivery),
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        let rows = usize::try_from(ROWS).unwrap_or(usize::MAX);
        let more = deliveries.len() > rows;
        deliveries.truncate(rows);
        let older = deliveries.last().filter(|_| more).map(|last| format!("{}_{}", last.created_at.millis(), last.id));
        Ok(Found { deliveries, older })
    }
}

fn before(text: &str) -> Option<(Timestamp, Uuid)> {
    let (millis, id) = text.split_once('_')?;
    Some((Timestamp(millis.parse().ok()?), Uuid::parse_str(id).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_list_is_a_time_and_an_id() {
        let id = Uuid::from_u128(7);
        assert_eq!(before(&format!("12_{id}")), Some((Timestamp(12), id)));
        for wrong in ["", "12", "x_y", "12_", &format!("_{id}")] {
            assert_eq!(before(wrong), None, "{wrong}");
        }
    }
}
