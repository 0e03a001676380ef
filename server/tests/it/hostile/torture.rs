//! The torture messages of the parser's tests, against the whole server.

use testkit::RawPhone;

use super::Fort;

#[path = "../../../../core/sip-proto/tests/torture/messages/mod.rs"]
pub(super) mod messages;

#[tokio::test(flavor = "multi_thread")]
async fn the_server_stands_every_torture_message_by_udp_and_tcp() {
    let mut fort = Fort::open().await;
    let mut udp = RawPhone::open("stranger", "", fort.server.sip()).await.unwrap();
    let all = messages::all();
    assert!(all.len() >= 61, "{} messages", all.len());
    for (name, message) in all {
        let is_options = message.starts_with(b"OPTIONS ");
        let refuses = |status: u16| (400..600).contains(&status) || status == 200 && is_options;
        // Whatever is answered by UDP goes to the port that the message's Via names.
        let answers = fort.answers_to(&mut udp, &message).await;
        assert!(answers.iter().all(|status| status.is_some_and(refuses)), "{name}: {answers:?}");
        fort.stands(name).await;
        let mut tcp = RawPhone::connect("stranger", "", fort.server.sip()).await.unwrap();
        let answers = fort.answers_to(&mut tcp, &message).await;
        assert!(answers.iter().flatten().all(|status| refuses(*status)) && answers.len() <= 3, "{name}: {answers:?}");
        fort.stands(name).await;
    }
}
