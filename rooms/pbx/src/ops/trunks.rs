//! Trunks: read by the API, written by the host's tools.

use std::{collections::HashMap, net::IpAddr};

use domain::{Principal, TenantId, ids::TrunkId, number};
use serde_json::json;
use store::{Secrets, Tx};
use web::{Fields, Listing, Page, Rule, Text};

use super::{Desk, Done, may_manage, may_read, refuse, taken};
use crate::{
    changes::Changed,
    error::{Error, Result},
    model::{Trunk, TrunkAuth, TrunkOptions, TrunkSrtp, TrunkStatus, TrunkTransport},
    store as rows,
};

/// Longest name in characters; click-to-call takes as many.
const LONGEST_NAME: usize = 100;
/// Longest host name (RFC 1035 §2.3.4).
const LONGEST_HOST: usize = 255;
/// Longest user name, password or realm.
const LONGEST_LOGIN: usize = 128;
/// Bytes of a contact that cannot be guessed.
const CONTACT_BYTES: usize = 8;
/// Most addresses that are trusted to be this trunk.
const MOST_SOURCES: usize = 64;
/// Most channels of a trunk.
const MOST_CHANNELS: i64 = 100_000;

/// A trunk to be. `transport`, `auth` and `status` are names of the model's enums.
#[derive(Clone, Debug, Default)]
pub struct NewTrunk {
    pub name: String,
    pub host: String,
    pub port: Option<u16>,
    /// `udp` if none.
    pub transport: Option<String>,
    /// `digest` if there is a username, else `ip` if there are sources, else `none`.
    pub auth: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub realm: Option<String>,
    pub from_user: Option<String>,
    pub from_domain: Option<String>,
    pub max_channels: Option<i64>,
    pub sources: Vec<IpAddr>,
    pub options: TrunkOptions,
}

/// A trunk with how busy it is.
#[derive(Clone, Debug)]
pub struct TrunkState {
    pub trunk: Trunk,
    pub channels_in_use: i64,
}

pub async fn list(desk: &Desk, who: &Principal, page: Page) -> Result<Listing<TrunkState>> {
    search(desk, who, None, page).await
}

/// Lists the trunks with `text` in their name or host.
pub async fn search(desk: &Desk, who: &Principal, text: Option<&str>, page: Page) -> Result<Listing<TrunkState>> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    let slice = rows::Slice { offset: page.offset(), limit: page.limit() };
    let (trunks, total) = rows::trunks::list(&mut tx, tenant, text, slice).await?;
    let busy: HashMap<TrunkId, i64> = rows::calls::count_by_trunk(&mut tx, tenant).await?.into_iter().collect();
    let state = |trunk: Trunk| TrunkState { channels_in_use: busy.get(&trunk.id).copied().unwrap_or(0), trunk };
    Ok(Listing::new(page, trunks, total).map(state))
}

pub async fn show(desk: &Desk, who: &Principal, id: TrunkId) -> Result<TrunkState> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    let trunk = find(&mut tx, tenant, id).await?;
    let busy = rows::calls::count_by_trunk(&mut tx, tenant).await?;
    let channels_in_use = busy.iter().find(|(trunk, _)| *trunk == id).map_or(0, |(_, calls)| *calls);
    Ok(TrunkState { trunk, channels_in_use })
}

pub async fn create(desk: &Desk, who: &Principal, new: NewTrunk) -> Result<Trunk> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let mut trunk = checked(tenant, &new, false)?;
    refuse_foreign(desk, &trunk).await?;
    (trunk.created_at, trunk.updated_at) = (tx.now(), tx.now());
    trunk.id = rows::trunks::insert(&mut tx, tenant, &trunk).await.map_err(taken("name"))?;
    if let Some(password) = &new.password {
        // The place of the secret is the row, whose id is known only now.
        trunk.sealed_password = Some(desk.secrets.seal(tenant, &place(trunk.id), password.as_bytes()));
        rows::trunks::update(&mut tx, tenant, &trunk).await?;
    }
    desk.commit(tx, who, done("trunk.create", &trunk)).await?;
    Ok(trunk)
}

/// What to change of a trunk; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct TrunkChanges {
    pub name: Option<String>,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub transport: Option<String>,
    pub auth: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub realm: Option<String>,
    pub from_user: Option<String>,
    pub from_domain: Option<String>,
    pub max_channels: Option<i64>,
    pub sources: Option<Vec<IpAddr>>,
    pub options: Option<TrunkOptions>,
    pub status: Option<TrunkStatus>,
}

/// Changes a trunk. Calls that are up go on as they are; the next call follows the change.
pub async fn update(desk: &Desk, who: &Principal, id: TrunkId, changes: TrunkChanges) -> Result<Trunk> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let old = find(&mut tx, tenant, id).await?;
    let merged = NewTrunk {
        name: changes.name.unwrap_or_else(|| old.name.clone()),
        host: changes.host.unwrap_or_else(|| old.host.clone()),
        port: changes.port.or(old.port),
        transport: changes.transport.or_else(|| Some(old.transport.as_str().to_owned())),
        auth: changes.auth.or_else(|| Some(old.auth.as_str().to_owned())),
        username: changes.username.or_else(|| old.username.clone()),
        password: changes.password,
        realm: changes.realm.or_else(|| old.realm.clone()),
        from_user: changes.from_user.or_else(|| old.from_user.clone()),
        from_domain: changes.from_domain.or_else(|| old.from_domain.clone()),
        max_channels: changes.max_channels.or(old.max_channels),
        sources: changes.sources.unwrap_or_else(|| old.sources.clone()),
        options: changes.options.unwrap_or_else(|| old.options.clone()),
    };
    write(desk, who, tx, old, merged, changes.status).await
}

/// Puts a trunk in the place of another: what is absent is gone, but for the password, which stays while there is a
/// login.
pub async fn replace(desk: &Desk, who: &Principal, id: TrunkId, new: NewTrunk, status: TrunkStatus) -> Result<Trunk> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let old = find(&mut tx, tenant, id).await?;
    write(desk, who, tx, old, new, Some(status)).await
}

async fn write(
    desk: &Desk,
    who: &Principal,
    mut tx: Tx,
    old: Trunk,
    new: NewTrunk,
    status: Option<TrunkStatus>,
) -> Result<Trunk> {
    let (tenant, id) = (old.tenant, old.id);
    let checked = checked(tenant, &new, old.sealed_password.is_some())?;
    if checked.sources != old.sources || checked.auth != old.auth {
        refuse_foreign(desk, &checked).await?;
    }
    let sealed_password = match &new.password {
        Some(password) => Some(desk.secrets.seal(tenant, &place(id), password.as_bytes())),
        None => old.sealed_password.filter(|_| checked.username.is_some()),
    };
    let trunk = Trunk {
        id,
        sealed_password,
        status: status.unwrap_or(old.status),
        created_at: old.created_at,
        updated_at: tx.now(),
        ..checked
    };
    rows::trunks::update(&mut tx, tenant, &trunk).await.map_err(taken("name"))?;
    desk.commit(tx, who, done("trunk.update", &trunk)).await?;
    Ok(trunk)
}

/// Deletes a trunk that no route leads to.
pub async fn delete(desk: &Desk, who: &Principal, id: TrunkId) -> Result<()> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let trunk = find(&mut tx, tenant, id).await?;
    let count = rows::routes::count_by_trunk(&mut tx, tenant, id).await?;
    if count > 0 {
        return Err(Error::InUse { what: "trunk", count });
    }
    rows::trunk_registrations::delete(&mut tx, tenant, id).await?;
    rows::trunks::delete(&mut tx, tenant, id).await?;
    desk.commit(tx, who, done("trunk.delete", &trunk)).await
}

/// Opens the password for the carrier; `None` if there is none or it cannot be opened.
pub(crate) fn open_password(secrets: &Secrets, trunk: &Trunk) -> Option<String> {
    let sealed = trunk.sealed_password.as_ref()?;
    match secrets.unseal(trunk.tenant, &place(trunk.id), sealed) {
        Ok(plain) => String::from_utf8(plain.to_vec()).ok(),
        Err(error) => {
            tracing::error!(tenant.id = %trunk.tenant, trunk = %trunk.name, %error, "trunk password cannot be opened");
            None
        }
    }
}

/// Returns the user of the contact that a trunk registers: the same after a restart, and nobody can guess it who is not told.
pub(crate) fn contact(secrets: &Secrets, trunk: &Trunk) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let key = secrets.derive("trunk contact v1");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&*key).expect("HMAC takes keys of any length");
    mac.update(format!("{}\n{}", trunk.tenant, trunk.id).as_bytes());
    let tag = hex::encode(&mac.finalize().into_bytes()[..CONTACT_BYTES]);
    format!("t{}-{tag}", trunk.id)
}

/// Says whether this may be the contact of a trunk.
pub(crate) fn is_contact(user: &str) -> bool {
    let Some((id, tag)) = user.strip_prefix('t').and_then(|rest| rest.split_once('-')) else { return false };
    let hex = |byte: u8| byte.is_ascii_hexdigit();
    !id.is_empty()
        && id.bytes().all(|byte| byte.is_ascii_digit())
        && tag.len() == 2 * CONTACT_BYTES
        && tag.bytes().all(hex)
}

/// An address without a login only says whose requests from there are while no other account names it.
async fn refuse_foreign(desk: &Desk, trunk: &Trunk) -> Result<()> {
    if trunk.sources.is_empty() || trunk.auth == TrunkAuth::Digest {
        return Ok(());
    }
    let mut tx = desk.db.read_any_tenant().await?;
    let all = rows::trunks::any_tenant_all(&mut tx).await?;
    let names_it = |other: &Trunk| {
        other.tenant != trunk.tenant && other.sources.iter().any(|source| trunk.sources.contains(source))
    };
    if all.iter().any(names_it) { Err(Error::Taken("sources")) } else { Ok(()) }
}

/// The table, column and row that the secret belongs to.
fn place(id: TrunkId) -> String {
    format!("trunk.password:{id}")
}

async fn find(tx: &mut Tx, tenant: TenantId, id: TrunkId) -> Result<Trunk> {
    rows::trunks::find(tx, tenant, id).await?.ok_or(Error::NotFound("trunk"))
}

/// Checks every field and returns the trunk without id, times and password. `has_password` says that one is stored.
fn checked(tenant: TenantId, new: &NewTrunk, has_password: bool) -> Result<Trunk> {
    let mut fields = Fields::new();
    let name = fields.require_text("name", Some(&new.name), 1, LONGEST_NAME);
    let host = fields.require_text("host", Some(&new.host), 1, LONGEST_HOST);
    fields.check("host", host.as_deref().is_none_or(is_host), Rule::Format);
    fields.check("port", new.port != Some(0), Rule::Between(1, 65_535));
    let transport = new.transport.as_deref().map_or(Some(TrunkTransport::Udp), TrunkTransport::parse);
    fields.check("transport", transport.is_some(), Rule::Selected);
    let meant = match (&new.username, new.sources.is_empty()) {
        (Some(_), _) => TrunkAuth::Digest,
        (None, false) => TrunkAuth::Ip,
        (None, true) => TrunkAuth::None,
    };
    let auth = new.auth.as_deref().map_or(Some(meant), TrunkAuth::parse);
    fields.check("auth", auth.is_some(), Rule::Selected);
    if auth == Some(TrunkAuth::Digest) {
        fields.check("username", new.username.is_some(), Rule::Required);
        fields.check("password", has_password || new.password.is_some(), Rule::Required);
    }
    let mut short = |field, value: &Option<String>| fields.text(field, value.as_deref(), 1, LONGEST_LOGIN);
    let username = short("username", &new.username);
    short("password", &new.password);
    let realm = short("realm", &new.realm);
    let from_user = short("from_user", &new.from_user);
    let from_domain = short("from_domain", &new.from_domain);
    let max_channels = fields.number("max_channels", new.max_channels, 1, MOST_CHANNELS);
    fields.check(
        "sources",
        new.sources.len() <= MOST_SOURCES,
        Text::new("There are too many sources.", "Có quá nhiều địa chỉ."),
    );
    let options = checked_options(new, &mut fields);
    let keys_are_hidden = options.srtp == TrunkSrtp::Off || transport == Some(TrunkTransport::Tls);
    fields.check("srtp", keys_are_hidden, Text::new("SRTP needs the transport TLS.", "SRTP cần giao thức TLS."));
    refuse(fields)?;
    let epoch = domain::Timestamp::from_millis(0);
    Ok(Trunk {
        id: TrunkId(0),
        tenant,
        name: name.unwrap_or_default(),
        host: host.unwrap_or_default(),
        port: new.port,
        transport: transport.unwrap_or(TrunkTransport::Udp),
        auth: auth.unwrap_or(meant),
        username,
        sealed_password: None,
        realm,
        from_user,
        from_domain,
        max_channels,
        status: TrunkStatus::Active,
        sources: new.sources.clone(),
        options,
        created_at: epoch,
        updated_at: epoch,
    })
}

/// Codecs that a trunk may be told to prefer.
pub const CODECS: &[&str] = &["PCMA", "PCMU", "G722", "opus"];

fn checked_options(new: &NewTrunk, fields: &mut Fields) -> TrunkOptions {
    let options = new.options.clone();
    fields.number("max_cps", options.max_cps, 1, 10_000);
    let known = |(at, name): (usize, &String)| {
        CODECS.contains(&name.as_str()) && !options.codecs[..at].iter().any(|other| other == name)
    };
    fields.check("codecs", options.codecs.iter().enumerate().all(known), Rule::Selected);
    fields.check("strip", options.rewrite.strip <= 32, Rule::Between(0, 32));
    fields.check("prepend", is_prefix(&options.rewrite.prepend), Rule::Format);
    fields.check("caller_id", options.caller_id.as_deref().is_none_or(number::is_dialable), Rule::Format);
    options
}

/// Says whether this may stand before a number: digits, a plus, stars and hashes of a carrier's own prefix.
pub(super) fn is_prefix(text: &str) -> bool {
    text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'*' | b'#'))
}

/// Says whether this is a host name or an address, an IPv6 one with or without brackets.
fn is_host(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().is_ok()
        || (!text.starts_with(['-', '.'])
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')))
}

fn done<'a>(action: &'static str, trunk: &Trunk) -> Done<'a> {
    Done {
        action,
        target: format!("trunk:{}", trunk.id).into(),
        detail: json!({
            "name": trunk.name,
            "host": trunk.host,
            "port": trunk.port,
            "transport": trunk.transport,
            "auth": trunk.auth,
            "username": trunk.username,
            "max_channels": trunk.max_channels,
            "status": trunk.status,
            "sources": trunk.sources,
            "max_cps": trunk.options.max_cps,
            "codecs": trunk.options.codecs,
            "dtmf": trunk.options.dtmf,
            "srtp": trunk.options.srtp,
            "number_format": trunk.options.number_format.as_str(),
            "strip": trunk.options.rewrite.strip,
            "prepend": trunk.options.rewrite.prepend,
            "caller_id": trunk.options.caller_id,
            "asserts_identity": trunk.options.asserts_identity,
            "trusts_identity": trunk.options.trusts_identity,
        }),
        changed: Changed::Trunks(trunk.tenant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for (text, good) in [
            ("sip.carrier.example", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("[2001:db8::1]", true),
            ("bad host", false),
            ("a;b", false),
            ("host:5060", false),
            (".example", false),
        ] {
            assert_eq!(is_host(text), good, "{text}");
        }
    }

    #[test]
    fn a_trunk_with_a_login_needs_both_halves() {
        let new = NewTrunk {
            name: "carrier".to_owned(),
            host: "127.0.0.1".to_owned(),
            auth: Some("digest".to_owned()),
            ..NewTrunk::default()
        };
        let Err(Error::Invalid(fields)) = checked(TenantId(1), &new, false) else { panic!("it was taken") };
        assert_eq!(fields.names().collect::<Vec<_>>(), ["username", "password"]);
    }
}
