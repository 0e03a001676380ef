use std::{collections::BTreeMap, path::Path, sync::Arc};

use ::speech::{Kind, Segment, Template, Value};
use audio::{Law, SAMPLE_RATE, compare::compare, level};
use voice::{Config, Error, Gender, Voices, join};

const VOICE: &str = "vi-VN-female-01";

/// The engine has to be there: without it these tests say nothing.
pub(crate) async fn open(folder: &Path) -> Voices {
    let voices = Voices::open(Config::new(folder)).await.unwrap();
    voices.key(VOICE, "một").expect("these tests need espeak-ng; on Debian: apt-get install espeak-ng");
    voices
}

fn segments(voices: &Voices, name: &str) -> Vec<Segment> {
    let template = Template::parse("Xin chào {{name}}, bạn nợ {{debt|money}} đến hạn {{due|date}}. Bấm 1 để gặp.");
    let kinds = BTreeMap::from([("name".to_owned(), Kind::Name)]);
    let plan = template.unwrap().plan(&kinds, voices.reading(VOICE).unwrap());
    let value = |text: &str| Value::Text(text.to_owned());
    let values = [("name", value(name)), ("debt", value("1.005.000")), ("due", value("05/04/2026"))];
    plan.fill(&values.map(|(code, value)| (code.to_owned(), value)).into()).unwrap()
}

#[tokio::test]
async fn every_voice_speaks_at_one_level_without_silence_around() {
    let folder = tempfile::tempdir().unwrap();
    let voices = open(folder.path()).await;
    for voice in voices.voices() {
        for text in ["năm", "one", "Nguyễn Văn Đức", "hai mươi mốt triệu đồng", "good morning, press one"]
        {
            let clip = voices.clip(&voice.id, text).await.unwrap();
            let samples = clip.samples().await.unwrap();
            let sound: Vec<f32> = samples.iter().map(|sample| f32::from(*sample)).collect();
            let (level, peak) = (level::active(&sound, SAMPLE_RATE).unwrap(), level::peak(&sound));
            assert!((level + 20.0).abs() <= 1.0 && peak <= -2.99, "{} {text}: {level} {peak}", voice.id);
            // Something sounds after the 10 ms that are kept on either side.
            let (first, last) = (&samples[80..240], &samples[samples.len() - 240..samples.len() - 80]);
            for part in [first, last] {
                assert!(part.iter().any(|sample| sample.unsigned_abs() > 60), "{} {text}", voice.id);
            }
            assert!(samples[0] == 0 && samples[samples.len() - 1].abs() < 60, "{} {text}", voice.id);
        }
    }
}

#[tokio::test]
async fn the_voices_are_named_with_language_and_gender() {
    let folder = tempfile::tempdir().unwrap();
    let voices = open(folder.path()).await.voices();
    let first = voices.iter().find(|voice| voice.id == VOICE).unwrap();
    assert_eq!((first.language.as_deref(), first.gender), (Some("vi"), Some(Gender::Female)));
    assert!(voices.iter().any(|voice| voice.language.as_deref() == Some("en")));
}

#[tokio::test]
async fn a_callee_hears_the_expected_clips_and_no_other_name() {
    let folder = tempfile::tempdir().unwrap();
    let voices = open(folder.path()).await;
    let mine = segments(&voices, "Nguyễn Văn Đức");
    let message = voices.message(VOICE, &mine).await.unwrap();

    let clips = voices.render(VOICE, &mine).await.unwrap();
    let mut parts = Vec::new();
    for (clip, segment) in clips.iter().zip(&mine) {
        parts.push((clip.samples().await.unwrap(), segment.joint));
    }
    let expected = join(parts.iter().map(|(samples, joint)| (samples.as_slice(), *joint)));
    assert_eq!(message.samples()[..], expected);
    let file = std::fs::read(message.path()).unwrap();
    let heard: Vec<i16> = audio::wav::Wav::parse(&file).unwrap().channel(0);
    let heard: Vec<i16> =
        vec![0; 300].into_iter().chain(heard.into_iter().map(|s| Law::A.decode(Law::A.encode(s)))).collect();
    let fit = compare(&expected, &heard, 1_600);
    assert!(fit.is_same(), "{fit:?}");

    for name in ["Nguyễn Văn Đạt", "Trần Thị Mai"] {
        let other = voices.message(VOICE, &segments(&voices, name)).await.unwrap();
        let fit = compare(&expected, &other.samples(), 1_600);
        assert!(!fit.is_same(), "{name}: {fit:?}");
    }
    // All but the names was there already.
    assert_eq!(voices.counters().renders as usize, mine.len() + 2);
}

#[tokio::test]
async fn a_message_goes_when_nobody_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let voices = open(folder.path()).await;
    let message = voices.message(VOICE, &segments(&voices, "Mai")).await.unwrap();
    let path = message.path().to_owned();
    assert!(path.exists() && message.duration().as_secs() >= 3);
    drop(message);
    assert!(!path.exists());

    let left = folder.path().join("messages/left.wav");
    std::fs::write(&left, b"by a crash").unwrap();
    open(folder.path()).await;
    assert!(!left.exists());
}

#[tokio::test]
async fn decomposed_names_are_the_same_clip_and_orders_to_the_engine_are_not_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let voices = open(folder.path()).await;
    let key = |text: &str| voices.key(VOICE, text).unwrap();
    assert_eq!(key("Nguye\u{302}\u{303}n"), key("Nguyễn"));
    assert_eq!(key("[[h@loU]]"), key("h loU"));
    for (voice, text) in [("nobody", "một"), ("", "một"), (VOICE, ""), (VOICE, "😀"), (VOICE, "\0")] {
        assert!(voices.clip(voice, text).await.is_err(), "{voice} {text:?}");
    }
    assert!(matches!(voices.clip("nobody", "một").await, Err(Error::UnknownVoice(_))));
    assert!(matches!(voices.clip(VOICE, &"một ".repeat(5_000)).await, Err(Error::TooLong { .. })));
    assert_eq!(voices.counters().clips, 0);
}

#[tokio::test]
async fn fifty_who_ask_for_one_clip_start_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let voices = open(folder.path()).await;
    let asked = (0..50).map(|_| voices.clip(VOICE, "một trăm linh một"));
    let clips = futures_util::future::join_all(asked).await;
    assert!(clips.windows(2).all(|two| Arc::ptr_eq(two[0].as_ref().unwrap(), two[1].as_ref().unwrap())));
    assert_eq!(voices.counters().renders, 1);
}

#[tokio::test]
async fn one_persons_clips_can_be_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let voices = open(folder.path()).await;
    let mine = segments(&voices, "Nguyễn Văn Đức");
    let clips = voices.render(VOICE, &mine).await.unwrap();
    let personal: Vec<_> =
        mine.iter().zip(&clips).filter(|(s, _)| s.source.is_personal()).map(|(_, clip)| clip.key()).collect();
    assert_eq!(personal.len(), 1);
    assert_eq!(voices.delete(&personal), 1);
    assert!(!voices.has(personal[0]));
    assert_eq!(voices.counters().clips as usize, clips.len() - 1);
}
