//! A vendor as one account uses it: tried again where that helps, left alone where it does not, counted by characters.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};

use crate::{Fault, Provider, Sound, VoiceInfo, provider};

/// How a vendor's faults are met.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often one request is sent at most.
    pub tries: u32,
    /// Before the second try; doubled each time, and longer if the vendor asks for it.
    pub wait: Duration,
    /// Faults in a row after which the vendor is left alone.
    pub faults: u32,
    /// For how long.
    pub rest: Duration,
    /// Requests at once.
    pub at_once: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self { tries: 4, wait: Duration::from_millis(500), faults: 5, rest: Duration::from_secs(30), at_once: 4 }
    }
}

/// A vendor with the key of one account.
pub struct Paid {
    provider: Arc<dyn Provider>,
    account: String,
    patience: Patience,
    places: Semaphore,
    breaker: Mutex<Breaker>,
    characters: AtomicU64,
    /// The voices as they were told last.
    voices: Mutex<Vec<VoiceInfo>>,
}

/// Closed while things go well; open after too many faults; after its rest one request tries.
#[derive(Default)]
struct Breaker {
    faults: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Returns whether a request may go out now.
    fn lets_through(&mut self, now: Instant, rest: Duration) -> bool {
        match self.open_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                // This one tries; the others wait for what comes of it.
                self.open_until = Some(now + rest);
                true
            }
        }
    }

    fn note(&mut self, went_well: bool, now: Instant, patience: &Patience) {
        if went_well {
            *self = Self::default();
            return;
        }
        self.faults = self.faults.saturating_add(1);
        if self.faults >= patience.faults {
            self.open_until = Some(now + patience.rest);
        }
    }
}

impl Paid {
    /// Takes a vendor into use for an account. The name of the account is a part of every clip's key: what one has
    /// paid for is played to nobody else's customers.
    pub fn new(provider: Arc<dyn Provider>, account: impl Into<String>, patience: Patience) -> Self {
        let (account, places) = (account.into(), Semaphore::new(patience.at_once.max(1)));
        let (breaker, characters, voices) = (Mutex::default(), AtomicU64::new(0), Mutex::default());
        Self { provider, account, patience, places, breaker, characters, voices }
    }

    pub fn vendor(&self) -> &'static str {
        self.provider.vendor().as_str()
    }

    /// Returns what stands for the model in a clip's key.
    pub(crate) fn version(&self) -> String {
        // Neither part can be mistaken for the other: the length tells where the first ends.
        let model = self.provider.model();
        format!("{}:{model}@{}", model.len(), self.account)
    }

    /// Has words rendered; tries again what may pass.
    pub(crate) async fn speak(&self, words: &str, voice: &str) -> Result<Sound, Fault> {
        let (characters, most) = (words.chars().count(), self.provider.most_characters());
        if characters > most {
            return Err(Fault::TooLong { characters, most });
        }
        let _place = self.places.acquire().await.expect("it is never closed");
        let mut wait = self.patience.wait;
        let mut tries = 0;
        loop {
            tries += 1;
            if !self.breaker().lets_through(Instant::now(), self.patience.rest) {
                return Err(Fault::LeftAlone);
            }
            let result = self.provider.synthesise(words, voice).await;
            // A refusal is an answer: the vendor works, the request was wrong.
            let went_well = !matches!(&result, Err(fault) if fault.is_vendors());
            self.breaker().note(went_well, Instant::now(), &self.patience);
            // Vendors count what they took, also where nothing usable came of it.
            if matches!(result, Ok(_) | Err(Fault::Odd(_) | Fault::NeverReady)) {
                self.characters.fetch_add(characters as u64, Relaxed);
            }
            match result {
                Err(fault) if fault.may_pass() && tries < self.patience.tries => {
                    let asked =
                        if let Fault::Busy { retry_after: Some(asked) } = fault { asked } else { Duration::ZERO };
                    tokio::time::sleep(wait.max(asked)).await;
                    wait *= 2;
                }
                result => return result,
            }
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the vendor's voices. While it is down those that it told last, and of the others in `known`, which are
    /// in use, the id alone.
    pub async fn voices(&self, known: &[String]) -> Vec<VoiceInfo> {
        let told = match self.provider.voices().await {
            Ok(told) => {
                *self.voices.lock().unwrap_or_else(PoisonError::into_inner) = told.clone();
                told
            }
            Err(fault) => {
                tracing::warn!(vendor = self.vendor(), %fault, "a vendor's voices cannot be had");
                self.voices.lock().unwrap_or_else(PoisonError::into_inner).clone()
            }
        };
        let missing = known.iter().filter(|id| !told.iter().any(|voice| voice.id == **id));
        let missing: Vec<_> = missing.map(|id| provider::unknown(id)).collect();
        told.into_iter().chain(missing).collect()
    }

    /// Returns the characters that the vendor took since this was asked last, to be added to the account's.
    pub fn take_characters(&self) -> u64 {
        self.characters.swap(0, Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_too_many_faults_nobody_asks_and_after_the_rest_one_does() {
        let patience = Patience { faults: 3, rest: Duration::from_secs(30), ..Patience::default() };
        let mut breaker = Breaker::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for second in 0..3 {
            assert!(breaker.lets_through(at(second), patience.rest));
            breaker.note(false, at(second), &patience);
        }
        assert!(!breaker.lets_through(at(3), patience.rest) && !breaker.lets_through(at(31), patience.rest));
        // One tries, the next does not.
        assert!(breaker.lets_through(at(32), patience.rest) && !breaker.lets_through(at(32), patience.rest));
        breaker.note(false, at(33), &patience);
        assert!(!breaker.lets_through(at(62), patience.rest) && breaker.lets_through(at(63), patience.rest));
        breaker.note(true, at(63), &patience);
        assert!(breaker.lets_through(at(64), patience.rest) && breaker.lets_through(at(64), patience.rest));
    }

    #[test]
    fn single_faults_are_forgotten_when_things_go_well() {
        let patience = Patience { faults: 2, ..Patience::default() };
        let mut breaker = Breaker::default();
        let now = Instant::now();
        for _ in 0..10 {
            breaker.note(false, now, &patience);
            breaker.note(true, now, &patience);
        }
        assert!(breaker.lets_through(now, patience.rest));
    }
}
