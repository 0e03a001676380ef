//! `POST /api/webphone/embed-token` and `GET /api/webphone/sip-config`.

use accounts::{AuditFilter, NewToken, NewUser};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Permission, Principal, UserId, principal::Role};
use serde_json::{Value, json};
use web::Page;

use super::phone::Phone;
use crate::support::{PASSWORD, TestServer};

const TOKEN: &str = "/api/webphone/embed-token";
const CONFIG: &str = "/api/webphone/sip-config";

/// Makes extensions 1001 and 1002 and returns a token of the admin.
async fn furnished() -> (TestServer, String) {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    for number in ["1001", "1002"] {
        let extension = json!({"extension_number": number, "display_name": format!("Desk {number}")});
        assert_eq!(server.post(&token, "/api/pbx/extensions", &extension).await.status, 201);
    }
    (server, token)
}

/// Makes a user with an extension and returns a token of theirs.
async fn user(
    server: &TestServer,
    who: &Principal,
    name: &str,
    role: Role,
    extension: Option<&str>,
) -> (UserId, String) {
    let new = NewUser {
        username: name.to_owned(),
        password: Some(PASSWORD.to_owned()),
        role,
        extension: extension.map(str::to_owned),
        ..NewUser::default()
    };
    let (user, _) = server.rooms.accounts.create_user(who, new).await.unwrap();
    let new = NewToken { name: "test".to_owned(), user: Some(user.id), scopes: None, ip_allow: None, expires_at: None };
    (user.id, server.rooms.accounts.create_token(who, new).await.unwrap().1)
}

async fn embed(server: &TestServer, token: &str, wish: &Value) -> String {
    let reply = server.post(token, TOKEN, wish).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json["embed_token"].as_str().unwrap().to_owned()
}

fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn an_embed_token_is_a_bare_answer_that_lives_as_long_as_asked() {
    let (server, admin) = furnished().await;
    let who = server.host();
    let (an, agent) = user(&server, &who, "an", Role::Agent, Some("1001")).await;
    for (wish, life) in [(json!({}), 300), (json!({"ttl_seconds": 60}), 60), (json!({"ttl_seconds": 3600}), 3600)] {
        let reply = server.post(&agent, TOKEN, &wish).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let keys: Vec<&String> = reply.json.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["embed_token", "expires_at"]);
        let claims = claims(reply.json["embed_token"].as_str().unwrap());
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), life);
        assert_eq!((&claims["extension"], &claims["user"]), (&json!("1001"), &json!(an.0)));
        // In the zone of the account, Asia/Ho_Chi_Minh.
        let at: jiff::Timestamp = reply.json["expires_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(at.as_second(), claims["exp"].as_i64().unwrap());
        assert!(reply.json["expires_at"].as_str().unwrap().ends_with("+07:00"), "{}", reply.json);
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    for (wish, field) in [
        (json!({"ttl_seconds": 59}), "ttl_seconds"),
        (json!({"ttl_seconds": 3601}), "ttl_seconds"),
        (json!({"ttl_seconds": "soon"}), "ttl_seconds"),
        (json!({"extension": "9999"}), "extension"),
        (json!({"extension": "1001", "origin": "https://crm.example"}), "origin"),
    ] {
        let reply = server.post(&admin, TOKEN, &wish).await;
        assert_eq!(reply.status, 422, "{wish}");
        assert!(reply.json["errors"][field].is_array(), "{wish}: {}", reply.json);
    }
    let none = server.post(&admin, TOKEN, &json!({})).await;
    assert_eq!(
        none.json["errors"],
        json!({"extension": ["The extension field is required."]}),
        "the admin has no phone"
    );
    server.stop().await;
}

#[tokio::test]
async fn agents_have_their_own_phone_and_leaders_and_applications_any() {
    let (server, admin) = furnished().await;
    let who = server.host();
    let (_, agent) = user(&server, &who, "an", Role::Agent, Some("1001")).await;
    let (_, leader) = user(&server, &who, "binh", Role::Supervisor, None).await;
    let (_, viewer) = user(&server, &who, "chi", Role::ReadOnly, Some("1001")).await;
    let crm = server.machine_token(&who, &[Permission::PbxApiAccess]).await;
    let other = server.machine_token(&who, &[Permission::TelesalesApiAccess]).await;
    for (token, extension, status) in [
        (&agent, "1001", 200),
        (&agent, "1002", 403),
        (&leader, "1002", 200),
        (&admin, "1002", 200),
        (&crm, "1002", 200),
        (&viewer, "1001", 403),
        (&other, "1001", 403),
    ] {
        let reply = server.post(token, TOKEN, &json!({"extension": extension})).await;
        assert_eq!(reply.status.as_u16(), status, "{extension}: {reply:?}");
        let reply = server.get(token, &format!("{CONFIG}?extension={extension}")).await;
        assert_eq!(reply.status.as_u16(), status, "{extension}: {reply:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_configuration_has_all_that_a_phone_needs_and_never_the_extensions_password() {
    let (server, admin) = furnished().await;
    let token = embed(&server, &admin, &json!({"extension": "1001"})).await;
    let reply = server.get(&token, CONFIG).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let data = &reply.json["data"];
    assert_eq!(data["extension"], "1001");
    assert_eq!(data["display_name"], "Desk 1001");
    assert_eq!(data["ws_url"], format!("ws://{}/sip", server.address()));
    assert_eq!(data["realm"], "zorio");
    assert_eq!(data["ice_servers"], json!([]));
    assert_eq!(data["codecs"], json!(["opus", "PCMA", "PCMU"]));
    assert!(data["permissions"].as_array().is_some_and(|list| list.contains(&json!("call"))));
    assert!(data["sip_username"].as_str().unwrap().starts_with("1001-w-"), "{data}");
    assert!(data["sip_password"].as_str().unwrap().len() >= 32);
    let expires: jiff::Timestamp = data["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(expires > jiff::Timestamp::now());
    let again = server.get(&token, CONFIG).await;
    assert_ne!(again.json["data"]["sip_username"], data["sip_username"], "each session has a login of its own");
    let bearer = format!("Bearer {token}");
    let named = server.send("GET", CONFIG, &[("authorization", &bearer), ("host", "pbx.example")], "").await;
    assert_eq!(named.json["data"]["ws_url"], "ws://pbx.example/sip", "the host that was asked names the account");
    server.stop().await;
}

#[tokio::test]
async fn a_proxy_that_is_trusted_says_that_browsers_come_by_tls() {
    let server = TestServer::start_with(|config| {
        config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.webphone.stun_urls = vec!["stun:stun.example".to_owned()];
        config.webphone.turn_urls = vec!["turn:turn.example".to_owned()];
        config.webphone.turn_secret = Some("north".to_owned());
    })
    .await;
    let admin = server.admin_token().await;
    server.post(&admin, "/api/pbx/extensions", &json!({"extension_number": "1001"})).await;
    let token = embed(&server, &admin, &json!({"extension": "1001"})).await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("host", "pbx.example"), ("x-forwarded-proto", "https")];
    let data = server.send("GET", CONFIG, &headers, "").await.json["data"].clone();
    assert_eq!(data["ws_url"], "wss://pbx.example/sip");
    assert_eq!(data["ice_servers"][0], json!({"urls": ["stun:stun.example"]}));
    let turn = &data["ice_servers"][1];
    assert_eq!(turn["urls"], json!(["turn:turn.example"]));
    let (ends, name) = turn["username"].as_str().unwrap().split_once(':').unwrap();
    assert!(ends.parse::<i64>().unwrap() > jiff::Timestamp::now().as_second());
    assert!(name.ends_with("-1001"), "{name}");
    assert!(!data.to_string().contains("north"));
    server.stop().await;
}

#[tokio::test]
async fn an_embed_token_opens_the_configuration_and_the_lookup_and_nothing_else() {
    let (server, admin) = furnished().await;
    let token = embed(&server, &admin, &json!({"extension": "1001"})).await;
    assert_eq!(server.get(&token, CONFIG).await.status, 200);
    assert_eq!(server.get(&token, &format!("{CONFIG}?extension=1002")).await.json["data"]["extension"], "1001");
    assert_eq!(server.get(&token, "/api/contacts/lookup?number=1001").await.json, json!({"data": null}));
    for path in
        ["/api/pbx/extensions", "/api/contacts", "/api/auth/me", "/api/contacts/1", "/api/pbx/cdr", "/api/nothing"]
    {
        let reply = server.get(&token, path).await;
        assert_eq!(reply.status, 403, "{path}");
        assert_eq!(reply.json["message"], "This action is unauthorized.", "{path}");
    }
    for path in [TOKEN, "/api/contacts", CONFIG, "/api/pbx/calls/click-to-call", "/api/auth/logout"] {
        assert_eq!(server.post(&token, path, &json!({})).await.status, 403, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_token_that_is_no_token_is_answered_401() {
    let (server, admin) = furnished().await;
    let token = embed(&server, &admin, &json!({"extension": "1001"})).await;
    let (head, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = head.split_once('.').unwrap();
    let mut claims = claims(&token);
    claims["extension"] = json!("1002");
    let forged = URL_SAFE_NO_PAD.encode(claims.to_string());
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    for bad in [
        format!("{header}.{forged}.{signature}"),
        format!("{none}.{payload}."),
        format!("{header}.{payload}."),
        "a.b.c".to_owned(),
        "..".to_owned(),
    ] {
        let reply = server.get(&bad, CONFIG).await;
        assert_eq!((reply.status.as_u16(), &reply.json["code"]), (401, &json!("unauthenticated")), "{bad}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_token_of_one_account_is_worth_nothing_at_the_host_of_another_and_finds_its_own_phones_only() {
    let (server, admin) = furnished().await;
    let (_, other) = server.another_account("other", Some("other.example")).await;
    let token = embed(&server, &admin, &json!({"extension": "1001"})).await;
    let at = |host: &'static str| {
        let bearer = format!("Bearer {token}");
        let server = &server;
        async move { server.send("GET", CONFIG, &[("authorization", bearer.as_str()), ("host", host)], "").await.status }
    };
    assert_eq!(at("other.example").await, 401);
    assert_eq!(at("nobodys.example").await, 200);
    let (_, stranger) = user(&server, &other, "dung", Role::Admin, None).await;
    let reply = server.post(&stranger, TOKEN, &json!({"extension": "1001"})).await;
    assert_eq!(reply.status, 422, "the extension is another account's");
    server.stop().await;
}

#[tokio::test]
async fn a_phone_ends_with_its_extension_and_its_user() {
    let (server, admin) = furnished().await;
    let who = server.host();
    let (an, agent) = user(&server, &who, "an", Role::Agent, Some("1001")).await;
    let token = embed(&server, &agent, &json!({})).await;
    let config = server.get(&token, CONFIG).await.json["data"].clone();
    let mut phone = Phone::connect(&server.address().to_string(), &config).await;
    assert_eq!(phone.register().await, 200);

    // A new password of the extension ends what was derived from the old one.
    let rotated = server.post(&admin, "/api/pbx/extensions/1001/rotate-password", &json!({})).await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    assert_eq!(phone.register().await, 401);
    let config = server.get(&token, CONFIG).await.json["data"].clone();
    let mut phone = Phone::connect(&server.address().to_string(), &config).await;
    assert_eq!(phone.register().await, 200);

    server.rooms.accounts.set_user_disabled(&who, an, true).await.unwrap();
    assert_eq!(server.get(&token, CONFIG).await.status, 401);
    testkit::until("the phone is not let in", testkit::world::PATIENCE, async || {
        (phone.register().await == 401).then_some(())
    })
    .await
    .unwrap();

    let token = embed(&server, &admin, &json!({"extension": "1002"})).await;
    let body = json!({"status": "disabled"}).to_string();
    let bearer = format!("Bearer {admin}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    assert_eq!(server.send("PUT", "/api/pbx/extensions/1002", &headers, body).await.status, 200);
    let reply = server.get(&token, CONFIG).await;
    assert_eq!((reply.status.as_u16(), &reply.json["code"]), (403, &json!("webphone.no_phone")));
    server.stop().await;
}

#[tokio::test]
async fn tokens_and_sessions_stand_in_the_audit_log_without_secrets() {
    let (server, admin) = furnished().await;
    let token = embed(&server, &admin, &json!({"extension": "1001"})).await;
    let config = server.get(&token, CONFIG).await.json["data"].clone();
    let filter = AuditFilter { action: Some("webphone.".to_owned()), ..AuditFilter::default() };
    let lines = server.rooms.accounts.audit(&server.host(), &filter, Page::default()).await.unwrap().data;
    let actions: Vec<&str> = lines.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["webphone.session", "webphone.token"], "the newest first");
    let all = format!("{lines:?}");
    assert!(all.contains("extension:1001") && all.contains(claims(&token)["jti"].as_str().unwrap()));
    assert!(!all.contains(&token) && !all.contains(config["sip_password"].as_str().unwrap()));
    server.stop().await;
}

#[tokio::test]
async fn phones_are_counted_by_extension_not_by_address() {
    let server = TestServer::start_with(|config| config.limits.other = 3).await;
    let admin = server.admin_token().await;
    for number in ["1001", "1002"] {
        server.post(&admin, "/api/pbx/extensions", &json!({"extension_number": number})).await;
    }
    let one = embed(&server, &admin, &json!({"extension": "1001"})).await;
    let two = embed(&server, &admin, &json!({"extension": "1002"})).await;
    for _ in 0..3 {
        assert_eq!(server.get(&one, CONFIG).await.status, 200);
    }
    let refused = server.get(&one, CONFIG).await;
    assert_eq!(refused.status, 429);
    assert!(refused.number("retry-after") > 0);
    assert_eq!(server.get(&two, CONFIG).await.status, 200, "a colleague behind the same address");
    let fresh = server.post(&admin, TOKEN, &json!({"extension": "1001"})).await.json;
    let fresh = fresh["embed_token"].as_str().unwrap();
    assert_eq!(server.get(fresh, CONFIG).await.status, 429, "another token is no way around");
    server.stop().await;
}
