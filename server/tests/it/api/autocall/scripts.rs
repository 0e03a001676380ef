//! Scripts, their variables, and what their keys lead to.

use serde_json::json;

use super::bad_fields;
use crate::support::TestServer;

const SCRIPTS: &str = "/api/autocall/scripts";

#[tokio::test]
async fn a_script_has_the_published_defaults_and_comes_back_as_it_was_written() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let body = json!({
        "name": "Nhắc lịch", "description": "Tháng 5", "voice_id": "vi-VN-female-01",
        "template_text": "Xin chào {{customer_name}}, hẹn {{appointment_date}}. Xin chào {{customer_name}}.",
        "dtmf_actions": [
            {"digit": "1", "label": "Nghe lại", "action_type": "repeat_script", "target_queue_name": "not used"},
            {"digit": "#", "label": "Thôi", "action_type": "hangup"},
        ],
    });
    let made = server.post(&token, SCRIPTS, &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let data = &made.json["data"];
    assert_eq!(
        (&data["status"], &data["tts_tier"], &data["max_repeat_per_attempt"], &data["variables"]),
        (&json!("draft"), &json!("B"), &json!(1), &json!(["customer_name", "appointment_date"]))
    );
    assert_eq!(
        data["dtmf_actions"][0]["target_queue_name"],
        json!(null),
        "targets that the action has not are dropped"
    );
    let shown = server.get(&token, &format!("{SCRIPTS}/{}", data["id"])).await;
    assert_eq!(shown.json, made.json);
    assert_eq!(server.get(&token, SCRIPTS).await.json["data"], json!([data]));
    assert_eq!(server.get(&token, &format!("{SCRIPTS}?status=active")).await.json["total"], 0);

    let voices = server.get(&token, "/api/autocall/voices").await;
    assert_eq!(voices.json["data"][0]["id"], "vi-VN-female-01");
    let types = server.get(&token, "/api/autocall/dtmf-action-types").await;
    assert_eq!(types.json["data"].as_array().unwrap().len(), 6);
    server.stop().await;
}

#[tokio::test]
async fn one_422_lists_everything_that_is_wrong_with_a_script() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let missing = server.post(&token, SCRIPTS, &json!({})).await;
    assert_eq!(bad_fields(&missing), ["name", "template_text", "voice_id"]);
    let wrong = json!({
        "name": "x".repeat(256), "template_text": "Chào {{Tên}} và {{x", "voice_id": "nobody", "tts_tier": "C",
        "max_repeat_per_attempt": 6, "status": "on",
        "dtmf_actions": [
            {"digit": "a", "action_type": "hangup"},
            {"digit": "2", "action_type": "sing"},
            {"digit": "3", "action_type": "queue"},
            {"digit": "4", "action_type": "playback", "target_audio_url": "http://elsewhere/x.wav"},
        ],
    });
    let wrong = server.post(&token, SCRIPTS, &wrong).await;
    assert_eq!(
        bad_fields(&wrong),
        [
            "dtmf_actions.0.digit",
            "dtmf_actions.1.action_type",
            "dtmf_actions.2.target_queue_name",
            "dtmf_actions.3.target_audio_url",
            "max_repeat_per_attempt",
            "name",
            "status",
            "template_text",
            "tts_tier",
            "voice_id",
        ]
    );
    assert_eq!(wrong.json["errors"]["voice_id"], json!(["Voice not available."]));
    let target = json!({
        "name": "S", "template_text": "Chào", "voice_id": "vi-VN-female-01",
        "dtmf_actions": [
            {"digit": "1", "action_type": "queue", "target_queue_name": "nobody@default"},
            {"digit": "2", "action_type": "playback", "target_audio_url": "/media/none.wav"},
            {"digit": "3", "action_type": "switch_script", "target_script_id": 77},
        ],
    });
    let target = server.post(&token, SCRIPTS, &target).await;
    assert_eq!(
        bad_fields(&target),
        ["dtmf_actions.0.target_queue_name", "dtmf_actions.1.target_audio_url", "dtmf_actions.2.target_script_id"]
    );
    for text in ["Chào 😀", "Chào {x}", "   "] {
        let body = json!({"name": "S", "template_text": text, "voice_id": "vi-VN-female-01"});
        assert_eq!(bad_fields(&server.post(&token, SCRIPTS, &body).await), ["template_text"], "{text}");
    }
    let huge = json!({"name": "S", "template_text": "a".repeat(10_000_000), "voice_id": "vi-VN-female-01"});
    assert_eq!(server.post(&token, SCRIPTS, &huge).await.status, 413);
    assert_eq!(server.get(&token, SCRIPTS).await.json["total"], 0, "nothing of it was kept");
    server.stop().await;
}

#[tokio::test]
async fn scripts_never_lead_back_to_one_that_was_heard() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let (first, second) = (server.script(&token, "Một", "draft").await, server.script(&token, "Hai", "draft").await);
    let leads_to = |target: i64| json!({"dtmf_actions": [{"digit": "1", "action_type": "switch_script", "target_script_id": target}]});
    let path = |id: i64| format!("{SCRIPTS}/{id}");
    let itself = server.write("PUT", &token, &path(first), &leads_to(first)).await;
    assert_eq!(bad_fields(&itself), ["dtmf_actions"]);
    assert_eq!(server.write("PUT", &token, &path(first), &leads_to(second)).await.status, 200);
    let circle = server.write("PUT", &token, &path(second), &leads_to(first)).await;
    assert_eq!(bad_fields(&circle), ["dtmf_actions"]);

    // What is used may only lead to what can be used.
    let active = json!({"status": "active"});
    let early = server.write("PUT", &token, &path(first), &active).await;
    assert_eq!(bad_fields(&early), ["dtmf_actions.0.target_script_id"]);
    assert_eq!(server.write("PUT", &token, &path(second), &active).await.status, 200);
    assert_eq!(server.write("PUT", &token, &path(first), &active).await.status, 200);
    let archived = json!({"status": "archived"});
    assert_eq!(server.write("PUT", &token, &path(second), &archived).await.status, 409, "the first leads to it");
    assert_eq!(server.write("DELETE", &token, &path(second), &json!({})).await.status, 409);
    assert_eq!(server.write("PUT", &token, &path(first), &archived).await.status, 200);
    let back = server.write("PUT", &token, &path(first), &json!({"status": "draft"})).await;
    assert_eq!((back.status.as_u16(), &back.json["code"]), (409, &json!("autocall.state")));
    assert_eq!(server.write("DELETE", &token, &path(first), &json!({})).await.status, 200);
    assert_eq!(server.write("DELETE", &token, &path(second), &json!({})).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_variable_that_a_script_names_stays() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let variables = "/api/autocall/variables";
    let made = server.post(&token, variables, &json!({"variable_code": "amount", "type": "currency"})).await;
    assert_eq!((made.status.as_u16(), &made.json["data"]["label"]), (201, &json!("amount")));
    assert_eq!(server.post(&token, variables, &json!({"variable_code": "amount"})).await.status, 409);
    for code in ["Amount", "1st", "số", "a b"] {
        assert_eq!(
            bad_fields(&server.post(&token, variables, &json!({"variable_code": code})).await),
            ["variable_code"]
        );
    }
    let path = format!("{variables}/{}", made.json["data"]["id"]);
    let script = server.script(&token, "Bạn nợ {{amount}}", "draft").await;
    assert_eq!(server.write("DELETE", &token, &path, &json!({})).await.status, 409);
    assert_eq!(server.write("PUT", &token, &path, &json!({"variable_code": "sum"})).await.status, 409);
    let renamed = server.write("PUT", &token, &path, &json!({"label": "Số tiền"})).await;
    assert_eq!((renamed.status.as_u16(), &renamed.json["data"]["label"]), (200, &json!("Số tiền")));
    server.write("DELETE", &token, &format!("{SCRIPTS}/{script}"), &json!({})).await;
    assert_eq!(server.write("DELETE", &token, &path, &json!({})).await.status, 200);
    assert_eq!(server.get(&token, &path).await.status, 404);
    server.stop().await;
}
