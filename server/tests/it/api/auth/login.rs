//! `POST /api/auth/login`.

use domain::{UserId, principal::Role};
use serde_json::json;

use crate::support::{PASSWORD, TestServer};

#[tokio::test]
async fn the_right_password_gives_the_user_and_a_token_beside_data() {
    let server = TestServer::start().await;
    let reply = server.login("admin", PASSWORD).await;
    assert_eq!(reply.status, 200);
    let token = reply.json["token"].as_str().unwrap();
    let (id, secret) = token.split_once('|').unwrap();
    assert!(id.parse::<i64>().is_ok() && secret.len() == 48 && secret.bytes().all(|b| b.is_ascii_alphanumeric()));
    let user = &reply.json["data"]["user"];
    assert_eq!(user["username"], "admin");
    assert_eq!(user["role"], "admin");
    for field in ["id", "team_id", "tenant_id", "email"] {
        assert!(user.as_object().unwrap().contains_key(field), "{field}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_user_a_wrong_password_and_a_disabled_user_are_answered_alike() {
    let server = TestServer::start().await;
    server.user_token(&server.host(), "gone", Role::Agent).await;
    let gone = server.rooms.accounts.user_named(&server.host(), "gone").await.unwrap();
    server.rooms.accounts.set_user_disabled(&server.host(), gone.id, true).await.unwrap();
    let long = "x".repeat(100_000);
    for (username, password) in [
        ("nobody", PASSWORD),
        ("admin", "wrong password"),
        ("gone", PASSWORD),
        ("admin'--", "x"),
        ("admin", long.as_str()),
    ] {
        let reply = server.login(username, password).await;
        assert_eq!(reply.status, 401, "{username}");
        assert_eq!(reply.json["message"], "Invalid username or password.");
        assert_eq!(reply.json["code"], "auth.invalid_credentials");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_user_name_is_found_in_any_case_and_with_blanks_around() {
    let server = TestServer::start().await;
    assert_eq!(server.login(" ADMIN ", PASSWORD).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn one_422_lists_every_missing_field() {
    let server = TestServer::start().await;
    let headers = [("content-type", "application/json")];
    for body in ["{}", r#"{"username":"","password":""}"#, r#"{"username":null,"password":null}"#] {
        let reply = server.send("POST", "/api/auth/login", &headers, body).await;
        assert_eq!(reply.status, 422, "{body}");
        assert_eq!(reply.json["message"], "The given data was invalid.");
        assert_eq!(
            reply.json["errors"],
            json!({
                "username": ["The username field is required."],
                "password": ["The password field is required."],
            })
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn the_sixth_try_of_a_minute_is_refused_whatever_the_password() {
    let server = TestServer::start_with(|_| {}).await;
    for left in (0..5).rev() {
        let reply = server.login("admin", "wrong password").await;
        assert_eq!(reply.status, 401);
        assert_eq!((reply.number("x-ratelimit-limit"), reply.number("x-ratelimit-remaining")), (5, left));
    }
    let reply = server.login("admin", PASSWORD).await;
    assert_eq!(reply.status, 429);
    let wait = reply.number("retry-after");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(reply.json["message"], format!("Too many requests. Retry after {wait} seconds."));
    assert_eq!(reply.number("x-ratelimit-remaining"), 0);
    assert_eq!(server.login("somebody else", "x").await.status, 401, "another name has its own count");
    server.stop().await;
}

#[tokio::test]
async fn a_host_admits_only_its_own_accounts_users_and_tokens() {
    let server = TestServer::start().await;
    let (_, first) = server.another_account("one", Some("one.example")).await;
    let (_, second) = server.another_account("two", Some("two.example")).await;
    let token = server.user_token(&first, "an", Role::Admin).await;
    server.user_token(&second, "binh", Role::Admin).await;
    server.user_token(&first, "both", Role::Admin).await;
    server.user_token(&second, "both", Role::Admin).await;

    let bearer = format!("Bearer {token}");
    for (host, status) in [("one.example", 200), ("ONE.example:8443", 200), ("two.example", 401), ("pbx.example", 200)]
    {
        let headers = [("host", host), ("authorization", bearer.as_str())];
        assert_eq!(server.send("GET", "/api/auth/me", &headers, "").await.status, status, "{host}");
    }
    for (host, username, status) in [
        ("one.example", "an", 200),
        ("two.example", "an", 401),
        ("two.example", "binh", 200),
        ("pbx.example", "an", 200),
        ("pbx.example", "both", 401),
        ("one.example", "both", 200),
    ] {
        let body = json!({"username": username, "password": PASSWORD}).to_string();
        let headers = [("host", host), ("content-type", "application/json")];
        let reply = server.send("POST", "/api/auth/login", &headers, body).await;
        assert_eq!(reply.status, status, "{username} at {host}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_hundred_sign_ins_later_the_first_token_is_ended() {
    let server = TestServer::start().await;
    let first = server.admin_token().await;
    let who = server.host();
    for _ in 0..99 {
        let new = accounts::NewToken {
            name: "other".to_owned(),
            user: Some(UserId(server.get(&first, "/api/auth/me").await.json["data"]["user"]["id"].as_i64().unwrap())),
            scopes: None,
            ip_allow: None,
            expires_at: None,
        };
        server.rooms.accounts.create_token(&who, new).await.unwrap();
    }
    assert_eq!(server.get(&first, "/api/auth/me").await.status, 200);
    let last = server.admin_token().await;
    assert_eq!(server.get(&first, "/api/auth/me").await.status, 401);
    assert_eq!(server.get(&last, "/api/auth/me").await.status, 200);
    server.stop().await;
}
