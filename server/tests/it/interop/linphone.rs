//! Linphone as a phone: it calls and is called.

use sandbox::Voice;
use testkit::{Linphone, baresip::Account, until, world::PATIENCE};

use crate::calls::world;

/// Seconds that each side has to hear of the other.
const SECONDS: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn linphone_calls_an_extension_and_both_hear_each_other() {
    if !Linphone::is_there() {
        eprintln!("NOT TESTED: calls with Linphone: linphonec is not installed (apt install linphone-cli)");
        return;
    }
    let world = world().await;
    let callee = world.agent("1002").await.unwrap();
    let password = world.server.extension("1001").await.unwrap();
    let clip = Voice::of_agent("1001").clip();
    let says = world.wav("says.wav", &[&clip[..], &clip[..], &clip[..]].concat()).unwrap();
    let account =
        Account { extension: "1001", password: &password, registrar: world.server.sip(), says: &says, answers: false };
    let mut phone = Linphone::start(account, world.server.spare(0), world.server.spare(40).port()).await.unwrap();
    phone.dial("1002").await.unwrap();
    let far = callee.call(PATIENCE, |_| true).await.unwrap_or_else(|| panic!("{}", phone.said()));
    until("the callee hears Linphone", PATIENCE, async || {
        (far.heard_voice_lately().is_some() && far.heard().len() > 8_000 * SECONDS).then_some(())
    })
    .await
    .unwrap();
    phone.hang_up().await.unwrap();
    let created = world.receiver.wait_for(PATIENCE, |d| d.event() == "pbx.cdr.created").await.unwrap();
    let data = &created.json()["data"];
    assert_eq!((&data["result"], &data["hangup_by"]), (&"answered".into(), &"caller".into()), "{data}");
    for leg in data["legs"].as_array().unwrap() {
        assert!(leg["rtp"]["received"].as_u64().unwrap() > 50, "each side's packets are counted: {leg}");
    }
    let heard = phone.quit_and_listen().await.unwrap();
    let loudest = heard.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or_default();
    assert!(heard.len() > 8_000 * SECONDS && loudest > 1_000, "{} samples, {loudest} at most", heard.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn linphone_is_called_from_outside() {
    if !Linphone::is_there() {
        eprintln!("NOT TESTED: calls with Linphone: linphonec is not installed (apt install linphone-cli)");
        return;
    }
    let world = world().await;
    let password = world.server.extension("1001").await.unwrap();
    let clip = Voice::of_agent("1001").clip();
    let says = world.wav("says.wav", &[&clip[..], &clip[..], &clip[..]].concat()).unwrap();
    let account =
        Account { extension: "1001", password: &password, registrar: world.server.sip(), says: &says, answers: true };
    let mut phone = Linphone::start(account, world.server.spare(0), world.server.spare(40).port()).await.unwrap();
    let call = world.click("1001", "84281234577").await.unwrap();
    let far = world.carrier.call_to("84281234577", PATIENCE).await.unwrap_or_else(|| panic!("{}", phone.said()));
    until("the customer hears Linphone", PATIENCE, async || far.heard_voice_lately().map(|_| ())).await.unwrap();
    phone.hang_up().await.unwrap();
    let hangup = world.event("pbx.call.hangup", &call).await.unwrap();
    assert_eq!((&hangup["result"], &hangup["hangup_by"]), (&"answered".into(), &"caller".into()), "{hangup}");
}
