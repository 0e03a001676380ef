#![doc = include_str!("../README.md")]

pub mod admin;
mod alarms;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod exchange;
pub mod expiry;
pub mod health;
pub mod http;
pub mod keys;
pub mod openapi;
mod opening;
mod origins;
pub mod router;
pub mod serve;
mod strangers;
pub mod tasks;
pub mod telemetry;
pub mod tls;
mod trunk_probe;
mod websocket;
pub mod wire;
