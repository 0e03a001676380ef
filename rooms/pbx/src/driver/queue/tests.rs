//! A queue's task with calls that are played by the test.

use std::time::Duration;

use domain::{CallId, Principal, cause::Cause};
use store::testing::{START, TENANT, TestDb, test_db};
use tokio::{sync::mpsc, time::timeout};
use uuid::Uuid;
use web::Fields;

use super::*;
use crate::{
    Config, Deps,
    driver::live::View,
    model::{Binding, Direction, SourceType},
    ops::{
        agents,
        extensions::{self, NewExtension},
        queue_status,
        queues::{self, Fill, TierFill},
    },
};

/// The longest that a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn open(db: &TestDb) -> Pbx {
    let (sip, sip_events) = sip::Sip::open(sip::Config::on(([127, 0, 0, 1], 0).into())).await.unwrap();
    let media = media::Media::open(media::Config { bind: [127, 0, 0, 1].into(), ..media::Config::default() }).unwrap();
    let config = Config { recordings_dir: db.folder().to_owned(), ..Config::default() };
    let bus = bus::Bus::new((**db).clone());
    let secrets = db.secrets.clone();
    let mail = mail::Mail::open((**db).clone(), secrets.clone(), &mail::Config::default()).unwrap();
    let pbx = Pbx::open(Deps { db: (**db).clone(), bus, secrets, sip, sip_events, media, mail, config }).await.unwrap();
    let house = pbx.clone();
    pbx.tracker.spawn(async move { Box::pin(house.run()).await });
    pbx
}

/// An account with a queue `support` and agents 1001, 1002 …, each with a registered phone.
pub(super) async fn scene(agents: usize, fill: Fill) -> (TestDb, Pbx) {
    let db = test_db().await;
    let who = Principal::system(TENANT);
    {
        let mut tx = db.begin(TENANT).await.unwrap();
        for at in 0..agents {
            let number = number(at);
            let binding = Binding {
                contact: format!("sip:{number}@127.0.0.1:9"),
                instance: None,
                reg_id: None,
                call_id: number.clone(),
                cseq: 1,
                expires_at: START.after(Duration::from_secs(3600)),
                source: ([127, 0, 0, 1], 9).into(),
                transport: "udp".to_owned(),
                user_agent: None,
                path: None,
                registered_at: START,
            };
            rows::registrations::put(&mut tx, TENANT, &number, &binding).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    let pbx = open(&db).await;
    for at in 0..agents {
        let new = NewExtension { number: Some(number(at)), ..NewExtension::default() };
        extensions::create(&pbx.desk(), &who, new, Fields::new()).await.unwrap();
    }
    queue(&pbx, "support", "8001", agents, fill).await;
    (db, pbx)
}

/// Makes a queue that so many agents serve.
pub(super) async fn queue(pbx: &Pbx, name: &str, number_of_it: &str, agents: usize, fill: Fill) {
    let (desk, who) = (pbx.desk(), Principal::system(TENANT));
    let fill = Fill { name: Some(name.to_owned()), queue_number: Some(number_of_it.to_owned()), ..fill };
    queues::create(&desk, &who, fill, Fields::new()).await.unwrap();
    for at in 0..agents {
        let place = TierFill { extension: Some(number(at)), ..TierFill::default() };
        queues::add_tier(&desk, &who, name, place, Fields::new()).await.unwrap();
    }
}

pub(super) fn number(at: usize) -> String {
    (1001 + at).to_string()
}

/// A call that waits in the queue, as its driver would have it.
pub(super) struct Caller {
    pub(super) call: CallId,
    pub(super) orders: mpsc::Receiver<Command>,
    door: Door,
}

impl Caller {
    pub(super) fn join(pbx: &Pbx, number: &str) -> Self {
        Self::join_in(pbx, "support", number)
    }

    pub(super) fn join_in(pbx: &Pbx, queue: &str, number: &str) -> Self {
        let call = CallId(Uuid::now_v7());
        let now = pbx.db.now();
        let view = View {
            call,
            state: "ringing",
            direction: Direction::Inbound,
            source_type: SourceType::Inbound,
            caller_number: number.to_owned(),
            destination_number: "8001".to_owned(),
            extension: None,
            legs: Vec::new(),
            started_at: now,
            answered_at: None,
            queue: None,
            recording: None,
        };
        pbx.live.enter(TENANT, view).unwrap();
        let (commands, orders) = mpsc::channel(2);
        let waiting = Waiting {
            call,
            caller_number: number.to_owned(),
            caller_name: None,
            started_at: now,
            joined_at: now,
            priority: 0,
            commands,
        };
        let door = pbx.queues.join(TENANT, queue, waiting).unwrap().door;
        Self { call, orders, door }
    }

    async fn order(&mut self) -> QueueOrder {
        match timeout(PATIENCE, self.orders.recv()).await {
            Ok(Some(Command::Queue(order))) => order,
            other => panic!("no order: {other:?}"),
        }
    }

    /// Takes an offer: which, and whose phone.
    async fn offer(&mut self) -> (u64, String) {
        match self.order().await {
            QueueOrder::Offer { offer, extension, .. } => (offer, extension),
            other => panic!("no offer: {other:?}"),
        }
    }

    pub(super) fn tell(&self, kind: NewsKind) {
        self.door.tell(News { call: self.call, kind });
    }

    fn hang_up(&self, pbx: &Pbx) {
        self.tell(NewsKind::Left);
        pbx.live.leave(self.call);
    }
}

pub(super) async fn state(pbx: &Pbx, extension: &str) -> &'static str {
    agents::show(pbx, &Principal::system(TENANT), extension).await.unwrap().state
}

pub(super) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"));
}

#[tokio::test]
async fn the_figures_of_a_queue_are_those_of_its_ledger() {
    let (_db, pbx) = scene(2, Fill { wrap_up_time: Some(0), ..Fill::default() }).await;
    let who = Principal::system(TENANT);
    let mut first = Caller::join(&pbx, "0901000001");
    let (offer, agent) = first.offer().await;
    assert_eq!(state(&pbx, &agent).await, "ringing");
    first.tell(NewsKind::Failed { offer, cause: Cause::CallRejected });
    let (offer, other) = first.offer().await;
    assert_ne!(agent, other);
    first.tell(NewsKind::Answered { offer });
    until("the agent talks", async || state(&pbx, &other).await == "in_call").await;
    // Nobody is free: the second caller waits and gives up.
    let second = Caller::join(&pbx, "0901000002");
    until("two lines", async || queue_status::status(&pbx, &who, "support").await.unwrap().waiting.len() == 1).await;
    let seen = queue_status::status(&pbx, &who, "support").await.unwrap();
    assert_eq!((seen.waiting[0].position, seen.count("in_call"), seen.count("resting")), (1, 1, 1));
    second.hang_up(&pbx);
    first.tell(NewsKind::Ended { offer });
    pbx.live.leave(first.call);
    until("the ledger", async || {
        let seen = queue_status::status(&pbx, &who, "support").await.unwrap();
        seen.today.abandoned == 1 && seen.abandoned.len() == 1 && state(&pbx, &other).await == "waiting"
    })
    .await;
    let today = queue_status::status(&pbx, &who, "support").await.unwrap().today;
    assert_eq!((today.offered, today.answered, today.answered_in_time, today.abandoned), (2, 1, 1, 1));
    assert_eq!(today.offered, today.answered + today.abandoned + today.overflowed + today.callbacks_asked);
    assert_eq!(today.service_level(), Some(0.5));
}

#[tokio::test]
async fn ring_all_rings_every_agent_although_a_calls_mailbox_is_small() {
    let (_db, pbx) = scene(12, Fill { strategy: Some("ring-all".to_owned()), ..Fill::default() }).await;
    let mut caller = Caller::join(&pbx, "0901000001");
    let mut offers = Vec::new();
    for _ in 0..12 {
        offers.push(caller.offer().await);
    }
    offers.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!(offers.iter().map(|offer| offer.1.clone()).collect::<Vec<_>>(), (0..12).map(number).collect::<Vec<_>>());
    // The caller hangs up: every phone is let go, and no agent keeps a state.
    caller.hang_up(&pbx);
    for _ in 0..12 {
        assert!(matches!(caller.order().await, QueueOrder::Withdraw { .. }));
    }
    for at in 0..12 {
        assert_eq!(state(&pbx, &number(at)).await, "waiting");
    }
}

#[tokio::test]
async fn news_that_never_come_leave_no_agent_stuck() {
    let (_db, pbx) = scene(1, Fill { wrap_up_time: Some(0), ..Fill::default() }).await;
    let mut caller = Caller::join(&pbx, "0901000001");
    let (offer, agent) = caller.offer().await;
    caller.tell(NewsKind::Answered { offer });
    until("the agent talks", async || state(&pbx, &agent).await == "in_call").await;
    // The call's driver dies without a word.
    pbx.live.leave(caller.call);
    drop(caller);
    until("the agent is free", async || state(&pbx, &agent).await == "waiting").await;
    let mut caller = Caller::join(&pbx, "0901000002");
    assert_eq!(caller.offer().await.1, agent);
    pbx.live.leave(caller.call);
    drop(caller);
    until("the agent is free", async || state(&pbx, &agent).await == "waiting").await;
}

#[tokio::test]
async fn an_agents_word_outlives_a_restart_and_its_call_does_not() {
    let (db, pbx) = scene(2, Fill::default()).await;
    let who = Principal::system(TENANT);
    let fill = agents::Fill { status: Some("on_break".to_owned()), break_reason: Some("Lunch".to_owned()) };
    agents::set(&pbx, &who, "1001", fill, Fields::new()).await.unwrap();
    let mut caller = Caller::join(&pbx, "0901000001");
    let (offer, agent) = caller.offer().await;
    assert_eq!(agent, "1002");
    caller.tell(NewsKind::Answered { offer });
    until("it is written", async || {
        let mut tx = db.read(TENANT).await.unwrap();
        rows::agents::find(&mut tx, TENANT, "1002").await.unwrap().is_some_and(|row| row.work.activity == "in_call")
    })
    .await;
    // Killed: the next run knows nothing of that call.
    let after = open(&db).await;
    assert_eq!((state(&after, "1001").await, state(&after, "1002").await), ("on_break", "waiting"));
    let shown = agents::show(&after, &who, "1001").await.unwrap();
    assert_eq!(shown.break_reason.as_deref(), Some("Lunch"));
    let mut tx = db.read(TENANT).await.unwrap();
    let row = rows::agents::find(&mut tx, TENANT, "1002").await.unwrap().unwrap();
    assert_eq!((row.work.activity.as_str(), row.work.call, row.work.calls), ("waiting", None, 1));
}

#[tokio::test]
async fn a_queue_that_is_deleted_lets_its_callers_go() {
    let (_db, pbx) = scene(0, Fill::default()).await;
    let mut caller = Caller::join(&pbx, "0901000001");
    until("somebody waits", async || {
        let who = Principal::system(TENANT);
        queue_status::status(&pbx, &who, "support").await.unwrap().waiting.len() == 1
    })
    .await;
    queues::delete(&pbx.desk(), &Principal::system(TENANT), "support").await.unwrap();
    assert!(matches!(caller.order().await, QueueOrder::Leave(Next::Hangup(_))));
}

#[tokio::test]
async fn a_key_leads_to_where_the_queue_overflows() {
    let fill = Fill {
        exit_key: Some(Some("0".to_owned())),
        overflow_kind: Some(Some("queue".to_owned())),
        overflow_target: Some(Some("sales".to_owned())),
        ..Fill::default()
    };
    let (_db, pbx) = scene(0, fill).await;
    let mut caller = Caller::join(&pbx, "0901000001");
    caller.tell(NewsKind::Key('0'));
    let QueueOrder::Leave(Next::Chosen(destination)) = caller.order().await else { panic!("no way out") };
    assert_eq!((destination.kind(), destination.target().as_str()), ("queue", "sales"));
}

#[tokio::test]
async fn whoever_asks_for_a_call_back_hears_so_and_hangs_up_without_being_lost() {
    let (_db, pbx) = scene(0, Fill { callback_key: Some(Some("1".to_owned())), ..Fill::default() }).await;
    let who = Principal::system(TENANT);
    let mut caller = Caller::join(&pbx, "0901000001");
    caller.tell(NewsKind::Key('1'));
    assert!(matches!(caller.order().await, QueueOrder::Promise(said) if !said.is_empty()));
    caller.hang_up(&pbx);
    until("the promise is written", async || {
        let seen = queue_status::status(&pbx, &who, "support").await.unwrap();
        (seen.today.callbacks_asked, seen.today.abandoned) == (1, 0) && seen.waiting.iter().all(|one| one.is_callback)
    })
    .await;
}

#[tokio::test]
async fn what_a_queue_wrote_is_there_once_it_has_settled() {
    let (_db, pbx) = scene(0, Fill::default()).await;
    let who = Principal::system(TENANT);
    let callers: Vec<Caller> = (0..50).map(|at| Caller::join(&pbx, &format!("09010000{at:02}"))).collect();
    callers.iter().for_each(|caller| caller.hang_up(&pbx));
    pbx.queues.settle(PATIENCE).await;
    let today = queue_status::status(&pbx, &who, "support").await.unwrap().today;
    assert_eq!((today.offered, today.abandoned), (50, 50));
}

#[tokio::test]
async fn an_agent_hears_the_queues_prompt_and_a_foreign_prompt_or_team_is_refused() {
    let (db, pbx) = scene(1, Fill::default()).await;
    let who = Principal::system(TENANT);
    let wrong = Fill {
        team_id: Some(Some(77)),
        agent_prompt_id: Some(Some(78)),
        music_prompt_id: Some(Some(79)),
        overflow_kind: Some(Some("extension".to_owned())),
        overflow_target: Some(Some("1999".to_owned())),
        ..Fill::default()
    };
    let refused = queues::update(&pbx.desk(), &who, "support", wrong, Fields::new()).await.unwrap_err();
    let crate::Error::Invalid(fields) = refused else { panic!("{refused}") };
    for field in ["team_id", "agent_prompt_id", "music_prompt_id", "overflow_target"] {
        assert!(format!("{fields:?}").contains(field), "{field} in {fields:?}");
    }
    let mut tx = db.begin(TENANT).await.unwrap();
    let prompt = crate::model::StoredPrompt {
        id: 0,
        tenant: TENANT,
        name: "whisper".to_owned(),
        path: "1/whisper.wav".to_owned(),
        size_bytes: 8_000,
        duration_ms: 500,
        created_at: START,
        updated_at: START,
    };
    let prompt = rows::prompts::insert(&mut tx, TENANT, &prompt).await.unwrap();
    tx.commit().await.unwrap();
    let fill = Fill { agent_prompt_id: Some(Some(prompt)), ..Fill::default() };
    queues::update(&pbx.desk(), &who, "support", fill, Fields::new()).await.unwrap();
    until("the queue knows", async || {
        let mut caller = Caller::join(&pbx, "0901000001");
        let order = caller.order().await;
        caller.hang_up(&pbx);
        matches!(order, QueueOrder::Offer { announce: Some(Prompt::Stored(id)), .. } if id == prompt)
    })
    .await;
}

#[tokio::test]
async fn a_queue_that_fails_goes_on_with_everybody_who_waits() {
    let (_db, pbx) = scene(1, Fill::default()).await;
    let who = Principal::system(TENANT);
    pbx.queues.staff(TENANT).set_status("1001", domain::agent::Status::OnBreak);
    let mut caller = Caller::join(&pbx, "0901000001");
    for _ in 0..3 {
        pbx.queues.fail(TENANT, "support");
    }
    let _second = Caller::join(&pbx, "0901000002");
    until("both wait", async || queue_status::status(&pbx, &who, "support").await.unwrap().waiting.len() == 2).await;
    pbx.queues.staff(TENANT).set_status("1001", domain::agent::Status::Available);
    let (offer, agent) = caller.offer().await;
    caller.tell(NewsKind::Answered { offer });
    until("the agent talks", async || state(&pbx, &agent).await == "in_call").await;
}

#[tokio::test]
async fn a_queue_that_gets_another_name_keeps_its_callers_and_agents() {
    let (db, pbx) = scene(1, Fill::default()).await;
    let who = Principal::system(TENANT);
    let sales = Fill {
        overflow_kind: Some(Some("queue".to_owned())),
        overflow_target: Some(Some("support".to_owned())),
        ..Fill::default()
    };
    queue(&pbx, "sales", "8002", 0, sales).await;
    let mut caller = Caller::join(&pbx, "0901000001");
    let (offer, agent) = caller.offer().await;
    let fill = Fill { name: Some("help".to_owned()), ..Fill::default() };
    queues::update(&pbx.desk(), &who, "support", fill, Fields::new()).await.unwrap();
    caller.tell(NewsKind::Answered { offer });
    until("the agent talks", async || state(&pbx, &agent).await == "in_call").await;
    until("nobody waits", async || queue_status::status(&pbx, &who, "help").await.unwrap().waiting.is_empty()).await;
    caller.tell(NewsKind::Ended { offer });
    until("the agent writes notes", async || state(&pbx, &agent).await == "wrap_up").await;
    pbx.queues.settle(PATIENCE).await;
    let mut tx = db.read(TENANT).await.unwrap();
    let steps = rows::queue_calls::of_call(&mut tx, TENANT, &caller.call.to_string(), START).await.unwrap();
    let steps: Vec<&str> = steps.iter().map(|step| step.kind.as_str()).collect();
    assert_eq!(steps, ["joined", "offered", "answered", "ended"]);
    drop(tx);
    // Whatever leads to the queue leads to it still, and keeps it from being deleted.
    let sales = queues::show(&pbx.desk(), &who, "sales").await.unwrap();
    assert_eq!(sales.overflow, Some(domain::routing::Destination::Queue("help".to_owned())));
}
