//! `/healthz`, `/readyz`, `/metrics`, and the end of a server.

use std::time::Duration;

use serde_json::json;
use testkit::until;

use crate::support::TestServer;

#[tokio::test]
async fn the_server_says_that_it_lives_and_is_ready() {
    let server = TestServer::start().await;
    for (path, body) in [("/healthz", json!({"status": "ok"})), ("/readyz", json!({"status": "ready"}))] {
        let reply = server.send("GET", path, &[], "").await;
        assert_eq!((reply.status.as_u16(), reply.json), (200, body), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn figures_are_on_a_listener_of_their_own() {
    let server = TestServer::start().await;
    assert_eq!(server.send("GET", "/metrics", &[], "").await.status, 404);
    server.send("GET", "/healthz", &[], "").await;
    let address = server.addresses.metrics[0];
    let crm = testkit::Crm::new(&format!("http://{address}"));
    assert_eq!(crm.get("/metrics").await.unwrap().status, 200);
    assert_eq!(crm.get("/api/auth/me").await.unwrap().status, 404);
    server.stop().await;
}

#[tokio::test]
async fn after_a_shutdown_nobody_listens_and_the_next_start_knows_everything() {
    let server = TestServer::start().await;
    let (config, address) = (server.config.clone(), server.address());
    server
        .rooms
        .accounts
        .create_account(&accounts::NewAccount { name: "kept".to_owned(), ..Default::default() })
        .await
        .unwrap();
    let names = async |rooms: &server::wire::Rooms| {
        rooms.accounts.accounts().await.unwrap().into_iter().map(|account| account.name).collect::<Vec<_>>()
    };
    let again = server.stop_and_keep().await;
    until("the listener is gone", Duration::from_secs(5), async || {
        tokio::net::TcpStream::connect(address).await.is_err().then_some(())
    })
    .await
    .unwrap();
    let app = Box::pin(server::wire::open(config)).await.unwrap();
    assert!(app.bootstrapped.is_none(), "only the first start makes an account");
    assert_eq!(names(&app.rooms).await, ["default", "kept"]);
    app.shutdown(Duration::ZERO).await;
    drop(again);
}
