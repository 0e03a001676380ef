//! Azure: `POST /cognitiveservices/v1` with SSML, voices at `GET /cognitiveservices/voices/list`.

use futures_util::future::BoxFuture;
use http::{Method, header};
use serde::Deserialize;

use super::{Fault, Provider, Vendor, google::language_of, wire::Wire};
use crate::{Gender, Sound, VoiceInfo};

pub(super) struct Azure {
    wire: Wire,
}

impl Azure {
    pub(super) const fn new(wire: Wire) -> Self {
        Self { wire }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    short_name: String,
    display_name: Option<String>,
    locale: Option<String>,
    gender: Option<String>,
}

/// Writes text so that it is no mark-up.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}

impl Provider for Azure {
    fn vendor(&self) -> Vendor {
        Vendor::Azure
    }

    fn model(&self) -> &str {
        ""
    }

    fn most_characters(&self) -> usize {
        3_000
    }

    fn synthesise<'a>(&'a self, words: &'a str, voice: &'a str) -> BoxFuture<'a, Result<Sound, Fault>> {
        Box::pin(async move {
            let request = self.wire.request(Method::POST, &["cognitiveservices", "v1"], &[])?;
            let request = request
                .header("ocp-apim-subscription-key", self.wire.key("")?)
                .header("x-microsoft-outputformat", "riff-16khz-16bit-mono-pcm")
                .header(header::CONTENT_TYPE, "application/ssml+xml");
            let ssml = format!(
                "<speak version='1.0' xml:lang='{}'><voice name='{}'>{}</voice></speak>",
                escaped(&language_of(voice)),
                escaped(voice),
                escaped(words)
            );
            self.wire.send(request, ssml).await?.sound().await
        })
    }

    fn voices(&self) -> BoxFuture<'_, Result<Vec<VoiceInfo>, Fault>> {
        Box::pin(async {
            let request = self.wire.request(Method::GET, &["cognitiveservices", "voices", "list"], &[])?;
            let request = request.header("ocp-apim-subscription-key", self.wire.key("")?);
            let list: Vec<Listed> = self.wire.send(request, "").await?.json()?;
            let info = |voice: Listed| VoiceInfo {
                name: voice.display_name.unwrap_or_else(|| voice.short_name.clone()),
                id: voice.short_name,
                language: voice.locale,
                gender: voice.gender.as_deref().and_then(Gender::parse),
            };
            Ok(list.into_iter().map(info).collect())
        })
    }
}
