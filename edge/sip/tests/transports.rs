//! Calls by TLS and WebSocket, and what becomes of calls when the first address is not there.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../../testkit/src/authority.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the test kit, of which this needs a part")]
mod authority;
#[path = "../../../testkit/src/dns.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the test kit, of which this needs a part")]
mod dns;

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use authority::Authority;
use bytes::Bytes;
use dns::{Dns, Record};
use sip::{
    Config, Destination, EndedBy, Event, Invite, LegEvent, LegEventKind, LegSink, Limits, OutOfDialog, RequestFailed,
    Sip, Target, Transport,
};
use sip_proto::websocket::{self, Kind, Role, WebSocket};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::mpsc,
    time::timeout,
};

const SDP: &[u8] =
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

async fn next<T>(events: &mut mpsc::Receiver<T>) -> T {
    timeout(Duration::from_secs(15), events.recv()).await.expect("an event in time").expect("an open channel")
}

async fn next_kind(events: &mut mpsc::Receiver<LegEvent>) -> LegEventKind {
    loop {
        let kind = next(events).await.kind;
        if !matches!(kind, LegEventKind::Progress { .. }) {
            return kind;
        }
    }
}

/// A carrier with a certificate for these names, and a customer that trusts its authority.
async fn by_tls(names: &[&str], dns: Option<&Dns>) -> (Sip, mpsc::Receiver<Event>, Sip) {
    let authority = Authority::new().unwrap();
    let config = Config {
        tls: vec![loopback()],
        tls_server: Some(authority.issue(names).unwrap().server()),
        ..Config::on(loopback())
    };
    let (carrier, events) = Sip::open(config).await.unwrap();
    carrier.trust(vec!["127.0.0.1".parse::<IpAddr>().unwrap()]);
    let config = Config {
        tls_client: Some(authority.client()),
        dns_servers: dns.iter().map(|dns| dns.address()).collect(),
        ..Config::on(loopback())
    };
    let (customer, _) = Sip::open(config).await.unwrap();
    (carrier, events, customer)
}

/// Calls and returns what became of it: the transport that the other side saw, or nothing.
async fn call(from: &Sip, mut invite: Invite, events: &mut mpsc::Receiver<Event>) -> Option<Transport> {
    invite.sdp = Some(Bytes::from_static(SDP));
    let (sink, mut ours) = LegSink::channel(16);
    let leg = from.invite(invite, sink);
    let answer = async {
        let Event::Incoming(incoming) = next(events).await else { panic!("not a call") };
        let (sink, theirs) = LegSink::channel(16);
        incoming.accept(sink).answer(Bytes::from_static(SDP));
        (incoming.transport, theirs)
    };
    let outcome = async {
        match next_kind(&mut ours).await {
            LegEventKind::Answered { .. } => true,
            LegEventKind::Ended { .. } => false,
            other => panic!("{other:?}"),
        }
    };
    tokio::pin!(answer, outcome);
    let (transport, mut theirs) = tokio::select! {
        answered = &mut answer => answered,
        up = &mut outcome => { assert!(!up); return None; }
    };
    assert!(outcome.await);
    assert_eq!(next_kind(&mut theirs).await, LegEventKind::Confirmed { sdp: None });
    leg.hangup(None);
    assert!(matches!(next_kind(&mut theirs).await, LegEventKind::Ended { by: EndedBy::Peer, .. }));
    Some(transport)
}

fn options(to: Destination) -> OutOfDialog {
    OutOfDialog {
        method: "OPTIONS".to_owned(),
        target_uri: "sip:127.0.0.1".to_owned(),
        destination: to,
        from_uri: "sip:health@127.0.0.1".to_owned(),
        to_uri: "sip:127.0.0.1".to_owned(),
        call_id: None,
        cseq: 1,
        headers: Vec::new(),
        body: None,
        credentials: None,
    }
}

#[tokio::test]
async fn a_call_by_tls_goes_where_the_certificate_bears_the_name() {
    let dns = Dns::open().await.unwrap();
    let (carrier, mut events, customer) = by_tls(&["carrier.example"], Some(&dns)).await;
    let at = carrier.local(Transport::Tls).unwrap();
    let target = "sbc.carrier.example".to_owned();
    dns.set("_sips._tcp.carrier.example", vec![Record::Service { priority: 1, weight: 1, port: at.port(), target }]);
    dns.set_addresses("sbc.carrier.example", &[at.ip()]);
    dns.set_addresses("other.example", &[at.ip()]);
    let resolve =
        async |host, port| customer.resolve(Target { host, port, transport: Some(Transport::Tls) }).await.unwrap()[0];
    let good = resolve("carrier.example", None).await;
    let invite = Invite::new("sip:1@carrier.example;transport=tls", good, "2", "localhost");
    assert_eq!(call(&customer, invite, &mut events).await, Some(Transport::Tls));
    assert_eq!(customer.request(options(good)).await.unwrap().status, 200);
    // The same server under a name that its certificate does not bear, although a good connection is open to it.
    let wrong = resolve("other.example", Some(at.port())).await;
    assert_eq!(customer.request(options(wrong)).await.err(), Some(RequestFailed::Transport));
    let unnamed = Destination::new(at, Transport::Tls);
    assert_eq!(customer.request(options(unnamed)).await.err(), Some(RequestFailed::Transport));
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let (carrier, _events, _) = by_tls(&["127.0.0.1"], None).await;
    let (_, _, stranger) = by_tls(&["127.0.0.1"], None).await;
    let to = Destination::new(carrier.local(Transport::Tls).unwrap(), Transport::Tls);
    assert_eq!(stranger.request(options(to)).await.err(), Some(RequestFailed::Transport));
}

#[tokio::test]
async fn an_address_in_the_certificate_is_as_good_as_a_name() {
    let (carrier, _events, customer) = by_tls(&["127.0.0.1"], None).await;
    let to = Destination::new(carrier.local(Transport::Tls).unwrap(), Transport::Tls);
    assert_eq!(customer.request(options(to)).await.unwrap().status, 200);
}

#[tokio::test]
async fn half_a_handshake_is_closed() {
    let authority = Authority::new().unwrap();
    let config = Config {
        tls: vec![loopback()],
        wss: vec![loopback()],
        tls_server: Some(authority.issue(&["127.0.0.1"]).unwrap().server()),
        limits: Limits { handshake: Duration::from_millis(200), ..Limits::default() },
        ..Config::on(loopback())
    };
    let (sip, _events) = Sip::open(config).await.unwrap();
    for transport in [Transport::Tls, Transport::Wss] {
        for start in [&b""[..], b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", b"OPTIONS sip:a SIP/2.0\r\n"] {
            let mut stream = TcpStream::connect(sip.local(transport).unwrap()).await.unwrap();
            stream.write_all(start).await.unwrap();
            let closed = timeout(Duration::from_secs(5), stream.read_to_end(&mut Vec::new())).await;
            assert!(closed.is_ok(), "{transport} {start:?}");
        }
    }
}

/// A browser's side of a WebSocket.
struct Browser {
    stream: TcpStream,
    socket: WebSocket,
}

impl Browser {
    async fn connect(to: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(to).await.unwrap();
        let head = format!(
            "GET /sip HTTP/1.1\r\nHost: {to}\r\nOrigin: http://{to}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: sip\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains("Sec-WebSocket-Protocol: sip\r\n"), "{answer}");
        Self { stream, socket: WebSocket::new(Role::Client) }
    }

    async fn send(&mut self, kind: Kind, payload: &[u8]) {
        self.stream.write_all(&websocket::frame(kind, payload, Some([1, 2, 3, 4]))).await.unwrap();
    }

    /// Returns the next event; `None` if the connection ended.
    async fn hear(&mut self) -> Option<websocket::Event> {
        let hearing = async {
            loop {
                if let Some(event) = self.socket.next() {
                    return Some(event.unwrap());
                }
                let mut buffer = [0; 4096];
                match self.stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => return None,
                    Ok(length) => self.socket.push(&buffer[..length]),
                }
            }
        };
        timeout(Duration::from_secs(10), hearing).await.expect("something is heard")
    }
}

const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/WS c.invalid;branch=z9hG4bKx1;rport\r\nMax-Forwards: 70\r\n\
    From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

async fn websocket_server(limits: Limits) -> (Sip, mpsc::Receiver<Event>, SocketAddr) {
    let config = Config { ws: vec![loopback()], limits, ..Config::on(loopback()) };
    let (sip, events) = Sip::open(config).await.unwrap();
    let at = sip.local(Transport::Ws).unwrap();
    (sip, events, at)
}

#[tokio::test]
async fn a_browser_is_answered_in_text_frames() {
    let (_sip, _events, at) = websocket_server(Limits::default()).await;
    let mut browser = Browser::connect(at).await;
    for kind in [Kind::Text, Kind::Binary] {
        browser.send(kind, OPTIONS.as_bytes()).await;
        let Some(websocket::Event::Message(answer)) = browser.hear().await else { panic!("no answer") };
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        assert!(answer.starts_with("SIP/2.0 200 OK\r\nVia: SIP/2.0/WS c.invalid"), "{answer}");
        assert!(answer.contains(";received=127.0.0.1"), "{answer}");
    }
    browser.send(Kind::Ping, b"here?").await;
    assert_eq!(browser.hear().await, Some(websocket::Event::Pong));
}

#[tokio::test]
async fn a_frame_that_is_not_one_message_closes_the_websocket() {
    let (_sip, _events, at) = websocket_server(Limits::default()).await;
    for payload in [format!("{OPTIONS}{OPTIONS}"), OPTIONS[..80].to_owned()] {
        let mut browser = Browser::connect(at).await;
        browser.send(Kind::Text, payload.as_bytes()).await;
        assert_eq!(browser.hear().await, Some(websocket::Event::Close(Some(1003))), "{payload:?}");
        assert_eq!(browser.hear().await, None);
    }
}

#[tokio::test]
async fn a_browser_that_says_nothing_is_sent_away() {
    let limits = Limits { first_message: Duration::from_millis(200), ..Limits::default() };
    let (_sip, _events, at) = websocket_server(limits).await;
    let mut browser = Browser::connect(at).await;
    assert_eq!(browser.hear().await, None);
}

#[tokio::test]
async fn a_browser_that_answers_no_ping_is_gone() {
    let limits = Limits { ping: Duration::from_millis(200), pong: Duration::from_millis(200), ..Limits::default() };
    let (sip, mut events, at) = websocket_server(limits).await;
    let mut browser = Browser::connect(at).await;
    sip.trust(vec!["127.0.0.1".parse::<IpAddr>().unwrap()]);
    let invite = OPTIONS.replace("OPTIONS", "INVITE").replace("a@b>;", "a@b>;x=y;");
    browser.send(Kind::Text, invite.as_bytes()).await;
    let Event::Incoming(incoming) = next(&mut events).await else { panic!("not a call") };
    let flow = incoming.flow;
    let (sink, _theirs) = LegSink::channel(16);
    // The call is taken: the browser is nobody's stranger, and is asked now and then whether it is there.
    let _leg = incoming.accept(sink);
    let mut pinged = false;
    while let Some(event) = browser.hear().await {
        pinged |= matches!(event, websocket::Event::Ping(_));
    }
    assert!(pinged);
    assert!(matches!(next(&mut events).await, Event::FlowClosed(gone) if gone == flow));
}

#[tokio::test]
async fn a_call_goes_to_the_next_address_when_one_is_not_there() {
    let (there, mut events) = Sip::open(Config::on(loopback())).await.unwrap();
    there.trust(vec!["127.0.0.1".parse::<IpAddr>().unwrap()]);
    let (caller, _) = Sip::open(Config::on(loopback())).await.unwrap();
    // Nobody listens at the first, the second is silent, the third answers 503 to everybody.
    let closed = TcpListener::bind(loopback()).await.unwrap().local_addr().unwrap();
    let silent = UdpSocket::bind(loopback()).await.unwrap();
    let (busy, busy_events) = Sip::open(Config::on(loopback())).await.unwrap();
    busy.trust(vec!["127.0.0.1".parse::<IpAddr>().unwrap()]);
    busy.drain(Duration::ZERO).await;
    let mut invite = Invite::new("sip:1@127.0.0.1", Destination::tcp(closed), "2", "localhost");
    invite.also = vec![
        Destination::udp(silent.local_addr().unwrap()),
        Destination::udp(busy.local_udp().unwrap()),
        Destination::tcp(there.local_tcp().unwrap()),
    ];
    assert_eq!(call(&caller, invite, &mut events).await, Some(Transport::Tcp));
    drop(busy_events);
}

#[tokio::test]
async fn a_call_over_ipv6_shows_ipv6_addresses() {
    let both = || Config {
        udp: vec![loopback(), "[::1]:0".parse().unwrap()],
        tcp: vec![loopback(), "[::1]:0".parse().unwrap()],
        ..Config::default()
    };
    let (there, mut events) = Sip::open(both()).await.unwrap();
    there.trust(vec!["::1".parse::<IpAddr>().unwrap()]);
    let (caller, _) = Sip::open(both()).await.unwrap();
    for transport in [Transport::Udp, Transport::Tcp] {
        let at = there.all(transport).find(SocketAddr::is_ipv6).unwrap();
        let invite = Invite::new(format!("sip:1@{at}"), Destination::new(at, transport), "2", "localhost");
        assert_eq!(call(&caller, invite, &mut events).await, Some(transport));
    }
}
