//! The room's answers over HTTP, on a real database. Calls need phones: they are tested in the server's binary.

use axum::{Router, body::Body};
use domain::{
    CallId, Permission, Principal, TenantId, Timestamp, UserId,
    principal::{Actor, Role},
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use store::testing::{START, TENANT, TestDb, test_db};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::{
    Config, Deps, Pbx,
    changes::Changed,
    model::{NewRoute, RecordingInfo, RecordingState, RouteKind, TrunkStatus},
    ops,
    store::{self as rows, tests::record},
};

pub(super) struct House {
    db: TestDb,
    pbx: Pbx,
    router: Router,
    document: Value,
}

pub(super) async fn house() -> House {
    let db = test_db().await;
    let (sip, sip_events) = sip::Sip::open(sip::Config::on(([127, 0, 0, 1], 0).into())).await.unwrap();
    let media = media::Media::open(media::Config { bind: [127, 0, 0, 1].into(), ..media::Config::default() }).unwrap();
    let config = Config {
        public_url: "https://pbx.example".to_owned(),
        realm: "pbx.example".to_owned(),
        recordings_dir: db.folder().to_owned(),
        ..Config::default()
    };
    let bus = bus::Bus::new((*db).clone());
    let secrets = db.secrets.clone();
    let mail = mail::Mail::open((*db).clone(), secrets.clone(), &mail::Config::default()).unwrap();
    let pbx = Pbx::open(Deps { db: (*db).clone(), bus, secrets, sip, sip_events, media, mail, config }).await.unwrap();
    let (router, document) = pbx.routes().split_for_parts();
    House { db, pbx, router, document: serde_json::to_value(document).unwrap() }
}

pub(crate) fn user(role: Role, permissions: &[Permission], extension: Option<&str>) -> Principal {
    Principal {
        permissions: permissions.to_vec(),
        actor: Actor::User {
            id: UserId(1),
            username: "someone".to_owned(),
            role,
            team: None,
            extension: extension.map(str::to_owned),
        },
        ..Principal::system(TENANT)
    }
}

impl House {
    /// Makes a team of the account and returns its id.
    pub(super) async fn team(&self) -> i64 {
        let mut tx = self.db.begin_any_tenant().await.unwrap();
        rows::accounts::any_tenant_add(&mut tx, "one").await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = self.db.begin(TENANT).await.unwrap();
        let team = rows::accounts::add_team(&mut tx, TENANT, "sales").await.unwrap();
        tx.commit().await.unwrap();
        team
    }

    async fn send(&self, who: &Principal, request: Request<Body>) -> Response<Body> {
        let mut request = request;
        request.extensions_mut().insert(web::SignIn::Caller(who.clone()));
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Sends as background work, which may everything, and returns the status and the JSON.
    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        self.ask_as(&Principal::system(TENANT), method, path, body).await
    }

    pub(super) async fn ask_as(&self, who: &Principal, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = self.send(who, request.body(body).unwrap()).await;
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&bytes(response).await).unwrap_or(Value::Null))
    }

    async fn open(&self, url: &str, range: Option<&str>) -> Response<Body> {
        let mut request = Request::get(url.strip_prefix("https://pbx.example").unwrap_or(url));
        if let Some(range) = range {
            request = request.header(header::RANGE, range);
        }
        self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }
}

async fn bytes(response: Response<Body>) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

#[tokio::test]
async fn an_extension_lives_from_create_to_delete() {
    let house = house().await;
    let mut changes = house.pbx.changes.listen();
    house.pbx.changes.have_followed(u64::MAX);
    let (status, created) =
        house.ask("POST", "/api/pbx/extensions", Some(json!({"extension_number": "1001", "role": "admin"}))).await;
    assert_eq!(status, 201, "{created}");
    let password = created["data"]["sip_password"].as_str().unwrap().to_owned();
    assert_eq!(password.len(), 32);
    assert_eq!(
        created["data"],
        json!({
            "extension_number": "1001", "display_name": null, "voicemail_enabled": false, "outbound_caller_id": null,
            "recording_mode": "none", "status": "active", "team_id": null, "department_id": null,
            "max_concurrent": 2, "tls_enabled": false, "created_at": "2026-02-03T04:05:06.000Z",
            "updated_at": "2026-02-03T04:05:06.000Z", "sip_password": password,
        })
    );
    assert_eq!(changes.recv().await.unwrap().1, Changed::Extension(TENANT, "1001".to_owned()));
    let (status, again) = house.ask("POST", "/api/pbx/extensions", Some(json!({"extension_number": "1001"}))).await;
    assert_eq!((status, again["code"].as_str()), (409, Some("pbx.extension_exists")));

    let team = house.team().await;
    let change = json!({"display_name": "Lễ tân", "recording_mode": "all", "max_concurrent": 10, "team_id": team});
    let (status, changed) = house.ask("PUT", "/api/pbx/extensions/1001", Some(change)).await;
    assert_eq!((status, changed["data"]["display_name"].as_str()), (200, Some("Lễ tân")));
    let (_, changed) = house.ask("PUT", "/api/pbx/extensions/1001", Some(json!({"display_name": null}))).await;
    assert_eq!((&changed["data"]["display_name"], &changed["data"]["team_id"]), (&Value::Null, &json!(team)));
    let (status, shown) = house.ask("GET", "/api/pbx/extensions/1001", None).await;
    assert_eq!(status, 200);
    assert_eq!(
        shown["data"]["sip_registration"],
        json!({"status": "unregistered", "contact_count": 0, "last_registered_at": null, "user_agent": null,
            "transport": null})
    );
    let (_, list) = house.ask("GET", "/api/pbx/extensions?search=100&status=active&per_page=1", None).await;
    assert_eq!((&list["total"], &list["data"][0]["extension_number"]), (&json!(1), &json!("1001")));

    let (status, rotated) = house.ask("POST", "/api/pbx/extensions/1001/rotate-password", None).await;
    assert_eq!(status, 200);
    assert_ne!(rotated["data"]["sip_password"], json!(password));
    let (status, gone) = house.ask("DELETE", "/api/pbx/extensions/1001", None).await;
    assert_eq!((status, gone), (200, json!({"data": {}})));
    let (status, _) = house.ask("GET", "/api/pbx/extensions/1001", None).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn one_422_names_every_bad_field_of_an_extension() {
    let house = house().await;
    let bad = json!({
        "extension_number": "12a", "sip_password": "short", "outbound_caller_id": "19001234", "recording_mode": "maybe",
        "max_concurrent": 11, "display_name": "x".repeat(101), "voicemail_enabled": "yes", "team_id": 0,
    });
    let (status, answer) = house.ask("POST", "/api/pbx/extensions", Some(bad)).await;
    assert_eq!(status, 422);
    assert_eq!(answer["message"], "The given data was invalid.");
    assert_eq!(
        answer["errors"],
        json!({
            "voicemail_enabled": ["The voicemail enabled must be a boolean."],
            "extension_number": ["Extension number format is invalid."],
            "sip_password": ["The sip password must be between 12 and 64 characters."],
            "display_name": ["The display name must be between 0 and 100 characters."],
            "outbound_caller_id": ["The selected outbound caller id is invalid."],
            "recording_mode": ["The selected recording mode is invalid."],
            "team_id": ["The selected team id is invalid."],
            "max_concurrent": ["The max concurrent must be between 1 and 10."],
        })
    );
    let (_, answer) = house.ask("POST", "/api/pbx/extensions", Some(json!({}))).await;
    assert_eq!(answer["errors"], json!({"extension_number": ["The extension number field is required."]}));
    let (status, answer) = house.ask("GET", "/api/pbx/extensions?status=odd&page=0&per_page=201", None).await;
    assert_eq!((status, answer["errors"].as_object().unwrap().len()), (422, 3));
    let range = "/api/pbx/extensions/available-numbers?from=1000&to=900";
    assert_eq!(house.ask("GET", range, None).await.0, 422);
}

#[tokio::test]
async fn free_numbers_of_a_range_leave_out_the_taken() {
    let house = house().await;
    house.ask("POST", "/api/pbx/extensions", Some(json!({"extension_number": "2001"}))).await;
    let (_, free) = house.ask("GET", "/api/pbx/extensions/available-numbers?from=2000&to=2999&limit=3", None).await;
    assert_eq!(free, json!({"data": ["2000", "2002", "2003"]}));
}

#[tokio::test]
async fn agents_and_viewers_read_extensions_and_do_not_write_them() {
    let house = house().await;
    let body = || Some(json!({"extension_number": "1001"}));
    house.ask("POST", "/api/pbx/extensions", body()).await;
    let scope = [Permission::PbxApiAccess];
    for (who, read, write) in [
        (user(Role::Agent, &scope, None), 200, 403),
        (user(Role::ReadOnly, &scope, None), 200, 403),
        (user(Role::Supervisor, &scope, None), 200, 409),
        (user(Role::Admin, &[], None), 403, 403),
    ] {
        assert_eq!(house.ask_as(&who, "GET", "/api/pbx/extensions/1001", None).await.0, read, "{who:?}");
        assert_eq!(house.ask_as(&who, "POST", "/api/pbx/extensions", body()).await.0, write, "{who:?}");
    }
    let foreign = Principal::system(TenantId(2));
    for (method, path) in [
        ("GET", "/api/pbx/extensions/1001"),
        ("PUT", "/api/pbx/extensions/1001"),
        ("DELETE", "/api/pbx/extensions/1001?force=1"),
        ("POST", "/api/pbx/extensions/1001/rotate-password"),
    ] {
        let body = (method == "PUT").then(|| json!({}));
        let (status, answer) = house.ask_as(&foreign, method, path, body).await;
        assert_eq!((status, answer["message"].as_str()), (404, Some("Resource not found")), "{method}");
    }
}

#[tokio::test]
async fn caller_ids_are_written_by_those_who_may_and_kept_while_in_use() {
    let house = house().await;
    let admin = user(Role::Admin, Permission::ALL, None);
    let (status, created) = house
        .ask_as(&admin, "POST", "/api/pbx/caller-ids", Some(json!({"number": "02873001234", "label": "Hotline"})))
        .await;
    assert_eq!(status, 201, "{created}");
    assert_eq!(
        created["data"],
        json!({"id": 1, "number": "02873001234", "label": "Hotline", "status": "active", "trunk_id": null,
            "group_ids": []})
    );
    let supervisor = user(Role::Supervisor, &[Permission::PbxApiAccess], None);
    let (status, _) = house.ask_as(&supervisor, "POST", "/api/pbx/caller-ids", Some(json!({"number": "1900"}))).await;
    assert_eq!(status, 403);
    let (status, bad) =
        house.ask_as(&admin, "PUT", "/api/pbx/caller-ids/1", Some(json!({"number": "x", "trunk_id": 9}))).await;
    assert_eq!((status, bad["errors"].as_object().unwrap().len()), (422, 2));
    let extension = json!({"extension_number": "1001", "outbound_caller_id": "02873001234"});
    assert_eq!(house.ask("POST", "/api/pbx/extensions", Some(extension)).await.0, 201);
    assert_eq!(house.ask_as(&admin, "DELETE", "/api/pbx/caller-ids/1", None).await.0, 409);
    house.ask("DELETE", "/api/pbx/extensions/1001", None).await;
    assert_eq!(house.ask_as(&admin, "DELETE", "/api/pbx/caller-ids/1", None).await.0, 200);
    assert_eq!(house.ask("GET", "/api/pbx/caller-ids", None).await.1["total"], 0);
}

#[tokio::test]
async fn trunks_are_shown_without_secrets_and_kept_while_routed() {
    let house = house().await;
    let (desk, who) = (house.pbx.desk(), Principal::system(TENANT));
    let new = ops::trunks::NewTrunk {
        name: "carrier".to_owned(),
        host: "192.0.2.1".to_owned(),
        username: Some("zorio".to_owned()),
        password: Some("hush".to_owned()),
        ..Default::default()
    };
    let trunk = ops::trunks::create(&desk, &who, new.clone()).await.unwrap();
    assert_eq!(ops::trunks::open_password(&house.db.secrets, &trunk).as_deref(), Some("hush"));
    assert!(ops::trunks::create(&desk, &who, new).await.is_err(), "the name is taken");
    let (_, list) = house.ask("GET", "/api/pbx/trunks", None).await;
    assert_eq!(
        list["data"],
        json!([{"id": trunk.id, "name": "carrier", "status": "active", "host": "192.0.2.1", "port": 5060,
            "transport": "udp", "registration": "unknown", "channels_in_use": 0, "max_channels": null}])
    );
    let (status, shown) = house.ask("GET", &format!("/api/pbx/trunks/{}", trunk.id), None).await;
    assert_eq!((status, &shown["data"]), (200, &list["data"][0]));
    assert_eq!(house.ask("GET", "/api/pbx/trunks/x", None).await.0, 404);

    let route =
        ops::routes::create(&desk, &who, NewRoute::plain(RouteKind::Default { trunk: trunk.id }, 0)).await.unwrap();
    assert!(ops::trunks::delete(&desk, &who, trunk.id).await.is_err(), "a route leads to it");
    let disable = ops::trunks::TrunkChanges { status: Some(TrunkStatus::Disabled), ..Default::default() };
    let disabled = ops::trunks::update(&desk, &who, trunk.id, disable).await.unwrap();
    assert_eq!(ops::trunks::open_password(&house.db.secrets, &disabled).as_deref(), Some("hush"));
    ops::routes::delete(&desk, &who, route.id).await.unwrap();
    ops::trunks::delete(&desk, &who, trunk.id).await.unwrap();
    let unknown = NewRoute::did("1900", "1001", None);
    assert!(ops::routes::create(&desk, &who, unknown).await.is_err(), "there is no such extension");
}

#[tokio::test]
async fn another_process_sees_that_something_was_written() {
    let house = house().await;
    let desk = ops::Desk::open(house.db.reopen().await, house.db.secrets.clone(), "pbx.example");
    let version = async || {
        let mut tx = house.db.read_any_tenant().await.unwrap();
        rows::any_tenant_change_version(&mut tx).await.unwrap()
    };
    let before = version().await;
    let new = ops::extensions::NewExtension { number: Some("1001".to_owned()), ..Default::default() };
    ops::extensions::create(&desk, &Principal::system(TENANT), new, web::Fields::new()).await.unwrap();
    assert_eq!(version().await, before + 1);
}

/// Stores one recorded call of extension 1001, whose sound is the digits 0 to 9.
async fn recorded(house: &House) -> CallId {
    let uuid = CallId(Uuid::from_u128(1));
    let mut cdr = record(1, START);
    cdr.recording = RecordingInfo {
        state: RecordingState::Available,
        path: Some("1/a.wav".to_owned()),
        duration_ms: Some(1_500),
        size_bytes: Some(10),
    };
    std::fs::create_dir(house.db.folder().join("1")).unwrap();
    std::fs::write(house.db.folder().join("1/a.wav"), b"0123456789").unwrap();
    let mut tx = house.db.begin(TENANT).await.unwrap();
    rows::cdr::insert(&mut tx, cdr.tenant, &cdr, domain::number::Region::of("VN")).await.unwrap();
    tx.commit().await.unwrap();
    uuid
}

#[tokio::test]
async fn a_recording_is_fetched_by_its_signed_url_in_whole_and_in_part() {
    let house = house().await;
    let uuid = recorded(&house).await;
    let (status, shown) = house.ask("GET", &format!("/api/pbx/cdr/{uuid}"), None).await;
    assert_eq!(status, 200);
    let data = &shown["data"];
    assert_eq!(data["recording"], json!({"available": true, "duration": 2, "size_bytes": 10}));
    let url = data["recording_url"].as_str().unwrap().to_owned();

    let path = format!("/api/pbx/cdr/{uuid}/recording");
    let redirect = house.send(&Principal::system(TENANT), Request::get(&path).body(Body::empty()).unwrap()).await;
    assert_eq!(redirect.status(), StatusCode::FOUND);
    assert_eq!(redirect.headers()[header::LOCATION], url.as_str());

    let whole = house.open(&url, None).await;
    assert_eq!(
        (whole.status(), &whole.headers()[header::CONTENT_TYPE]),
        (StatusCode::OK, &HeaderValue::from_static("audio/wav"))
    );
    assert_eq!(bytes(whole).await, b"0123456789");
    let part = house.open(&url, Some("bytes=2-4")).await;
    assert_eq!(
        (part.status(), &part.headers()[header::CONTENT_RANGE]),
        (StatusCode::PARTIAL_CONTENT, &HeaderValue::from_static("bytes 2-4/10"))
    );
    assert_eq!(bytes(part).await, b"234");
    let beyond = house.open(&url, Some("bytes=10-")).await;
    assert_eq!(
        (beyond.status(), &beyond.headers()[header::CONTENT_RANGE]),
        (StatusCode::RANGE_NOT_SATISFIABLE, &HeaderValue::from_static("bytes */10"))
    );
    let head = Request::head(url.strip_prefix("https://pbx.example").unwrap()).body(Body::empty()).unwrap();
    let head = house.router.clone().oneshot(head).await.unwrap();
    assert_eq!(
        (head.status(), &head.headers()[header::CONTENT_LENGTH]),
        (StatusCode::OK, &HeaderValue::from_static("10"))
    );
    assert_eq!(bytes(head).await, b"");
}

#[tokio::test]
async fn a_recording_url_that_is_forged_expired_or_of_a_lost_file_is_refused() {
    let house = house().await;
    let uuid = recorded(&house).await;
    let url = ops::recordings::signed_url(&house.pbx, TENANT, uuid, START);
    let status = async |url: &str| house.open(url, None).await.status().as_u16();
    let other = CallId(Uuid::from_u128(2)).to_string();
    for forged in [
        url.replace(&uuid.to_string(), &other),
        url.replace("expires=1", "expires=2"),
        url.replace("expires=", "expires=0"),
        format!("{url}0"),
        url.replace("signature=", "signature=A"),
        url.split("&signature").next().unwrap().to_owned(),
        ops::recordings::signed_url(&house.pbx, TenantId(2), uuid, START),
    ] {
        assert_eq!(status(&forged).await, 403, "{forged}");
    }
    assert_eq!(status("/recordings/..%2F1%2Fa.wav?expires=1&signature=1").await, 404);
    house.db.clock.set(Timestamp(START.millis() + 1_800_000));
    assert_eq!(status(&url).await, 200);
    house.db.clock.set(Timestamp(START.millis() + 1_801_000));
    assert_eq!(status(&url).await, 410);
    house.db.clock.set(START);
    std::fs::remove_file(house.db.folder().join("1/a.wav")).unwrap();
    assert_eq!(status(&url).await, 404);
}

#[tokio::test]
async fn records_are_seen_by_those_who_may() {
    let house = house().await;
    let uuid = recorded(&house).await;
    let scope = [Permission::PbxApiAccess];
    let (path, list) = (format!("/api/pbx/cdr/{uuid}"), "/api/pbx/cdr");
    for (who, found) in [
        (user(Role::Agent, &scope, Some("1001")), true),
        (user(Role::Agent, &scope, Some("1002")), false),
        (user(Role::Agent, &scope, None), false),
        (user(Role::Agent, &[Permission::PbxApiAccess, Permission::ViewAllCdr], None), true),
        (Principal::system(TenantId(2)), false),
    ] {
        let expected = if found { 200 } else { 404 };
        assert_eq!(house.ask_as(&who, "GET", &path, None).await.0, expected, "{who:?}");
        assert_eq!(
            house.ask_as(&who, "GET", &format!("{path}/recording"), None).await.0,
            if found { 302 } else { 404 }
        );
        assert_eq!(house.ask_as(&who, "GET", list, None).await.1["total"], json!(i64::from(found)), "{who:?}");
    }
    for bad in ["from=2025-01-01", "from=x&to=y&direction=up&extension=1&format=pdf&page=0", "to=2025-01-01"] {
        assert_eq!(house.ask("GET", &format!("{list}?{bad}"), None).await.0, 422, "{bad}");
    }
}

#[tokio::test]
async fn a_period_comes_as_one_csv_file() {
    let house = house().await;
    let mut tx = house.db.begin(TENANT).await.unwrap();
    for number in 0..1_001 {
        let mut cdr = record(number, Timestamp(START.millis() - i64::try_from(number).unwrap()));
        if number == 0 {
            cdr.caller_number = "=1+1".to_owned();
        }
        rows::cdr::insert(&mut tx, cdr.tenant, &cdr, domain::number::Region::of("VN")).await.unwrap();
    }
    tx.commit().await.unwrap();
    let request = Request::get("/api/pbx/cdr?format=csv&phone=84987654321").body(Body::empty()).unwrap();
    let response = house.send(&Principal::system(TENANT), request).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/csv; charset=utf-8");
    let text = String::from_utf8(bytes(response).await).unwrap();
    assert_eq!(text.lines().count(), 1_002);
    assert!(text.starts_with("uuid,direction,source_type,caller_number,"));
    assert!(text.lines().nth(1).unwrap().contains(",'=1+1,0987654321,"));
}

#[tokio::test]
async fn every_operation_is_in_the_document_with_its_parameters() {
    let house = house().await;
    let paths = house.document["paths"].as_object().unwrap();
    let names = |path: &str| -> Vec<&str> {
        let list = paths[path]["get"]["parameters"].as_array().unwrap();
        list.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect()
    };
    assert_eq!(names("/api/pbx/cdr"), ["from", "to", "direction", "extension", "phone", "format", "page", "per_page"]);
    assert_eq!(names("/recordings/{file}"), ["file", "expires", "signature"]);
    for path in ["/api/pbx/extensions/{ext}", "/api/pbx/trunks/{id}", "/api/pbx/caller-ids/{id}", "/api/pbx/cdr/{uuid}"]
    {
        assert!(paths.contains_key(path), "{path}");
    }
}
