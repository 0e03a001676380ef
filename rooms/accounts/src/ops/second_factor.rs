//! The second factor: codes of an authenticator app (TOTP, RFC 6238) and recovery codes.

use domain::{Principal, UserId};

use crate::{Accounts, Error, NewSession, Session, Visit};

/// What an authenticator app has to know; not in force until a code of it was confirmed.
#[derive(Clone)]
pub struct TotpOffer {
    /// Base32, in groups of four for people.
    pub secret: String,
    /// `otpauth://totp/…`, for a QR code.
    pub url: String,
}

/// Ten codes that each open once, shown this once.
pub type RecoveryCodes = Vec<String>;

impl Accounts {
    /// Takes a code of the app or a recovery code and opens the session under a new cookie.
    pub async fn second_factor(&self, cookie: &str, code: &str, visit: &Visit) -> Result<NewSession, Error> {
        let _ = (cookie, code, visit);
        Err(Error::Denied)
    }

    /// Offers a secret; a second offer replaces the first. The session must be fresh: [`Error::Stale`].
    pub async fn totp_begin(&self, session: &Session) -> Result<TotpOffer, Error> {
        let _ = session;
        Err(Error::Denied)
    }

    /// Puts the offered secret in force with a code made of it; returns the session's new cookie and recovery codes.
    pub async fn totp_confirm(&self, session: &Session, code: &str) -> Result<(NewSession, RecoveryCodes), Error> {
        let _ = (session, code);
        Err(Error::Denied)
    }

    /// Takes the second factor away. The session must be fresh.
    pub async fn totp_disable(&self, session: &Session) -> Result<(), Error> {
        let _ = session;
        Err(Error::Denied)
    }

    /// Replaces the recovery codes. The session must be fresh.
    pub async fn renew_recovery_codes(&self, session: &Session) -> Result<RecoveryCodes, Error> {
        let _ = session;
        Err(Error::Denied)
    }

    /// Returns how many recovery codes are left; `None` without a second factor.
    pub async fn recovery_codes_left(&self, session: &Session) -> Result<Option<i64>, Error> {
        let _ = session;
        Err(Error::Denied)
    }

    /// Takes away the second factor of a user who lost it, and ends the user's sessions. Admins only.
    pub async fn reset_second_factor(&self, who: &Principal, user: UserId) -> Result<(), Error> {
        let _ = (who, user);
        Err(Error::Denied)
    }
}

impl std::fmt::Debug for TotpOffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpOffer(***)")
    }
}
