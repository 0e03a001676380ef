//! Zalo AI: `POST /v1/tts/synthesize` as a form answers with an address, of a file or of a playlist of files.

use futures_util::future::BoxFuture;
use http::{Method, header};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::{
    Fault, Provider, Vendor,
    http::{Answer, MOST},
    wire::Wire,
};
use crate::{Gender, Sound, VoiceInfo};

/// Where the sounds are.
const DOMAINS: &[&str] = &["zalo.ai", "zadn.vn"];
/// Files of a playlist.
const MOST_FILES: usize = 50;
/// A WAV file; 1 is MP3.
const WAV: &str = "0";

const VOICES: &[(&str, &str, Gender)] = &[
    ("1", "Miền Nam 1", Gender::Female),
    ("2", "Miền Bắc 1", Gender::Female),
    ("3", "Miền Nam 2", Gender::Male),
    ("4", "Miền Bắc 2", Gender::Male),
];

pub(super) struct Zalo {
    wire: Wire,
}

#[derive(Deserialize)]
struct Promise {
    #[serde(default)]
    error_code: i64,
    data: Option<Place>,
}

#[derive(Deserialize)]
struct Place {
    url: String,
}

impl Zalo {
    pub(super) const fn new(wire: Wire) -> Self {
        Self { wire }
    }

    /// Fetches what a playlist names, one after the other.
    async fn playlist(&self, list: &Answer, at: &Url) -> Result<Sound, Fault> {
        let odd = |why: &str| Fault::Odd(why.to_owned());
        let text = std::str::from_utf8(&list.body).map_err(|_| odd("its playlist is not text"))?;
        let names: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
        if names.is_empty() || names.len() > MOST_FILES {
            return Err(odd("its playlist is empty or endless"));
        }
        let mut whole: Option<Sound> = None;
        for name in names {
            let link = at.join(name).map_err(|_| odd("its playlist names no address"))?;
            let link = self.wire.link(link.as_str(), DOMAINS)?;
            let part = self.wire.fetch_when_ready(&link).await?.sound().await?;
            match &mut whole {
                None => whole = Some(part),
                Some(whole) if whole.rate != part.rate => return Err(odd("its parts have different rates")),
                Some(whole) if whole.samples.len() > MOST => return Err(odd("its playlist is endless")),
                Some(whole) => whole.samples.extend(part.samples),
            }
        }
        whole.ok_or_else(|| odd("its playlist is empty"))
    }
}

impl Provider for Zalo {
    fn vendor(&self) -> Vendor {
        Vendor::Zalo
    }

    fn model(&self) -> &str {
        ""
    }

    fn most_characters(&self) -> usize {
        2_000
    }

    fn synthesise<'a>(&'a self, words: &'a str, voice: &'a str) -> BoxFuture<'a, Result<Sound, Fault>> {
        Box::pin(async move {
            let request = self.wire.request(Method::POST, &["v1", "tts", "synthesize"], &[])?;
            let request = request
                .header("apikey", self.wire.key("")?)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            let form = [("input", words), ("speaker_id", voice), ("speed", "1.0"), ("encode_type", WAV)];
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            let promise: Promise = self.wire.send(request, form).await?.json()?;
            if promise.error_code != 0 {
                return Err(Fault::Code(promise.error_code));
            }
            let place = promise.data.ok_or_else(|| Fault::Odd("it names no address".to_owned()))?;
            let link = self.wire.link(&place.url, DOMAINS)?;
            let answer = self.wire.fetch_when_ready(&link).await?;
            if answer.body.starts_with(b"#EXTM3U") { self.playlist(&answer, &link).await } else { answer.sound().await }
        })
    }

    fn voices(&self) -> BoxFuture<'_, Result<Vec<VoiceInfo>, Fault>> {
        Box::pin(async { Ok(super::vietnamese(VOICES)) })
    }
}
