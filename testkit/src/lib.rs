#![doc = include_str!("../README.md")]

pub mod attackers;
pub mod authority;
pub mod baresip;
pub mod browser;
pub mod database;
pub mod dns;
pub mod kamailio;
pub mod linphone;
pub mod ports;
pub mod raw_phone;
pub mod records;
pub mod registrar;
pub mod server;
pub mod sipp;
pub mod wait;
pub mod weather;
pub mod world;

pub use authority::Authority;
pub use baresip::Baresip;
pub use browser::Browser;
pub use database::Database;
pub use dns::Dns;
pub use linphone::Linphone;
pub use ports::Ports;
pub use raw_phone::RawPhone;
pub use registrar::Registrar;
pub use sandbox::{Crm, Receiver, crm::Reply};
pub use server::Server;
pub use sipp::Sipp;
pub use wait::until;
pub use world::World;
