use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use audio::Codec;
use tokio::sync::mpsc;

use crate::{Config, Direction, EventKind, EventSink, Media, Remote, Source, Tone};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The session whose ticks fail.
static FAILS: AtomicU64 = AtomicU64::new(0);

pub(super) fn fail_if_wanted(session: u64) {
    assert_ne!(session, FAILS.load(Ordering::Relaxed), "a test wants it so");
}

#[tokio::test]
async fn a_call_that_fails_in_a_tick_takes_no_other_along() {
    let media = Media::open(Config { bind: HERE, ports: 30_000..=30_200, threads: 1, ..Config::default() }).unwrap();
    let far = UdpSocket::bind((HERE, 0)).unwrap();
    far.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let address = far.local_addr().unwrap();
    let open = || {
        let (sender, events) = mpsc::channel(8);
        let session = media.session(EventSink::new(sender));
        let leg = session.open_leg().unwrap();
        let remote = Remote {
            address,
            rtcp: address,
            codec: Codec::Pcma,
            send_payload: 8,
            receive_payload: 8,
            dtmf_send: None,
            dtmf_receive: None,
            may_latch: false,
            signalled_from: HERE,
            direction: Direction::SendReceive,
            srtp: None,
            webrtc: None,
        };
        session.set_remote(leg.id, remote);
        session.play(leg.id, Source::Tone(Tone::Busy));
        (session, events, leg)
    };
    let (bad, mut told, leg) = open();
    let (_good, _events, _leg) = open();
    FAILS.store(bad.key(), Ordering::Relaxed);
    let event = tokio::time::timeout(Duration::from_secs(5), told.recv()).await.unwrap().unwrap();
    assert_eq!(event.kind, EventKind::Inactive { leg: leg.id });
    far.set_nonblocking(true).unwrap();
    while far.recv(&mut [0; 2_000]).is_ok() {}
    far.set_nonblocking(false).unwrap();
    for _ in 0..5 {
        far.recv(&mut [0; 2_000]).expect("the other call goes on");
    }
}
