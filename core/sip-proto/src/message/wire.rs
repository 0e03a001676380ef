//! Messages on their way out, and the paper they are written on.

use std::{cell::RefCell, fmt, ops::Deref, sync::Arc};

use bytes::Bytes;

use super::{Message, parse::scan};
use crate::limits;

/// A whole message ready to be sent.
///
/// It is made with one allocation of its own size; whoever may have to send it again holds a clone, which costs
/// nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Wire(Arc<[u8]>);

impl Wire {
    /// Reads a copy of it. Nothing is judged: it is our own.
    pub fn message(&self) -> Message {
        scan(Bytes::copy_from_slice(&self.0)).0
    }
}

impl Deref for Wire {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Wire {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Wire {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for Wire {
    /// Prints the size alone: everything else may hold numbers and credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// Bytes of a new sheet: what most messages need.
const ROOM: usize = 2048;
/// Sheets kept for the next messages of a thread.
const SHEETS: usize = 4;

thread_local! {
    static DRAWER: RefCell<Vec<(Vec<u8>, Vec<u8>)>> = const { RefCell::new(Vec::new()) };
}

/// Where a message is written: the head, and the body that waits for its end. Used again and again by its thread.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
}

impl Sheet {
    pub(super) fn take() -> Self {
        let fresh = || (Vec::with_capacity(ROOM), Vec::with_capacity(ROOM));
        let (head, body) = DRAWER.with_borrow_mut(Vec::pop).unwrap_or_else(fresh);
        Self { head, body }
    }

    pub(super) fn wire(&self) -> Wire {
        Wire(Arc::from(self.head.as_slice()))
    }
}

impl Drop for Sheet {
    fn drop(&mut self) {
        let (mut head, mut body) = (std::mem::take(&mut self.head), std::mem::take(&mut self.body));
        if head.capacity().max(body.capacity()) > limits::MESSAGE {
            return;
        }
        head.clear();
        body.clear();
        // While the thread ends there is no drawer any more.
        let _ = DRAWER.try_with(|drawer| {
            if let Ok(mut drawer) = drawer.try_borrow_mut()
                && drawer.len() < SHEETS
            {
                drawer.push((head, body));
            }
        });
    }
}
