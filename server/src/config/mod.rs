//! Settings: the built-in defaults, then a file, then the environment.

mod sections;
mod webphone;

use std::path::Path;

use anyhow::{Context, bail};
use toml::{Table, Value};

pub use sections::{Config, Layout, Log, LogFormat, MailSecurity, PortRange};

/// The defaults with their comments, as shipped in the repository's root.
pub const DEFAULTS: &str = include_str!("../../../config.default.toml");

/// Prefix of environment variables that are settings.
const PREFIX: &str = "ZORIO_";
/// Variables with our prefix that are not settings: the file's own name, the tests' and the sample receivers'.
const NOT_SETTINGS: [&str; 4] = ["ZORIO_CONFIG", "ZORIO_TEST_", "ZORIO_BENCH_", "ZORIO_WEBHOOK_SECRET"];

impl Config {
    /// Reads the defaults, then `file`, then the process's environment. An error names the key and where it came from.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
        let text = match file {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                Some((path.display().to_string(), text.with_context(|| format!("cannot read {}", path.display()))?))
            }
            None => None,
        };
        Self::from_sources(text.as_ref().map(|(name, text)| (name.as_str(), text.as_str())), environment)
    }

    /// Returns the defaults alone.
    pub fn defaults() -> Self {
        Self::from_sources(None, []).expect("the embedded defaults are read by a test")
    }

    fn from_sources(
        file: Option<(&str, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> anyhow::Result<Self> {
        let defaults: Table = DEFAULTS.parse().context("config.default.toml")?;
        let mut settings = defaults.clone();
        if let Some((name, text)) = file {
            let table: Table = text.parse().with_context(|| name.to_owned())?;
            overlay(&mut settings, table, "").with_context(|| name.to_owned())?;
        }
        for (name, value) in environment {
            if let Some(rest) = name.strip_prefix(PREFIX).filter(|_| !NOT_SETTINGS.iter().any(|n| name.starts_with(n)))
            {
                set(&mut settings, rest, &value).with_context(|| format!("environment variable {name}"))?;
            }
        }
        let config: Self = serde_path_to_error::deserialize(Value::Table(settings))
            .map_err(|error| anyhow::anyhow!("{}: {}", error.path(), error.inner().message()))?;
        config.check()?;
        Ok(config)
    }
}

/// Puts a file's settings over the defaults. Only keys that have a default exist.
fn overlay(settings: &mut Table, file: Table, section: &str) -> anyhow::Result<()> {
    for (key, value) in file {
        let name = if section.is_empty() { key.clone() } else { format!("{section}.{key}") };
        match (settings.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => overlay(inner, value, &name)?,
            (Some(Value::Table(_)), _) => bail!("{name} is a section"),
            (Some(_), Value::Table(_)) | (None, _) => bail!("unknown key {name}"),
            (Some(slot), value) => *slot = value,
        }
    }
    Ok(())
}

/// Sets one key from the environment: `HTTP__LISTEN` or `DATA_DIR`. The default's kind says how the text is read.
fn set(settings: &mut Table, name: &str, text: &str) -> anyhow::Result<()> {
    let name = name.to_ascii_lowercase();
    let slot = match name.split_once("__") {
        Some((section, key)) => {
            settings.get_mut(section).and_then(Value::as_table_mut).and_then(|section| section.get_mut(key))
        }
        None => settings.get_mut(&name),
    };
    let Some(slot) = slot.filter(|slot| !slot.is_table()) else {
        bail!("unknown key {}", name.replace("__", "."));
    };
    *slot = match slot {
        Value::Integer(_) => Value::Integer(text.trim().parse().context("not a whole number")?),
        Value::Float(_) => Value::Float(text.trim().parse().context("not a number")?),
        Value::Boolean(_) => Value::Boolean(text.trim().parse().context("neither true nor false")?),
        Value::Array(_) => Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        ),
        _ => Value::String(text.to_owned()),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(file: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::from_sources(Some(("zorio.toml", file)), environment).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn the_defaults_are_complete() {
        let config = Config::defaults();
        assert_eq!(config.http.listen, ["127.0.0.1:8080".parse().unwrap()]);
        assert_eq!(config.sip.external_address, None);
        assert_eq!((config.media.port_range.first, config.media.port_range.last), (20_000, 29_999));
        assert_eq!(config.bootstrap.admin_password, None);
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
        let file = "data_dir = \"/srv/a\"\n[http]\nlisten = [\"127.0.0.1:1\"]\n[limits]\npbx = 7\n";
        let config = with(
            file,
            &[
                ("ZORIO_DATA_DIR", "/srv/b"),
                ("ZORIO_HTTP__LISTEN", "127.0.0.1:2, [::1]:3"),
                ("ZORIO_WEBHOOKS__ALLOW_NETWORKS", ""),
                ("ZORIO_TEST_DATABASE_URL", "whatever"),
                ("HOME", "/root"),
            ],
        )
        .unwrap();
        assert_eq!(config.data_dir.to_str(), Some("/srv/b"));
        assert_eq!(config.http.listen, ["127.0.0.1:2".parse().unwrap(), "[::1]:3".parse().unwrap()]);
        assert_eq!(config.limits.pbx, 7);
        assert_eq!(config.limits.auth, 30);
    }

    #[test]
    fn an_error_names_the_key_and_where_it_came_from() {
        for (file, environment, parts) in [
            ("colour = 1", &[][..], &["zorio.toml", "unknown key colour"][..]),
            ("[http]\nlisten_on = 1", &[], &["unknown key http.listen_on"]),
            ("[http.listen]\na = 1", &[], &["http.listen"]),
            ("http = 1", &[], &["http is a section"]),
            ("[limits]\npbx = \"many\"", &[], &["limits.pbx"]),
            ("[http]\nlisten = [\"nowhere\"]", &[], &["http.listen"]),
            ("[media]\nport_range = \"9-1\"", &[], &["media.port_range"]),
            ("", &[("ZORIO_HTTP__PORT", "1")], &["ZORIO_HTTP__PORT", "unknown key http.port"]),
            ("", &[("ZORIO_COLOUR", "1")], &["ZORIO_COLOUR", "unknown key colour"]),
            ("", &[("ZORIO_HTTP", "1")], &["ZORIO_HTTP"]),
            ("", &[("ZORIO_DRAIN_SECONDS", "soon")], &["ZORIO_DRAIN_SECONDS", "not a whole number"]),
            ("", &[("ZORIO_HTTPS__LISTEN", "127.0.0.1:1")], &["tls.cert_file"]),
        ] {
            let error = with(file, environment).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "{error:?} names {part:?}");
            }
        }
    }

    #[test]
    fn every_section_and_key_has_a_comment() {
        let mut commented = false;
        for line in DEFAULTS.lines() {
            if line.starts_with('#') {
                commented = true;
            } else if line.is_empty() || line.starts_with('[') {
                commented = false;
            } else {
                // Neighbours may share one comment above the first.
                assert!(commented, "{line} has no comment");
            }
        }
    }
}
