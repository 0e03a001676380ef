//! A browser's phone: SIP over a WebSocket stack that is not ours, media by a WebRTC stack that is not ours.

use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use sip_proto::{
    digest::{Challenge, Login},
    message::{Message, Name, parse},
};
use testkit::{Browser, World, world::PATIENCE};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, client::IntoClientRequest},
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Headers that a response repeats.
const REPEATED: [&str; 6] = ["Via", "From", "To", "Call-ID", "CSeq", "Record-Route"];

/// A browser that is registered.
pub(crate) struct WebPhone {
    socket: Socket,
    domain: String,
    number: String,
    password: String,
    /// What came and nobody has asked for.
    news: VecDeque<Message>,
    count: u32,
}

/// A dialog of it.
pub(crate) struct Dialog {
    call_id: String,
    /// From and To as our requests have them.
    ours: String,
    theirs: String,
    target: String,
    cseq: u32,
}

fn text(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}

/// Returns the URI within angle brackets.
fn uri(contact: &str) -> String {
    contact.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(contact, |(uri, _)| uri).to_owned()
}

pub(crate) fn body(message: &Message) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}

impl WebPhone {
    /// Connects as a page of the server's own and registers.
    pub(crate) async fn register(world: &World, number: &str) -> Self {
        let password = world.server.extension(number).await.unwrap();
        let at = world.server.sip_ws()[0];
        let mut request = format!("ws://{at}/sip").into_client_request().unwrap();
        request.headers_mut().insert("origin", format!("http://{at}").parse().unwrap());
        request.headers_mut().insert("sec-websocket-protocol", "sip".parse().unwrap());
        let (socket, _) = connect_async(request).await.unwrap();
        let domain = world.server.sip().to_string();
        let mut phone = Self { socket, domain, number: number.to_owned(), password, news: VecDeque::new(), count: 0 };
        let own = format!("<sip:{number}@{}>", phone.domain);
        let headers = format!(
            "To: {own}\r\nFrom: {own};tag=reg\r\nCall-ID: reg-{number}\r\n{}Expires: 300\r\n\
             Supported: path, gruu, outbound\r\n",
            phone.contact()
        );
        let registrar = format!("sip:{}", phone.domain);
        phone.request("REGISTER", &registrar, &headers, 1, "", "").await;
        let challenge = phone.response().await;
        assert_eq!(challenge.status(), Some(401));
        let login = phone.login(&challenge, "REGISTER", &registrar);
        phone.request("REGISTER", &registrar, &format!("{headers}{login}"), 2, "", "").await;
        assert_eq!(phone.response().await.status(), Some(200));
        phone
    }

    fn contact(&self) -> String {
        format!(
            "Contact: <sip:u{0}@df7jal23ls0d.invalid;transport=ws>;+sip.ice;reg-id=1;\
             +sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e{0}>\"\r\n",
            self.number
        )
    }

    fn login(&self, challenge: &Message, method: &str, uri: &str) -> String {
        let proxy = challenge.status() == Some(407);
        let (asks, answers) = if proxy {
            (Name::ProxyAuthenticate, "Proxy-Authorization")
        } else {
            (Name::WwwAuthenticate, "Authorization")
        };
        let challenge = Challenge::parse(challenge.header(asks).unwrap()).unwrap();
        let login = Login { username: &self.number, password: &self.password };
        format!("{answers}: {}\r\n", challenge.answer(&login, method, uri, "0a4f113b", 1))
    }

    async fn request(&mut self, method: &str, uri: &str, headers: &str, cseq: u32, kind: &str, body: &str) {
        self.count += 1;
        let (branch, length) = (self.count, body.len());
        let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        let message = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK{branch}x{}\r\n\
             Max-Forwards: 69\r\n{headers}CSeq: {cseq} {method}\r\n{kind}Content-Length: {length}\r\n\r\n{body}",
            self.number
        );
        self.socket.send(tungstenite::Message::text(message)).await.unwrap();
    }

    async fn respond(&mut self, request: &Message, status: &str, sdp: Option<&str>) {
        let mut message = format!("SIP/2.0 {status}\r\n");
        for (name, value) in request.raw_headers() {
            let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
            if REPEATED.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                let tag = if name.eq_ignore_ascii_case("To") && !value.contains(";tag=") { ";tag=us" } else { "" };
                message.push_str(&format!("{name}: {}{tag}\r\n", value.trim()));
            }
        }
        message.push_str(&self.contact());
        if sdp.is_some() {
            message.push_str("Content-Type: application/sdp\r\n");
        }
        let body = sdp.unwrap_or_default();
        message.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.socket.send(tungstenite::Message::text(message)).await.unwrap();
    }

    /// Reads one message.
    async fn read(&mut self) -> Message {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("it says something");
            if let tungstenite::Message::Text(text) = message.unwrap().unwrap()
                && text.trim() != ""
            {
                return parse(bytes::Bytes::copy_from_slice(text.as_bytes())).unwrap();
            }
        }
    }

    /// Waits for a message that is asked for; what else comes is kept, and requests are answered.
    pub(crate) async fn expect(&mut self, wanted: impl Fn(&Message) -> bool) -> Message {
        if let Some(at) = self.news.iter().position(&wanted) {
            return self.news.remove(at).unwrap();
        }
        loop {
            let message = self.read().await;
            if message.status().is_none() && !matches!(message.method().as_str(), "INVITE" | "ACK") {
                self.respond(&message, "200 OK", None).await;
            }
            if wanted(&message) {
                return message;
            }
            self.news.push_back(message);
        }
    }

    pub(crate) async fn expect_request(&mut self, method: &str) -> Message {
        self.expect(|message| message.status().is_none() && message.method().as_str() == method).await
    }

    async fn response(&mut self) -> Message {
        self.expect(|message| message.status().is_some_and(|status| status >= 200)).await
    }

    /// Calls a number; returns the answer and its dialog.
    pub(crate) async fn invite(&mut self, number: &str, offer: &str) -> (Message, Dialog) {
        let target = format!("sip:{number}@{}", self.domain);
        let (ours, theirs) = (format!("<sip:{}@{}>;tag=call", self.number, self.domain), format!("<{target}>"));
        self.count += 1;
        let call_id = format!("call-{}-{}", self.number, self.count);
        let mut dialog = Dialog { call_id, ours, theirs, target, cseq: 0 };
        let answer = self.in_dialog(&mut dialog, "INVITE", "application/sdp", offer).await;
        (answer, dialog)
    }

    /// Calls a number and talks.
    pub(crate) async fn call(&mut self, number: &str, browser: &Browser) -> Dialog {
        let (answer, dialog) = self.invite(number, &browser.offer()).await;
        assert_eq!(answer.status(), Some(200), "{answer:?}");
        browser.answered(&body(&answer));
        dialog
    }

    /// Sends a request in a dialog, with its password if asked for it, and acknowledges the answer to an INVITE.
    pub(crate) async fn in_dialog(&mut self, dialog: &mut Dialog, method: &str, kind: &str, content: &str) -> Message {
        let mut login = String::new();
        loop {
            dialog.cseq += 1;
            let headers = |login: &str, contact: &str| {
                let Dialog { call_id, ours, theirs, .. } = &dialog;
                format!("From: {ours}\r\nTo: {theirs}\r\nCall-ID: {call_id}\r\n{contact}{login}")
            };
            let (target, cseq) = (dialog.target.clone(), dialog.cseq);
            let whole = headers(&login, &self.contact());
            self.request(method, &target, &whole, cseq, kind, content).await;
            let answer = self.response().await;
            if method == "INVITE" {
                if answer.status() == Some(200) {
                    dialog.theirs = text(&answer, Name::To);
                    dialog.target = uri(&text(&answer, Name::Contact));
                }
                let Dialog { call_id, ours, target, .. } = &*dialog;
                let acknowledged = format!("From: {ours}\r\nTo: {}\r\nCall-ID: {call_id}\r\n", text(&answer, Name::To));
                let target = target.clone();
                self.request("ACK", &target, &acknowledged, cseq, "", "").await;
            }
            if !matches!(answer.status(), Some(401 | 407)) {
                return answer;
            }
            assert!(login.is_empty(), "the password is right");
            login = self.login(&answer, method, &target);
        }
    }

    /// Sends another offer in the call and returns the answer.
    pub(crate) async fn offer_again(&mut self, dialog: &mut Dialog, offer: &str) -> Message {
        self.in_dialog(dialog, "INVITE", "application/sdp", offer).await
    }

    pub(crate) async fn hang_up(&mut self, dialog: &mut Dialog) {
        assert_eq!(self.in_dialog(dialog, "BYE", "", "").await.status(), Some(200));
    }

    /// Takes a call that comes in.
    pub(crate) async fn pick_up(&mut self, browser: &Browser) -> Dialog {
        let invite = self.expect_request("INVITE").await;
        self.respond(&invite, "180 Ringing", None).await;
        let answer = browser.answer(&body(&invite));
        self.respond(&invite, "200 OK", Some(&answer)).await;
        self.expect_request("ACK").await;
        Dialog {
            call_id: text(&invite, Name::CallId),
            ours: format!("{};tag=us", text(&invite, Name::To)),
            theirs: text(&invite, Name::From),
            target: uri(&text(&invite, Name::Contact)),
            cseq: 100,
        }
    }

    /// Hands the other side on, blind.
    pub(crate) async fn refer(&mut self, dialog: &mut Dialog, number: &str) {
        dialog.cseq += 1;
        let Dialog { call_id, ours, theirs, target, cseq } = &*dialog;
        let headers = format!(
            "From: {ours}\r\nTo: {theirs}\r\nCall-ID: {call_id}\r\n{}Refer-To: <sip:{number}@{}>\r\n",
            self.contact(),
            self.domain
        );
        let (target, cseq) = (target.clone(), *cseq);
        self.request("REFER", &target, &headers, cseq, "", "").await;
        let answer = self.response().await;
        assert_eq!(answer.status(), Some(202), "{answer:?}");
    }
}
