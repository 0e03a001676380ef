//! Password hashes: argon2id, at most one at work per core.

pub(crate) mod rules;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::Error;

/// OWASP's second set for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes of a hash and of its salt.
const OUTPUT_LENGTH: usize = 32;
const SALT_LENGTH: usize = 16;
/// What is asked of the allocator for one hash. glibc maps whatever is longer than 32 MiB by itself and gives it back
/// when it is freed; anything shorter ends up in its heap after the first time and stays there. Only what the hash
/// needs is ever touched.
const RESERVED: usize = 33 * 1024 * 1024;
/// Most that wait for a core; the next is turned away. About half a second's work.
const MOST_WAITING: usize = 32;

/// Hashes and checks passwords, bounded in memory and processor.
pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// The hash that an unknown user's password is compared with, so that the answer takes as long.
    nobody: String,
}

impl Passwords {
    pub(crate) async fn open() -> Result<Self, Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let slots = Arc::new(Semaphore::new(cores));
        let mut passwords = Self { slots, waiting: AtomicUsize::new(0), nobody: String::new() };
        passwords.nobody = passwords.hash(uuid::Uuid::new_v4().to_string()).await?;
        Ok(passwords)
    }

    /// Returns the hash in PHC form, with a fresh salt.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Error> {
        self.work(move || {
            let mut salt = [0; SALT_LENGTH];
            rand::fill(&mut salt);
            let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_LENGTH)).map_err(failed)?;
            let mut output = [0; OUTPUT_LENGTH];
            derive(params.clone(), &password, &salt, &mut output)?;
            let hash = PasswordHash {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(&params).map_err(failed)?,
                salt: Some(Salt::new(&salt).map_err(failed)?),
                hash: Some(Output::new(&output).map_err(failed)?),
            };
            Ok(hash.to_string())
        })
        .await
    }

    /// Compares; takes as long for no hash, and then is false.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Error> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        self.work(move || {
            let hash = PasswordHash::new(&hash).map_err(failed)?;
            let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else { return Err(failed("no salt or hash")) };
            let mut output = vec![0; expected.len()];
            derive(Params::try_from(&hash).map_err(failed)?, &password, &salt, &mut output)?;
            Ok(bool::from(output.ct_eq(expected.as_bytes())) && known)
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Place::take(&self.waiting).ok_or(Error::Busy)?;
        let slot = self.slots.clone().acquire_owned().await.map_err(|_| Error::Busy)?;
        drop(place);
        // The slot goes with the work: a client that hangs up does not make room for a second hash on the core.
        let task = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            job()
        });
        task.await.map_err(|error| Error::Hash(error.to_string()))?
    }
}

/// A place in the queue; given back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        // On `None` the place is dropped too, which takes the count back.
        (waiting.fetch_add(1, Ordering::SeqCst) < MOST_WAITING).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Computes a hash in memory that goes back to the system afterwards.
fn derive(params: Params, password: &str, salt: &[u8], output: &mut [u8]) -> Result<(), Error> {
    let needed = params.block_count();
    let mut blocks: Vec<Block> = Vec::new();
    blocks.try_reserve_exact(needed.max(RESERVED / Block::SIZE)).map_err(failed)?;
    blocks.resize(needed, Block::new());
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut blocks).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Hash(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_is_argon2id_with_the_chosen_costs_and_matches_only_its_password() {
        let passwords = Passwords::open().await.unwrap();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correct horsf".to_owned(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("correct horse".to_owned(), None).await.unwrap());
    }

    #[tokio::test]
    async fn hashes_of_other_costs_and_of_the_library_itself_are_understood() {
        use argon2::password_hash::PasswordHasher as _;
        let params = Params::new(1024, 1, 1, None).unwrap();
        let theirs =
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(b"old").unwrap().to_string();
        let passwords = Passwords::open().await.unwrap();
        assert!(passwords.verify("old".to_owned(), Some(theirs.clone())).await.unwrap());
        assert!(!passwords.verify("new".to_owned(), Some(theirs)).await.unwrap());
    }

    /// Pages of the process that are its own and in memory, in KiB.
    fn resident() -> i64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[tokio::test]
    async fn the_memory_of_a_hash_goes_back_to_the_system() {
        let passwords = Passwords::open().await.unwrap();
        let before = resident();
        for _ in 0..5 {
            passwords.hash("correct horse".to_owned()).await.unwrap();
        }
        // Other tests of the process may hash too, but not for ever.
        let mut grown = i64::MAX;
        for _ in 0..100 {
            grown = grown.min(resident() - before);
            if grown < 4 * 1024 {
                return;
            }
            passwords.verify("x".to_owned(), None).await.unwrap();
        }
        panic!("{grown} KiB stayed");
    }

    #[tokio::test]
    async fn long_passwords_are_not_cut() {
        let passwords = Passwords::open().await.unwrap();
        let (a, b) = (format!("{}a", "x".repeat(100)), format!("{}b", "x".repeat(100)));
        let hash = passwords.hash(a).await.unwrap();
        assert!(!passwords.verify(b, Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_crowd_is_turned_away() {
        let passwords = Arc::new(Passwords::open().await.unwrap());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let passwords = passwords.clone();
            tasks.spawn(async move { passwords.verify("x".to_owned(), None).await });
        }
        let results = tasks.join_all().await;
        let refused = results.iter().filter(|result| matches!(result, Err(Error::Busy))).count();
        assert!(refused >= 100, "{refused} of 200 were turned away");
        assert_eq!(passwords.waiting.load(Ordering::SeqCst), 0);
    }
}
