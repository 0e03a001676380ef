//! Messages follow `Accept-Language`.

use domain::principal::Role;
use serde_json::{Value, json};

use crate::support::{Reply, TestServer};

/// Returns every message of an answer: the one of the whole and those of the fields.
fn messages(reply: &Reply) -> Vec<String> {
    let fields = reply.json["errors"].as_object().into_iter().flatten();
    let fields = fields.flat_map(|(_, list)| list.as_array().cloned().unwrap_or_default());
    std::iter::once(reply.json["message"].clone()).chain(fields).map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_refusal_of_every_operation_is_said_in_both_languages() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let reader = server.user_token(&server.host(), "reader", Role::ReadOnly).await;
    let document = server.send("GET", "/openapi/openapi.json", &[], "").await.json;
    let garbage = json!({
        "extension_number": 5, "display_name": [], "to_phone": "x", "from_extension": "y", "caller_id": {}, "name": "",
        "number": "!", "headers": {"a b": "c"}, "status": "odd", "trunk_id": "z", "username": "", "digits": "?",
    });
    let mut seen = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        // The second interface has its own words, in English.
        for (method, _) in methods.as_object().unwrap().iter().filter(|_| !path.starts_with("/api/v3/")) {
            // The first speaks English by its RFC, the second ends the token that all others are tried with.
            if ["/oauth/token", "/api/auth/logout"].contains(&path.as_str()) {
                continue;
            }
            let filled = path.replace("{ext}", "9").replace("{uuid}", "x").replace("{file}", "x").replace("{id}", "9");
            for (token, query, body) in [
                ("", "", garbage.to_string()),
                (reader.as_str(), "", garbage.to_string()),
                (&admin, "", garbage.to_string()),
                (&admin, "", "{}".to_owned()),
                (&admin, "", "{".to_owned()),
                (&admin, "?page=0&per_page=x&from=odd&to=odd&limit=-1&number=", "{}".to_owned()),
                (&admin, "?token=x", "{}".to_owned()),
            ] {
                let bearer = format!("Bearer {token}");
                let ask = async |language: &str| {
                    let mut headers = vec![("content-type", "application/json"), ("accept-language", language)];
                    if !token.is_empty() {
                        headers.push(("authorization", bearer.as_str()));
                    }
                    let body = if method == "get" { String::new() } else { body.clone() };
                    server.send(&method.to_uppercase(), &format!("{filled}{query}"), &headers, body).await
                };
                let (en, vi) = (ask("en").await, ask("vi-VN, en;q=0.5").await);
                assert_eq!(en.status, vi.status, "{method} {filled}{query}");
                if !en.status.is_client_error() {
                    continue;
                }
                assert_eq!((en.header("content-language"), vi.header("content-language")), ("en", "vi"));
                assert_eq!(en.json["code"], vi.json["code"]);
                for (en, vi) in messages(&en).into_iter().zip(messages(&vi)) {
                    assert_ne!(en, vi, "{method} {filled}{query}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 150, "{seen}");
    server.stop().await;
}

#[tokio::test]
async fn the_contracts_vietnamese_messages_are_word_for_word() {
    let server = TestServer::start().await;
    let ask = async |body: Value| {
        let headers = [("content-type", "application/json"), ("accept-language", "vi")];
        server.send("POST", "/api/auth/login", &headers, body.to_string()).await
    };
    let reply = ask(json!({"username": "admin", "password": "wrong"})).await;
    assert_eq!(reply.json["message"], "Sai tài khoản hoặc mật khẩu.");
    let reply = ask(json!({"password": "x"})).await;
    assert_eq!(reply.json["errors"]["username"], json!(["Trường username là bắt buộc."]));
    assert_eq!(reply.header("vary"), "accept-language");
    server.stop().await;
}
