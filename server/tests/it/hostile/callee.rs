//! A phone that answers calls as a test wants, and remembers every request that reached it.

use std::time::Duration;

use sip_proto::message::{Message, Method, Name, ResponseBuilder};
use testkit::RawPhone;
use tokio::{sync::mpsc, task::JoinSet};

/// Requests kept until the test looks at them.
const REMEMBERED: usize = 10_000;

pub(crate) struct Callee {
    requests: mpsc::Receiver<Message>,
    _tasks: JoinSet<()>,
}

impl Callee {
    /// Takes calls on a registered phone. `answer` is asked for the answer to an INVITE, all else is answered by 200.
    pub(crate) fn start(mut phone: RawPhone, answer: impl Fn(&Message) -> Message + Send + 'static) -> Self {
        let (sender, requests) = mpsc::channel(REMEMBERED);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            loop {
                let Ok(Some(message)) = phone.receive(Duration::from_secs(3_600)).await else { continue };
                if !message.is_request() {
                    continue;
                }
                let reply = match message.method() {
                    Method::Ack => None,
                    Method::Invite => Some(answer(&message)),
                    _ => Some(reply(&message, 200, None)),
                };
                if let Some(reply) = reply {
                    phone.send_bytes(reply.bytes()).await.unwrap();
                }
                sender.try_send(message).ok();
            }
        });
        Self { requests, _tasks: tasks }
    }

    /// Takes calls and refuses all of them.
    pub(crate) fn busy(phone: RawPhone) -> Self {
        Self::start(phone, |invite| reply(invite, 486, None))
    }

    /// Returns the next request of that method.
    pub(crate) async fn next(&mut self, method: &Method) -> Message {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(10), self.requests.recv()).await;
            let message = next.unwrap_or_else(|_| panic!("no {method:?} within 10 s")).unwrap();
            if message.method() == method {
                return message;
            }
        }
    }

    /// Returns how many INVITEs came and were not looked at.
    pub(crate) fn invites(&mut self) -> usize {
        std::iter::from_fn(|| self.requests.try_recv().ok()).filter(|m| *m.method() == Method::Invite).count()
    }
}

/// Builds an answer, with a description if there is one.
pub(crate) fn reply(request: &Message, status: u16, sdp: Option<&str>) -> Message {
    // The server calls a phone by the address that it registered.
    let contact = format!("<{}>", String::from_utf8_lossy(request.raw_request_uri().unwrap_or_default()));
    let mut builder = ResponseBuilder::for_request(request, status, "").to_tag("callee");
    if *request.method() == Method::Invite && status < 300 {
        builder = builder.header(Name::Contact, contact);
    }
    if let Some(sdp) = sdp {
        builder = builder.body("application/sdp", sdp.as_bytes());
    }
    builder.finish()
}

/// A description of one G.711 stream with telephone-events on that port of 127.0.0.1.
pub(crate) fn sdp(port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
    )
}

/// An INVITE to 1002 with this description.
pub(crate) fn invite(sdp: &str) -> String {
    format!(
        "INVITE sip:1002@{{server}} SIP/2.0\nVia: SIP/2.0/UDP {{local}};branch={{branch}};rport\nMax-Forwards: 70\n\
         From: <sip:{{user}}@{{server}}>;tag={{tag}}\nTo: <sip:1002@{{server}}>\nCall-ID: {{call}}\n\
         CSeq: {{cseq}} INVITE\nContact: <sip:{{user}}@{{local}}>\n{{login}}\nContent-Type: application/sdp\n\
         Content-Length: {{length}}\n\n{sdp}"
    )
}
