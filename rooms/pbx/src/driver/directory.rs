//! What the driver needs to know of every account, in memory: extensions and their secrets, trunks, routes, caller IDs.
//!
//! Calls are routed from here, so that a database that is away for a minute stops no call.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use domain::{
    TenantId, Timestamp,
    cause::Cause,
    guard::Policy,
    hours::{Calendar, Override},
    ids::TrunkId,
    number::Region,
    routing::{self, Arrival, Destination, Pattern},
};
use jiff::tz::TimeZone;
use store::{Db, Secrets};

use super::{
    border::numbers::Group,
    places::{self, Places},
};
use crate::{
    model::{
        CallerIdGroupStatus, Extension, ExtensionStatus, Ha1Pair, QueueStatus, Route, RouteKind, Trunk, TrunkStatus,
    },
    ops, store as rows,
};

/// An extension with the secret its phones prove.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) extension: Extension,
    pub(crate) realm: String,
    pub(crate) secret: Ha1Pair,
}

impl Line {
    pub(crate) fn is_active(&self) -> bool {
        self.extension.status == ExtensionStatus::Active
    }
}

/// A trunk with its password in clear, in memory only.
pub(crate) struct TrunkLine {
    pub(crate) trunk: Trunk,
    pub(crate) password: Option<String>,
    /// The user of the contact that it registers: nobody else's, and not to be guessed.
    pub(crate) contact: String,
}

impl TrunkLine {
    pub(crate) fn is_active(&self) -> bool {
        self.trunk.status == TrunkStatus::Active
    }
}

impl std::fmt::Debug for TrunkLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrunkLine").field("trunk", &self.trunk.id).finish_non_exhaustive()
    }
}

/// One account as calls see it.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) extensions: HashMap<String, Arc<Line>>,
    pub(crate) trunks: HashMap<TrunkId, Arc<TrunkLine>>,
    pub(crate) routes: Vec<routing::Route>,
    /// What numbers inside of the account stand for beside extensions, ring groups and menus: queues.
    pub(crate) numbers: HashMap<String, Destination>,
    /// Rules for calls from outside to one number, by it: as dialled and, where it is a public number, by E.164.
    dids: HashMap<String, Vec<routing::Rule>>,
    /// Rules for calls from outside to many numbers.
    patterns: Vec<routing::Rule>,
    /// The numbers that may be shown, and the trunk that one is bound to.
    pub(crate) caller_ids: HashMap<String, Option<TrunkId>>,
    pub(crate) groups: HashMap<i64, Arc<Group>>,
    /// Extensions that draw the number they show from a group.
    pub(crate) group_of: HashMap<String, i64>,
    pub(crate) conditions: HashMap<i64, Condition>,
    pub(crate) policy: Policy,
    pub(crate) dialling: rows::guard::Dialling,
    region: Option<Region>,
    pub(crate) places: Places,
    timezone: Option<TimeZone>,
}

/// A time condition as calls see it.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) calendar: Calendar,
    pub(crate) by_hand: Override,
}

impl Account {
    pub(crate) fn region(&self) -> Region {
        self.region.unwrap_or_else(|| Region::of("VN"))
    }

    pub(crate) fn active(&self, number: &str) -> Option<&Arc<Line>> {
        self.extensions.get(number).filter(|line| line.is_active())
    }

    /// Returns where a call from outside leads, if a rule takes it. Numbers are compared as dialled and by E.164.
    pub(crate) fn inbound(&self, number: &str, caller: &str, trunk: TrunkId, now: Timestamp) -> Option<&Destination> {
        self.rule(number, caller, trunk, now).map(|rule| &rule.destination)
    }

    /// Returns the rule that takes a call from outside.
    pub(super) fn rule(&self, number: &str, caller: &str, trunk: TrunkId, now: Timestamp) -> Option<&routing::Rule> {
        let e164 = self.region().e164(number);
        let exact = self.dids.get(number).or_else(|| self.dids.get(&e164?));
        let rules = exact.into_iter().flatten().chain(&self.patterns);
        let arrival = Arrival { number, caller, trunk };
        routing::inbound(arrival, self.region(), rules, |condition| self.is_open(condition, now))
    }

    /// Returns whether a time condition is open. One that is gone never is.
    pub(crate) fn is_open(&self, condition: i64, now: Timestamp) -> bool {
        let Some(condition) = self.conditions.get(&condition) else { return false };
        match condition.by_hand {
            Override::Open => true,
            Override::Closed => false,
            Override::Automatic => condition.calendar.is_open(self.local(now)),
        }
    }

    /// Returns whether a time condition is open once the feature code has turned it; nothing if there is no such one.
    pub(crate) fn would_be_open(&self, condition: i64, now: Timestamp) -> Option<bool> {
        let condition = self.conditions.get(&condition)?;
        let by_calendar = condition.calendar.is_open(self.local(now));
        Some(match condition.by_hand.turned(by_calendar) {
            Override::Open => true,
            Override::Closed => false,
            Override::Automatic => by_calendar,
        })
    }

    /// Returns what the account's clock on the wall shows.
    pub(crate) fn local(&self, now: Timestamp) -> domain::hours::Local {
        ops::time_conditions::local(&self.timezone(), now)
    }

    pub(crate) fn timezone(&self) -> TimeZone {
        self.timezone.clone().unwrap_or(TimeZone::UTC)
    }

    /// Returns what the account offers to whoever dials that number.
    pub(crate) fn plan<'a>(&'a self, own: Option<&'a Destination>) -> routing::Plan<'a> {
        routing::Plan {
            region: self.region(),
            own,
            codes: &self.dialling.codes,
            emergency: &self.dialling.emergency,
            routes: &self.routes,
        }
    }

    /// Returns what a number stands for inside of the account: an active extension, else a queue, a ring group or a menu.
    pub(crate) fn own(&self, dialled: &str) -> Option<Destination> {
        let extension = self.active(dialled).map(|_| Destination::Extension(dialled.to_owned()));
        extension.or_else(|| self.numbers.get(dialled).or_else(|| self.places.number(dialled)).cloned())
    }

    /// Decides where a number leads that somebody of the account dials.
    pub(crate) fn way(&self, dialled: &str) -> Destination {
        let own = self.own(dialled);
        routing::plan(dialled, &self.plan(own.as_ref()))
    }

    /// Decides where a number leads that somebody named who did not dial it for himself: a forward, a transfer, a phone that is
    /// elsewhere. Feature codes act for whoever dials them, and nobody did.
    pub(crate) fn onward(&self, number: &str) -> Destination {
        match self.way(number) {
            Destination::Setting(_) | Destination::Pickup(_) | Destination::Retrieve(_) => {
                Destination::Reject(Cause::FacilityRejected)
            }
            destination => destination,
        }
    }

    /// Returns the places of parked calls.
    pub(crate) fn slots(&self) -> std::ops::RangeInclusive<u16> {
        self.dialling.codes.first_slot..=self.dialling.codes.last_slot
    }

    /// Returns whether `dialled` calls for help, with or without the code that hides the caller.
    pub(crate) fn is_emergency(&self, dialled: &str) -> bool {
        let dialled = self.dialling.codes.hidden(dialled).unwrap_or(dialled);
        routing::is_emergency(dialled, self.region(), &self.dialling.emergency)
    }
}

#[derive(Default)]
struct Tables {
    accounts: HashMap<TenantId, Arc<Account>>,
    hosts: HashMap<String, TenantId>,
    only: Option<TenantId>,
    sources: HashMap<IpAddr, Vec<(TenantId, TrunkId)>>,
}

/// The directory. A cheap clone; readers never wait for the database.
#[derive(Clone, Default)]
pub(crate) struct Directory(Arc<RwLock<Tables>>, Arc<RwLock<Sources>>);

/// Whose requests come from an address.
type Sources = HashMap<IpAddr, Vec<(TenantId, TrunkId)>>;

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Directory")
    }
}

impl Directory {
    /// Reads everything anew and puts it in place in one step.
    pub(crate) async fn reload(&self, db: &Db, secrets: &Secrets) -> Result<(), store::Error> {
        let fresh = read(db, secrets).await?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    fn tables(&self) -> RwLockReadGuard<'_, Tables> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn account(&self, tenant: TenantId) -> Option<Arc<Account>> {
        self.tables().accounts.get(&tenant).cloned()
    }

    pub(crate) fn line(&self, tenant: TenantId, number: &str) -> Option<Arc<Line>> {
        self.tables().accounts.get(&tenant)?.extensions.get(number).cloned()
    }

    /// Returns the account of a SIP domain; with a single account any host is its own.
    pub(crate) fn by_host(&self, host: &str) -> Option<TenantId> {
        let tables = self.tables();
        tables.hosts.get(&host.to_ascii_lowercase()).copied().or(tables.only)
    }

    /// Returns the trunks that name a source address, or are registered there: those that a request from there may be of.
    pub(crate) fn by_source(&self, source: IpAddr) -> Vec<(TenantId, TrunkId)> {
        let mut all = self.tables().sources.get(&source).cloned().unwrap_or_default();
        all.extend(self.registered().get(&source).into_iter().flatten());
        all.sort();
        all.dedup();
        all
    }

    /// Replaces the addresses that trunks are registered at.
    pub(crate) fn set_registered(&self, sources: Sources) {
        *self.1.write().unwrap_or_else(PoisonError::into_inner) = sources;
    }

    fn registered(&self) -> RwLockReadGuard<'_, Sources> {
        self.1.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the domains of the accounts that have one of their own.
    pub(crate) fn domains(&self) -> Vec<String> {
        self.tables().hosts.keys().cloned().collect()
    }

    /// Returns every address whose requests belong to a trunk.
    pub(crate) fn sources(&self) -> Vec<IpAddr> {
        self.tables().sources.keys().chain(self.registered().keys()).copied().collect()
    }
}

async fn read(db: &Db, secrets: &Secrets) -> Result<Tables, store::Error> {
    let mut tx = db.read_any_tenant().await?;
    let mut accounts: HashMap<TenantId, Account> = HashMap::new();
    let mut hosts = HashMap::new();
    let tenants = rows::accounts::any_tenant_all(&mut tx).await?;
    for tenant in &tenants {
        let timezone = Some(ops::time_conditions::zone(&tenant.timezone));
        let account = Account { region: Some(Region::of(&tenant.region)), timezone, ..Account::default() };
        accounts.insert(tenant.id, account);
        if let Some(host) = &tenant.host {
            hosts.insert(host.to_ascii_lowercase(), tenant.id);
        }
    }
    let mut logins: HashMap<(TenantId, String), (String, Vec<u8>)> = HashMap::new();
    for login in rows::extensions::any_tenant_load_credentials(&mut tx).await? {
        logins.insert((login.tenant, login.number), (login.realm, login.sealed));
    }
    for extension in rows::extensions::any_tenant_all(&mut tx).await? {
        let key = (extension.tenant, extension.number.clone());
        let Some((realm, sealed)) = logins.remove(&key) else { continue };
        let Some(secret) = ops::extensions::open_secret(secrets, extension.tenant, &extension.number, &sealed) else {
            tracing::error!(tenant.id = %extension.tenant, extension = %extension.number, "SIP secret cannot be opened");
            continue;
        };
        if let Some(account) = accounts.get_mut(&extension.tenant) {
            account.extensions.insert(extension.number.clone(), Arc::new(Line { extension, realm, secret }));
        }
    }
    let mut sources: HashMap<IpAddr, Vec<(TenantId, TrunkId)>> = HashMap::new();
    for trunk in rows::trunks::any_tenant_all(&mut tx).await? {
        let Some(account) = accounts.get_mut(&trunk.tenant) else { continue };
        if trunk.status == TrunkStatus::Active {
            for source in &trunk.sources {
                sources.entry(*source).or_default().push((trunk.tenant, trunk.id));
            }
        }
        let password = ops::trunks::open_password(secrets, &trunk);
        account
            .trunks
            .insert(trunk.id, Arc::new(TrunkLine { contact: ops::trunks::contact(secrets, &trunk), trunk, password }));
    }
    for (tenant, places) in places::read(&mut tx).await? {
        if let Some(account) = accounts.get_mut(&tenant) {
            account.places = places;
        }
    }
    for route in rows::routes::any_tenant_all(&mut tx).await? {
        if let Some(account) = accounts.get_mut(&route.tenant) {
            add_route(account, route);
        }
    }
    let mut numbers = HashMap::new();
    for (tenant, id, number, trunk) in rows::accounts::any_tenant_caller_ids(&mut tx).await? {
        if let Some(account) = accounts.get_mut(&tenant) {
            account.caller_ids.insert(number.clone(), trunk);
            numbers.insert((tenant, id), number);
        }
    }
    read_groups(&mut tx, &mut accounts, &numbers).await?;
    for condition in rows::time_conditions::any_tenant_all(&mut tx).await? {
        if let Some(account) = accounts.get_mut(&condition.tenant) {
            let seen = Condition { calendar: condition.calendar, by_hand: condition.by_hand };
            account.conditions.insert(condition.id, seen);
        }
    }
    for queue in rows::queues::any_tenant_all(&mut tx).await? {
        if let Some(account) = accounts.get_mut(&queue.tenant)
            && queue.status == QueueStatus::Active
        {
            account.numbers.insert(queue.number, Destination::Queue(queue.name));
        }
    }
    for (tenant, policy) in rows::guard::any_tenant_policies(&mut tx).await? {
        if let Some(account) = accounts.get_mut(&tenant) {
            account.policy = policy;
        }
    }
    for (tenant, dialling) in rows::guard::any_tenant_dialling(&mut tx).await? {
        if let Some(account) = accounts.get_mut(&tenant) {
            account.dialling = dialling;
        }
    }
    let only = match tenants.as_slice() {
        [one] => Some(one.id),
        _ => None,
    };
    let accounts = accounts.into_iter().map(|(id, account)| (id, Arc::new(account))).collect();
    Ok(Tables { accounts, hosts, only, sources })
}

/// Reads the groups with those of their numbers that are active.
async fn read_groups(
    tx: &mut store::Tx,
    accounts: &mut HashMap<TenantId, Account>,
    numbers: &HashMap<(TenantId, i64), String>,
) -> Result<(), store::Error> {
    let mut groups: HashMap<(TenantId, i64), Group> = HashMap::new();
    for group in rows::caller_id_groups::any_tenant_all(tx).await? {
        if group.status == CallerIdGroupStatus::Active {
            groups.insert((group.tenant, group.id), Group::of(&group));
        }
    }
    for (tenant, group, caller_id, weight, cap) in rows::caller_id_groups::any_tenant_members(tx).await? {
        if let (Some(group), Some(number)) = (groups.get_mut(&(tenant, group)), numbers.get(&(tenant, caller_id))) {
            group.add(caller_id, number.clone(), weight, cap);
        }
    }
    for ((tenant, id), group) in groups {
        if let Some(account) = accounts.get_mut(&tenant) {
            account.groups.insert(id, Arc::new(group));
        }
    }
    for (tenant, extension, group) in rows::caller_id_groups::any_tenant_extensions(tx).await? {
        if let Some(account) = accounts.get_mut(&tenant) {
            account.group_of.insert(extension, group);
        }
    }
    Ok(())
}

fn add_route(account: &mut Account, route: Route) {
    let (id, priority, options) = (route.id, route.priority, route.options);
    let mut out = |prefix, trunk| {
        account.routes.push(routing::Route {
            id,
            prefix,
            trunk,
            priority,
            rewrite: options.rewrite.clone(),
            caller_id_group: options.caller_id_group,
            anonymous: options.anonymous,
        });
    };
    match route.kind {
        RouteKind::Prefix { prefix, trunk } => out(prefix, trunk),
        RouteKind::Default { trunk } => out(String::new(), trunk),
        RouteKind::Did { number, destination, trunk } => {
            let caller = match options.caller.as_deref().map(Pattern::read) {
                None => None,
                Some(Some(caller)) => Some(caller),
                // What nobody can read takes no calls.
                Some(None) => return,
            };
            let Some(pattern) = Pattern::read(&number) else { return };
            let rule = routing::Rule { id, number: pattern, trunk, caller, when: options.when, priority, destination };
            if !matches!(rule.number, Pattern::Is(_)) {
                account.patterns.push(rule);
                return;
            }
            if let Some(e164) = account.region().e164(&number).filter(|e164| *e164 != number) {
                account.dids.entry(e164).or_default().push(rule.clone());
            }
            account.dids.entry(number).or_default().push(rule);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NewRoute, RouteOptions};

    fn rule(id: i64, number: &str, extension: &str, trunk: Option<i64>) -> Route {
        let new = NewRoute::did(number, extension, trunk.map(TrunkId));
        Route { id, tenant: TenantId(1), kind: new.kind, priority: 0, options: new.options }
    }

    #[test]
    fn a_called_number_is_found_however_the_carrier_writes_it() {
        let mut account = Account { region: Some(Region::of("VN")), ..Account::default() };
        for route in [
            rule(1, "02838221234", "1001", None),
            rule(2, "02838221234", "1002", Some(7)),
            rule(3, "1900", "1003", None),
            rule(4, "02438*", "1004", None),
        ] {
            add_route(&mut account, route);
        }
        let now = Timestamp::from_millis(0);
        for (number, trunk, extension) in [
            ("02838221234", 1, Some("1001")),
            ("842838221234", 1, Some("1001")),
            ("+842838221234", 1, Some("1001")),
            ("+842838221234", 7, Some("1002")),
            ("1900", 7, Some("1003")),
            ("+842438000000", 7, Some("1004")),
            ("1901", 7, None),
            ("nonsense", 7, None),
        ] {
            let expected = extension.map(|extension| Destination::Extension(extension.to_owned()));
            assert_eq!(account.inbound(number, "", TrunkId(trunk), now), expected.as_ref(), "{number} by {trunk}");
        }
    }

    #[test]
    fn a_time_condition_follows_the_accounts_own_clock_and_whoever_overrides_it() {
        let zone = TimeZone::get("Asia/Ho_Chi_Minh").unwrap();
        let mut account = Account { region: Some(Region::of("VN")), timezone: Some(zone), ..Account::default() };
        let week = (1..=5).map(|day| domain::hours::Span { day, from: 480, to: 1_020 }).collect();
        let calendar = Calendar { week, holidays: Vec::new() };
        account.conditions.insert(9, Condition { calendar, by_hand: Override::Automatic });
        let options = RouteOptions { when: Some((9, false)), ..RouteOptions::default() };
        add_route(&mut account, Route { options, ..rule(1, "02838221234", "1009", None) });
        add_route(&mut account, rule(2, "02838221234", "1001", None));
        // Monday, 2026-11-23, 00:59 and 01:00 UTC: 07:59 and 08:00 in Vietnam.
        let at = |millis| account_at(&account, millis);
        assert_eq!((at(1_795_395_540_000), at(1_795_395_600_000)), ("1009".to_owned(), "1001".to_owned()));
        account.conditions.get_mut(&9).unwrap().by_hand = Override::Closed;
        assert_eq!(account_at(&account, 1_795_395_600_000), "1009");
    }

    fn account_at(account: &Account, millis: i64) -> String {
        account.inbound("02838221234", "", TrunkId(1), Timestamp::from_millis(millis)).unwrap().target()
    }
}
