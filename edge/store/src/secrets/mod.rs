//! Secrets at rest: AES-256-GCM under a key per account.
//!
//! ```text
//! master key (a file beside the database)
//!   └─ wraps ─▶ data keys (rows of `data_key`, random)
//!                 └─ HKDF ─▶ key of an account ─▶ sealed value (bound to account, table, column and row)
//! ```
//!
//! Another master key means wrapping a few data keys anew ([`rotate`]): no sealed value is touched, and a running
//! server, which holds the data keys, need not know. The key of an account is derived and not a row of its own, so
//! that sealing never waits for the database and a new account has its key on every node at once.
//!
//! A sealed value says which data key it was sealed with. Before data keys existed the master key itself was the
//! root: in such a database it lives on as data key 0, wrapped like the others, and opens what it sealed.

mod key_file;
mod rotation;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{Aead, KeyInit, Payload},
};
use domain::{TenantId, Timestamp};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Db, Error, FromRow, Tx, sql};

use self::key_file::{Master, Masters};
pub use self::rotation::{Rotation, add_data_key, rotate};

/// First byte of a value that was sealed under data key 0, when the master key was the root.
const FIRST_VERSION: u8 = 1;
/// First byte of a value whose next four bytes name its data key.
const VERSION: u8 = 2;
const NONCE_LENGTH: usize = 12;
const KEY_LENGTH: usize = 32;
/// How often a running process looks for data keys that another has added.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// What every key file that is not this database's is told.
const STRANGER: Error = Error::Sealed("the master key file does not belong to this database");

/// A key; overwritten when it is dropped.
type Key = Zeroizing<[u8; KEY_LENGTH]>;

/// Seals and opens secrets. Cheap to clone; never shows its keys.
///
/// It can be neither printed nor stored by mistake:
///
/// ```compile_fail
/// fn print<T: std::fmt::Display>(_: T) {}
/// fn any(secrets: store::Secrets) { print(secrets) }
/// ```
/// ```compile_fail
/// fn keep<T: serde::Serialize>(_: T) {}
/// fn any(secrets: store::Secrets) { keep(secrets) }
/// ```
#[derive(Clone)]
pub struct Secrets(Arc<Inner>);

struct Inner {
    key_file: PathBuf,
    ring: RwLock<Arc<Ring>>,
}

/// The data keys in the clear.
struct Ring {
    keys: BTreeMap<u32, Key>,
    /// What is sealed from now on is sealed with this one.
    current: u32,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(***)")
    }
}

impl Secrets {
    /// Reads the master key from a file of 32 bytes; creates it with random bytes, readable by its owner alone,
    /// if there is none. Refuses a file of another length or one that others may read.
    ///
    /// Until [`Self::unlock`] the master key itself is the root, as it was before there were data keys.
    pub fn open(key_file: &Path) -> Result<Self, Error> {
        let master = key_file::read_or_create(key_file)?;
        let ring = Ring { keys: BTreeMap::from([(0, master)]), current: 0 };
        Ok(Self(Arc::new(Inner { key_file: key_file.to_owned(), ring: RwLock::new(Arc::new(ring)) })))
    }

    /// Reads the database's data keys, or makes the first. Refuses a master key that is not this database's.
    /// A rotation that was cut off is finished.
    pub async fn unlock(&self, db: &Db) -> Result<(), Error> {
        let mut tx = db.begin_any_tenant().await?;
        let now = tx.now();
        // The rows first: whatever wrapped them then is one of the files now.
        let mut rows = rows(&mut tx).await?;
        let masters = Masters::read(&self.0.key_file)?;
        if rows.is_empty() {
            first_rows(&mut tx, &masters).await?;
            rows = self::rows(&mut tx).await?;
        }
        let ring = open_rows(&rows, &masters, now)?;
        rotation::adopt(&mut tx, &rows, &masters).await?;
        tx.commit().await?;
        self.set(ring);
        rotation::finish(&self.0.key_file, &rows);
        Ok(())
    }

    /// Learns of data keys that other processes add; never returns.
    pub async fn follow(&self, db: &Db) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Err(error) = self.refresh(db).await {
                tracing::warn!(%error, "the data keys could not be read again");
            }
        }
    }

    /// Reads the data keys again if there are others than before.
    pub(crate) async fn refresh(&self, db: &Db) -> Result<(), Error> {
        let mut tx = db.read_any_tenant().await?;
        let (now, rows) = (tx.now(), rows(&mut tx).await?);
        drop(tx);
        let ring = self.ring();
        let same = rows.iter().all(|row| ring.keys.contains_key(&row.number()));
        if same && current(&rows, now) == ring.current {
            return Ok(());
        }
        let masters = Masters::read(&self.0.key_file)?;
        self.set(open_rows(&rows, &masters, now)?);
        Ok(())
    }

    /// Seals `plain`. It opens only for the same account and the same `context` (table, column and row).
    pub fn seal(&self, tenant: TenantId, context: &str, plain: &[u8]) -> Vec<u8> {
        let ring = self.ring();
        let number = ring.current;
        let key = ring.keys.get(&number).expect("the current data key is on the ring");
        let mut nonce = [0; NONCE_LENGTH];
        rand::fill(&mut nonce);
        let aad = associated(tenant, context, number);
        let sealed = account_cipher(key, tenant, number)
            .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: &aad })
            .expect("AES-GCM seals anything below 64 GiB");
        let mut out = Vec::with_capacity(5 + NONCE_LENGTH + sealed.len());
        match number {
            0 => out.push(FIRST_VERSION),
            number => {
                out.push(VERSION);
                out.extend_from_slice(&number.to_be_bytes());
            }
        }
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        out
    }

    /// Opens what [`Self::seal`] sealed for the same account and context.
    pub fn unseal(&self, tenant: TenantId, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (number, rest) = match sealed.split_first() {
            Some((&FIRST_VERSION, rest)) => (0, rest),
            Some((&VERSION, rest)) => match rest.split_first_chunk::<4>() {
                // 0 has a form of its own: one value is not to have two.
                Some((number, rest)) if *number != [0; 4] => (u32::from_be_bytes(*number), rest),
                _ => return Err(Error::Sealed("too short")),
            },
            _ => return Err(Error::Sealed("unknown version")),
        };
        let Some((nonce, text)) = rest.split_first_chunk::<NONCE_LENGTH>() else {
            return Err(Error::Sealed("too short"));
        };
        let ring = self.ring();
        let Some(key) = ring.keys.get(&number) else { return Err(Error::Sealed("unknown data key")) };
        let aad = associated(tenant, context, number);
        account_cipher(key, tenant, number)
            .decrypt(&Nonce::from(*nonce), Payload { msg: text, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| Error::Sealed("wrong key, account or place"))
    }

    /// Derives 32 bytes for a purpose that is no stored secret: signing links, nonces, tokens.
    /// They stay the same whatever is rotated.
    pub fn derive(&self, purpose: &str) -> Key {
        let ring = self.ring();
        let (_, first) = ring.keys.first_key_value().expect("a ring has a key");
        expand(first, &[b"purpose|", purpose.as_bytes()])
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.0.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, ring: Ring) {
        *self.0.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }
}

/// A data key as it is stored.
#[derive(FromRow)]
struct DataKey {
    id: i64,
    wrapped: Vec<u8>,
    /// Which master key wrapped it.
    master: String,
    /// From when on it seals: later than now, so that every process knows it by then.
    active_from: Timestamp,
}

impl DataKey {
    fn number(&self) -> u32 {
        u32::try_from(self.id).unwrap_or(u32::MAX)
    }
}

async fn rows(tx: &mut Tx) -> Result<Vec<DataKey>, Error> {
    sql("select id, wrapped, master, active_from from data_key order by id").all(tx).await
}

/// Makes the first data key; in a database from before data keys also number 0, the master key of that time.
async fn first_rows(tx: &mut Tx, masters: &Masters) -> Result<(), Error> {
    let (master, now) = (&masters.current, tx.now());
    let probe = sql("select sealed from secret_probe where id = 1").first::<(Vec<u8>,)>(tx).await?;
    if let Some((probe,)) = probe {
        opens_probe(&master.key, &probe)?;
        insert(tx, 0, &master.wrap(0, &master.key), master, now).await?;
    }
    insert(tx, 1, &master.wrap(1, &key_file::random()), master, now).await
}

/// Two processes may do this at once: the first row stays.
async fn insert(
    tx: &mut Tx,
    number: u32,
    wrapped: &[u8],
    master: &Master,
    active_from: Timestamp,
) -> Result<(), Error> {
    let now = tx.now();
    sql("insert into data_key (id, wrapped, master, active_from, created_at) values ($1, $2, $3, $4, $5) \
         on conflict (id) do nothing")
    .bind(number)
    .bind(wrapped)
    .bind(&master.print)
    .bind(active_from)
    .bind(now)
    .run(tx)
    .await
    .map(|_| ())
}

/// The value that older databases keep to recognise their master key by.
fn opens_probe(master: &Key, sealed: &[u8]) -> Result<(), Error> {
    const PROBE: &str = "secret_probe";
    let ring = Ring { keys: BTreeMap::from([(0, master.clone())]), current: 0 };
    let secrets = Secrets(Arc::new(Inner { key_file: PathBuf::new(), ring: RwLock::new(Arc::new(ring)) }));
    secrets.unseal(TenantId(0), PROBE, sealed).map(|_| ()).map_err(|_| STRANGER)
}

fn open_rows(rows: &[DataKey], masters: &Masters, now: Timestamp) -> Result<Ring, Error> {
    let open = |row: &DataKey| Some((row.number(), masters.unwrap(row)?));
    let keys = rows.iter().map(open).collect::<Option<BTreeMap<_, _>>>().ok_or(STRANGER)?;
    let current = current(rows, now);
    if !keys.contains_key(&current) {
        return Err(STRANGER);
    }
    Ok(Ring { keys, current })
}

/// Returns the newest data key that every process knows.
fn current(rows: &[DataKey], now: Timestamp) -> u32 {
    let active = rows.iter().rev().find(|row| row.active_from <= now).or_else(|| rows.first());
    active.map_or(0, DataKey::number)
}

fn account_cipher(key: &Key, tenant: TenantId, number: u32) -> Aes256Gcm {
    let version = if number == 0 { FIRST_VERSION } else { VERSION };
    cipher(&expand(key, &[b"tenant|", &tenant.0.to_be_bytes(), &[version]]))
}

fn cipher(key: &Key) -> Aes256Gcm {
    Aes256Gcm::new(&(**key).into())
}

/// HKDF-SHA256 (RFC 5869) of one block: the salt names the product, the parts are the info.
fn expand(key: &Key, info: &[&[u8]]) -> Key {
    let extracted = mac(b"zorio secrets v1", &[&**key]);
    let mut parts = info.to_vec();
    parts.push(&[1]);
    mac(&*extracted, &parts)
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Key {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    Zeroizing::new(mac.finalize().into_bytes().into())
}

fn associated(tenant: TenantId, context: &str, number: u32) -> Vec<u8> {
    match number {
        0 => format!("{tenant}|{context}|{FIRST_VERSION}"),
        number => format!("{tenant}|{context}|{VERSION}|{number}"),
    }
    .into_bytes()
}
