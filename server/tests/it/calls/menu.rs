//! Menus: keys lead where they should, and whoever presses none goes on.

use testkit::world::PATIENCE;

use super::{set, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_leads_to_an_extension() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let callee = world.agent("1002").await.unwrap();
    let arguments = ["menu", "create", "--name", "front", "--number", "700", "--key", "2=extension:1002"];
    set(&world, &arguments).await;
    let call = caller.dial("700").unwrap();
    assert!(call.up(PATIENCE).await, "the menu answers");
    call.press("2");
    let far = callee.call(PATIENCE, |_| true).await.unwrap();
    assert!(far.up(PATIENCE).await);
    testkit::until("the two hear each other", PATIENCE, async || {
        (call.heard_voice_lately().is_some() && far.heard_voice_lately().is_some()).then_some(())
    })
    .await
    .unwrap();
    far.hang_up();
    let created = world.receiver.wait_for(PATIENCE, |d| d.event() == "pbx.cdr.created").await.unwrap();
    let cdr = created.json()["data"].clone();
    assert_eq!(cdr["result"], "answered", "{cdr}");
    assert_eq!(cdr["agent_extension"], "1002", "{cdr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_is_dialled_in_a_menu_and_whoever_chooses_nothing_goes_on() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let callee = world.agent("1002").await.unwrap();
    let arguments = ["menu", "create", "--name", "front", "--number", "700", "--dial-digits", "4"];
    let more = ["--otherwise", "extension:1002", "--wait-seconds", "1", "--repeats", "0"];
    set(&world, &[&arguments[..], &more[..]].concat()).await;
    let call = caller.dial("700").unwrap();
    assert!(call.up(PATIENCE).await);
    call.press("1002");
    let far = callee.call(PATIENCE, |call| !call.is_over()).await.unwrap();
    far.hang_up();
    assert!(call.over(PATIENCE).await.is_some());
    let call = caller.dial("700").unwrap();
    assert!(call.up(PATIENCE).await);
    let far = callee.call(PATIENCE, |call| !call.is_over()).await.unwrap();
    assert!(far.up(PATIENCE).await, "nothing was pressed");
    call.hang_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_echo_lets_callers_hear_themselves() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let call = caller.dial("*60").unwrap();
    assert!(call.up(PATIENCE).await);
    let own = sandbox::Voice::of_agent("1001");
    testkit::until("the caller hears the own voice", PATIENCE, async || {
        (call.heard_voice_lately() == Some(own)).then_some(())
    })
    .await
    .unwrap();
    call.press("#");
    assert!(call.over(PATIENCE).await.is_some(), "the key ends it");
}
