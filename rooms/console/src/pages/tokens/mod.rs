//! `/settings/tokens`: what opens the API, for people and for applications.

mod form;

use accounts::{TokenFilter, TokenKind, TokenLine};
use askama::Template;
use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use domain::ids::TokenId;

pub(crate) use self::form::all_users;
use crate::{Answer, Console, Failure, asked::Asked, form::Form, key::Key, nav::Needs, pager::Pager, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/settings/tokens", get(list))
        .route("/settings/tokens/new", get(form::blank).post(form::create))
        .route("/settings/tokens/{id}/revoke", post(revoke))
}

#[derive(Template)]
#[template(path = "tokens/list.html")]
struct List<'a> {
    v: &'a View,
    asked: &'a Asked,
    lines: &'a [TokenLine],
    kind: &'static str,
    narrows: bool,
    pager: Pager,
}

async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.needs(Needs::Nothing)?;
    let kind = kind(&view, asked.text("kind"));
    let valid = match asked.text("state") {
        "valid" => Some(true),
        "over" => Some(false),
        _ => None,
    };
    let filter = TokenFilter { kind: Some(kind), search: asked.optional("search"), user: None, valid };
    let listing = console.accounts.list_tokens(who, asked.page(), &filter).await?;
    let narrows = filter.search.is_some() || valid.is_some();
    let pager = Pager::of(&listing, &asked);
    view.page(&List { v: &view, asked: &asked, lines: &listing.data, kind: kind.as_str(), narrows, pager })
}

/// Returns the kind that is asked for. Only admins have to do with tokens of applications.
fn kind(view: &View, name: &str) -> TokenKind {
    if name == "machine" && view.is_admin() { TokenKind::Machine } else { TokenKind::User }
}

impl List<'_> {
    /// Returns the class and the key of a token's state.
    fn state(&self, line: &TokenLine) -> (&'static str, &'static str) {
        let token = &line.token;
        match (token.revoked_at.is_some(), token.is_valid(self.v.now())) {
            (true, _) => ("idle", "revoked"),
            (false, true) => ("good", "valid"),
            (false, false) => ("warn", "expired"),
        }
    }

    fn tone(&self, line: &TokenLine) -> &'static str {
        self.state(line).0
    }

    fn said(&self, line: &TokenLine) -> String {
        self.v.word("tokens.state", self.state(line).1)
    }

    fn may_end(&self, line: &TokenLine) -> bool {
        line.token.revoked_at.is_none() && line.token.is_valid(self.v.now())
    }

    fn scopes(&self, line: &TokenLine) -> Vec<&'static str> {
        line.token.scopes.as_ref().map(accounts::Scopes::names).unwrap_or_default()
    }

    fn networks(&self, line: &TokenLine) -> Vec<String> {
        let networks =
            line.token.ip_allow.as_ref().map(|networks| networks.0.iter().map(ToString::to_string).collect());
        networks.unwrap_or_default()
    }
}

async fn revoke(State(console): State<Console>, view: View, Key(id): Key<i64>, form: Form) -> Answer {
    let who = view.needs(Needs::Nothing)?;
    console.accounts.revoke_token(who, TokenId(id)).await.map_err(Failure::from)?;
    view.go_with(&address(kind(&view, form.text("kind"))), "tokens.revoked")
}

/// Returns the tab of a kind.
fn address(kind: TokenKind) -> String {
    format!("/settings/tokens?kind={}", kind.as_str())
}
