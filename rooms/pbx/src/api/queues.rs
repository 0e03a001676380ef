//! `/api/pbx/queues` and their tiers.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use axum::extract::State;
use domain::routing::Destination;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{Body, Caller, Created, Data, ErrorBody, Fields, Listing, OpenApiRouter, Path, Query, Result, routes};

use super::{Nothing, given, page};
use crate::{
    Pbx,
    model::{Queue, QueueStatus, QueueTier},
    ops::queues::{self as ops, Fill, TierFill},
};

pub(super) fn routes() -> OpenApiRouter<Pbx> {
    OpenApiRouter::new()
        .routes(routes!(list_queues, create_queue))
        .routes(routes!(show_queue, update_queue, delete_queue))
        .routes(routes!(list_tiers, add_tier))
        .routes(routes!(update_tier, remove_tier))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// Part of the name or the number.
    search: Option<String>,
    #[param(value_type = Option<i64>, minimum = 1, default = 1)]
    page: Option<String>,
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    per_page: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TierParams {
    #[param(value_type = Option<i64>, minimum = 1, default = 1)]
    page: Option<String>,
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    per_page: Option<String>,
}

/// What a client may write of a queue. Absent fields keep what they are, null clears. Times are seconds.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = WriteQueue)]
struct Written {
    /// 1-64 characters, none of them a slash; the key of the queue in paths. Needed to create one.
    #[schema(example = "support", min_length = 1, max_length = 64)]
    name: Option<String>,
    /// 3-10 digits; what phones of the account dial. Needed to create one.
    #[schema(example = "8001", pattern = "^[0-9]{3,10}$")]
    queue_number: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    team_id: Option<Option<i64>>,
    /// `ring-all`, `longest-idle-agent`, `round-robin`, `top-down`, `agent-with-least-talk-time`,
    /// `agent-with-fewest-calls`, `sequentially-by-agent-order` or `random`.
    #[schema(example = "longest-idle-agent", default = "longest-idle-agent")]
    strategy: Option<String>,
    /// Whether callers wait before agents of a higher tier level are rung.
    tier_rules_apply: Option<bool>,
    #[schema(minimum = 0, maximum = 3600, default = 300)]
    tier_rule_wait_second: Option<i64>,
    /// The wait counts for every level above the lowest.
    tier_rule_wait_multiply_level: Option<bool>,
    /// A level without anybody logged in is passed over at once.
    tier_rule_no_agent_no_wait: Option<bool>,
    /// A caller who hung up and comes back in time has the old place again.
    abandoned_resume_allowed: Option<bool>,
    #[schema(minimum = 0, maximum = 86400, default = 60)]
    discard_abandoned_after: Option<i64>,
    /// 0 is without end.
    #[schema(minimum = 0, maximum = 86400, default = 0)]
    max_wait_time: Option<i64>,
    /// 0 is without end.
    #[schema(minimum = 0, maximum = 86400, default = 0)]
    max_wait_time_with_no_agent: Option<i64>,
    /// `hangup` or `overflow`.
    #[schema(example = "hangup", default = "hangup")]
    max_wait_time_with_no_agent_time_reached: Option<String>,
    /// `system`: the wait counts since the call began; `queue`: since it joined the queue.
    #[schema(example = "system", default = "system")]
    time_base_score: Option<String>,
    /// Name of the recording's file, with variables; null records no calls because of the queue.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 255)]
    recording_template: Option<Option<String>>,
    /// `active` or `inactive`.
    #[schema(example = "active", default = "active")]
    status: Option<String>,
    /// How long one agent is rung.
    #[schema(minimum = 1, maximum = 300, default = 20)]
    ring_time: Option<i64>,
    /// Each agent's time for notes after a call.
    #[schema(minimum = 0, maximum = 3600, default = 10)]
    wrap_up_time: Option<i64>,
    #[schema(minimum = 0, maximum = 3600, default = 10)]
    reject_delay_time: Option<i64>,
    #[schema(minimum = 0, maximum = 3600, default = 60)]
    busy_delay_time: Option<i64>,
    #[schema(minimum = 0, maximum = 3600, default = 5)]
    no_answer_delay_time: Option<i64>,
    /// So many unanswered offers in a row send an agent on a break; 0 never does.
    #[schema(minimum = 0, maximum = 100, default = 3)]
    max_no_answer: Option<i64>,
    /// Between two announcements; 0 is never.
    #[schema(minimum = 0, maximum = 3600, default = 0)]
    announce_interval: Option<i64>,
    announce_position: Option<bool>,
    announce_wait: Option<bool>,
    /// A prompt of the account; null is the account's music.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    music_prompt_id: Option<Option<i64>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    greeting_prompt_id: Option<Option<i64>>,
    /// A prompt of the account that an agent hears after answering, before the two talk.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    agent_prompt_id: Option<Option<i64>>,
    /// Callers who are answered within it are served well.
    #[schema(minimum = 1, maximum = 3600, default = 20)]
    service_level_seconds: Option<i64>,
    /// The key that takes a caller to where the queue overflows.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "0")]
    exit_key: Option<Option<String>>,
    /// The key that has a caller called back.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "1")]
    callback_key: Option<Option<String>>,
    /// `extension`, `ring_group`, `queue`, `menu`, `voicemail`, `announcement`, … ; null lets callers go.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "voicemail")]
    overflow_kind: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "1001")]
    overflow_target: Option<Option<String>>,
}

/// A queue. Times are seconds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queue)]
struct QueueBody {
    #[schema(example = "support")]
    name: String,
    #[schema(example = "8001")]
    queue_number: String,
    team_id: Option<i64>,
    #[schema(example = "longest-idle-agent")]
    strategy: &'static str,
    tier_rules_apply: bool,
    tier_rule_wait_second: i64,
    tier_rule_wait_multiply_level: bool,
    tier_rule_no_agent_no_wait: bool,
    abandoned_resume_allowed: bool,
    discard_abandoned_after: i64,
    max_wait_time: i64,
    max_wait_time_with_no_agent: i64,
    #[schema(example = "hangup")]
    max_wait_time_with_no_agent_time_reached: &'static str,
    #[schema(example = "system")]
    time_base_score: &'static str,
    recording_template: Option<String>,
    #[schema(value_type = String, example = "active")]
    status: QueueStatus,
    ring_time: i64,
    wrap_up_time: i64,
    reject_delay_time: i64,
    busy_delay_time: i64,
    no_answer_delay_time: i64,
    max_no_answer: i64,
    announce_interval: i64,
    announce_position: bool,
    announce_wait: bool,
    music_prompt_id: Option<i64>,
    greeting_prompt_id: Option<i64>,
    agent_prompt_id: Option<i64>,
    service_level_seconds: i64,
    exit_key: Option<String>,
    callback_key: Option<String>,
    overflow_kind: Option<&'static str>,
    overflow_target: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// An agent's place in a queue.
#[derive(Debug, Deserialize, ToSchema)]
struct TierFields {
    /// Needed to add one, cannot be changed.
    #[schema(example = "1001")]
    extension: Option<String>,
    /// Lower levels are rung first.
    #[schema(minimum = 1, maximum = 9, default = 1)]
    tier_level: Option<i64>,
    /// The order within the level.
    #[schema(minimum = 1, maximum = 9, default = 1)]
    tier_position: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueueTier)]
struct TierBody {
    #[schema(example = "1001")]
    extension: String,
    tier_level: i64,
    tier_position: i64,
}

/// Lists the account's queues, by name.
#[utoipa::path(get, path = "/api/pbx/queues", tag = "pbx", params(ListParams), responses(
    (status = 200, body = Listing<QueueBody>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_queues(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Query(params): Query<ListParams>,
) -> Result<Listing<QueueBody>> {
    let mut fields = Fields::new();
    let page = page(&mut fields, params.page.as_deref(), params.per_page.as_deref());
    fields.finish()?;
    Ok(ops::list(&pbx.desk(), &who, params.search.as_deref(), page).await?.map(QueueBody::from))
}

/// Creates a queue.
#[utoipa::path(post, path = "/api/pbx/queues", tag = "pbx", request_body = Written, responses(
    (status = 201, body = Created<QueueBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "The name or number is taken."),
    (status = 422, body = ErrorBody)))]
async fn create_queue(State(pbx): State<Pbx>, Caller(who): Caller, body: Body<Written>) -> Result<Created<QueueBody>> {
    Ok(Created(ops::create(&pbx.desk(), &who, body.value.into(), body.fields).await?.into()))
}

/// Returns a queue.
#[utoipa::path(get, path = "/api/pbx/queues/{name}", tag = "pbx", params(("name" = String, Path)), responses(
    (status = 200, body = Data<QueueBody>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn show_queue(State(pbx): State<Pbx>, Caller(who): Caller, Path(name): Path<String>) -> Result<Data<QueueBody>> {
    Ok(Data(ops::show(&pbx.desk(), &who, &name).await?.into()))
}

/// Changes a queue: the fields that are given, null clears. Whoever waits in it goes on waiting by the new rules.
#[utoipa::path(put, path = "/api/pbx/queues/{name}", tag = "pbx", params(("name" = String, Path)),
    request_body = Written, responses(
    (status = 200, body = Data<QueueBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "The name or number is taken."),
    (status = 422, body = ErrorBody)))]
async fn update_queue(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(name): Path<String>,
    body: Body<Written>,
) -> Result<Data<QueueBody>> {
    Ok(Data(ops::update(&pbx.desk(), &who, &name, body.value.into(), body.fields).await?.into()))
}

/// Deletes a queue. Whoever waits in it is let go.
#[utoipa::path(delete, path = "/api/pbx/queues/{name}", tag = "pbx", params(("name" = String, Path)), responses(
    (status = 200, body = Data<Nothing>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "Something leads to it.")))]
async fn delete_queue(State(pbx): State<Pbx>, Caller(who): Caller, Path(name): Path<String>) -> Result<Data<Nothing>> {
    ops::delete(&pbx.desk(), &who, &name).await?;
    Ok(Data(Nothing {}))
}

/// Lists the agents of a queue, by level and position.
#[utoipa::path(get, path = "/api/pbx/queues/{name}/tiers", tag = "pbx", params(("name" = String, Path), TierParams),
    responses(
    (status = 200, body = Listing<TierBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_tiers(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(name): Path<String>,
    Query(params): Query<TierParams>,
) -> Result<Listing<TierBody>> {
    let mut fields = Fields::new();
    let page = page(&mut fields, params.page.as_deref(), params.per_page.as_deref());
    fields.finish()?;
    let tiers = ops::tiers(&pbx.desk(), &who, &name).await?;
    let total = i64::try_from(tiers.len()).unwrap_or(i64::MAX);
    let (skip, take) = (usize::try_from(page.offset()).unwrap_or(0), usize::try_from(page.limit()).unwrap_or(0));
    let shown = tiers.into_iter().skip(skip).take(take).map(TierBody::from).collect();
    Ok(Listing::new(page, shown, total))
}

/// Has an extension serve a queue.
#[utoipa::path(post, path = "/api/pbx/queues/{name}/tiers", tag = "pbx", params(("name" = String, Path)),
    request_body = TierFields, responses(
    (status = 201, body = Created<TierBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "It does already."),
    (status = 422, body = ErrorBody)))]
async fn add_tier(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(name): Path<String>,
    body: Body<TierFields>,
) -> Result<Created<TierBody>> {
    Ok(Created(ops::add_tier(&pbx.desk(), &who, &name, body.value.into(), body.fields).await?.into()))
}

/// Changes an agent's place in a queue.
#[utoipa::path(put, path = "/api/pbx/queues/{name}/tiers/{extension}", tag = "pbx",
    params(("name" = String, Path), ("extension" = String, Path)), request_body = TierFields, responses(
    (status = 200, body = Data<TierBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn update_tier(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path((name, extension)): Path<(String, String)>,
    body: Body<TierFields>,
) -> Result<Data<TierBody>> {
    let tier = ops::update_tier(&pbx.desk(), &who, &name, &extension, body.value.into(), body.fields).await?;
    Ok(Data(tier.into()))
}

/// Takes an extension out of a queue.
#[utoipa::path(delete, path = "/api/pbx/queues/{name}/tiers/{extension}", tag = "pbx",
    params(("name" = String, Path), ("extension" = String, Path)), responses(
    (status = 200, body = Data<Nothing>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn remove_tier(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path((name, extension)): Path<(String, String)>,
) -> Result<Data<Nothing>> {
    ops::remove_tier(&pbx.desk(), &who, &name, &extension).await?;
    Ok(Data(Nothing {}))
}

impl From<Queue> for QueueBody {
    fn from(queue: Queue) -> Self {
        Self {
            name: queue.name,
            queue_number: queue.number,
            team_id: queue.team_id,
            strategy: queue.strategy.as_str(),
            tier_rules_apply: queue.tier_rules_apply,
            tier_rule_wait_second: queue.tier_rule_wait_second,
            tier_rule_wait_multiply_level: queue.tier_rule_wait_multiply_level,
            tier_rule_no_agent_no_wait: queue.tier_rule_no_agent_no_wait,
            abandoned_resume_allowed: queue.abandoned_resume_allowed,
            discard_abandoned_after: queue.discard_abandoned_after,
            max_wait_time: queue.max_wait_time,
            max_wait_time_with_no_agent: queue.max_wait_time_with_no_agent,
            max_wait_time_with_no_agent_time_reached: queue.no_agent_action.as_str(),
            time_base_score: queue.time_base_score.as_str(),
            recording_template: queue.recording_template,
            status: queue.status,
            ring_time: queue.ring_time,
            wrap_up_time: queue.wrap_up_time,
            reject_delay_time: queue.reject_delay_time,
            busy_delay_time: queue.busy_delay_time,
            no_answer_delay_time: queue.no_answer_delay_time,
            max_no_answer: queue.max_no_answer,
            announce_interval: queue.announce_interval,
            announce_position: queue.announce_position,
            announce_wait: queue.announce_wait,
            music_prompt_id: queue.music_prompt,
            greeting_prompt_id: queue.greeting_prompt,
            agent_prompt_id: queue.agent_prompt,
            service_level_seconds: queue.service_level_seconds,
            exit_key: queue.exit_key.map(String::from),
            callback_key: queue.callback_key.map(String::from),
            overflow_kind: queue.overflow.as_ref().map(Destination::kind),
            overflow_target: queue.overflow.as_ref().map(Destination::target),
            created_at: queue.created_at.rfc3339(),
            updated_at: queue.updated_at.rfc3339(),
        }
    }
}

impl From<QueueTier> for TierBody {
    fn from(tier: QueueTier) -> Self {
        Self { extension: tier.extension, tier_level: tier.level, tier_position: tier.position }
    }
}

impl From<TierFields> for TierFill {
    fn from(fields: TierFields) -> Self {
        Self { extension: fields.extension, tier_level: fields.tier_level, tier_position: fields.tier_position }
    }
}

impl From<Written> for Fill {
    fn from(written: Written) -> Self {
        Self {
            name: written.name,
            queue_number: written.queue_number,
            team_id: written.team_id,
            strategy: written.strategy,
            tier_rules_apply: written.tier_rules_apply,
            tier_rule_wait_second: written.tier_rule_wait_second,
            tier_rule_wait_multiply_level: written.tier_rule_wait_multiply_level,
            tier_rule_no_agent_no_wait: written.tier_rule_no_agent_no_wait,
            abandoned_resume_allowed: written.abandoned_resume_allowed,
            discard_abandoned_after: written.discard_abandoned_after,
            max_wait_time: written.max_wait_time,
            max_wait_time_with_no_agent: written.max_wait_time_with_no_agent,
            max_wait_time_with_no_agent_time_reached: written.max_wait_time_with_no_agent_time_reached,
            time_base_score: written.time_base_score,
            recording_template: written.recording_template,
            status: written.status,
            ring_time: written.ring_time,
            wrap_up_time: written.wrap_up_time,
            reject_delay_time: written.reject_delay_time,
            busy_delay_time: written.busy_delay_time,
            no_answer_delay_time: written.no_answer_delay_time,
            max_no_answer: written.max_no_answer,
            announce_interval: written.announce_interval,
            announce_position: written.announce_position,
            announce_wait: written.announce_wait,
            music_prompt_id: written.music_prompt_id,
            greeting_prompt_id: written.greeting_prompt_id,
            agent_prompt_id: written.agent_prompt_id,
            service_level_seconds: written.service_level_seconds,
            exit_key: written.exit_key,
            callback_key: written.callback_key,
            overflow_kind: written.overflow_kind,
            overflow_target: written.overflow_target,
        }
    }
}
