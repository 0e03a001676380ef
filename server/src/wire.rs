//! Opens everything in order. Read this first.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use accounts::{Accounts, Bootstrap, Bootstrapped};
use alerts::Alerts;
use anyhow::Context;
use bus::Bus;
use console::Console;
use contacts::Contacts;
use mail::Mail;
use pbx::{Pbx, ops::Desk};
use sip::Transport;
use store::{Db, Options, Secrets, jobs::Worker};
use tokio_rustls::TlsAcceptor;
use voice::Voices;
use web::Limits;
use webhooks::Webhooks;
use webphone::Webphone;

use crate::{
    alarms,
    config::Config,
    exchange, health,
    http::{Bound, Bounds, Server},
    origins,
    router::{self, Draining},
    tasks::Tasks,
    telemetry,
    tls::Certificates,
    trunk_probe::TrunkProbe,
};

/// What the product offers, without any listener. The host's commands stop here.
#[derive(Clone)]
pub struct Rooms {
    pub db: Db,
    pub bus: Bus,
    pub secrets: Secrets,
    pub limits: Limits,
    pub mail: Mail,
    pub accounts: Accounts,
    pub contacts: Contacts,
    /// Extensions, trunks, caller IDs and routes.
    pub desk: Desk,
    pub webhooks: Webhooks,
    pub alerts: Alerts,
}

/// A running server.
pub struct App {
    pub addresses: Addresses,
    /// What the first start made; print its password once.
    pub bootstrapped: Option<Bootstrapped>,
    pub rooms: Rooms,
    pub pbx: Pbx,
    pub(crate) certificates: Option<Certificates>,
    pub(crate) draining: Draining,
    pub(crate) api: Server,
    pub(crate) console: Console,
    pub(crate) console_server: Server,
    pub(crate) metrics: Server,
    pub(crate) tasks: Tasks,
}

/// Where a running server listens; port 0 in the settings becomes the port that was free.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    pub http: Vec<SocketAddr>,
    pub https: Vec<SocketAddr>,
    /// The console's own; empty if it is where the API is.
    pub console: Vec<SocketAddr>,
    pub metrics: Vec<SocketAddr>,
    pub sip_udp: Vec<SocketAddr>,
    pub sip_tcp: Vec<SocketAddr>,
    pub sip_tls: Vec<SocketAddr>,
    pub sip_ws: Vec<SocketAddr>,
    pub sip_wss: Vec<SocketAddr>,
    pub public_url: String,
}

/// Opens database, bus and rooms; brings the schema up to date.
pub async fn rooms(config: &Config) -> anyhow::Result<Rooms> {
    make_private_folder(&config.data_dir)?;
    let options = Options {
        readers: config.database.readers,
        writers: config.database.writers,
        node: config.node.clone(),
        ..Options::default()
    };
    let db = Db::open(&config.database_url()?, options).await.context("database.url")?;
    db.migrate().await?;
    let secrets = Secrets::open(&config.key_file())?;
    secrets.unlock(&db).await.with_context(|| format!("master key {}", config.key_file().display()))?;
    let mail = Mail::open(db.clone(), secrets.clone(), &alarms::mail_settings(config))?;
    let bus = Bus::new(db.clone());
    let limits = Limits::new((&config.limits).into(), db.clock().clone());
    let accounts = Accounts::open(db.clone(), limits.clone(), secrets.clone()).await?;
    let contacts = Contacts::open(db.clone());
    let desk = Desk::open(db.clone(), secrets.clone(), config.sip.realm.clone());
    let webhooks = Webhooks::open(db.clone(), bus.clone(), secrets.clone(), webhook_settings(config)).await?;
    let alerts = alarms::open(config, &db, &bus, &mail, &secrets, &webhooks);
    Ok(Rooms { db, bus, secrets, limits, mail, accounts, contacts, desk, webhooks, alerts })
}

/// Opens everything and starts to listen.
pub async fn open(config: Config) -> anyhow::Result<App> {
    let figures = telemetry::figures()?;
    let certificates = match (&config.tls.cert_file, &config.tls.key_file) {
        (Some(cert), Some(key)) => Some(Certificates::open(cert, key, config.tls.domains_dir.as_deref())?),
        _ => None,
    };
    let rooms = rooms(&config).await?;
    let first = Bootstrap {
        username: config.bootstrap.admin_username.clone(),
        password: config.bootstrap.admin_password.clone(),
    };
    let bootstrapped = rooms.accounts.bootstrap(&first).await?;

    let http = bind(&config.http.listen, None).await?;
    let tls = match &certificates {
        Some(certificates) => Some(TlsAcceptor::from(Arc::new(certificates.server(&["h2", "http/1.1"])?))),
        None => None,
    };
    let https = bind(if tls.is_some() { &config.https.listen } else { &[] }, tls.clone()).await?;
    let pages = bind(&config.console.listen, tls).await?;
    let metrics = bind(&config.metrics.listen, None).await?;
    let mut addresses = Addresses {
        http: local(&http)?,
        https: local(&https)?,
        console: local(&pages)?,
        metrics: local(&metrics)?,
        ..Addresses::default()
    };
    addresses.public_url = config.public_url(addresses.http.first().copied(), addresses.https.first().copied());
    let exchange = exchange::open(&config, &rooms, certificates.as_ref(), &addresses.public_url).await?;
    addresses.sip_udp.extend(exchange.sip.local_udp());
    addresses.sip_tcp.extend(exchange.sip.local_tcp());
    addresses.sip_tls.extend(exchange.sip.local(Transport::Tls));
    addresses.sip_ws.extend(exchange.sip.local(Transport::Ws));
    addresses.sip_wss.extend(exchange.sip.local(Transport::Wss));
    let (pbx, phones) = (exchange.pbx, exchange.sip.clone());
    let probe = TrunkProbe::default();
    alarms::watch(&config, &rooms, &pbx, certificates.as_ref(), &probe);

    let tasks = Tasks::default();
    if config.alerts.trunk_seconds > 0 {
        let (sip, asked, realm) = (exchange.sip.clone(), rooms.clone(), config.sip.realm.clone());
        let exchange = pbx.clone();
        let every = Duration::from_secs(config.alerts.trunk_seconds);
        tasks.run("trunks", move || {
            let (probe, sip, rooms, realm) = (probe.clone(), sip.clone(), asked.clone(), realm.clone());
            let pbx = exchange.clone();
            async move { probe.run(&sip, &rooms, &pbx, &realm, every).await }
        });
    }
    let (secrets, db) = (rooms.secrets.clone(), rooms.db.clone());
    tasks.run("data keys", move || {
        let (secrets, db) = (secrets.clone(), db.clone());
        async move { secrets.follow(&db).await }
    });
    let (accounts, sip, own) =
        (rooms.accounts.clone(), phones.clone(), exchange::own_origins(&config, &addresses.public_url));
    tasks.run("origins", move || origins::follow(accounts.clone(), sip.clone(), own.clone()));
    let accounts = rooms.accounts.clone();
    tasks.run("accounts", move || {
        let accounts = accounts.clone();
        async move { accounts.run().await }
    });
    let house = pbx.clone();
    tasks.run("pbx", move || {
        let pbx = house.clone();
        async move { Box::pin(pbx.run()).await }
    });
    let (campaigns, speech) = (router::autocall(&rooms, &pbx), config.data_dir.join("speech"));
    tasks.run("autocall", move || {
        let (campaigns, speech) = (campaigns.clone(), speech.clone());
        async move {
            match Voices::open(voice::Config::new(speech)).await {
                Ok(voices) => Box::pin(campaigns.run(Arc::new(voices))).await,
                Err(error) => tracing::error!(%error, "no campaign can speak: the folder of speech cannot be opened"),
            }
        }
    });
    let watch = rooms.alerts.clone();
    tasks.run("alerts", move || {
        let alerts = watch.clone();
        async move { alerts.run().await }
    });
    let worker = rooms.alerts.jobs(rooms.mail.jobs(pbx.jobs(Worker::new(rooms.db.clone()))));
    let stop = tasks.stopping();
    tasks.spawn(async move { worker.run(stop).await });
    let (webhooks, stop) = (rooms.webhooks.clone(), tasks.stopping());
    tasks.spawn(async move { webhooks.run(stop).await });
    if let Some(certificates) = certificates.clone() {
        tasks.run("certificates", move || {
            let certificates = certificates.clone();
            async move { certificates.watch().await }
        });
    }

    let draining = Draining::default();
    let webphone = webphone(&config, &rooms, &pbx, &addresses.public_url);
    let console = Console::open(console::Doors {
        accounts: rooms.accounts.clone(),
        alerts: rooms.alerts.clone(),
        mail: rooms.mail.clone(),
        pbx: pbx.clone(),
        desk: rooms.desk.clone(),
        webhooks: rooms.webhooks.clone(),
        contacts: rooms.contacts.clone(),
        webphone: addresses.console.is_empty().then(|| webphone.clone()),
        clock: rooms.db.clock().clone(),
        system: health::system(&config, &rooms, &pbx, certificates.clone(), &addresses.public_url),
        config: console::Config { public_url: addresses.public_url.clone() },
    });
    let here = addresses.console.is_empty().then_some(&console);
    let router = router::api(&rooms, &pbx, &webphone, &phones, &draining, here);
    let bounds = Bounds {
        trusted_proxies: config.http.trusted_proxies.clone(),
        connections: config.http.max_connections,
        strangers: config.http.stranger_connections,
    };
    let server = |router| Server::new(router, bounds.clone());
    let api = server(router);
    let console_server = server(router::console(&rooms, &console));
    pages.into_iter().for_each(|bound| console_server.listen(bound));
    let metrics_server =
        Server::new(router::metrics(figures), Bounds { trusted_proxies: Vec::new(), ..bounds.clone() });
    http.into_iter().chain(https).for_each(|bound| api.listen(bound));
    metrics.into_iter().for_each(|bound| metrics_server.listen(bound));
    Ok(App {
        addresses,
        bootstrapped,
        rooms,
        pbx,
        certificates,
        draining,
        api,
        console,
        console_server,
        metrics: metrics_server,
        tasks,
    })
}

/// Opens the webphone, whose clients reach the server at `public_url` unless they asked another host.
pub fn webphone(config: &Config, rooms: &Rooms, pbx: &Pbx, public_url: &str) -> Webphone {
    let settings = &config.webphone;
    let turn = settings.turn_secret.clone().filter(|_| !settings.turn_urls.is_empty()).map(|secret| webphone::Turn {
        urls: settings.turn_urls.clone(),
        secret,
        life: Duration::from_secs(settings.turn_seconds),
    });
    Webphone::open(webphone::Deps {
        db: rooms.db.clone(),
        secrets: rooms.secrets.clone(),
        accounts: rooms.accounts.clone(),
        pbx: pbx.clone(),
        config: webphone::Config {
            public_url: public_url.to_owned(),
            sip_path: sip::WEBSOCKET_PATH,
            session: Duration::from_secs(settings.session_seconds),
            stun: settings.stun_urls.clone(),
            turn,
        },
    })
}

fn webhook_settings(config: &Config) -> webhooks::Config {
    webhooks::Config {
        allow_networks: config.webhooks.allow_networks.clone(),
        deny_networks: config.webhooks.deny_networks.clone(),
        ca_file: config.webhooks.ca_file.clone(),
        timeout: Duration::from_secs(config.webhooks.timeout_seconds),
        retry_scale: config.webhooks.retry_scale,
        slots: config.webhooks.slots,
        pace: (config.webhooks.pace > 0).then_some(config.webhooks.pace),
        max_age: config.webhooks.max_age_seconds.iter().map(|(n, s)| (*n, Duration::from_secs(*s))).collect(),
        allow_http: config.webhooks.allow_http,
    }
}

async fn bind(addresses: &[SocketAddr], tls: Option<TlsAcceptor>) -> anyhow::Result<Vec<Bound>> {
    let mut bound = Vec::with_capacity(addresses.len());
    for address in addresses {
        bound.push(Bound::bind(*address, tls.clone()).await?);
    }
    Ok(bound)
}

fn local(bound: &[Bound]) -> anyhow::Result<Vec<SocketAddr>> {
    bound.iter().map(Bound::address).collect()
}

/// Makes the folder if it is not there; its contents are the owner's alone.
fn make_private_folder(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path).with_context(|| format!("data_dir {}", path.display()))
}
