//! The part of an address that says which one: a number or a UUID.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::Failure;

/// Like axum's `Path`, but what cannot be read names nothing: 404.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Key<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(key)| Self(key)).map_err(|_| Failure::not_found())
    }
}
