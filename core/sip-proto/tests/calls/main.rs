//! Endpoints against each other and against scripted peers, on virtual time over a simulated network.
#![expect(clippy::unwrap_used, reason = "tests")]

mod cancel;
mod dialogs;
mod forged;
mod forks;
mod hostile;
mod lossy;
mod net;
mod offers;
mod register;
mod strangers;
mod trunks;
