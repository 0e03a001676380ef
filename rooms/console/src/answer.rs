//! What handlers return.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

/// What every handler returns.
pub type Answer = Result<Response, Failure>;

/// Why a page is not drawn. The gate draws the page that says so, because it knows the language and who asks.
#[derive(Clone, Debug)]
pub enum Failure {
    /// Not found, forbidden, or what a room refuses.
    Refused(web::Error),
    /// Nobody is signed in.
    SignIn,
    /// The password has to be confirmed first.
    Confirm,
}

impl Failure {
    /// 404: it does not exist, or belongs to another account.
    pub const fn not_found() -> Self {
        Self::Refused(web::Error::not_found())
    }

    /// 403.
    pub const fn forbidden() -> Self {
        Self::Refused(web::Error::forbidden())
    }

    /// 409: others use it. The text is in the viewer's language already.
    pub(crate) fn in_use(text: String) -> Self {
        Self::Refused(web::Error::conflict("pbx.in_use", web::Text::of(text.clone(), text)))
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Refused(error) => error.status(),
            Self::SignIn => StatusCode::UNAUTHORIZED,
            Self::Confirm => StatusCode::FORBIDDEN,
        }
    }
}

/// Code of a refusal that a confirmed password turns into consent.
const STALE: &str = "auth.confirm_password";

impl<E: Into<web::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        if error.code() == STALE { Self::Confirm } else { Self::Refused(error) }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
