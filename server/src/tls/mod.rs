//! One store of the server's certificates for every listener; read again when their files change.

mod client;
mod domains;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use anyhow::{Context, ensure};
use domain::Timestamp;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

pub(crate) use self::client::client;
use self::domains::Domains;
use crate::expiry;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The certificate and key of the server, and those of domains of their own, picked by the name that a client asks for
/// (SNI). Clones share them, so that HTTPS, WSS and SIP over TLS change together.
#[derive(Clone, Debug)]
pub struct Certificates {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    cert_file: PathBuf,
    key_file: PathBuf,
    current: RwLock<(Arc<CertifiedKey>, Stamp)>,
    domains: Domains,
}

/// When both files were last changed.
type Stamp = [Option<SystemTime>; 2];

impl Certificates {
    /// Reads both files, and those of the domains; an error names the file. A domain whose files are broken is logged
    /// and has the server's certificate.
    pub fn open(cert_file: &Path, key_file: &Path, domains: Option<&Path>) -> anyhow::Result<Self> {
        let stamp = stamp(cert_file, key_file);
        let key = read(cert_file, key_file)?;
        let current = RwLock::new((Arc::new(key), stamp));
        let (cert_file, key_file, domains) = (cert_file.into(), key_file.into(), Domains::new(domains));
        domains.follow(true);
        Ok(Self { shared: Arc::new(Shared { cert_file, key_file, current, domains }) })
    }

    /// Reads the files again. New connections get the new certificate; on an error the old one stays.
    pub fn reload(&self) -> anyhow::Result<()> {
        self.shared.domains.follow(true);
        let stamp = stamp(&self.shared.cert_file, &self.shared.key_file);
        let key = read(&self.shared.cert_file, &self.shared.key_file)?;
        *self.shared.current.write().unwrap_or_else(PoisonError::into_inner) = (Arc::new(key), stamp);
        tracing::info!("read the TLS certificate again");
        Ok(())
    }

    /// Returns when the first of the certificates ends.
    pub fn expires_at(&self) -> Option<Timestamp> {
        let current = self.shared.current.read().unwrap_or_else(PoisonError::into_inner).0.clone();
        let own = expiry::not_after(current.cert.first()?)?;
        Some(self.shared.domains.expires_at().map_or(own, |domain| own.min(domain)))
    }

    /// Returns the domains with certificates of their own.
    pub fn domains(&self) -> Vec<String> {
        self.shared.domains.names()
    }

    /// Reads the files again whenever they changed; never returns.
    pub async fn watch(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let read = self.shared.current.read().unwrap_or_else(PoisonError::into_inner).1;
            if stamp(&self.shared.cert_file, &self.shared.key_file) != read {
                self.reload_or_log();
            }
            self.shared.domains.follow(false);
        }
    }

    /// Reads the files again; a failure is logged and the old certificate stays.
    pub fn reload_or_log(&self) {
        if let Err(error) = self.reload() {
            tracing::error!(
                error = format!("{error:#}"),
                "the TLS certificate cannot be read; the old one stays in use"
            );
        }
    }

    pub fn file(&self) -> &Path {
        &self.shared.cert_file
    }

    /// Returns the TLS settings of a listener that speaks the given protocols.
    pub fn server(&self, protocols: &[&str]) -> anyhow::Result<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(config)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(found) = hello.server_name().and_then(|name| self.shared.domains.find(name)) {
            return Some(found);
        }
        Some(self.shared.current.read().unwrap_or_else(PoisonError::into_inner).0.clone())
    }
}

fn read(cert_file: &Path, key_file: &Path) -> anyhow::Result<CertifiedKey> {
    let chain = CertificateDer::pem_file_iter(cert_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("tls.cert_file {}", cert_file.display()))?;
    ensure!(!chain.is_empty(), "tls.cert_file {} holds no certificate", cert_file.display());
    let key = PrivateKeyDer::from_pem_file(key_file).with_context(|| format!("tls.key_file {}", key_file.display()))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .context("the certificate and the key do not belong together")
}

fn stamp(cert_file: &Path, key_file: &Path) -> Stamp {
    [cert_file, key_file].map(|path| path.metadata().and_then(|metadata| metadata.modified()).ok())
}

/// Writes a self-signed certificate for the names, for demonstrations: `cert.pem` and `key.pem` in `folder`.
pub fn write_self_signed(folder: &Path, names: &[&str]) -> anyhow::Result<(PathBuf, PathBuf)> {
    let made = rcgen::generate_simple_self_signed(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
    std::fs::create_dir_all(folder)?;
    let (cert_file, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert_file, made.cert.pem())?;
    write_private(&key_file, made.signing_key.serialize_pem().as_bytes())?;
    Ok((cert_file, key_file))
}

/// Writes a file that only its owner reads.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serial(certificates: &Certificates) -> Vec<u8> {
        certificates.shared.current.read().unwrap().0.cert[0].to_vec()
    }

    #[test]
    fn a_new_certificate_is_taken_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (cert_file, key_file) = write_self_signed(folder.path(), &["localhost"]).unwrap();
        let certificates = Certificates::open(&cert_file, &key_file, None).unwrap();
        let first = serial(&certificates);

        write_self_signed(folder.path(), &["localhost"]).unwrap();
        certificates.reload().unwrap();
        let second = serial(&certificates);
        assert_ne!(first, second);

        std::fs::write(&cert_file, "broken").unwrap();
        assert!(certificates.reload().is_err());
        assert_eq!(serial(&certificates), second);
    }

    #[test]
    fn an_error_names_the_file() {
        let error =
            Certificates::open(Path::new("/nowhere/cert.pem"), Path::new("/nowhere/key.pem"), None).unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/cert.pem"));
    }
}
