//! The test call on a trunk's page, with a simulated carrier.

use sandbox::{Carrier, carrier};

use super::Browser;
use crate::support::TestServer;

#[tokio::test]
async fn a_test_call_shows_what_the_carrier_did() {
    let server = TestServer::start().await;
    let media = sandbox::phone::media(42_000..=42_400).unwrap();
    let carrier = Carrier::open(carrier::Config::on_loopback(), media).await.unwrap();
    let admin = Browser::admin(&server).await;
    let port = carrier.address().port().to_string();
    admin.get("/trunks/new").await;
    let trunk = [("name", "carrier"), ("host", "127.0.0.1"), ("port", &*port), ("transport", "udp"), ("auth", "none")];
    assert_eq!(admin.post("/trunks", &trunk).await.status, 303);
    admin.get("/confirm-password").await;
    admin.post("/confirm-password", &[("password", super::PASSWORD)]).await;
    let extension = [
        ("extension_number", "1001"),
        ("display_name", "Lan"),
        ("recording_mode", "none"),
        ("status", "active"),
        ("max_concurrent", "2"),
    ];
    assert_eq!(admin.post("/extensions", &extension).await.status, 200);
    assert!(admin.get("/trunks").await.text.contains("Registration"));
    assert!(admin.get("/trunks/1").await.text.contains("Call now"));
    for (number, extension, said) in [
        ("84281234577", "1001", &["sound came back", "answered after", "PCMA"][..]),
        ("84281234570", "1001", &["SIP 486", "84281234570"]),
        // Nobody calls a premium number to test a trunk.
        ("19001234", "1001", &["does not let it out"]),
        ("not a number", "1001", &["can be dialled"]),
        ("84281234577", "1999", &["active extension"]),
    ] {
        let part = admin.post("/trunks/1/test", &[("number", number), ("extension", extension)]).await;
        assert_eq!(part.status, 200, "{number}: {}", part.text);
        assert!(said.iter().all(|said| part.text.contains(said)), "{number}: {}", part.text);
    }
    assert_eq!(carrier.calls().len(), 2);
    server.stop().await;
}
