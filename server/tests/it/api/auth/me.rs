//! `GET /api/auth/me`.

use domain::{Permission, principal::Role};
use serde_json::json;

use crate::support::TestServer;

#[tokio::test]
async fn a_user_sees_themselves_the_token_the_permissions_and_the_account() {
    let server = TestServer::start().await;
    let token = server.user_token(&server.host(), "an", Role::Agent).await;
    let reply = server.get(&token, "/api/auth/me").await;
    assert_eq!(reply.status, 200);
    let data = &reply.json["data"];
    assert_eq!(data["user"]["username"], "an");
    assert_eq!(data["token"]["kind"], "user");
    assert_eq!(data["token"]["name"], "test");
    assert_eq!(data["token"]["expires_at"], json!(null));
    assert!(data["token"]["last_used_at"].is_string());
    assert_eq!(data["permissions"], json!(["pbx_api_access", "telesales_api_access"]));
    assert_eq!(data["tenant"]["name"], "default");
    assert_eq!(data["tenant"]["client_id"].as_str().unwrap().len(), 36);
    server.stop().await;
}

#[tokio::test]
async fn a_machine_has_no_user_and_exactly_its_scopes() {
    let server = TestServer::start().await;
    let token = server.machine_token(&server.host(), &[Permission::ViewAllCdr]).await;
    let data = &server.get(&token, "/api/auth/me").await.json["data"];
    assert_eq!(data["user"], json!(null));
    assert_eq!(data["token"]["kind"], "machine");
    assert_eq!(data["token"]["scopes"], json!(["view_all_cdr"]));
    assert_eq!(data["permissions"], json!(["view_all_cdr"]));
    server.stop().await;
}
