//! The audit log: filters, pages, the file; and pages that are not there.

use super::Browser;
use crate::support::TestServer;

#[tokio::test]
async fn the_audit_log_is_narrowed_paged_and_exported() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    for number in 0..30 {
        admin.get("/settings/general").await;
        let name = format!("=Name {number}");
        let fields = [
            ("name", name.as_str()),
            ("timezone", "Asia/Ho_Chi_Minh"),
            ("region", "VN"),
            ("cdr_max_days", "30"),
            ("session_idle_minutes", "30"),
            ("session_hours", "12"),
        ];
        assert_eq!(admin.post("/settings/general", &fields).await.status, 303);
    }
    let all = admin.get("/audit").await.text;
    assert!(all.contains("1–25 of") && all.contains("href=\"/audit?page=2\""), "{all}");
    assert!(admin.get("/audit?page=2").await.text.contains("26–"));
    let narrowed = admin.get("/audit?search=Name+17&action=account.change").await.text;
    assert!(narrowed.contains("=Name 17") && !narrowed.contains("=Name 12"));
    assert!(narrowed.contains("<option value=\"account.change\" selected>"));
    let nothing = admin.get("/audit?actor=nobody").await.text;
    assert!(nothing.contains("Nothing matches") && nothing.contains("Clear the filters"));
    assert!(admin.get("/audit?from=2020-01-01&to=2020-01-02").await.text.contains("Nothing matches"));

    let file = admin.get("/audit.csv?action=account.change").await;
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"audit.csv\"");
    let lines: Vec<&str> = file.text.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines[0], "at,actor_kind,actor,address,action,target,detail,request_id");
    assert_eq!(lines.len(), 31);
    assert!(lines[1].contains(",user,admin,127.0.0.1,account.change,"), "{}", lines[1]);
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_a_page_for_people_and_json_for_programs() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    for path in ["/nowhere", "/menus/abc", "/contacts/99999999999999999999"] {
        let page = admin.get(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.text.contains("There is nothing here") && page.text.contains("class=\"side\""), "{}", page.text);
    }
    for path in ["/api/nowhere", "/oauth/nowhere", "/api"] {
        let reply = admin.get(path).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (404, "application/json"), "{path}");
    }
    let program = server.send("GET", "/nowhere", &[("accept", "*/*")], "").await;
    assert_eq!((program.status.as_u16(), program.header("content-type")), (404, "application/json"));
    admin.get("/profile").await;
    assert_eq!(admin.post("/system", &[]).await.status, 405);
    server.stop().await;
}
