//! Users, teams, alerts and allowed origins.

use domain::principal::Role;

use super::{Browser, PASSWORD, browser::between, settings::with_receiver};
use crate::support::TestServer;

#[tokio::test]
async fn a_user_is_invited_chooses_a_password_and_is_disabled() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    admin.get("/users/new").await;
    let wrong = [("username", ""), ("role", "agent"), ("email", "no address"), ("how", "invite")];
    let wrong = admin.post("/users/new", &wrong).await;
    assert!(
        wrong.status == 422 && wrong.text.contains("value=\"no address\"") && wrong.text.contains("id=\"e-email\"")
    );
    let fields = [("username", "linh"), ("role", "supervisor"), ("email", "linh@acme.example"), ("how", "invite")];
    let invited = admin.post("/users/new", &fields).await.text;
    // Without a relay the link is shown, this once.
    let link = between(&invited, "<code>", "</code>").unwrap();
    let path = &link[link.find("/invite/").unwrap()..];
    assert!(admin.get("/users?search=linh").await.text.contains("Invited"));
    for page in ["/users", "/users/2", "/audit"] {
        assert!(!admin.get(page).await.text.contains(path), "{page}");
    }
    let linh = Browser::new(&server);
    linh.get(path).await;
    assert_eq!(linh.post(path, &[("new_password", PASSWORD), ("repeated", PASSWORD)]).await.status, 303);
    linh.sign_in("linh", PASSWORD).await;
    let page = admin.get("/users/2").await.text;
    assert!(page.contains("Active") && page.contains("Signed in at") && page.contains("/users/2/sessions/"), "{page}");

    let reset = admin.post("/users/2/link", &[]).await.text;
    assert!(between(&reset, "<code>", "</code>").unwrap().contains("/reset/"), "{reset}");
    let change = [("username", "linh"), ("role", "agent"), ("email", "linh@acme.example"), ("extension", "1001")];
    assert_eq!(admin.post("/users/2", &change).await.status, 303);
    assert_eq!(linh.get("/users").await.header("location"), "/sign-in?next=%2Fusers", "another role ends sessions");
    assert_eq!(admin.post("/users/2/disable", &[]).await.status, 303);
    assert!(admin.get("/users?state=disabled").await.text.contains("linh"));
    assert_eq!(admin.post("/users/2/enable", &[]).await.status, 303);
    assert_eq!(admin.post("/users/2/delete", &[]).await.status, 303);
    assert_eq!(admin.get("/users/2").await.status, 404);
    let last = admin.post("/users/1/delete", &[]).await;
    assert!(last.status == 409 && last.text.contains("at least one admin"), "{}", last.text);
    server.stop().await;
}

#[tokio::test]
async fn a_first_password_is_shown_once_and_changed_at_sign_in() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    admin.get("/users/new").await;
    let made = admin.post("/users/new", &[("username", "minh"), ("role", "agent"), ("how", "password")]).await.text;
    let password = between(&made, "<code>", "</code>").unwrap();
    assert!(!admin.get("/users/2").await.text.contains(password));
    Browser::new(&server).sign_in("minh", password).await;
    server.stop().await;
}

#[tokio::test]
async fn a_team_has_members_of_its_own() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    Browser::user(&server, &server.host(), "minh", Role::Agent).await;
    assert!(admin.get("/teams").await.text.contains("No team yet"));
    assert_eq!(admin.post("/teams", &[("name", " ")]).await.status, 422);
    assert_eq!(admin.post("/teams", &[("name", "Sales")]).await.header("location"), "/teams/1");
    let again = admin.post("/teams", &[("name", "sales")]).await;
    assert!(again.status == 422 && again.text.contains("value=\"sales\""));
    assert_eq!(admin.post("/teams/1", &[("name", "Sales"), ("members", "2")]).await.status, 303);
    assert!(admin.get("/teams/1").await.text.contains("1 member"));
    assert!(admin.get("/users?team=1").await.text.contains("minh"));
    assert_eq!(admin.post("/teams/1", &[("name", "Sales"), ("members", "99")]).await.status, 422);
    assert_eq!(admin.post("/teams/1/delete", &[]).await.status, 303);
    assert_eq!(admin.get("/teams/1").await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn an_origin_is_allowed_and_removed() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    admin.get("/settings/origins").await;
    let wrong = admin.post("/settings/origins", &[("origin", "https://crm.example/path")]).await;
    assert!(wrong.status == 422 && wrong.text.contains("value=\"https://crm.example/path\""));
    assert_eq!(admin.post("/settings/origins", &[("origin", "https://CRM.example")]).await.status, 303);
    assert!(admin.get("/settings/origins").await.text.contains("https://crm.example"));
    assert_eq!(admin.post("/settings/origins/1/remove", &[]).await.status, 303);
    assert!(admin.get("/settings/origins").await.text.contains("No origin is allowed yet"));
    server.stop().await;
}

#[tokio::test]
async fn an_alert_is_set_tested_and_its_secret_shown_once() {
    let (server, receiver, _folder) = with_receiver().await;
    let admin = Browser::admin(&server).await;
    let list = admin.get("/alerts").await.text;
    assert!(list.contains("Tells nobody") && list.contains("No mail relay"));
    assert!(admin.get("/alerts/incidents?kind=trunk_down&state=open").await.text.contains("Nothing matches"));
    assert_eq!(admin.get("/alerts/rules/nothing").await.status, 404);
    assert_eq!(admin.get("/alerts/incidents/999999").await.status, 404);
    let path = "/alerts/rules/deliveries_late";
    admin.get(path).await;
    let url = receiver.url("/alerts");
    let wrong = [
        ("enabled", "on"),
        ("recipients", "ops@acme.example\nnonsense"),
        ("threshold", "5"),
        ("webhook_url", url.as_str()),
    ];
    let wrong = admin.post(path, &wrong).await;
    assert!(wrong.status == 422 && wrong.text.contains("nonsense:"), "{}", wrong.text);
    assert!(wrong.text.contains("id=\"e-threshold\"") && wrong.text.contains(&url));
    let set = admin.post(path, &[("enabled", "on"), ("threshold", "60"), ("webhook_url", &url)]).await.text;
    let secret = between(&set, "<code>", "</code>").unwrap();
    assert_eq!(secret.len(), 32);
    receiver.set_secret("/alerts", secret);
    let page = admin.get(path).await.text;
    assert!(page.contains(&url) && !page.contains(secret));
    let tested = admin.post(&format!("{path}/test"), &[]).await.text;
    assert!(tested.contains("Arrived"), "{tested}");
    let rotated = admin.post(&format!("{path}/rotate"), &[]).await.text;
    assert_ne!(between(&rotated, "<code>", "</code>").unwrap(), secret);
    assert!(admin.post(&format!("{path}/test"), &[]).await.text.contains("Failed"), "the old secret is over");
    server.stop().await;
}
