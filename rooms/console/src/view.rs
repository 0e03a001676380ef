//! What every page knows: who asks, in which language and time zone, and where they are.

use std::{convert::Infallible, fmt::Display, sync::Arc};

use accounts::{Session, Visit};
use askama::{Template, filters::Safe};
use axum::{
    extract::FromRequestParts,
    response::{Html, IntoResponse, Response},
};
use domain::{
    Permission, Principal, Timestamp,
    principal::{Access, Role},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use jiff::tz::TimeZone;
use web::Language;

use crate::{
    Answer, Console, Failure, assets, csrf,
    nav::{self, Section},
    show,
    words::{self, fill},
};

/// The cookie that carries a note from one page to the next: a key of the catalogue.
pub(crate) const TOAST: &str = "toast";

/// The view of one request. As an argument of a handler it is what the gate found out.
#[derive(Clone)]
pub(crate) struct View(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) session: Option<Session>,
    /// The session's cookie.
    pub(crate) cookie: Option<String>,
    pub(crate) visit: Visit,
    pub(crate) language: Language,
    pub(crate) zone: TimeZone,
    pub(crate) theme: Theme,
    pub(crate) csrf_secret: String,
    pub(crate) now: Timestamp,
    /// With the query.
    pub(crate) path: String,
    pub(crate) toast: Option<Toast>,
    /// Whether the browser reached us by TLS.
    pub(crate) is_secure: bool,
    /// Whether a cookie may be set: by TLS, or on this very machine.
    pub(crate) may_sign_in: bool,
    /// Whether phones are served where the console is.
    pub(crate) has_phones: bool,
}

/// A note from the page before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Toast {
    key: &'static str,
    /// It says what did not happen: it stays until it is closed.
    is_bad: bool,
}

impl Toast {
    /// Reads the cookie: a key of the catalogue, with `!` behind it for what did not happen.
    pub(crate) fn read(cookie: &str) -> Option<Self> {
        let (key, is_bad) = cookie.strip_suffix('!').map_or((cookie, false), |key| (key, true));
        words::known(key).map(|key| Self { key, is_bad })
    }
}

/// Light or dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Theme {
    /// As the device has it.
    #[default]
    Device,
    Light,
    Dark,
}

impl Theme {
    pub(crate) fn parse(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::Device,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl View {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Returns who is signed in.
    ///
    /// # Errors
    /// [`Failure::SignIn`] if nobody is.
    pub(crate) fn session(&self) -> Result<&Session, Failure> {
        self.0.session.as_ref().ok_or(Failure::SignIn)
    }

    /// Returns whom ops are asked for.
    ///
    /// # Errors
    /// [`Failure::SignIn`] if nobody is signed in.
    pub(crate) fn who(&self) -> Result<&Principal, Failure> {
        self.session().map(|session| &session.principal)
    }

    /// Opens a page to those who may see it only; the others get 403.
    ///
    /// # Errors
    /// [`Failure::SignIn`] and 403.
    pub(crate) fn needs(&self, needs: nav::Needs) -> Result<&Principal, Failure> {
        let who = self.who()?;
        if needs.are_met_by(who) { Ok(who) } else { Err(Failure::forbidden()) }
    }

    /// Asks for the password again unless it was given within the last five minutes. For what shows or makes a secret.
    ///
    /// # Errors
    /// [`Failure::Confirm`], which the gate turns into that question.
    pub(crate) fn fresh(&self) -> Result<&Session, Failure> {
        let session = self.session()?;
        if session.is_fresh(self.0.now) { Ok(session) } else { Err(Failure::Confirm) }
    }

    /// Draws a page.
    pub(crate) fn page(&self, template: &impl Template) -> Answer {
        self.page_with(StatusCode::OK, template)
    }

    /// Draws a form again that could not be accepted: 422.
    pub(crate) fn again(&self, template: &impl Template) -> Answer {
        self.page_with(StatusCode::UNPROCESSABLE_ENTITY, template)
    }

    pub(crate) fn page_with(&self, status: StatusCode, template: &impl Template) -> Answer {
        let html = template.render().map_err(|error| web::Error::internal(&error))?;
        Ok((status, Html(html)).into_response())
    }

    /// Sends the browser to another page of the console.
    pub(crate) fn go(&self, path: &str) -> Answer {
        // A path that is no header is ours by mistake; the dashboard is better than an error.
        let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
        Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
    }

    /// Sends the browser to another page, which says `note`, a key of the catalogue.
    pub(crate) fn go_with(&self, path: &str, note: &'static str) -> Answer {
        let mut response = self.go(path)?;
        self.set_cookie(&mut response, TOAST, note, "; Max-Age=60");
        Ok(response)
    }

    /// Like [`Self::go_with`], of what did not happen.
    pub(crate) fn go_sorry(&self, path: &str, note: &'static str) -> Answer {
        let mut response = self.go(path)?;
        self.set_cookie(&mut response, TOAST, &format!("{note}!"), "; Max-Age=60");
        Ok(response)
    }

    /// Sets a cookie that scripts cannot read.
    pub(crate) fn set_cookie(&self, response: &mut Response, name: &str, value: &str, more: &str) {
        let secure = if self.0.is_secure { "; Secure" } else { "" };
        let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }

    pub(crate) fn visit(&self) -> &Visit {
        &self.0.visit
    }

    pub(crate) fn cookie(&self) -> Option<&str> {
        self.0.cookie.as_deref()
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.0.is_secure
    }

    pub(crate) fn may_sign_in(&self) -> bool {
        self.0.may_sign_in
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        &self.0.zone
    }

    pub(crate) fn language(&self) -> Language {
        self.0.language
    }

    /// Asks again whether the session is open, for pages that stay.
    pub(crate) async fn is_still_signed_in(&self, console: &Console) -> bool {
        let Some(cookie) = &self.0.cookie else { return false };
        // A database that is away for a moment ends nobody's session.
        console.accounts.peek(cookie, &self.0.visit).await.map_or(true, |session| session.is_some())
    }
}

/// What templates call. They hand some arguments over as references and some as values: hence [`Plain`].
impl View {
    /// Returns a text of the catalogue.
    pub(crate) fn t(&self, key: &'static str) -> &'static str {
        words::text(self.0.language, key)
    }

    /// Returns a text with `{0}` replaced.
    pub(crate) fn t1(&self, key: &'static str, value: impl Display) -> String {
        fill(self.t(key), &[&value])
    }

    /// Returns a text with `{0}` and `{1}` replaced.
    pub(crate) fn t2(&self, key: &'static str, first: impl Display, second: impl Display) -> String {
        fill(self.t(key), &[&first, &second])
    }

    /// Returns a text for an amount: `KEY.one` or `KEY.other`.
    pub(crate) fn count(&self, key: &str, amount: impl Plain<i64>) -> String {
        show::count(self.0.language, key, amount.plain())
    }

    /// Returns the text of a key made of two parts, such as a state's; the second part itself if there is none.
    pub(crate) fn word(&self, prefix: &str, name: &str) -> String {
        words::maybe(self.0.language, &format!("{prefix}.{name}")).unwrap_or(name).to_owned()
    }

    pub(crate) fn lang(&self) -> &'static str {
        match self.0.language {
            Language::En => "en",
            Language::Vi => "vi",
        }
    }

    pub(crate) fn theme(&self) -> &'static str {
        self.0.theme.as_str()
    }

    /// Returns where the page is, with its query.
    pub(crate) fn path(&self) -> &str {
        &self.0.path
    }

    /// Returns where the page is, without its query.
    pub(crate) fn bare_path(&self) -> &str {
        self.0.path.split('?').next().unwrap_or("/")
    }

    /// Returns the token that the page's forms carry.
    pub(crate) fn csrf(&self) -> String {
        csrf::token(&self.0.csrf_secret)
    }

    pub(crate) fn toast(&self) -> Option<&'static str> {
        self.0.toast.map(|toast| self.t(toast.key))
    }

    /// Returns the toast's tone and its icon.
    pub(crate) fn toast_marks(&self) -> (&'static str, &'static str) {
        match self.0.toast {
            Some(Toast { is_bad: true, .. }) => ("bad", "circle-alert"),
            _ => ("good", "circle-check"),
        }
    }

    /// Returns the public path of an asset.
    pub(crate) fn asset(&self, name: &str) -> String {
        format!("/assets/{}", assets::public(name))
    }

    /// Returns an icon, which says nothing to those who listen: put a text beside it.
    pub(crate) fn icon(&self, name: &str) -> Safe<String> {
        Safe(format!(
            "<svg class=\"icon\" viewBox=\"0 0 24 24\" aria-hidden=\"true\" focusable=\"false\">{}</svg>",
            assets::icon(name)
        ))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.session.as_ref().is_some_and(|session| session.stage == accounts::Stage::Open)
    }

    pub(crate) fn is_signed_in(&self) -> bool {
        self.0.session.is_some()
    }

    pub(crate) fn username(&self) -> &str {
        self.0.session.as_ref().map_or("", |session| &session.username)
    }

    /// Returns the first character of the username, for the picture of who is signed in.
    pub(crate) fn initial(&self) -> String {
        self.username().chars().next().map_or_else(String::new, |first| first.to_uppercase().collect())
    }

    /// Returns the extension that is the user's own phone; the empty text for none.
    pub(crate) fn extension(&self) -> &str {
        match self.0.session.as_ref().map(|session| &session.principal.actor) {
            Some(domain::principal::Actor::User { extension: Some(extension), .. }) => extension,
            _ => "",
        }
    }

    /// Returns the script of the user's phone, if there is one: an extension, and leave to call with it.
    pub(crate) fn phone(&self) -> Option<String> {
        let calls = self.is_open()
            && self.0.has_phones
            && !self.extension().is_empty()
            && self.who().is_ok_and(|who| who.may(Permission::PbxApiAccess, Access::Write).is_ok());
        if calls { webphone::Webphone::file("zorio-webphone.esm.js") } else { None }
    }

    pub(crate) fn tenant(&self) -> &str {
        self.0.session.as_ref().map_or("", |session| &session.tenant_name)
    }

    pub(crate) fn role(&self) -> String {
        match self.0.session.as_ref().map(|session| &session.principal.actor) {
            Some(domain::principal::Actor::User { role, .. }) => self.word("common.role", role.as_str()),
            _ => String::new(),
        }
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.who().is_ok_and(|who| nav::Needs::Admin.are_met_by(who))
    }

    /// Tells whether changes may be offered: everybody but `read_only` users.
    pub(crate) fn may_write(&self) -> bool {
        let role = self.who().ok().map(|who| &who.actor);
        !matches!(role, Some(domain::principal::Actor::User { role: Role::ReadOnly, .. }))
    }

    pub(crate) fn holds(&self, permission: Permission) -> bool {
        self.who().is_ok_and(|who| who.holds(permission))
    }

    /// Returns milliseconds since the epoch until which the confirmed password counts; 0 if it does not.
    pub(crate) fn fresh_until(&self) -> i64 {
        let at = self.0.session.as_ref().and_then(|session| session.reauthenticated_at);
        at.map_or(0, |at| at.after(accounts::FRESH).millis())
    }

    pub(crate) fn sections(&self) -> Vec<Section> {
        self.who().map(nav::sections).unwrap_or_default()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.now
    }

    pub(crate) fn time(&self, at: impl Plain<Timestamp>) -> String {
        show::time(self.0.language, &self.0.zone, at.plain())
    }

    pub(crate) fn day(&self, at: impl Plain<Timestamp>) -> String {
        show::day(self.0.language, &self.0.zone, at.plain())
    }

    pub(crate) fn ago(&self, at: impl Plain<Timestamp>) -> String {
        show::ago(self.0.language, self.0.now, at.plain())
    }

    /// Returns how long ago something was, to the second: `2:03`.
    pub(crate) fn since(&self, at: impl Plain<Timestamp>) -> String {
        show::duration(self.0.now.millis() - at.plain().millis())
    }

    pub(crate) fn zone_name(&self) -> &str {
        self.0.zone.iana_name().unwrap_or("UTC")
    }

    pub(crate) fn number(&self, number: impl Plain<i64>) -> String {
        show::number(self.0.language, number.plain())
    }

    pub(crate) fn percent(&self, share: impl Plain<f64>) -> String {
        show::percent(self.0.language, share.plain())
    }

    pub(crate) fn decimal(&self, value: impl Plain<f64>) -> String {
        show::decimal(self.0.language, value.plain())
    }

    pub(crate) fn duration(&self, millis: impl Plain<i64>) -> String {
        show::duration(millis.plain())
    }

    pub(crate) fn bytes(&self, bytes: impl Plain<u64>) -> String {
        show::bytes(self.0.language, bytes.plain())
    }

    pub(crate) fn browser(&self, agent: &str) -> String {
        show::browser(agent)
    }

    pub(crate) fn qr(&self, text: &str, label: &str) -> Safe<String> {
        crate::qr::svg(text, label)
    }
}

/// A small value, however many references stand before it.
pub(crate) trait Plain<T> {
    fn plain(&self) -> T;
}

impl<T, U: Plain<T> + ?Sized> Plain<T> for &U {
    fn plain(&self) -> T {
        (**self).plain()
    }
}

// A macro, because the same three lines are all there is for each type.
macro_rules! plain {
    ($($kind:ty),*) => {
        $(impl Plain<$kind> for $kind {
            fn plain(&self) -> $kind {
                *self
            }
        })*
    };
}

plain!(i64, u64, f64, Timestamp);

impl<S: Send + Sync> FromRequestParts<S> for View {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().expect("the gate stands before every page"))
    }
}
