//! The sessions in memory, so that a page with many requests asks the database once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::Timestamp;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::{
    model::{Account, User, session::SessionId},
    store::sessions::SessionRow,
};

/// How long a session that was read may go without being read again: an end by another process is seen after this at
/// the latest.
const TRUST: Duration = Duration::from_secs(1);
/// Most sessions kept in memory.
const MOST: usize = 20_000;

pub(crate) type Hash = [u8; 32];

/// A session with everything that requests need to know of it.
pub(crate) struct Found {
    pub(crate) row: SessionRow,
    pub(crate) user: User,
    pub(crate) account: Account,
}

#[derive(Default)]
pub(crate) struct Cookies {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<Hash, (Instant, Arc<Found>)>,
    /// Moves when something ended, so that what was read before is not kept.
    epoch: u64,
    seen: HashMap<SessionId, Timestamp>,
}

impl Cookies {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets every session, after one ended or changed.
    pub(crate) fn forget(&self) {
        let mut state = self.lock();
        state.known.clear();
        state.epoch += 1;
    }

    /// Returns the session if it was read a moment ago; else the epoch to [`Self::keep`] it with.
    pub(crate) fn find(&self, hash: &Hash) -> Result<Arc<Found>, u64> {
        let state = self.lock();
        match state.known.get(hash) {
            Some((read, found)) if read.elapsed() < TRUST => Ok(found.clone()),
            _ => Err(state.epoch),
        }
    }

    /// Keeps what was read at `read`, unless something ended meanwhile.
    pub(crate) fn keep(&self, hash: Hash, found: Arc<Found>, read: Instant, epoch: u64) {
        let mut state = self.lock();
        if state.epoch != epoch {
            return;
        }
        if state.known.len() >= MOST {
            state.known.retain(|_, (read, _)| read.elapsed() < TRUST);
        }
        if state.known.len() < MOST {
            state.known.insert(hash, (read, found));
        }
    }

    pub(crate) fn note_seen(&self, id: SessionId, at: Timestamp) {
        self.lock().seen.insert(id, at);
    }

    /// Returns when the session was last seen if that is not written yet.
    pub(crate) fn seen(&self, id: SessionId) -> Option<Timestamp> {
        self.lock().seen.get(&id).copied()
    }

    pub(crate) fn take_seen(&self) -> Vec<(SessionId, Timestamp)> {
        self.lock().seen.drain().collect()
    }

    /// Puts back what could not be written; a newer time wins.
    pub(crate) fn return_seen(&self, seen: Vec<(SessionId, Timestamp)>) {
        let mut state = self.lock();
        for (id, at) in seen {
            state.seen.entry(id).and_modify(|newer| *newer = (*newer).max(at)).or_insert(at);
        }
    }
}

/// Returns what is stored of a cookie or a link.
pub(crate) fn hash(secret: &str) -> Hash {
    Sha256::digest(secret.as_bytes()).into()
}

/// Returns what every unsafe request of the session has to carry: it follows from the cookie, and not the other way.
pub(crate) fn csrf(cookie: &str) -> String {
    let digest = Sha256::new().chain_update(b"csrf|").chain_update(cookie.as_bytes()).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_csrf_token_is_the_sessions_own_and_not_what_is_stored() {
        assert_ne!(csrf("a"), csrf("b"));
        assert_eq!(csrf("a").len(), 64);
        let stored: String = hash("a").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_ne!(csrf("a"), stored);
    }
}
