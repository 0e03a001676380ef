//! Campaigns against the sandbox's carrier: real calls, real sound, a real database; only the voice is the test's.

use std::{path::PathBuf, time::Duration};

use ::store::testing::{START, TENANT, TestDb, test_db};
use domain::{CallId, Principal};
use futures_util::{FutureExt as _, future::BoxFuture};
use pbx::{
    Deps, Pbx,
    model::{NewRoute, RouteKind},
    ops::{
        extensions::{self, NewExtension},
        queues::{self, TierFill},
        routes,
        trunks::{self, NewTrunk},
    },
};
use sandbox::{Agent, Carrier, Voice, agent, carrier, phone};
use speech::{Reading, Segment};
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use web::Fields;

use super::*;
use crate::{
    model::{Attempt, AttemptResult, CallPurpose, RetryWhen, Script, ScriptStatus, Tier},
    store::{leads::NewLead, testing},
};

/// How long anything may take that should happen at once, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Says everything in one voice of the sandbox, for two seconds; what has `mute` in it cannot be said.
struct OneVoice(PathBuf);

impl OneVoice {
    const VOICE: Voice = Voice::number(3);
}

impl Speaker for OneVoice {
    fn reading(&self, voice: &str) -> Option<Reading> {
        (voice == "one").then_some(Reading::NORTH)
    }

    fn say<'a>(&'a self, _voice: &'a str, segments: &'a [Segment]) -> BoxFuture<'a, std::result::Result<Said, String>> {
        let text = speech::segment::text(segments);
        async move {
            if text.contains("mute") {
                return Err("the voice is gone".to_owned());
            }
            let path = self.0.join(format!("{}.wav", Uuid::now_v7()));
            let samples: Vec<i16> = Self::VOICE.clip().into_iter().take(2 * 8_000).collect();
            std::fs::write(&path, audio::wav::mono(audio::SAMPLE_RATE, &samples)).map_err(|error| error.to_string())?;
            Ok(Said { files: vec![path], held: Box::new(()) })
        }
        .boxed()
    }
}

struct World {
    db: TestDb,
    pbx: Pbx,
    room: Autocall,
    carrier: Carrier,
    media: media::Media,
    sip: std::net::SocketAddr,
    tracker: TaskTracker,
}

fn who() -> Principal {
    Principal::system(TENANT)
}

async fn world() -> World {
    let db = test_db().await;
    let mut tx = db.begin_any_tenant().await.unwrap();
    testing::any_tenant_add(&mut tx, "one").await.unwrap();
    tx.commit().await.unwrap();
    let config =
        pbx::Config { recordings_dir: db.folder().to_owned(), realm: "127.0.0.1".to_owned(), ..pbx::Config::default() };
    let edge =
        sip::Config { realm: sip::Realm::Fixed(config.realm.clone()), ..sip::Config::on(([127, 0, 0, 1], 0).into()) };
    let (sip, sip_events) = sip::Sip::open(edge).await.unwrap();
    let address = sip.local_udp().unwrap();
    let own = media::Config { bind: [127, 0, 0, 1].into(), threads: 1, ..media::Config::default() };
    let (bus, secrets) = (bus::Bus::new((*db).clone()), db.secrets.clone());
    let mail = mail::Mail::open((*db).clone(), secrets.clone(), &mail::Config::default()).unwrap();
    let media = media::Media::open(own).unwrap();
    let deps = Deps { db: (*db).clone(), bus: bus.clone(), secrets, sip, sip_events, media, mail, config };
    let pbx = Pbx::open(deps).await.unwrap();
    let tracker = TaskTracker::new();
    let house = pbx.clone();
    tracker.spawn(async move { Box::pin(house.run()).await });
    let media = phone::media(61_000..=65_400).unwrap();
    let carrier = Carrier::open(carrier::Config::on_loopback(), media.clone()).await.unwrap();
    let to = carrier.address();
    let new = NewTrunk {
        name: "carrier".to_owned(),
        host: to.ip().to_string(),
        port: Some(to.port()),
        ..NewTrunk::default()
    };
    let trunk = trunks::create(&pbx.desk(), &who(), new).await.unwrap().id;
    let route = NewRoute::plain(RouteKind::Default { trunk }, 1);
    routes::create(&pbx.desk(), &who(), route).await.unwrap();
    let room = Autocall::open((*db).clone(), bus, pbx.clone());
    World { db, pbx, room, carrier, media, sip: address, tracker }
}

impl World {
    /// Lets the engine work.
    fn start(&self) {
        let speaker = Arc::new(OneVoice(self.db.folder().to_owned()));
        let room = self.room.clone();
        self.tracker.spawn(async move { room.run(speaker).await });
    }

    async fn agent_in_queue(&self, queue: &str) -> Agent {
        let new = NewExtension { number: Some("1001".to_owned()), ..NewExtension::default() };
        let (_, password) = extensions::create(&self.pbx.desk(), &who(), new, Fields::new()).await.unwrap();
        let fill = queues::Fill {
            name: Some(queue.to_owned()),
            queue_number: Some("8001".to_owned()),
            ..queues::Fill::default()
        };
        queues::create(&self.pbx.desk(), &who(), fill, Fields::new()).await.unwrap();
        let place = TierFill { extension: Some("1001".to_owned()), ..TierFill::default() };
        queues::add_tier(&self.pbx.desk(), &who(), queue, place, Fields::new()).await.unwrap();
        let config = agent::Config::new("1001", &password, self.sip);
        Agent::register(config, self.media.clone()).await.unwrap()
    }

    /// Adds a campaign that runs and says `text` to these numbers; returns it with its script.
    async fn campaign(&self, text: &str, keys: &str, numbers: &[&str], change: impl Fn(&mut Campaign)) -> i64 {
        let mut tx = self.db.begin(TENANT).await.unwrap();
        let script = Script {
            id: 0,
            name: "hello".to_owned(),
            description: None,
            template_text: text.to_owned(),
            voice_id: "one".to_owned(),
            tts_tier: Tier::Local,
            max_repeat_per_attempt: 1,
            status: ScriptStatus::Active,
            dtmf_actions: keys.to_owned(),
            created_at: START,
            updated_at: START,
        };
        let script_id = store::scripts::insert(&mut tx, TENANT, &script).await.unwrap();
        let mut campaign = Campaign {
            id: 0,
            name: "reminders".to_owned(),
            description: None,
            script_id,
            status: CampaignStatus::Draft,
            archived_from: None,
            caller_id_group_id: None,
            max_retries: 2,
            retry_interval_minutes: 60,
            retry_only_when: RetryWhen::Busy,
            max_concurrent: 10,
            originate_timeout: 10,
            write_to_main_cdr: false,
            call_purpose: CallPurpose::Service,
            pdpl_enforce: true,
            record_calls: false,
            tts_fallback: false,
            amd_enabled: false,
            start_at: None,
            end_at: None,
            started_at: Some(START),
            paused_at: None,
            finished_at: None,
            created_at: START,
            updated_at: START,
        };
        change(&mut campaign);
        campaign.id = store::campaigns::insert(&mut tx, TENANT, &campaign).await.unwrap();
        campaign.status = CampaignStatus::Running;
        store::campaigns::set_status(&mut tx, TENANT, &campaign, CampaignStatus::Draft).await.unwrap();
        let lead = |phone: &&str| NewLead {
            phone: (*phone).to_owned(),
            phone_original: (*phone).to_owned(),
            external_ref: None,
            payload: r#"{"name": "Lan"}"#.to_owned(),
        };
        let leads: Vec<NewLead> = numbers.iter().map(lead).collect();
        store::leads::insert_new(&mut tx, TENANT, campaign.id, &leads).await.unwrap();
        tx.commit().await.unwrap();
        campaign.id
    }

    async fn leads(&self, campaign: i64) -> Vec<Lead> {
        let mut tx = self.db.read(TENANT).await.unwrap();
        let all = store::leads::Filter::default();
        store::leads::page(&mut tx, TENANT, campaign, &all, 100, 0).await.unwrap()
    }

    async fn lead(&self, campaign: i64, phone: &str) -> Lead {
        self.leads(campaign).await.into_iter().find(|lead| lead.phone == phone).unwrap()
    }

    async fn attempts(&self, campaign: i64) -> Vec<Attempt> {
        let mut tx = self.db.read(TENANT).await.unwrap();
        let of = store::attempts::Filter { campaign: Some(campaign), ..store::attempts::Filter::default() };
        store::attempts::page(&mut tx, TENANT, &of, 100, 0).await.unwrap()
    }

    async fn status(&self, campaign: i64) -> CampaignStatus {
        let mut tx = self.db.read(TENANT).await.unwrap();
        store::campaigns::find(&mut tx, TENANT, campaign).await.unwrap().unwrap().status
    }

    /// Waits until every lead of the campaign has had its turn.
    async fn settled(&self, campaign: i64) {
        until("every lead has had its turn", async || {
            let held = |lead: &Lead| matches!(lead.status, LeadStatus::Reserved | LeadStatus::Dialing);
            let waits = |lead: &Lead| lead.status == LeadStatus::Pending && lead.next_at <= START;
            !self.leads(campaign).await.iter().any(|lead| held(lead) || waits(lead))
        })
        .await;
    }
}

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(50)).await;
    }
}

const TO_SALES: &str =
    r#"[{"digit": "1", "label": "Talk to us", "action_type": "queue", "target_queue_name": "sales@default"}]"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_hears_the_script_presses_a_key_and_talks_with_an_agent() {
    let world = world().await;
    let agent = world.agent_in_queue("sales").await;
    // The carrier's callee presses 1 a second after the answer.
    let number = "84287770019";
    let campaign = world.campaign("Chào {{name}}.", TO_SALES, &[number], |_| {}).await;
    world.start();
    let far = world.carrier.call_to(number, PATIENCE).await.unwrap();
    let own = agent.call(PATIENCE, |call| !call.is_over()).await.unwrap();
    until("the two hear each other", async || {
        far.heard_voice_lately() == Some(Voice::of_agent("1001"))
            && own.heard_voice_lately() == Some(Voice::of_customer(number))
    })
    .await;
    let first = &far.heard()[..8_000];
    assert!(OneVoice::VOICE.share_of(first) > 0.35, "the script is heard first");
    own.hang_up();
    world.settled(campaign).await;
    let attempts = world.attempts(campaign).await;
    let [attempt] = &attempts[..] else { panic!("{attempts:?}") };
    assert_eq!((attempt.result, attempt.digits.as_str()), (Some(AttemptResult::Answered), "1"));
    assert_eq!((attempt.transferred_to.as_deref(), attempt.transfer_agent.as_deref()), (Some("sales"), Some("1001")));
    assert!(attempt.transfer_answered_at.is_some() && attempt.billsec >= 1, "{attempt:?}");
    assert_eq!(
        (attempt.hangup_cause.as_deref(), attempt.trunk_name.as_deref()),
        (Some("NORMAL_CLEARING"), Some("carrier"))
    );
    let lead = world.lead(campaign, number).await;
    assert_eq!((lead.status, lead.attempts), (LeadStatus::Completed, 1));
    until("the campaign is over", async || world.status(campaign).await == CampaignStatus::Finished).await;
    let mut tx = world.db.read(TENANT).await.unwrap();
    let events = testing::events(&mut tx, TENANT).await.unwrap();
    for name in [
        "autocall.lead.dialed",
        "autocall.lead.answered",
        "autocall.lead.dtmf_pressed",
        "autocall.dtmf.pressed",
        "autocall.lead.transferred",
        "autocall.call.completed",
        "autocall.lead.completed",
        "autocall.campaign.finished",
    ] {
        assert!(events.iter().any(|known| known == name), "{name} is missing: {events:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_lead_becomes_what_its_number_says_and_nobody_is_dialled_who_opted_out() {
    let world = world().await;
    let (busy, declines, unknown, blocked, answers) =
        ("84287770000", "84287770001", "84287770002", "84287770008", "84287770006");
    let numbers = [busy, declines, unknown, blocked, answers];
    let campaign = world.campaign("Chào {{name}}.", "[]", &numbers, |_| {}).await;
    let mut tx = world.db.begin(TENANT).await.unwrap();
    testing::block(&mut tx, TENANT, blocked, START).await.unwrap();
    tx.commit().await.unwrap();
    world.start();
    world.settled(campaign).await;
    let lead = async |phone| {
        let lead = world.lead(campaign, phone).await;
        (lead.status, lead.attempts, lead.last_result)
    };
    let said = |result: &str| Some(result.to_owned());
    assert_eq!(lead(busy).await, (LeadStatus::Pending, 1, said("busy")));
    assert_eq!(world.lead(campaign, busy).await.next_at, START.after(Duration::from_secs(3_600)));
    assert_eq!(lead(declines).await, (LeadStatus::NotRetried, 1, said("rejected")));
    assert_eq!(lead(unknown).await, (LeadStatus::NoSuchNumber, 1, said("unallocated")));
    assert_eq!(lead(blocked).await, (LeadStatus::OptedOut, 0, None));
    assert_eq!(lead(answers).await, (LeadStatus::Completed, 1, said("answered")));
    assert!(world.carrier.calls().iter().all(|call| call.about().number != blocked), "no INVITE");
    assert_eq!(world.attempts(campaign).await.len(), 4);
    let mut tx = world.db.read(TENANT).await.unwrap();
    let refused = store::leads::refusals(&mut tx, TENANT, world.lead(campaign, blocked).await.id).await.unwrap();
    assert_eq!(refused.iter().map(|refusal| refusal.rule.as_str()).collect::<Vec<_>>(), ["dnc.account"]);
    assert_eq!(world.status(campaign).await, CampaignStatus::Running, "the busy one is tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_run_left_open_is_lost_and_its_lead_is_not_dialled_twice() {
    let world = world().await;
    let number = "84287770007";
    let campaign = world.campaign("Chào {{name}}.", "[]", &[number], |_| {}).await;
    let lead = world.lead(campaign, number).await;
    let open = ledger::Open {
        id: 0,
        call_uuid: CallId(Uuid::now_v7()),
        campaign_id: campaign,
        lead_id: lead.id,
        script_id: 1,
        attempt_number: 1,
        phone: number.to_owned(),
        caller_id: None,
        dialled_at: START,
        answered_at: None,
        digits: String::new(),
    };
    let mut tx = world.db.begin(TENANT).await.unwrap();
    testing::leave_open(&mut tx, TENANT, &open).await.unwrap();
    tx.commit().await.unwrap();
    world.start();
    world.settled(campaign).await;
    let lead = world.lead(campaign, number).await;
    assert_eq!((lead.status, lead.attempts, lead.last_result.as_deref()), (LeadStatus::Pending, 1, Some("lost")));
    assert_eq!(lead.next_at, START.after(Duration::from_secs(3_600)), "it waits as after any attempt");
    assert_eq!(world.attempts(campaign).await[0].result, Some(AttemptResult::Lost));
    assert!(world.carrier.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_whose_script_cannot_be_heard_waits_and_tells_why() {
    let world = world().await;
    let number = "84287770007";
    let campaign = world.campaign("mute", "[]", &[number], |_| {}).await;
    world.start();
    world.settled(campaign).await;
    let lead = world.lead(campaign, number).await;
    assert_eq!((lead.status, lead.attempts), (LeadStatus::Pending, 0));
    let mut tx = world.db.read(TENANT).await.unwrap();
    let refused = store::leads::refusals(&mut tx, TENANT, lead.id).await.unwrap();
    assert_eq!(refused[0].rule, "speech.unavailable");
    assert!(testing::events(&mut tx, TENANT).await.unwrap().contains(&"autocall.tts.render_failed".to_owned()));
    assert!(world.carrier.calls().is_empty() && world.attempts(campaign).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_calls_are_up_than_the_campaign_may_have() {
    let world = world().await;
    // All of them answer and hang up after a moment.
    let numbers = ["84287770006", "84287770016", "84287770026", "84287770036"];
    let keys = r#"[{"digit": "1", "label": "again", "action_type": "repeat_script"}]"#;
    let campaign = world.campaign("Chào {{name}}.", keys, &numbers, |campaign| campaign.max_concurrent = 2).await;
    world.start();
    let mut most = 0;
    until("all four were called", async || {
        let leads = world.leads(campaign).await;
        let up = |lead: &&Lead| matches!(lead.status, LeadStatus::Reserved | LeadStatus::Dialing);
        most = most.max(leads.iter().filter(up).count());
        leads.iter().all(|lead| lead.status == LeadStatus::Completed)
    })
    .await;
    assert_eq!(most, 2);
    assert_eq!(world.attempts(campaign).await.len(), 4);
}
