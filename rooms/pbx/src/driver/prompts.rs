//! The sound of what is said: built-in words, prompts of accounts, greetings and messages.

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use audio::{SAMPLE_RATE, wav::Wav};
use domain::{
    TenantId,
    app::{self, Language, MusicChoice, Prompt},
};

use crate::Pbx;

/// Samples of stored prompts that are kept in memory: 8 minutes each of 16 accounts, 122 MiB at most.
const KEPT_SAMPLES: usize = 64_000_000;
/// A file with more is not played: ten minutes.
const LONGEST: u64 = 10 * 60 * 16_000 + 4_096;
/// Between the pieces of what is said.
const GAP_MS: u32 = 40;

type Sound = Arc<[i16]>;

/// Sound of files that was read lately. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prompts(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    sounds: HashMap<String, Sound>,
    /// The oldest first.
    order: VecDeque<String>,
    samples: usize,
}

impl Prompts {
    fn find(&self, path: &str) -> Option<Sound> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sounds.get(path).cloned()
    }

    fn keep(&self, path: &str, sound: &Sound) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.sounds.insert(path.to_owned(), Arc::clone(sound)).is_some() {
            return;
        }
        kept.samples += sound.len();
        kept.order.push_back(path.to_owned());
        while kept.samples > KEPT_SAMPLES {
            let Some(oldest) = kept.order.pop_front() else { break };
            let gone = kept.sounds.remove(&oldest).map_or(0, |sound| sound.len());
            kept.samples -= gone;
        }
    }
}

/// Returns the sound of all that is to be said, in its order, at 8 kHz. What has no sound is left out. `last` is the
/// file of the last recording of the call.
pub(crate) async fn sequence(pbx: &Pbx, tenant: TenantId, prompts: &[Prompt], last: Option<&Path>) -> Vec<Sound> {
    let mut sounds = Vec::with_capacity(prompts.len() * 2);
    for prompt in prompts {
        let Some(sound) = pcm(pbx, tenant, prompt, last).await else {
            tracing::warn!(tenant.id = %tenant, ?prompt, "a prompt has no sound");
            continue;
        };
        if !sounds.is_empty() {
            sounds.push(silence(GAP_MS));
        }
        sounds.push(sound);
    }
    sounds
}

/// Returns the sound of one prompt in the account's language.
pub(crate) async fn pcm(pbx: &Pbx, tenant: TenantId, prompt: &Prompt, last: Option<&Path>) -> Option<Sound> {
    let account = pbx.directory.account(tenant)?;
    let language = account.places.language;
    match prompt {
        Prompt::Word("beep") => Some(beep()),
        Prompt::Word(name) => word(language, name),
        Prompt::Number(number) => words(language, &app::number(language, *number)),
        Prompt::Digits(digits) => words(language, &app::digits(language, digits)),
        Prompt::Silence(millis) => Some(silence(*millis)),
        Prompt::Stored(id) => {
            let path = account.places.prompts.get(id)?;
            if let Some(sound) = pbx.apps.prompts.find(path) {
                return Some(sound);
            }
            let sound = read(&pbx.config.prompts_dir, Path::new(path)).await?;
            pbx.apps.prompts.keep(path, &sound);
            Some(sound)
        }
        Prompt::Greeting(extension) => {
            let path = account.places.mailboxes.get(extension)?.greeting_path.clone()?;
            read(&pbx.config.voicemail_dir, Path::new(&path)).await
        }
        Prompt::LastRecording => read(&pbx.config.voicemail_dir, last?).await,
        Prompt::Message(id) => {
            let path = super::voicemail::message_path(pbx, tenant, *id).await?;
            read(&pbx.config.voicemail_dir, Path::new(&path)).await
        }
    }
}

/// Returns what a waiting caller of that account hears, to be repeated.
pub(crate) async fn music(pbx: &Pbx, tenant: TenantId, choice: MusicChoice) -> Sound {
    let chosen = match choice {
        MusicChoice::Stored(id) => Some(id),
        MusicChoice::Account => pbx.directory.account(tenant).and_then(|account| account.places.music),
    };
    let own = match chosen {
        Some(id) => pcm(pbx, tenant, &Prompt::Stored(id), None).await,
        None => None,
    };
    own.filter(|sound| !sound.is_empty()).unwrap_or_else(audio::music::on_hold)
}

/// Reads a file of ours below `folder`: WAV, 16-bit; the first channel, at 8 kHz.
async fn read(folder: &Path, path: &Path) -> Option<Sound> {
    // We name the files; a path that leads out of the folder was not written by us.
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    open(&folder.join(path)).await
}

async fn open(file: &Path) -> Option<Sound> {
    let length = tokio::fs::metadata(file).await.ok()?.len();
    if length > LONGEST {
        return None;
    }
    let bytes = tokio::fs::read(file).await.ok()?;
    let wav = Wav::parse(&bytes).ok()?;
    (wav.rate == SAMPLE_RATE).then(|| Sound::from(wav.channel(0)))
}

/// Returns the sound of those files one after the other: WAV of 16 bits at 8 kHz. Nothing if one of them cannot be
/// read: half of what was to be said is worse than nothing.
pub(crate) async fn files(paths: &[PathBuf]) -> Option<Vec<Sound>> {
    let mut sounds = Vec::with_capacity(paths.len());
    for path in paths {
        let sound = open(path).await;
        if sound.is_none() {
            tracing::warn!(path = %path.display(), "a file that is to be heard cannot be");
        }
        sounds.push(sound?);
    }
    Some(sounds)
}

fn silence(millis: u32) -> Sound {
    let samples = u64::from(millis.min(60_000)) * u64::from(SAMPLE_RATE) / 1_000;
    std::iter::repeat_n(0, usize::try_from(samples).unwrap_or(0)).collect()
}

/// The tone after which a caller speaks: 1 kHz for a third of a second.
fn beep() -> Sound {
    audio::tone::sine(1_000.0, 8_000.0, 2_640).into()
}

fn words(language: Language, names: &[&'static str]) -> Option<Sound> {
    let mut all = Vec::new();
    for name in names {
        all.extend_from_slice(&word(language, name)?);
        all.extend_from_slice(&silence(GAP_MS));
    }
    Some(all.into())
}

fn word(language: Language, name: &str) -> Option<Sound> {
    let pack = pack(language);
    let range = pack.places.get(name)?.clone();
    let mut samples = Vec::with_capacity(range.len());
    audio::Law::Mu.decode_into(pack.sound.get(range)?, &mut samples);
    Some(samples.into())
}

/// The built-in words of one language: G.711 µ-law, one after the other.
struct Pack {
    sound: &'static [u8],
    places: HashMap<&'static str, Range<usize>>,
}

fn pack(language: Language) -> &'static Pack {
    static EN: OnceLock<Pack> = OnceLock::new();
    static VI: OnceLock<Pack> = OnceLock::new();
    match language {
        Language::En => {
            EN.get_or_init(|| Pack::open(include_bytes!("../../words/en.ulaw"), include_str!("../../words/en.index")))
        }
        Language::Vi => {
            VI.get_or_init(|| Pack::open(include_bytes!("../../words/vi.ulaw"), include_str!("../../words/vi.index")))
        }
    }
}

impl Pack {
    /// `index` has a line for each word: its name and how many bytes it takes.
    fn open(sound: &'static [u8], index: &'static str) -> Self {
        let mut places = HashMap::new();
        let mut at = 0;
        for line in index.lines() {
            let Some((name, length)) = line.split_once(' ') else { continue };
            let length: usize = length.trim().parse().unwrap_or(0);
            places.insert(name, at..at + length);
            at += length;
        }
        Self { sound, places }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_word_can_be_heard() {
        for language in Language::ALL {
            for known in app::words() {
                let sound = word(language, known.name);
                if known.text(language).is_empty() {
                    assert!(sound.is_none(), "{} in {language:?} is in the pack for nothing", known.name);
                    continue;
                }
                let sound = sound.unwrap_or_else(|| panic!("{} is missing in {language:?}", known.name));
                let seconds = sound.len() as f64 / f64::from(SAMPLE_RATE);
                assert!((0.08..12.0).contains(&seconds), "{} lasts {seconds} s", known.name);
                let peak = sound.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
                assert!((4_000..32_000).contains(&peak), "{} peaks at {peak} in {language:?}", known.name);
            }
        }
    }

    #[test]
    fn the_packs_stay_small() {
        let bytes = Language::ALL.map(|language| pack(language).sound.len()).into_iter().sum::<usize>();
        assert!(bytes <= 1_500_000, "{bytes} bytes");
    }

    #[test]
    fn a_number_is_made_of_its_words() {
        let whole = words(Language::Vi, &app::number(Language::Vi, 25)).unwrap();
        let parts: usize = ["2", "muoi", "lam"].iter().map(|name| word(Language::Vi, name).unwrap().len()).sum();
        assert_eq!(whole.len(), parts + 3 * silence(GAP_MS).len());
    }

    #[test]
    fn sound_that_was_read_is_kept_up_to_a_limit() {
        let prompts = Prompts::default();
        let sound: Sound = vec![0_i16; KEPT_SAMPLES / 2].into();
        for path in ["a", "b", "c"] {
            prompts.keep(path, &sound);
        }
        assert!(prompts.find("a").is_none());
        assert!(prompts.find("b").is_some() && prompts.find("c").is_some());
    }
}
