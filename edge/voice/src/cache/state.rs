use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Weak},
};

use futures_util::future::{BoxFuture, WeakShared};
use speech::Key;

use crate::{Clip, Error};

/// What is on disk, who uses it, and what is being rendered.
#[derive(Default)]
pub(super) struct State {
    clips: HashMap<Key, Entry>,
    /// By the time of use, the oldest first.
    order: BTreeMap<u64, Key>,
    bytes: u64,
    last: u64,
    pub(super) pins: HashMap<Key, usize>,
    pub(super) flights: HashMap<Key, Flight>,
}

struct Entry {
    bytes: u64,
    used: u64,
    /// Whoever holds the clip.
    handle: Weak<Clip>,
}

/// A clip that is being rendered, for those who wait.
pub(super) struct Flight {
    pub(super) id: u64,
    /// Weak, so that it is dropped with the last of those who wait.
    pub(super) result: WeakShared<BoxFuture<'static, Result<Arc<Clip>, Error>>>,
}

impl State {
    /// Returns a number that was not there before.
    pub(super) fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn add(&mut self, key: Key, bytes: u64) {
        self.forget(key);
        let used = self.next();
        self.bytes += bytes;
        self.order.insert(used, key);
        self.clips.insert(key, Entry { bytes, used, handle: Weak::new() });
    }

    pub(super) fn forget(&mut self, key: Key) {
        if let Some(entry) = self.clips.remove(&key) {
            self.bytes -= entry.bytes;
            self.order.remove(&entry.used);
        }
    }

    pub(super) fn bytes_of(&self, key: Key) -> Option<u64> {
        self.clips.get(&key).map(|entry| entry.bytes)
    }

    /// Marks a clip as used and hands it out.
    pub(super) fn touch(&mut self, key: Key, path: PathBuf) -> Option<Arc<Clip>> {
        let used = self.next();
        let entry = self.clips.get_mut(&key)?;
        self.order.remove(&entry.used);
        self.order.insert(used, key);
        entry.used = used;
        Some(entry.handle.upgrade().unwrap_or_else(|| {
            let clip = Arc::new(Clip::new(key, path, entry.bytes));
            entry.handle = Arc::downgrade(&clip);
            clip
        }))
    }

    /// Forgets the least used until `most` bytes are left, and names them. What is pinned or in use counts as used now.
    pub(super) fn shrink_to(&mut self, most: u64) -> Vec<Key> {
        let mut gone = Vec::new();
        // Each is looked at once: those that stay go to the end.
        for _ in 0..self.order.len() {
            if self.bytes <= most {
                break;
            }
            let Some((_, key)) = self.order.pop_first() else { break };
            let stays = self.pins.contains_key(&key)
                || self.clips.get(&key).is_some_and(|entry| entry.handle.strong_count() > 0);
            if stays {
                let used = self.next();
                if let Some(entry) = self.clips.get_mut(&key) {
                    entry.used = used;
                    self.order.insert(used, key);
                }
            } else {
                self.forget(key);
                gone.push(key);
            }
        }
        gone
    }

    /// Returns clips and bytes.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.clips.len() as u64, self.bytes)
    }
}
