//! What many tests begin with: an agent and a customer who talk.

use sandbox::{Agent, Call, Voice};
use testkit::{World, until, world::PATIENCE};

/// A customer who answers and talks.
pub(crate) const CUSTOMER: &str = "84281234578";

/// Samples of a second and a half.
const LATELY: usize = 12_000;
/// The part of a mix that a voice has at least which is one of two or three in it.
const IN_A_MIX: f64 = 0.18;

pub(crate) struct Talk {
    pub(crate) call: String,
    pub(crate) near: Call,
    pub(crate) far: Call,
    /// Registered as long as it is held.
    pub(crate) agent: Agent,
}

/// Has extension 1001 talk with the customer.
pub(crate) async fn talking(world: &World) -> Talk {
    let agent = world.agent("1001").await.unwrap();
    let call = world.click("1001", CUSTOMER).await.unwrap();
    let near = agent.call(PATIENCE, |_| true).await.unwrap();
    let far = world.carrier.call_to(CUSTOMER, PATIENCE).await.unwrap();
    both_hear(&near, &far, CUSTOMER).await;
    Talk { call, near, far, agent }
}

/// Waits until extension 1001 and that customer hear each other.
pub(crate) async fn both_hear(near: &Call, far: &Call, customer: &str) {
    hears(near, Voice::of_customer(customer)).await;
    hears(far, Voice::of_agent("1001")).await;
}

/// Has 1001 ask 1002 in a call of its own and join the two calls; returns that call, at 1001 and at 1002.
pub(crate) async fn joined(talk: &Talk, second: &Agent) -> (Call, Call) {
    talk.near.hold();
    let asks = talk.agent.dial("1002").unwrap();
    let asked = second.call(PATIENCE, |_| true).await.unwrap();
    hears(&asks, Voice::of_agent("1002")).await;
    talk.near.refer_to_call(&asks);
    assert_eq!(talk.near.referred(PATIENCE).await, Some(200));
    hears(&talk.far, Voice::of_agent("1002")).await;
    (asks, asked)
}

/// Waits until a party hears that voice.
pub(crate) async fn hears(party: &Call, voice: Voice) {
    until("the party hears the voice", PATIENCE, async || (party.heard_voice_lately() == Some(voice)).then_some(()))
        .await
        .unwrap();
}

/// Returns what a party heard lately.
pub(crate) fn lately(party: &Call) -> Vec<i16> {
    let mut heard = party.heard();
    heard.split_off(heard.len().saturating_sub(LATELY))
}

/// Waits until a party hears all of these at once.
pub(crate) async fn hears_all(party: &Call, voices: &[Voice]) {
    let shares = || voices.iter().map(|voice| voice.share_of(&lately(party))).collect::<Vec<f64>>();
    let heard = until("the party hears everybody", PATIENCE, async || {
        shares().iter().all(|share| *share > IN_A_MIX).then_some(())
    });
    heard.await.unwrap_or_else(|error| panic!("{error}: {voices:?} have the shares {:?}", shares()));
}

/// Waits until a party hears sound that is nobody's voice.
pub(crate) async fn hears_music(party: &Call) {
    until("the party hears music", PATIENCE, async || {
        let lately = lately(party);
        let loud = lately.iter().filter(|sample| sample.unsigned_abs() > 400).count();
        (party.heard_voice_lately().is_none() && loud > 1_200).then_some(())
    })
    .await
    .unwrap();
}

/// Waits until no call is up.
pub(crate) async fn all_over(world: &World) {
    until("no call is up", PATIENCE, async || {
        let live = world.crm().get("/api/pbx/calls").await.ok()?;
        (live.json["total"] == 0).then_some(())
    })
    .await
    .unwrap();
}
