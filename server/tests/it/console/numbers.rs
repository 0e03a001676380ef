//! The pages of caller-ID groups, feature codes and trunks' standing.

use domain::{guard::Policy, principal::Role};
use pbx::ops::toll;

use super::Browser;
use crate::support::{Reply, TestServer};

/// Asserts that a form was accepted and led to `path`.
#[track_caller]
fn led_to(reply: &Reply, path: &str) {
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, path), "{}", reply.text);
}

#[tokio::test]
async fn a_group_of_caller_ids_is_made_looked_at_changed_and_deleted() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    assert!(admin.get("/caller-ids/groups").await.text.contains("No groups yet"));
    admin.get("/caller-ids/new").await;
    for number in ["02873001234", "02873001235"] {
        led_to(&admin.post("/caller-ids", &[("number", number), ("status", "active")]).await, "/caller-ids");
    }
    let form = admin.get("/caller-ids/groups/new").await.text;
    assert!(form.contains("02873001234") && form.contains("name=\"weight_1\""), "{form}");
    let group = [
        ("name", "<i>north</i>"),
        ("strategy", "weighted"),
        ("status", "active"),
        ("cooldown_seconds", "30"),
        ("health_hours", "24"),
        ("health_calls", "20"),
        ("health_answered", "5"),
        ("health_blocked", "30"),
        ("members", "1"),
        ("weight_1", "3"),
        ("cap_1", "50"),
        ("members", "2"),
        ("sticky", "yes"),
    ];
    let wrong = admin.post("/caller-ids/groups", &[&group[..], &[("extensions", "1999")]].concat()).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("id=\"e-extensions\"") && wrong.text.contains("value=\"50\""), "{}", wrong.text);
    led_to(&admin.post("/caller-ids/groups", &group).await, "/caller-ids/groups");
    let again = admin.post("/caller-ids/groups", &group).await;
    assert!(again.status == 422 && again.text.contains("There is a group of that name already."), "{}", again.text);
    let list = admin.get("/caller-ids/groups").await.text;
    assert!(list.contains("By weight") && !list.contains("<i>north"), "{list}");
    let page = admin.get("/caller-ids/groups/1").await.text;
    assert!(page.contains("Takes turns") && page.contains("name=\"cap_1\"") && page.contains("value=\"50\""), "{page}");

    let changed: Vec<_> = group.into_iter().filter(|(name, value)| !(*name == "members" && *value == "1")).collect();
    led_to(&admin.post("/caller-ids/groups/1", &changed).await, "/caller-ids/groups/1");
    let page = admin.get("/caller-ids/groups/1").await.text;
    assert!(page.contains("id=\"f-members-2\" name=\"members\" value=\"2\" checked"), "{page}");
    assert!(!page.contains("id=\"f-members-1\" name=\"members\" value=\"1\" checked"), "{page}");
    led_to(&admin.post("/caller-ids/groups/1/numbers/2/clear", &[]).await, "/caller-ids/groups/1");
    assert_eq!(admin.post("/caller-ids/groups/1/numbers/1/clear", &[]).await.status, 404, "it is none of the group's");

    let agent = Browser::user(&server, &server.host(), "an", Role::Agent).await;
    for path in ["/caller-ids/groups", "/caller-ids/groups/new", "/caller-ids/groups/1", "/dialling"] {
        assert_eq!(agent.get(path).await.status, 403, "{path}");
    }
    let reader = Browser::user(&server, &server.host(), "chi", Role::ReadOnly).await;
    assert!(reader.get("/caller-ids/groups/1").await.text.contains("<fieldset class=\"stack\" disabled>"));
    assert_eq!(reader.post("/caller-ids/groups/1/delete", &[]).await.status, 403);
    let (_, elsewhere) = server.another_account("elsewhere", None).await;
    let stranger = Browser::user(&server, &elsewhere, "binh", Role::Admin).await;
    assert_eq!(stranger.get("/caller-ids/groups/1").await.status, 404);
    stranger.get("/caller-ids/groups").await;
    for path in ["", "/delete", "/numbers/2/clear"] {
        let reply = stranger.post(&format!("/caller-ids/groups/1{path}"), &group).await;
        assert_eq!(reply.status, 404, "{path}");
    }
    admin.get("/caller-ids/groups/1").await;
    led_to(&admin.post("/caller-ids/groups/1/delete", &[]).await, "/caller-ids/groups");
    assert_eq!(admin.get("/caller-ids/groups/1").await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn feature_codes_are_changed_and_switched_off() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    let page = admin.get("/dialling").await.text;
    assert!(page.contains("value=\"*97\"") && page.contains("value=\"701\""), "{page}");
    let codes = [
        ("voicemail", "*99"),
        ("pickup", "*8"),
        ("park", ""),
        ("dnd_on", "*78"),
        ("dnd_off", "*79"),
        ("forward_on", "*72"),
        ("forward_off", "*73"),
        ("conference", "*30"),
        ("time_condition", "*27"),
        ("hide", "*67"),
        ("first_slot", "701"),
        ("largest_conference", "12"),
        ("in_call_extensions", "1001, 1002"),
        ("record", "*1"),
        ("blind", "##"),
        ("attended", "*2"),
        ("three_way", ""),
    ];
    let rest = [("last_slot", "710"), ("echo", "*60"), ("emergency", "113, 115")];
    // Keys that are pressed in a call, and the size of rooms: what cannot be is refused and stays in the form.
    for (name, value) in [("largest_conference", "1"), ("largest_conference", "many"), ("record", "1"), ("blind", "*2")]
    {
        let others = codes.iter().copied().filter(|(known, _)| *known != name).chain(rest).chain([(name, value)]);
        let reply = admin.post("/dialling", &others.collect::<Vec<_>>()).await;
        assert!(reply.status == 422 && reply.text.contains("value=\"1001, 1002\""), "{name}={value}: {}", reply.text);
    }
    for wrong in [
        [("last_slot", "710"), ("echo", "*99"), ("emergency", "")],
        [("last_slot", "900"), ("echo", "*60"), ("emergency", "")],
        [("last_slot", "many"), ("echo", "*60"), ("emergency", "")],
        [("last_slot", "710"), ("echo", "60"), ("emergency", "")],
        [("last_slot", "710"), ("echo", "*60"), ("emergency", "x")],
    ] {
        let reply = admin.post("/dialling", &[&codes[..], &wrong[..]].concat()).await;
        assert!(reply.status == 422 && reply.text.contains("value=\"*99\""), "{wrong:?}: {}", reply.text);
    }
    led_to(&admin.post("/dialling", &[&codes[..], &rest[..]].concat()).await, "/dialling");
    let page = admin.get("/dialling").await.text;
    assert!(page.contains("value=\"*99\"") && page.contains("value=\"113 115\""), "{page}");
    assert!(page.contains("value=\"12\"") && page.contains("value=\"1001 1002\""), "{page}");
    assert!(
        page.contains(
            "name=\"three_way\" type=\"text\" inputmode=\"tel\" autocomplete=\"off\" maxlength=\"4\" value=\"\""
        ),
        "{page}"
    );
    assert!(
        !page.contains("id=\"f-in_call_everybody-yes\" name=\"in_call_everybody\" value=\"yes\" checked"),
        "{page}"
    );
    let everybody = [&codes[..], &rest[..], &[("in_call_everybody", "yes")]].concat();
    led_to(&admin.post("/dialling", &everybody).await, "/dialling");
    let page = admin.get("/dialling").await.text;
    assert!(page.contains("id=\"f-in_call_everybody-yes\" name=\"in_call_everybody\" value=\"yes\" checked"), "{page}");
    assert!(admin.get("/audit").await.text.contains("Feature codes changed"));
    let reader = Browser::user(&server, &server.host(), "chi", Role::ReadOnly).await;
    assert!(reader.get("/dialling").await.text.contains("<fieldset class=\"stack\" disabled>"));
    assert_eq!(reader.post("/dialling", &[&codes[..], &rest[..]].concat()).await.status, 403);
    server.stop().await;
}

#[tokio::test]
async fn whoever_saves_the_rules_meanwhile_does_not_let_stopped_calls_out_again() {
    let server = TestServer::start().await;
    let (host, desk) = (server.host(), server.pbx.desk());
    for stopped in [true, false] {
        toll::stop(&desk, &host, stopped).await.unwrap();
        let policy = Policy { stopped: !stopped, countries: vec!["65".to_owned()], ..Policy::default() };
        toll::set_policy(&desk, &host, policy).await.unwrap();
        let kept = toll::policy(&desk, &host).await.unwrap();
        assert_eq!((kept.stopped, kept.countries), (stopped, vec!["65".to_owned()]));
    }
    server.stop().await;
}
