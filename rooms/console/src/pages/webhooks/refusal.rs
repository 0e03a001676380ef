//! What the webhooks' room refuses, in the language of whoever asks.

use web::Text;
use webhooks::Error;

use crate::{Failure, form::Form, view::View};

const INACTIVE: Text = Text::new(
    "The webhook is paused or suspended. Resume it first.",
    "Webhook đang tạm dừng hoặc bị đình chỉ. Hãy cho chạy lại trước.",
);

/// Takes a refusal over into the form; whatever is no matter of the form fails the page.
///
/// # Errors
/// Everything that names no field.
pub(crate) fn refused(view: &View, mut form: Form, error: Error) -> Result<Form, Failure> {
    match error {
        Error::Invalid { field, message } => {
            // The filter is three fields; its error stands at the first.
            let field = if field == "filter" { "extensions" } else { field };
            form.wrong(field, message.said(view.language()));
            Ok(form.with_message(view.t("common.form_wrong")))
        }
        Error::Inactive => Ok(form.with_message(INACTIVE.said(view.language()))),
        other => Err(failure(other)),
    }
}

/// Turns a refusal into the page that says so.
pub(crate) fn failure(error: Error) -> Failure {
    let error = match error {
        Error::NotFound => web::Error::not_found(),
        Error::Denied => web::Error::forbidden(),
        Error::Inactive => web::Error::conflict("webhook.inactive", INACTIVE),
        Error::Store(error) => error.into(),
        Error::Invalid { field, message } => web::Error::invalid([(field, message)]),
        error @ Error::Config(_) => web::Error::internal(&error),
    };
    Failure::Refused(error)
}
