//! The error bodies, and the request's id.

use serde_json::json;

use crate::support::TestServer;

#[tokio::test]
async fn every_refusal_has_the_contracts_message_a_code_and_the_requests_id() {
    let server = TestServer::start().await;
    let json_type = ("content-type", "application/json");
    let large = "x".repeat(1024 * 1024 + 1);
    for (method, path, headers, body, status, message, code) in [
        ("GET", "/api/auth/me", vec![], "", 401, "Unauthenticated.", "unauthenticated"),
        ("GET", "/api/nothing", vec![], "", 404, "Resource not found", "not_found"),
        ("GET", "/nothing", vec![], "", 404, "Resource not found", "not_found"),
        ("PUT", "/api/auth/login", vec![], "", 405, "Method not allowed", "method_not_allowed"),
        ("PROPFIND", "/api/auth/login", vec![], "", 405, "Method not allowed", "method_not_allowed"),
        ("POST", "/api/auth/login", vec![json_type], "{", 400, "Malformed request body", "malformed"),
        ("POST", "/api/auth/login", vec![json_type], "[1,2]", 400, "Malformed request body", "malformed"),
        (
            "POST",
            "/api/auth/login",
            vec![json_type],
            r#"{"username":"a","username":"b","password":"c"}"#,
            400,
            "Malformed request body",
            "malformed",
        ),
        (
            "POST",
            "/api/auth/login",
            vec![json_type],
            large.as_str(),
            413,
            "The request body is too large.",
            "body_too_large",
        ),
        (
            "POST",
            "/api/auth/login",
            vec![("content-type", "text/plain")],
            "{}",
            415,
            "The content type must be application/json.",
            "unsupported_media_type",
        ),
        (
            "POST",
            "/api/auth/login",
            vec![],
            "{}",
            415,
            "The content type must be application/json.",
            "unsupported_media_type",
        ),
    ] {
        let reply = server.send(method, path, &headers, body.to_owned()).await;
        let found = (reply.status.as_u16(), &reply.json["message"], &reply.json["code"]);
        assert_eq!(found, (status, &json!(message), &json!(code)), "{method} {path}");
        assert_eq!(reply.json["request_id"], reply.header("x-request-id"));
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.headers.contains_key("x-ratelimit-limit"), path.starts_with("/api"), "{method} {path}");
        assert!(!reply.headers.contains_key("access-control-allow-origin"));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_later_version_names_the_one_that_exists() {
    let server = TestServer::start().await;
    let reply = server.send("GET", "/api/v2/pbx/calls", &[], "").await;
    assert_eq!((reply.status.as_u16(), &reply.json["code"]), (404, &json!("unknown_version")));
    assert!(reply.json["message"].as_str().unwrap().contains("v1"));
    server.stop().await;
}

#[tokio::test]
async fn a_request_id_is_taken_over_if_it_is_short_and_visible() {
    let server = TestServer::start().await;
    let longest = "x".repeat(128);
    let too_long = "x".repeat(129);
    for (given, taken) in [
        ("abc-123", true),
        ("~!@#{}", true),
        (longest.as_str(), true),
        (too_long.as_str(), false),
        ("a b", false),
        ("", false),
    ] {
        let reply = server.send("GET", "/api/auth/me", &[("x-request-id", given)], "").await;
        let id = reply.header("x-request-id");
        assert_eq!(id == given, taken, "{given:?}");
        assert!(!id.is_empty());
        assert_eq!(reply.json["request_id"], id);
    }
    let first = server.send("GET", "/healthz", &[], "").await;
    let second = server.send("GET", "/healthz", &[], "").await;
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    server.stop().await;
}
