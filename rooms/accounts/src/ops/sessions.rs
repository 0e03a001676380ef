//! Sessions of the console.

use domain::{Principal, UserId};

use crate::{Accounts, Error, NewSession, Session, SessionId, SessionInfo, SignIn, SignedIn, Visit};

impl Accounts {
    /// Checks a password and begins a session. Limited as `POST /api/auth/login` is, and as slow for unknown users.
    pub async fn sign_in(&self, attempt: SignIn, visit: &Visit) -> Result<SignedIn, Error> {
        let _ = (attempt, visit);
        Err(Error::Denied)
    }

    /// Returns who is signed in; `None` if the cookie opens nothing.
    pub async fn session(&self, cookie: &str, visit: &Visit) -> Result<Option<Session>, Error> {
        let _ = (cookie, visit);
        Err(Error::Denied)
    }

    /// Confirms the password once more; [`Session::is_fresh`] for five minutes. [`Error::SignIn`] if it is wrong.
    pub async fn reauthenticate(&self, session: &Session, password: &str) -> Result<(), Error> {
        let _ = (session, password);
        Err(Error::Denied)
    }

    /// Ends the session.
    pub async fn sign_out(&self, session: &Session) -> Result<(), Error> {
        let _ = session;
        Err(Error::Denied)
    }

    /// Gives the session's user another password: ends all their other sessions and returns this one's new cookie.
    pub async fn change_password(&self, session: &Session, current: &str, new: &str) -> Result<NewSession, Error> {
        let _ = (session, current, new);
        Err(Error::Denied)
    }

    /// Returns the user's own sessions, newest first.
    pub async fn sessions(&self, session: &Session) -> Result<Vec<SessionInfo>, Error> {
        let _ = session;
        Err(Error::Denied)
    }

    /// Returns the sessions of a user. Admins only.
    pub async fn sessions_of(&self, who: &Principal, user: UserId) -> Result<Vec<SessionInfo>, Error> {
        let _ = (who, user);
        Err(Error::Denied)
    }

    /// Ends a session: one's own, or, as an admin, anybody's.
    pub async fn end_session(&self, who: &Principal, id: SessionId) -> Result<(), Error> {
        let _ = (who, id);
        Err(Error::Denied)
    }

    /// Ends all sessions of the session's user but this one; returns how many.
    pub async fn end_other_sessions(&self, session: &Session) -> Result<u64, Error> {
        let _ = session;
        Err(Error::Denied)
    }
}
