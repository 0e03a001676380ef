//! A database, a bus and the room, with names that resolve as a test likes.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use ::store::{
    Db,
    testing::{TENANT, TestDb, test_db},
};
use bus::Bus;
use domain::{CallId, Event, EventName, Principal, ids::WebhookId};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::receiver::{Answer, Authority, Receiver};
use crate::{Config, Created, Delivery, Filter, NewWebhook, Webhooks, resolve::Resolver};

pub(super) const TIMEOUT: Duration = Duration::from_millis(400);

pub(super) struct Rig {
    pub(super) db: TestDb,
    pub(super) bus: Bus,
    pub(super) hooks: Webhooks,
    pub(super) authority: Authority,
    pub(super) names: Arc<Mutex<HashMap<String, Vec<IpAddr>>>>,
    pub(super) config: Config,
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl Rig {
    /// Starts with everything on: `a.test` and `b.test` are this host, which may be reached.
    pub(super) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(super) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let mut rig = Self::open(change).await;
        rig.run();
        rig
    }

    /// Opens the room without running it.
    pub(super) async fn open(change: impl FnOnce(&mut Config)) -> Self {
        let db = test_db().await;
        let authority = Authority::new();
        let mut config = Config {
            allow_networks: vec!["127.0.0.0/8".parse().unwrap()],
            ca_file: Some(authority.file()),
            timeout: TIMEOUT,
            ..Config::default()
        };
        change(&mut config);
        let here = vec![IpAddr::from([127, 0, 0, 1])];
        let names = ["a.test", "b.test"].map(|name| (name.to_owned(), here.clone()));
        let names = Arc::new(Mutex::new(HashMap::from(names)));
        let (bus, hooks) = assemble((*db).clone(), &db, &config, &names);
        let (stop, running) = (CancellationToken::new(), JoinSet::new());
        Self { db, bus, hooks, authority, names, config, stop, running }
    }

    pub(super) fn run(&mut self) {
        let (hooks, stop) = (self.hooks.clone(), self.stop.clone());
        self.running.spawn(async move { hooks.run(stop).await });
    }

    /// Stops everything without a chance to write anything, and starts a new process on the same database.
    pub(super) async fn crash_and_restart(&mut self) {
        self.running.shutdown().await;
        let db = self.db.reopen().await;
        (self.bus, self.hooks) = assemble(db, &self.db, &self.config, &self.names);
        // On PostgreSQL the dead node's lease has to run out.
        self.db.clock.advance(crate::claimer::LEASE);
        self.run();
    }

    /// Stops in order.
    pub(super) async fn stop(&mut self) {
        self.stop.cancel();
        while self.running.join_next().await.is_some() {}
    }

    pub(super) fn admin(&self) -> Principal {
        Principal::system(TENANT)
    }

    pub(super) async fn receiver(&self, answer: Answer) -> Receiver {
        Receiver::start(&self.authority, answer).await
    }

    /// Creates a webhook for the call events.
    pub(super) async fn webhook(&self, url: &str) -> Created {
        self.webhook_with(url, |_| {}).await
    }

    pub(super) async fn webhook_with(&self, url: &str, change: impl FnOnce(&mut NewWebhook)) -> Created {
        let events = vec![EventName::CallRinging, EventName::CallAnswered, EventName::CallHangup];
        let mut new = NewWebhook { name: "test".to_owned(), url: url.to_owned(), events, ..NewWebhook::default() };
        change(&mut new);
        self.hooks.create(&self.admin(), new).await.unwrap()
    }

    pub(super) async fn publish(&self, number: usize) {
        self.publish_call(CallId(Uuid::new_v4()), number).await;
    }

    pub(super) async fn publish_call(&self, call: CallId, number: usize) {
        let mut tx = self.bus.db().begin(TENANT).await.unwrap();
        let event = self.event(call, number);
        self.bus.publish(&mut tx, event).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Publishes events in one transaction.
    pub(super) async fn publish_all(&self, events: Vec<Event>) {
        let mut tx = self.bus.db().begin(TENANT).await.unwrap();
        self.bus.publish_all(&mut tx, events).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(super) fn event(&self, call: CallId, number: usize) -> Event {
        Event {
            id: Uuid::now_v7(),
            name: EventName::CallRinging,
            tenant: TENANT,
            at: self.db.now(),
            call: Some(call),
            data: format!(r#"{{"call_uuid":"{call}","number":{number}}}"#),
        }
    }

    pub(super) async fn deliveries(&self, id: WebhookId) -> Vec<Delivery> {
        let filter = Filter { webhook: Some(id), limit: 200, ..Filter::default() };
        self.hooks.deliveries(TENANT, &filter).await.unwrap()
    }

    /// Waits until the only delivery satisfies the condition, and returns it.
    pub(super) async fn delivery(&self, id: WebhookId, condition: impl Fn(&Delivery) -> bool) -> Delivery {
        until(async || self.deliveries(id).await.into_iter().find(&condition)).await
    }

    /// Waits until nothing is left to deliver.
    pub(super) async fn settled(&self) {
        until(async || {
            let mut tx = self.bus.db().read_any_tenant().await.unwrap();
            let (left,) = ::store::sql("select count(*) from delivery_queue").one::<(i64,)>(&mut tx).await.unwrap();
            (left == 0).then_some(())
        })
        .await;
    }
}

fn assemble(
    db: Db,
    test: &TestDb,
    config: &Config,
    names: &Arc<Mutex<HashMap<String, Vec<IpAddr>>>>,
) -> (Bus, Webhooks) {
    let bus = Bus::new(db.clone());
    let resolver = Resolver::Fixed(names.clone());
    let hooks = Webhooks::open_with(db, bus.clone(), test.secrets.clone(), config.clone(), resolver).unwrap();
    (bus, hooks)
}

/// Waits for a condition, 20 s at most.
pub(super) async fn until<T>(mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..4_000 {
        if let Some(value) = condition().await {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the condition did not come true within 20 s");
}

pub(super) async fn until_count(receiver: &Receiver, count: usize) {
    until(async || (receiver.count() >= count).then_some(())).await;
}
