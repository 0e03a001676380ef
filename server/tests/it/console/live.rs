//! Pages that keep themselves up to date.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use super::Browser;
use crate::support::TestServer;

#[tokio::test]
async fn the_dashboard_lives_as_long_as_the_session() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    let page = admin.get("/").await.text;
    assert!(page.contains("sse-connect=\"/live/dashboard\"") && page.contains("data-points="));

    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let request = http::Request::get(format!("http://{}/live/dashboard", server.address()))
        .header("cookie", format!("sid={}", admin.cookies.borrow()["sid"]))
        .header("accept", "text/event-stream")
        .header("accept-encoding", "gzip")
        .body(Empty::new())
        .unwrap();
    let reply = client.request(request).await.unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.headers()["content-type"], "text/event-stream");
    assert!(!reply.headers().contains_key("content-encoding"), "a packed stream would wait");
    let mut body = reply.into_body();
    let mut seen = String::new();
    let read = async {
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.unwrap().into_data() {
                seen.push_str(&String::from_utf8_lossy(&data));
            }
            if seen.contains("event: figures")
                && !seen.contains("event: signed-out")
                && admin.cookies.borrow().contains_key("sid")
            {
                admin.get("/profile").await;
                admin.post("/sign-out", &[]).await;
            }
        }
        seen
    };
    let seen = tokio::time::timeout(Duration::from_secs(15), read).await.expect("the stream ends with the session");
    for event in ["figures", "calls", "hours", "signed-out"] {
        assert!(seen.contains(&format!("event: {event}")), "{event} in {seen}");
    }
    server.stop().await;
}
