//! Calls through the real server: over real sockets, with simulated, scripted and foreign phones.

mod apps;
mod audio;
mod click_to_call;
mod codecs;
mod failover;
mod hold;
mod ipv6;
mod methods;
mod outcomes;
mod sessions;
mod sipp;
mod sips;
mod subscriptions;
mod supervise;
mod tls;
mod transfer;
mod trunk_identity;
mod trunk_media;
mod trunk_registration;
mod ws;

use testkit::World;

/// The binary under test.
pub(crate) const ZORIO: &str = env!("CARGO_BIN_EXE_zorio");

/// Opens a world whose time-outs are short.
pub(crate) async fn world() -> World {
    World::open(
        ZORIO,
        &[
            ("ZORIO_LIMITS__PBX", "100000"),
            ("ZORIO_CALLS__RING_SECONDS", "3"),
            ("ZORIO_CALLS__AGENT_RING_SECONDS", "3"),
        ],
    )
    .await
    .unwrap()
}
