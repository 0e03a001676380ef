//! Settings of webphones.

use std::fmt;

use anyhow::ensure;
use serde::Deserialize;

use super::sections::optional;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webphone {
    pub session_seconds: u64,
    pub stun_urls: Vec<String>,
    pub turn_urls: Vec<String>,
    #[serde(deserialize_with = "optional")]
    pub turn_secret: Option<String>,
    pub turn_seconds: u64,
}

impl Webphone {
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(self.session_seconds >= 60, "webphone.session_seconds is below 60");
        let are = |urls: &[String], schemes: [&str; 2]| {
            urls.iter().all(|url| schemes.iter().any(|scheme| url.starts_with(scheme)))
        };
        ensure!(are(&self.stun_urls, ["stun:", "stuns:"]), "webphone.stun_urls begin with stun: or stuns:");
        ensure!(are(&self.turn_urls, ["turn:", "turns:"]), "webphone.turn_urls begin with turn: or turns:");
        ensure!(
            self.turn_urls.is_empty() || self.turn_secret.is_some(),
            "webphone.turn_urls need webphone.turn_secret"
        );
        ensure!(self.turn_urls.is_empty() || self.turn_seconds >= 60, "webphone.turn_seconds is below 60");
        Ok(())
    }
}

// Whoever prints settings must not print secrets.
impl fmt::Debug for Webphone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webphone")
            .field("session_seconds", &self.session_seconds)
            .field("stun_urls", &self.stun_urls)
            .field("turn_urls", &self.turn_urls)
            .finish_non_exhaustive()
    }
}
