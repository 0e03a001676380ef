//! `Idempotency-Key`: a repeated POST of a token is answered as the first was, and done once.
//!
//! The key's row is written before the handler runs and the answer after it. Between the two the effect is committed, and
//! with it what tells a later process of it: the audit row, which names the request, or what the op wrote by
//! [`web::acted`] or [`web::answered`]. So after a crash a repetition is done if and only if the first was not.

mod answer;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ::store::Tx;
use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::{Principal, TenantId, Timestamp, ids::TokenId};
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sha2::{Digest, Sha256};
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use web::{Keeper, Language, Once, RequestId, SignIn, Text};

use self::answer::{LONGEST_ANSWER, headers_from_json, headers_to_json, read_answer};
use crate::{
    Accounts, Error,
    store::{
        self,
        idempotency::{Answer, Kept, NewKey},
    },
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key.
const LONGEST_KEY: usize = 255;
/// How long an answer is kept.
const LIFETIME: Duration = Duration::from_secs(24 * 3_600);
/// How long a handler may take under a key.
const HANDLER_WAIT: Duration = Duration::from_secs(45);
/// How long another process is believed to work on a request: longer than any handler.
const LEASE: Duration = Duration::from_secs(60);
/// Bytes of kept answers of one account; beyond it the oldest bodies go, not the keys.
const MOST_BYTES: i64 = 64 * 1024 * 1024;
/// Rows changed in one transaction of the sweep.
const BATCH: i64 = 500;
/// How long the end of the process waits for handlers under a key.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

const BAD_KEY: Text = Text::new(
    "The Idempotency-Key must be 1 to 255 visible ASCII characters, once.",
    "Idempotency-Key phải gồm từ 1 đến 255 ký tự ASCII hiển thị và chỉ gửi một lần.",
);
const OTHER_BODY: Text = Text::new(
    "This Idempotency-Key was used for another request.",
    "Idempotency-Key này đã được dùng cho một yêu cầu khác.",
);
const RUNNING: Text = Text::new(
    "The first request with this Idempotency-Key is still running.",
    "Yêu cầu đầu tiên với Idempotency-Key này vẫn đang được xử lý.",
);
const ANSWER_LOST: Text = Text::new(
    "The first request with this Idempotency-Key was carried out, but its answer is not there any more.",
    "Yêu cầu đầu tiên với Idempotency-Key này đã được thực hiện, nhưng phản hồi của nó không còn được lưu.",
);
const TIMED_OUT: Text = Text::new(
    "The request took too long. Repeat it with the same Idempotency-Key.",
    "Yêu cầu mất quá nhiều thời gian. Hãy gửi lại với cùng Idempotency-Key.",
);

/// The keys that this process works on.
#[derive(Clone, Default)]
pub(crate) struct Keys {
    running: Arc<Mutex<HashSet<i64>>>,
    tracker: TaskTracker,
}

/// A key that is being worked on; no longer once dropped.
struct Running {
    keys: Keys,
    id: i64,
}

impl Keys {
    fn start(&self, id: i64) -> Running {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        Running { keys: self.clone(), id }
    }

    fn is_running(&self, id: i64) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.keys.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// The layer (`axum::middleware::from_fn_with_state(accounts, accounts::idempotent)`). It stands inside of the sign-in and
/// the limits, around the handlers. Requests without a token, such as the login, have nothing that a key could belong to.
pub async fn idempotent(State(accounts): State<Accounts>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    // `/api/v3` has errors of its own, and what is posted there is the same however often.
    let ours = path.starts_with("/api/") && !path.starts_with("/api/v3/");
    if request.method() != Method::POST || !ours || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    let Some(SignIn::Caller(who)) = request.extensions().get::<SignIn>() else { return next.run(request).await };
    let (who, Some(token)) = (who.clone(), who.token) else { return next.run(request).await };
    match accounts.once(who, token, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

/// A request that was read.
struct Asked {
    key_hash: [u8; 32],
    request_hash: [u8; 32],
    request_id: Arc<str>,
    language: Language,
}

/// What is to be done about a request.
enum Turn {
    Run(Claim),
    Repeat(Box<Kept>),
}

/// The right to do what is asked under a key.
struct Claim {
    tenant: TenantId,
    id: i64,
    attempt: i64,
    _running: Running,
}

/// How the audit log names the effect of a request.
#[derive(Clone, Copy)]
struct Effect<'a> {
    token: TokenId,
    request_id: &'a str,
    since: Timestamp,
}

impl Effect<'_> {
    async fn is_there(self, tx: &mut Tx, tenant: TenantId) -> Result<bool, ::store::Error> {
        store::audit::has_line_of(tx, tenant, self.token.0, self.request_id, self.since).await
    }
}

impl Accounts {
    async fn once(&self, who: Principal, token: TokenId, request: Request, next: Next) -> web::Result<Response> {
        let (parts, body) = request.into_parts();
        let key = key(&parts.headers)?;
        let body = web::read_body(&parts.headers, body).await?;
        let query = parts.uri.query().unwrap_or_default();
        let asked = Asked {
            key_hash: digest(&[parts.uri.path().as_bytes(), key.as_bytes()]),
            request_hash: digest(&[query.as_bytes(), &body]),
            request_id: parts.extensions.get::<RequestId>().map_or_else(|| "".into(), |id| id.0.clone()),
            language: parts.extensions.get::<Language>().copied().unwrap_or_default(),
        };
        let claim = match self.turn(&who, token, &asked).await? {
            Turn::Run(claim) => claim,
            Turn::Repeat(kept) => return self.repeat(who.tenant, &kept),
        };
        let handler = next.run(Request::from_parts(parts, Body::from(body)));
        // A task of its own: a client that goes away does not keep the answer from being kept.
        let (accounts, span) = (self.clone(), tracing::Span::current());
        let task = async move { accounts.run_once(claim, token, asked, handler).await };
        let done = self.inner.keys.tracker.spawn(task.instrument(span)).await;
        done.map_err(|error| web::Error::internal(&error))
    }

    /// Finds out whether the request is the first of its key, a repetition, or neither.
    async fn turn(&self, who: &Principal, token: TokenId, asked: &Asked) -> web::Result<Turn> {
        let (db, keys) = (&self.inner.db, &self.inner.keys);
        let tenant = who.tenant;
        let mut tx = db.begin(tenant).await?;
        let now = tx.now();
        let new = NewKey {
            token,
            key_hash: &asked.key_hash,
            request_hash: &asked.request_hash,
            node: db.node(),
            lease_until: now.after(LEASE),
            request_id: &asked.request_id,
            expires_at: now.after(LIFETIME),
        };
        if let Some(id) = store::idempotency::begin(&mut tx, tenant, &new).await? {
            // Before the commit: whoever sees the row sees that it is being worked on.
            let running = keys.start(id);
            tx.commit().await?;
            return Ok(Turn::Run(Claim { tenant, id, attempt: 1, _running: running }));
        }
        let kept = store::idempotency::find(&mut tx, tenant, token, &asked.key_hash).await?;
        // It was forgotten this moment: the next try begins it anew.
        let Some(kept) = kept else { return Err(running()) };
        if kept.request_hash != asked.request_hash {
            return Err(web::Error::conflict("idempotency.key_reused", OTHER_BODY));
        }
        if kept.status.is_some() {
            return Ok(Turn::Repeat(Box::new(kept)));
        }
        let elsewhere = kept.node != db.node() && !db.has_ended(&kept.node) && now < kept.lease_until;
        if keys.is_running(kept.id) || elsewhere {
            return Err(running());
        }
        let effect = Effect { token, request_id: &kept.request_id, since: kept.created_at };
        if kept.acted || effect.is_there(&mut tx, tenant).await? {
            return Err(web::Error::conflict("idempotency.answer_lost", ANSWER_LOST));
        }
        let until = now.after(LEASE);
        if store::idempotency::take_over(&mut tx, tenant, &kept, db.node(), until, &asked.request_id).await? == 0 {
            return Err(running());
        }
        let running = keys.start(kept.id);
        tx.commit().await?;
        Ok(Turn::Run(Claim { tenant, id: kept.id, attempt: kept.attempt + 1, _running: running }))
    }

    async fn run_once(
        &self,
        claim: Claim,
        token: TokenId,
        asked: Asked,
        handler: impl Future<Output = Response>,
    ) -> Response {
        let keeper = KeyKeeper { accounts: self.clone(), tenant: claim.tenant, id: claim.id, attempt: claim.attempt };
        let started = self.inner.db.now();
        let Ok(response) = tokio::time::timeout(HANDLER_WAIT, Once::new(keeper).around(handler)).await else {
            // What it had begun to commit may still become true: nobody takes the key before that is known.
            let rest = LEASE - HANDLER_WAIT;
            self.inner.keys.tracker.spawn(async move {
                tokio::time::sleep(rest).await;
                drop(claim);
            });
            return web::Error::unavailable("idempotency.timeout", TIMED_OUT, rest.as_secs()).into_response();
        };
        let response = web::write_error(response, asked.language, &asked.request_id);
        let (response, body) = read_answer(response).await;
        let status = response.status();
        let fails =
            status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        let answer = Answer {
            status: i64::from(status.as_u16()),
            headers: headers_to_json(response.headers()),
            body: body.map(|body| self.inner.secrets.seal(claim.tenant, &sealed_as(claim.id), &body)),
        };
        let effect = Effect { token, request_id: &asked.request_id, since: started };
        if let Err(error) = self.keep_answer(&claim, effect, answer, fails).await {
            tracing::warn!(%error, "the answer of a request with an Idempotency-Key could not be kept");
        }
        response
    }

    /// Keeps the answer, or forgets the key of a request that failed without an effect, so that it may be tried again.
    async fn keep_answer(&self, claim: &Claim, effect: Effect<'_>, answer: Answer, fails: bool) -> Result<(), Error> {
        let Claim { tenant, id, attempt, .. } = *claim;
        let mut tx = self.inner.db.begin(tenant).await?;
        if fails
            && !effect.is_there(&mut tx, tenant).await?
            && store::idempotency::forget(&mut tx, tenant, id, attempt).await? == 1
        {
            tx.commit().await?;
            return Ok(());
        }
        store::idempotency::keep(&mut tx, tenant, id, attempt, answer).await?;
        tx.commit().await?;
        Ok(())
    }

    fn repeat(&self, tenant: TenantId, kept: &Kept) -> web::Result<Response> {
        let lost = || web::Error::conflict("idempotency.answer_lost", ANSWER_LOST);
        let status = kept.status.and_then(|status| u16::try_from(status).ok()).ok_or_else(lost)?;
        let sealed = kept.body.as_ref().ok_or_else(lost)?;
        let body = self.inner.secrets.unseal(tenant, &sealed_as(kept.id), sealed).map_err(|_| lost())?;
        let mut response = Response::new(Body::from(body.to_vec()));
        *response.status_mut() = StatusCode::from_u16(status).map_err(|_| lost())?;
        *response.headers_mut() = headers_from_json(kept.headers.as_deref().unwrap_or_default());
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }

    /// Removes keys that are over, and the oldest answers of accounts that keep too many.
    pub(crate) async fn purge_keys(&self) -> Result<(), Error> {
        let db = &self.inner.db;
        loop {
            let mut tx = db.begin_any_tenant().await?;
            let purged = store::idempotency::any_tenant_purge(&mut tx, BATCH).await?;
            tx.commit().await?;
            if purged < BATCH as u64 {
                break;
            }
        }
        loop {
            let mut tx = db.read_any_tenant().await?;
            let oversized = store::idempotency::any_tenant_oversized(&mut tx, MOST_BYTES).await?;
            drop(tx);
            if oversized.is_empty() {
                return Ok(());
            }
            for (tenant, _) in oversized {
                let mut tx = db.begin(tenant).await?;
                store::idempotency::shed(&mut tx, tenant, BATCH).await?;
                tx.commit().await?;
            }
        }
    }

    /// Waits a moment for what runs under a key, and writes what waits in memory. Call it when the server stops.
    pub async fn close(&self) {
        self.inner.keys.tracker.close();
        tokio::time::timeout(CLOSE_WAIT, self.inner.keys.tracker.wait()).await.ok();
        self.flush().await;
    }
}

/// What ops write of a request, in their own transaction.
struct KeyKeeper {
    accounts: Accounts,
    tenant: TenantId,
    id: i64,
    attempt: i64,
}

impl Keeper for KeyKeeper {
    fn act<'a>(&'a self, tx: &'a mut Tx) -> BoxFuture<'a, Result<(), ::store::Error>> {
        Box::pin(async move {
            let changed = store::idempotency::act(tx, self.tenant, self.id, self.attempt).await?;
            if changed == 1 { Ok(()) } else { Err(taken_over()) }
        })
    }

    fn keep<'a>(
        &'a self,
        tx: &'a mut Tx,
        status: StatusCode,
        body: Vec<u8>,
    ) -> BoxFuture<'a, Result<(), ::store::Error>> {
        Box::pin(async move {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let sealed = self.accounts.inner.secrets.seal(self.tenant, &sealed_as(self.id), &body);
            let answer = Answer {
                status: i64::from(status.as_u16()),
                headers: headers_to_json(&headers),
                body: (body.len() <= LONGEST_ANSWER).then_some(sealed),
            };
            let changed = store::idempotency::keep(tx, self.tenant, self.id, self.attempt, answer).await?;
            if changed == 1 { Ok(()) } else { Err(taken_over()) }
        })
    }
}

/// What keeps an op from committing whose key another process took over.
fn taken_over() -> ::store::Error {
    ::store::Error::Busy("another process took the request over")
}

fn running() -> web::Error {
    web::Error::conflict("idempotency.running", RUNNING).with_retry_after(1)
}

/// Returns what a sealed answer is bound to.
fn sealed_as(id: i64) -> String {
    format!("idempotency.body:{id}")
}

fn key(headers: &HeaderMap) -> web::Result<&str> {
    let mut values = headers.get_all(KEY).iter();
    let key = values.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let plain = (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if plain && values.next().is_none() {
        return Ok(key);
    }
    Err(web::Error::new(StatusCode::BAD_REQUEST, "idempotency.bad_key", BAD_KEY))
}

/// Hashes parts so that no two lists of parts have the same bytes.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_up_to_255_visible_characters_once() {
        let read = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(KEY, HeaderValue::from_bytes(value).unwrap());
            }
            key(&headers).map(str::to_owned).ok()
        };
        assert_eq!(read(&[b"a-1"]).as_deref(), Some("a-1"));
        assert!(read(&[&[b'a'; 255]]).is_some());
        for bad in [&b""[..], b"a b", &[b'a'; 256], "ă".as_bytes()] {
            assert_eq!(read(&[bad]), None, "{bad:?}");
        }
        assert_eq!(read(&[b"a", b"a"]), None, "two");
    }

    #[test]
    fn parts_do_not_flow_into_each_other() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b"", b"a"]), digest(&[b"a", b""]));
    }
}
