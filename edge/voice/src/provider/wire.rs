use std::time::Duration;

use audio::wav;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header, request::Builder};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use super::{
    ApiKey, Fault, Settings,
    http::{Answer, Http},
};
use crate::{
    Bounds, Sound,
    decode::{self},
};

/// The longest address that a vendor may name.
const MOST_LINK: usize = 2_048;

/// The way to one vendor with one key.
pub(super) struct Wire {
    http: Http,
    base: Url,
    key: ApiKey,
    pub(super) poll_every: Duration,
    pub(super) poll_for: Duration,
}

impl Wire {
    pub(super) fn open(settings: Settings) -> Result<Self, Fault> {
        let base = settings.base.as_deref().unwrap_or_else(|| settings.vendor.base());
        let wrong = |why: &str| Fault::Settings(format!("the address of the API: {why}"));
        let base = Url::parse(base).map_err(|error| wrong(&error.to_string()))?;
        let is_here = matches!(base.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        match base.scheme() {
            "https" => {}
            "http" if is_here => {}
            _ => return Err(wrong("it must start with https://, so that the key is not sent in the clear")),
        }
        HeaderValue::from_str(&settings.key.0)
            .map_err(|_| Fault::Settings("the key has characters that no header may have".to_owned()))?;
        let http = Http::open(settings.timeout)?;
        let (poll_every, poll_for) = (settings.poll_every, settings.poll_for);
        Ok(Self { http, base, key: settings.key, poll_every, poll_for })
    }

    /// Begins a request; parts of the path are encoded.
    pub(super) fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> Result<Builder, Fault> {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(Request::builder().method(method).uri(url.as_str()).header(header::USER_AGENT, "Zorio"))
    }

    /// Returns the key as the value of a header, which no log shows.
    pub(super) fn key(&self, before: &str) -> Result<HeaderValue, Fault> {
        let text = Zeroizing::new(format!("{before}{}", *self.key.0));
        let value = HeaderValue::from_str(&text);
        let mut value = value.map_err(|_| Fault::Settings("the key cannot be sent".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Returns the key for a vendor that takes it in the body.
    pub(super) fn bare_key(&self) -> &str {
        &self.key.0
    }

    pub(super) async fn send(&self, request: Builder, body: impl Into<Bytes>) -> Result<Answer, Fault> {
        let request = request.body(Full::new(body.into()));
        self.http.send(request.map_err(|error| Fault::Settings(error.to_string()))?).await
    }

    pub(super) async fn send_json(&self, request: Builder, body: &serde_json::Value) -> Result<Answer, Fault> {
        self.send(request.header(header::CONTENT_TYPE, "application/json"), body.to_string()).await
    }

    /// Checks an address that a vendor named: at the vendor itself or at one of its own domains, and as safe as the
    /// API. Nobody else may make this program fetch something.
    pub(super) fn link(&self, link: &str, domains: &[&str]) -> Result<Url, Fault> {
        let wrong = || Fault::Odd("an address that is not the vendor's".to_owned());
        if link.len() > MOST_LINK {
            return Err(wrong());
        }
        let url = Url::parse(link).map_err(|_| wrong())?;
        let is_own = url.origin() == self.base.origin();
        let is_theirs = url.scheme() == "https"
            && url.port_or_known_default() == Some(443)
            && url.domain().is_some_and(|name| domains.iter().any(|domain| is_within(name, domain)));
        if !(is_own || is_theirs) || !url.username().is_empty() || url.password().is_some() {
            return Err(wrong());
        }
        Ok(url)
    }

    /// Fetches from a checked address, without the key.
    pub(super) async fn fetch(&self, url: &Url) -> Result<Answer, Fault> {
        let request = Request::builder().uri(url.as_str()).header(header::USER_AGENT, "Zorio");
        self.send(request, Bytes::new()).await
    }

    /// Fetches again and again until it is there: vendors answer 404 or an empty body before.
    pub(super) async fn fetch_when_ready(&self, url: &Url) -> Result<Answer, Fault> {
        let polling = async {
            loop {
                match self.fetch(url).await {
                    Ok(answer) if !answer.body.is_empty() => return Ok(answer),
                    Ok(_) | Err(Fault::Refused(403 | 404)) => {}
                    Err(fault) if fault.may_pass() => {}
                    Err(fault) => return Err(fault),
                }
                tokio::time::sleep(self.poll_every).await;
            }
        };
        tokio::time::timeout(self.poll_for, polling).await.map_err(|_| Fault::NeverReady)?
    }
}

fn is_within(name: &str, domain: &str) -> bool {
    name == domain || name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

impl Answer {
    /// Reads JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_json::from_slice(&self.body).map_err(|_| Fault::Odd("it is not the JSON that was to come".to_owned()))
    }

    /// Reads sound of any kind that is known.
    pub(super) async fn sound(self) -> Result<Sound, Fault> {
        self.must_be_sound()?;
        sound(self.body).await
    }

    /// Reads bare samples of 16 bits.
    pub(super) fn samples(self, rate: u32) -> Result<Sound, Fault> {
        self.must_be_sound()?;
        if self.body.is_empty() || !self.body.len().is_multiple_of(2) {
            return Err(Fault::Odd("it is not whole samples".to_owned()));
        }
        let samples = self.body.chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])));
        Ok(Sound { rate, samples: samples.collect() })
    }

    fn must_be_sound(&self) -> Result<(), Fault> {
        let kind = self.content_type.split(';').next().unwrap_or_default().trim();
        let is_sound = kind.is_empty()
            || kind.starts_with("audio/")
            || matches!(kind, "application/octet-stream" | "binary/octet-stream" | "application/ogg" | "video/mp4");
        if is_sound { Ok(()) } else { Err(Fault::Odd("it is not called sound".to_owned())) }
    }
}

/// Reads a file of sound.
pub(super) async fn sound(file: Vec<u8>) -> Result<Sound, Fault> {
    if wav::is_cut(&file) {
        return Err(Fault::Odd("it was cut off".to_owned()));
    }
    let read = tokio::task::spawn_blocking(move || match Sound::from_wav(&file) {
        Ok(sound) => Ok(sound),
        Err(_) => decode::sound(file, Bounds::ANSWER),
    });
    let odd = |why: String| Fault::Odd(why);
    read.await.map_err(|error| odd(error.to_string()))?.map_err(|error| odd(error.to_string()))
}
