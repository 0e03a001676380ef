//! From a source to whoever is told.

use ::store::sql;
use domain::TenantId;
use serde_json::Value;

use super::*;

#[tokio::test]
async fn an_incident_is_opened_once_resolved_once_and_told_each_time() {
    let rig = rig(Kind::TrunkDown).await;
    let (_, secret) =
        rig.alerts.set(&who(), Kind::TrunkDown, rule(&[], Some("https://crm.example/hook"))).await.unwrap();
    let secret = secret.expect("it is shown the first time");
    rig.says(&[("7", 0)]);
    for _ in 0..3 {
        rig.look_after(15).await;
    }
    let [incident] = &rig.incidents().await[..] else { panic!("one incident") };
    assert_eq!((incident.kind, incident.subject.as_str(), incident.resolved_at), (Kind::TrunkDown, "7", None));
    assert_eq!(rig.work().await, 1);

    rig.says(&[]);
    rig.look_after(15).await;
    rig.says(&[("7", 0)]);
    rig.look_after(15).await;
    rig.says(&[]);
    rig.look_after(15).await;
    rig.look_after(59).await;
    assert!(rig.incidents().await[0].resolved_at.is_none(), "a flap is no end");
    rig.look_after(1).await;
    rig.look_after(60).await;
    assert!(rig.incidents().await[0].resolved_at.is_some());
    assert_eq!(rig.work().await, 1);
    let notices = rig.notices(incident.id).await;
    let told = |phase: &str| (phase.to_owned(), "webhook".to_owned(), "sent".to_owned());
    assert_eq!(notices, [told("raised"), told("resolved")]);

    let posts = rig.posts.lock().unwrap().clone();
    assert_eq!(posts.len(), 2);
    assert!(posts.iter().all(|post| post.secret.0 == secret.0 && post.url == "https://crm.example/hook"));
    let bodies: Vec<Value> = posts.iter().map(|post| serde_json::from_str(&post.body).unwrap()).collect();
    assert_eq!(bodies[0]["event"], "alert.raised");
    assert_eq!(bodies[0]["data"]["kind"], "trunk_down");
    assert_eq!(bodies[0]["data"]["name"], "the 7");
    assert_eq!(bodies[0]["data"]["resolved_at"], Value::Null);
    assert_eq!(bodies[1]["event"], "alert.resolved");
    assert_eq!(bodies[1]["data"]["incident_id"], incident.id);
    assert!(bodies[1]["data"]["resolved_at"].is_string());

    let mut tx = rig.db.read(TENANT).await.unwrap();
    let events = sql("select name from event where tenant_id = $1 order by at").bind(TENANT);
    let events: Vec<(String,)> = events.all(&mut tx).await.unwrap();
    assert_eq!(events, [("alert.raised".to_owned(),), ("alert.resolved".to_owned(),)]);
}

#[tokio::test]
async fn a_second_time_is_a_second_incident() {
    let rig = rig(Kind::WebhookSuspended).await;
    for ill in [true, false, true] {
        rig.says(if ill { &[("3", 0)] } else { &[] });
        rig.look_after(15).await;
        rig.look_after(60).await;
    }
    let open: Vec<_> = rig.incidents().await.iter().map(|incident| incident.resolved_at.is_none()).collect();
    assert_eq!(open, [true, false]);
    assert_eq!(rig.alerts.open_incidents(&who()).await.unwrap(), 1);
}

#[tokio::test]
async fn two_nodes_and_a_restart_open_nothing_twice() {
    let rig = rig(Kind::TrunkDown).await;
    let other = open(&rig.db, Kind::TrunkDown, &rig.said, &rig.posts, &rig.refusals);
    rig.alerts.set(&who(), Kind::TrunkDown, rule(&[], Some("https://crm.example/hook"))).await.unwrap();
    rig.says(&[("7", 0), ("8", 0)]);
    tokio::join!(rig.alerts.look(), other.look());
    open(&rig.db, Kind::TrunkDown, &rig.said, &rig.posts, &rig.refusals).look().await;
    assert_eq!(rig.incidents().await.len(), 2);
    while rig.work().await > 0 {}
    assert_eq!(rig.posts.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_notice_whose_sender_died_is_sent_by_the_next() {
    let rig = rig(Kind::TrunkDown).await;
    rig.alerts.set(&who(), Kind::TrunkDown, rule(&[], Some("https://crm.example/hook"))).await.unwrap();
    rig.says(&[("7", 0)]);
    rig.look_after(15).await;
    let mut tx = rig.db.begin_any_tenant().await.unwrap();
    let claimed = ::store::jobs::claim(&mut tx, "the dead", jobs::KIND, 10).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(rig.work().await, 0, "the lease of the dead still runs");
    rig.db.clock.advance(::store::jobs::LEASE);
    assert_eq!(rig.work().await, 1);
    assert_eq!(rig.posts.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_post_that_is_refused_is_tried_again_with_the_same_id_and_bytes_and_then_given_up() {
    let rig = rig(Kind::TrunkDown).await;
    rig.alerts.set(&who(), Kind::TrunkDown, rule(&[], Some("https://crm.example/hook"))).await.unwrap();
    *rig.refusals.lock().unwrap() = vec![Refusal("timeout".to_owned()); 5];
    rig.says(&[("7", 0)]);
    rig.look_after(15).await;
    for wait in [0, 30, 300, 1_800, 7_200, 100_000] {
        rig.db.clock.advance(Duration::from_secs(wait));
        rig.work().await;
    }
    let posts = rig.posts.lock().unwrap().clone();
    assert_eq!(posts.len(), 5);
    assert!(posts.iter().all(|post| post.id == posts[0].id && post.body == posts[0].body));
    let (_, notices) = rig.alerts.incident(&who(), rig.incidents().await[0].id).await.unwrap();
    assert_eq!((notices[0].state.as_str(), notices[0].detail.as_str()), ("failed", "timeout"));
}

#[tokio::test]
async fn without_a_relay_a_letter_fails_and_says_why() {
    let rig = rig(Kind::TrunkDown).await;
    rig.alerts.set(&who(), Kind::TrunkDown, rule(&["lan@example.com"], None)).await.unwrap();
    rig.says(&[("7", 0)]);
    rig.look_after(15).await;
    assert_eq!(rig.work().await, 1);
    let (_, notices) = rig.alerts.incident(&who(), rig.incidents().await[0].id).await.unwrap();
    assert_eq!((notices[0].state.as_str(), notices[0].detail.as_str()), ("failed", "no mail relay is configured"));
    let tested = rig.alerts.test_rule(&who(), Kind::TrunkDown).await.unwrap();
    assert_eq!(tested[0].error.as_deref(), Some("no mail relay is configured"));
}

#[tokio::test]
async fn a_source_that_fails_changes_nothing() {
    let rig = rig(Kind::TrunkDown).await;
    rig.says(&[("7", 0)]);
    rig.look_after(15).await;
    *rig.said.lock().unwrap() = Err("no answer".to_owned());
    rig.look_after(3_600).await;
    assert!(rig.incidents().await[0].resolved_at.is_none());
}

#[tokio::test]
async fn what_lasts_a_day_is_told_again_once_a_day() {
    let rig = rig(Kind::TrunkDown).await;
    rig.alerts.set(&who(), Kind::TrunkDown, rule(&[], Some("https://crm.example/hook"))).await.unwrap();
    rig.says(&[("7", 0)]);
    for _ in 0..50 {
        rig.look_after(3_600).await;
    }
    while rig.work().await > 0 {}
    let posts = rig.posts.lock().unwrap().clone();
    let reminders = posts.iter().filter(|post| post.body.contains("\"reminder\":true")).count();
    assert_eq!((posts.len(), reminders), (3, 2));
}

#[tokio::test]
async fn old_incidents_go_with_their_notices() {
    let rig = rig(Kind::TrunkDown).await;
    rig.alerts.set(&who(), Kind::TrunkDown, rule(&[], Some("https://crm.example/hook"))).await.unwrap();
    rig.says(&[("7", 0)]);
    rig.look_after(15).await;
    rig.says(&[]);
    rig.look_after(15).await;
    rig.look_after(60).await;
    rig.alerts.clean().await.unwrap();
    assert_eq!(rig.incidents().await.len(), 1);
    rig.db.clock.advance(Duration::from_secs(366 * 86_400));
    rig.alerts.clean().await.unwrap();
    assert_eq!(rig.incidents().await.len(), 0);
    assert_eq!(rig.work().await, 2, "notices that nobody can send any more just end");
    assert!(rig.posts.lock().unwrap().is_empty());
}

#[tokio::test]
async fn only_admins_set_rules_and_only_of_their_own_account() {
    use domain::principal::{Actor, Role};
    let rig = rig(Kind::TrunkDown).await;
    rig.says(&[("7", 0)]);
    rig.look_after(15).await;
    let id = rig.incidents().await[0].id;
    let stranger = Principal::system(TenantId(2));
    assert!(matches!(rig.alerts.incident(&stranger, id).await, Err(Error::NotFound)));
    assert_eq!(rig.alerts.open_incidents(&stranger).await.unwrap(), 0);
    let machine = Principal { actor: Actor::Machine { name: "crm".to_owned() }, ..who() };
    let agent = Actor::User {
        id: domain::UserId(1),
        username: "lan".to_owned(),
        role: Role::Supervisor,
        team: None,
        extension: None,
    };
    for who in [machine, Principal { actor: agent, ..who() }] {
        assert!(matches!(rig.alerts.list(&who).await, Err(Error::Denied)));
        assert!(matches!(rig.alerts.set(&who, Kind::TrunkDown, rule(&[], None)).await, Err(Error::Denied)));
        assert!(matches!(rig.alerts.test_rule(&who, Kind::TrunkDown).await, Err(Error::Denied)));
        assert!(matches!(rig.alerts.rotate_secret(&who, Kind::TrunkDown).await, Err(Error::Denied)));
        assert!(matches!(rig.alerts.incident(&who, id).await, Err(Error::Denied)));
    }
    let kinds: Vec<_> = rig.alerts.list(&stranger).await.unwrap().into_iter().map(|rule| rule.kind).collect();
    assert_eq!(
        kinds,
        [Kind::WebhookSuspended, Kind::TrunkDown, Kind::TollFraud, Kind::DeliveriesLate],
        "the host is not theirs"
    );
    assert!(matches!(rig.alerts.set(&stranger, Kind::DiskLow, rule(&[], None)).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_rule_is_checked_field_by_field() {
    let rig = rig(Kind::DeliveriesLate).await;
    let bad = NewRule {
        recipients: vec!["lan@example.com".to_owned(), "no address".to_owned(), "x\r\nBcc: y@z.example".to_owned()],
        threshold: Some(5),
        webhook_url: Some("http://crm.example".to_owned()),
        ..rule(&[], None)
    };
    let Err(Error::Invalid(fields)) = rig.alerts.set(&who(), Kind::DeliveriesLate, bad).await else { panic!() };
    assert_eq!(fields.names().collect::<Vec<_>>(), ["recipients.1", "recipients.2", "threshold", "webhook_url"]);
    let many: Vec<_> = (0..11).map(|number| format!("a{number}@example.com")).collect();
    let bad = NewRule { recipients: many, ..rule(&[], None) };
    assert!(matches!(rig.alerts.set(&who(), Kind::DeliveriesLate, bad).await, Err(Error::Invalid(_))));
    let bad = NewRule { threshold: Some(5), ..rule(&[], None) };
    assert!(matches!(rig.alerts.set(&who(), Kind::TrunkDown, bad).await, Err(Error::Invalid(_))));

    let twice = rule(&["lan@example.com", " Lan@example.com "], Some("https://crm.example/hook"));
    let (set, secret) = rig.alerts.set(&who(), Kind::DeliveriesLate, twice.clone()).await.unwrap();
    assert_eq!(set.recipients, ["lan@example.com"]);
    let secret = secret.unwrap();
    assert_eq!(secret.0.len(), 32);
    assert_eq!(format!("{secret:?}"), "Secret(***)");
    assert!(rig.alerts.set(&who(), Kind::DeliveriesLate, twice).await.unwrap().1.is_none(), "shown once");
    assert_ne!(rig.alerts.rotate_secret(&who(), Kind::DeliveriesLate).await.unwrap().0, secret.0);
}
