//! The account's settings and allowed origins.

use domain::Principal;
use web::Language;

use super::{PASSWORD, Rig};
use crate::{ChangeSettings, Error, NewAccount};

#[tokio::test]
async fn settings_have_defaults_and_change_one_by_one() {
    let rig = Rig::start().await;
    let accounts = &rig.accounts;
    let before = accounts.settings(&rig.host).await.unwrap();
    assert_eq!((before.cdr_max_days, before.session_idle_minutes, before.session_hours), (30, 30, 12));
    assert_eq!((before.timezone.as_str(), before.region.as_str(), before.language), ("Asia/Ho_Chi_Minh", "VN", None));

    let change = ChangeSettings {
        name: Some(" Acme ".to_owned()),
        timezone: Some("Europe/Berlin".to_owned()),
        region: Some("de".to_owned()),
        language: Some("vi".to_owned()),
        cdr_max_days: Some(90),
        ..ChangeSettings::default()
    };
    let after = accounts.change_settings(&rig.host, change).await.unwrap();
    assert_eq!(after, accounts.settings(&rig.host).await.unwrap());
    assert_eq!((after.name.as_str(), after.region.as_str(), after.language), ("Acme", "DE", Some(Language::Vi)));
    assert_eq!((after.cdr_max_days, after.session_idle_minutes), (90, 30));
    let back = ChangeSettings { language: Some(String::new()), ..ChangeSettings::default() };
    assert_eq!(accounts.change_settings(&rig.host, back).await.unwrap().language, None);
}

#[tokio::test]
async fn other_rooms_settings_stay() {
    let rig = Rig::start().await;
    let mut tx = rig.db.begin(rig.host.tenant).await.unwrap();
    let settings = r#"{"limits":{"pbx":120},"of_another_room":[1]}"#;
    ::store::sql("update tenant set settings = $1").bind(settings).run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let change = ChangeSettings { session_hours: Some(8), ..ChangeSettings::default() };
    rig.accounts.change_settings(&rig.host, change).await.unwrap();
    let account = rig.accounts.account(rig.host.tenant).await.unwrap();
    let json: serde_json::Value = serde_json::from_str(&account.settings).unwrap();
    assert_eq!(json, serde_json::json!({"limits": {"pbx": 120}, "of_another_room": [1], "session_hours": 8}));
}

#[tokio::test]
async fn one_answer_names_every_bad_setting() {
    let rig = Rig::start().await;
    let change = ChangeSettings {
        name: Some("  ".to_owned()),
        timezone: Some("Mars/Olympus".to_owned()),
        region: Some("VNM".to_owned()),
        language: Some("fr".to_owned()),
        cdr_max_days: Some(0),
        cdr_keep_days: Some(-1),
        session_idle_minutes: Some(4),
        session_hours: Some(169),
    };
    let Err(Error::Invalid(fields)) = rig.accounts.change_settings(&rig.host, change).await else { panic!() };
    let names: Vec<_> = fields.names().collect();
    let all = [
        "name",
        "timezone",
        "region",
        "language",
        "cdr_max_days",
        "cdr_keep_days",
        "session_idle_minutes",
        "session_hours",
    ];
    assert_eq!(names, all);
    let other = NewAccount { name: "Other".to_owned(), ..NewAccount::default() };
    rig.accounts.create_account(&other).await.unwrap();
    let change = ChangeSettings { name: Some("Other".to_owned()), ..ChangeSettings::default() };
    assert!(matches!(rig.accounts.change_settings(&rig.host, change).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn the_times_of_sessions_are_the_accounts() {
    let rig = Rig::start().await;
    let change = ChangeSettings { session_idle_minutes: Some(5), session_hours: Some(1), ..ChangeSettings::default() };
    rig.accounts.change_settings(&rig.host, change).await.unwrap();
    let cookie = rig.cookie("admin", PASSWORD).await;
    rig.db.clock.advance(std::time::Duration::from_secs(5 * 60 - 1));
    assert!(rig.session(&cookie).await.is_some());
    rig.db.clock.advance(std::time::Duration::from_secs(5 * 60));
    assert!(rig.session(&cookie).await.is_none());
}

#[tokio::test]
async fn origins_are_the_accounts_own_and_stand_there_once() {
    let rig = Rig::start().await;
    let accounts = &rig.accounts;
    let origin = accounts.add_origin(&rig.host, "https://CRM.example/").await.unwrap();
    assert_eq!(origin.origin, "https://crm.example");
    assert!(matches!(accounts.add_origin(&rig.host, "https://crm.example:443").await, Err(Error::Invalid(_))));
    assert!(matches!(accounts.add_origin(&rig.host, "http://crm.example").await, Err(Error::Invalid(_))));
    accounts.add_origin(&rig.host, "http://localhost:3000").await.unwrap();
    let all = accounts.allowed_origins(rig.host.tenant).await.unwrap();
    assert_eq!(all, ["http://localhost:3000", "https://crm.example"]);

    let other = NewAccount { name: "other".to_owned(), ..NewAccount::default() };
    let other = Principal::system(accounts.create_account(&other).await.unwrap().id);
    assert!(accounts.origins(&other).await.unwrap().is_empty());
    assert!(matches!(accounts.remove_origin(&other, origin.id).await, Err(Error::NotFound(_))));
    accounts.remove_origin(&rig.host, origin.id).await.unwrap();
    assert_eq!(accounts.origins(&rig.host).await.unwrap().len(), 1);
}
