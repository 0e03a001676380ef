use std::net::SocketAddr;

use audio::rtp::Stamp;
use audio::{Law, measure, tone, wav};
use media::{Codec, Direction, Layout, Media, Record, Remote};

use crate::phone::{Bare, Call, config, remote, settled, soon};

/// Sends a 1 kHz tone, keys, RTCP and rubbish to both ports of a leg.
fn spray(attacker: &mut Bare, leg: SocketAddr) {
    let tone: Vec<u8> = tone::sine(1_000.0, 20_000.0, 160).into_iter().map(|sample| Law::A.encode(sample)).collect();
    for round in 0..20u8 {
        attacker.say(leg, 8, &tone);
        attacker.say(leg, 101, &[round % 10, 0, 0, 160]);
        let rtcp = SocketAddr::new(leg.ip(), leg.port() + 1);
        attacker.socket.send_to(&[0x81, 203, 0, 1, 0, 0, 0, round], rtcp).unwrap();
        attacker.socket.send_to(&[round; 40], leg).unwrap();
    }
}

#[tokio::test]
async fn a_sprayer_hears_nothing_and_is_heard_nowhere() {
    let server = Media::open(config()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let mut call = Call::new(&server);
    let ((a_leg, a_address), (b_leg, b_address)) = (call.leg(), call.leg());
    let (mut a, mut b) = (Bare::at([127, 0, 0, 1]), Bare::at([127, 0, 0, 1]));
    let mut attackers = [Bare::at([127, 0, 0, 2]), Bare::at([127, 0, 0, 3])];
    let mut spray_all = || {
        for attacker in &mut attackers {
            spray(attacker, a_address);
            spray(attacker, b_address);
        }
    };

    spray_all(); // before the far end is known
    call.session.set_remote(a_leg, remote(a.address, Codec::Pcma, 101));
    call.session.set_remote(b_leg, remote(b.address, Codec::Pcma, 101));
    call.session.connect(a_leg, b_leg);
    settled(&server).await;
    call.session.record(Record { path: path.clone(), layout: Layout::TwoChannel });
    settled(&server).await;
    spray_all(); // before the first packet
    for round in 0..25 {
        a.say(a_address, 8, &[Law::A.encode(200); 160]);
        b.say(b_address, 8, &[Law::A.encode(-200); 160]);
        let (heard_by_a, heard_by_b) = (a.hear(), b.hear());
        assert_eq!((heard_by_a.1[0], heard_by_b.1[0]), (Law::A.encode(-200), Law::A.encode(200)));
        if round % 10 == 3 {
            spray_all(); // while learning, and after the lock
        }
    }
    let held = Remote { direction: Direction::SendOnly, ..remote(a.address, Codec::Pcma, 101) };
    call.session.set_remote(a_leg, held);
    settled(&server).await;
    spray_all(); // on hold

    let finished = soon(call.session.finish()).await.unwrap();
    spray_all(); // after the end
    assert!(call.events.try_recv().is_err(), "no injected key is reported");
    assert_eq!(attackers.iter().map(Bare::left_over).sum::<usize>(), 0);
    assert_eq!((a.left_over(), b.left_over()), (0, 0));
    for leg in &finished.legs {
        assert_eq!((leg.received, leg.sent), (25, 25));
        assert!(leg.dropped.stranger > 0, "{:?}", leg.dropped);
    }
    let file = std::fs::read(path).unwrap();
    let recording = wav::Wav::parse(&file).unwrap();
    for channel in [0, 1] {
        assert!(measure::amplitude_at(1_000.0, &recording.channel(channel)) < 300.0);
    }
}

#[tokio::test]
async fn malformed_packets_are_counted_and_not_sent_on() {
    let server = Media::open(config()).unwrap();
    let call = Call::new(&server);
    let ((a_leg, a_address), (b_leg, _)) = (call.leg(), call.leg());
    let (mut a, b) = (Bare::at([127, 0, 0, 1]), Bare::at([127, 0, 0, 1]));
    call.session.set_remote(a_leg, remote(a.address, Codec::Pcma, 101));
    call.session.set_remote(b_leg, remote(b.address, Codec::Pcma, 101));
    call.session.connect(a_leg, b_leg);
    settled(&server).await;

    let valid = Stamp { marker: false, payload_type: 8, sequence: 1, timestamp: 1, ssrc: 1 }.bytes();
    let with_first = |first: u8, rest: &[u8]| [&[first], &valid[1..], rest].concat();
    let rows: [Vec<u8>; 9] = [
        vec![],
        vec![0x80],
        valid[..11].to_vec(),
        with_first(0x00, &[0; 160]),
        with_first(0x40, &[0; 160]),
        with_first(0xc0, &[0; 160]),
        with_first(0x8f, &[]),
        with_first(0x90, &[0xbe, 0xde, 0xff, 0xff]),
        with_first(0xa0, &[1, 255]),
    ];
    for row in &rows {
        a.socket.send_to(row, a_address).unwrap();
    }
    a.socket.send_to(&with_first(0x80, &[0; 1_500]), a_address).unwrap();
    a.say(a_address, 96, &[0; 160]);
    a.say(a_address, 8, &[7; 160]);
    assert_eq!(b.hear().1, [7; 160]);
    let finished = soon(call.session.finish()).await.unwrap();
    let dropped = finished.legs[0].dropped;
    assert_eq!((dropped.malformed, dropped.payload, dropped.total()), (10, 1, 11), "{dropped:?}");
    assert_eq!(b.left_over(), 0);
}

#[tokio::test]
async fn a_phone_behind_nat_is_learnt_from_its_signalled_address_alone() {
    let server = Media::open(config()).unwrap();
    let call = Call::new(&server);
    let ((a_leg, a_address), (b_leg, b_address)) = (call.leg(), call.leg());
    let (mut natted, mut b, mut attacker) =
        (Bare::at([127, 0, 0, 5]), Bare::at([127, 0, 0, 1]), Bare::at([127, 0, 0, 6]));
    let private =
        Remote { signalled_from: natted.address.ip(), ..remote("192.168.7.7:4000".parse().unwrap(), Codec::Pcma, 101) };
    call.session.set_remote(a_leg, private);
    call.session.set_remote(b_leg, remote(b.address, Codec::Pcma, 101));
    call.session.connect(a_leg, b_leg);
    settled(&server).await;
    for _ in 0..10 {
        attacker.say(a_address, 8, &[6; 160]);
        natted.say(a_address, 8, &[5; 160]);
        assert_eq!(b.hear().1, [5; 160]);
        b.say(b_address, 8, &[1; 160]);
        assert_eq!(natted.hear().1, [1; 160]);
    }
    soon(call.session.finish()).await.unwrap();
    assert_eq!((attacker.left_over(), b.left_over()), (0, 0));
}
