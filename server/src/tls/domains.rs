//! Certificates of domains of their own: a folder for each, as certbot keeps them.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use domain::Timestamp;
use rustls::{client::verify_server_name, pki_types::ServerName, server::ParsedCertificate, sign::CertifiedKey};

use super::{Stamp, read, stamp};
use crate::expiry;

/// Domains of one folder; more are not read.
const MOST: usize = 10_000;
/// The names of a certificate with its chain and of its key: those of certbot, and ours.
const FILES: [(&str, &str); 2] = [("fullchain.pem", "privkey.pem"), ("cert.pem", "key.pem")];

/// What was read of a folder.
#[derive(Debug, Default)]
pub(super) struct Domains {
    folder: Option<PathBuf>,
    known: RwLock<HashMap<String, Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    key: Option<Arc<CertifiedKey>>,
    stamp: Stamp,
}

impl Domains {
    pub(super) fn new(folder: Option<&Path>) -> Self {
        Self { folder: folder.map(Path::to_owned), known: RwLock::default() }
    }

    /// Reads what is new or was changed, or `all` of it. What cannot be read is logged, and the old one stays.
    pub(super) fn follow(&self, all: bool) {
        let Some(folder) = &self.folder else { return };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::error!(%error, folder = %folder.display(), "tls.domains_dir cannot be read");
                return;
            }
        };
        let before = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut now = HashMap::new();
        for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).take(MOST) {
            let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_ascii_lowercase) else {
                continue;
            };
            let files = FILES.iter().map(|(cert, key)| (path.join(cert), path.join(key)));
            let Some((cert, key)) = files.into_iter().find(|(cert, _)| cert.is_file()) else { continue };
            let stamp = stamp(&cert, &key);
            let old = before.get(&name);
            if let Some(old) = old.filter(|old| !all && old.stamp == stamp) {
                now.insert(name, old.clone());
                continue;
            }
            let key = match read(&cert, &key) {
                Ok(key) => Some(Arc::new(key)),
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(
                        error,
                        domain = name,
                        "a domain's certificate cannot be read; the old one stays in use"
                    );
                    old.and_then(|old| old.key.clone())
                }
            };
            now.insert(name, Known { key, stamp });
        }
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Returns the certificate for a name: of its own folder, or a wildcard of the folder above.
    pub(super) fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let name = name.to_ascii_lowercase();
        let key = |name: &str| known.get(name).and_then(|known| known.key.clone());
        key(&name).or_else(|| {
            let (_, above) = name.split_once('.')?;
            key(above).filter(|found| is_for(found, &name))
        })
    }

    pub(super) fn names(&self) -> Vec<String> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> =
            known.iter().filter(|(_, known)| known.key.is_some()).map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// Returns when the first of them ends.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().filter_map(|known| expiry::not_after(known.key.as_ref()?.cert.first()?)).min()
    }
}

fn is_for(key: &CertifiedKey, name: &str) -> bool {
    let Some(certificate) = key.cert.first().and_then(|der| ParsedCertificate::try_from(der).ok()) else {
        return false;
    };
    ServerName::try_from(name).is_ok_and(|name| verify_server_name(&certificate, &name).is_ok())
}

#[cfg(test)]
mod tests {
    use super::{super::write_self_signed, *};

    fn der(found: Option<Arc<CertifiedKey>>) -> Option<Vec<u8>> {
        found.map(|key| key.cert[0].to_vec())
    }

    #[test]
    fn each_domain_has_its_certificate_and_a_wildcard_serves_those_below() {
        let folder = tempfile::tempdir().unwrap();
        write_self_signed(&folder.path().join("one.example"), &["one.example"]).unwrap();
        write_self_signed(&folder.path().join("two.example"), &["two.example", "*.two.example"]).unwrap();
        let domains = Domains::new(Some(folder.path()));
        domains.follow(true);
        assert_eq!(domains.names(), ["one.example", "two.example"]);
        let two = der(domains.find("two.example"));
        assert!(two.is_some() && two != der(domains.find("ONE.example")));
        assert_eq!(der(domains.find("pbx.two.example")), two);
        assert_eq!(der(domains.find("pbx.one.example")), None, "its certificate is for itself");
        assert_eq!(der(domains.find("other.example")), None);
    }

    #[test]
    fn a_new_domain_is_found_and_a_broken_one_keeps_what_it_had() {
        let folder = tempfile::tempdir().unwrap();
        let domains = Domains::new(Some(folder.path()));
        domains.follow(false);
        assert!(domains.names().is_empty());
        let (cert_file, _) = write_self_signed(&folder.path().join("one.example"), &["one.example"]).unwrap();
        domains.follow(false);
        let first = der(domains.find("one.example"));
        std::fs::write(&cert_file, "broken").unwrap();
        domains.follow(true);
        assert_eq!(der(domains.find("one.example")), first);
        std::fs::remove_dir_all(folder.path().join("one.example")).unwrap();
        domains.follow(false);
        assert!(domains.names().is_empty());
    }
}
