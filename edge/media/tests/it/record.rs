use std::path::Path;

use audio::{Law, measure, tone, wav};
use media::{Codec, EventKind, Layout, Media, Record, Repeat, Source};

use crate::phone::{Bare, Call, Phone, config, remote, settled, soon};

fn read(path: &Path) -> Vec<Vec<i16>> {
    let file = std::fs::read(path).unwrap();
    let wav = wav::Wav::parse(&file).unwrap();
    (0..wav.channels).map(|channel| wav.channel(channel)).collect()
}

#[tokio::test]
async fn both_sides_are_recorded_in_their_channels_or_mixed() {
    let (server, phones) = (Media::open(config()).unwrap(), Media::open(config()).unwrap());
    let folder = tempfile::tempdir().unwrap();
    for layout in [Layout::TwoChannel, Layout::Mix] {
        let path = folder.path().join(format!("{layout:?}.wav"));
        let call = Call::new(&server);
        let ((a_leg, a_address), (b_leg, b_address)) = (call.leg(), call.leg());
        let (a, b) = (Phone::new(&phones), Phone::new(&phones));
        a.reach(a_address, Codec::Pcma, 101);
        b.reach(b_address, Codec::Pcmu, 101);
        call.session.set_remote(a_leg, remote(a.address, Codec::Pcma, 101));
        call.session.set_remote(b_leg, remote(b.address, Codec::Pcmu, 101));
        call.session.connect(a_leg, b_leg);
        settled(&server).await;
        call.session.record(Record { path: path.clone(), layout });

        let (from_a, from_b) = (tone::speech_like(1, 12_000), tone::speech_like(7, 12_000));
        let (at_a, at_b) = (a.call.session.capture(a.leg, 12_000), b.call.session.capture(b.leg, 12_000));
        a.speak(&from_a);
        b.speak(&from_b);
        soon(at_a.at_least(12_000)).await;
        soon(at_b.at_least(12_000)).await;
        let recorded = soon(call.session.finish()).await.unwrap().recording.unwrap();
        assert!(recorded.complete && recorded.dropped == 0, "{recorded:?}");
        assert!((1_480..10_000).contains(&recorded.duration_ms), "{recorded:?}");
        assert_eq!(recorded.bytes, std::fs::metadata(&path).unwrap().len());

        let channels = read(&path);
        match layout {
            Layout::TwoChannel => {
                let fits = [measure::fit(&from_a, &channels[0], 2_000), measure::fit(&from_b, &channels[1], 2_000)];
                assert!(fits.iter().all(|fit| fit.snr_db >= 30.0), "{fits:?}");
                assert!(fits[0].lag.abs_diff(fits[1].lag) <= 400, "the sides stay together: {fits:?}");
            }
            Layout::Mix => {
                assert_eq!(channels.len(), 1);
                let both: Vec<i16> = from_a.iter().zip(&from_b).map(|(&a, &b)| a.saturating_add(b)).collect();
                let loudest = channels[0].iter().map(|sample| sample.unsigned_abs()).max().unwrap();
                let expected = both.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
                assert!(loudest > expected / 2);
                for side in [&from_a, &from_b] {
                    assert!(measure::fit(side, &channels[0], 2_000).correlation > 0.5);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_recording_that_cannot_be_made_is_reported_and_the_call_goes_on() {
    let server = Media::open(config()).unwrap();
    let mut call = Call::new(&server);
    let ((a_leg, a_address), (b_leg, _)) = (call.leg(), call.leg());
    let (mut a, b) = (Bare::at([127, 0, 0, 1]), Bare::at([127, 0, 0, 1]));
    call.session.set_remote(a_leg, remote(a.address, Codec::Pcma, 101));
    call.session.set_remote(b_leg, remote(b.address, Codec::Pcma, 101));
    call.session.connect(a_leg, b_leg);
    settled(&server).await;
    call.session.record(Record { path: "/nowhere/at/all/call.wav".into(), layout: Layout::Mix });
    assert!(matches!(call.event().await, EventKind::RecordingFailed { reason } if reason.contains("/nowhere/at/all")));
    a.say(a_address, 8, &[7; 160]);
    assert_eq!(b.hear().1, [7; 160]);
    assert_eq!(soon(call.session.finish()).await.unwrap().recording, None);
}

#[tokio::test]
async fn what_is_said_during_a_pause_is_silent() {
    let server = Media::open(config()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let call = Call::new(&server);
    let ((a_leg, a_address), (b_leg, _)) = (call.leg(), call.leg());
    let (mut a, b) = (Bare::at([127, 0, 0, 1]), Bare::at([127, 0, 0, 1]));
    call.session.set_remote(a_leg, remote(a.address, Codec::Pcma, 101));
    call.session.set_remote(b_leg, remote(b.address, Codec::Pcma, 101));
    call.session.connect(a_leg, b_leg);
    settled(&server).await;
    call.session.record(Record { path: path.clone(), layout: Layout::TwoChannel });
    settled(&server).await;
    let mut say = |level: i16| {
        for _ in 0..5 {
            a.say(a_address, 8, &[Law::A.encode(level); 160]);
            b.hear();
        }
    };
    say(4_000);
    call.session.pause_recording();
    settled(&server).await;
    say(-20_000);
    call.session.resume_recording();
    settled(&server).await;
    say(8_000);
    soon(call.session.finish()).await.unwrap();
    let left = &read(&path)[0];
    assert!(left.iter().all(|&sample| sample >= 0), "nothing of the pause");
    assert!(left.iter().any(|&sample| sample > 3_000));
}

#[tokio::test]
async fn what_is_played_to_the_first_leg_is_on_the_other_channel() {
    let server = Media::open(config()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let mut call = Call::new(&server);
    let (leg, _) = call.leg();
    let caller = Bare::at([127, 0, 0, 1]);
    call.session.set_remote(leg, remote(caller.address, Codec::Pcma, 101));
    call.session.record(Record { path: path.clone(), layout: Layout::TwoChannel });
    let prompt = tone::speech_like(5, 4_000);
    call.session.play(leg, Source::Pcm { samples: prompt.clone().into(), repeat: Repeat::Once });
    assert_eq!(call.event().await, EventKind::PlayFinished { leg });
    soon(call.session.finish()).await.unwrap();
    let channels = read(&path);
    assert!(channels[0].iter().all(|&sample| sample == 0));
    assert!(measure::fit(&prompt, &channels[1], 800).snr_db >= 30.0);
}

#[tokio::test]
async fn a_session_dropped_without_an_end_leaves_a_whole_recording() {
    let server = Media::open(config()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let (dropped, next) = (Call::new(&server), Call::new(&server));
    dropped.leg();
    dropped.session.record(Record { path: path.clone(), layout: Layout::TwoChannel });
    drop(dropped);
    // The writer does its work in order: once the next recording is finished, the first is.
    next.session.record(Record { path: folder.path().join("next.wav"), layout: Layout::Mix });
    soon(next.session.finish()).await.unwrap().recording.unwrap();
    assert_eq!(read(&path).len(), 2);
}
