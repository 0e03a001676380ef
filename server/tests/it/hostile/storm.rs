//! All of it at once: torture messages and hostile requests pour in, and calls go on as if nothing were.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use testkit::{RawPhone, World, until, world::PATIENCE};
use tokio::task::JoinSet;

use super::torture::messages;
use crate::calls::ZORIO;

/// Calls that are placed while the storm lasts.
const CALLS: usize = 12;

/// Hostile beyond the torture messages: wrong in the frame, the numbers, the nesting, or no SIP at all.
fn hostile() -> Vec<Vec<u8>> {
    let head =
        "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\n";
    let request = |line: &str, more: &str| format!("{line}\r\n{head}{more}\r\n").into_bytes();
    let mut all = vec![
        request("INVITE sip:1001@x SIP/2.0", &format!("CSeq: 0 {}\r\n", "A".repeat(600))),
        request("SUBSCRIBE sip:1001@x SIP/2.0", &format!("CSeq: 1 SUBSCRIBE\r\n{}", "Accept: ;;;\r\n".repeat(50))),
        request("INVITE sip:1001@x SIP/2.0", "CSeq: 1 INVITE\r\nX-Internal : 1\r\n"),
        request("INVITE sip: SIP/2.0", "CSeq: 1 INVITE\r\n"),
        request("INVITE sip:a@h:99999999999 SIP/2.0", "CSeq: 1 INVITE\r\n"),
        request("REGISTER sip:x SIP/2.0", "CSeq: 1 REGISTER\r\nContact: *\r\nExpires: 3600\r\n"),
        request("MESSAGE sip:1001@x SIP/2.0", &format!("CSeq: 1 MESSAGE\r\nUser-Agent: {}\r\n", "(".repeat(1_000))),
        request("INVITE sip:1001@x SIP/2.0", "CSeq: 1 INVITE\r\nMax-Forwards: 999\r\nSession-Expires: 1\r\n"),
        request("REFER sip:1001@x SIP/2.0", "CSeq: 1 REFER\r\nRefer-To: <sip:1900@x>\r\n"),
        request("BYE sip:1001@x SIP/2.0", "CSeq: 99999999999 BYE\r\n"),
        request("NOTIFY sip:1001@x SIP/2.0", "CSeq: 1 NOTIFY\r\nEvent: refer\r\n"),
        request(
            "INVITE sip:1001@x SIP/2.0",
            &format!("CSeq: 1 INVITE\r\nAuthorization: Digest {}\r\n", "a=b,".repeat(2_000)),
        ),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"\x80\x00\x00\x01\x00\x00\x00\x00".to_vec(),
        b"\x00\x01\x00\x00\x21\x12\xa4\x42".to_vec(),
        vec![0; 1_200],
        vec![b'\r', b'\n', b'\r', b'\n'],
        b"INVITE".to_vec(),
    ];
    for length in ["-1", "+10", "0x10", "10 10", "1e2", "99999999999999999999"] {
        all.push(request("OPTIONS sip:x SIP/2.0", &format!("CSeq: 1 OPTIONS\r\nContent-Length: {length}\r\n")));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_in_a_storm_of_torture_messages() {
    let settings = [
        ("ZORIO_LIMITS__CLICK_TO_CALL", "1000"),
        ("ZORIO_LIMITS__PBX", "10000"),
        ("ZORIO_SIP__STRANGER_RATE", "100000"),
        ("ZORIO_SIP__STRANGER_BURST", "100000"),
    ];
    let world = World::open(ZORIO, &settings).await.unwrap();
    let agents = [world.agent("1001").await.unwrap(), world.agent("1002").await.unwrap()];
    for agent in &agents {
        let path = format!("/api/pbx/extensions/{}", agent.extension());
        world.crm().put(&path, &serde_json::json!({ "max_concurrent": 10 })).await.unwrap();
    }
    let (over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut storm = JoinSet::new();
    {
        let (over, sent, server) = (Arc::clone(&over), Arc::clone(&sent), world.server.sip());
        storm.spawn(async move {
            let torture: Vec<Vec<u8>> = messages::all().into_iter().map(|(_, message)| message.to_vec()).collect();
            let all: Vec<Vec<u8>> = torture.into_iter().chain(hostile()).collect();
            let mut udp = RawPhone::open_at("127.5.5.5", "storm", "", server).await.unwrap();
            for message in all.iter().cycle() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                udp.send_bytes(message).await.unwrap();
                // Each in a connection of its own: after the first broken frame the server closes it.
                if let Ok(mut tcp) = RawPhone::connect("storm", "", server).await {
                    let _ = tcp.send_bytes(message).await;
                }
                sent.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    let mut calls = Vec::new();
    for index in 0..CALLS {
        let agent = &agents[index % agents.len()];
        calls.push(world.click(agent.extension(), &format!("8428123{index:03}6")).await.unwrap());
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    for call in &calls {
        let cdr = world.cdr(call).await.unwrap();
        assert_eq!((&cdr["result"], &cdr["hangup_cause"]), (&"answered".into(), &"NORMAL_CLEARING".into()), "{cdr}");
    }
    let rounds = messages::all().len() + hostile().len();
    until("every message was sent", PATIENCE, async || (sent.load(Ordering::Relaxed) >= rounds).then_some(()))
        .await
        .unwrap();
    over.store(true, Ordering::Relaxed);
    storm.join_all().await;
    assert!(!world.server.log().contains("panicked"), "{}", world.server.log());
    let list = world.crm().get("/api/pbx/cdr?per_page=200").await.unwrap();
    assert_eq!(list.json["total"], CALLS, "no record of a call that never was");
}
