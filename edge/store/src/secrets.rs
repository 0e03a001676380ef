//! Secrets at rest: AES-256-GCM under a key per account, derived from a master key outside the database.

use std::{
    io::{ErrorKind, Read, Write},
    path::Path,
    sync::Arc,
};

use aes_gcm::{
    Aes256Gcm, Nonce,
    aead::{Aead, KeyInit, Payload},
};
use domain::TenantId;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Db, Error, sql};

/// First byte of a sealed value: the scheme and the generation of the key.
const VERSION: u8 = 1;
const NONCE_LENGTH: usize = 12;
const KEY_LENGTH: usize = 32;

/// Seals and opens secrets. Cheap to clone; never shows its key.
#[derive(Clone)]
pub struct Secrets(Arc<Zeroizing<[u8; KEY_LENGTH]>>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(***)")
    }
}

impl Secrets {
    /// Reads the master key from a file of 32 bytes; creates it with random bytes, readable by its owner alone,
    /// if there is none. Refuses a file of another length or one that others may read.
    pub fn open(key_file: &Path) -> Result<Self, Error> {
        let fail = |reason: String| Error::File { path: key_file.display().to_string(), reason };
        match create(key_file) {
            Ok(key) => return Ok(Self(Arc::new(key))),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(fail(error.to_string())),
        }
        let mut file = std::fs::File::open(key_file).map_err(|error| fail(error.to_string()))?;
        let mode = std::os::unix::fs::MetadataExt::mode(&file.metadata().map_err(|error| fail(error.to_string()))?);
        if mode & 0o077 != 0 {
            return Err(fail("the master key may be readable by its owner only (chmod 600)".to_owned()));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_LENGTH + 1));
        Read::take(&mut file, KEY_LENGTH as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| fail(error.to_string()))?;
        let key = <[u8; KEY_LENGTH]>::try_from(bytes.as_slice())
            .map_err(|_| fail("the master key must be exactly 32 bytes".to_owned()))?;
        Ok(Self(Arc::new(Zeroizing::new(key))))
    }

    /// Seals `plain`. It opens only for the same account and the same `context` (table, column and row).
    pub fn seal(&self, tenant: TenantId, context: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LENGTH];
        rand::fill(&mut nonce);
        let sealed = self
            .cipher(tenant)
            .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: &associated(tenant, context) })
            .expect("AES-GCM seals anything below 64 GiB");
        let mut out = Vec::with_capacity(1 + NONCE_LENGTH + sealed.len());
        out.push(VERSION);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        out
    }

    /// Opens what [`Self::seal`] sealed for the same account and context.
    pub fn unseal(&self, tenant: TenantId, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let Some((&VERSION, rest)) = sealed.split_first() else {
            return Err(Error::Sealed("unknown version"));
        };
        let Some((nonce, text)) = rest.split_first_chunk::<NONCE_LENGTH>() else {
            return Err(Error::Sealed("too short"));
        };
        self.cipher(tenant)
            .decrypt(&Nonce::from(*nonce), Payload { msg: text, aad: &associated(tenant, context) })
            .map(Zeroizing::new)
            .map_err(|_| Error::Sealed("wrong key, account or place"))
    }

    /// Derives 32 bytes for a purpose that is no stored secret: signing links, nonces, tokens.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; KEY_LENGTH]> {
        self.expand(&[b"purpose|", purpose.as_bytes()])
    }

    /// Refuses to go on if this is not the key that the database's secrets were sealed with.
    pub async fn check(&self, db: &Db) -> Result<(), Error> {
        const PROBE: &str = "secret_probe";
        let mut tx = db.begin_any_tenant().await?;
        let sealed = self.seal(TenantId(0), PROBE, PROBE.as_bytes());
        let (stored,) = sql("insert into secret_probe (id, sealed) values (1, $1) \
                             on conflict (id) do update set id = excluded.id returning sealed")
        .bind(sealed)
        .one::<(Vec<u8>,)>(&mut tx)
        .await?;
        self.unseal(TenantId(0), PROBE, &stored)
            .map_err(|_| Error::Sealed("the master key file does not belong to this database"))?;
        tx.commit().await
    }

    fn cipher(&self, tenant: TenantId) -> Aes256Gcm {
        let key = self.expand(&[b"tenant|", &tenant.0.to_be_bytes(), &[VERSION]]);
        Aes256Gcm::new(&(*key).into())
    }

    /// HKDF-SHA256 (RFC 5869) of one block: the salt names the product, the parts are the info.
    fn expand(&self, info: &[&[u8]]) -> Zeroizing<[u8; KEY_LENGTH]> {
        let extracted = mac(b"zorio secrets v1", &[&**self.0]);
        let mut parts = info.to_vec();
        parts.push(&[1]);
        mac(&*extracted, &parts)
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; KEY_LENGTH]> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    Zeroizing::new(mac.finalize().into_bytes().into())
}

fn associated(tenant: TenantId, context: &str) -> Vec<u8> {
    format!("{tenant}|{context}|{VERSION}").into_bytes()
}

/// Creates the key file, fails if it is there.
fn create(path: &Path) -> std::io::Result<Zeroizing<[u8; KEY_LENGTH]>> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    rand::fill(&mut *key);
    file.write_all(&*key)?;
    file.sync_all()?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn secrets() -> (tempfile::TempDir, Secrets) {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::open(&folder.path().join("key")).unwrap();
        (folder, secrets)
    }

    #[test]
    fn a_secret_opens_only_in_its_place() {
        let (_folder, secrets) = secrets();
        let sealed = secrets.seal(TenantId(1), "webhook.secret:7", b"s3cret");
        assert_eq!(**secrets.unseal(TenantId(1), "webhook.secret:7", &sealed).unwrap(), *b"s3cret");
        assert!(secrets.unseal(TenantId(2), "webhook.secret:7", &sealed).is_err());
        assert!(secrets.unseal(TenantId(1), "webhook.secret:8", &sealed).is_err());
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(secrets.unseal(TenantId(1), "webhook.secret:7", &changed).is_err(), "byte {index}");
            assert!(secrets.unseal(TenantId(1), "webhook.secret:7", &sealed[..index]).is_err());
        }
    }

    #[test]
    fn the_same_secret_never_looks_the_same_twice() {
        let (_folder, secrets) = secrets();
        assert_ne!(secrets.seal(TenantId(1), "a", b"x"), secrets.seal(TenantId(1), "a", b"x"));
    }

    #[test]
    fn the_key_file_is_its_owners_alone_and_survives() {
        let (folder, first) = secrets();
        let path = folder.path().join("key");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let sealed = first.seal(TenantId(1), "a", b"x");
        assert!(Secrets::open(&path).unwrap().unseal(TenantId(1), "a", &sealed).is_ok());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Secrets::open(&path).is_err());
    }

    #[test]
    fn a_key_file_of_another_length_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 31, 33] {
            let path = folder.path().join(length.to_string());
            std::fs::write(&path, vec![7; length]).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            assert!(Secrets::open(&path).is_err(), "{length}");
        }
    }

    #[test]
    fn nothing_of_the_key_is_printed() {
        let (_folder, secrets) = secrets();
        assert_eq!(format!("{secrets:?}"), "Secrets(***)");
    }
}
