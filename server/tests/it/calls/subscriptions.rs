//! Lamps and message waiting: a phone subscribes and is told what happens.

use std::time::Duration;

use sip_proto::message::{Message, Method, Name, ResponseBuilder};
use testkit::{Baresip, RawPhone, Sipp, World, baresip::Account, sipp::script, until, world::PATIENCE};
use tokio::time::Instant;

use super::world;

/// A change is told within a second; the machine is busy.
const SOON: Duration = Duration::from_secs(3);

/// Returns a SUBSCRIBE to an event of an extension; `to_tag` is `;tag=…` inside of the dialog.
fn subscribe(event: &str, of: &str, to_tag: &str, expires: u32, headers: &str) -> String {
    format!(
        "SUBSCRIBE sip:{of}@{{server}} SIP/2.0\nVia: SIP/2.0/UDP {{local}};branch={{branch}};rport\nMax-Forwards: 70\n\
         From: <sip:{{user}}@{{server}}>;tag={{tag}}\nTo: <sip:{of}@{{server}}>{to_tag}\nCall-ID: {{call}}\n\
         CSeq: {{cseq}} SUBSCRIBE\nContact: <sip:{{user}}@{{local}}>\nEvent: {event}\nExpires: {expires}\n{headers}\
         {{login}}\nContent-Length: 0\n\n"
    )
}

fn header(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}

fn body(message: &Message) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}

/// A phone with one subscription.
struct Watcher {
    phone: RawPhone,
    to_tag: String,
}

impl Watcher {
    async fn open(world: &World, extension: &str) -> Self {
        let password = world.server.extension(extension).await.unwrap();
        tokio::time::sleep(testkit::world::NOTICED).await;
        Self { phone: RawPhone::open(extension, &password, world.server.sip()).await.unwrap(), to_tag: String::new() }
    }

    async fn subscribe(&mut self, event: &str, of: &str, expires: u32) -> Message {
        let answer = self.phone.request(&subscribe(event, of, "", expires, "")).await.unwrap();
        self.to_tag = format!(";tag={}", answer.to_tag().unwrap_or_default());
        answer
    }

    /// Returns the next NOTIFY and answers it.
    async fn told(&mut self) -> Message {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "no NOTIFY came");
            let Some(message) = self.phone.receive(Duration::from_millis(200)).await.unwrap() else { continue };
            if message.is_request() && *message.method() == Method::Notify {
                let ok = ResponseBuilder::for_request(&message, 200, "").finish();
                self.phone.send_bytes(ok.bytes()).await.unwrap();
                return message;
            }
        }
    }

    /// Returns the next NOTIFY whose body has the text.
    async fn told_that(&mut self, text: &str) -> Message {
        loop {
            let message = self.told().await;
            if body(&message).contains(text) {
                return message;
            }
        }
    }
}

fn version(message: &Message) -> u32 {
    let body = body(message);
    let rest = body.split("dialog-info\" version=\"").nth(1).unwrap_or_else(|| panic!("{body}"));
    rest.split('"').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lamp_follows_a_call_from_ringing_to_its_end() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let _callee = world.agent("1002").await.unwrap();
    let mut lamp = Watcher::open(&world, "1003").await;
    let answer = lamp.subscribe("dialog", "1002", 600).await;
    assert_eq!((answer.status(), header(&answer, Name::Expires)), (Some(200), "600".to_owned()));
    let idle = lamp.told().await;
    assert_eq!((version(&idle), header(&idle, Name::Event)), (0, "dialog".to_owned()));
    assert!(header(&idle, Name::SubscriptionState).starts_with("active;expires="));
    assert!(body(&idle).contains("<state>terminated</state>"), "{}", body(&idle));
    let call = caller.dial("1002").unwrap();
    let talks = lamp.told_that("<state>confirmed</state>").await;
    assert!(body(&talks).contains("direction=\"recipient\"") && body(&talks).contains("sip:1001@"), "{}", body(&talks));
    assert!(version(&talks) > version(&idle));
    let ended = Instant::now();
    call.hang_up();
    let over = lamp.told_that("<state>terminated</state>").await;
    assert!(ended.elapsed() < SOON, "{:?}", ended.elapsed());
    assert!(version(&over) > version(&talks));
    // The refresh brings the full state again, the end of the subscription the last one.
    let (of, tag) = ("1002", lamp.to_tag.clone());
    lamp.phone.send(&subscribe("dialog", of, &tag, 300, "").replace("{login}\n", "")).await.unwrap();
    assert_eq!(lamp.phone.final_response().await.unwrap().status(), Some(200));
    assert!(version(&lamp.told().await) > version(&over));
    lamp.phone.send(&subscribe("dialog", of, &tag, 0, "").replace("{login}\n", "")).await.unwrap();
    assert_eq!(lamp.phone.final_response().await.unwrap().status(), Some(200));
    let last = lamp.told().await;
    assert_eq!(header(&last, Name::SubscriptionState), "terminated;reason=timeout");
    // S25: again, while there is none any more.
    lamp.phone.send(&subscribe("dialog", of, &tag, 0, "").replace("{login}\n", "")).await.unwrap();
    assert_eq!(lamp.phone.final_response().await.unwrap().status(), Some(481));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lamp_shows_that_a_phone_rings() {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let _callee = world.agent_that("1002", sandbox::Reaction::Rings).await.unwrap();
    let mut lamp = Watcher::open(&world, "1003").await;
    lamp.subscribe("dialog", "1002", 600).await;
    let call = caller.dial("1002").unwrap();
    let rings = lamp.told_that("<state>early</state>").await;
    assert!(body(&rings).contains("direction=\"recipient\""), "{}", body(&rings));
    call.hang_up();
    lamp.told_that("<state>terminated</state>").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_told_of_its_own_messages_and_of_nobody_elses() {
    let world = world().await;
    let _other = world.server.extension("1002").await.unwrap();
    let mut phone = Watcher::open(&world, "1001").await;
    assert_eq!(phone.subscribe("message-summary", "1001", 600).await.status(), Some(200));
    let summary = phone.told().await;
    assert_eq!(summary.content_type(), Some("application/simple-message-summary"));
    assert!(body(&summary).starts_with("Messages-Waiting: no\r\n"), "{}", body(&summary));
    assert!(body(&summary).contains("Voice-Message: 0/0 (0/0)\r\n"), "{}", body(&summary));
    phone.phone.new_call();
    assert_eq!(phone.subscribe("message-summary", "1002", 600).await.status(), Some(403));
}

/// A foreign phone subscribes by itself, and shows what it is told.
#[tokio::test(flavor = "multi_thread")]
async fn baresip_watches_its_own_messages() {
    let world = world().await;
    let password = world.server.extension("1001").await.unwrap();
    let says = world.wav("says.wav", &[0; 8_000]).unwrap();
    let account =
        Account { extension: "1001", password: &password, registrar: world.server.sip(), says: &says, answers: true };
    let phone = Baresip::start(account, world.server.spare(0), world.server.spare(9)).await.unwrap();
    until("baresip shows its messages", PATIENCE, async || phone.log().contains("Messages-Waiting: no").then_some(()))
        .await
        .unwrap_or_else(|error| panic!("{error}: {}", phone.log()));
}

/// S25 and S03, and what else a phone may not ask for.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_subscribed_to_is_refused() {
    let world = world().await;
    let mut phone = Watcher::open(&world, "1001").await;
    for (event, of, expires, headers, status) in [
        ("presence", "1001", 600, "", 489),
        ("dialog", "7777", 600, "", 404),
        ("dialog", "1001", 59, "", 423),
        ("dialog", "1001", 600, "Accept: application/pidf+xml\n", 406),
        ("dialog;id=1;id=2", "1001", 600, "", 200),
    ] {
        phone.phone.new_call();
        let answer = phone.phone.request(&subscribe(event, of, "", expires, headers)).await.unwrap();
        assert_eq!(answer.status(), Some(status), "{event} {of} {expires} {headers}");
    }
    // Once, and no more.
    phone.phone.new_call();
    assert_eq!(phone.subscribe("dialog", "1001", 0).await.status(), Some(200));
    loop {
        let state = header(&phone.told().await, Name::SubscriptionState);
        if state == "terminated;reason=timeout" {
            break;
        }
    }
    // A phone has a bound: more keys than that has no phone.
    let mut accepted = 0;
    for _ in 0..140 {
        phone.phone.new_call();
        let answer = phone.phone.request(&subscribe("dialog", "1001", "", 600, "")).await.unwrap();
        match answer.status() {
            Some(200) => accepted += 1,
            Some(403) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(accepted, 127, "one was begun before");
}

/// A foreign implementation subscribes, is told of a call, and leaves.
async fn sipp_watches(transport: &str) {
    let world = world().await;
    let caller = world.agent("1001").await.unwrap();
    let _callee = world.agent("1002").await.unwrap();
    let password = world.server.extension("1003").await.unwrap();
    tokio::time::sleep(testkit::world::NOTICED).await;
    let domain = world.server.sip().to_string();
    let subscribe = |cseq: u32, to: &str, login: &str, expires: u32| {
        format!(
            "<send><![CDATA[\nSUBSCRIBE sip:1002@{domain} SIP/2.0\n\
             Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport\n\
             From: <sip:1003@{domain}>;tag=[pid]s[call_number]\nTo: {to}\nCall-ID: [call_id]\nCSeq: {cseq} SUBSCRIBE\n\
             Contact: <sip:1003@[local_ip]:[local_port];transport=[transport]>\n{login}Max-Forwards: 70\n\
             Event: dialog\nAccept: application/dialog-info+xml\nExpires: {expires}\nContent-Length: 0\n\n]]></send>"
        )
    };
    let fresh = format!("<sip:1002@{domain}>");
    let login = format!("[authentication username=1003 password={password}]\n");
    let told = |state: &str, more: &str| {
        let found = format!("<action><ereg regexp=\"{state}\" search_in=\"body\" {more}/></action>");
        format!("<recv request=\"NOTIFY\">{found}</recv>\n{}", script::answer(200, ""))
    };
    let must = "check_it=\"true\" assign_to=\"7\"";
    let scenario = [
        subscribe(1, &fresh, "", 600),
        "<recv response=\"407\" auth=\"true\"/>".to_owned(),
        subscribe(2, &fresh, &login, 600),
        "<recv response=\"200\"><action><ereg regexp=\".*\" search_in=\"hdr\" header=\"To:\" assign_to=\"9\"/></action></recv>"
            .to_owned(),
        // The state of now, whatever it is.
        told("dialog-info", must),
        // Until the call stands, however many states come before.
        "<label id=\"1\"/>".to_owned(),
        told("confirmed", "assign_to=\"6\""),
        "<nop test=\"6\" next=\"2\"/>\n<nop next=\"1\"/>".to_owned(),
        "<label id=\"2\"/>".to_owned(),
        told("terminated", must),
        subscribe(3, "[$9]", "", 0),
        "<recv response=\"200\"/>".to_owned(),
        "<recv request=\"NOTIFY\"><action><ereg regexp=\"terminated\" search_in=\"hdr\" header=\"Subscription-State:\" \
         check_it=\"true\" assign_to=\"7\"/></action></recv>"
            .to_owned(),
        script::answer(200, ""),
        "<Reference variables=\"7\"/>".to_owned(),
    ]
    .join("\n");
    let watcher = Sipp::new(&scenario, world.server.spare(0)).remote(world.server.sip());
    let watcher = watcher.argument("-t", transport).calls(1, 1, 1).start().unwrap();
    // SIPp says nothing before it ends.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let call = caller.dial("1002").unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    call.hang_up();
    watcher.finish().await.unwrap().assert_successful(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sipp_watches_a_call_over_udp() {
    sipp_watches("u1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sipp_watches_a_call_over_tcp() {
    sipp_watches("t1").await;
}
