//! `/api/autocall/campaigns`, their steps and their state.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use std::collections::BTreeMap;

use axum::extract::State;
use domain::Principal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{
    Body, Caller, Created, Data, ErrorBody, Fields, Listing, OpenApiRouter, Page, PageParams, Path, Query, Result,
    Rule, routes,
};

use super::{LONGEST_SEARCH, Nothing, given, time};
use crate::{
    Autocall,
    model::{Campaign, CampaignStatus, LeadStatus},
    ops::{CampaignFill, CampaignStats, Step, reports::figures::percent},
    store::campaigns::Filter,
};

pub(super) fn routes() -> OpenApiRouter<Autocall> {
    OpenApiRouter::new()
        .routes(routes!(list_campaigns, create_campaign))
        .routes(routes!(show_campaign, update_campaign, delete_campaign))
        .routes(routes!(start_campaign))
        .routes(routes!(launch_campaign))
        .routes(routes!(pause_campaign))
        .routes(routes!(resume_campaign))
        .routes(routes!(archive_campaign))
        .routes(routes!(unarchive_campaign))
        .routes(routes!(campaign_stats))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CampaignParams {
    /// `draft`, `running`, `paused`, `finished` or `archived`.
    status: Option<String>,
    /// Those that say this script.
    script_id: Option<i64>,
    /// Part of the name.
    #[param(max_length = 200)]
    search: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallCampaign)]
struct CampaignBody {
    id: i64,
    tenant_id: i64,
    name: String,
    description: Option<String>,
    script_id: i64,
    /// `draft`, `running`, `paused`, `finished` or `archived`.
    status: &'static str,
    /// Always null: the routes of the account decide.
    gateway_name: Option<String>,
    caller_id_group_id: Option<i64>,
    max_retries: i64,
    retry_interval_minutes: i64,
    retry_only_when: &'static str,
    max_concurrent: i64,
    originate_timeout: i64,
    write_to_main_cdr: bool,
    call_purpose: &'static str,
    pdpl_enforce: bool,
    record_calls: bool,
    tts_fallback: bool,
    amd_enabled: bool,
    #[schema(format = DateTime)]
    start_at: Option<String>,
    #[schema(format = DateTime)]
    end_at: Option<String>,
    #[schema(format = DateTime)]
    started_at: Option<String>,
    #[schema(format = DateTime)]
    paused_at: Option<String>,
    #[schema(format = DateTime)]
    finished_at: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl CampaignBody {
    fn new(who: &Principal, campaign: Campaign) -> Self {
        Self {
            id: campaign.id,
            tenant_id: who.tenant.0,
            name: campaign.name,
            description: campaign.description,
            script_id: campaign.script_id,
            status: campaign.status.as_str(),
            gateway_name: None,
            caller_id_group_id: campaign.caller_id_group_id,
            max_retries: campaign.max_retries,
            retry_interval_minutes: campaign.retry_interval_minutes,
            retry_only_when: campaign.retry_only_when.as_str(),
            max_concurrent: campaign.max_concurrent,
            originate_timeout: campaign.originate_timeout,
            write_to_main_cdr: campaign.write_to_main_cdr,
            call_purpose: campaign.call_purpose.as_str(),
            pdpl_enforce: campaign.pdpl_enforce,
            record_calls: campaign.record_calls,
            tts_fallback: campaign.tts_fallback,
            amd_enabled: campaign.amd_enabled,
            start_at: time(campaign.start_at),
            end_at: time(campaign.end_at),
            started_at: time(campaign.started_at),
            paused_at: time(campaign.paused_at),
            finished_at: time(campaign.finished_at),
            created_at: campaign.created_at.rfc3339(),
            updated_at: campaign.updated_at.rfc3339(),
        }
    }
}

/// What a client may write of a campaign. Absent fields keep what they are.
#[derive(Deserialize, ToSchema)]
#[schema(as = AutocallCampaignFields)]
struct Written {
    /// Needed to create one.
    #[schema(example = "Reminders of May", max_length = 255)]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Option<Option<String>>,
    /// An active script; needed to create one. It stays once leads were taken in.
    script_id: Option<i64>,
    /// An active group; without one the account's default trunk shows its own number.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    caller_id_group_id: Option<Option<i64>>,
    #[schema(minimum = 0, maximum = 10, default = 3)]
    max_retries: Option<i64>,
    #[schema(minimum = 1, maximum = 43200, default = 60)]
    retry_interval_minutes: Option<i64>,
    /// `no_answer`, `busy`, `failed` or `any`.
    #[schema(default = "no_answer")]
    retry_only_when: Option<String>,
    /// Calls at a time.
    #[schema(minimum = 1, maximum = 200, default = 10)]
    max_concurrent: Option<i64>,
    /// Seconds that a callee is rung.
    #[schema(minimum = 10, maximum = 180, default = 40)]
    originate_timeout: Option<i64>,
    /// Whether each attempt stands in the account's call records, too.
    #[schema(default = false)]
    write_to_main_cdr: Option<bool>,
    /// `advertising`, `service`, `care` or `debt`: the law asks more of some.
    #[schema(default = "service")]
    call_purpose: Option<String>,
    /// Whether hours, caps and consent of the law are asked for. Only admins may switch it off.
    #[schema(default = true)]
    pdpl_enforce: Option<bool>,
    #[schema(default = false)]
    record_calls: Option<bool>,
    /// Whether the server's own voice may speak while the provider of tier A is down.
    #[schema(default = false)]
    tts_fallback: Option<bool>,
    /// Whether answering machines are looked for.
    #[schema(default = false)]
    amd_enabled: Option<bool>,
    /// UTC unless it has an offset. Nobody is called before.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = DateTime)]
    start_at: Option<Option<String>>,
    /// After `start_at`. The campaign is finished then.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = DateTime)]
    end_at: Option<Option<String>>,
}

impl From<Written> for CampaignFill {
    fn from(written: Written) -> Self {
        Self {
            name: written.name,
            description: written.description,
            script_id: written.script_id,
            caller_id_group_id: written.caller_id_group_id,
            max_retries: written.max_retries,
            retry_interval_minutes: written.retry_interval_minutes,
            retry_only_when: written.retry_only_when,
            max_concurrent: written.max_concurrent,
            originate_timeout: written.originate_timeout,
            write_to_main_cdr: written.write_to_main_cdr,
            call_purpose: written.call_purpose,
            pdpl_enforce: written.pdpl_enforce,
            record_calls: written.record_calls,
            tts_fallback: written.tts_fallback,
            amd_enabled: written.amd_enabled,
            start_at: written.start_at,
            end_at: written.end_at,
        }
    }
}

/// How far a campaign is.
#[derive(Serialize, ToSchema)]
#[schema(as = AutocallStats)]
struct StatsBody {
    campaign_id: i64,
    status: &'static str,
    total_leads: i64,
    /// Leads by state: `pending`, `reserved`, `dialing`, `completed`, `no_such_number`, `exhausted`, `not_retried` and
    /// `opted_out`.
    leads: BTreeMap<&'static str, i64>,
    /// Leads that are not called any more, in percent.
    #[schema(example = "42.50")]
    progress_pct: String,
    /// Calls that are up.
    in_progress: i64,
    /// Attempts that are over.
    dialed: i64,
    answered: i64,
    no_answer: i64,
    busy: i64,
    failed: i64,
    abandoned: i64,
    #[schema(example = "64.69")]
    answer_rate_pct: String,
    avg_call_duration_sec: i64,
    total_talk_time_sec: i64,
    transfer_to_queue_count: i64,
    transfer_success_rate_pct: String,
    /// Rules that hold leads back at present, with how many each.
    held_back: BTreeMap<String, i64>,
}

impl From<CampaignStats> for StatsBody {
    fn from(stats: CampaignStats) -> Self {
        use LeadStatus::{Completed, Dialing, Exhausted, NoSuchNumber, NotRetried, OptedOut, Pending, Reserved};
        let states = [Pending, Reserved, Dialing, Completed, NoSuchNumber, Exhausted, NotRetried, OptedOut];
        let mut leads: BTreeMap<_, _> = states.into_iter().map(|status| (status.as_str(), 0)).collect();
        leads.extend(stats.leads.iter().map(|(status, count)| (status.as_str(), *count)));
        let total: i64 = leads.values().sum();
        let open: i64 = [Pending, Reserved, Dialing].into_iter().filter_map(|status| leads.get(status.as_str())).sum();
        let figures = stats.figures;
        Self {
            campaign_id: stats.campaign.id,
            status: stats.campaign.status.as_str(),
            total_leads: total,
            progress_pct: percent(total - open, total),
            leads,
            in_progress: stats.up,
            dialed: figures.dialed,
            answered: figures.answered,
            no_answer: figures.no_answer,
            busy: figures.busy,
            failed: figures.failed,
            abandoned: figures.abandoned,
            answer_rate_pct: figures.answer_rate(),
            avg_call_duration_sec: figures.average_talk(),
            total_talk_time_sec: figures.talk,
            transfer_to_queue_count: figures.transferred,
            transfer_success_rate_pct: figures.transfer_success(),
            held_back: stats.held_back.into_iter().collect(),
        }
    }
}

/// Lists campaigns, the newest first.
#[utoipa::path(get, path = "/api/autocall/campaigns", tag = "autocall", params(CampaignParams, PageParams), responses(
    (status = 200, body = Listing<CampaignBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
async fn list_campaigns(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Query(query): Query<CampaignParams>,
    page: Page,
) -> Result<Listing<CampaignBody>> {
    let mut fields = Fields::new();
    let status = query.status.as_deref().map(CampaignStatus::parse);
    fields.check("status", status != Some(None), Rule::Selected);
    let text = fields.text("search", query.search.as_deref(), 0, LONGEST_SEARCH).filter(|text| !text.is_empty());
    fields.finish()?;
    let filter = Filter { status: status.flatten(), text: text.as_deref(), script_id: query.script_id };
    Ok(autocall.campaigns(&who, &filter, page).await?.map(|campaign| CampaignBody::new(&who, campaign)))
}

/// Makes a campaign, as a draft.
#[utoipa::path(post, path = "/api/autocall/campaigns", tag = "autocall", request_body = Written, responses(
    (status = 201, body = Created<CampaignBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
async fn create_campaign(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    body: Body<Written>,
) -> Result<Created<CampaignBody>> {
    let campaign = autocall.add_campaign(&who, body.value.into(), body.fields).await?;
    Ok(Created(CampaignBody::new(&who, campaign)))
}

/// Returns a campaign.
#[utoipa::path(get, path = "/api/autocall/campaigns/{id}", tag = "autocall", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<CampaignBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
async fn show_campaign(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<CampaignBody>> {
    Ok(Data(CampaignBody::new(&who, autocall.campaign(&who, id).await?)))
}

/// Changes a campaign that is neither finished nor archived: the fields that are given.
#[utoipa::path(put, path = "/api/autocall/campaigns/{id}", tag = "autocall", params(("id" = i64, Path)),
    request_body = Written, responses(
    (status = 200, body = Data<CampaignBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn update_campaign(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    body: Body<Written>,
) -> Result<Data<CampaignBody>> {
    let campaign = autocall.change_campaign(&who, id, body.value.into(), body.fields).await?;
    Ok(Data(CampaignBody::new(&who, campaign)))
}

/// Deletes a campaign that nobody was called for, with its leads. Others are archived.
#[utoipa::path(delete, path = "/api/autocall/campaigns/{id}", tag = "autocall", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Nothing>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn delete_campaign(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<Nothing>> {
    autocall.delete_campaign(&who, id).await?;
    Ok(Data(Nothing {}))
}

/// Starts a draft. One 422 names all that it lacks.
#[utoipa::path(post, path = "/api/autocall/campaigns/{id}/start", tag = "autocall", params(("id" = i64, Path)),
    responses(
    (status = 200, body = Data<CampaignBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn start_campaign(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<CampaignBody>> {
    Ok(Data(CampaignBody::new(&who, autocall.step(&who, id, Step::Start).await?)))
}

/// The same as `start`.
#[utoipa::path(post, path = "/api/autocall/campaigns/{id}/launch", tag = "autocall", params(("id" = i64, Path)),
    responses(
    (status = 200, body = Data<CampaignBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn launch_campaign(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<CampaignBody>> {
    Ok(Data(CampaignBody::new(&who, autocall.step(&who, id, Step::Start).await?)))
}

/// Pauses a campaign that runs: nobody is dialled any more, and calls that are up go on.
#[utoipa::path(post, path = "/api/autocall/campaigns/{id}/pause", tag = "autocall", params(("id" = i64, Path)),
    responses(
    (status = 200, body = Data<CampaignBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn pause_campaign(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<CampaignBody>> {
    Ok(Data(CampaignBody::new(&who, autocall.step(&who, id, Step::Pause).await?)))
}

/// Lets a paused campaign go on. One 422 names all that it lacks.
#[utoipa::path(post, path = "/api/autocall/campaigns/{id}/resume", tag = "autocall", params(("id" = i64, Path)),
    responses(
    (status = 200, body = Data<CampaignBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn resume_campaign(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<CampaignBody>> {
    Ok(Data(CampaignBody::new(&who, autocall.step(&who, id, Step::Resume).await?)))
}

/// Puts a campaign away that does not run.
#[utoipa::path(post, path = "/api/autocall/campaigns/{id}/archive", tag = "autocall", params(("id" = i64, Path)),
    responses(
    (status = 200, body = Data<CampaignBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn archive_campaign(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<CampaignBody>> {
    Ok(Data(CampaignBody::new(&who, autocall.step(&who, id, Step::Archive).await?)))
}

/// Takes an archived campaign back into the state that it was archived from.
#[utoipa::path(post, path = "/api/autocall/campaigns/{id}/unarchive", tag = "autocall", params(("id" = i64, Path)),
    responses(
    (status = 200, body = Data<CampaignBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn unarchive_campaign(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<CampaignBody>> {
    Ok(Data(CampaignBody::new(&who, autocall.step(&who, id, Step::Unarchive).await?)))
}

/// Returns how far a campaign is.
#[utoipa::path(get, path = "/api/autocall/campaigns/{id}/stats", tag = "autocall", params(("id" = i64, Path)),
    responses(
    (status = 200, body = Data<StatsBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
async fn campaign_stats(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<StatsBody>> {
    Ok(Data(autocall.stats(&who, id).await?.into()))
}
