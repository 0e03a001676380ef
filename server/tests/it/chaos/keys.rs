//! `kill -9` between what a request does and its answer: with an `Idempotency-Key` it is done once.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use http::Method;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sandbox::Crm;
use testkit::Server;
use tokio::task::JoinSet;

use crate::calls::ZORIO;

/// How often the server is killed.
const KILLS: u32 = 25;
const PATH: &str = "/api/pbx/extensions/1001/rotate-password";

async fn rotate(crm: &Crm, key: &str) -> std::io::Result<(u16, String)> {
    let headers = [("idempotency-key", key), ("content-type", "application/json")];
    let reply = crm.send(Method::POST, PATH, &headers, Bytes::from_static(b"{}")).await?;
    Ok((reply.status, reply.json["code"].as_str().unwrap_or_default().to_owned()))
}

#[tokio::test]
async fn a_request_with_a_key_is_done_once_whenever_the_server_is_killed() {
    let mut server = Server::start(ZORIO, &[("ZORIO_LIMITS__PBX", "100000")]).await.unwrap();
    server.extension("1001").await.unwrap();
    let mut random = StdRng::seed_from_u64(7);
    let (mut lost, mut replayed) = (0, 0);
    for round in 0..KILLS {
        let key = format!("key-{round}");
        let crm = server.crm().clone();
        let mut first = JoinSet::new();
        {
            let key = key.clone();
            first.spawn(async move { rotate(&crm, &key).await });
        }
        tokio::time::sleep(Duration::from_micros(random.random_range(0..12_000))).await;
        server.kill().await.unwrap();
        let first = first.join_next().await.unwrap().unwrap();
        server.launch().await.unwrap();
        // Whether or not the first answer came, the client repeats the request until it gets one.
        let (status, code) = rotate(server.crm(), &key).await.unwrap();
        match (status, code.as_str()) {
            (200, _) => replayed += u32::from(first.is_ok()),
            (409, "idempotency.answer_lost") => lost += 1,
            other => panic!("round {round}: {other:?}"),
        }
        if matches!(first, Ok((200, _))) {
            assert_eq!(status, 200, "an answer that was sent is kept");
        }
    }
    let rows = "select action, cast(count(*) as text) from audit_log where action = 'extension.rotate_password' \
                group by action";
    let done: HashMap<_, _> = server.database().rows(&server.data_folder(), rows).await.unwrap().into_iter().collect();
    assert_eq!(done["extension.rotate_password"], KILLS.to_string(), "{lost} answers lost, {replayed} replayed");
}
