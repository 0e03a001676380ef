//! What every request of a page passes: who asks, whether a page of ours asks, how far their sign-in came.

use accounts::{Session, Stage, Visit};
use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::tz::TimeZone;
use rand::distr::{Alphanumeric, SampleString};
use web::{ClientAddress, Language, RequestId, Secure, SignIn};

use crate::{
    Console, Failure, csrf,
    form::Form,
    pages,
    upload::Upload,
    view::{self, TOAST, Theme, Toast, View},
};

/// Most bytes of a form.
const FORM_LIMIT: usize = 512 * 1024;
/// Most bytes of a form that brings a file along, of somebody who has signed in.
const UPLOAD_LIMIT: usize = pbx::ops::prompts::LARGEST + 64 * 1024;
/// Characters of the secret behind the tokens of forms that come before sign-in.
const SECRET_LENGTH: usize = 32;
/// Longest cookie that is looked up.
const LONGEST_COOKIE: usize = 256;

/// The names of cookies: browsers keep `__Host-` to what came by TLS from this very host.
pub(crate) const fn session_cookie(is_secure: bool) -> &'static str {
    if is_secure { "__Host-sid" } else { "sid" }
}

const fn secret_cookie(is_secure: bool) -> &'static str {
    if is_secure { "__Host-form" } else { "form" }
}

/// The layer of all pages.
pub(crate) async fn gate(State(console): State<Console>, request: Request, next: Next) -> Response {
    let caller = Caller::of(&request);
    let is_get = request.method() == Method::GET;
    let session = match caller.session(&console).await {
        Ok(session) => session,
        Err(error) => {
            let view = caller.view(&console, None);
            return pages::errors::draw(&view, &Failure::from(error));
        }
    };
    let view = caller.view(&console, session);
    let mut response = match admit(&console, &caller, &view, request).await {
        Ok(request) => next.run(request).await,
        Err(Refused::Answer(response)) => response,
        Err(Refused::Failure(failure)) => failure.into_response(),
    };
    // The listener counts connections on which nobody has signed in.
    if let Ok(session) = view.session()
        && session.stage == Stage::Open
    {
        response.extensions_mut().insert(SignIn::Caller(session.principal.clone()));
    }
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        response = match failure {
            Failure::SignIn => to_sign_in(&caller),
            failure => pages::errors::draw(&view, &failure),
        };
    }
    // What a page cannot read of an address, such as `/menus/abc`, names nothing that is there.
    if is_get && response.status() == StatusCode::BAD_REQUEST && is_text(&response) {
        response = pages::errors::draw(&view, &Failure::not_found());
    }
    let is_page =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_page {
        if caller.toast.is_some() {
            view.set_cookie(&mut response, TOAST, "", "; Max-Age=0");
        }
        if !view.is_signed_in() && caller.secret.is_none() && caller.may_have_cookies() {
            view.set_cookie(&mut response, secret_cookie(caller.is_secure), caller.secret_or_new(), "");
        }
    }
    response
}

/// Tells whether an answer is plain text: what the router says of a request that it could not take apart.
fn is_text(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

/// Why a request goes no further.
enum Refused {
    Failure(Failure),
    /// Another page is the one to go to.
    Answer(Response),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

async fn admit(console: &Console, caller: &Caller, view: &View, request: Request) -> Result<Request, Refused> {
    let is_unsafe = !matches!(*request.method(), Method::GET | Method::HEAD);
    if is_unsafe && !csrf::is_same_origin(request.headers(), &caller.authority, &console.config.public_url) {
        return Err(Failure::forbidden().into());
    }
    let path = request.uri().path().to_owned();
    let session = view.session().ok();
    match (need(&path), session.map(|session| session.stage)) {
        (Need::Nobody, Some(Stage::Open)) if matches!(path.as_str(), "/sign-in" | "/forgot-password") && !is_unsafe => {
            return Err(Refused::Answer(redirect(caller, "/")));
        }
        (Need::Nobody, _) => {}
        (_, None) => return Err(Refused::Answer(to_sign_in(caller))),
        (Need::Anybody, Some(_)) => {}
        (Need::SecondFactor, Some(Stage::SecondFactor)) => {}
        (_, Some(Stage::SecondFactor)) => return Err(Refused::Answer(redirect(caller, "/second-factor"))),
        (Need::Password, Some(_)) => {}
        (_, Some(Stage::ChangePassword)) => return Err(Refused::Answer(redirect(caller, "/password"))),
        (Need::SecondFactor, Some(Stage::Open)) => return Err(Refused::Answer(redirect(caller, "/"))),
        (Need::Everything, Some(Stage::Open)) => {}
    }
    let mut request = if is_unsafe { checked(caller, session, request).await? } else { request };
    request.extensions_mut().insert(view.clone());
    Ok(request)
}

/// Reads a form and compares its token, or that of the header; 403 if there is none or it is another's.
async fn checked(caller: &Caller, session: Option<&Session>, request: Request) -> Result<Request, Failure> {
    let (mut parts, mut body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let mut is_readable = true;
    let mut token = parts.headers.get(csrf::HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    if kind.starts_with(b"application/x-www-form-urlencoded") || kind.is_empty() {
        let bytes = to_bytes(body, FORM_LIMIT).await.map_err(|_| Failure::Refused(web::Error::body_too_large()))?;
        let form = Form::read(&bytes);
        token = token.or_else(|| Some(form.value(csrf::FIELD).to_owned()));
        parts.extensions.insert(form);
        body = Body::from(bytes);
    } else if kind.starts_with(b"multipart/form-data") && session.is_some() {
        let kind = kind.to_vec();
        let bytes = to_bytes(body, UPLOAD_LIMIT).await.map_err(|_| Failure::Refused(web::Error::body_too_large()))?;
        match Upload::read(&kind, &bytes) {
            Some((form, upload)) => {
                token = token.or_else(|| Some(form.value(csrf::FIELD).to_owned()));
                parts.extensions.insert(form);
                parts.extensions.insert(upload);
            }
            None => is_readable = false,
        }
        body = Body::empty();
    }
    let secret = session.map_or_else(|| caller.secret.clone().unwrap_or_default(), |session| session.csrf.clone());
    if !token.is_some_and(|token| csrf::matches(&secret, &token)) {
        metrics::counter!("console_forged_requests_total").increment(1);
        return Err(Failure::forbidden());
    }
    if !is_readable {
        return Err(Failure::Refused(web::Error::bad_request()));
    }
    Ok(Request::from_parts(parts, body))
}

/// How far sign-in must have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Nobody,
    /// A session, however far.
    Anybody,
    SecondFactor,
    /// A session past its second factor, whether or not it needs another password.
    Password,
    Everything,
}

fn need(path: &str) -> Need {
    match path {
        "/sign-in" | "/forgot-password" | "/theme" => Need::Nobody,
        "/sign-out" => Need::Anybody,
        "/second-factor" => Need::SecondFactor,
        "/password" => Need::Password,
        _ if path.starts_with("/invite/") || path.starts_with("/reset/") => Need::Nobody,
        // A phone fetches its settings; the address itself is the secret.
        _ if path.starts_with("/provision/") => Need::Nobody,
        _ => Need::Everything,
    }
}

fn to_sign_in(caller: &Caller) -> Response {
    let from = caller.page.as_str();
    let path = match from {
        "/" | "" => "/sign-in".to_owned(),
        from => {
            let next: String = form_urlencoded::byte_serialize(from.as_bytes()).collect();
            format!("/sign-in?next={next}")
        }
    };
    redirect(caller, &path)
}

/// Sends a browser elsewhere; what a script asked for says so in a header, for the page to go.
fn redirect(caller: &Caller, path: &str) -> Response {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    if caller.is_script {
        return (StatusCode::UNAUTHORIZED, [(HeaderName::from_static("hx-redirect"), location)]).into_response();
    }
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// What a request says of its sender.
struct Caller {
    visit: Visit,
    language: Language,
    theme: Theme,
    is_secure: bool,
    /// With the port.
    authority: String,
    /// Whether htmx or a live page asks, who follow no redirect to a page.
    is_script: bool,
    is_live: bool,
    cookie: Option<String>,
    secret: Option<String>,
    new_secret: String,
    toast: Option<Toast>,
    /// The page to come back to after sign-in.
    page: String,
    path: String,
}

impl Caller {
    fn of(request: &Request) -> Self {
        let (headers, extensions) = (request.headers(), request.extensions());
        let is_secure = extensions.get::<Secure>().is_some_and(|secure| secure.0);
        let authority = authority(request);
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let is_live = text("accept") == "text/event-stream";
        let is_script = text("hx-request") == "true" || is_live;
        // A script's request comes from the page that is shown, and only a page can be come back to.
        let page = match (is_script, request.method() == Method::GET) {
            (true, _) => page_of(text("hx-current-url")).unwrap_or_default(),
            (false, true) => path.clone(),
            (false, false) => String::new(),
        };
        let address =
            extensions.get::<ClientAddress>().map_or_else(|| std::net::Ipv4Addr::UNSPECIFIED.into(), |client| client.0);
        Self {
            visit: Visit {
                host: Some(without_port(&authority)).filter(|host| !host.is_empty()),
                address,
                user_agent: text("user-agent").to_owned(),
                request_id: extensions.get::<RequestId>().map_or_else(String::new, |id| id.0.to_string()),
            },
            language: Language::of(headers),
            theme: Theme::parse(cookie(headers, "theme").unwrap_or_default()),
            is_secure,
            is_script,
            is_live,
            cookie: cookie(headers, session_cookie(is_secure)).map(str::to_owned),
            secret: cookie(headers, secret_cookie(is_secure)).map(str::to_owned),
            new_secret: Alphanumeric.sample_string(&mut rand::rng(), SECRET_LENGTH),
            toast: cookie(headers, TOAST).and_then(Toast::read),
            authority,
            page,
            path,
        }
    }

    async fn session(&self, console: &Console) -> Result<Option<Session>, accounts::Error> {
        match &self.cookie {
            // What a page asks by itself is no sign of life.
            Some(cookie) if self.is_live => console.accounts.peek(cookie, &self.visit).await,
            Some(cookie) => console.accounts.session(cookie, &self.visit).await,
            None => Ok(None),
        }
    }

    fn may_have_cookies(&self) -> bool {
        self.is_secure || self.visit.host.as_deref().is_some_and(is_this_machine)
    }

    fn secret_or_new(&self) -> &str {
        self.secret.as_deref().unwrap_or(&self.new_secret)
    }

    fn view(&self, console: &Console, session: Option<Session>) -> View {
        let chosen = session.as_ref().and_then(|session| session.language);
        let zone = session.as_ref().and_then(|session| TimeZone::get(&session.timezone).ok());
        let secret = session.as_ref().map_or_else(|| self.secret_or_new().to_owned(), |session| session.csrf.clone());
        View::new(view::Inner {
            cookie: session.as_ref().and_then(|_| self.cookie.clone()),
            session,
            visit: self.visit.clone(),
            language: chosen.unwrap_or(self.language),
            zone: zone.unwrap_or(TimeZone::UTC),
            theme: self.theme,
            csrf_secret: secret,
            now: console.clock.now(),
            path: self.path.clone(),
            toast: self.toast,
            is_secure: self.is_secure,
            may_sign_in: self.may_have_cookies(),
            has_phones: console.webphone.is_some(),
        })
    }
}

/// Returns a page of ours that a form or link names as the one to go on with; nothing else is gone to.
pub(crate) fn page_of(address: &str) -> Option<String> {
    let path = match address.split_once("://") {
        Some((_, rest)) => rest.find('/').map(|start| &rest[start..])?,
        None => address,
    };
    let is_ours = path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n', '\t']);
    (is_ours && path.is_ascii() && path.len() <= 2000).then(|| path.to_owned())
}

/// Returns a cookie's value.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(other, _)| *other == name)
        .map(|(_, value)| value)
        .filter(|value| (1..=LONGEST_COOKIE).contains(&value.len()))
}

/// Returns the host that was asked, with its port.
fn authority(request: &Request) -> String {
    let named = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let host = || request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).map(str::to_owned);
    named.or_else(host).unwrap_or_default().to_ascii_lowercase()
}

/// Returns the host that was asked, without its port.
pub(crate) fn host(request: &Request) -> String {
    without_port(&authority(request))
}

fn without_port(authority: &str) -> String {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => authority.to_owned(),
    }
}

/// Tells whether a host is the very machine that the browser runs on, where plain HTTP goes over no wire.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_are_gone_on_with() {
        for (address, page) in [
            ("/calls?page=2", Some("/calls?page=2")),
            ("https://pbx.example/calls", Some("/calls")),
            ("//evil.example", None),
            ("https://evil.example//evil.example", None),
            ("/\\evil.example", None),
            ("javascript:alert(1)", None),
            ("/a\r\nSet-Cookie: x", None),
            ("", None),
        ] {
            assert_eq!(page_of(address).as_deref(), page, "{address}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for (host, is) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("zorio.localhost", true),
            ("192.168.1.5", false),
            ("localhost.evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_this_machine(host), is, "{host}");
        }
        assert_eq!(without_port("[::1]:8080"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
        assert_eq!(without_port("pbx.example:80"), "pbx.example");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; sid=x; b=2"));
        headers.append(header::COOKIE, HeaderValue::from_static("form=y"));
        assert_eq!(
            (cookie(&headers, "sid"), cookie(&headers, "form"), cookie(&headers, "c")),
            (Some("x"), Some("y"), None)
        );
    }
}
