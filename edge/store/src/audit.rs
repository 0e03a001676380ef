//! The audit log: written in the transaction of the change, chained so that an edit shows.

use domain::{Principal, TenantId, Timestamp, principal::Actor};
use sha2::{Digest, Sha256};

use crate::{Error, FromRow, Tx, sql};

/// Records that `who` did `action` (`extension.create`) to `target` (`extension:12`), with its details.
///
/// The row belongs to the principal's account. Never put a secret into `detail`.
pub async fn audit(
    tx: &mut Tx,
    who: &Principal,
    action: &'static str,
    target: &str,
    detail: serde_json::Value,
) -> Result<(), Error> {
    let previous = lock_head(tx, who.tenant).await?;
    let mut entry = Entry {
        id: 0,
        at: tx.now(),
        actor_kind: match &who.actor {
            Actor::User { .. } => "user",
            Actor::Machine { .. } => "machine",
            Actor::System => "system",
        }
        .to_owned(),
        actor: who.name().to_owned(),
        token_id: who.token.map(|token| token.0),
        address: who.address.map(|address| address.to_string()),
        request_id: who.request_id.clone(),
        action: action.to_owned(),
        target: target.to_owned(),
        detail: detail.to_string(),
        previous,
        hash: String::new(),
    };
    entry.hash = entry.computed(who.tenant);
    insert(tx, who.tenant, &entry).await?;
    sql("update audit_head set hash = $1 where tenant_id = $2").bind(&entry.hash).bind(who.tenant).run(tx).await?;
    Ok(())
}

/// Walks an account's chain from row `after` on, at most `limit` rows.
/// Returns the last row that was checked, or the first that was changed.
pub async fn verify(tx: &mut Tx, tenant: TenantId, after: i64, limit: i64) -> Result<Verdict, Error> {
    let mut previous = match after {
        0 => None,
        id => {
            sql("select hash from audit_log where tenant_id = $1 and id = $2")
                .bind(tenant)
                .bind(id)
                .first::<(String,)>(tx)
                .await?
        }
    };
    let rows = sql("select id, at, actor_kind, actor, token_id, address, request_id, action, target, detail, \
                    previous, hash from audit_log where tenant_id = $1 and id > $2 order by id limit $3")
    .bind(tenant)
    .bind(after)
    .bind(limit)
    .all::<Entry>(tx)
    .await?;
    let mut last = after;
    for row in rows {
        let follows = previous.as_ref().is_none_or(|(hash,)| *hash == row.previous);
        if !follows || row.computed(tenant) != row.hash {
            return Ok(Verdict::Changed(row.id));
        }
        last = row.id;
        previous = Some((row.hash,));
    }
    Ok(Verdict::Intact(last))
}

/// What [`verify`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every row up to this one is as it was written.
    Intact(i64),
    /// This row or the one before it was changed or removed.
    Changed(i64),
}

/// A line of the log.
#[derive(Clone, Debug, FromRow)]
pub struct Entry {
    pub id: i64,
    pub at: Timestamp,
    pub actor_kind: String,
    pub actor: String,
    pub token_id: Option<i64>,
    pub address: Option<String>,
    pub request_id: String,
    pub action: String,
    pub target: String,
    pub detail: String,
    pub previous: String,
    pub hash: String,
}

impl Entry {
    fn computed(&self, tenant: TenantId) -> String {
        // A JSON array, so that no two different rows have the same bytes.
        let text = serde_json::json!([
            self.previous,
            tenant,
            self.at,
            self.actor_kind,
            self.actor,
            self.token_id,
            self.address,
            self.request_id,
            self.action,
            self.target,
            self.detail,
        ])
        .to_string();
        hex::encode(Sha256::digest(text.as_bytes()))
    }
}

/// Locks the end of the account's chain until the transaction ends and returns its hash.
async fn lock_head(tx: &mut Tx, tenant: TenantId) -> Result<String, Error> {
    let (hash,) = sql("insert into audit_head (tenant_id, hash) values ($1, '') \
                       on conflict (tenant_id) do update set tenant_id = excluded.tenant_id returning hash")
    .bind(tenant)
    .one::<(String,)>(tx)
    .await?;
    Ok(hash)
}

async fn insert(tx: &mut Tx, tenant: TenantId, entry: &Entry) -> Result<u64, Error> {
    sql("insert into audit_log (tenant_id, at, actor_kind, actor, token_id, address, request_id, action, target, \
         detail, previous, hash) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
    .bind(tenant)
    .bind(entry.at)
    .bind(&entry.actor_kind)
    .bind(&entry.actor)
    .bind(entry.token_id)
    .bind(entry.address.clone())
    .bind(&entry.request_id)
    .bind(&entry.action)
    .bind(&entry.target)
    .bind(&entry.detail)
    .bind(&entry.previous)
    .bind(&entry.hash)
    .run(tx)
    .await
}
