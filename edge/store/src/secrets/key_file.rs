//! The master key's file, and its neighbours while it is changed.
//!
//! ```text
//! master.key            the master key
//! master.key.next       the one that a rotation is about to put in its place
//! master.key.previous   the one before: opens backups from before the rotation
//! ```

use std::{
    fs::{File, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use aes_gcm::{
    Nonce,
    aead::{Aead, Payload},
};
use zeroize::Zeroizing;

use super::{DataKey, KEY_LENGTH, Key, NONCE_LENGTH, cipher, expand};
use crate::Error;

/// A master key with what it is recognised by.
pub(super) struct Master {
    pub(super) key: Key,
    /// Sixteen hexadecimal digits that say nothing of the key but which one it is.
    pub(super) print: String,
}

/// The master keys that may have wrapped a data key.
pub(super) struct Masters {
    pub(super) current: Master,
    pub(super) next: Option<Master>,
    previous: Option<Master>,
    key_file: PathBuf,
}

impl Master {
    pub(super) fn new(key: Key) -> Self {
        let print = hex::encode(&expand(&key, &[b"fingerprint"])[..8]);
        Self { key, print }
    }

    pub(super) fn wrap(&self, number: u32, data_key: &Key) -> Vec<u8> {
        let mut nonce = [0; NONCE_LENGTH];
        rand::fill(&mut nonce);
        let aad = place(number);
        let sealed = cipher(&expand(&self.key, &[b"wrap"]))
            .encrypt(&Nonce::from(nonce), Payload { msg: &**data_key, aad: &aad })
            .expect("AES-GCM seals anything below 64 GiB");
        [&nonce[..], &sealed].concat()
    }

    pub(super) fn unwrap(&self, row: &DataKey) -> Option<Key> {
        let (nonce, text) = row.wrapped.split_first_chunk::<NONCE_LENGTH>()?;
        let aad = place(row.number());
        let plain = cipher(&expand(&self.key, &[b"wrap"]))
            .decrypt(&Nonce::from(*nonce), Payload { msg: text, aad: &aad })
            .map(Zeroizing::new)
            .ok()?;
        <[u8; KEY_LENGTH]>::try_from(plain.as_slice()).ok().map(Zeroizing::new)
    }
}

impl Masters {
    pub(super) fn read(key_file: &Path) -> Result<Self, Error> {
        let one = |path: &Path| -> Result<_, Error> { Ok(read(path)?.map(Master::new)) };
        Ok(Self {
            current: one(key_file)?.ok_or_else(|| failure(key_file, "there is no master key"))?,
            next: one(&next(key_file))?,
            previous: one(&previous(key_file))?,
            key_file: key_file.to_owned(),
        })
    }

    /// Opens a data key with whichever master key wrapped it.
    pub(super) fn unwrap(&self, row: &DataKey) -> Option<Key> {
        [Some(&self.current), self.next.as_ref(), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|master| master.unwrap(row))
    }

    /// Keeps the key as the previous one and puts the next in its place. Each step is whole or has not happened.
    pub(super) fn promote(&self) -> Result<(), Error> {
        write(&previous(&self.key_file), &self.current.key)?;
        let fail = |error: std::io::Error| failure(&self.key_file, &error.to_string());
        std::fs::rename(next(&self.key_file), &self.key_file).map_err(fail)?;
        sync_folder(&self.key_file).map_err(fail)
    }
}

/// Reads the key, or makes a random one if there is none.
pub(super) fn read_or_create(path: &Path) -> Result<Key, Error> {
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    match create(path) {
        Ok(key) => Ok(key),
        // Another process was quicker; its file may still be empty for a moment.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            read(path)?.ok_or_else(|| failure(path, "it is gone"))
        }
        Err(error) => Err(failure(path, &error.to_string())),
    }
}

/// Reads a key; `None` if there is no file.
fn read(path: &Path) -> Result<Option<Key>, Error> {
    let fail = |reason: &str| failure(path, reason);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(&error.to_string())),
    };
    let metadata = file.metadata().map_err(|error| fail(&error.to_string()))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(fail("the master key may be readable by its owner only (chmod 600)"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_LENGTH + 1));
    std::io::Read::by_ref(&mut file)
        .take(KEY_LENGTH as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| fail(&error.to_string()))?;
    <[u8; KEY_LENGTH]>::try_from(bytes.as_slice())
        .map(|key| Some(Zeroizing::new(key)))
        .map_err(|_| fail("the master key must be exactly 32 bytes"))
}

/// Returns the key of a rotation that was cut off, or makes one.
pub(super) fn read_or_create_next(key_file: &Path) -> Result<(Key, bool), Error> {
    let path = next(key_file);
    if let Some(key) = read(&path)? {
        return Ok((key, true));
    }
    let key = random();
    write(&path, &key)?;
    Ok((key, false))
}

pub(super) fn random() -> Key {
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    rand::fill(&mut *key);
    key
}

pub(super) fn previous(key_file: &Path) -> PathBuf {
    beside(key_file, ".previous")
}

pub(super) fn next(key_file: &Path) -> PathBuf {
    beside(key_file, ".next")
}

pub(super) fn beside(key_file: &Path, suffix: &str) -> PathBuf {
    let mut name = key_file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Creates the key file whole, fails if it is there.
fn create(path: &Path) -> std::io::Result<Key> {
    let key = random();
    let mut name = beside(path, ".new").into_os_string();
    name.push(std::process::id().to_string());
    let draft = PathBuf::from(name);
    write_synced(&draft, &key)?;
    // A link fails if the name is taken, where a rename would replace it.
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    linked?;
    sync_folder(path)?;
    Ok(key)
}

/// Writes a key file whole, in place of one that is there.
fn write(path: &Path, key: &Key) -> Result<(), Error> {
    let draft = beside(path, ".new");
    let written =
        write_synced(&draft, key).and_then(|()| std::fs::rename(&draft, path)).and_then(|()| sync_folder(path));
    written.map_err(|error| failure(path, &error.to_string()))
}

fn write_synced(path: &Path, key: &Key) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(&**key)?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

pub(super) fn failure(path: &Path, reason: &str) -> Error {
    Error::File { path: path.display().to_string(), reason: reason.to_owned() }
}

fn place(number: u32) -> Vec<u8> {
    format!("data_key.wrapped:{number}").into_bytes()
}
