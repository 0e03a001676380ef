//! Queues, tiers and agents over HTTP.

use domain::{Permission, Principal, TenantId, principal::Role};
use serde_json::{Value, json};
use store::testing::TENANT;

use super::tests::{House, house, user};

async fn with_queue() -> House {
    let house = house().await;
    house.ask("POST", "/api/pbx/extensions", Some(json!({"extension_number": "1001"}))).await;
    let body = json!({"name": "Hỗ trợ", "queue_number": "8001", "strategy": "ring-all"});
    let (status, answer) = house.ask("POST", "/api/pbx/queues", Some(body)).await;
    assert_eq!(status, 201, "{answer}");
    house
}

/// `Hỗ trợ` in a path.
const PATH: &str = "/api/pbx/queues/H%E1%BB%97%20tr%E1%BB%A3";

#[tokio::test]
async fn a_queue_lives_from_create_to_delete() {
    let house = with_queue().await;
    let (status, shown) = house.ask("GET", PATH, None).await;
    assert_eq!(status, 200);
    assert_eq!(
        shown["data"],
        json!({
            "name": "Hỗ trợ", "queue_number": "8001", "team_id": null, "strategy": "ring-all",
            "tier_rules_apply": false, "tier_rule_wait_second": 300, "tier_rule_wait_multiply_level": true,
            "tier_rule_no_agent_no_wait": false, "abandoned_resume_allowed": false, "discard_abandoned_after": 60,
            "max_wait_time": 0, "max_wait_time_with_no_agent": 0,
            "max_wait_time_with_no_agent_time_reached": "hangup", "time_base_score": "system",
            "recording_template": null, "status": "active", "ring_time": 20, "wrap_up_time": 10,
            "reject_delay_time": 10, "busy_delay_time": 60, "no_answer_delay_time": 5, "max_no_answer": 3,
            "announce_interval": 0, "announce_position": true, "announce_wait": false, "music_prompt_id": null,
            "greeting_prompt_id": null, "agent_prompt_id": null, "service_level_seconds": 20, "exit_key": null, "callback_key": null,
            "overflow_kind": null, "overflow_target": null, "created_at": "2026-02-03T04:05:06.000Z",
            "updated_at": "2026-02-03T04:05:06.000Z",
        })
    );
    let team = house.team().await;
    let change = json!({
        "strategy": "top-down", "callback_key": "1", "overflow_kind": "extension", "overflow_target": "1001",
        "max_wait_time": 120, "team_id": team,
    });
    let (status, changed) = house.ask("PUT", PATH, Some(change)).await;
    assert_eq!((status, changed["data"]["strategy"].as_str()), (200, Some("top-down")));
    assert_eq!(changed["data"]["overflow_target"], "1001");
    let (_, changed) = house.ask("PUT", PATH, Some(json!({"overflow_kind": null, "callback_key": null}))).await;
    assert_eq!((&changed["data"]["overflow_kind"], &changed["data"]["callback_key"]), (&Value::Null, &Value::Null));
    for (search, total) in [("h", 1), ("800", 1), ("sales", 0), ("%", 0)] {
        let (_, list) = house.ask("GET", &format!("/api/pbx/queues?per_page=1&search={search}"), None).await;
        assert_eq!(list["total"], total, "{search}");
    }
    assert_eq!(house.ask("DELETE", PATH, None).await.0, 200);
    assert_eq!(house.ask("GET", PATH, None).await.0, 404);
}

#[tokio::test]
async fn a_taken_name_or_number_is_a_conflict_and_one_422_names_every_bad_field() {
    let house = with_queue().await;
    for (name, number, code) in [
        ("Hỗ trợ", "8002", "pbx.queue_exists"),
        ("sales", "8001", "pbx.queue_number_exists"),
        ("sales", "1001", "pbx.queue_number_exists"),
    ] {
        let body = json!({"name": name, "queue_number": number});
        let (status, answer) = house.ask("POST", "/api/pbx/queues", Some(body)).await;
        assert_eq!((status, answer["code"].as_str()), (409, Some(code)), "{name} {number}");
    }
    let bad = json!({
        "name": "a/b", "queue_number": "12", "strategy": "fair", "time_base_score": "moon", "status": "off",
        "max_wait_time_with_no_agent_time_reached": "dance", "tier_rule_wait_second": 3601, "ring_time": 0,
        "exit_key": "12", "overflow_kind": "moon", "service_level_seconds": "x", "wrap_up_time": -1,
    });
    let (status, answer) = house.ask("POST", "/api/pbx/queues", Some(bad)).await;
    let mut named: Vec<&str> = answer["errors"].as_object().unwrap().keys().map(String::as_str).collect();
    named.sort_unstable();
    assert_eq!(status, 422);
    assert_eq!(
        named,
        [
            "exit_key",
            "max_wait_time_with_no_agent_time_reached",
            "name",
            "overflow_kind",
            "queue_number",
            "ring_time",
            "service_level_seconds",
            "status",
            "strategy",
            "tier_rule_wait_second",
            "time_base_score",
            "wrap_up_time",
        ]
    );
    let (_, answer) = house.ask("POST", "/api/pbx/queues", Some(json!({}))).await;
    assert_eq!(answer["errors"].as_object().unwrap().len(), 2);
    // What is not there, or another account's, can be named by nobody.
    for field in ["team_id", "music_prompt_id", "greeting_prompt_id", "agent_prompt_id"] {
        let (status, answer) = house.ask("PUT", PATH, Some(json!({ field: 4_711 }))).await;
        assert_eq!((status, answer["errors"].as_object().map(|errors| errors.contains_key(field))), (422, Some(true)));
    }
    let itself = json!({"overflow_kind": "queue", "overflow_target": "Hỗ trợ"});
    assert_eq!(house.ask("PUT", PATH, Some(itself)).await.0, 422);
    let keys = json!({"exit_key": "1", "callback_key": "1"});
    assert_eq!(house.ask("PUT", PATH, Some(keys)).await.0, 422);
}

#[tokio::test]
async fn an_extension_serves_a_queue_once() {
    let house = with_queue().await;
    let tiers = format!("{PATH}/tiers");
    let body = || Some(json!({"extension": "1001", "tier_level": 2, "tier_position": 3}));
    let (status, added) = house.ask("POST", &tiers, body()).await;
    assert_eq!((status, added), (201, json!({"data": {"extension": "1001", "tier_level": 2, "tier_position": 3}})));
    let (status, again) = house.ask("POST", &tiers, body()).await;
    assert_eq!((status, again["message"].as_str()), (409, Some("Extension already exists in this queue.")));
    let bad = json!({"extension": "1009", "tier_level": 10, "tier_position": 0});
    let (status, answer) = house.ask("POST", &tiers, Some(bad)).await;
    assert_eq!((status, answer["errors"].as_object().unwrap().len()), (422, 3));
    let (status, moved) = house.ask("PUT", &format!("{tiers}/1001"), Some(json!({"tier_level": 1}))).await;
    assert_eq!((status, &moved["data"]["tier_level"], &moved["data"]["tier_position"]), (200, &json!(1), &json!(3)));
    let (_, list) = house.ask("GET", &tiers, None).await;
    assert_eq!((&list["total"], &list["data"][0]["extension"]), (&json!(1), &json!("1001")));
    // An extension that is deleted serves nobody.
    house.ask("DELETE", "/api/pbx/extensions/1001", None).await;
    assert_eq!(house.ask("GET", &tiers, None).await.1["total"], 0);
    assert_eq!(house.ask("DELETE", &format!("{tiers}/1001"), None).await.0, 404);
}

#[tokio::test]
async fn agents_set_their_own_status_only() {
    let house = with_queue().await;
    house.ask("POST", "/api/pbx/extensions", Some(json!({"extension_number": "1002"}))).await;
    let scope = [Permission::PbxApiAccess];
    let agent = user(Role::Agent, &scope, Some("1001"));
    let body = || Some(json!({"status": "on_break", "break_reason": "Ăn trưa"}));
    let (status, set) = house.ask_as(&agent, "PUT", "/api/pbx/agents/1001/status", body()).await;
    assert_eq!(status, 200, "{set}");
    assert_eq!((set["data"]["status"].as_str(), set["data"]["state"].as_str()), (Some("on_break"), Some("on_break")));
    assert_eq!(set["data"]["break_reason"], "Ăn trưa");
    assert_eq!(house.ask_as(&agent, "PUT", "/api/pbx/agents/1002/status", body()).await.0, 403);
    assert_eq!(house.ask_as(&agent, "GET", "/api/pbx/agents/1002/status", None).await.0, 200);
    let viewer = user(Role::ReadOnly, &scope, Some("1001"));
    assert_eq!(house.ask_as(&viewer, "PUT", "/api/pbx/agents/1001/status", body()).await.0, 403);
    assert_eq!(house.ask("PUT", "/api/pbx/agents/1001/status", Some(json!({"status": "asleep"}))).await.0, 422);
    assert_eq!(house.ask("PUT", "/api/pbx/agents/1009/status", body()).await.0, 404);
    assert_eq!(house.ask_as(&Principal::system(TenantId(2)), "GET", "/api/pbx/agents/1001/status", None).await.0, 404);
    let (_, back) = house.ask("PUT", "/api/pbx/agents/1001/status", Some(json!({"status": "available"}))).await;
    assert_eq!((&back["data"]["break_reason"], back["data"]["status"].as_str()), (&Value::Null, Some("available")));
}

#[tokio::test]
async fn a_queues_status_says_who_is_there() {
    let house = with_queue().await;
    house.ask("POST", &format!("{PATH}/tiers"), Some(json!({"extension": "1001"}))).await;
    let (status, shown) = house.ask("GET", &format!("{PATH}/status"), None).await;
    assert_eq!(status, 200);
    let data = &shown["data"];
    assert_eq!((&data["waiting_count"], &data["longest_wait"]), (&json!(0), &json!(0)));
    assert_eq!(data["service_level"], json!({"seconds": 20, "percent": null}));
    assert_eq!(data["agents"][0]["extension"], "1001");
    assert_eq!(data["agents"][0]["state"], "unreachable");
    assert_eq!(data["today"]["offered"], 0);
    let foreign = Principal::system(TenantId(TENANT.0 + 1));
    assert_eq!(house.ask_as(&foreign, "GET", &format!("{PATH}/status"), None).await.0, 404);
    assert_eq!(house.ask_as(&user(Role::Agent, &[], None), "GET", &format!("{PATH}/status"), None).await.0, 403);
}
