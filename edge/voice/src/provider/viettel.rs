//! Viettel AI: `POST /tts/speech_synthesis`, the key within the body.

use futures_util::future::BoxFuture;
use http::Method;
use serde_json::json;

use super::{Fault, Provider, Vendor, wire::Wire};
use crate::{Gender, Sound, VoiceInfo};

/// A WAV file; 3 is MP3.
const WAV: u8 = 2;

/// Those that are documented.
const VOICES: &[(&str, &str, Gender)] = &[
    ("hn-quynhanh", "Quỳnh Anh (Hà Nội)", Gender::Female),
    ("hn-thanhtung", "Thanh Tùng (Hà Nội)", Gender::Male),
    ("hue-maingoc", "Mai Ngọc (Huế)", Gender::Female),
    ("hcm-diemmy", "Diễm My (Sài Gòn)", Gender::Female),
    ("hcm-minhquan", "Minh Quân (Sài Gòn)", Gender::Male),
];

pub(super) struct Viettel {
    wire: Wire,
}

impl Viettel {
    pub(super) const fn new(wire: Wire) -> Self {
        Self { wire }
    }
}

impl Provider for Viettel {
    fn vendor(&self) -> Vendor {
        Vendor::Viettel
    }

    fn model(&self) -> &str {
        ""
    }

    fn most_characters(&self) -> usize {
        1_000
    }

    fn synthesise<'a>(&'a self, words: &'a str, voice: &'a str) -> BoxFuture<'a, Result<Sound, Fault>> {
        Box::pin(async move {
            let request = self.wire.request(Method::POST, &["tts", "speech_synthesis"], &[])?;
            let ask = json!({
                "text": words,
                "voice": voice,
                "speed": 1,
                "tts_return_option": WAV,
                "token": self.wire.bare_key(),
                // Numbers and abbreviations are words already.
                "without_filter": true,
            });
            self.wire.send_json(request, &ask).await?.sound().await
        })
    }

    fn voices(&self) -> BoxFuture<'_, Result<Vec<VoiceInfo>, Fault>> {
        Box::pin(async { Ok(super::vietnamese(VOICES)) })
    }
}
