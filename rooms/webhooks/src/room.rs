//! How much is held in memory, so that a crowd waits in the database instead.
//!
//! A delivery that finds no seat is written unleased, and from then on everything of that webhook is, until a claim
//! has emptied the queue: so a later event cannot pass an earlier one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{Timestamp, ids::WebhookId};
use tokio::sync::Notify;

/// Deliveries in memory, all webhooks together.
pub(crate) const TOTAL: usize = 16_384;
/// Deliveries in memory of one webhook.
const PER_WEBHOOK: usize = if cfg!(test) { 64 } else { 2_048 };
/// A webhook may take this part of what is free: the more crowds there are, the less each gets.
const FREE_SHARE: usize = 4;
/// Places that crowds leave to webhooks that hold few.
const RESERVE: usize = TOTAL / 8;
/// What is few. An endpoint that does not answer holds no more either.
const FEW: usize = 16;
/// Rows claimed at once.
const CLAIM_LIMIT: usize = 256;

#[derive(Default)]
pub(crate) struct Room {
    inner: Mutex<Inner>,
    oldest: Mutex<HashMap<WebhookId, Timestamp>>,
    /// Wakes the claimer: something was written that nobody has.
    pub(crate) unleased: Notify,
}

#[derive(Default)]
struct Inner {
    open: bool,
    total: usize,
    shares: HashMap<WebhookId, Share>,
}

#[derive(Default)]
struct Share {
    held: usize,
    /// Transactions that have written unleased rows and are not over.
    spilling: usize,
    spills: u64,
    spilled: bool,
    /// Its endpoint does not answer.
    quiet: bool,
}

/// A place in memory for one delivery; dropping it frees the place.
pub(crate) struct Seat {
    room: Arc<Room>,
    webhook: WebhookId,
}

/// A transaction that writes unleased rows; dropped when it is over.
pub(crate) struct Spill {
    room: Arc<Room>,
    webhook: WebhookId,
}

/// What was known before a claim.
pub(crate) struct Ticket {
    spills: u64,
    clean: bool,
}

impl Room {
    /// From now on deliveries are taken into memory.
    pub(crate) fn open(&self) {
        self.lock().open = true;
    }

    pub(crate) fn close(&self) {
        self.lock().open = false;
    }

    pub(crate) fn is_open(&self) -> bool {
        self.lock().open
    }

    /// Returns a seat for a new delivery, `None` if it has to wait in the database.
    pub(crate) fn admit(self: &Arc<Self>, webhook: WebhookId) -> Option<Seat> {
        let mut inner = self.lock();
        if !inner.open {
            return None;
        }
        let limit = inner.limit(webhook);
        let share = inner.shares.entry(webhook).or_default();
        if share.spilled || share.held >= limit {
            return None;
        }
        share.held += 1;
        inner.total += 1;
        Some(Seat { room: Arc::clone(self), webhook })
    }

    /// Returns a seat for a claimed delivery.
    pub(crate) fn seat(self: &Arc<Self>, webhook: WebhookId) -> Seat {
        let mut inner = self.lock();
        inner.shares.entry(webhook).or_default().held += 1;
        inner.total += 1;
        Seat { room: Arc::clone(self), webhook }
    }

    /// Notes that a transaction writes unleased rows of a webhook.
    pub(crate) fn spill(self: &Arc<Self>, webhook: WebhookId) -> Spill {
        let mut inner = self.lock();
        let share = inner.shares.entry(webhook).or_default();
        share.spilling += 1;
        share.spills += 1;
        share.spilled = true;
        Spill { room: Arc::clone(self), webhook }
    }

    /// Returns how many rows of a webhook may be claimed now, and what to hand to [`Self::claimed`] afterwards.
    pub(crate) fn before_claim(&self, webhook: WebhookId) -> (usize, Ticket) {
        let mut inner = self.lock();
        let limit = inner.limit(webhook);
        let share = inner.shares.entry(webhook).or_default();
        let room = limit.saturating_sub(share.held).min(CLAIM_LIMIT);
        (room, Ticket { spills: share.spills, clean: share.spilling == 0 })
    }

    /// Returns how many places there should be for a claim: one if nothing is held, else some.
    pub(crate) fn worthwhile(&self, webhook: WebhookId) -> usize {
        let inner = self.lock();
        let held = inner.shares.get(&webhook).map_or(0, |share| share.held);
        held.div_ceil(8).clamp(1, CLAIM_LIMIT / 4)
    }

    /// Notes that a claim found fewer rows than it asked for: new deliveries may come straight into memory again.
    pub(crate) fn drained(&self, webhook: WebhookId, ticket: &Ticket) {
        let mut inner = self.lock();
        if let Some(share) = inner.shares.get_mut(&webhook)
            && ticket.clean
            && ticket.spills == share.spills
        {
            share.spilled = false;
        }
        Self::tidy(&mut inner, webhook);
    }

    /// Notes whether a webhook's endpoint answers: one that does not holds few places, and the rest waits in the
    /// database.
    pub(crate) fn set_quiet(&self, webhook: WebhookId, quiet: bool) {
        let mut inner = self.lock();
        inner.shares.entry(webhook).or_default().quiet = quiet;
        Self::tidy(&mut inner, webhook);
        drop(inner);
        if !quiet {
            self.unleased.notify_one();
        }
    }

    /// Returns the webhooks whose deliveries wait in the database.
    pub(crate) fn spilled(&self) -> Vec<WebhookId> {
        self.lock().shares.iter().filter(|(_, share)| share.spilled).map(|(id, _)| *id).collect()
    }

    pub(crate) fn held(&self) -> usize {
        self.lock().total
    }

    /// Notes since when each webhook's oldest delivery in memory has been due.
    pub(crate) fn set_oldest(&self, oldest: HashMap<WebhookId, Timestamp>) {
        *self.oldest.lock().unwrap_or_else(PoisonError::into_inner) = oldest;
    }

    pub(crate) fn oldest(&self) -> HashMap<WebhookId, Timestamp> {
        self.oldest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn tidy(inner: &mut Inner, webhook: WebhookId) {
        if inner.shares.get(&webhook).is_some_and(|s| s.held == 0 && s.spilling == 0 && !s.spilled && !s.quiet) {
            inner.shares.remove(&webhook);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// How many this webhook may hold now.
    fn limit(&self, webhook: WebhookId) -> usize {
        if self.total >= TOTAL {
            return 0;
        }
        if self.shares.get(&webhook).is_some_and(|share| share.quiet) {
            return FEW;
        }
        let share = (TOTAL - RESERVE).saturating_sub(self.total) / FREE_SHARE;
        share.clamp(FEW, PER_WEBHOOK)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inner = self.room.lock();
        inner.total -= 1;
        if let Some(share) = inner.shares.get_mut(&self.webhook) {
            share.held -= 1;
        }
        Room::tidy(&mut inner, self.webhook);
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        if let Some(share) = self.room.lock().shares.get_mut(&self.webhook) {
            share.spilling -= 1;
        }
        self.room.unleased.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOOK: WebhookId = WebhookId(1);

    fn open() -> Arc<Room> {
        let room = Arc::new(Room::default());
        room.open();
        room
    }

    #[test]
    fn a_webhook_that_fills_its_share_leaves_room_for_others() {
        let room = open();
        let seats: Vec<_> = (0..PER_WEBHOOK).filter_map(|_| room.admit(HOOK)).collect();
        assert_eq!(seats.len(), PER_WEBHOOK);
        assert!(room.admit(HOOK).is_none());
        assert!(room.admit(WebhookId(2)).is_some());
        drop(seats);
        assert_eq!(room.held(), 0);
        assert!(room.lock().shares.is_empty());
    }

    #[test]
    fn however_many_crowds_there_are_a_newcomer_finds_a_place() {
        let room = open();
        let crowds = (0..300).flat_map(|hook| (0..PER_WEBHOOK).map(move |_| WebhookId(hook)));
        let seats: Vec<_> = crowds.filter_map(|hook| room.admit(hook)).collect();
        assert!((TOTAL - RESERVE..TOTAL).contains(&seats.len()), "{}", seats.len());
        assert!((0..FEW).all(|_| room.admit(WebhookId(1_000)).is_some()));
    }

    #[test]
    fn an_endpoint_that_does_not_answer_holds_few_places() {
        let room = open();
        let seats: Vec<_> = (0..PER_WEBHOOK).filter_map(|_| room.admit(HOOK)).collect();
        room.set_quiet(HOOK, true);
        assert!(room.admit(HOOK).is_none());
        drop(seats);
        let seats: Vec<_> = (0..PER_WEBHOOK).filter_map(|_| room.admit(HOOK)).collect();
        assert_eq!(seats.len(), FEW);
        room.set_quiet(HOOK, false);
        assert!(room.admit(HOOK).is_some());
    }

    #[test]
    fn nothing_passes_what_waits_in_the_database() {
        let room = open();
        let spill = room.spill(HOOK);
        assert!(room.admit(HOOK).is_none());
        // A claim that began before the transaction was over may have missed its rows.
        let (_, ticket) = room.before_claim(HOOK);
        drop(spill);
        room.drained(HOOK, &ticket);
        assert!(room.admit(HOOK).is_none());
        let (_, ticket) = room.before_claim(HOOK);
        drop(room.spill(HOOK));
        room.drained(HOOK, &ticket);
        assert!(room.admit(HOOK).is_none());
        let (_, ticket) = room.before_claim(HOOK);
        room.drained(HOOK, &ticket);
        assert!(room.admit(HOOK).is_some());
    }

    #[test]
    fn a_closed_room_admits_nobody() {
        let room = open();
        room.close();
        assert!(room.admit(HOOK).is_none());
    }
}
