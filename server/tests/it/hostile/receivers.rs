//! Where webhooks may not go (§3.6 W), when they are made and when they are sent.

use std::time::Duration;

use domain::EventName;
use testkit::until;
use tokio::net::TcpListener;
use webhooks::{DeliveryStatus, Filter, NewWebhook};

use crate::support::TestServer;

fn webhook(url: &str) -> NewWebhook {
    NewWebhook {
        name: "x".to_owned(),
        url: url.to_owned(),
        events: vec![EventName::CdrCreated],
        ..NewWebhook::default()
    }
}

#[tokio::test]
async fn a_webhook_to_an_inner_address_cannot_be_made() {
    let server = TestServer::start().await;
    let who = server.host();
    let long = format!("https://example.com/{}", "a".repeat(8_192));
    for url in [
        // W01
        "",
        " ",
        "x",
        "//example.com",
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "javascript:alert(1)",
        "data:text/plain,x",
        " https://example.com/",
        "https://exam\tple.com/",
        "https://exam\nple.com/",
        "https://example.com/\r\nX: 1",
        "https://",
        "https:example.com:0",
        long.as_str(),
        "https://a:b@example.com/",
        "https://user@example.com",
        "wss://example.com/",
        "HTTPS://127.0.0.1/",
        "https://exam%00ple.com/",
        "https://example.com:65536/",
        // W02, W03
        "https://localhost/",
        "https://LOCALHOST./",
        "https://a.localhost/",
        "https://localhost.localdomain/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://127.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://0/",
        "https://0.0.0.0/",
        "https://127.0.0.1./",
        "https://①②⑦.0.0.1/",
        "https://127。0。0。1/",
        "https://%31%32%37.0.0.1/",
        "https://[::1]/",
        "https://[::]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        // W05, W07, W09
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://172.31.255.255/",
        "https://192.168.0.1/",
        "https://169.254.169.254/",
        "https://100.64.0.1/",
        "https://100.127.255.254/",
        "https://224.0.0.1/",
        "https://239.255.255.255/",
        "https://240.0.0.1/",
        "https://255.255.255.255/",
        "https://192.0.2.1/",
        "https://198.18.0.1/",
        "https://198.51.100.1/",
        "https://203.0.113.1/",
        // W11
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fec0::1]/",
        "https://[fc00::1]/",
        "https://[fd12::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[2001:db8::1]/",
        "https://[ff02::1]/",
        // W17
        "https://example.com:0/",
        "https://example.com:22/",
        "https://example.com:25/",
        "https://example.com:80/",
        "https://example.com:5432/",
        "https://example.com:6379/",
    ] {
        let made = server.rooms.webhooks.create(&who, webhook(url)).await;
        assert!(made.is_err(), "{url:?} was taken");
        assert_eq!(server.send("GET", "/healthz", &[], "").await.status, 200, "after {url:?}");
    }
    for url in [
        // W05, W07, W13, W17: edges
        "https://172.32.0.1/",
        "https://100.63.255.254/",
        "https://100.128.0.1/",
        "https://8.8.8.8/",
        "https://1.1.1.1/",
        "https://[2001:4860:4860::8888]/",
        "https://example.com:443/",
        "https://example.com:8443/x?y=z#w",
    ] {
        assert!(server.rooms.webhooks.create(&who, webhook(url)).await.is_ok(), "{url:?} was refused");
    }
    let listed = server.rooms.webhooks.list(who.tenant).await.unwrap();
    assert_eq!(listed.len(), 8, "nothing was half made");
    server.stop().await;
}

/// A webhook that was made while its network was allowed is refused when it is sent, without a connection.
#[tokio::test]
async fn the_address_is_looked_at_again_with_every_delivery() {
    let lure = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = lure.local_addr().unwrap().port();
    let server = TestServer::start_with(|config| {
        config.webhooks.allow_networks = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    })
    .await;
    let who = server.host();
    let mut ids = Vec::new();
    for host in ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]", "[::1]"] {
        let url = format!("https://{host}:{port}/");
        ids.push((server.rooms.webhooks.create(&who, webhook(&url)).await.unwrap().webhook.id, url));
    }
    let mut config = server.config.clone();
    let kept = server.stop_and_keep().await;
    config.webhooks.allow_networks = Vec::new();
    let app = Box::pin(server::wire::open(config)).await.unwrap();
    for (id, url) in ids {
        app.rooms.webhooks.test(&who, id).await.unwrap();
        let filter = Filter { webhook: Some(id), limit: 10, ..Filter::default() };
        let delivery = until("the delivery is tried", Duration::from_secs(10), async || {
            let found = app.rooms.webhooks.deliveries(who.tenant, &filter).await.unwrap();
            found.into_iter().find(|delivery| delivery.attempts > 0)
        })
        .await
        .unwrap();
        assert_ne!(delivery.status, DeliveryStatus::Delivered, "{url}");
        assert_eq!(delivery.error.map(|error| error.as_str()), Some("blocked"), "{url}");
        assert_eq!(delivery.response_status, None, "{url}");
    }
    let connection = tokio::time::timeout(Duration::from_millis(1), lure.accept()).await;
    assert!(connection.is_err(), "somebody connected");
    app.shutdown(Duration::ZERO).await;
    drop(kept);
}
