//! FPT.AI: `POST /hmi/tts/v5` with the bare text answers at once with the address where the sound will be.

use futures_util::future::BoxFuture;
use http::{Method, header};
use serde::Deserialize;

use super::{Fault, Provider, Vendor, wire::Wire};
use crate::{Gender, Sound, VoiceInfo};

/// Where the sounds are.
const DOMAINS: &[&str] = &["fpt.ai"];

/// Those that are documented.
const VOICES: &[(&str, &str, Gender)] = &[
    ("banmai", "Ban Mai", Gender::Female),
    ("lannhi", "Lan Nhi", Gender::Female),
    ("leminh", "Lê Minh", Gender::Male),
    ("myan", "Mỹ An", Gender::Female),
    ("thuminh", "Thu Minh", Gender::Female),
    ("giahuy", "Gia Huy", Gender::Male),
    ("linhsan", "Linh San", Gender::Female),
];

pub(super) struct Fpt {
    wire: Wire,
}

impl Fpt {
    pub(super) const fn new(wire: Wire) -> Self {
        Self { wire }
    }
}

#[derive(Deserialize)]
struct Promise {
    #[serde(rename = "async")]
    link: Option<String>,
    #[serde(default)]
    error: i64,
}

impl Provider for Fpt {
    fn vendor(&self) -> Vendor {
        Vendor::Fpt
    }

    fn model(&self) -> &str {
        ""
    }

    fn most_characters(&self) -> usize {
        5_000
    }

    fn synthesise<'a>(&'a self, words: &'a str, voice: &'a str) -> BoxFuture<'a, Result<Sound, Fault>> {
        Box::pin(async move {
            let request = self.wire.request(Method::POST, &["hmi", "tts", "v5"], &[])?;
            let request = request
                .header("api-key", self.wire.key("")?)
                .header("voice", voice)
                .header("format", "wav")
                .header(header::CONTENT_TYPE, "text/plain; charset=utf-8");
            let promise: Promise = self.wire.send(request, words.to_owned()).await?.json()?;
            if promise.error != 0 {
                return Err(Fault::Code(promise.error));
            }
            let link = promise.link.ok_or_else(|| Fault::Odd("it names no address".to_owned()))?;
            let link = self.wire.link(&link, DOMAINS)?;
            self.wire.fetch_when_ready(&link).await?.sound().await
        })
    }

    fn voices(&self) -> BoxFuture<'_, Result<Vec<VoiceInfo>, Fault>> {
        Box::pin(async { Ok(super::vietnamese(VOICES)) })
    }
}
