//! Campaigns and their life.

use domain::{Permission, principal::Role};
use serde_json::json;

use super::bad_fields;
use crate::support::TestServer;

const CAMPAIGNS: &str = "/api/autocall/campaigns";

#[tokio::test]
async fn a_campaign_has_the_published_defaults_in_the_published_order() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let script = server.script(&token, "Chào", "active").await;
    let made = server.post(&token, CAMPAIGNS, &json!({"name": "May", "script_id": script})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let begin = r#"{"data":{"id":1,"tenant_id":1,"name":"May","description":null,"script_id":1,"status":"draft","gateway_name":null,"caller_id"#;
    assert!(made.text.starts_with(begin), "{}", made.text);
    let data = &made.json["data"];
    for (field, value) in [
        ("max_retries", json!(3)),
        ("retry_interval_minutes", json!(60)),
        ("retry_only_when", json!("no_answer")),
        ("max_concurrent", json!(10)),
        ("originate_timeout", json!(40)),
        ("write_to_main_cdr", json!(false)),
        ("start_at", json!(null)),
        ("end_at", json!(null)),
    ] {
        assert_eq!(data[field], value, "{field}");
    }
    assert_eq!(server.get(&token, &format!("{CAMPAIGNS}/1")).await.json, made.json);
    server.stop().await;
}

#[tokio::test]
async fn bounds_are_the_published_ones_and_one_422_lists_them_all() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let draft = server.script(&token, "Chào", "draft").await;
    let active = server.script(&token, "Chào", "active").await;
    let low = json!({
        "name": "", "description": "x".repeat(2_001), "script_id": draft, "caller_id_group_id": 5, "max_retries": -1,
        "retry_interval_minutes": 0, "retry_only_when": "never", "max_concurrent": 0, "originate_timeout": 9,
        "start_at": "2030-01-02T00:00:00Z", "end_at": "2030-01-02T00:00:00Z", "call_purpose": "fun",
    });
    assert_eq!(
        bad_fields(&server.post(&token, CAMPAIGNS, &low).await),
        [
            "call_purpose",
            "caller_id_group_id",
            "description",
            "end_at",
            "max_concurrent",
            "max_retries",
            "name",
            "originate_timeout",
            "retry_interval_minutes",
            "retry_only_when",
            "script_id",
        ]
    );
    let high = json!({
        "name": "x".repeat(255), "script_id": active, "max_retries": 11, "retry_interval_minutes": 43_201,
        "max_concurrent": 201, "originate_timeout": 181, "start_at": "soon",
    });
    assert_eq!(
        bad_fields(&server.post(&token, CAMPAIGNS, &high).await),
        ["max_concurrent", "max_retries", "originate_timeout", "retry_interval_minutes", "start_at"]
    );
    let edge = json!({
        "name": "x".repeat(255), "description": "x".repeat(2_000), "script_id": active, "max_retries": 0,
        "retry_interval_minutes": 43_200, "retry_only_when": "any", "max_concurrent": 200, "originate_timeout": 180,
        "write_to_main_cdr": true, "start_at": "2030-01-02 00:00:00", "end_at": "2030-01-02T07:00:00+07:00",
    });
    let edge = server.post(&token, CAMPAIGNS, &edge).await;
    assert_eq!(bad_fields(&edge), ["end_at"], "both are one moment");
    assert_eq!(bad_fields(&server.post(&token, CAMPAIGNS, &json!({"max_retries": "3"})).await).len(), 3);
    server.stop().await;
}

#[tokio::test]
async fn a_launch_names_all_that_is_missing_and_each_step_has_its_state() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let script = server.script(&token, "Chào", "active").await;
    let id = server.campaign(&token, script).await;
    let step = async |step: &str| server.post(&token, &format!("{CAMPAIGNS}/{id}/{step}"), &json!({})).await;
    assert_eq!(bad_fields(&step("start").await), ["leads", "trunk"]);
    server.way_out().await;
    server.take_in(&token, id, json!([{"phone": "0987654321"}])).await;
    for wrong in ["pause", "resume", "unarchive"] {
        let reply = step(wrong).await;
        assert_eq!((reply.status.as_u16(), &reply.json["code"]), (409, &json!("autocall.state")), "{wrong}");
    }
    // Scheduled ahead, so that nobody is dialled here.
    let later = json!({"start_at": "2099-01-01T00:00:00Z"});
    assert_eq!(server.write("PUT", &token, &format!("{CAMPAIGNS}/{id}"), &later).await.status, 200);
    let started = step("launch").await;
    assert_eq!((started.status.as_u16(), &started.json["data"]["status"]), (200, &json!("running")), "{started:?}");
    assert!(started.json["data"]["started_at"].is_string());
    let again = step("start").await;
    assert_eq!(again.json["message"], "The campaign is running: it cannot become running.");
    assert_eq!(step("archive").await.status, 409, "it runs");
    let said = json!({"template_text": "Other words"});
    let path = format!("/api/autocall/scripts/{script}");
    assert_eq!(server.write("PUT", &token, &path, &said).await.status, 409, "a campaign says it");
    assert_eq!(server.write("PUT", &token, &path, &json!({"name": "Other"})).await.status, 200);
    assert_eq!(step("pause").await.json["data"]["status"], "paused");
    assert_eq!(step("resume").await.json["data"]["status"], "running");
    assert_eq!(step("pause").await.json["data"]["status"], "paused");
    assert_eq!(step("archive").await.json["data"]["status"], "archived");
    assert_eq!(server.write("PUT", &token, &format!("{CAMPAIGNS}/{id}"), &later).await.status, 409);
    assert_eq!(step("unarchive").await.json["data"]["status"], "paused", "it comes back as what it was");
    let stats = server.get(&token, &format!("{CAMPAIGNS}/{id}/stats")).await;
    assert_eq!(
        (&stats.json["data"]["total_leads"], &stats.json["data"]["leads"]["pending"], &stats.json["data"]["dialed"]),
        (&json!(1), &json!(1), &json!(0))
    );
    server.stop().await;
}

#[tokio::test]
async fn only_admins_switch_the_law_off_and_viewers_change_nothing() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let script = server.script(&token, "Chào", "active").await;
    let body = json!({"name": "May", "script_id": script, "pdpl_enforce": false});
    let machine = server.machine_token(&server.host(), Permission::ALL).await;
    assert_eq!(server.post(&machine, CAMPAIGNS, &body).await.status, 403);
    let made = server.post(&token, CAMPAIGNS, &body).await;
    assert_eq!((made.status.as_u16(), &made.json["data"]["pdpl_enforce"]), (201, &json!(false)));
    let viewer = server.user_token(&server.host(), "viewer", Role::ReadOnly).await;
    assert_eq!(server.get(&viewer, CAMPAIGNS).await.json["total"], 1);
    assert_eq!(server.post(&viewer, CAMPAIGNS, &json!({"name": "x", "script_id": script})).await.status, 403);
    server.stop().await;
}

#[tokio::test]
async fn a_repeated_request_with_its_key_makes_one_campaign() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let script = server.script(&token, "Chào", "active").await;
    let (bearer, body) = (format!("Bearer {token}"), json!({"name": "May", "script_id": script}).to_string());
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/json"), ("idempotency-key", "may-1")];
    let first = server.send("POST", CAMPAIGNS, &headers, body.clone()).await;
    let second = server.send("POST", CAMPAIGNS, &headers, body).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201));
    assert_eq!(first.json["data"]["id"], second.json["data"]["id"]);
    assert_eq!(server.get(&token, CAMPAIGNS).await.json["total"], 1);
    server.stop().await;
}

#[tokio::test]
async fn reports_of_a_campaign_that_dialled_nobody_are_empty_and_whole() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let script = server.script(&token, "Chào", "active").await;
    let id = server.campaign(&token, script).await;
    server.take_in(&token, id, json!([{"phone": "0987654321"}])).await;
    let report = async |name: &str| server.get(&token, &format!("{CAMPAIGNS}/{id}/reports/{name}")).await;
    let kpis = report("kpis").await;
    let fields: Vec<_> = kpis.json["data"].as_object().unwrap().keys().cloned().collect();
    for field in [
        "total_leads",
        "dialed",
        "answered",
        "no_answer",
        "busy",
        "failed",
        "abandoned",
        "answer_rate_pct",
        "avg_call_duration_sec",
        "total_talk_time_sec",
        "dtmf_distribution",
        "transfer_to_queue_count",
        "transfer_success_rate_pct",
        "computed_at",
    ] {
        assert!(fields.iter().any(|name| name == field), "{field}");
    }
    assert_eq!((&kpis.json["data"]["total_leads"], &kpis.json["data"]["answer_rate_pct"]), (&json!(1), &json!("0.00")));
    for name in ["trend", "trend?granularity=hour", "hangup", "heatmap"] {
        assert_eq!(report(name).await.json["data"], json!([]), "{name}");
    }
    assert_eq!(report("comparison").await.json["data"]["current"]["dialed"], 0);
    assert_eq!(report("dtmf").await.json["data"][0]["digit"], "no_input");
    assert_eq!(
        report("funnel").await.json["data"][0],
        json!({"stage": "leads", "count": 1, "pct": "100.00", "step_pct": "100.00"})
    );
    assert_eq!(bad_fields(&report("kpis?from=x&to=y&timezone=Mars").await), ["from", "timezone", "to"]);
    assert_eq!(bad_fields(&report("trend?granularity=year").await), ["granularity"]);
    assert_eq!(bad_fields(&report("comparison?campaign_ids=77").await), ["campaign_ids"]);
    server.stop().await;
}
