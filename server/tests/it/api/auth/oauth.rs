//! `POST /oauth/token`.

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Permission, principal::Role};
use serde_json::json;

use crate::support::{Reply, TestServer};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn ask(server: &TestServer, headers: &[(&str, &str)], form: &str) -> Reply {
    let headers: Vec<_> = [FORM].iter().chain(headers).copied().collect();
    server.send("POST", "/oauth/token", &headers, form.to_owned()).await
}

fn form_of(token: &str) -> String {
    let (id, secret) = token.split_once('|').unwrap();
    format!("grant_type=client_credentials&client_id={id}&client_secret={secret}")
}

#[tokio::test]
async fn a_machine_token_is_exchanged_for_an_access_token_of_an_hour() {
    let server = TestServer::start().await;
    let scopes = [Permission::PbxApiAccess, Permission::ViewAllCdr];
    let token = server.machine_token(&server.host(), &scopes).await;
    let (id, secret) = token.split_once('|').unwrap();

    let reply = ask(&server, &[], &form_of(&token)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json["token_type"], "Bearer");
    assert_eq!(reply.json["expires_in"], 3600);
    assert_eq!(reply.json["scope"], "pbx_api_access view_all_cdr");
    assert_eq!(reply.json.as_object().unwrap().len(), 4);
    assert_eq!((reply.header("cache-control"), reply.header("pragma")), ("no-store", "no-cache"));
    assert_eq!(reply.header("content-type"), "application/json");

    let access = reply.json["access_token"].as_str().unwrap();
    let me = server.get(access, "/api/auth/me").await;
    assert_eq!(me.status, 200);
    assert_eq!(
        (&me.json["data"]["token"]["kind"], &me.json["data"]["token"]["name"]),
        (&json!("machine"), &json!("crm"))
    );
    assert_eq!(me.json["data"]["permissions"], json!(["pbx_api_access", "view_all_cdr"]));
    assert!(me.json["data"]["token"]["expires_at"].is_string());

    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let form = "grant_type=client_credentials&scope=view_all_cdr";
    let reply = ask(&server, &[("authorization", &basic)], form).await;
    assert_eq!((reply.status.as_u16(), &reply.json["scope"]), (200, &json!("view_all_cdr")));

    server.rooms.accounts.revoke_token(&server.host(), domain::ids::TokenId(id.parse().unwrap())).await.unwrap();
    assert_eq!(server.get(access, "/api/auth/me").await.status, 401, "it ends with the machine token");
    assert_eq!(ask(&server, &[], &form_of(&token)).await.json["error"], "invalid_client");
    server.stop().await;
}

#[tokio::test]
async fn every_refusal_is_the_rfcs() {
    let server = TestServer::start().await;
    let token = server.machine_token(&server.host(), &[Permission::PbxApiAccess]).await;
    let user = server.user_token(&server.host(), "an", Role::Admin).await;
    let (id, secret) = token.split_once('|').unwrap();
    let good = form_of(&token);
    let wrong_secret = format!("grant_type=client_credentials&client_id={id}&client_secret={}", "a".repeat(48));
    for (form, status, error) in [
        (String::new(), 401, "invalid_client"),
        (format!("client_id={id}&client_secret={secret}"), 400, "invalid_request"),
        (good.replace("client_credentials", "password"), 400, "unsupported_grant_type"),
        (good.replace("client_credentials", "authorization_code"), 400, "unsupported_grant_type"),
        (format!("{good}&scope=root"), 400, "invalid_scope"),
        (format!("{good}&scope=manage_caller_ids"), 400, "invalid_scope"),
        (format!("{good}&client_id={id}"), 400, "invalid_request"),
        (wrong_secret, 401, "invalid_client"),
        (good.replace(&format!("client_id={id}"), "client_id=x"), 401, "invalid_client"),
        (good.replace(&format!("client_id={id}"), "client_id=99999999999999999999"), 401, "invalid_client"),
        (form_of(&user), 401, "invalid_client"),
        (format!("{good}&x={}", "y".repeat(20_000)), 400, "invalid_request"),
    ] {
        let reply = ask(&server, &[("accept-language", "vi")], &form).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json["error"].as_str().unwrap_or_default()),
            (status, error),
            "{form}"
        );
        let description = reply.json["error_description"].as_str().unwrap();
        assert!(description.bytes().all(|b| b.is_ascii() && b != b'"' && b != b'\\'), "RFC 6749 §5.2");
        assert_eq!(reply.json.as_object().unwrap().len(), 2);
        assert_eq!(reply.header("cache-control"), "no-store");
        assert!(!reply.text.contains(secret));
    }
    for (value, form) in
        [("Basic !", good.as_str()), ("Basic eDp5", "grant_type=client_credentials"), ("Bearer x", &good)]
    {
        let reply = ask(&server, &[("authorization", value)], form).await;
        assert_eq!((reply.status.as_u16(), &reply.json["error"]), (401, &json!("invalid_client")), "{value}");
        assert!(reply.header("www-authenticate").starts_with("Basic "), "{value}");
    }
    let json_type = [("content-type", "application/json")];
    let reply = server.send("POST", "/oauth/token", &json_type, "{}").await;
    assert_eq!((reply.status.as_u16(), &reply.json["error"]), (400, &json!("invalid_request")));
    let reply = server.send("POST", &format!("/oauth/token?{good}"), &[FORM], good.clone()).await;
    assert_eq!((reply.status.as_u16(), &reply.json["error"]), (400, &json!("invalid_request")), "never in the query");
    assert_eq!(server.send("GET", "/oauth/token", &[], "").await.status, 405);
    server.stop().await;
}

#[tokio::test]
async fn the_thirty_first_exchange_of_a_minute_is_refused() {
    let server = TestServer::start_with(|_| {}).await;
    let token = server.machine_token(&server.host(), &[]).await;
    for left in (0..30).rev() {
        let reply = ask(&server, &[], &form_of(&token)).await;
        assert_eq!((reply.status.as_u16(), reply.number("x-ratelimit-remaining")), (200, left));
    }
    assert_eq!(ask(&server, &[], &form_of(&token)).await.status, 429);
    server.stop().await;
}
