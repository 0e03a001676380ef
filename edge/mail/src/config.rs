//! Settings of the relay.

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

use lettre::{
    AsyncSmtpTransport, Tokio1Executor,
    message::Mailbox,
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
        extension::ClientId,
    },
};

use crate::Error;

/// How to reach the relay.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name or address; `None` if letters are not sent at all.
    pub host: Option<String>,
    /// By default what the security means: 465, 587 or 25.
    pub port: Option<u16>,
    pub security: Security,
    /// The login, if the relay wants one.
    pub login: Option<(String, Password)>,
    /// Who sends: an address, with a name or without.
    pub from: String,
    /// Further certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// For one attempt in all.
    pub timeout: Duration,
    /// What the waits between attempts are multiplied with: 1, or less to try things out.
    pub retry_scale: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS by STARTTLS; without it nothing is sent.
    StartTls,
    /// No TLS: for a relay on this host or in a network that you trust.
    None,
}

/// A password that is never printed.
#[derive(Clone)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: None,
            port: None,
            security: Security::StartTls,
            login: None,
            from: String::new(),
            ca_file: None,
            timeout: Duration::from_secs(30),
            retry_scale: 1.0,
        }
    }
}

impl Config {
    pub(crate) fn sender(&self) -> Result<Mailbox, Error> {
        self.from.parse().map_err(|error| Error::Config(format!("from: {error}")))
    }

    pub(crate) fn transport(&self, host: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, Error> {
        if self.login.is_some() && self.security == Security::None && !is_this_host(host) {
            return Err(Error::Config(
                "username needs mail.security = \"tls\" or \"starttls\": a password is not sent in the clear"
                    .to_owned(),
            ));
        }
        if self.timeout.is_zero() || !(self.retry_scale > 0.0 && self.retry_scale <= 100.0) {
            return Err(Error::Config("timeout_seconds and retry_scale must be positive".to_owned()));
        }
        let (port, tls) = match self.security {
            Security::Tls => (465, Tls::Wrapper(self.tls(host)?)),
            Security::StartTls => (587, Tls::Required(self.tls(host)?)),
            Security::None => (25, Tls::None),
        };
        let sender = self.sender()?;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(self.port.unwrap_or(port))
            .timeout(Some(self.timeout))
            .tls(tls)
            .hello_name(ClientId::Domain(sender.email.domain().to_owned()));
        let builder = match &self.login {
            Some((username, password)) => builder.credentials(Credentials::new(username.clone(), password.0.clone())),
            None => builder,
        };
        Ok(builder.build())
    }

    /// The host's own authorities, and those of the file.
    fn tls(&self, host: &str) -> Result<TlsParameters, Error> {
        let mut tls = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::Default);
        if let Some(path) = &self.ca_file {
            let fail = |reason: String| Error::Config(format!("ca_file {}: {reason}", path.display()));
            let pem = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
            let certificate = Certificate::from_pem(&pem).map_err(|error| fail(error.to_string()))?;
            tls = tls.add_root_certificate(certificate);
        }
        tls.build().map_err(|error| Error::Config(format!("host: {error}")))
    }
}

fn is_this_host(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}
