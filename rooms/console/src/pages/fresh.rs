//! The password once more, asked for in the form itself, so that nothing of its input is lost.

use http::StatusCode;

use crate::{Console, Failure, form::Form, view::View};

/// The field that a form shows once its error asks for it.
pub(crate) const FIELD: &str = "password";

/// Tells whether the password was confirmed lately, or just now in the form. If not, the form says so.
///
/// # Errors
/// What the accounts' room fails with.
pub(crate) async fn confirm(console: &Console, view: &View, form: &mut Form) -> Result<bool, Failure> {
    let session = view.session()?;
    if session.is_fresh(view.now()) {
        return Ok(true);
    }
    if form.value(FIELD).is_empty() {
        form.wrong(FIELD, view.t("confirm.text"));
        return Ok(false);
    }
    let Err(error) = console.accounts.reauthenticate(session, form.value(FIELD)).await else { return Ok(true) };
    let error = web::Error::from(error);
    match error.status() {
        StatusCode::UNAUTHORIZED => form.wrong(FIELD, view.t("password.wrong")),
        StatusCode::TOO_MANY_REQUESTS => form.wrong(FIELD, view.t("sign_in.too_many")),
        _ => return Err(error.into()),
    }
    Ok(false)
}
