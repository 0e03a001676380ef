//! SIPp as caller, callee and trunk: a foreign implementation on every side.

use testkit::{
    Sipp,
    sipp::scenario::{self, Answer},
    until,
    world::{NOTICED, PATIENCE},
};

use super::world;

/// SIPp's words for UDP and TCP, one socket for all calls.
const TRANSPORTS: [(&str, &str); 2] = [("udp", "u1"), ("tcp", "t1")];

#[tokio::test(flavor = "multi_thread")]
async fn sipp_calls_a_customer_over_the_trunk() {
    let world = world().await;
    let password = world.server.extension("1001").await.unwrap();
    let domain = world.server.sip().to_string();
    for ((name, transport), calls) in TRANSPORTS.into_iter().zip([5, 10]) {
        let caller = Sipp::new(&scenario::caller(&domain, "1001", &password, 300), world.server.spare(0))
            .remote(world.server.sip())
            .argument("-s", "84281234577")
            .argument("-t", transport)
            .calls(5, 5, 1);
        caller.run().await.unwrap().assert_successful(5);
        until(&format!("{calls} CDRs have arrived after those by {name}"), PATIENCE, async || {
            let all = world.receiver.deliveries();
            (all.iter().filter(|d| d.event() == "pbx.cdr.created" && d.verified()).count() == calls).then_some(())
        })
        .await
        .unwrap();
        assert_eq!(world.carrier.calls().len(), calls);
    }
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
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    for (name, _) in TRANSPORTS {
        let create = ["trunk", "create", "--name", name, "--host", &host, "--port", &port, "--transport", name];
        world.server.admin(&create).await.unwrap();
    }
    tokio::time::sleep(NOTICED).await;
    let rows = [
        (Answer::AcceptsAndLeaves { after_ms: 200 }, "NORMAL_CLEARING", 16, "answered"),
        (Answer::Refuses { status: 486, phrase: "Busy Here", reason: "" }, "USER_BUSY", 17, "busy"),
        // The trunk's Q.850 cause says more than its status (RFC 6432).
        (Answer::Refuses { status: 500, phrase: "Error", reason: "Q.850;cause=21" }, "CALL_REJECTED", 21, "rejected"),
        (Answer::Rings, "NO_ANSWER", 19, "no_answer"),
    ];
    for ((name, transport), (answer, cause, q850, result)) in
        TRANSPORTS.into_iter().flat_map(|transport| rows.map(|row| (transport, row)))
    {
        let sipp = Sipp::new(&scenario::callee(answer), address).argument("-t", transport);
        let sipp = sipp.calls(1, 1, 1).start().unwrap();
        // Nothing tells when it listens by TCP; a call before that would fail at once.
        until("SIPp listens", PATIENCE, async || {
            let by_tcp = tokio::net::TcpStream::connect(address).await.is_ok();
            (name == "udp" || by_tcp).then_some(())
        })
        .await
        .unwrap();
        let body = serde_json::json!({ "from_extension": "1001", "to_phone": "84281234570", "trunk_name": name });
        let reply = world.crm().post("/api/pbx/calls/click-to-call", &body).await.unwrap();
        assert_eq!(
            (reply.status, &reply.json["data"]["routing_mode"]),
            (202, &"direct_gateway".into()),
            "{}",
            reply.json
        );
        let call = reply.json["data"]["call_uuid"].as_str().unwrap();
        let created = world.event("pbx.cdr.created", call).await.unwrap();
        assert_eq!(created["hangup_cause"], cause, "{name} {answer:?}: {created}");
        let found = (&created["hangup_cause_q850"], &created["result"]);
        assert_eq!(found, (&q850.into(), &result.into()), "{name} {answer:?}");
        sipp.finish().await.unwrap().assert_successful(1);
    }
}
