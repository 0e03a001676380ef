use std::{net::SocketAddr, time::Duration};

use sip::{Destination, EndedBy, Event, Invite, Sip, TrunkCredentials};
use sip_proto::digest::ha1;

use super::*;
use crate::{Agent, Carrier, Voice, agent, carrier};

const PATIENCE: Duration = Duration::from_secs(10);

struct Phone {
    sip: Sip,
    caller: Caller,
}

impl Phone {
    async fn open() -> Self {
        let (sip, _events) = Sip::open(sip::Config::on(SocketAddr::from(([127, 0, 0, 1], 0)))).await.unwrap();
        Self { sip, caller: Caller { media: media(35_000..=35_999).unwrap(), hears: HEARS, speaks: Speaks::default() } }
    }

    fn dial(&self, number: &str, to: SocketAddr) -> Call {
        self.dial_as(None, number, to)
    }

    fn dial_as(&self, credentials: Option<TrunkCredentials>, number: &str, to: SocketAddr) -> Call {
        let invite = Invite::new(format!("sip:{number}@{to}"), Destination::udp(to), "1001", "127.0.0.1");
        let invite = Invite { credentials, ..invite };
        let talk = Talk::in_voice(Voice::number(3));
        let (call, running) = Party::place(&self.sip, invite, About::default(), self.caller.clone(), talk).unwrap();
        tokio_util::task::TaskTracker::new().spawn(running);
        call
    }
}

async fn carrier() -> Carrier {
    let config = carrier::Config {
        answers_after: Duration::from_millis(50),
        answers_slowly_after: Duration::from_millis(600),
        hangs_up_after: Duration::from_millis(300),
        ..carrier::Config::on_loopback()
    };
    Carrier::open(config, media(36_000..=36_999).unwrap()).await.unwrap()
}

#[tokio::test]
async fn refused_numbers_are_refused_with_their_status_and_cause() {
    let (phone, carrier) = (Phone::open().await, carrier().await);
    for (number, status, q850) in [("84280", 486, 17), ("84281", 603, 21), ("84282", 404, 1)] {
        let ending = phone.dial(number, carrier.address()).over(PATIENCE).await.unwrap();
        assert_eq!((ending.status, ending.q850, ending.answered), (Some(status), Some(q850), false), "{number}");
    }
    assert_eq!(carrier.calls().len(), 3);
}

#[tokio::test]
async fn both_sides_of_an_answered_call_hear_each_other_and_the_keys() {
    let (phone, carrier) = (Phone::open().await, carrier().await);
    let near = phone.dial("84279", carrier.address());
    let far = carrier.call_to("84279", PATIENCE).await.unwrap();
    assert!(near.up(PATIENCE).await && far.up(PATIENCE).await);
    near.press("42#");
    tokio::time::timeout(PATIENCE, async {
        while near.heard().len() < 16_000 || far.heard().len() < 16_000 || far.keys().len() < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    near.hang_up();
    let (near_end, far_end) = (near.over(PATIENCE).await.unwrap(), far.over(PATIENCE).await.unwrap());
    assert_eq!((near_end.by, far_end.by), (EndedBy::Us, EndedBy::Peer));
    assert_eq!(near.heard_voice(), Some(Voice::of_customer("84279")));
    assert_eq!(far.heard_voice(), Some(Voice::number(3)));
    assert_eq!((near.keys().as_str(), far.keys().as_str()), ("7", "42#"));
    assert_eq!(near_end.media.unwrap().lost, 0);
}

#[tokio::test]
async fn a_number_ending_in_3_rings_until_the_caller_gives_up() {
    let (phone, carrier) = (Phone::open().await, carrier().await);
    let near = phone.dial("84283", carrier.address());
    let far = carrier.call_to("84283", PATIENCE).await.unwrap();
    assert!(!near.up(Duration::from_millis(300)).await);
    near.hang_up();
    assert_eq!(far.over(PATIENCE).await.unwrap().by, EndedBy::Peer);
    let ending = near.over(PATIENCE).await.unwrap();
    assert_eq!((ending.by, ending.answered), (EndedBy::Us, false));
}

#[tokio::test]
async fn a_number_ending_in_6_hangs_up_and_one_ending_in_4_takes_its_time() {
    let (phone, carrier) = (Phone::open().await, carrier().await);
    let (leaves, slow) = (phone.dial("84286", carrier.address()), phone.dial("84284", carrier.address()));
    assert!(leaves.up(PATIENCE).await);
    assert_eq!(slow.state(), State::Ringing);
    let ending = leaves.over(PATIENCE).await.unwrap();
    assert_eq!((ending.by, ending.q850), (EndedBy::Peer, Some(16)));
    assert!(slow.up(PATIENCE).await);
}

#[tokio::test]
async fn an_agent_registers_answers_dials_and_takes_its_registration_back() {
    let (registrar, mut events) = Sip::open(sip::Config::on(SocketAddr::from(([127, 0, 0, 1], 0)))).await.unwrap();
    let address = registrar.local_udp().unwrap();
    let taking = async {
        let mut expiries = Vec::new();
        while expiries.len() < 2 {
            if let Event::Register(request) = events.recv().await.unwrap() {
                let given = request.credentials.as_ref().unwrap();
                assert!(given.verify("REGISTER", &ha1(given.algorithm(), "1001", given.realm(), "secret")));
                let seconds = request.expires.unwrap();
                expiries.push(seconds);
                let bindings = request.contacts.iter().map(|contact| (contact.uri.clone(), seconds)).collect();
                request.accept(bindings);
            }
        }
        expiries
    };
    let working = async {
        let config = agent::Config::new("1001", "secret", address);
        let agent = Agent::register(config, media(37_000..=37_999).unwrap()).await.unwrap();
        let phone = Phone::open().await;
        let near = phone.dial("1001", agent.address());
        assert!(near.up(PATIENCE).await);
        let far = agent.call(PATIENCE, |call| !call.is_over()).await.unwrap();
        assert_eq!(far.about().caller, "1001");
        far.hang_up();
        assert_eq!(near.over(PATIENCE).await.unwrap().by, EndedBy::Peer);
        agent.leave().await.unwrap();
    };
    assert_eq!(tokio::join!(taking, working).0, [120, 0]);
}

#[tokio::test]
async fn a_carrier_with_a_login_takes_no_calls_without_it() {
    let login = carrier::Customers::Login { username: "acme".to_owned(), password: "right".to_owned() };
    let config = carrier::Config { customers: login, ..carrier::Config::on_loopback() };
    let carrier = Carrier::open(config, media(38_000..=38_999).unwrap()).await.unwrap();
    let phone = Phone::open().await;
    let login = |password: &str| {
        Some(TrunkCredentials { username: "acme".to_owned(), password: password.to_owned(), realm: None })
    };
    for credentials in [None, login("wrong")] {
        let ending = phone.dial_as(credentials, "84287", carrier.address()).over(PATIENCE).await.unwrap();
        assert!(matches!(ending.status, Some(401 | 407)), "{ending:?}");
    }
    assert!(carrier.calls().is_empty());
    assert!(phone.dial_as(login("right"), "84287", carrier.address()).up(PATIENCE).await);
}
