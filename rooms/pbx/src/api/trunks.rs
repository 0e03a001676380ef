//! `/api/pbx/trunks`: what the account's trunks are, without their secrets.

use axum::extract::State;
use domain::ids::TrunkId;
use serde::Serialize;
use utoipa::ToSchema;
use web::{Caller, Data, ErrorBody, Listing, OpenApiRouter, Page, PageParams, Path, Result, routes};

use crate::{
    Pbx,
    model::{TrunkStatus, TrunkTransport},
    ops::trunks::{self as ops, TrunkState},
};

pub(super) fn routes() -> OpenApiRouter<Pbx> {
    OpenApiRouter::new().routes(routes!(list_trunks)).routes(routes!(show_trunk))
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Trunk)]
struct TrunkBody {
    id: i64,
    #[schema(example = "carrier")]
    name: String,
    #[schema(value_type = String, example = "active")]
    status: TrunkStatus,
    #[schema(example = "sip.carrier.example")]
    host: String,
    port: u16,
    #[schema(value_type = String, example = "udp")]
    transport: TrunkTransport,
    /// `registered`, `unregistered` or `unknown`; a trunk that proves itself call by call is `unknown`.
    #[schema(example = "unknown")]
    registration: &'static str,
    channels_in_use: i64,
    /// Null is no limit.
    max_channels: Option<i64>,
}

/// Lists the account's trunks, by name.
#[utoipa::path(get, path = "/api/pbx/trunks", tag = "pbx", params(PageParams), responses(
    (status = 200, body = Listing<TrunkBody>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_trunks(State(pbx): State<Pbx>, Caller(who): Caller, page: Page) -> Result<Listing<TrunkBody>> {
    Ok(ops::list(&pbx.desk(), &who, page).await?.map(|state| TrunkBody::of(&pbx, state)))
}

/// Returns a trunk and how busy it is.
#[utoipa::path(get, path = "/api/pbx/trunks/{id}", tag = "pbx", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<TrunkBody>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn show_trunk(State(pbx): State<Pbx>, Caller(who): Caller, Path(id): Path<i64>) -> Result<Data<TrunkBody>> {
    Ok(Data(TrunkBody::of(&pbx, ops::show(&pbx.desk(), &who, TrunkId(id)).await?)))
}

impl TrunkBody {
    fn of(pbx: &Pbx, state: TrunkState) -> Self {
        let trunk = state.trunk;
        Self {
            registration: pbx.trunk_registration(trunk.id).as_str(),
            id: trunk.id.0,
            name: trunk.name,
            status: trunk.status,
            host: trunk.host,
            port: trunk.port.unwrap_or_else(|| trunk.transport.default_port()),
            transport: trunk.transport,
            channels_in_use: state.channels_in_use,
            max_channels: trunk.max_channels,
        }
    }
}
