//! The pages of the exchange: extensions, trunks, caller IDs, routes, contacts, and who may use them.

use domain::principal::Role;

use super::{Browser, browser::between};
use crate::support::{Reply, TestServer};

/// Texts that would run or break out of an attribute where they are not escaped.
const NASTY: [&str; 3] =
    ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</textarea><svg/onload=alert(1)>"];

/// Asserts that a form was accepted and led to `path`.
fn led_to(reply: &Reply, path: &str) {
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, path), "{}", reply.text);
}

/// Confirms the password, as pages with secrets ask.
async fn confirm(browser: &Browser<'_>) {
    browser.get("/confirm-password").await;
    led_to(&browser.post("/confirm-password", &[("password", super::PASSWORD)]).await, "/");
}

/// Makes the trunk, route and extension that other things need.
async fn furnish(admin: &Browser<'_>) {
    admin.get("/trunks/new").await;
    let trunk = [("name", "carrier"), ("host", "127.0.0.1"), ("port", "5099"), ("transport", "udp"), ("auth", "none")];
    led_to(&admin.post("/trunks", &trunk).await, "/trunks");
    admin.get("/routing/new").await;
    led_to(&admin.post("/routing", &[("kind", "default"), ("trunk_id", "1"), ("priority", "0")]).await, "/routing");
    confirm(admin).await;
    admin.get("/extensions/new").await;
    let reply = admin.post("/extensions", &extension("1001", "Lan")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

fn extension<'a>(number: &'a str, name: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("extension_number", number),
        ("display_name", name),
        ("recording_mode", "none"),
        ("status", "active"),
        ("max_concurrent", "2"),
    ]
}

#[tokio::test]
async fn an_extension_shows_its_password_once_and_sets_a_phone_up_once() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    confirm(&admin).await;
    assert!(admin.get("/extensions").await.text.contains("No extensions yet"));
    let form = admin.get("/extensions/new").await.text;
    assert!(form.contains("value=\"1001\""), "a free number is offered: {form}");

    let wrong = admin.post("/extensions", &extension("12", "Lan")).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("value=\"12\"") && wrong.text.contains("aria-invalid"), "{}", wrong.text);

    let made = admin.post("/extensions", &extension("1001", "Lan")).await;
    assert_eq!(made.status, 200, "{}", made.text);
    assert!(made.text.contains("<svg class=\"qr\""));
    let path = between(&made.text, "/provision/", "<").unwrap();
    let phone = Browser::new(&server);
    let file = phone.get(&format!("/provision/{path}")).await;
    let password = between(&file.text, "name=\"passwd\" overwrite=\"true\">", "<").unwrap();
    assert!(made.text.contains(password) && password.len() == 32);
    assert_eq!(phone.get(&format!("/provision/{path}")).await.status, 404, "once");

    for page in ["/extensions", "/extensions/1001", "/extensions.csv", "/audit"] {
        assert!(!admin.get(page).await.text.contains(password), "{page}");
    }
    let again = admin.post("/extensions", &extension("1001", "Minh")).await;
    assert!(again.status == 422 && again.text.contains("id=\"e-extension_number\""), "{}", again.text);
    assert!(again.text.contains("This is in use already. Choose another."), "{}", again.text);

    let rotated = admin.post("/extensions/1001/password", &[]).await;
    assert_eq!(rotated.status, 200);
    assert!(!rotated.text.contains(password));

    admin.get("/extensions/1001").await;
    let change =
        [("display_name", "Lan Anh"), ("recording_mode", "all"), ("status", "active"), ("max_concurrent", "3")];
    led_to(&admin.post("/extensions/1001", &change).await, "/extensions/1001");
    let page = admin.get("/extensions/1001").await.text;
    assert!(page.contains("Lan Anh") && page.contains("The extension is saved.") && page.contains("Not registered"));
    let ring = admin.post("/extensions/1001/ring", &[]).await.text;
    assert!(ring.contains("not registered"), "{ring}");
    led_to(&admin.post("/extensions/1001/delete", &[]).await, "/extensions");
    assert_eq!(admin.get("/extensions/1001").await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn many_extensions_come_from_a_file_and_its_bad_rows_come_back() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    confirm(&admin).await;
    admin.get("/extensions/import").await;
    let rows =
        "extension_number,sip_password,display_name\n1001,,\"Trần Lan, An\"\n12,,Short\n1002,a-password-of-his,Minh";
    let page = admin.post("/extensions/import", &[("rows", rows)]).await.text;
    assert!(page.contains("2 extensions are added.") && page.contains("1 row could not be used"), "{page}");
    assert!(page.contains("12,,Short"), "the bad row can be mended: {page}");
    let made = between(&page, "<pre id=\"made\"", "</pre>").unwrap();
    assert_eq!(between(made, "1001,", "\n").map(str::len), Some(32), "{made}");
    assert!(!page.contains("a-password-of-his"), "a password that was given is not shown");
    let file = admin.get("/extensions.csv").await;
    let lines: Vec<&str> = file.text.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines[1], "1001,\"Trần Lan, An\",active,,none,2,,0");
    assert_eq!(lines.len(), 3);
    assert!(admin.get("/extensions?search=minh").await.text.contains("1–1 of 1"));
    assert_eq!(admin.post("/extensions/import", &[("rows", " ")]).await.status, 422);
    server.stop().await;
}

#[tokio::test]
async fn a_trunk_keeps_its_password_to_itself_and_cannot_go_while_routed() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    admin.get("/trunks/new").await;
    let digest = [
        ("name", "carrier"),
        ("host", "sip.carrier.example"),
        ("port", "5061"),
        ("transport", "tcp"),
        ("auth", "digest"),
        ("username", "us"),
        ("password", "carrier-secret"),
        ("sources", "192.0.2.1\n192.0.2.2"),
        ("max_channels", "30"),
    ];
    led_to(&admin.post("/trunks", &digest).await, "/trunks");
    let page = admin.get("/trunks/1").await.text;
    assert!(!page.contains("carrier-secret") && page.contains("One is stored."), "{page}");

    // Everything but the password is as the form says; what is empty is gone.
    let change = [
        ("name", "carrier two"),
        ("host", "sip.carrier.example"),
        ("transport", "udp"),
        ("auth", "digest"),
        ("username", "us"),
        ("status", "active"),
    ];
    led_to(&admin.post("/trunks/1", &change).await, "/trunks");
    let page = admin.get("/trunks/1").await.text;
    assert!(page.contains("One is stored.") && !page.contains("192.0.2.1") && !page.contains("5061"), "{page}");
    let list = admin.get("/trunks?search=two").await.text;
    assert!(list.contains("carrier two") && list.contains("User name and password"), "{list}");

    for (field, value, said) in [
        ("port", "70000", "1 to 65535"),
        ("sources", "nonsense", "nonsense is not an IP address"),
        ("name", "", "This is required."),
    ] {
        let mut fields = change.to_vec();
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
        let reply = admin.post("/trunks/1", &fields).await;
        assert_eq!(reply.status, 422, "{field}");
        assert!(reply.text.contains(said), "{field}: {}", reply.text);
    }

    admin.get("/routing/new").await;
    let route = [("kind", "prefix"), ("prefix", "09"), ("trunk_id", "1"), ("priority", "1")];
    led_to(&admin.post("/routing", &route).await, "/routing");
    let kept = admin.post("/trunks/1/delete", &[]).await;
    assert_eq!(kept.status, 409);
    assert!(kept.text.contains("1 route leads to this trunk"), "{}", kept.text);
    led_to(&admin.post("/routing/1/delete", &[]).await, "/routing");
    led_to(&admin.post("/trunks/1/delete", &[]).await, "/trunks");
    assert!(admin.get("/trunks").await.text.contains("No trunks yet"));
    server.stop().await;
}

#[tokio::test]
async fn a_number_is_tried_before_anybody_dials_it() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    furnish(&admin).await;
    admin.get("/routing/new").await;
    let nowhere = [("kind", "prefix"), ("prefix", "09"), ("trunk_id", ""), ("priority", "0")];
    let reply = admin.post("/routing", &nowhere).await;
    assert_eq!(reply.status, 422);
    assert!(reply.text.contains("Choose the trunk"), "{}", reply.text);
    let prefix = [("kind", "prefix"), ("prefix", "09"), ("trunk_id", "1"), ("priority", "5")];
    led_to(&admin.post("/routing", &prefix).await, "/routing");
    let again = admin.post("/routing", &prefix).await;
    assert!(again.status == 422 && again.text.contains("such a route already"), "{}", again.text);
    let did = [("kind", "did"), ("number", "02873001234"), ("extension", "1001"), ("trunk_id", ""), ("priority", "0")];
    led_to(&admin.post("/routing", &did).await, "/routing");
    let list = admin.get("/routing").await.text;
    assert!(list.contains("09…") && list.contains("842873001234") && list.contains("All other numbers"), "{list}");

    for (number, said) in [
        ("0987 654 321", "prefix 09"),
        ("%2B14155552671", "All other numbers"),
        ("1001", "Rings extension 1001"),
        ("113", "Emergency number"),
        ("nonsense", "Leads nowhere"),
    ] {
        let page = admin.get(&format!("/routing?number={}", number.replace(' ', "+"))).await.text;
        let way = between(&page, "id=\"way\"", "</section>").unwrap();
        assert!(way.contains(said), "{number}: {way}");
    }
    led_to(
        &admin.post("/routing/2", &[("kind", "prefix"), ("prefix", "08"), ("trunk_id", "1"), ("priority", "5")]).await,
        "/routing",
    );
    assert!(!admin.get("/routing").await.text.contains("09…"));
    server.stop().await;
}

#[tokio::test]
async fn caller_ids_and_contacts_are_kept_found_changed_and_deleted() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    furnish(&admin).await;
    admin.get("/caller-ids/new").await;
    let number = [("number", "02873001234"), ("label", "Hotline"), ("status", "active"), ("trunk_id", "1")];
    led_to(&admin.post("/caller-ids", &number).await, "/caller-ids");
    let again = admin.post("/caller-ids", &number).await;
    assert!(again.status == 422 && again.text.contains("there already"), "{}", again.text);
    let long = admin.post("/caller-ids", &[("number", "01234567890123456789"), ("status", "active")]).await;
    assert!(long.status == 422 && long.text.contains("not written as it has to be"), "{}", long.text);
    assert!(admin.get("/caller-ids?search=hot&status=active").await.text.contains("02873001234"));
    let shown = [
        ("outbound_caller_id", "02873001234"),
        ("recording_mode", "none"),
        ("status", "active"),
        ("max_concurrent", "2"),
    ];
    led_to(&admin.post("/extensions/1001", &shown).await, "/extensions/1001");
    let kept = admin.post("/caller-ids/1/delete", &[]).await;
    assert!(kept.status == 409 && kept.text.contains("1 extension shows this number"), "{}", kept.text);

    admin.get("/contacts/new").await;
    let wrong = admin.post("/contacts", &[("full_name", "Lan"), ("phones", "front desk")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("front desk") && wrong.text.contains("not written as it has to be"), "{}", wrong.text);
    let lan = [("full_name", "Trần Lan"), ("phones", "0987 654 321\n+84 24 3825 0000"), ("customer_id", "7")];
    led_to(&admin.post("/contacts", &lan).await, "/contacts");
    assert!(admin.get("/contacts?search=0987654321").await.text.contains("Trần Lan"));
    led_to(&admin.post("/contacts", &[("full_name", "an"), ("phones", "0912000001")]).await, "/contacts");
    led_to(&admin.post("/contacts", &[("full_name", "Vy"), ("phones", "0912000002")]).await, "/contacts");
    let list = admin.get("/contacts").await.text;
    let places = [">an<", ">Trần Lan<", ">Vy<"].map(|name| list.find(name).unwrap_or_else(|| panic!("{name}: {list}")));
    assert!(places.is_sorted(), "by name: {list}");
    for id in [2, 3] {
        led_to(&admin.post(&format!("/contacts/{id}/delete"), &[]).await, "/contacts");
    }
    led_to(&admin.post("/contacts/1", &[("full_name", "Lan Anh"), ("phones", "0912345678")]).await, "/contacts");
    assert!(admin.get("/contacts?search=3825").await.text.contains("Nothing matches"));
    led_to(&admin.post("/contacts/1/delete", &[]).await, "/contacts");
    assert!(admin.get("/contacts").await.text.contains("No contacts yet"));
    server.stop().await;
}

#[tokio::test]
async fn what_belongs_to_another_account_is_not_there() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    furnish(&admin).await;
    let number = [("number", "02873001234"), ("status", "active")];
    led_to(&admin.post("/caller-ids", &number).await, "/caller-ids");
    led_to(&admin.post("/contacts", &[("full_name", "Lan"), ("phones", "0987654321")]).await, "/contacts");

    let (_, other) = server.another_account("other", Some("other.example")).await;
    let stranger = Browser::user(&server, &other, "stranger", Role::Admin).await;
    confirm(&stranger).await;
    let ids = ["/extensions/1001", "/trunks/1", "/caller-ids/1", "/routing/1", "/contacts/1"];
    for path in ids {
        assert_eq!(stranger.get(path).await.status, 404, "{path}");
        stranger.get("/profile").await;
        let fields = [
            ("name", "x"),
            ("host", "192.0.2.1"),
            ("number", "123456"),
            ("kind", "default"),
            ("trunk_id", "1"),
            ("full_name", "x"),
            ("phones", "0987654321"),
            ("max_concurrent", "2"),
        ];
        assert_eq!(stranger.post(path, &fields).await.status, 404, "{path}");
        assert_eq!(stranger.post(&format!("{path}/delete"), &[]).await.status, 404, "{path}");
    }
    for path in ["/extensions/1001/password", "/extensions/1001/ring"] {
        assert_eq!(stranger.post(path, &[]).await.status, 404, "{path}");
    }
    let nobody = "/calls/01890000-0000-7000-8000-000000000000";
    for path in [nobody, &format!("{nobody}/waveform"), &format!("{nobody}/recording.wav"), "/calls/nonsense"] {
        assert_eq!(stranger.get(path).await.status, 404, "{path}");
    }
    for path in ["/extensions", "/trunks", "/caller-ids", "/routing", "/contacts", "/extensions.csv"] {
        let page = stranger.get(path).await.text;
        assert!(!page.contains("1001") && !page.contains(">carrier<") && !page.contains(">Lan<"), "{path}");
    }
    // A route or caller ID never names another account's trunk.
    stranger.get("/routing/new").await;
    let route = [("kind", "default"), ("trunk_id", "1"), ("priority", "0")];
    assert_eq!(stranger.post("/routing", &route).await.status, 422);
    for path in ids {
        assert_eq!(admin.get(path).await.status, 200, "{path} is as it was");
    }
    server.stop().await;
}

#[tokio::test]
async fn each_role_sees_and_changes_what_it_may() {
    let server = TestServer::start().await;
    let who = server.host();
    let admin = Browser::admin(&server).await;
    furnish(&admin).await;
    let pages = ["/calls", "/calls/history", "/extensions", "/contacts", "/trunks", "/caller-ids", "/routing"];
    for (role, sees, manages, keeps_contacts) in
        [(Role::Supervisor, 7, true, true), (Role::ReadOnly, 7, false, false), (Role::Agent, 4, false, true)]
    {
        let browser = Browser::user(&server, &who, role.as_str(), role).await;
        let home = browser.get("/").await.text;
        for (at, path) in pages.into_iter().enumerate() {
            let may = at < sees;
            assert_eq!(browser.get(path).await.status, if may { 200 } else { 403 }, "{role:?} {path}");
            let linked = home.contains(&format!("href=\"{path}\"")) || path == "/calls/history";
            assert_eq!(linked, may, "{role:?} {path} in the navigation");
        }
        let (offered, status) = if manages { (true, 200) } else { (false, 403) };
        assert_eq!(browser.get("/extensions").await.text.contains("href=\"/extensions/new\""), offered, "{role:?}");
        assert_eq!(browser.get("/extensions/new").await.status, status, "{role:?}");
        assert_eq!(browser.get("/trunks/new").await.status, status, "{role:?}");
        assert_eq!(browser.get("/caller-ids/new").await.status, 403, "{role:?}: admins only");
        let contacts = if keeps_contacts { 200 } else { 403 };
        assert_eq!(browser.get("/contacts/new").await.status, contacts, "{role:?}");
        browser.get("/profile").await;
        if !manages {
            let fields =
                [("max_concurrent", "2"), ("name", "x"), ("host", "h"), ("kind", "default"), ("trunk_id", "1")];
            for path in ["/extensions/1001", "/extensions/1001/ring", "/extensions/1001/delete", "/trunks", "/routing"]
            {
                assert_eq!(browser.post(path, &fields).await.status, 403, "{role:?} {path}");
            }
        }
        if !keeps_contacts {
            let contact = [("full_name", "x"), ("phones", "0987654321")];
            assert_eq!(browser.post("/contacts", &contact).await.status, 403, "{role:?}");
            let call = [("uuid", "01890000-0000-7000-8000-000000000000")];
            assert_eq!(browser.post("/calls/hang-up", &call).await.status, 403, "{role:?}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn forms_of_the_exchange_need_the_sessions_token() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    furnish(&admin).await;
    let origin = admin.origin();
    let same = [("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
    for path in [
        "/calls/hang-up",
        "/extensions",
        "/extensions/import",
        "/extensions/1001",
        "/extensions/1001/password",
        "/extensions/1001/ring",
        "/extensions/1001/delete",
        "/trunks",
        "/trunks/1",
        "/trunks/1/delete",
        "/caller-ids",
        "/routing",
        "/routing/1/delete",
        "/contacts",
    ] {
        assert_eq!(admin.post_from(path, &[], &same).await.status, 403, "{path}");
    }
    assert_eq!(admin.get("/extensions/1001").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn what_people_write_about_the_exchange_is_text() {
    let server = TestServer::start().await;
    let admin = Browser::admin(&server).await;
    furnish(&admin).await;
    let is_inert = |page: &str| {
        for part in ["<script>alert", "<img src=x", "<svg/onload"] {
            assert!(!page.contains(part), "{part}: {page}");
        }
    };
    for nasty in NASTY {
        let named =
            [("display_name", nasty), ("recording_mode", "none"), ("status", "active"), ("max_concurrent", "2")];
        led_to(&admin.post("/extensions/1001", &named).await, "/extensions/1001");
        let trunk =
            [("name", nasty), ("host", "192.0.2.1"), ("transport", "udp"), ("auth", "none"), ("from_user", nasty)];
        led_to(&admin.post("/trunks/1", &trunk).await, "/trunks");
        led_to(&admin.post("/contacts", &[("full_name", nasty), ("phones", "0987654321")]).await, "/contacts");
        admin.post("/caller-ids", &[("number", "02873001234"), ("label", nasty), ("status", "active")]).await;
        admin.post("/caller-ids/1", &[("number", "02873001234"), ("label", nasty), ("status", "active")]).await;
        for (path, fields) in [
            ("/extensions/1001", vec![("max_concurrent", nasty), ("display_name", nasty)]),
            (
                "/trunks",
                vec![("name", nasty), ("host", nasty), ("port", nasty), ("sources", nasty), ("username", nasty)],
            ),
            ("/caller-ids", vec![("number", nasty), ("label", nasty), ("trunk_id", nasty)]),
            (
                "/routing",
                vec![("kind", nasty), ("prefix", nasty), ("number", nasty), ("extension", nasty), ("trunk_id", "1")],
            ),
            ("/contacts", vec![("full_name", nasty), ("phones", nasty), ("customer_id", nasty)]),
            ("/extensions/import", vec![("rows", nasty)]),
        ] {
            let reply = admin.post(path, &fields).await;
            assert!([200, 422].contains(&reply.status.as_u16()), "{path}: {}", reply.text);
            is_inert(&reply.text);
        }
        let query: String = url::form_urlencoded::byte_serialize(nasty.as_bytes()).collect();
        let asked =
            format!("search={query}&number={query}&status={query}&direction={query}&extension={query}&from={query}");
        for path in [
            "/calls",
            "/calls/history",
            "/extensions",
            "/extensions/1001",
            "/trunks",
            "/trunks/1",
            "/caller-ids",
            "/caller-ids/1",
            "/routing",
            "/routing/1",
            "/contacts",
            "/contacts/1",
            "/contacts/new",
            "/audit",
        ] {
            for path in [path.to_owned(), format!("{path}?{asked}")] {
                let page = admin.get(&path).await;
                assert_eq!(page.status, 200, "{path}: {}", page.text);
                is_inert(&page.text);
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn the_exchange_speaks_vietnamese() {
    let server = TestServer::start().await;
    let admin = Browser::in_language(&server, "vi");
    admin.sign_in("admin", crate::support::PASSWORD).await;
    for (path, said) in [
        ("/calls", "Hiện không có cuộc gọi nào"),
        ("/calls/history", "Không có cuộc gọi nào trong 30 ngày qua"),
        ("/extensions", "Chưa có máy nhánh nào"),
        ("/trunks", "Chưa có trung kế nào"),
        ("/caller-ids", "Chưa có số hiển thị nào"),
        ("/routing", "Hãy thêm trung kế của nhà mạng trước"),
        ("/contacts", "Chưa có liên hệ nào"),
    ] {
        let page = admin.get(path).await.text;
        assert!(page.contains(said), "{path}: {page}");
    }
    admin.get("/contacts/new").await;
    let nameless = admin.post("/contacts", &[("full_name", ""), ("phones", "0912345678")]).await.text;
    assert!(nameless.contains("Mục này là bắt buộc."), "no field has an English name: {nameless}");
    let wrong = admin.get("/calls/history?from=2026-02-02&to=2026-02-01").await.text;
    assert!(wrong.contains("Ngày kết thúc phải bằng hoặc sau ngày bắt đầu."), "{wrong}");
    server.stop().await;
}
