//! Each adapter against a server on this host that speaks as the vendor does, or badly.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use ::speech::{Joint, Reading, Segment, segment::Source};
use audio::{measure::amplitude_at, tone, wav};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use voice::{
    Config, Error, Fault, Paid, Patience, Voices,
    provider::{self, ApiKey, Settings, Vendor},
};

const KEY: &str = "a-secret-key";

/// How the server behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Good,
    SlowDrip,
    Truncated,
    WrongType,
    /// 429 so many times, then good.
    Busy(usize),
    Broken,
    NeverReady,
    WrongKey,
    ForeignLink,
}

struct Fake {
    mood: Mood,
    vendor: Vendor,
    asked: AtomicUsize,
    polled: AtomicUsize,
    base: String,
}

fn file() -> Vec<u8> {
    wav::mono(16_000, &tone::sine(500.0, 8_000.0, 16_000))
}

fn sound(kind: &str, body: Vec<u8>, mood: Mood) -> Response {
    match mood {
        Mood::WrongType => ([("content-type", "text/html")], "<html>maintenance</html>").into_response(),
        Mood::Truncated => {
            // The length promises more than comes.
            let half = Bytes::from(body[..body.len() / 2].to_vec());
            let broken = stream::iter([Ok(half), Err(std::io::Error::other("gone"))]);
            Response::builder()
                .header("content-type", kind)
                .header("content-length", body.len())
                .body(Body::from_stream(broken))
                .unwrap()
        }
        Mood::SlowDrip => {
            let drip = stream::unfold(0, |at| async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b"R")), at + 1))
            });
            Response::builder().header("content-type", kind).body(Body::from_stream(drip)).unwrap()
        }
        _ => Response::builder().header("content-type", kind).body(Body::from(body)).unwrap(),
    }
}

async fn serve(State(fake): State<Arc<Fake>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 100_000).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let path = head.uri.path().to_owned();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if path.starts_with("/sound/") {
        // A link gets no key.
        assert!(["api-key", "apikey", "authorization"].iter().all(|name| header(name).is_empty()));
        let polled = fake.polled.fetch_add(1, SeqCst);
        return match (fake.mood, path.as_str()) {
            (Mood::NeverReady, _) => StatusCode::NOT_FOUND.into_response(),
            (Mood::Good, _) if polled < 2 => StatusCode::NOT_FOUND.into_response(),
            (Mood::Good, "/sound/list.m3u8") => {
                ([("content-type", "application/x-mpegurl")], "#EXTM3U\n#EXTINF:1,\na.wav\nb.wav\n").into_response()
            }
            (mood, _) => sound("audio/wav", file(), mood),
        };
    }
    let asked = fake.asked.fetch_add(1, SeqCst);
    match fake.mood {
        Mood::Broken => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Mood::Busy(times) if asked < times => {
            return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]).into_response();
        }
        Mood::WrongKey => return (StatusCode::UNAUTHORIZED, format!("wrong key {KEY}")).into_response(),
        _ => {}
    }
    let link = if fake.mood == Mood::ForeignLink { "http://169.254.169.254" } else { fake.base.as_str() };
    let json = |body: String| ([("content-type", "application/json")], body).into_response();
    let words = "xin ch\u{e0}o";
    match (fake.vendor, path.as_str()) {
        (Vendor::ElevenLabs, "/v1/voices") => json(
            r#"{"voices":[{"voice_id":"r1","name":"Roger","labels":{"gender":"male","language":"en"}}]}"#.to_owned(),
        ),
        (Vendor::Google, "/v1/voices") => json(
            r#"{"voices":[{"name":"vi-VN-Standard-A","languageCodes":["vi-VN"],"ssmlGender":"FEMALE"}]}"#.to_owned(),
        ),
        (Vendor::Azure, "/cognitiveservices/voices/list") => json(
            r#"[{"ShortName":"vi-VN-HoaiMyNeural","DisplayName":"HoaiMy","Locale":"vi-VN","Gender":"Female"}]"#
                .to_owned(),
        ),
        (Vendor::ElevenLabs, "/v1/text-to-speech/v%2F1") => {
            assert_eq!((header("xi-api-key"), head.uri.query()), (KEY, Some("output_format=pcm_16000")));
            assert!(body.contains(words) && body.contains("model_id"), "{body}");
            sound("audio/pcm", file()[44..].to_vec(), fake.mood)
        }
        (Vendor::OpenAi, "/v1/audio/speech") => {
            assert_eq!(header("authorization"), format!("Bearer {KEY}"));
            assert!(body.contains(words) && body.contains(r#""response_format":"wav""#), "{body}");
            sound("audio/wav", file(), fake.mood)
        }
        (Vendor::Google, "/v1/text:synthesize") => {
            assert_eq!(header("x-goog-api-key"), KEY);
            assert!(body.contains(r#""languageCode":"vi-VN""#) && body.contains("LINEAR16"), "{body}");
            use base64::Engine as _;
            let content = base64::engine::general_purpose::STANDARD.encode(file());
            sound("application/json", format!(r#"{{"audioContent":"{content}"}}"#).into_bytes(), fake.mood)
        }
        (Vendor::Azure, "/cognitiveservices/v1") => {
            assert_eq!(header("ocp-apim-subscription-key"), KEY);
            assert_eq!(header("x-microsoft-outputformat"), "riff-16khz-16bit-mono-pcm");
            assert!(body.starts_with("<speak ") && body.contains(words), "{body}");
            sound("audio/x-wav", file(), fake.mood)
        }
        (Vendor::Fpt, "/hmi/tts/v5") => {
            assert_eq!((header("api-key"), body.as_str()), (KEY, words));
            json(format!(r#"{{"async":"{link}/sound/a.wav","error":0,"message":"","request_id":"1"}}"#))
        }
        (Vendor::Viettel, "/tts/speech_synthesis") => {
            assert!(body.contains(KEY) && body.contains(words), "{body}");
            sound("audio/x-wav", file(), fake.mood)
        }
        (Vendor::Zalo, "/v1/tts/synthesize") => {
            assert_eq!(header("apikey"), KEY);
            assert!(body.contains("input=xin+ch%C3%A0o"), "{body}");
            json(format!(r#"{{"error_code":0,"data":{{"url":"{link}/sound/list.m3u8"}}}}"#))
        }
        other => panic!("nobody asked for {other:?}"),
    }
}

/// A server, and the account that uses it.
async fn open(vendor: Vendor, mood: Mood) -> (Arc<Fake>, Arc<Paid>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let fake = Fake { mood, vendor, asked: 0.into(), polled: 0.into(), base: base.clone() };
    let fake = Arc::new(fake);
    let app = Router::new().fallback(serve).with_state(Arc::clone(&fake));
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut settings = Settings::new(vendor, ApiKey::new(KEY.to_owned()));
    settings.base = Some(base);
    settings.timeout = Duration::from_secs(if mood == Mood::SlowDrip { 1 } else { 20 });
    settings.poll_every = Duration::from_millis(5);
    settings.poll_for = Duration::from_secs(if mood == Mood::NeverReady { 1 } else { 20 });
    let patience = Patience { tries: 3, wait: Duration::from_millis(5), faults: 4, ..Patience::default() };
    let paid = Paid::new(provider::open(settings).unwrap(), "account-1", patience);
    (fake, Arc::new(paid))
}

async fn say(paid: &Arc<Paid>) -> Result<Vec<i16>, Fault> {
    let folder = tempfile::tempdir().unwrap();
    let voices = Voices::open(Config::new(folder.path())).await.unwrap();
    let voice = if paid.vendor() == "google" { "vi-VN-Standard-A" } else { "v/1" };
    match voices.paid_clip(paid, voice, Reading::NORTH, "xin chào").await {
        Ok(clip) => Ok(clip.samples().await.unwrap()),
        Err(Error::Vendor { fault, .. }) => Err(fault),
        Err(other) => panic!("{other}"),
    }
}

fn is_async(vendor: Vendor) -> bool {
    matches!(vendor, Vendor::Fpt | Vendor::Zalo)
}

#[tokio::test]
async fn every_vendor_is_asked_as_it_wants_and_heard() {
    for &vendor in Vendor::ALL {
        let (fake, paid) = open(vendor, Mood::Good).await;
        let samples = say(&paid).await.unwrap_or_else(|fault| panic!("{vendor:?}: {fault}"));
        // A second of 1,000 Hz (500 at 8 kHz); a playlist of two has two.
        let seconds = if vendor == Vendor::Zalo { 2 } else { 1 };
        assert!(samples.len().abs_diff(8_000 * seconds) < 200, "{vendor:?}: {}", samples.len());
        assert!(amplitude_at(1_000.0, &samples[2_000..6_000]) > 3_000.0, "{vendor:?}");
        assert_eq!((fake.asked.load(SeqCst), paid.take_characters(), paid.take_characters()), (1, 8, 0), "{vendor:?}");
        assert_eq!(Vendor::parse(paid.vendor()), Some(vendor));
    }
}

#[tokio::test]
async fn what_is_busy_is_asked_again() {
    for &vendor in Vendor::ALL {
        let (fake, paid) = open(vendor, Mood::Busy(2)).await;
        say(&paid).await.unwrap_or_else(|fault| panic!("{vendor:?}: {fault}"));
        assert_eq!(fake.asked.load(SeqCst), 3, "{vendor:?}");
    }
}

#[tokio::test]
async fn what_is_down_is_left_alone_after_a_while_and_costs_nothing() {
    for &vendor in Vendor::ALL {
        let (fake, paid) = open(vendor, Mood::Broken).await;
        assert!(matches!(say(&paid).await, Err(Fault::Down(_))), "{vendor:?}");
        assert_eq!(fake.asked.load(SeqCst), 3, "{vendor:?}");
        assert_eq!(say(&paid).await, Err(Fault::LeftAlone), "{vendor:?}");
        assert_eq!((fake.asked.load(SeqCst), paid.take_characters()), (4, 0), "{vendor:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_final_and_tells_no_key() {
    for &vendor in Vendor::ALL {
        let (fake, paid) = open(vendor, Mood::WrongKey).await;
        let fault = say(&paid).await.unwrap_err();
        assert_eq!(fault, Fault::Refused(401), "{vendor:?}");
        assert!(!fault.to_string().contains(KEY));
        assert_eq!(fake.asked.load(SeqCst), 1, "{vendor:?}");
    }
    let settings = Settings::new(Vendor::OpenAi, ApiKey::new(KEY.to_owned()));
    assert!(!format!("{settings:?}").contains(KEY));
}

#[tokio::test]
async fn answers_that_are_no_sound_are_refused() {
    for &vendor in Vendor::ALL {
        let (_fake, paid) = open(vendor, Mood::WrongType).await;
        assert!(matches!(say(&paid).await, Err(Fault::Odd(_))), "{vendor:?}");
    }
}

#[tokio::test]
async fn answers_that_break_off_are_not_played() {
    for &vendor in Vendor::ALL {
        let (_fake, paid) = open(vendor, Mood::Truncated).await;
        let fault = say(&paid).await.unwrap_err();
        // Where a sound is waited for, it is waited for to the end.
        let expected = matches!(fault, Fault::Down(_)) || (is_async(vendor) && fault == Fault::NeverReady);
        assert!(expected, "{vendor:?}: {fault}");
    }
}

#[tokio::test]
async fn an_answer_that_drips_is_given_up() {
    let asked = Vendor::ALL.iter().filter(|vendor| !is_async(**vendor)).map(|&vendor| async move {
        let (_fake, paid) = open(vendor, Mood::SlowDrip).await;
        assert_eq!(say(&paid).await, Err(Fault::Slow), "{vendor:?}");
    });
    futures_util::future::join_all(asked).await;
}

#[tokio::test]
async fn a_sound_that_is_never_ready_is_given_up() {
    for vendor in [Vendor::Fpt, Vendor::Zalo] {
        let (fake, paid) = open(vendor, Mood::NeverReady).await;
        assert_eq!(say(&paid).await, Err(Fault::NeverReady), "{vendor:?}");
        assert!(fake.polled.load(SeqCst) > 2);
        assert_eq!(fake.asked.load(SeqCst), 1);
    }
}

#[tokio::test]
async fn a_vendor_cannot_have_us_fetch_from_elsewhere() {
    for vendor in [Vendor::Fpt, Vendor::Zalo] {
        let (_fake, paid) = open(vendor, Mood::ForeignLink).await;
        let fault = say(&paid).await.unwrap_err();
        assert!(matches!(&fault, Fault::Odd(why) if why.contains("not the vendor's")), "{fault}");
    }
}

#[tokio::test]
async fn a_key_is_not_sent_in_the_clear() {
    for base in ["http://example.com", "ftp://127.0.0.1", "nowhere"] {
        let mut settings = Settings::new(Vendor::OpenAi, ApiKey::new(KEY.to_owned()));
        settings.base = Some(base.to_owned());
        assert!(matches!(provider::open(settings), Err(Fault::Settings(_))), "{base}");
    }
}

#[tokio::test]
async fn voices_are_told_also_while_the_vendor_is_down() {
    let known = ["mine".to_owned()];
    for &vendor in Vendor::ALL {
        let (_fake, paid) = open(vendor, Mood::Good).await;
        let told = paid.voices(&known).await;
        assert!(told.len() >= 2 && told[0].name != "mine", "{vendor:?}");
        let mine = told.last().unwrap();
        assert_eq!((mine.id.as_str(), mine.name.as_str(), &mine.language), ("mine", "mine", &None), "{vendor:?}");

        let (_fake, paid) = open(vendor, Mood::Broken).await;
        let told = paid.voices(&known).await;
        assert!(told.iter().any(|voice| voice.id == "mine" && voice.name == "mine"), "{vendor:?}");
    }
}

#[tokio::test]
async fn a_built_in_voice_takes_over_the_whole_message_if_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let voices = Voices::open(Config::new(folder.path())).await.unwrap();
    let segment = |text: &str| Segment { text: text.to_owned(), joint: Joint::Slot, source: Source::Constant };
    let segments = [segment("xin chào"), segment("tạm biệt")];
    let (_fake, paid) = open(Vendor::OpenAi, Mood::Broken).await;
    let may = Some("vi-VN-female-01");
    let own = voices.message("vi-VN-female-01", &segments).await.unwrap();
    let (message, took_over) = voices.paid_message(&paid, "nova", Reading::NORTH, &segments, may).await.unwrap();
    assert!(took_over);
    assert_eq!(message.samples(), own.samples());
    let refused = voices.paid_message(&paid, "nova", Reading::NORTH, &segments, None).await;
    assert!(matches!(refused, Err(Error::Vendor { .. })));
    // A wrong key is the account's to mend: nobody is to notice it by another voice.
    let (_fake, paid) = open(Vendor::OpenAi, Mood::WrongKey).await;
    let refused = voices.paid_message(&paid, "nova", Reading::NORTH, &segments, may).await;
    assert!(matches!(refused, Err(Error::Vendor { fault: Fault::Refused(401), .. })));
}

#[tokio::test]
async fn what_was_paid_for_is_kept_for_that_account() {
    let folder = tempfile::tempdir().unwrap();
    let voices = Voices::open(Config::new(folder.path())).await.unwrap();
    let (fake, paid) = open(Vendor::OpenAi, Mood::Good).await;
    let clip = || voices.paid_clip(&paid, "nova", Reading::NORTH, "xin chào");
    let (one, two) = tokio::join!(clip(), clip());
    assert_eq!(one.unwrap().key(), two.unwrap().key());
    clip().await.unwrap();
    assert_eq!((fake.asked.load(SeqCst), paid.take_characters()), (1, 8));
    let mut settings = Settings::new(Vendor::OpenAi, ApiKey::new(KEY.to_owned()));
    settings.base = Some(fake.base.clone());
    let other = Paid::new(provider::open(settings).unwrap(), "account-2", Patience::default());
    let key = |paid: &Paid| voices.paid_key(paid, "nova", Reading::NORTH, "xin chào").unwrap();
    assert_ne!(key(&paid), key(&other));
}

#[tokio::test]
async fn more_than_the_vendor_takes_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let voices = Voices::open(Config::new(folder.path())).await.unwrap();
    let (fake, paid) = open(Vendor::Viettel, Mood::Good).await;
    let long = "một hai ".repeat(200);
    let refused = voices.paid_clip(&paid, "hn-quynhanh", Reading::NORTH, &long).await;
    assert!(matches!(refused, Err(Error::Vendor { fault: Fault::TooLong { most: 1_000, .. }, .. })));
    assert_eq!(fake.asked.load(SeqCst), 0);
}
