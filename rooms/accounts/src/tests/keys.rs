//! Keys of requests: repetitions, two processes, and a crash between the effect and the answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::store::Engine;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::post,
};
use domain::{Principal, ids::TokenId, principal::Actor};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;
use tokio::sync::Semaphore;
use tower::ServiceExt;
use web::{LimitSettings, SignIn};

use super::Rig;
use crate::{Accounts, idempotent};

/// What a handler here does, by its path.
#[derive(Clone)]
struct Desk {
    db: ::store::Db,
    who: Principal,
    /// Handlers that began.
    begun: Arc<AtomicUsize>,
    effects: Arc<AtomicUsize>,
    /// Whoever waits after the effect waits for this.
    gate: Arc<Semaphore>,
}

impl Desk {
    /// Has an effect, with its audit row, in one transaction.
    async fn act(&self, parts: &http::request::Parts) -> web::Result<()> {
        let request_id = parts.extensions.get::<web::RequestId>().unwrap().0.to_string();
        let who = Principal { request_id, ..self.who.clone() };
        let mut tx = self.db.begin(who.tenant).await?;
        ::store::audit(&mut tx, &who, "thing.make", "thing:1", json!({})).await?;
        tx.commit().await?;
        self.effects.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn handle(&self, request: Request) -> web::Result<Response> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let (parts, _) = request.into_parts();
        let number = || self.effects.load(Ordering::SeqCst);
        match parts.uri.path() {
            "/api/make" => {
                self.act(&parts).await?;
                let location = [("location", "/api/things/1"), ("x-ratelimit-remaining", "7")];
                Ok((StatusCode::CREATED, location, axum::Json(json!({"number": number()}))).into_response())
            }
            "/api/make-then-wait" => {
                self.act(&parts).await?;
                drop(self.gate.acquire().await);
                Ok("done".into_response())
            }
            "/api/wait-then-make" => {
                drop(self.gate.acquire().await);
                self.act(&parts).await?;
                Ok("done".into_response())
            }
            // Without an audit row, as a call is: the op says itself what it did.
            "/api/answer-then-wait" => {
                let mut tx = self.db.begin(self.who.tenant).await?;
                let answer = json!({"call": number() + 1});
                web::answered(&mut tx, StatusCode::ACCEPTED, &answer).await?;
                tx.commit().await?;
                self.effects.fetch_add(1, Ordering::SeqCst);
                drop(self.gate.acquire().await);
                Ok((StatusCode::ACCEPTED, axum::Json(answer)).into_response())
            }
            "/api/wait-then-say" => {
                drop(self.gate.acquire().await);
                let mut tx = self.db.begin(self.who.tenant).await?;
                web::acted(&mut tx).await?;
                tx.commit().await?;
                self.effects.fetch_add(1, Ordering::SeqCst);
                Ok("done".into_response())
            }
            "/api/fail" => {
                self.effects.fetch_add(1, Ordering::SeqCst);
                Err(web::Error::unavailable("test.busy", web::Text::new("Busy.", "Đang bận."), 1))
            }
            "/api/make-and-fail" => {
                self.act(&parts).await?;
                Err(web::Error::internal(&std::io::Error::other("on purpose")))
            }
            "/api/refuse" => {
                self.effects.fetch_add(1, Ordering::SeqCst);
                Err(web::Error::invalid([("name", web::Rule::Required)]))
            }
            "/api/long" => {
                self.act(&parts).await?;
                Ok("x".repeat(100_000).into_response())
            }
            _ => Err(web::Error::not_found()),
        }
    }
}

/// One process with its router.
struct Process {
    accounts: Accounts,
    router: Router,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn code(&self) -> String {
        serde_json::from_str::<serde_json::Value>(&self.body).unwrap()["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Process {
    fn new(accounts: Accounts, desk: Desk) -> Self {
        let who = desk.who.clone();
        let handle =
            |State(desk): State<Desk>, request: Request| async move { desk.handle(request).await.into_response() };
        let router = Router::new()
            .route("/api/{name}", post(handle))
            .with_state(desk)
            .layer(from_fn_with_state(accounts.clone(), idempotent))
            .layer(from_fn(move |mut request: Request, next: Next| {
                // `x-token` stands for the sign-in.
                let token = request.headers().get("x-token").map(|value| value.to_str().unwrap().parse().unwrap());
                let who = Principal { token: Some(TokenId(token.unwrap_or(1))), ..who.clone() };
                request.extensions_mut().insert(SignIn::Caller(who));
                next.run(request)
            }))
            .layer(from_fn(web::request));
        Self { accounts, router }
    }

    async fn send(&self, path: &str, headers: &[(&str, &str)], body: &'static str) -> Answer {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn post(&self, path: &str, key: &str) -> Answer {
        self.send(path, &[("idempotency-key", key)], "{}").await
    }
}

struct Desks {
    rig: Rig,
    desk: Desk,
    one: Process,
}

impl Desks {
    async fn start() -> Self {
        let rig = Rig::start().await;
        let who = Principal { actor: Actor::Machine { name: "crm".to_owned() }, ..rig.host.clone() };
        let (begun, effects, gate) = (Arc::default(), Arc::default(), Arc::new(Semaphore::new(0)));
        let who = Principal { token: Some(TokenId(1)), ..who };
        let desk = Desk { db: (*rig.db).clone(), who, begun, effects, gate };
        let one = Process::new(rig.accounts.clone(), desk.clone());
        Self { rig, desk, one }
    }

    fn begun(&self) -> usize {
        self.desk.begun.load(Ordering::SeqCst)
    }

    fn effects(&self) -> usize {
        self.desk.effects.load(Ordering::SeqCst)
    }

    /// Returns another process on the same database, after the first one's lease has run out.
    async fn another(&self) -> Process {
        let db = self.rig.db.reopen().await;
        let limits = web::Limits::new(LimitSettings::default(), db.clock().clone());
        let accounts = Accounts::open(db.clone(), limits, self.rig.db.secrets.clone()).await.unwrap();
        self.rig.db.clock.advance(Duration::from_secs(61));
        Process::new(accounts, Desk { db, ..self.desk.clone() })
    }

    /// Sends a request whose handler will not end, waits until `there` and leaves it hanging.
    async fn hang(&self, path: &'static str, key: &'static str, there: impl Fn() -> bool) {
        let router = self.one.router.clone();
        let request = Request::post(path).header("idempotency-key", key).body(Body::from("{}")).unwrap();
        let mut sent = Box::pin(router.oneshot(request));
        for _ in 0..2_000 {
            tokio::select! {
                _ = &mut sent => panic!("it does not end"),
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
            if there() {
                return;
            }
        }
        panic!("it did not get there");
    }

    async fn rows(&self) -> i64 {
        let mut tx = self.rig.db.read_any_tenant().await.unwrap();
        ::store::sql("select count(*) from idempotency").one::<(i64,)>(&mut tx).await.unwrap().0
    }
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_and_nothing_is_done_again() {
    let desks = Desks::start().await;
    let first = desks.one.post("/api/make", "k-1").await;
    assert_eq!((first.status, first.body.as_str()), (201, r#"{"number":1}"#));
    assert!(!first.headers.contains_key("idempotency-replayed"));
    for process in [&desks.one, &desks.another().await] {
        let again = process.post("/api/make", "k-1").await;
        assert_eq!((again.status, again.body.as_str()), (201, r#"{"number":1}"#));
        assert_eq!(again.headers["location"], "/api/things/1");
        assert_eq!(again.headers["content-type"], "application/json");
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_ne!(again.headers["x-request-id"], first.headers["x-request-id"]);
        assert!(!again.headers.contains_key("x-ratelimit-remaining"), "that of the moment is not repeated");
    }
    assert_eq!(desks.effects(), 1);
}

#[tokio::test]
async fn another_key_token_path_or_no_key_is_another_request() {
    let desks = Desks::start().await;
    let key = ("idempotency-key", "k-1");
    for headers in [vec![key], vec![("idempotency-key", "k-2")], vec![key, ("x-token", "2")], vec![], vec![]] {
        assert_eq!(desks.one.send("/api/make", &headers, "{}").await.status, 201, "{headers:?}");
    }
    assert_eq!(desks.effects(), 5);
    assert_eq!(desks.one.post("/api/refuse", "k-1").await.status, 422);
}

#[tokio::test]
async fn the_same_key_with_another_body_or_query_is_a_conflict() {
    let desks = Desks::start().await;
    desks.one.post("/api/make", "k-1").await;
    let key = [("idempotency-key", "k-1")];
    for (path, body) in [("/api/make", "{ }"), ("/api/make?x=1", "{}")] {
        let other = desks.one.send(path, &key, body).await;
        assert_eq!((other.status, other.code().as_str()), (409, "idempotency.key_reused"));
    }
    assert_eq!(desks.effects(), 1);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let desks = Desks::start().await;
    let long = "x".repeat(256);
    for key in ["", "a b", long.as_str()] {
        let refused = desks.one.post("/api/make", key).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "idempotency.bad_key"), "{key:?}");
    }
    let two = [("idempotency-key", "a"), ("idempotency-key", "a")];
    assert_eq!(desks.one.send("/api/make", &two, "{}").await.status, 400);
    let vietnamese = desks.one.send("/api/make", &[("idempotency-key", ""), ("accept-language", "vi")], "{}").await;
    assert!(vietnamese.body.contains("phải gồm"), "{}", vietnamese.body);
    assert_eq!(desks.effects(), 0);
}

#[tokio::test]
async fn of_a_hundred_at_once_one_is_done() {
    let desks = Desks::start().await;
    let other = desks.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..100 {
        // An embedded database has one process only.
        let second = n % 2 == 1 && desks.rig.db.engine() == Engine::Postgres;
        let router = if second { &other } else { &desks.one }.router.clone();
        tasks.spawn(async move {
            let request = Request::post("/api/make").header("idempotency-key", "k").body(Body::from("{}")).unwrap();
            router.oneshot(request).await.unwrap().status().as_u16()
        });
    }
    let answers = tasks.join_all().await;
    assert!(answers.iter().all(|status| [201, 409].contains(status)), "{answers:?}");
    assert_eq!(desks.effects(), 1);
}

#[tokio::test]
async fn while_the_first_runs_a_repetition_is_told_to_come_back() {
    let desks = Desks::start().await;
    desks.hang("/api/wait-then-make", "k", || desks.begun() == 1).await;
    let second = desks.one.post("/api/wait-then-make", "k").await;
    assert_eq!((second.status, second.code().as_str()), (409, "idempotency.running"));
    assert_eq!(second.headers["retry-after"], "1");
}

#[tokio::test]
async fn a_client_that_goes_away_finds_the_answer_later() {
    let desks = Desks::start().await;
    // `hang` drops the request; the handler goes on.
    desks.hang("/api/make-then-wait", "k", || desks.effects() == 1).await;
    desks.desk.gate.add_permits(1);
    let later = loop {
        let answer = desks.one.post("/api/make-then-wait", "k").await;
        if answer.status != 409 {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!((later.status, later.body.as_str()), (200, "done"));
    assert_eq!(desks.effects(), 1);
}

#[tokio::test]
async fn after_a_crash_between_effect_and_answer_nothing_is_done_again() {
    let desks = Desks::start().await;
    desks.hang("/api/make-then-wait", "k", || desks.effects() == 1).await;
    let restarted = desks.another().await;
    let again = restarted.post("/api/make-then-wait", "k").await;
    assert_eq!((again.status, again.code().as_str()), (409, "idempotency.answer_lost"));
    assert_eq!(desks.effects(), 1);
}

#[tokio::test]
async fn after_a_crash_before_the_effect_it_is_done_once() {
    let desks = Desks::start().await;
    desks.hang("/api/wait-then-say", "k", || desks.begun() == 1).await;
    let restarted = desks.another().await;
    desks.desk.gate.add_permits(1);
    // The first process was only slow: it wakes up too, and must not commit.
    let again = restarted.post("/api/wait-then-say", "k").await;
    desks.desk.gate.add_permits(10);
    desks.one.accounts.close().await;
    assert!([200, 409].contains(&again.status), "{}", again.status);
    let repeated = restarted.post("/api/wait-then-say", "k").await;
    assert_eq!(repeated.status, 200);
    assert_eq!(desks.effects(), 1);
}

#[tokio::test]
async fn an_answer_that_was_written_with_its_effect_survives_a_crash() {
    let desks = Desks::start().await;
    desks.hang("/api/answer-then-wait", "k", || desks.effects() == 1).await;
    let restarted = desks.another().await;
    let again = restarted.post("/api/answer-then-wait", "k").await;
    assert_eq!((again.status, again.body.as_str()), (202, r#"{"call":1}"#));
    assert_eq!(again.headers["content-type"], "application/json");
    assert_eq!(desks.effects(), 1);
}

#[tokio::test]
async fn a_failure_without_effect_may_be_tried_again_and_a_refusal_is_final() {
    let desks = Desks::start().await;
    for times in 1..=2 {
        assert_eq!(desks.one.post("/api/fail", "k").await.status, 503);
        assert_eq!(desks.effects(), times);
    }
    let first = desks.one.post("/api/refuse", "k").await;
    let again = desks.one.post("/api/refuse", "k").await;
    assert_eq!((first.status, again.status), (422, 422));
    assert_eq!(first.body, again.body, "with the first request's id");
    assert_eq!(desks.effects(), 3);
    for _ in 0..2 {
        assert_eq!(desks.one.post("/api/make-and-fail", "k").await.status, 500, "done, whatever it looks like");
    }
    assert_eq!(desks.effects(), 4);
}

#[tokio::test]
async fn a_refusal_is_repeated_in_the_language_of_the_first_request() {
    let desks = Desks::start().await;
    let headers = [("idempotency-key", "k"), ("accept-language", "vi")];
    let first = desks.one.send("/api/refuse", &headers, "{}").await;
    assert!(first.body.contains("Trường name là bắt buộc."), "{}", first.body);
    let again = desks.one.post("/api/refuse", "k").await;
    assert_eq!((again.body, again.headers["content-language"].to_str().unwrap()), (first.body, "vi"));
}

#[tokio::test]
async fn a_long_answer_comes_whole_once() {
    let desks = Desks::start().await;
    assert_eq!(desks.one.post("/api/long", "k").await.body.len(), 100_000);
    let again = desks.one.post("/api/long", "k").await;
    assert_eq!((again.status, again.code().as_str()), (409, "idempotency.answer_lost"));
    assert_eq!(desks.effects(), 1);
}

#[tokio::test]
async fn a_key_is_good_for_a_day_and_then_removed() {
    let desks = Desks::start().await;
    desks.one.post("/api/make", "k").await;
    desks.rig.db.clock.advance(Duration::from_secs(24 * 3_600 - 1));
    desks.rig.accounts.sweep().await;
    assert_eq!(desks.one.post("/api/make", "k").await.headers["idempotency-replayed"], "true");
    desks.rig.db.clock.advance(Duration::from_secs(1));
    assert_eq!(desks.one.post("/api/make", "k").await.body, r#"{"number":2}"#, "even if nobody swept");
    desks.rig.db.clock.advance(Duration::from_secs(24 * 3_600));
    desks.rig.accounts.sweep().await;
    assert_eq!(desks.rows().await, 0);
}

#[tokio::test]
async fn answers_are_sealed_and_an_account_keeps_a_bounded_amount_of_them() {
    let desks = Desks::start().await;
    desks.one.post("/api/make", "k").await;
    let mut tx = desks.rig.db.begin_any_tenant().await.unwrap();
    let (body,): (Vec<u8>,) = ::store::sql("select body from idempotency").one(&mut tx).await.unwrap();
    assert!(!body.windows(6).any(|bytes| bytes == b"number"));
    // As if it were much longer than it is.
    ::store::sql("update idempotency set bytes = 100000000").run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    desks.rig.accounts.sweep().await;
    let again = desks.one.post("/api/make", "k").await;
    assert_eq!((again.status, again.code().as_str()), (409, "idempotency.answer_lost"));
    assert_eq!(desks.effects(), 1, "the key stays");
}

#[tokio::test]
async fn requests_that_only_read_or_have_no_token_know_no_keys() {
    let desks = Desks::start().await;
    let request = Request::get("/api/make").header("idempotency-key", "k").body(Body::empty()).unwrap();
    assert_eq!(desks.one.router.clone().oneshot(request).await.unwrap().status(), 405);
    assert_eq!(desks.rows().await, 0);
}
