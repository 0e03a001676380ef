//! `/sign-in`, `/sign-out`, `/theme`, and the question for the password in between.

use accounts::{NewSession, SignIn, SignedIn};
use askama::Template;
use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, header};

use crate::{
    Answer, Console, Failure,
    asked::Asked,
    form::Form,
    gate::{page_of, session_cookie},
    view::{Theme, View},
};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/sign-in", get(show).post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/confirm-password", get(question).post(confirm))
        .route("/theme", post(theme))
}

#[derive(Template)]
#[template(path = "sign_in/page.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
}

async fn show(view: View, asked: Asked) -> Answer {
    let form = Form::default().with("next", asked.text("next"));
    view.page(&Page { v: &view, form: &form })
}

async fn sign_in(State(console): State<Console>, view: View, form: Form) -> Answer {
    if !view.may_sign_in() {
        return view.page_with(StatusCode::FORBIDDEN, &Page { v: &view, form: &form });
    }
    let attempt = SignIn { username: form.text("username").to_owned(), password: form.value("password").to_owned() };
    match console.accounts.sign_in(attempt, view.visit()).await {
        Ok(SignedIn::Complete(session)) => {
            enter(&view, &session, &page_of(form.text("next")).unwrap_or_else(|| "/".to_owned()))
        }
        Ok(SignedIn::SecondFactor(session)) => {
            let next: String = form_urlencoded::byte_serialize(form.text("next").as_bytes()).collect();
            enter(&view, &session, &format!("/second-factor?next={next}"))
        }
        Err(error) => {
            let form = refused(&view, form, error.into())?;
            view.page_with(StatusCode::UNPROCESSABLE_ENTITY, &Page { v: &view, form: &form })
        }
    }
}

/// Says in the form that a name, password or code was wrong, or came too often.
pub(crate) fn refused(view: &View, form: Form, error: web::Error) -> Result<Form, Failure> {
    let text = match error.status() {
        StatusCode::UNAUTHORIZED if error.code() == "auth.invalid_code" => view.t("second_factor.wrong"),
        StatusCode::UNAUTHORIZED => view.t("sign_in.wrong"),
        StatusCode::TOO_MANY_REQUESTS => view.t("sign_in.too_many"),
        _ => return form.refused(view, error),
    };
    Ok(form.with_message(text))
}

/// Sends the browser on with a session's new cookie.
pub(crate) fn enter(view: &View, session: &NewSession, path: &str) -> Answer {
    let mut response = view.go(path)?;
    hand_over(view, session, &mut response);
    Ok(response)
}

/// Gives a session's new cookie to the browser.
pub(crate) fn hand_over(view: &View, session: &NewSession, response: &mut Response) {
    view.set_cookie(response, session_cookie(view.is_secure()), &session.cookie, "");
}

async fn sign_out(State(console): State<Console>, view: View) -> Answer {
    console.accounts.sign_out(view.session()?).await?;
    let mut response = view.go_with("/sign-in", "sign_in.signed_out")?;
    view.set_cookie(&mut response, session_cookie(view.is_secure()), "", "; Max-Age=0");
    // What the browser kept of the pages goes too; cookies stay, because the theme is one.
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(response)
}

#[derive(Template)]
#[template(path = "sign_in/confirm.html")]
struct Question<'a> {
    v: &'a View,
    form: &'a Form,
}

/// The question as a page, for browsers whose scripts do not run.
async fn question(view: View, asked: Asked) -> Answer {
    let form = Form::default().with("next", asked.text("next"));
    view.page(&Question { v: &view, form: &form })
}

async fn confirm(State(console): State<Console>, view: View, form: Form) -> Answer {
    let is_script = form.flag("script");
    match console.accounts.reauthenticate(view.session()?, form.value("password")).await {
        Ok(()) if is_script => Ok(StatusCode::NO_CONTENT.into_response()),
        Ok(()) => view.go(&page_of(form.text("next")).unwrap_or_else(|| "/".to_owned())),
        Err(error) => {
            let error = web::Error::from(error);
            let is_wrong = error.status() == StatusCode::UNAUTHORIZED;
            let mut form = refused(&view, form, error)?;
            if is_wrong {
                form = form.with_message(view.t("password.wrong"));
            }
            if is_script {
                let text = form.message().unwrap_or_default().to_owned();
                return Ok((StatusCode::UNPROCESSABLE_ENTITY, text).into_response());
            }
            view.again(&Question { v: &view, form: &form })
        }
    }
}

/// Keeps light or dark in a cookie; scripts set the same one without coming here.
async fn theme(view: View, form: Form) -> Answer {
    let theme = Theme::parse(form.text("theme"));
    let mut response = view.go(&page_of(form.text("next")).unwrap_or_else(|| "/".to_owned()))?;
    let cookie = format!("theme={}; Path=/; SameSite=Lax; Max-Age=31536000", theme.as_str());
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
