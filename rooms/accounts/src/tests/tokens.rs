//! Tokens and access tokens.

use std::{net::IpAddr, time::Duration};

use domain::{Permission, Principal, ids::TokenId, principal::Role};
use web::Page;

use super::Rig;
use crate::{
    Error, NewToken, Token, TokenFilter, TokenKind,
    ops::oauth::{Access, Client},
};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn machine(name: &str, scopes: &[Permission]) -> NewToken {
    NewToken { name: name.to_owned(), user: None, scopes: Some(scopes.to_vec()), ip_allow: None, expires_at: None }
}

impl Rig {
    async fn exchange(&self, token: &str, scopes: Option<&[Permission]>, from: IpAddr) -> Result<Access, Error> {
        let (id, secret) = split(token);
        let client = Client { id, secret, host: None, address: from, request_id: "r-1" };
        self.accounts.access_token(client, scopes).await
    }

    async fn opens(&self, token: &str, from: IpAddr) -> Option<Vec<Permission>> {
        let (id, secret) = split(token);
        let bearer = self.accounts.bearer(id, secret, None, Some(from)).await.unwrap();
        bearer.map(|bearer| bearer.permissions.clone())
    }
}

fn split(token: &str) -> (TokenId, &str) {
    let (id, secret) = token.split_once('|').unwrap();
    (TokenId(id.parse().unwrap()), secret)
}

#[tokio::test]
async fn everybody_has_their_own_tokens_and_admins_have_all() {
    let rig = Rig::start().await;
    let an = rig.user("an", Role::Agent).await;
    let (_, session) = rig.inside("an").await;
    let who = &session.principal;
    let accounts = &rig.accounts;
    let (crm, _) = accounts.create_token(&rig.host, machine("crm", &[Permission::PbxApiAccess])).await.unwrap();
    let own = |user| NewToken { name: "phone".to_owned(), user, scopes: None, ip_allow: None, expires_at: None };
    let (phone, text) = accounts.create_token(who, own(Some(an))).await.unwrap();
    assert!(rig.opens(&text, HERE).await.is_some());
    let admin = accounts.user_named(&rig.host, "admin").await.unwrap().id;
    assert!(matches!(accounts.create_token(who, own(Some(admin))).await, Err(Error::Denied)));
    assert!(matches!(accounts.create_token(who, machine("x", &[])).await, Err(Error::Denied)));

    let listed = async |who: &Principal, filter: TokenFilter| {
        let lines = accounts.list_tokens(who, Page::default(), &filter).await.unwrap();
        lines.data.into_iter().map(|line| (line.token.name, line.username)).collect::<Vec<_>>()
    };
    let (phone_line, crm_line) = (("phone".to_owned(), Some("an".to_owned())), ("crm".to_owned(), None));
    assert_eq!(listed(&rig.host, TokenFilter::default()).await, [phone_line.clone(), crm_line.clone()]);
    let machines = TokenFilter { kind: Some(TokenKind::Machine), ..TokenFilter::default() };
    assert_eq!(listed(&rig.host, machines.clone()).await, [crm_line]);
    assert_eq!(listed(who, TokenFilter::default()).await, std::slice::from_ref(&phone_line));
    assert!(listed(who, machines).await.is_empty());
    let search = TokenFilter { search: Some("AN".to_owned()), ..TokenFilter::default() };
    assert_eq!(listed(&rig.host, search).await, [phone_line], "by its user too");

    assert!(matches!(accounts.revoke_token(who, crm.id).await, Err(Error::NotFound(_))));
    accounts.revoke_token(who, phone.id).await.unwrap();
    assert!(rig.opens(&text, HERE).await.is_none());
    let valid = |valid| TokenFilter { valid: Some(valid), ..TokenFilter::default() };
    assert_eq!(listed(&rig.host, valid(true)).await.len(), 1);
    assert_eq!(listed(&rig.host, valid(false)).await.len(), 1);
}

#[tokio::test]
async fn disabling_a_user_ends_tokens_for_good() {
    let rig = Rig::start().await;
    let an = rig.user("an", Role::Agent).await;
    let new = NewToken { name: "x".to_owned(), user: Some(an), scopes: None, ip_allow: None, expires_at: None };
    let (_, text) = rig.accounts.create_token(&rig.host, new).await.unwrap();
    assert!(rig.opens(&text, HERE).await.is_some());
    rig.accounts.set_user_disabled(&rig.host, an, true).await.unwrap();
    assert!(rig.opens(&text, HERE).await.is_none());
    rig.accounts.set_user_disabled(&rig.host, an, false).await.unwrap();
    assert!(rig.opens(&text, HERE).await.is_none(), "an enabled user makes new ones");
}

#[tokio::test]
async fn an_access_token_may_what_was_asked_for_an_hour() {
    let rig = Rig::start().await;
    let scopes = [Permission::PbxApiAccess, Permission::ViewAllCdr];
    let (_, text) = rig.accounts.create_token(&rig.host, machine("crm", &scopes)).await.unwrap();
    let all = rig.exchange(&text, None, HERE).await.unwrap();
    assert_eq!((all.expires_in, all.scopes.as_slice()), (3_600, scopes.as_slice()));
    assert_eq!(rig.opens(&all.token, HERE).await.as_deref(), Some(scopes.as_slice()));
    let less = rig.exchange(&text, Some(&[Permission::ViewAllCdr]), HERE).await.unwrap();
    assert_eq!(rig.opens(&less.token, HERE).await, Some(vec![Permission::ViewAllCdr]));
    let more = rig.exchange(&text, Some(&[Permission::ManageCallerIds]), HERE).await;
    assert!(matches!(more, Err(Error::Denied)));
    assert!(matches!(rig.exchange(&less.token, None, HERE).await, Err(Error::SignIn)), "it makes no other");

    rig.db.clock.advance(Duration::from_secs(3_599));
    assert!(rig.opens(&all.token, HERE).await.is_some());
    rig.db.clock.advance(Duration::from_secs(1));
    assert!(rig.opens(&all.token, HERE).await.is_none());
    assert!(rig.opens(&text, HERE).await.is_some());
    let listed = rig.accounts.list_tokens(&rig.host, Page::default(), &TokenFilter::default()).await.unwrap();
    assert_eq!(listed.total, 1, "access tokens are in no list");
}

#[tokio::test]
async fn an_access_token_ends_with_its_machine_token_and_is_good_from_the_same_networks() {
    let rig = Rig::start().await;
    let elsewhere: IpAddr = "198.51.100.7".parse().unwrap();
    let new = NewToken {
        ip_allow: Some(vec!["192.0.2.0/24".parse().unwrap()]),
        expires_at: Some(rig.db.now().after(Duration::from_secs(600))),
        ..machine("crm", &[Permission::PbxApiAccess])
    };
    let (token, text): (Token, String) = rig.accounts.create_token(&rig.host, new).await.unwrap();
    assert!(matches!(rig.exchange(&text, None, elsewhere).await, Err(Error::SignIn)));
    let access = rig.exchange(&text, None, HERE).await.unwrap();
    assert_eq!(access.expires_in, 600);
    assert!(rig.opens(&access.token, elsewhere).await.is_none());
    assert!(rig.opens(&access.token, HERE).await.is_some());
    rig.accounts.revoke_token(&rig.host, token.id).await.unwrap();
    assert!(rig.opens(&access.token, HERE).await.is_none());
    assert!(matches!(rig.exchange(&text, None, HERE).await, Err(Error::SignIn)));
}

#[tokio::test]
async fn a_users_token_and_a_wrong_secret_are_no_clients() {
    let rig = Rig::start().await;
    let an = rig.user("an", Role::Admin).await;
    let new = NewToken { name: "x".to_owned(), user: Some(an), scopes: None, ip_allow: None, expires_at: None };
    let (_, own) = rig.accounts.create_token(&rig.host, new).await.unwrap();
    let (_, text) = rig.accounts.create_token(&rig.host, machine("crm", &[])).await.unwrap();
    let (id, _) = split(&text);
    for wrong in [own, format!("{id}|{}", "a".repeat(48)), format!("999|{}", split(&text).1)] {
        assert!(matches!(rig.exchange(&wrong, None, HERE).await, Err(Error::SignIn)), "{wrong}");
    }
}

#[tokio::test]
async fn a_machine_token_has_a_hundred_access_tokens_at_most_and_old_ones_are_removed() {
    let rig = Rig::start().await;
    let (_, text) = rig.accounts.create_token(&rig.host, machine("crm", &[])).await.unwrap();
    let first = rig.exchange(&text, None, HERE).await.unwrap();
    for _ in 0..100 {
        rig.exchange(&text, None, HERE).await.unwrap();
    }
    assert!(rig.opens(&first.token, HERE).await.is_none());
    rig.db.clock.advance(Duration::from_secs(3 * 86_400));
    rig.accounts.sweep().await;
    let mut tx = rig.db.read_any_tenant().await.unwrap();
    let (left,): (i64,) = ::store::sql("select count(*) from token").one(&mut tx).await.unwrap();
    assert_eq!(left, 1);
}
