//! The second factor: codes of an authenticator app (TOTP, RFC 6238) and recovery codes.

use std::time::Duration;

use ::store::Tx;
use domain::{Principal, TenantId, UserId};
use rand::seq::IndexedRandom;
use serde_json::json;

use super::{
    admin,
    login::{Attempt, principal},
};
use crate::{
    Accounts, Error, NewSession, Session, Stage, Visit, cookies,
    store::{self, second_factor::Factor},
    totp,
};

/// Recovery codes that are made at a time.
const CODES: usize = 10;
/// Characters of a recovery code; 32 kinds each make 80 bits.
const CODE_LENGTH: usize = 16;
/// Crockford's base32: nothing that is mistaken for another.
const CODE_LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Wrong codes in a row after which a session that waits for one ends: the password is asked for again.
const TRIES: i64 = 5;
/// Wrong codes in a row after which no code is looked at for [`CLOSED`]; recovery codes still are.
const MOST_TRIES: i64 = 10;
const CLOSED: Duration = Duration::from_secs(30 * 60);
/// Under what name an app shows the code.
const ISSUER: &str = "Zorio";

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

/// What became of a code.
pub(crate) enum Taken {
    App,
    Recovery,
    /// Wrong, used before, or not looked at; with the wrong codes in a row so far.
    No {
        failures: i64,
    },
}

impl Accounts {
    /// Takes a code of the app or a recovery code and opens the session under a new cookie.
    pub async fn second_factor(&self, cookie: &str, code: &str, visit: &Visit) -> Result<NewSession, Error> {
        let session = self.session(cookie, visit).await?.filter(|session| session.stage == Stage::SecondFactor);
        let session = session.ok_or(Error::NotFound("session"))?;
        let tenant = session.principal.tenant;
        let mut tx = self.inner.db.begin(tenant).await?;
        let taken = self.take_code(&mut tx, tenant, session.user, code).await?;
        let user = store::users::find(&mut tx, tenant, session.user).await?.ok_or(Error::NotFound("user"))?;
        let by = match taken {
            Taken::App => "app",
            Taken::Recovery => "recovery code",
            Taken::No { failures } => {
                if failures >= TRIES {
                    store::sessions::delete(&mut tx, tenant, session.id, Some(session.user)).await?;
                }
                tx.commit().await?;
                self.inner.cookies.forget();
                let attempt = Attempt {
                    username: &session.username,
                    password: "",
                    host: None,
                    address: visit.address,
                    request_id: &visit.request_id,
                };
                self.audit_refusal(attempt, tenant, Some(session.user), "code").await?;
                return Err(Error::Code);
            }
        };
        let stage = if user.must_change_password { Stage::ChangePassword } else { Stage::Open };
        let new = self.rotate(&mut tx, &session, stage).await?;
        let who = principal(&user, None, visit.address, &visit.request_id);
        self.note_sign_in(&mut tx, &who, user.id, session.id, by).await?;
        tx.commit().await?;
        self.inner.cookies.forget();
        Ok(new)
    }

    /// Uses a code up. The transaction has to be committed whatever comes out, or a wrong code is not counted.
    pub(crate) async fn take_code(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        user: UserId,
        code: &str,
    ) -> Result<Taken, Error> {
        let code: String = code.chars().filter(|c| c.is_ascii_alphanumeric()).take(64).collect();
        if !totp::is_code(&code) {
            let hash = cookies::hash(&canonical(&code));
            let taken = store::second_factor::take_code(tx, tenant, user, &hash).await?;
            if taken == 1 {
                store::second_factor::forget_failures(tx, tenant, user).await?;
                return Ok(Taken::Recovery);
            }
            return Ok(Taken::No { failures: 0 });
        }
        let Some(factor) = store::second_factor::try_code(tx, tenant, user).await? else {
            return Ok(Taken::No { failures: TRIES });
        };
        let Factor { totp_secret: Some(sealed), totp_step, code_failures } = factor else {
            return Ok(Taken::No { failures: 0 });
        };
        let secret = self.inner.secrets.unseal(tenant, &sealed_as(user), &sealed)?;
        if let Some(step) = totp::step_of(&secret, &code, tx.now().secs(), totp_step)
            && store::second_factor::take_step(tx, tenant, user, step).await? == 1
        {
            return Ok(Taken::App);
        }
        if code_failures >= MOST_TRIES {
            let until = tx.now().after(CLOSED);
            store::second_factor::close_codes(tx, tenant, user, until).await?;
            tracing::warn!(user.id = %user, "too many wrong codes; none is looked at for a while");
        }
        Ok(Taken::No { failures: code_failures })
    }

    /// Offers a secret; a second offer replaces the first. The session must be fresh: [`Error::Stale`].
    pub async fn totp_begin(&self, session: &Session) -> Result<TotpOffer, Error> {
        self.fresh(session)?;
        let tenant = session.principal.tenant;
        let mut secret = zeroize::Zeroizing::new([0; totp::SECRET_LENGTH]);
        rand::fill(&mut *secret);
        let sealed = self.inner.secrets.seal(tenant, &sealed_as(session.user), &*secret);
        let mut tx = self.inner.db.begin(tenant).await?;
        store::second_factor::offer(&mut tx, tenant, session.user, sealed).await?;
        tx.commit().await?;
        let account = format!("{}@{}", session.username, session.tenant_name);
        let text = totp::base32(&*secret);
        let groups: Vec<&str> = (0..text.len()).step_by(4).map(|at| &text[at..text.len().min(at + 4)]).collect();
        Ok(TotpOffer { secret: groups.join(" "), url: totp::url(ISSUER, &account, &*secret) })
    }

    /// Puts the offered secret in force with a code made of it; returns the session's new cookie and recovery codes.
    /// The user's other sessions end.
    pub async fn totp_confirm(&self, session: &Session, code: &str) -> Result<(NewSession, RecoveryCodes), Error> {
        self.fresh(session)?;
        let who = &session.principal;
        let code: String = code.chars().filter(|c| !c.is_whitespace()).take(64).collect();
        let mut tx = self.inner.db.begin(who.tenant).await?;
        let offered = store::second_factor::offered(&mut tx, who.tenant, session.user).await?.ok_or(Error::Code)?;
        let secret = self.inner.secrets.unseal(who.tenant, &sealed_as(session.user), &offered)?;
        let step = totp::step_of(&secret, &code, tx.now().secs(), 0).ok_or(Error::Code)?;
        store::second_factor::set_secret(&mut tx, who.tenant, session.user, Some(offered), step).await?;
        let codes = self.replace_codes(&mut tx, who.tenant, session.user).await?;
        store::sessions::delete_of_user(&mut tx, who.tenant, session.user, Some(session.id)).await?;
        let new = self.rotate(&mut tx, session, Stage::Open).await?;
        ::store::audit(&mut tx, who, "user.second_factor_on", &format!("user:{}", session.user), json!({})).await?;
        tx.commit().await?;
        self.forget();
        Ok((new, codes))
    }

    /// Takes the second factor away. The session must be fresh.
    pub async fn totp_disable(&self, session: &Session) -> Result<(), Error> {
        self.fresh(session)?;
        self.take_away(&session.principal, session.user, "user.second_factor_off", false).await
    }

    /// Takes away the second factor of a user who lost it, and ends the user's sessions. Admins only.
    pub async fn reset_second_factor(&self, who: &Principal, user: UserId) -> Result<(), Error> {
        admin(who)?;
        self.take_away(who, user, "user.second_factor_reset", true).await
    }

    async fn take_away(
        &self,
        who: &Principal,
        user: UserId,
        action: &'static str,
        ends_sessions: bool,
    ) -> Result<(), Error> {
        let mut tx = self.inner.db.begin(who.tenant).await?;
        if store::second_factor::set_secret(&mut tx, who.tenant, user, None, 0).await? == 0 {
            return Err(Error::NotFound("user"));
        }
        store::second_factor::delete_codes(&mut tx, who.tenant, user).await?;
        if ends_sessions {
            store::sessions::delete_of_user(&mut tx, who.tenant, user, None).await?;
        }
        ::store::audit(&mut tx, who, action, &format!("user:{user}"), json!({})).await?;
        tx.commit().await?;
        self.forget();
        Ok(())
    }

    /// Replaces the recovery codes. The session must be fresh.
    pub async fn renew_recovery_codes(&self, session: &Session) -> Result<RecoveryCodes, Error> {
        self.fresh(session)?;
        if !session.has_second_factor {
            return Err(Error::NotFound("second factor"));
        }
        let who = &session.principal;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        let codes = self.replace_codes(&mut tx, who.tenant, session.user).await?;
        ::store::audit(&mut tx, who, "user.recovery_codes", &format!("user:{}", session.user), json!({})).await?;
        tx.commit().await?;
        Ok(codes)
    }

    /// Returns how many recovery codes are left; `None` without a second factor.
    pub async fn recovery_codes_left(&self, session: &Session) -> Result<Option<i64>, Error> {
        session.open()?;
        if !session.has_second_factor {
            return Ok(None);
        }
        let tenant = session.principal.tenant;
        let mut tx = self.inner.db.read(tenant).await?;
        Ok(Some(store::second_factor::count_codes(&mut tx, tenant, session.user).await?))
    }

    async fn replace_codes(&self, tx: &mut Tx, tenant: TenantId, user: UserId) -> Result<RecoveryCodes, Error> {
        let codes: Vec<String> = (0..CODES).map(|_| random_code()).collect();
        let hashes = codes.iter().map(|code| cookies::hash(&canonical(code)).to_vec()).collect();
        store::second_factor::delete_codes(tx, tenant, user).await?;
        store::second_factor::insert_codes(tx, tenant, user, hashes).await?;
        Ok(codes)
    }

    fn fresh(&self, session: &Session) -> Result<(), Error> {
        session.open()?;
        if session.is_fresh(self.inner.db.now()) { Ok(()) } else { Err(Error::Stale) }
    }
}

/// Returns what a sealed secret is bound to.
fn sealed_as(user: UserId) -> String {
    format!("users.totp_secret:{user}")
}

/// Returns a code as `XXXX-XXXX-XXXX-XXXX`.
fn random_code() -> String {
    let mut random = rand::rng();
    let mut code = String::with_capacity(CODE_LENGTH + 3);
    for at in 0..CODE_LENGTH {
        if at > 0 && at % 4 == 0 {
            code.push('-');
        }
        code.push(char::from(*CODE_LETTERS.choose(&mut random).expect("there are letters")));
    }
    code
}

/// Returns a code as it is hashed, however it was typed: `O` is 0, `I` and `L` are 1.
fn canonical(code: &str) -> String {
    let letters = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase());
    letters
        .map(|c| match c {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect()
}

impl std::fmt::Debug for TotpOffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpOffer(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_code_may_be_typed_in_any_way() {
        let code = random_code();
        assert_eq!(code.len(), 19);
        assert_ne!(code, random_code());
        assert_eq!(canonical(&code), canonical(&code.replace('-', " ").to_lowercase()));
        assert_eq!(canonical("o0il-1abc"), "00111ABC");
    }
}
