//! Loops that must not end before the server does.

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Wait before a loop that ended or panicked is started again.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// The server's loops. Each is started again if it ends or panics, until [`Tasks::stop`].
#[derive(Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    restart_after: Duration,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { tracker: TaskTracker::new(), stop: CancellationToken::new(), restart_after: RESTART_AFTER }
    }
}

impl Tasks {
    /// Starts a loop under a name for logs and metrics. It is dropped at its next `.await` when the server stops.
    pub fn run<F, Fut>(&self, name: &'static str, mut start: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (stop, restart_after) = (self.stop.clone(), self.restart_after);
        self.tracker.spawn(async move {
            loop {
                let ended = tokio::select! {
                    () = stop.cancelled() => return,
                    ended = AssertUnwindSafe(start()).catch_unwind() => ended,
                };
                let reason = ended.err().map_or_else(|| "it returned".to_owned(), |panic| text(&*panic));
                tracing::error!(task = name, reason, "a loop of the server ended; it is started again");
                metrics::counter!("tasks_restarted_total", "task" => name).increment(1);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(restart_after) => {}
                }
            }
        });
    }

    /// Starts work that ends by itself once [`Tasks::stopping`] says so; the stop waits for it.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(work);
    }

    /// Returns what is cancelled when the server stops.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Ends all loops and waits for them.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn a_loop_that_panics_is_started_again_until_the_server_stops() {
        let tasks = Tasks { restart_after: Duration::ZERO, ..Tasks::default() };
        let starts = Arc::new(AtomicUsize::new(0));
        let (seen, count) = tokio::sync::watch::channel(0);
        let counted = starts.clone();
        tasks.run("test", move || {
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            seen.send_replace(number);
            async move {
                assert!(number >= 3, "the first two runs panic");
                std::future::pending::<()>().await;
            }
        });
        count.clone().wait_for(|number| *number == 3).await.unwrap();
        tasks.stop().await;
        assert_eq!(starts.load(Ordering::SeqCst), 3);
    }
}
