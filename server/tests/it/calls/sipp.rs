//! SIPp as caller, callee and trunk: a foreign implementation on every side.

use testkit::{
    Sipp,
    sipp::scenario::{self, Answer},
    until,
    world::{NOTICED, PATIENCE},
};

use super::world;

#[tokio::test(flavor = "multi_thread")]
async fn sipp_calls_a_customer_over_the_trunk() {
    let world = world().await;
    let password = world.server.extension("1001").await.unwrap();
    let domain = world.server.sip().to_string();
    let caller = Sipp::new(&scenario::caller(&domain, "1001", &password, 300), world.server.spare(0))
        .remote(world.server.sip())
        .argument("-s", "84281234577")
        .calls(5, 5, 1);
    caller.run().await.unwrap().assert_successful(5);
    until("five CDRs arrive", PATIENCE, async || {
        let all = world.receiver.deliveries();
        (all.iter().filter(|d| d.event() == "pbx.cdr.created" && d.verified()).count() == 5).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(world.carrier.calls().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn sipp_registers_and_is_called() {
    let world = world().await;
    let _agent = world.agent("1001").await.unwrap();
    let password = world.server.extension("1002").await.unwrap();
    let domain = world.server.sip().to_string();
    let address = world.server.spare(0);
    let registers = Sipp::new(&scenario::register(&domain, "1002", &password), address).remote(world.server.sip());
    registers.calls(1, 1, 1).run().await.unwrap().assert_successful(1);
    let callee = Sipp::new(&scenario::callee(Answer::AcceptsAndLeaves { after_ms: 300 }), address);
    let callee = callee.calls(1, 1, 1).start().unwrap();
    let call = world.click("1002", "84281234577").await.unwrap();
    let hangup = world.event("pbx.call.hangup", &call).await.unwrap();
    assert_eq!(hangup["hangup_by"], "caller", "{hangup}");
    callee.finish().await.unwrap().assert_successful(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sipp_is_the_trunk_and_its_reason_becomes_the_cause() {
    let world = world().await;
    let _agent = world.agent("1001").await.unwrap();
    let address = world.server.spare(0);
    let trunk = world.server.trunk("sipp", address).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    for (answer, cause, q850, result) in [
        (Answer::AcceptsAndLeaves { after_ms: 200 }, "NORMAL_CLEARING", 16, "answered"),
        (Answer::Refuses { status: 486, phrase: "Busy Here", reason: "" }, "USER_BUSY", 17, "busy"),
        // The trunk's Q.850 cause says more than its status (RFC 6432).
        (Answer::Refuses { status: 500, phrase: "Error", reason: "Q.850;cause=21" }, "CALL_REJECTED", 21, "rejected"),
        (Answer::Rings, "NO_ANSWER", 19, "no_answer"),
    ] {
        let sipp = Sipp::new(&scenario::callee(answer), address).calls(1, 1, 1).start().unwrap();
        let body = serde_json::json!({ "from_extension": "1001", "to_phone": "84281234570", "trunk_id": trunk });
        let reply = world.crm().post("/api/pbx/calls/click-to-call", &body).await.unwrap();
        assert_eq!(
            (reply.status, &reply.json["data"]["routing_mode"]),
            (202, &"direct_gateway".into()),
            "{}",
            reply.json
        );
        let call = reply.json["data"]["call_uuid"].as_str().unwrap();
        let created = world.event("pbx.cdr.created", call).await.unwrap();
        assert_eq!(created["hangup_cause"], cause, "{answer:?}: {created}");
        assert_eq!((&created["hangup_cause_q850"], &created["result"]), (&q850.into(), &result.into()), "{answer:?}");
        sipp.finish().await.unwrap().assert_successful(1);
    }
}
