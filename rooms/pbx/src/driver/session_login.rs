//! Logins of webphones: for one session, made without keeping anything.
//!
//! The name says whose phone it is, for whom and until when; the password is a keyed code over the name and over the
//! secret of the extension. So it works on every node and after every restart, and ends with its time, with the
//! extension's secret, with the extension and with the user.
//!
//! ```text
//! name      1001-w-<user>-<end>-<nonce>      user, end (seconds since 1970) and nonce in hexadecimal; user 0 is none
//! password  base64url(HMAC-SHA256(key of the account, name | secret))[..32]
//! ```

use std::{
    collections::HashSet,
    fmt,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{TenantId, Timestamp, UserId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use store::Secrets;

use super::directory::Line;
use crate::{Pbx, model::Ha1Pair, store as rows};

/// What tells such a name from an extension's, which has digits only.
const MARK: &str = "w";
/// Characters of a password: 192 bits.
const PASSWORD: usize = 32;

/// A SIP login for one session. `Debug` hides its password.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionLogin {
    pub username: String,
    pub password: String,
    pub realm: String,
    pub expires_at: Timestamp,
}

impl fmt::Debug for SessionLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLogin").field("username", &self.username).finish_non_exhaustive()
    }
}

/// What a name of a session says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session<'a> {
    pub(crate) extension: &'a str,
    pub(crate) user: Option<UserId>,
    pub(crate) ends: Timestamp,
}

impl<'a> Session<'a> {
    /// Reads a name; `None` for every other login's.
    pub(crate) fn parse(name: &'a str) -> Option<Self> {
        let mut parts = name.split('-');
        let (extension, mark, user, ends, nonce) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hexadecimal = |text: &str| text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if mark != MARK || parts.next().is_some() || ![user, ends, nonce].into_iter().all(hexadecimal) {
            return None;
        }
        let user = i64::from_str_radix(user, 16).ok()?;
        let seconds = i64::from_str_radix(ends, 16).ok()?;
        let user = (user > 0).then_some(UserId(user));
        Some(Self { extension, user, ends: Timestamp::from_millis(seconds.checked_mul(1000)?) })
    }
}

/// Users who may not use their phones any more.
#[derive(Debug, Default)]
pub(crate) struct Barred(RwLock<HashSet<(TenantId, UserId)>>);

impl Barred {
    /// Reads anew who is disabled.
    pub(crate) async fn look(&self, pbx: &Pbx) -> Result<(), store::Error> {
        let mut tx = pbx.db.read_any_tenant().await?;
        let users = rows::accounts::any_tenant_disabled_users(&mut tx).await?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = users.into_iter().collect();
        Ok(())
    }

    fn has(&self, tenant: TenantId, user: UserId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&(tenant, user))
    }
}

/// Makes a login that lives for `life`.
pub(crate) fn issue(
    secrets: &Secrets,
    tenant: TenantId,
    line: &Line,
    user: Option<UserId>,
    now: Timestamp,
    life: Duration,
) -> SessionLogin {
    let ends = now.after(life).secs();
    let user = user.map_or(0, |user| user.0);
    let username = format!("{}-{MARK}-{user:x}-{ends:x}-{:016x}", line.extension.number, rand::random::<u64>());
    let password = password(secrets, tenant, &username, &line.secret);
    let expires_at = Timestamp::from_millis(ends.saturating_mul(1000));
    SessionLogin { username, password, realm: line.realm.clone(), expires_at }
}

/// Returns what proves a login of that name, if it is not over and its user may still have it.
pub(crate) fn secret(pbx: &Pbx, tenant: TenantId, line: &Line, name: &str, session: Session<'_>) -> Option<Ha1Pair> {
    let is_over = session.ends <= pbx.db.now();
    let is_barred = session.user.is_some_and(|user| pbx.barred.has(tenant, user));
    if is_over || is_barred {
        return None;
    }
    let password = password(&pbx.secrets, tenant, name, &line.secret);
    Some(Ha1Pair::compute(name, &line.realm, &password))
}

fn password(secrets: &Secrets, tenant: TenantId, name: &str, secret: &Ha1Pair) -> String {
    let key = secrets.derive(&format!("webphone.sip|{tenant}"));
    let mut mac = Hmac::<Sha256>::new_from_slice(&*key).expect("HMAC takes keys of any length");
    mac.update(name.as_bytes());
    mac.update(b"|");
    mac.update(&secret.to_bytes());
    let mut text = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    text.truncate(PASSWORD);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_phone_it_is_and_until_when() {
        let session = Session::parse("1001-w-2a-69211ec0-00ff00ff00ff00ff").unwrap();
        assert_eq!(session.extension, "1001");
        assert_eq!(session.user, Some(UserId(42)));
        assert_eq!(session.ends.secs(), 0x6921_1ec0);
        assert_eq!(Session::parse("1001-w-0-69211ec0-0").unwrap().user, None);
    }

    #[test]
    fn other_names_are_no_sessions() {
        for name in [
            "1001",
            "1001-w-0-69211ec0",
            "1001-x-0-69211ec0-0",
            "1001-w-0-69211ec0-0-0",
            "1001-w--5-69211ec0-0",
            "1001-w-+5-69211ec0-0",
            "1001-w-0-fffffffffffffffff-0",
            "1001-w-0-7fffffffffffffff-0",
            "1001-w-0-zz-0",
            "",
        ] {
            assert_eq!(Session::parse(name), None, "{name}");
        }
    }
}
