//! What the alerts see of everything else. They know no room; here each source is a closure.

use std::{path::PathBuf, time::Duration};

use alerts::{Alerts, Door, Kind, Post, Reading, Refusal};
use bus::Bus;
use mail::Mail;
use nix::sys::statvfs::statvfs;
use pbx::{Pbx, TollAlarm};
use store::{Db, Secrets};
use webhooks::{EndpointHealth, Once, Webhooks};

use crate::{
    config::{Config, MailSecurity},
    tls::Certificates,
    trunk_probe::TrunkProbe,
    wire::Rooms,
};

const DAY_SECONDS: i64 = 86_400;
/// Extensions that one alert names.
const NAMED: usize = 5;

/// Opens the room; nothing is watched yet.
pub(crate) fn open(config: &Config, db: &Db, bus: &Bus, mail: &Mail, secrets: &Secrets, webhooks: &Webhooks) -> Alerts {
    let settings = alerts::Config {
        check_every: Duration::from_secs(config.alerts.check_seconds),
        settle: Duration::from_secs(config.alerts.settle_seconds),
        host_account: config.alerts.host_account.clone(),
        node: config.node.clone(),
        public_url: config.public_url(config.http.listen.first().copied(), config.https.listen.first().copied()),
        retry_scale: config.webhooks.retry_scale,
    };
    Alerts::open(db.clone(), bus.clone(), mail.clone(), secrets.clone(), door(webhooks), settings)
}

/// Registers everything that there is to see.
pub(crate) fn watch(
    config: &Config,
    rooms: &Rooms,
    pbx: &Pbx,
    certificates: Option<&Certificates>,
    trunks: &TrunkProbe,
) {
    let alerts = &rooms.alerts;
    let exchange = pbx.clone();
    alerts.watch(Kind::TollFraud, move || std::future::ready(Ok(refused(exchange.toll_alarms()))));
    if config.alerts.trunk_seconds > 0 {
        let trunks = trunks.clone();
        alerts.watch(Kind::TrunkDown, move || std::future::ready(trunks.down()));
    }
    let webhooks = rooms.webhooks.clone();
    alerts.watch(Kind::WebhookSuspended, move || {
        let webhooks = webhooks.clone();
        async move { Ok(suspended(&endpoints(&webhooks).await?)) }
    });
    let webhooks = rooms.webhooks.clone();
    alerts.watch(Kind::DeliveriesLate, move || {
        let webhooks = webhooks.clone();
        async move { Ok(late(&endpoints(&webhooks).await?)) }
    });
    let disks = vec![("data_dir", config.data_dir.clone()), ("recordings.dir", config.recordings_dir())];
    alerts.watch(Kind::DiskLow, move || {
        let disks = disks.clone();
        async move {
            // A disk that hangs must not hold up a worker of the runtime.
            tokio::task::spawn_blocking(move || disks_low(&disks)).await.map_err(|error| error.to_string())
        }
    });
    if let Some(certificates) = certificates {
        let (certificates, db) = (certificates.clone(), rooms.db.clone());
        alerts.watch(Kind::CertificateExpiring, move || {
            let (certificates, now) = (certificates.clone(), db.now().secs());
            async move {
                let ends = certificates.expires_at().ok_or("the certificate's end cannot be read")?;
                let left = (ends.secs() - now).div_euclid(DAY_SECONDS);
                let name = certificates.file().display().to_string();
                Ok(vec![Reading { tenant: None, subject: String::new(), name, value: left }])
            }
        });
    }
}

/// Turns the settings into those of the mail edge.
pub(crate) fn mail_settings(config: &Config) -> mail::Config {
    let mail = &config.mail;
    mail::Config {
        host: mail.host.clone(),
        port: (mail.port > 0).then_some(mail.port),
        security: match mail.security {
            MailSecurity::StartTls => mail::Security::StartTls,
            MailSecurity::Tls => mail::Security::Tls,
            MailSecurity::None => mail::Security::None,
        },
        login: mail.username.clone().map(|username| (username, mail::Password(mail.password.clone()))),
        from: mail.from.clone(),
        ca_file: mail.ca_file.clone(),
        timeout: Duration::from_secs(mail.timeout_seconds),
        retry_scale: mail.retry_scale,
    }
}

/// Alerts reach receivers as deliveries do: with the same checks of the address, limits and signatures.
fn door(webhooks: &Webhooks) -> Door {
    let (checking, posting) = (webhooks.clone(), webhooks.clone());
    Door::new(
        move |url| {
            checking.check_url(url).map_err(|error| match error {
                webhooks::Error::Invalid { message, .. } => message,
                error => web::Text::of(error.to_string(), error.to_string()),
            })
        },
        move |post: Post| {
            let webhooks = posting.clone();
            async move {
                let (secret, event) = (webhooks::Secret::of(post.secret.0), post.event);
                let once = Once { url: post.url, id: post.id, event, secret, body: post.body };
                webhooks.post_once(once).await.map_err(|(failure, status)| match status {
                    Some(status) => Refusal(format!("the receiver answered {status}")),
                    None => Refusal(failure.as_str().to_owned()),
                })
            }
        },
    )
}

/// Returns what the guard against toll fraud refused, one reading for each reason.
fn refused(alarms: Vec<TollAlarm>) -> Vec<Reading> {
    let reading = |alarm: TollAlarm| {
        let reason = alarm.why.as_str();
        let whose = alarm.extensions.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let name = if whose.is_empty() { reason.to_owned() } else { format!("{reason} ({whose})") };
        Reading { tenant: Some(alarm.tenant), subject: reason.to_owned(), name, value: 0 }
    };
    alarms.into_iter().map(reading).collect()
}

async fn endpoints(webhooks: &Webhooks) -> Result<Vec<EndpointHealth>, String> {
    Ok(webhooks.health().await.map_err(|error| error.to_string())?.endpoints)
}

fn suspended(endpoints: &[EndpointHealth]) -> Vec<Reading> {
    let suspended = endpoints.iter().filter(|endpoint| endpoint.status == webhooks::Status::Suspended);
    let reading = |endpoint: &EndpointHealth| Reading {
        tenant: Some(endpoint.tenant),
        subject: endpoint.webhook.to_string(),
        name: endpoint.name.clone(),
        value: 0,
    };
    suspended.map(reading).collect()
}

/// Returns the account's oldest, named by the webhook that it waits for.
fn late(endpoints: &[EndpointHealth]) -> Vec<Reading> {
    let mut oldest: std::collections::HashMap<_, &EndpointHealth> = std::collections::HashMap::new();
    for endpoint in endpoints {
        let known = oldest.entry(endpoint.tenant).or_insert(endpoint);
        if endpoint.oldest_due_seconds > known.oldest_due_seconds {
            *known = endpoint;
        }
    }
    let reading = |(tenant, endpoint): (_, &EndpointHealth)| Reading {
        tenant: Some(tenant),
        subject: String::new(),
        name: endpoint.name.clone(),
        value: i64::try_from(endpoint.oldest_due_seconds).unwrap_or(i64::MAX),
    };
    oldest.into_iter().map(reading).collect()
}

/// Returns how much is free of each disk. A folder that is not there yet says nothing.
fn disks_low(disks: &[(&str, PathBuf)]) -> Vec<Reading> {
    let reading = |(setting, folder): &(&str, PathBuf)| {
        let figures = statvfs(folder).ok()?;
        // What root alone may use is as good as used, as on the page of the server's health.
        let free = figures.blocks_available();
        let all = (figures.blocks() - figures.blocks_free() + free).max(1);
        let value = i64::try_from(free.saturating_mul(100) / all).ok()?;
        let name = folder.display().to_string();
        Some(Reading { tenant: None, subject: (*setting).to_owned(), name, value })
    };
    disks.iter().filter_map(reading).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_says_how_much_is_free_and_an_absent_folder_nothing() {
        let disks = [("data_dir", PathBuf::from("/")), ("recordings.dir", PathBuf::from("/no/such/folder"))];
        let [reading] = &disks_low(&disks)[..] else { panic!("one disk") };
        assert!((0..=100).contains(&reading.value), "{reading:?}");
        assert_eq!((reading.subject.as_str(), reading.name.as_str()), ("data_dir", "/"));
    }
}
