//! A flood of strangers' packets while registered phones call (R6a).

use std::time::Duration;

use testkit::{RawPhone, until, world::PATIENCE};
use tokio::{
    io::AsyncReadExt,
    net::{TcpSocket, UdpSocket},
    task::JoinSet,
    time::{Instant, interval, timeout},
};

use super::{
    Fort,
    callee::{Callee, invite, sdp},
};

const PACKETS: usize = 20_000;
/// Packets of one burst and the time between two: five thousand a second.
const BURST: usize = 50;
const EVERY: Duration = Duration::from_millis(10);
/// Calls that are set up meanwhile.
const CALLS: usize = 30;
/// A phone repeats what is not answered (RFC 3261 timer A).
const REPEATS_AFTER: Duration = Duration::from_millis(500);

/// One of the packets that a scanner sends.
fn packet(number: usize, from: &str, server: &str) -> String {
    let method = ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE"][number % 4];
    format!(
        "{method} sip:{number}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{number};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{number}@{server}>;tag={number}\r\nTo: <sip:{number}@{server}>\r\n\
         Call-ID: flood-{number}\r\nCSeq: 1 {method}\r\nContact: <sip:{number}@{from}>\r\n\
         User-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Sends the flood; returns the bytes that were sent and that came back.
async fn flood(server: std::net::SocketAddr) -> (usize, usize) {
    let socket = UdpSocket::bind("127.9.9.9:0").await.unwrap();
    let from = socket.local_addr().unwrap().to_string();
    let target = server.to_string();
    let (mut sent, mut returned) = (0, 0);
    let mut ticks = interval(EVERY);
    let mut buffer = [0; 4_096];
    for number in 0..PACKETS {
        if number % BURST == 0 {
            ticks.tick().await;
        }
        sent += socket.send_to(packet(number, &from, &target).as_bytes(), server).await.unwrap_or(0);
        while let Ok(length) = socket.try_recv(&mut buffer) {
            returned += length;
        }
    }
    (sent, returned)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_strangers_stops_no_call_and_takes_no_memory() {
    // The limits of strangers are those of the defaults.
    let mut fort = Fort::open_with(&[]).await;
    let mut callee = Callee::busy(fort.phone("1002").await);
    let password = fort.extension("1001").await;
    RawPhone::open("1001", &password, fort.server.sip()).await.unwrap().register(&fort.domain).await.unwrap();
    let server = fort.server.sip();
    let before = fort.resident();
    let mut tasks = JoinSet::new();
    tasks.spawn(flood(server));
    let mut slowest = Duration::ZERO;
    for call in 0..CALLS {
        let mut phone = RawPhone::open("1001", &password, server).await.unwrap();
        let began = Instant::now();
        let template = invite(&sdp(40_000));
        phone.new_call();
        phone.send(&template.replace("{login}\n", "")).await.unwrap();
        let challenge = phone.final_response().await.unwrap();
        let login = phone.login(&challenge, &template).unwrap();
        let request = phone.send(&template.replace("{login}\n", &login)).await.unwrap();
        let answer = until("the call is answered", PATIENCE, async || {
            loop {
                match phone.receive(REPEATS_AFTER).await.unwrap() {
                    Some(answer) if answer.status().is_some_and(|status| status >= 200) => return Some(answer),
                    Some(_) => {}
                    None => {
                        phone.send_bytes(request.as_bytes()).await.unwrap();
                        return None;
                    }
                }
            }
        });
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), Some(486), "call {call}");
        phone.acknowledge(&answer).await.unwrap();
        slowest = slowest.max(began.elapsed());
    }
    let (sent, returned) = tasks.join_next().await.unwrap().unwrap();
    assert!(callee.invites() >= CALLS);
    assert!(slowest < Duration::from_secs(5), "the slowest call took {slowest:?}");
    assert!(returned <= sent / 4, "{returned} bytes came back for {sent}");
    let grown = fort.resident().saturating_sub(before);
    assert!(grown <= 64 * 1024, "{grown} KiB more");
    fort.stands("the flood").await;
    fort.is_empty().await;
}

/// R6c: connections that a stranger opens and leaves are few, and keep no phone out.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_of_a_stranger_keep_no_phone_out() {
    let mut fort = Fort::open_with(&[]).await;
    let password = fort.extension("1001").await;
    let server = fort.server.sip();
    let mut open = Vec::new();
    for _ in 0..500 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.8.8.8:0".parse().unwrap()).unwrap();
        open.push(socket.connect(server).await.unwrap());
    }
    let mut left = 0;
    for stream in &mut open {
        // Whoever is one too many is closed at once.
        match timeout(Duration::from_millis(if left == 0 { 500 } else { 5 }), stream.read(&mut [0; 1])).await {
            Ok(_) => {}
            Err(_) => left += 1,
        }
    }
    assert!(left <= 64, "{left} connections were left open");
    let mut phone = RawPhone::connect("1001", &password, server).await.unwrap();
    phone.register(&fort.domain).await.unwrap();
    fort.stands("500 connections").await;
}
