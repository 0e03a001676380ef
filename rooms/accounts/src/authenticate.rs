//! The sign-in layer: turns a bearer token into the caller, from memory whenever it can.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use domain::{Permission, Principal, TenantId, Timestamp, ids::TokenId, principal::Actor};
use http::{HeaderMap, Uri, header, request::Parts};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::time::Instant;
use web::{AccountLimits, ClientAddress, RequestId, SignIn};

use crate::{
    Accounts, Error,
    model::{Account, Token, User},
    store,
};

/// How long a token that was read may open doors without being read again: a revocation by another process is seen
/// after this at the latest.
const TRUST: Duration = Duration::from_secs(2);
/// Most tokens kept in memory.
const MOST_TOKENS: usize = 20_000;
/// Most characters of a token's random part that are hashed at all.
const LONGEST_SECRET: usize = 128;
/// Names under which clients put tokens into a URL, where logs and referrers would keep them.
const QUERY_TOKENS: [&str; 5] = ["access_token", "api_token", "bearer", "bearer_token", "authorization"];

/// A valid token with everything that requests need to know of it.
pub(crate) struct Bearer {
    pub(crate) token: Token,
    pub(crate) account: Account,
    pub(crate) user: Option<User>,
    pub(crate) permissions: Vec<Permission>,
    limits: AccountLimits,
}

/// The tokens in memory.
#[derive(Default)]
pub(crate) struct Bearers {
    state: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    known: HashMap<TokenId, (Instant, Arc<Bearer>)>,
    /// Moves when something is revoked, so that what was read before is not kept.
    epoch: u64,
    directory: Option<(Instant, Arc<Directory>)>,
    last_used: HashMap<TokenId, Timestamp>,
}

/// Which host belongs to which account.
pub(crate) struct Directory {
    hosts: HashMap<String, TenantId>,
    only: Option<TenantId>,
}

impl Directory {
    /// Returns the account that `host` belongs to: the only one, whatever the host; `None` if it is nobody's.
    pub(crate) fn owner(&self, host: Option<&str>) -> Option<TenantId> {
        self.only.or_else(|| self.hosts.get(host?).copied())
    }
}

impl Bearers {
    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets every token, after one was revoked or a user disabled.
    pub(crate) fn forget(&self) {
        let mut state = self.lock();
        state.known.clear();
        state.directory = None;
        state.epoch += 1;
    }

    pub(crate) fn take_last_used(&self) -> Vec<(TokenId, Timestamp)> {
        self.lock().last_used.drain().collect()
    }

    /// Puts back what could not be written; a newer time wins.
    pub(crate) fn return_last_used(&self, used: Vec<(TokenId, Timestamp)>) {
        let mut state = self.lock();
        for (id, at) in used {
            state.last_used.entry(id).and_modify(|newer| *newer = (*newer).max(at)).or_insert(at);
        }
    }

    /// Returns when the token was last used if that is not written yet.
    pub(crate) fn last_used(&self, id: TokenId) -> Option<Timestamp> {
        self.lock().last_used.get(&id).copied()
    }
}

/// The layer (`axum::middleware::from_fn_with_state(accounts, accounts::authenticate)`). It refuses nothing by itself: an
/// open endpoint answers anybody, all others ask for [`web::Caller`].
pub async fn authenticate(State(accounts): State<Accounts>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let found = accounts.sign_in_of(&parts).await;
    let mut request = Request::from_parts(parts, body);
    let (sign_in, limits) = match found {
        Ok(Some((principal, limits))) => (SignIn::Caller(principal), limits),
        Ok(None) => (SignIn::Nobody, AccountLimits::default()),
        Err(error) => (SignIn::Refused(error), AccountLimits::default()),
    };
    request.extensions_mut().insert(sign_in);
    request.extensions_mut().insert(limits);
    next.run(request).await
}

impl Accounts {
    async fn sign_in_of(&self, request: &Parts) -> web::Result<Option<(Principal, AccountLimits)>> {
        if request.uri.path().starts_with("/api/") && has_token(request.uri.query().unwrap_or_default()) {
            return Err(web::Error::token_in_query());
        }
        let Some((id, secret)) = bearer(&request.headers) else { return Ok(None) };
        let address = request.extensions.get::<ClientAddress>().map(|client| client.0);
        let host = host(&request.headers, &request.uri);
        let Some(bearer) = self.bearer(id, secret, host.as_deref(), address).await? else { return Ok(None) };
        let request_id = request.extensions.get::<RequestId>().map(|id| id.0.to_string()).unwrap_or_default();
        let principal = Principal {
            tenant: bearer.account.id,
            actor: match &bearer.user {
                Some(user) => user.actor(),
                None => Actor::Machine { name: bearer.token.name.clone() },
            },
            token: Some(bearer.token.id),
            permissions: bearer.permissions.clone(),
            address,
            request_id,
        };
        Ok(Some((principal, bearer.limits)))
    }

    /// Returns what a presented token opens from that address and host; `None` for whatever is not valid.
    pub(crate) async fn bearer(
        &self,
        id: TokenId,
        secret: &str,
        host: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<Option<Arc<Bearer>>, Error> {
        let Some(bearer) = self.known(id).await? else { return Ok(None) };
        let hash = Sha256::digest(secret.as_bytes());
        if !bool::from(hash.as_slice().ct_eq(&bearer.token.hash)) || !bearer.token.is_valid(self.inner.db.now()) {
            return Ok(None);
        }
        if !bearer.token.allows(address) {
            tracing::info!(tenant.id = %bearer.account.id, token.id = %id, "a token was used from outside of its networks");
            return Ok(None);
        }
        let owner = self.directory().await?.owner(host);
        if owner.is_some_and(|owner| owner != bearer.account.id) {
            return Ok(None);
        }
        self.inner.bearers.lock().last_used.insert(id, self.inner.db.now());
        Ok(Some(bearer))
    }

    /// Returns the token of that number with its account and user, from memory or the database; `None` if there is none
    /// or its user is disabled.
    pub(crate) async fn known(&self, id: TokenId) -> Result<Option<Arc<Bearer>>, Error> {
        let epoch = {
            let state = self.inner.bearers.lock();
            match state.known.get(&id) {
                Some((read, bearer)) if read.elapsed() < TRUST => return Ok(Some(bearer.clone())),
                _ => state.epoch,
            }
        };
        let read = Instant::now();
        let mut tx = self.inner.db.read_any_tenant().await?;
        let Some(found) = store::tokens::any_tenant_open(&mut tx, id).await? else { return Ok(None) };
        drop(tx);
        if found.user.as_ref().is_some_and(|user| user.disabled)
            || found.user.is_none() != found.token.user_id.is_none()
        {
            self.inner.bearers.lock().known.remove(&id);
            return Ok(None);
        }
        let bearer = Arc::new(Bearer {
            permissions: found.token.permissions(found.user.as_ref().map(User::role)),
            limits: found.account.limits(),
            token: found.token,
            account: found.account,
            user: found.user,
        });
        let mut state = self.inner.bearers.lock();
        if state.epoch == epoch {
            if state.known.len() >= MOST_TOKENS {
                state.known.retain(|_, (read, _)| read.elapsed() < TRUST);
            }
            if state.known.len() < MOST_TOKENS {
                state.known.insert(id, (read, bearer.clone()));
            }
        }
        Ok(Some(bearer))
    }

    /// Returns the accounts by host, at most [`TRUST`] old.
    pub(crate) async fn directory(&self) -> Result<Arc<Directory>, Error> {
        let epoch = {
            let state = self.inner.bearers.lock();
            match &state.directory {
                Some((read, directory)) if read.elapsed() < TRUST => return Ok(directory.clone()),
                _ => state.epoch,
            }
        };
        let read = Instant::now();
        let mut tx = self.inner.db.read_any_tenant().await?;
        let accounts = store::any_tenant_accounts(&mut tx).await?;
        let only = if let [account] = accounts.as_slice() { Some(account.id) } else { None };
        let hosts = accounts.into_iter().filter_map(|account| Some((account.host?, account.id))).collect();
        let directory = Arc::new(Directory { hosts, only });
        let mut state = self.inner.bearers.lock();
        if state.epoch == epoch {
            state.directory = Some((read, directory.clone()));
        }
        Ok(directory)
    }
}

/// Returns the number and the secret of `Authorization: Bearer <id>|<secret>`. Two such headers are none.
fn bearer(headers: &HeaderMap) -> Option<(TokenId, &str)> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (id, secret) = token.trim().split_once('|')?;
    let plain = (1..=LONGEST_SECRET).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let number = (1..=18).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    (plain && number).then_some(())?;
    Some((TokenId(id.parse().ok()?), secret))
}

fn has_token(query: &str) -> bool {
    query.split('&').any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        name.eq_ignore_ascii_case("token") || QUERY_TOKENS.iter().any(|token| name.eq_ignore_ascii_case(token))
    })
}

/// Returns the host that the client asked, in lower case, without the port.
pub fn host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let text = uri.host().or_else(|| headers.get(header::HOST)?.to_str().ok())?;
    let name = match text.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => text,
    };
    Some(name.trim_end_matches('.').to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: header::HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_token_is_a_number_a_bar_and_letters() {
        let read = |values: &[&str]| {
            bearer(&headers(header::AUTHORIZATION, values)).map(|(id, secret)| (id.0, secret.to_owned()))
        };
        assert_eq!(read(&["Bearer 12|abcXYZ09"]), Some((12, "abcXYZ09".to_owned())));
        assert_eq!(read(&["bearer 12|a"]), Some((12, "a".to_owned())));
        let long = format!("Bearer 1|{}", "a".repeat(LONGEST_SECRET + 1));
        for bad in [
            "Bearer",
            "Bearer ",
            "Bearer x",
            "Bearer 12",
            "Bearer 12|",
            "Bearer |a",
            "Bearer -1|a",
            "Bearer +1|a",
            "Bearer 1|a b",
            "Bearer 1|a|b",
            "Bearer 9999999999999999999|a",
            "Basic MTI6YQ==",
            "12|a",
            long.as_str(),
        ] {
            assert_eq!(read(&[bad]), None, "{bad}");
        }
        assert_eq!(read(&["Bearer 1|a", "Bearer 1|a"]), None, "two headers");
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn tokens_in_the_query_are_seen() {
        for query in ["access_token=1", "page=1&Token=x", "api_token", "a=b&AUTHORIZATION=Bearer"] {
            assert!(has_token(query), "{query}");
        }
        for query in ["", "tokens=1", "page=2&per_page=5", "q=token"] {
            assert!(!has_token(query), "{query}");
        }
    }

    #[test]
    fn the_host_is_compared_without_port_case_and_final_dot() {
        for (text, name) in [
            ("Acme.Example", "acme.example"),
            ("acme.example:8443", "acme.example"),
            ("acme.example.", "acme.example"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(host(&headers(header::HOST, &[text]), &Uri::from_static("/")).as_deref(), Some(name));
        }
    }
}
