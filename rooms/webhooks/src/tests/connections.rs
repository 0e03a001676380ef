use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
};

use super::{
    receiver::{Answer, Authority, Protocol, Receiver, SelfSigned},
    rig::{Rig, until_count},
};
use crate::{
    Failure,
    address::Policy,
    client::{Clients, Post},
    dial::Dialer,
    kind::Kind,
    resolve::Resolver,
};

const PROTOCOLS: [Protocol; 3] = [Protocol::Http1, Protocol::Https1, Protocol::Https2];

async fn speaking(rig: &Rig, protocol: Protocol) -> Receiver {
    Receiver::start_at("127.0.0.1:0", &rig.authority, protocol, Answer::Status(200)).await
}

#[tokio::test]
async fn deliveries_one_after_the_other_share_one_connection() {
    for protocol in PROTOCOLS {
        let rig = Rig::start_with(|config| config.allow_http = true).await;
        let receiver = speaking(&rig, protocol).await;
        rig.webhook(&receiver.url()).await;
        for number in 0..30 {
            rig.publish(number).await;
            until_count(&receiver, number + 1).await;
            // The answer has been read once it is written down.
            rig.settled().await;
        }
        assert_eq!(receiver.connections(), 1, "{protocol:?}");
    }
}

#[tokio::test]
async fn a_crowd_of_deliveries_needs_no_more_connections_than_are_busy_at_once() {
    for (protocol, most) in [(Protocol::Http1, 80), (Protocol::Https1, 80), (Protocol::Https2, 8)] {
        let rig = Rig::start_with(|config| config.allow_http = true).await;
        let receiver = speaking(&rig, protocol).await;
        rig.webhook(&receiver.url()).await;
        for number in 0..10 {
            rig.publish_all((0..60).map(|_| rig.event(domain::CallId(uuid::Uuid::now_v7()), number)).collect()).await;
        }
        until_count(&receiver, 600).await;
        rig.settled().await;
        // 64 may be busy; a few more were asked for in the moment before one was free. HTTP/2 opens a few until it
        // knows that one will do.
        assert!(receiver.connections() <= most, "{protocol:?}: {}", receiver.connections());
    }
}

#[tokio::test]
async fn plain_http_is_refused_unless_the_operator_of_the_host_allows_it() {
    let rig = Rig::start().await;
    let receiver = speaking(&rig, Protocol::Http1).await;
    let new = crate::NewWebhook {
        name: "x".to_owned(),
        url: receiver.url(),
        events: vec![domain::EventName::CallRinging],
        ..crate::NewWebhook::default()
    };
    assert!(rig.hooks.create(&rig.admin(), new).await.is_err());
}

/// The address that was vetted is the one that is dialled, however often the name changes its mind.
#[tokio::test]
async fn a_name_that_turns_inwards_leads_nowhere() {
    let authority = Authority::new();
    let outside = Receiver::start_at("127.0.0.2:0", &authority, Protocol::Https1, Answer::Status(200)).await;
    // The same port inside, where nobody may come.
    let inside = TcpListener::bind(("127.0.0.1", outside.address.port())).unwrap();
    inside.set_nonblocking(true).unwrap();
    let policy = Policy { allow: vec!["127.0.0.2/32".parse().unwrap()], deny: Vec::new(), http: false };
    let answers = ["127.0.0.2", "127.0.0.1"].map(|address| address.parse().unwrap()).to_vec();
    let resolver = Resolver::Scripted(Arc::new(Mutex::new(answers)));
    let dialer = Dialer { policy: Arc::new(policy), resolver };
    let clients = Clients::open(dialer, Some(&authority.file()), std::time::Duration::from_secs(5)).unwrap();
    let client = clients.for_authority(None).unwrap();
    let post = Post {
        url: outside.url().parse().unwrap(),
        headers: std::array::from_fn(|_| ("x-nothing", String::new())),
        body: bytes::Bytes::from_static(b"{}"),
        kind: Kind::Events,
    };
    // It is looked up once for each connection: a second look before the dial would have led inside already.
    let first = client.post(&post).await;
    assert_eq!((first.result, first.status), (Ok(()), Some(200)));
    // The connection that is kept ends; the next is to the name's new address.
    outside.answer(Answer::Close);
    assert_eq!(client.post(&post).await.result, Err(Failure::Blocked));
    assert_eq!(client.post(&post).await.result, Err(Failure::Blocked));
    assert_eq!(outside.connections(), 1);
    assert!(inside.accept().is_err(), "somebody came in");
}

#[tokio::test]
async fn a_webhook_may_bring_its_own_authority_which_then_is_the_only_one() {
    let rig = Rig::start().await;
    let stranger = Authority::new();
    let (theirs, usual) =
        (Receiver::start(&stranger, Answer::Status(200)).await, rig.receiver(Answer::Status(200)).await);
    let outcome = async |url: String, authority: Option<String>| {
        let hook = rig.webhook_with(&url, |new| new.authority = authority).await.webhook.id;
        rig.publish(1).await;
        let error = rig.delivery(hook, |delivery| delivery.attempts == 1).await.error;
        rig.hooks.delete(&rig.admin(), hook).await.unwrap();
        error
    };
    assert_eq!(outcome(theirs.url(), None).await, Some(Failure::Tls));
    assert_eq!(outcome(theirs.url(), Some(stranger.pem())).await, None);
    assert_eq!(outcome(usual.url(), None).await, None);
    assert_eq!(outcome(usual.url(), Some(stranger.pem())).await, Some(Failure::Tls));
    assert_eq!(outcome(usual.url(), Some(stranger.pem() + &rig.authority.pem())).await, None);
}

#[tokio::test]
async fn a_certificate_of_nobody_but_itself_is_taken_if_it_is_the_one_that_was_given() {
    let rig = Rig::start().await;
    let (signed, other, misnamed) = (SelfSigned::new("a.test"), SelfSigned::new("a.test"), SelfSigned::new("c.test"));
    let receiver = Receiver::self_signed(&signed, Answer::Status(200)).await;
    let stranger = Receiver::self_signed(&misnamed, Answer::Status(200)).await;
    for (url, pem, error) in [
        (receiver.url(), signed.pem(), None),
        (receiver.url(), other.pem(), Some(Failure::Tls)),
        (stranger.url(), misnamed.pem(), Some(Failure::Tls)),
    ] {
        let hook = rig.webhook_with(&url, |new| new.authority = Some(pem)).await.webhook.id;
        rig.publish(1).await;
        assert_eq!(rig.delivery(hook, |delivery| delivery.attempts == 1).await.error, error);
        rig.hooks.delete(&rig.admin(), hook).await.unwrap();
    }
}

#[tokio::test]
async fn an_authority_that_is_none_is_refused() {
    let rig = Rig::open(|_| {}).await;
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["nonsense", key, broken, &"x".repeat(70_000)] {
        let new = crate::NewWebhook {
            name: "x".to_owned(),
            url: "https://a.test/".to_owned(),
            events: vec![domain::EventName::CallRinging],
            authority: Some(pem.to_owned()),
            ..crate::NewWebhook::default()
        };
        let error = rig.hooks.create(&rig.admin(), new).await.unwrap_err();
        assert!(matches!(error, crate::Error::Invalid { field: "authority", .. }), "{error}");
    }
}

/// A name whose servers do not answer occupies one thread, however many wait for it.
#[tokio::test]
async fn a_name_is_looked_up_once_at_a_time() {
    let resolver = Resolver::system();
    let looking = (0..200).map(|_| resolver.resolve("localhost"));
    let found = futures_util::future::join_all(looking).await;
    assert!(found.iter().all(|found| found.as_ref().is_ok_and(|addresses| !addresses.is_empty())));
}
