//! Web sites that may show the webphone in a frame.

use ::store::FromRow;
use domain::{Principal, TenantId, Timestamp};
use serde_json::json;
use url::{Host, Url};
use web::{Rule, Text};

use super::{admin, taken};
use crate::{Accounts, Error, store};

/// Most origins of an account; all of them stand in one header.
const MOST_ORIGINS: usize = 100;

const TOO_MANY: Text = Text::new("There are too many origins.", "Có quá nhiều origin.");
const NO_ORIGIN: Text = Text::new(
    "The origin must look like https://crm.example, without a path. http:// is for localhost only.",
    "Origin phải có dạng https://crm.example, không kèm đường dẫn. http:// chỉ dùng cho localhost.",
);

#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Origin {
    pub id: i64,
    /// `https://crm.example`, or `http://localhost:3000` for developers.
    pub origin: String,
    pub created_at: Timestamp,
}

impl Accounts {
    /// Returns the account's allowed origins in alphabetical order. Admins only.
    pub async fn origins(&self, who: &Principal) -> Result<Vec<Origin>, Error> {
        admin(who)?;
        let mut tx = self.inner.db.read(who.tenant).await?;
        Ok(store::origins::all(&mut tx, who.tenant).await?)
    }

    /// Allows an origin: scheme, host and port, without a path.
    pub async fn add_origin(&self, who: &Principal, origin: &str) -> Result<Origin, Error> {
        admin(who)?;
        let Some(origin) = checked(origin) else {
            let rule = if origin.trim().is_empty() { Rule::Required } else { NO_ORIGIN.into() };
            return Err(Error::Invalid([("origin", rule)].into_iter().collect()));
        };
        let mut tx = self.inner.db.begin(who.tenant).await?;
        let known = store::origins::all(&mut tx, who.tenant).await?;
        if known.len() >= MOST_ORIGINS {
            return Err(Error::Invalid([("origin", TOO_MANY)].into_iter().collect()));
        }
        let id = match store::origins::insert(&mut tx, who.tenant, &origin).await {
            Err(error) if error.is_unique() => return Err(taken("origin")),
            result => result?,
        };
        let created_at = tx.now();
        ::store::audit(&mut tx, who, "origin.add", &format!("origin:{id}"), json!({"after": {"origin": origin}}))
            .await?;
        tx.commit().await?;
        Ok(Origin { id, origin, created_at })
    }

    pub async fn remove_origin(&self, who: &Principal, id: i64) -> Result<(), Error> {
        admin(who)?;
        let mut tx = self.inner.db.begin(who.tenant).await?;
        let origin = store::origins::delete(&mut tx, who.tenant, id).await?.ok_or(Error::NotFound("origin"))?;
        let detail = json!({"before": {"origin": origin}});
        ::store::audit(&mut tx, who, "origin.remove", &format!("origin:{id}"), detail).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Returns the origins of all accounts: pages from there may connect to SIP over WebSocket, where a login says whose
    /// they are.
    pub async fn every_origin(&self) -> Result<Vec<String>, Error> {
        let mut tx = self.inner.db.read_any_tenant().await?;
        Ok(store::origins::any_tenant_all(&mut tx).await?)
    }

    /// Returns the origins that may frame the webphone of an account.
    pub async fn allowed_origins(&self, tenant: TenantId) -> Result<Vec<String>, Error> {
        let mut tx = self.inner.db.read(tenant).await?;
        let origins = store::origins::all(&mut tx, tenant).await?;
        Ok(origins.into_iter().map(|origin| origin.origin).collect())
    }
}

/// Returns the origin as browsers write it; `None` for what is none.
fn checked(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > 300 {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let host = url.host()?;
    // `*` would be a pattern in a policy, and no host has one.
    let plain = !url.host_str()?.contains('*');
    let local = match &host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let safe = url.scheme() == "https" || (url.scheme() == "http" && local);
    (bare && plain && safe).then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_do() {
        for (text, origin) in [
            ("https://crm.example", Some("https://crm.example")),
            (" https://CRM.Example:443/ ", Some("https://crm.example")),
            ("https://crm.example:8443", Some("https://crm.example:8443")),
            ("https://tổngđài.example", Some("https://xn--tngi-2na70a925p.example")),
            ("http://localhost:3000", Some("http://localhost:3000")),
            ("http://127.0.0.1:3000", Some("http://127.0.0.1:3000")),
            ("http://[::1]:3000", Some("http://[::1]:3000")),
            ("http://crm.example", None),
            ("http://localhost.example", None),
            ("https://crm.example/path", None),
            ("https://crm.example?x", None),
            ("https://crm.example#x", None),
            ("https://an@crm.example", None),
            ("https://*.crm.example", None),
            ("https://crm.example; script-src *", None),
            ("ftp://crm.example", None),
            ("javascript:alert(1)", None),
            ("null", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(checked(text).as_deref(), origin, "{text}");
        }
    }
}
