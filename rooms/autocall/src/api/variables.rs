//! `/api/autocall/variables`.
#![expect(unused_qualifications, reason = "utoipa's macro writes them around the types of queries")]

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{
    Body, Caller, Created, Data, ErrorBody, Fields, Listing, OpenApiRouter, Page, PageParams, Path, Query, Result,
    routes,
};

use super::{LONGEST_SEARCH, Nothing};
use crate::{Autocall, model::Variable, ops::VariableFill};

pub(super) fn routes() -> OpenApiRouter<Autocall> {
    OpenApiRouter::new().routes(routes!(list_variables, create_variable)).routes(routes!(
        show_variable,
        update_variable,
        delete_variable
    ))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SearchParams {
    /// Part of the code or of the label.
    #[param(max_length = 200)]
    search: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AutocallVariable)]
struct VariableBody {
    id: i64,
    #[schema(example = "customer_name")]
    variable_code: String,
    label: String,
    /// How it is read aloud.
    #[schema(example = "name")]
    r#type: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Variable> for VariableBody {
    fn from(variable: Variable) -> Self {
        Self {
            id: variable.id,
            variable_code: variable.variable_code,
            label: variable.label,
            r#type: variable.r#type.as_str(),
            created_at: variable.created_at.rfc3339(),
            updated_at: variable.updated_at.rfc3339(),
        }
    }
}

/// What a client may write of a variable. Absent fields keep what they are.
#[derive(Deserialize, ToSchema)]
#[schema(as = AutocallVariableFields)]
struct Written {
    /// Small letters, digits and `_` after a letter. Needed to create one.
    #[schema(example = "customer_name", max_length = 64)]
    variable_code: Option<String>,
    /// The code, unless it is given.
    #[schema(max_length = 255)]
    label: Option<String>,
    /// `text`, `name`, `number`, `currency`, `percent`, `date`, `time` or `phone`: decides how it is read aloud.
    #[schema(default = "text")]
    r#type: Option<String>,
}

impl From<Written> for VariableFill {
    fn from(written: Written) -> Self {
        Self { variable_code: written.variable_code, label: written.label, kind: written.r#type }
    }
}

/// Lists variables by code.
#[utoipa::path(get, path = "/api/autocall/variables", tag = "autocall", params(SearchParams, PageParams), responses(
    (status = 200, body = Listing<VariableBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
async fn list_variables(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Query(query): Query<SearchParams>,
    page: Page,
) -> Result<Listing<VariableBody>> {
    let mut fields = Fields::new();
    let text = fields.text("search", query.search.as_deref(), 0, LONGEST_SEARCH).filter(|text| !text.is_empty());
    fields.finish()?;
    Ok(autocall.variables(&who, text.as_deref(), page).await?.map(VariableBody::from))
}

/// Makes a variable.
#[utoipa::path(post, path = "/api/autocall/variables", tag = "autocall", request_body = Written, responses(
    (status = 201, body = Created<VariableBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn create_variable(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    body: Body<Written>,
) -> Result<Created<VariableBody>> {
    Ok(Created(autocall.add_variable(&who, body.value.into(), body.fields).await?.into()))
}

/// Returns a variable.
#[utoipa::path(get, path = "/api/autocall/variables/{id}", tag = "autocall", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<VariableBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
async fn show_variable(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<VariableBody>> {
    Ok(Data(autocall.variable(&who, id).await?.into()))
}

/// Changes a variable: the fields that are given. Its code stays while a script names it.
#[utoipa::path(put, path = "/api/autocall/variables/{id}", tag = "autocall", params(("id" = i64, Path)),
    request_body = Written, responses(
    (status = 200, body = Data<VariableBody>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn update_variable(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    body: Body<Written>,
) -> Result<Data<VariableBody>> {
    Ok(Data(autocall.change_variable(&who, id, body.value.into(), body.fields).await?.into()))
}

/// Deletes a variable that no script names.
#[utoipa::path(delete, path = "/api/autocall/variables/{id}", tag = "autocall", params(("id" = i64, Path)), responses(
    (status = 200, body = Data<Nothing>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn delete_variable(
    State(autocall): State<Autocall>,
    Caller(who): Caller,
    Path(id): Path<i64>,
) -> Result<Data<Nothing>> {
    autocall.delete_variable(&who, id).await?;
    Ok(Data(Nothing {}))
}
