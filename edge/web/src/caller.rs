//! Who asks, from where.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use domain::Principal;
use http::request::Parts;

use crate::Error;

/// What the sign-in layer found out about a request; it stands in the request's extensions.
#[derive(Clone, Debug)]
pub enum SignIn {
    Caller(Principal),
    /// No token, or one that is not valid here. Open endpoints answer, all others say 401.
    Nobody,
    /// The request must not be answered at all: a token in the query, or a sign-in that could not be checked.
    Refused(Error),
}

/// The authenticated caller as an argument of a handler; without one the answer is 401.
#[derive(Clone, Debug)]
pub struct Caller(pub Principal);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        match parts.extensions.get::<SignIn>() {
            Some(SignIn::Caller(principal)) => Ok(Self(principal.clone())),
            Some(SignIn::Refused(error)) => Err(error.clone()),
            Some(SignIn::Nobody) | None => Err(Error::unauthenticated()),
        }
    }
}

/// Whose requests are counted together, for a caller without a token of the database. The sign-in layer that knows such
/// callers puts it into the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedAs(pub u64);

/// Whether a request came by TLS, to us or to a trusted proxy. Set by the server for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secure(pub bool);

/// The client's address: the peer's, or what a trusted proxy says of it. Set by the server for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(Self(IpAddr::V4(Ipv4Addr::LOCALHOST))))
    }
}
