//! What the host says about itself, for the page "System".

use std::sync::Arc;

use domain::Timestamp;
use futures_util::future::BoxFuture;
use web::Text;

/// Asks the host. The server gives it: a room knows neither certificates nor disks.
#[derive(Clone)]
pub struct System(Arc<dyn Fn() -> BoxFuture<'static, Health> + Send + Sync>);

/// One look at the host.
#[derive(Clone, Debug, Default)]
pub struct Health {
    pub facts: Vec<(&'static str, Fact)>,
    pub checks: Vec<Check>,
}

/// Something that the host knows; its name is the text `system.fact.KEY`.
#[derive(Clone, Debug)]
pub enum Fact {
    Text(String),
    Bytes(u64),
    /// How much of how much is taken.
    Share {
        used: u64,
        of: u64,
    },
    At(Timestamp),
}

/// What one check found; its name is the text `system.check.KEY`.
#[derive(Clone, Debug)]
pub struct Check {
    pub key: &'static str,
    /// What is wrong, for the person who runs the host.
    pub result: Result<(), Text>,
}

impl System {
    pub fn new<F>(look: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Health> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(look())))
    }

    pub(crate) async fn look(&self) -> Health {
        (self.0)().await
    }
}
