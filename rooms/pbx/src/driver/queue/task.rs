//! The task of one queue: the only owner of its machine.
//!
//! One loop: do what the machine says, write down what happened, wait for the next thing to happen. A call's driver is
//! told at once; the disk is waited for by nobody.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use domain::{
    CallId, TenantId, Timestamp,
    app::{Next, Prompt},
    cause::Cause,
    queue::{Input, Join, Leaving, Output, Queue as Machine},
    routing::Destination,
};
use futures_util::FutureExt as _;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, sleep_until},
};

use super::{Ask, MOST_CALLERS, News, NewsKind, Plan, QueueOrder, Staff, Waiting, books::Books, callback};
use crate::{Pbx, driver::live::Command};

/// How often a queue in which somebody waits looks at phones and other calls.
const LOOK: Duration = Duration::from_millis(200);
/// How often it is made sure that every state has its call.
const REAP: Duration = Duration::from_secs(1);
/// Between two attempts to hand an order to a call whose mailbox is full.
const AGAIN: Duration = Duration::from_millis(10);
/// Before a queue goes on after a failure: one that fails again and again is not to take the machine with it.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// Orders that may wait for a call; more than that and it is past help.
const MOST_ORDERS: usize = 256;

pub(super) struct Task {
    pbx: Pbx,
    tenant: TenantId,
    plan: Arc<Plan>,
    machine: Machine,
    staff: Staff,
    asks: mpsc::Sender<Ask>,
    lines: HashMap<CallId, Line>,
    /// When whoever waits joined, by the clock on the wall.
    joined: HashMap<CallId, Timestamp>,
    /// Who waits until the books are written.
    settling: Vec<oneshot::Sender<()>>,
    books: Books,
    /// When phones and other calls were looked at last, and when it was made sure that every state has its call.
    looked: Instant,
    reaped: Instant,
    is_closed: bool,
}

/// The way to a call's driver.
struct Line {
    commands: mpsc::Sender<Command>,
    backlog: VecDeque<QueueOrder>,
    /// The caller is served, gone or sent away: the line is kept only for what it has not been told yet.
    is_over: bool,
}

impl Task {
    pub(super) fn new(pbx: Pbx, plan: Arc<Plan>, staff: Staff, asks: mpsc::Sender<Ask>) -> Self {
        let machine = Machine::new(plan.queue.id, plan.queue.settings(), plan.tiers.clone());
        Self {
            tenant: plan.queue.tenant,
            books: Books::new(plan.queue.id),
            pbx,
            plan,
            machine,
            staff,
            asks,
            lines: HashMap::new(),
            joined: HashMap::new(),
            settling: Vec::new(),
            looked: Instant::now(),
            reaped: Instant::now(),
            is_closed: false,
        }
    }

    /// Runs until the queue is closed. Whatever fails in the program itself is told, and the queue goes on with what it
    /// knows: whoever waits does not wait for nobody.
    pub(super) async fn run(mut self, mut heard: mpsc::Receiver<Ask>) {
        let mut changed = self.staff.listen();
        self.remember_promises().await;
        while AssertUnwindSafe(self.serve(&mut heard, &mut changed)).catch_unwind().await.is_err() {
            metrics::counter!("pbx_queue_failures").increment(1);
            tracing::error!(tenant.id = %self.tenant, queue.id = self.plan.queue.id, "a queue failed and goes on");
            sleep(AFTER_FAILURE).await;
        }
    }

    async fn serve(&mut self, heard: &mut mpsc::Receiver<Ask>, changed: &mut watch::Receiver<u64>) {
        loop {
            self.books.begin(&self.pbx, self.tenant);
            if self.books.is_written() {
                for asked in self.settling.drain(..) {
                    // Whoever asked may have stopped waiting.
                    let _ = asked.send(());
                }
            }
            if self.is_closed && self.machine.is_quiet() && self.books.is_written() {
                return;
            }
            let due = self.due();
            tokio::select! {
                ask = heard.recv() => match ask {
                    Some(ask) => self.on_ask(ask),
                    None => return,
                },
                // An agent who is free now concerns nobody where nobody waits.
                _ = changed.changed() => if self.machine.is_waited_in() { self.turn(Some(Input::Look)) },
                done = self.books.written() => self.books.on_written(done),
                () = at(due) => self.on_time(),
            }
        }
    }

    /// Takes up what an earlier run promised.
    async fn remember_promises(&mut self) {
        let promises = match callback::promises(&self.pbx, self.tenant, self.plan.queue.id).await {
            Ok(promises) => promises,
            Err(error) => {
                tracing::warn!(%error, queue.id = self.plan.queue.id, "promised calls back could not be read");
                return;
            }
        };
        for (join, at) in promises {
            self.joined.insert(join.call, at);
            self.turn(Some(Input::Promised(join)));
        }
    }

    fn on_ask(&mut self, ask: Ask) {
        match ask {
            Ask::Join(waiting) => self.join(*waiting),
            Ask::News(News { call, kind }) => {
                let input = match kind {
                    NewsKind::Left => Input::Left { call },
                    NewsKind::Taken => Input::Taken { call },
                    NewsKind::Failed { offer, cause } => Input::Failed { offer, cause },
                    NewsKind::Answered { offer } => Input::Answered { offer },
                    NewsKind::Ended { offer } => Input::Ended { offer },
                    NewsKind::Key(key) => Input::Key { call, key },
                };
                self.turn(Some(input));
                if matches!(kind, NewsKind::Left | NewsKind::Taken | NewsKind::Answered { .. }) {
                    self.give_up(call);
                }
            }
            Ask::Change(plan) => {
                let (settings, tiers) = (Box::new(plan.queue.settings()), plan.tiers.clone());
                self.plan = plan;
                self.turn(Some(Input::Change { settings, tiers }));
            }
            Ask::Placed { offer, promised, call } => {
                self.turn(Some(Input::Placed { offer, call }));
                // From now on the agent's state names a call that is up.
                self.staff.end_placing(promised);
            }
            Ask::Unplaced { offer, promised, cause } => {
                self.turn(Some(cause.map_or(Input::Unreached { offer }, |cause| Input::Failed { offer, cause })));
                self.staff.end_placing(promised);
            }
            Ask::Unreached { offer } => self.turn(Some(Input::Unreached { offer })),
            Ask::Show(reply) => {
                let clock = self.pbx.db.now();
                let seen = self.machine.waiting(now()).into_iter().map(|caller| {
                    let at = self.joined.get(&caller.call).copied().unwrap_or(clock);
                    (caller, at)
                });
                let _ = reply.send(seen.collect());
            }
            #[cfg(test)]
            Ask::Fail => panic!("the test wants it so"),
            Ask::Settle(asked) => self.settling.push(asked),
            Ask::Close => {
                self.is_closed = true;
                self.turn(Some(Input::Close));
            }
        }
    }

    fn join(&mut self, waiting: Waiting) {
        let call = waiting.call;
        self.lines.insert(call, Line { commands: waiting.commands, backlog: VecDeque::new(), is_over: false });
        if self.is_closed || self.lines.len() > MOST_CALLERS {
            self.order(call, QueueOrder::Leave(Next::Hangup(Cause::SwitchCongestion)));
            return self.give_up(call);
        }
        let in_call = waiting.joined_at.since(waiting.started_at);
        self.joined.insert(call, waiting.joined_at);
        let now = now();
        self.turn(Some(Input::Join(Join {
            call,
            number: waiting.caller_number,
            name: waiting.caller_name,
            priority: waiting.priority,
            started: now.checked_sub(in_call).unwrap_or(now),
        })));
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        self.looked = now;
        self.flush();
        if now >= self.reaped + REAP {
            self.reaped = now;
            self.reap();
        }
        self.turn(None);
    }

    fn reap(&mut self) {
        if self.machine.is_quiet() {
            return;
        }
        let placing = self.staff.is_placing();
        let live = self.pbx.live.clone();
        // A call that ended without a word has no use for its line.
        self.lines.retain(|call, _| live.is_up(*call));
        let waiting: HashSet<CallId> = self.machine.waiting(now()).into_iter().map(|caller| caller.call).collect();
        self.joined.retain(|call, _| waiting.contains(call));
        let is_live = |call: CallId| placing.contains(&call) || live.is_up(call);
        let machine = &mut self.machine;
        let wrong = self.staff.with(|roster| machine.reap(is_live, roster, now()));
        if wrong > 0 {
            metrics::counter!("pbx_queue_reaped").increment(u64::try_from(wrong).unwrap_or(u64::MAX));
            tracing::warn!(
                tenant.id = %self.tenant, queue.id = self.plan.queue.id, states = wrong,
                "states of a queue had no call any more"
            );
        }
    }

    /// Turns the machine and does everything it says.
    fn turn(&mut self, input: Option<Input>) {
        if self.machine.is_waited_in() || matches!(input, Some(Input::Join(_) | Input::Promised(_))) {
            // Only who may be offered somebody is looked at.
            let agents = self.plan.tiers.iter().map(|tier| tier.agent.as_str());
            self.staff.look(&self.pbx, self.tenant, agents);
        }
        let (machine, random) = (&mut self.machine, rand::random());
        self.staff.with(|roster| match input {
            Some(input) => machine.handle(input, roster, random, now()),
            None => machine.handle_timeout(roster, random, now()),
        });
        let mut has_changed = false;
        while let Some(output) = self.machine.poll() {
            has_changed |= matches!(output, Output::Agent(_));
            self.perform(output);
        }
        if has_changed {
            self.staff.bump();
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Offer { offer, call, agent, ring } => {
                let announce = self.plan.queue.agent_prompt.map(Prompt::Stored);
                self.order(call, QueueOrder::Offer { offer, extension: agent, ring, announce });
            }
            Output::Withdraw { offer, call } => self.order(call, QueueOrder::Withdraw { offer }),
            Output::CallBack { offer, call, agent, number } => {
                self.staff.begin_placing(call);
                let wish = callback::Wish { offer, call, agent, number, queue: self.plan.queue.name.clone() };
                let work = callback::place(self.pbx.clone(), self.tenant, wish, self.staff.clone(), self.asks.clone());
                self.pbx.tracker.spawn(work);
            }
            Output::Announce { call, position, estimate } => {
                self.order(call, QueueOrder::Play(announcement(position, estimate)));
            }
            Output::Refuse { call } => self.order(call, QueueOrder::Play(vec![Prompt::Word("invalid")])),
            Output::Leave { call, why: Leaving::CallBack } => {
                self.order(call, QueueOrder::Promise(vec![Prompt::Word("callback-booked")]));
                self.give_up(call);
            }
            Output::Leave { call, why } => {
                let next = self.next(why);
                self.order(call, QueueOrder::Leave(next));
                self.give_up(call);
            }
            Output::Fact(fact) => self.books.note(fact, self.pbx.db.now()),
            Output::Agent(extension) => {
                if let Some((status, work)) = self.staff.work(&extension, self.pbx.db.now()) {
                    self.books.note_agent(extension, status, work);
                }
            }
        }
    }

    /// Returns where a caller goes whom the queue sends away.
    fn next(&self, why: Leaving) -> Next {
        let elsewhere = |destination: &Destination| match why {
            Leaving::Key => Next::Chosen(destination.clone()),
            _ => Next::To(destination.clone()),
        };
        match (why, &self.plan.queue.overflow) {
            (Leaving::TooLong | Leaving::NoAgent | Leaving::Key, Some(destination)) => elsewhere(destination),
            (Leaving::TooLong | Leaving::NoAgent | Leaving::NobodyToWaitFor, _) => Next::Hangup(Cause::NoAnswer),
            (Leaving::Closed, _) => Next::Hangup(Cause::DestinationOutOfOrder),
            (Leaving::Key | Leaving::CallBack | Leaving::Taken, _) => Next::Hangup(Cause::NormalClearing),
        }
    }

    fn order(&mut self, call: CallId, order: QueueOrder) {
        // Whoever is called back has no line.
        let Some(line) = self.lines.get_mut(&call) else { return };
        if line.backlog.len() < MOST_ORDERS {
            line.backlog.push_back(order);
        }
        if !line.flush() {
            self.lines.remove(&call);
        }
    }

    fn give_up(&mut self, call: CallId) {
        if let Some(line) = self.lines.get_mut(&call) {
            line.is_over = true;
        }
        self.flush();
    }

    fn flush(&mut self) {
        self.lines.retain(|_, line| line.flush() && !(line.is_over && line.backlog.is_empty()));
    }

    fn due(&self) -> Option<Instant> {
        let moment = now();
        let machine = self.staff.with(|roster| self.machine.next_timeout(roster, moment)).map(Instant::from_std);
        let look = match () {
            () if self.lines.values().any(|line| !line.backlog.is_empty()) => Some(AGAIN),
            () if self.machine.is_waited_in() => Some(LOOK),
            () if !self.machine.is_quiet() => Some(REAP),
            () => None,
        };
        // From the last look on: news that come thick and fast do not put it off.
        let look = look.map(|pause| self.looked + pause);
        [machine, look, self.books.again_at()].into_iter().flatten().min()
    }
}

impl Line {
    /// Hands over what the call takes; false if the call is gone.
    fn flush(&mut self) -> bool {
        while let Some(order) = self.backlog.pop_front() {
            match self.commands.try_send(Command::Queue(order.clone())) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(_)) => {
                    self.backlog.push_front(order);
                    return true;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
            }
        }
        true
    }
}

/// Returns what a caller hears of where they stand.
fn announcement(position: Option<usize>, estimate: Option<Duration>) -> Vec<Prompt> {
    let mut said = Vec::new();
    if let Some(position) = position.and_then(|position| u32::try_from(position).ok()) {
        said.extend([Prompt::Word("you-are-number"), Prompt::Number(position), Prompt::Word("in-the-queue")]);
    }
    if let Some(estimate) = estimate {
        let minutes = estimate.as_secs().div_ceil(60).clamp(1, 99);
        let minutes = u32::try_from(minutes).unwrap_or(99);
        said.extend([Prompt::Word("wait-about"), Prompt::Number(minutes), Prompt::Word("minutes")]);
    }
    said
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
