//! Programs call the sandbox's carrier: over real sockets, with sound that is recognised at the other end.

use std::{path::PathBuf, time::Duration};

use domain::{CallId, Principal, call::EndedBy, cause::CallResult, ids::TrunkId};
use sandbox::{Agent, Carrier, Voice, agent, carrier, phone};
use store::testing::{TENANT, TestDb, test_db};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;
use web::{Fields, Page};

use super::*;
use crate::{
    Config, Deps,
    model::{NewRoute, RouteKind},
    ops::{
        cdr,
        extensions::{self, NewExtension},
        queues::{self, TierFill},
        routes,
        trunks::{self, NewTrunk},
    },
    robot::RobotOrder,
};

/// How long anything may take that should happen at once, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// An exchange with a trunk to the sandbox's carrier.
struct World {
    db: TestDb,
    pbx: Pbx,
    carrier: Carrier,
    media: media::Media,
    realm: String,
}

async fn world() -> World {
    let db = test_db().await;
    let mut tx = db.begin_any_tenant().await.unwrap();
    crate::store::accounts::any_tenant_add(&mut tx, "one").await.unwrap();
    tx.commit().await.unwrap();
    let config = Config { recordings_dir: db.folder().to_owned(), realm: "127.0.0.1".to_owned(), ..Config::default() };
    let realm = config.realm.clone();
    let edge = sip::Config { realm: sip::Realm::Fixed(realm.clone()), ..sip::Config::on(([127, 0, 0, 1], 0).into()) };
    let (sip, sip_events) = sip::Sip::open(edge).await.unwrap();
    let own = media::Config { bind: [127, 0, 0, 1].into(), threads: 1, ..media::Config::default() };
    let (bus, secrets) = (bus::Bus::new((*db).clone()), db.secrets.clone());
    let mail = mail::Mail::open((*db).clone(), secrets.clone(), &mail::Config::default()).unwrap();
    let media = media::Media::open(own).unwrap();
    let pbx = Pbx::open(Deps { db: (*db).clone(), bus, secrets, sip, sip_events, media, mail, config }).await.unwrap();
    let house = pbx.clone();
    pbx.tracker.spawn(async move { Box::pin(house.run()).await });
    let media = phone::media(61_000..=65_400).unwrap();
    let carrier = Carrier::open(carrier::Config::on_loopback(), media.clone()).await.unwrap();
    let world = World { db, pbx, carrier, media, realm };
    let address = world.carrier.address();
    let new = NewTrunk {
        name: "carrier".to_owned(),
        host: address.ip().to_string(),
        port: Some(address.port()),
        ..NewTrunk::default()
    };
    let trunk = trunks::create(&world.pbx.desk(), &who(), new).await.unwrap();
    world.route(trunk.id).await;
    world
}

fn who() -> Principal {
    Principal::system(TENANT)
}

impl World {
    async fn route(&self, trunk: TrunkId) {
        let new = NewRoute::plain(RouteKind::Default { trunk }, 1);
        routes::create(&self.pbx.desk(), &who(), new).await.unwrap();
    }

    /// Registers a phone that answers and talks.
    async fn agent(&self, number: &str) -> Agent {
        let new = NewExtension { number: Some(number.to_owned()), ..NewExtension::default() };
        let (_, password) = extensions::create(&self.pbx.desk(), &who(), new, Fields::new()).await.unwrap();
        let sip = self.pbx.sip.local_udp().unwrap();
        let config = agent::Config { domain: self.realm.clone(), ..agent::Config::new(number, &password, sip) };
        Agent::register(config, self.media.clone()).await.unwrap()
    }

    async fn queue(&self, name: &str, agent: &str) {
        let fill = queues::Fill {
            name: Some(name.to_owned()),
            queue_number: Some("8001".to_owned()),
            ..queues::Fill::default()
        };
        queues::create(&self.pbx.desk(), &who(), fill, Fields::new()).await.unwrap();
        let place = TierFill { extension: Some(agent.to_owned()), ..TierFill::default() };
        queues::add_tier(&self.pbx.desk(), &who(), name, place, Fields::new()).await.unwrap();
    }

    async fn call(&self, number: &str) -> RobotHandle {
        self.pbx.robot(wish(number)).await.unwrap()
    }

    /// Writes a clip of a voice into a file.
    fn wav(&self, voice: Voice, seconds: usize) -> PathBuf {
        let path = self.db.folder().join(format!("{}-{seconds}.wav", voice.index()));
        let samples: Vec<i16> = voice.clip().into_iter().take(seconds * 8_000).collect();
        std::fs::write(&path, audio::wav::mono(audio::SAMPLE_RATE, &samples)).unwrap();
        path
    }

    async fn records(&self) -> Vec<Cdr> {
        let wanted = cdr::Wanted::default();
        cdr::list(&self.pbx, &who(), wanted, Page::default(), Fields::new()).await.unwrap().data
    }
}

fn wish(number: &str) -> RobotCall {
    RobotCall {
        tenant: TENANT,
        call: CallId(Uuid::now_v7()),
        number: number.to_owned(),
        shows: Shows::Default,
        ring_time: Duration::from_secs(10),
        records: false,
        has_cdr: true,
        campaign: Some(7),
        lead: Some(11),
    }
}

/// Waits for what happens next.
async fn next(handle: &mut RobotHandle) -> RobotEvent {
    timeout(PATIENCE, handle.next()).await.expect("something happens").expect("the end comes first")
}

/// Passes over what happens until the end.
async fn end(handle: &mut RobotHandle) -> RobotEnd {
    loop {
        if let RobotEvent::Ended(end) = next(handle).await {
            return *end;
        }
    }
}

/// Passes over what happens until the answer.
async fn answered(handle: &mut RobotHandle) {
    loop {
        match next(handle).await {
            RobotEvent::Answered { .. } => return,
            RobotEvent::Ringing => {}
            other => panic!("{other:?} before the answer"),
        }
    }
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_answers_hears_the_files_one_after_the_other_and_their_end_is_told() {
    let world = world().await;
    let mut handle = world.call("84287770007").await;
    answered(&mut handle).await;
    let files = vec![world.wav(Voice::number(3), 2), world.wav(Voice::number(6), 2)];
    handle.order(RobotOrder::Play { id: 1, files }).await;
    let far = world.carrier.call_to("84287770007", PATIENCE).await.unwrap();
    assert_eq!(next(&mut handle).await, RobotEvent::Played { id: 1 });
    let heard = far.heard();
    let half = |voice: Voice| {
        let share = |part: &&[i16]| voice.share_of(part) > 0.35;
        heard.chunks_exact(8_000).position(|part| share(&part))
    };
    let (first, second) = (half(Voice::number(3)), half(Voice::number(6)));
    assert!(first.is_some() && first < second, "{first:?} {second:?}");
    handle.order(RobotOrder::HangUp).await;
    let end = end(&mut handle).await;
    assert_eq!((end.result, end.cause, end.by), (CallResult::Answered, Cause::NormalClearing, EndedBy::System));
    assert!(end.talked >= Duration::from_secs(4), "{:?}", end.talked);
    assert_eq!(end.trunk.as_deref(), Some("carrier"));
    assert!(far.over(PATIENCE).await.is_some());
    assert_eq!(handle.next().await, None);
    let records = world.records().await;
    let [cdr] = &records[..] else { panic!("{records:?}") };
    assert_eq!(
        (cdr.uuid, cdr.result, cdr.campaign, cdr.lead),
        (handle.call(), CallResult::Answered, Some(7), Some(11))
    );
    assert!(cdr.billsec >= 4 && cdr.extension.is_none(), "{cdr:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_told_while_something_is_said_and_what_is_stopped_has_no_end() {
    let world = world().await;
    let mut handle = world.call("84287770007").await;
    answered(&mut handle).await;
    handle.order(RobotOrder::Play { id: 1, files: vec![world.wav(Voice::number(3), 6)] }).await;
    let far = world.carrier.call_to("84287770007", PATIENCE).await.unwrap();
    until("the callee hears the program", async || far.heard_voice_lately() == Some(Voice::number(3))).await;
    far.press("5");
    assert_eq!(next(&mut handle).await, RobotEvent::Key('5'));
    handle.order(RobotOrder::Stop).await;
    until("the callee is sent nothing more", async || {
        let before = far.heard().len();
        sleep(Duration::from_millis(300)).await;
        far.heard().len() == before
    })
    .await;
    handle.order(RobotOrder::Play { id: 2, files: vec![world.wav(Voice::number(6), 1)] }).await;
    assert_eq!(next(&mut handle).await, RobotEvent::Played { id: 2 });
    far.hang_up();
    assert_eq!(end(&mut handle).await.by, EndedBy::Callee);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_told_and_nothing_of_it_is_heard() {
    let world = world().await;
    let mut handle = world.call("84287770008").await;
    answered(&mut handle).await;
    let files = vec![world.wav(Voice::number(3), 1), world.db.folder().join("gone.wav")];
    handle.order(RobotOrder::Play { id: 1, files }).await;
    assert_eq!(next(&mut handle).await, RobotEvent::Unplayable { id: 1 });
    handle.order(RobotOrder::Play { id: 2, files: Vec::new() }).await;
    assert_eq!(next(&mut handle).await, RobotEvent::Played { id: 2 });
    let far = world.carrier.call_to("84287770008", PATIENCE).await.unwrap();
    assert_eq!(far.heard_voice(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_handed_to_a_queue_talks_with_its_agent_though_the_program_is_gone() {
    let world = world().await;
    let agent = world.agent("1001").await;
    world.queue("sales", "1001").await;
    let mut handle = world.call("84287770007").await;
    answered(&mut handle).await;
    handle.order(RobotOrder::Transfer { queue: "sales".to_owned() }).await;
    assert_eq!(next(&mut handle).await, RobotEvent::Queued { queue: "sales".to_owned() });
    let RobotEvent::Connected { queue, extension, .. } = next(&mut handle).await else { panic!("no agent") };
    assert_eq!((queue.as_str(), extension.as_deref()), ("sales", Some("1001")));
    let own = agent.call(PATIENCE, |call| !call.is_over()).await.unwrap();
    assert_eq!(own.about().caller, "84287770007", "the agent sees whom he talks with");
    let far = world.carrier.call_to("84287770007", PATIENCE).await.unwrap();
    let call = handle.call();
    drop(handle);
    until("the two hear each other", async || {
        far.heard_voice_lately() == Some(Voice::of_agent("1001"))
            && own.heard_voice_lately() == Some(Voice::of_customer("84287770007"))
    })
    .await;
    own.hang_up();
    assert!(far.over(PATIENCE).await.is_some());
    until("the call is over", async || !world.pbx.live.is_up(call)).await;
    let cdr = world.records().await.remove(0);
    assert_eq!((cdr.agent_extension.as_deref(), cdr.queue_name.as_deref()), (Some("1001"), Some("sales")));
    assert_eq!(
        (cdr.result, cdr.hangup_by, cdr.trunk_name.as_deref()),
        (CallResult::Answered, EndedBy::Caller, Some("carrier"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_is_told_with_the_carriers_cause_and_stands_in_no_record_unless_asked() {
    let world = world().await;
    for (number, cause, result) in [
        ("84287770000", Cause::UserBusy, CallResult::Busy),
        ("84287770001", Cause::CallRejected, CallResult::Rejected),
        ("84287770002", Cause::UnallocatedNumber, CallResult::Failed),
    ] {
        let mut handle = world.pbx.robot(RobotCall { has_cdr: false, ..wish(number) }).await.unwrap();
        let end = end(&mut handle).await;
        assert_eq!((end.cause, end.result, end.answered_at), (cause, result, None), "{number}");
    }
    let patience = RobotCall { has_cdr: false, ring_time: Duration::from_secs(1), ..wish("84287770003") };
    let mut handle = world.pbx.robot(patience).await.unwrap();
    assert_eq!(next(&mut handle).await, RobotEvent::Ringing);
    let end = end(&mut handle).await;
    assert_eq!((end.cause, end.result, end.talked), (Cause::NoAnswer, CallResult::NoAnswer, Duration::ZERO));
    assert!(world.records().await.is_empty());
    let mut tx = world.db.read(TENANT).await.unwrap();
    assert!(crate::store::calls::count_by_trunk(&mut tx, TENANT).await.unwrap().is_empty(), "no live call is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_that_is_dropped_hangs_up_and_orders_for_a_call_that_is_over_do_nothing() {
    let world = world().await;
    let handle = world.call("84287770003").await;
    let far = world.carrier.call_to("84287770003", PATIENCE).await.unwrap();
    drop(handle);
    assert!(!far.over(PATIENCE).await.expect("the program has given up").answered);
    let mut handle = world.call("84287770007").await;
    answered(&mut handle).await;
    let far = world.carrier.call_to("84287770007", PATIENCE).await.unwrap();
    far.hang_up();
    end(&mut handle).await;
    for order in [
        RobotOrder::Play { id: 1, files: Vec::new() },
        RobotOrder::Stop,
        RobotOrder::Transfer { queue: "sales".to_owned() },
        RobotOrder::HangUp,
    ] {
        handle.order(order).await;
    }
    assert_eq!(handle.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_called_inside_of_the_account_for_help_or_where_the_rules_forbid_it() {
    let world = world().await;
    let _agent = world.agent("1001").await;
    for (number, cause) in [
        ("1001", Cause::NoRouteDestination),
        ("113", Cause::OutgoingCallBarred),
        ("0019001234567", Cause::OutgoingCallBarred),
    ] {
        let refused = world.pbx.robot(wish(number)).await;
        assert!(matches!(refused, Err(RobotRefused::Barred(found)) if found == cause), "{number}: {refused:?}");
    }
    let foreign = RobotCall { shows: Shows::Number("19001234".to_owned()), ..wish("84287770007") };
    let refused = world.pbx.robot(foreign).await;
    assert!(matches!(refused, Err(RobotRefused::Barred(Cause::FacilityRejected))), "{refused:?}");
    assert!(world.carrier.calls().is_empty());
    assert_eq!(world.pbx.live.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robots_call_that_is_recorded_says_where_even_without_a_record() {
    let world = world().await;
    let recorded = RobotCall { records: true, has_cdr: false, ..wish("84287770007") };
    let mut handle = world.pbx.robot(recorded).await.unwrap();
    answered(&mut handle).await;
    handle.order(RobotOrder::Play { id: 1, files: vec![world.wav(Voice::number(3), 2)] }).await;
    assert_eq!(next(&mut handle).await, RobotEvent::Played { id: 1 });
    handle.order(RobotOrder::HangUp).await;
    let path = end(&mut handle).await.recording.expect("it was recorded");
    until("the file is complete", async || !world.pbx.live.is_up(handle.call())).await;
    let bytes = std::fs::read(world.db.folder().join(path)).unwrap();
    let wav = audio::wav::Wav::parse(&bytes).unwrap();
    assert_eq!(Voice::heard_in(&wav.channel(1)), Some(Voice::of_customer("84287770007")), "the callee is on the right");
}
