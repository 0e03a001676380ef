#![doc = include_str!("../README.md")]

mod api;
mod changes;
mod config;
mod door;
mod driver;
pub mod error;
pub mod model;
pub mod ops;
pub mod robot;
mod store;

use std::sync::Arc;

pub use api::{play_recording, send_sound};
pub use config::Config;
pub use driver::{
    border::{numbers::MemberState, toll::TollAlarm},
    session_login::SessionLogin,
};
pub use error::{Error, Result};

use changes::Changes;
use domain::{grid::Grid, limiter::Limiter};
use driver::{
    apps::Apps, auth::Guesses, border::Border, call::COMPANY, directory::Directory, live::Live, queue::Queues, recover,
    registrar::Registrar, session_login::Barred, subscriptions::Subscriptions, trunk_registrations::TrunkRegistrations,
};
use model::Boot;

/// What the room is built on.
pub struct Deps {
    pub db: ::store::Db,
    pub bus: bus::Bus,
    pub secrets: ::store::Secrets,
    pub sip: sip::Sip,
    pub sip_events: tokio::sync::mpsc::Receiver<sip::Event>,
    pub media: media::Media,
    pub mail: mail::Mail,
    pub config: Config,
}

/// The telephone exchange. Cheap to clone.
#[derive(Clone)]
pub struct Pbx {
    pub(crate) db: ::store::Db,
    pub(crate) bus: bus::Bus,
    pub(crate) secrets: ::store::Secrets,
    pub(crate) changes: Changes,
    pub(crate) config: Arc<Config>,
    pub(crate) sip: sip::Sip,
    pub(crate) media: media::Media,
    pub(crate) mail: mail::Mail,
    pub(crate) directory: Directory,
    pub(crate) registrar: Registrar,
    pub(crate) trunk_registrations: TrunkRegistrations,
    pub(crate) live: Live,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) apps: Apps,
    pub(crate) queues: Queues,
    /// What calls over trunks are counted and limited by.
    pub(crate) border: Border,
    pub(crate) guesses: Arc<Guesses>,
    /// Users whose webphones are not let in.
    pub(crate) barred: Arc<Barred>,
    pub(crate) boot: Arc<Boot>,
    /// The moments at which calls write what is not urgent.
    pub(crate) together: Grid,
    /// The marker of writes as the first reading of the directory found it.
    pub(crate) read_at_start: i64,
    pub(crate) tracker: tokio_util::task::TaskTracker,
}

/// Logins whose wrong passwords are remembered; the one unseen longest is forgotten first.
const REMEMBERED_LOGINS: usize = 100_000;

impl Pbx {
    /// Reads the directory, closes the books of calls that an earlier run left, and starts to take calls. Fails when the
    /// database cannot be read or written.
    pub async fn open(deps: Deps) -> Result<Self> {
        let now = deps.db.now();
        let mut pbx = Self {
            db: deps.db,
            bus: deps.bus,
            secrets: deps.secrets,
            changes: Changes::new(),
            sip: deps.sip,
            media: deps.media,
            mail: deps.mail,
            directory: Directory::default(),
            registrar: Registrar::default(),
            trunk_registrations: TrunkRegistrations::default(),
            live: Live::default(),
            subscriptions: Subscriptions::default(),
            apps: Apps::default(),
            queues: Queues::default(),
            border: Border::new(now),
            guesses: Arc::new(Guesses::new(Limiter::new(REMEMBERED_LOGINS))),
            barred: Arc::default(),
            boot: Arc::new(Boot { id: uuid::Uuid::now_v7().to_string(), node: deps.config.node.clone() }),
            config: Arc::new(deps.config),
            together: Grid::new(tokio::time::Instant::now().into_std(), COMPANY),
            read_at_start: 0,
            tracker: tokio_util::task::TaskTracker::new(),
        };
        recover::say_alive(&pbx).await?;
        pbx.read_at_start = driver::written(&pbx).await?;
        pbx.directory.reload(&pbx.db, &pbx.secrets).await?;
        pbx.barred.look(&pbx).await?;
        pbx.registrar.load(&pbx).await?;
        pbx.border.load(&pbx).await?;
        driver::announce(&pbx);
        recover::close_left_over(&pbx).await?;
        driver::trunk_registrations::follow(&pbx).await?;
        pbx.apps.mailboxes.load(&pbx).await?;
        driver::voicemail::recover(&pbx).await?;
        driver::queue::open(&pbx).await?;
        pbx.tracker.spawn(driver::listen(pbx.clone(), deps.sip_events));
        Ok(pbx)
    }

    /// Keeps house until the program ends: the directory, the heartbeat, what expires, the lamps of phones.
    pub async fn run(&self) {
        tokio::join!(
            driver::keep_house(self.clone()),
            driver::keep_alive::run(self.clone()),
            driver::subscriptions::watch(self.clone()),
            driver::retention::keep(self.clone()),
            driver::border::watch(self.clone())
        );
    }

    /// Registers the room's jobs.
    pub fn jobs(&self, worker: ::store::jobs::Worker) -> ::store::jobs::Worker {
        let worker = driver::recordings::job(self, worker);
        driver::voicemail_files::job(self, driver::voicemail_notice::job(self, worker))
    }

    /// Returns the room's routes.
    pub fn routes(&self) -> web::OpenApiRouter {
        api::routes().with_state(self.clone())
    }
}
