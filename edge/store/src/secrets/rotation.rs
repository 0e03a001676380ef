//! Another master key, or another data key, beside running servers.

use std::{
    fs::{OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    DataKey, STRANGER, first_rows, insert,
    key_file::{self, Master, Masters},
    rows,
};
use crate::{Db, Error, Tx, sql};

/// How long every process has to learn of a new data key before one seals with it.
const NOTICE: Duration = Duration::from_secs(30);

/// What a rotation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The mark of the new master key.
    pub master: String,
    /// How many data keys were wrapped anew; fewer than there are if an earlier rotation had been cut off.
    pub rewrapped: usize,
    /// Whether a rotation that had been cut off was finished.
    pub resumed: bool,
    /// Where the key before lies now.
    pub previous: PathBuf,
}

/// Changes the master key. Running servers go on, since they hold the data keys.
///
/// The order makes every moment safe to be killed at: the new key is on disk before any data key is wrapped with it,
/// all data keys change in one transaction, and the old key is kept until the new one stands in its place.
/// Whatever was cut off, the next start opens with what it finds, and the next rotation goes on from there.
pub async fn rotate(key_file: &Path, db: &Db) -> Result<Rotation, Error> {
    let _lock = lock(key_file)?;
    let (next, resumed) = key_file::read_or_create_next(key_file)?;
    let next = Master::new(next);
    let masters = Masters::read(key_file)?;
    let mut tx = db.begin_any_tenant().await?;
    if rows(&mut tx).await?.is_empty() {
        first_rows(&mut tx, &masters).await?;
    }
    let rows = rows(&mut tx).await?;
    let rewrapped = rewrap(&mut tx, &rows, &masters, &next).await?;
    if self::rows(&mut tx).await?.iter().any(|row| row.master != next.print) {
        return Err(Error::Busy("another node changes the master key"));
    }
    tx.commit().await?;
    masters.promote()?;
    Ok(Rotation { master: next.print, rewrapped, resumed, previous: key_file::previous(key_file) })
}

/// Adds a data key that seals everything from half a minute on; what is sealed already stays as it is.
/// Returns its number.
pub async fn add_data_key(key_file: &Path, db: &Db) -> Result<u32, Error> {
    let _lock = lock(key_file)?;
    let masters = Masters::read(key_file)?;
    let mut tx = db.begin_any_tenant().await?;
    let rows = rows(&mut tx).await?;
    let Some(last) = rows.last() else { return Err(Error::Sealed("the database has no data key yet: start it once")) };
    if rows.iter().any(|row| masters.current.unwrap(row).is_none()) {
        return Err(STRANGER);
    }
    let number = last.number() + 1;
    let active_from = tx.now().after(NOTICE);
    let wrapped = masters.current.wrap(number, &key_file::random());
    insert(&mut tx, number, &wrapped, &masters.current, active_from).await?;
    tx.commit().await?;
    Ok(number)
}

/// After a restored backup or a change on another node: what an earlier master key had wrapped is wrapped with this
/// one. What another process changes at the same time is left to it.
pub(super) async fn adopt(tx: &mut Tx, rows: &[DataKey], masters: &Masters) -> Result<(), Error> {
    if masters.next.is_none() {
        let rewrapped = rewrap(tx, rows, masters, &masters.current).await?;
        if rewrapped > 0 {
            tracing::warn!(rewrapped, "data keys of an earlier master key were found and wrapped with this one");
        }
    }
    Ok(())
}

/// Finishes on disk what a rotation that was cut off had finished in the database. A failure changes nothing: the
/// database opens all the same.
pub(super) fn finish(key_file: &Path, rows: &[DataKey]) {
    // Whoever holds the lock is not cut off.
    let Ok(_lock) = key_file::next(key_file).exists().then(|| lock(key_file)).transpose() else { return };
    let Ok(masters) = Masters::read(key_file) else { return };
    let Some(next) = &masters.next else { return };
    if rows.iter().any(|row| row.master != next.print) {
        tracing::warn!("a change of the master key was cut off: run `zorio keys rotate` again");
        return;
    }
    match masters.promote() {
        Ok(()) => tracing::warn!(master = next.print, "a change of the master key was cut off and is finished now"),
        Err(error) => {
            tracing::warn!(%error, "the new master key could not be put in its place: run `zorio keys rotate` again");
        }
    }
}

/// Wraps what other master keys have wrapped, and returns how many that were.
async fn rewrap(tx: &mut Tx, rows: &[DataKey], masters: &Masters, to: &Master) -> Result<usize, Error> {
    let mut rewrapped = 0;
    for row in rows.iter().filter(|row| row.master != to.print) {
        let key = masters.unwrap(row).ok_or(STRANGER)?;
        // Only as it was read: another node may rotate at the same time.
        let changed = sql("update data_key set wrapped = $1, master = $2 where id = $3 and master = $4")
            .bind(to.wrap(row.number(), &key))
            .bind(&to.print)
            .bind(row.id)
            .bind(&row.master)
            .run(tx)
            .await?;
        rewrapped += usize::from(changed == 1);
    }
    Ok(rewrapped)
}

/// Two rotations of one key file must not mix. The lock ends with the process, however it ends.
fn lock(key_file: &Path) -> Result<std::fs::File, Error> {
    let path = key_file::beside(key_file, ".lock");
    let fail = |reason: &str| key_file::failure(&path, reason);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| fail(&error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(fail("another process changes the master key")),
        Err(TryLockError::Error(error)) => Err(fail(&error.to_string())),
    }
}
