//! Scripts.

use domain::TenantId;
use store::{Error, Query, Tx, containing, sql};

use crate::model::{Script, ScriptStatus};

/// Which scripts a list shows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filter<'a> {
    pub(crate) status: Option<ScriptStatus>,
    /// Part of the name.
    pub(crate) text: Option<&'a str>,
}

impl Filter<'_> {
    fn bound(&self, tenant: TenantId, query: Query) -> Query {
        query.bind(tenant).bind(self.status).bind(self.text.map(containing))
    }
}

pub(crate) async fn count(tx: &mut Tx, tenant: TenantId, filter: &Filter<'_>) -> Result<i64, Error> {
    let query = sql("select count(*) from autocall_script where tenant_id = $1
         and (cast($2 as text) is null or status = $2)
         and (cast($3 as text) is null or lower(name) like lower($3) escape '!')");
    filter.bound(tenant, query).one::<(i64,)>(tx).await.map(|row| row.0)
}

/// Returns one page, the newest first.
pub(crate) async fn page(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &Filter<'_>,
    limit: i64,
    offset: i64,
) -> Result<Vec<Script>, Error> {
    let query = sql("select id, name, description, template_text, voice_id, tts_tier, max_repeat_per_attempt, status,
            dtmf_actions, created_at, updated_at
         from autocall_script where tenant_id = $1
         and (cast($2 as text) is null or status = $2)
         and (cast($3 as text) is null or lower(name) like lower($3) escape '!')
         order by id desc limit $4 offset $5");
    filter.bound(tenant, query).bind(limit).bind(offset).all(tx).await
}

/// Returns every script of the account.
pub(crate) async fn all(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Script>, Error> {
    sql("select id, name, description, template_text, voice_id, tts_tier, max_repeat_per_attempt, status,
            dtmf_actions, created_at, updated_at
         from autocall_script where tenant_id = $1 order by id")
    .bind(tenant)
    .all(tx)
    .await
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<Script>, Error> {
    sql("select id, name, description, template_text, voice_id, tts_tier, max_repeat_per_attempt, status,
            dtmf_actions, created_at, updated_at
         from autocall_script where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

/// Returns how many scripts the account has.
pub(crate) async fn total(tx: &mut Tx, tenant: TenantId) -> Result<i64, Error> {
    sql("select count(*) from autocall_script where tenant_id = $1")
        .bind(tenant)
        .one::<(i64,)>(tx)
        .await
        .map(|row| row.0)
}

/// Stores a script, whose id is ignored, and returns its id.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, script: &Script) -> Result<i64, Error> {
    sql("insert into autocall_script (tenant_id, name, description, template_text, voice_id, tts_tier,
            max_repeat_per_attempt, status, dtmf_actions, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) returning id")
    .bind(tenant)
    .bind(&script.name)
    .bind(script.description.clone())
    .bind(&script.template_text)
    .bind(&script.voice_id)
    .bind(script.tts_tier)
    .bind(script.max_repeat_per_attempt)
    .bind(script.status)
    .bind(&script.dtmf_actions)
    .bind(script.created_at)
    .bind(script.updated_at)
    .one::<(i64,)>(tx)
    .await
    .map(|row| row.0)
}

/// Writes the whole script but its creation time.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, script: &Script) -> Result<u64, Error> {
    sql("update autocall_script set name = $3, description = $4, template_text = $5, voice_id = $6, tts_tier = $7,
            max_repeat_per_attempt = $8, status = $9, dtmf_actions = $10, updated_at = $11
         where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(script.id)
    .bind(&script.name)
    .bind(script.description.clone())
    .bind(&script.template_text)
    .bind(&script.voice_id)
    .bind(script.tts_tier)
    .bind(script.max_repeat_per_attempt)
    .bind(script.status)
    .bind(&script.dtmf_actions)
    .bind(script.updated_at)
    .run(tx)
    .await
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<u64, Error> {
    sql("delete from autocall_script where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await
}
