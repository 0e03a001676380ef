//! A whole company around the server: a carrier, agents, a CRM and its webhook receiver.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context;
use media::Media;
use sandbox::{Agent, Carrier, Crm, Reaction, Receiver, agent, carrier, phone, receiver};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Server, wait::until};

/// How long anything may take that should happen at once, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The server looks for what other processes wrote once a second, and does not say when it has seen it.
pub const NOTICED: Duration = Duration::from_millis(1_300);

/// The path of the receiver that the account's webhook goes to.
pub const HOOK: &str = "/hook";

/// Every event of a call.
pub const CALL_EVENTS: &str = "pbx.call.ringing,pbx.call.answered,pbx.call.hangup,pbx.cdr.created";

/// A server with an account in it, and everybody that it talks to.
pub struct World {
    pub server: Server,
    pub receiver: Receiver,
    pub carrier: Carrier,
    /// The media of the carrier and the agents.
    pub media: Media,
    pub folder: TempDir,
}

impl World {
    /// Starts all of it: the carrier is the account's trunk and default route, the receiver gets every event of calls.
    pub async fn open(binary: &str, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::open_with(binary, settings, carrier::Config::on_loopback()).await
    }

    /// Starts all of it with a carrier of another temper.
    pub async fn open_with(binary: &str, settings: &[(&str, &str)], config: carrier::Config) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let ca_file = folder.path().join("ca.pem");
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let receiver = Receiver::open(receiver::Config { listen, ca_file: ca_file.clone() }).await?;
        let ca_file = ca_file.to_string_lossy().into_owned();
        let mut all = vec![("ZORIO_WEBHOOKS__CA_FILE", ca_file.as_str())];
        all.extend_from_slice(settings);
        let server = Server::start(binary, &all).await?;
        // Above the ports that Linux hands out by itself. Other worlds draw from the same range; a taken port is
        // passed over.
        let media = phone::media(61_000..=65_400)?;
        let carrier = Carrier::open(config, media.clone()).await?;
        let trunk = server.trunk("carrier", carrier.address()).await?;
        server.default_route(trunk).await?;
        let world = Self { server, receiver, carrier, media, folder };
        let secret = world.server.webhook(&world.receiver.url(HOOK), CALL_EVENTS).await?;
        world.receiver.set_secret(HOOK, &secret);
        tokio::time::sleep(NOTICED).await;
        Ok(world)
    }

    pub fn crm(&self) -> &Crm {
        self.server.crm()
    }

    /// Creates an extension and registers a phone for it that answers and talks.
    pub async fn agent(&self, extension: &str) -> anyhow::Result<Agent> {
        let password = self.server.extension(extension).await?;
        let config = agent::Config::new(extension, &password, self.server.sip());
        Ok(Agent::register(config, self.media.clone()).await?)
    }

    /// Creates an extension and registers a phone for it that reacts like that.
    pub async fn agent_that(&self, extension: &str, reaction: Reaction) -> anyhow::Result<Agent> {
        let agent = self.agent(extension).await?;
        agent.set_reaction(reaction);
        Ok(agent)
    }

    /// Waits for an event of a call, checks its signatures, and returns its `data`.
    pub async fn event(&self, name: &str, call: &str) -> anyhow::Result<Value> {
        let found = self
            .receiver
            .wait_for(PATIENCE, |d| d.event() == name && d.call_uuid().as_deref() == Some(call))
            .await
            .with_context(|| format!("no {name} of call {call} arrived; there are {:?}", self.events_of(call)))?;
        anyhow::ensure!(found.verified(), "{name}: {:?} {:?}", found.zorio, found.standard);
        Ok(found.json()["data"].clone())
    }

    /// Returns the names of a call's events in the order of their arrival, repetitions left out.
    pub fn events_of(&self, call: &str) -> Vec<String> {
        let of_call = |d: &&std::sync::Arc<receiver::Delivery>| !d.duplicate && d.call_uuid().as_deref() == Some(call);
        self.receiver.deliveries().iter().filter(of_call).map(|d| d.event().to_owned()).collect()
    }

    /// Returns the CDR's detail, as soon as there is one.
    pub async fn cdr(&self, call: &str) -> anyhow::Result<Value> {
        let path = format!("/api/pbx/cdr/{call}");
        until("the CDR is written", PATIENCE, async || {
            let reply = self.crm().get(&path).await.ok()?;
            (reply.status == 200).then(|| reply.json["data"].clone())
        })
        .await
    }

    /// Places a click-to-call and returns its uuid.
    pub async fn click(&self, extension: &str, number: &str) -> anyhow::Result<String> {
        let answer = self.crm().click_to_call(extension, number).await?;
        Ok(answer["call_uuid"].as_str().context("the answer has no call_uuid")?.to_owned())
    }

    /// Writes a clip into a WAV file and returns its path.
    pub fn wav(&self, name: &str, samples: &[i16]) -> anyhow::Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, audio::wav::mono(audio::SAMPLE_RATE, samples))?;
        Ok(path)
    }
}
