//! Logs and figures.

use std::{io::IsTerminal, sync::OnceLock};

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Buckets of every `_seconds` histogram: from half a millisecond to half a minute.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// Starts logging to standard error.
pub fn log(settings: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.filter).context("log.filter")?;
    let colour = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|error| anyhow::anyhow!("{error}"))
}

/// Returns the figures of this process; the first call starts counting. Several servers in one process share them.
pub fn figures() -> anyhow::Result<&'static PrometheusHandle> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle);
    }
    let builder = PrometheusBuilder::new().set_buckets(&SECONDS)?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    match metrics::set_global_recorder(recorder) {
        Ok(()) => Ok(HANDLE.get_or_init(|| handle)),
        // Somebody else was faster; theirs is the one that counts.
        Err(_) => HANDLE.get().context("another recorder of metrics is installed"),
    }
}
