//! `/api/contacts/*`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{Caller, Data, Fields, OpenApiRouter, Query, routes};

use crate::{Contact, Contacts};

/// Longest number that is looked up at all.
const LONGEST_NUMBER: usize = 64;

pub(crate) fn routes(contacts: Contacts) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(lookup)).with_state(contacts)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct LookupParams {
    /// The caller's number as it was shown, with or without country code.
    #[param(required = true, example = "0987654321")]
    number: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct ContactBody {
    id: i64,
    full_name: String,
    /// As they were given.
    phones: Vec<String>,
    customer_id: Option<i64>,
    lead_id: Option<i64>,
}

impl From<Contact> for ContactBody {
    fn from(contact: Contact) -> Self {
        Self {
            id: contact.id,
            full_name: contact.full_name,
            phones: contact.phones,
            customer_id: contact.customer_id,
            lead_id: None,
        }
    }
}

/// Finds who has a number; `data` is null if nobody has.
#[utoipa::path(get, path = "/api/contacts/lookup", tag = "contacts", params(LookupParams),
    responses((status = 200, body = Data<Option<ContactBody>>)))]
async fn lookup(
    State(contacts): State<Contacts>,
    Caller(who): Caller,
    Query(query): Query<LookupParams>,
) -> web::Result<Data<Option<ContactBody>>> {
    let mut fields = Fields::new();
    let number = fields.require_text("number", query.number.as_deref(), 1, LONGEST_NUMBER);
    let Some(number) = number else { return Err(fields.into()) };
    Ok(Data(contacts.lookup(&who, &number).await?.map(ContactBody::from)))
}
