//! What the carrier and the agents have in common: a party to a call that rings, answers, speaks and listens.

mod call;
mod party;
mod script;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, Ipv4Addr},
    ops::RangeInclusive,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use media::Media;
use tokio::sync::watch;

pub use self::{
    call::{About, Call, Ending, State},
    script::{Keys, Reaction, Says, Speaks, Talk},
};
pub(crate) use self::{
    party::{Caller, Party},
    script::rehearse,
};

/// Calls that a carrier or an agent remembers; the oldest is forgotten first.
const REMEMBERED: usize = 2_000;

/// How much of each call a party keeps in its ear, unless told otherwise.
pub const HEARS: Duration = Duration::from_secs(20);

/// Opens media for simulated parties on loopback: one thread for all of them.
pub fn media(ports: RangeInclusive<u16>) -> io::Result<Media> {
    Media::open(media::Config {
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        ports,
        threads: 1,
        reuse_rest: Duration::ZERO,
        ..media::Config::default()
    })
}

/// The calls of one carrier or agent, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Log {
    calls: Mutex<VecDeque<Call>>,
    /// How many there have ever been.
    count: watch::Sender<usize>,
}

impl Default for Log {
    fn default() -> Self {
        Self { calls: Mutex::default(), count: watch::channel(0).0 }
    }
}

impl Log {
    pub(crate) fn add(&self, call: Call) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() == REMEMBERED {
            calls.pop_front();
        }
        calls.push_back(call);
        drop(calls);
        self.count.send_modify(|count| *count += 1);
    }

    pub(crate) fn all(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Waits for a call that has `property`, one that is already there or one to come; `None` after `patience`.
    pub(crate) async fn find(&self, patience: Duration, property: impl Fn(&Call) -> bool) -> Option<Call> {
        let mut count = self.count.subscribe();
        let search = async {
            loop {
                count.borrow_and_update();
                if let Some(call) = self.all().into_iter().rev().find(&property) {
                    return call;
                }
                // The sender lives in `self`, so waiting cannot fail.
                let _ = count.changed().await;
            }
        };
        tokio::time::timeout(patience, search).await.ok()
    }
}
