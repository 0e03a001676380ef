//! Which web sites may connect by WebSocket: the server's own, those of the settings, and those of all accounts.

use std::time::Duration;

use accounts::Accounts;
use sip::Sip;

/// How often the accounts' origins are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Tells the SIP edge whenever they change; never returns.
pub(crate) async fn follow(accounts: Accounts, sip: Sip, always: Vec<String>) {
    let mut known: Option<Vec<String>> = None;
    loop {
        match accounts.every_origin().await {
            Ok(origins) if known.as_ref() != Some(&origins) => {
                sip.allow_origins(origins.iter().chain(&always).cloned());
                known = Some(origins);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the accounts' origins could not be read"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
