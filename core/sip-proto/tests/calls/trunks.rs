//! Challenges to our own requests: only the trunk itself gets an answer (T3).

use sip_proto::{
    endpoint::Destination,
    message::{Message, Name},
    session::{Invite, LegCommand, LegEventKind, LegKey, TrunkCredentials},
};

use crate::{
    cancel::{answer, answer_with},
    net::{Net, at, sdp},
};

const TRUNK: &str = "10.0.0.9:5060";

fn challenge(realm: &str, stale: bool) -> String {
    let stale = if stale { ",stale=true" } else { "" };
    format!("Proxy-Authenticate: Digest realm=\"{realm}\",nonce=\"abc\",algorithm=MD5,qop=\"auth\"{stale}\r\n")
}

fn invite(net: &mut Net, caller: std::net::SocketAddr, realm: Option<&str>) -> (LegKey, Message) {
    let trunk = at(TRUNK);
    let mut invite = Invite::new("sip:0901@carrier.example", Destination::udp(trunk), "100", "carrier.example");
    invite.sdp = Some(sdp());
    invite.headers = vec![("X-Lead".to_owned(), "7".to_owned())];
    invite.credentials = Some(TrunkCredentials {
        username: "acme".to_owned(),
        password: "secret".to_owned(),
        realm: realm.map(str::to_owned),
    });
    let leg = net.invite_with(caller, invite);
    net.pass(10);
    let first = net.heard(trunk).unwrap();
    assert!(first.header(Name::ProxyAuthorization).is_none());
    (leg, first)
}

#[test]
fn the_trunk_is_answered_with_the_same_invite_and_credentials() {
    let (mut net, caller, _) = Net::pair(1);
    let trunk = at(TRUNK);
    let (leg, first) = invite(&mut net, caller, Some("carrier.example"));
    net.inject(
        trunk,
        caller,
        answer_with(&first, "407 Proxy Authentication Required", "x", &challenge("carrier.example", false)),
    );
    net.pass(10);
    assert_eq!(net.heard(trunk).unwrap().method().as_str(), "ACK");
    let second = net.heard(trunk).unwrap();
    assert_eq!(second.cseq().0, first.cseq().0 + 1);
    assert_eq!(second.call_id(), first.call_id());
    assert_eq!(second.from_tag(), first.from_tag());
    assert_ne!(second.via().unwrap().branch(), first.via().unwrap().branch());
    assert_eq!(second.via_count(), 1);
    assert_eq!(second.body(), first.body());
    assert_eq!(second.custom("X-Lead"), Some(&b"7"[..]));
    let login = sip_proto::digest::Credentials::parse(second.header(Name::ProxyAuthorization).unwrap()).unwrap();
    let secret = sip_proto::digest::ha1(sip_proto::digest::Algorithm::Md5, "acme", "carrier.example", "secret");
    assert!(login.verify("INVITE", &secret));
    assert_eq!(login.uri(), b"sip:0901@carrier.example");
    net.inject(trunk, caller, answer(&second, "200 OK", "y"));
    net.pass(10);
    assert!(matches!(net.leg_events(caller, leg)[..], [LegEventKind::Answered { .. }]));
    // The BYE is challenged as well.
    net.command(caller, leg, LegCommand::Hangup { reason: None });
    net.pass(10);
    assert_eq!(net.heard(trunk).unwrap().method().as_str(), "ACK");
    let bye = net.heard(trunk).unwrap();
    assert_eq!(bye.cseq().0, second.cseq().0 + 1);
    net.inject(
        trunk,
        caller,
        answer_with(&bye, "407 Proxy Authentication Required", "y", &challenge("carrier.example", false)),
    );
    net.pass(10);
    let bye = net.heard(trunk).unwrap();
    assert!(bye.header(Name::ProxyAuthorization).is_some());
    net.inject(trunk, caller, answer(&bye, "200 OK", "y"));
    net.pass(64_000);
    assert_eq!(net.load(caller), (0, 0));
}

#[test]
fn a_stale_nonce_is_tried_once_more_and_a_wrong_password_is_not() {
    for (stale, tries) in [(true, 3), (false, 2)] {
        let (mut net, caller, _) = Net::pair(2);
        let trunk = at(TRUNK);
        let (leg, mut request) = invite(&mut net, caller, Some("carrier.example"));
        let mut invites = 1;
        for _ in 0..5 {
            let refusal = "407 Proxy Authentication Required";
            net.inject(trunk, caller, answer_with(&request, refusal, "x", &challenge("carrier.example", stale)));
            net.pass(10);
            while let Some(message) = net.heard(trunk) {
                if message.method().as_str() == "INVITE" {
                    invites += 1;
                    request = message;
                }
            }
        }
        assert_eq!(invites, tries, "stale {stale}");
        assert!(matches!(net.leg_events(caller, leg)[..], [LegEventKind::Ended { status: Some(407), .. }]));
    }
}

#[test]
fn no_credentials_leave_for_another_realm_or_another_address() {
    let (mut net, caller, callee) = Net::pair(3);
    let trunk = at(TRUNK);
    let (leg, first) = invite(&mut net, caller, Some("carrier.example"));
    // From another port of the same host: the response counts, the challenge does not.
    let refusal = answer_with(&first, "407 Proxy Authentication Required", "x", &challenge("carrier.example", false));
    net.inject(at("10.0.0.9:6666"), caller, refusal);
    net.pass(10);
    assert!(matches!(net.leg_events(caller, leg)[..], [LegEventKind::Ended { status: Some(407), .. }]));
    let (leg, first) = invite_again(&mut net, caller);
    let refusal = answer_with(&first, "407 Proxy Authentication Required", "x", &challenge("other.example", false));
    net.inject(trunk, caller, refusal);
    net.pass(10);
    assert!(matches!(net.leg_events(caller, leg)[..], [LegEventKind::Ended { status: Some(407), .. }]));
    // A call to a phone carries no trunk's credentials, whatever realm the phone names.
    let to_phone = net.invite(caller, callee);
    net.pass(10);
    let theirs = net.incoming(callee).unwrap().leg;
    net.command(callee, theirs, LegCommand::Challenge);
    net.pass(10);
    assert!(matches!(net.leg_events(caller, to_phone)[..], [LegEventKind::Ended { status: Some(407), .. }]));
    let leaked = net.log.iter().filter(|(_, _, message)| {
        message.header(Name::ProxyAuthorization).is_some() || message.header(Name::Authorization).is_some()
    });
    assert_eq!(leaked.count(), 0);
}

fn invite_again(net: &mut Net, caller: std::net::SocketAddr) -> (LegKey, Message) {
    net.raw.clear();
    invite(net, caller, Some("carrier.example"))
}

#[test]
fn a_login_counts_more_than_a_trusted_address() {
    let (mut net, _, callee) = Net::pair(4);
    let phone = at(TRUNK);
    net.inject(phone, callee, crate::dialogs::invite_text("z9hG4bK1", "one"));
    net.pass(10);
    let incoming = net.incoming(callee).unwrap();
    assert!(incoming.credentials.is_none(), "the address is trusted");
    net.command(callee, incoming.leg, LegCommand::Challenge);
    net.pass(10);
    let refusal = net.raw.remove(&phone).unwrap().pop_back().unwrap();
    let challenge = sip_proto::digest::Challenge::parse(refusal.header(Name::ProxyAuthenticate).unwrap()).unwrap();
    let login = sip_proto::digest::Login { username: "9", password: "secret" };
    let credentials = challenge.answer(&login, "INVITE", "sip:200@10.0.0.2", "c", 1);
    let again = crate::dialogs::request_text("INVITE", "z9hG4bK2", "one", "<sip:200@10.0.0.2>", 2)
        .replace("Content-Length", &format!("Proxy-Authorization: {credentials}\r\nContent-Length"));
    net.inject(phone, callee, again);
    net.pass(10);
    let login = net.incoming(callee).unwrap().credentials.unwrap();
    assert_eq!(login.username(), "9");
}
