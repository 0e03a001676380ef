//! `/api/pbx/caller-ids`.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{Body, Caller, Created, Data, ErrorBody, Fields, Listing, OpenApiRouter, Path, Query, Result, Rule, routes};

use super::{Nothing, given, page};
use crate::{
    Pbx,
    model::{CallerId, CallerIdStatus},
    ops::caller_ids::{self as ops, Fill},
};

pub(super) fn routes() -> OpenApiRouter<Pbx> {
    OpenApiRouter::new()
        .routes(routes!(list_caller_ids, create_caller_id))
        .routes(routes!(update_caller_id, delete_caller_id))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// `active` or `disabled`.
    status: Option<String>,
    #[param(value_type = Option<i64>, minimum = 1, default = 1)]
    page: Option<String>,
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    per_page: Option<String>,
}

/// What a client may write of a caller ID. Absent fields keep what they are.
#[derive(Debug, Deserialize, ToSchema)]
struct CallerIdFields {
    /// 3-15 digits, a leading `+` allowed; needed to create one.
    #[schema(example = "02873001234")]
    number: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "Hotline", max_length = 100)]
    label: Option<Option<String>>,
    /// `active` or `disabled`.
    #[schema(example = "active")]
    status: Option<String>,
    /// The trunk that the carrier accepts the number on; null is any.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    trunk_id: Option<Option<i64>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallerId)]
struct CallerIdBody {
    id: i64,
    #[schema(example = "02873001234")]
    number: String,
    label: Option<String>,
    #[schema(value_type = String, example = "active")]
    status: CallerIdStatus,
    trunk_id: Option<i64>,
    /// The caller ID groups that it belongs to.
    group_ids: Vec<i64>,
}

/// Lists the account's caller IDs, by number.
#[utoipa::path(get, path = "/api/pbx/caller-ids", tag = "pbx", params(ListParams), responses(
    (status = 200, body = Listing<CallerIdBody>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_caller_ids(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Query(params): Query<ListParams>,
) -> Result<Listing<CallerIdBody>> {
    let mut fields = Fields::new();
    let page = page(&mut fields, params.page.as_deref(), params.per_page.as_deref());
    let status = params.status.as_deref().map(CallerIdStatus::parse);
    fields.check("status", status != Some(None), Rule::Selected);
    fields.finish()?;
    Ok(ops::with_groups(&pbx.desk(), &who, status.flatten(), page).await?.map(CallerIdBody::from))
}

/// Adds a caller ID. Needs `manage_caller_ids`.
#[utoipa::path(post, path = "/api/pbx/caller-ids", tag = "pbx", request_body = CallerIdFields, responses(
    (status = 201, body = Created<CallerIdBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "The number is there already."),
    (status = 422, body = ErrorBody)))]
async fn create_caller_id(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    body: Body<CallerIdFields>,
) -> Result<Created<CallerIdBody>> {
    let caller_id = ops::create(&pbx.desk(), &who, body.value.into(), body.fields).await?;
    Ok(Created((caller_id, Vec::new()).into()))
}

/// Changes a caller ID: the fields that are given, null clears. Needs `manage_caller_ids`.
#[utoipa::path(put, path = "/api/pbx/caller-ids/{id}", tag = "pbx", params(("id" = i64, Path)),
    request_body = CallerIdFields, responses(
    (status = 200, body = Data<CallerIdBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "Extensions show the old number, or the new one is taken."),
    (status = 422, body = ErrorBody)))]
async fn update_caller_id(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    body: Body<CallerIdFields>,
) -> Result<Data<CallerIdBody>> {
    let desk = pbx.desk();
    let caller_id = ops::update(&desk, &who, id, body.value.into(), body.fields).await?;
    let groups = ops::groups_of(&desk, &who, id).await?;
    Ok(Data((caller_id, groups).into()))
}

/// Deletes a caller ID that no extension shows. Needs `manage_caller_ids`.
#[utoipa::path(delete, path = "/api/pbx/caller-ids/{id}", tag = "pbx", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Nothing>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "Extensions show it.")))]
async fn delete_caller_id(State(pbx): State<Pbx>, Caller(who): Caller, Path(id): Path<i64>) -> Result<Data<Nothing>> {
    ops::delete(&pbx.desk(), &who, id).await?;
    Ok(Data(Nothing {}))
}

impl From<(CallerId, Vec<i64>)> for CallerIdBody {
    fn from((caller_id, group_ids): (CallerId, Vec<i64>)) -> Self {
        Self {
            id: caller_id.id,
            number: caller_id.number,
            label: caller_id.label,
            status: caller_id.status,
            trunk_id: caller_id.trunk.map(|trunk| trunk.0),
            group_ids,
        }
    }
}

impl From<CallerIdFields> for Fill {
    fn from(fields: CallerIdFields) -> Self {
        Self { number: fields.number, label: fields.label, status: fields.status, trunk_id: fields.trunk_id }
    }
}
