//! Codecs beside G.711, and keys of SRTP in offers and answers (RFC 4568).

use std::net::IpAddr;

use sip_proto::sdp::{
    Codec, Direction, Keys, Local, Refused, Security, Session, Suite, accept_answer, accept_offer, offer,
};

const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn local(codecs: &'static [Codec], security: Security) -> Local<'static> {
    Local {
        address: IpAddr::from([192, 0, 2, 1]),
        port: 30_000,
        session_id: 7,
        version: 1,
        codecs,
        dtmf: true,
        direction: Direction::SendRecv,
        security,
    }
}

fn keys(seed: u8) -> Keys {
    let mut random = [0; Keys::LENGTH];
    for (at, byte) in random.iter_mut().enumerate() {
        *byte = seed.wrapping_mul(31).wrapping_add(u8::try_from(at).expect("there are 106"));
    }
    Keys::new(random)
}

fn protected(lines: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8\r\n{lines}"
    )
}

const PLAIN: &str =
    "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

#[test]
fn both_sides_agree_on_a_suite_and_on_each_others_keys() {
    let ours = local(&[Codec::Pcma], Security::Requires(keys(1)));
    let theirs = local(&[Codec::Pcma], Security::Accepts(keys(2)));
    let text = offer(&ours);
    assert!(text.contains("m=audio 30000 RTP/SAVP 8 101\r\n"), "{text}");
    assert_eq!(text.matches("a=crypto:").count(), 3);
    let (answer, at_them) = accept_offer(text.as_bytes(), &theirs).expect("an answer");
    assert!(answer.contains("RTP/SAVP 8 101\r\n") && answer.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"));
    let at_us = accept_answer(&ours, answer.as_bytes()).expect("an agreement");
    let (us, them) = (at_us.srtp.expect("protected"), at_them.srtp.expect("protected"));
    assert_eq!((us.suite, them.suite), (Suite::Aes128Sha80, Suite::Aes128Sha80));
    assert_eq!((us.send.reveal(), us.receive.reveal()), (them.receive.reveal(), them.send.reveal()));
    assert_ne!(us.send.reveal(), us.receive.reveal());
    assert_eq!(offer(&ours), text, "the keys stay the same for the life of the stream");
}

#[test]
fn who_wants_no_keys_or_nothing_else_refuses() {
    let with_key = protected(&format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"));
    let table = [
        (Security::Plain, PLAIN, Some(false)),
        (Security::Plain, &*with_key, None),
        (Security::Accepts(keys(1)), PLAIN, Some(false)),
        (Security::Accepts(keys(1)), &*with_key, Some(true)),
        (Security::Requires(keys(1)), PLAIN, None),
        (Security::Requires(keys(1)), &*with_key, Some(true)),
    ];
    for (security, text, expected) in table {
        let answered = accept_offer(text.as_bytes(), &local(&[Codec::Pcma], security.clone()));
        assert_eq!(answered.as_ref().ok().map(|(_, agreed)| agreed.srtp.is_some()), expected, "{security:?}");
        if expected.is_none() {
            assert_eq!(answered.map_err(Refused::status).expect_err("refused"), 488);
        }
    }
    // We asked for protection, or for none, and the answer is another.
    let refused = |security, text: &str| accept_answer(&local(&[Codec::Pcma], security), text.as_bytes()).is_err();
    assert!(refused(Security::Requires(keys(1)), PLAIN));
    assert!(refused(Security::Plain, &with_key));
    assert!(refused(Security::Accepts(keys(1)), &with_key));
}

#[test]
fn the_first_line_that_can_be_used_is_answered() {
    let long = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdA==";
    let text = protected(&format!(
        "a=crypto:1 F8_128_HMAC_SHA1_80 inline:{KEY}\r\na=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4\r\n\
         a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP\r\na=crypto:7 AES_256_CM_HMAC_SHA1_80 inline:{long}\r\n\
         a=crypto:8 AES_CM_128_HMAC_SHA1_32 inline:{KEY}\r\n"
    ));
    let (answer, agreed) =
        accept_offer(text.as_bytes(), &local(&[Codec::Pcma], Security::Accepts(keys(1)))).expect("an answer");
    assert_eq!(agreed.srtp.map(|srtp| srtp.suite), Some(Suite::Aes256Sha80));
    assert_eq!(answer.matches("a=crypto:").count(), 1);
    assert!(answer.contains("a=crypto:7 AES_256_CM_HMAC_SHA1_80 inline:"), "{answer}");
}

#[test]
fn malformed_keys_and_answers_that_do_not_fit_are_refused() {
    let ours = local(&[Codec::Pcma], Security::Requires(keys(1)));
    for lines in [
        String::new(),
        "a=crypto:\r\n".to_owned(),
        "a=crypto:1\r\n".to_owned(),
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80\r\n".to_owned(),
        format!("a=crypto:x AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"),
        format!("a=crypto:0 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"),
        format!("a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"),
        // Tag 2 was another suite.
        format!("a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"),
        format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}A\r\n"),
        format!(
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\na=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:{KEY}\r\n"
        ),
    ] {
        let answer = protected(&lines);
        assert_eq!(accept_answer(&ours, answer.as_bytes()), Err(Refused::NotAcceptable), "{lines}");
    }
}

#[test]
fn keys_are_printed_into_descriptions_and_nowhere_else() {
    let text = protected(&format!("a=ptime:20\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\na=sendrecv\r\n"));
    let session = Session::parse(text.as_bytes()).expect("a description");
    assert_eq!(session.to_string(), text);
    let ours = local(&[Codec::Pcma], Security::Requires(keys(1)));
    let (answer, agreed) = accept_offer(text.as_bytes(), &ours).expect("an answer");
    let hidden = answer.split("inline:").nth(1).and_then(|rest| rest.get(..40)).expect("our key");
    let shown = format!("{session:?} {ours:?} {agreed:?}");
    assert!(!shown.contains(KEY) && !shown.contains(hidden) && !shown.contains("WVNf"), "{shown}");
}

#[test]
fn opus_and_its_events_count_at_48_khz() {
    let ours = local(&[Codec::Opus, Codec::G722, Codec::Pcma], Security::Plain);
    let text = offer(&ours);
    for line in [
        "m=audio 30000 RTP/AVP 111 9 8 101 110\r\n",
        "a=rtpmap:111 opus/48000/2\r\n",
        "a=rtpmap:9 G722/8000\r\n",
        "a=rtpmap:110 telephone-event/48000\r\n",
        "a=fmtp:111 useinbandfec=1\r\n",
    ] {
        assert!(text.contains(line), "{line} {text}");
    }
    let theirs = local(&[Codec::Opus], Security::Plain);
    let (answer, agreed) = accept_offer(text.as_bytes(), &theirs).expect("an answer");
    assert_eq!((agreed.codec, agreed.payload, agreed.dtmf_send), (Codec::Opus, 111, Some(110)));
    let back = accept_answer(&ours, answer.as_bytes()).expect("an agreement");
    assert_eq!((back.codec, back.receive_payload, back.dtmf_receive), (Codec::Opus, 111, Some(110)));
    // Who offers events at 8 kHz alone gets them there.
    let plain = text.replace("a=rtpmap:110 telephone-event/48000\r\n", "");
    let (_, agreed) = accept_offer(plain.as_bytes(), &theirs).expect("an answer");
    assert_eq!(agreed.dtmf_send, Some(101));
    // Static 9 needs no rtpmap; a dynamic type does.
    let nine = PLAIN.replace("RTP/AVP 8", "RTP/AVP 111 9");
    let (_, agreed) = accept_offer(nine.as_bytes(), &ours).expect("an answer");
    assert_eq!((agreed.codec, agreed.payload), (Codec::G722, 9));
}

#[test]
fn keys_beside_a_plain_stream_protect_it_with_whoever_can() {
    let ours = local(&[Codec::Pcma], Security::Prefers(keys(1)));
    let text = offer(&ours);
    assert!(text.contains("m=audio 30000 RTP/AVP 8 101\r\n") && text.matches("a=crypto:").count() == 3, "{text}");
    for (security, protected) in
        [(Security::Plain, false), (Security::Accepts(keys(2)), true), (Security::Prefers(keys(2)), true)]
    {
        let theirs = local(&[Codec::Pcma], security.clone());
        let (answer, at_them) = accept_offer(text.as_bytes(), &theirs).expect("an answer");
        assert!(answer.contains("m=audio 30000 RTP/AVP 8 101\r\n"), "{security:?}: {answer}");
        assert_eq!(answer.contains("a=crypto:"), protected, "{security:?}: {answer}");
        let at_us = accept_answer(&ours, answer.as_bytes()).expect("an agreement");
        assert_eq!((at_us.srtp.is_some(), at_them.srtp.is_some()), (protected, protected), "{security:?}");
        if let (Some(us), Some(them)) = (at_us.srtp, at_them.srtp) {
            assert_eq!((us.send.reveal(), us.receive.reveal()), (them.receive.reveal(), them.send.reveal()));
        }
    }
    assert!(accept_offer(text.as_bytes(), &local(&[Codec::Pcma], Security::Requires(keys(2)))).is_err(), "not enough");
    // An answer that is of a protected stream after all has the keys too; one whose key cannot be read is none.
    let line = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n");
    let answered = |text: &str| accept_answer(&ours, text.as_bytes()).map(|agreed| agreed.srtp.is_some());
    assert_eq!(answered(&protected(&line)), Ok(true));
    assert_eq!(answered(&format!("{PLAIN}{line}")), Ok(true));
    assert_eq!(answered(PLAIN), Ok(false));
    assert_eq!(answered(&protected("")), Err(Refused::NotAcceptable));
    assert_eq!(
        answered(&format!("{PLAIN}a=crypto:9 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n")),
        Err(Refused::NotAcceptable)
    );
    // Of keys that nobody can use the stream is plain.
    let strange = format!("{PLAIN}a=crypto:1 F8_128_HMAC_SHA1_80 inline:{KEY}\r\n");
    let (answer, agreed) = accept_offer(strange.as_bytes(), &ours).expect("an answer");
    assert!(agreed.srtp.is_none() && !answer.contains("a=crypto"), "{answer}");
    let plain = local(&[Codec::Pcma], Security::Plain);
    let unasked = accept_answer(&plain, format!("{PLAIN}{line}").as_bytes()).expect("an agreement");
    assert!(unasked.srtp.is_none(), "nobody asked for keys");
}
