//! Where parked calls wait: a place is a number that phones dial to take the call.

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{CallId, TenantId};

type Table = HashMap<(TenantId, u16), CallId>;

/// The parking lot of this node. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lot(Arc<Mutex<Table>>);

/// A place, taken as long as it is held.
#[derive(Debug)]
pub(crate) struct Place {
    lot: Lot,
    tenant: TenantId,
    slot: u16,
}

impl Place {
    pub(crate) const fn slot(&self) -> u16 {
        self.slot
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lot.lock().remove(&(self.tenant, self.slot));
    }
}

impl Lot {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the first free place of the account; nothing if all are taken.
    pub(crate) fn take(&self, tenant: TenantId, call: CallId, slots: RangeInclusive<u16>) -> Option<Place> {
        let mut table = self.lock();
        let slot = slots.into_iter().find(|slot| !table.contains_key(&(tenant, *slot)))?;
        table.insert((tenant, slot), call);
        drop(table);
        Some(Place { lot: self.clone(), tenant, slot })
    }

    /// Returns the call that waits in a place.
    pub(crate) fn find(&self, tenant: TenantId, slot: u16) -> Option<CallId> {
        self.lock().get(&(tenant, slot)).copied()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_place_is_one_calls_until_it_leaves() {
        let lot = Lot::default();
        let call = |number| CallId(Uuid::from_u128(number));
        let first = lot.take(TenantId(1), call(1), 701..=702).unwrap();
        let second = lot.take(TenantId(1), call(2), 701..=702).unwrap();
        assert_eq!((first.slot(), second.slot()), (701, 702));
        assert!(lot.take(TenantId(1), call(3), 701..=702).is_none());
        assert_eq!(lot.take(TenantId(2), call(4), 701..=702).unwrap().slot(), 701, "accounts do not share places");
        assert_eq!(lot.find(TenantId(1), 702), Some(call(2)));
        drop(first);
        assert_eq!(lot.find(TenantId(1), 701), None);
        assert_eq!(lot.take(TenantId(1), call(5), 701..=702).unwrap().slot(), 701);
    }
}
