//! The account's settings: the model of every form.

use super::Browser;
use crate::support::TestServer;

#[tokio::test]
async fn a_form_keeps_its_input_and_marks_its_errors() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    admin.get("/settings/general").await;
    let fields = [
        ("name", ""),
        ("timezone", "Asia/Tokyo"),
        ("region", "Vietnam"),
        ("language", "vi"),
        ("cdr_max_days", "many"),
        ("session_idle_minutes", "15"),
        ("session_hours", "12"),
    ];
    let reply = admin.post("/settings/general", &fields).await;
    assert_eq!(reply.status, 422);
    for part in [
        "Some fields need your attention.",
        "value=\"Vietnam\"",
        "value=\"many\"",
        "value=\"15\"",
        "<option value=\"Asia/Tokyo\" selected>",
        "id=\"e-cdr_max_days\"",
        "aria-invalid=\"true\"",
    ] {
        assert!(reply.text.contains(part), "{part}");
    }
    let fields = [
        ("name", "Công ty An Bình"),
        ("timezone", "Asia/Tokyo"),
        ("region", "VN"),
        ("language", "vi"),
        ("cdr_max_days", "60"),
        ("session_idle_minutes", "15"),
        ("session_hours", "10"),
    ];
    assert_eq!(admin.post("/settings/general", &fields).await.header("location"), "/settings/general");
    let page = admin.get("/settings/general").await.text;
    assert!(page.contains("value=\"Công ty An Bình\"") && page.contains("<html lang=\"vi\""), "{page}");
    let audit = admin.get("/audit?action=account.change").await.text;
    assert!(audit.contains("<del>") && audit.contains("Asia/Tokyo"), "before and after: {audit}");
    server.stop().await;
}
