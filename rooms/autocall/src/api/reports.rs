//! `/api/autocall/campaigns/{id}/reports/*`.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{Caller, Data, ErrorBody, Fields, OpenApiRouter, Path, Query, Result, Rule, routes};

use crate::{
    Autocall,
    ops::reports::{
        Asked, Cause, Comparison, Funnel, Granularity, Key, Kpis,
        figures::{Figures, percent},
    },
};

pub(super) fn routes() -> OpenApiRouter<Autocall> {
    OpenApiRouter::new()
        .routes(routes!(report_kpis))
        .routes(routes!(report_trend))
        .routes(routes!(report_comparison))
        .routes(routes!(report_hangup))
        .routes(routes!(report_heatmap))
        .routes(routes!(report_dtmf))
        .routes(routes!(report_funnel))
}

/// Of which time a report is.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TimeParams {
    /// A time, or a day; the start of the campaign unless it is given.
    from: Option<String>,
    /// A time, or a day, the whole of which belongs to it; now unless it is given.
    to: Option<String>,
    /// The zone of days, of hours and of times without an offset.
    #[param(default = "Asia/Ho_Chi_Minh")]
    timezone: Option<String>,
}

impl From<TimeParams> for Asked {
    fn from(params: TimeParams) -> Self {
        Self { from: params.from, to: params.to, timezone: params.timezone }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TrendParams {
    /// `day` or `hour`.
    #[param(default = "day")]
    granularity: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ComparisonParams {
    /// Other campaigns of the account, separated by commas, at most 10.
    #[param(example = "2,3")]
    campaign_ids: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallKpis)]
struct KpiBody {
    total_leads: i64,
    /// Attempts that are over.
    dialed: i64,
    answered: i64,
    no_answer: i64,
    busy: i64,
    failed: i64,
    abandoned: i64,
    /// Answered of dialled.
    #[schema(example = "64.69")]
    answer_rate_pct: String,
    avg_call_duration_sec: i64,
    total_talk_time_sec: i64,
    /// Answered attempts by the key that was pressed first, and those without any as `no_input`.
    #[schema(example = json!({"1": 320, "2": 80, "no_input": 1000}))]
    dtmf_distribution: BTreeMap<String, i64>,
    transfer_to_queue_count: i64,
    /// Calls that an agent answered, of those handed to a queue.
    #[schema(example = "92.31")]
    transfer_success_rate_pct: String,
    #[schema(format = DateTime)]
    computed_at: String,
}

impl From<Kpis> for KpiBody {
    fn from(kpis: Kpis) -> Self {
        let figures = kpis.figures;
        let mut keys: BTreeMap<String, i64> = BTreeMap::from([("no_input".to_owned(), 0)]);
        for (key, count) in kpis.keys {
            keys.insert(if key.is_empty() { "no_input".to_owned() } else { key }, count);
        }
        Self {
            total_leads: kpis.total_leads,
            dialed: figures.dialed,
            answered: figures.answered,
            no_answer: figures.no_answer,
            busy: figures.busy,
            failed: figures.failed,
            abandoned: figures.abandoned,
            answer_rate_pct: figures.answer_rate(),
            avg_call_duration_sec: figures.average_talk(),
            total_talk_time_sec: figures.talk,
            dtmf_distribution: keys,
            transfer_to_queue_count: figures.transferred,
            transfer_success_rate_pct: figures.transfer_success(),
            computed_at: kpis.computed_at.rfc3339(),
        }
    }
}

/// What was counted.
#[derive(Serialize, ToSchema)]
#[schema(as = AutocallFigures)]
struct FiguresBody {
    dialed: i64,
    answered: i64,
    no_answer: i64,
    busy: i64,
    failed: i64,
    abandoned: i64,
    answer_rate_pct: String,
    avg_call_duration_sec: i64,
    total_talk_time_sec: i64,
    transfer_to_queue_count: i64,
    transfer_success_rate_pct: String,
}

impl From<Figures> for FiguresBody {
    fn from(figures: Figures) -> Self {
        Self {
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
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallTrendBucket)]
struct BucketBody {
    /// A day, or the begin of an hour.
    #[schema(example = "2026-02-03")]
    bucket: String,
    #[serde(flatten)]
    figures: FiguresBody,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallPeriod)]
struct PeriodBody {
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    #[serde(flatten)]
    figures: FiguresBody,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallCampaignFigures)]
struct CampaignFiguresBody {
    campaign_id: i64,
    name: String,
    #[serde(flatten)]
    figures: FiguresBody,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallComparison)]
struct ComparisonBody {
    current: PeriodBody,
    /// The same length of time before.
    previous: PeriodBody,
    /// The campaigns that were asked for, in the same time.
    campaigns: Vec<CampaignFiguresBody>,
}

impl From<Comparison> for ComparisonBody {
    fn from(comparison: Comparison) -> Self {
        let period = |((from, to), figures): ((domain::Timestamp, domain::Timestamp), Figures)| PeriodBody {
            from: from.rfc3339(),
            to: to.rfc3339(),
            figures: figures.into(),
        };
        let campaigns = comparison.campaigns.into_iter().map(|(campaign, figures)| CampaignFiguresBody {
            campaign_id: campaign.id,
            name: campaign.name,
            figures: figures.into(),
        });
        Self {
            current: period(comparison.current),
            previous: period(comparison.previous),
            campaigns: campaigns.collect(),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallHangup)]
struct CauseBody {
    #[schema(example = "USER_BUSY")]
    hangup_cause: Option<String>,
    result: &'static str,
    count: i64,
    /// Of all attempts.
    pct: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallHeatmapHour)]
struct HourBody {
    /// 1 is Monday, 7 Sunday.
    #[schema(minimum = 1, maximum = 7)]
    day_of_week: i8,
    #[schema(minimum = 0, maximum = 23)]
    hour: i8,
    #[serde(flatten)]
    figures: FiguresBody,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallKey)]
struct KeyBody {
    /// `no_input`: none was pressed.
    #[schema(example = "1")]
    digit: String,
    label: Option<String>,
    action_type: Option<String>,
    /// Answered attempts that began with this key.
    count: i64,
    /// Of all answered attempts.
    pct: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallFunnelStage)]
struct StageBody {
    /// `leads`, `dialed`, `answered`, `pressed`, `transferred` or `connected`.
    stage: &'static str,
    /// Leads that came so far.
    count: i64,
    /// Of all leads.
    pct: String,
    /// Of the stage before.
    step_pct: String,
}

/// Returns the figures of a campaign.
#[utoipa::path(get, path = "/api/autocall/campaigns/{id}/reports/kpis", tag = "autocall",
    params(("id" = i64, Path), TimeParams), responses(
    (status = 200, body = Data<KpiBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn report_kpis(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    Query(time): Query<TimeParams>,
) -> Result<Data<KpiBody>> {
    Ok(Data(autocall.kpis(&who, id, &time.into()).await?.into()))
}

/// Returns the figures by day or by hour; times without any attempt are left out.
#[utoipa::path(get, path = "/api/autocall/campaigns/{id}/reports/trend", tag = "autocall",
    params(("id" = i64, Path), TimeParams, TrendParams), responses(
    (status = 200, body = Data<Vec<BucketBody>>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn report_trend(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    Query(time): Query<TimeParams>,
    Query(query): Query<TrendParams>,
) -> Result<Data<Vec<BucketBody>>> {
    let granularity = match query.granularity.as_deref() {
        None | Some("day") => Some(Granularity::Day),
        Some("hour") => Some(Granularity::Hour),
        Some(_) => None,
    };
    let mut fields = Fields::new();
    fields.check("granularity", granularity.is_some(), Rule::Selected);
    fields.finish()?;
    let buckets = autocall.trend(&who, id, &time.into(), granularity.unwrap_or_default()).await?;
    let buckets = buckets.into_iter().map(|row| BucketBody { bucket: row.name, figures: row.figures.into() });
    Ok(Data(buckets.collect()))
}

/// Compares a time with the same length of time before, and with other campaigns.
#[utoipa::path(get, path = "/api/autocall/campaigns/{id}/reports/comparison", tag = "autocall",
    params(("id" = i64, Path), TimeParams, ComparisonParams), responses(
    (status = 200, body = Data<ComparisonBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn report_comparison(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    Query(time): Query<TimeParams>,
    Query(query): Query<ComparisonParams>,
) -> Result<Data<ComparisonBody>> {
    let text = query.campaign_ids.unwrap_or_default();
    let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::parse::<i64>);
    let others: std::result::Result<Vec<i64>, _> = ids.collect();
    let mut fields = Fields::new();
    fields.check("campaign_ids", others.is_ok(), Rule::Format);
    fields.finish()?;
    Ok(Data(autocall.comparison(&who, id, &time.into(), &others.unwrap_or_default()).await?.into()))
}

/// Returns why attempts ended, the most frequent reason first.
#[utoipa::path(get, path = "/api/autocall/campaigns/{id}/reports/hangup", tag = "autocall",
    params(("id" = i64, Path), TimeParams), responses(
    (status = 200, body = Data<Vec<CauseBody>>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn report_hangup(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    Query(time): Query<TimeParams>,
) -> Result<Data<Vec<CauseBody>>> {
    let causes = autocall.causes(&who, id, &time.into()).await?;
    let total = causes.iter().map(|cause| cause.count).sum();
    let body = |cause: Cause| CauseBody {
        hangup_cause: cause.hangup_cause,
        result: cause.result.as_str(),
        count: cause.count,
        pct: percent(cause.count, total),
    };
    Ok(Data(causes.into_iter().map(body).collect()))
}

/// Returns the figures by hour of the week; hours without any attempt are left out.
#[utoipa::path(get, path = "/api/autocall/campaigns/{id}/reports/heatmap", tag = "autocall",
    params(("id" = i64, Path), TimeParams), responses(
    (status = 200, body = Data<Vec<HourBody>>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn report_heatmap(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    Query(time): Query<TimeParams>,
) -> Result<Data<Vec<HourBody>>> {
    let hours = autocall.heatmap(&who, id, &time.into()).await?.into_iter();
    let hours = hours.map(|((day, hour), figures)| HourBody { day_of_week: day, hour, figures: figures.into() });
    Ok(Data(hours.collect()))
}

/// Returns which key answered attempts began with: those of the script in their order, others, and none.
#[utoipa::path(get, path = "/api/autocall/campaigns/{id}/reports/dtmf", tag = "autocall",
    params(("id" = i64, Path), TimeParams), responses(
    (status = 200, body = Data<Vec<KeyBody>>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn report_dtmf(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    Query(time): Query<TimeParams>,
) -> Result<Data<Vec<KeyBody>>> {
    let keys = autocall.keys(&who, id, &time.into()).await?;
    let total = keys.iter().map(|key| key.count).sum();
    let body = |key: Key| KeyBody {
        digit: key.digit.unwrap_or_else(|| "no_input".to_owned()),
        label: key.label,
        action_type: key.action_type,
        count: key.count,
        pct: percent(key.count, total),
    };
    Ok(Data(keys.into_iter().map(body).collect()))
}

/// Returns how many leads came how far: dialled, answered, pressed a key, handed to a queue, met an agent.
#[utoipa::path(get, path = "/api/autocall/campaigns/{id}/reports/funnel", tag = "autocall",
    params(("id" = i64, Path), TimeParams), responses(
    (status = 200, body = Data<Vec<StageBody>>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn report_funnel(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    Query(time): Query<TimeParams>,
) -> Result<Data<Vec<StageBody>>> {
    let funnel = autocall.funnel(&who, id, &time.into()).await?;
    Ok(Data(stages(&funnel)))
}

fn stages(funnel: &Funnel) -> Vec<StageBody> {
    let (total, reached) = (funnel.total_leads, funnel.reached);
    let counts = [
        ("leads", total),
        ("dialed", reached.dialed),
        ("answered", reached.answered),
        ("pressed", reached.pressed),
        ("transferred", reached.transferred),
        ("connected", reached.connected),
    ];
    let before = [total].into_iter().chain(counts.into_iter().map(|(_, count)| count));
    counts
        .into_iter()
        .zip(before)
        .map(|((stage, count), before)| StageBody {
            stage,
            count,
            pct: percent(count, total),
            step_pct: percent(count, before),
        })
        .collect()
}
