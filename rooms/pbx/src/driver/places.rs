//! Where calls of an account may end up beside its phones, in memory: menus, groups, mailboxes, wishes of extensions.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use domain::{TenantId, app::Language, routing::Destination};
use store::Tx;

use crate::{
    model::{Forwarding, Mailbox, MenuRow, RingGroup},
    store as rows,
};

/// The prompt that is the account's music on hold, if it has one of that name.
pub(crate) const MUSIC: &str = "music-on-hold";

/// The part of an account that apps and groups need.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    pub(crate) language: Language,
    pub(crate) menus: HashMap<i64, MenuRow>,
    pub(crate) groups: HashMap<i64, RingGroup>,
    /// By extension; one that was never set up has no entry.
    pub(crate) mailboxes: HashMap<String, Mailbox>,
    /// Changed in its place: phones change it by feature codes, and that reads nothing else anew.
    forwarding: Arc<RwLock<HashMap<String, Forwarding>>>,
    /// Where the sound of each prompt lies, below the folder of prompts.
    pub(crate) prompts: HashMap<i64, String>,
    pub(crate) music: Option<i64>,
    /// What the numbers of menus and groups lead to.
    numbers: HashMap<String, Destination>,
}

impl Places {
    /// Returns what that number is inside of the account, extensions aside.
    pub(crate) fn number(&self, dialled: &str) -> Option<&Destination> {
        self.numbers.get(dialled)
    }

    /// Returns what an extension wants done with its calls.
    pub(crate) fn wish(&self, extension: &str) -> Forwarding {
        let wishes = self.forwarding.read().unwrap_or_else(PoisonError::into_inner);
        wishes.get(extension).cloned().unwrap_or_default()
    }

    /// Puts another wish in the place of that one.
    pub(crate) fn set_wish(&self, extension: &str, wish: Forwarding) {
        self.forwarding.write().unwrap_or_else(PoisonError::into_inner).insert(extension.to_owned(), wish);
    }

    /// Returns the settings of a mailbox.
    pub(crate) fn mailbox(&self, tenant: TenantId, extension: &str) -> Mailbox {
        let known = self.mailboxes.get(extension).cloned();
        known.unwrap_or_else(|| Mailbox::usual(tenant, extension.to_owned()))
    }

    /// Returns the groups that an extension is in.
    pub(crate) fn groups_of<'a>(&'a self, extension: &'a str) -> impl Iterator<Item = &'a RingGroup> {
        self.groups.values().filter(move |group| group.members.iter().any(|member| member == extension))
    }
}

/// Reads the places of every account.
pub(crate) async fn read(tx: &mut Tx) -> Result<HashMap<TenantId, Places>, store::Error> {
    let mut all: HashMap<TenantId, Places> = HashMap::new();
    for (tenant, language) in rows::accounts::any_tenant_languages(tx).await? {
        all.entry(tenant).or_default().language = language;
    }
    for menu in rows::menus::any_tenant_all(tx).await? {
        let places = all.entry(menu.tenant).or_default();
        if let Some(number) = &menu.number {
            places.numbers.insert(number.clone(), Destination::Menu(menu.id));
        }
        places.menus.insert(menu.id, menu);
    }
    for group in rows::ring_groups::any_tenant_all(tx).await? {
        let places = all.entry(group.tenant).or_default();
        if let Some(number) = &group.number {
            // Dialled numbers lead to a group before a menu.
            places.numbers.insert(number.clone(), Destination::RingGroup(group.id));
        }
        places.groups.insert(group.id, group);
    }
    for queue in rows::queues::any_tenant_all(tx).await? {
        // And to a queue before either.
        let places = all.entry(queue.tenant).or_default();
        places.numbers.insert(queue.number, Destination::Queue(queue.name));
    }
    for mailbox in rows::voicemail::any_tenant_mailboxes(tx).await? {
        all.entry(mailbox.tenant).or_default().mailboxes.insert(mailbox.extension.clone(), mailbox);
    }
    for rows::forwarding::Whose(tenant, extension, wish) in rows::forwarding::any_tenant_all(tx).await? {
        all.entry(tenant).or_default().set_wish(&extension, wish);
    }
    for (tenant, id, name, path) in rows::prompts::any_tenant_paths(tx).await? {
        let places = all.entry(tenant).or_default();
        if name == MUSIC {
            places.music = Some(id);
        }
        places.prompts.insert(id, path);
    }
    Ok(all)
}
