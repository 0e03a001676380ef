//! Endpoints against each other and against scripted peers, on virtual time over a simulated network.
#![expect(clippy::unwrap_used, reason = "tests")]

mod cancel;
mod dialogs;
mod forged;
mod forks;
mod hostile;
mod lossy;
mod moved;
mod net;
mod offers;
mod refer;
mod register;
mod reliable;
mod sessions;
mod strangers;
mod subscribe;
mod trunks;
