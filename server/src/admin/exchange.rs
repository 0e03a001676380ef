//! `zorio admin trunk | caller-id | route`.

use std::net::IpAddr;

use anyhow::{Context as _, bail, ensure};
use clap::Subcommand;
use domain::{Principal, ids::TrunkId, routing::Destination};
use pbx::{
    model::{CallerId, NewRoute, Route, RouteKind, Trunk, TrunkDtmf, TrunkOptions, TrunkSrtp, TrunkStatus},
    ops::{
        caller_ids, routes,
        trunk_registrations::{self, NewRegistration},
        trunks::{self, NewTrunk, TrunkChanges},
    },
};
use serde_json::{Value, json};
use web::{Fields, Listing, Page};

use crate::wire::Rooms;

#[derive(Subcommand, Debug)]
pub(super) enum TrunkCommand {
    /// Makes a trunk: with a login (digest), by address, or open.
    Create {
        #[arg(long)]
        name: String,
        /// Name or address of the carrier.
        #[arg(long)]
        host: String,
        #[command(flatten)]
        fields: Box<TrunkFields>,
    },
    /// Lists the account's trunks.
    List,
    /// Changes what is given of a trunk, or takes it into use or out of it.
    Update {
        id: i64,
        #[arg(long)]
        name: Option<String>,
        /// Name or address of the carrier.
        #[arg(long)]
        host: Option<String>,
        /// active or disabled.
        #[arg(long, value_parser = trunk_status)]
        status: Option<TrunkStatus>,
        #[command(flatten)]
        fields: Box<TrunkFields>,
    },
    /// Lets a trunk with a login sign in at its carrier, so that calls to its numbers come here; or no more.
    Register {
        id: i64,
        /// Hosts ("name" or "name:port") to register at, in the order to try; the trunk's own unless given.
        #[arg(long = "registrar", value_delimiter = ',')]
        registrars: Vec<String>,
        /// Seconds to ask for; 3600 unless given.
        #[arg(long)]
        expires: Option<i64>,
        /// The trunk registers no more.
        #[arg(long, conflicts_with_all = ["registrars", "expires"])]
        off: bool,
    },
    /// Deletes a trunk that no route leads to.
    Delete { id: i64 },
}

/// What need not be said of a trunk.
#[derive(clap::Args, Clone, Debug, Default, PartialEq)]
pub(super) struct TrunkFields {
    #[arg(long)]
    port: Option<u16>,
    /// udp, tcp or tls; udp unless given.
    #[arg(long)]
    transport: Option<String>,
    /// none, ip or digest; at first what the other arguments mean.
    #[arg(long)]
    auth: Option<String>,
    #[arg(long)]
    username: Option<String>,
    #[arg(long)]
    password: Option<String>,
    /// The only realm that the password is answered for.
    #[arg(long)]
    realm: Option<String>,
    #[arg(long)]
    from_user: Option<String>,
    #[arg(long)]
    from_domain: Option<String>,
    /// Calls that may be up at a time.
    #[arg(long)]
    max_channels: Option<i64>,
    /// Addresses whose requests are this trunk's without a login: all of them.
    #[arg(long, value_delimiter = ',')]
    sources: Option<Vec<IpAddr>>,
    /// New calls a second.
    #[arg(long)]
    max_cps: Option<i64>,
    /// PCMA, PCMU, G722 and opus, in the order in which they are offered.
    #[arg(long, value_delimiter = ',')]
    codecs: Option<Vec<String>>,
    /// How key presses travel: rfc4733, info or inband.
    #[arg(long, value_parser = trunk_dtmf)]
    dtmf: Option<TrunkDtmf>,
    /// Whether the voice is encrypted: off, optional or required; needs the transport tls.
    #[arg(long, value_parser = trunk_srtp)]
    srtp: Option<TrunkSrtp>,
    /// Whether what the carrier says of callers is believed: P-Asserted-Identity and verstat.
    #[arg(long)]
    trusts_identity: Option<bool>,
}

impl TrunkFields {
    /// Returns the options with what is given; nothing if nothing is.
    fn options(&self, old: TrunkOptions) -> Option<TrunkOptions> {
        let given = Self {
            max_cps: self.max_cps,
            codecs: self.codecs.clone(),
            dtmf: self.dtmf,
            srtp: self.srtp,
            trusts_identity: self.trusts_identity,
            ..Self::default()
        };
        (given != Self::default()).then(|| TrunkOptions {
            max_cps: self.max_cps.or(old.max_cps),
            codecs: given.codecs.unwrap_or(old.codecs),
            dtmf: self.dtmf.unwrap_or(old.dtmf),
            srtp: self.srtp.unwrap_or(old.srtp),
            trusts_identity: self.trusts_identity.unwrap_or(old.trusts_identity),
            ..old
        })
    }
}

#[derive(Subcommand, Debug)]
pub(super) enum CallerIdCommand {
    /// Adds a number that may be shown to the called side.
    Create {
        #[arg(long)]
        number: String,
        #[arg(long)]
        label: Option<String>,
        /// The trunk that the carrier accepts it on; any if absent.
        #[arg(long)]
        trunk_id: Option<i64>,
    },
    /// Lists the account's caller IDs.
    List,
    /// Deletes a caller ID that no extension shows.
    Delete { id: i64 },
}

#[derive(Subcommand, Debug)]
pub(super) enum RouteCommand {
    /// Adds a route: --prefix or --default with a trunk for calls out, --did with an extension for calls in.
    Create {
        /// Dialled numbers that begin so leave by --trunk-id; the longest prefix wins.
        #[arg(long, conflicts_with_all = ["default", "did"])]
        prefix: Option<String>,
        /// Every other number leaves by --trunk-id.
        #[arg(long, conflicts_with = "did")]
        default: bool,
        /// Calls from outside to this number ring --extension, or lead where --to says.
        #[arg(long)]
        did: Option<String>,
        #[arg(long)]
        extension: Option<String>,
        /// Where else: queue:support, ring_group:1, menu:2, voicemail:1001.
        #[arg(long, requires = "did", conflicts_with = "extension")]
        to: Option<String>,
        #[arg(long)]
        trunk_id: Option<i64>,
        /// Lower goes first.
        #[arg(long, default_value_t = 0)]
        priority: i64,
    },
    /// Lists the account's routes.
    List,
    /// Deletes a route.
    Delete { id: i64 },
}

pub(super) async fn trunk(rooms: &Rooms, who: &Principal, command: &TrunkCommand) -> anyhow::Result<Value> {
    let desk = &rooms.desk;
    match command {
        TrunkCommand::Create { name, host, fields } => {
            let fields = fields.as_ref().clone();
            let options = fields.options(TrunkOptions::default()).unwrap_or_default();
            let new = NewTrunk {
                name: name.clone(),
                host: host.clone(),
                port: fields.port,
                transport: fields.transport,
                auth: fields.auth,
                username: fields.username,
                password: fields.password,
                realm: fields.realm,
                from_user: fields.from_user,
                from_domain: fields.from_domain,
                max_channels: fields.max_channels,
                sources: fields.sources.unwrap_or_default(),
                options,
            };
            Ok(trunk_body(&trunks::create(desk, who, new).await?))
        }
        TrunkCommand::List => {
            all(
                async |page| trunks::list(desk, who, page).await,
                |state| {
                    let mut body = trunk_body(&state.trunk);
                    body["channels_in_use"] = json!(state.channels_in_use);
                    body
                },
            )
            .await
        }
        TrunkCommand::Update { id, name, host, status, fields } => {
            let fields = fields.as_ref().clone();
            let nothing = name.is_none() && host.is_none() && status.is_none() && fields == TrunkFields::default();
            ensure!(!nothing, "say what is to be changed: see zorio admin trunk update --help");
            let old = trunks::show(desk, who, TrunkId(*id)).await?.trunk.options;
            let options = fields.options(old);
            let changes = TrunkChanges {
                name: name.clone(),
                host: host.clone(),
                port: fields.port,
                transport: fields.transport,
                auth: fields.auth,
                username: fields.username,
                password: fields.password,
                realm: fields.realm,
                from_user: fields.from_user,
                from_domain: fields.from_domain,
                max_channels: fields.max_channels,
                sources: fields.sources,
                options,
                status: *status,
            };
            Ok(trunk_body(&trunks::update(desk, who, TrunkId(*id), changes).await?))
        }
        TrunkCommand::Register { id, registrars, expires, off } => {
            let new = NewRegistration { registrars: registrars.clone(), expires: *expires };
            trunk_registrations::set(desk, who, TrunkId(*id), (!off).then_some(new)).await?;
            Ok(json!({"id": id, "registers": !off}))
        }
        TrunkCommand::Delete { id } => {
            trunks::delete(desk, who, TrunkId(*id)).await?;
            Ok(json!({"id": id, "deleted": true}))
        }
    }
}

pub(super) async fn caller_id(rooms: &Rooms, who: &Principal, command: &CallerIdCommand) -> anyhow::Result<Value> {
    let desk = &rooms.desk;
    match command {
        CallerIdCommand::Create { number, label, trunk_id } => {
            let fill = caller_ids::Fill {
                number: Some(number.clone()),
                label: label.clone().map(Some),
                status: None,
                trunk_id: trunk_id.map(Some),
            };
            Ok(caller_id_body(&caller_ids::create(desk, who, fill, Fields::new()).await?))
        }
        CallerIdCommand::List => {
            all(async |page| caller_ids::list(desk, who, None, page).await, |row| caller_id_body(&row)).await
        }
        CallerIdCommand::Delete { id } => {
            caller_ids::delete(desk, who, *id).await?;
            Ok(json!({"id": id, "deleted": true}))
        }
    }
}

pub(super) async fn route(rooms: &Rooms, who: &Principal, command: &RouteCommand) -> anyhow::Result<Value> {
    let desk = &rooms.desk;
    match command {
        RouteCommand::Create { prefix, default, did, extension, to, trunk_id, priority } => {
            let plain = |kind| NewRoute::plain(kind, *priority);
            let leads = match (extension, to) {
                (Some(extension), _) => Some(Destination::Extension(extension.clone())),
                (None, Some(to)) => Some(destination(to)?),
                (None, None) => None,
            };
            let new = match (prefix, default, did, leads, trunk_id.map(TrunkId)) {
                (Some(prefix), false, None, None, Some(trunk)) => {
                    plain(RouteKind::Prefix { prefix: prefix.clone(), trunk })
                }
                (None, true, None, None, Some(trunk)) => plain(RouteKind::Default { trunk }),
                (None, false, Some(number), Some(destination), trunk) => {
                    plain(RouteKind::Did { number: number.clone(), destination, trunk })
                }
                _ => bail!(
                    "a route is --prefix P --trunk-id T, --default --trunk-id T, --did N --extension E, or --did N --to KIND:TARGET"
                ),
            };
            Ok(route_body(&routes::create(desk, who, new).await?))
        }
        RouteCommand::List => Ok(routes::list(desk, who).await?.iter().map(route_body).collect()),
        RouteCommand::Delete { id } => {
            routes::delete(desk, who, *id).await?;
            Ok(json!({"id": id, "deleted": true}))
        }
    }
}

/// Reads `KIND:TARGET`.
fn destination(text: &str) -> anyhow::Result<Destination> {
    let (kind, target) = text.split_once(':').unwrap_or((text, ""));
    Destination::read(kind, target).with_context(|| format!("{text:?} is nothing that calls can be led to"))
}

/// Reads a list to its last page.
async fn all<T>(
    mut read: impl AsyncFnMut(Page) -> pbx::Result<Listing<T>>,
    body: impl Fn(T) -> Value,
) -> anyhow::Result<Value> {
    let mut rows = Vec::new();
    let mut page = Page { page: 1, per_page: 200 };
    loop {
        let listing = read(page).await?;
        let last = listing.last_page;
        rows.extend(listing.data.into_iter().map(&body));
        if page.page >= last {
            return Ok(Value::Array(rows));
        }
        page.page += 1;
    }
}

fn trunk_status(text: &str) -> Result<TrunkStatus, String> {
    TrunkStatus::parse(text).ok_or_else(|| "active or disabled".to_owned())
}

fn trunk_dtmf(text: &str) -> Result<TrunkDtmf, String> {
    TrunkDtmf::parse(text).ok_or_else(|| "rfc4733, info or inband".to_owned())
}

fn trunk_srtp(text: &str) -> Result<TrunkSrtp, String> {
    TrunkSrtp::parse(text).ok_or_else(|| "off, optional or required".to_owned())
}

fn trunk_body(trunk: &Trunk) -> Value {
    json!({
        "id": trunk.id,
        "name": trunk.name,
        "host": trunk.host,
        "port": trunk.port,
        "transport": trunk.transport.as_str(),
        "auth": trunk.auth.as_str(),
        "username": trunk.username,
        "max_channels": trunk.max_channels,
        "sources": trunk.sources,
        "max_cps": trunk.options.max_cps,
        "codecs": trunk.options.codecs,
        "dtmf": trunk.options.dtmf.as_str(),
        "srtp": trunk.options.srtp.as_str(),
        "trusts_identity": trunk.options.trusts_identity,
        "status": trunk.status.as_str(),
        "created_at": trunk.created_at.rfc3339(),
    })
}

fn caller_id_body(caller_id: &CallerId) -> Value {
    json!({
        "id": caller_id.id,
        "number": caller_id.number,
        "label": caller_id.label,
        "status": caller_id.status.as_str(),
        "trunk_id": caller_id.trunk,
        "created_at": caller_id.created_at.rfc3339(),
    })
}

fn route_body(route: &Route) -> Value {
    let (kind, pattern, destination, trunk) = match &route.kind {
        RouteKind::Prefix { prefix, trunk } => ("prefix", Some(prefix), None, Some(*trunk)),
        RouteKind::Default { trunk } => ("default", None, None, Some(*trunk)),
        RouteKind::Did { number, destination, trunk } => ("did", Some(number), Some(destination), *trunk),
    };
    let extension = destination.filter(|destination| matches!(destination, Destination::Extension(_)));
    json!({
        "id": route.id,
        "kind": kind,
        "pattern": pattern,
        "extension": extension.map(Destination::target),
        "destination": destination.map(|to| json!({ "kind": to.kind(), "target": to.target() })),
        "trunk_id": trunk,
        "priority": route.priority,
    })
}
