//! T57, T58, T60, R22: a thief with the password of an extension, and every way out that can be tried with it.

use std::time::Duration;

use serde_json::json;
use sip_proto::message::{Method, parse};
use testkit::{RawPhone, until, world::NOTICED};

use super::{
    Fort,
    callee::{Callee, invite, reply, sdp},
};

/// The carrier's address.
const CARRIER: &str = "127.6.6.9";
/// Calls that the thief makes at the same time.
const AT_ONCE: usize = 10;
/// Numbers that cost whoever calls them.
const PREMIUM: [&str; 6] =
    ["19001234", "+841900123456", "0019001234567", "+979123456789", "+8816123456789", "+18765552671"];

struct Raid {
    fort: Fort,
    carrier: Callee,
    phone: RawPhone,
    password: String,
}

impl Raid {
    /// A server with a carrier that lets every call ring, and a phone of the extension whose password is stolen.
    async fn open() -> Self {
        let mut fort =
            Fort::open_with(&[("ZORIO_ALERTS__CHECK_SECONDS", "1"), ("ZORIO_LIMITS__CLICK_TO_CALL", "1000")]).await;
        let line = RawPhone::open_at(CARRIER, "carrier", "", fort.server.sip()).await.unwrap();
        let port = line.address().unwrap().port().to_string();
        let create = ["trunk", "create", "--name", "carrier", "--host", CARRIER, "--port", &port, "--auth", "none"];
        let trunk = fort.server.admin(&create).await.unwrap()["id"].as_i64().unwrap();
        fort.server.default_route(trunk).await.unwrap();
        let carrier = Callee::start(line, |invite| reply(invite, 180, None));
        let password = fort.extension("1001").await;
        let mut phone = RawPhone::open("1001", &password, fort.server.sip()).await.unwrap();
        phone.register(&fort.domain.clone()).await.unwrap();
        tokio::time::sleep(NOTICED).await;
        Self { fort, carrier, phone, password }
    }

    /// Calls a number with the stolen password and returns the final answer, `None` while it rings.
    async fn call(&self, number: &str) -> Option<u16> {
        let mut thief = RawPhone::open("1001", &self.password, self.fort.server.sip()).await.unwrap();
        let dialled = invite(&sdp(40_000)).replace("1002@", &format!("{number}@"));
        let answer = thief.request(&dialled).await.ok()?;
        thief.acknowledge(&answer).await.unwrap();
        answer.status()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_calls_at_once_to_each_premium_number_with_a_stolen_password_never_reach_the_carrier() {
    let mut raid = Raid::open().await;
    for number in PREMIUM {
        let calls = (0..AT_ONCE).map(|_| raid.call(number));
        let answers = futures_util::future::join_all(calls).await;
        // Who has all calls up that the extension may have is busy; whoever gets further is refused.
        assert!(answers.iter().all(|answer| matches!(answer, Some(403 | 486))), "{number}: {answers:?}");
        assert!(answers.contains(&Some(403)), "{number}: {answers:?}");
        assert_eq!(raid.carrier.invites(), 0, "{number}");
        raid.fort.stands(number).await;
    }
    // It is told: once for each reason, and who it was.
    let told = until("the alert is raised", Duration::from_secs(20), async || {
        let list = raid.fort.server.admin(&["alert", "incidents"]).await.ok()?;
        let all = list.as_array()?.clone();
        let reasons: Vec<String> = all
            .iter()
            .filter(|incident| incident["kind"] == "toll_fraud")
            .filter_map(|incident| incident["name"].as_str().map(str::to_owned))
            .collect();
        (reasons.len() == 2).then_some(reasons)
    });
    let told = told.await.unwrap();
    assert!(told.iter().all(|name| name.contains("1001")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn click_to_call_to_a_premium_number_is_refused_and_to_another_is_not() {
    let mut raid = Raid::open().await;
    for number in PREMIUM {
        let wish = json!({ "from_extension": "1001", "to_phone": number });
        let reply = raid.fort.server.crm().post("/api/pbx/calls/click-to-call", &wish).await.unwrap();
        assert_eq!(reply.status, 422, "{number}: {}", reply.json);
    }
    assert_eq!(raid.carrier.invites(), 0);
    let wish = json!({ "from_extension": "1001", "to_phone": "0987654321" });
    let reply = raid.fort.server.crm().post("/api/pbx/calls/click-to-call", &wish).await.unwrap();
    assert_eq!(reply.status, 202, "{}", reply.json);
    let rung = until("the thief's own phone rings", Duration::from_secs(5), async || {
        let bytes = raid.phone.receive_bytes(Duration::from_secs(5)).await.ok()??;
        parse(bytes).ok().filter(|message| *message.method() == Method::Invite)
    });
    rung.await.unwrap();
    raid.fort.stands("click-to-call").await;
}
