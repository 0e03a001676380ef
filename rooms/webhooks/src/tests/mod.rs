//! The room against real receivers.

mod attempts;
mod connections;
mod crash;
mod fairness;
mod figures;
mod incoming;
mod receiver;
mod replays;
mod rig;
mod rules;
mod subscriptions;
