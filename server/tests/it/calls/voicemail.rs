//! Messages: left, kept through a crash, listened to.

use serde_json::json;
use testkit::{World, until, world::PATIENCE};

use super::{set, world};

/// Makes an extension whose voicemail is on, and has no phone.
async fn mailbox(world: &World, number: &str) {
    let fields = json!({"extension_number": number, "voicemail_enabled": true});
    world.server.extension_with(&fields).await.unwrap();
}

/// The states of the messages of a mailbox, as they are in the database.
async fn messages(world: &World, extension: &str) -> Vec<(String, String)> {
    let query = "select state || ' ' || extension_number, caller_number from voicemail_message order by id";
    let rows = world.server.database().rows(&world.server.data_folder(), query).await.unwrap();
    rows.into_iter().filter(|(state, _)| state.ends_with(extension)).collect()
}

/// Waits until so many seconds of what the caller says are on disk.
async fn spoken(world: &World, seconds: u64) {
    let folder = world.server.data_folder().join("voicemail");
    until("the message is being recorded", PATIENCE, async || {
        let folders = std::fs::read_dir(&folder).ok()?.flatten();
        let files = folders.filter_map(|folder| std::fs::read_dir(folder.path()).ok()).flat_map(Iterator::flatten);
        files.filter_map(|file| file.metadata().ok()).any(|file| file.len() > seconds * 16_000).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whom_nobody_answers_leaves_a_message() {
    let world = world().await;
    mailbox(&world, "1002").await;
    let caller = world.agent("1001").await.unwrap();
    let call = caller.dial("1002").unwrap();
    assert!(call.up(PATIENCE).await, "the mailbox answers");
    // The greeting is passed over; the tone follows.
    call.press("#");
    spoken(&world, 2).await;
    call.hang_up();
    until("the message is there", PATIENCE, async || {
        (messages(&world, "1002").await == [("new 1002".to_owned(), "1001".to_owned())]).then_some(())
    })
    .await
    .unwrap();
    let created = world.receiver.wait_for(PATIENCE, |d| d.event() == "pbx.cdr.created").await.unwrap();
    let cdr = created.json()["data"].clone();
    assert_eq!(cdr["result"], "voicemail", "{cdr}");
    assert_eq!(cdr["direction"], "local", "{cdr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_extension_sends_its_callers_to_its_mailbox() {
    let world = world().await;
    mailbox(&world, "1002").await;
    set(&world, &["forwarding", "set", "1002", "--do-not-disturb"]).await;
    let caller = world.agent("1001").await.unwrap();
    let call = caller.dial("1002").unwrap();
    assert!(call.up(PATIENCE).await, "the mailbox answers");
    call.hang_up();
    assert!(call.over(PATIENCE).await.is_some());
    assert_eq!(messages(&world, "1002").await, [], "whoever hangs up before the tone has left nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_survives_the_death_of_the_server() {
    let mut world = world().await;
    mailbox(&world, "1002").await;
    let caller = world.agent("1001").await.unwrap();
    let call = caller.dial("1002").unwrap();
    assert!(call.up(PATIENCE).await);
    call.press("#");
    until("the message is being recorded", PATIENCE, async || {
        messages(&world, "1002").await.first().is_some_and(|(state, _)| state.starts_with("recording")).then_some(())
    })
    .await
    .unwrap();
    spoken(&world, 3).await;
    world.server.kill().await.unwrap();
    world.server.launch().await.unwrap();
    assert_eq!(messages(&world, "1002").await, [("new 1002".to_owned(), "1001".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_listens_and_deletes_by_key() {
    let world = world().await;
    mailbox(&world, "1002").await;
    set(&world, &["mailbox", "set", "1002", "--pin", "4711"]).await;
    let caller = world.agent("1001").await.unwrap();
    let call = caller.dial("1002").unwrap();
    assert!(call.up(PATIENCE).await);
    call.press("#");
    spoken(&world, 2).await;
    call.hang_up();
    until("the message is there", PATIENCE, async || (messages(&world, "1002").await.len() == 1).then_some(()))
        .await
        .unwrap();
    // From another phone: mailbox, PIN, first message.
    let call = caller.dial("*97").unwrap();
    assert!(call.up(PATIENCE).await);
    call.press("1002#");
    call.press("4711#");
    call.press("1");
    until("the message is old", PATIENCE, async || {
        messages(&world, "1002").await.first().is_some_and(|(state, _)| state.starts_with("old")).then_some(())
    })
    .await
    .unwrap();
    call.press("3");
    until("the message is gone", PATIENCE, async || messages(&world, "1002").await.is_empty().then_some(()))
        .await
        .unwrap();
    call.hang_up();
}
