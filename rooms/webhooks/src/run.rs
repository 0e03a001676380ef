//! What runs, from the start to the stop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    Webhooks,
    claimer::Claimer,
    driver::{Context, Driver, Input},
    item::Finished,
    lanes::{Lanes, Shares},
    recorder::Recorder,
    replayer::Replayer,
};

/// How long an endpoint that does not answer is left alone.
const REST: Duration = Duration::from_secs(30);
/// How long it is waited before a start after a failure of our own.
const RESTART: Duration = Duration::from_secs(1);
/// Results that may wait to be written before attempts wait too.
const RESULTS: usize = 2_048;

impl Webhooks {
    /// Delivers until told to stop, then ends what is under way. Call it once.
    ///
    /// Dropping the future stops at once: what was under way is delivered again by the next start.
    pub async fn run(&self, stop: CancellationToken) {
        if self.runs.swap(true, Ordering::AcqRel) {
            tracing::error!("webhooks run already");
            return;
        }
        while !self.serve(&stop).await {
            // Whatever it was, it must not end deliveries for good.
            metrics::counter!("webhooks_restarts_total").increment(1);
            sleep(RESTART).await;
        }
    }

    /// Delivers until told to stop, and returns true; false if a task ended by itself.
    async fn serve(&self, stop: &CancellationToken) -> bool {
        let (sender, results) = mpsc::channel(RESULTS);
        let inbox = self.inbox.open();
        let claimer = Arc::new(self.claimer());
        // Tasks end with this future: a set that is dropped aborts them.
        let mut delivering = JoinSet::new();
        delivering.spawn(self.driver(inbox, sender).run(stop.clone()));
        delivering.spawn(self.recorder(results).run());
        let mut tending = JoinSet::new();
        let (tend, pulse, replayer) = (Arc::clone(&claimer), Arc::clone(&self.pulse), self.replayer());
        tending.spawn(async move {
            tend.start().await;
            tokio::join!(tend.run(), tend.beat(), tend.clean(), pulse.run(), replayer.run());
        });
        let in_order = tokio::select! {
            // First of all: when told to stop the driver ends too, and often before this is looked at.
            biased;
            () = stop.cancelled() => true,
            Some(_) = delivering.join_next() => stop.is_cancelled(),
            Some(_) = tending.join_next() => stop.is_cancelled(),
        };
        self.room.close();
        tending.shutdown().await;
        if in_order {
            while delivering.join_next().await.is_some() {}
        } else {
            tracing::error!("a task of the webhooks ended by itself; they are started anew");
            delivering.shutdown().await;
        }
        if let Err(error) = self.pulse.write().await {
            tracing::warn!(%error, "the last figures were not written");
        }
        if let Err(error) = claimer.leave().await {
            tracing::warn!(%error, "deliveries were not given back and wait for the next start");
        }
        in_order
    }

    fn driver(&self, inbox: mpsc::Receiver<Input>, results: mpsc::Sender<Finished>) -> Driver {
        Driver {
            context: Arc::new(Context {
                db: self.db.clone(),
                targets: Arc::clone(&self.targets),
                max_age: self.config.max_age.clone(),
            }),
            lanes: Lanes::new(Shares {
                slots: self.config.slots,
                rest: REST.mul_f64(self.config.retry_scale.min(1.0)),
                pace: self.config.pace,
            }),
            inbox,
            results,
            room: Arc::clone(&self.room),
        }
    }

    fn recorder(&self, results: mpsc::Receiver<Finished>) -> Recorder {
        Recorder {
            db: self.db.clone(),
            targets: Arc::clone(&self.targets),
            inbox: Arc::clone(&self.inbox),
            results,
            retry_scale: self.config.retry_scale,
            pulse: Arc::clone(&self.pulse),
            notices: self.notices.clone(),
        }
    }

    pub(crate) fn claimer(&self) -> Claimer {
        Claimer {
            db: self.db.clone(),
            room: Arc::clone(&self.room),
            targets: Arc::clone(&self.targets),
            inbox: Arc::clone(&self.inbox),
            reported: AtomicI64::new(0),
            turn: AtomicUsize::new(0),
        }
    }

    fn replayer(&self) -> Replayer {
        Replayer { db: self.db.clone(), room: Arc::clone(&self.room), wake: Arc::clone(&self.replays) }
    }
}
