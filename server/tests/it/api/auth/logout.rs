//! `POST /api/auth/logout`.

use domain::Permission;
use serde_json::json;

use crate::support::TestServer;

#[tokio::test]
async fn the_token_ends_at_once_and_others_do_not() {
    let server = TestServer::start().await;
    let (token, other) = (server.admin_token().await, server.admin_token().await);
    let reply = server.post(&token, "/api/auth/logout", &json!({})).await;
    assert_eq!((reply.status.as_u16(), &reply.json), (200, &json!({"data": {"message": "Logged out."}})));
    assert_eq!(server.get(&token, "/api/auth/me").await.status, 401);
    assert_eq!(server.get(&other, "/api/auth/me").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_machine_token_cannot_end_itself() {
    let server = TestServer::start().await;
    let token = server.machine_token(&server.host(), &[Permission::PbxApiAccess]).await;
    let reply = server.post(&token, "/api/auth/logout", &json!({})).await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.json["message"], "This action is unauthorized.");
    assert_eq!(server.get(&token, "/api/auth/me").await.status, 200);
    server.stop().await;
}
