//! What belongs to others, and what no client may write (§3.5 H11-H15, T23).

use domain::CallId;
use http::Method;
use sandbox::crm::Reply;
use serde_json::{Value, json};
use testkit::Crm;

use super::Fort;

/// A second account with a token of its own that may do everything.
async fn another_account(fort: &mut Fort) -> Crm {
    fort.server.admin(&["account", "create", "--name", "other", "--host", "other.example"]).await.unwrap();
    let token = fort
        .server
        .admin(&["--account", "other", "token", "create", "--name", "thief", "--scopes", "all"])
        .await
        .unwrap();
    let token = token["token"].as_str().unwrap().to_owned();
    fort.keep_secret(&token);
    let thief = fort.server.crm().with_token(&token);
    testkit::until("the server has noticed the account", testkit::world::PATIENCE, async || {
        thief.get("/api/auth/me").await.is_ok_and(|reply| reply.status == 200).then_some(())
    })
    .await
    .unwrap();
    thief
}

/// The body without the number of the request.
fn essence(reply: &Reply) -> Value {
    let mut body = reply.json.clone();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("request_id");
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_account_does_not_exist() {
    let mut fort = Fort::open().await;
    fort.extension("1001").await;
    let own = fort.server.crm().clone();
    let caller_id = own.post("/api/pbx/caller-ids", &json!({ "number": "02873001234" })).await.unwrap();
    let caller_id = caller_id.expect_status(201).unwrap().json["data"]["id"].as_i64().unwrap();
    let trunk = fort.server.trunk("carrier", "127.0.0.1:9".parse().unwrap()).await.unwrap();
    let thief = another_account(&mut fort).await;
    let nobodys = CallId(uuid::Uuid::now_v7());
    for (method, path, never) in [
        (Method::GET, "/api/pbx/extensions/1001".to_owned(), "/api/pbx/extensions/1999".to_owned()),
        (Method::PUT, "/api/pbx/extensions/1001".to_owned(), "/api/pbx/extensions/1999".to_owned()),
        (Method::DELETE, "/api/pbx/extensions/1001".to_owned(), "/api/pbx/extensions/1999".to_owned()),
        (
            Method::POST,
            "/api/pbx/extensions/1001/rotate-password".to_owned(),
            "/api/pbx/extensions/1999/rotate-password".to_owned(),
        ),
        (Method::PUT, format!("/api/pbx/caller-ids/{caller_id}"), "/api/pbx/caller-ids/999999".to_owned()),
        (Method::DELETE, format!("/api/pbx/caller-ids/{caller_id}"), "/api/pbx/caller-ids/999999".to_owned()),
        (Method::GET, format!("/api/pbx/trunks/{trunk}"), "/api/pbx/trunks/999999".to_owned()),
        (Method::GET, format!("/api/pbx/cdr/{nobodys}"), format!("/api/pbx/cdr/{}", CallId(uuid::Uuid::now_v7()))),
        (Method::GET, "/api/pbx/calls/1".to_owned(), "/api/pbx/calls/2".to_owned()),
    ] {
        let headers = [("content-type", "application/json")];
        let theirs = thief.send(method.clone(), &path, &headers, "{}".into()).await.unwrap();
        let nothing = thief.send(method.clone(), &never, &headers, "{}".into()).await.unwrap();
        assert_eq!((theirs.status, nothing.status), (404, 404), "{method} {path}: {theirs:?}");
        assert_eq!(essence(&theirs), essence(&nothing), "{method} {path}");
        fort.stands(&path).await;
    }
    for path in ["/api/pbx/extensions", "/api/pbx/caller-ids", "/api/pbx/trunks", "/api/pbx/cdr", "/api/pbx/calls"] {
        let reply = thief.get(path).await.unwrap();
        assert_eq!((reply.status, &reply.json["data"]), (200, &json!([])), "{path}");
    }
    assert_eq!(own.get("/api/pbx/extensions/1001").await.unwrap().status, 200, "the owner still has it");
    // H11: another account's extension, trunk and caller ID cannot be used either.
    let reply = thief
        .post("/api/pbx/calls/click-to-call", &json!({ "from_extension": "1001", "to_phone": "84281234567" }))
        .await
        .unwrap();
    assert!(matches!(reply.status, 403 | 404 | 422), "{reply:?}");
    let reply =
        thief.post("/api/pbx/caller-ids", &json!({ "number": "02873009999", "trunk_id": trunk })).await.unwrap();
    assert_eq!(reply.status, 422, "{reply:?}");
    let reply = thief
        .post("/api/pbx/extensions", &json!({ "extension_number": "2001", "outbound_caller_id": "02873001234" }))
        .await
        .unwrap();
    assert_eq!(reply.status, 422, "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_are_not_the_clients_are_never_written() {
    let mut fort = Fort::open().await;
    let thief = another_account(&mut fort).await;
    let crm = fort.server.crm().clone();
    let extra = json!({
        "id": 4711, "account_id": 2, "tenant_id": 2, "tenant": 2, "role": "admin", "is_admin": true, "permissions": ["all"],
        "created_at": "1999-01-01T00:00:00.000Z", "updated_at": "1999-01-01T00:00:00.000Z", "balance": 1_000_000,
        "secret": "x", "md5": "00", "ha1": "00", "realm": "x", "sip_registration": { "status": "registered" }, "__proto__": {}
    });
    let with = |fields: Value| {
        let mut all = extra.clone();
        all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        all
    };
    let created = crm.post("/api/pbx/extensions", &with(json!({ "extension_number": "1001" }))).await.unwrap();
    let created = created.expect_status(201).unwrap();
    fort.keep_secret(created.json["data"]["sip_password"].as_str().unwrap());
    let changed =
        crm.put("/api/pbx/extensions/1001", &with(json!({ "extension_number": "1002", "display_name": "A" }))).await;
    assert!(matches!(changed.unwrap().status, 200 | 422));
    let shown = crm.get("/api/pbx/extensions/1001").await.unwrap().expect_status(200).unwrap();
    for written in [&created.json, &shown.json] {
        let data = &written["data"];
        assert_eq!(data["extension_number"], "1001");
        assert!(!data["created_at"].as_str().unwrap().starts_with("1999"), "{data}");
        for field in ["role", "is_admin", "permissions", "balance", "account_id", "tenant_id", "secret"] {
            assert!(data.get(field).is_none(), "{field}: {data}");
        }
        assert_ne!(data["sip_registration"]["status"], "registered");
    }
    let caller_id = crm.post("/api/pbx/caller-ids", &with(json!({ "number": "02873001234" }))).await.unwrap();
    let caller_id = caller_id.expect_status(201).unwrap();
    assert_ne!(caller_id.json["data"]["id"], 4711);
    for path in ["/api/pbx/extensions", "/api/pbx/caller-ids"] {
        assert_eq!(thief.get(path).await.unwrap().json["data"], json!([]), "{path} of the other account");
    }
    let me = crm.get("/api/auth/me").await.unwrap();
    assert_eq!(me.json["data"]["user"]["role"], "admin");
    fort.stands("H15").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_take_no_orders_but_their_own() {
    let mut fort = Fort::open().await;
    let password = fort.extension("1001").await;
    let crm = fort.server.crm().clone();
    let wild = "%25_%5C".repeat(1_000);
    for path in ["/api/pbx/extensions", "/api/pbx/caller-ids", "/api/pbx/trunks", "/api/pbx/cdr", "/api/pbx/calls"] {
        for query in [
            "sort=password",
            "sort=sip_password",
            "order=asc;select%201",
            "sort[]=a",
            "filter[a][b][c][d]=e",
            "fields=secret",
            "include=secrets",
            "page=0",
            "page=-1",
            "page=1000000000",
            "page=9223372036854775807",
            "page=1e3",
            "page=%00",
            "per_page=0",
            "per_page=1000000",
            "per_page=abc",
            "page=1&page=2",
            "status='%20or%201=1--",
            "direction=%27%22",
            "extension=1001'%20union%20select%201--",
            "phone=%25",
            "from=9999999-01-01&to=1",
            "from=2026-02-31",
            "from=-0001-01-01",
            "q=%ff%fe",
            "a=%",
            "%00=1",
            "search=$(id)",
            "format=csv;",
            "format=../../etc/passwd",
        ] {
            let id = format!("{path}?{query}");
            let reply = crm.get(&id).await.unwrap();
            assert!(matches!(reply.status, 200 | 400 | 422), "{id}: {reply:?}");
            let text = String::from_utf8_lossy(&reply.bytes);
            assert!(!text.contains(&password) && !text.contains("sip_password"), "{id}: {text}");
            assert!(!text.to_lowercase().contains("sql") && !text.contains("no such column"), "{id}: {text}");
        }
        let reply = crm.get(&format!("{path}?phone={wild}&extension={wild}&search={wild}")).await.unwrap();
        assert!(matches!(reply.status, 200 | 400 | 414 | 422 | 431), "{path}: {reply:?}");
        fort.stands(path).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_to_call_of_nonsense_names_the_field() {
    let mut fort = Fort::open().await;
    fort.extension("1001").await;
    fort.extension("1003").await;
    let crm = fort.server.crm().clone();
    crm.put("/api/pbx/extensions/1003", &json!({ "status": "disabled" })).await.unwrap().expect_status(200).unwrap();
    let call = |from: Value, to: Value, more: Value| {
        let mut body = json!({ "from_extension": from, "to_phone": to });
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        body
    };
    let good = "84281234567";
    let many: Value = (0..100).map(|n| (format!("H{n}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    for (body, status, names) in [
        (call(json!("1001"), json!("abcdefg"), Value::Null), 422, "to_phone"),
        (call(json!("1001"), json!("0987654321;user=phone"), Value::Null), 422, "to_phone"),
        (call(json!("1001"), json!("sip:1@evil.example"), Value::Null), 422, "to_phone"),
        (call(json!("1001"), json!("1\r\nX-Evil: 1"), Value::Null), 422, "to_phone"),
        (call(json!("1001"), json!("\u{0661}\u{0662}\u{0663}\u{0664}"), Value::Null), 422, "to_phone"),
        (call(json!("1001"), json!("9".repeat(10_000)), Value::Null), 422, "to_phone"),
        (call(json!("1001"), json!(84281234567_u64), Value::Null), 422, "to_phone"),
        (call(json!("1001"), json!(["84281234567"]), Value::Null), 422, "to_phone"),
        (call(json!("1001"), json!(null), Value::Null), 422, "to_phone"),
        (call(json!("' or 1=1 --"), json!(good), Value::Null), 422, "from_extension"),
        (call(json!("1999"), json!(good), Value::Null), 422, "from_extension"),
        (call(json!("1003"), json!(good), Value::Null), 422, "from_extension"),
        (call(json!({ "a": 1 }), json!(good), Value::Null), 422, "from_extension"),
        (call(json!("1001"), json!(good), json!({ "trunk_id": 999_999 })), 422, "trunk_id"),
        (call(json!("1001"), json!(good), json!({ "trunk_id": "1 or 1=1" })), 422, "trunk_id"),
        (call(json!("1001"), json!(good), json!({ "trunk_name": "x".repeat(10_000) })), 422, "trunk_name"),
        (call(json!("1001"), json!(good), json!({ "caller_id": "02873001234" })), 422, "caller_id"),
        (call(json!("1001"), json!(good), json!({ "headers": { "A": "x\r\nEvil: 1" } })), 422, "headers"),
        (call(json!("1001"), json!(good), json!({ "headers": { "A\r\nEvil": "x" } })), 422, "headers"),
        (call(json!("1001"), json!(good), json!({ "headers": { "A: B": "x" } })), 422, "headers"),
        (call(json!("1001"), json!(good), json!({ "headers": { "": "x" } })), 422, "headers"),
        (call(json!("1001"), json!(good), json!({ "headers": { "A": "x".repeat(1_000) } })), 422, "headers"),
        (call(json!("1001"), json!(good), json!({ "headers": many })), 422, "headers"),
        (call(json!("1001"), json!(good), json!({ "headers": [] })), 422, "headers"),
        (call(json!("1001"), json!(good), Value::Null), 409, "pbx.extension_offline"),
        (call(json!("1001"), json!(good), json!({ "unknown": true, "tenant_id": 2 })), 409, "pbx.extension_offline"),
    ] {
        let reply = crm.post("/api/pbx/calls/click-to-call", &body).await.unwrap();
        let shown: String = body.to_string().chars().take(200).collect();
        assert_eq!(reply.status, status, "{shown}: {reply:?}");
        let text = match status {
            422 => reply.json["errors"].as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" "),
            _ => reply.json["code"].to_string(),
        };
        assert!(text.contains(names), "{shown}: {text}");
        fort.stands(&shown).await;
    }
}
