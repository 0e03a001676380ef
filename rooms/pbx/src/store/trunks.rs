//! Trunks.

use std::net::IpAddr;

use domain::{
    TenantId,
    ids::TrunkId,
    routing::{NumberFormat, Rewrite},
};
use store::{FromRow, Row, Tx, containing, sql};

use super::{Result, Slice, unreadable};
use crate::model::{Trunk, TrunkOptions};

impl FromRow for Trunk {
    fn from_row(row: &Row) -> Result<Self> {
        let sources: String = row.get("sources")?;
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            name: row.get("name")?,
            host: row.get("host")?,
            port: row.get("port")?,
            transport: row.get("transport")?,
            auth: row.get("auth")?,
            username: row.get("username")?,
            sealed_password: row.get("password_sealed")?,
            realm: row.get("realm")?,
            from_user: row.get("from_user")?,
            from_domain: row.get("from_domain")?,
            max_channels: row.get("max_channels")?,
            status: row.get("status")?,
            sources: serde_json::from_str::<Vec<IpAddr>>(&sources).map_err(|_| unreadable("sources", sources))?,
            options: options(row)?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

fn options(row: &Row) -> Result<TrunkOptions> {
    let format = |column: &'static str| {
        let name: String = row.get(column)?;
        NumberFormat::parse(&name).ok_or_else(|| unreadable(column, name))
    };
    let list = |column: &'static str| {
        let text: String = row.get(column)?;
        serde_json::from_str::<Vec<String>>(&text).map_err(|_| unreadable(column, text))
    };
    let strip: i64 = row.get("strip")?;
    Ok(TrunkOptions {
        max_cps: row.get("max_cps")?,
        codecs: list("codecs")?,
        dtmf: row.get("dtmf")?,
        srtp: row.get("srtp")?,
        number_format: format("number_format")?,
        rewrite: Rewrite {
            strip: u8::try_from(strip).map_err(|_| unreadable("strip", strip))?,
            prepend: row.get("prepend")?,
        },
        caller_id: row.get("caller_id")?,
        caller_id_format: format("caller_id_format")?,
        asserts_identity: row.get("asserts_identity")?,
        trusts_identity: row.get("trusts_identity")?,
    })
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: TrunkId) -> Result<Option<Trunk>> {
    sql("select id, tenant_id, name, host, port, transport, auth, username, password_sealed, realm, from_user, from_domain,
            max_channels, status, sources, max_cps, codecs, dtmf,
            srtp, number_format, strip, prepend, caller_id, caller_id_format, asserts_identity, trusts_identity, created_at, updated_at
         from trunk where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

/// Returns the trunks of one page with `text` in their name or host, by name, and how many there are in all.
pub(crate) async fn list(tx: &mut Tx, tenant: TenantId, text: Option<&str>, slice: Slice) -> Result<(Vec<Trunk>, i64)> {
    let pattern = text.map(containing);
    let rows =
        sql("select id, tenant_id, name, host, port, transport, auth, username, password_sealed, realm, from_user,
            from_domain, max_channels, status, sources, max_cps, codecs, dtmf,
            srtp, number_format, strip, prepend, caller_id, caller_id_format, asserts_identity, trusts_identity, created_at, updated_at
         from trunk
         where tenant_id = $1
           and (cast($2 as text) is null or lower(name) like lower($2) escape '!' or lower(host) like lower($2) escape '!')
         order by name limit $3 offset $4")
        .bind(tenant)
        .bind(pattern.clone())
        .bind(slice.limit)
        .bind(slice.offset)
        .all(tx)
        .await?;
    let (total,) = sql("select count(*) from trunk
         where tenant_id = $1
           and (cast($2 as text) is null or lower(name) like lower($2) escape '!' or lower(host) like lower($2) escape '!')")
    .bind(tenant)
    .bind(pattern)
    .one::<(i64,)>(tx)
    .await?;
    Ok((rows, total))
}

pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<Trunk>> {
    sql("select id, tenant_id, name, host, port, transport, auth, username, password_sealed, realm, from_user, from_domain,
            max_channels, status, sources, max_cps, codecs, dtmf,
            srtp, number_format, strip, prepend, caller_id, caller_id_format, asserts_identity, trusts_identity, created_at, updated_at
         from trunk order by tenant_id, id")
    .all(tx)
    .await
}

/// Stores a new trunk, whose `id` is ignored, and returns its id. A taken name violates a unique key.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, trunk: &Trunk) -> Result<TrunkId> {
    let (id,) = sql("insert into trunk
            (tenant_id, name, host, port, transport, auth, username, password_sealed, realm, from_user, from_domain,
             max_channels, status, sources, created_at, updated_at, max_cps, codecs,
             dtmf, srtp, number_format, strip, prepend, caller_id, caller_id_format, asserts_identity, trusts_identity)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
                 $24, $25, $26, $27)
         returning id")
    .bind(tenant)
    .bind(&trunk.name)
    .bind(&trunk.host)
    .bind(trunk.port)
    .bind(trunk.transport)
    .bind(trunk.auth)
    .bind(trunk.username.as_deref())
    .bind(trunk.sealed_password.clone())
    .bind(trunk.realm.as_deref())
    .bind(trunk.from_user.as_deref())
    .bind(trunk.from_domain.as_deref())
    .bind(trunk.max_channels)
    .bind(trunk.status)
    .bind(sources_json(&trunk.sources))
    .bind(trunk.created_at)
    .bind(trunk.updated_at)
    .bind(trunk.options.max_cps)
    .bind(names_json(&trunk.options.codecs))
    .bind(trunk.options.dtmf)
    .bind(trunk.options.srtp)
    .bind(trunk.options.number_format.as_str())
    .bind(i64::from(trunk.options.rewrite.strip))
    .bind(&trunk.options.rewrite.prepend)
    .bind(trunk.options.caller_id.as_deref())
    .bind(trunk.options.caller_id_format.as_str())
    .bind(trunk.options.asserts_identity)
    .bind(trunk.options.trusts_identity)
    .one::<(TrunkId,)>(tx)
    .await?;
    Ok(id)
}

/// Writes the whole trunk but its id and creation time. Returns whether it exists.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, trunk: &Trunk) -> Result<bool> {
    let rows = sql("update trunk
         set name = $3, host = $4, port = $5, transport = $6, auth = $7, username = $8, password_sealed = $9, realm = $10,
             from_user = $11, from_domain = $12, max_channels = $13, status = $14, sources = $15, updated_at = $16,
             max_cps = $17, codecs = $18, dtmf = $19, srtp = $20, number_format = $21, strip = $22, prepend = $23,
             caller_id = $24, caller_id_format = $25, asserts_identity = $26, trusts_identity = $27
         where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(trunk.id)
    .bind(&trunk.name)
    .bind(&trunk.host)
    .bind(trunk.port)
    .bind(trunk.transport)
    .bind(trunk.auth)
    .bind(trunk.username.as_deref())
    .bind(trunk.sealed_password.clone())
    .bind(trunk.realm.as_deref())
    .bind(trunk.from_user.as_deref())
    .bind(trunk.from_domain.as_deref())
    .bind(trunk.max_channels)
    .bind(trunk.status)
    .bind(sources_json(&trunk.sources))
    .bind(trunk.updated_at)
    .bind(trunk.options.max_cps)
    .bind(names_json(&trunk.options.codecs))
    .bind(trunk.options.dtmf)
    .bind(trunk.options.srtp)
    .bind(trunk.options.number_format.as_str())
    .bind(i64::from(trunk.options.rewrite.strip))
    .bind(&trunk.options.rewrite.prepend)
    .bind(trunk.options.caller_id.as_deref())
    .bind(trunk.options.caller_id_format.as_str())
    .bind(trunk.options.asserts_identity)
    .bind(trunk.options.trusts_identity)
    .run(tx)
    .await?;
    Ok(rows > 0)
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: TrunkId) -> Result<bool> {
    let rows = sql("delete from trunk where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await?;
    Ok(rows > 0)
}

fn names_json(names: &[String]) -> String {
    serde_json::to_string(names).expect("texts always serialise")
}

fn sources_json(sources: &[IpAddr]) -> String {
    serde_json::to_string(sources).expect("addresses always serialise")
}
