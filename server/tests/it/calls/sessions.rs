//! What SIPp does inside of a call: session timers, 100rel, UPDATE, re-INVITE, hold, glare.

use testkit::{
    Sipp, World,
    sipp::script::{self, Caller},
    world::NOTICED,
};

use super::ZORIO;

/// The sessions of this world are short: SIPp does not wait for half an hour.
async fn world() -> World {
    let settings = [
        ("ZORIO_CALLS__RING_SECONDS", "5"),
        ("ZORIO_CALLS__AGENT_RING_SECONDS", "5"),
        ("ZORIO_SIP__SESSION_EXPIRES_SECONDS", "4"),
        ("ZORIO_SIP__MIN_SESSION_SECONDS", "2"),
    ];
    World::open(ZORIO, &settings).await.unwrap()
}

/// What one SIPp call does, and on which transports.
struct Play<'a> {
    headers: &'a str,
    early: &'a str,
    during: &'a dyn Fn(&Caller<'_>) -> String,
    hangs_up: bool,
}

impl Default for Play<'_> {
    fn default() -> Self {
        Self { headers: "", early: "", during: &|_| String::new(), hangs_up: true }
    }
}

impl Play<'_> {
    /// SIPp as extension 1001 calls 1002, an agent that answers; over UDP, then over TCP.
    async fn run(&self) {
        let world = world().await;
        let _callee = world.agent("1002").await.unwrap();
        let password = world.server.extension("1001").await.unwrap();
        tokio::time::sleep(NOTICED).await;
        let domain = world.server.sip().to_string();
        for (at, transport) in ["u1", "t1"].into_iter().enumerate() {
            let mut caller = Caller {
                domain: &domain,
                username: "1001",
                password: &password,
                headers: self.headers,
                early: self.early,
                during: "",
                hangs_up: self.hangs_up,
            };
            let during = (self.during)(&caller);
            caller.during = &during;
            let local = world.server.spare(u16::try_from(at).unwrap());
            let sipp = Sipp::new(&caller.scenario(), local).remote(world.server.sip());
            let sipp = sipp.argument("-s", "1002").argument("-t", transport).calls(1, 1, 1);
            sipp.run().await.unwrap().assert_successful(1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_refreshes_a_session_by_update() {
    let during = |_: &Caller<'_>| {
        let refresh = [
            script::expect_with("UPDATE", "Session-Expires", "4;refresher=uac"),
            script::answer(200, "Session-Expires: 4;refresher=uac"),
        ];
        [refresh.clone().concat(), refresh.concat()].join("\n")
    };
    let headers = "Supported: timer\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE\nSession-Expires: 4;refresher=uas\n";
    Play { headers, during: &during, ..Play::default() }.run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_refreshes_a_session_by_a_reinvite_that_says_the_same() {
    let during = |caller: &Caller<'_>| {
        [
            script::expect_with("INVITE", "Session-Expires", "4;refresher=uac"),
            script::answer(200, &format!("Session-Expires: 4;refresher=uac\n{}", script::description(0, "sendrecv"))),
            script::expect("ACK"),
            caller.request("OPTIONS", 500, ""),
            script::expect_response(200),
        ]
        .join("\n")
    };
    let headers = "Supported: timer\nAllow: INVITE, ACK, BYE, CANCEL\nSession-Expires: 4;refresher=uas\n";
    Play { headers, during: &during, ..Play::default() }.run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_promised_to_refresh_and_does_not_is_ended() {
    let during = |caller: &Caller<'_>| {
        let refresh = "Supported: timer\nSession-Expires: 4;refresher=uac";
        [
            script::pause(1_500),
            caller.request("UPDATE", 10, refresh),
            script::expect_response_with(200, "Session-Expires", "4;refresher=uac"),
            script::pause(1_500),
            caller.request("UPDATE", 11, refresh),
            script::expect_response_with(200, "Session-Expires", "4;refresher=uac"),
            // And no more.
            script::expect_with("BYE", "Reason", "cause=408"),
            script::answer(200, ""),
        ]
        .join("\n")
    };
    let headers = "Supported: timer\nSession-Expires: 4;refresher=uac\n";
    Play { headers, during: &during, hangs_up: false, ..Play::default() }.run().await;
}

/// Steps of a reliable provisional response: it is acknowledged by its RSeq.
fn acknowledged(caller: &Caller<'_>, status: u16, cseq: u32) -> String {
    let rseq = format!(
        "<recv response=\"{status}\" rrs=\"true\"><action>\
         <ereg regexp=\"100rel\" search_in=\"hdr\" header=\"Require:\" check_it=\"true\" assign_to=\"8\"/>\
         <ereg regexp=\"[0-9]+\" search_in=\"hdr\" header=\"RSeq:\" check_it=\"true\" assign_to=\"7\"/>\
         <ereg regexp=\".*\" search_in=\"hdr\" header=\"To:\" assign_to=\"9\"/></action></recv>"
    );
    [rseq, caller.request("PRACK", cseq, "RAck: [$7] 2 INVITE"), script::expect_response(200)].join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_requires_it_hears_ringing_reliably() {
    let plain = Caller {
        domain: "127.0.0.1",
        username: "1001",
        password: "",
        headers: "",
        early: "",
        during: "",
        hangs_up: true,
    };
    let early = format!("<recv response=\"100\" optional=\"true\"/>\n{}", acknowledged(&plain, 180, 3));
    Play { headers: "Require: 100rel\n", early: &early, ..Play::default() }.run().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_holds_and_resumes_by_reinvite_and_by_update() {
    let during = |caller: &Caller<'_>| {
        let ack = caller.request("ACK", 20, "");
        [
            caller.request("INVITE", 20, &script::description(1, "sendonly")),
            script::expect_response(100).replace("/>", " optional=\"true\"/>"),
            script::expect_response(200),
            ack.clone(),
            script::pause(200),
            caller.request("INVITE", 21, &script::description(2, "sendrecv")),
            script::expect_response(100).replace("/>", " optional=\"true\"/>"),
            script::expect_response(200),
            ack.replace("CSeq: 20", "CSeq: 21"),
            caller.request("UPDATE", 22, &script::description(3, "inactive")),
            script::expect_response(200),
            caller.request("UPDATE", 23, &script::description(4, "sendrecv")),
            script::expect_response(200),
        ]
        .join("\n")
    };
    Play { during: &during, ..Play::default() }.run().await;
}

/// S31: the phone's offer meets one that the server has not answered, and is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_meets_a_refresh_of_the_server_is_tried_again() {
    let during = |caller: &Caller<'_>| {
        [
            // The server's re-INVITE is on its way: ours is glare, and so is theirs.
            script::expect("INVITE"),
            script::answer(491, ""),
            script::expect("ACK"),
            caller.request("INVITE", 30, &script::description(1, "sendrecv")),
            script::expect_response(100).replace("/>", " optional=\"true\"/>"),
            script::expect_response(200),
            caller.request("ACK", 30, ""),
            // It comes again by itself.
            script::expect("INVITE"),
            script::answer(200, &format!("Session-Expires: 4;refresher=uac\n{}", script::description(1, "sendrecv"))),
            script::expect("ACK"),
        ]
        .join("\n")
    };
    let headers = "Supported: timer\nAllow: INVITE, ACK, BYE, CANCEL\nSession-Expires: 4;refresher=uas\n";
    Play { headers, during: &during, ..Play::default() }.run().await;
}

/// S33, on the wire.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_too_brief_or_unreadable_is_refused() {
    let world = world().await;
    let password = world.server.extension("1001").await.unwrap();
    tokio::time::sleep(NOTICED).await;
    let mut phone = testkit::RawPhone::open("1001", &password, world.server.sip()).await.unwrap();
    for (value, status) in [("1", 422), ("0", 422), ("4294967296", 400), ("1800;refresher=xyz", 400), ("", 400)] {
        phone.new_call();
        let invite = format!(
            "INVITE sip:1002@{{server}} SIP/2.0\nVia: SIP/2.0/UDP {{local}};branch={{branch}};rport\n\
             Max-Forwards: 70\nFrom: <sip:{{user}}@{{server}}>;tag={{tag}}\nTo: <sip:1002@{{server}}>\n\
             Call-ID: {{call}}\nCSeq: {{cseq}} INVITE\nContact: <sip:{{user}}@{{local}}>\nSupported: timer\n\
             Session-Expires: {value}\n{{login}}\nContent-Length: 0\n\n"
        );
        let answer = phone.request(&invite).await.unwrap();
        assert_eq!(answer.status(), Some(status), "{value:?}");
        if status == 422 {
            assert_eq!(answer.custom("Min-SE"), Some(&b"2"[..]));
        }
    }
}
