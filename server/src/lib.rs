#![doc = include_str!("../README.md")]

pub mod admin;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod exchange;
pub mod expiry;
pub mod health;
pub mod http;
pub mod openapi;
mod opening;
pub mod router;
pub mod serve;
pub mod tasks;
pub mod telemetry;
pub mod tls;
pub mod wire;
