use std::{fs, path::Path};

use audio::{level, tone, wav};
use voice::{Config, Error, Voices};

const VOICE: &str = "vi-VN-female-01";

fn pack(packs: &Path, name: &str, manifest: &str) {
    fs::create_dir_all(packs.join(name)).unwrap();
    fs::write(packs.join(name).join("pack.toml"), manifest).unwrap();
    fs::write(packs.join(name).join("tone.wav"), wav::mono(44_100, &tone::speech_like(3, 44_100))).unwrap();
}

async fn open(folder: &Path) -> Voices {
    let mut config = Config::new(folder.join("clips"));
    config.packs = Some(folder.join("packs"));
    Voices::open(config).await.unwrap()
}

#[tokio::test]
async fn a_recording_is_heard_in_place_of_the_engine_for_exactly_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let packs = folder.path().join("packs");
    pack(
        &packs,
        "studio",
        "voice = \"vi-VN-female-01\"\n[[clips]]\ntext = \"xin cha\u{300}o!\"\nfile = \"tone.wav\"\n",
    );
    let voices = open(folder.path()).await;
    assert_eq!(voices.pack_problems(), []);
    assert_eq!((voices.packs()[0].voice.as_str(), voices.packs()[0].count), (VOICE, 1));

    let recorded = voices.clip(VOICE, "xin chào,").await.unwrap();
    // A second of sound, trimmed and brought to the level of all.
    assert!((900..=1_010).contains(&recorded.duration().as_millis()), "{:?}", recorded.duration());
    let sound: Vec<f32> = recorded.samples().await.unwrap().into_iter().map(f32::from).collect();
    let level = level::active(&sound, 8_000).unwrap();
    assert!((level + 20.0).abs() <= 1.0, "{level}");

    let key = |voice: &str, text: &str| voices.key(voice, text).unwrap();
    assert_ne!(key(VOICE, "xin chào"), key("vi-VN-male-01", "xin chào"));
    let without = Voices::open(Config::new(folder.path().join("other"))).await.unwrap();
    assert_ne!(key(VOICE, "xin chào"), without.key(VOICE, "xin chào").unwrap());
    assert_eq!(key(VOICE, "xin chào chị"), without.key(VOICE, "xin chào chị").unwrap());
}

#[tokio::test]
async fn another_recording_is_another_clip() {
    let folder = tempfile::tempdir().unwrap();
    let packs = folder.path().join("packs");
    let manifest = "voice = \"vi-VN-female-01\"\nclips = [{ text = \"xin chào\", file = \"tone.wav\" }]\n";
    pack(&packs, "studio", manifest);
    let voices = open(folder.path()).await;
    let before = voices.key(VOICE, "xin chào").unwrap();
    fs::write(packs.join("studio/tone.wav"), wav::mono(8_000, &tone::speech_like(9, 8_000))).unwrap();
    let error = voices.clip(VOICE, "xin chào").await.unwrap_err();
    assert!(matches!(&error, Error::Unreadable(why) if why.contains("has changed")), "{error}");
    assert_ne!(open(folder.path()).await.key(VOICE, "xin chào").unwrap(), before);
}

#[tokio::test]
async fn what_is_wrong_with_a_pack_is_told_and_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let packs = folder.path().join("packs");
    let good = "clips = [{ text = \"xin chào\", file = \"tone.wav\" }]\n";
    pack(&packs, "a-not-toml", "voice = ");
    pack(&packs, "b-odd-key", &format!("voice = \"{VOICE}\"\nrate = 3\n{good}"));
    pack(&packs, "c-odd-voice", &format!("voice = \"nobody\"\n{good}"));
    fs::create_dir_all(packs.join("d-no-manifest")).unwrap();
    let clips = "[{ text = \"a\", file = \"../a-not-toml/tone.wav\" }, { text = \"b\", file = \"/etc/passwd\" }, \
                 { text = \"c\", file = \"pack.toml\" }, { text = \"d\", file = \"none.wav\" }, \
                 { text = \"e\", file = \"silence.wav\" }, { text = \"...\", file = \"tone.wav\" }, \
                 { text = \"f\", file = \".\" }, { text = \"tốt\", file = \"tone.wav\" }]";
    pack(&packs, "e-odd-clips", &format!("voice = \"{VOICE}\"\nclips = {clips}\n"));
    fs::write(packs.join("e-odd-clips/silence.wav"), wav::mono(8_000, &[0; 8_000])).unwrap();
    pack(&packs, "f-good", &format!("voice = \"{VOICE}\"\n{good}"));
    pack(&packs, "g-twice", &format!("voice = \"{VOICE}\"\n{good}"));
    fs::write(packs.join("readme.txt"), "not a pack").unwrap();

    let voices = open(folder.path()).await;
    let told: Vec<String> = voices.pack_problems().iter().map(ToString::to_string).collect();
    for (problem, [pack, why]) in told.iter().zip([
        ["a-not-toml", "pack.toml"],
        ["b-odd-key", "rate"],
        ["c-odd-voice", "there is no voice \"nobody\", only vi-VN-female-01"],
        ["d-no-manifest", "No such file"],
        ["e-odd-clips", "../a-not-toml/tone.wav: not a file within the pack"],
        ["e-odd-clips", "/etc/passwd: not a file within the pack"],
        ["e-odd-clips", "pack.toml: the sound cannot be read"],
        ["e-odd-clips", "none.wav: No such file"],
        ["e-odd-clips", "silence.wav: the sound is silent"],
        ["e-odd-clips", "nothing to say"],
        ["e-odd-clips", "."],
        ["g-twice", "is there already"],
    ]) {
        assert!(problem.contains(pack) && problem.contains(why), "{problem}");
    }
    assert_eq!(told.len(), 12, "{told:#?}");
    assert_eq!(voices.packs()[0].count, 2);
    voices.clip(VOICE, "tốt").await.unwrap();
}

#[tokio::test]
async fn a_folder_of_packs_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let voices = open(folder.path()).await;
    assert!(voices.pack_problems()[0].to_string().contains("No such file"));
}
