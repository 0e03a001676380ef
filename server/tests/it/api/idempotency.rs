//! `Idempotency-Key` on the real endpoints.

use domain::Permission;
use serde_json::{Value, json};

use crate::support::{Reply, TestServer};

async fn post(server: &TestServer, token: &str, path: &str, key: &str, body: &Value) -> Reply {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("idempotency-key", key)];
    server.send("POST", path, &headers, body.to_string()).await
}

#[tokio::test]
async fn a_repeated_creation_returns_the_first_with_its_secret_and_makes_nothing() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let body = json!({"extension_number": "1001", "display_name": "An"});
    let first = post(&server, &token, "/api/pbx/extensions", "k-1", &body).await;
    assert_eq!(first.status, 201, "{first:?}");
    let again = post(&server, &token, "/api/pbx/extensions", "k-1", &body).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert!(again.json["data"]["sip_password"].is_string());
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    assert!(again.number("x-ratelimit-remaining") < first.number("x-ratelimit-remaining"), "it counts as a request");

    let without = server.post(&token, "/api/pbx/extensions", &body).await;
    assert!([409, 422].contains(&without.status.as_u16()), "{without:?}");
    let other = json!({"extension_number": "1002", "display_name": "An"});
    let reused = post(&server, &token, "/api/pbx/extensions", "k-1", &other).await;
    assert_eq!((reused.status.as_u16(), &reused.json["code"]), (409, &json!("idempotency.key_reused")));
    assert_eq!(post(&server, &token, "/api/pbx/extensions", "k-2", &other).await.status, 201);

    let elsewhere = server.machine_token(&server.host(), Permission::ALL).await;
    let foreign = post(&server, &elsewhere, "/api/pbx/extensions", "k-1", &other).await;
    assert!(!foreign.headers.contains_key("idempotency-replayed"), "a key is its token's");
    server.stop().await;
}

#[tokio::test]
async fn of_fifty_at_once_one_is_done_and_the_others_get_its_answer_or_are_told_to_wait() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let body = json!({"extension_number": "1001", "display_name": "An"});
    server.post(&token, "/api/pbx/extensions", &body).await;
    let path = "/api/pbx/extensions/1001/rotate-password";
    let empty = json!({});
    let replies = futures_util::future::join_all((0..50).map(|_| post(&server, &token, path, "k", &empty))).await;
    let mut passwords: Vec<_> = replies.iter().filter(|reply| reply.status == 200).map(|reply| &reply.text).collect();
    assert!(!passwords.is_empty());
    passwords.dedup();
    assert_eq!(passwords.len(), 1, "one password");
    for refused in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!((refused.status.as_u16(), &refused.json["code"]), (409, &json!("idempotency.running")));
        assert_eq!(refused.header("retry-after"), "1");
    }
    server.stop().await;
}

#[tokio::test]
async fn without_a_token_and_outside_of_the_api_a_key_means_nothing() {
    let server = TestServer::start().await;
    let body = json!({"username": "admin", "password": crate::support::PASSWORD}).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
    let first = server.send("POST", "/api/auth/login", &headers, body.clone()).await;
    let second = server.send("POST", "/api/auth/login", &headers, body).await;
    assert_ne!(first.json["token"], second.json["token"], "an answer with a token is kept nowhere");
    assert_eq!(server.send("POST", "/api/pbx/extensions", &headers, "{}").await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn the_document_names_the_header_on_every_post_that_needs_a_token() {
    let server = TestServer::start().await;
    let document = server.send("GET", "/openapi/openapi.json", &[], "").await.json;
    let mut named = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let has = parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key");
            let open = operation["security"] == json!([{}]);
            let expected = method == "post" && !open && path.starts_with("/api/") && !path.starts_with("/api/v3/");
            assert_eq!(has, expected, "{method} {path}");
            named += usize::from(has);
        }
    }
    assert!(named >= 5, "{named}");
    server.stop().await;
}
