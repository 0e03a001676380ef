//! Queues on their pages: from the first form to the wallboard.

use domain::principal::Role;
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::json;

use super::Browser;
use crate::support::TestServer;

/// What a form of a queue always sends.
const FIELDS: [(&str, &str); 13] = [
    ("name", "Hỗ trợ"),
    ("queue_number", "8001"),
    ("strategy", "ring-all"),
    ("status", "active"),
    ("ring_time", "20"),
    ("service_level_seconds", "20"),
    ("max_wait_time", "0"),
    ("max_wait_time_with_no_agent", "0"),
    ("time_base_score", "system"),
    ("wrap_up_time", "10"),
    ("overflow", "extension|1001"),
    ("callback_key", "1"),
    ("announce_position", "on"),
];
/// The queue's address.
const PATH: &str = "/queues/H%E1%BB%97%20tr%E1%BB%A3";

#[tokio::test]
async fn a_queue_is_made_served_watched_and_deleted() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    server.post(&token, "/api/pbx/extensions", &json!({ "extension_number": "1001" })).await;
    let admin = Browser::admin(&server).await;
    assert!(admin.get("/queues").await.text.contains("No queues yet"));
    admin.get("/queues/new").await;
    let made = admin.post("/queues", &FIELDS).await;
    assert_eq!((made.status.as_u16(), made.header("location")), (303, format!("{PATH}/settings").as_str()));
    let again = admin.post("/queues", &FIELDS).await;
    assert!(again.status == 422 && again.text.contains("Another queue has this name."), "{}", again.text);
    let settings = admin.get(&format!("{PATH}/settings")).await.text;
    assert!(settings.contains("Nobody serves this queue") && settings.contains("<option value=\"1001\">"));
    let add = [("extension", "1001"), ("tier_level", "1"), ("tier_position", "1")];
    assert_eq!(admin.post(&format!("{PATH}/agents"), &add).await.status, 303);
    admin.get(&format!("{PATH}/settings")).await;
    assert_eq!(admin.post(&format!("{PATH}/agents"), &add).await.status, 303);
    let twice = admin.get(&format!("{PATH}/settings")).await.text;
    let (before, _) = twice.split_once("This extension serves the queue already.").expect("it says so");
    assert!(before.rfind("toast bad") > before.rfind("toast good"), "and not as if it had been done: {before}");
    let moved = admin.post(&format!("{PATH}/agents/1001"), &[("tier_level", "2"), ("tier_position", "3")]).await;
    assert_eq!(moved.status, 303);
    assert!(admin.get(&format!("{PATH}/settings")).await.text.contains("Level 2, position 3"));
    let board = admin.get(PATH).await.text;
    assert!(board.contains("data-board") && board.contains("Nobody waits") && board.contains("No phone"), "{board}");
    assert_eq!(board.matches("<form id=\"board\"").count(), 1, "{board}");
    assert!(
        board.contains("form=\"board\" formaction=\"/queues/H%E1%BB%97%20tr%E1%BB%A3/agents/1001/status\""),
        "{board}"
    );
    let set = admin.post(&format!("{PATH}/agents/1001/status"), &[("status", "on_break")]).await;
    assert_eq!(set.status, 303);
    assert!(admin.get(PATH).await.text.contains("value=\"on_break\" aria-pressed=\"true\""));
    assert_eq!(admin.post(&format!("{PATH}/delete"), &[]).await.status, 303);
    assert_eq!(admin.get(PATH).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn a_wallboard_says_every_second_that_it_is_of_this_moment() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    server.post(&token, "/api/pbx/extensions", &json!({ "extension_number": "1001" })).await;
    let admin = Browser::admin(&server).await;
    admin.get("/queues/new").await;
    assert_eq!(admin.post("/queues", &FIELDS).await.status, 303);
    let add = [("extension", "1001"), ("tier_level", "1"), ("tier_position", "1")];
    assert_eq!(admin.post(&format!("{PATH}/agents"), &add).await.status, 303);
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let request = http::Request::get(format!("http://{}{PATH}", server.address()))
        .header("cookie", format!("sid={}", admin.cookies.borrow()["sid"]))
        .header("accept", "text/event-stream")
        .body(Empty::new())
        .unwrap();
    let reply = client.request(request).await.unwrap();
    assert_eq!(reply.headers()["content-type"], "text/event-stream");
    let mut body = reply.into_body();
    let mut seen = String::new();
    let read = async {
        while seen.matches("event: beat").count() < 3 {
            let frame = body.frame().await.expect("the stream goes on").unwrap();
            seen.push_str(&String::from_utf8_lossy(&frame.into_data().unwrap_or_default()));
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(15), read).await.expect("a beat every second");
    // The buttons of the agents send one form that stands still: what is drawn anew has no token, and is drawn anew only
    // when something else is to be seen.
    assert!(seen.contains("form=\"board\"") && !seen.contains("csrf") && !seen.contains("<form"), "{seen}");
    for event in ["tiles", "waiting", "agents", "abandoned"] {
        assert_eq!(seen.matches(&format!("event: {event}")).count(), 1, "{event} in {seen}");
    }
    drop(body);
    server.stop().await;
}

#[tokio::test]
async fn viewers_see_queues_and_change_nothing() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    server.post(&token, "/api/pbx/extensions", &json!({ "extension_number": "1001" })).await;
    let admin = Browser::admin(&server).await;
    admin.get("/queues/new").await;
    assert_eq!(admin.post("/queues", &FIELDS).await.status, 303);
    let host = server.host();
    let viewer = Browser::user(&server, &host, "viewer", Role::ReadOnly).await;
    let page = viewer.get(&format!("{PATH}/settings")).await.text;
    assert!(page.contains("<fieldset class=\"stack\" disabled>"), "{page}");
    assert_eq!(viewer.get("/queues/new").await.status, 403);
    viewer.get("/queues").await;
    assert_eq!(viewer.post(&format!("{PATH}/delete"), &[]).await.status, 403);
    server.stop().await;
}
