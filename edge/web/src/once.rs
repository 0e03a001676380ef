//! Requests that carry an `Idempotency-Key`: how whoever has the effect tells of it, in the effect's own transaction.
//!
//! The layer that keeps the keys puts a [`Once`] around the handler. A handler that is not told of one does nothing here.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::StatusCode;
use serde::Serialize;
use store::{Error, Tx};

tokio::task_local! {
    static CURRENT: Once;
}

/// What keeps the keys. A trait, because this crate knows no room.
pub trait Keeper: Send + Sync {
    /// Writes that the request took effect.
    fn act<'a>(&'a self, tx: &'a mut Tx) -> BoxFuture<'a, Result<(), Error>>;

    /// Writes the answer of the request, which took effect.
    fn keep<'a>(&'a self, tx: &'a mut Tx, status: StatusCode, body: Vec<u8>) -> BoxFuture<'a, Result<(), Error>>;
}

/// The key of a request. Clones may go to other tasks; [`acted`] and [`answered`] look only at the request's own task.
#[derive(Clone)]
pub struct Once(Arc<dyn Keeper>);

impl Once {
    pub fn new(keeper: impl Keeper + 'static) -> Self {
        Self(Arc::new(keeper))
    }

    /// Returns the key of the request that this task answers; `None` if it has none.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs a handler under the key.
    pub async fn around<F: Future>(self, handler: F) -> F::Output {
        CURRENT.scope(self, handler).await
    }

    /// Writes that the request took effect: after a crash it is then not done again.
    pub async fn act(&self, tx: &mut Tx) -> Result<(), Error> {
        self.0.act(tx).await
    }

    /// Writes what the request is answered: after a crash a repetition gets the same.
    pub async fn keep(&self, tx: &mut Tx, status: StatusCode, body: &impl Serialize) -> Result<(), Error> {
        self.0.keep(tx, status, serde_json::to_vec(body)?).await
    }
}

impl std::fmt::Debug for Once {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Once")
    }
}

/// Writes, in the transaction of the request's effect, that it took place. Nothing without a key.
///
/// Writing ops whose transaction has an audit row need not call it: the row says as much.
pub async fn acted(tx: &mut Tx) -> Result<(), Error> {
    match Once::current() {
        Some(once) => once.act(tx).await,
        None => Ok(()),
    }
}

/// Writes, in the transaction of the request's effect, what the request is answered. Nothing without a key.
pub async fn answered(tx: &mut Tx, status: StatusCode, body: &impl Serialize) -> Result<(), Error> {
    match Once::current() {
        Some(once) => once.keep(tx, status, body).await,
        None => Ok(()),
    }
}
