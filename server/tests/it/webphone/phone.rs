//! A phone as JsSIP is one: SIP over WebSocket by a stack that is not ours, with the login of a session.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use sip_proto::{
    digest::{Challenge, Login},
    message::{Message, Name, parse},
};
use testkit::world::PATIENCE;
use tokio_tungstenite::tungstenite;

use crate::calls::ws::{Socket, connect};

/// The Contact of all phones here: nobody can reach it but over its connection.
const CONTACT: &str = "sip:u0@df7jal23ls0d.invalid;transport=ws";
pub(crate) struct Phone {
    socket: Socket,
    pub(crate) extension: String,
    realm: String,
    username: String,
    password: String,
    /// What REGISTER names the phone by; the same over all its connections.
    pub(crate) instance: String,
    call_id: String,
    cseq: u32,
    sent: u32,
}

impl Phone {
    /// Connects with what `sip-config` answered, as a page of the server's own.
    pub(crate) async fn connect(host: &str, config: &Value) -> Self {
        let text = |name: &str| config[name].as_str().unwrap_or_else(|| panic!("{name} in {config}")).to_owned();
        Self {
            socket: open(host).await,
            extension: text("extension"),
            realm: text("realm"),
            username: text("sip_username"),
            password: text("sip_password"),
            instance: format!("f81d4fae-7dec-11d0-a765-00a0c91e{}", text("extension")),
            call_id: format!("register-{}-{:08x}", text("extension"), rand()),
            cseq: 0,
            sent: 0,
        }
    }

    /// Registers for five minutes; returns the status of the last answer.
    pub(crate) async fn register(&mut self) -> u16 {
        self.register_for(300).await.status().unwrap()
    }

    pub(crate) async fn register_for(&mut self, expires: u32) -> Message {
        let (realm, extension, call_id) = (self.realm.clone(), self.extension.clone(), self.call_id.clone());
        let uri = format!("sip:{realm}");
        let mut login = String::new();
        for again in [false, true] {
            self.cseq += 1;
            let (cseq, branch, instance) = (self.cseq, self.branch(), &self.instance);
            let request = format!(
                "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch={branch}\r\nMax-Forwards: 69\r\n\
                 To: <sip:{extension}@{realm}>\r\nFrom: <sip:{extension}@{realm}>;tag=aa\r\nCall-ID: {call_id}\r\n\
                 CSeq: {cseq} REGISTER\r\n{login}Contact: <{CONTACT}>;+sip.ice;reg-id=1;\
                 +sip.instance=\"<urn:uuid:{instance}>\";expires={expires}\r\nExpires: {expires}\r\n\
                 Supported: path, gruu, outbound\r\nContent-Length: 0\r\n\r\n"
            );
            self.send(request).await;
            let answer = self.answer_to(&branch).await;
            let Some(challenge) = answer.header(Name::WwwAuthenticate).filter(|_| !again) else { return answer };
            login = format!("Authorization: {}\r\n", self.proof(challenge, "REGISTER", &uri));
        }
        unreachable!("the second answer is the last one")
    }

    fn proof(&self, challenge: &[u8], method: &str, uri: &str) -> String {
        let challenge = Challenge::parse(challenge).unwrap();
        let login = Login { username: &self.username, password: &self.password };
        challenge.answer(&login, method, uri, "0a4f113b", 1)
    }

    /// Answers a request.
    pub(crate) async fn answer(&mut self, request: &Message, status: &str, body: &str) {
        let copied: String = [Name::Via, Name::From, Name::CallId, Name::CSeq]
            .into_iter()
            .map(|name| format!("{name}: {}\r\n", text(request, name)))
            .collect();
        let to = text(request, Name::To);
        let tag = if to.contains(";tag=") { "" } else { ";tag=browser" };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        self.send(format!(
            "SIP/2.0 {status}\r\n{copied}To: {to}{tag}\r\nContact: <{CONTACT}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    }

    /// Waits for the next request with that method; answers others 200.
    pub(crate) async fn asked(&mut self, method: &str) -> Message {
        loop {
            let message = self.hear().await;
            if !message.is_request() || message.method().as_str() == "ACK" && method != "ACK" {
                continue;
            }
            if message.method().as_str() == method {
                return message;
            }
            self.answer(&message, "200 OK", "").await;
        }
    }

    /// Waits for the next response to the request with that branch, 100 left out.
    pub(crate) async fn answer_to(&mut self, branch: &str) -> Message {
        loop {
            let message = self.hear().await;
            let is_its = message.via().is_some_and(|via| via.branch() == Some(branch));
            if !message.is_request() && is_its && message.status() != Some(100) {
                return message;
            }
        }
    }

    /// Sends the two line ends that ask whether the server is there, and says how long its answer took; nothing if it
    /// closed.
    pub(crate) async fn ping(&mut self) -> Option<Duration> {
        let asked = tokio::time::Instant::now();
        self.send("\r\n\r\n".to_owned()).await;
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next()).await.unwrap()? {
                Ok(tungstenite::Message::Text(text)) if text.as_str() == "\r\n" => return Some(asked.elapsed()),
                Ok(tungstenite::Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(crate) async fn send(&mut self, text: String) {
        self.socket.send(tungstenite::Message::text(text)).await.unwrap();
    }

    async fn hear(&mut self) -> Message {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("it is said in time");
            match message.expect("the connection is open").unwrap() {
                tungstenite::Message::Text(text) if text.trim().is_empty() => {}
                tungstenite::Message::Text(text) => {
                    return parse(bytes::Bytes::copy_from_slice(text.as_bytes())).unwrap();
                }
                tungstenite::Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn branch(&mut self) -> String {
        self.sent += 1;
        format!("z9hG4bK{}-{:08x}", self.sent, rand())
    }
}

async fn open(host: &str) -> Socket {
    connect(&format!("ws://{host}/sip"), Some(&format!("http://{host}")), Some("sip")).await.unwrap()
}

pub(crate) fn text(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}

fn rand() -> u32 {
    let [a, b, c, d, ..] = uuid::Uuid::new_v4().into_bytes();
    u32::from_be_bytes([a, b, c, d])
}
