//! Making a token.

use accounts::{Accounts, NewToken, Scope, Token, TokenKind, User, UserFilter};
use askama::Template;
use axum::extract::State;
use domain::{Permission, UserId};
use ipnet::IpNet;

use super::{address, kind};
use crate::{
    Answer, Console, Failure,
    asked::Asked,
    form::Form,
    nav::Needs,
    pages::{fresh, moment::end_of_day},
    view::View,
};

#[derive(Template)]
#[template(path = "tokens/form.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    kind: &'static str,
    /// Whose it may be; nobody to choose from for who is no admin.
    users: &'a [User],
    groups: Vec<Group>,
    back: String,
}

/// Scopes that belong together.
struct Group {
    name: &'static str,
    scopes: Vec<Scope>,
}

#[derive(Template)]
#[template(path = "tokens/secret.html")]
struct Shown<'a> {
    v: &'a View,
    token: &'a Token,
    secret: &'a str,
    back: String,
}

fn groups() -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for scope in Accounts::scopes() {
        match groups.iter_mut().find(|group| group.name == scope.group) {
            Some(group) => group.scopes.push(*scope),
            None => groups.push(Group { name: scope.group, scopes: vec![*scope] }),
        }
    }
    groups
}

pub(super) async fn blank(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let own = view.session()?.user;
    let user = asked.number("user").map_or(own, UserId);
    let form =
        Form::default().with("kind", kind(&view, asked.text("kind")).as_str()).with("user", user).with("may", "all");
    draw(&console, &view, &form).await
}

async fn draw(console: &Console, view: &View, form: &Form) -> Answer {
    let who = view.needs(Needs::Nothing)?;
    let kind = kind(view, form.text("kind"));
    let users = match (view.is_admin(), kind) {
        (true, TokenKind::User) => all_users(console, who).await?,
        _ => Vec::new(),
    };
    let page = Page { v: view, form, kind: kind.as_str(), users: &users, groups: groups(), back: address(kind) };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

/// Returns the account's users who are not disabled, by name, 1,000 at most.
pub(crate) async fn all_users(console: &Console, who: &domain::Principal) -> Result<Vec<User>, Failure> {
    let filter = UserFilter { disabled: Some(false), ..UserFilter::default() };
    let mut users = Vec::new();
    for page in 1..=5 {
        let listing = console.accounts.list_users(who, web::Page { page, per_page: 200 }, &filter).await?;
        users.extend(listing.data);
        if page >= listing.last_page {
            break;
        }
    }
    Ok(users)
}

pub(super) async fn create(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let who = view.needs(Needs::Nothing)?;
    let new = read(&view, &mut form)?;
    if form.is_wrong() || !fresh::confirm(&console, &view, &mut form).await? {
        return draw(&console, &view, &form).await;
    }
    let kind = kind(&view, form.text("kind"));
    match console.accounts.create_token(who, new).await {
        Ok((token, secret)) => view.page(&Shown { v: &view, token: &token, secret: &secret, back: address(kind) }),
        Err(error) => draw(&console, &view, &form.refused(&view, error)?).await,
    }
}

fn read(view: &View, form: &mut Form) -> Result<NewToken, Failure> {
    let machine = kind(view, form.text("kind")) == TokenKind::Machine;
    let own = view.session()?.user;
    let user = (!machine).then(|| form.text("user").parse().map_or(own, UserId));
    let scopes: Vec<Permission> = form.list("scopes").filter_map(Permission::parse).collect();
    let limited = machine || form.text("may") == "scopes";
    if limited && scopes.is_empty() {
        form.wrong("scopes", view.t("tokens.no_scope"));
    }
    let mut networks = Vec::new();
    for text in form.value("ip_allow").split(['\n', ',', ' ']).map(str::trim).filter(|text| !text.is_empty()) {
        match network(text) {
            Some(network) => networks.push(network),
            None => {
                form.wrong("ip_allow", view.t1("tokens.no_network", text));
                break;
            }
        }
    }
    let expires = form.text("expires").to_owned();
    let expires_at = end_of_day(view, &expires);
    if !expires.is_empty() && expires_at.is_none() {
        form.wrong("expires_at", view.t("tokens.no_day"));
    }
    Ok(NewToken {
        name: form.text("name").to_owned(),
        user,
        scopes: limited.then_some(scopes),
        ip_allow: (!networks.is_empty()).then_some(networks),
        expires_at,
    })
}

/// Reads an address or a network.
fn network(text: &str) -> Option<IpNet> {
    let network = text.parse::<IpNet>().ok();
    network.or_else(|| text.parse().ok().map(|address: std::net::IpAddr| IpNet::from(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_network_of_one() {
        for (text, read) in [
            ("203.0.113.7", Some("203.0.113.7/32")),
            ("203.0.113.0/24", Some("203.0.113.0/24")),
            ("2001:db8::1", Some("2001:db8::1/128")),
            ("203.0.113.0/33", None),
            ("crm.example", None),
        ] {
            assert_eq!(network(text).map(|network| network.to_string()).as_deref(), read, "{text}");
        }
    }

    #[test]
    fn every_scope_and_group_is_described() {
        for group in groups() {
            assert!(crate::words::known(&format!("tokens.group.{}", group.name)).is_some(), "{}", group.name);
            for scope in group.scopes {
                let key = format!("tokens.scope.{}", scope.permission.as_str());
                assert!(crate::words::known(&key).is_some(), "{key}");
            }
        }
    }
}
