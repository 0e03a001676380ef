//! What counts as a token, and where from.

use std::time::Duration;

use accounts::NewToken;
use domain::{Permission, ids::TokenId};
use server::wire;
use testkit::until;

use crate::support::TestServer;

#[tokio::test]
async fn whatever_is_not_exactly_one_valid_bearer_is_401() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let (id, secret) = token.split_once('|').unwrap();
    let flipped = secret.chars().rev().collect::<String>();
    for value in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer x".to_owned(),
        "Basic YWRtaW46YWRtaW4=".to_owned(),
        format!("Bearer {secret}"),
        format!("Bearer {id}|{flipped}"),
        format!("Bearer 999999|{secret}"),
        format!("Bearer {id}|"),
        format!("Bearer {id}|{}", "a".repeat(10_000)),
        token.clone(),
    ] {
        let reply = server.send("GET", "/api/auth/me", &[("authorization", value.as_str())], "").await;
        assert_eq!(reply.status, 401, "{value}");
        assert_eq!(reply.json["message"], "Unauthenticated.");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
    let bearer = format!("Bearer {token}");
    let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    assert_eq!(server.send("GET", "/api/auth/me", &twice, "").await.status, 401);
    let lower = format!("bearer {token}");
    assert_eq!(server.send("GET", "/api/auth/me", &[("authorization", lower.as_str())], "").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_token_in_the_query_is_refused_even_if_it_is_valid() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    for name in ["token", "access_token", "api_token", "bearer"] {
        let path = format!("/api/auth/me?{name}={}", token.replace('|', "%7C"));
        let reply = server.get(&token, &path).await;
        assert_eq!((reply.status.as_u16(), &reply.json["code"]), (400, &"token_in_query".into()), "{name}");
        assert!(!reply.text.contains(&token));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_machine_token_works_only_from_its_networks() {
    let server = TestServer::start().await;
    let who = server.host();
    for (network, status) in [("127.0.0.0/8", 200), ("192.0.2.0/24", 401)] {
        let new = NewToken {
            name: "crm".to_owned(),
            user: None,
            scopes: Some(vec![Permission::PbxApiAccess]),
            ip_allow: Some(vec![network.parse().unwrap()]),
            expires_at: None,
        };
        let (_, token) = server.rooms.accounts.create_token(&who, new).await.unwrap();
        assert_eq!(server.get(&token, "/api/auth/me").await.status, status, "{network}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_revocation_by_another_process_is_seen_within_seconds() {
    let server = TestServer::start().await;
    let who = server.host();
    let token = server.machine_token(&who, &[Permission::PbxApiAccess]).await;
    assert_eq!(server.get(&token, "/api/auth/me").await.status, 200);

    let beside = wire::rooms(&server.config).await.unwrap();
    let id = TokenId(token.split_once('|').unwrap().0.parse().unwrap());
    beside.accounts.revoke_token(&who, id).await.unwrap();
    beside.db.close().await;

    until("the token ends", Duration::from_secs(5), async || {
        (server.get(&token, "/api/auth/me").await.status == 401).then_some(())
    })
    .await
    .unwrap();
    server.stop().await;
}
