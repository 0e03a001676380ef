//! Sessions of the console.

use std::time::Duration;

use domain::principal::{Actor, Role};
use web::LimitSettings;

use super::{OTHER, PASSWORD, Rig, from, open, visit};
use crate::{Error, NewAccount, NewUser, SignIn, SignedIn, Stage, Visit};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_first_admin_chooses_another_password_before_anything_opens() {
    let rig = Rig::start().await;
    let SignedIn::Complete(new) = rig.sign_in("admin", PASSWORD).await.unwrap() else { panic!("no second factor") };
    assert_eq!(new.stage, Stage::ChangePassword);
    let session = rig.session(&new.cookie).await.unwrap();
    assert_eq!(session.stage, Stage::ChangePassword);
    assert!(session.principal.permissions.is_empty());
    assert!(matches!(session.principal.actor, Actor::User { role: Role::ReadOnly, .. }), "nothing is open yet");
    assert!(matches!(rig.accounts.sessions(&session).await, Err(Error::Denied)));
    assert!(matches!(rig.accounts.reauthenticate(&session, PASSWORD).await, Err(Error::Denied)));

    for (current, new) in [(PASSWORD, PASSWORD), (PASSWORD, "short"), (PASSWORD, "password1234"), ("wrong", OTHER)] {
        let refused = rig.accounts.change_password(&session, current, new).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{current} {new}");
    }
    let opened = rig.accounts.change_password(&session, PASSWORD, OTHER).await.unwrap();
    assert_eq!(opened.stage, Stage::Open);
    assert!(rig.session(&new.cookie).await.is_none(), "the old cookie opens nothing");
    let session = rig.session(&opened.cookie).await.unwrap();
    assert!(matches!(session.principal.actor, Actor::User { role: Role::Admin, .. }));
    assert_eq!(session.principal.permissions, Role::Admin.permissions());
    assert_eq!(session.principal.token, None);

    let SignedIn::Complete(again) = rig.sign_in("admin", OTHER).await.unwrap() else { panic!("no second factor") };
    assert_eq!(again.stage, Stage::Open, "once is enough");
    assert!(matches!(rig.sign_in("admin", PASSWORD).await, Err(Error::SignIn)));
}

#[tokio::test]
async fn a_cookie_is_the_servers_alone_and_only_its_hash_is_stored() {
    let rig = Rig::start().await;
    let cookie = rig.cookie("admin", PASSWORD).await;
    assert!(cookie.len() == 48 && cookie.bytes().all(|b| b.is_ascii_alphanumeric()));
    assert_ne!(rig.cookie("admin", PASSWORD).await, cookie);
    for other in ["", "a", &"a".repeat(48), &cookie[..47], &format!("{cookie}a"), &cookie.to_lowercase()] {
        assert!(rig.session(other).await.is_none(), "{other}");
    }
    let mut tx = rig.db.read_any_tenant().await.unwrap();
    let rows: Vec<(Vec<u8>, String)> = ::store::sql("select hash, user_agent from session").all(&mut tx).await.unwrap();
    assert!(rows.iter().all(|(hash, _)| hash.len() == 32 && hash != cookie.as_bytes()));
}

#[tokio::test]
async fn every_session_has_its_own_csrf_token_which_goes_with_the_cookie() {
    let rig = Rig::start().await;
    let (one, two) = (rig.cookie("admin", PASSWORD).await, rig.cookie("admin", PASSWORD).await);
    let (first, second) = (rig.session(&one).await.unwrap(), rig.session(&two).await.unwrap());
    assert_ne!(first.csrf, second.csrf);
    assert_eq!(first.csrf, rig.session(&one).await.unwrap().csrf);
    let rotated = rig.accounts.change_password(&first, PASSWORD, OTHER).await.unwrap();
    assert_ne!(rig.session(&rotated.cookie).await.unwrap().csrf, first.csrf);
}

#[tokio::test]
async fn a_session_ends_thirty_minutes_after_its_last_sign_of_life() {
    let rig = Rig::start().await;
    let cookie = rig.cookie("admin", PASSWORD).await;
    for _ in 0..4 {
        rig.db.clock.advance(29 * MINUTE);
        assert!(rig.session(&cookie).await.is_some());
    }
    rig.db.clock.advance(29 * MINUTE);
    assert!(rig.accounts.peek(&cookie, &visit()).await.unwrap().is_some(), "looking is no sign of life");
    rig.db.clock.advance(MINUTE);
    assert!(rig.session(&cookie).await.is_none());
    rig.db.clock.advance(MINUTE);
    assert!(rig.session(&cookie).await.is_none(), "nor does asking wake it");
}

#[tokio::test]
async fn a_session_ends_after_twelve_hours_however_busy() {
    let rig = Rig::start().await;
    let cookie = rig.cookie("admin", PASSWORD).await;
    for _ in 0..36 {
        assert!(rig.session(&cookie).await.is_some());
        rig.db.clock.advance(20 * MINUTE);
    }
    assert!(rig.session(&cookie).await.is_none());
}

#[tokio::test]
async fn signs_of_life_survive_a_restart() {
    let rig = Rig::start().await;
    let cookie = rig.cookie("admin", PASSWORD).await;
    rig.db.clock.advance(29 * MINUTE);
    assert!(rig.session(&cookie).await.is_some());
    rig.accounts.close().await;
    let restarted = open(&rig.db, LimitSettings::default()).await;
    rig.db.clock.advance(29 * MINUTE);
    assert!(restarted.session(&cookie, &visit()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_password_change_ends_all_other_sessions_of_the_user_and_nobody_elses() {
    let rig = Rig::start().await;
    rig.user("binh", Role::Agent).await;
    let (_, admin) = rig.inside("admin").await;
    let other = rig.cookie("admin", OTHER).await;
    let foreign = rig.cookie("binh", PASSWORD).await;
    let new = rig.accounts.change_password(&admin, OTHER, "wide rivers carry small boats").await.unwrap();
    assert!(rig.session(&other).await.is_none());
    assert!(rig.session(&foreign).await.is_some());
    assert!(rig.session(&new.cookie).await.is_some());
}

#[tokio::test]
async fn disabling_deleting_and_another_role_end_sessions_at_once() {
    let rig = Rig::start().await;
    for what in ["disable", "delete", "role", "password"] {
        let id = rig.user(what, Role::Agent).await;
        let (cookie, _) = rig.inside(what).await;
        match what {
            "disable" => drop(rig.accounts.set_user_disabled(&rig.host, id, true).await.unwrap()),
            "delete" => rig.accounts.delete_user(&rig.host, id).await.unwrap(),
            "role" => {
                let change = crate::ChangeUser { role: Some(Role::Supervisor), ..crate::ChangeUser::default() };
                drop(rig.accounts.change_user(&rig.host, id, change).await.unwrap());
            }
            _ => drop(rig.accounts.set_password(&rig.host, id, None).await.unwrap()),
        }
        assert!(rig.session(&cookie).await.is_none(), "{what}");
    }
}

#[tokio::test]
async fn an_end_by_another_process_is_seen_within_a_second() {
    let rig = Rig::start().await;
    let other = open(&rig.db, LimitSettings::default()).await;
    let (cookie, session) = rig.inside("admin").await;
    assert!(other.session(&cookie, &visit()).await.unwrap().is_some());
    rig.accounts.sign_out(&session).await.unwrap();
    assert!(rig.session(&cookie).await.is_none(), "here at once");
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(1_001)).await;
    tokio::time::resume();
    assert!(other.session(&cookie, &visit()).await.unwrap().is_none());
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions_and_admins_everybodys() {
    let rig = Rig::start().await;
    let binh = rig.user("binh", Role::Agent).await;
    let (_, admin) = rig.inside("admin").await;
    let (cookie, session) = rig.inside("binh").await;
    let second = rig.cookie("binh", OTHER).await;

    let own = rig.accounts.sessions(&session).await.unwrap();
    assert_eq!(own.len(), 2);
    assert_eq!(own.iter().filter(|info| info.is_current).map(|info| info.id).collect::<Vec<_>>(), [session.id]);
    assert!(own.iter().all(|info| info.username == "binh" && info.address == "192.0.2.1" && info.user_agent == "test"));
    assert!(matches!(rig.accounts.sessions_of(&session.principal, binh).await, Err(Error::Denied)));
    let refused = rig.accounts.end_session(&session.principal, admin.id).await;
    assert!(matches!(refused, Err(Error::NotFound(_))), "another's session does not exist for an agent");

    assert_eq!(rig.accounts.end_other_sessions(&session).await.unwrap(), 1);
    assert!(rig.session(&second).await.is_none());
    assert_eq!(rig.accounts.sessions_of(&admin.principal, binh).await.unwrap().len(), 1);
    rig.accounts.end_session(&admin.principal, session.id).await.unwrap();
    assert!(rig.session(&cookie).await.is_none());
}

#[tokio::test]
async fn a_confirmed_password_is_fresh_for_five_minutes() {
    let rig = Rig::start().await;
    let (cookie, session) = rig.inside("admin").await;
    assert!(session.is_fresh(rig.db.now()), "sign-in confirms");
    rig.db.clock.advance(5 * MINUTE);
    let session = rig.session(&cookie).await.unwrap();
    assert!(!session.is_fresh(rig.db.now()));
    assert!(matches!(rig.accounts.reauthenticate(&session, "wrong").await, Err(Error::SignIn)));
    assert!(!rig.session(&cookie).await.unwrap().is_fresh(rig.db.now()));
    rig.accounts.reauthenticate(&session, OTHER).await.unwrap();
    assert!(rig.session(&cookie).await.unwrap().is_fresh(rig.db.now()));
}

#[tokio::test]
async fn guesses_are_limited_by_address_and_username_and_by_address() {
    let rig = Rig::start_with(LimitSettings { login: 3, login_per_address: 5, ..LimitSettings::default() }).await;
    for _ in 0..3 {
        assert!(matches!(rig.sign_in("admin", "wrong").await, Err(Error::SignIn)));
    }
    assert!(matches!(rig.sign_in("admin", PASSWORD).await, Err(Error::TooMany(1..=60))), "even the right one");
    let elsewhere = SignIn { username: "admin".to_owned(), password: PASSWORD.to_owned() };
    assert!(rig.accounts.sign_in(elsewhere, &from([198, 51, 100, 7])).await.is_ok());
    assert!(matches!(rig.sign_in("nobody", "x").await, Err(Error::SignIn)));
    assert!(matches!(rig.sign_in("somebody", "x").await, Err(Error::TooMany(_))), "six of one address");
}

#[tokio::test]
async fn a_confirmation_is_limited_like_a_sign_in() {
    let rig = Rig::start_with(LimitSettings { login: 4, ..LimitSettings::default() }).await;
    let (_, session) = rig.inside("admin").await;
    // Two of the four went into signing in and changing the password.
    for _ in 0..2 {
        assert!(matches!(rig.accounts.reauthenticate(&session, "wrong").await, Err(Error::SignIn)));
    }
    assert!(matches!(rig.accounts.reauthenticate(&session, OTHER).await, Err(Error::TooMany(_))));
}

#[tokio::test]
async fn every_sign_in_and_every_refusal_stands_in_the_audit_log() {
    let rig = Rig::start().await;
    let id = rig.user("binh", Role::Agent).await;
    rig.sign_in("binh", "wrong").await.unwrap_err();
    rig.sign_in("my secret passphrase", "wrong").await.unwrap_err();
    let (_, session) = rig.inside("binh").await;
    rig.accounts.sign_out(&session).await.unwrap();
    rig.accounts.set_user_disabled(&rig.host, id, true).await.unwrap();
    rig.sign_in("binh", OTHER).await.unwrap_err();
    let expected = [
        format!("auth.refused user:{id}"),
        format!("user.disable user:{id}"),
        format!("session.sign_out session:{}", session.id.0),
        format!("user.change_password user:{id}"),
        format!("session.begin session:{}", session.id.0),
        "auth.refused user:unknown".to_owned(),
        format!("auth.refused user:{id}"),
    ];
    assert_eq!(rig.log().await[..expected.len()], expected);
    let filter = crate::AuditFilter { text: Some("passphrase".to_owned()), ..crate::AuditFilter::default() };
    let found = rig.accounts.audit(&rig.host, &filter, web::Page::default()).await.unwrap();
    assert_eq!(found.total, 0, "a name that nobody has may be a password in the wrong field");
}

#[tokio::test]
async fn a_host_opens_only_its_own_accounts_sessions() {
    let rig = Rig::start().await;
    let mut cookies = Vec::new();
    for name in ["one", "two"] {
        let new = NewAccount { name: name.to_owned(), host: Some(format!("{name}.example")), ..NewAccount::default() };
        let account = rig.accounts.create_account(&new).await.unwrap();
        let new = NewUser { username: "an".to_owned(), password: Some(PASSWORD.to_owned()), ..NewUser::default() };
        rig.accounts.create_user(&domain::Principal::system(account.id), new).await.unwrap();
        let visit = Visit { host: Some(format!("{name}.example")), ..visit() };
        let attempt = SignIn { username: "an".to_owned(), password: PASSWORD.to_owned() };
        let SignedIn::Complete(new) = rig.accounts.sign_in(attempt, &visit).await.unwrap() else { panic!() };
        cookies.push(new.cookie);
    }
    for (host, open) in [("one.example", true), ("two.example", false), ("other.example", true)] {
        let visit = Visit { host: Some(host.to_owned()), ..visit() };
        let session = rig.accounts.session(&cookies[0], &visit).await.unwrap();
        assert_eq!(session.is_some(), open, "{host}");
    }
}

#[tokio::test]
async fn what_is_over_is_swept_away() {
    let rig = Rig::start().await;
    let cookie = rig.cookie("admin", PASSWORD).await;
    rig.accounts.sweep().await;
    assert!(rig.session(&cookie).await.is_some());
    rig.accounts.flush().await;
    rig.db.clock.advance(Duration::from_secs(3 * 86_400));
    rig.accounts.sweep().await;
    let mut tx = rig.db.read_any_tenant().await.unwrap();
    let (left,): (i64,) = ::store::sql("select count(*) from session").one(&mut tx).await.unwrap();
    assert_eq!(left, 0);
}
