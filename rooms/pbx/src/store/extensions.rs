//! Extensions and their SIP secrets.

use domain::TenantId;
use store::{FromRow, Row, Tx, containing, sql};

use super::{Result, Slice};
use crate::model::{Credentials, Extension, ExtensionStatus};

/// Which extensions a list shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Part of the number or the display name.
    pub(crate) search: Option<String>,
    pub(crate) status: Option<ExtensionStatus>,
}

impl FromRow for Extension {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            tenant: row.get("tenant_id")?,
            number: row.get("extension_number")?,
            display_name: row.get("display_name")?,
            voicemail_enabled: row.get("voicemail_enabled")?,
            outbound_caller_id: row.get("outbound_caller_id")?,
            recording_mode: row.get("recording_mode")?,
            status: row.get("status")?,
            team_id: row.get("team_id")?,
            department_id: row.get("department_id")?,
            max_concurrent: row.get("max_concurrent")?,
            tls_enabled: row.get("tls_enabled")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

impl FromRow for Credentials {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            tenant: row.get("tenant_id")?,
            number: row.get("extension_number")?,
            status: row.get("status")?,
            realm: row.get("realm")?,
            sealed: row.get("ha1_sealed")?,
        })
    }
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, number: &str) -> Result<Option<Extension>> {
    sql("select tenant_id, extension_number, display_name, voicemail_enabled, outbound_caller_id, recording_mode, status,
            team_id, department_id, max_concurrent, tls_enabled, created_at, updated_at
         from extension where tenant_id = $1 and extension_number = $2")
    .bind(tenant)
    .bind(number)
    .first(tx)
    .await
}

/// Returns every extension of every account, for the directory in memory.
pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<Extension>> {
    sql("select tenant_id, extension_number, display_name, voicemail_enabled, outbound_caller_id, recording_mode, status,
            team_id, department_id, max_concurrent, tls_enabled, created_at, updated_at
         from extension order by tenant_id, extension_number")
    .all(tx)
    .await
}

/// Returns the extensions of one page, by number, and how many there are in all.
pub(crate) async fn list(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &Filter,
    slice: Slice,
) -> Result<(Vec<Extension>, i64)> {
    let pattern = filter.search.as_deref().map(containing);
    let rows = sql(
        "select tenant_id, extension_number, display_name, voicemail_enabled, outbound_caller_id, recording_mode, status,
            team_id, department_id, max_concurrent, tls_enabled, created_at, updated_at
         from extension
         where tenant_id = $1
           and (cast($2 as text) is null
                or extension_number like $2 escape '!' or lower(display_name) like lower($2) escape '!')
           and (cast($3 as text) is null or status = $3)
         order by extension_number
         limit $4 offset $5",
    )
    .bind(tenant)
    .bind(pattern.clone())
    .bind(filter.status)
    .bind(slice.limit)
    .bind(slice.offset)
    .all(tx)
    .await?;
    let (total,) = sql("select count(*) from extension
         where tenant_id = $1
           and (cast($2 as text) is null
                or extension_number like $2 escape '!' or lower(display_name) like lower($2) escape '!')
           and (cast($3 as text) is null or status = $3)")
    .bind(tenant)
    .bind(pattern)
    .bind(filter.status)
    .one::<(i64,)>(tx)
    .await?;
    Ok((rows, total))
}

/// Returns which numbers of `length` digits from `low` to `high` (as text, both included) are taken, in order.
pub(crate) async fn taken(tx: &mut Tx, tenant: TenantId, low: &str, high: &str) -> Result<Vec<String>> {
    // Numbers of one length sort as text the way they sort as numbers.
    let rows = sql("select extension_number from extension
         where tenant_id = $1 and extension_number >= $2 and extension_number <= $3
           and length(extension_number) = length(cast($2 as text))
         union select queue_number from queue
         where tenant_id = $1 and queue_number >= $2 and queue_number <= $3
           and length(queue_number) = length(cast($2 as text))
         union select number from menu
         where tenant_id = $1 and number >= $2 and number <= $3 and length(number) = length(cast($2 as text))
         union select number from ring_group
         where tenant_id = $1 and number >= $2 and number <= $3 and length(number) = length(cast($2 as text))
         order by 1")
    .bind(tenant)
    .bind(low)
    .bind(high)
    .all::<(String,)>(tx)
    .await?;
    Ok(rows.into_iter().map(|(number,)| number).collect())
}

/// Stores a new extension with its sealed secret; a taken number violates a unique key.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    extension: &Extension,
    realm: &str,
    sealed: Vec<u8>,
) -> Result<()> {
    sql("insert into extension
            (tenant_id, extension_number, display_name, voicemail_enabled, outbound_caller_id, recording_mode, status,
             team_id, department_id, max_concurrent, tls_enabled, realm, ha1_sealed, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)")
    .bind(tenant)
    .bind(&extension.number)
    .bind(extension.display_name.as_deref())
    .bind(extension.voicemail_enabled)
    .bind(extension.outbound_caller_id.as_deref())
    .bind(extension.recording_mode)
    .bind(extension.status)
    .bind(extension.team_id)
    .bind(extension.department_id)
    .bind(extension.max_concurrent)
    .bind(extension.tls_enabled)
    .bind(realm)
    .bind(sealed)
    .bind(extension.created_at)
    .bind(extension.updated_at)
    .run(tx)
    .await?;
    Ok(())
}

/// Writes the whole extension but its number, secret and creation time. Returns whether it exists.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, extension: &Extension) -> Result<bool> {
    let rows = sql("update extension
         set display_name = $3, voicemail_enabled = $4, outbound_caller_id = $5, recording_mode = $6, status = $7,
             team_id = $8, department_id = $9, max_concurrent = $10, tls_enabled = $11, updated_at = $12
         where tenant_id = $1 and extension_number = $2")
    .bind(tenant)
    .bind(&extension.number)
    .bind(extension.display_name.as_deref())
    .bind(extension.voicemail_enabled)
    .bind(extension.outbound_caller_id.as_deref())
    .bind(extension.recording_mode)
    .bind(extension.status)
    .bind(extension.team_id)
    .bind(extension.department_id)
    .bind(extension.max_concurrent)
    .bind(extension.tls_enabled)
    .bind(extension.updated_at)
    .run(tx)
    .await?;
    Ok(rows > 0)
}

/// Replaces the secret. Returns whether the extension exists.
pub(crate) async fn set_secret(
    tx: &mut Tx,
    tenant: TenantId,
    number: &str,
    realm: &str,
    sealed: Vec<u8>,
) -> Result<bool> {
    let now = tx.now();
    let rows = sql("update extension set realm = $3, ha1_sealed = $4, updated_at = $5
         where tenant_id = $1 and extension_number = $2")
    .bind(tenant)
    .bind(number)
    .bind(realm)
    .bind(sealed)
    .bind(now)
    .run(tx)
    .await?;
    Ok(rows > 0)
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, number: &str) -> Result<bool> {
    let rows = sql("delete from extension where tenant_id = $1 and extension_number = $2")
        .bind(tenant)
        .bind(number)
        .run(tx)
        .await?;
    Ok(rows > 0)
}

/// Returns what every login of every account is checked against.
pub(crate) async fn any_tenant_load_credentials(tx: &mut Tx) -> Result<Vec<Credentials>> {
    sql("select tenant_id, extension_number, status, realm, ha1_sealed from extension").all(tx).await
}
