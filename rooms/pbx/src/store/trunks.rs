//! Trunks.

use std::net::IpAddr;

use domain::{TenantId, ids::TrunkId};
use store::{FromRow, Row, Tx, containing, sql};

use super::{Result, Slice, unreadable};
use crate::model::Trunk;

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
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: TrunkId) -> Result<Option<Trunk>> {
    sql("select id, tenant_id, name, host, port, transport, auth, username, password_sealed, realm, from_user, from_domain,
            max_channels, status, sources, created_at, updated_at
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
            from_domain, max_channels, status, sources, created_at, updated_at
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
            max_channels, status, sources, created_at, updated_at
         from trunk order by tenant_id, id")
    .all(tx)
    .await
}

/// Stores a new trunk, whose `id` is ignored, and returns its id. A taken name violates a unique key.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, trunk: &Trunk) -> Result<TrunkId> {
    let (id,) = sql("insert into trunk
            (tenant_id, name, host, port, transport, auth, username, password_sealed, realm, from_user, from_domain,
             max_channels, status, sources, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
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
    .one::<(TrunkId,)>(tx)
    .await?;
    Ok(id)
}

/// Writes the whole trunk but its id and creation time. Returns whether it exists.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, trunk: &Trunk) -> Result<bool> {
    let rows = sql("update trunk
         set name = $3, host = $4, port = $5, transport = $6, auth = $7, username = $8, password_sealed = $9, realm = $10,
             from_user = $11, from_domain = $12, max_channels = $13, status = $14, sources = $15, updated_at = $16
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
    .run(tx)
    .await?;
    Ok(rows > 0)
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: TrunkId) -> Result<bool> {
    let rows = sql("delete from trunk where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await?;
    Ok(rows > 0)
}

fn sources_json(sources: &[IpAddr]) -> String {
    serde_json::to_string(sources).expect("addresses always serialise")
}
