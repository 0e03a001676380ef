//! The driver of one call: the only owner of its machine, its legs and its media.
//!
//! One loop: do what the machine says, write down what happened, wait for the next thing to happen.
//! Facts are committed beside the signalling, in order and grouped; the one thing that waits for the disk is the
//! answer to an incoming caller: a call that was answered is on disk.

mod apps;
mod books;
mod commands;
mod dial;
pub(crate) mod facts;
mod hold;
mod keys;
mod leg;
mod merge;
mod moved;
mod offers;
mod queue;
mod robot;
mod room;
mod speech;
mod steps;
mod supervise;
mod transfer;
mod turn;

use std::{collections::VecDeque, future::Future, pin::Pin, time::Duration};

use bytes::Bytes;
use domain::{
    CallId, LegId, TenantId, Timestamp,
    call::{Call, Input, LegNo, Origin, Part, Plan, Ring, Step},
    cause::Cause,
    ids::TrunkId,
};
use tokio::{sync::mpsc, time::Instant};

use self::{
    facts::{Common, Fact},
    leg::Leg,
};
pub(crate) use self::{
    leg::remote as media_remote,
    merge::Moved,
    offers::cause_of,
    speech::{is_browser, media_address, offered_to, security, trunk_security, webrtc_security},
    turn::{reason, refusal},
};
use super::{
    live::{Command, Taken},
    network::Carried,
    outbound::Target,
    resolve::{Caller, Found, Otherwise, Resolved},
    robot::Robot,
};
use crate::{
    Pbx,
    model::{CallState, Direction, LiveCall, SourceType},
};

/// SIP events of one call that may wait for its driver; more than that ends the leg.
const WAITING_SIP: usize = 32;
/// Media events of one call that may wait.
const WAITING_MEDIA: usize = 64;
/// How long the record of a call waits for its recording and its figures.
const MEDIA_FINISH: Duration = Duration::from_secs(10);
/// How long what nobody waits for may wait for company: for the facts that follow it, and then for a sync of others.
pub(crate) const COMPANY: Duration = Duration::from_millis(10);
/// Pause between attempts to write the record of a call while the database is away.
const COMMIT_RETRY: Duration = Duration::from_secs(1);

/// Everything a call starts with.
pub(crate) struct Setup {
    pub(crate) call: CallId,
    pub(crate) tenant: TenantId,
    pub(crate) direction: Direction,
    pub(crate) source_type: SourceType,
    pub(crate) caller_number: String,
    pub(crate) caller_name: Option<String>,
    pub(crate) destination_number: String,
    /// The trunk that it came by.
    pub(crate) trunk: Option<(TrunkId, String)>,
    /// The extension that the call is filed under.
    pub(crate) extension: Option<String>,
    /// Who calls, as whoever decides where the call goes sees it.
    pub(crate) caller: Caller,
    /// The caller's own phones, in a click-to-call.
    pub(crate) caller_targets: Vec<Target>,
    /// What becomes of the caller first; its seats are among `seats` until it comes to nothing.
    pub(crate) first: Resolved,
    pub(crate) incoming: Option<Box<sip::Incoming>>,
    pub(crate) a_leg: LegId,
    pub(crate) b_leg: LegId,
    pub(crate) started_at: Timestamp,
    pub(crate) commands: mpsc::Receiver<Command>,
    /// The queue that promised to call back.
    pub(crate) queue: Option<String>,
    /// Channels and calls that this call counts for, until it ends.
    pub(crate) seats: Vec<Taken>,
    /// Whether the live call is on disk already.
    pub(crate) is_on_disk: bool,
    pub(crate) max_forwards: u8,
    /// What it brought along, if it came by a trunk.
    pub(crate) carried: Option<Box<Carried>>,
    /// The program that calls; the caller's targets are the trunks to the callee then.
    pub(crate) robot: Option<Box<Robot>>,
}

impl Setup {
    /// Returns the call as it is kept for the case of a crash.
    pub(crate) fn row(&self, pbx: &Pbx) -> LiveCall {
        let leaves_by = self.first.targets.first().or_else(|| self.caller_targets.first()).and_then(Target::trunk);
        let robot = self.robot.as_deref();
        let (trunk, trunk_name) =
            self.trunk.clone().or_else(|| leaves_by.map(|trunk| (trunk.id(), trunk.name().to_owned()))).unzip();
        LiveCall {
            call: self.call,
            tenant: self.tenant,
            boot: pbx.boot.id.clone(),
            state: CallState::Initiating,
            direction: self.direction,
            source_type: self.source_type,
            caller_number: self.caller_number.clone(),
            destination_number: self.destination_number.clone(),
            extension: self.extension.clone(),
            agent_extension: None,
            trunk,
            trunk_name,
            queue_name: self.queue.clone(),
            campaign: robot.and_then(|robot| robot.campaign),
            lead: robot.and_then(|robot| robot.lead),
            started_at: self.started_at,
            answered_at: None,
            legs: "[]".to_owned(),
            dialogs: None,
            recording_path: None,
            has_cdr: robot.is_none_or(|robot| robot.has_cdr),
            transfers: 0,
            heartbeat_at: self.started_at,
        }
    }

    fn plan(&self, pbx: &Pbx) -> Plan {
        let phones = self.caller_targets.len();
        let origin = match (&self.incoming, &self.robot) {
            (Some(_), _) => Origin::Incoming,
            (None, Some(robot)) => Origin::Robot(robot.ring(phones)),
            (None, None) => Origin::Originated(Ring {
                targets: phones,
                order: domain::call::Order::AllAtOnce,
                time: pbx.config.agent_ring_time,
            }),
        };
        Plan { origin, first: step_of(&self.first), longest: pbx.config.longest_call }
    }
}

/// Returns how the machine sees what was found.
fn step_of(resolved: &Resolved) -> Step {
    match resolved.step {
        Found::Ring { order, time } => Step::Ring(Ring { targets: resolved.targets.len(), order, time }),
        Found::App(_) | Found::Queue(_) | Found::Robot | Found::Pickup(_) | Found::Retrieve(_) => Step::App,
    }
}

/// Takes out what the caller enters, if that is an application or a queue.
fn begins(resolved: &mut Resolved) -> Option<apps::Begins> {
    let nobody = Found::Ring { order: domain::call::Order::AllAtOnce, time: Duration::ZERO };
    match std::mem::replace(&mut resolved.step, nobody) {
        Found::App(app) => Some(apps::Begins::App(app, resolved.spot.take())),
        Found::Queue(name) => Some(apps::Begins::Queue(name)),
        Found::Robot => Some(apps::Begins::Robot),
        // Other calls are joined by whoever calls; nobody is sent there.
        Found::Pickup(_) | Found::Retrieve(_) => {
            let bye = domain::app::Next::Hangup(Cause::FacilityRejected);
            let app = domain::app::Announce::new(Vec::new(), bye);
            Some(apps::Begins::App(domain::app::App::Announce(app), None))
        }
        ring @ Found::Ring { .. } => {
            resolved.step = ring;
            None
        }
    }
}

type Committing = Pin<Box<dyn Future<Output = (Vec<Fact>, Result<(), store::Error>)> + Send>>;

/// One call and all it owns.
pub(super) struct Driver {
    pbx: Pbx,
    setup: Setup,
    row: LiveCall,
    machine: Call,
    legs: Vec<Leg>,
    session: media::Session,
    sip_sink: sip::LegSink,
    sip_events: mpsc::Receiver<sip::LegEvent>,
    media_events: mpsc::Receiver<media::Event>,
    /// Facts that wait for the commit before them.
    facts: VecDeque<Fact>,
    committing: Option<Committing>,
    /// Legs that the commit under way journals: answered ones that wait for their ACK, and with a description those
    /// that wait for our answer.
    acknowledging: Vec<(sip::Leg, Option<Bytes>)>,
    /// The next commit waits until then: after a failed one, or because nothing in it is urgent.
    commit_at: Option<Instant>,
    /// The last commit failed: even what is urgent waits.
    commit_failed: bool,
    /// The incoming caller is answered as soon as the call is on disk.
    answer_waits: bool,
    is_on_disk: bool,
    rang_at: Option<Timestamp>,
    answered: Option<(Timestamp, Instant)>,
    started: Instant,
    ending: Option<domain::call::Ending>,
    recording: Option<String>,
    recording_paused: bool,
    rung: Vec<String>,
    /// What the step that is being done dials.
    targets: Vec<Target>,
    otherwise: Otherwise,
    /// Headers for the INVITEs of the step.
    headers: Vec<(String, String)>,
    /// What whoever placed the call wants its record to be found by.
    tags: Vec<String>,
    record: bool,
    /// How often the call was sent on since somebody decided about it.
    hops: u8,
    /// Who talked with whom last.
    pair: Option<(LegNo, LegNo)>,
    /// What plain calls of two never need.
    rare: Option<Box<Rare>>,
}

/// What few calls need, kept in a box that the others never make.
#[derive(Default)]
struct Rare {
    /// Whom a party asks before handing the call on.
    consult: Option<Box<transfer::Consultation>>,
    /// Whose phones ring to join.
    thirds: Vec<Target>,
    /// Who asked for the transfer under way.
    transfer: Option<transfer::Pending>,
    transfers: i64,
    /// What those see as the caller's number whom the step dials by a trunk.
    shown: Option<String>,
    /// What the caller enters next, what he is in, and that he is to be in it once he is answered.
    begins: Option<apps::Begins>,
    app: Option<Box<apps::Running>>,
    app_waits: Option<LegNo>,
    queue: Option<Box<queue::InQueue>>,
    /// What the record says of a call that only an application answered, and since when it did.
    reached: Option<(domain::cause::CallResult, Timestamp, Instant)>,
    /// Keys that legs have pressed and that may have things done.
    keypads: Vec<(LegNo, domain::call::Keypad)>,
    /// Who is consulted joins the talk as soon as he is there.
    joins_all: bool,
    /// How often a callee said that he is somewhere else, and who said so last: where he is among the targets.
    redirects: u8,
    moved: Option<(LegNo, usize)>,
}

/// Runs a call from its first INVITE to its record.
pub(crate) async fn run(pbx: Pbx, setup: Setup) {
    let call = setup.call;
    let live = pbx.live.clone();
    let mut driver = Driver::new(pbx, setup);
    driver.talk().await;
    // In a box of its own: it needs twice the memory that a call in progress does.
    Box::pin(driver.close_books()).await;
    live.leave(call);
}

impl Driver {
    fn new(pbx: Pbx, mut setup: Setup) -> Self {
        let (sip_sink, sip_events) = sip::LegSink::channel(WAITING_SIP);
        let (media_sink, media_events) = mpsc::channel(WAITING_MEDIA);
        let session = pbx.media.session(media::EventSink::new(media_sink));
        let row = setup.row(&pbx);
        let machine = Call::new(setup.plan(&pbx));
        let begins = begins(&mut setup.first);
        let targets = std::mem::take(&mut setup.first.targets);
        let otherwise = std::mem::take(&mut setup.first.otherwise);
        setup.seats.append(&mut setup.first.seats);
        let headers = std::mem::take(&mut setup.first.headers);
        let tags = books::tags(&headers);
        let (record, hops) = (setup.first.record, setup.first.hops);
        let is_on_disk = setup.is_on_disk;
        let mut facts = VecDeque::new();
        if !is_on_disk {
            facts.push_back(Fact::Started { call: Box::new(row.clone()), caller_name: setup.caller_name.clone() });
        }
        let incoming = setup.incoming.take();
        let mut driver = Self {
            pbx,
            setup,
            row,
            machine,
            legs: Vec::new(),
            session,
            sip_sink,
            sip_events,
            media_events,
            facts,
            committing: None,
            acknowledging: Vec::new(),
            commit_at: None,
            commit_failed: false,
            answer_waits: false,
            is_on_disk,
            rang_at: None,
            answered: None,
            started: Instant::now(),
            ending: None,
            recording: None,
            recording_paused: false,
            rung: Vec::new(),
            targets,
            otherwise,
            headers,
            tags,
            record,
            hops,
            pair: None,
            rare: None,
        };
        if let Some(shown) = driver.setup.first.shown.take() {
            driver.rare().shown = Some(shown);
        }
        if begins.is_some() {
            driver.rare().begins = begins;
        }
        if let Some(incoming) = incoming {
            driver.accept_caller(&incoming);
            // What is answered later can be ended after a crash: the caller's dialog is known now.
            let dialogs = driver.journal();
            if let Some(Fact::Started { call, .. }) = driver.facts.front_mut() {
                call.dialogs = Some(dialogs);
            }
        }
        driver
    }

    /// Turns the call until it has ended.
    async fn talk(&mut self) {
        match self.legs.first().and_then(|caller| caller.cause) {
            // The caller's own offer cannot be used: nobody is rung for it.
            Some(cause) => {
                self.drop_leg(LegNo(0), cause);
                self.feed(Input::Hangup { cause }).await;
            }
            None => self.feed(Input::Start).await,
        }
        while self.ending.is_none() {
            self.begin_commit();
            let ring = self.machine.next_timeout().map(Instant::from_std);
            let retry = self.commit_at.filter(|_| self.committing.is_none());
            let deadline = ring.into_iter().chain(retry).chain(self.app_deadline()).chain(self.keys_deadline()).min();
            tokio::select! {
                Some(event) = self.sip_events.recv() => self.on_sip(event).await,
                Some(event) = self.media_events.recv() => self.on_media(event).await,
                command = self.setup.commands.recv() => match command {
                    Some(Command::Hangup(cause)) => self.feed(Input::Hangup { cause }).await,
                    // In a box: few calls ever get one, and every call has room for what this needs.
                    Some(command) => Box::pin(self.obey(command)).await,
                    // The register of live calls is gone: the node is going down.
                    None => self.feed(Input::Hangup { cause: Cause::NormalTemporaryFailure }).await,
                },
                done = committed(&mut self.committing) => self.on_committed(done).await,
                () = at(deadline) => {
                    self.machine.handle_timeout(Instant::now().into_std());
                    if self.rare.is_some() {
                        Box::pin(self.app_timeout()).await;
                        Box::pin(self.keys_timeout()).await;
                    }
                    self.turn().await;
                }
            }
        }
    }

    /// Gives the machine an input and does what it says. Late news of a finished call is no fault.
    async fn feed(&mut self, input: Input) {
        if let Err(refused) = self.machine.handle(input, Instant::now().into_std()) {
            tracing::debug!(call.uuid = %self.setup.call, %refused, "input passed over");
        }
        self.turn().await;
    }

    fn begin_commit(&mut self) {
        if self.committing.is_some() || self.facts.is_empty() {
            return;
        }
        let now = Instant::now();
        let urgent = !self.commit_failed && self.is_urgent();
        let at = *self.commit_at.get_or_insert_with(|| Instant::from_std(self.pbx.together.up(now.into_std())));
        if !urgent && now < at {
            return;
        }
        self.commit_at = None;
        self.commit_failed = false;
        let facts: Vec<Fact> = self.facts.drain(..).collect();
        for leg in self.legs.iter_mut().filter(|leg| leg.ack_waits) {
            leg.ack_waits = false;
            let answer = leg.answer.clone().filter(|_| leg.is_incoming).map(Bytes::from);
            self.acknowledging.extend(leg.sip.clone().map(|sip| (sip, answer)));
        }
        let (pbx, tenant) = (self.pbx.clone(), self.setup.tenant);
        self.committing = Some(Box::pin(async move {
            let result = facts::commit(&pbx, tenant, &facts, None).await;
            (facts, result)
        }));
    }

    /// Returns whether somebody waits for the commit: the caller or a phone for its answer, a customer's system for news.
    fn is_urgent(&self) -> bool {
        let told = |fact: &Fact| !matches!(fact, Fact::Started { .. } | Fact::Ended { .. });
        self.answer_waits || self.legs.iter().any(|leg| leg.ack_waits) || self.facts.iter().any(told)
    }

    async fn on_committed(&mut self, (facts, result): (Vec<Fact>, Result<(), store::Error>)) {
        self.committing = None;
        // Without the database the call is worth more than its journal.
        for (leg, answer) in self.acknowledging.drain(..) {
            match answer {
                Some(answer) => leg.answer(answer),
                None => leg.acknowledge(),
            }
        }
        match result {
            Ok(()) => {
                self.is_on_disk = true;
                if std::mem::take(&mut self.answer_waits) {
                    self.answer_caller();
                    if let Some(caller) = self.rare.as_mut().and_then(|rare| rare.app_waits.take()) {
                        Box::pin(self.on_app(caller)).await;
                        self.turn().await;
                    }
                }
            }
            Err(error) if self.is_on_disk => {
                // The call goes on; what it has to say is said when the database is back, at the latest with the record.
                tracing::warn!(%error, call.uuid = %self.setup.call, "facts of a call wait for the database");
                for fact in facts.into_iter().rev() {
                    self.facts.push_front(fact);
                }
                self.commit_at = Some(Instant::now() + COMMIT_RETRY);
                self.commit_failed = true;
            }
            Err(error) => {
                tracing::error!(%error, call.uuid = %self.setup.call, "a call that cannot be recorded is refused");
                self.facts.extend(facts);
                self.feed(Input::Hangup { cause: Cause::NormalTemporaryFailure }).await;
            }
        }
    }

    fn common(&self) -> Common {
        Common::of(&self.row)
    }

    fn leg(&self, leg: LegNo) -> Option<&Leg> {
        self.legs.get(usize::from(leg.0))
    }

    fn leg_mut(&mut self, leg: LegNo) -> Option<&mut Leg> {
        self.legs.get_mut(usize::from(leg.0))
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Returns the targets that legs of that part are dialled from.
    fn targets_of(&self, part: Part) -> &[Target] {
        let rare = self.rare.as_ref();
        match part {
            Part::Own => &self.setup.caller_targets,
            Part::Step | Part::Party => &self.targets,
            Part::Offer(offer) => rare.and_then(|rare| rare.queue.as_ref()).map_or(&[], |queue| queue.targets(offer)),
            Part::Consult => rare.and_then(|rare| rare.consult.as_ref()).map_or(&[], |asks| asks.targets()),
            Part::Third(_) => rare.map_or(&[], |rare| &rare.thirds),
        }
    }
}

/// Waits for the commit that is under way; forever if there is none.
async fn committed(committing: &mut Option<Committing>) -> (Vec<Fact>, Result<(), store::Error>) {
    match committing {
        Some(committing) => committing.await,
        None => std::future::pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
