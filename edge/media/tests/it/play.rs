use std::sync::Arc;

use audio::{Law, measure};
use media::{Codec, Direction, EventKind, Media, Remote, Repeat, Source, Tone};

use crate::phone::{Bare, Call, config, remote, settled, soon};

#[tokio::test]
async fn from_ringback_to_conversation_to_prompt_the_stream_stays_one() {
    let server = Media::open(config()).unwrap();
    let mut call = Call::new(&server);
    let ((a_leg, _), (b_leg, b_address)) = (call.leg(), call.leg());
    let (a, mut b) = (Bare::at([127, 0, 0, 1]), Bare::at([127, 0, 0, 1]));
    call.session.play(a_leg, Source::Tone(Tone::Ringback));
    call.session.set_remote(a_leg, remote(a.address, Codec::Pcmu, 101));
    call.session.set_remote(b_leg, remote(b.address, Codec::Pcma, 101));
    let mut packets: Vec<_> = (0..10).map(|_| a.hear()).collect();
    let sound: Vec<i16> =
        packets.iter().flat_map(|(_, payload)| payload.iter().map(|&byte| Law::Mu.decode(byte))).collect();
    assert!((measure::amplitude_at(425.0, &sound) - 7_218.0).abs() < 200.0);

    call.session.connect(a_leg, b_leg);
    call.session.stop(a_leg);
    // What the other says is heard from the stop on; sentinel bytes tell it from what was played before.
    settled(&server).await;
    let spoken = loop {
        b.say(b_address, 8, &[0x2a; 80]);
        let heard = a.hear();
        if heard.1.len() == 80 {
            break heard;
        }
        packets.push(heard);
    };
    assert!(spoken.0.marker);
    packets.push(spoken);
    for _ in 0..5 {
        b.say(b_address, 8, &[0x2a; 80]);
        packets.push(a.hear());
    }
    call.session.play(a_leg, Source::Pcm { samples: Arc::from([1_000; 400]), repeat: Repeat::Once });
    for _ in 0..3 {
        packets.push(a.hear());
    }
    assert_eq!(call.event().await, EventKind::PlayFinished { leg: a_leg });
    b.say(b_address, 8, &[0x2a; 80]);
    packets.push(a.hear());

    assert!(packets[0].0.marker, "a stream begins with the marker");
    for pair in packets.windows(2) {
        let (before, after) = (&pair[0].0, &pair[1].0);
        assert_eq!(after.ssrc, before.ssrc);
        assert_eq!(after.payload_type, 0);
        assert_eq!(after.sequence, before.sequence.wrapping_add(1));
        let step = after.timestamp.wrapping_sub(before.timestamp);
        assert!((1..80_000).contains(&step), "{before:?} {after:?}");
    }
    soon(call.session.finish()).await.unwrap();
}

#[tokio::test]
async fn nothing_is_sent_to_a_leg_on_hold_and_the_prompt_still_ends() {
    let server = Media::open(config()).unwrap();
    let mut call = Call::new(&server);
    let (leg, _) = call.leg();
    let a = Bare::at([127, 0, 0, 1]);
    let held = Remote { direction: Direction::Inactive, ..remote(a.address, Codec::Pcma, 101) };
    call.session.set_remote(leg, held);
    call.session.play(leg, Source::Pcm { samples: Arc::from([1_000; 320]), repeat: Repeat::Once });
    assert_eq!(call.event().await, EventKind::PlayFinished { leg });
    assert_eq!(a.left_over(), 0);
}

#[tokio::test]
async fn keys_interrupt_a_prompt_and_repeat_their_timestamp() {
    let server = Media::open(config()).unwrap();
    let call = Call::new(&server);
    let (leg, _) = call.leg();
    let a = Bare::at([127, 0, 0, 1]);
    call.session.set_remote(leg, remote(a.address, Codec::Pcma, 101));
    call.session.play(leg, Source::Pcm { samples: Arc::from([1_000; 160]), repeat: Repeat::Forever });
    a.hear();
    call.session.send_dtmf(leg, "7");
    let packets: Vec<_> = (0..40).map(|_| a.hear()).collect();
    let keys: Vec<_> = packets.iter().filter(|(header, _)| header.payload_type == 101).collect();
    assert_eq!(keys.len(), 11);
    assert!(keys[0].0.marker && keys.iter().all(|(header, _)| header.timestamp == keys[0].0.timestamp));
    assert_eq!(keys[10].1, [7, 0x80 | 10, 0x05, 0x00], "the end, after 1,280 samples");
    let after = packets
        .iter()
        .skip_while(|(header, _)| header.payload_type != 101)
        .find(|(header, _)| header.payload_type == 8);
    let after = &after.unwrap().0;
    assert!(after.marker);
    let step = after.timestamp.wrapping_sub(keys[0].0.timestamp);
    assert!((1_280..8_000).contains(&step), "{step}");
    for pair in packets.windows(2) {
        assert_eq!(pair[1].0.sequence, pair[0].0.sequence.wrapping_add(1));
    }
}
