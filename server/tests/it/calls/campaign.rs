//! Campaigns that call by themselves, with the voice that comes with the server.

use sandbox::Voice;
use serde_json::{Value, json};
use testkit::{World, world::PATIENCE};

use super::{queue::queue, world};

async fn post(world: &World, path: &str, body: &Value, status: u16) -> Value {
    let reply = world.crm().post(&format!("/api/autocall/{path}"), body).await.unwrap();
    assert_eq!(reply.status, status, "{path}: {}", reply.json);
    reply.json["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_hears_the_built_in_voice_presses_a_key_and_talks_with_an_agent() {
    let world = world().await;
    let agent = world.agent("1001").await.unwrap();
    queue(&world, json!({}), &["1001"]).await;
    let script = json!({
        "name": "hello", "template_text": "Xin chào, đây là cuộc gọi tự động. Bấm phím một để gặp nhân viên.",
        "voice_id": "vi-VN-female-01", "status": "active",
        "dtmf_actions": [
            { "digit": "1", "label": "support", "action_type": "queue", "target_queue_name": "support@default" },
        ],
    });
    let script = post(&world, "scripts", &script, 201).await["id"].clone();
    let campaign = post(&world, "campaigns", &json!({ "name": "reminders", "script_id": script }), 201).await;
    let campaign = campaign["id"].as_i64().unwrap();
    // The carrier's callee presses 1 a second after the answer.
    let number = "842877700019";
    let leads = json!({ "leads": [{ "phone": number }] });
    let taken = world.crm().post(&format!("/api/autocall/campaigns/{campaign}/leads"), &leads).await.unwrap();
    assert!(taken.status < 300, "{}", taken.json);
    let started = world.crm().post(&format!("/api/autocall/campaigns/{campaign}/start"), &json!({})).await.unwrap();
    assert!(started.status < 300, "{}", started.json);
    let far = world.carrier.call_to(number, PATIENCE).await.unwrap();
    let own = agent.call(PATIENCE, |call| !call.is_over()).await.unwrap();
    testkit::until("the two hear each other", PATIENCE, async || {
        let hears = far.heard_voice_lately() == Some(Voice::of_agent("1001"));
        (hears && own.heard_voice_lately() == Some(Voice::of_customer(number))).then_some(())
    })
    .await
    .unwrap();
    let heard = far.heard();
    let loudest = heard[..8_000].iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    assert!(loudest > 2_000, "something was said before: {loudest}");
    own.hang_up();
    let path = format!("/api/autocall/calls?campaign_id={campaign}");
    let attempt = testkit::until("the ledger is closed", PATIENCE, async || {
        let reply = world.crm().get(&path).await.ok()?;
        let attempt = reply.json["data"][0].clone();
        attempt["result"].is_string().then_some(attempt)
    })
    .await
    .unwrap();
    assert_eq!(attempt["result"], "answered", "{attempt}");
    assert_eq!(attempt["digits"], "1", "{attempt}");
    testkit::until("the campaign is over", PATIENCE, async || {
        let reply = world.crm().get(&format!("/api/autocall/campaigns/{campaign}")).await.ok()?;
        (reply.json["data"]["status"] == "finished").then_some(())
    })
    .await
    .unwrap();
    let kpis = world.crm().get(&format!("/api/autocall/campaigns/{campaign}/reports/kpis")).await.unwrap();
    assert_eq!(kpis.json["data"]["answered"], 1, "{}", kpis.json);
    assert_eq!(kpis.json["data"]["transfer_to_queue_count"], 1, "{}", kpis.json);
}
