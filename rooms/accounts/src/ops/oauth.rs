//! Access tokens of machine tokens.

use std::{net::IpAddr, time::Duration};

use domain::{Permission, Principal, ids::TokenId, principal::Actor};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::random_secret;
use crate::{Accounts, Error, Scopes, TokenKind, store};

/// How long an access token is good.
const LIFETIME: Duration = Duration::from_secs(3_600);
/// Most access tokens of a machine token; more end the oldest.
const MOST: i64 = 100;

/// A program that asks for an access token.
pub(crate) struct Client<'a> {
    /// The machine token's number.
    pub(crate) id: TokenId,
    /// The machine token's random part.
    pub(crate) secret: &'a str,
    pub(crate) host: Option<&'a str>,
    pub(crate) address: IpAddr,
    pub(crate) request_id: &'a str,
}

/// An access token.
pub(crate) struct Access {
    pub(crate) token: String,
    /// Seconds.
    pub(crate) expires_in: i64,
    pub(crate) scopes: Vec<Permission>,
}

impl Accounts {
    /// Makes an access token. [`Error::SignIn`] for a client that may not, [`Error::Denied`] for scopes that are not its
    /// own. It ends with its machine token, and is good from the same networks.
    pub(crate) async fn access_token(
        &self,
        client: Client<'_>,
        scopes: Option<&[Permission]>,
    ) -> Result<Access, Error> {
        let bearer = self.bearer(client.id, client.secret, client.host, Some(client.address)).await?;
        let bearer =
            bearer.filter(|bearer| bearer.token.kind == TokenKind::Machine && bearer.token.parent_id.is_none());
        let Some(bearer) = bearer else {
            metrics::counter!("auth_logins_total", "result" => "refused").increment(1);
            return Err(Error::SignIn);
        };
        let own = &bearer.permissions;
        let scopes = scopes.map_or_else(|| own.clone(), <[Permission]>::to_vec);
        if scopes.iter().any(|scope| !own.contains(scope)) {
            return Err(Error::Denied);
        }
        let tenant = bearer.account.id;
        let secret = random_secret();
        let mut tx = self.inner.db.begin(tenant).await?;
        // Read again: it may have been revoked since it was read.
        let parent = store::tokens::find(&mut tx, tenant, client.id).await?.filter(|token| token.is_valid(tx.now()));
        let parent = parent.filter(|token| bool::from(token.hash.ct_eq(&bearer.token.hash))).ok_or(Error::SignIn)?;
        let end = tx.now().after(LIFETIME);
        let end = parent.expires_at.map_or(end, |parent| parent.min(end));
        let row = store::tokens::TokenRow {
            user_id: None,
            kind: TokenKind::Machine,
            name: &parent.name,
            hash: &Sha256::digest(secret.as_bytes()),
            scopes: Some(Scopes(scopes.clone())),
            ip_allow: parent.ip_allow,
            expires_at: Some(end),
            parent_id: Some(parent.id),
        };
        let id = store::tokens::insert(&mut tx, tenant, row).await?;
        let ended = store::tokens::trim_of_parent(&mut tx, tenant, parent.id, MOST).await?;
        let who = Principal {
            actor: Actor::Machine { name: parent.name.clone() },
            token: Some(parent.id),
            permissions: Vec::new(),
            address: Some(client.address),
            request_id: client.request_id.to_owned(),
            ..Principal::system(tenant)
        };
        let detail = json!({"scopes": Scopes(scopes.clone()).names()});
        ::store::audit(&mut tx, &who, "token.exchange", &format!("token:{id}"), detail).await?;
        let expires_in = end.since(tx.now()).as_secs();
        tx.commit().await?;
        if ended > 0 {
            self.inner.bearers.forget();
        }
        metrics::counter!("auth_logins_total", "result" => "ok").increment(1);
        let expires_in = i64::try_from(expires_in).unwrap_or(0);
        Ok(Access { token: format!("{id}|{secret}"), expires_in, scopes })
    }
}
