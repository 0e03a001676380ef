//! Sessions of the console.

use std::{sync::Arc, time::Duration};

use ::store::Tx;
use domain::{Principal, Timestamp, UserId, principal::Role};
use serde_json::json;
use tokio::time::Instant;
use web::{Fields, Language, Rule, Text};

use super::{
    admin, is_secret,
    login::{Attempt, principal},
    random_secret, user_of,
};
use crate::{
    Accounts, Error, NewSession, Session, SessionId, SessionInfo, SignIn, SignedIn, Stage, User, Visit,
    cookies::{self, Found},
    ops::settings,
    password::rules,
    store::{self, sessions::NewRow},
};

/// Most sessions of a user; sign-in beyond that ends the oldest.
const SESSIONS_PER_USER: i64 = 50;
/// Most characters of a `User-Agent` that are kept.
const USER_AGENT: usize = 200;
/// How long the page of the second factor waits.
const CODE_WAIT: Duration = Duration::from_secs(10 * 60);
/// Sessions that were not seen for so long are removed, whatever the account's settings.
const FORGET_AFTER: Duration = Duration::from_secs(2 * 86_400);
/// Rows removed in one transaction.
const BATCH: i64 = 500;

const SAME: Text =
    Text::new("The new password must differ from the current one.", "Mật khẩu mới phải khác mật khẩu hiện tại.");
const WRONG: Text = Text::new("The current password is wrong.", "Mật khẩu hiện tại không đúng.");

impl Accounts {
    /// Checks a password and begins a session. Limited as `POST /api/auth/login` is, and as slow for unknown users.
    pub async fn sign_in(&self, attempt: SignIn, visit: &Visit) -> Result<SignedIn, Error> {
        self.inner.limits.count_sign_in(visit.address, &attempt.username).map_err(Error::TooMany)?;
        let attempt = Attempt {
            username: &attempt.username,
            password: &attempt.password,
            host: visit.host.as_deref(),
            address: visit.address,
            request_id: &visit.request_id,
        };
        let known = self.check_password(attempt).await?;
        let tenant = known.tenant_id;
        let stage = match (known.has_second_factor, known.must_change_password) {
            (true, _) => Stage::SecondFactor,
            (false, true) => Stage::ChangePassword,
            (false, false) => Stage::Open,
        };
        let cookie = random_secret();
        let mut tx = self.inner.db.begin(tenant).await?;
        let row = NewRow {
            user: known.id,
            hash: &cookies::hash(&cookie),
            stage,
            address: visit.address.to_string(),
            user_agent: &visit.shown_agent(),
        };
        let id = store::sessions::insert(&mut tx, tenant, row).await?;
        let ended = store::sessions::trim(&mut tx, tenant, known.id, SESSIONS_PER_USER).await?;
        let user = store::users::find(&mut tx, tenant, known.id).await?.ok_or(Error::SignIn)?;
        let who = principal(&user, None, visit.address, &visit.request_id);
        if stage == Stage::SecondFactor {
            let detail = json!({"stage": stage.as_str()});
            ::store::audit(&mut tx, &who, "session.password", &format!("session:{}", id.0), detail).await?;
        } else {
            self.note_sign_in(&mut tx, &who, known.id, id, "password").await?;
        }
        tx.commit().await?;
        if ended > 0 {
            self.inner.cookies.forget();
        }
        let new = NewSession { cookie, stage };
        Ok(if stage == Stage::SecondFactor { SignedIn::SecondFactor(new) } else { SignedIn::Complete(new) })
    }

    /// Records that a session is the user's now.
    pub(super) async fn note_sign_in(
        &self,
        tx: &mut Tx,
        who: &Principal,
        user: UserId,
        id: SessionId,
        by: &'static str,
    ) -> Result<(), Error> {
        let now = tx.now();
        store::users::set_last_sign_in(tx, who.tenant, user, now).await?;
        ::store::audit(tx, who, "session.begin", &format!("session:{}", id.0), json!({"by": by})).await?;
        Ok(())
    }

    /// Returns who is signed in; `None` if the cookie opens nothing. Counts as a sign of life.
    pub async fn session(&self, cookie: &str, visit: &Visit) -> Result<Option<Session>, Error> {
        let session = self.peek(cookie, visit).await?;
        if let Some(session) = &session {
            self.inner.cookies.note_seen(session.id, self.inner.db.now());
        }
        Ok(session)
    }

    /// Like [`Self::session`], but no sign of life: for what the page asks by itself, such as live views.
    pub async fn peek(&self, cookie: &str, visit: &Visit) -> Result<Option<Session>, Error> {
        if !is_secret(cookie) {
            return Ok(None);
        }
        let Some(found) = self.found_session(&cookies::hash(cookie)).await? else { return Ok(None) };
        let Found { row, user, account } = found.as_ref();
        let owner = self.directory().await?.owner(visit.host.as_deref());
        let elsewhere = owner.is_some_and(|owner| owner != account.id);
        if elsewhere || user.disabled || !self.is_alive(&found) {
            return Ok(None);
        }
        let mut who = principal(user, None, visit.address, &visit.request_id);
        if row.stage == Stage::Open {
            who.permissions = user.role().permissions();
        } else {
            // Nothing is open yet, whoever forgets to ask for the stage.
            who.actor = User { role: crate::model::StoredRole(Role::ReadOnly), ..user.clone() }.actor();
        }
        let language = user.language().or_else(|| Language::parse(&account.chosen().language?));
        Ok(Some(Session {
            id: row.id,
            principal: who,
            user: user.id,
            username: user.username.clone(),
            role: user.role(),
            extension: user.extension.clone(),
            email: user.email.clone(),
            language,
            csrf: cookies::csrf(cookie),
            stage: row.stage,
            has_second_factor: user.has_second_factor,
            created_at: row.created_at,
            reauthenticated_at: row.confirmed_at,
            tenant_name: account.name.clone(),
            timezone: account.timezone.clone(),
        }))
    }

    /// Returns the session of a cookie's hash, from memory or the database, however old it is.
    pub(super) async fn found_session(&self, hash: &cookies::Hash) -> Result<Option<Arc<Found>>, Error> {
        let epoch = match self.inner.cookies.find(hash) {
            Ok(found) => return Ok(Some(found)),
            Err(epoch) => epoch,
        };
        let read = Instant::now();
        let mut tx = self.inner.db.read_any_tenant().await?;
        let Some(row) = store::sessions::any_tenant_find(&mut tx, hash).await? else { return Ok(None) };
        let user = store::users::find(&mut tx, row.tenant_id, row.user_id).await?;
        let account = store::account(&mut tx, row.tenant_id).await?;
        drop(tx);
        let (Some(user), Some(account)) = (user, account) else { return Ok(None) };
        let found = Arc::new(Found { row, user, account });
        self.inner.cookies.keep(*hash, found.clone(), read, epoch);
        Ok(Some(found))
    }

    /// Tells whether neither the idle nor the absolute time of a session is over.
    pub(super) fn is_alive(&self, found: &Found) -> bool {
        let now = self.inner.db.now();
        let (idle, longest) = settings::session_times(&found.account);
        let seen = self.inner.cookies.seen(found.row.id).max(Some(found.row.seen_at)).unwrap_or(found.row.seen_at);
        let waits = found.row.stage != Stage::SecondFactor || now < found.row.created_at.after(CODE_WAIT);
        waits && now < seen.after(idle) && now < found.row.created_at.after(longest)
    }

    /// Confirms the password once more; [`Session::is_fresh`] for five minutes. [`Error::SignIn`] if it is wrong.
    pub async fn reauthenticate(&self, session: &Session, password: &str) -> Result<(), Error> {
        session.open()?;
        if !self.is_password(session, password).await? {
            return Err(Error::SignIn);
        }
        let who = &session.principal;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        if store::sessions::confirm(&mut tx, who.tenant, session.id).await? == 0 {
            return Err(Error::NotFound("session"));
        }
        ::store::audit(&mut tx, who, "session.confirm", &format!("session:{}", session.id.0), json!({})).await?;
        tx.commit().await?;
        self.inner.cookies.forget();
        Ok(())
    }

    /// Compares the password of the session's user; limited and recorded like a sign-in.
    async fn is_password(&self, session: &Session, password: &str) -> Result<bool, Error> {
        let who = &session.principal;
        let address = who.address.unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        self.inner.limits.count_sign_in(address, &session.username).map_err(Error::TooMany)?;
        let mut tx = self.inner.db.read(who.tenant).await?;
        let hash = store::users::password_hash(&mut tx, who.tenant, session.user).await?;
        drop(tx);
        let matches = self.inner.passwords.verify(password.to_owned(), hash.filter(|hash| !hash.is_empty())).await?;
        if !matches {
            let attempt =
                Attempt { username: &session.username, password: "", host: None, address, request_id: &who.request_id };
            self.audit_refusal(attempt, who.tenant, Some(session.user), "password").await?;
        }
        Ok(matches)
    }

    /// Ends the session.
    pub async fn sign_out(&self, session: &Session) -> Result<(), Error> {
        let who = &session.principal;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        if store::sessions::delete(&mut tx, who.tenant, session.id, Some(session.user)).await?.is_none() {
            return Ok(());
        }
        ::store::audit(&mut tx, who, "session.sign_out", &format!("session:{}", session.id.0), json!({})).await?;
        tx.commit().await?;
        self.inner.cookies.forget();
        Ok(())
    }

    /// Gives the session's user another password: ends all their other sessions and returns this one's new cookie.
    pub async fn change_password(&self, session: &Session, current: &str, new: &str) -> Result<NewSession, Error> {
        if session.stage == Stage::SecondFactor {
            return Err(Error::Denied);
        }
        let mut fields = Fields::new();
        rules::check(&mut fields, "password", new, &session.username);
        fields.check("password", current != new, SAME);
        fields.check("current_password", !current.is_empty(), Rule::Required);
        if !fields.is_empty() {
            return Err(fields.into());
        }
        if !self.is_password(session, current).await? {
            return Err(Error::Invalid([("current_password", WRONG)].into_iter().collect()));
        }
        let hash = self.inner.passwords.hash(new.to_owned()).await?;
        let who = &session.principal;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        store::users::set_password(&mut tx, who.tenant, session.user, &hash, false).await?;
        let ended = store::sessions::delete_of_user(&mut tx, who.tenant, session.user, Some(session.id)).await?;
        store::links::delete_of_user(&mut tx, who.tenant, session.user).await?;
        let new = self.rotate(&mut tx, session, Stage::Open).await?;
        let detail = json!({"ended_sessions": ended});
        ::store::audit(&mut tx, who, "user.change_password", &format!("user:{}", session.user), detail).await?;
        tx.commit().await?;
        self.inner.cookies.forget();
        Ok(new)
    }

    /// Gives the session another cookie; the old one opens nothing once the transaction is committed.
    pub(super) async fn rotate(&self, tx: &mut Tx, session: &Session, stage: Stage) -> Result<NewSession, Error> {
        let cookie = random_secret();
        let tenant = session.principal.tenant;
        if store::sessions::rotate(tx, tenant, session.id, &cookies::hash(&cookie), stage).await? == 0 {
            return Err(Error::NotFound("session"));
        }
        Ok(NewSession { cookie, stage })
    }

    /// Returns the user's own sessions, newest first.
    pub async fn sessions(&self, session: &Session) -> Result<Vec<SessionInfo>, Error> {
        session.open()?;
        self.sessions_in(session.principal.tenant, session.user, Some(session.id)).await
    }

    /// Returns the sessions of a user. Admins only.
    pub async fn sessions_of(&self, who: &Principal, user: UserId) -> Result<Vec<SessionInfo>, Error> {
        admin(who)?;
        self.sessions_in(who.tenant, user, None).await
    }

    async fn sessions_in(
        &self,
        tenant: domain::TenantId,
        user: UserId,
        current: Option<SessionId>,
    ) -> Result<Vec<SessionInfo>, Error> {
        let mut tx = self.inner.db.read(tenant).await?;
        let user = store::users::find(&mut tx, tenant, user).await?.ok_or(Error::NotFound("user"))?;
        let account = store::account(&mut tx, tenant).await?.ok_or(Error::NotFound("account"))?;
        let rows = store::sessions::of_user(&mut tx, tenant, user.id).await?;
        let found = rows.into_iter().map(|row| Found { row, user: user.clone(), account: account.clone() });
        let alive = found.filter(|found| self.is_alive(found)).map(|Found { row, user, .. }| SessionInfo {
            id: row.id,
            user: user.id,
            username: user.username,
            stage: row.stage,
            created_at: row.created_at,
            seen_at: self.inner.cookies.seen(row.id).map_or(row.seen_at, |seen| seen.max(row.seen_at)),
            address: row.address,
            user_agent: row.user_agent,
            is_current: current == Some(row.id),
        });
        Ok(alive.collect())
    }

    /// Ends a session: one's own, or, as an admin, anybody's.
    pub async fn end_session(&self, who: &Principal, id: SessionId) -> Result<(), Error> {
        let owner = match admin(who) {
            Ok(()) => None,
            Err(denied) => Some(user_of(who).ok_or(denied)?),
        };
        let mut tx = self.inner.db.begin(who.tenant).await?;
        let ended = store::sessions::delete(&mut tx, who.tenant, id, owner).await?.ok_or(Error::NotFound("session"))?;
        let detail = json!({"user": ended});
        ::store::audit(&mut tx, who, "session.end", &format!("session:{}", id.0), detail).await?;
        tx.commit().await?;
        self.inner.cookies.forget();
        Ok(())
    }

    /// Ends all sessions of the session's user but this one; returns how many.
    pub async fn end_other_sessions(&self, session: &Session) -> Result<u64, Error> {
        session.open()?;
        let who = &session.principal;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        let ended = store::sessions::delete_of_user(&mut tx, who.tenant, session.user, Some(session.id)).await?;
        let detail = json!({"ended_sessions": ended});
        ::store::audit(&mut tx, who, "session.end_others", &format!("user:{}", session.user), detail).await?;
        tx.commit().await?;
        self.inner.cookies.forget();
        Ok(ended)
    }

    /// Writes when sessions were last seen.
    pub(crate) async fn write_seen(&self) -> Result<(), Error> {
        let seen = self.inner.cookies.take_seen();
        if seen.is_empty() {
            return Ok(());
        }
        let written = async {
            let mut tx = self.inner.db.begin_any_tenant().await?;
            store::sessions::any_tenant_write_seen(&mut tx, seen.clone()).await?;
            tx.commit().await
        };
        written.await.map_err(|error| {
            self.inner.cookies.return_seen(seen.clone());
            error.into()
        })
    }

    /// Removes sessions and access tokens that ended long ago, some at a time.
    pub(crate) async fn purge(&self) -> Result<(), Error> {
        let before = Timestamp(self.inner.db.now().millis() - FORGET_AFTER.as_millis() as i64);
        loop {
            let mut tx = self.inner.db.begin_any_tenant().await?;
            let sessions = store::sessions::any_tenant_purge(&mut tx, before, BATCH).await?;
            let tokens = store::tokens::any_tenant_purge(&mut tx, before, BATCH).await?;
            tx.commit().await?;
            if sessions.max(tokens) < BATCH as u64 {
                return Ok(());
            }
        }
    }
}

impl Session {
    /// Refuses a session that is not open yet.
    pub(super) fn open(&self) -> Result<(), Error> {
        if self.stage == Stage::Open { Ok(()) } else { Err(Error::Denied) }
    }
}

impl Visit {
    fn shown_agent(&self) -> String {
        self.user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT).collect()
    }
}
