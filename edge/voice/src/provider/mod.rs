//! Voices of vendors, each with a key of the account: one module for what each vendor's API says.

mod azure;
mod elevenlabs;
mod fpt;
mod google;
mod http;
mod openai;
mod viettel;
mod wire;
mod zalo;

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use thiserror::Error;
use zeroize::Zeroizing;

use self::wire::Wire;
use crate::{Gender, Sound, VoiceInfo};

/// What renders speech elsewhere.
pub trait Provider: Send + Sync {
    fn vendor(&self) -> Vendor;

    /// Returns what beside voice and words shapes the sound: the model and its settings.
    fn model(&self) -> &str;

    /// Returns the characters of one request.
    fn most_characters(&self) -> usize;

    /// Asks once.
    fn synthesise<'a>(&'a self, words: &'a str, voice: &'a str) -> BoxFuture<'a, Result<Sound, Fault>>;

    /// Asks once for the voices; vendors without such a list tell those that they document.
    fn voices(&self) -> BoxFuture<'_, Result<Vec<VoiceInfo>, Fault>>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vendor {
    ElevenLabs,
    /// OpenAI, and servers that speak as it does.
    OpenAi,
    Google,
    Azure,
    Fpt,
    Viettel,
    Zalo,
}

impl Vendor {
    pub const ALL: &'static [Self] =
        &[Self::ElevenLabs, Self::OpenAi, Self::Google, Self::Azure, Self::Fpt, Self::Viettel, Self::Zalo];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ElevenLabs => "elevenlabs",
            Self::OpenAi => "openai",
            Self::Google => "google",
            Self::Azure => "azure",
            Self::Fpt => "fpt",
            Self::Viettel => "viettel",
            Self::Zalo => "zalo",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|vendor| vendor.as_str() == name)
    }

    /// Returns the address of the vendor's API; Azure has one for each region.
    pub const fn base(self) -> &'static str {
        match self {
            Self::ElevenLabs => "https://api.elevenlabs.io",
            Self::OpenAi => "https://api.openai.com",
            Self::Google => "https://texttospeech.googleapis.com",
            Self::Azure => "https://southeastasia.tts.speech.microsoft.com",
            Self::Fpt => "https://api.fpt.ai",
            Self::Viettel => "https://viettelai.vn",
            Self::Zalo => "https://api.zalo.ai",
        }
    }
}

/// A key that is never printed and leaves no copy in memory.
#[derive(Clone)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    pub fn new(key: String) -> Self {
        Self(Zeroizing::new(key))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(***)")
    }
}

/// How an account uses a vendor.
#[derive(Clone, Debug)]
pub struct Settings {
    pub vendor: Vendor,
    pub key: ApiKey,
    /// Address of the API without the path, [`Vendor::base`] by default. Whoever may set it decides where the program
    /// connects to; it is the operator of the host, not an account.
    pub base: Option<String>,
    /// The vendor's model, where there are several.
    pub model: Option<String>,
    /// For one request in all.
    pub timeout: Duration,
    /// For vendors that answer later: how often to look, and for how long.
    pub poll_every: Duration,
    pub poll_for: Duration,
}

impl Settings {
    pub const fn new(vendor: Vendor, key: ApiKey) -> Self {
        Self {
            vendor,
            key,
            base: None,
            model: None,
            timeout: Duration::from_secs(20),
            poll_every: Duration::from_millis(500),
            poll_for: Duration::from_secs(30),
        }
    }
}

/// Returns the adapter for a vendor.
///
/// # Errors
/// [`Fault::Settings`] for an address or key that cannot be used.
pub fn open(settings: Settings) -> Result<Arc<dyn Provider>, Fault> {
    let vendor = settings.vendor;
    let model = settings.model.clone();
    let wire = Wire::open(settings)?;
    Ok(match vendor {
        Vendor::ElevenLabs => Arc::new(elevenlabs::ElevenLabs::new(wire, model)),
        Vendor::OpenAi => Arc::new(openai::OpenAi::new(wire, model)),
        Vendor::Google => Arc::new(google::Google::new(wire)),
        Vendor::Azure => Arc::new(azure::Azure::new(wire)),
        Vendor::Fpt => Arc::new(fpt::Fpt::new(wire)),
        Vendor::Viettel => Arc::new(viettel::Viettel::new(wire)),
        Vendor::Zalo => Arc::new(zalo::Zalo::new(wire)),
    })
}

/// Why a vendor renders nothing. Says nothing that the vendor said: its words may hold the key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("{0}")]
    Settings(String),
    /// The key, the voice or the account: the next request would be refused too.
    #[error("the request was refused with status {0}")]
    Refused(u16),
    /// Told in a body, by a code.
    #[error("the request was refused with code {0}")]
    Code(i64),
    #[error("too many requests")]
    Busy { retry_after: Option<Duration> },
    #[error("the service does not work: {0}")]
    Down(String),
    #[error("the answer took too long")]
    Slow,
    #[error("the answer cannot be used: {0}")]
    Odd(String),
    #[error("the sound was not ready in time")]
    NeverReady,
    #[error("{characters} characters at once, {most} is the limit")]
    TooLong { characters: usize, most: usize },
    #[error("it failed too often and is left alone for a while")]
    LeftAlone,
}

impl Fault {
    /// Returns whether the same request may succeed a little later.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Down(_) | Self::Slow)
    }

    /// Returns whether it is the vendor's, so that another voice may take over.
    pub const fn is_vendors(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. } | Self::Down(_) | Self::Slow | Self::Odd(_) | Self::NeverReady | Self::LeftAlone
        )
    }
}

/// Returns a voice of which nothing but the id is known.
pub(crate) fn unknown(id: &str) -> VoiceInfo {
    VoiceInfo { id: id.to_owned(), name: id.to_owned(), language: None, gender: None }
}

/// Returns voices of a list that the vendor documents.
fn vietnamese(voices: &[(&str, &str, Gender)]) -> Vec<VoiceInfo> {
    let info = |(id, name, gender): &(&str, &str, Gender)| VoiceInfo {
        id: (*id).to_owned(),
        name: (*name).to_owned(),
        language: Some("vi".to_owned()),
        gender: Some(*gender),
    };
    voices.iter().map(info).collect()
}
