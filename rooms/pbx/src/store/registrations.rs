//! Where phones are registered.

use domain::{TenantId, Timestamp};
use store::{FromRow, Row, Tx, sql};

use super::{Result, unreadable};
use crate::model::Binding;

impl FromRow for Binding {
    fn from_row(row: &Row) -> Result<Self> {
        let source: String = row.get("source")?;
        Ok(Self {
            contact: row.get("contact")?,
            instance: row.get("instance")?,
            reg_id: row.get("reg_id")?,
            call_id: row.get("call_id")?,
            cseq: row.get("cseq")?,
            expires_at: row.get("expires_at")?,
            source: source.parse().map_err(|_| unreadable("source", source))?,
            transport: row.get("transport")?,
            user_agent: row.get("user_agent")?,
            path: row.get("path")?,
            registered_at: row.get("registered_at")?,
        })
    }
}

/// A binding with the extension it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) tenant: TenantId,
    pub(crate) number: String,
    pub(crate) binding: Binding,
}

impl FromRow for Registered {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            tenant: row.get("tenant_id")?,
            number: row.get("extension_number")?,
            binding: Binding::from_row(row)?,
        })
    }
}

/// Returns the bindings of an extension that have not expired, the newest first.
pub(crate) async fn of(tx: &mut Tx, tenant: TenantId, number: &str) -> Result<Vec<Binding>> {
    let now = tx.now();
    sql("select contact, instance, reg_id, call_id, cseq, expires_at, source, transport, user_agent, path, registered_at
         from registration
         where tenant_id = $1 and extension_number = $2 and expires_at > $3
         order by registered_at desc, contact")
    .bind(tenant)
    .bind(number)
    .bind(now)
    .all(tx)
    .await
}

/// Adds or refreshes one binding: what an ordinary refresh needs, in one statement.
pub(crate) async fn put(tx: &mut Tx, tenant: TenantId, number: &str, binding: &Binding) -> Result<()> {
    sql("insert into registration
            (tenant_id, extension_number, contact, instance, reg_id, call_id, cseq, expires_at, source, transport,
             user_agent, path, registered_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         on conflict (tenant_id, extension_number, contact) do update
         set instance = excluded.instance, reg_id = excluded.reg_id, call_id = excluded.call_id, cseq = excluded.cseq,
             expires_at = excluded.expires_at, source = excluded.source, transport = excluded.transport,
             user_agent = excluded.user_agent, path = excluded.path, registered_at = excluded.registered_at")
    .bind(tenant)
    .bind(number)
    .bind(&binding.contact)
    .bind(binding.instance.as_deref())
    .bind(binding.reg_id)
    .bind(&binding.call_id)
    .bind(binding.cseq)
    .bind(binding.expires_at)
    .bind(binding.source.to_string())
    .bind(&binding.transport)
    .bind(binding.user_agent.as_deref())
    .bind(binding.path.as_deref())
    .bind(binding.registered_at)
    .run(tx)
    .await?;
    Ok(())
}

/// Ends every binding of an extension. Returns how many there were.
pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, number: &str) -> Result<u64> {
    sql("delete from registration where tenant_id = $1 and extension_number = $2")
        .bind(tenant)
        .bind(number)
        .run(tx)
        .await
}

/// Ends one binding. Returns whether it was there.
pub(crate) async fn delete_one(tx: &mut Tx, tenant: TenantId, number: &str, contact: &str) -> Result<bool> {
    let rows = sql("delete from registration where tenant_id = $1 and extension_number = $2 and contact = $3")
        .bind(tenant)
        .bind(number)
        .bind(contact)
        .run(tx)
        .await?;
    Ok(rows > 0)
}

/// Returns every binding of every account, the expired ones too.
pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<Registered>> {
    sql("select tenant_id, extension_number, contact, instance, reg_id, call_id, cseq, expires_at, source, transport,
            user_agent, path, registered_at
         from registration order by tenant_id, extension_number, registered_at")
    .all(tx)
    .await
}

/// Forgets what expired before `before`. Returns how many.
pub(crate) async fn any_tenant_delete_expired(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    sql("delete from registration where expires_at < $1").bind(before).run(tx).await
}
