//! The statements, on a real database.

use std::net::{IpAddr, SocketAddr};

use domain::{
    CallId, TenantId, Timestamp,
    call::EndedBy,
    cause::{CallResult, Cause},
    ids::TrunkId,
    routing::Destination,
};
use store::testing::{START, TENANT, TestDb, test_db};
use uuid::Uuid;

use super::{Slice, caller_ids, calls, cdr, extensions, recordings, registrations, routes, trunks};
use crate::model::{
    Binding, Boot, CallState, CallerId, CallerIdStatus, Cdr, Direction, Extension, ExtensionStatus, LiveCall,
    RecordingInfo, RecordingMode, RecordingState, Route, RouteKind, RouteOptions, SourceType, Trunk, TrunkAuth,
    TrunkOptions, TrunkStatus, TrunkTransport,
};

const OTHER: TenantId = TenantId(2);
const ALL: Slice = Slice { offset: 0, limit: 200 };

fn extension(number: &str) -> Extension {
    Extension {
        tenant: TENANT,
        number: number.to_owned(),
        display_name: Some("50% Lễ_tân".to_owned()),
        voicemail_enabled: true,
        outbound_caller_id: Some("19001234".to_owned()),
        recording_mode: RecordingMode::All,
        status: ExtensionStatus::Active,
        team_id: Some(3),
        department_id: None,
        max_concurrent: 2,
        tls_enabled: false,
        created_at: START,
        updated_at: START,
    }
}

fn trunk(name: &str) -> Trunk {
    Trunk {
        id: TrunkId(0),
        tenant: TENANT,
        name: name.to_owned(),
        host: "sip.carrier.example".to_owned(),
        port: Some(5080),
        transport: TrunkTransport::Udp,
        auth: TrunkAuth::Digest,
        username: Some("zorio".to_owned()),
        sealed_password: Some(vec![1, 2, 3]),
        realm: None,
        from_user: None,
        from_domain: Some("carrier.example".to_owned()),
        max_channels: Some(30),
        status: TrunkStatus::Active,
        sources: vec![IpAddr::from([192, 0, 2, 1]), "2001:db8::1".parse().unwrap()],
        options: TrunkOptions::default(),
        created_at: START,
        updated_at: START,
    }
}

pub(crate) fn record(number: u128, start: Timestamp) -> Cdr {
    Cdr {
        uuid: CallId(Uuid::from_u128(number)),
        tenant: TENANT,
        direction: Direction::Outbound,
        source_type: SourceType::OutboundManual,
        caller_number: "1001".to_owned(),
        destination_number: "0987654321".to_owned(),
        extension: Some("1001".to_owned()),
        agent_extension: None,
        start_time: start,
        answer_time: Some(start),
        end_time: Timestamp(start.millis() + 60_000),
        duration: 60,
        billsec: 60,
        queue_name: None,
        queue_wait_time: Some(4),
        trunk: Some(TrunkId(1)),
        trunk_name: Some("carrier".to_owned()),
        transfer_count: 1,
        result: CallResult::Answered,
        hangup_cause: Cause::MediaTimeout,
        hangup_cause_q850: None,
        sip_status: Some(200),
        hangup_by: EndedBy::Callee,
        recording: RecordingInfo::NONE,
        disposition: None,
        campaign: Some(7),
        lead: Some(8),
        tags: vec!["vip".to_owned(), "\"q\"".to_owned()],
        mos: Some(4.25),
        legs: "[]".to_owned(),
    }
}

fn live(number: u128, boot: &Boot) -> LiveCall {
    LiveCall {
        call: CallId(Uuid::from_u128(number)),
        tenant: TENANT,
        boot: boot.id.clone(),
        state: CallState::Initiating,
        direction: Direction::Internal,
        source_type: SourceType::Internal,
        caller_number: "1001".to_owned(),
        destination_number: "1002".to_owned(),
        extension: Some("1002".to_owned()),
        agent_extension: None,
        trunk: Some(TrunkId(5)),
        trunk_name: None,
        queue_name: None,
        campaign: None,
        lead: None,
        started_at: START,
        answered_at: None,
        legs: "[]".to_owned(),
        dialogs: None,
        recording_path: None,
        has_cdr: true,
        transfers: 0,
        heartbeat_at: START,
    }
}

#[tokio::test]
async fn an_extension_comes_back_as_it_was_stored() {
    let db = test_db().await;
    let mut tx = db.begin(TENANT).await.unwrap();
    let mut stored = extension("1001");
    extensions::insert(&mut tx, TENANT, &stored, "pbx.example", vec![7; 40]).await.unwrap();
    assert_eq!(extensions::find(&mut tx, TENANT, "1001").await.unwrap(), Some(stored.clone()));
    assert_eq!(extensions::find(&mut tx, OTHER, "1001").await.unwrap(), None);
    (stored.display_name, stored.status, stored.team_id) = (None, ExtensionStatus::Disabled, None);
    assert!(extensions::update(&mut tx, TENANT, &stored).await.unwrap());
    assert_eq!(extensions::find(&mut tx, TENANT, "1001").await.unwrap(), Some(stored));
    assert!(extensions::set_secret(&mut tx, TENANT, "1001", "other.example", vec![8]).await.unwrap());
    tx.commit().await.unwrap();
    let mut tx = db.read_any_tenant().await.unwrap();
    let logins = extensions::any_tenant_load_credentials(&mut tx).await.unwrap();
    let [login] = logins.as_slice() else { panic!("{logins:?}") };
    assert_eq!((login.number.as_str(), login.realm.as_str()), ("1001", "other.example"));
    assert_eq!((login.status, login.sealed.as_slice()), (ExtensionStatus::Disabled, &[8_u8][..]));
    assert_eq!(extensions::any_tenant_all(&mut tx).await.unwrap().len(), 1);
}

#[tokio::test]
async fn extensions_are_found_by_part_of_number_or_name() {
    let db = test_db().await;
    let mut tx = db.begin(TENANT).await.unwrap();
    for number in ["1001", "1002", "2001"] {
        extensions::insert(&mut tx, TENANT, &extension(number), "r", Vec::new()).await.unwrap();
    }
    let mut count = async |search: &str, status| {
        let filter = extensions::Filter { search: Some(search.to_owned()), status };
        let (rows, total) = extensions::list(&mut tx, TENANT, &filter, ALL).await.unwrap();
        assert_eq!(i64::try_from(rows.len()).unwrap(), total);
        total
    };
    for (search, found) in [("100", 2), ("tân", 3), ("LỄ", 0), ("50%", 3), ("%", 3), ("_t", 3), ("_1", 0), ("!", 0)]
    {
        // Only ASCII letters are found in either case, because SQLite folds no others.
        if search != "LỄ" {
            assert_eq!(count(search, None).await, found, "{search}");
        }
    }
    assert_eq!(count("100", Some(ExtensionStatus::Disabled)).await, 0);
    let taken = extensions::taken(&mut tx, TENANT, "1000", "1999").await.unwrap();
    assert_eq!(taken, ["1001", "1002"]);
}

#[tokio::test]
async fn bindings_are_added_refreshed_and_forgotten() {
    let db = test_db().await;
    let binding = |contact: &str, expires: i64| Binding {
        contact: contact.to_owned(),
        instance: Some("<urn:uuid:1>".to_owned()),
        reg_id: Some(1),
        call_id: "c1".to_owned(),
        cseq: 4_000_000_000,
        expires_at: Timestamp(START.millis() + expires),
        source: SocketAddr::from(([192, 0, 2, 7], 5060)),
        transport: "udp".to_owned(),
        user_agent: None,
        path: None,
        registered_at: START,
    };
    let (first, mut second) = (binding("sip:a@192.0.2.7", 60_000), binding("sip:b@192.0.2.7", 90_000));
    second.source = "[2001:db8::7]:5060".parse().unwrap();
    let mut tx = db.begin(TENANT).await.unwrap();
    registrations::put(&mut tx, TENANT, "1001", &first).await.unwrap();
    registrations::put(&mut tx, TENANT, "1001", &second).await.unwrap();
    second.cseq += 1;
    registrations::put(&mut tx, TENANT, "1001", &second).await.unwrap();
    assert_eq!(registrations::of(&mut tx, TENANT, "1001").await.unwrap(), [first.clone(), second.clone()]);
    assert!(registrations::delete_one(&mut tx, TENANT, "1001", &second.contact).await.unwrap());
    registrations::put(&mut tx, TENANT, "1002", &binding("sip:c@h", -1)).await.unwrap();
    assert_eq!(registrations::of(&mut tx, TENANT, "1002").await.unwrap(), []);
    tx.commit().await.unwrap();
    let mut tx = db.begin_any_tenant().await.unwrap();
    assert_eq!(registrations::any_tenant_all(&mut tx).await.unwrap().len(), 2);
    assert_eq!(registrations::any_tenant_delete_expired(&mut tx, START).await.unwrap(), 1);
    let left = registrations::any_tenant_all(&mut tx).await.unwrap();
    assert_eq!((left[0].number.as_str(), &left[0].binding), ("1001", &first));
    assert_eq!(registrations::delete(&mut tx, TENANT, "1001").await.unwrap(), 1);
}

#[tokio::test]
async fn trunks_and_routes_come_back_as_they_were_stored() {
    let db = test_db().await;
    let mut tx = db.begin(TENANT).await.unwrap();
    let mut first = trunk("first");
    first.id = trunks::insert(&mut tx, TENANT, &first).await.unwrap();
    let second = trunks::insert(&mut tx, TENANT, &trunk("second")).await.unwrap();
    assert_eq!(trunks::find(&mut tx, TENANT, first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(trunks::find(&mut tx, OTHER, first.id).await.unwrap(), None);
    let to = Destination::Extension("1001".to_owned());
    let did = RouteKind::Did { number: "84".to_owned(), destination: to, trunk: None };
    let prefix = RouteKind::Prefix { prefix: "849".to_owned(), trunk: second };
    for (kind, priority) in [
        (RouteKind::Default { trunk: second }, 5),
        (RouteKind::Default { trunk: first.id }, 1),
        (prefix.clone(), 9),
        (did.clone(), 9),
    ] {
        let options = RouteOptions::default();
        routes::insert(&mut tx, TENANT, &Route { id: 0, tenant: TENANT, kind, priority, options }).await.unwrap();
    }
    first.status = TrunkStatus::Disabled;
    assert!(trunks::update(&mut tx, TENANT, &first).await.unwrap());
    let kinds: Vec<RouteKind> = routes::all(&mut tx, TENANT).await.unwrap().into_iter().map(|r| r.kind).collect();
    assert_eq!(kinds[2..], [prefix, did]);
    assert_eq!(routes::count_by_trunk(&mut tx, TENANT, second).await.unwrap(), 2);
    assert_eq!(routes::delete_to_extension(&mut tx, TENANT, "1001").await.unwrap(), 1);
    assert_eq!(trunks::list(&mut tx, TENANT, None, Slice { offset: 1, limit: 1 }).await.unwrap().0[0].name, "second");
    assert!(trunks::insert(&mut tx, TENANT, &trunk("first")).await.unwrap_err().is_unique());
}

#[tokio::test]
async fn only_an_active_caller_id_of_the_account_is_found() {
    let db = test_db().await;
    let mut tx = db.begin(TENANT).await.unwrap();
    let mut own = CallerId {
        id: 0,
        tenant: TENANT,
        number: "02873001234".to_owned(),
        label: Some("Hotline".to_owned()),
        status: CallerIdStatus::Active,
        trunk: Some(TrunkId(1)),
        created_at: START,
        updated_at: START,
    };
    own.id = caller_ids::insert(&mut tx, TENANT, &own).await.unwrap();
    assert_eq!(caller_ids::find_active(&mut tx, TENANT, "02873001234").await.unwrap(), Some(own.clone()));
    assert_eq!(caller_ids::find_active(&mut tx, OTHER, "02873001234").await.unwrap(), None);
    own.status = CallerIdStatus::Disabled;
    assert!(caller_ids::update(&mut tx, TENANT, &own).await.unwrap());
    assert_eq!(caller_ids::find_active(&mut tx, TENANT, "02873001234").await.unwrap(), None);
    assert_eq!(caller_ids::list(&mut tx, TENANT, None, None, ALL).await.unwrap(), (vec![own], 1));
    assert_eq!(caller_ids::list(&mut tx, TENANT, None, Some(CallerIdStatus::Active), ALL).await.unwrap().1, 0);
    for (text, found) in [("3001", 1), ("hot", 1), ("%", 0), ("cold", 0)] {
        assert_eq!(caller_ids::list(&mut tx, TENANT, Some(text), None, ALL).await.unwrap().1, found, "{text}");
    }
}

#[tokio::test]
async fn the_calls_of_a_run_that_is_gone_are_left_over() {
    let db = test_db().await;
    let boot = |id: &str, node: &str| Boot { id: id.to_owned(), node: node.to_owned() };
    let (before, now, elsewhere) = (boot("b1", "n1"), boot("b2", "n1"), boot("b3", "n2"));
    let mut tx = db.begin_any_tenant().await.unwrap();
    for (number, run) in [(1, &before), (2, &now), (3, &elsewhere)] {
        calls::any_tenant_touch_heartbeat(&mut tx, run).await.unwrap();
        calls::insert(&mut tx, TENANT, &live(number, run)).await.unwrap();
    }
    let answered = calls::Answered {
        at: Timestamp(START.millis() + 1_000),
        extension: None,
        legs: r#"[{"a":1}]"#.to_owned(),
        dialogs: "journal".to_owned(),
        recording_path: Some("1/1.wav".to_owned()),
        agent_extension: Some("1002".to_owned()),
    };
    calls::mark_answered(&mut tx, TENANT, CallId(Uuid::from_u128(1)), &answered).await.unwrap();
    let journal = calls::Journal {
        legs: answered.legs.clone(),
        dialogs: answered.dialogs.clone(),
        extension: None,
        agent_extension: Some("1003".to_owned()),
        queue_name: Some("support".to_owned()),
        recording_path: None,
        transfers: 2,
        answered_at: None,
    };
    calls::journal(&mut tx, TENANT, CallId(Uuid::from_u128(1)), &journal).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = db.begin_any_tenant().await.unwrap();
    let left = calls::any_tenant_left_over(&mut tx, &now, START).await.unwrap();
    let expected = LiveCall {
        state: CallState::Answered,
        answered_at: Some(answered.at),
        legs: answered.legs,
        dialogs: Some(answered.dialogs),
        recording_path: answered.recording_path,
        agent_extension: journal.agent_extension,
        queue_name: journal.queue_name,
        transfers: 2,
        ..live(1, &before)
    };
    assert_eq!(left, [expected]);
    // A minute later the other node is still silent: its call is left over too.
    let left = calls::any_tenant_left_over(&mut tx, &now, Timestamp(START.millis() + 60_000)).await.unwrap();
    assert_eq!(left.len(), 2);
    assert_eq!(calls::count_by_extension(&mut tx, TENANT, "1002").await.unwrap(), 3);
    assert_eq!(calls::count_by_trunk(&mut tx, TENANT).await.unwrap(), [(TrunkId(5), 3)]);
    for number in [1, 3] {
        assert!(calls::remove(&mut tx, TENANT, CallId(Uuid::from_u128(number))).await.unwrap());
    }
    let later = Timestamp(START.millis() + 1);
    assert_eq!(calls::any_tenant_forget_boots(&mut tx, later).await.unwrap(), 2);
}

fn asked() -> cdr::Filter {
    cdr::Filter {
        from: START,
        until: Timestamp(START.millis() + 1_000_000),
        direction: None,
        result: None,
        trunk: None,
        extension: None,
        phone: None,
        scope: cdr::Scope::Account,
    }
}

/// Ten records of one account, a second apart, the last of them on both sides of the same number; one of another.
async fn records() -> TestDb {
    let db = test_db().await;
    let mut tx = db.begin_any_tenant().await.unwrap();
    extensions::insert(&mut tx, TENANT, &extension("1001"), "r", Vec::new()).await.unwrap();
    for number in 0..10_u128 {
        let mut cdr = record(number, Timestamp(START.millis() + i64::try_from(number).unwrap() * 1_000));
        if number % 2 == 1 {
            cdr.direction = Direction::Inbound;
            (cdr.caller_number, cdr.destination_number) = ("+84987654321".to_owned(), "19001234".to_owned());
            (cdr.extension, cdr.agent_extension) = (None, Some("1002".to_owned()));
        }
        if number < 3 {
            (cdr.result, cdr.trunk) = (CallResult::Busy, Some(TrunkId(2)));
        }
        if number == 9 {
            cdr.destination_number = "0987654321".to_owned();
        }
        assert!(cdr::insert(&mut tx, cdr.tenant, &cdr, domain::number::Region::of("VN")).await.unwrap());
        assert!(
            !cdr::insert(&mut tx, cdr.tenant, &cdr, domain::number::Region::of("VN")).await.unwrap(),
            "it was there already"
        );
    }
    let foreign = Cdr { tenant: OTHER, ..record(99, START) };
    cdr::insert(&mut tx, foreign.tenant, &foreign, domain::number::Region::of("VN")).await.unwrap();
    tx.commit().await.unwrap();
    db
}

#[tokio::test]
async fn a_record_comes_back_as_it_was_stored() {
    let db = records().await;
    let mut tx = db.begin(TENANT).await.unwrap();
    let stored = cdr::find(&mut tx, TENANT, CallId(Uuid::from_u128(4))).await.unwrap().unwrap();
    assert_eq!(stored.cdr, record(4, Timestamp(START.millis() + 4_000)));
    assert_eq!((stored.team, stored.downloaded_at), (Some(3), None));
    assert!(cdr::find(&mut tx, TENANT, CallId(Uuid::from_u128(99))).await.unwrap().is_none());
    let uuid = stored.cdr.uuid;
    assert!(cdr::mark_downloaded(&mut tx, TENANT, uuid).await.unwrap());
    assert!(!cdr::mark_downloaded(&mut tx, TENANT, uuid).await.unwrap());
    let info = RecordingInfo { state: RecordingState::Available, ..RecordingInfo::NONE };
    assert!(!recordings::finish(&mut tx, TENANT, uuid, &info, None, None).await.unwrap(), "it was not pending");
}

#[tokio::test]
async fn records_are_listed_by_period_extension_phone_and_right() {
    let db = records().await;
    let mut tx = db.read(TENANT).await.unwrap();
    let shorter = Timestamp(START.millis() + 5_000);
    let text = |text: &str| Some(text.to_owned());
    for (why, filter, found) in [
        ("everything", asked(), 10),
        ("five seconds, the end not included", cdr::Filter { until: shorter, ..asked() }, 5),
        ("inbound", cdr::Filter { direction: Some(Direction::Inbound), ..asked() }, 5),
        ("extension", cdr::Filter { extension: text("1001"), ..asked() }, 5),
        ("agent", cdr::Filter { extension: text("1002"), ..asked() }, 5),
        ("phone on either side, each call once", cdr::Filter { phone: text("84987654321"), ..asked() }, 10),
        ("phone", cdr::Filter { phone: text("19001234"), ..asked() }, 4),
        ("both", cdr::Filter { phone: text("84987654321"), extension: text("1002"), ..asked() }, 5),
        ("team", cdr::Filter { scope: cdr::Scope::Team(3), ..asked() }, 5),
        ("another team", cdr::Filter { scope: cdr::Scope::Team(4), ..asked() }, 0),
        ("own", cdr::Filter { scope: cdr::Scope::Extension("1002".to_owned()), ..asked() }, 5),
        (
            "own and another's",
            cdr::Filter { scope: cdr::Scope::Extension("1002".to_owned()), extension: text("1001"), ..asked() },
            0,
        ),
        (
            "own by phone",
            cdr::Filter { scope: cdr::Scope::Extension("1001".to_owned()), phone: text("84987654321"), ..asked() },
            5,
        ),
        ("nothing", cdr::Filter { scope: cdr::Scope::Nothing, ..asked() }, 0),
        ("result", cdr::Filter { result: Some(CallResult::Busy), ..asked() }, 3),
        ("trunk", cdr::Filter { trunk: Some(TrunkId(1)), ..asked() }, 7),
        (
            "extension, result and trunk",
            cdr::Filter { extension: text("1002"), result: Some(CallResult::Busy), trunk: Some(TrunkId(2)), ..asked() },
            1,
        ),
        ("phone and result", cdr::Filter { phone: text("19001234"), result: Some(CallResult::Busy), ..asked() }, 1),
        ("another trunk", cdr::Filter { trunk: Some(TrunkId(3)), ..asked() }, 0),
    ] {
        let (rows, total) = cdr::list(&mut tx, TENANT, &filter, ALL).await.unwrap();
        assert_eq!((i64::try_from(rows.len()).unwrap(), total), (found, found), "{why}");
        assert!(rows.windows(2).all(|two| two[0].start_time > two[1].start_time), "{why}: newest first");
        let mut streamed = Vec::new();
        loop {
            let last = streamed.last().map(|cdr: &Cdr| (cdr.start_time, cdr.uuid));
            let batch = cdr::after(&mut tx, TENANT, &filter, last, 3).await.unwrap();
            if batch.is_empty() {
                break;
            }
            streamed.extend(batch);
        }
        assert_eq!(streamed, rows, "{why}: the stream is the list");
    }
    let (rows, total) = cdr::list(&mut tx, TENANT, &asked(), Slice { offset: 8, limit: 5 }).await.unwrap();
    assert_eq!((rows.len(), total), (2, 10));
}

#[tokio::test]
async fn records_of_one_millisecond_keep_one_order() {
    let db = test_db().await;
    let mut tx = db.begin(TENANT).await.unwrap();
    for number in 0..7 {
        cdr::insert(&mut tx, TENANT, &record(number, START), domain::number::Region::of("VN")).await.unwrap();
    }
    let mut seen = Vec::new();
    while let batch = cdr::after(&mut tx, TENANT, &asked(), seen.last().copied(), 2).await.unwrap()
        && !batch.is_empty()
    {
        seen.extend(batch.iter().map(|cdr| (cdr.start_time, cdr.uuid)));
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.windows(2).all(|two| two[0].1.0 > two[1].1.0));
}

#[tokio::test]
async fn far_pages_of_a_number_and_of_an_extension_go_on_where_the_ones_before_ended() {
    let db = test_db().await;
    let mut tx = db.begin(TENANT).await.unwrap();
    for number in 0..1_130_u64 {
        // Three of each millisecond: a page ends within one.
        let at = Timestamp(START.millis() + i64::try_from(number / 3).unwrap());
        cdr::insert(&mut tx, TENANT, &record(number.into(), at), domain::number::Region::of("VN")).await.unwrap();
    }
    let one = record(0, START);
    let phone = Some(crate::model::cdr::phone_key(&one.destination_number, domain::number::Region::of("VN")));
    for filter in [cdr::Filter { phone, ..asked() }, cdr::Filter { extension: one.extension, ..asked() }] {
        let (all, total) = cdr::list(&mut tx, TENANT, &filter, Slice { offset: 0, limit: 2_000 }).await.unwrap();
        assert!(total > 1_050, "{total}");
        let far = Slice { offset: 985, limit: 50 };
        for offset in [985, 999, 1_000, 1_001, 1_002, 1_030, total - 1] {
            let (rows, of) = cdr::list(&mut tx, TENANT, &filter, Slice { offset, ..far }).await.unwrap();
            let from = usize::try_from(offset).unwrap();
            assert_eq!((of, &rows[..]), (total, &all[from..all.len().min(from + 50)]), "{offset}");
        }
        let (rows, of) = cdr::list(&mut tx, TENANT, &filter, Slice { offset: total, ..far }).await.unwrap();
        assert_eq!((rows.len(), of), (0, total));
    }
}
