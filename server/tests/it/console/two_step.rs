//! The second factor, from the QR code to the last recovery code.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::{Browser, PASSWORD, browser::between};
use crate::support::TestServer;

/// RFC 6238 with six digits and 30 seconds.
fn code(secret: &str, seconds: i64) -> String {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut bits, mut count, mut key) = (0_u32, 0, Vec::new());
    for letter in secret.chars().filter(|letter| letter.is_ascii_alphanumeric()) {
        bits = bits << 5 | u32::try_from(letters.find(letter).unwrap()).unwrap();
        count += 5;
        if count >= 8 {
            count -= 8;
            key.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).unwrap();
    mac.update(&(seconds / 30).to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 0xf);
    let number = u32::from_be_bytes(hash[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[tokio::test]
async fn the_second_factor_is_set_up_asked_for_and_replaced_by_recovery_codes() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    let page = admin.get("/profile/two-step").await;
    // The password was given a moment ago, at sign-in or when it was changed.
    let page = if page.status == 403 {
        admin.get("/profile").await;
        assert_eq!(admin.post("/confirm-password", &[("password", "wrong")]).await.status, 422);
        let reply = admin.post("/confirm-password", &[("password", PASSWORD), ("next", "/profile/two-step")]).await;
        assert_eq!(reply.header("location"), "/profile/two-step");
        admin.get("/profile/two-step").await
    } else {
        page
    };
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("<svg class=\"qr\""));
    let secret = between(&page.text, "name=\"secret\" value=\"", "\"").unwrap().to_owned();
    let wrong =
        admin.post("/profile/two-step", &[("code", "000000"), ("secret", &secret), ("url", "otpauth://x")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains(&secret), "the app keeps its secret");
    let now = || server.rooms.db.now().secs();
    let codes = admin.post("/profile/two-step", &[("code", &code(&secret, now()))]).await;
    assert_eq!(codes.status, 200, "{}", codes.text);
    let list = between(&codes.text, "id=\"recovery-codes\">", "</ol>").unwrap();
    let recovery = between(list, "<li>", "</li>").unwrap().to_owned();
    assert_eq!(list.matches("<li>").count(), 10);
    let profile = admin.get("/profile").await.text;
    assert!(profile.contains("10 recovery codes left") && !profile.contains(&recovery) && !profile.contains(&secret));

    let other = Browser::new(&server);
    other.get("/sign-in").await;
    let reply = other.post("/sign-in", &[("username", "admin"), ("password", PASSWORD), ("next", "/audit")]).await;
    assert_eq!(reply.header("location"), "/second-factor?next=%2Faudit");
    for path in ["/", "/audit", "/password", "/profile", "/live/dashboard"] {
        assert_eq!(other.get(path).await.header("location"), "/second-factor", "{path}");
    }
    other.get("/second-factor?next=%2Faudit").await;
    let reply = other.post("/second-factor", &[("code", "123456")]).await;
    assert_eq!(reply.status, 422);
    let before = other.cookies.borrow()["sid"].clone();
    let reply = other.post("/second-factor", &[("code", &recovery), ("next", "/audit")]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/audit"), "{}", reply.text);
    assert_ne!(other.cookies.borrow()["sid"], before, "another cookie after the second factor");
    assert_eq!(other.get("/audit").await.status, 200);
    assert!(other.get("/profile").await.text.contains("9 recovery codes left"));
    server.stop().await;
}
