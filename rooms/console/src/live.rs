//! Pages that keep themselves up to date: one look at the account for all who watch, and only while somebody does.

use std::{
    collections::HashMap,
    convert::Infallible,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use domain::TenantId;
use tokio::sync::watch;

use crate::{Console, view::View};

/// Between two signs of life on a quiet stream; proxies cut what is silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Between two looks whether the session still is.
const STILL_SIGNED_IN: Duration = Duration::from_secs(2);

type Latest<T> = watch::Sender<Option<Arc<T>>>;

/// What one kind of live page shows, by account, or by what of an account is watched.
#[derive(Debug)]
pub(crate) struct Shared<T, K = TenantId>(Arc<Mutex<HashMap<K, Latest<T>>>>);

impl<T, K> Default for Shared<T, K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T, K> Clone for Shared<T, K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + Sync + 'static, K: Clone + Eq + Hash + Send + 'static> Shared<T, K> {
    /// Returns what `make` makes every now and then. The first who watches starts it, the last who leaves ends it.
    /// A `make` that gives nothing is tried again.
    pub(crate) fn watch<F, Fut>(
        &self,
        console: &Console,
        of: K,
        every: Duration,
        make: F,
    ) -> watch::Receiver<Option<Arc<T>>>
    where
        F: Fn() -> Fut + Send + 'static,
        Fut: Future<Output = Option<T>> + Send,
    {
        let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(latest) = seats.get(&of) {
            return latest.subscribe();
        }
        let (latest, watched) = watch::channel(None);
        seats.insert(of.clone(), latest.clone());
        drop(seats);
        let (shared, closing) = (self.clone(), console.0.closing.clone());
        console.0.tasks.spawn(async move {
            loop {
                if let Some(made) = make().await {
                    latest.send_replace(Some(Arc::new(made)));
                }
                let closed = tokio::select! {
                    () = closing.cancelled() => true,
                    () = tokio::time::sleep(every) => false,
                };
                // Whoever comes subscribes under the same lock, so nobody is left with a seat that is gone.
                let mut seats = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
                if closed || latest.receiver_count() == 0 {
                    seats.remove(&of);
                    return;
                }
            }
        });
        watched
    }
}

/// Sends parts of a page whenever they change, until the session or the server ends.
///
/// `draw` returns each part's event name with its HTML; a part that is as before is not sent again.
pub(crate) fn stream<T, D>(console: &Console, view: View, watched: watch::Receiver<Option<Arc<T>>>, draw: D) -> Response
where
    T: Send + Sync + 'static,
    D: Fn(&View, &T) -> Vec<(&'static str, String)> + Send + 'static,
{
    metrics::gauge!("console_live_pages").increment(1.0);
    let feed = Feed {
        console: console.clone(),
        view,
        watched,
        draw,
        sent: HashMap::new(),
        waiting: Vec::new(),
        is_over: false,
        is_first: true,
        _counted: Counted,
    };
    let events = futures_util::stream::unfold(feed, |mut feed| async move {
        let event = feed.next().await?;
        Some((Ok::<_, Infallible>(event), feed))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// Takes the page off the count when its stream is dropped.
struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("console_live_pages").decrement(1.0);
    }
}

struct Feed<T, D> {
    console: Console,
    view: View,
    watched: watch::Receiver<Option<Arc<T>>>,
    draw: D,
    /// Hash of what was sent last, by event.
    sent: HashMap<&'static str, u64>,
    waiting: Vec<Event>,
    is_over: bool,
    is_first: bool,
    _counted: Counted,
}

impl<T, D: Fn(&View, &T) -> Vec<(&'static str, String)>> Feed<T, D> {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop() {
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            if !std::mem::take(&mut self.is_first) {
                let closing = self.console.0.closing.clone();
                tokio::select! {
                    () = closing.cancelled() => return None,
                    changed = self.watched.changed() => if changed.is_err() { return None },
                    () = tokio::time::sleep(STILL_SIGNED_IN) => {}
                }
            }
            if !self.view.is_still_signed_in(&self.console).await {
                self.is_over = true;
                return Some(Event::default().event("signed-out").data(""));
            }
            let latest = self.watched.borrow_and_update().clone();
            if let Some(latest) = latest {
                self.draw(&latest);
            }
        }
    }

    fn draw(&mut self, latest: &T) {
        for (name, html) in (self.draw)(&self.view, latest) {
            let mut hasher = DefaultHasher::new();
            html.hash(&mut hasher);
            let hash = hasher.finish();
            if self.sent.insert(name, hash) != Some(hash) {
                self.waiting.push(Event::default().event(name).data(html));
            }
        }
        self.waiting.reverse();
    }
}
