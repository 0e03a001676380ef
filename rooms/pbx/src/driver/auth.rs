//! Who a SIP request comes from: digest logins of extensions, with a limit on guesses.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{TenantId, Timestamp, limiter::Limiter};
use sip::Credentials;
use sip_proto::digest::{Algorithm, Ha1};

use super::{
    directory::Line,
    session_login::{self, Session},
};
use crate::Pbx;

/// Wrong passwords of one login from one source in a minute before its further attempts are refused unread.
pub(crate) const FAILURES: u32 = 5;

/// The outcome of a login.
pub(crate) enum Login {
    Proven {
        tenant: TenantId,
        line: Arc<Line>,
        /// When the login of a webphone's session is over.
        until: Option<Timestamp>,
    },
    /// Unknown user, disabled user or wrong password: all answered alike.
    Wrong,
    /// Too many wrong passwords from this source for this user.
    Limited,
}

/// Counts failed logins by user and source; the real user at another address is never locked out.
#[derive(Debug)]
pub(crate) struct Guesses(Mutex<Limiter<(String, IpAddr)>>);

impl Guesses {
    pub(crate) fn new(limiter: Limiter<(String, IpAddr)>) -> Self {
        Self(Mutex::new(limiter))
    }
}

/// Checks the digest of a request whose nonce the endpoint has already found fresh.
pub(crate) fn login(pbx: &Pbx, credentials: Option<&Credentials>, method: &str, host: &str, source: IpAddr) -> Login {
    let Some(credentials) = credentials else { return Login::Wrong };
    let now = tokio::time::Instant::now().into_std();
    let key = (credentials.username().to_owned(), source);
    let mut guesses = pbx.guesses.0.lock().unwrap_or_else(PoisonError::into_inner);
    if guesses.is_spent(&key, FAILURES, now) {
        return Login::Limited;
    }
    let proven = prove(pbx, credentials, method, host);
    match proven {
        Some((tenant, line, until)) => Login::Proven { tenant, line, until },
        None => {
            guesses.hit(key, FAILURES, now);
            Login::Wrong
        }
    }
}

fn prove(
    pbx: &Pbx,
    credentials: &Credentials,
    method: &str,
    host: &str,
) -> Option<(TenantId, Arc<Line>, Option<Timestamp>)> {
    // REGISTER names its account by the Request-URI's host, everything else by the login's realm.
    let domain = if method == "REGISTER" { host } else { credentials.realm() };
    let tenant = pbx.directory.by_host(domain)?;
    let account = pbx.directory.account(tenant)?;
    let name = credentials.username();
    let session = Session::parse(name);
    let line = account.active(session.map_or(name, |session| session.extension))?;
    if credentials.realm() != line.realm {
        return None;
    }
    let secret = match session {
        Some(session) => &session_login::secret(pbx, tenant, line, name, session)?,
        None => &line.secret,
    };
    let ha1 = match credentials.algorithm() {
        Algorithm::Md5 => Ha1::from_hex(Algorithm::Md5, &secret.md5_hex()),
        Algorithm::Sha256 => Ha1::from_hex(Algorithm::Sha256, &secret.sha256_hex()),
        Algorithm::Sha512Trunc256 => None,
    }?;
    let until = session.map(|session| session.ends);
    credentials.verify(method, &ha1).then(|| (tenant, Arc::clone(line), until))
}
