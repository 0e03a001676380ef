//! The pages of menus, groups, prompts, mailboxes and forwarding.

use domain::principal::Role;

use super::Browser;
use crate::support::{Reply, TestServer};

/// Asserts that a form was accepted and led to `path`.
#[track_caller]
fn led_to(reply: &Reply, path: &str) {
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, path), "{}", reply.text);
}

async fn extension(admin: &Browser<'_>, number: &str) {
    admin.get("/confirm-password").await;
    admin.post("/confirm-password", &[("password", super::PASSWORD)]).await;
    admin.get("/extensions/new").await;
    let fields = [
        ("extension_number", number),
        ("display_name", "<b>Lan</b>"),
        ("recording_mode", "none"),
        ("status", "active"),
        ("max_concurrent", "2"),
    ];
    assert_eq!(admin.post("/extensions", &fields).await.status, 200);
}

#[tokio::test]
async fn a_prompt_is_uploaded_heard_used_and_deleted() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    assert!(admin.get("/prompts").await.text.contains("No prompts yet"));
    admin.get("/prompts/new").await;
    let wrong = admin.upload("/prompts", &[("name", "welcome")], b"not sound").await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("16-bit PCM") && wrong.text.contains("value=\"welcome\""), "{}", wrong.text);
    let file = audio::wav::mono(8_000, &[1; 8_000]);
    led_to(&admin.upload("/prompts", &[("name", "<i>welcome</i>")], &file).await, "/prompts");
    let page = admin.get("/prompts").await.text;
    assert!(page.contains("&#60;i&#62;welcome") || page.contains("&lt;i&gt;welcome"), "{page}");
    let sound = admin.get("/prompts/1/sound.wav").await;
    assert_eq!((sound.status.as_u16(), sound.header("content-type")), (200, "audio/wav"));
    let part = admin.get_with("/prompts/1/sound.wav", &[("range", "bytes=0-3")]).await;
    assert_eq!((part.status.as_u16(), part.text.as_str()), (206, "RIFF"));
    let forged = admin.upload("/prompts", &[("name", "x"), ("csrf", "x")], &file).await;
    assert_eq!(forged.status, 403, "the first token counts");

    admin.get("/menus/new").await;
    let menu =
        [("name", "front"), ("wait_seconds", "5"), ("repeats", "1"), ("greeting", "1"), ("otherwise", "hangup|")];
    led_to(&admin.post("/menus", &menu).await, "/menus");
    assert_eq!(admin.post("/prompts/1/delete", &[]).await.status, 409);
    led_to(&admin.post("/menus/1/delete", &[]).await, "/menus");
    led_to(&admin.post("/prompts/1/delete", &[]).await, "/prompts");
}

#[tokio::test]
async fn a_menu_and_a_group_are_made_changed_and_kept_while_something_leads_there() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    extension(&admin, "1001").await;
    assert!(admin.get("/ring-groups").await.text.contains("No ring groups yet"));
    admin.get("/ring-groups/new").await;
    let group = [("name", "sales"), ("number", "600"), ("strategy", "all"), ("ring_seconds", "20")];
    let unknown = admin.post("/ring-groups", &[&group[..], &[("members", "1001\n1999")]].concat()).await;
    assert_eq!(unknown.status, 422);
    assert!(unknown.text.contains("1001\n1999"), "what was put in stays");
    assert!(unknown.text.contains("There is no extension 1999."), "{}", unknown.text);
    led_to(&admin.post("/ring-groups", &[&group[..], &[("members", "1001")]].concat()).await, "/ring-groups");

    assert!(admin.get("/audit").await.text.contains("href=\"/ring-groups/1\""), "the log leads to what it names");

    assert!(admin.get("/menus").await.text.contains("No menus yet"));
    let form = admin.get("/menus/new").await.text;
    assert!(form.contains("value=\"ring_group|1\"") && form.contains("value=\"extension|1001\""), "{form}");
    let menu = [
        ("name", "front"),
        ("number", "700"),
        ("wait_seconds", "5"),
        ("repeats", "1"),
        ("key_1", "ring_group|1"),
        ("key_star", "again|"),
        ("otherwise", "extension|1001"),
    ];
    let taken = admin.post("/menus", &[&menu[..1], &[("number", "600")], &menu[2..]].concat()).await;
    assert_eq!(taken.status, 422, "a number is somebody's alone");
    led_to(&admin.post("/menus", &menu).await, "/menus");
    let shown = admin.get("/menus/1").await.text;
    assert!(
        shown.contains("value=\"ring_group|1\" selected") && shown.contains("value=\"again|\" selected"),
        "{shown}"
    );
    let kept = admin.post("/ring-groups/1/delete", &[]).await;
    assert_eq!(kept.status, 409);
    assert!(kept.text.contains("1 route or menu leads to this group."), "{}", kept.text);
    assert!(kept.text.contains("href=\"/ring-groups/1\""), "there is a way back: {}", kept.text);
    led_to(&admin.post("/menus/1/delete", &[]).await, "/menus");
    led_to(&admin.post("/ring-groups/1/delete", &[]).await, "/ring-groups");
}

#[tokio::test]
async fn an_extension_is_forwarded_and_its_mailbox_set_up() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    extension(&admin, "1001").await;
    assert!(admin.get("/voicemail").await.text.contains("No mailboxes yet"));
    admin.get("/extensions/1001/forwarding").await;
    let wrong = admin.post("/extensions/1001/forwarding", &[("forward_always", "1001")]).await;
    assert_eq!(wrong.status, 422, "to itself");
    let wish = [("forward_busy", "0912345678"), ("do_not_disturb", "on"), ("voicemail_enabled", "on")];
    led_to(&admin.post("/extensions/1001/forwarding", &wish).await, "/extensions/1001/forwarding");
    let page = admin.get("/extensions/1001/forwarding").await.text;
    assert!(page.contains("value=\"0912345678\"") && page.contains("value=\"on\" checked"), "{page}");

    assert!(admin.get("/voicemail").await.text.contains("/voicemail/1001"));
    assert!(admin.get("/voicemail/1001").await.text.contains("No messages"));
    let bad = admin.post("/voicemail/1001", &[("pin", "12"), ("email", "nobody")]).await;
    assert_eq!(bad.status, 422);
    assert!(!bad.text.contains("value=\"12\""), "a PIN is not shown");
    led_to(&admin.post("/voicemail/1001", &[("pin", "471100"), ("email", "lan@example.com")]).await, "/voicemail/1001");
    assert!(!admin.get("/audit").await.text.contains("471100"));

    let agent = Browser::user(&server, &server.host(), "agent", Role::Agent).await;
    for page in ["/menus", "/ring-groups", "/prompts", "/menus/new"] {
        assert_eq!(agent.get(page).await.status, 403, "{page}");
    }
    assert_eq!(agent.get("/voicemail/1001").await.status, 404, "another's mailbox");
}
