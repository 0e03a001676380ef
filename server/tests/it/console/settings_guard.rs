//! What must not happen on the pages of settings: forged requests, other accounts' ids, scripts in texts, and pages
//! that a role may not see.

use accounts::NewUser;
use domain::{Principal, principal::Role};
use sandbox::receiver::{Manners, Times};
use webhooks::NewWebhook;

use super::{Browser, PASSWORD, settings::with_receiver};
use crate::support::{self, Reply, TestServer};

/// Everything that changes something.
const CHANGES: [&str; 35] = [
    "/settings/webhooks/new",
    "/settings/webhooks/{webhook}/edit",
    "/settings/webhooks/{webhook}/test",
    "/settings/webhooks/{webhook}/pause",
    "/settings/webhooks/{webhook}/resume",
    "/settings/webhooks/{webhook}/rotate",
    "/settings/webhooks/{webhook}/delete",
    "/settings/incoming",
    "/settings/incoming/resume",
    "/settings/incoming/rotate",
    "/settings/incoming/remove",
    "/deliveries/{delivery}/replay",
    "/deliveries/replays/new",
    "/deliveries/replays/{replay}/cancel",
    "/settings/tokens/new",
    "/settings/tokens/{token}/revoke",
    "/settings/origins",
    "/settings/origins/{origin}/remove",
    "/users/new",
    "/users/{user}",
    "/users/{user}/link",
    "/users/{user}/disable",
    "/users/{user}/enable",
    "/users/{user}/second-factor/reset",
    "/users/{user}/delete",
    "/users/{user}/sessions/1/end",
    "/teams",
    "/teams/{team}",
    "/teams/{team}/delete",
    "/alerts/rules/trunk_down",
    "/alerts/rules/trunk_down/test",
    "/alerts/rules/trunk_down/rotate",
    "/settings/webhooks/x/delete",
    "/users/x/delete",
    "/teams/x/delete",
];

/// What is read.
const PAGES: [&str; 18] = [
    "/settings/webhooks",
    "/settings/webhooks/new",
    "/settings/webhooks/{webhook}",
    "/settings/webhooks/{webhook}/edit",
    "/settings/incoming",
    "/deliveries",
    "/live/deliveries",
    "/deliveries/{delivery}",
    "/deliveries/replays",
    "/deliveries/replays/new",
    "/deliveries/replays/{replay}",
    "/settings/origins",
    "/users/new",
    "/alerts",
    "/alerts/rules/trunk_down",
    "/alerts/incidents",
    "/users/{user}",
    "/teams/{team}",
];

/// The ids of one account's things.
struct Ids(Vec<(&'static str, String)>);

impl Ids {
    fn of(&self, path: &str) -> String {
        self.0.iter().fold(path.to_owned(), |path, (name, id)| path.replace(&format!("{{{name}}}"), id))
    }
}

/// Makes one of each in the first account.
async fn things(server: &TestServer, admin: &Browser<'_>, url: &str) -> Ids {
    let who = server.host();
    let rooms = &server.rooms;
    let new = NewWebhook {
        name: "Foreign hook".to_owned(),
        url: url.to_owned(),
        events: vec![domain::EventName::CdrCreated],
        ..NewWebhook::default()
    };
    let webhook = rooms.webhooks.create(&who, new).await.unwrap().webhook.id;
    let delivery = rooms.webhooks.test(&who, webhook).await.unwrap().delivery;
    let range = (domain::Timestamp(0), domain::Timestamp(i64::MAX / 2));
    let replay = rooms.webhooks.replay_range(&who, webhook, range, &[]).await.unwrap().0;
    let new = accounts::NewToken {
        name: "crm".to_owned(),
        user: None,
        scopes: Some(vec![]),
        ip_allow: None,
        expires_at: None,
    };
    let token = rooms.accounts.create_token(&who, new).await.unwrap().0.id;
    let origin = rooms.accounts.add_origin(&who, "https://crm.example").await.unwrap().id;
    let team = rooms.accounts.create_team(&who, "Sales").await.unwrap().id;
    let user = Browser::user(server, &who, "victim", Role::Agent).await;
    drop(user);
    let user = rooms.accounts.user_named(&who, "victim").await.unwrap().id;
    admin.get("/profile").await;
    Ids(vec![
        ("webhook", webhook.to_string()),
        ("delivery", delivery.to_string()),
        ("replay", replay.to_string()),
        ("token", token.to_string()),
        ("origin", origin.to_string()),
        ("team", team.to_string()),
        ("user", user.to_string()),
    ])
}

/// An admin of the account at `localhost`.
struct Stranger<'a> {
    browser: Browser<'a>,
    host: String,
}

impl<'a> Stranger<'a> {
    async fn admin(server: &'a TestServer, who: &Principal) -> Self {
        let new = NewUser {
            username: "mallory".to_owned(),
            password: Some(support::PASSWORD.to_owned()),
            role: Role::Admin,
            ..NewUser::default()
        };
        server.rooms.accounts.create_user(who, new).await.unwrap();
        let host = format!("localhost:{}", server.address().port());
        let stranger = Self { browser: Browser::new(server), host };
        stranger.get("/sign-in").await;
        let signed_in = stranger.post("/sign-in", &[("username", "mallory"), ("password", support::PASSWORD)]).await;
        assert_eq!(signed_in.status, 303, "{}", signed_in.text);
        stranger.get("/password").await;
        let fields = [("password", support::PASSWORD), ("new_password", PASSWORD), ("repeated", PASSWORD)];
        assert_eq!(stranger.post("/password", &fields).await.header("location"), "/");
        stranger
    }

    async fn get(&self, path: &str) -> Reply {
        self.browser.get_with(path, &[("host", &self.host)]).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = self.browser.token();
        let mut fields = fields.to_vec();
        fields.push(("csrf", &token));
        let origin = format!("http://{}", self.host);
        self.browser.post_from(path, &fields, &[("host", &self.host), ("origin", &origin)]).await
    }
}

#[tokio::test]
async fn no_change_is_made_without_the_sessions_token() {
    let (server, receiver, _folder) = with_receiver().await;
    let admin = Browser::admin(&server).await;
    let ids = things(&server, &admin, &receiver.url("/hook")).await;
    let origin = admin.origin();
    for path in CHANGES {
        let reply = admin.post_from(&ids.of(path), &[("name", "x")], &[("origin", &origin)]).await;
        assert_eq!(reply.status, 403, "{path}");
        assert!(!admin.get(&ids.of(path)).await.status.is_server_error(), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn another_accounts_things_are_not_there() {
    let (server, receiver, _folder) = with_receiver().await;
    let admin = Browser::admin(&server).await;
    let ids = things(&server, &admin, &receiver.url("/hook")).await;
    let (_, other) = server.another_account("Other", Some("localhost")).await;
    let stranger = Stranger::admin(&server, &other).await;
    for path in PAGES.iter().filter(|path| path.contains('{')) {
        assert_eq!(stranger.get(&ids.of(path)).await.status, 404, "GET {path}");
    }
    stranger.get("/profile").await;
    for path in CHANGES.iter().filter(|path| path.contains('{')) {
        let fields = [("name", "x"), ("url", "https://crm.example/"), ("events", "pbx.cdr.created"), ("username", "x")];
        assert_eq!(stranger.post(&ids.of(path), &fields).await.status, 404, "POST {path}");
    }
    for path in
        ["/settings/webhooks", "/deliveries", "/settings/tokens?kind=machine", "/users", "/teams", "/settings/origins"]
    {
        let page = stranger.get(path).await.text;
        for foreign in ["Foreign hook", "victim", "Sales", "crm.example<", &ids.of("{delivery}")] {
            assert!(!page.contains(foreign), "{foreign} on {path}");
        }
    }
    assert!(admin.get(&ids.of("/settings/webhooks/{webhook}")).await.text.contains("Foreign hook"), "all is as it was");
    server.stop().await;
}

#[tokio::test]
async fn roles_see_what_is_theirs() {
    let (server, receiver, _folder) = with_receiver().await;
    let admin = Browser::admin(&server).await;
    let ids = things(&server, &admin, &receiver.url("/hook")).await;
    for role in [Role::Supervisor, Role::Agent, Role::ReadOnly] {
        let browser = Browser::user(&server, &server.host(), role.as_str(), role).await;
        let leads = role == Role::Supervisor;
        for path in PAGES {
            let allowed = leads && (path == "/users/{user}" || path == "/teams/{team}");
            let status = if allowed { 200 } else { 403 };
            assert_eq!(browser.get(&ids.of(path)).await.status.as_u16(), status, "{role:?} {path}");
        }
        for path in ["/users", "/teams"] {
            assert_eq!(browser.get(path).await.status.as_u16(), if leads { 200 } else { 403 }, "{role:?} {path}");
        }
        browser.get("/settings/tokens").await;
        for path in CHANGES.iter().filter(|path| !path.starts_with("/settings/tokens") && !path.contains("/x/")) {
            assert_eq!(browser.post(&ids.of(path), &[("name", "x")]).await.status, 403, "{role:?} {path}");
        }
        // Everybody has tokens of their own, and nobody else's.
        let tokens = browser.get("/settings/tokens?kind=machine").await.text;
        assert!(!tokens.contains("Machine tokens") && !tokens.contains("crm"), "{role:?}");
        assert_eq!(browser.post(&ids.of("/settings/tokens/{token}/revoke"), &[]).await.status, 404, "{role:?}");
        let forged = [("kind", "machine"), ("name", "x"), ("scopes", "pbx_api_access"), ("user", "1"), ("may", "all")];
        assert_eq!(browser.post("/settings/tokens/new", &forged).await.status, 403, "{role:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn scripts_in_texts_are_texts() {
    let (server, receiver, _folder) = with_receiver().await;
    let admin = Browser::admin(&server).await;
    let evil = "\"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}'";
    let url = receiver.url("/hook");
    admin.get("/profile").await;
    let webhook =
        [("name", evil), ("url", url.as_str()), ("events", "pbx.cdr.created"), ("extensions", evil), ("queues", evil)];
    let created = admin.post("/settings/webhooks/new", &webhook).await;
    assert_eq!(created.status, 200, "{}", created.text);
    receiver.set_manners("/hook", Manners::Fails(500), Times::Always);
    let mut pages = vec![created.text, admin.post("/settings/webhooks/1/test", &[]).await.text];
    let token = [("kind", "machine"), ("name", evil), ("scopes", "pbx_api_access")];
    pages.push(admin.post("/settings/tokens/new", &token).await.text);
    pages.push(admin.post("/users/new", &[("username", evil), ("role", "agent"), ("how", "invite")]).await.text);
    admin.get("/profile").await;
    assert_eq!(admin.post("/teams", &[("name", evil)]).await.status, 303);
    for (path, fields) in [
        (
            "/settings/webhooks/new",
            &[("name", evil), ("url", evil), ("campaigns", evil), ("pace", evil), ("authority", evil)][..],
        ),
        ("/settings/incoming", &[("url", evil)]),
        ("/settings/tokens/new", &[("kind", evil), ("name", evil), ("ip_allow", evil), ("expires", evil)]),
        ("/settings/origins", &[("origin", evil)]),
        ("/users/new", &[("username", evil), ("email", evil), ("extension", evil), ("role", evil), ("how", "invite")]),
        ("/deliveries/replays/new", &[("webhook", evil), ("from", evil), ("to", evil)]),
        ("/alerts/rules/trunk_down", &[("recipients", evil), ("webhook_url", evil), ("threshold", evil)]),
    ] {
        let reply = admin.post(path, fields).await;
        assert_eq!(reply.status, 422, "{path} {}", reply.text);
        pages.push(reply.text);
    }
    let query = url::form_urlencoded::byte_serialize(evil.as_bytes()).collect::<String>();
    for path in [
        "/settings/webhooks",
        "/settings/webhooks/1",
        "/settings/webhooks/1/edit",
        "/deliveries",
        "/settings/tokens?kind=machine",
        "/users",
        "/users/2",
        "/teams",
        "/teams/1",
        "/audit",
    ] {
        let searched = format!("{path}{}search={query}", if path.contains('?') { "&" } else { "?" });
        for path in [path, &searched] {
            let page = admin.get(path).await;
            assert_eq!(page.status, 200, "{path}");
            pages.push(page.text);
        }
    }
    for page in pages {
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{page}");
    }
    server.stop().await;
}
