//! Invitations and new passwords.

use std::time::Duration;

use domain::principal::Role;
use web::LimitSettings;

use super::{OTHER, PASSWORD, Rig, from, visit};
use crate::{Error, LinkKind, NewUser, SignedIn, Stage, User, Visit, ops::links::Link};

async fn invite(rig: &Rig) -> (User, Link) {
    let new = NewUser {
        username: "an".to_owned(),
        role: Role::Supervisor,
        email: Some("an@acme.example".to_owned()),
        ..NewUser::default()
    };
    rig.accounts.invite_user(&rig.host, new).await.unwrap()
}

fn token(link: &Link) -> &str {
    link.url_path.rsplit('/').next().unwrap()
}

#[tokio::test]
async fn an_invited_user_chooses_a_password_once_and_is_then_like_any_other() {
    let rig = Rig::start().await;
    let (user, link) = invite(&rig).await;
    assert!(user.is_invited);
    assert_eq!(link.kind, LinkKind::Invitation);
    assert!(link.url_path.starts_with("/invite/") && token(&link).len() == 48);
    assert_eq!(link.email.as_deref(), Some("an@acme.example"));
    for password in ["", "!", PASSWORD] {
        assert!(matches!(rig.sign_in("an", password).await, Err(Error::SignIn)), "{password}");
    }
    let info = rig.accounts.link(token(&link), &visit()).await.unwrap().unwrap();
    assert_eq!((info.username.as_str(), info.kind), ("an", LinkKind::Invitation));
    let weak = rig.accounts.accept(token(&link), "password1234", &visit()).await;
    assert!(matches!(weak, Err(Error::Invalid(_))), "the link is still good");
    rig.accounts.accept(token(&link), OTHER, &visit()).await.unwrap();
    assert!(matches!(rig.accounts.accept(token(&link), PASSWORD, &visit()).await, Err(Error::Link)));
    assert!(rig.accounts.link(token(&link), &visit()).await.unwrap().is_none());
    let SignedIn::Complete(new) = rig.sign_in("an", OTHER).await.unwrap() else { panic!() };
    assert_eq!(new.stage, Stage::Open, "a chosen password need not be changed");
    assert!(matches!(rig.accounts.invite(&rig.host, user.id).await, Err(Error::NotInvited)));
}

#[tokio::test]
async fn two_who_follow_a_link_at_once_are_not_both_let_in() {
    let rig = Rig::start().await;
    let (_, link) = invite(&rig).await;
    let visit = visit();
    let (one, two) = tokio::join!(
        rig.accounts.accept(token(&link), OTHER, &visit),
        rig.accounts.accept(token(&link), PASSWORD, &visit)
    );
    assert_ne!(one.is_ok(), two.is_ok());
}

#[tokio::test]
async fn a_link_is_good_for_a_day_and_until_the_next_one() {
    let rig = Rig::start().await;
    let (user, first) = invite(&rig).await;
    let second = rig.accounts.invite(&rig.host, user.id).await.unwrap();
    assert!(rig.accounts.link(token(&first), &visit()).await.unwrap().is_none());
    rig.db.clock.advance(Duration::from_secs(24 * 3_600 - 1));
    assert!(rig.accounts.link(token(&second), &visit()).await.unwrap().is_some());
    rig.db.clock.advance(Duration::from_secs(1));
    assert!(rig.accounts.link(token(&second), &visit()).await.unwrap().is_none());
    assert!(matches!(rig.accounts.accept(token(&second), OTHER, &visit()).await, Err(Error::Link)));
}

#[tokio::test]
async fn a_reset_leaves_the_old_password_until_it_is_used_and_then_ends_sessions() {
    let rig = Rig::start().await;
    let id = rig.user("an", Role::Agent).await;
    let (cookie, _) = rig.inside("an").await;
    let link = rig.accounts.reset_password(&rig.host, id).await.unwrap();
    assert!(link.url_path.starts_with("/reset/"));
    assert_eq!(link.kind, LinkKind::Reset);
    assert!(rig.session(&cookie).await.is_some());
    rig.accounts.accept(token(&link), "wide rivers carry small boats", &visit()).await.unwrap();
    assert!(rig.session(&cookie).await.is_none());
    assert!(matches!(rig.sign_in("an", OTHER).await, Err(Error::SignIn)));
    assert!(rig.sign_in("an", "wide rivers carry small boats").await.is_ok());
}

#[tokio::test]
async fn no_link_for_the_disabled_and_none_made_by_others_than_admins() {
    let rig = Rig::start().await;
    let id = rig.user("an", Role::Supervisor).await;
    let (_, session) = rig.inside("an").await;
    let who = &session.principal;
    assert!(matches!(rig.accounts.reset_password(who, id).await, Err(Error::Denied)));
    let link = rig.accounts.reset_password(&rig.host, id).await.unwrap();
    rig.accounts.set_user_disabled(&rig.host, id, true).await.unwrap();
    assert!(rig.accounts.link(token(&link), &visit()).await.unwrap().is_none());
    assert!(matches!(rig.accounts.reset_password(&rig.host, id).await, Err(Error::Disabled)));
}

#[tokio::test]
async fn a_changed_password_makes_open_links_worthless() {
    let rig = Rig::start().await;
    let id = rig.user("an", Role::Agent).await;
    let link = rig.accounts.reset_password(&rig.host, id).await.unwrap();
    rig.inside("an").await;
    assert!(rig.accounts.link(token(&link), &visit()).await.unwrap().is_none());
}

#[tokio::test]
async fn only_a_hash_of_a_link_is_stored_and_no_odd_text_is_looked_up() {
    let rig = Rig::start().await;
    let (_, link) = invite(&rig).await;
    assert!(!format!("{link:?}").contains(token(&link)));
    let mut tx = rig.db.read_any_tenant().await.unwrap();
    let (hash,): (Vec<u8>,) = ::store::sql("select hash from link").one(&mut tx).await.unwrap();
    assert_eq!(hash.len(), 32);
    for text in ["", "a", &"a".repeat(48), &"é".repeat(24), &"a".repeat(10_000)] {
        assert!(rig.accounts.link(text, &visit()).await.unwrap().is_none());
    }
    let foreign = Visit { host: Some("unknown.example".to_owned()), ..visit() };
    assert!(rig.accounts.link(token(&link), &foreign).await.unwrap().is_some(), "one account, any host");
}

#[tokio::test]
async fn whoever_forgot_a_password_chooses_another_by_a_link_that_is_good_for_an_hour() {
    let rig = Rig::start().await;
    rig.with_address("an").await;
    let (cookie, _) = rig.inside("an").await;
    let link = rig.accounts.forgot_password(" AN ", &visit()).await.unwrap().unwrap();
    assert_eq!((link.kind, link.email.as_deref()), (LinkKind::Reset, Some("an@acme.example")));
    assert!(link.url_path.starts_with("/reset/") && token(&link).len() == 48);
    assert!(rig.session(&cookie).await.is_some(), "nothing has changed yet");
    assert!(rig.log().await[0].starts_with("user.forgot_password user:"), "{:?}", rig.log().await);
    rig.db.clock.advance(Duration::from_secs(3_599));
    assert!(rig.accounts.link(token(&link), &visit()).await.unwrap().is_some());
    let (first, second) = ("wide rivers carry small boats", "small boats carry wide rivers");
    rig.accounts.accept(token(&link), first, &visit()).await.unwrap();
    assert!(matches!(rig.accounts.accept(token(&link), second, &visit()).await, Err(Error::Link)), "once");
    assert!(rig.session(&cookie).await.is_none(), "the thief is out, too");
    assert!(rig.sign_in("an", first).await.is_ok());

    let late = rig.accounts.forgot_password("an", &visit()).await.unwrap().unwrap();
    rig.db.clock.advance(Duration::from_secs(3_600));
    assert!(rig.accounts.link(token(&late), &visit()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_letter_goes_to_those_alone_who_may_sign_in_and_can_be_written_to() {
    let rig = Rig::start().await;
    let forgot = async |name: &str| rig.accounts.forgot_password(name, &visit()).await.unwrap().is_some();
    rig.user("binh", Role::Agent).await;
    let disabled = rig.with_address("chi").await;
    rig.accounts.set_user_disabled(&rig.host, disabled, true).await.unwrap();
    invite(&rig).await;
    for name in ["nobody", "binh", "chi", "an", ""] {
        assert!(!forgot(name).await, "{name}");
    }
}

#[tokio::test]
async fn nobodys_mailbox_is_filled_and_who_asks_too_often_has_to_wait() {
    let rig = Rig::start_with(LimitSettings { login: 2, ..LimitSettings::default() }).await;
    rig.with_address("dung").await;
    let first = rig.accounts.forgot_password("dung", &visit()).await.unwrap().unwrap();
    rig.db.clock.advance(Duration::from_secs(599));
    assert!(rig.accounts.forgot_password("dung", &visit()).await.unwrap().is_none());
    assert!(rig.accounts.link(token(&first), &visit()).await.unwrap().is_some(), "the first one stays good");
    rig.db.clock.advance(Duration::from_secs(1));
    assert!(rig.accounts.forgot_password("dung", &visit()).await.unwrap().is_some());
    for _ in 0..2 {
        assert!(rig.accounts.count_forgotten("nobody", &visit()).is_ok());
    }
    assert!(matches!(rig.accounts.count_forgotten("Nobody", &visit()), Err(Error::TooMany(_))));
    assert!(rig.accounts.count_forgotten("dung", &visit()).is_ok(), "each name for itself");
    assert!(rig.accounts.count_forgotten("nobody", &from([192, 0, 2, 9])).is_ok(), "each address for itself");
}
