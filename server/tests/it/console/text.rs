//! What people write, and the language it is answered in.

use std::{fs::Permissions, os::unix::fs::PermissionsExt};

use domain::principal::Role;

use super::Browser;
use crate::support::TestServer;

/// Texts that would run, break out of an attribute or end a comment where they are not escaped.
const NASTY: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'; alert(1); //",
    "<svg/onload=alert(1)>",
    "</textarea><script>alert(1)</script>",
    "{{7*7}}${7*7}<%= 7*7 %>",
];

#[tokio::test]
async fn what_people_write_is_text_on_every_page() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    for nasty in NASTY {
        admin.get("/settings/general").await;
        let fields = [
            ("name", nasty),
            ("timezone", nasty),
            ("region", nasty),
            ("language", nasty),
            ("cdr_max_days", nasty),
            ("session_idle_minutes", nasty),
            ("session_hours", nasty),
        ];
        let wrong = admin.post("/settings/general", &fields).await;
        assert_eq!(wrong.status, 422);
        is_inert(&wrong.text, nasty);
        let fields = [
            ("name", nasty),
            ("timezone", "Asia/Ho_Chi_Minh"),
            ("region", "VN"),
            ("language", ""),
            ("cdr_max_days", "30"),
            ("session_idle_minutes", "30"),
            ("session_hours", "12"),
        ];
        let saved = admin.post("/settings/general", &fields).await;
        assert_eq!(saved.status, 303, "{}", saved.text);
        let wrong = admin.post("/profile", &[("email", nasty), ("language", nasty)]).await;
        is_inert(&wrong.text, nasty);
        let query = url::form_urlencoded::byte_serialize(nasty.as_bytes()).collect::<String>();
        let pages = ["/", "/settings/general", "/audit", "/profile", "/system"].map(str::to_owned);
        let asked = format!("/audit?search={query}&actor={query}&action={query}&from={query}&page={query}");
        for page in pages.into_iter().chain([asked, format!("/sign-in?next={query}")]) {
            is_inert(&admin.get(&page).await.text, nasty);
        }
        let stranger = Browser::new(&server);
        is_inert(&stranger.get(&format!("/sign-in?next={query}")).await.text, nasty);
        let refused = stranger.post("/sign-in", &[("username", nasty), ("password", "x")]).await;
        is_inert(&refused.text, nasty);
    }
    server.stop().await;
}

/// Nothing of it stands on the page as it was written, unless it has no character that means anything.
fn is_inert(page: &str, nasty: &str) {
    for part in ["<script>", "<img src=x", "<svg/", "onerror=alert(1)>"] {
        if nasty.contains(part) {
            assert!(!page.contains(part), "{part} of {nasty}");
        }
    }
    assert!(!nasty.contains("{{") || !page.contains("49${"), "nothing is computed");
}

#[tokio::test]
async fn the_browsers_language_is_spoken_until_somebody_chooses() {
    let server = TestServer::start().await;
    let browser = Browser::in_language(&server, "vi-VN,vi;q=0.9,en;q=0.5");
    let page = browser.get("/sign-in").await.text;
    assert!(page.contains("<html lang=\"vi\"") && page.contains("Tên đăng nhập"));
    browser.sign_in("admin", crate::support::PASSWORD).await;
    assert!(browser.get("/").await.text.contains("Tổng quan"));
    browser.get("/settings/general").await;
    let wrong = browser.post("/settings/general", &[("name", ""), ("cdr_max_days", "x")]).await;
    assert!(wrong.text.contains("Hãy nhập một số nguyên."), "{}", wrong.text);
    browser.get("/profile").await;
    assert_eq!(browser.post("/profile", &[("email", ""), ("language", "en")]).await.status, 303);
    let page = browser.get("/profile").await.text;
    assert!(page.contains("<html lang=\"en\"") && page.contains("Your profile is saved."));
    assert!(!browser.get("/profile").await.text.contains("Your profile is saved."), "a note is shown once");
    server.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_the_host_is_said_in_the_readers_language() {
    let server = TestServer::start().await;
    std::fs::set_permissions(&server.config.data_dir, Permissions::from_mode(0o777)).unwrap();
    for (language, password, said) in [
        ("en", crate::support::PASSWORD, "may be written by others"),
        ("vi", super::PASSWORD, "người khác có thể ghi vào"),
    ] {
        let browser = Browser::in_language(&server, language);
        browser.sign_in("admin", password).await;
        let page = browser.get("/system").await.text;
        assert!(page.contains(said) && page.contains("chmod go-w"), "{page}");
    }
    server.stop().await;
}

#[tokio::test]
async fn no_page_shows_a_secret() {
    let server = TestServer::start().await;
    let host = server.host();
    let token = server.user_token(&host, "crm", Role::Agent).await;
    let secret = token.split_once('|').unwrap().1;
    let admin = Browser::admin(&server).await;
    let cookie = admin.cookies.borrow()["sid"].clone();
    for page in ["/", "/audit", "/settings/general", "/system", "/profile", "/audit.csv"] {
        let text = admin.get(page).await.text;
        assert!(!text.contains(secret) && !text.contains(&cookie) && !text.contains(super::PASSWORD), "{page}");
    }
    server.stop().await;
}
