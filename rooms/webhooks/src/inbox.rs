//! The way to the driver, which may be started anew.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::{driver::Input, room::TOTAL};

#[derive(Default)]
pub(crate) struct Inbox(Mutex<Option<mpsc::Sender<Input>>>);

impl Inbox {
    /// Begins a new way, at whose end a driver listens. It holds more than there are seats.
    pub(crate) fn open(&self) -> mpsc::Receiver<Input> {
        let (sender, receiver) = mpsc::channel(TOTAL * 2);
        *self.lock() = Some(sender);
        receiver
    }

    /// Returns whether the driver will get it.
    pub(crate) fn send(&self, input: Input) -> bool {
        self.lock().as_ref().is_some_and(|sender| sender.try_send(input).is_ok())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<mpsc::Sender<Input>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
