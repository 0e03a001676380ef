//! What the driver needs to know of every account, in memory: extensions and their secrets, trunks, routes, caller IDs.
//!
//! Calls are routed from here, so that a database that is away for a minute stops no call.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use domain::{
    TenantId,
    ids::TrunkId,
    number::Region,
    routing::{self, Destination, FeatureCodes},
};
use store::{Db, Secrets};

use super::places::{self, Places};
use crate::{
    model::{Extension, ExtensionStatus, Ha1Pair, Route, RouteKind, Trunk, TrunkStatus},
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
    /// By number as dialled and, where it is a public number, by E.164.
    dids: HashMap<String, Vec<Did>>,
    pub(crate) caller_ids: HashSet<String>,
    region: Option<Region>,
    pub(crate) places: Places,
}

#[derive(Clone, Debug)]
struct Did {
    extension: String,
    trunk: Option<TrunkId>,
}

impl Account {
    pub(crate) fn region(&self) -> Region {
        self.region.unwrap_or_else(|| Region::of("VN"))
    }

    pub(crate) fn active(&self, number: &str) -> Option<&Arc<Line>> {
        self.extensions.get(number).filter(|line| line.is_active())
    }

    /// Returns the extension that calls from outside to `number` ring. Numbers are compared as dialled and by E.164;
    /// a route for one trunk alone goes before a route for all.
    pub(crate) fn did(&self, number: &str, trunk: TrunkId) -> Option<&str> {
        let e164 = self.region().e164(number);
        let found = self.dids.get(number).or_else(|| self.dids.get(&e164?))?;
        let fits = |wanted: Option<TrunkId>| found.iter().find(|did| did.trunk == wanted);
        fits(Some(trunk)).or_else(|| fits(None)).map(|did| did.extension.as_str())
    }

    /// Returns what a number is inside of the account: an active extension, else what menus and groups are dialled by.
    pub(crate) fn own(&self, dialled: &str) -> Option<Destination> {
        let extension = self.active(dialled).map(|_| Destination::Extension(dialled.to_owned()));
        extension.or_else(|| self.places.number(dialled).cloned())
    }

    /// Returns where a number leads that a phone of the account dials.
    pub(crate) fn way(&self, dialled: &str) -> Destination {
        if let Some(own) = self.own(dialled).or_else(|| FeatureCodes::default().read(dialled)) {
            return own;
        }
        let plan = routing::Plan { region: self.region(), extension: false, routes: &self.routes };
        routing::plan(dialled, &plan)
    }

    /// Returns the places of parked calls.
    pub(crate) fn slots(&self) -> std::ops::RangeInclusive<u16> {
        let codes = FeatureCodes::default();
        codes.first_slot..=codes.last_slot
    }

    /// Returns the active trunks among `ids`, in that order.
    pub(crate) fn active_trunks(&self, ids: &[TrunkId]) -> Vec<Arc<TrunkLine>> {
        ids.iter()
            .filter_map(|id| self.trunks.get(id))
            .filter(|line| line.trunk.status == TrunkStatus::Active)
            .cloned()
            .collect()
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

    /// Returns the trunk that owns a source address, or else is registered there, if just one does.
    pub(crate) fn by_source(&self, source: IpAddr) -> Option<(TenantId, TrunkId)> {
        let one = |sources: &Sources| match sources.get(&source).map(Vec::as_slice) {
            None => Err(()),
            Some([one]) => Ok(Some(*one)),
            Some(_) => Ok(None),
        };
        one(&self.tables().sources).or_else(|()| one(&self.registered())).unwrap_or_default()
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
        let account = Account { region: Some(Region::of(&tenant.region)), ..Account::default() };
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
        account.trunks.insert(trunk.id, Arc::new(TrunkLine { trunk, password }));
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
    for (tenant, number) in rows::accounts::any_tenant_caller_ids(&mut tx).await? {
        if let Some(account) = accounts.get_mut(&tenant) {
            account.caller_ids.insert(number);
        }
    }
    let only = match tenants.as_slice() {
        [one] => Some(one.id),
        _ => None,
    };
    let accounts = accounts.into_iter().map(|(id, account)| (id, Arc::new(account))).collect();
    Ok(Tables { accounts, hosts, only, sources })
}

fn add_route(account: &mut Account, route: Route) {
    let priority = route.priority;
    match route.kind {
        RouteKind::Prefix { prefix, trunk } => account.routes.push(routing::Route { prefix, trunk, priority }),
        RouteKind::Default { trunk } => {
            account.routes.push(routing::Route { prefix: String::new(), trunk, priority });
        }
        RouteKind::Did { number, extension, trunk } => {
            let did = Did { extension, trunk };
            if let Some(e164) = account.region().e164(&number).filter(|e164| *e164 != number) {
                account.dids.entry(e164).or_default().push(did.clone());
            }
            account.dids.entry(number).or_default().push(did);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(number: &str, extension: &str, trunk: Option<i64>) -> Route {
        let kind =
            RouteKind::Did { number: number.to_owned(), extension: extension.to_owned(), trunk: trunk.map(TrunkId) };
        Route { id: 0, tenant: TenantId(1), kind, priority: 0 }
    }

    #[test]
    fn a_called_number_is_found_however_the_carrier_writes_it() {
        let mut account = Account { region: Some(Region::of("VN")), ..Account::default() };
        for route in
            [route("02838221234", "1001", None), route("02838221234", "1002", Some(7)), route("1900", "1003", None)]
        {
            add_route(&mut account, route);
        }
        for (number, trunk, extension) in [
            ("02838221234", 1, Some("1001")),
            ("842838221234", 1, Some("1001")),
            ("+842838221234", 1, Some("1001")),
            ("+842838221234", 7, Some("1002")),
            ("1900", 7, Some("1003")),
            ("1901", 7, None),
            ("nonsense", 7, None),
        ] {
            assert_eq!(account.did(number, TrunkId(trunk)), extension, "{number} by {trunk}");
        }
    }
}
