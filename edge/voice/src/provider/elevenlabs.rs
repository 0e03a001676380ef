//! ElevenLabs: `POST /v1/text-to-speech/{voice}`, voices at `GET /v1/voices`.

use futures_util::future::BoxFuture;
use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Fault, Provider, Vendor, wire::Wire};
use crate::{Gender, Sound, VoiceInfo};

const MODEL: &str = "eleven_flash_v2_5";
/// Bare samples at a rate that every plan may ask for.
const FORMAT: (&str, u32) = ("pcm_16000", 16_000);

pub(super) struct ElevenLabs {
    wire: Wire,
    model: String,
}

impl ElevenLabs {
    pub(super) fn new(wire: Wire, model: Option<String>) -> Self {
        Self { wire, model: model.unwrap_or_else(|| MODEL.to_owned()) }
    }
}

#[derive(Deserialize)]
struct List {
    voices: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    voice_id: String,
    name: String,
    #[serde(default)]
    labels: Labels,
}

#[derive(Default, Deserialize)]
struct Labels {
    gender: Option<String>,
    language: Option<String>,
}

impl Provider for ElevenLabs {
    fn vendor(&self) -> Vendor {
        Vendor::ElevenLabs
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn most_characters(&self) -> usize {
        5_000
    }

    fn synthesise<'a>(&'a self, words: &'a str, voice: &'a str) -> BoxFuture<'a, Result<Sound, Fault>> {
        Box::pin(async move {
            let query = [("output_format", FORMAT.0)];
            let request = self.wire.request(Method::POST, &["v1", "text-to-speech", voice], &query)?;
            let request = request.header("xi-api-key", self.wire.key("")?);
            let answer = self.wire.send_json(request, &json!({ "text": words, "model_id": self.model })).await?;
            answer.samples(FORMAT.1)
        })
    }

    fn voices(&self) -> BoxFuture<'_, Result<Vec<VoiceInfo>, Fault>> {
        Box::pin(async {
            let request = self.wire.request(Method::GET, &["v1", "voices"], &[])?;
            let request = request.header("xi-api-key", self.wire.key("")?);
            let list: List = self.wire.send(request, "").await?.json()?;
            let info = |voice: Listed| VoiceInfo {
                id: voice.voice_id,
                name: voice.name,
                language: voice.labels.language,
                gender: voice.labels.gender.as_deref().and_then(Gender::parse),
            };
            Ok(list.voices.into_iter().map(info).collect())
        })
    }
}
