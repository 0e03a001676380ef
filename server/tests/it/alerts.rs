//! From what goes wrong to who is told, through the whole server.

use std::{collections::HashSet, sync::Arc, time::Duration};

use sandbox::{Receiver, receiver};
use serde_json::Value;
use store::{DatabaseUrl, Db, Options, sql};
use testkit::{Server, wait::until};
use tokio::task::JoinSet;

use crate::relay::Relay;

const PATIENCE: Duration = Duration::from_secs(30);

/// Returns the incidents of a kind as (opened, resolved).
async fn incidents(server: &Server, kind: &str) -> Vec<(String, Value)> {
    let list = server.admin(&["alert", "incidents"]).await.unwrap();
    let of_kind = list.as_array().unwrap().iter().filter(|incident| incident["kind"] == kind);
    of_kind.map(|incident| (incident["opened_at"].to_string(), incident["resolved_at"].clone())).collect()
}

/// Returns the letters, each once: what a kill cuts off after it was sent is sent again under the same id, by which
/// its reader's mailbox knows it.
fn letters(relay: &Relay) -> Vec<String> {
    let mut known = HashSet::new();
    relay.letters().into_iter().filter(|letter| known.insert(line(letter, "Message-ID:"))).collect()
}

fn posts(receiver: &Receiver) -> Vec<Arc<receiver::Delivery>> {
    receiver.deliveries().into_iter().filter(|post| !post.duplicate).collect()
}

/// Changes the database beside the running server.
async fn update(server: &Server, text: &'static str) {
    let url = match server.database().url() {
        Some(url) => url.parse().unwrap(),
        None => DatabaseUrl::Sqlite(server.data_folder().join("zorio.db")),
    };
    let db = Db::open(&url, Options::default()).await.unwrap();
    let mut tx = db.begin_any_tenant().await.unwrap();
    sql(text).run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn an_alert_reaches_people_and_programs_once_although_the_server_is_killed() {
    let relay = Relay::start().await;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let listen = "127.0.0.1:0".parse().unwrap();
    let receiver = Receiver::open(receiver::Config { listen, ca_file: ca_file.clone() }).await.unwrap();
    let port = relay.port.to_string();
    let mut server = Server::start(
        env!("CARGO_BIN_EXE_zorio"),
        &[
            ("ZORIO_MAIL__HOST", "127.0.0.1"),
            ("ZORIO_MAIL__PORT", &port),
            ("ZORIO_MAIL__SECURITY", "none"),
            ("ZORIO_MAIL__FROM", "Zorio <pbx@example.com>"),
            ("ZORIO_WEBHOOKS__CA_FILE", ca_file.to_str().unwrap()),
            ("ZORIO_ALERTS__CHECK_SECONDS", "1"),
            ("ZORIO_ALERTS__SETTLE_SECONDS", "0"),
        ],
    )
    .await
    .unwrap();
    let url = receiver.url("/alerts");
    let set = ["alert", "set", "trunk_down", "--mail", "lan@example.com", "--url", &url];
    let rule = server.admin(&set).await.unwrap();
    receiver.set_secret("/alerts", rule["secret"].as_str().unwrap());
    let tested = server.admin(&["alert", "test", "trunk_down"]).await.unwrap();
    assert!(tested.as_array().unwrap().iter().all(|test| test["error"].is_null()), "{tested}");
    assert_eq!(relay.letters().len(), 1);
    assert!(relay.letters()[0].contains("This is a test"), "{:?}", relay.letters());

    // A webhook that is suspended: done by the host's own hand, since it takes fifty dead letters.
    let set = ["alert", "set", "webhook_suspended", "--mail", "lan@example.com", "--url", &url];
    let rule = server.admin(&set).await.unwrap();
    receiver.set_secret("/alerts", rule["secret"].as_str().unwrap());
    server.webhook(&receiver.url("/crm"), "pbx.cdr.created").await.unwrap();
    update(&server, "update webhook set status = 'suspended'").await;
    server.kill().await.unwrap();
    server.launch().await.unwrap();
    until("a letter", PATIENCE, async || (letters(&relay).len() >= 2).then_some(())).await.unwrap();
    server.kill().await.unwrap();
    server.launch().await.unwrap();
    assert_eq!(incidents(&server, "webhook_suspended").await.len(), 1);

    update(&server, "update webhook set status = 'active'").await;
    until("its end", PATIENCE, async || {
        let ended = incidents(&server, "webhook_suspended").await.iter().all(|(_, resolved)| resolved.is_string());
        // What a kill cut off goes out again when its lease is over.
        (ended && letters(&relay).len() >= 3 && posts(&receiver).len() >= 3).then_some(())
    })
    .await
    .unwrap();
    let subjects: Vec<_> = letters(&relay).iter().map(|letter| line(letter, "Subject:")).collect();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    assert!(subjects[1].contains("[Alert]") && subjects[1].contains("is suspended"), "{subjects:?}");
    assert!(subjects[2].contains("[Resolved]"), "{subjects:?}");
    let mut events: Vec<_> = posts(&receiver).iter().map(|post| (post.event().to_owned(), post.verified())).collect();
    events.sort();
    let raised = ("alert.raised".to_owned(), true);
    assert_eq!(events, [raised.clone(), raised, ("alert.resolved".to_owned(), true)]);
    server.stop(Duration::from_secs(20)).await.unwrap();
}

fn line(letter: &str, name: &str) -> String {
    letter.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_trunk_that_stays_silent_is_down_until_it_answers() {
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut server = Server::start(
        env!("CARGO_BIN_EXE_zorio"),
        &[
            ("ZORIO_ALERTS__TRUNK_SECONDS", "1"),
            ("ZORIO_ALERTS__CHECK_SECONDS", "1"),
            ("ZORIO_ALERTS__SETTLE_SECONDS", "0"),
        ],
    )
    .await
    .unwrap();
    server.trunk("carrier", silent.local_addr().unwrap()).await.unwrap();
    until("the alert", Duration::from_secs(60), async || {
        (incidents(&server, "trunk_down").await.len() == 1).then_some(())
    })
    .await
    .unwrap();
    // From now on it answers, and be it with a refusal.
    let mut answering = JoinSet::new();
    answering.spawn(async move {
        let mut bytes = [0; 4096];
        loop {
            let (length, from) = silent.recv_from(&mut bytes).await.unwrap();
            let request = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let copied = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
            let lines = request.lines().filter(|line| copied.iter().any(|name| line.starts_with(name)));
            let head: String = lines.map(|line| format!("{line}\r\n")).collect();
            let answer = format!("SIP/2.0 403 Forbidden\r\n{head}Content-Length: 0\r\n\r\n");
            silent.send_to(answer.as_bytes(), from).await.unwrap();
        }
    });
    until("its end", PATIENCE, async || {
        incidents(&server, "trunk_down").await.iter().all(|(_, resolved)| resolved.is_string()).then_some(())
    })
    .await
    .unwrap();
    server.stop(Duration::from_secs(20)).await.unwrap();
}
