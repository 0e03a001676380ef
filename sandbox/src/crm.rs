//! A customer's CRM: a small client of the REST API.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// Largest answer taken; a recording of an hour in two channels is 115 MB.
const ANSWER_LIMIT: usize = 128 * 1024 * 1024;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client with the server's base URL and, once signed in, a token. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Crm {
    base: String,
    token: Option<String>,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// An answer of the API.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub bytes: Bytes,
    /// The body as JSON, null if it is none.
    pub json: Value,
}

impl Crm {
    /// Returns a client of the server at `base`, such as `http://127.0.0.1:8080`.
    pub fn new(base: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self { base: base.trim_end_matches('/').to_owned(), token: None, client }
    }

    /// Returns the same client with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Signs in by `POST /api/auth/login` and returns a client that carries the token.
    pub async fn log_in(&self, username: &str, password: &str) -> io::Result<Self> {
        let body = serde_json::json!({ "username": username, "password": password, "device_name": "sandbox" });
        let reply = self.post("/api/auth/login", &body).await?.expect_status(200)?;
        let token = reply.json["token"].as_str().ok_or_else(|| reply.surprise("an answer with a token"))?;
        Ok(self.with_token(token))
    }

    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub async fn get(&self, path: &str) -> io::Result<Reply> {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> io::Result<Reply> {
        self.send(Method::POST, path, &[JSON], body.to_string().into()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> io::Result<Reply> {
        self.send(Method::PUT, path, &[JSON], body.to_string().into()).await
    }

    pub async fn delete(&self, path: &str) -> io::Result<Reply> {
        self.send(Method::DELETE, path, &[], Bytes::new()).await
    }

    /// Sends any request; `path` may be a whole URL of the same server, such as a signed one.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Bytes) -> io::Result<Reply> {
        let url = if path.starts_with('/') { format!("{}{path}", self.base) } else { path.to_owned() };
        let mut request = Request::builder().method(method).uri(url).header(header::ACCEPT, "application/json");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).map_err(io::Error::other)?;
        let exchange = async {
            let answer = self.client.request(request).await.map_err(io::Error::other)?;
            let (parts, body) = answer.into_parts();
            let bytes = Limited::new(body, ANSWER_LIMIT).collect().await.map_err(io::Error::other)?.to_bytes();
            let json = serde_json::from_slice(&bytes).unwrap_or_default();
            Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, bytes, json })
        };
        tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Asks for a call from an agent's extension to a phone number and returns the answer of status 202.
    pub async fn click_to_call(&self, extension: &str, number: &str) -> io::Result<Value> {
        let body = serde_json::json!({ "from_extension": extension, "to_phone": number });
        let reply = self.post("/api/pbx/calls/click-to-call", &body).await?.expect_status(202)?;
        Ok(reply.json["data"].clone())
    }

    /// Fetches a recording the way a browser would: the signed address first, then what it points to, without a token.
    /// Returns the WAV file, `None` if the call has no recording.
    pub async fn recording(&self, call: &str) -> io::Result<Option<Bytes>> {
        let reply = self.get(&format!("/api/pbx/cdr/{call}/recording")).await?;
        if reply.status == 404 {
            return Ok(None);
        }
        let reply = reply.expect_status(302)?;
        let target = reply.header("location");
        // The published host of the server may be another name for it; the path and its signature count.
        let path = target.find("/recordings/").map_or(target, |at| &target[at..]);
        let stranger = Self { token: None, ..self.clone() };
        Ok(Some(stranger.get(path).await?.expect_status(200)?.bytes))
    }
}

const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

impl Reply {
    /// Returns a header's value, empty if absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Passes the reply on if it has that status.
    pub fn expect_status(self, status: u16) -> io::Result<Self> {
        if self.status == status { Ok(self) } else { Err(self.surprise(&format!("status {status}"))) }
    }

    fn surprise(&self, wanted: &str) -> io::Error {
        let body = String::from_utf8_lossy(&self.bytes);
        let start: String = body.chars().take(400).collect();
        io::Error::other(format!("expected {wanted}, got status {}: {start}", self.status))
    }
}
