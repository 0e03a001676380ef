//! The audit log, to be read.

use std::time::Duration;

use domain::{Principal, principal::Role};
use web::Page;

use super::Rig;
use crate::{AuditFilter, NewAccount};

#[tokio::test]
async fn lines_are_found_by_time_actor_action_target_and_text() {
    let rig = Rig::start().await;
    let start = rig.db.now();
    rig.db.clock.advance(Duration::from_secs(60));
    let an = rig.user("an", Role::Agent).await;
    rig.db.clock.advance(Duration::from_secs(60));
    let later = rig.db.now();
    rig.inside("an").await;
    let found = async |filter: AuditFilter| {
        rig.accounts
            .audit(&rig.host, &filter, Page::default())
            .await
            .unwrap()
            .data
            .into_iter()
            .map(|line| line.action)
            .collect::<Vec<_>>()
    };
    let any = AuditFilter::default;
    assert_eq!(found(any()).await, ["user.change_password", "session.begin", "user.create", "account.create"]);
    assert_eq!(found(AuditFilter { from: Some(later), ..any() }).await.len(), 2);
    assert_eq!(found(AuditFilter { to: Some(later), ..any() }).await, ["user.create", "account.create"]);
    assert_eq!(found(AuditFilter { from: Some(start), to: Some(start), ..any() }).await.len(), 0);
    assert_eq!(found(AuditFilter { actor: Some("an".into()), ..any() }).await.len(), 2);
    assert_eq!(found(AuditFilter { action: Some("user.".into()), ..any() }).await.len(), 2);
    assert_eq!(found(AuditFilter { action: Some("user.create".into()), ..any() }).await.len(), 1);
    assert_eq!(found(AuditFilter { action: Some("user".into()), ..any() }).await.len(), 0);
    assert_eq!(found(AuditFilter { target: Some(format!("user:{an}")), ..any() }).await.len(), 2);
    assert_eq!(found(AuditFilter { text: Some("AGENT".into()), ..any() }).await, ["user.create"]);
    assert_eq!(found(AuditFilter { actor: Some(String::new()), text: Some(" ".into()), ..any() }).await.len(), 4);
    let actions = rig.accounts.audit_actions(&rig.host).await.unwrap();
    assert_eq!(actions, ["account.create", "session.begin", "user.change_password", "user.create"]);
}

#[tokio::test]
async fn an_export_comes_in_steps_loses_nothing_and_is_itself_a_line() {
    let rig = Rig::start().await;
    let mut tx = rig.db.begin(rig.host.tenant).await.unwrap();
    for n in 0..2_500 {
        ::store::audit(&mut tx, &rig.host, "test.line", &format!("line:{n}"), serde_json::json!({})).await.unwrap();
    }
    tx.commit().await.unwrap();
    let filter = AuditFilter { action: Some("test.line".into()), ..AuditFilter::default() };
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let step = rig.accounts.audit_export(&rig.host, &filter, before).await.unwrap();
        let Some(last) = step.last() else { break };
        before = Some(last.id);
        seen.extend(step.into_iter().map(|line| line.target));
    }
    assert_eq!(seen.len(), 2_500);
    assert_eq!((seen[0].as_str(), seen[2_499].as_str()), ("line:2499", "line:0"));
    assert_eq!(rig.log().await.iter().filter(|line| *line == "audit.export audit_log").count(), 1);
}

#[tokio::test]
async fn an_account_sees_its_own_lines_only() {
    let rig = Rig::start().await;
    let other = NewAccount { name: "other".to_owned(), ..NewAccount::default() };
    let other = Principal::system(rig.accounts.create_account(&other).await.unwrap().id);
    let lines = rig.accounts.audit(&other, &AuditFilter::default(), Page::default()).await.unwrap();
    assert_eq!((lines.total, lines.data[0].target.as_str()), (1, "other"));
}
