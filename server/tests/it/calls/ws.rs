//! SIP over WebSocket, spoken by a WebSocket stack that is not ours.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use sip_proto::{
    digest::{Challenge, Login},
    message::{Message, Name, parse},
};
use testkit::{until, world::PATIENCE};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

use super::world;

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects as a page of `origin` would.
pub(crate) async fn connect(
    url: &str,
    origin: Option<&str>,
    protocol: Option<&str>,
) -> Result<Socket, tungstenite::Error> {
    let mut request = url.into_client_request()?;
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    if let Some(protocol) = protocol {
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
    }
    Ok(connect_async(request).await?.0)
}

fn status(error: &tungstenite::Error) -> Option<u16> {
    match error {
        tungstenite::Error::Http(response) => Some(response.status().as_u16()),
        _ => None,
    }
}

pub(crate) async fn hear(socket: &mut Socket) -> Message {
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
        match message {
            tungstenite::Message::Text(text) => return parse(bytes::Bytes::copy_from_slice(text.as_bytes())).unwrap(),
            tungstenite::Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Registers an extension as JsSIP does: a Via and a Contact that nobody can reach.
async fn register(socket: &mut Socket, domain: &str, extension: &str, password: &str) -> Message {
    let request = |cseq: u32, login: &str| {
        format!(
            "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK{cseq}\r\n\
             Max-Forwards: 69\r\nTo: <sip:{extension}@{domain}>\r\nFrom: <sip:{extension}@{domain}>;tag=aa\r\n\
             Call-ID: ws-{extension}\r\nCSeq: {cseq} REGISTER\r\n{login}\
             Contact: <sip:u0{extension}@df7jal23ls0d.invalid;transport=ws>;+sip.ice;reg-id=1;\
             +sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\";expires=600\r\nExpires: 600\r\n\
             Supported: path, gruu, outbound\r\nContent-Length: 0\r\n\r\n"
        )
    };
    socket.send(tungstenite::Message::text(request(1, ""))).await.unwrap();
    let challenge = hear(socket).await;
    assert_eq!(challenge.status(), Some(401));
    let challenge = Challenge::parse(challenge.header(Name::WwwAuthenticate).unwrap()).unwrap();
    let login = Login { username: extension, password };
    let login = challenge.answer(&login, "REGISTER", &format!("sip:{domain}"), "0a4f113b", 1);
    socket.send(tungstenite::Message::text(request(2, &format!("Authorization: {login}\r\n")))).await.unwrap();
    hear(socket).await
}

/// Returns the URLs of SIP over WebSocket: the listener of its own, and the API's.
fn doors(server: &testkit::Server) -> [(String, String); 2] {
    let own: SocketAddr = server.sip_ws()[0];
    let api = server.base().replace("http://", "");
    [own.to_string(), api].map(|at| (format!("ws://{at}/sip"), format!("http://{at}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_registers_is_called_and_is_gone_when_its_connection_is() {
    let world = world().await;
    let domain = world.server.sip().to_string();
    let agent = world.agent("1001").await.unwrap();
    for (number, (url, origin)) in ["1002", "1003"].into_iter().zip(doors(&world.server)) {
        let password = world.server.extension(number).await.unwrap();
        let mut socket = connect(&url, Some(&origin), Some("sip")).await.unwrap();
        let answer = register(&mut socket, &domain, number, &password).await;
        assert_eq!(answer.status(), Some(200));
        assert_eq!(answer.header(Name::Require), Some(&b"outbound"[..]));
        assert_eq!(answer.custom("Flow-Timer"), Some(&b"120"[..]));
        let call = agent.dial(number).unwrap();
        let invite = hear(&mut socket).await;
        assert_eq!(invite.method().as_str(), "INVITE");
        assert!(String::from_utf8_lossy(invite.header(Name::Via).unwrap()).starts_with("SIP/2.0/WS "));
        call.hang_up();
        drop(socket);
        // A binding goes with its flow (RFC 5626 §5.3): the extension is not registered any more.
        let path = format!("/api/pbx/extensions/{number}");
        until("the binding is gone", PATIENCE, async || {
            let reply = world.crm().get(&path).await.ok()?;
            (reply.json["data"]["sip_registration"]["contact_count"] == 0).then_some(())
        })
        .await
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_at_the_address_of_a_carrier_has_to_say_who_it_is() {
    let world = world().await;
    let domain = world.server.sip().to_string();
    for (url, origin) in doors(&world.server) {
        let mut socket = connect(&url, Some(&origin), Some("sip")).await.unwrap();
        let invite = format!(
            "INVITE sip:1001@{domain} SIP/2.0\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bKpage\r\n\
             Max-Forwards: 69\r\nTo: <sip:1001@{domain}>\r\nFrom: <sip:0987654321@{domain}>;tag=aa\r\n\
             Call-ID: page\r\nCSeq: 1 INVITE\r\nContact: <sip:u0@df7jal23ls0d.invalid;transport=ws>\r\n\
             Content-Length: 0\r\n\r\n"
        );
        socket.send(tungstenite::Message::text(invite)).await.unwrap();
        let mut answer = hear(&mut socket).await;
        while answer.status() == Some(100) {
            answer = hear(&mut socket).await;
        }
        // The world's carrier calls from this very address, and needs no password.
        assert_eq!(answer.status(), Some(407), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_pages_and_other_protocols_are_refused() {
    let world = world().await;
    for (url, origin) in doors(&world.server) {
        for (from, protocol, expected) in [
            (Some("https://evil.example"), Some("sip"), 403),
            (Some("null"), Some("sip"), 403),
            (None, Some("sip"), 403),
            (Some(origin.as_str()), None, 400),
            (Some(origin.as_str()), Some("chat"), 400),
        ] {
            let error = connect(&url, from, protocol).await.err().unwrap();
            assert_eq!(status(&error), Some(expected), "{url} {from:?} {protocol:?}: {error}");
        }
        let plain = world.crm().get("/sip").await.unwrap();
        assert_eq!(plain.status, 426);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_and_huge_messages_close_the_connection() {
    let world = world().await;
    let (url, origin) = &doors(&world.server)[0];
    let mut socket = connect(url, Some(origin), Some("sip")).await.unwrap();
    let huge = "x".repeat(200_000);
    let _ = socket.send(tungstenite::Message::text(huge)).await;
    let closed = loop {
        match tokio::time::timeout(Duration::from_secs(5), socket.next()).await.expect("it is closed in time") {
            Some(Ok(tungstenite::Message::Close(frame))) => break frame.map(|frame| frame.code),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break None,
        }
    };
    // A reset may come before the close is read: there was more to read on the way.
    assert!(matches!(closed, None | Some(CloseCode::Size)), "{closed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_at_rest_costs_a_few_kib() {
    const BROWSERS: u64 = 400;
    let settings = [("ZORIO_SIP__STRANGER_CONNECTIONS", "10000"), ("ZORIO_HTTP__STRANGER_CONNECTIONS", "10000")];
    let server = testkit::Server::start(super::ZORIO, &settings).await.unwrap();
    let resident = || {
        let path = format!("/proc/{}/status", server.pid().unwrap());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let (url, origin) = &doors(&server)[0];
    let mut sockets = Vec::new();
    // The first ones pay for what all share.
    for _ in 0..50 {
        sockets.push(connect(url, Some(origin), Some("sip")).await.unwrap());
    }
    let before = resident();
    for _ in 0..BROWSERS {
        sockets.push(connect(url, Some(origin), Some("sip")).await.unwrap());
    }
    let each = resident().saturating_sub(before) as f64 / BROWSERS as f64;
    // Not optimised it is 17 KiB; with a buffer for each direction it would be more than 128.
    assert!(each < 24.0, "{each:.1} KiB each");
}
