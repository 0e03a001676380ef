#![doc = include_str!("../README.md")]

mod answer;
mod asked;
mod assets;
mod csrf;
mod door;
mod form;
mod gate;
mod key;
mod live;
mod nav;
mod pager;
mod pages;
mod qr;
mod show;
mod system;
mod upload;
mod view;
mod words;

use std::{ops::Deref, sync::Arc};

use accounts::Accounts;
use alerts::Alerts;
use axum::Router;
use contacts::Contacts;
use mail::Mail;
use pbx::{Pbx, ops::Desk};
use store::Clock;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use webhooks::Webhooks;
use webphone::Webphone;

pub use answer::{Answer, Failure};
pub use door::Config;
pub use system::{Check, Fact, Health, System};

/// Most requests for a new password that are worked on at a time.
const MOST_LETTERS: usize = 16;

/// What the pages are drawn from.
pub struct Doors {
    pub accounts: Accounts,
    pub alerts: Alerts,
    /// The way of invitations and new passwords.
    pub mail: Mail,
    pub pbx: Pbx,
    /// Where extensions, trunks, caller IDs and routes are kept.
    pub desk: Desk,
    pub webhooks: Webhooks,
    pub contacts: Contacts,
    /// Absent where the console has listeners of its own: phones need the API beside it.
    pub webphone: Option<Webphone>,
    pub clock: Clock,
    /// What the host can say about itself.
    pub system: System,
    pub config: Config,
}

/// The admin console. Clones share one state.
#[derive(Clone)]
pub struct Console(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) doors: Doors,
    pub(crate) dashboards: live::Shared<pages::dashboard::Figures>,
    /// Room for requests for a new password that are worked on behind their answers.
    pub(crate) letters: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    pub(crate) closing: CancellationToken,
}

impl Console {
    pub fn open(doors: Doors) -> Self {
        let inner = Inner {
            doors,
            dashboards: live::Shared::default(),
            letters: Arc::new(Semaphore::new(MOST_LETTERS)),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        };
        Self(Arc::new(inner))
    }

    /// Returns the pages and their assets, with every layer they need but the server's own.
    pub fn router(&self) -> Router {
        door::router(self.clone())
    }

    /// Returns the page that says that there is none.
    pub fn nothing(&self) -> Router {
        door::nothing(self.clone())
    }

    /// Ends all live pages and waits for what feeds them.
    pub async fn close(&self) {
        self.0.closing.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

impl Deref for Console {
    type Target = Doors;

    fn deref(&self) -> &Doors {
        &self.0.doors
    }
}
