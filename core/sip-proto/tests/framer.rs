//! Messages on a byte stream.

use sip_proto::{
    limits,
    message::{Frame, Framer, Method, parse},
};

fn message(fields: &str, body: &str) -> String {
    format!(
        "OPTIONS sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n\
         To: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n{fields}\r\n{body}"
    )
}

/// What a framer says, in short.
fn frames(framer: &mut Framer) -> Vec<String> {
    std::iter::from_fn(|| framer.next())
        .map(|frame| match frame {
            Ok(Frame::Message(bytes)) => match parse(bytes) {
                Ok(message) => format!("{} {}", message.method(), String::from_utf8_lossy(message.body())),
                Err(error) => format!("message {}", error.status),
            },
            Ok(Frame::KeepAlive) => "ping".to_owned(),
            Ok(Frame::Pong) => "pong".to_owned(),
            Err(error) => format!("lost {} {}", error.error.status, error.error.salvage.is_some()),
        })
        .collect()
}

fn of(stream: &str) -> Vec<String> {
    let mut framer = Framer::new();
    framer.push(stream.as_bytes());
    frames(&mut framer)
}

#[test]
fn messages_and_keep_alives_are_told_apart() {
    let stream = format!(
        "\r\n\r\n{}{}\r\n\r\n\r\n{}",
        message("Content-Length: 2\r\n", "hi"),
        message("l : 0\r\n", ""),
        message("Content-Length:3\r\n", "\r\n\r")
    );
    let expected = ["ping", "OPTIONS hi", "OPTIONS ", "ping", "pong", "OPTIONS \r\n\r"];
    assert_eq!(of(&stream), expected);
    // The same in single bytes; a ping that comes in halves looks like a pong first.
    let mut framer = Framer::new();
    let mut found = Vec::new();
    for byte in stream.as_bytes() {
        framer.push(&[*byte]);
        found.extend(frames(&mut framer));
    }
    assert_eq!(found, ["pong", "ping", "OPTIONS hi", "OPTIONS ", "pong", "ping", "pong", "OPTIONS \r\n\r"]);
    assert_eq!(framer.pending(), 0);
}

#[test]
fn an_unparsable_message_does_not_end_the_stream() {
    let broken = message("Content-Length: 0\r\n", "").replace("CSeq: 1 OPTIONS", "CSeq: x");
    let stream = broken + &message("Content-Length: 0\r\n", "");
    assert_eq!(of(&stream), ["message 400", "OPTIONS "]);
}

#[test]
fn a_stream_whose_lengths_are_in_doubt_is_closed() {
    for fields in [
        "",
        "Content-Length: 0\r\nContent-Length: 5\r\n",
        "l: 5\r\nContent-Length : 5\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 18446744073709551615\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "X: a\rContent-Length: 5\r\n",
        "X: a\nContent-Length: 5\r\n",
    ] {
        let stream = message(fields, "") + &message("Content-Length: 0\r\n", "");
        let found = of(&stream);
        assert_eq!(found.len(), 1, "{fields:?}");
        assert!(found[0] == "lost 400 true" || found[0] == "lost 413 true", "{fields:?} {found:?}");
    }
}

#[test]
fn a_message_may_be_as_long_as_the_limit() {
    let room = limits::MESSAGE - message("Content-Length: 65000\r\n", "").len();
    let fits = message(&format!("Content-Length: {room}\r\n"), &"x".repeat(room));
    assert_eq!(fits.len(), limits::MESSAGE);
    assert_eq!(of(&fits).len(), 1);
    assert!(of(&fits)[0].starts_with("OPTIONS"));
    let room = room + 1;
    assert_eq!(of(&message(&format!("Content-Length: {room}\r\n"), &"x".repeat(room))), ["lost 413 true"]);
}

#[test]
fn a_head_without_an_end_is_given_up_at_the_limit() {
    let mut framer = Framer::new();
    let chunk = [b'a'; 4096];
    let mut given = 0;
    while frames(&mut framer).is_empty() {
        framer.push(&chunk);
        given += chunk.len();
        assert!(given <= limits::MESSAGE + chunk.len());
    }
    assert_eq!(framer.pending(), 0);
    framer.push(&chunk);
    assert_eq!(framer.pending(), 0);
}

#[test]
fn a_salvaged_head_can_be_answered() {
    let mut framer = Framer::new();
    framer.push(message("Content-Length: x\r\n", "").as_bytes());
    let lost = framer.next().and_then(Result::err);
    let request = lost.and_then(|error| error.error.salvage);
    assert_eq!(request.map(|request| request.method().clone()), Some(Method::Options));
    assert!(framer.next().is_none());
}
