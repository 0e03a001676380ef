//! Leads: taken in, listed, shown with their attempts, deleted.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use std::collections::BTreeMap;

use axum::extract::State;
use domain::Principal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use web::{
    Body, Caller, Data, ErrorBody, Fields, Language, Listing, OpenApiRouter, Page, PageParams, Path, Query, Result,
    Rule, routes,
};

use super::{Nothing, calls::CallBody, time};
use crate::{
    Autocall,
    model::{Lead, LeadStatus, Refused},
    ops::{Imported, LeadDetail, LeadFill, OnDuplicate},
    store::leads::Filter,
};

pub(super) fn routes() -> OpenApiRouter<Autocall> {
    OpenApiRouter::new()
        .routes(routes!(list_leads, add_leads))
        .routes(routes!(import_leads))
        .routes(routes!(show_lead, delete_lead))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LeadParams {
    /// `pending`, `reserved`, `dialing`, `completed`, `no_such_number`, `exhausted`, `not_retried` or `opted_out`.
    status: Option<String>,
    /// A number or a part of one, written in any way.
    phone: Option<String>,
    external_ref: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallLead)]
struct LeadBody {
    id: i64,
    campaign_id: i64,
    /// E.164 without the plus.
    #[schema(example = "84987654321")]
    phone: String,
    /// As it was given.
    #[schema(example = "0987654321")]
    phone_number: String,
    external_ref: Option<String>,
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    payload: Value,
    status: &'static str,
    total_attempts: i64,
    /// Of the latest attempt.
    last_result: Option<String>,
    /// Not before then.
    #[schema(format = DateTime)]
    next_call_at: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Lead> for LeadBody {
    fn from(lead: Lead) -> Self {
        let waits = lead.status == LeadStatus::Pending && lead.next_at.millis() > 0;
        Self {
            id: lead.id,
            campaign_id: lead.campaign_id,
            phone: lead.phone,
            phone_number: lead.phone_original,
            external_ref: lead.external_ref,
            payload: serde_json::from_str(&lead.payload).unwrap_or_default(),
            status: lead.status.as_str(),
            total_attempts: lead.attempts,
            last_result: lead.last_result,
            next_call_at: waits.then(|| lead.next_at.rfc3339()),
            created_at: lead.created_at.rfc3339(),
            updated_at: lead.updated_at.rfc3339(),
        }
    }
}

/// Why a lead was not dialled.
#[derive(Serialize, ToSchema)]
#[schema(as = AutocallRefusal)]
struct RefusalBody {
    #[schema(example = "dnc.account")]
    rule: String,
    rule_version: i64,
    /// When the call is allowed if nothing else changes; null: never by time alone.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// The latest time, and how often so far.
    #[schema(format = DateTime)]
    refused_at: String,
    times: i64,
}

impl From<Refused> for RefusalBody {
    fn from(refused: Refused) -> Self {
        Self {
            rule: refused.rule,
            rule_version: refused.rule_version,
            until: time(refused.until_at),
            refused_at: refused.refused_at.rfc3339(),
            times: refused.times,
        }
    }
}

/// A lead with all that was done for it.
#[derive(Serialize, ToSchema)]
#[schema(as = AutocallLeadDetail)]
struct DetailBody {
    #[serde(flatten)]
    lead: LeadBody,
    /// The first first.
    attempts: Vec<CallBody>,
    /// Why it was not dialled, the latest first.
    refusals: Vec<RefusalBody>,
}

impl From<LeadDetail> for DetailBody {
    fn from(detail: LeadDetail) -> Self {
        Self {
            lead: detail.lead.into(),
            attempts: detail.attempts.into_iter().map(CallBody::from).collect(),
            refusals: detail.refusals.into_iter().map(RefusalBody::from).collect(),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = AutocallLeads)]
struct Written {
    /// 1-5,000 leads.
    #[schema(value_type = Vec<LeadFields>, min_items = 1, max_items = 5000)]
    leads: Option<Vec<Value>>,
    /// What becomes of a number that the campaign has: `skip`, or `update` the values of a lead that waits.
    #[schema(default = "skip")]
    on_duplicate: Option<String>,
}

/// What a client says of a lead.
#[derive(Deserialize, ToSchema)]
#[schema(as = AutocallLeadFields)]
struct LeadFields {
    /// A number of the account's region or an international one; `phone_number` is the same.
    #[schema(example = "0987654321")]
    #[expect(dead_code, reason = "the document shows it; leads are read one by one")]
    phone: String,
    /// The values of the script's variables by their codes; `variables` is the same.
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    #[expect(dead_code, reason = "the document shows it; leads are read one by one")]
    payload: Option<Value>,
    /// The client's own name for the lead.
    #[schema(max_length = 255)]
    #[expect(dead_code, reason = "the document shows it; leads are read one by one")]
    external_ref: Option<String>,
}

/// What became of the leads of a request.
#[derive(Serialize, ToSchema)]
#[schema(as = AutocallLeadsImported)]
struct ImportedBody {
    inserted: i64,
    updated: i64,
    /// Their numbers stand in the request or in the campaign already.
    skipped_duplicate: i64,
    /// Their numbers are blocked.
    dnc: i64,
    /// Those that were not taken.
    invalid: Vec<InvalidBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallLeadInvalid)]
struct InvalidBody {
    /// The place in the request, from 0.
    index: usize,
    phone: Option<String>,
    errors: BTreeMap<String, Vec<String>>,
}

impl ImportedBody {
    fn new(done: Imported, language: Language) -> Self {
        let invalid = done.invalid.into_iter().map(|invalid| InvalidBody {
            index: invalid.index,
            phone: invalid.phone,
            errors: invalid
                .errors
                .messages(language)
                .into_iter()
                .map(|(field, message)| (field.to_owned(), vec![message]))
                .collect(),
        });
        Self {
            inserted: done.inserted,
            updated: done.updated,
            skipped_duplicate: done.skipped_duplicate,
            dnc: done.dnc,
            invalid: invalid.collect(),
        }
    }
}

/// Reads a lead, one that is written in the older way, too.
fn read(lead: Value) -> LeadFill {
    let Value::Object(mut lead) = lead else { return LeadFill { is_broken: true, ..LeadFill::default() } };
    let mut take = |name: &str, older: &str| lead.remove(name).or_else(|| lead.remove(older)).filter(|v| !v.is_null());
    let text = |value: Value| match value {
        Value::String(text) => text,
        // A number without quotes has lost its leading zero or is E.164; the check says what it is.
        other => other.to_string(),
    };
    let phone = take("phone", "phone_number").map(text);
    let payload = take("payload", "variables");
    let external_ref = take("external_ref", "ref").map(text);
    LeadFill { phone, payload, external_ref, is_broken: false }
}

async fn take_in(
    autocall: &Autocall,
    who: &Principal,
    id: i64,
    language: Option<Language>,
    body: Body<Written>,
) -> Result<Data<ImportedBody>> {
    let Body { value: Written { leads, on_duplicate }, mut fields } = body;
    let on_duplicate = on_duplicate.as_deref().map_or_else(|| Some(OnDuplicate::default()), OnDuplicate::parse);
    fields.check("on_duplicate", on_duplicate.is_some(), Rule::Selected);
    let leads = leads.map(|leads| leads.into_iter().map(read).collect());
    let done = autocall.import(who, id, leads, on_duplicate.unwrap_or_default(), fields).await?;
    Ok(Data(ImportedBody::new(done, language.unwrap_or_default())))
}

/// Lists a campaign's leads in the order in which they came.
#[utoipa::path(get, path = "/api/autocall/campaigns/{id}/leads", tag = "autocall",
    params(("id" = i64, Path), LeadParams, PageParams), responses(
    (status = 200, body = Listing<LeadBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_leads(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    Query(query): Query<LeadParams>,
    page: Page,
) -> Result<Listing<LeadBody>> {
    let mut fields = Fields::new();
    let status = query.status.as_deref().map(LeadStatus::parse);
    fields.check("status", status != Some(None), Rule::Selected);
    fields.finish()?;
    let filter = Filter { status: status.flatten(), digits: None, external_ref: query.external_ref };
    Ok(autocall.leads(&who, id, query.phone.as_deref(), filter, page).await?.map(LeadBody::from))
}

/// Takes leads in. Those that are wrong stand in `invalid`, and the others are kept.
#[utoipa::path(post, path = "/api/autocall/campaigns/{id}/leads", tag = "autocall", params(("id" = i64, Path)),
    request_body = Written, responses(
    (status = 200, body = Data<ImportedBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn add_leads(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    language: Option<axum::Extension<Language>>,
    body: Body<Written>,
) -> Result<Data<ImportedBody>> {
    take_in(&autocall, &who, id, language.map(|language| language.0), body).await
}

/// The same as `POST …/leads`.
#[utoipa::path(post, path = "/api/autocall/campaigns/{id}/leads/import", tag = "autocall", params(("id" = i64, Path)),
    request_body = Written, responses(
    (status = 200, body = Data<ImportedBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn import_leads(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    language: Option<axum::Extension<Language>>,
    body: Body<Written>,
) -> Result<Data<ImportedBody>> {
    take_in(&autocall, &who, id, language.map(|language| language.0), body).await
}

/// Returns a lead with its attempts, and why it was not dialled.
#[utoipa::path(get, path = "/api/autocall/leads/{id}", tag = "autocall", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<DetailBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
async fn show_lead(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<DetailBody>> {
    Ok(Data(autocall.lead(&who, id).await?.into()))
}

/// Deletes a lead that no call is under way to. The records of its calls stay.
#[utoipa::path(delete, path = "/api/autocall/leads/{id}", tag = "autocall", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Nothing>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn delete_lead(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<Nothing>> {
    autocall.delete_lead(&who, id).await?;
    Ok(Data(Nothing {}))
}
