//! Against a relay on this host that speaks SMTP (RFC 5321), STARTTLS (RFC 3207) and AUTH PLAIN (RFC 4954).

mod relay;

use std::time::Duration;

use store::{
    jobs::Worker,
    testing::{TENANT, TestDb, test_db},
};

use self::relay::{Behaviour, Relay};
use super::*;

fn letter() -> Letter {
    Letter {
        to: vec!["lan@example.com".to_owned()],
        subject: "Mã xác nhận".to_owned(),
        text: "Chào Lan,\n.\nhttps://pbx.example.com/invite/abc\n".to_owned(),
        html: None,
        attachments: Vec::new(),
    }
}

fn open(db: &TestDb, config: &Config) -> Mail {
    Mail::open((**db).clone(), db.secrets.clone(), config).unwrap()
}

/// Runs what is due now.
async fn work(db: &TestDb, mail: &Mail) -> usize {
    mail.jobs(Worker::new((**db).clone())).run_due().await.unwrap()
}

#[tokio::test]
async fn a_letter_arrives_by_each_kind_of_security_with_its_login() {
    let db = test_db().await;
    for security in [Security::None, Security::StartTls, Security::Tls] {
        let relay = Relay::start(security, Behaviour::Accept).await;
        let mail = open(&db, &relay.config());
        mail.try_now(&letter()).await.unwrap();
        let [received] = &relay.received()[..] else { panic!("{security:?}: {:?}", relay.received()) };
        assert_eq!(received.from, "pbx@example.com");
        assert_eq!(received.to, ["lan@example.com"]);
        assert_eq!(received.login.as_deref(), Some("\0zorio\0s3cret"), "{security:?}");
        assert_eq!(received.secure, security != Security::None);
        for line in ["From: Zorio <pbx@example.com>", "To: lan@example.com", "Subject: =?utf-8?b?", "MIME-Version: 1.0"]
        {
            assert!(received.data.contains(line), "{line} in {}", received.data);
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_to_a_relay_that_offers_no_tls_or_shows_a_strange_certificate() {
    let db = test_db().await;
    let plain = Relay::start(Security::None, Behaviour::Accept).await;
    let mail = open(&db, &Config { security: Security::StartTls, ..plain.config() });
    assert!(matches!(mail.try_now(&letter()).await, Err(Error::Later(_))));
    assert!(plain.received().is_empty());

    for security in [Security::StartTls, Security::Tls] {
        let stranger = Relay::start(security, Behaviour::Accept).await;
        let mail = open(&db, &Config { ca_file: None, ..stranger.config() });
        let error = mail.try_now(&letter()).await.unwrap_err();
        assert!(matches!(&error, Error::Later(text) if text.contains("certificate")), "{error}");
        assert!(stranger.received().is_empty());
    }
}

#[tokio::test]
async fn a_password_never_leaves_the_host_in_the_clear() {
    let db = test_db().await;
    let login = ("zorio".to_owned(), Password("s3cret".to_owned()));
    for (host, fits) in [("localhost", true), ("127.0.0.1", true), ("::1", true), ("relay.example.com", false)] {
        let config = Config {
            host: Some(host.to_owned()),
            security: Security::None,
            login: Some(login.clone()),
            from: "pbx@example.com".to_owned(),
            ..Config::default()
        };
        assert_eq!(Mail::open((*db).clone(), db.secrets.clone(), &config).is_ok(), fits, "{host}");
    }
    assert_eq!(format!("{:?}", login.1), "Password(***)");
}

#[tokio::test]
async fn a_waiting_letter_is_sealed_sent_once_and_gone() {
    let db = test_db().await;
    let relay = Relay::start(Security::None, Behaviour::Accept).await;
    let mail = open(&db, &relay.config());
    let two = Letter { to: vec!["a@example.com".to_owned(), "b@example.com".to_owned()], ..letter() };
    mail.send(TENANT, &two).await.unwrap();
    let mut tx = db.begin_any_tenant().await.unwrap();
    let jobs = store::jobs::claim(&mut tx, "test", "mail.letter", 10).await.unwrap();
    drop(tx);
    assert_eq!(jobs.len(), 2);
    assert!(jobs.iter().all(|job| !job.payload.contains("example") && !job.payload.contains("invite")));

    assert_eq!(work(&db, &mail).await, 2);
    let mut to: Vec<_> = relay.received().into_iter().flat_map(|received| received.to).collect();
    to.sort();
    assert_eq!(to, ["a@example.com", "b@example.com"]);
    assert_eq!(work(&db, &mail).await, 0);
}

#[tokio::test]
async fn a_letter_brings_a_file_along_and_only_when_it_is_handed_over_at_once() {
    let db = test_db().await;
    let relay = Relay::start(Security::None, Behaviour::Accept).await;
    let mail = open(&db, &relay.config());
    let file = |bytes: usize| Attachment {
        name: "message\r\nX: 1.wav".to_owned(),
        content_type: "audio/wav".to_owned(),
        bytes: vec![b'a'; bytes],
    };
    let with = Letter { attachments: vec![file(300)], ..letter() };
    mail.try_now(&with).await.unwrap();
    let data = &relay.received()[0].data;
    for line in ["multipart/mixed", "Content-Type: audio/wav", "Content-Disposition: attachment"] {
        assert!(data.contains(line), "{line} in {data}");
    }
    assert!(!data.contains("\nX: 1"), "{data}");
    assert!(matches!(mail.send(TENANT, &with).await, Err(Error::Letter(_))), "nothing is lost on the way");
    let large = Letter { attachments: vec![file(5 << 20), file(4 << 20)], ..letter() };
    assert!(matches!(mail.try_now(&large).await, Err(Error::Letter(_))));
}

#[tokio::test]
async fn a_busy_relay_is_asked_again_later_with_the_same_message_id() {
    let db = test_db().await;
    let relay = Relay::start(Security::None, Behaviour::Busy(2)).await;
    let mail = open(&db, &relay.config());
    mail.send(TENANT, &letter()).await.unwrap();
    assert_eq!(work(&db, &mail).await, 1);
    assert_eq!(work(&db, &mail).await, 0, "it waits");
    db.clock.advance(Duration::from_secs(30));
    assert_eq!(work(&db, &mail).await, 1);
    db.clock.advance(Duration::from_secs(119));
    assert_eq!(work(&db, &mail).await, 0, "the second wait is longer");
    db.clock.advance(Duration::from_secs(1));
    assert_eq!(work(&db, &mail).await, 1);
    let seen = relay.message_ids();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|id| *id == seen[0]), "{seen:?}");
    db.clock.advance(Duration::from_secs(100_000));
    assert_eq!(work(&db, &mail).await, 0);
}

#[tokio::test]
async fn a_refused_recipient_is_given_up_and_a_relay_that_never_answers_in_the_end() {
    let db = test_db().await;
    let relay = Relay::start(Security::None, Behaviour::Refuse).await;
    let mail = open(&db, &relay.config());
    assert!(matches!(mail.try_now(&letter()).await, Err(Error::Refused { code: 550, .. })));
    mail.send(TENANT, &letter()).await.unwrap();
    assert_eq!(work(&db, &mail).await, 1);
    db.clock.advance(Duration::from_secs(100_000));
    assert_eq!(work(&db, &mail).await, 0);

    let silent = Relay::start(Security::None, Behaviour::Silent).await;
    let mail = open(&db, &Config { timeout: Duration::from_millis(50), ..silent.config() });
    mail.send(TENANT, &letter()).await.unwrap();
    let mut attempts = 0;
    while work(&db, &mail).await == 1 {
        attempts += 1;
        db.clock.advance(Duration::from_secs(28_800));
    }
    assert_eq!(attempts, 9);
}

#[tokio::test]
async fn no_text_gets_a_header_or_a_command_of_its_own() {
    let db = test_db().await;
    let relay = Relay::start(Security::None, Behaviour::Accept).await;
    let mail = open(&db, &relay.config());
    for to in [
        "a@example.com\r\nBcc: evil@example.com",
        "a@example.com>\r\nRCPT TO:<evil@example.com",
        "a@example.com, evil@example.com",
        "Evil <a@example.com>",
        "a b@example.com",
        "@example.com",
        "a@",
        "",
    ] {
        let bad = Letter { to: vec![to.to_owned()], ..letter() };
        assert!(matches!(mail.try_now(&bad).await, Err(Error::Letter(_))), "{to:?}");
        assert!(matches!(mail.send(TENANT, &bad).await, Err(Error::Letter(_))), "{to:?}");
    }
    for subject in ["Hi\r\nBcc: evil@example.com", "Hi\n\nbody", "Hi\u{2028}Bcc: evil@example.com", "\r\n.\r\nQUIT\r\n"]
    {
        let odd = Letter {
            subject: subject.to_owned(),
            text: "line\r\n.\r\nMAIL FROM:<evil@example.com>\r\nBcc: evil@example.com".to_owned(),
            html: Some("<p>\r\n.\r\n</p>".to_owned()),
            ..letter()
        };
        mail.try_now(&odd).await.unwrap();
    }
    let received = relay.received();
    assert_eq!(received.len(), 4, "one message for each letter");
    for message in received {
        assert_eq!(message.to, ["lan@example.com"]);
        assert_eq!(message.from, "pbx@example.com");
        let head = message.data.split("\r\n\r\n").next().unwrap();
        assert!(!head.to_lowercase().contains("\r\nbcc"), "{head}");
    }
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let db = test_db().await;
    let relay = Relay::start(Security::None, Behaviour::Accept).await;
    let mail = open(&db, &relay.config());
    for bad in [
        Letter { to: Vec::new(), ..letter() },
        Letter { to: vec!["a@example.com".to_owned(); 21], ..letter() },
        Letter { subject: "x".repeat(201), ..letter() },
        Letter { text: "x".repeat(65_537), ..letter() },
        Letter { html: Some("x".repeat(65_537)), ..letter() },
    ] {
        assert!(matches!(mail.send(TENANT, &bad).await, Err(Error::Letter(_))));
    }
    let many = Letter { to: vec!["a@example.com".to_owned(); 20], ..letter() };
    for _ in 0..50 {
        mail.send(TENANT, &many).await.unwrap();
    }
    assert!(matches!(mail.send(TENANT, &letter()).await, Err(Error::Full)));
    mail.send(TenantId(2), &letter()).await.unwrap();
}

#[tokio::test]
async fn the_relay_can_be_checked_without_a_letter() {
    let relay = Relay::start(Security::StartTls, Behaviour::Accept).await;
    check(&relay.config()).await.unwrap();
    assert!(relay.received().is_empty());
    assert!(check(&Config { ca_file: None, ..relay.config() }).await.is_err());
    check(&Config::default()).await.unwrap();
}

#[tokio::test]
async fn without_a_relay_nothing_can_be_sent() {
    let db = test_db().await;
    let mail = open(&db, &Config::default());
    assert!(!mail.configured());
    assert!(matches!(mail.send(TENANT, &letter()).await, Err(Error::NotConfigured)));
    assert!(matches!(mail.try_now(&letter()).await, Err(Error::NotConfigured)));
}
