use audio::{measure, rtcp, tone};
use media::{Codec, Config, Direction, EventKind, LegNo, Media, NoPorts, Remote};

use crate::phone::{Bare, Call, Phone, config, remote, settled, soon};

#[tokio::test]
async fn speech_arrives_on_the_other_side_in_both_laws() {
    let (server, phones) = (Media::open(config()).unwrap(), Media::open(config()).unwrap());
    for (a_codec, b_codec) in [(Codec::Pcma, Codec::Pcma), (Codec::Pcma, Codec::Pcmu)] {
        let call = Call::new(&server);
        let ((a_leg, a_address), (b_leg, b_address)) = (call.leg(), call.leg());
        let (a, b) = (Phone::new(&phones), Phone::new(&phones));
        a.reach(a_address, a_codec, 101);
        b.reach(b_address, b_codec, 96);
        call.session.set_remote(a_leg, remote(a.address, a_codec, 101));
        call.session.set_remote(b_leg, remote(b.address, b_codec, 96));
        call.session.connect(a_leg, b_leg);
        settled(&server).await;

        let (from_a, from_b) = (tone::speech_like(1, 12_000), tone::speech_like(2, 12_000));
        let (at_a, at_b) = (a.call.session.capture(a.leg, 20_000), b.call.session.capture(b.leg, 20_000));
        a.speak(&from_a);
        b.speak(&from_b);
        for (sent, capture) in [(&from_a, &at_b), (&from_b, &at_a)] {
            let heard = soon(capture.at_least(12_000)).await;
            let fit = measure::fit(sent, &heard, 400);
            assert!(fit.snr_db >= 30.0 && fit.correlation >= 0.995, "{a_codec:?} {b_codec:?} {fit:?}");
        }
        let finished = soon(call.session.finish()).await.unwrap();
        assert_eq!(finished.legs.len(), 2);
        for leg in &finished.legs {
            assert_eq!((leg.received, leg.sent, leg.lost, leg.dropped.total()), (75, 75, 0, 0), "{leg:?}");
            assert!(leg.mos > 4.0, "{leg:?}");
        }
    }
}

#[tokio::test]
async fn every_key_is_reported_once_and_passed_on_in_the_other_payload_type() {
    let (server, phones) = (Media::open(config()).unwrap(), Media::open(config()).unwrap());
    let mut call = Call::new(&server);
    let ((a_leg, a_address), (b_leg, b_address)) = (call.leg(), call.leg());
    let (a, mut b) = (Phone::new(&phones), Phone::new(&phones));
    a.reach(a_address, Codec::Pcma, 101);
    b.reach(b_address, Codec::Pcma, 96);
    call.session.set_remote(a_leg, remote(a.address, Codec::Pcma, 101));
    call.session.set_remote(b_leg, remote(b.address, Codec::Pcma, 96));
    call.session.connect(a_leg, b_leg);
    settled(&server).await;

    a.call.session.send_dtmf(a.leg, "15x9#");
    for digit in "159#".chars() {
        assert_eq!(call.event().await, EventKind::Dtmf { leg: a_leg, digit });
        assert_eq!(b.call.event().await, EventKind::Dtmf { leg: b.leg, digit });
    }
    soon(call.session.finish()).await.unwrap();
    assert!(call.events.try_recv().is_err());
}

#[tokio::test]
async fn a_connected_leg_that_is_silent_is_reported_once_but_not_on_hold() {
    let server = Media::open(Config { inactivity: std::time::Duration::from_millis(150), ..config() }).unwrap();
    let mut call = Call::new(&server);
    let ((a_leg, _), (b_leg, _)) = (call.leg(), call.leg());
    let (a, b) = (Bare::at([127, 0, 0, 1]), Bare::at([127, 0, 0, 1]));
    call.session.set_remote(a_leg, remote(a.address, Codec::Pcma, 101));
    let held = Remote { direction: Direction::SendOnly, ..remote(b.address, Codec::Pcma, 101) };
    call.session.set_remote(b_leg, held);
    call.session.connect(a_leg, b_leg);
    settled(&server).await;
    assert_eq!(call.event().await, EventKind::Inactive { leg: a_leg });
    // Taken off hold, the other leg has the whole time before it is missed.
    call.session.set_remote(b_leg, remote(b.address, Codec::Pcma, 101));
    assert_eq!(call.event().await, EventKind::Inactive { leg: b_leg });
    soon(call.session.finish()).await.unwrap();
    assert!(call.events.try_recv().is_err());
}

#[tokio::test]
async fn without_free_ports_a_leg_is_refused_and_later_calls_get_them_again() {
    let server =
        Media::open(Config { ports: 19_000..=19_003, reuse_rest: std::time::Duration::ZERO, ..config() }).unwrap();
    let call = Call::new(&server);
    let ((first, _), (second, _)) = (call.leg(), call.leg());
    assert_eq!((first, second), (LegNo(0), LegNo(1)));
    assert_eq!(call.session.open_leg(), Err(NoPorts));
    soon(call.session.finish()).await.unwrap();
    assert_eq!(server.free_ports(), 2);
    assert!(Call::new(&server).session.open_leg().is_ok());
}

#[tokio::test]
async fn a_phone_that_moves_with_a_re_invite_is_followed() {
    let server = Media::open(config()).unwrap();
    let call = Call::new(&server);
    let ((a_leg, a_address), (b_leg, b_address)) = (call.leg(), call.leg());
    let (mut a, mut b, mut moved) = (Bare::at([127, 0, 0, 4]), Bare::at([127, 0, 0, 1]), Bare::at([127, 0, 0, 1]));
    call.session.set_remote(a_leg, remote(a.address, Codec::Pcma, 101));
    call.session.set_remote(b_leg, remote(b.address, Codec::Pcma, 101));
    call.session.connect(a_leg, b_leg);
    settled(&server).await;
    for _ in 0..6 {
        a.say(a_address, 8, &[0x55; 160]);
        assert_eq!(b.hear().1.len(), 160);
    }
    call.session.set_remote(a_leg, remote(moved.address, Codec::Pcma, 101));
    settled(&server).await;
    b.say(b_address, 8, &[0x44; 160]);
    assert_eq!(moved.hear().1, [0x44; 160]);
    a.say(a_address, 8, &[1; 160]);
    moved.say(a_address, 8, &[2; 160]);
    // The first packet of another source proves nothing yet; the second is let in.
    moved.say(a_address, 8, &[3; 160]);
    assert_eq!(b.hear().1, [3; 160]);
    soon(call.session.finish()).await.unwrap();
    assert_eq!((a.left_over(), b.left_over(), moved.left_over()), (0, 0, 0));
}

#[tokio::test]
async fn sockets_of_both_families_relay_to_each_other() {
    let Ok(server) = Media::open(Config { bind: "::".parse().unwrap(), ..config() }) else { return };
    let call = Call::new(&server);
    let Ok(first) = call.session.open_leg() else { return };
    let second = call.session.open_leg().unwrap();
    let (mut a, b) = (Bare::at([127, 0, 0, 1]), Bare::at([127, 0, 0, 1]));
    call.session.set_remote(first.id, remote(a.address, Codec::Pcma, 101));
    call.session.set_remote(second.id, remote(b.address, Codec::Pcmu, 101));
    call.session.connect(first.id, second.id);
    settled(&server).await;
    a.say(([127, 0, 0, 1], first.port).into(), 8, &[0xd5; 160]);
    let (header, payload) = b.hear();
    assert_eq!((header.payload_type, payload.len()), (0, 160));
}

#[tokio::test]
async fn what_the_far_end_reports_counts_and_what_strangers_report_does_not() {
    let server = Media::open(config()).unwrap();
    let call = Call::new(&server);
    let ((a_leg, a_address), (b_leg, b_address)) = (call.leg(), call.leg());
    let (mut a, b, stranger) = (Bare::at([127, 0, 0, 4]), Bare::at([127, 0, 0, 5]), Bare::at([127, 0, 0, 6]));
    call.session.set_remote(a_leg, remote(a.address, Codec::Pcma, 101));
    call.session.set_remote(b_leg, remote(b.address, Codec::Pcma, 101));
    call.session.connect(a_leg, b_leg);
    settled(&server).await;
    a.say(a_address, 8, &[1; 160]);
    let ours = b.hear().0.ssrc;
    let report = |lost| {
        let sent = rtcp::Sent { ssrc: 1, ntp: 0, timestamp: 0, packets: 0, octets: 0 };
        rtcp::sender_report(&sent, Some(&rtcp::Block { ssrc: ours, lost, jitter: 80, ..rtcp::Block::default() }))
    };
    let b_rtcp = std::net::SocketAddr::new(b_address.ip(), b_address.port() + 1);
    b.socket.send_to(&report(7), b_rtcp).unwrap();
    stranger.socket.send_to(&report(900), b_rtcp).unwrap();
    settled(&server).await;
    let finished = soon(call.session.finish()).await.unwrap();
    let leg = &finished.legs[1];
    assert_eq!((leg.remote_lost, leg.remote_jitter_ms), (7, 10.0));
}

#[test]
fn handles_may_be_shared_between_tasks() {
    fn shared<T: Send + Sync>() {}
    shared::<Media>();
    shared::<media::Session>();
    shared::<media::Capture>();
}
