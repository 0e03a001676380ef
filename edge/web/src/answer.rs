//! The envelopes of successful answers.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Serialize, Serializer};
// What the derive itself implements for a generic type; it is the only way to give `Data(…)` the shape of `Envelope`.
use utoipa::{
    __dev::ComposeSchema,
    ToSchema,
    openapi::{RefOr, Schema},
};

macro_rules! envelopes {
    ($($(#[$doc:meta])* $name:ident = $status:expr),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<T>(pub T);

        impl<T: Serialize> Serialize for $name<T> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Envelope { data: &self.0 }.serialize(serializer)
            }
        }

        impl<T: Serialize> IntoResponse for $name<T> {
            fn into_response(self) -> Response {
                ($status, axum::Json(self)).into_response()
            }
        }

        impl<T: ToSchema> ComposeSchema for $name<T> {
            fn compose(generics: Vec<RefOr<Schema>>) -> RefOr<Schema> {
                Envelope::<T>::compose(generics)
            }
        }

        impl<T: ToSchema> ToSchema for $name<T> {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed("Data")
            }

            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                Envelope::<T>::schemas(schemas);
            }
        }
    )*};
}

// One macro for three envelopes that differ in the status alone.
envelopes! {
    /// 200 `{"data": …}`.
    Data = StatusCode::OK,
    /// 201 `{"data": …}`.
    Created = StatusCode::CREATED,
    /// 202 `{"data": …}`: queued, not done yet.
    Accepted = StatusCode::ACCEPTED,
}

// What all three are on the wire; a doc comment would stand in the OpenAPI document.
#[derive(Serialize, ToSchema)]
struct Envelope<T> {
    data: T,
}
