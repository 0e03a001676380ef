//! A server in this process for tests that speak HTTP alone.

use std::{net::SocketAddr, ops::Deref, time::Duration};

use accounts::{NewAccount, NewToken, NewUser};
use domain::{Permission, Principal, TenantId, principal::Role};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use server::{
    config::Config,
    wire::{self, App},
};
use tempfile::TempDir;
use testkit::Database;

/// The first admin's password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A running server with its folder and database.
pub(crate) struct TestServer {
    app: App,
    pub(crate) config: Config,
    client: Client<HttpConnector, Full<bytes::Bytes>>,
    database: Database,
    folder: TempDir,
}

impl Deref for TestServer {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Bytes of the body as they came.
    pub(crate) size: usize,
    /// Null if the body is no JSON.
    pub(crate) json: Value,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn number(&self, name: &str) -> i64 {
        self.header(name).parse().unwrap_or_else(|_| panic!("{name} is a number in {self:?}"))
    }
}

impl TestServer {
    /// Starts a server whose limits no test reaches by accident.
    pub(crate) async fn start() -> Self {
        Self::start_with(|config| {
            let limits = &mut config.limits;
            (limits.login, limits.login_per_address, limits.auth) = (10_000, 10_000, 10_000);
            (limits.pbx, limits.click_to_call, limits.other) = (10_000, 10_000, 10_000);
            limits.autocall = 10_000;
        })
        .await
    }

    /// Starts a server with the settings of the defaults but those changed here.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::fresh().await.unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Config::defaults();
        config.data_dir = folder.path().join("data");
        config.database.url = database.url().map(str::to_owned);
        config.http.listen = vec![any];
        (config.sip.udp_listen, config.sip.tcp_listen) = (vec![any], vec![any]);
        config.media.bind_address = any.ip();
        // One port of the machine, which many servers at a time cannot have.
        config.media.webrtc_port = 0;
        config.metrics.listen = vec![any];
        config.bootstrap.admin_password = Some(PASSWORD.to_owned());
        change(&mut config);
        let app = Box::pin(wire::open(config.clone())).await.unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { app, config, client, database, folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.app.addresses.http[0]
    }

    pub(crate) async fn stop(self) {
        self.stop_and_keep().await;
    }

    /// Stops the server; its folder and database stay until the returned value goes.
    pub(crate) async fn stop_and_keep(self) -> impl Sized {
        self.app.shutdown(Duration::ZERO).await;
        (self.folder, self.database)
    }

    /// Sends a request as it is given.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<bytes::Bytes>,
    ) -> Reply {
        let mut request = http::Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("http://{}{path}", self.address()))
            .body(Full::new(body.into()))
            .unwrap();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        let response = self.client.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Reply { status: parts.status, headers: parts.headers, text, size: bytes.len(), json }
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Reply {
        self.send("GET", path, &[("authorization", &format!("Bearer {token}"))], "").await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.send("POST", path, &headers, body.to_string()).await
    }

    pub(crate) async fn login(&self, username: &str, password: &str) -> Reply {
        let body = serde_json::json!({"username": username, "password": password});
        self.send("POST", "/api/auth/login", &[("content-type", "application/json")], body.to_string()).await
    }

    /// Returns a token of the first admin.
    pub(crate) async fn admin_token(&self) -> String {
        let reply = self.login("admin", PASSWORD).await;
        reply.json["token"].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned()
    }

    /// Returns the host's own tools as a caller of the first account.
    pub(crate) fn host(&self) -> Principal {
        Principal::system(self.app.bootstrapped.as_ref().unwrap().tenant)
    }

    /// Makes another account; returns it with the host's own tools as its caller.
    pub(crate) async fn another_account(&self, name: &str, host: Option<&str>) -> (TenantId, Principal) {
        let new = NewAccount { name: name.to_owned(), host: host.map(str::to_owned), ..NewAccount::default() };
        let account = self.app.rooms.accounts.create_account(&new).await.unwrap();
        (account.id, Principal::system(account.id))
    }

    /// Makes a user and returns a token of theirs.
    pub(crate) async fn user_token(&self, who: &Principal, username: &str, role: Role) -> String {
        let new = NewUser {
            username: username.to_owned(),
            password: Some(PASSWORD.to_owned()),
            role,
            team_id: None,
            extension: None,
            email: None,
            language: None,
        };
        let (user, _) = self.app.rooms.accounts.create_user(who, new).await.unwrap();
        let new =
            NewToken { name: "test".to_owned(), user: Some(user.id), scopes: None, ip_allow: None, expires_at: None };
        self.app.rooms.accounts.create_token(who, new).await.unwrap().1
    }

    /// Makes a machine token with exactly these permissions.
    pub(crate) async fn machine_token(&self, who: &Principal, scopes: &[Permission]) -> String {
        let scopes = Some(scopes.to_vec());
        let new = NewToken { name: "crm".to_owned(), user: None, scopes, ip_allow: None, expires_at: None };
        self.app.rooms.accounts.create_token(who, new).await.unwrap().1
    }
}
