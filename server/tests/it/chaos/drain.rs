//! SIGTERM: no new calls, live calls go on for a while, then they end in order, and nothing is lost.

use std::time::Duration;

use serde_json::json;
use testkit::{World, until, world::PATIENCE};

use crate::calls::ZORIO;

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_server_refuses_new_calls_lets_live_ones_go_on_and_writes_every_record() {
    let mut world = World::open(ZORIO, &[("ZORIO_DRAIN_SECONDS", "3")]).await.unwrap();
    let (short, long) = (world.agent("1001").await.unwrap(), world.agent("1002").await.unwrap());
    let ends_by_itself = world.click("1001", "84281234578").await.unwrap();
    let is_cut = world.click("1002", "84281234588").await.unwrap();
    for call in [&ends_by_itself, &is_cut] {
        world.event("pbx.call.answered", call).await.unwrap();
    }
    let (near, stays) = (short.call(PATIENCE, |_| true).await.unwrap(), long.call(PATIENCE, |_| true).await.unwrap());

    world.server.terminate().unwrap();
    until("the server says that it drains", PATIENCE, async || {
        let reply = world.crm().get("/readyz").await.ok()?;
        (reply.status == 503).then_some(())
    })
    .await
    .unwrap();
    let wish = json!({ "from_extension": "1001", "to_phone": "84281234578" });
    let refused = world.crm().post("/api/pbx/calls/click-to-call", &wish).await.unwrap();
    assert_eq!((refused.status, &refused.json["code"]), (503, &"pbx.draining".into()), "{}", refused.json);
    assert!(!refused.header("retry-after").is_empty());
    // The call that is up is not touched: it ends when its party hangs up.
    near.hang_up();
    let hangup = world.event("pbx.call.hangup", &ends_by_itself).await.unwrap();
    assert_eq!(hangup["hangup_cause"], "NORMAL_CLEARING", "{hangup}");

    let status = world.server.ended(Duration::from_secs(20)).await.unwrap();
    assert!(status.success(), "{status}");
    assert!(stays.over(PATIENCE).await.is_some(), "a call that outlives the drain gets its BYE");
    world.server.launch().await.unwrap();
    let cdr = world.cdr(&is_cut).await.unwrap();
    assert_eq!(
        (&cdr["result"], &cdr["hangup_cause"], &cdr["hangup_by"]),
        (&"answered".into(), &"NORMAL_TEMPORARY_FAILURE".into(), &"system".into()),
        "{cdr}"
    );
    world.event("pbx.cdr.created", &is_cut).await.unwrap();
    world.event("pbx.cdr.created", &ends_by_itself).await.unwrap();
}
