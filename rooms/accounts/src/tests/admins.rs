//! Users, teams and who may change them.

use domain::{Principal, UserId, principal::Role};
use web::{Language, Page};

use super::{PASSWORD, Rig};
use crate::{ChangeUser, Error, NewAccount, NewUser, UserFilter};

async fn admin_id(rig: &Rig) -> UserId {
    rig.accounts.user_named(&rig.host, "ADMIN").await.unwrap().id
}

#[tokio::test]
async fn the_last_admin_can_be_neither_disabled_nor_deleted_nor_demoted() {
    let rig = Rig::start().await;
    let admin = admin_id(&rig).await;
    rig.user("an", Role::Supervisor).await;
    // Whoever cannot sign in does not count.
    let invited = NewUser { username: "invited".to_owned(), role: Role::Admin, ..NewUser::default() };
    rig.accounts.invite_user(&rig.host, invited).await.unwrap();
    let gone = rig.user("gone", Role::Admin).await;
    rig.accounts.set_user_disabled(&rig.host, gone, true).await.unwrap();

    let demoted = ChangeUser { role: Some(Role::Agent), ..ChangeUser::default() };
    let accounts = &rig.accounts;
    assert!(matches!(accounts.set_user_disabled(&rig.host, admin, true).await, Err(Error::LastAdmin)));
    assert!(matches!(accounts.delete_user(&rig.host, admin).await, Err(Error::LastAdmin)));
    assert!(matches!(accounts.change_user(&rig.host, admin, demoted.clone()).await, Err(Error::LastAdmin)));
    let renamed = ChangeUser { username: Some("chief".to_owned()), ..ChangeUser::default() };
    assert_eq!(accounts.change_user(&rig.host, admin, renamed).await.unwrap().username, "chief");

    rig.user("second", Role::Admin).await;
    assert_eq!(accounts.change_user(&rig.host, admin, demoted).await.unwrap().role(), Role::Agent);
}

#[tokio::test]
async fn of_two_admins_who_demote_each_other_at_once_one_stays() {
    let rig = Rig::start().await;
    let (one, two) = (admin_id(&rig).await, rig.user("second", Role::Admin).await);
    let demoted = ChangeUser { role: Some(Role::Agent), ..ChangeUser::default() };
    let (first, second) = tokio::join!(
        rig.accounts.change_user(&rig.host, one, demoted.clone()),
        rig.accounts.set_user_disabled(&rig.host, two, true),
    );
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
}

#[tokio::test]
async fn users_are_searched_filtered_and_paged() {
    let rig = Rig::start().await;
    let team = rig.accounts.create_team(&rig.host, "Bán hàng").await.unwrap();
    for n in 0..5 {
        let new = NewUser {
            username: format!("Agent_{n}"),
            password: Some(PASSWORD.to_owned()),
            role: if n == 0 { Role::Supervisor } else { Role::Agent },
            team_id: (n < 3).then_some(team.id),
            extension: Some(format!("10{n}")),
            email: Some(format!("Someone.{n}@acme.example")),
            language: Some(Language::Vi),
        };
        let (user, made) = rig.accounts.create_user(&rig.host, new).await.unwrap();
        assert_eq!((user.language(), made), (Some(Language::Vi), None));
    }
    let found = async |filter: UserFilter| {
        let page = Page { page: 1, per_page: 3 };
        let listing = rig.accounts.list_users(&rig.host, page, &filter).await.unwrap();
        (listing.total, listing.data.into_iter().map(|user| user.username).collect::<Vec<_>>())
    };
    let search = |text: &str| UserFilter { search: Some(text.to_owned()), ..UserFilter::default() };
    assert_eq!(found(UserFilter::default()).await, (6, vec!["admin".into(), "Agent_0".into(), "Agent_1".into()]));
    assert_eq!(found(search("AGENT_")).await.0, 5);
    assert_eq!(found(search("agent%")).await.0, 0, "a search text is no pattern");
    assert_eq!(found(search("someone.3@")).await, (1, vec!["Agent_3".to_owned()]));
    assert_eq!(found(search("104")).await, (1, vec!["Agent_4".to_owned()]));
    assert_eq!(found(UserFilter { role: Some(Role::Supervisor), ..UserFilter::default() }).await.0, 1);
    assert_eq!(found(UserFilter { team: Some(team.id), ..UserFilter::default() }).await.0, 3);
    assert_eq!(found(UserFilter { disabled: Some(true), ..UserFilter::default() }).await.0, 0);
}

#[tokio::test]
async fn a_username_is_taken_in_any_case_and_only_within_the_account() {
    let rig = Rig::start().await;
    let new = |name: &str| NewUser { username: name.to_owned(), ..NewUser::default() };
    assert!(matches!(rig.accounts.create_user(&rig.host, new(" Admin ")).await, Err(Error::Invalid(_))));
    let other = NewAccount { name: "other".to_owned(), ..NewAccount::default() };
    let other = Principal::system(rig.accounts.create_account(&other).await.unwrap().id);
    let (user, made) = rig.accounts.create_user(&other, new("admin")).await.unwrap();
    assert_eq!(made.map(|password| password.len()), Some(20));
    let taken = ChangeUser { username: Some("ADMIN".to_owned()), ..ChangeUser::default() };
    let an = rig.user("an", Role::Agent).await;
    assert!(matches!(rig.accounts.change_user(&rig.host, an, taken).await, Err(Error::Invalid(_))));
    // Of another account's user nothing can be done or known.
    let accounts = &rig.accounts;
    assert!(matches!(accounts.user(&rig.host, user.id).await, Err(Error::NotFound(_))));
    assert!(matches!(accounts.delete_user(&rig.host, user.id).await, Err(Error::NotFound(_))));
    assert!(matches!(accounts.set_user_disabled(&rig.host, user.id, true).await, Err(Error::NotFound(_))));
    assert!(matches!(accounts.set_password(&rig.host, user.id, None).await, Err(Error::NotFound(_))));
    assert!(matches!(accounts.reset_password(&rig.host, user.id).await, Err(Error::NotFound(_))));
    assert!(matches!(accounts.reset_second_factor(&rig.host, user.id).await, Err(Error::NotFound(_))));
    assert!(matches!(accounts.sessions_of(&rig.host, user.id).await, Err(Error::NotFound(_))));
    let change = accounts.change_user(&rig.host, user.id, ChangeUser::default()).await;
    assert!(matches!(change, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn a_change_shows_what_was_and_what_is() {
    let rig = Rig::start().await;
    let an = rig.user("an", Role::Agent).await;
    let change = ChangeUser {
        email: Some(Some("an@acme.example".to_owned())),
        extension: Some(Some(" 101 ".to_owned())),
        language: Some(Some(Language::Vi)),
        ..ChangeUser::default()
    };
    let changed = rig.accounts.change_user(&rig.host, an, change).await.unwrap();
    assert_eq!((changed.email.as_deref(), changed.extension.as_deref()), (Some("an@acme.example"), Some("101")));
    let lines = rig.accounts.audit(&rig.host, &crate::AuditFilter::default(), Page::default()).await.unwrap();
    assert_eq!(
        lines.data[0].detail,
        serde_json::json!({
            "before": {"email": null, "extension": null, "language": null},
            "after": {"email": "an@acme.example", "extension": "101", "language": "vi"},
        })
    );
    let nothing = ChangeUser { email: Some(None), ..ChangeUser::default() };
    assert_eq!(rig.accounts.change_user(&rig.host, an, nothing).await.unwrap().email, None);
}

#[tokio::test]
async fn only_admins_change_users_teams_settings_and_origins() {
    let rig = Rig::start().await;
    let target = rig.user("target", Role::Agent).await;
    for role in [Role::Supervisor, Role::Agent, Role::ReadOnly] {
        rig.user(role.as_str(), role).await;
        let (_, session) = rig.inside(role.as_str()).await;
        let (who, accounts) = (&session.principal, &rig.accounts);
        let denied = [
            accounts.create_user(who, NewUser::default()).await.err(),
            accounts.invite_user(who, NewUser::default()).await.err(),
            accounts.change_user(who, target, ChangeUser::default()).await.err(),
            accounts.set_user_disabled(who, target, true).await.err(),
            accounts.set_password(who, target, None).await.err(),
            accounts.delete_user(who, target).await.err(),
            accounts.create_team(who, "x").await.err(),
            accounts.delete_team(who, 1).await.err(),
            accounts.set_team_members(who, 1, &[]).await.err(),
            accounts.change_settings(who, crate::ChangeSettings::default()).await.err(),
            accounts.origins(who).await.err(),
            accounts.add_origin(who, "https://a.example").await.err(),
            accounts.remove_origin(who, 1).await.err(),
            accounts.audit(who, &crate::AuditFilter::default(), Page::default()).await.err(),
            accounts.audit_export(who, &crate::AuditFilter::default(), None).await.err(),
            accounts.audit_actions(who).await.err(),
        ];
        for (n, refused) in denied.into_iter().enumerate() {
            assert!(matches!(refused, Some(Error::Denied)), "{role:?} {n} {refused:?}");
        }
        let sees = role == Role::Supervisor;
        let page = Page::default();
        assert_eq!(accounts.list_users(who, page, &UserFilter::default()).await.is_ok(), sees);
        assert_eq!(accounts.teams(who, page, None).await.is_ok(), sees);
    }
}

#[tokio::test]
async fn a_user_is_in_one_team_and_in_none_once_it_is_gone() {
    let rig = Rig::start().await;
    let (an, binh) = (rig.user("an", Role::Agent).await, rig.user("binh", Role::Agent).await);
    let accounts = &rig.accounts;
    let one = accounts.create_team(&rig.host, " Sales ").await.unwrap();
    let two = accounts.create_team(&rig.host, "Support").await.unwrap();
    assert_eq!((one.name.as_str(), one.members), ("Sales", 0));
    assert!(matches!(accounts.create_team(&rig.host, "SALES").await, Err(Error::Invalid(_))));
    assert!(matches!(accounts.rename_team(&rig.host, two.id, "sales").await, Err(Error::Invalid(_))));
    assert_eq!(accounts.rename_team(&rig.host, two.id, "Hỗ trợ").await.unwrap().name, "Hỗ trợ");

    assert_eq!(accounts.set_team_members(&rig.host, one.id, &[an, binh]).await.unwrap().members, 2);
    assert_eq!(accounts.set_team_members(&rig.host, two.id, &[binh]).await.unwrap().members, 1);
    assert_eq!(accounts.team(&rig.host, one.id).await.unwrap().members, 1);
    let unknown = accounts.set_team_members(&rig.host, one.id, &[UserId(9_999)]).await;
    assert!(matches!(unknown, Err(Error::Invalid(_))));
    assert_eq!(accounts.team(&rig.host, one.id).await.unwrap().members, 1, "nothing changed");
    let found = accounts.teams(&rig.host, Page::default(), Some("hỗ")).await.unwrap();
    assert_eq!((found.total, found.data[0].id), (1, two.id));

    accounts.delete_team(&rig.host, two.id).await.unwrap();
    assert_eq!(accounts.user(&rig.host, binh).await.unwrap().team_id, None);
    let gone = ChangeUser { team_id: Some(Some(two.id)), ..ChangeUser::default() };
    assert!(matches!(accounts.change_user(&rig.host, an, gone).await, Err(Error::Invalid(_))));
}
