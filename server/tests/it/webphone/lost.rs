//! How a page finds out that its connection is dead.

use std::time::Duration;

use super::calls::browser;
use crate::calls::world;

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_of_two_line_ends_is_answered_at_once_however_soon_it_comes_again() {
    let world = world().await;
    let mut phone = browser(&world, "1002").await;
    for _ in 0..3 {
        let took = phone.ping().await.expect("the connection is open");
        assert!(took < Duration::from_secs(4), "the phone would have given up: {took:?}");
    }
}
