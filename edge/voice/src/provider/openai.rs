//! OpenAI and servers that speak as it does: `POST /v1/audio/speech`. There is no list of voices.

use futures_util::future::BoxFuture;
use http::{Method, header};
use serde_json::json;

use super::{Fault, Provider, Vendor, unknown, wire::Wire};
use crate::{Sound, VoiceInfo};

const MODEL: &str = "gpt-4o-mini-tts";
/// Those that are documented.
const VOICES: &[&str] =
    &["alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse"];

pub(super) struct OpenAi {
    wire: Wire,
    model: String,
}

impl OpenAi {
    pub(super) fn new(wire: Wire, model: Option<String>) -> Self {
        Self { wire, model: model.unwrap_or_else(|| MODEL.to_owned()) }
    }
}

impl Provider for OpenAi {
    fn vendor(&self) -> Vendor {
        Vendor::OpenAi
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn most_characters(&self) -> usize {
        4_096
    }

    fn synthesise<'a>(&'a self, words: &'a str, voice: &'a str) -> BoxFuture<'a, Result<Sound, Fault>> {
        Box::pin(async move {
            let request = self.wire.request(Method::POST, &["v1", "audio", "speech"], &[])?;
            let request = request.header(header::AUTHORIZATION, self.wire.key("Bearer ")?);
            let ask = json!({ "model": self.model, "input": words, "voice": voice, "response_format": "wav" });
            self.wire.send_json(request, &ask).await?.sound().await
        })
    }

    fn voices(&self) -> BoxFuture<'_, Result<Vec<VoiceInfo>, Fault>> {
        Box::pin(async { Ok(VOICES.iter().map(|id| unknown(id)).collect()) })
    }
}
