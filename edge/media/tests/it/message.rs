use std::sync::Arc;
use std::time::Duration;

use audio::{measure, tone, wav};
use media::{Codec, EventKind, Media, RecordLeg, Repeat, Source};

use crate::phone::{Call, Phone, config, remote, settled, soon};

/// Records what a phone says and returns the length that is reported and the file.
async fn recorded(codec: Codec, says: Vec<i16>, longest: Duration, stop_after: Option<usize>) -> (u64, Vec<i16>) {
    let (server, phones) = (Media::open(config()).unwrap(), Media::open(config()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("message.wav");
    let mut call = Call::new(&server);
    let ((leg, address), phone) = (call.leg(), Phone::new(&phones));
    phone.reach(address, codec, 101);
    call.session.set_remote(leg, remote(phone.address, codec, 101));
    settled(&server).await;
    let silence = if stop_after.is_some() { Duration::ZERO } else { Duration::from_millis(800) };
    call.session.record_leg(leg, RecordLeg { path: path.clone(), longest, silence });
    settled(&server).await;
    let mut samples = says;
    let spoken = samples.len();
    samples.extend([0; 24_000]);
    phone.call.session.play(phone.leg, Source::Pcm { samples: Arc::from(samples), repeat: Repeat::Once });
    if let Some(after) = stop_after {
        let ear = call.session.capture(leg, spoken);
        soon(ear.at_least(after)).await;
        call.session.stop_recording_leg(leg);
    }
    let EventKind::LegRecorded { leg: of, millis } = call.event().await else { panic!("it is recorded") };
    assert_eq!(of, leg);
    let file = std::fs::read(&path).unwrap();
    (millis, wav::Wav::parse(&file).map(|wav| wav.channel(0)).unwrap_or_default())
}

#[tokio::test]
async fn silence_ends_a_message_and_is_left_out() {
    for codec in [Codec::Pcma, Codec::Opus] {
        let says = tone::sine(440.0, 8_000.0, 12_000);
        let (millis, heard) = recorded(codec, says, Duration::from_secs(20), None).await;
        assert!((1_500..2_300).contains(&millis), "{millis}");
        assert_eq!(heard.len() as u64 / 8, millis);
        assert!(measure::amplitude_at(440.0, &heard[2_000..10_000]) > 6_000.0);
    }
}

#[tokio::test]
async fn a_message_has_a_longest_length() {
    let says = tone::sine(440.0, 8_000.0, 40_000);
    let (millis, _) = recorded(Codec::Pcma, says, Duration::from_secs(1), None).await;
    assert_eq!(millis, 1_000);
}

#[tokio::test]
async fn a_message_can_be_stopped() {
    let says = tone::sine(440.0, 8_000.0, 40_000);
    let (millis, heard) = recorded(Codec::Pcmu, says, Duration::from_secs(60), Some(8_000)).await;
    assert!((900..1_600).contains(&millis), "{millis}");
    assert!(!heard.is_empty());
}

#[tokio::test]
async fn who_says_nothing_leaves_no_message() {
    let (millis, heard) = recorded(Codec::Pcma, Vec::new(), Duration::from_secs(20), None).await;
    assert_eq!((millis, heard.len()), (0, 0));
}
