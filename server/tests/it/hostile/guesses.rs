//! Guessing passwords, extensions and other accounts' things.

use std::net::SocketAddr;

use sip_proto::message::{Message, Name};
use testkit::{RawPhone, raw_phone::REGISTER};

use super::Fort;

/// What an answer says, without what is new in each.
fn essence(answer: &Message) -> String {
    let text = String::from_utf8_lossy(answer.bytes()).into_owned();
    let fixed = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        !["Via", "From", "To", "Call-ID", "CSeq", "WWW-Authenticate", "Proxy-Authenticate"].contains(&name)
    };
    let lines: Vec<&str> = text.lines().filter(fixed).collect();
    let challenge = [Name::WwwAuthenticate, Name::ProxyAuthenticate].into_iter().find_map(|name| answer.header(name));
    let challenge = String::from_utf8_lossy(challenge.unwrap_or_default()).into_owned();
    let nonce = challenge.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    format!("{} {} {}", lines.join("|"), challenge.replace(nonce, "*"), text.len())
}

const INVITE: &str = "INVITE sip:{user}@{server} SIP/2.0\nVia: SIP/2.0/UDP {local};branch={branch};rport\n\
Max-Forwards: 70\nFrom: <sip:{user}@{server}>;tag={tag}\nTo: <sip:{user}@{server}>\nCall-ID: {call}\n\
CSeq: {cseq} INVITE\nContact: <sip:{user}@{local}>\n{login}\nContent-Length: 0\n\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_known_an_unknown_and_a_disabled_extension_are_answered_alike() {
    let mut fort = Fort::open().await;
    for number in ["1001", "1002", "1003"] {
        fort.extension(number).await;
    }
    let _registered = fort.phone("1004").await;
    let reply =
        fort.server.crm().put("/api/pbx/extensions/1003", &serde_json::json!({ "status": "disabled" })).await.unwrap();
    assert_eq!(reply.status, 200);
    let domain = fort.domain.clone();
    for template in
        [REGISTER.replace("{domain}", &domain), INVITE.to_owned(), super::fort::OPTIONS.replace("probe", "{user}")]
    {
        for has_login in [false, true] {
            let mut answers: Vec<(&str, String)> = Vec::new();
            for user in ["1001", "1002", "1003", "1004", "1999", "9998"] {
                let mut phone = RawPhone::open(user, "wrong password", fort.server.sip()).await.unwrap();
                let answer = if has_login {
                    phone.request(&template).await.unwrap()
                } else {
                    phone.send(&template.replace("{login}\n", "")).await.unwrap();
                    phone.final_response().await.unwrap()
                };
                // The length of the texts differs by nothing but the port.
                let port = phone.address().unwrap().port().to_string();
                answers.push((user, essence(&answer).replace(&port, "*")));
            }
            let method = template.split(' ').next().unwrap();
            for (user, answer) in &answers {
                assert_eq!(answer, &answers[0].1, "{method} of {user}, login {has_login}");
            }
        }
    }
    fort.stands("enumeration").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guesser_is_limited_and_the_real_phone_is_not() {
    let mut fort = Fort::open().await;
    let password = fort.extension("1001").await;
    let template = REGISTER.replace("{domain}", &fort.domain);
    let mut guesser = RawPhone::open_at("127.3.3.3", "1001", "wrong password", fort.server.sip()).await.unwrap();
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(guesser.request(&template).await.unwrap().status());
    }
    assert_eq!(statuses[..5], [Some(401); 5], "{statuses:?}");
    assert_eq!(statuses[5..], [Some(403); 5], "{statuses:?}");
    // Even with the right password, and by TCP or for a call.
    let mut lucky = RawPhone::open_at("127.3.3.3", "1001", &password, fort.server.sip()).await.unwrap();
    assert_eq!(lucky.request(&template).await.unwrap().status(), Some(403));
    let answer = lucky.request(INVITE).await.unwrap();
    assert_eq!(answer.status(), Some(403));
    lucky.acknowledge(&answer).await.unwrap();

    let mut phone = RawPhone::open("1001", &password, fort.server.sip()).await.unwrap();
    phone.register(&fort.domain).await.unwrap();
    fort.stands("guessing").await;
}

/// Somebody who overhears a login cannot use it.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_worth_nothing_twice_or_from_elsewhere() {
    use sip_proto::digest::{Challenge, Login};
    let mut fort = Fort::open().await;
    let password = fort.extension("1001").await;
    let template = REGISTER.replace("{domain}", &fort.domain);
    let mut phone = RawPhone::open("1001", &password, fort.server.sip()).await.unwrap();
    phone.send(&template.replace("{login}\n", "")).await.unwrap();
    let challenge =
        Challenge::parse(phone.final_response().await.unwrap().header(Name::WwwAuthenticate).unwrap()).unwrap();
    let login = Login { username: "1001", password: &password };
    let uri = format!("sip:{}", fort.domain);
    let answer = |nc: u32| format!("Authorization: {}\n", challenge.answer(&login, "REGISTER", &uri, "0a4f113b", nc));
    let with = |line: &str| template.replace("{login}\n", line);

    let mut elsewhere = RawPhone::open_at("127.4.4.4", "1001", "", fort.server.sip()).await.unwrap();
    elsewhere.send(&with(&answer(1))).await.unwrap();
    assert_eq!(elsewhere.final_response().await.unwrap().status(), Some(401), "S41: the nonce of another source");
    let uppercase = answer(1).replace("response=\"", "response=\"0");
    phone.send(&with(&uppercase)).await.unwrap();
    assert_eq!(phone.final_response().await.unwrap().status(), Some(401), "a digit too many");
    phone.send(&with(&answer(2))).await.unwrap();
    assert_eq!(phone.final_response().await.unwrap().status(), Some(200));
    phone.send(&with(&answer(2))).await.unwrap();
    assert_eq!(phone.final_response().await.unwrap().status(), Some(401), "the same counter twice");
    for (id, broken) in [
        ("no qop", answer(3).replace("qop=auth", "x=auth")),
        ("no cnonce", answer(3).replace("cnonce=", "x=")),
        ("the realm of another account", answer(3).replace("realm=\"", "realm=\"x")),
        ("another method's", answer(3)),
    ] {
        let mut template = with(&broken);
        if id == "another method's" {
            template = INVITE.replace("{login}\n", &broken);
        }
        phone.send(&template).await.unwrap();
        let answer = phone.final_response().await.unwrap();
        assert!(matches!(answer.status(), Some(400 | 401 | 407)), "{id}: {:?}", answer.status());
        if id == "another method's" {
            phone.acknowledge(&answer).await.unwrap();
        }
        fort.stands(id).await;
    }
}

/// A login registers its own extension, whatever the request claims.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_registers_only_itself_and_only_what_makes_sense() {
    let mut fort = Fort::open().await;
    fort.extension("1002").await;
    let mut phone = fort.phone("1001").await;
    let template = REGISTER.replace("{domain}", &fort.domain);
    let stranger: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let contact = "Contact: <sip:{user}@{local}>";
    for (id, template, statuses) in [
        (
            "another's extension",
            template
                .replace("<sip:{user}@{domain}>", "<sip:1002@x>")
                .replace(&format!("To: <sip:{{user}}@{}>", fort.domain), &format!("To: <sip:1002@{}>", fort.domain)),
            &[403][..],
        ),
        ("S23 all contacts for an hour", template.replace(contact, "Contact: *"), &[400]),
        (
            "all contacts and one more",
            template.replace(contact, "Contact: *\nContact: <sip:a@h>").replace("Expires: 600", "Expires: 0"),
            &[400],
        ),
        ("eleven contacts", template.replace(contact, "Contact: <sip:a@h>\n".repeat(11).trim_end()), &[400]),
        ("an expiry of a second", template.replace("Expires: 600", "Expires: 1"), &[423]),
        ("an expiry beyond 2^32", template.replace("Expires: 600", "Expires: 99999999999"), &[200, 400]),
        ("a contact that is no address", template.replace(contact, "Contact: <mailto:a@h>"), &[200, 400, 416]),
        ("a contact with line ends", template.replace(contact, "Contact: <sip:a@h?Subject=%0d%0aX:%201>"), &[200, 400]),
        ("a contact somewhere else", template.replace(contact, &format!("Contact: <sip:1001@{stranger}>")), &[200]),
    ] {
        phone.new_call();
        let answer = phone.request(&template).await.unwrap();
        assert!(answer.status().is_some_and(|status| statuses.contains(&status)), "{id}: {:?}", answer.status());
        fort.stands(id).await;
    }
}

/// What the API has answered for counts for the next login: a password that was taken away opens nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_or_status_counts_at_once() {
    let mut fort = Fort::open().await;
    let template = REGISTER.replace("{domain}", &fort.domain);
    for number in 1001..1021 {
        let number = number.to_string();
        let first = fort.extension(&number).await;
        let path = format!("/api/pbx/extensions/{number}");
        let mut phone = RawPhone::open(&number, &first, fort.server.sip()).await.unwrap();
        let mut statuses = vec![phone.request(&template).await.unwrap().status()];
        let reply = fort.server.crm().post(&format!("{path}/rotate-password"), &serde_json::json!({})).await.unwrap();
        statuses.push(phone.request(&template).await.unwrap().status());
        let second = reply.json["data"]["sip_password"].as_str().unwrap().to_owned();
        let mut phone = RawPhone::open(&number, &second, fort.server.sip()).await.unwrap();
        statuses.push(phone.request(&template).await.unwrap().status());
        let reply = fort.server.crm().put(&path, &serde_json::json!({ "status": "disabled" })).await.unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        statuses.push(phone.request(&template).await.unwrap().status());
        assert_eq!(statuses, [Some(200), Some(401), Some(200), Some(401)], "of {number}");
    }
}
