//! Who watches what, with bounds for each phone and each account.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::TenantId;
use sip::SubscriptionKey;

use super::bodies::{self, Lamp};
use crate::model::Waiting;

/// Subscriptions of one extension's phones, and of one account's.
const MOST_PER_EXTENSION: usize = 128;
const MOST_PER_ACCOUNT: usize = 10_000;

/// What may be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Package {
    Dialog,
    MessageSummary,
}

impl Package {
    pub(super) fn of(event: &str) -> Option<Self> {
        match event {
            "dialog" => Some(Self::Dialog),
            "message-summary" => Some(Self::MessageSummary),
            _ => None,
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Dialog => bodies::DIALOG_INFO,
            Self::MessageSummary => bodies::MESSAGE_SUMMARY,
        }
    }
}

/// One subscription.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    tenant: TenantId,
    /// The extension whose phone subscribed.
    owner: String,
    package: Package,
    /// The extension that is watched.
    resource: String,
    /// The host that the phone calls us by.
    host: String,
    /// Documents are numbered (RFC 4235 §4.1).
    version: u32,
    /// The lamps that were told last, as a hash.
    told: u64,
}

impl Watch {
    pub(super) fn new(tenant: TenantId, owner: String, package: Package, resource: String, host: String) -> Self {
        Self { tenant, owner, package, resource, host, version: 0, told: 0 }
    }
}

#[derive(Debug, Default)]
struct Table {
    watches: HashMap<SubscriptionKey, Watch>,
    per_extension: HashMap<(TenantId, String), usize>,
    per_account: HashMap<TenantId, usize>,
    lamps: usize,
}

/// All subscriptions of this node. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subscriptions(Arc<Mutex<Table>>);

impl Subscriptions {
    fn lock(&self) -> MutexGuard<'_, Table> {
        // Each change keeps the counts right before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a subscription; false if its phone or its account has too many.
    pub(super) fn add(&self, key: SubscriptionKey, watch: Watch) -> bool {
        let mut table = self.lock();
        let of_account = table.per_account.get(&watch.tenant).copied().unwrap_or_default();
        let owner = (watch.tenant, watch.owner.clone());
        let of_extension = table.per_extension.get(&owner).copied().unwrap_or_default();
        if of_account >= MOST_PER_ACCOUNT || of_extension >= MOST_PER_EXTENSION {
            return false;
        }
        table.per_account.insert(watch.tenant, of_account + 1);
        table.per_extension.insert(owner, of_extension + 1);
        table.lamps += usize::from(watch.package == Package::Dialog);
        table.watches.insert(key, watch);
        true
    }

    pub(super) fn remove(&self, key: SubscriptionKey) {
        let mut table = self.lock();
        let Some(watch) = table.watches.remove(&key) else { return };
        table.lamps -= usize::from(watch.package == Package::Dialog);
        if let Some(count) = table.per_account.get_mut(&watch.tenant) {
            *count -= 1;
            if *count == 0 {
                table.per_account.remove(&watch.tenant);
            }
        }
        let owner = (watch.tenant, watch.owner);
        if let Some(count) = table.per_extension.get_mut(&owner) {
            *count -= 1;
            if *count == 0 {
                table.per_extension.remove(&owner);
            }
        }
    }

    /// Returns whether anybody watches calls.
    pub(super) fn has_lamps(&self) -> bool {
        self.lock().lamps > 0
    }

    /// Returns who watches the calls of which extension.
    pub(super) fn lamps(&self) -> Vec<(SubscriptionKey, TenantId, String)> {
        let table = self.lock();
        let lamps = table.watches.iter().filter(|(_, watch)| watch.package == Package::Dialog);
        lamps.map(|(key, watch)| (*key, watch.tenant, watch.resource.clone())).collect()
    }

    pub(super) fn about(&self, key: SubscriptionKey) -> Option<(TenantId, Package, String)> {
        self.lock().watches.get(&key).map(|watch| (watch.tenant, watch.package, watch.resource.clone()))
    }

    /// Returns who watches a mailbox, or any of them.
    pub(super) fn of_mailbox(&self, which: Option<(TenantId, &str)>) -> Vec<SubscriptionKey> {
        let is_meant = |watch: &Watch| {
            watch.package == Package::MessageSummary
                && which.is_none_or(|(tenant, extension)| watch.tenant == tenant && watch.resource == extension)
        };
        self.lock().watches.iter().filter(|(_, watch)| is_meant(watch)).map(|(key, _)| *key).collect()
    }

    /// Notes what a phone is about to be told; false if it was told the same last time.
    pub(super) fn is_news(&self, key: SubscriptionKey, lamps: &[Lamp]) -> bool {
        let mut hasher = DefaultHasher::new();
        lamps.hash(&mut hasher);
        let hash = hasher.finish();
        let mut table = self.lock();
        let Some(watch) = table.watches.get_mut(&key) else { return false };
        std::mem::replace(&mut watch.told, hash) != hash
    }

    /// Returns the next document about calls.
    pub(super) fn dialog_info(&self, key: SubscriptionKey, lamps: &[Lamp]) -> Option<String> {
        let mut table = self.lock();
        let watch = table.watches.get_mut(&key)?;
        let version = watch.version;
        watch.version = version.wrapping_add(1);
        Some(bodies::dialog_info(&watch.resource, &watch.host, version, lamps))
    }

    pub(super) fn message_summary(&self, key: SubscriptionKey, waiting: Waiting) -> Option<String> {
        let table = self.lock();
        let watch = table.watches.get(&key)?;
        Some(bodies::message_summary(&watch.resource, &watch.host, waiting))
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().watches.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(tenant: i64, owner: &str) -> Watch {
        Watch::new(TenantId(tenant), owner.to_owned(), Package::Dialog, "1002".to_owned(), "h".to_owned())
    }

    #[test]
    fn a_phone_has_a_bound_and_what_ends_makes_room() {
        let table = Subscriptions::default();
        let most = MOST_PER_EXTENSION as u64;
        assert!((0..most).all(|key| table.add(SubscriptionKey(key), watch(1, "1001"))));
        assert!(!table.add(SubscriptionKey(most), watch(1, "1001")));
        assert!(table.add(SubscriptionKey(most), watch(1, "1003")), "another phone");
        assert!(table.add(SubscriptionKey(most + 1), watch(2, "1001")), "another account");
        table.remove(SubscriptionKey(0));
        table.remove(SubscriptionKey(0));
        assert!(table.add(SubscriptionKey(0), watch(1, "1001")));
    }

    #[test]
    fn an_account_has_a_bound_over_all_its_phones() {
        let table = Subscriptions::default();
        let fits =
            |key: usize| table.add(SubscriptionKey(key as u64), watch(1, &(key / MOST_PER_EXTENSION).to_string()));
        assert!((0..MOST_PER_ACCOUNT).all(fits));
        assert!(!fits(MOST_PER_ACCOUNT));
        (0..MOST_PER_ACCOUNT).for_each(|key| table.remove(SubscriptionKey(key as u64)));
        assert_eq!((table.count(), table.has_lamps()), (0, false));
        assert!(table.lock().per_account.is_empty() && table.lock().per_extension.is_empty());
    }

    #[test]
    fn the_same_state_is_told_once_and_documents_are_numbered() {
        let table = Subscriptions::default();
        let key = SubscriptionKey(1);
        table.add(key, watch(1, "1001"));
        assert!(table.is_news(key, &[]));
        assert!(!table.is_news(key, &[]));
        assert!(table.dialog_info(key, &[]).unwrap().contains("version=\"0\""));
        assert!(table.dialog_info(key, &[]).unwrap().contains("version=\"1\""));
    }
}
