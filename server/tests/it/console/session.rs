//! Who is signed in, how far, and until when.

use domain::principal::Role;

use super::{Browser, PASSWORD};
use crate::support::TestServer;

#[tokio::test]
async fn strangers_are_sent_to_sign_in_and_come_back_to_where_they_wanted() {
    let server = TestServer::start().await;
    let browser = Browser::admin(&server).await;
    let stranger = Browser::new(&server);
    for (path, location) in [
        ("/", "/sign-in"),
        ("/audit?page=2", "/sign-in?next=%2Faudit%3Fpage%3D2"),
        ("/live/dashboard", "/sign-in?next=%2Flive%2Fdashboard"),
    ] {
        let reply = stranger.get(path).await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (303, location));
        assert!(reply.text.is_empty(), "{path} shows nothing");
    }
    let from_htmx = [("hx-request", "true"), ("hx-current-url", "http://x/audit?page=2")];
    let reply = stranger.get_with("/audit?page=3", &from_htmx).await;
    assert_eq!((reply.status.as_u16(), reply.header("hx-redirect")), (401, "/sign-in?next=%2Faudit%3Fpage%3D2"));

    for (next, location) in
        [("/audit?page=2", "/audit?page=2"), ("//evil.example", "/"), ("https://evil.example//x", "/"), ("", "/")]
    {
        stranger.cookies.borrow_mut().clear();
        stranger.get("/sign-in").await;
        let fields = [("username", "admin"), ("password", PASSWORD), ("next", next)];
        let reply = stranger.post("/sign-in", &fields).await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (303, location), "{next}");
    }
    assert_eq!(browser.get("/sign-in").await.header("location"), "/", "who is signed in need not again");
    server.stop().await;
}

#[tokio::test]
async fn a_preset_cookie_is_never_honoured() {
    let server = TestServer::start().await;
    let browser = Browser::new(&server);
    let preset = "A".repeat(48);
    browser.cookies.borrow_mut().insert("sid".to_owned(), preset.clone());
    assert_eq!(browser.get("/").await.status, 303);
    browser.sign_in("admin", crate::support::PASSWORD).await;
    assert_ne!(browser.cookies.borrow()["sid"], preset);
    let attacker = Browser::new(&server);
    attacker.cookies.borrow_mut().insert("sid".to_owned(), preset);
    assert_eq!(attacker.get("/").await.status, 303);
    server.stop().await;
}

#[tokio::test]
async fn every_step_of_sign_in_has_a_cookie_of_its_own_and_scripts_see_none() {
    let server = TestServer::start().await;
    let browser = Browser::new(&server);
    browser.get("/sign-in").await;
    let reply = browser.post("/sign-in", &[("username", "admin"), ("password", crate::support::PASSWORD)]).await;
    let cookie =
        reply.headers.get_all("set-cookie").iter().find(|value| value.as_bytes().starts_with(b"sid=")).unwrap();
    let cookie = cookie.to_str().unwrap().to_owned();
    for part in ["Path=/", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let first = browser.cookies.borrow()["sid"].clone();
    // Nothing but the new password is open.
    for path in ["/", "/audit", "/profile", "/live/dashboard"] {
        assert_eq!(browser.get(path).await.header("location"), "/password", "{path}");
    }
    browser.get("/password").await;
    let fields = [("password", crate::support::PASSWORD), ("new_password", PASSWORD), ("repeated", "another")];
    let reply = browser.post("/password", &fields).await;
    assert!(reply.status == 422 && reply.text.contains("The two passwords differ."));
    let fields = [("password", crate::support::PASSWORD), ("new_password", PASSWORD), ("repeated", PASSWORD)];
    assert_eq!(browser.post("/password", &fields).await.status, 303);
    assert_ne!(browser.cookies.borrow()["sid"], first);
    let old = Browser::new(&server);
    old.cookies.borrow_mut().insert("sid".to_owned(), first);
    assert_eq!(old.get("/").await.status, 303, "the cookie before opens nothing");
    server.stop().await;
}

#[tokio::test]
async fn sign_out_ends_the_session_everywhere_it_was_copied_to() {
    let server = TestServer::start().await;
    let browser = Browser::admin(&server).await;
    let thief = Browser::new(&server);
    *thief.cookies.borrow_mut() = browser.cookies.borrow().clone();
    assert_eq!(thief.get("/").await.status, 200);
    browser.get("/profile").await;
    let reply = browser.post("/sign-out", &[]).await;
    assert_eq!(reply.header("location"), "/sign-in");
    assert!(browser.get("/sign-in").await.text.contains("You are signed out."));
    assert_eq!(thief.get("/").await.status, 303);
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_password_says_the_same_for_everybody() {
    let server = TestServer::start().await;
    let browser = Browser::new(&server);
    browser.get("/sign-in").await;
    let mut pages = Vec::new();
    for username in ["admin", "nobody"] {
        let reply = browser.post("/sign-in", &[("username", username), ("password", "wrong wrong")]).await;
        assert_eq!(reply.status, 422);
        assert!(reply.text.contains("The username or password is wrong.") && !reply.text.contains("wrong wrong"));
        let differs = |line: &&str| line.contains("csrf") || line.contains("name=\"username\"");
        pages.push(reply.text.lines().filter(|line| !differs(line)).map(str::to_owned).collect::<Vec<_>>());
    }
    assert_eq!(pages[0], pages[1]);
    server.stop().await;
}

#[tokio::test]
async fn by_plain_http_nobody_signs_in_but_from_this_machine() {
    let server = TestServer::start().await;
    let host = [("host", "pbx.example"), ("accept", "text/html")];
    let reply = server.send("GET", "/sign-in", &host, "").await;
    assert!(reply.text.contains("https://") && !reply.text.contains("name=\"password\""), "{}", reply.text);
    assert!(!reply.headers.contains_key("set-cookie"));
    server.stop().await;
}

#[tokio::test]
async fn roles_see_what_they_may() {
    let server = TestServer::start().await;
    let host = server.host();
    let admin = Browser::admin(&server).await;
    let agent = Browser::user(&server, &host, "an", Role::Agent).await;
    let home = agent.get("/").await.text;
    assert!(home.contains("Hello, an") && !home.contains("href=\"/audit\""));
    assert!(admin.get("/").await.text.contains("href=\"/audit\""));
    for path in ["/audit", "/audit.csv", "/settings/general", "/system", "/live/dashboard"] {
        let reply = agent.get(path).await;
        assert_eq!(reply.status, 403, "{path}");
        assert!(reply.text.contains("You may not do this"), "{path}: {}", reply.text);
    }
    agent.get("/profile").await;
    assert_eq!(agent.post("/settings/general", &[("name", "Mine")]).await.status, 403);
    server.stop().await;
}

#[tokio::test]
async fn what_belongs_to_others_is_not_found() {
    let server = TestServer::start().await;
    let host = server.host();
    let admin = Browser::admin(&server).await;
    let agent = Browser::user(&server, &host, "an", Role::Agent).await;
    let (_, elsewhere) = server.another_account("elsewhere", None).await;
    let stranger = Browser::user(&server, &elsewhere, "binh", Role::Admin).await;
    let session = |text: &str| -> String {
        let mut numbers =
            text.split("/profile/sessions/").skip(1).map(|rest| rest.split('/').next().unwrap_or_default());
        numbers.find(|number| number.parse::<i64>().is_ok()).unwrap_or("0").to_owned()
    };
    // A second session, so that the first one's number stands on the page.
    let second = Browser::new(&server);
    second.sign_in("admin", PASSWORD).await;
    let id = session(&admin.get("/profile").await.text);
    for other in [&agent, &stranger] {
        other.get("/profile").await;
        let reply = other.post(&format!("/profile/sessions/{id}/end"), &[]).await;
        assert!([403, 404].contains(&reply.status.as_u16()), "{}", reply.status);
    }
    assert_eq!(second.get("/").await.status, 200);
    admin.get("/profile").await;
    assert_eq!(admin.post(&format!("/profile/sessions/{id}/end"), &[]).await.header("location"), "/profile");
    assert_eq!(second.get("/").await.status, 303);
    server.stop().await;
}
