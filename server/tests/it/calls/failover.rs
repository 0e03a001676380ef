//! Trunks with names: where the carrier is, and where it is when its first place is not.

use std::net::IpAddr;

use sandbox::{Carrier, carrier};
use serde_json::json;
use testkit::{
    Dns, World,
    dns::Record,
    world::{NOTICED, PATIENCE},
};

use super::ZORIO;

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_by_name_is_reached_at_the_next_server_when_the_first_is_silent() {
    let dns = Dns::open().await.unwrap();
    let servers = dns.address().to_string();
    let world = World::open(ZORIO, &[("ZORIO_SIP__DNS_SERVERS", &servers)]).await.unwrap();
    let _agent = world.agent("1001").await.unwrap();
    let second = Carrier::open(carrier::Config::on_loopback(), world.media.clone()).await.unwrap();
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server =
        |priority, port, target: &str| Record::Service { priority, weight: 1, port, target: target.to_owned() };
    dns.set(
        "_sip._udp.carrier.example",
        vec![
            server(20, second.address().port(), "b.carrier.example"),
            server(10, silent.local_addr().unwrap().port(), "a.carrier.example"),
        ],
    );
    let here: IpAddr = "127.0.0.1".parse().unwrap();
    dns.set_addresses("a.carrier.example", &[here]);
    dns.set_addresses("b.carrier.example", &[here]);
    world.server.admin(&["trunk", "create", "--name", "named", "--host", "carrier.example"]).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    // Two numbers: the carrier remembers the call to the first.
    for number in ["84281234577", "84281234578"] {
        let body = json!({"from_extension": "1001", "to_phone": number, "trunk_name": "named"});
        let reply = world.crm().post("/api/pbx/calls/click-to-call", &body).await.unwrap().expect_status(202).unwrap();
        let call =
            reply.json["data"]["call_uuid"].as_str().or_else(|| reply.json["call_uuid"].as_str()).unwrap().to_owned();
        let far = second.call_to(number, PATIENCE).await.expect("the second server is called");
        world.event("pbx.call.answered", &call).await.unwrap();
        far.hang_up();
        let cdr = world.event("pbx.cdr.created", &call).await.unwrap();
        assert_eq!((&cdr["result"], &cdr["hangup_by"]), (&"answered".into(), &"callee".into()), "{cdr}");
        // The answers of the first call serve the second one.
        dns.set_silent(true);
    }
}
