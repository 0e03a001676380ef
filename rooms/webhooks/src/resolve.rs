//! Names become addresses.

use std::{
    collections::HashMap,
    net::{IpAddr, ToSocketAddrs as _},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{FutureExt as _, future::Shared};
use tokio::sync::Semaphore;

use crate::dial::DialError;

/// Names resolved at once: the system's resolver occupies a thread each, and a customer's DNS may be slow.
const LOOKUPS: usize = 64;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Where names are looked up.
#[derive(Clone)]
pub(crate) enum Resolver {
    System(Lookups),
    #[cfg(test)]
    Fixed(Arc<Mutex<HashMap<String, Vec<IpAddr>>>>),
    /// Another answer each time; the last one stays.
    #[cfg(test)]
    Scripted(Arc<Mutex<Vec<IpAddr>>>),
}

/// Looks names up, each of them once at a time: a name whose servers do not answer must not occupy every thread.
#[derive(Clone)]
pub(crate) struct Lookups {
    threads: Arc<Semaphore>,
    under_way: Arc<Mutex<HashMap<String, Looking>>>,
}

/// Fails as [`DialError::Dns`].
type Looking = Shared<BoxFuture<Result<Vec<IpAddr>, ()>>>;

impl Resolver {
    pub(crate) fn system() -> Self {
        Self::System(Lookups { threads: Arc::new(Semaphore::new(LOOKUPS)), under_way: Arc::default() })
    }

    pub(crate) async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, DialError> {
        match self {
            Self::System(lookups) => lookups.find(host).await.map_err(|()| DialError::Dns),
            #[cfg(test)]
            Self::Fixed(names) => names.lock().unwrap().get(host).cloned().ok_or(DialError::Dns),
            #[cfg(test)]
            Self::Scripted(answers) => {
                let mut answers = answers.lock().unwrap();
                Ok(vec![if answers.len() > 1 { answers.remove(0) } else { answers[0] }])
            }
        }
    }
}

impl Lookups {
    async fn find(&self, host: &str) -> Result<Vec<IpAddr>, ()> {
        let looking = {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            under_way.entry(host.to_owned()).or_insert_with(|| self.look(host.to_owned())).clone()
        };
        looking.await
    }

    fn look(&self, host: String) -> Looking {
        let lookups = self.clone();
        let looking: BoxFuture<_> = Box::pin(async move {
            let permit = Arc::clone(&lookups.threads).acquire_owned().await.map_err(drop)?;
            let done = Done { lookups, host: host.clone() };
            // The thread keeps both until the resolver answers, however early the attempts are given up.
            let found = tokio::task::spawn_blocking(move || {
                let found = (host.as_str(), 0).to_socket_addrs();
                drop((permit, done));
                found
            });
            let found = found.await.map_err(drop)?.map_err(drop)?;
            Ok(found.map(|address| address.ip()).collect())
        });
        looking.shared()
    }
}

/// Whoever asks from now on asks anew.
struct Done {
    lookups: Lookups,
    host: String,
}

impl Drop for Done {
    fn drop(&mut self) {
        self.lookups.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.host);
    }
}
