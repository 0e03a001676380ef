//! The room against real receivers.

mod attempts;
mod crash;
mod fairness;
mod receiver;
mod rig;
mod subscriptions;
