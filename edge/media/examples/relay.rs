//! Relays calls over loopback and prints what a packet costs.
//!
//! `cargo run -p media --example relay -- [CALLS] [SECONDS] [record FOLDER] [cross] [floor]`
//! `cross` has A-law on one side and µ-law on the other. `floor` measures a bare epoll loop of recv and send instead,
//! to compare with.
//!
//! The generator runs in this process too: its own CPU time is measured on its thread and taken off, so what is left is
//! the media threads and the recording writer. Memory is what the process gained per call, generator included.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use audio::rtp::Stamp;
use media::{Codec, Config, Direction, EventSink, Layout, Media, Record, Remote, Session};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::resource::{UsageWho, getrusage};

struct Leg {
    socket: UdpSocket,
    server: SocketAddr,
    codec: Codec,
    ssrc: u32,
}

/// CPU seconds of a thread or of the process.
fn cpu(who: UsageWho) -> f64 {
    let usage = getrusage(who).expect("the kernel counts");
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn leg(session: &Session, codec: Codec, ssrc: u32) -> Leg {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket is free");
    socket.set_nonblocking(true).expect("sockets can be non-blocking");
    let address = socket.local_addr().expect("it is bound");
    let opened = session.open_leg().expect("a pair of ports is free");
    session.set_remote(
        opened.id,
        Remote {
            address,
            rtcp: SocketAddr::new(address.ip(), address.port() + 1),
            codec,
            send_payload: codec.payload_type(),
            receive_payload: codec.payload_type(),
            dtmf_send: Some(101),
            dtmf_receive: Some(101),
            may_latch: false,
            signalled_from: address.ip(),
            direction: Direction::SendReceive,
            srtp: None,
            webrtc: None,
        },
    );
    Leg { socket, server: (Ipv4Addr::LOCALHOST, opened.port).into(), codec, ssrc }
}

#[expect(clippy::disallowed_methods, reason = "a load generator paces itself")]
fn generate(legs: &[Leg], seconds: u64) -> (u64, u64) {
    let begin = Instant::now();
    let (mut sent, mut received) = (0, 0);
    let mut buffer = [0; 2_048];
    // Legs are spread over the 20 ms, as callers are.
    let slices = 20;
    for tick in 0..seconds * 50 * slices {
        let due = begin + Duration::from_millis(tick);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let packet_no = tick / slices;
        for leg in legs.iter().skip((tick % slices) as usize).step_by(slices as usize) {
            let stamp = Stamp {
                marker: packet_no == 0,
                payload_type: leg.codec.payload_type(),
                sequence: packet_no as u16,
                timestamp: packet_no as u32 * 160,
                ssrc: leg.ssrc,
            };
            let mut packet = [leg.codec.law().map_or(0, audio::Law::silence); 172];
            packet[..12].copy_from_slice(&stamp.bytes());
            sent += u64::from(leg.socket.send_to(&packet, leg.server).is_ok());
            while leg.socket.recv(&mut buffer).is_ok() {
                received += 1;
            }
        }
    }
    std::thread::sleep(Duration::from_millis(100));
    for leg in legs {
        while leg.socket.recv(&mut buffer).is_ok() {
            received += 1;
        }
    }
    (sent, received)
}

/// Generates on a thread of its own and returns packets sent, packets received, and what that thread spent.
fn measured(legs: &[Leg], seconds: u64) -> (u64, u64, f64) {
    std::thread::scope(|scope| {
        let generator = scope.spawn(|| {
            let (sent, received) = generate(legs, seconds);
            (sent, received, cpu(UsageWho::RUSAGE_THREAD))
        });
        generator.join().expect("the generator ends")
    })
}

fn report(calls: u64, seconds: u64, (sent, received): (u64, u64), spent: f64, resident: u64) {
    let minutes = calls as f64 * seconds as f64 / 60.0;
    let mut out = std::io::stdout();
    let _ = writeln!(
        out,
        "{calls} calls, {seconds} s: {sent} packets sent, {received} came back ({:.3} % lost)\n\
         {:.2} µs CPU per packet, {:.4} CPU-s per call-minute, {:.1} KiB resident per call",
        (sent - received.min(sent)) as f64 * 100.0 / sent.max(1) as f64,
        spent * 1e6 / sent.max(1) as f64,
        spent / minutes,
        resident as f64 / calls as f64,
    );
}

/// The least that a relay can do: each packet from one socket of a pair is sent on by the other.
fn floor(pairs: Vec<[(UdpSocket, SocketAddr); 2]>) {
    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("an epoll set is free");
    let sockets: Vec<_> = pairs.into_iter().flatten().collect();
    for (index, (socket, _)) in sockets.iter().enumerate() {
        epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, index as u64)).expect("it can be watched");
    }
    let mut events = vec![EpollEvent::empty(); 256];
    let mut buffer = [0; 2_048];
    loop {
        let ready = epoll.wait(&mut events, 1_000u16).unwrap_or(0);
        if ready == 0 {
            return;
        }
        for event in &events[..ready] {
            let index = event.data() as usize;
            if let Ok((length, _)) = sockets[index].0.recv_from(&mut buffer) {
                let (peer, to) = &sockets[index ^ 1];
                let _ = peer.send_to(&buffer[..length], to);
            }
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default| arguments.get(index).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (calls, seconds): (u64, u64) = (number(0, 200), number(1, 10));
    let after = |word: &str| arguments.iter().skip_while(|argument| *argument != word).nth(1).map(PathBuf::from);
    let folder = after("record");
    let crossed = arguments.iter().any(|argument| argument == "cross");

    if arguments.iter().any(|argument| argument == "floor") {
        let bind = || {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket is free");
            socket.set_nonblocking(true).expect("sockets can be non-blocking");
            let address = socket.local_addr().expect("it is bound");
            (socket, address)
        };
        let (mut legs, mut pairs) = (Vec::new(), Vec::new());
        for call in 0..calls as u32 {
            pairs.push([0, 1].map(|side| {
                let ((socket, address), (inner, server)) = (bind(), bind());
                legs.push(Leg { socket, server, codec: Codec::Pcma, ssrc: call * 2 + side });
                (inner, address)
            }));
        }
        let before = cpu(UsageWho::RUSAGE_SELF);
        let loops = std::thread::spawn(move || floor(pairs));
        let (sent, received, own) = measured(&legs, seconds);
        loops.join().expect("the loop ends when nothing comes");
        report(calls, seconds, (sent, received), cpu(UsageWho::RUSAGE_SELF) - before - own, 0);
        return;
    }
    let config = Config { bind: Ipv4Addr::LOCALHOST.into(), ports: 20_000..=31_999, ..Config::default() };
    let media = Media::open(config).expect("media opens");
    let (events, _events) = tokio::sync::mpsc::channel(64);
    let idle = resident_kib();
    let (mut sessions, mut legs) = (Vec::new(), Vec::new());
    for call in 0..calls as u32 {
        let session = media.session(EventSink::new(events.clone()));
        let a = leg(&session, Codec::Pcma, call * 2);
        let b = leg(&session, if crossed { Codec::Pcmu } else { Codec::Pcma }, call * 2 + 1);
        session.connect(media::LegNo(0), media::LegNo(1));
        if let Some(folder) = &folder {
            let path = folder.join(format!("relay-{}-{call}.wav", std::process::id()));
            session.record(Record { path, layout: Layout::TwoChannel });
        }
        sessions.push(session);
        legs.extend([a, b]);
    }

    let before = cpu(UsageWho::RUSAGE_SELF);
    let (sent, received, own) = measured(&legs, seconds);
    let resident = resident_kib().saturating_sub(idle);
    let mut dropped = std::collections::BTreeMap::new();
    let (mut taken, mut passed) = (0, 0);
    for session in sessions {
        let finished = session.finish().blocking_recv().expect("media lives");
        taken += finished.legs.iter().map(|leg| leg.received).sum::<u64>();
        passed += finished.legs.iter().map(|leg| leg.sent).sum::<u64>();
        for (reason, count) in
            finished.legs.iter().flat_map(|leg| leg.dropped.reasons()).filter(|(_, count)| *count > 0)
        {
            *dropped.entry(reason).or_insert(0) += count;
        }
        if let Some(recorded) = finished.recording {
            // Only the figures are wanted.
            let _ = std::fs::remove_file(recorded.path);
        }
    }
    let spent = cpu(UsageWho::RUSAGE_SELF) - before - own;
    report(calls, seconds, (sent, received), spent, resident);
    let _ = writeln!(std::io::stdout(), "{taken} taken, {passed} sent on, dropped: {dropped:?}");
}
