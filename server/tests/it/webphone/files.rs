//! `GET /webphone-embed` and `GET /sdk/webphone/*`, with the SDK as it was built, or without.

use http::StatusCode;
use serde_json::json;

use crate::support::TestServer;

/// Whether the server was compiled with the SDK: `cargo xtask test` builds it first.
async fn is_built(server: &TestServer) -> bool {
    let list = server.send("GET", "/sdk/webphone/integrity.json", &[], "").await;
    if list.status == StatusCode::OK {
        return true;
    }
    assert_eq!((list.status, &list.json["code"]), (StatusCode::NOT_FOUND, &json!("webphone.not_built")));
    assert!(list.json["message"].as_str().unwrap().contains("cargo xtask sdk"));
    for path in ["/sdk/webphone/index.js", "/webphone-embed"] {
        assert_eq!(server.send("GET", path, &[], "").await.json["code"], "webphone.not_built", "{path}");
    }
    false
}

#[tokio::test]
async fn the_page_for_frames_is_shown_by_allowed_origins_alone_and_keeps_no_token() {
    let server = TestServer::start().await;
    if !is_built(&server).await {
        return server.stop().await;
    }
    let admin = server.admin_token().await;
    server.post(&admin, "/api/pbx/extensions", &json!({"extension_number": "1001"})).await;
    let empty = server.send("GET", "/webphone-embed", &[], "").await;
    assert_eq!(empty.status, StatusCode::OK);
    assert!(empty.header("content-security-policy").contains("frame-ancestors 'none';"), "no origin: nobody");
    assert!(empty.text.contains("name=\"zorio-allowed-origins\" content=\"\""));

    for origin in ["https://crm.example", "https://second.example:8443"] {
        server.rooms.accounts.add_origin(&server.host(), origin).await.unwrap();
    }
    let (_, other) = server.another_account("other", Some("other.example")).await;
    server.rooms.accounts.add_origin(&other, "https://other-crm.example").await.unwrap();
    let token = server.post(&admin, "/api/webphone/embed-token", &json!({"extension": "1001"})).await.json;
    let path = format!("/webphone-embed?token={}&theme=dark", token["embed_token"].as_str().unwrap());
    let page = testkit::until("the origins are known", testkit::world::PATIENCE, async || {
        let page = server.send("GET", &path, &[("host", "pbx.example")], "").await;
        page.text.contains("crm.example").then_some(page)
    })
    .await
    .unwrap();
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors https://crm.example https://second.example:8443;"), "{policy}");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "require-trusted-types-for 'script'",
        "connect-src 'self' ws://pbx.example;",
    ] {
        assert!(policy.contains(part), "{part} in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(page.text.contains("content=\"https://crm.example https://second.example:8443\""));
    assert!(page.text.contains("<div id=\"webphone\"></div>") && page.text.contains("/frame.js\""));
    assert!(!page.text.contains(token["embed_token"].as_str().unwrap()), "the token does not come back");
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), ("no-store", "no-referrer"));
    let script = page.text.split("<script src=\"").nth(1).unwrap().split('"').next().unwrap();
    let script = server.send("GET", script, &[], "").await;
    assert_eq!(script.status, StatusCode::OK);
    assert!(script.header("cache-control").contains("immutable"));

    // Without a valid token the host says whose page it is; a foreign token changes nothing there.
    let page = server.send("GET", &path, &[("host", "other.example")], "").await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors https://other-crm.example;"), "{policy}");
    server.stop().await;
}

#[tokio::test]
async fn the_sdk_is_served_with_types_hashes_and_paths_that_never_change() {
    let server = TestServer::start().await;
    if !is_built(&server).await {
        return server.stop().await;
    }
    let list = server.send("GET", "/sdk/webphone/integrity.json", &[], "").await.json;
    let (path, files) = (list["path"].as_str().unwrap(), list["files"].as_object().unwrap());
    for name in ["zorio-webphone.umd.js", "zorio-webphone.esm.js", "index.js", "frame.js", "types/index.d.ts"] {
        assert!(files.contains_key(name), "{name} in {:?}", files.keys().collect::<Vec<_>>());
    }
    assert!(!files.keys().any(|name| name.starts_with("tests/") || name.starts_with("examples/")));
    for (name, kind) in [
        ("zorio-webphone.umd.js", "text/javascript; charset=utf-8"),
        ("zorio-webphone.umd.js.map", "application/json"),
        ("types/index.d.ts", "text/plain; charset=utf-8"),
    ] {
        let fresh = server.send("GET", &format!("/sdk/webphone/{name}"), &[], "").await;
        assert_eq!((fresh.status, fresh.header("content-type")), (StatusCode::OK, kind), "{name}");
        assert_eq!(fresh.header("cache-control"), "public, no-cache");
        assert_eq!(fresh.header("access-control-allow-origin"), "*", "with integrity it needs CORS");
        assert_eq!(fresh.header("x-content-type-options"), "nosniff");
        let tag = fresh.header("etag").to_owned();
        let known = server.send("GET", &format!("/sdk/webphone/{name}"), &[("if-none-match", &tag)], "").await;
        assert_eq!((known.status, known.size), (StatusCode::NOT_MODIFIED, 0));
        let packed = server.send("GET", &format!("{path}{name}"), &[("accept-encoding", "br, gzip")], "").await;
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert!(packed.size < fresh.size, "{name}");
        assert_eq!(packed.header("cache-control"), "public, max-age=31536000, immutable");
        assert!(list["files"][name]["integrity"].as_str().unwrap().starts_with("sha384-"));
        assert_eq!(list["files"][name]["bytes"], fresh.size);
    }
    for none in ["/sdk/webphone/nothing.js", "/sdk/webphone/0.0.0/index.js", "/sdk/webphone/..%2fpackage.json"] {
        assert_eq!(
            server.send("GET", none, &[("accept", "text/html")], "").await.status,
            StatusCode::NOT_FOUND,
            "{none}"
        );
    }
    for page in ["umd", "npm", "iframe"] {
        let example = server.send("GET", &format!("/sdk/webphone/examples/{page}.html"), &[], "").await;
        assert_eq!(
            (example.status, example.header("content-type")),
            (StatusCode::OK, "text/html; charset=utf-8"),
            "{page}"
        );
        let policy = example.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("frame-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    server.stop().await;
}
