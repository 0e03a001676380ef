//! `/api/pbx/agents/{extension}/status` and `/api/pbx/queues/{name}/status`.

use axum::extract::State;
use domain::{CallId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{Body, Caller, Data, ErrorBody, OpenApiRouter, Path, Result, routes};

use crate::{
    Pbx,
    model::{Abandoned, QueueFigures, QueueTier},
    ops::{
        agents::{self, AgentState, Fill},
        queue_status::{self, QueueState, Waiting},
    },
};

pub(super) fn routes() -> OpenApiRouter<Pbx> {
    OpenApiRouter::new().routes(routes!(show_agent_status, set_agent_status)).routes(routes!(show_queue_status))
}

#[derive(Debug, Deserialize, ToSchema)]
struct AgentStatusFields {
    /// `available`, `on_break` or `logged_out`.
    #[schema(example = "on_break")]
    status: Option<String>,
    /// Kept while the status is `on_break`; at most 100 characters.
    #[schema(example = "Lunch", max_length = 100)]
    break_reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AgentStatus)]
struct AgentBody {
    #[schema(example = "1001")]
    extension: String,
    display_name: Option<String>,
    /// What the agent wants: `available`, `on_break` or `logged_out`.
    #[schema(example = "available")]
    status: &'static str,
    break_reason: Option<String>,
    /// What the agent does: `waiting`, `ringing`, `in_call`, `on_hold` with one side of it, `wrap_up`, `busy` in another
    /// call, `resting` after an offer that was not taken, `unreachable` without a phone, or the status.
    #[schema(example = "waiting")]
    state: &'static str,
    /// Since when the status is what it is; null if it was never set.
    #[schema(format = DateTime)]
    status_since: Option<String>,
    #[schema(value_type = Option<String>, format = Uuid)]
    call_uuid: Option<CallId>,
    /// Calls of queues answered since the agent logged in.
    calls: i64,
    talk_seconds: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct QueueAgent {
    #[serde(flatten)]
    agent: AgentBody,
    tier_level: i64,
    tier_position: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct QueueCaller {
    #[schema(value_type = String, format = Uuid)]
    call_uuid: CallId,
    caller_number: String,
    caller_name: Option<String>,
    /// From 1, in the order in which callers are served.
    position: usize,
    #[schema(format = DateTime)]
    joined_at: String,
    /// Seconds.
    wait: i64,
    /// Nobody is on the line: a call back was promised.
    callback: bool,
    /// Extensions that ring for this caller.
    offered_to: Vec<String>,
}

/// The queue's day so far, in the account's time zone; counted from the ledger. Times are seconds.
#[derive(Debug, Serialize, ToSchema)]
struct QueueDay {
    /// Callers who joined.
    offered: i64,
    answered: i64,
    answered_in_time: i64,
    abandoned: i64,
    /// Sent elsewhere or away by the queue, call backs not counted.
    overflowed: i64,
    callbacks_asked: i64,
    callbacks_done: i64,
    callbacks_failed: i64,
    average_wait: i64,
    longest_wait: i64,
    average_talk: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct ServiceLevel {
    /// Within how many seconds a caller is answered in time.
    seconds: i64,
    /// Answered in time, of all who were answered or hung up waiting; null before the first of the day.
    #[schema(example = 92.5)]
    percent: Option<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AbandonedCall {
    call_uuid: String,
    caller_number: String,
    #[schema(format = DateTime)]
    abandoned_at: String,
    /// Seconds.
    wait: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueueStatus)]
struct QueueStatusBody {
    #[schema(example = "support")]
    name: String,
    #[schema(example = "8001")]
    queue_number: String,
    #[schema(example = "active")]
    status: &'static str,
    waiting_count: usize,
    waiting: Vec<QueueCaller>,
    /// Of whoever waits now, in seconds.
    longest_wait: i64,
    agents: Vec<QueueAgent>,
    service_level: ServiceLevel,
    today: QueueDay,
    /// Who hung up today and was not answered since, the last first.
    abandoned: Vec<AbandonedCall>,
    #[schema(format = DateTime)]
    at: String,
}

/// Returns what an agent wants and does.
#[utoipa::path(get, path = "/api/pbx/agents/{extension}/status", tag = "pbx", params(("extension" = String, Path)),
    responses(
    (status = 200, body = Data<AgentBody>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn show_agent_status(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(extension): Path<String>,
) -> Result<Data<AgentBody>> {
    Ok(Data(agents::show(&pbx, &who, &extension).await?.into()))
}

/// Sets what an agent wants. Agents set their own status only; a phone that rings for a queue stops ringing when its
/// agent is not available any more.
#[utoipa::path(put, path = "/api/pbx/agents/{extension}/status", tag = "pbx", params(("extension" = String, Path)),
    request_body = AgentStatusFields, responses(
    (status = 200, body = Data<AgentBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn set_agent_status(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(extension): Path<String>,
    body: Body<AgentStatusFields>,
) -> Result<Data<AgentBody>> {
    let fill = Fill { status: body.value.status, break_reason: body.value.break_reason };
    Ok(Data(agents::set(&pbx, &who, &extension, fill, body.fields).await?.into()))
}

/// Returns who waits in a queue, what its agents do, and its day so far.
#[utoipa::path(get, path = "/api/pbx/queues/{name}/status", tag = "pbx", params(("name" = String, Path)), responses(
    (status = 200, body = Data<QueueStatusBody>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn show_queue_status(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(name): Path<String>,
) -> Result<Data<QueueStatusBody>> {
    Ok(Data(queue_status::status(&pbx, &who, &name).await?.into()))
}

impl From<AgentState> for AgentBody {
    fn from(agent: AgentState) -> Self {
        Self {
            extension: agent.extension,
            display_name: agent.display_name,
            status: agent.status.as_str(),
            break_reason: agent.break_reason,
            state: agent.state,
            status_since: agent.status_since.map(Timestamp::rfc3339),
            call_uuid: agent.call,
            calls: agent.calls,
            talk_seconds: agent.talk_seconds,
        }
    }
}

impl From<(QueueTier, AgentState)> for QueueAgent {
    fn from((tier, agent): (QueueTier, AgentState)) -> Self {
        Self { agent: agent.into(), tier_level: tier.level, tier_position: tier.position }
    }
}

impl From<Waiting> for QueueCaller {
    fn from(waiting: Waiting) -> Self {
        Self {
            call_uuid: waiting.call,
            caller_number: waiting.number,
            caller_name: waiting.name,
            position: waiting.position,
            joined_at: waiting.since.rfc3339(),
            wait: waiting.waited,
            callback: waiting.is_callback,
            offered_to: waiting.offered_to,
        }
    }
}

impl From<QueueFigures> for QueueDay {
    fn from(figures: QueueFigures) -> Self {
        Self {
            offered: figures.offered,
            answered: figures.answered,
            answered_in_time: figures.answered_in_time,
            abandoned: figures.abandoned,
            overflowed: figures.overflowed,
            callbacks_asked: figures.callbacks_asked,
            callbacks_done: figures.callbacks_done,
            callbacks_failed: figures.callbacks_failed,
            average_wait: figures.average_wait_ms / 1000,
            longest_wait: figures.longest_wait_ms / 1000,
            average_talk: figures.average_talk_ms / 1000,
        }
    }
}

impl From<Abandoned> for AbandonedCall {
    fn from(abandoned: Abandoned) -> Self {
        Self {
            call_uuid: abandoned.call,
            caller_number: abandoned.caller_number,
            abandoned_at: abandoned.at.rfc3339(),
            wait: abandoned.waited_ms / 1000,
        }
    }
}

impl From<QueueState> for QueueStatusBody {
    fn from(state: QueueState) -> Self {
        let percent = state.today.service_level().map(|share| (share * 1000.0).round() / 10.0);
        Self {
            waiting_count: state.waiting.iter().filter(|waiting| !waiting.is_callback).count(),
            longest_wait: state.longest_wait(),
            waiting: state.waiting.into_iter().map(QueueCaller::from).collect(),
            agents: state.agents.into_iter().map(QueueAgent::from).collect(),
            service_level: ServiceLevel { seconds: state.queue.service_level_seconds, percent },
            today: state.today.into(),
            abandoned: state.abandoned.into_iter().map(AbandonedCall::from).collect(),
            status: state.queue.status.as_str(),
            name: state.queue.name,
            queue_number: state.queue.number,
            at: state.at.rfc3339(),
        }
    }
}
