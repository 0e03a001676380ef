//! Ten thousand things that happen by chance to the tasks of two queues which share their agents: calls whose drivers
//! say what becomes of them, and calls whose drivers die without a word.

use domain::{Principal, agent::Status, cause::Cause};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use store::testing::TENANT;
use tokio::sync::mpsc::error::TryRecvError;
use web::Fields;

use super::{
    tests::{Caller, number, queue, scene, state, until},
    *,
};
use crate::ops::{
    queue_status,
    queues::{self, Fill},
};

/// What happens in all.
const EVENTS: usize = 10_000;
const AGENTS: usize = 8;
const QUEUES: [&str; 2] = ["support", "sales"];
/// Calls that are up at a time.
const MOST: usize = 30;

/// A call, as its driver sees it.
struct Party {
    caller: Caller,
    /// Phones that ring for it.
    offers: Vec<u64>,
    talks: Option<u64>,
    is_over: bool,
}

struct Storm {
    pbx: Pbx,
    chance: StdRng,
    parties: Vec<Party>,
    came: u64,
}

impl Storm {
    fn join(&mut self) {
        self.came += 1;
        let queue = QUEUES[self.chance.random_range(0..2)];
        let caller = Caller::join_in(&self.pbx, queue, &format!("0901{:06}", self.came % 60));
        self.parties.push(Party { caller, offers: Vec::new(), talks: None, is_over: false });
    }

    /// Lets one call do something, or have something done to it.
    async fn happen(&mut self) {
        let what = self.chance.random_range(0..100_usize);
        if what < 20 && self.parties.len() < MOST {
            return self.join();
        }
        if what < 38 {
            let agent = number(self.chance.random_range(0..AGENTS));
            // More often than not they want to work.
            let status = Status::ALL[self.chance.random_range(0..6_usize).saturating_sub(3)];
            return self.pbx.queues.staff(TENANT).set_status(&agent, status);
        }
        if what == 38 {
            // A plan that is written while calls are up.
            let fill = Fill { wrap_up_time: Some(self.chance.random_range(0..2)), ..Fill::default() };
            let who = Principal::system(TENANT);
            let name = QUEUES[self.chance.random_range(0..2)];
            queues::update(&self.pbx.desk(), &who, name, fill, Fields::new()).await.unwrap();
            return;
        }
        if self.parties.is_empty() {
            return;
        }
        let at = self.chance.random_range(0..self.parties.len());
        let (pick, cause) = (self.chance.random_range(0..64_usize), self.chance.random_range(0..4_usize));
        let party = &self.parties[at];
        let offer = party.offers.get(pick % party.offers.len().max(1)).copied();
        match (what, offer, party.talks) {
            (39..66, Some(offer), None) => {
                party.caller.tell(NewsKind::Answered { offer });
                let party = &mut self.parties[at];
                party.talks = Some(offer);
                party.offers.clear();
            }
            (66..72, Some(offer), None) => {
                let causes = [Cause::NoAnswer, Cause::UserBusy, Cause::CallRejected, Cause::NoUserResponse];
                party.caller.tell(NewsKind::Failed { offer, cause: causes[cause] });
                self.parties[at].offers.retain(|known| *known != offer);
            }
            (76..78, _, None) => {
                party.caller.tell(NewsKind::Taken);
                self.end(at);
            }
            (78..80, ..) => party.caller.tell(NewsKind::Key('0')),
            (80..92, _, talks) => {
                party.caller.tell(talks.map_or(NewsKind::Left, |offer| NewsKind::Ended { offer }));
                self.end(at);
            }
            // The driver dies: nobody says anything.
            (92..94, ..) => self.end(at),
            _ => {}
        }
    }

    async fn enough_were_answered(&self) -> bool {
        let who = Principal::system(TENANT);
        for name in QUEUES {
            if queue_status::status(&self.pbx, &who, name).await.unwrap().today.answered <= 5 {
                return false;
            }
        }
        true
    }

    fn end(&mut self, at: usize) {
        let party = self.parties.swap_remove(at);
        self.pbx.live.leave(party.caller.call);
    }

    /// Does what the queues have said.
    fn obey(&mut self) {
        for party in &mut self.parties {
            loop {
                match party.caller.orders.try_recv() {
                    Ok(Command::Queue(QueueOrder::Offer { offer, .. })) if party.talks.is_none() => {
                        party.offers.push(offer);
                    }
                    Ok(Command::Queue(QueueOrder::Withdraw { offer })) => party.offers.retain(|known| *known != offer),
                    Ok(Command::Queue(QueueOrder::Leave(_))) => party.is_over = true,
                    Ok(_) => {}
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
        }
        while let Some(at) = self.parties.iter().position(|party| party.is_over) {
            self.end(at);
        }
    }
}

#[tokio::test]
async fn ten_thousand_hang_ups_and_failures_leave_no_agent_and_no_caller_behind() {
    let fill = |strategy: &str| Fill {
        strategy: Some(strategy.to_owned()),
        wrap_up_time: Some(0),
        exit_key: Some(Some("0".to_owned())),
        abandoned_resume_allowed: Some(true),
        reject_delay_time: Some(0),
        busy_delay_time: Some(0),
        no_answer_delay_time: Some(0),
        ..Fill::default()
    };
    let (_db, pbx) = scene(AGENTS, fill("ring-all")).await;
    queue(&pbx, QUEUES[1], "8002", AGENTS, fill("longest-idle-agent")).await;
    let seed = rand::random();
    let mut storm = Storm { pbx: pbx.clone(), chance: StdRng::seed_from_u64(seed), parties: Vec::new(), came: 0 };
    for event in 0.. {
        // How much the queues get done in so many events is up to the machine: they go on until both have done enough.
        if event >= EVENTS && event.is_multiple_of(1_000) && storm.enough_were_answered().await {
            break;
        }
        assert!(event < 50 * EVENTS, "seed {seed}: hardly a call is answered");
        storm.happen().await;
        // The tasks do their part in between.
        tokio::task::yield_now().await;
        storm.obey();
    }
    // Everybody goes; of half of them nobody hears.
    while let Some(party) = storm.parties.first() {
        if storm.came.is_multiple_of(2) {
            party.caller.tell(party.talks.map_or(NewsKind::Left, |offer| NewsKind::Ended { offer }));
        }
        storm.came += 1;
        storm.end(0);
    }
    assert_eq!(pbx.live.count(), 0);
    for at in 0..AGENTS {
        pbx.queues.staff(TENANT).set_status(&number(at), Status::Available);
        until("every agent is free", async || state(&pbx, &number(at)).await == "waiting").await;
    }
    for name in QUEUES {
        let who = Principal::system(TENANT);
        until("nobody waits", async || queue_status::status(&pbx, &who, name).await.unwrap().waiting.is_empty()).await;
        pbx.queues.settle(Duration::from_secs(30)).await;
        let today = queue_status::status(&pbx, &who, name).await.unwrap().today;
        let over = today.answered + today.abandoned + today.overflowed;
        assert!(today.offered > 100 && today.answered > 5 && today.abandoned > 50, "seed {seed}: {today:?}");
        assert_eq!(today.offered, over, "seed {seed}: {today:?}");
    }
}
