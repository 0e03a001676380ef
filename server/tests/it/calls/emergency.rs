//! Calls for help: whatever is used up, stopped or full, they leave.

use testkit::{
    World,
    world::{NOTICED, PATIENCE},
};

use super::{
    ZORIO, set,
    talk::{CUSTOMER, hears},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_for_help_passes_every_limit() {
    let settings = [("ZORIO_LIMITS__PBX", "100000"), ("ZORIO_CALLS__MAX_CALLS", "1")];
    let world = World::open(ZORIO, &settings).await.unwrap();
    let fields = serde_json::json!({ "extension_number": "1001", "max_concurrent": 1 });
    let password = world.server.extension_with(&fields).await.unwrap();
    let config = sandbox::agent::Config::new("1001", &password, world.server.sip());
    let agent = sandbox::Agent::register(config, world.media.clone()).await.unwrap();
    let trunk = world.server.admin(&["trunk", "list"]).await.unwrap()[0]["id"].to_string();
    world.server.admin(&["trunk", "update", &trunk, "--max-channels", "1"]).await.unwrap();
    tokio::time::sleep(NOTICED).await;
    let talk = agent.dial(CUSTOMER).unwrap();
    hears(&talk, sandbox::Voice::of_customer(CUSTOMER)).await;
    // The extension, the trunk and the node have all the calls that they may have; then the guard lets nothing out.
    let refused = agent.dial("84281234577").unwrap().over(PATIENCE).await.unwrap();
    assert!(!refused.answered && refused.status.is_some(), "{refused:?}");
    for number in ["113", "114"] {
        let help = agent.dial(number).unwrap();
        let reached = world.carrier.call_to(number, PATIENCE).await;
        assert!(reached.is_some(), "{number} reaches the carrier");
        help.hang_up();
        assert!(help.over(PATIENCE).await.is_some());
    }
    assert!(!talk.is_over());
    talk.hang_up();
    assert!(talk.over(PATIENCE).await.is_some());
    set(&world, &["toll", "stop"]).await;
    let refused = agent.dial(CUSTOMER).unwrap().over(PATIENCE).await.unwrap();
    assert_eq!(refused.status, Some(403), "{refused:?}");
    let help = agent.dial("115").unwrap();
    assert!(world.carrier.call_to("115", PATIENCE).await.is_some(), "whoever calls for help is not stopped");
    help.hang_up();
}
