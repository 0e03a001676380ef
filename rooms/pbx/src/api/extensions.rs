//! `/api/pbx/extensions`.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use axum::extract::State;
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{
    Body, Caller, Created, Data, ErrorBody, Fields, Listing, OpenApiRouter, Path, Query, Result, Rule, Text, routes,
};

use super::{Nothing, given, page};
use crate::{
    Pbx,
    model::{Binding, Extension, ExtensionStatus, RecordingMode},
    ops::extensions::{self as ops, Fill, NewExtension, Search},
};

pub(super) fn routes() -> OpenApiRouter<Pbx> {
    OpenApiRouter::new()
        .routes(routes!(list_extensions, create_extension))
        .routes(routes!(available_numbers))
        .routes(routes!(show_extension, update_extension, delete_extension))
        .routes(routes!(rotate_password))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// Part of the number or the display name.
    search: Option<String>,
    /// `active` or `disabled`.
    status: Option<String>,
    #[param(value_type = Option<i64>, minimum = 1, default = 1)]
    page: Option<String>,
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200, default = 50)]
    per_page: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct RangeParams {
    /// First number of the range.
    #[param(example = "1000", default = "1000")]
    from: Option<String>,
    /// Last number, with as many digits as `from`; by default the highest of these.
    #[param(example = "1999")]
    to: Option<String>,
    /// How many numbers to return.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeleteParams {
    /// `1` deletes it even while a call is up.
    force: Option<String>,
}

/// What a client may write of an extension. Absent fields keep what they are, null clears.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = WriteExtension)]
struct Written {
    /// 3-10 digits; the name that phones register with. Needed to create one, cannot be changed.
    #[schema(example = "1001", pattern = "^[0-9]{3,10}$")]
    extension_number: Option<String>,
    /// Only to create one: 12-64 visible ASCII characters; made by the server if absent.
    #[schema(min_length = 12, max_length = 64)]
    sip_password: Option<String>,
    /// At most 100 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "Front desk", max_length = 100)]
    display_name: Option<Option<String>>,
    voicemail_enabled: Option<bool>,
    /// An active caller ID of the account.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "02873001234")]
    outbound_caller_id: Option<Option<String>>,
    /// `none`, `inbound`, `outbound` or `all`.
    #[schema(example = "all")]
    recording_mode: Option<String>,
    /// `active` or `disabled`.
    #[schema(example = "active")]
    status: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    team_id: Option<Option<i64>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    department_id: Option<Option<i64>>,
    /// Calls at the same time.
    #[schema(minimum = 1, maximum = 10, default = 2)]
    max_concurrent: Option<i64>,
    tls_enabled: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Extension)]
struct ExtensionBody {
    #[schema(example = "1001")]
    extension_number: String,
    display_name: Option<String>,
    voicemail_enabled: bool,
    outbound_caller_id: Option<String>,
    #[schema(value_type = String, example = "all")]
    recording_mode: RecordingMode,
    #[schema(value_type = String, example = "active")]
    status: ExtensionStatus,
    team_id: Option<i64>,
    department_id: Option<i64>,
    max_concurrent: i64,
    tls_enabled: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExtensionDetail)]
struct DetailBody {
    #[serde(flatten)]
    extension: ExtensionBody,
    sip_registration: SipRegistration,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedExtension)]
struct CreatedBody {
    #[serde(flatten)]
    extension: ExtensionBody,
    /// Shown now and never again.
    sip_password: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct SipRegistration {
    /// `registered` or `unregistered`.
    #[schema(example = "registered")]
    status: &'static str,
    contact_count: usize,
    #[schema(format = DateTime)]
    last_registered_at: Option<String>,
    /// Of the phone that registered last.
    user_agent: Option<String>,
    #[schema(example = "udp")]
    transport: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct RotatedPassword {
    extension_number: String,
    /// Shown now and never again.
    sip_password: String,
}

/// Lists the account's extensions, by number.
#[utoipa::path(get, path = "/api/pbx/extensions", tag = "pbx", params(ListParams), responses(
    (status = 200, body = Listing<ExtensionBody>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_extensions(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Query(params): Query<ListParams>,
) -> Result<Listing<ExtensionBody>> {
    let mut fields = Fields::new();
    let page = page(&mut fields, params.page.as_deref(), params.per_page.as_deref());
    let status = params.status.as_deref().map(ExtensionStatus::parse);
    fields.check("status", status != Some(None), Rule::Selected);
    fields.finish()?;
    let search = Search { text: params.search, status: status.flatten() };
    Ok(ops::list(&pbx.desk(), &who, search, page).await?.map(ExtensionBody::from))
}

/// Creates an extension. The answer carries its SIP password, this once.
#[utoipa::path(post, path = "/api/pbx/extensions", tag = "pbx", request_body = Written, responses(
    (status = 201, body = Created<CreatedBody>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "The number is taken."), (status = 422, body = ErrorBody)))]
async fn create_extension(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    body: Body<Written>,
) -> Result<Created<CreatedBody>> {
    let (extension, sip_password) = ops::create(&pbx.desk(), &who, body.value.into(), body.fields).await?;
    Ok(Created(CreatedBody { extension: extension.into(), sip_password }))
}

/// Returns numbers of a range that no extension has.
#[utoipa::path(get, path = "/api/pbx/extensions/available-numbers", tag = "pbx", params(RangeParams), responses(
    (status = 200, body = Data<Vec<String>>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn available_numbers(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Query(params): Query<RangeParams>,
) -> Result<Data<Vec<String>>> {
    let RangeParams { from, to, limit } = params;
    Ok(Data(ops::available_numbers(&pbx.desk(), &who, from.as_deref(), to.as_deref(), limit).await?))
}

/// Returns an extension and where its phones are registered.
#[utoipa::path(get, path = "/api/pbx/extensions/{ext}", tag = "pbx", params(("ext" = String, Path)), responses(
    (status = 200, body = Data<DetailBody>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn show_extension(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(number): Path<String>,
) -> Result<Data<DetailBody>> {
    let (extension, bindings) = ops::show(&pbx.desk(), &who, &number).await?;
    Ok(Data(DetailBody { extension: extension.into(), sip_registration: SipRegistration::of(&bindings) }))
}

/// Changes an extension: the fields that are given, null clears.
#[utoipa::path(put, path = "/api/pbx/extensions/{ext}", tag = "pbx", params(("ext" = String, Path)),
    request_body = Written, responses(
    (status = 200, body = Data<ExtensionBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn update_extension(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(number): Path<String>,
    body: Body<Written>,
) -> Result<Data<ExtensionBody>> {
    let mut fields = body.fields;
    let same = body.value.extension_number.as_ref().is_none_or(|other| *other == number);
    fields.check(
        "extension_number",
        same,
        Text::new("The extension number cannot be changed.", "Không thể đổi số máy nhánh."),
    );
    Ok(Data(ops::update(&pbx.desk(), &who, &number, body.value.into(), fields).await?.into()))
}

/// Deletes an extension and ends its registrations.
#[utoipa::path(delete, path = "/api/pbx/extensions/{ext}", tag = "pbx", params(("ext" = String, Path), DeleteParams),
    responses(
    (status = 200, body = Data<Nothing>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "It has a call up.")))]
async fn delete_extension(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(number): Path<String>,
    Query(params): Query<DeleteParams>,
) -> Result<Data<Nothing>> {
    let force = matches!(params.force.as_deref(), Some("1" | "true"));
    ops::delete(&pbx.desk(), &who, &number, force).await?;
    Ok(Data(Nothing {}))
}

/// Gives an extension a new SIP password, shown this once, and ends its registrations.
#[utoipa::path(post, path = "/api/pbx/extensions/{ext}/rotate-password", tag = "pbx", params(("ext" = String, Path)),
    responses(
    (status = 200, body = Data<RotatedPassword>),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn rotate_password(
    State(pbx): State<Pbx>,
    Caller(who): Caller,
    Path(number): Path<String>,
) -> Result<Data<RotatedPassword>> {
    let sip_password = ops::rotate_password(&pbx.desk(), &who, &number).await?;
    Ok(Data(RotatedPassword { extension_number: number, sip_password }))
}

impl From<Extension> for ExtensionBody {
    fn from(extension: Extension) -> Self {
        Self {
            extension_number: extension.number,
            display_name: extension.display_name,
            voicemail_enabled: extension.voicemail_enabled,
            outbound_caller_id: extension.outbound_caller_id,
            recording_mode: extension.recording_mode,
            status: extension.status,
            team_id: extension.team_id,
            department_id: extension.department_id,
            max_concurrent: extension.max_concurrent,
            tls_enabled: extension.tls_enabled,
            created_at: extension.created_at.rfc3339(),
            updated_at: extension.updated_at.rfc3339(),
        }
    }
}

impl From<Written> for NewExtension {
    fn from(mut written: Written) -> Self {
        let (number, sip_password) = (written.extension_number.take(), written.sip_password.take());
        Self { number, sip_password, fill: written.into() }
    }
}

impl From<Written> for Fill {
    fn from(fields: Written) -> Self {
        Self {
            display_name: fields.display_name,
            voicemail_enabled: fields.voicemail_enabled,
            outbound_caller_id: fields.outbound_caller_id,
            recording_mode: fields.recording_mode,
            status: fields.status,
            team_id: fields.team_id,
            department_id: fields.department_id,
            max_concurrent: fields.max_concurrent,
            tls_enabled: fields.tls_enabled,
        }
    }
}

impl SipRegistration {
    /// `bindings` has the newest first.
    fn of(bindings: &[Binding]) -> Self {
        let newest = bindings.first();
        Self {
            status: if newest.is_some() { "registered" } else { "unregistered" },
            contact_count: bindings.len(),
            last_registered_at: newest.map(|binding| binding.registered_at).map(Timestamp::rfc3339),
            user_agent: newest.and_then(|binding| binding.user_agent.clone()),
            transport: newest.map(|binding| binding.transport.clone()),
        }
    }
}
