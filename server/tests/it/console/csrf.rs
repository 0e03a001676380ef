//! Requests that pages of others make a browser send.

use super::Browser;
use crate::support::TestServer;

#[tokio::test]
async fn a_form_without_the_sessions_token_is_refused() {
    let server = TestServer::start().await;
    let browser = Browser::admin(&server).await;
    let origin = browser.origin();
    let same = [("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
    browser.get("/settings/general").await;
    for token in [None, Some(""), Some("AAAA"), Some("x".repeat(96).as_str())] {
        let mut fields = vec![("name", "Mallory")];
        fields.extend(token.map(|token| ("csrf", token)));
        let reply = browser.post_from("/settings/general", &fields, &same).await;
        assert_eq!(reply.status, 403, "{token:?}");
    }
    let other = Browser::new(&server);
    other.sign_in("admin", super::PASSWORD).await;
    other.get("/profile").await;
    let reply = browser.post_from("/settings/general", &[("name", "Mallory"), ("csrf", &other.token())], &same).await;
    assert_eq!(reply.status, 403, "the token of another session");
    assert_eq!(browser.post_from("/sign-out", &[], &same).await.status, 403);
    assert_eq!(browser.post_from("/sign-in", &[("username", "admin"), ("password", "x")], &same).await.status, 403);
    assert!(!browser.get("/settings/general").await.text.contains("Mallory"));
    server.stop().await;
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing_even_with_the_token() {
    let server = TestServer::start().await;
    let browser = Browser::admin(&server).await;
    let origin = browser.origin();
    browser.get("/settings/general").await;
    let token = browser.token();
    let fields = [("name", "Mallory"), ("timezone", "Asia/Ho_Chi_Minh"), ("region", "VN"), ("csrf", token.as_str())];
    for headers in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://sub.127.0.0.1")],
        &[("origin", origin.as_str()), ("sec-fetch-site", "cross-site")],
        &[("origin", origin.as_str()), ("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
    ] {
        let reply = browser.post_from("/settings/general", &fields, headers).await;
        assert_eq!(reply.status, 403, "{headers:?}");
    }
    let overridden =
        browser.get_with("/settings/general?_method=POST&name=Mallory", &[("x-http-method-override", "POST")]);
    overridden.await;
    assert!(!browser.get("/settings/general").await.text.contains("Mallory"));
    let reply = browser.post_from("/settings/general", &fields, &[("origin", &origin)]).await;
    assert_ne!(reply.status, 403, "our own page may");
    server.stop().await;
}

#[tokio::test]
async fn other_kinds_of_bodies_need_the_token_in_the_header() {
    let server = TestServer::start().await;
    let browser = Browser::admin(&server).await;
    browser.get("/profile").await;
    let (origin, token) = (browser.origin(), browser.token());
    let cookie = format!("sid={}", browser.cookies.borrow()["sid"]);
    for (kind, token, status) in [
        ("text/plain", None, 403),
        ("application/json", None, 403),
        ("multipart/form-data; boundary=x", None, 403),
        ("multipart/form-data; boundary=x", Some(token.as_str()), 400),
    ] {
        let mut headers = vec![("cookie", cookie.as_str()), ("origin", origin.as_str()), ("content-type", kind)];
        headers.extend(token.map(|token| ("x-csrf-token", token)));
        let reply = server.send("POST", "/profile", &headers, format!("csrf={}", browser.token())).await;
        assert_eq!(reply.status.as_u16(), status, "{kind}");
    }
    server.stop().await;
}
