//! `/api/autocall/blacklist`: numbers that nobody of the account may call.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{
    Body, Caller, Created, Data, ErrorBody, Listing, OpenApiRouter, Page, PageParams, Path, Query, Result, routes,
};

use super::Nothing;
use crate::{Autocall, model::Blocked};

pub(super) fn routes() -> OpenApiRouter<Autocall> {
    OpenApiRouter::new().routes(routes!(list_blacklist, block_number)).routes(routes!(unblock_number))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct BlacklistParams {
    /// A number or a part of one, written in any way.
    phone: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallBlocked)]
struct BlockedBody {
    id: i64,
    /// E.164 without the plus.
    phone: String,
    /// As it was given.
    phone_number: String,
    reason: Option<String>,
    /// `manual`, `import`, `key_press` or `disposition`.
    source: &'static str,
    campaign_id: Option<i64>,
    created_by: String,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Blocked> for BlockedBody {
    fn from(blocked: Blocked) -> Self {
        Self {
            id: blocked.id,
            phone: blocked.phone,
            phone_number: blocked.phone_original,
            reason: blocked.reason,
            source: blocked.source.as_str(),
            campaign_id: blocked.campaign_id,
            created_by: blocked.created_by,
            created_at: blocked.created_at.rfc3339(),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = AutocallBlock)]
struct Written {
    /// A number of the account's region or an international one, written in any way. Needed.
    #[schema(example = "0987654321")]
    phone: Option<String>,
    /// The same, by its older name.
    phone_number: Option<String>,
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// Lists blocked numbers, the newest first.
#[utoipa::path(get, path = "/api/autocall/blacklist", tag = "autocall", params(BlacklistParams, PageParams), responses(
    (status = 200, body = Listing<BlockedBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
async fn list_blacklist(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Query(query): Query<BlacklistParams>,
    page: Page,
) -> Result<Listing<BlockedBody>> {
    Ok(autocall.blacklist(&who, query.phone.as_deref(), page).await?.map(BlockedBody::from))
}

/// Blocks a number for every campaign of the account, from the answer on.
#[utoipa::path(post, path = "/api/autocall/blacklist", tag = "autocall", request_body = Written, responses(
    (status = 201, body = Created<BlockedBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn block_number(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    body: Body<Written>,
) -> Result<Created<BlockedBody>> {
    let Written { phone, phone_number, reason } = body.value;
    let phone = phone.or(phone_number);
    Ok(Created(autocall.block(&who, phone.as_deref(), reason.as_deref(), body.fields).await?.into()))
}

/// Takes a number off the list.
#[utoipa::path(delete, path = "/api/autocall/blacklist/{id}", tag = "autocall", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Nothing>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
async fn unblock_number(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<Nothing>> {
    autocall.unblock(&who, id).await?;
    Ok(Data(Nothing {}))
}
