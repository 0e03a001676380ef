//! Google: `POST /v1/text:synthesize`, sound as base64 within JSON; voices at `GET /v1/voices`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::BoxFuture;
use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    Fault, Provider, Vendor,
    wire::{Wire, sound},
};
use crate::{Gender, Sound, VoiceInfo};

pub(super) struct Google {
    wire: Wire,
}

impl Google {
    pub(super) const fn new(wire: Wire) -> Self {
        Self { wire }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Synthesised {
    audio_content: String,
}

#[derive(Deserialize)]
struct List {
    #[serde(default)]
    voices: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    #[serde(default)]
    language_codes: Vec<String>,
    ssml_gender: Option<String>,
}

/// Returns the language in the name of a voice: `vi-VN` of `vi-VN-Standard-A`.
pub(super) fn language_of(voice: &str) -> String {
    voice.splitn(3, '-').take(2).collect::<Vec<_>>().join("-")
}

impl Provider for Google {
    fn vendor(&self) -> Vendor {
        Vendor::Google
    }

    fn model(&self) -> &str {
        ""
    }

    fn most_characters(&self) -> usize {
        // Of 5,000 bytes, three for each letter of Vietnamese at worst.
        1_600
    }

    fn synthesise<'a>(&'a self, words: &'a str, voice: &'a str) -> BoxFuture<'a, Result<Sound, Fault>> {
        Box::pin(async move {
            let request = self.wire.request(Method::POST, &["v1", "text:synthesize"], &[])?;
            let request = request.header("x-goog-api-key", self.wire.key("")?);
            let ask = json!({
                "input": { "text": words },
                "voice": { "languageCode": language_of(voice), "name": voice },
                "audioConfig": { "audioEncoding": "LINEAR16", "sampleRateHertz": 16_000 },
            });
            let answer: Synthesised = self.wire.send_json(request, &ask).await?.json()?;
            let file = STANDARD.decode(answer.audio_content);
            sound(file.map_err(|_| Fault::Odd("it is not base64".to_owned()))?).await
        })
    }

    fn voices(&self) -> BoxFuture<'_, Result<Vec<VoiceInfo>, Fault>> {
        Box::pin(async {
            let request = self.wire.request(Method::GET, &["v1", "voices"], &[])?;
            let request = request.header("x-goog-api-key", self.wire.key("")?);
            let list: List = self.wire.send(request, "").await?.json()?;
            let info = |voice: Listed| VoiceInfo {
                name: voice.name.clone(),
                id: voice.name,
                language: voice.language_codes.into_iter().next(),
                gender: voice.ssml_gender.as_deref().and_then(Gender::parse),
            };
            Ok(list.voices.into_iter().map(info).collect())
        })
    }
}
