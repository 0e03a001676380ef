//! A forgotten password, from the letter to the next sign-in.

use std::time::Duration;

use accounts::NewUser;
use domain::principal::Role;
use server::config::MailSecurity;
use testkit::wait::until;

use super::{Browser, PASSWORD, browser::between};
use crate::{relay::Relay, support::TestServer};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn whoever_forgot_a_password_gets_a_letter_and_strangers_learn_nothing() {
    let relay = Relay::start().await;
    let server = TestServer::start_with(|config| {
        config.mail.host = Some("127.0.0.1".to_owned());
        config.mail.port = relay.port;
        config.mail.security = MailSecurity::None;
        config.mail.from = "Zorio <pbx@example.com>".to_owned();
        config.limits.login = 3;
    })
    .await;
    let new = NewUser {
        username: "an".to_owned(),
        password: Some(crate::support::PASSWORD.to_owned()),
        role: Role::Agent,
        email: Some("an@acme.example".to_owned()),
        ..NewUser::default()
    };
    server.rooms.accounts.create_user(&server.host(), new).await.unwrap();

    let browser = Browser::new(&server);
    assert!(browser.get("/sign-in").await.text.contains("href=\"/forgot-password\""));
    browser.get("/forgot-password").await;
    assert!(browser.post("/forgot-password", &[("username", " ")]).await.text.contains("Enter your username."));
    let mut pages = Vec::new();
    for name in ["zz", "an"] {
        let reply = browser.post("/forgot-password", &[("username", name)]).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let page: Vec<String> = reply.text.lines().filter(|line| !line.contains("csrf")).map(str::to_owned).collect();
        pages.push(page.join("\n").replace(&format!("user {name} "), "user … "));
    }
    assert!(pages[0].contains("a letter is on its way"));
    assert_eq!(pages[0], pages[1]);
    let letter = until("a letter", PATIENCE, async || relay.letters().pop()).await.unwrap().replace("=\r\n", "");
    assert!(letter.contains("an@acme.example") && letter.contains("127.0.0.1"), "{letter}");
    let token = between(&letter, "/reset/", "\r\n").unwrap().to_owned();

    // Once more at once: no second letter, and after too many the wait is said.
    browser.get("/forgot-password").await;
    assert_eq!(browser.post("/forgot-password", &[("username", "an")]).await.status, 200);
    assert_eq!(browser.post("/forgot-password", &[("username", "an")]).await.status, 200);
    let often = browser.post("/forgot-password", &[("username", "an")]).await;
    assert!(often.status == 422 && often.text.contains("Too many attempts"), "{}", often.text);

    let path = format!("/reset/{token}");
    assert!(browser.get(&path).await.text.contains("Choose a new password"));
    let chosen = [("new_password", PASSWORD), ("repeated", PASSWORD)];
    assert_eq!(browser.post(&path, &chosen).await.header("location"), "/sign-in");
    assert_eq!(browser.get(&path).await.status, 410);
    browser.sign_in("an", PASSWORD).await;
    assert_eq!(browser.get("/forgot-password").await.header("location"), "/");
    assert_eq!(relay.letters().len(), 1);
    let admin = Browser::admin(&server).await;
    assert!(admin.get("/audit").await.text.contains("Letter for a new password asked for"));
    server.stop().await;
}

#[tokio::test]
async fn without_a_relay_an_admin_is_to_be_asked() {
    let server = TestServer::start().await;
    let browser = Browser::in_language(&server, "vi");
    let page = browser.get("/forgot-password").await.text;
    assert!(page.contains("Máy chủ này không gửi thư") && !page.contains("name=\"username\""), "{page}");
    assert_eq!(browser.post("/forgot-password", &[("username", "admin")]).await.status, 200);
    let (letters,): (i64,) = {
        let mut tx = server.rooms.db.read_any_tenant().await.unwrap();
        store::sql("select count(*) from link").one(&mut tx).await.unwrap()
    };
    assert_eq!(letters, 0);
    server.stop().await;
}
