//! Calls through the real server: over real sockets, with simulated, scripted and foreign phones.

mod apps;
mod audio;
mod campaign;
mod click_to_call;
mod codecs;
mod conference;
mod did;
mod emergency;
mod failover;
mod forwarding;
mod hold;
mod in_call_keys;
mod ipv6;
mod menu;
mod methods;
mod music;
mod often;
mod outcomes;
mod park;
mod pickup;
pub(crate) mod queue;
mod recording;
mod recording_modes;
mod replaces;
mod ring_group;
mod semi_attended;
mod sessions;
mod sipp;
mod sips;
mod subscriptions;
mod supervise;
pub(crate) mod talk;
mod tls;
mod transfer;
mod trunk_identity;
mod trunk_media;
mod trunk_registration;
mod voicemail;
pub(crate) mod ws;

use testkit::{World, world::NOTICED};

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

/// Changes something by the command line and waits until the server has seen it.
pub(crate) async fn set(world: &World, arguments: &[&str]) {
    world.server.admin(arguments).await.unwrap();
    tokio::time::sleep(NOTICED).await;
}
