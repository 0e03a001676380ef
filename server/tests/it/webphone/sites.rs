//! Other sites: whose pages may read answers, and who may show the frame.

use http::{HeaderName, StatusCode};
use serde_json::json;

use crate::support::{Reply, TestServer};

const CONFIG: &str = "/api/webphone/sip-config";
const LOOKUP: &str = "/api/contacts/lookup?number=1001";

/// Starts a server whose account allows `https://crm.example`; returns it with a token of the admin.
async fn furnished() -> (TestServer, String) {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    server.post(&token, "/api/pbx/extensions", &json!({"extension_number": "1001"})).await;
    allow(&server, "https://crm.example").await;
    (server, token)
}

async fn allow(server: &TestServer, origin: &str) {
    server.rooms.accounts.add_origin(&server.host(), origin).await.unwrap();
}

async fn embed(server: &TestServer, token: &str, wish: serde_json::Value) -> String {
    let reply = server.post(token, "/api/webphone/embed-token", &wish).await;
    reply.json["embed_token"].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned()
}

async fn in_advance(server: &TestServer, path: &str, origin: &str) -> Reply {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "authorization,accept-language"),
    ];
    server.send("OPTIONS", path, &headers, "").await
}

fn shared_with(reply: &Reply) -> &str {
    reply.header("access-control-allow-origin")
}

#[tokio::test]
async fn browsers_that_ask_in_advance_are_told_yes_for_listed_origins_alone() {
    let (server, _) = furnished().await;
    for path in [CONFIG, LOOKUP] {
        let yes = in_advance(&server, path, "https://crm.example").await;
        assert_eq!((yes.status, shared_with(&yes)), (StatusCode::NO_CONTENT, "https://crm.example"), "{path}");
        assert_eq!(yes.header("access-control-allow-methods"), "GET");
        assert!(yes.header("access-control-allow-headers").contains("authorization"));
        assert!(yes.header("access-control-allow-credentials").is_empty(), "cookies are never let in");
        assert!(varies(&yes));
        for stranger in [
            "https://evil.example",
            "https://sub.crm.example",
            "https://crm.example:8443",
            "http://crm.example",
            "null",
            "",
        ] {
            let no = in_advance(&server, path, stranger).await;
            assert_eq!((no.status, shared_with(&no)), (StatusCode::FORBIDDEN, ""), "{path} {stranger}");
            assert!(varies(&no));
        }
    }
    // Everything else of the API is for servers.
    for path in ["/api/webphone/embed-token", "/api/pbx/extensions", "/api/auth/login", "/api/contacts"] {
        let no = in_advance(&server, path, "https://crm.example").await;
        assert_eq!(shared_with(&no), "", "{path}");
        assert!(!no.status.is_success(), "{path}: {}", no.status);
    }
    server.stop().await;
}

fn varies(reply: &Reply) -> bool {
    reply.headers.get_all(HeaderName::from_static("vary")).iter().any(|value| value == "origin")
}

#[tokio::test]
async fn answers_and_refusals_can_be_read_by_listed_origins_alone() {
    let (server, admin) = furnished().await;
    let token = embed(&server, &admin, json!({"extension": "1001"})).await;
    let ask = async |path: &str, token: &str, origin: &str| {
        let bearer = format!("Bearer {token}");
        server.send("GET", path, &[("authorization", bearer.as_str()), ("origin", origin)], "").await
    };
    for path in [CONFIG, LOOKUP] {
        let yes = ask(path, &token, "https://crm.example").await;
        assert_eq!((yes.status, shared_with(&yes)), (StatusCode::OK, "https://crm.example"), "{path}");
        assert!(yes.header("access-control-expose-headers").contains("retry-after"));
        assert!(varies(&yes));
        let refusal = ask(path, "a.b.c", "https://crm.example").await;
        assert_eq!(
            (refusal.status, shared_with(&refusal)),
            (StatusCode::UNAUTHORIZED, "https://crm.example"),
            "{path}"
        );
        assert!(varies(&refusal), "beside accept-language: {:?}", refusal.headers);
        for stranger in ["https://evil.example", "https://sub.crm.example", "null"] {
            let no = ask(path, &token, stranger).await;
            assert_eq!(shared_with(&no), "", "{path} {stranger}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn another_accounts_origin_is_a_stranger() {
    let (server, admin) = furnished().await;
    let (_, other) = server.another_account("other", Some("other.example")).await;
    server.rooms.accounts.add_origin(&other, "https://other-crm.example").await.unwrap();
    let token = embed(&server, &admin, json!({"extension": "1001"})).await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("origin", "https://other-crm.example")];
    let reply = server.send("GET", CONFIG, &headers, "").await;
    assert_eq!(shared_with(&reply), "", "the token's account does not allow it");
    let headers =
        [("origin", "https://crm.example"), ("access-control-request-method", "GET"), ("host", "other.example")];
    let reply = server.send("OPTIONS", CONFIG, &headers, "").await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN, "the host's account does not allow it");
    server.stop().await;
}

#[tokio::test]
async fn a_token_that_names_an_origin_is_refused_from_every_other() {
    let (server, admin) = furnished().await;
    allow(&server, "https://second.example").await;
    testkit::until("the origin is known", testkit::world::PATIENCE, async || {
        let wish = json!({"extension": "1001", "origin": "https://second.example"});
        (server.post(&admin, "/api/webphone/embed-token", &wish).await.status == 200).then_some(())
    })
    .await
    .unwrap();
    let token = embed(&server, &admin, json!({"extension": "1001", "origin": "https://crm.example"})).await;
    let own = format!("http://{}", server.address());
    for (origin, status) in [
        ("https://crm.example", 200),
        (own.as_str(), 200),
        ("https://second.example", 403),
        ("https://evil.example", 403),
    ] {
        let bearer = format!("Bearer {token}");
        let reply = server.send("GET", CONFIG, &[("authorization", bearer.as_str()), ("origin", origin)], "").await;
        assert_eq!(reply.status.as_u16(), status, "{origin}");
        if status == 403 {
            assert_eq!(reply.json["code"], "webphone.origin_not_allowed");
        }
    }
    server.stop().await;
}
