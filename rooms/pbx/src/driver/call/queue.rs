//! A caller who waits in a queue, and the agents that the queue offers him to.
//!
//! The queue decides, this drives: rings agents beside the music, tells how that went, and connects the first who
//! answers.

use domain::{
    app::{MusicChoice, Next, Prompt},
    call::{Input, LegNo, Outcome, Side},
    cause::{CallResult, Cause},
};
use tokio::time::Instant;

use super::Driver;
use crate::driver::{
    inbound,
    outbound::Target,
    prompts,
    queue::{Door, News, NewsKind, QueueOrder, Waiting},
};

/// The queue that the caller is in, or came out of with an agent.
pub(super) struct InQueue {
    door: Door,
    since: Instant,
    music: MusicChoice,
    offers: Vec<Offered>,
    /// Whole seconds until an agent answered or the caller left.
    waited: Option<i64>,
    /// The offer that the caller talks to, and the agent's leg.
    talks: Option<(u64, LegNo)>,
    /// The agent hears an announcement; then these two are connected.
    announces: Option<(LegNo, LegNo)>,
    /// The caller left the queue for something else, or was sent away.
    left: bool,
    /// Something is being said to the caller, and what comes after it.
    speaks: bool,
    next: Vec<Prompt>,
    /// The caller will be called back, hears so, and is let go.
    promised: bool,
}

/// An agent whose phones ring.
struct Offered {
    offer: u64,
    targets: Vec<Target>,
    announce: Option<Prompt>,
}

impl InQueue {
    pub(super) fn waited(&self) -> i64 {
        let so_far = || i64::try_from(self.since.elapsed().as_secs()).unwrap_or(i64::MAX);
        self.waited.unwrap_or_else(so_far)
    }

    pub(super) fn targets(&self, offer: u64) -> &[Target] {
        self.offers.iter().find(|known| known.offer == offer).map_or(&[], |known| &known.targets)
    }

    /// Returns whether the caller gave up before anybody answered.
    pub(super) const fn was_in_vain(&self) -> bool {
        self.talks.is_none() && !self.left && !self.promised
    }
}

impl Driver {
    /// Lets the caller wait in a queue.
    pub(super) async fn enter_queue(&mut self, name: String) {
        let tenant = self.setup.tenant;
        self.end_in_queue();
        let joined_at = self.pbx.db.now();
        let Some(commands) = self.pbx.live.commands(self.setup.call) else { return };
        let caller = &self.setup.caller;
        // Whoever was called and then handed on waits under the number that was dialled.
        let called = self.machine.waiting().and_then(|no| self.leg(no)).filter(|leg| leg.side == Side::Callee);
        let (caller_number, caller_name) = match called {
            Some(leg) => (leg.number.clone(), None),
            None => (caller.number.clone(), caller.name.clone()),
        };
        let waiting = Waiting {
            call: self.setup.call,
            caller_number,
            caller_name,
            started_at: self.setup.started_at,
            joined_at,
            priority: 0,
            commands,
        };
        let joined = match self.pbx.queues.join(tenant, &name, waiting) {
            Ok(joined) => joined,
            Err(cause) => {
                let next = self.otherwise.after(cause).map(|onward| Next::To(onward.to.clone()));
                return self.leave_app(next.unwrap_or(Next::Hangup(cause)));
            }
        };
        self.record |= joined.record;
        self.row.queue_name = Some(name);
        let queue = InQueue {
            door: joined.door,
            since: Instant::now(),
            music: joined.music,
            offers: Vec::new(),
            waited: None,
            talks: None,
            announces: None,
            left: false,
            speaks: false,
            next: Vec::new(),
            promised: false,
        };
        self.rare().queue = Some(Box::new(queue));
        self.pair = None;
        self.free_seats();
        self.journalled();
        self.say_in_queue(joined.greeting).await;
    }

    /// Does what the queue says.
    pub(super) async fn on_order(&mut self, order: QueueOrder) {
        if !self.machine.is_in_app() || self.queue().is_none_or(|queue| queue.left) {
            // Nobody is to be rung for a caller who is somewhere else already: the queue has missed that.
            if matches!(order, QueueOrder::Offer { .. }) {
                self.tell_queue(NewsKind::Taken);
            }
            return;
        }
        match order {
            QueueOrder::Offer { offer, extension, ring, announce } => {
                let tenant = self.setup.tenant;
                let account = self.pbx.directory.account(tenant);
                let line = account.as_ref().and_then(|account| account.active(&extension));
                let found = line.ok_or(Cause::UnallocatedNumber);
                match found.and_then(|line| inbound::phones(&self.pbx, tenant, line)) {
                    Ok((targets, seat)) => {
                        let count = targets.len();
                        self.setup.seats.push(seat);
                        if let Some(queue) = self.queue() {
                            queue.offers.push(Offered { offer, targets, announce });
                        }
                        self.feed(Input::Offer { offer, targets: count, time: ring }).await;
                    }
                    Err(cause) => self.tell_queue(NewsKind::Failed { offer, cause }),
                }
            }
            QueueOrder::Withdraw { offer } => {
                self.feed(Input::Withdraw { offer }).await;
                self.forget_offer(offer);
            }
            QueueOrder::Play(said) => match self.queue() {
                // What is said is heard to its end; where the caller stands is said as it was told last.
                Some(queue) if queue.speaks => queue.next = said,
                _ => self.say_in_queue(said).await,
            },
            QueueOrder::Promise(said) => {
                if let Some(queue) = self.queue() {
                    queue.waited = Some(queue.waited());
                    queue.promised = true;
                }
                self.has_result(CallResult::NoAnswer);
                self.say_in_queue(said).await;
                self.turn().await;
            }
            QueueOrder::Leave(next) => {
                if let Some(queue) = self.queue() {
                    queue.waited = Some(queue.waited());
                    queue.left = true;
                }
                if let Next::Hangup(cause) = next {
                    // Nobody hung up: the queue let the caller go.
                    self.has_result(match cause {
                        Cause::NormalClearing => CallResult::NoAnswer,
                        cause => CallResult::of(false, cause),
                    });
                }
                self.leave_app(next);
                self.turn().await;
            }
        }
    }

    fn queue(&mut self) -> Option<&mut InQueue> {
        self.rare.as_mut().and_then(|rare| rare.queue.as_deref_mut())
    }

    fn tell_queue(&self, kind: NewsKind) {
        if let Some(queue) = self.rare.as_ref().and_then(|rare| rare.queue.as_ref()) {
            queue.door.tell(News { call: self.setup.call, kind });
        }
    }

    fn forget_offer(&mut self, offer: u64) {
        if let Some(queue) = self.queue() {
            queue.offers.retain(|known| known.offer != offer);
        }
        self.free_seats();
    }

    /// Says what the record has of the call if it ends with that.
    fn has_result(&mut self, result: CallResult) {
        let now = self.pbx.db.now();
        self.rare().reached = Some((result, now, Instant::now()));
    }

    /// Says something to the caller, and goes on with what comes after it.
    async fn say_in_queue(&mut self, mut said: Vec<Prompt>) {
        while let Some(caller) = self.machine.waiting() {
            let sounds = prompts::sequence(&self.pbx, self.setup.tenant, &said, None).await;
            self.listen(caller, &[]);
            let speaks = sounds.iter().any(|sound| !sound.is_empty());
            let Some(queue) = self.queue() else { return };
            queue.speaks = speaks;
            if speaks {
                return self.play(caller, media::Source::Sequence(sounds));
            }
            said = std::mem::take(&mut queue.next);
            if said.is_empty() {
                return self.waits_on(caller).await;
            }
        }
    }

    /// What was said to the caller is over. The machine's words are for [`Driver::turn`].
    pub(super) async fn spoke_in_queue(&mut self, caller: LegNo) {
        let Some(queue) = self.queue() else { return };
        queue.speaks = false;
        let said = std::mem::take(&mut queue.next);
        if said.is_empty() {
            self.waits_on(caller).await;
        } else {
            self.say_in_queue(said).await;
        }
    }

    /// Nothing is said any more: music, unless the caller only heard goodbye.
    async fn waits_on(&mut self, caller: LegNo) {
        if self.queue().is_some_and(|queue| queue.promised) {
            let bye = Input::Hangup { cause: Cause::NormalClearing };
            let _ = self.machine.handle(bye, Instant::now().into_std());
        } else {
            self.queue_music(caller).await;
        }
    }

    pub(super) async fn queue_music(&mut self, to: LegNo) {
        if let Some(music) = self.queue().filter(|queue| !queue.left).map(|queue| queue.music) {
            self.play_music(to, music).await;
        }
    }

    pub(super) fn key_in_queue(&mut self, key: char) {
        self.tell_queue(NewsKind::Key(key));
    }

    pub(super) fn on_offer_failed(&mut self, offer: u64, outcome: Outcome) {
        self.tell_queue(NewsKind::Failed { offer, cause: outcome.cause });
        self.forget_offer(offer);
    }

    /// An agent is there, or somebody else took the caller out of the queue. Says whether the two have to wait for what
    /// the agent is told first.
    pub(super) async fn leaves_queue(&mut self, caller: LegNo, callee: LegNo) -> bool {
        let tenant = self.setup.tenant;
        let answered = self.offered(callee).or_else(|| self.offered(caller));
        let Some(queue) = self.queue().filter(|queue| queue.talks.is_none() && !queue.left) else { return false };
        queue.waited = Some(queue.waited());
        let Some((offer, agent)) = answered else {
            queue.left = true;
            queue.offers.clear();
            self.tell_queue(NewsKind::Taken);
            // The agents whose phones rang have no part in this call any more.
            self.free_seats();
            return false;
        };
        queue.talks = Some((offer, agent));
        let announce =
            queue.offers.iter_mut().find(|known| known.offer == offer).and_then(|known| known.announce.take());
        queue.offers.clear();
        self.tell_queue(NewsKind::Answered { offer });
        self.free_seats();
        let Some(announce) = announce else { return false };
        let sounds = prompts::sequence(&self.pbx, tenant, &[announce], None).await;
        if sounds.iter().all(|sound| sound.is_empty()) {
            return false;
        }
        self.play(agent, media::Source::Sequence(sounds));
        if let Some(queue) = self.queue() {
            queue.announces = Some((caller, callee));
        }
        true
    }

    fn offered(&self, no: LegNo) -> Option<(u64, LegNo)> {
        self.leg(no).and_then(|leg| leg.offer).map(|offer| (offer, no))
    }

    /// Connects a caller whose agent has heard what he was told. Says whether that leg is one of the two.
    pub(super) async fn announcement_is_over(&mut self, no: LegNo) -> bool {
        let Some(queue) = self.queue() else { return false };
        let Some((caller, callee)) = queue.announces.filter(|(caller, callee)| [*caller, *callee].contains(&no)) else {
            return false;
        };
        if queue.talks.is_none_or(|(_, agent)| agent != no) {
            // The caller has heard to the end where he stood.
            self.queue_music(no).await;
            return true;
        }
        queue.announces = None;
        if self.machine.parties() == Some((caller, callee)) {
            self.connect(caller, callee).await;
        }
        true
    }

    /// A leg is over: if it was the queue's agent, he is free to wrap up.
    pub(super) fn agent_left(&mut self, no: LegNo) {
        let Some((offer, agent)) = self.queue().and_then(|queue| queue.talks) else { return };
        let told = self.leg(no).is_some_and(|leg| leg.offer == Some(offer));
        if agent == no && told {
            if let Some(leg) = self.leg_mut(no) {
                leg.offer = None;
            }
            self.tell_queue(NewsKind::Ended { offer });
        }
    }

    /// The call is over, or goes to another queue: the queue hears of a caller who did not wait.
    pub(super) fn end_in_queue(&mut self) {
        if let Some((_, agent)) = self.queue().and_then(|queue| queue.talks) {
            self.agent_left(agent);
        } else if self.queue().is_some_and(|queue| !queue.left) {
            self.tell_queue(NewsKind::Left);
        }
    }
}
