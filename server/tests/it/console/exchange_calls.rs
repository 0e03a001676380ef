//! The pages of calls, with real ones: two simulated phones and what is left of their call.

use std::{collections::BTreeMap, time::Duration};

use domain::principal::Role;
use pbx::ops::{
    calls::{self, Originate},
    extensions::{self, Fill, NewExtension},
};
use sandbox::{Agent, Reaction, Talk, Voice, agent};
use web::Fields;

use super::{Browser, browser::between};
use crate::support::TestServer;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Two extensions with a phone each, that answers and talks.
async fn phones(server: &TestServer) -> Vec<Agent> {
    let who = server.host();
    let sip = server.addresses.sip_udp[0];
    let media = media::Media::open(media::Config {
        bind: sip.ip(),
        ports: 41_000..=41_400,
        threads: 1,
        ..media::Config::default()
    })
    .unwrap();
    let mut agents = Vec::new();
    for number in ["1001", "1002"] {
        let fill = Fill { recording_mode: Some("all".to_owned()), ..Fill::default() };
        let new = NewExtension { number: Some(number.to_owned()), sip_password: None, fill };
        let (_, password) = extensions::create(&server.pbx.desk(), &who, new, Fields::new()).await.unwrap();
        let agent = Agent::register(agent::Config::new(number, &password, sip), media.clone()).await.unwrap();
        let talk = Talk::in_voice(Voice::of_agent(number));
        agent.set_reaction(Reaction::Answers { after: Duration::from_millis(50), talk });
        agents.push(agent);
    }
    agents
}

/// Looks again until a page says something.
async fn until(browser: &Browser<'_>, path: &str, said: &str) -> String {
    let look = async || Some(browser.get(path).await.text).filter(|page| page.contains(said));
    testkit::wait::until(said, PATIENCE, look).await.unwrap()
}

#[tokio::test]
async fn a_call_is_seen_live_hung_up_and_heard_again() {
    let server = TestServer::start().await;
    let _agents = phones(&server).await;
    let admin = Browser::admin(&server).await;
    let rung = admin.post("/extensions/1002/ring", &[]).await.text;
    assert!(rung.contains("its sound arrived"), "{rung}");

    let wish = Originate {
        from_extension: Some("1001".to_owned()),
        to_phone: Some("1002".to_owned()),
        headers: BTreeMap::new(),
        ..Originate::default()
    };
    let call = calls::originate(&server.pbx, &server.host(), wish).await.unwrap().call;
    let page = until(&admin, "/calls?search=1002", "In conversation").await;
    assert!(page.contains(&format!("value=\"{call}\"")), "{page}");
    assert!(admin.get("/calls?search=nobody").await.text.contains("Nothing matches"));
    assert!(admin.get(&format!("/calls/{call}")).await.text.contains("This call is still up."));

    // Whoever does not see a call cannot end it.
    let agent = Browser::user(&server, &server.host(), "agent", Role::Agent).await;
    assert!(!agent.get("/calls").await.text.contains(&call.to_string()));
    agent.get("/profile").await;
    agent.post("/calls/hang-up", &[("uuid", &call.to_string())]).await;
    assert!(admin.get("/calls").await.text.contains(&call.to_string()), "it is still up");

    // Without scripts the hidden field is empty and the button's value counts.
    let reply = admin.post("/calls/hang-up", &[("uuid", ""), ("uuid", &call.to_string())]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/calls"));

    let page = until(&admin, &format!("/calls/{call}"), "data-player").await;
    assert!(
        page.contains("NORMAL_CLEARING") && page.contains("PCMA") && page.contains("No webhook was told"),
        "{page}"
    );
    let sound = between(&page, "<audio controls preload=\"metadata\" src=\"", "\"").unwrap().replace("&#38;", "&");
    let part = admin.get_with(&sound, &[("range", "bytes=0-43")]).await;
    assert_eq!((part.status.as_u16(), part.header("content-type")), (206, "audio/wav"));
    assert!(part.header("content-range").starts_with("bytes 0-43/"), "{:?}", part.headers);
    let forged = sound.replace("signature=", "signature=0");
    assert_eq!(admin.get(&forged).await.status, 403);
    let picture = admin.get(&format!("/calls/{call}/waveform")).await.text;
    assert!(picture.contains("channel-1") && picture.contains("<span>From</span>"), "{picture}");
    assert_eq!(admin.get(&format!("/calls/{call}/waveform")).await.text, picture, "from memory");
    for path in [format!("/calls/{call}"), sound.clone(), format!("/calls/{call}/waveform")] {
        assert_eq!(agent.get(&path).await.status, 404, "{path} is not the agent's");
    }

    for (query, rows) in [
        ("", 1),
        ("?result=answered&direction=internal&extension=1001", 1),
        ("?search=1002", 1),
        ("?result=busy", 0),
        ("?trunk=7", 0),
        ("?direction=inbound", 0),
    ] {
        let page = admin.get(&format!("/calls/history{query}")).await.text;
        assert_eq!(page.matches("#recording\"").count(), rows, "{query}: {page}");
        let file = admin.get(&format!("/calls/history.csv{query}")).await;
        assert_eq!(file.text.lines().count(), rows + 1, "{query}: {}", file.text);
    }
    assert!(admin.get("/calls/history?from=2026-02-02&to=2026-02-01").await.text.contains("do not fit together"));
    assert!(agent.get("/calls/history").await.text.contains("No calls in the last 30 days"));
    server.stop().await;
}
