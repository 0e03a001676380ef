//! What the test itself has seen: the calls that were acknowledged, the deliveries that arrived.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use testkit::World;

/// What the server has promised.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Calls that the API acknowledged with 202, by uuid.
    acknowledged: Mutex<BTreeSet<String>>,
    /// Calls whose 200 OK reached the phone that dialled, by the number, which nobody else dialled.
    answered: Mutex<BTreeSet<String>>,
}

impl Ledger {
    pub(super) fn acknowledge(&self, call: String) {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(call);
    }

    pub(super) fn answer(&self, number: String) {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
    }

    pub(super) fn answered(&self) -> BTreeSet<String> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn acknowledged(&self) -> BTreeSet<String> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Delivery ids by event name and call: one event has one id, however often it was sent.
pub(super) fn delivered(world: &World) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut ids: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for delivery in world.receiver.deliveries() {
        let call = delivery.call_uuid().expect("every event of a call names it");
        assert!(delivery.verified(), "{}: {:?} {:?}", delivery.event(), delivery.zorio, delivery.standard);
        ids.entry((delivery.event().to_owned(), call)).or_default().insert(delivery.id().to_owned());
    }
    ids
}

/// The number that was called, by the call's uuid, of every CDR that was told.
pub(super) fn records(world: &World) -> BTreeMap<String, String> {
    let mut records = BTreeMap::new();
    for delivery in world.receiver.deliveries().iter().filter(|delivery| delivery.event() == "pbx.cdr.created") {
        let data = &delivery.json()["data"];
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        records.insert(text("uuid"), text("destination_number"));
    }
    records
}

/// Events of calls that the server committed, counted by name and call.
pub(super) async fn committed(world: &World) -> anyhow::Result<BTreeMap<(String, String), usize>> {
    let mut counts = BTreeMap::new();
    for event in world.server.committed_events().await? {
        *counts.entry(event).or_default() += 1;
    }
    Ok(counts)
}
