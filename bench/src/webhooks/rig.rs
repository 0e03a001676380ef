//! The product's webhooks as the server has them, with publishers in place of calls.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use bus::Bus;
use domain::{CallId, Event, EventName, Principal, TenantId};
use nix::sys::resource::{UsageWho, getrusage};
use store::{Clock, DatabaseUrl, Db, Options, Secrets};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use webhooks::{Config, DeliveryStatus, Filter, NewWebhook, Webhooks};

use super::{STEADY_BESIDE, Said};
use crate::process::resident_bytes;
use crate::time::now;

/// Who publishes at once when nothing holds them back.
const PUBLISHERS: u64 = 256;
/// The account that is measured; those beside it follow.
const MEASURED: TenantId = TenantId(1);
/// How long the last results may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Publishes events, delivers them, and says what that took.
#[derive(clap::Args)]
pub(crate) struct Load {
    /// For database and key.
    folder: PathBuf,
    ca_file: PathBuf,
    url: String,
    #[arg(long)]
    events: u64,
    /// Events a second; 0 is as many as go.
    #[arg(long)]
    rate: u32,
    /// Endpoints of further accounts, which get events too.
    #[arg(long)]
    beside: Vec<String>,
}

impl Load {
    pub(crate) fn run(&self) -> Result<Said> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(self.measure())
    }

    async fn measure(&self) -> Result<Said> {
        let rig = Rig::open(&self.folder, &self.ca_file).await?;
        rig.subscribe(MEASURED, &self.url).await?;
        let beside: Vec<_> = (MEASURED.0 + 1..).map(TenantId).zip(&self.beside).collect();
        for (tenant, url) in &beside {
            rig.subscribe(*tenant, url).await?;
        }
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        let (hooks, token) = (rig.hooks.clone(), stop.clone());
        running.spawn(async move { hooks.run(token).await });
        let mut disturbing = JoinSet::new();
        for (tenant, _) in beside {
            let rig = rig.clone();
            disturbing.spawn(async move { rig.publish_steadily(tenant, u64::MAX, STEADY_BESIDE).await });
        }
        if !disturbing.is_empty() {
            // Until the attempts under way have hung for as long as they may.
            tokio::time::sleep(Duration::from_secs(6)).await;
        }

        let (start, cpu) = (now(), used()?);
        match self.rate {
            0 => rig.publish_all(self.events).await?,
            rate => rig.publish_steadily(MEASURED, self.events, rate).await?,
        }
        while rig.waits().await? {
            ensure!(start.elapsed() < PATIENCE, "deliveries are late");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let said = Said { seconds: start.elapsed().as_secs_f64(), cpu: used()? - cpu, resident: resident() };
        disturbing.shutdown().await;
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(15), running.join_next()).await.ok();
        Ok(said)
    }
}

#[derive(Clone)]
struct Rig {
    db: Db,
    bus: Bus,
    hooks: Webhooks,
    data: Arc<str>,
}

impl Rig {
    async fn open(folder: &Path, ca_file: &Path) -> Result<Self> {
        let url = DatabaseUrl::Sqlite(folder.join("zorio.db"));
        let db = Db::open(&url, Options { clock: Clock::system(), ..Options::default() }).await?;
        db.migrate().await?;
        let bus = Bus::new(db.clone());
        let secrets = Secrets::open(&folder.join("key"))?;
        let config = Config {
            allow_networks: vec!["127.0.0.0/8".parse()?],
            ca_file: Some(ca_file.to_owned()),
            allow_http: true,
            ..Config::default()
        };
        let hooks = Webhooks::open(db.clone(), bus.clone(), secrets, config).await?;
        Ok(Self { db, bus, hooks, data: data().into() })
    }

    async fn subscribe(&self, tenant: TenantId, url: &str) -> Result<()> {
        let new = NewWebhook {
            name: "bench".to_owned(),
            url: url.to_owned(),
            events: vec![EventName::CdrCreated],
            ..NewWebhook::default()
        };
        self.hooks.create(&Principal::system(tenant), new).await?;
        Ok(())
    }

    /// Publishes one event in a transaction of its own, as every call does.
    async fn publish(&self, tenant: TenantId) -> Result<()> {
        let mut tx = self.db.begin(tenant).await?;
        let event = Event {
            id: Uuid::now_v7(),
            name: EventName::CdrCreated,
            tenant,
            at: tx.now(),
            call: Some(CallId(Uuid::new_v4())),
            data: self.data.to_string(),
        };
        self.bus.publish(&mut tx, event).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn publish_all(&self, events: u64) -> Result<()> {
        let mut publishers = JoinSet::new();
        for publisher in 0..PUBLISHERS {
            let share = events / PUBLISHERS + u64::from(publisher < events % PUBLISHERS);
            let rig = self.clone();
            publishers.spawn(async move {
                for _ in 0..share {
                    rig.publish(MEASURED).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = publishers.join_next().await {
            ended??;
        }
        Ok(())
    }

    async fn publish_steadily(&self, tenant: TenantId, events: u64, rate: u32) -> Result<()> {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
        let mut publishing = JoinSet::new();
        for _ in 0..events {
            ticks.tick().await;
            let rig = self.clone();
            publishing.spawn(async move { rig.publish(tenant).await });
            while let Some(ended) = publishing.try_join_next() {
                ended??;
            }
        }
        while let Some(ended) = publishing.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// Returns whether the measured account has deliveries without a result.
    async fn waits(&self) -> Result<bool> {
        let filter = Filter { status: Some(DeliveryStatus::Pending), limit: 1, ..Filter::default() };
        Ok(!self.hooks.deliveries(MEASURED, &filter).await?.is_empty())
    }
}

/// Returns the `data` of an event: with its envelope about a kilobyte.
pub(crate) fn data() -> String {
    format!(r#"{{"padding":"{}"}}"#, "x".repeat(900))
}

/// Returns the user and system time of this process, in seconds.
pub(crate) fn used() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// Returns the resident memory of this process, in bytes.
pub(crate) fn resident() -> f64 {
    resident_bytes(&[std::process::id()])
}
