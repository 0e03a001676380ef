//! A phone that says exactly what a test writes: for odd, broken and hostile SIP.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use bytes::Bytes;
use sip_proto::{
    digest::{Challenge, Login},
    message::{Frame, Framer, Message, Name, parse},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

/// Largest datagram taken.
const LARGEST: usize = 65_535;

/// A socket with a name, that fills in templates.
///
/// Lines of a template end in `\n` and are sent with CR LF; these keys are replaced: `{server}` and `{local}` (address
/// and port), `{user}`, `{call}` (a Call-ID), `{tag}`, `{branch}` (new on each use), `{cseq}` (counts up on each
/// message), `{length}` (of the body). `SIP/2.0/UDP` becomes what the phone speaks.
#[derive(Debug)]
pub struct RawPhone {
    link: Link,
    server: SocketAddr,
    user: String,
    password: String,
    unique: u64,
    cseq: u32,
    /// The last request that was sent from a template.
    sent: String,
}

#[derive(Debug)]
enum Link {
    Udp(UdpSocket),
    Tcp(TcpStream, Framer),
}

impl RawPhone {
    /// Opens a phone on a free port of 127.0.0.1.
    pub async fn open(user: &str, password: &str, server: SocketAddr) -> anyhow::Result<Self> {
        Self::open_at("127.0.0.1", user, password, server).await
    }

    /// Opens a phone on a free port of another loopback address.
    pub async fn open_at(ip: &str, user: &str, password: &str, server: SocketAddr) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((ip, 0)).await?;
        Ok(Self::new(Link::Udp(socket), user, password, server))
    }

    /// Connects a phone by TCP.
    pub async fn connect(user: &str, password: &str, server: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self::new(Link::Tcp(stream, Framer::new()), user, password, server))
    }

    fn new(link: Link, user: &str, password: &str, server: SocketAddr) -> Self {
        let (user, password) = (user.to_owned(), password.to_owned());
        Self { link, server, user, password, unique: rand::random(), cseq: 0, sent: String::new() }
    }

    /// Returns the phone's address.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(match &self.link {
            Link::Udp(socket) => socket.local_addr()?,
            Link::Tcp(stream, _) => stream.local_addr()?,
        })
    }

    /// Fills in a template and sends it; returns what was sent.
    pub async fn send(&mut self, template: &str) -> anyhow::Result<String> {
        let text = self.fill(template)?;
        self.send_bytes(text.as_bytes()).await?;
        self.sent.clone_from(&text);
        Ok(text)
    }

    /// Fills in a template, changes bytes of it, and sends it.
    pub async fn send_bytes_of(&mut self, template: &str, change: impl FnOnce(&mut [u8])) -> anyhow::Result<()> {
        self.sent = self.fill(template)?;
        let mut bytes = self.sent.clone().into_bytes();
        change(&mut bytes);
        self.send_bytes(&bytes).await
    }

    /// Acknowledges the answer to the last request, an INVITE.
    pub async fn acknowledge(&mut self, answer: &Message) -> anyhow::Result<()> {
        self.acknowledge_with(answer, "").await
    }

    /// Acknowledges with a description.
    pub async fn acknowledge_with(&mut self, answer: &Message, sdp: &str) -> anyhow::Result<()> {
        let head = self.sent.split("\r\n\r\n").next().unwrap_or_default();
        let mut ack = String::new();
        for line in head.split("\r\n") {
            let name = line.split(':').next().unwrap_or_default();
            match name {
                "Via" | "From" | "Call-ID" | "Max-Forwards" => ack.push_str(line),
                "CSeq" => ack.push_str(&line.replace("INVITE", "ACK")),
                "To" => {
                    let to = answer.header(Name::To).context("an answer without To")?;
                    ack.push_str(&format!("To: {}", String::from_utf8_lossy(to)));
                }
                _ if line.starts_with("INVITE ") => ack.push_str(&line.replacen("INVITE", "ACK", 1)),
                _ => continue,
            }
            ack.push_str("\r\n");
        }
        if !sdp.is_empty() {
            ack.push_str("Content-Type: application/sdp\r\n");
        }
        ack.push_str(&format!("Content-Length: {}\r\n\r\n{sdp}", sdp.len()));
        self.send_bytes(ack.as_bytes()).await
    }

    /// Sends bytes as they are.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match &mut self.link {
            Link::Udp(socket) => drop(socket.send_to(bytes, self.server).await?),
            Link::Tcp(stream, _) => stream.write_all(bytes).await?,
        }
        Ok(())
    }

    /// Returns the next message, `None` if none comes within `patience`. An error if the server closed the connection.
    pub async fn receive(&mut self, patience: Duration) -> anyhow::Result<Option<Message>> {
        let Some(bytes) = self.receive_bytes(patience).await? else { return Ok(None) };
        match parse(bytes.clone()) {
            Ok(message) => Ok(Some(message)),
            Err(error) => {
                bail!("the server sent what cannot be parsed ({error}):\n{}", String::from_utf8_lossy(&bytes))
            }
        }
    }

    /// Returns the next message unread: an answer repeats what was wrong with its request.
    pub async fn receive_bytes(&mut self, patience: Duration) -> anyhow::Result<Option<Bytes>> {
        timeout(patience, self.next_bytes()).await.map_or(Ok(None), |received| received.map(Some))
    }

    async fn next_bytes(&mut self) -> anyhow::Result<Bytes> {
        let mut buffer = vec![0; LARGEST];
        match &mut self.link {
            Link::Udp(socket) => {
                let (length, _) = socket.recv_from(&mut buffer).await?;
                buffer.truncate(length);
                Ok(Bytes::from(buffer))
            }
            Link::Tcp(stream, framer) => loop {
                match framer.next() {
                    Some(Ok(Frame::Message(bytes))) => return Ok(bytes),
                    Some(Ok(Frame::KeepAlive | Frame::Pong)) => continue,
                    Some(Err(error)) => bail!("{error}"),
                    None => {}
                }
                let length = stream.read(&mut buffer).await?;
                anyhow::ensure!(length > 0, "the server closed the connection");
                framer.push(buffer.get(..length).unwrap_or_default());
            },
        }
    }

    /// Returns the next final response, passing over provisional ones and requests.
    pub async fn final_response(&mut self) -> anyhow::Result<Message> {
        loop {
            let message = self.receive(Duration::from_secs(5)).await?.context("no final response within 5 s")?;
            if message.status().is_some_and(|status| status >= 200) {
                return Ok(message);
            }
        }
    }

    /// Sends a request and its repetition with the login that the challenge asks for; returns the last answer.
    /// The template has `{login}` as a line of its own.
    pub async fn request(&mut self, template: &str) -> anyhow::Result<Message> {
        self.send(&template.replace("{login}\n", "")).await?;
        let answer = self.final_response().await?;
        if !matches!(answer.status(), Some(401 | 407)) {
            return Ok(answer);
        }
        let line = self.login(&answer, template)?;
        self.send(&template.replace("{login}\n", &line)).await?;
        self.final_response().await
    }

    /// Answers the challenge in an answer: returns the header line for the template's request, LF included.
    pub fn login(&mut self, answer: &Message, template: &str) -> anyhow::Result<String> {
        let (challenge, header) = match answer.status() {
            Some(401) => (answer.header(Name::WwwAuthenticate), "Authorization"),
            _ => (answer.header(Name::ProxyAuthenticate), "Proxy-Authorization"),
        };
        let challenge = Challenge::parse(challenge.context("an answer without a challenge")?)?;
        let mut words = template.split_whitespace();
        let (method, uri) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let uri = self.fill(uri)?;
        let login = Login { username: &self.user, password: &self.password };
        Ok(format!("{header}: {}\n", challenge.answer(&login, method, &uri, "0a4f113b", 1)))
    }

    /// Registers the phone at `domain` for ten minutes.
    pub async fn register(&mut self, domain: &str) -> anyhow::Result<()> {
        let template = REGISTER.replace("{domain}", domain);
        let answer = self.request(&template).await?;
        match answer.status() {
            Some(200) => Ok(()),
            status => bail!("REGISTER was answered {status:?}"),
        }
    }

    /// Starts another Call-ID and tag.
    pub fn new_call(&mut self) {
        self.unique = rand::random();
    }

    /// Fills in a template.
    pub fn fill(&mut self, template: &str) -> anyhow::Result<String> {
        if template.contains("{cseq}") {
            self.cseq += 1;
        }
        let local = self.address()?.to_string();
        let head_and_body = template.replace("\r\n", "\n").replace('\n', "\r\n");
        let length = head_and_body.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
        let mut text = head_and_body
            .replace("{server}", &self.server.to_string())
            .replace("{local}", &local)
            .replace("{user}", &self.user)
            .replace("{call}", &format!("{:016x}@testkit", self.unique))
            .replace("{tag}", &format!("{:08x}", self.unique as u32))
            .replace("{cseq}", &self.cseq.to_string())
            .replace("{length}", &length.to_string());
        if matches!(self.link, Link::Tcp(..)) {
            text = text.replace("SIP/2.0/UDP", "SIP/2.0/TCP");
        }
        while let Some(at) = text.find("{branch}") {
            text.replace_range(at..at + "{branch}".len(), &format!("z9hG4bK{:016x}", rand::random::<u64>()));
        }
        Ok(text)
    }
}

/// A REGISTER; `{domain}` is filled in before the rest.
pub const REGISTER: &str = "REGISTER sip:{domain} SIP/2.0\nVia: SIP/2.0/UDP {local};branch={branch};rport\n\
Max-Forwards: 70\nFrom: <sip:{user}@{domain}>;tag={tag}\nTo: <sip:{user}@{domain}>\nCall-ID: {call}\n\
CSeq: {cseq} REGISTER\nContact: <sip:{user}@{local}>\n{login}\nExpires: 600\nContent-Length: 0\n\n";

#[cfg(test)]
mod tests {
    use sandbox::{Carrier, carrier, phone};

    use super::*;

    const OPTIONS: &str = "OPTIONS sip:{server} SIP/2.0\nVia: SIP/2.0/UDP {local};branch={branch};rport\n\
Max-Forwards: 70\nFrom: <sip:{user}@{local}>;tag={tag}\nTo: <sip:{server}>\nCall-ID: {call}\nCSeq: {cseq} OPTIONS\n\
{login}\nContent-Length: {length}\n\n";

    #[tokio::test]
    async fn templates_are_filled_in_and_answered() {
        let carrier =
            Carrier::open(carrier::Config::on_loopback(), phone::media(39_000..=39_009).unwrap()).await.unwrap();
        let mut phone = RawPhone::open("1001", "secret", carrier.address()).await.unwrap();
        let answer = phone.request(OPTIONS).await.unwrap();
        assert_eq!((answer.status(), answer.cseq().0), (Some(200), 1));
        let sent = phone.send(&OPTIONS.replace("{login}\n", "")).await.unwrap();
        assert!(sent.contains("CSeq: 2 OPTIONS\r\n") && !sent.contains('{'), "{sent}");
        assert_eq!(phone.final_response().await.unwrap().cseq().0, 2);
    }
}
