//! A phone as JsSIP is one: SIP over WebSocket by a stack that is not ours, with the login of a session.

use std::{net::UdpSocket, time::Duration};

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
    host: String,
    socket: Socket,
    /// Where sound for it goes. It says nothing itself.
    media: UdpSocket,
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
            host: host.to_owned(),
            socket: open(host).await,
            media: UdpSocket::bind("127.0.0.1:0").unwrap(),
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

    /// Takes another connection, as the same phone.
    pub(crate) async fn reconnect(&mut self) {
        self.socket = open(&self.host).await;
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

    /// Calls a number; returns the call with the first answer to its INVITE, 100 and the question for a login left out.
    pub(crate) async fn call(&mut self, number: &str) -> Dialled {
        let uri = format!("sip:{number}@{}", self.realm);
        let (to, call_id) = (format!("<{uri}>"), format!("call-{:08x}", rand()));
        let (branch, answers) = (String::new(), Vec::new());
        let mut call = Dialled { target: uri.clone(), to: to.clone(), call_id, branch, cseq: 0, answers };
        let mut headers = "Content-Type: application/sdp\r\n".to_owned();
        loop {
            (call.branch, call.cseq) = (self.branch(), call.cseq + 1);
            let invite = self.within(&call, "INVITE", &call.branch, &headers, &self.offer());
            self.send(invite).await;
            let first = self.answer_to(&call.branch).await;
            let Some(challenge) = first.header(Name::ProxyAuthenticate).filter(|_| call.cseq == 1) else {
                self.note(&mut call, first).await;
                return call;
            };
            headers.push_str(&format!("Proxy-Authorization: {}\r\n", self.proof(challenge, "INVITE", &uri)));
            call.to = text(&first, Name::To);
            let ack = self.within(&call, "ACK", &call.branch, "", "");
            self.send(ack).await;
            call.to.clone_from(&to);
        }
    }

    fn offer(&self) -> String {
        let port = self.media.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
    }

    /// Notes an answer to a call's INVITE, and acknowledges it if it is the last one.
    async fn note(&mut self, call: &mut Dialled, answer: Message) {
        call.to = text(&answer, Name::To);
        let status = answer.status().unwrap();
        if status >= 200 {
            let mut branch = call.branch.clone();
            if status < 300 {
                let contact = text(&answer, Name::Contact);
                let (_, target) = contact.split_once('<').unwrap();
                call.target = target.split('>').next().unwrap().to_owned();
                branch = self.branch();
            }
            let ack = self.within(call, "ACK", &branch, "", "");
            self.send(ack).await;
        }
        call.answers.push(answer);
    }

    /// Waits for an answer to a call's INVITE with that status.
    pub(crate) async fn answered(&mut self, call: &mut Dialled, status: u16) -> Message {
        loop {
            if let Some(found) = call.answers.iter().find(|answer| answer.status() == Some(status)) {
                return found.clone();
            }
            let last = call.answers.last().filter(|answer| answer.status().is_some_and(|status| status >= 200));
            assert!(last.is_none(), "{last:?}");
            let answer = self.answer_to(&call.branch).await;
            self.note(call, answer).await;
        }
    }

    /// Returns a BYE that ends a call, and its branch.
    pub(crate) fn bye(&mut self, call: &mut Dialled) -> (String, String) {
        call.cseq += 1;
        let branch = self.branch();
        (self.within(call, "BYE", &branch, "", ""), branch)
    }

    /// Returns a request of a call.
    fn within(&self, call: &Dialled, method: &str, branch: &str, headers: &str, body: &str) -> String {
        let Dialled { target, to, call_id, cseq, .. } = call;
        let (extension, realm, length) = (&self.extension, &self.realm, body.len());
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch={branch}\r\nMax-Forwards: 69\r\n\
             To: {to}\r\nFrom: <sip:{extension}@{realm}>;tag=me\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <{CONTACT};ob>\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        )
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

/// A call that a phone began.
pub(crate) struct Dialled {
    target: String,
    to: String,
    call_id: String,
    /// Of its INVITE.
    branch: String,
    cseq: u32,
    /// To its INVITE, the first one first.
    answers: Vec<Message>,
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
