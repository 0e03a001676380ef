//! Two edges on loopback: a phone registers with a password, is called, answers and hangs up.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use sip::{
    Config, Destination, EndedBy, Event, Invite, Leg, LegEvent, LegEventKind, LegSink, OutOfDialog, Reason, Register,
    RegisterFailed, Sip, Transport,
    digest::{Algorithm, ha1},
    registration::{Bindings, Lifetimes, Update},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    sync::mpsc,
    time::timeout,
};

const SDP: &[u8] =
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

async fn open() -> (Sip, mpsc::Receiver<Event>) {
    Sip::open(Config::on(loopback())).await.unwrap()
}

async fn next<T>(events: &mut mpsc::Receiver<T>) -> T {
    timeout(Duration::from_secs(5), events.recv()).await.expect("an event in time").expect("an open channel")
}

/// Returns the next event of a leg, provisional responses left out.
async fn next_kind(events: &mut mpsc::Receiver<LegEvent>) -> LegEventKind {
    loop {
        let kind = next(events).await.kind;
        if !matches!(kind, LegEventKind::Progress { .. }) {
            return kind;
        }
    }
}

fn destination(sip: &Sip, transport: Transport) -> Destination {
    Destination::new(sip.local(transport).unwrap(), transport)
}

/// Registers the phone at the PBX, which checks the password and returns the phone's flow.
async fn register(pbx: &Sip, events: &mut mpsc::Receiver<Event>, phone: &Sip, transport: Transport) -> sip::Binding {
    let wish = Register {
        registrar: destination(pbx, transport),
        domain: "acme.example".to_owned(),
        user: "101".to_owned(),
        password: "correct horse".to_owned(),
        contact: None,
        expires: 300,
        call_id: None,
        cseq: 1,
    };
    let phone = phone.clone();
    let registering = async move { phone.register(wish).await };
    let registrar = async {
        let Event::Register(request) = next(events).await else { panic!("not a REGISTER") };
        let login = request.credentials.as_ref().unwrap();
        assert_eq!((login.username(), login.realm()), ("101", "acme.example"));
        assert!(login.verify("REGISTER", &ha1(Algorithm::Md5, "101", "acme.example", "correct horse")));
        let mut bindings = Bindings::default();
        let update = Update {
            contacts: &request.contacts,
            wildcard: request.wildcard,
            expires: request.expires,
            call_id: &request.call_id,
            cseq: request.cseq,
            flow: request.flow,
            path: &request.path,
            user_agent: request.user_agent.as_deref(),
        };
        let changed = bindings.apply(&update, Lifetimes::default(), 0).unwrap();
        request.accept(bindings.answer(0));
        changed.kept.into_iter().next().unwrap()
    };
    let (registered, binding) = tokio::join!(registering, registrar);
    assert_eq!(registered.unwrap().expires, 300);
    binding
}

async fn call_through(transport: Transport) {
    let (pbx, mut pbx_events) = open().await;
    let (phone, mut phone_events) = open().await;
    phone.trust(vec!["127.0.0.1".parse::<std::net::IpAddr>().unwrap()]);
    let binding = register(&pbx, &mut pbx_events, &phone, transport).await;

    let mut invite = Invite::new(binding.uri, Destination::from(binding.flow), "0901", "acme.example");
    invite.sdp = Some(Bytes::from_static(SDP));
    let (sink, mut ours) = LegSink::channel(16);
    let leg: Leg = pbx.invite(invite, sink);
    let Event::Incoming(incoming) = next(&mut phone_events).await else { panic!("not a call") };
    assert_eq!(incoming.transport, transport);
    let (sink, mut theirs) = LegSink::channel(16);
    let phone_leg = incoming.accept(sink);
    phone_leg.ring(180, None);
    phone_leg.answer(Bytes::from_static(SDP));
    assert!(matches!(next_kind(&mut ours).await, LegEventKind::Answered { sdp: Some(_), .. }));
    assert_eq!(next_kind(&mut theirs).await, LegEventKind::Confirmed { sdp: None });
    leg.hangup(Some(Reason::q850(16)));
    assert!(matches!(next_kind(&mut ours).await, LegEventKind::Ended { by: EndedBy::Us, .. }));
    let reason = Some(Reason::q850(16));
    assert_eq!(next_kind(&mut theirs).await, LegEventKind::Ended { status: None, reason, by: EndedBy::Peer });
    assert_eq!((pbx.legs(), phone.legs()), (0, 0));

    phone.close().await;
    pbx.close().await;
}

#[tokio::test]
async fn a_registered_phone_is_called_over_udp() {
    call_through(Transport::Udp).await;
}

#[tokio::test]
async fn a_registered_phone_is_called_over_its_tcp_connection() {
    call_through(Transport::Tcp).await;
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let (pbx, mut events) = open().await;
    let (phone, _phone_events) = open().await;
    let wish = Register {
        registrar: destination(&pbx, Transport::Udp),
        domain: "acme.example".to_owned(),
        user: "101".to_owned(),
        password: "wrong".to_owned(),
        contact: None,
        expires: 300,
        call_id: None,
        cseq: 1,
    };
    let registrar = async {
        let Event::Register(request) = next(&mut events).await else { panic!("not a REGISTER") };
        request.challenge();
    };
    let (registered, ()) = tokio::join!(phone.register(wish), registrar);
    assert_eq!(registered, Err(RegisterFailed::Refused { status: 401 }));
}

#[tokio::test]
async fn a_dropped_call_is_refused_and_a_dropped_registration_too() {
    let (pbx, mut events) = open().await;
    let (phone, _phone_events) = open().await;
    pbx.trust(vec!["127.0.0.1".parse::<std::net::IpAddr>().unwrap()]);
    let (sink, mut ours) = LegSink::channel(16);
    phone.invite(Invite::new("sip:1@127.0.0.1", destination(&pbx, Transport::Udp), "2", "localhost"), sink);
    drop(next(&mut events).await);
    let refused = LegEventKind::Ended { status: Some(480), reason: None, by: EndedBy::Peer };
    assert_eq!(next_kind(&mut ours).await, refused);
    assert_eq!(pbx.legs(), 0);
}

#[tokio::test]
async fn options_is_answered_and_an_absent_peer_is_reported() {
    let (pbx, _events) = open().await;
    let (phone, _phone_events) = open().await;
    let options = |to: Destination| OutOfDialog {
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
    };
    for transport in [Transport::Udp, Transport::Tcp] {
        assert_eq!(phone.request(options(destination(&pbx, transport))).await.unwrap().status, 200);
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failed = timeout(Duration::from_secs(5), phone.request(options(Destination::tcp(closed)))).await.unwrap();
    assert_eq!(failed.unwrap_err(), sip::RequestFailed::Transport);
}

#[tokio::test]
async fn a_keep_alive_gets_a_pong_and_garbage_closes_the_connection() {
    let (pbx, _events) = open().await;
    let mut stream = TcpStream::connect(pbx.local_tcp().unwrap()).await.unwrap();
    stream.write_all(b"\r\n\r\n").await.unwrap();
    let mut pong = [0; 2];
    timeout(Duration::from_secs(5), stream.read_exact(&mut pong)).await.unwrap().unwrap();
    assert_eq!(&pong, b"\r\n");
    stream.write_all(&[b'x'; 100_000]).await.unwrap();
    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is closed");
}

#[tokio::test]
async fn a_stranger_with_many_connections_is_turned_away() {
    let mut config = Config::on(loopback());
    config.limits.connections_per_source = 3;
    let (pbx, _events) = Sip::open(config).await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(pbx.local_tcp().unwrap()).await.unwrap();
        stream.write_all(b"\r\n\r\n").await.unwrap();
        let mut pong = [0; 2];
        timeout(Duration::from_secs(5), stream.read_exact(&mut pong)).await.unwrap().unwrap();
        streams.push(stream);
    }
    let mut one_more = TcpStream::connect(pbx.local_tcp().unwrap()).await.unwrap();
    let mut nothing = Vec::new();
    let closed = timeout(Duration::from_secs(5), one_more.read_to_end(&mut nothing)).await.unwrap();
    assert!(closed.is_err() || nothing.is_empty());
}

#[tokio::test]
async fn noise_of_other_protocols_hears_nothing() {
    let (pbx, _events) = open().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = pbx.local_udp().unwrap();
    let noise: [&[u8]; 6] = [
        b"\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl",
        b"\x16\xfe\xfd\x00\x00",
        b"\x80\x08\x00\x01\x00\x00\x00\x00",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01",
        b"",
    ];
    for bytes in noise {
        socket.send_to(bytes, to).await.unwrap();
    }
    let options = format!(
        "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx;rport\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nUser-Agent: a phone that says more\r\n\
         Content-Length: 0\r\n\r\n"
    );
    socket.send_to(options.as_bytes(), to).await.unwrap();
    let mut buffer = [0; 2048];
    let (size, _) = timeout(Duration::from_secs(5), socket.recv_from(&mut buffer)).await.unwrap().unwrap();
    assert!(buffer[..size].starts_with(b"SIP/2.0 200 OK\r\n"), "the first answer is that to OPTIONS");
}

#[tokio::test]
async fn a_connection_without_a_full_message_is_closed() {
    let mut config = Config::on(loopback());
    config.limits.first_message = Duration::from_millis(50);
    config.limits.unauthenticated_idle = Duration::from_millis(50);
    let (pbx, _events) = Sip::open(config).await.unwrap();
    for start in ["", "OPTIONS sip:a SIP/2.0\r\nVia: "] {
        let mut stream = TcpStream::connect(pbx.local_tcp().unwrap()).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert!(rest.is_empty());
    }
}

#[tokio::test]
async fn a_program_that_does_not_keep_up_turns_calls_away() {
    let mut config = Config::on(loopback());
    config.limits.events = 8;
    let (pbx, mut events) = Sip::open(config).await.unwrap();
    let (phone, _phone_events) = open().await;
    pbx.trust(vec!["127.0.0.1".parse::<std::net::IpAddr>().unwrap()]);
    let (sink, mut ours) = LegSink::channel(64);
    for _ in 0..12 {
        let to = destination(&pbx, Transport::Udp);
        phone.invite(Invite::new("sip:1@127.0.0.1", to, "2", "localhost"), sink.clone());
    }
    for _ in 0..4 {
        let kind = next_kind(&mut ours).await;
        assert!(matches!(kind, LegEventKind::Ended { status: Some(503), .. }), "{kind:?}");
    }
    // Once the program reads again, calls come through again.
    let mut waiting = Vec::new();
    while let Ok(event) = events.try_recv() {
        waiting.push(event);
    }
    assert!(!waiting.is_empty());
    drop(waiting);
    loop {
        let to = destination(&pbx, Transport::Udp);
        phone.invite(Invite::new("sip:1@127.0.0.1", to, "2", "localhost"), sink.clone());
        if let Ok(event) = timeout(Duration::from_millis(100), events.recv()).await {
            assert!(matches!(event, Some(Event::Incoming(_))));
            break;
        }
    }
}

#[tokio::test]
async fn an_owner_that_does_not_listen_loses_its_leg() {
    let (pbx, mut events) = open().await;
    let (phone, _phone_events) = open().await;
    pbx.trust(vec!["127.0.0.1".parse::<std::net::IpAddr>().unwrap()]);
    let (sink, mut ours) = LegSink::channel(16);
    phone.invite(Invite::new("sip:1@127.0.0.1", destination(&pbx, Transport::Udp), "2", "localhost"), sink);
    let Event::Incoming(incoming) = next(&mut events).await else { panic!("not a call") };
    let (deaf, receiver) = LegSink::channel(1);
    drop(receiver);
    incoming.accept(deaf).answer(Bytes::from_static(SDP));
    assert!(matches!(next_kind(&mut ours).await, LegEventKind::Answered { .. }));
    assert!(matches!(next_kind(&mut ours).await, LegEventKind::Ended { by: EndedBy::Peer, .. }));
    assert_eq!(pbx.legs(), 0);
}
