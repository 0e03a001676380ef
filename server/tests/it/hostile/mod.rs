//! Attacks: what strangers, thieves and broken programs send. After each of them the server stands as before.
//!
//! Each file holds tables of one family. A row says what is sent and what may come back; after every row
//! [`Fort::stands`] looks whether the process lives, answers, keeps quiet about secrets and has not panicked.

pub(crate) mod callee;
mod codes;
mod dialogs;
mod flood;
mod fort;
mod guesses;
mod identity;
mod loops;
mod media;
mod receivers;
mod requests;
mod scanners;
mod sdp;
mod storm;
mod tenants;
mod toll;
mod toll_features;
mod torture;
mod trunks;
mod web;
mod whose;

use std::time::Duration;

pub(super) use fort::Fort;

/// The server answers a valid request within this time, whatever came before.
const ANSWERS_WITHIN: Duration = Duration::from_millis(500);
