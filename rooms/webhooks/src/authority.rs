//! Certificate authorities of a webhook's own.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use sha2::{Digest, Sha256};
use web::Text;

/// Bytes of a webhook's PEM.
const PEM_LIMIT: usize = 64 * 1024;

/// Reads the certificates of a PEM text. The error is for the operator.
pub(crate) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, Text> {
    if pem.len() > PEM_LIMIT {
        return Err(Text::new("The certificates may have at most 64 KiB.", "Chứng chỉ chỉ được dài tối đa 64 KiB."));
    }
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => {
            let mut roots = RootCertStore::empty();
            match certificates.iter().all(|certificate| roots.add(certificate.clone()).is_ok()) {
                true => Ok(certificates),
                false => Err(Text::new(
                    "There is something in it that is no X.509 certificate.",
                    "Nội dung có phần không phải là chứng chỉ X.509.",
                )),
            }
        }
        _ => Err(Text::new("This is no certificate in PEM form.", "Đây không phải là chứng chỉ dạng PEM.")),
    }
}

/// Returns what speaks TLS with endpoints whose certificate comes from these authorities, or is one of these
/// certificates itself: self-signed ones often call themselves an authority, which no client takes from a server.
pub(crate) fn tls(pem: &str) -> Result<ClientConfig, Text> {
    let certificates = certificates(pem)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.iter().cloned());
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|_| Text::new("There is no authority in it.", "Nội dung không có tổ chức cấp chứng chỉ nào."))?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|_| Text::new("TLS is not available.", "Không dùng được TLS."))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned { inner, certificates }))
        .with_no_client_auth();
    Ok(config)
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The usual checks against chosen authorities, and one exception: a server may show one of them itself.
#[derive(Debug)]
struct Pinned {
    inner: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // Its dates were found good before: the check that it is no authority comes after theirs.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_)))
                if self.certificates.iter().any(|pinned| pinned == end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Returns the SHA-256 of each certificate, for the audit log.
pub(crate) fn fingerprints(pem: &str) -> Vec<String> {
    let certificates = certificates(pem).unwrap_or_default();
    certificates.iter().map(|certificate| hex::encode(Sha256::digest(certificate))).collect()
}
