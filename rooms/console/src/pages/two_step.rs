//! `/profile/two-step`: the second factor of one's own account.

use accounts::{RecoveryCodes, TotpOffer};
use askama::Template;
use axum::{
    Router,
    extract::State,
    routing::{get, post},
};

use super::sign_in::{hand_over, refused};
use crate::{Answer, Console, form::Form, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/profile/two-step", get(offer).post(confirm))
        .route("/profile/two-step/disable", post(disable))
        .route("/profile/two-step/codes", post(renew))
}

#[derive(Template)]
#[template(path = "profile/two_step.html")]
struct Offer<'a> {
    v: &'a View,
    form: &'a Form,
    offer: &'a TotpOffer,
}

#[derive(Template)]
#[template(path = "profile/codes.html")]
struct Codes<'a> {
    v: &'a View,
    codes: &'a RecoveryCodes,
}

/// Every look at the page makes another secret: the one before was perhaps seen by somebody.
async fn offer(State(console): State<Console>, view: View) -> Answer {
    let session = view.fresh()?;
    if session.has_second_factor {
        return view.go("/profile");
    }
    let offer = console.accounts.totp_begin(session).await?;
    view.page(&Offer { v: &view, form: &Form::default(), offer: &offer })
}

async fn confirm(State(console): State<Console>, view: View, form: Form) -> Answer {
    let session = view.session()?;
    match console.accounts.totp_confirm(session, form.text("code")).await {
        Ok((new, codes)) => {
            let mut response = view.page(&Codes { v: &view, codes: &codes })?;
            hand_over(&view, &new, &mut response);
            Ok(response)
        }
        Err(error) => {
            let form = refused(&view, form, error.into())?;
            // The app has the secret that was shown: a slip of a finger must not cost it.
            let offer = TotpOffer { secret: form.value("secret").to_owned(), url: form.value("url").to_owned() };
            view.again(&Offer { v: &view, form: &form, offer: &offer })
        }
    }
}

async fn disable(State(console): State<Console>, view: View) -> Answer {
    console.accounts.totp_disable(view.fresh()?).await?;
    view.go_with("/profile", "profile.two_step_off")
}

async fn renew(State(console): State<Console>, view: View) -> Answer {
    let codes = console.accounts.renew_recovery_codes(view.fresh()?).await?;
    view.page(&Codes { v: &view, codes: &codes })
}
