//! `/api/autocall/scripts`, `/dtmf-action-types` and `/queues`.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use axum::extract::State;
use serde::{Deserialize, Serialize};
use speech::tree::ACTIONS;
use utoipa::{IntoParams, ToSchema};
use web::{
    Body, Caller, Created, Data, ErrorBody, Fields, Listing, OpenApiRouter, Page, PageParams, Path, Query, Result,
    Rule, routes,
};

use super::{LONGEST_SEARCH, Nothing, given};
use crate::{
    Autocall,
    model::{DtmfAction, Script, ScriptStatus},
    ops::ScriptFill,
    store::scripts::Filter,
};

pub(super) fn routes() -> OpenApiRouter<Autocall> {
    OpenApiRouter::new()
        .routes(routes!(list_scripts, create_script))
        .routes(routes!(show_script, update_script, delete_script))
        .routes(routes!(list_action_types))
        .routes(routes!(list_queues))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ScriptParams {
    /// `draft`, `active` or `archived`.
    status: Option<String>,
    /// Part of the name.
    #[param(max_length = 200)]
    search: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallScript)]
struct ScriptBody {
    id: i64,
    name: String,
    description: Option<String>,
    template_text: String,
    voice_id: String,
    /// `A`: a provider's voice, with the account's own key; `B`: the server's.
    tts_tier: &'static str,
    max_repeat_per_attempt: i64,
    /// `draft`, `active` or `archived`.
    status: &'static str,
    dtmf_actions: Vec<DtmfAction>,
    /// The codes of the variables that the text names, each once.
    variables: Vec<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Script> for ScriptBody {
    fn from(script: Script) -> Self {
        let template = speech::Template::parse(&script.template_text).ok();
        let variables = template.iter().flat_map(|template| template.variables()).map(str::to_owned).collect();
        Self {
            id: script.id,
            dtmf_actions: script.actions(),
            name: script.name,
            description: script.description,
            template_text: script.template_text,
            voice_id: script.voice_id,
            tts_tier: script.tts_tier.as_str(),
            max_repeat_per_attempt: script.max_repeat_per_attempt,
            status: script.status.as_str(),
            variables,
            created_at: script.created_at.rfc3339(),
            updated_at: script.updated_at.rfc3339(),
        }
    }
}

/// What a client may write of a script. Absent fields keep what they are.
#[derive(Deserialize, ToSchema)]
#[schema(as = AutocallScriptFields)]
struct Written {
    /// Needed to create one.
    #[schema(example = "Payment reminder", max_length = 255)]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Option<Option<String>>,
    /// Text with `{{variables}}`; needed to create one.
    #[schema(example = "Xin chào {{customer_name}}. Bấm phím 1 để gặp tư vấn viên.", max_length = 10000)]
    template_text: Option<String>,
    /// From `GET /api/autocall/voices`; needed to create one.
    #[schema(example = "vi-VN-female-01")]
    voice_id: Option<String>,
    /// `A` or `B`.
    #[schema(default = "B")]
    tts_tier: Option<String>,
    /// How often it is said again to whoever presses nothing.
    #[schema(minimum = 1, maximum = 5, default = 1)]
    max_repeat_per_attempt: Option<i64>,
    /// `draft`, `active` or `archived`: it goes forward only.
    #[schema(default = "draft")]
    status: Option<String>,
    /// At most 12 keys.
    #[schema(max_items = 12)]
    dtmf_actions: Option<Vec<DtmfAction>>,
}

impl From<Written> for ScriptFill {
    fn from(written: Written) -> Self {
        Self {
            name: written.name,
            description: written.description,
            template_text: written.template_text,
            voice_id: written.voice_id,
            tts_tier: written.tts_tier,
            max_repeat_per_attempt: written.max_repeat_per_attempt,
            status: written.status,
            dtmf_actions: written.dtmf_actions,
        }
    }
}

/// What a key of a script may do.
#[derive(Serialize, ToSchema)]
#[schema(as = AutocallActionType)]
struct ActionTypeBody {
    #[schema(example = "queue")]
    value: &'static str,
    label: &'static str,
    /// The field that names its target; null if it has none.
    #[schema(example = "target_queue_name")]
    target: Option<&'static str>,
}

/// A queue that a key may lead to.
#[derive(Serialize, ToSchema)]
#[schema(as = AutocallQueue)]
struct QueueBody {
    name: String,
    queue_number: String,
    /// For `target_queue_name` of a key.
    #[schema(example = "support@default")]
    target_queue_name: String,
    /// `active` or `inactive`.
    status: String,
}

/// Lists scripts, the newest first.
#[utoipa::path(get, path = "/api/autocall/scripts", tag = "autocall", params(ScriptParams, PageParams), responses(
    (status = 200, body = Listing<ScriptBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
async fn list_scripts(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Query(query): Query<ScriptParams>,
    page: Page,
) -> Result<Listing<ScriptBody>> {
    let mut fields = Fields::new();
    let status = query.status.as_deref().map(ScriptStatus::parse);
    fields.check("status", status != Some(None), Rule::Selected);
    let text = fields.text("search", query.search.as_deref(), 0, LONGEST_SEARCH).filter(|text| !text.is_empty());
    fields.finish()?;
    let filter = Filter { status: status.flatten(), text: text.as_deref() };
    Ok(autocall.scripts(&who, &filter, page).await?.map(ScriptBody::from))
}

/// Makes a script. One that is `active` can be said by campaigns.
#[utoipa::path(post, path = "/api/autocall/scripts", tag = "autocall", request_body = Written, responses(
    (status = 201, body = Created<ScriptBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
async fn create_script(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    body: Body<Written>,
) -> Result<Created<ScriptBody>> {
    Ok(Created(autocall.add_script(&who, body.value.into(), body.fields).await?.into()))
}

/// Returns a script.
#[utoipa::path(get, path = "/api/autocall/scripts/{id}", tag = "autocall", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<ScriptBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
async fn show_script(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<ScriptBody>> {
    Ok(Data(autocall.script(&who, id).await?.into()))
}

/// Changes a script: the fields that are given. What is heard stays while a campaign that runs or is paused says it.
#[utoipa::path(put, path = "/api/autocall/scripts/{id}", tag = "autocall", params(("id" = i64, Path)),
    request_body = Written, responses(
    (status = 200, body = Data<ScriptBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn update_script(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    body: Body<Written>,
) -> Result<Data<ScriptBody>> {
    Ok(Data(autocall.change_script(&who, id, body.value.into(), body.fields).await?.into()))
}

/// Deletes a script that no campaign and no other script names.
#[utoipa::path(delete, path = "/api/autocall/scripts/{id}", tag = "autocall", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Nothing>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn delete_script(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<Nothing>> {
    autocall.delete_script(&who, id).await?;
    Ok(Data(Nothing {}))
}

/// Lists what a key of a script may do.
#[utoipa::path(get, path = "/api/autocall/dtmf-action-types", tag = "autocall", responses(
    (status = 200, body = Data<Vec<ActionTypeBody>>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody)))]
async fn list_action_types(State(autocall): State<Autocall>, Caller(who): Caller) -> Result<Data<Vec<ActionTypeBody>>> {
    // Whoever may see the voices may see this.
    autocall.voices(&who)?;
    Ok(Data(ACTIONS.into_iter().map(action_type).collect()))
}

fn action_type(value: &'static str) -> ActionTypeBody {
    let (label, target) = match value {
        "playback" => ("Plays a media file, then waits for another key.", Some("target_audio_url")),
        "playback_then_hangup" => ("Plays a media file, then hangs up.", Some("target_audio_url")),
        "switch_script" => ("Goes on with another script.", Some("target_script_id")),
        "queue" => ("Hands the callee to a queue.", Some("target_queue_name")),
        "repeat_script" => ("Says the script again.", None),
        _ => ("Hangs up.", None),
    };
    ActionTypeBody { value, label, target }
}

/// Lists the queues that a key may lead to, by name.
#[utoipa::path(get, path = "/api/autocall/queues", tag = "autocall", responses(
    (status = 200, body = Data<Vec<QueueBody>>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn list_queues(State(autocall): State<Autocall>, Caller(who): Caller) -> Result<Data<Vec<QueueBody>>> {
    let queues = autocall.queue_names(&who).await?.into_iter();
    let body = queues.map(|queue| QueueBody {
        target_queue_name: format!("{}@default", queue.name),
        name: queue.name,
        queue_number: queue.queue_number,
        status: queue.status,
    });
    Ok(Data(body.collect()))
}
