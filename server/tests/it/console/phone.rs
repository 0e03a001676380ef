//! The phone of whoever has an extension: on the pages, and the token that its script asks for.

use accounts::ChangeUser;
use domain::principal::Role;
use serde_json::json;

use super::Browser;
use crate::support::TestServer;

/// Makes extension 1001 and gives it to a user.
async fn give(server: &TestServer, username: &str) {
    let who = server.host();
    let token = server.admin_token().await;
    server.post(&token, "/api/pbx/extensions", &json!({"extension_number": "1001"})).await;
    let user = server.rooms.accounts.user_named(&who, username).await.unwrap();
    let change = ChangeUser { extension: Some(Some("1001".to_owned())), ..ChangeUser::default() };
    server.rooms.accounts.change_user(&who, user.id, change).await.unwrap();
}

#[tokio::test]
async fn a_page_asks_for_a_token_of_its_users_own_phone_and_sees_no_other() {
    let server = TestServer::start().await;
    let agent = Browser::user(&server, &server.host(), "an", Role::Agent).await;
    let none = agent.post("/webphone/token", &[]).await;
    assert_eq!(none.status, 422, "without an extension there is no phone");
    give(&server, "an").await;
    let reply = testkit::until("the session knows", testkit::world::PATIENCE, async || {
        let reply = agent.post("/webphone/token", &[]).await;
        (reply.status == 200).then_some(reply)
    })
    .await
    .unwrap();
    let token = reply.json["embed_token"].as_str().unwrap();
    let config = server.get(token, "/api/webphone/sip-config").await;
    assert_eq!(config.json["data"]["extension"], "1001");
    assert_eq!(server.get(token, "/api/pbx/extensions").await.status, 403);

    let foreign = [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];
    let csrf = agent.token();
    assert_eq!(agent.post_from("/webphone/token", &[("csrf", csrf.as_str())], &foreign).await.status, 403);
    let own = agent.origin();
    let same = [("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(agent.post_from("/webphone/token", &[], &same).await.status, 403, "without the page's token");
    assert_ne!(Browser::new(&server).post("/webphone/token", &[]).await.status, 200, "nobody is signed in");
    server.stop().await;
}

#[tokio::test]
async fn pages_have_a_phone_for_whoever_may_call_with_an_extension() {
    let server = TestServer::start().await;
    let built = server.send("GET", "/sdk/webphone/integrity.json", &[], "").await.status == 200;
    let agent = Browser::user(&server, &server.host(), "an", Role::Agent).await;
    assert!(!agent.get("/").await.text.contains("id=\"phone\""), "no extension");
    assert_eq!(agent.get("/webphone").await.status, 404);
    give(&server, "an").await;
    if built {
        testkit::until("the session knows", testkit::world::PATIENCE, async || {
            agent.get("/").await.text.contains("data-extension=\"1001\"").then_some(())
        })
        .await
        .unwrap();
        let window = agent.get("/webphone").await;
        assert_eq!(window.status, 200);
        assert!(window.text.contains("data-layout=\"fullscreen\""));
        let script = window.text.split("data-script=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(server.send("GET", script, &[], "").await.status, 200, "{script}");
        assert!(window.header("permissions-policy").contains("microphone=(self)"));
    }
    server.stop().await;
}
