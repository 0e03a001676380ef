//! What phones and carriers may ask for beside calls, and what of their headers goes on.

use sip_proto::message::{Message, Name};
use testkit::{RawPhone, World, world::NOTICED};

use super::world;

/// Returns a request of extension 1001 outside of a call, with these lines and, behind an empty one, a body.
fn request(method: &str, from: &str, lines: &str) -> String {
    let (lines, body) = lines.split_once("\n\n").unwrap_or((lines, ""));
    let lines = if lines.is_empty() { String::new() } else { format!("{lines}\n") };
    format!(
        "{method} sip:1002@{{server}} SIP/2.0\nVia: SIP/2.0/UDP {{local}};branch={{branch}};rport\nMax-Forwards: 70\n\
         From: <sip:{from}@{{server}}>;tag={{tag}}\nTo: <sip:1002@{{server}}>\nCall-ID: {{call}}\n\
         CSeq: {{cseq}} {method}\nContact: <sip:1001@{{local}}>\n{lines}{{login}}\nContent-Length: {{length}}\n\n{body}"
    )
}

async fn phone(world: &World, tcp: bool) -> RawPhone {
    let password = world.server.extension("1001").await.unwrap();
    tokio::time::sleep(NOTICED).await;
    let open = async || match tcp {
        true => RawPhone::connect("1001", &password, world.server.sip()).await,
        false => RawPhone::open("1001", &password, world.server.sip()).await,
    };
    open().await.unwrap()
}

fn header(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}

/// S37: there is no messaging, and nobody asks for it in another's name.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_another_name_is_403_and_one_too_many_bytes_413() {
    let world = world().await;
    let mut phone = phone(&world, false).await;
    let text = "Content-Type: text/plain\n\nhello";
    for (from, status) in [("1001", 405), ("1002", 403), ("anonymous", 403)] {
        phone.new_call();
        let answer = phone.request(&request("MESSAGE", from, text)).await.unwrap();
        assert_eq!(answer.status(), Some(status), "from {from:?}");
    }
    let mut stream = RawPhone::connect("1001", "x", world.server.sip()).await.unwrap();
    let head =
        request("MESSAGE", "1001", "Content-Type: text/plain").replace("{login}\n", "").replace("{length}", "1048576");
    stream.send(&head).await.unwrap();
    let answer = stream.final_response().await.unwrap();
    assert_eq!(answer.status(), Some(413));
}

#[tokio::test(flavor = "multi_thread")]
async fn options_say_what_is_served() {
    let world = world().await;
    let mut phone = phone(&world, true).await;
    let answer = phone.request(&request("OPTIONS", "1001", "")).await.unwrap();
    assert_eq!(answer.status(), Some(200));
    for method in ["INVITE", "PRACK", "UPDATE", "REFER", "SUBSCRIBE", "NOTIFY"] {
        assert!(header(&answer, Name::Allow).split(", ").any(|allowed| allowed == method), "{method}");
    }
}

/// S43: who hides is hidden from the outside, and from nobody else; what claims to be ours or the carrier's is dropped.
#[tokio::test(flavor = "multi_thread")]
async fn privacy_reaches_the_trunk_and_headers_of_ours_do_not() {
    let world = world().await;
    let mut phone = phone(&world, false).await;
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n";
    for (number, lines, shown) in [
        ("84281234577", "Privacy: id;critical\nP-Charging-Vector: icid-value=evil\nX-Zorio-Account: evil", "anonymous"),
        ("84281234567", "Privacy: none", "1001"),
    ] {
        phone.new_call();
        let invite = request("INVITE", "1001", &format!("{lines}\nContent-Type: application/sdp\n\n{sdp}"));
        let answer = phone.request(&invite.replace("1002", number)).await.unwrap();
        assert_eq!(answer.status(), Some(200), "{number}");
        phone.acknowledge(&answer).await.unwrap();
        let call = world.carrier.call_to(number, testkit::world::PATIENCE).await.unwrap();
        assert_eq!(call.about().caller, shown, "{lines}");
        assert!(!format!("{:?}", call.about()).contains("evil"), "{:?}", call.about());
    }
}
