//! Queues and their tiers.

use domain::{
    TenantId,
    queue::{NoAgentAction, Strategy, TimeBase},
    routing::Destination,
};
use store::{FromRow, Query, Row, Tx, containing, sql};

use super::{Result, Slice, unreadable};
use crate::model::{Queue, QueueTier};

impl FromRow for Queue {
    fn from_row(row: &Row) -> Result<Self> {
        let strategy: String = row.get("strategy")?;
        let base: String = row.get("time_base_score")?;
        let action: String = row.get("max_wait_time_with_no_agent_time_reached")?;
        let kind: Option<String> = row.get("overflow_kind")?;
        let target: String = row.get("overflow_target")?;
        let key = |text: Option<String>| text.and_then(|text| text.chars().next());
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            name: row.get("name")?,
            number: row.get("queue_number")?,
            team_id: row.get("team_id")?,
            strategy: Strategy::parse(&strategy).ok_or_else(|| unreadable("strategy", &strategy))?,
            tier_rules_apply: row.get("tier_rules_apply")?,
            tier_rule_wait_second: row.get("tier_rule_wait_second")?,
            tier_rule_wait_multiply_level: row.get("tier_rule_wait_multiply_level")?,
            tier_rule_no_agent_no_wait: row.get("tier_rule_no_agent_no_wait")?,
            abandoned_resume_allowed: row.get("abandoned_resume_allowed")?,
            discard_abandoned_after: row.get("discard_abandoned_after")?,
            max_wait_time: row.get("max_wait_time")?,
            max_wait_time_with_no_agent: row.get("max_wait_time_with_no_agent")?,
            no_agent_action: NoAgentAction::parse(&action)
                .ok_or_else(|| unreadable("max_wait_time_with_no_agent_time_reached", &action))?,
            time_base_score: TimeBase::parse(&base).ok_or_else(|| unreadable("time_base_score", &base))?,
            recording_template: row.get("recording_template")?,
            status: row.get("status")?,
            ring_time: row.get("ring_time")?,
            wrap_up_time: row.get("wrap_up_time")?,
            reject_delay_time: row.get("reject_delay_time")?,
            busy_delay_time: row.get("busy_delay_time")?,
            no_answer_delay_time: row.get("no_answer_delay_time")?,
            max_no_answer: row.get("max_no_answer")?,
            announce_interval: row.get("announce_interval")?,
            announce_position: row.get("announce_position")?,
            announce_wait: row.get("announce_wait")?,
            music_prompt: row.get("music_prompt_id")?,
            greeting_prompt: row.get("greeting_prompt_id")?,
            agent_prompt: row.get("agent_prompt_id")?,
            service_level_seconds: row.get("service_level_seconds")?,
            exit_key: key(row.get("exit_key")?),
            callback_key: key(row.get("callback_key")?),
            // A destination that is none any more is none: callers are let go rather than lost.
            overflow: kind.and_then(|kind| Destination::read(&kind, &target)),
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, name: &str) -> Result<Option<Queue>> {
    sql("select id, tenant_id, name, queue_number, team_id, strategy, tier_rules_apply, tier_rule_wait_second,
            tier_rule_wait_multiply_level, tier_rule_no_agent_no_wait, abandoned_resume_allowed,
            discard_abandoned_after, max_wait_time, max_wait_time_with_no_agent,
            max_wait_time_with_no_agent_time_reached, time_base_score, recording_template, status, ring_time,
            wrap_up_time, reject_delay_time, busy_delay_time, no_answer_delay_time, max_no_answer,
            announce_interval, announce_position, announce_wait, music_prompt_id, greeting_prompt_id, agent_prompt_id,
            service_level_seconds, exit_key, callback_key, overflow_kind, overflow_target, created_at, updated_at
         from queue where tenant_id = $1 and name = $2")
    .bind(tenant)
    .bind(name)
    .first(tx)
    .await
}

pub(crate) async fn any_tenant_all(tx: &mut Tx) -> Result<Vec<Queue>> {
    sql("select id, tenant_id, name, queue_number, team_id, strategy, tier_rules_apply, tier_rule_wait_second,
            tier_rule_wait_multiply_level, tier_rule_no_agent_no_wait, abandoned_resume_allowed,
            discard_abandoned_after, max_wait_time, max_wait_time_with_no_agent,
            max_wait_time_with_no_agent_time_reached, time_base_score, recording_template, status, ring_time,
            wrap_up_time, reject_delay_time, busy_delay_time, no_answer_delay_time, max_no_answer,
            announce_interval, announce_position, announce_wait, music_prompt_id, greeting_prompt_id, agent_prompt_id,
            service_level_seconds, exit_key, callback_key, overflow_kind, overflow_target, created_at, updated_at
         from queue order by tenant_id, id")
    .all(tx)
    .await
}

/// Returns the queues of one page with `text` in their name or number, by name, and how many there are in all.
pub(crate) async fn list(tx: &mut Tx, tenant: TenantId, text: Option<&str>, slice: Slice) -> Result<(Vec<Queue>, i64)> {
    let pattern = text.map(containing);
    let rows = sql("select id, tenant_id, name, queue_number, team_id, strategy, tier_rules_apply,
            tier_rule_wait_second, tier_rule_wait_multiply_level, tier_rule_no_agent_no_wait,
            abandoned_resume_allowed, discard_abandoned_after, max_wait_time, max_wait_time_with_no_agent,
            max_wait_time_with_no_agent_time_reached, time_base_score, recording_template, status, ring_time,
            wrap_up_time, reject_delay_time, busy_delay_time, no_answer_delay_time, max_no_answer,
            announce_interval, announce_position, announce_wait, music_prompt_id, greeting_prompt_id, agent_prompt_id,
            service_level_seconds, exit_key, callback_key, overflow_kind, overflow_target, created_at, updated_at
         from queue
         where tenant_id = $1
           and (cast($2 as text) is null or lower(name) like lower($2) escape '!' or queue_number like $2 escape '!')
         order by name limit $3 offset $4")
    .bind(tenant)
    .bind(pattern.clone())
    .bind(slice.limit)
    .bind(slice.offset)
    .all(tx)
    .await?;
    let (total,) = sql("select count(*) from queue
         where tenant_id = $1
           and (cast($2 as text) is null or lower(name) like lower($2) escape '!' or queue_number like $2 escape '!')")
    .bind(tenant)
    .bind(pattern)
    .one::<(i64,)>(tx)
    .await?;
    Ok((rows, total))
}

/// Stores a new queue, whose `id` is ignored, and returns its id. A taken name or number violates a unique key.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, queue: &Queue) -> Result<i64> {
    let text = sql("insert into queue
            (tenant_id, name, queue_number, team_id, strategy, tier_rules_apply, tier_rule_wait_second,
             tier_rule_wait_multiply_level, tier_rule_no_agent_no_wait, abandoned_resume_allowed,
             discard_abandoned_after, max_wait_time, max_wait_time_with_no_agent,
             max_wait_time_with_no_agent_time_reached, time_base_score, recording_template, status, ring_time,
             wrap_up_time, reject_delay_time, busy_delay_time, no_answer_delay_time, max_no_answer,
             announce_interval, announce_position, announce_wait, music_prompt_id, greeting_prompt_id,
             service_level_seconds, exit_key, callback_key, overflow_kind, overflow_target, updated_at,
             agent_prompt_id, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                 $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36)
         returning id");
    let (id,) = fill(text.bind(tenant), queue).bind(queue.created_at).one::<(i64,)>(tx).await?;
    Ok(id)
}

pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, queue: &Queue) -> Result<bool> {
    let text = sql("update queue set
            name = $2, queue_number = $3, team_id = $4, strategy = $5, tier_rules_apply = $6,
            tier_rule_wait_second = $7, tier_rule_wait_multiply_level = $8, tier_rule_no_agent_no_wait = $9,
            abandoned_resume_allowed = $10, discard_abandoned_after = $11, max_wait_time = $12,
            max_wait_time_with_no_agent = $13, max_wait_time_with_no_agent_time_reached = $14, time_base_score = $15,
            recording_template = $16, status = $17, ring_time = $18, wrap_up_time = $19, reject_delay_time = $20,
            busy_delay_time = $21, no_answer_delay_time = $22, max_no_answer = $23, announce_interval = $24,
            announce_position = $25, announce_wait = $26, music_prompt_id = $27, greeting_prompt_id = $28,
            service_level_seconds = $29, exit_key = $30, callback_key = $31, overflow_kind = $32,
            overflow_target = $33, updated_at = $34, agent_prompt_id = $35
         where tenant_id = $1 and id = $36");
    let rows = fill(text.bind(tenant), queue).bind(queue.id).run(tx).await?;
    Ok(rows > 0)
}

/// Binds $2 to $35: everything that may be written.
fn fill(query: Query, queue: &Queue) -> Query {
    let key = |key: Option<char>| key.map(String::from);
    query
        .bind(&queue.name)
        .bind(&queue.number)
        .bind(queue.team_id)
        .bind(queue.strategy.as_str())
        .bind(queue.tier_rules_apply)
        .bind(queue.tier_rule_wait_second)
        .bind(queue.tier_rule_wait_multiply_level)
        .bind(queue.tier_rule_no_agent_no_wait)
        .bind(queue.abandoned_resume_allowed)
        .bind(queue.discard_abandoned_after)
        .bind(queue.max_wait_time)
        .bind(queue.max_wait_time_with_no_agent)
        .bind(queue.no_agent_action.as_str())
        .bind(queue.time_base_score.as_str())
        .bind(queue.recording_template.as_deref())
        .bind(queue.status)
        .bind(queue.ring_time)
        .bind(queue.wrap_up_time)
        .bind(queue.reject_delay_time)
        .bind(queue.busy_delay_time)
        .bind(queue.no_answer_delay_time)
        .bind(queue.max_no_answer)
        .bind(queue.announce_interval)
        .bind(queue.announce_position)
        .bind(queue.announce_wait)
        .bind(queue.music_prompt)
        .bind(queue.greeting_prompt)
        .bind(queue.service_level_seconds)
        .bind(key(queue.exit_key))
        .bind(key(queue.callback_key))
        .bind(queue.overflow.as_ref().map(Destination::kind))
        .bind(queue.overflow.as_ref().map(Destination::target).unwrap_or_default())
        .bind(queue.updated_at)
        .bind(queue.agent_prompt)
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<bool> {
    let rows = sql("delete from queue where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await?;
    Ok(rows > 0)
}

impl FromRow for QueueTier {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            queue: row.get("queue_id")?,
            extension: row.get("extension_number")?,
            level: row.get("tier_level")?,
            position: row.get("tier_position")?,
        })
    }
}

/// Returns the agents of a queue, by level and position.
pub(crate) async fn tiers(tx: &mut Tx, tenant: TenantId, queue: i64) -> Result<Vec<QueueTier>> {
    sql("select queue_id, extension_number, tier_level, tier_position from queue_tier
         where tenant_id = $1 and queue_id = $2 order by tier_level, tier_position, extension_number")
    .bind(tenant)
    .bind(queue)
    .all(tx)
    .await
}

pub(crate) async fn any_tenant_tiers(tx: &mut Tx) -> Result<Vec<QueueTier>> {
    sql("select queue_id, extension_number, tier_level, tier_position from queue_tier
         order by queue_id, tier_level, tier_position, extension_number")
    .all(tx)
    .await
}

/// Adds an agent to a queue. One who is there already violates a unique key.
pub(crate) async fn insert_tier(tx: &mut Tx, tenant: TenantId, tier: &QueueTier) -> Result<()> {
    let now = tx.now();
    sql("insert into queue_tier (tenant_id, queue_id, extension_number, tier_level, tier_position, created_at)
         values ($1, $2, $3, $4, $5, $6)")
    .bind(tenant)
    .bind(tier.queue)
    .bind(&tier.extension)
    .bind(tier.level)
    .bind(tier.position)
    .bind(now)
    .run(tx)
    .await?;
    Ok(())
}

pub(crate) async fn update_tier(tx: &mut Tx, tenant: TenantId, tier: &QueueTier) -> Result<bool> {
    let rows = sql("update queue_tier set tier_level = $4, tier_position = $5
         where tenant_id = $1 and queue_id = $2 and extension_number = $3")
    .bind(tenant)
    .bind(tier.queue)
    .bind(&tier.extension)
    .bind(tier.level)
    .bind(tier.position)
    .run(tx)
    .await?;
    Ok(rows > 0)
}

pub(crate) async fn delete_tier(tx: &mut Tx, tenant: TenantId, queue: i64, extension: &str) -> Result<bool> {
    let rows = sql("delete from queue_tier where tenant_id = $1 and queue_id = $2 and extension_number = $3")
        .bind(tenant)
        .bind(queue)
        .bind(extension)
        .run(tx)
        .await?;
    Ok(rows > 0)
}

pub(crate) async fn delete_tiers(tx: &mut Tx, tenant: TenantId, queue: i64) -> Result<()> {
    sql("delete from queue_tier where tenant_id = $1 and queue_id = $2").bind(tenant).bind(queue).run(tx).await?;
    Ok(())
}

/// Has everything that leads to a queue lead to it under its new name.
pub(crate) async fn rename(tx: &mut Tx, tenant: TenantId, before: &str, after: &str) -> Result<()> {
    for text in [
        sql(
            "update route set destination = $3 where tenant_id = $1 and destination_kind = 'queue' and destination = $2",
        ),
        sql("update menu set otherwise_target = $3
             where tenant_id = $1 and otherwise_kind = 'queue' and otherwise_target = $2"),
        sql("update menu_key set target = $3 where tenant_id = $1 and kind = 'queue' and target = $2"),
        sql("update ring_group set fallback_target = $3
             where tenant_id = $1 and fallback_kind = 'queue' and fallback_target = $2"),
        sql("update queue set overflow_target = $3
             where tenant_id = $1 and overflow_kind = 'queue' and overflow_target = $2"),
    ] {
        text.bind(tenant).bind(before).bind(after).run(tx).await?;
    }
    Ok(())
}

/// Takes a deleted extension out of every queue.
pub(crate) async fn forget_extension(tx: &mut Tx, tenant: TenantId, extension: &str) -> Result<()> {
    sql("delete from queue_tier where tenant_id = $1 and extension_number = $2")
        .bind(tenant)
        .bind(extension)
        .run(tx)
        .await?;
    Ok(())
}

/// Tells whether another queue has the name, and whether one has the number.
pub(crate) async fn taken(tx: &mut Tx, tenant: TenantId, queue: &Queue) -> Result<(bool, bool)> {
    let (name, number) =
        sql("select count(case when name = $3 then 1 end), count(case when queue_number = $4 then 1 end)
         from queue where tenant_id = $1 and id <> $2 and (name = $3 or queue_number = $4)")
        .bind(tenant)
        .bind(queue.id)
        .bind(&queue.name)
        .bind(&queue.number)
        .one::<(i64, i64)>(tx)
        .await?;
    Ok((name > 0, number > 0))
}
