//! One carrier serves many lines from one address, and any account may write any address into its settings: a call is the
//! trunk's that it names, and nobody else's.

use sandbox::Agent;
use serde_json::{Value, json};
use sip::{Config, Destination};
use testkit::{
    Registrar, World,
    registrar::Seen,
    until,
    world::{NOTICED, PATIENCE},
};

use crate::calls::ZORIO;

const LOGIN: (&str, &str) = ("84283000", "a password of the carrier");
const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";

struct Street {
    world: World,
    registrar: Registrar,
    /// A phone of the first account.
    agent: Agent,
}

impl Street {
    /// A carrier, and the account `next-door` beside the first one.
    async fn open() -> Self {
        let world = World::open(ZORIO, &[("ZORIO_LIMITS__PBX", "100000")]).await.unwrap();
        let registrar = Registrar::open(Config::on("127.0.0.1:0".parse().unwrap()), LOGIN.0, LOGIN.1).await.unwrap();
        // While there is one account, any host is its own.
        let agent = world.agent("1001").await.unwrap();
        let server = &world.server;
        server.admin(&["account", "create", "--name", "next-door", "--host", "next.example"]).await.unwrap();
        let token = ["--account", "next-door", "token", "create", "--name", "admin", "--scopes", "all"];
        let token = server.admin(&token).await.unwrap()["token"].as_str().unwrap().to_owned();
        let next_door = server.crm().with_token(&token);
        until("the server has noticed the account", PATIENCE, async || {
            let wish = json!({ "extension_number": "1001" });
            next_door.post("/api/pbx/extensions", &wish).await.is_ok_and(|reply| reply.status == 201).then_some(())
        })
        .await
        .unwrap();
        Self { world, registrar, agent }
    }

    async fn admin(&self, account: &str, arguments: &[&str]) -> Value {
        let all = [arguments, &["--account", account]].concat();
        self.world.server.admin(&all).await.unwrap()
    }

    /// Registers a trunk of that account at the carrier and returns the REGISTER that was taken.
    async fn line(&self, account: &str, name: &str) -> Seen {
        let before = self.registrar.seen().len();
        let create = ["trunk", "create", "--name", name, "--host", "127.0.0.1", "--port", "9"];
        let made = self.admin(account, &[&create[..], &["--username", LOGIN.0, "--password", LOGIN.1]].concat()).await;
        let (id, at) = (made["id"].to_string(), self.registrar.sip.local_udp().unwrap().to_string());
        self.admin(account, &["trunk", "register", &id, "--registrar", &at, "--expires", "60"]).await;
        self.registrar.until_seen(before + 1, PATIENCE).await.unwrap().remove(before)
    }

    async fn did(&self, account: &str, number: &str, extension: &str) {
        self.admin(account, &["route", "create", "--did", number, "--extension", extension]).await;
    }

    fn here(&self) -> Destination {
        Destination::udp(self.world.server.sip())
    }

    /// Waits until the trunks are known as registered.
    async fn registered(&self, trunks: usize) {
        until("the trunks are registered", PATIENCE, async || {
            let metrics = self.world.server.metrics().await.ok()?;
            metrics.contains(&format!("pbx_registered_trunks {trunks}")).then_some(())
        })
        .await
        .unwrap();
        tokio::time::sleep(NOTICED).await;
    }
}

async fn rings(agent: &Agent, times: usize) {
    until("the phone rings", PATIENCE, async || (agent.calls().len() == times).then_some(())).await.unwrap();
}

/// Returns the status with which a call ended that nobody took.
async fn refused(mut events: tokio::sync::mpsc::Receiver<sip::LegEvent>) -> Option<u16> {
    while let Some(event) = events.recv().await {
        if let sip::LegEventKind::Ended { status, .. } = event.kind {
            return status;
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_two_accounts_at_one_carrier_are_each_called_at_their_own() {
    let street = Street::open().await;
    let agent = &street.agent;
    street.did("1", "02873000001", "1001").await;
    let own = street.line("1", "line-1").await;
    let other = street.line("next-door", "line-2").await;
    street.did("next-door", "02873000002", "1001").await;
    street.registered(2).await;
    assert_ne!(own.contact, other.contact);
    // At the contact; and by the number, which only one of the two expects.
    let _first = street.registrar.call_contact("02873000001", &own, street.here(), SDP);
    rings(agent, 1).await;
    let _second = street.registrar.call("02873000001", &other, street.here(), SDP);
    rings(agent, 2).await;
    // Neither rings for the other's.
    let to_other = street.registrar.call_contact("02873000001", &other, street.here(), SDP);
    assert_eq!(refused(to_other).await, Some(404));
    assert_eq!(agent.calls().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_names_the_carrier_of_another_takes_none_of_its_calls() {
    let street = Street::open().await;
    let agent = &street.agent;
    street.did("1", "02873000001", "1001").await;
    let own = street.line("1", "line-1").await;
    street.registered(1).await;
    // Next door claims the carrier's address, and every number.
    let claim = ["trunk", "create", "--name", "thief", "--host", "127.0.0.1", "--port", "9", "--sources", "127.0.0.1"];
    street.admin("next-door", &claim).await;
    street.did("next-door", "*", "1001").await;
    tokio::time::sleep(NOTICED).await;
    let _contact = street.registrar.call_contact("02873000001", &own, street.here(), SDP);
    rings(agent, 1).await;
    let _number = street.registrar.call("02873000001", &own, street.here(), SDP);
    rings(agent, 2).await;
    // A number that both claim in the same way is nobody's.
    street.did("next-door", "02873000001", "1001").await;
    tokio::time::sleep(NOTICED).await;
    let number = street.registrar.call("02873000001", &own, street.here(), SDP);
    assert_eq!(refused(number).await, Some(404));
    // Whoever names an address after another account finds it taken.
    let twice = ["trunk", "create", "--name", "second", "--host", "127.0.0.1", "--sources", "127.0.0.1"];
    assert!(street.world.server.admin(&[&twice[..], &["--account", "1"]].concat()).await.is_err());
}
