//! Leads and blocked numbers.

use serde_json::{Value, json};

use super::bad_fields;
use crate::support::TestServer;

#[tokio::test]
async fn each_number_is_kept_once_and_comes_back_as_it_was_written() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let script = server.script(&token, "Chào", "active").await;
    let id = server.campaign(&token, script).await;
    server.post(&token, "/api/autocall/blacklist", &json!({"phone": "0900000009"})).await;
    let done = server
        .take_in(
            &token,
            id,
            json!([
                {"phone": "0987654321", "external_ref": "A-1"},
                {"phone_number": "84912345678", "variables": {"note": "older names"}},
                {"phone": "+84 987 654 321"},
                {"phone": "+84900000009"},
                {"phone": "front desk"},
                {"payload": {}},
                "0987654322",
            ]),
        )
        .await;
    assert_eq!(
        (&done["inserted"], &done["updated"], &done["skipped_duplicate"], &done["dnc"]),
        (&json!(2), &json!(0), &json!(1), &json!(1))
    );
    let invalid: Vec<_> = done["invalid"].as_array().unwrap().iter().map(|lead| lead["index"].clone()).collect();
    assert_eq!(invalid, [4, 5, 6]);
    assert_eq!(done["invalid"][0]["errors"]["phone"], json!(["Phone format is invalid."]), "{done}");

    let path = format!("/api/autocall/campaigns/{id}/leads");
    let list = server.get(&token, &path).await;
    let phones: Vec<_> =
        list.json["data"].as_array().unwrap().iter().map(|lead| (&lead["phone"], &lead["phone_number"])).collect();
    assert_eq!(phones, [(&json!("84987654321"), &json!("0987654321")), (&json!("84912345678"), &json!("84912345678"))]);
    assert_eq!(list.json["data"][1]["payload"], json!({"note": "older names"}));
    for (query, total) in [
        ("phone=0987", 1),
        ("phone=%2B84912345678", 1),
        ("phone=0666", 0),
        ("external_ref=A-1", 1),
        ("status=completed", 0),
    ] {
        assert_eq!(server.get(&token, &format!("{path}?{query}")).await.json["total"], total, "{query}");
    }
    let again = server.post(&token, &format!("{path}/import"), &json!({
        "leads": [{"phone": "0987654321", "payload": {"note": "new"}}, {"phone": "0987654323"}], "on_duplicate": "update",
    })).await;
    assert_eq!((&again.json["data"]["inserted"], &again.json["data"]["updated"]), (&json!(1), &json!(1)));
    let lead = server.get(&token, &format!("/api/autocall/leads/{}", list.json["data"][0]["id"])).await;
    assert_eq!(
        (&lead.json["data"]["payload"], &lead.json["data"]["external_ref"], &lead.json["data"]["attempts"]),
        (&json!({"note": "new"}), &json!("A-1"), &json!([]))
    );
    let path = format!("/api/autocall/leads/{}", list.json["data"][0]["id"]);
    assert_eq!(server.write("DELETE", &token, &path, &json!({})).await.status, 200);
    assert_eq!(server.get(&token, &path).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn a_lead_says_every_variable_of_every_script_that_it_may_hear() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    for (code, kind) in [("customer_name", "name"), ("amount", "currency"), ("due", "date")] {
        server.post(&token, "/api/autocall/variables", &json!({"variable_code": code, "type": kind})).await;
    }
    let second = server.script(&token, "Hạn {{due}}", "active").await;
    let first = json!({
        "name": "First", "template_text": "Chào {{customer_name}}, bạn nợ {{amount}}.", "voice_id": "vi-VN-female-01",
        "status": "active",
        "dtmf_actions": [{"digit": "1", "action_type": "switch_script", "target_script_id": second}],
    });
    let first = server.post(&token, "/api/autocall/scripts", &first).await.json["data"]["id"].as_i64().unwrap();
    let id = server.campaign(&token, first).await;
    let whole = json!({"customer_name": "Trần Lan", "amount": 1_500_000, "due": "2026-06-30"});
    let without = |code: &str| {
        let mut payload = whole.clone();
        payload.as_object_mut().unwrap().remove(code);
        payload
    };
    let mut unreadable = whole.clone();
    unreadable["due"] = json!("tomorrow");
    let done = server
        .take_in(
            &token,
            id,
            json!([
                {"phone": "0987000001", "payload": whole},
                {"phone": "0987000002", "payload": without("due")},
                {"phone": "0987000003", "payload": unreadable},
                {"phone": "0987000004"},
                {"phone": "0987000005", "payload": "text"},
            ]),
        )
        .await;
    assert_eq!(done["inserted"], 1);
    let errors =
        |at: usize| -> Vec<String> { done["invalid"][at]["errors"].as_object().unwrap().keys().cloned().collect() };
    assert_eq!(errors(0), ["payload.due"]);
    assert_eq!(errors(1), ["payload.due"]);
    assert_eq!(errors(2), ["payload.amount", "payload.customer_name", "payload.due"]);
    assert_eq!(errors(3), ["payload"]);
    let other = server.script(&token, "Khác", "active").await;
    let moved =
        server.write("PUT", &token, &format!("/api/autocall/campaigns/{id}"), &json!({"script_id": other})).await;
    assert_eq!(bad_fields(&moved), ["script_id"], "the leads speak for the first");
    server.stop().await;
}

#[tokio::test]
async fn five_thousand_leads_are_taken_at_once_and_no_more() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let script = server.script(&token, "Chào", "active").await;
    let id = server.campaign(&token, script).await;
    let leads = |count: usize| (0..count).map(|n| json!({"phone": format!("098{n:07}")})).collect::<Vec<Value>>();
    let path = format!("/api/autocall/campaigns/{id}/leads");
    for wrong in [json!({}), json!({"leads": []}), json!({"leads": leads(5_001)}), json!({"leads": "all"})] {
        assert_eq!(bad_fields(&server.post(&token, &path, &wrong).await), ["leads"]);
    }
    assert_eq!(server.get(&token, &path).await.json["total"], 0, "nothing of it was kept");
    let done = server.take_in(&token, id, Value::from(leads(5_000))).await;
    assert_eq!((&done["inserted"], &done["invalid"]), (&json!(5_000), &json!([])));
    assert_eq!(server.get(&token, &path).await.json["total"], 5_000);
    server.stop().await;
}

#[tokio::test]
async fn a_number_is_blocked_once_for_all_campaigns() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let path = "/api/autocall/blacklist";
    let made = server.post(&token, path, &json!({"phone": "0912 345 678", "reason": "asked"})).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(
        (&made.json["data"]["phone"], &made.json["data"]["phone_number"], &made.json["data"]["created_by"]),
        (&json!("84912345678"), &json!("0912 345 678"), &json!("admin"))
    );
    assert_eq!(server.post(&token, path, &json!({"phone_number": "+84912345678"})).await.status, 409);
    assert_eq!(bad_fields(&server.post(&token, path, &json!({"phone": "me"})).await), ["phone"]);
    assert_eq!(server.get(&token, &format!("{path}?phone=0912")).await.json["total"], 1);
    let one = format!("{path}/{}", made.json["data"]["id"]);
    assert_eq!(server.write("DELETE", &token, &one, &json!({})).await.status, 200);
    assert_eq!(server.write("DELETE", &token, &one, &json!({})).await.status, 404);
    server.stop().await;
}
