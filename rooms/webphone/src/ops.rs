//! What the room can do. Permission, decision, audit, commit.

use std::sync::PoisonError;

use domain::{
    Permission, Principal, TenantId, Timestamp, UserId,
    principal::{Access, Actor, Role},
};
use serde_json::json;
use uuid::Uuid;
use web::{Fields, Rule};

use crate::{
    Error, Inner, Webphone, ice,
    token::{self, Claims},
};

/// Seconds that an embed token may live, and does unless something else is asked for.
const SHORTEST: i64 = 60;
const LONGEST: i64 = 3_600;
const USUAL: i64 = 300;
/// Tokens whose use is remembered.
const MOST_USED: usize = 50_000;
/// Longest origin that is looked at.
const ORIGIN: usize = 300;

/// What phones may speak, the best first. The server converts between all of them.
const CODECS: [&str; 3] = ["opus", "PCMA", "PCMU"];
/// What every phone may do that may register at all.
const PERMISSIONS: [&str; 6] = ["call", "answer", "hold", "transfer", "dtmf", "contact_lookup"];

/// A wish for an embed token; what is `None` is chosen here.
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    /// 60-3600; 300 if none.
    pub ttl_seconds: Option<i64>,
    /// The user's own if none.
    pub extension: Option<String>,
    /// One of the account's allowed origins.
    pub origin: Option<String>,
}

/// A token for a page.
#[derive(Clone)]
pub struct EmbedToken {
    pub token: String,
    pub expires_at: Timestamp,
}

/// What a phone needs to register.
pub(crate) struct Configuration {
    pub(crate) extension: String,
    pub(crate) display_name: Option<String>,
    pub(crate) login: pbx::SessionLogin,
    pub(crate) ice_servers: Vec<ice::IceServer>,
    pub(crate) codecs: &'static [&'static str],
    pub(crate) permissions: &'static [&'static str],
}

impl Webphone {
    /// Makes a token for the pages of an extension's phone. `fields` is what was found wrong before.
    pub async fn embed_token(&self, who: &Principal, new: NewToken, mut fields: Fields) -> Result<EmbedToken, Error> {
        let (extension, user) = self.choose(who, new.extension.as_deref(), &mut fields)?;
        let life = fields.number("ttl_seconds", new.ttl_seconds, SHORTEST, LONGEST).unwrap_or(USUAL);
        let origin = match new.origin.as_deref().map(str::trim).filter(|origin| !origin.is_empty()) {
            None => None,
            Some(origin) => self.known_origin(who.tenant, origin, &mut fields).await?,
        };
        let Some(extension) = extension.filter(|_| fields.is_empty()) else { return Err(Error::Invalid(fields)) };
        let iat = self.inner.db.now().secs();
        let claims = Claims {
            account: who.tenant.0,
            extension,
            user: user.map(|user| user.0),
            origin,
            iat,
            exp: iat + life,
            jti: Uuid::new_v4().to_string(),
        };
        let detail = json!({"jti": claims.jti, "seconds": life, "origin": claims.origin});
        let mut tx = self.inner.db.begin(who.tenant).await?;
        store::audit(&mut tx, who, "webphone.token", &format!("extension:{}", claims.extension), detail).await?;
        tx.commit().await?;
        let token = token::sign(&claims, &self.key(who.tenant));
        Ok(EmbedToken { token, expires_at: Timestamp::from_millis(claims.exp * 1000) })
    }

    /// Returns the configuration of the phone that the token is for, or of the caller's own or the named one, with a login
    /// for one session.
    pub(crate) async fn configuration(
        &self,
        who: &Principal,
        token: Option<&Claims>,
        wish: Option<&str>,
    ) -> Result<Configuration, Error> {
        let (extension, user) = match token {
            Some(claims) => (claims.extension.clone(), claims.user()),
            None => {
                let mut fields = Fields::new();
                let (extension, user) = self.choose(who, wish, &mut fields)?;
                let Some(extension) = extension else { return Err(Error::Invalid(fields)) };
                (extension, user)
            }
        };
        let Inner { pbx, config, db, .. } = &*self.inner;
        let phone = pbx.active_extension(who.tenant, &extension).ok_or(Error::NoPhone)?;
        let login = pbx.session_login(who.tenant, &extension, user, config.session).ok_or(Error::NoPhone)?;
        let name = format!("{}-{extension}", who.tenant);
        if token.is_none_or(|claims| self.is_first(claims)) {
            let detail = json!({"until": login.expires_at.rfc3339(), "token": token.map(|claims| claims.jti.as_str())});
            let mut tx = db.begin(who.tenant).await?;
            store::audit(&mut tx, who, "webphone.session", &format!("extension:{extension}"), detail).await?;
            tx.commit().await?;
        }
        Ok(Configuration {
            extension,
            display_name: phone.display_name,
            login,
            ice_servers: ice::servers(&config.stun, config.turn.as_ref(), &name, db.now()),
            codecs: &CODECS,
            permissions: &PERMISSIONS,
        })
    }

    /// Tells whether a token is used for the first time: pages come and go, and each asks. That it is the same one again
    /// is no news for the audit log.
    fn is_first(&self, claims: &Claims) -> bool {
        let mut used = self.inner.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MOST_USED {
            let now = self.inner.db.now().secs();
            used.retain(|_, end| *end > now);
        }
        if used.len() >= MOST_USED {
            used.clear();
        }
        used.insert(claims.jti.clone(), claims.exp).is_none()
    }

    /// Returns what an embed token says if it is one of ours and neither it nor its user is over.
    pub(crate) async fn open_token(&self, token: &str) -> Result<Option<Claims>, Error> {
        let now = self.inner.db.now();
        let Some(claims) = token::verify(token, |tenant| self.key(tenant), now) else { return Ok(None) };
        if let Some(user) = claims.user()
            && !self.inner.accounts.is_enabled(claims.tenant(), user).await?
        {
            return Ok(None);
        }
        Ok(Some(claims))
    }

    /// Returns the extension that the caller may have a phone of, and for whom. What is wrong with the wish is recorded.
    fn choose(
        &self,
        who: &Principal,
        wish: Option<&str>,
        fields: &mut Fields,
    ) -> Result<(Option<String>, Option<UserId>), Error> {
        // A phone calls: whoever may only look has none.
        who.may(Permission::PbxApiAccess, Access::Write).map_err(|_| Error::Denied)?;
        let (user, own, chooses) = match &who.actor {
            Actor::User { id, role, extension, .. } => {
                (Some(*id), extension.as_deref(), matches!(role, Role::Admin | Role::Supervisor))
            }
            Actor::Machine { .. } | Actor::System => (None, None, true),
        };
        let wish = wish.map(str::trim).filter(|wish| !wish.is_empty());
        if wish.is_some_and(|wish| !chooses && Some(wish) != own) {
            return Err(Error::Denied);
        }
        let Some(number) = fields.require("extension", wish.or(own)) else { return Ok((None, user)) };
        let is_active = self.inner.pbx.active_extension(who.tenant, number).is_some();
        fields.check("extension", is_active, Rule::Selected);
        Ok((is_active.then(|| number.to_owned()), user))
    }

    /// Returns an origin as the account has it; one that it does not have is recorded.
    async fn known_origin(&self, tenant: TenantId, origin: &str, fields: &mut Fields) -> Result<Option<String>, Error> {
        let wanted = origin.trim_end_matches('/').to_ascii_lowercase();
        if wanted.len() > ORIGIN {
            fields.add("origin", Rule::Length(1, ORIGIN));
            return Ok(None);
        }
        let own = self.inner.config.public_url.to_ascii_lowercase();
        let known = wanted == own || self.origins(Some(tenant)).await?.contains(&wanted);
        fields.check("origin", known, Rule::Selected);
        Ok(known.then_some(wanted))
    }

    fn key(&self, tenant: TenantId) -> Vec<u8> {
        self.inner.secrets.derive(&format!("webphone.embed|{tenant}")).to_vec()
    }
}
