//! TLS around a caller that knows none: SIPp comes without it in Debian.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use crate::sipp::CALLER;

/// Where the caller speaks TCP; what it says goes on by TLS, from the caller's own address.
const PORT: u16 = 16_061;

/// Passes connections on by TLS until it is dropped.
pub(crate) struct Bridge {
    pub(crate) address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

/// Writes a certificate for 127.0.0.1 and its key: `tls.pem` and `tls-key.pem`.
pub(crate) fn write_certificate(folder: &Path) -> Result<()> {
    let identity = rcgen::generate_simple_self_signed([Ipv4Addr::LOCALHOST.to_string()])?;
    std::fs::write(folder.join("tls.pem"), identity.cert.pem())?;
    std::fs::write(folder.join("tls-key.pem"), identity.signing_key.serialize_pem())?;
    Ok(())
}

impl Bridge {
    /// Starts to pass on to `server`, whose certificate is `tls.pem` of the folder.
    pub(crate) fn start(server: SocketAddr, folder: &Path) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(folder.join("tls.pem"))?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
        let listener = runtime.block_on(TcpListener::bind(address)).context("the bridge to TLS")?;
        runtime.spawn(accept(listener, server, TlsConnector::from(Arc::new(config))));
        Ok(Self { address, _runtime: runtime })
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, tls: TlsConnector) {
    while let Ok((near, _)) = listener.accept().await {
        let tls = tls.clone();
        #[expect(clippy::disallowed_methods, reason = "lives as long as the load")]
        tokio::spawn(async move {
            if let Err(error) = pass_on(near, server, &tls).await {
                eprintln!("the bridge to TLS broke: {error:#}");
            }
        });
    }
}

async fn pass_on(mut near: TcpStream, server: SocketAddr, tls: &TlsConnector) -> Result<()> {
    near.set_nodelay(true)?;
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((CALLER, 0)))?;
    let far = socket.connect(server).await?;
    far.set_nodelay(true)?;
    let mut far = tls.connect(ServerName::from(server.ip()), far).await?;
    // SIPp closes without a word of TLS.
    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    Ok(())
}
