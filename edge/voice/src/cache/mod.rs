//! Clips on disk by content hash: rendered once however many ask at once, and the least used go first.

mod files;
mod state;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use audio::SAMPLE_RATE;
use futures_util::{FutureExt as _, future::BoxFuture};
use speech::Key;
use tokio::{sync::Semaphore, time::Instant};

pub(crate) use self::files::{make_folder, write};
use self::state::{Flight, State};
use crate::{Clip, Counters, Error, Sound, counters::Counting, finish};

pub(crate) struct Cache {
    folder: PathBuf,
    /// Bytes that the clips may take.
    most: u64,
    /// Bounds the work on sounds, which is done on threads for what blocks.
    finishing: Semaphore,
    state: Mutex<State>,
    counting: Counting,
}

impl Cache {
    /// Opens a folder and looks what is there. Blocks.
    pub(crate) fn open(folder: PathBuf, most: u64, workers: usize) -> Result<Arc<Self>, Error> {
        make_folder(&folder)?;
        let mut state = State::default();
        for (key, bytes) in files::scan(&folder)? {
            state.add(key, bytes);
        }
        let (finishing, state) = (Semaphore::new(workers.max(1)), Mutex::new(state));
        let cache = Arc::new(Self { folder, most, finishing, state, counting: Counting::default() });
        cache.make_room();
        Ok(cache)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the clip, rendered by `make` if it is not there. Whoever asks meanwhile waits for the same; when all of
    /// them have gone the work is dropped.
    pub(crate) async fn get_or_render(
        self: &Arc<Self>,
        key: Key,
        make: impl FnOnce() -> BoxFuture<'static, Result<Sound, Error>>,
    ) -> Result<Arc<Clip>, Error> {
        let flight = {
            let mut state = self.state();
            if let Some(clip) = self.hit(&mut state, key) {
                return Ok(clip);
            }
            let there = state.flights.get(&key).and_then(|flight| flight.result.upgrade());
            there.unwrap_or_else(|| {
                let id = state.next();
                let result = Arc::clone(self).fly(key, id, make()).boxed().shared();
                if let Some(weak) = result.downgrade() {
                    state.flights.insert(key, Flight { id, result: weak });
                }
                result
            })
        };
        flight.await
    }

    /// Looks the clip up, and whether its file is still what was written.
    fn hit(&self, state: &mut State, key: Key) -> Option<Arc<Clip>> {
        let bytes = state.bytes_of(key)?;
        let path = self.folder.join(key.path());
        if std::fs::metadata(&path).is_ok_and(|file| file.len() == bytes) {
            let clip = state.touch(key, path)?;
            Counting::add(&self.counting.hits, 1);
            Counting::add(&self.counting.hit_millis, millis(&clip));
            return Some(clip);
        }
        state.forget(key);
        Counting::add(&self.counting.damaged, 1);
        None
    }

    async fn fly(
        self: Arc<Self>,
        key: Key,
        id: u64,
        make: BoxFuture<'static, Result<Sound, Error>>,
    ) -> Result<Arc<Clip>, Error> {
        let _landing = Landing { cache: Arc::clone(&self), key, id };
        let start = Instant::now();
        let result = match make.await {
            Ok(sound) => self.keep(key, id, sound).await,
            Err(error) => Err(error),
        };
        match &result {
            Ok(clip) => {
                let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
                let counting = &self.counting;
                Counting::add(&counting.renders, 1);
                Counting::add(&counting.rendered_millis, millis(clip));
                Counting::add(&counting.render_micros, micros);
                counting.slowest_micros.fetch_max(micros, std::sync::atomic::Ordering::Relaxed);
            }
            Err(_) => Counting::add(&self.counting.failures, 1),
        }
        result
    }

    async fn keep(self: &Arc<Self>, key: Key, id: u64, sound: Sound) -> Result<Arc<Clip>, Error> {
        let _permit = self.finishing.acquire().await.expect("it is never closed");
        let cache = Arc::clone(self);
        let kept = tokio::task::spawn_blocking(move || {
            let file = audio::wav::mono(SAMPLE_RATE, &finish::speech(&sound)?);
            let part = files::Part::write(&cache.folder, key, id, &file)?;
            let mut state = cache.state();
            // Whoever deleted the clip meanwhile does not want to find it again.
            if state.flights.get(&key).is_none_or(|flight| flight.id != id) {
                return Err(Error::Deleted);
            }
            let path = part.rename()?;
            state.add(key, file.len() as u64);
            state.touch(key, path).ok_or(Error::Deleted)
        });
        let clip = kept.await.map_err(|error| Error::Unreadable(error.to_string()))??;
        self.make_room();
        Ok(clip)
    }

    /// Removes what was not used for the longest time until the rest fits.
    fn make_room(&self) {
        let gone = self.state().shrink_to(self.most);
        Counting::add(&self.counting.evicted, gone.len() as u64);
        self.remove(&gone);
    }

    /// Deletes clips, also those in use or under way. Returns how many files were there.
    pub(crate) fn delete(&self, keys: &[Key]) -> usize {
        {
            let mut state = self.state();
            for key in keys {
                state.flights.remove(key);
                state.forget(*key);
            }
        }
        self.remove(keys)
    }

    fn remove(&self, keys: &[Key]) -> usize {
        let remove = |key: &&Key| match std::fs::remove_file(self.folder.join(key.path())) {
            Ok(()) => true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => {
                tracing::error!(%key, %error, "a clip of speech cannot be deleted");
                false
            }
        };
        keys.iter().filter(remove).count()
    }

    pub(crate) fn has(&self, key: Key) -> bool {
        self.state().bytes_of(key).is_some()
    }

    /// Keeps clips, there already or rendered later, until the pins are dropped.
    pub(crate) fn pin(self: &Arc<Self>, keys: Vec<Key>) -> Pins {
        let mut state = self.state();
        for key in &keys {
            *state.pins.entry(*key).or_insert(0) += 1;
        }
        drop(state);
        Pins { cache: Arc::clone(self), keys }
    }

    pub(crate) fn counters(&self) -> Counters {
        let state = self.state();
        let (clips, bytes) = state.size();
        Counters { under_way: state.flights.len() as u64, clips, bytes, ..self.counting.read() }
    }
}

/// Ends a flight, however it ends.
struct Landing {
    cache: Arc<Cache>,
    key: Key,
    id: u64,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut state = self.cache.state();
        if state.flights.get(&self.key).is_some_and(|flight| flight.id == self.id) {
            state.flights.remove(&self.key);
        }
    }
}

/// Clips that stay while this is held: the constant parts of a campaign that runs.
#[must_use]
pub struct Pins {
    cache: Arc<Cache>,
    keys: Vec<Key>,
}

impl Drop for Pins {
    fn drop(&mut self) {
        let mut state = self.cache.state();
        for key in &self.keys {
            if let Some(count) = state.pins.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    state.pins.remove(key);
                }
            }
        }
    }
}

fn millis(clip: &Clip) -> u64 {
    u64::try_from(clip.duration().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
