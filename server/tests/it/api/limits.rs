//! Rate limits per token and group.

use domain::Permission;
use testkit::until;

use crate::support::TestServer;

#[tokio::test]
async fn the_sixty_first_request_of_a_minute_is_refused_and_says_when_to_come_back() {
    let server = TestServer::start_with(|_| {}).await;
    let token = server.machine_token(&server.host(), &[Permission::PbxApiAccess]).await;
    let path = "/api/contacts/lookup?number=0987654321";
    for left in (0..60).rev() {
        let reply = server.get(&token, path).await;
        assert_eq!(reply.status, 200);
        assert_eq!((reply.number("x-ratelimit-limit"), reply.number("x-ratelimit-remaining")), (60, left));
        assert!(!reply.headers.contains_key("retry-after"));
    }
    let reply = server.get(&token, path).await;
    assert_eq!(reply.status, 429);
    assert_eq!((reply.number("x-ratelimit-limit"), reply.number("x-ratelimit-remaining")), (60, 0));
    let wait = reply.number("retry-after");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(reply.json["message"], format!("Too many requests. Retry after {wait} seconds."));
    let reset_in = reply.number("x-ratelimit-reset") - server.rooms.db.now().secs();
    assert!((wait - 1..=wait).contains(&reset_in), "reset in {reset_in}, retry after {wait}");

    // Another group, and another token, have counts of their own.
    assert_eq!(server.get(&token, "/api/auth/me").await.number("x-ratelimit-remaining"), 29);
    let other = server.machine_token(&server.host(), &[Permission::PbxApiAccess]).await;
    assert_eq!(server.get(&other, path).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn strangers_are_counted_by_address() {
    let server = TestServer::start_with(|config| config.limits.other = 3).await;
    for _ in 0..3 {
        assert_eq!(server.send("GET", "/api/contacts/lookup", &[], "").await.status, 401);
    }
    assert_eq!(server.send("GET", "/api/contacts/lookup", &[("authorization", "Bearer 1|x")], "").await.status, 429);
    let token = server.machine_token(&server.host(), &[]).await;
    assert_eq!(server.get(&token, "/api/contacts/lookup?number=1").await.status, 200, "a token has its own count");
    server.stop().await;
}

#[tokio::test]
async fn a_place_becomes_free_when_the_window_moves_on() {
    let server = TestServer::start_with(|config| config.limits.other = 1).await;
    let token = server.machine_token(&server.host(), &[]).await;
    let path = "/api/contacts/lookup?number=1";
    assert_eq!(server.get(&token, path).await.status, 200);
    let first = server.get(&token, path).await.number("retry-after");
    until("the wait gets shorter", std::time::Duration::from_secs(5), async || {
        (server.get(&token, path).await.number("retry-after") < first).then_some(())
    })
    .await
    .unwrap();
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_the_api_is_not_limited() {
    let server = TestServer::start_with(|config| config.limits.other = 1).await;
    for path in ["/healthz", "/readyz", "/openapi/", "/openapi/openapi.json"] {
        for _ in 0..3 {
            let reply = server.send("GET", path, &[], "").await;
            assert_eq!(reply.status, 200, "{path}");
        }
    }
    server.stop().await;
}
