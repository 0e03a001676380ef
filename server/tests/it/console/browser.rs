//! A browser that runs no scripts: cookies, forms and their tokens, redirects only when asked.

use std::{cell::RefCell, collections::BTreeMap};

use accounts::NewUser;
use domain::{Principal, principal::Role};

use crate::support::{self, Reply, TestServer};

/// The password that users of the console have chosen for themselves.
pub(crate) const PASSWORD: &str = "quiet river under nine bridges";

pub(crate) struct Browser<'a> {
    server: &'a TestServer,
    pub(crate) cookies: RefCell<BTreeMap<String, String>>,
    /// The token of the page that was seen last.
    token: RefCell<String>,
    language: &'static str,
}

impl<'a> Browser<'a> {
    /// A browser that has never been here.
    pub(crate) fn new(server: &'a TestServer) -> Self {
        Self { server, cookies: RefCell::default(), token: RefCell::default(), language: "en" }
    }

    pub(crate) fn in_language(server: &'a TestServer, language: &'static str) -> Self {
        Self { language, ..Self::new(server) }
    }

    /// Signs the first admin in, who has to choose another password.
    pub(crate) async fn admin(server: &'a TestServer) -> Self {
        let browser = Self::new(server);
        browser.sign_in("admin", support::PASSWORD).await;
        browser
    }

    /// Makes a user of this role and signs them in.
    pub(crate) async fn user(server: &'a TestServer, who: &Principal, username: &str, role: Role) -> Self {
        let new = NewUser {
            username: username.to_owned(),
            password: Some(support::PASSWORD.to_owned()),
            role,
            ..NewUser::default()
        };
        server.rooms.accounts.create_user(who, new).await.unwrap();
        let browser = Self::new(server);
        browser.sign_in(username, support::PASSWORD).await;
        browser
    }

    /// Signs in with a password that was set by somebody else, or with the one chosen since then.
    pub(crate) async fn sign_in(&self, username: &str, password: &str) {
        self.get("/sign-in").await;
        let reply = self.post("/sign-in", &[("username", username), ("password", password)]).await;
        assert_eq!(reply.status, 303, "{}", reply.text);
        let page = self.get("/").await;
        if page.header("location") == "/password" {
            self.get("/password").await;
            let fields = [("password", password), ("new_password", PASSWORD), ("repeated", PASSWORD)];
            let reply = self.post("/password", &fields).await;
            assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/"), "{}", reply.text);
        }
        assert_eq!(self.get("/").await.status, 200);
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.get_with(path, &[]).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let cookies = self.cookie_header();
        let mut all = vec![("cookie", cookies.as_str()), ("accept-language", self.language), ("accept", "text/html")];
        all.extend(headers);
        let reply = self.server.send("GET", path, &all, "").await;
        self.remember(&reply);
        reply
    }

    /// Posts a form of the page that was seen last.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = self.token.borrow().clone();
        let mut fields = fields.to_vec();
        fields.push(("csrf", &token));
        self.post_from(path, &fields, &[("origin", &self.origin()), ("sec-fetch-site", "same-origin")]).await
    }

    /// Posts a form as any page anywhere could make the browser do.
    pub(crate) async fn post_from(&self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Reply {
        let cookies = self.cookie_header();
        let mut all = vec![
            ("cookie", cookies.as_str()),
            ("accept-language", self.language),
            ("accept", "text/html"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        all.extend(headers);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let reply = self.server.send("POST", path, &all, body).await;
        self.remember(&reply);
        reply
    }

    /// Posts a form with a file, from the page that was seen last.
    pub(crate) async fn upload(&self, path: &str, fields: &[(&str, &str)], file: &[u8]) -> Reply {
        let token = self.token.borrow().clone();
        let mut body = Vec::new();
        for (name, value) in fields.iter().copied().chain([("csrf", token.as_str())]) {
            let part = format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        let head = "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n";
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--xyz--\r\n");
        let (cookies, origin) = (self.cookie_header(), self.origin());
        let headers = [
            ("cookie", cookies.as_str()),
            ("accept", "text/html"),
            ("content-type", "multipart/form-data; boundary=xyz"),
            ("origin", origin.as_str()),
            ("sec-fetch-site", "same-origin"),
        ];
        let reply = self.server.send("POST", path, &headers, body).await;
        self.remember(&reply);
        reply
    }

    /// Returns the token of the page that was seen last.
    pub(crate) fn token(&self) -> String {
        self.token.borrow().clone()
    }

    fn cookie_header(&self) -> String {
        let cookies = self.cookies.borrow();
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn remember(&self, reply: &Reply) {
        for cookie in reply.headers.get_all("set-cookie") {
            let text = cookie.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() || text.contains("Max-Age=0") {
                self.cookies.borrow_mut().remove(name);
            } else {
                self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some(token) = between(&reply.text, "name=\"csrf\" value=\"", "\"") {
            self.token.replace(token.to_owned());
        }
    }
}

/// Returns what stands between two marks, the first time.
pub(crate) fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}
