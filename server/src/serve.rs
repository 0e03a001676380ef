//! `zorio serve` and `zorio migrate`: start, wait for a signal, drain, end.

#![expect(clippy::print_stdout, reason = "the first password is shown on the terminal, not in the log")]

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::{
    config::Config,
    wire::{self, App},
};

/// Runs the server until SIGTERM or SIGINT; a second one ends it at once. SIGHUP reads the certificate again.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let drain = config.drain();
    let app = Box::pin(wire::open(config)).await?;
    announce(&app);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => app.reload_certificates(),
        }
    }
    tracing::info!(drain_seconds = drain.as_secs(), "draining: no new calls, live calls go on");
    tokio::select! {
        () = app.shutdown(drain) => tracing::info!("stopped"),
        _ = terminate.recv() => tracing::warn!("stopped at once by a second signal"),
        _ = interrupt.recv() => tracing::warn!("stopped at once by a second signal"),
    }
    Ok(())
}

/// Brings the database's schema up to date.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    let rooms = wire::rooms(config).await?;
    rooms.db.close().await;
    println!("The database is up to date.");
    Ok(())
}

fn announce(app: &App) {
    if let Some(first) = &app.bootstrapped
        && let Some(password) = &first.password
    {
        println!(
            "First start: the admin is {:?} with the password {password:?}. It is not shown again.",
            first.username
        );
    }
    tracing::info!(
        http = ?app.addresses.http,
        https = ?app.addresses.https,
        console = ?app.addresses.console,
        metrics = ?app.addresses.metrics,
        sip_udp = ?app.addresses.sip_udp,
        sip_tcp = ?app.addresses.sip_tcp,
        public_url = app.addresses.public_url,
        "ready"
    );
}

impl App {
    /// Reads the TLS certificate again, if there is one.
    pub fn reload_certificates(&self) {
        if let Some(certificates) = &self.certificates {
            certificates.reload_or_log();
        }
    }

    /// Takes no new calls, lets live ones go on for `drain`, hangs up the rest, finishes what is open and closes.
    pub async fn shutdown(self, drain: Duration) {
        self.draining.start();
        self.pbx.drain(drain).await;
        self.console.close().await;
        self.api.stop().await;
        self.console_server.stop().await;
        self.tasks.stop().await;
        self.rooms.accounts.close().await;
        self.metrics.stop().await;
        self.rooms.db.close().await;
    }
}
