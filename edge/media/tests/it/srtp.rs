use audio::{Law, measure, tone};
use media::{Codec, EventKind, Media, Remote, SrtpKeys, SrtpSuite};

use crate::phone::{Bare, Call, Phone, config, remote, settled, soon};

const SUITES: [(SrtpSuite, usize); 3] =
    [(SrtpSuite::Aes128Sha80, 30), (SrtpSuite::Aes128Sha32, 30), (SrtpSuite::Aes256Sha80, 46)];

fn keys(suite: SrtpSuite, length: usize, seed: u8) -> [SrtpKeys; 2] {
    let (ours, theirs) = (vec![seed; length], vec![seed ^ 0xff; length]);
    [(&ours, &theirs), (&theirs, &ours)].map(|(send, receive)| SrtpKeys::new(suite, send, receive).unwrap())
}

#[tokio::test]
async fn a_protected_leg_and_a_plain_one_hear_each_other() {
    let (server, phones) = (Media::open(config()).unwrap(), Media::open(config()).unwrap());
    for (suite, length) in SUITES {
        let mut call = Call::new(&server);
        let ((a_leg, a_address), (b_leg, b_address)) = (call.leg(), call.leg());
        let (a, mut b) = (Phone::new(&phones), Phone::new(&phones));
        let [ours, theirs] = keys(suite, length, 3);
        let protected = |address, keys| Remote { srtp: Some(keys), ..remote(address, Codec::Pcma, 101) };
        a.call.session.set_remote(a.leg, protected(a_address, theirs));
        b.reach(b_address, Codec::Pcmu, 101);
        call.session.set_remote(a_leg, protected(a.address, ours));
        call.session.set_remote(b_leg, remote(b.address, Codec::Pcmu, 101));
        call.session.connect(a_leg, b_leg);
        settled(&server).await;
        let (from_a, from_b) = (tone::speech_like(1, 12_000), tone::speech_like(2, 12_000));
        let (at_a, at_b) = (a.call.session.capture(a.leg, 20_000), b.call.session.capture(b.leg, 20_000));
        a.speak(&from_a);
        b.speak(&from_b);
        for (sent, capture) in [(&from_a, &at_b), (&from_b, &at_a)] {
            let fit = measure::fit(sent, &soon(capture.at_least(12_000)).await, 400);
            assert!(fit.snr_db >= 30.0 && fit.correlation >= 0.995, "{suite:?} {fit:?}");
        }
        a.call.session.send_dtmf(a.leg, "7");
        assert!(matches!(call.event().await, EventKind::Dtmf { digit: '7', .. }));
        // Its own speech has ended first.
        assert!(matches!(b.call.event().await, EventKind::PlayFinished { .. }));
        assert!(matches!(b.call.event().await, EventKind::Dtmf { digit: '7', .. }));
        let finished = soon(call.session.finish()).await.unwrap();
        assert!(finished.legs.iter().all(|leg| leg.dropped.total() == 0 && leg.lost == 0), "{finished:?}");
    }
}

#[tokio::test]
async fn what_is_not_authentic_is_dropped_and_the_call_lives() {
    let (server, phones) = (Media::open(config()).unwrap(), Media::open(config()).unwrap());
    let call = Call::new(&server);
    let ((a_leg, a_address), (b_leg, _)) = (call.leg(), call.leg());
    let [ours, theirs] = keys(SrtpSuite::Aes128Sha80, 30, 9);
    let (a, b) = (Phone::new(&phones), Bare::at([127, 0, 0, 1]));
    // What the phone sends goes by way of us, so that we can play it again.
    let mut tapped = Bare::at([127, 0, 0, 1]);
    a.call.session.set_remote(a.leg, Remote { srtp: Some(theirs), ..remote(tapped.address, Codec::Pcma, 101) });
    let protected = Remote { srtp: Some(ours), ..remote(tapped.address, Codec::Pcma, 101) };
    call.session.set_remote(a_leg, protected.clone());
    call.session.set_remote(b_leg, remote(b.address, Codec::Pcma, 101));
    call.session.connect(a_leg, b_leg);
    settled(&server).await;
    a.speak(&[1_000; 160 * 30]);
    let mut buffer = [0; 2_048];
    for round in 0..30u8 {
        let length = tapped.socket.recv(&mut buffer).unwrap();
        let sealed = buffer[..length].to_vec();
        let mut changed = sealed.clone();
        changed[usize::from(round) % length] ^= 0x40;
        tapped.socket.send_to(&changed, a_address).unwrap();
        tapped.socket.send_to(&sealed[..length - 4], a_address).unwrap();
        tapped.say(a_address, 8, &[Law::A.encode(20_000); 160]);
        tapped.socket.send_to(&sealed, a_address).unwrap();
        for _ in 0..3 {
            tapped.socket.send_to(&sealed, a_address).unwrap();
        }
        // Only the authentic one arrives, once.
        let (header, payload) = b.hear();
        assert_eq!((header.payload_type, payload.len()), (8, 160));
        assert!(Law::A.decode(payload[80]) < 2_000);
        if round == 15 {
            // A re-INVITE with the same keys forgets nothing of what was seen.
            call.session.set_remote(a_leg, protected.clone());
            settled(&server).await;
            tapped.socket.send_to(&sealed, a_address).unwrap();
        }
    }
    settled(&server).await;
    let finished = soon(call.session.finish()).await.unwrap();
    let leg = &finished.legs[0];
    assert_eq!((leg.received, leg.lost), (30, 0), "{leg:?}");
    // The last ones may still wait in the socket.
    assert!((30 * 6 - 3..=30 * 6 + 1).contains(&leg.dropped.unauthentic), "{leg:?}");
    assert_eq!(b.left_over(), 0);
}

#[test]
fn keys_are_not_shown() {
    let [keys, _] = keys(SrtpSuite::Aes128Sha80, 30, 0x41);
    let shown =
        format!("{:?}", Remote { srtp: Some(keys), ..remote("192.0.2.1:4000".parse().unwrap(), Codec::Pcma, 101) });
    assert!(shown.contains("Aes128Sha80") && !shown.contains("65, 65") && !shown.contains("AAAA"), "{shown}");
    assert!(SrtpKeys::new(SrtpSuite::Aes256Sha80, &[0; 30], &[0; 30]).is_none());
}
