//! Tokens, to be listed; and what a token can be limited to.

use domain::{Permission, Principal, UserId};
use web::{Listing, Page};

use crate::{Accounts, Error, Token, TokenKind};

/// Which tokens are asked for; what is `None` does not narrow.
#[derive(Clone, Debug, Default)]
pub struct TokenFilter {
    pub kind: Option<TokenKind>,
    /// Part of the token's or the user's name.
    pub search: Option<String>,
    pub user: Option<UserId>,
    /// Those that open something at this moment, or only those that do not.
    pub valid: Option<bool>,
}

/// A token with the name of its user.
#[derive(Clone, Debug)]
pub struct TokenLine {
    pub token: Token,
    pub username: Option<String>,
}

/// One of the scopes that a token can be limited to.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    pub permission: Permission,
    /// `pbx`, `telesales`, `autocall` or `recordings`.
    pub group: &'static str,
}

impl Accounts {
    /// Returns a page of tokens, newest first: all for admins, one's own for others.
    pub async fn list_tokens(
        &self,
        who: &Principal,
        page: Page,
        filter: &TokenFilter,
    ) -> Result<Listing<TokenLine>, Error> {
        let _ = (who, page, filter);
        Err(Error::Denied)
    }

    /// Returns every scope, grouped in this order.
    pub fn scopes() -> &'static [Scope] {
        &[]
    }
}
