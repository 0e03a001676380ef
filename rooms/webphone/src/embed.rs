//! `GET /webphone-embed`: the page that others show in a frame.

use axum::{
    extract::{Query, Request, State},
    response::{Html, IntoResponse, Response},
};
use domain::TenantId;
use http::{HeaderName, HeaderValue, header};
use serde::Deserialize;

use crate::{Error, Webphone, api::Place, files};

const PERMISSIONS: (HeaderName, HeaderValue) = (
    HeaderName::from_static("permissions-policy"),
    HeaderValue::from_static("camera=(), geolocation=(), payment=(), usb=(), browsing-topics=()"),
);

#[derive(Deserialize)]
pub(crate) struct Asked {
    token: Option<String>,
}

/// Serves the page. Whose it is says the token, else the host; the token itself is the page's business.
pub(crate) async fn page(
    State(webphone): State<Webphone>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Result<Response, web::Error> {
    let (Some(script), style) = (files::lasting_path("frame.js"), files::lasting_path("frame.css")) else {
        return Err(files::not_built());
    };
    let (parts, _) = request.into_parts();
    let host = accounts::host(&parts.headers, &parts.uri);
    let account = webphone.account_of(asked.token.as_deref(), host.as_deref()).await?;
    let origins = match account {
        Some(tenant) => webphone.origins(Some(tenant)).await?.join(" "),
        None => String::new(),
    };
    let ancestors = if origins.is_empty() { "'none'" } else { origins.as_str() };
    let mut response = Html(html(&script, style.as_deref(), &origins)).into_response();
    let headers = response.headers_mut();
    let policy = policy(&webphone.ws_origin(&Place::of(&parts)), ancestors, "");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // The address has a token in it.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PERMISSIONS.0, PERMISSIONS.1);
    Ok(response)
}

impl Webphone {
    /// Returns the account of a valid token, else the one that the host belongs to.
    async fn account_of(&self, token: Option<&str>, host: Option<&str>) -> Result<Option<TenantId>, Error> {
        let owner = self.inner.accounts.owner_of(host).await?;
        let claims = match token {
            Some(token) => self.open_token(token).await?,
            None => None,
        };
        Ok(claims.map(|claims| claims.tenant()).filter(|tenant| owner.is_none_or(|owner| owner == *tenant)).or(owner))
    }
}

/// Returns the policy of a page of ours that is a phone: its own files, the server, and no script from a text.
pub(crate) fn policy(ws_origin: &str, ancestors: &str, more: &str) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob: data:; \
         worker-src 'self' blob:; connect-src 'self' {ws_origin}; {more}base-uri 'none'; form-action 'none'; \
         frame-ancestors {ancestors}; require-trusted-types-for 'script'; trusted-types zorio-webphone"
    );
    // Origins are checked when they are added, and the host when it is read.
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
}

fn html(script: &str, style: Option<&str>, origins: &str) -> String {
    let style = style.map(|path| format!("<link rel=\"stylesheet\" href=\"{path}\">\n")).unwrap_or_default();
    format!(
        "<!doctype html>\n<html lang=\"vi\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"zorio-allowed-origins\" content=\"{origins}\">\n<title>Zorio</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n{style}</head>\n\
         <body>\n<div id=\"webphone\"></div>\n<script src=\"{script}\"></script>\n</body>\n</html>\n"
    )
}
