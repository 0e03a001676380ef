//! `/api/contacts`: one by one, many at once, and their calls.

use domain::{Permission, principal::Role};
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Reply, TestServer};

async fn send(server: &TestServer, token: &str, method: &str, path: &str, body: &Value) -> Reply {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    server.send(method, path, &headers, body.to_string()).await
}

async fn import(server: &TestServer, token: &str, query: &str, kind: &str, sheet: &[u8]) -> Reply {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
    server.send("POST", &format!("/api/contacts/import{query}"), &headers, sheet.to_vec()).await
}

#[tokio::test]
async fn a_contact_is_made_found_changed_and_deleted() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let new = json!({"full_name": "Trần Lan", "phones": ["0987654321", "02838221234"], "customer_id": 9});
    let made = server.post(&token, "/api/contacts", &new).await;
    assert_eq!(made.status, 201, "{made:?}");
    let contact = made.json["data"].clone();
    assert_eq!(
        (&contact["full_name"], &contact["phones"], &contact["lead_id"]),
        (&new["full_name"], &new["phones"], &Value::Null)
    );
    let path = format!("/api/contacts/{}", contact["id"]);
    assert_eq!(server.get(&token, &path).await.json["data"], contact);
    for (search, total) in
        [("?search=lan", 1), ("?search=0987%20654", 1), ("?search=%2B842838221234", 1), ("?search=x", 0), ("", 1)]
    {
        let list = server.get(&token, &format!("/api/contacts{search}")).await;
        assert_eq!((list.status, &list.json["total"]), (StatusCode::OK, &json!(total)), "{search}");
    }

    let changed = send(&server, &token, "PUT", &path, &json!({"customer_id": null, "phones": ["0900000001"]})).await;
    let data = &changed.json["data"];
    assert_eq!(
        (changed.status.as_u16(), &data["full_name"], &data["phones"], &data["customer_id"]),
        (200, &json!("Trần Lan"), &json!(["0900000001"]), &Value::Null)
    );
    let wrong =
        send(&server, &token, "PUT", &path, &json!({"phones": ["front desk"], "full_name": 5, "customer_id": -1}))
            .await;
    assert_eq!(wrong.status, 422);
    let mut names: Vec<_> = wrong.json["errors"].as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["customer_id", "full_name", "phones"], "one answer names them all");

    let viewer = server.user_token(&server.host(), "viewer", Role::ReadOnly).await;
    assert_eq!(server.get(&viewer, &path).await.status, 200);
    assert_eq!(send(&server, &viewer, "PUT", &path, &json!({})).await.status, 403);
    assert_eq!(server.post(&viewer, "/api/contacts", &new).await.status, 403);
    assert_eq!(import(&server, &viewer, "", "text/csv", b"full_name,phone\nX,0912345678").await.status, 403);

    assert_eq!(send(&server, &token, "DELETE", &path, &Value::Null).await.json, json!({"data": {}}));
    assert_eq!(server.get(&token, &path).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn a_repeated_creation_makes_one_contact() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let bearer = format!("Bearer {token}");
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/json"), ("idempotency-key", "c-1")];
    let body = json!({"full_name": "An", "phones": ["0987654321"]}).to_string();
    let first = server.send("POST", "/api/contacts", &headers, body.clone()).await;
    let again = server.send("POST", "/api/contacts", &headers, body).await;
    assert_eq!((first.status.as_u16(), &first.text), (201, &again.text));
    let headers = [("authorization", bearer.as_str()), ("content-type", "text/csv"), ("idempotency-key", "c-2")];
    let first = server.send("POST", "/api/contacts/import", &headers, "full_name,phone\nMinh,0912345678").await;
    let again = server.send("POST", "/api/contacts/import", &headers, "full_name,phone\nMinh,0912345678").await;
    assert_eq!((&first.json, &again.json), (&json!({"data": {"created": 1, "updated": 0, "skipped": 0}}), &first.json));
    assert_eq!(server.get(&token, "/api/contacts").await.json["total"], 2);
    server.stop().await;
}

#[tokio::test]
async fn a_sheet_is_imported_whole_or_refused_with_its_mistakes() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    for (kind, sheet, status) in [
        ("application/json", &b"{}"[..], 415),
        ("multipart/form-data; boundary=x", b"--x", 415),
        ("text/csv", b"PK\x03\x04", 415),
        ("text/csv", b"%PDF-1.7", 415),
        ("text/csv", b"<!doctype html>", 415),
        ("text/csv", b"\xff\xfef\0u\0", 415),
        ("text/csv", b"", 422),
        ("text/csv", b"name,phone\nLan,0912345678", 422),
        ("text/csv", b"full_name,phone\nLan,9.12346E+08", 422),
    ] {
        let reply = import(&server, &token, "", kind, sheet).await;
        assert_eq!(reply.status, status, "{kind}: {reply:?}");
    }
    let wrong = import(&server, &token, "", "text/csv", b"full_name,phone\nLan,0912345678\n,x").await;
    assert_eq!(
        wrong.json["errors"],
        json!({"rows.3.full_name": ["The rows.3.full name field is required."], "rows.3.phones": ["Rows.3.phones format is invalid."]})
    );
    assert_eq!(
        import(&server, &token, "?on_duplicate=ask", "text/csv", b"full_name,phone\nLan,0912345678").await.status,
        422
    );
    assert_eq!(server.get(&token, "/api/contacts").await.json["total"], 0);
    let many: String = (0..5_000).map(|n| format!("Người {n},09{n:08}\n")).collect();
    let done =
        import(&server, &token, "", "text/csv; charset=utf-8", format!("full_name,phone\n{many}").as_bytes()).await;
    assert_eq!(done.json["data"]["created"], 5_000, "{done:?}");
    server.stop().await;
}

#[tokio::test]
async fn the_calls_of_a_contact_are_those_with_its_numbers() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let new = json!({"full_name": "Lan", "phones": ["0987654321"]});
    let id = server.post(&token, "/api/contacts", &new).await.json["data"]["id"].clone();
    let calls = server.get(&token, &format!("/api/contacts/{id}/calls")).await;
    assert_eq!((calls.status.as_u16(), &calls.json["total"]), (200, &json!(0)), "{calls:?}");
    assert_eq!(server.get(&token, "/api/contacts/999/calls").await.status, 404);
    let nothing = server.machine_token(&server.host(), &[]).await;
    assert_eq!(server.get(&nothing, &format!("/api/contacts/{id}/calls")).await.status, 403);
    let pbx = server.machine_token(&server.host(), &[Permission::PbxApiAccess]).await;
    assert_eq!(server.get(&pbx, &format!("/api/contacts/{id}/calls?per_page=0")).await.status, 422);
    server.stop().await;
}
