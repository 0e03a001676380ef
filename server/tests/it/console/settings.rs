//! Webhooks, their deliveries and API tokens, from the first click to the last.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use sandbox::{Receiver, receiver};
use store::sql;
use testkit::until;

use super::{Browser, PASSWORD, browser::between};
use crate::support::TestServer;

pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A server that may deliver to this very machine, and a receiver there.
pub(super) async fn with_receiver() -> (TestServer, Receiver, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = receiver::Config { listen: "127.0.0.1:0".parse().unwrap(), ca_file: folder.path().join("ca.pem") };
    let receiver = Receiver::open(config).await.unwrap();
    let ca_file = receiver.ca_file().to_owned();
    let server = TestServer::start_with(|config| {
        let limits = &mut config.limits;
        (limits.login, limits.login_per_address, limits.auth) = (10_000, 10_000, 10_000);
        (limits.pbx, limits.other) = (10_000, 10_000);
        config.webhooks.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
        config.webhooks.ca_file = Some(ca_file);
    })
    .await;
    (server, receiver, folder)
}

/// Returns the texts that were shown to be copied.
fn shown(page: &str) -> Vec<String> {
    let secrets = page.split("<div class=\"secret\">").skip(1);
    secrets.filter_map(|part| between(part, "<code>", "</code>")).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_webhook_is_created_tested_replayed_and_its_secret_rotated() {
    let (server, receiver, _folder) = with_receiver().await;
    let admin = Browser::admin(&server).await;
    assert!(admin.get("/settings/webhooks").await.text.contains("No webhook yet"));
    assert!(admin.get("/deliveries").await.text.contains("No webhook yet"));

    let form = admin.get("/settings/webhooks/new").await.text;
    assert!(form.contains("value=\"pbx.cdr.created\"") && form.contains("data-check-all=\"yes\""));
    let url = receiver.url("/hook");
    let wrong = admin.post("/settings/webhooks/new", &[("name", "Kept"), ("url", "http://10.0.0.1/x")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("value=\"Kept\"") && wrong.text.contains("Choose at least one event."));
    let wrong = [("name", "Kept"), ("url", "http://10.0.0.1/x"), ("events", "pbx.cdr.created")];
    let wrong = admin.post("/settings/webhooks/new", &wrong).await;
    assert!(wrong.text.contains("The URL must start with https://."), "{}", wrong.text);
    let fields = [
        ("name", "Help desk"),
        ("url", url.as_str()),
        ("events", "pbx.cdr.created"),
        ("events", "pbx.call.hangup"),
        ("extensions", "1001, 1002"),
    ];
    let created = admin.post("/settings/webhooks/new", &fields).await;
    assert_eq!(created.status, 200, "{}", created.text);
    let secrets = shown(&created.text);
    let [plain, standard] = &secrets[..] else { panic!("{secrets:?}") };
    assert!(plain.len() == 32 && standard.starts_with("whsec_"));
    for file in ["receiver.mjs", "receiver.py", "receiver.php", "receiver.rb", "receiver.go"] {
        assert!(created.text.contains(file), "{file}");
    }
    receiver.set_secret("/hook", plain);

    let page = admin.get("/settings/webhooks/1").await.text;
    assert!(page.contains("Help desk") && page.contains("1001, 1002"));
    let tested = admin.post("/settings/webhooks/1/test", &[]).await;
    assert!(tested.text.contains("It works") && tested.text.contains("HTTP 200"), "{}", tested.text);
    let list = admin.get("/deliveries").await.text;
    let id = between(&list, "data-delivery=\"", "\"").unwrap().to_owned();
    let first = receiver.wait_for(PATIENCE, |delivery| delivery.id() == id).await.unwrap();
    assert!(first.verified());
    let path = format!("/deliveries/{id}");
    let done = async || admin.get(&path).await.text.contains("Attempt 1").then_some(());
    until("the attempt is recorded", PATIENCE, done).await.unwrap();
    let detail = admin.get(&path).await.text;
    for part in ["Attempt 1", "&#34;event&#34;: &#34;webhook.test&#34;", "X-Zorio-Signature", "Delivered"] {
        assert!(detail.contains(part), "{part} in {detail}");
    }
    for (query, found) in [
        ("status=delivered", true),
        ("status=deadletter", false),
        ("event=webhook.test", true),
        ("event=pbx.cdr.created", false),
        ("webhook=1", true),
        ("webhook=99", false),
        ("search=test+event", true),
        ("from=2020-01-01T00:00&to=2020-01-02T00:00", false),
        (format!("search={id}").as_str(), true),
    ] {
        assert_eq!(admin.get(&format!("/deliveries?{query}")).await.text.contains(&id), found, "{query}");
    }

    let replayed = admin.post(&format!("/deliveries/{id}/replay"), &[]).await;
    assert_eq!(replayed.status, 303, "{}", replayed.text);
    until("it happens", PATIENCE, async || {
        (receiver.deliveries().iter().filter(|delivery| delivery.id() == id).count() == 2).then_some(())
    })
    .await
    .unwrap();

    // What was shown once is nowhere any more.
    let rotated = admin.post("/settings/webhooks/1/rotate", &[]).await;
    let new = shown(&rotated.text);
    assert_ne!(new, secrets);
    for path in ["/settings/webhooks", "/settings/webhooks/1", "/settings/webhooks/1/edit", "/audit", "/deliveries"] {
        let page = admin.get(path).await.text;
        assert!(secrets.iter().chain(&new).all(|secret| !page.contains(secret.as_str())), "{path}");
    }
    let refused = admin.post("/settings/webhooks/1/test", &[]).await.text;
    assert!(refused.contains("HTTP 401") && refused.contains("Invalid signature"), "the old secret signs nothing");
    receiver.set_secret("/hook", &new[0]);
    assert!(admin.post("/settings/webhooks/1/test", &[]).await.text.contains("It works"));

    assert_eq!(admin.post("/settings/webhooks/1/pause", &[]).await.status, 303);
    assert!(admin.get("/settings/webhooks/1").await.text.contains("It is paused"));
    assert_eq!(admin.post("/settings/webhooks/1/test", &[]).await.status, 409);
    admin.get("/settings/webhooks/1").await;
    assert_eq!(admin.post("/settings/webhooks/1/resume", &[]).await.status, 303);
    assert_eq!(admin.post("/settings/webhooks/1/delete", &[]).await.status, 303);
    assert_eq!(admin.get("/settings/webhooks/1").await.status, 404);
    assert!(admin.get(&format!("/deliveries/{id}")).await.text.contains("deleted"));
    server.stop().await;
}

#[tokio::test]
async fn a_time_range_is_replayed_with_its_progress() {
    let (server, receiver, _folder) = with_receiver().await;
    let admin = Browser::admin(&server).await;
    admin.get("/settings/webhooks/new").await;
    let url = receiver.url("/hook");
    let fields = [("name", "CRM"), ("url", url.as_str()), ("events", "pbx.cdr.created")];
    let created = admin.post("/settings/webhooks/new", &fields).await.text;
    receiver.set_secret("/hook", &shown(&created)[0]);
    for _ in 0..3 {
        assert!(admin.post("/settings/webhooks/1/test", &[]).await.text.contains("It works"));
    }
    let form = admin.get("/deliveries/replays/new?webhook=1").await.text;
    let value = |name: &str| {
        let field = between(&form, &format!("id=\"f-{name}\""), ">").unwrap();
        between(field, "value=\"", "\"").unwrap().to_owned()
    };
    let (from, to) = (value("from"), value("to"));
    let wrong = admin.post("/deliveries/replays/new", &[("webhook", "1"), ("from", &to), ("to", &from)]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("Choose at least one."), "{}", wrong.text);
    let range = [("webhook", "1"), ("from", &from), ("to", &to), ("statuses", "delivered")];
    let started = admin.post("/deliveries/replays/new", &range).await;
    assert_eq!(started.header("location"), "/deliveries/replays/1", "{}", started.text);
    until("it happens", PATIENCE, async || {
        (admin.get("/deliveries/replays/1").await.text.contains("3 of 3 queued again")).then_some(())
    })
    .await
    .unwrap();
    until("it happens", PATIENCE, async || (receiver.deliveries().len() == 6).then_some(())).await.unwrap();
    assert!(admin.get("/deliveries/replays").await.text.contains("3 of 3 queued again"));
    assert_eq!(admin.post("/deliveries/replays/1/cancel", &[]).await.status, 303);
    assert_eq!(admin.get("/deliveries/replays/2").await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn a_delivery_appears_while_one_watches() {
    let (server, receiver, _folder) = with_receiver().await;
    let admin = Browser::admin(&server).await;
    admin.get("/settings/webhooks/new").await;
    let url = receiver.url("/hook");
    let fields = [("name", "CRM"), ("url", url.as_str()), ("events", "pbx.cdr.created")];
    receiver.set_secret("/hook", &shown(&admin.post("/settings/webhooks/new", &fields).await.text)[0]);
    assert!(admin.get("/deliveries?webhook=1").await.text.contains("sse-connect=\"/live/deliveries?webhook=1\""));

    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let request = http::Request::get(format!("http://{}/live/deliveries?webhook=1", server.address()))
        .header("cookie", format!("sid={}", admin.cookies.borrow()["sid"]))
        .header("accept", "text/event-stream")
        .body(Empty::new())
        .unwrap();
    let mut body = client.request(request).await.unwrap().into_body();
    let mut seen = String::new();
    let watch = async {
        while !seen.contains("webhook.test") {
            if let Ok(data) = body.frame().await.unwrap().unwrap().into_data() {
                seen.push_str(&String::from_utf8_lossy(&data));
            }
            if seen.contains("event: rows") && receiver.deliveries().is_empty() {
                assert!(admin.post("/settings/webhooks/1/test", &[]).await.text.contains("It works"));
            }
        }
    };
    tokio::time::timeout(PATIENCE, watch).await.expect("the row comes by itself");
    drop(body);
    server.stop().await;
}

#[tokio::test]
async fn the_password_is_asked_for_before_events_go_elsewhere_and_before_secrets() {
    let (server, receiver, _folder) = with_receiver().await;
    let admin = Browser::admin(&server).await;
    admin.get("/settings/webhooks/new").await;
    let (url, other) = (receiver.url("/hook"), receiver.url("/other"));
    let fields = [("name", "CRM"), ("url", url.as_str()), ("events", "pbx.cdr.created")];
    assert_eq!(admin.post("/settings/webhooks/new", &fields).await.status, 200);

    // Everybody's password was confirmed too long ago.
    let db = &server.rooms.db;
    let mut tx = db.begin_any_tenant().await.unwrap();
    sql("update session set confirmed_at = 0").run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    until("it happens", PATIENCE, async || {
        (admin.post("/settings/webhooks/1/rotate", &[]).await.status == 403).then_some(())
    })
    .await
    .unwrap();
    let refused = admin.post("/settings/webhooks/1/rotate", &[]).await;
    assert_eq!(refused.header("x-confirm-password"), "1");

    admin.get("/settings/webhooks/1/edit").await;
    let renamed = [("name", "Renamed"), ("url", url.as_str()), ("events", "pbx.cdr.created")];
    assert_eq!(admin.post("/settings/webhooks/1/edit", &renamed).await.status, 303, "a name is no secret");
    let moved = [("name", "Moved"), ("url", other.as_str()), ("events", "pbx.cdr.created")];
    let asked = admin.post("/settings/webhooks/1/edit", &moved).await;
    assert_eq!(asked.status, 422);
    assert!(asked.text.contains("name=\"password\"") && asked.text.contains("value=\"Moved\""), "{}", asked.text);
    let with = |password: &'static str| [moved[0], moved[1], moved[2], ("password", password)];
    let wrong = admin.post("/settings/webhooks/1/edit", &with("wrong")).await;
    assert!(wrong.status == 422 && !wrong.text.contains("value=\"wrong\""));
    assert!(admin.get("/settings/webhooks/1").await.text.contains("Renamed"));
    admin.get("/settings/webhooks/1/edit").await;
    assert_eq!(admin.post("/settings/webhooks/1/edit", &with(PASSWORD)).await.status, 303);
    assert!(admin.get("/settings/webhooks/1").await.text.contains(&other));
    server.stop().await;
}

#[tokio::test]
async fn a_token_is_shown_once_opens_the_api_and_opens_nothing_once_revoked() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    assert!(admin.get("/settings/tokens?kind=machine").await.text.contains("No token yet"));
    admin.get("/settings/tokens/new?kind=machine").await;
    let wrong = [("kind", "machine"), ("name", "CRM"), ("ip_allow", "127.0.0.0/8\ncrm.example")];
    let wrong = admin.post("/settings/tokens/new", &wrong).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("Choose at least one scope.") && wrong.text.contains("crm.example is no address"));
    let fields = [
        ("kind", "machine"),
        ("name", "CRM"),
        ("scopes", "pbx_api_access"),
        ("ip_allow", "127.0.0.0/8"),
        ("expires", "2099-12-31"),
    ];
    let made = admin.post("/settings/tokens/new", &fields).await;
    let token = shown(&made.text).pop().unwrap();
    assert_eq!(server.get(&token, "/api/pbx/extensions").await.status, 200);
    let list = admin.get("/settings/tokens?kind=machine").await.text;
    assert!(list.contains("CRM") && list.contains("127.0.0.0/8") && list.contains("just now"), "{list}");
    assert!(!list.contains(token.split_once('|').unwrap().1));
    assert!(!admin.get("/settings/tokens?kind=user").await.text.contains("CRM"));

    let id = token.split_once('|').unwrap().0;
    let revoked = admin.post(&format!("/settings/tokens/{id}/revoke"), &[("kind", "machine")]).await;
    assert_eq!(revoked.header("location"), "/settings/tokens?kind=machine");
    assert_eq!(server.get(&token, "/api/pbx/extensions").await.status, 401);
    assert!(admin.get("/settings/tokens?kind=machine").await.text.contains("Revoked"));
    server.stop().await;
}

#[tokio::test]
async fn the_incoming_call_webhook_is_set_rotated_and_removed() {
    let (server, receiver, _folder) = with_receiver().await;
    let admin = Browser::admin(&server).await;
    let page = admin.get("/settings/incoming").await.text;
    assert!(page.contains("X-Client-Id") && page.contains("/api/v3/calls/webhooks"));
    let wrong = admin.post("/settings/incoming", &[("url", "https://user:pass@crm.example/")]).await;
    assert!(wrong.status == 422 && wrong.text.contains("may not contain a user name"), "{}", wrong.text);
    let url = receiver.url("/incoming");
    let secrets = shown(&admin.post("/settings/incoming", &[("url", &url)]).await.text);
    assert_eq!(secrets.len(), 2);
    let page = admin.get("/settings/incoming").await.text;
    assert!(page.contains(&url) && secrets.iter().all(|secret| !page.contains(secret.as_str())));
    assert_eq!(admin.post("/settings/incoming", &[("url", &url)]).await.status, 303, "the secret stays");
    assert_ne!(shown(&admin.post("/settings/incoming/rotate", &[]).await.text), secrets);
    assert!(admin.get("/deliveries").await.text.contains(">Incoming calls</option>"));
    assert_eq!(admin.post("/settings/incoming/remove", &[]).await.status, 303);
    assert!(!admin.get("/settings/incoming").await.text.contains(&url));
    server.stop().await;
}
