//! The handshake of SIP over WebSocket (RFC 6455 §4.2, RFC 7118 §4): on a listener of its own, or for an HTTP server.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::{
    connection::Connection,
    door::{Door, Pass},
    tcp,
};
use crate::Flow;

/// The path that SIP is served at.
pub const PATH: &str = "/sip";
/// What makes the answer to a key (RFC 6455 §1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of a handshake's head.
const HEAD: usize = 8 * 1024;

/// A client's request to speak SIP over WebSocket, as it stands in the head of its HTTP request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Handshake<'a> {
    pub host: Option<&'a str>,
    pub origin: Option<&'a str>,
    pub upgrade: Option<&'a str>,
    pub connection: Option<&'a str>,
    pub version: Option<&'a str>,
    pub key: Option<&'a str>,
    pub protocols: Option<&'a str>,
}

/// The answer to a handshake: the status, and for 101 what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 101 with `Sec-WebSocket-Accept` and the sub-protocol `sip`.
    Switch { accept: String },
    /// A refusal; 426 goes with `Sec-WebSocket-Version: 13`.
    Refuse { status: u16, why: &'static str },
}

/// The web sites whose pages may connect. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Origins(Arc<RwLock<Allowed>>);

#[derive(Debug, Default)]
struct Allowed {
    origins: HashSet<String>,
    /// Every origin, and none.
    all: bool,
}

impl Origins {
    /// Replaces the origins, such as `https://crm.example.com`; `*` lets everybody in, programs without an origin too.
    pub fn replace(&self, origins: impl IntoIterator<Item = String>) {
        let origins: HashSet<String> = origins.into_iter().map(|origin| normal(&origin)).collect();
        let all = origins.contains("*");
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Allowed { origins, all };
    }

    /// Tells whether a page from there may connect: one of the list, or of the host that is asked.
    fn allow(&self, origin: Option<&str>, host: &str) -> bool {
        let allowed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(origin) = origin else { return allowed.all };
        let own = |scheme: &str| origin.strip_prefix(scheme).is_some_and(|rest| rest.eq_ignore_ascii_case(host));
        allowed.all || allowed.origins.contains(&normal(origin)) || own("https://") || own("http://")
    }
}

fn normal(origin: &str) -> String {
    origin.trim().trim_end_matches('/').to_ascii_lowercase()
}

impl Handshake<'_> {
    /// Judges a GET of [`PATH`] by HTTP/1.1.
    pub fn answer(&self, origins: &Origins) -> Answer {
        let refuse = |status, why| Answer::Refuse { status, why };
        if !has(self.upgrade, "websocket") || !has(self.connection, "upgrade") {
            return refuse(426, "this is SIP over WebSocket");
        }
        if self.version.map(str::trim) != Some("13") {
            return refuse(426, "the version of WebSocket is 13");
        }
        let Some(key) = self.key.map(str::trim).filter(|key| is_key(key)) else {
            return refuse(400, "Sec-WebSocket-Key is missing or none");
        };
        let Some(host) = self.host else { return refuse(400, "Host is missing") };
        if !origins.allow(self.origin, host.trim()) {
            return refuse(403, "pages from there may not connect");
        }
        if !has(self.protocols, "sip") {
            return refuse(400, "the sub-protocol is sip");
        }
        let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
        Answer::Switch { accept }
    }
}

/// Tells whether a list has a word, in any case.
fn has(list: Option<&str>, word: &str) -> bool {
    list.is_some_and(|list| list.split(',').any(|one| one.trim().eq_ignore_ascii_case(word)))
}

/// Tells whether this is the Base64 of 16 bytes.
fn is_key(key: &str) -> bool {
    STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

/// Reads and answers the handshake on a connection of our own listener, then runs the connection.
pub(crate) async fn shake_hands<S>(door: Arc<Door>, flow: Flow, pass: Arc<Pass>, mut stream: S, origins: &Origins)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let within = door.limits.first_message;
    let Ok(Some((head, early))) = timeout(within, read_head(&mut stream)).await else { return };
    let answer = judge(&head, origins);
    let text = match &answer {
        Answer::Switch { accept } => format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
        ),
        Answer::Refuse { status, why } => {
            let version = if *status == 426 { "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" } else { "" };
            let reason = reason(*status);
            format!(
                "HTTP/1.1 {status} {reason}\r\n{version}Connection: close\r\nContent-Type: text/plain\r\n\
                 Content-Length: {}\r\n\r\n{why}",
                why.len()
            )
        }
    };
    let sent = timeout(within, async {
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await
    });
    if !matches!(sent.await, Ok(Ok(()))) {
        return;
    }
    if matches!(answer, Answer::Refuse { .. }) {
        let _ = timeout(within, stream.shutdown()).await;
        return;
    }
    if let Some(writes) = tcp::announce(&door, flow, pass).await {
        Connection::new(door, flow, stream, writes).run_after(&early).await;
    }
}

/// Reads to the end of an HTTP head; returns it and what came after it. `None` if there is no such end.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let early = bytes.split_off(end + 4);
            return Some((String::from_utf8(bytes).ok()?, early));
        }
        if bytes.len() >= HEAD || stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Judges the head of a request.
fn judge(head: &str, origins: &Origins) -> Answer {
    let refuse = |status, why| Answer::Refuse { status, why };
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target, version) = (words.next(), words.next().unwrap_or_default(), words.next());
    if version != Some("HTTP/1.1") || words.next().is_some() {
        return refuse(400, "HTTP/1.1 is spoken here");
    }
    if method != Some("GET") {
        return refuse(405, "GET is the method");
    }
    if target.split('?').next() != Some(PATH) {
        return refuse(404, "SIP is at /sip");
    }
    let mut handshake = Handshake::default();
    for line in lines.filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else { return refuse(400, "a broken header") };
        let slot = match name.to_ascii_lowercase().as_str() {
            "host" => &mut handshake.host,
            "origin" => &mut handshake.origin,
            "upgrade" => &mut handshake.upgrade,
            "connection" => &mut handshake.connection,
            "sec-websocket-version" => &mut handshake.version,
            "sec-websocket-key" => &mut handshake.key,
            "sec-websocket-protocol" => &mut handshake.protocols,
            _ => continue,
        };
        if slot.replace(value.trim()).is_some() {
            return refuse(400, "a header is there twice");
        }
    }
    handshake.answer(origins)
}

fn reason(status: u16) -> &'static str {
    match status {
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        426 => "Upgrade Required",
        _ => "Bad Request",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "GET /sip HTTP/1.1\r\nHost: pbx.example\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
        Origin: https://pbx.example\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: chat, sip\r\n\r\n";

    #[test]
    fn the_example_of_the_rfc_is_answered_as_there() {
        let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned();
        assert_eq!(judge(GOOD, &Origins::default()), Answer::Switch { accept });
    }

    #[test]
    fn what_is_no_handshake_of_a_friend_is_refused() {
        for (from, to, status) in [
            ("Origin: https://pbx.example", "Origin: https://evil.example", 403),
            ("Origin: https://pbx.example", "Origin: https://pbx.example.evil.example", 403),
            ("Origin: https://pbx.example", "Origin: null", 403),
            ("Origin: https://pbx.example\r\n", "", 403),
            ("Version: 13", "Version: 12", 426),
            ("Sec-WebSocket-Version: 13\r\n", "", 426),
            ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400),
            ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", 400),
            ("HTTP/1.1", "HTTP/1.0", 400),
            ("chat, sip", "chat", 400),
            ("Sec-WebSocket-Protocol: chat, sip\r\n", "", 400),
            ("GET /sip", "GET /other", 404),
            ("GET", "POST", 405),
            ("Upgrade: websocket\r\n", "", 426),
            ("Host: pbx.example\r\n", "", 400),
            ("Host: pbx.example\r\n", "Host: pbx.example\r\nHost: pbx.example\r\n", 400),
            ("Host: pbx.example", "Host pbx.example", 400),
        ] {
            let head = GOOD.replacen(from, to, 1);
            let answer = judge(&head, &Origins::default());
            assert!(matches!(answer, Answer::Refuse { status: found, .. } if found == status), "{to:?}: {answer:?}");
        }
    }

    #[test]
    fn listed_origins_may_connect_and_a_star_lets_programs_in() {
        let origins = Origins::default();
        origins.replace(["https://CRM.example/".to_owned()]);
        let foreign = GOOD.replace("Origin: https://pbx.example", "Origin: https://crm.example");
        assert!(matches!(judge(&foreign, &origins), Answer::Switch { .. }));
        let program = GOOD.replace("Origin: https://pbx.example\r\n", "");
        assert!(matches!(judge(&program, &origins), Answer::Refuse { status: 403, .. }));
        origins.replace(["*".to_owned()]);
        assert!(matches!(judge(&program, &origins), Answer::Switch { .. }));
    }
}
