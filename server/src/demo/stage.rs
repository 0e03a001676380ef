//! Sets the stage: a server of the demo's own, an account with agents and a trunk, and everybody around it.

use std::{
    collections::BTreeMap,
    fs, io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use domain::{EventName, Principal};
use pbx::{
    model::{NewRoute, RouteKind},
    ops::{
        Desk,
        queues::{self, TierFill},
        routes,
        trunks::{self, NewTrunk},
    },
};
use sandbox::{Agent, Carrier, Crm, Reaction, Receiver, Talk, Voice, agent, carrier, phone, receiver};
use serde_json::json;
use web::{Fields, Page};
use webhooks::NewWebhook;

use super::plan;
use crate::{
    config::Config,
    tls,
    wire::{self, App},
};

/// The first admin's name.
const ADMIN: &str = "admin";

/// The path of the receiver that the account's webhook goes to.
const HOOK: &str = "/crm/zorio-events";

/// The extension of whoever follows the demo's link.
pub(super) const VISITOR: &str = "1000";

/// What the webhook is subscribed to.
const EVENTS: [EventName; 4] =
    [EventName::CallRinging, EventName::CallAnswered, EventName::CallHangup, EventName::CdrCreated];

/// UDP ports of the simulated carrier's and agents' voices; the server takes those below.
const PARTY_PORTS: std::ops::RangeInclusive<u16> = 61_000..=65_400;

/// How long an agent talks whom nobody tells to hang up.
pub(super) const ALONE: Duration = Duration::from_secs(20);

/// How long the server may take to notice what the host's own tools have written.
const NOTICED: Duration = Duration::from_millis(1_200);

/// Everything that plays a part.
pub(super) struct Stage {
    pub(super) app: App,
    pub(super) settings: PathBuf,
    pub(super) data: PathBuf,
    pub(super) receiver: Receiver,
    pub(super) carrier: Carrier,
    pub(super) crm: Crm,
    pub(super) password: String,
    pub(super) secret: String,
    pub(super) sip: SocketAddr,
    agents: BTreeMap<String, Employee>,
}

/// An agent and the password of the extension.
struct Employee {
    agent: Agent,
    password: String,
}

impl Stage {
    /// Sets it in a folder, which is made if it is not there.
    pub(super) async fn set(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        let ca_file = folder.join("sandbox-authority.pem");
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let receiver = Receiver::open(receiver::Config { listen, ca_file: ca_file.clone() }).await?;

        let password = password_of(&folder)?;
        let data = folder.join("data");
        let settings = folder.join("zorio.toml");
        let certificate = tls::write_self_signed(&folder, &["localhost", "127.0.0.1"])?;
        fs::write(&settings, settings_text(&data, &ca_file, &password, &certificate)?)?;
        let app = Box::pin(wire::open(Config::load(Some(&settings))?)).await?;
        let http = *app.addresses.http.first().context("the server has no HTTP address")?;
        let sip = *app.addresses.sip_udp.first().context("the server has no SIP address")?;
        let crm = Crm::new(&format!("http://{http}")).log_in(ADMIN, &password).await.context("sign-in")?;

        let mut logins = Vec::new();
        for extension in plan::AGENTS {
            logins.push((extension, extension_password(&crm, extension).await?));
        }
        extension_password(&crm, VISITOR).await?;
        let media = phone::media(PARTY_PORTS)?;
        let carrier = carrier::Config { hangs_up_after: Duration::from_secs(3), ..carrier::Config::on_loopback() };
        let carrier = Carrier::open(carrier, media.clone()).await?;
        let secret = furnish(&app, carrier.address(), &receiver.url(HOOK)).await?;
        receiver.set_secret(HOOK, &secret);
        // The desk is the one of `zorio admin`, whose writes the server notices within a second.
        tokio::time::sleep(NOTICED).await;

        let mut agents = BTreeMap::new();
        for (extension, password) in logins {
            let agent = Agent::register(agent::Config::new(extension, &password, sip), media.clone()).await;
            let agent = agent.with_context(|| format!("agent {extension} cannot register"))?;
            agents.insert(extension.to_owned(), Employee { agent, password });
        }
        Ok(Self { app, settings, data, receiver, carrier, crm, password, secret, sip, agents })
    }

    /// Returns one of the agents of the plan.
    pub(super) fn agent(&self, extension: &str) -> &Agent {
        &self.agents[extension].agent
    }

    /// Lets the agents hang up by themselves: nobody directs them any more.
    pub(super) fn leave_agents_alone(&self) {
        for (extension, employee) in &self.agents {
            let talk = Talk { hangs_up_after: Some(ALONE), ..Talk::in_voice(Voice::of_agent(extension)) };
            employee.agent.set_reaction(Reaction::Answers { after: Duration::from_millis(500), talk });
        }
    }

    /// Returns every extension with its SIP password.
    pub(super) fn logins(&self) -> impl Iterator<Item = (&str, &str)> {
        self.agents.iter().map(|(extension, employee)| (extension.as_str(), employee.password.as_str()))
    }

    /// Returns the address that the account's webhook goes to.
    pub(super) fn hook(&self) -> String {
        self.receiver.url(HOOK)
    }

    pub(super) fn admin(&self) -> &'static str {
        ADMIN
    }

    /// Returns where the recording of a call lies in the data folder.
    pub(super) fn recording_file(&self, call: &str) -> Option<PathBuf> {
        find(&self.data.join("recordings"), call)
    }

    /// Ends it in order: phones first, then the server.
    pub(super) async fn strike(self) {
        for (_, employee) in self.agents {
            let _ = employee.agent.leave().await;
        }
        self.app.shutdown(Duration::from_secs(2)).await;
    }
}

/// Makes the trunk, the route to it and the webhook as `zorio admin` does; returns the webhook's secret. What an earlier
/// demo left in the same folder is removed first: its carrier and its receiver are gone.
async fn furnish(app: &App, carrier: SocketAddr, hook: &str) -> anyhow::Result<String> {
    let rooms = &app.rooms;
    let account = rooms.accounts.accounts().await?.first().context("the server made no account")?.id;
    let who = Principal::system(account);
    for route in routes::list(&rooms.desk, &who).await? {
        routes::delete(&rooms.desk, &who, route.id).await?;
    }
    let known = trunks::list(&rooms.desk, &who, Page::default()).await?;
    for known in known.data {
        trunks::delete(&rooms.desk, &who, known.trunk.id).await?;
    }
    for webhook in rooms.webhooks.list(account).await? {
        rooms.webhooks.delete(&who, webhook.id).await?;
    }
    let trunk = NewTrunk {
        name: "sandbox-carrier".to_owned(),
        host: carrier.ip().to_string(),
        port: Some(carrier.port()),
        ..NewTrunk::default()
    };
    let trunk = trunks::create(&rooms.desk, &who, trunk).await?;
    routes::create(&rooms.desk, &who, NewRoute::plain(RouteKind::Default { trunk: trunk.id }, 0)).await?;
    staff(&rooms.desk, &who).await?;
    // The example of a frame is a page of the server itself.
    for own in app.addresses.http.iter().map(|address| format!("http://{address}")) {
        if !rooms.accounts.allowed_origins(account).await?.contains(&own) {
            rooms.accounts.add_origin(&who, &own).await?;
        }
    }
    let new = NewWebhook {
        name: "Sandbox CRM".to_owned(),
        url: hook.to_owned(),
        events: EVENTS.to_vec(),
        ..NewWebhook::default()
    };
    Ok(rooms.webhooks.create(&who, new).await?.secret.reveal().to_owned())
}

/// Makes a queue that every agent serves, unless an earlier demo left it.
async fn staff(desk: &Desk, who: &Principal) -> anyhow::Result<()> {
    let fill = queues::Fill {
        name: Some("support".to_owned()),
        queue_number: Some("8001".to_owned()),
        ..queues::Fill::default()
    };
    match queues::create(desk, who, fill, Fields::new()).await {
        Ok(_) => {}
        Err(pbx::Error::Taken(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    for extension in plan::AGENTS {
        let tier = TierFill { extension: Some(extension.to_owned()), ..TierFill::default() };
        queues::add_tier(desk, who, "support", tier, Fields::new()).await?;
    }
    Ok(())
}

/// Makes the extension by the API; a folder that was used before has it already, then it gets a new password.
async fn extension_password(crm: &Crm, extension: &str) -> anyhow::Result<String> {
    let fields = json!({
        "extension_number": extension,
        "display_name": format!("Agent {extension}"),
        "recording_mode": "all",
    });
    let mut reply = crm.post("/api/pbx/extensions", &fields).await?;
    if reply.status == 409 {
        reply = crm.post(&format!("/api/pbx/extensions/{extension}/rotate-password"), &json!({})).await?;
    }
    let made = reply.status;
    let password = reply.json["data"]["sip_password"].as_str();
    Ok(password.with_context(|| format!("extension {extension}: status {made} without sip_password"))?.to_owned())
}

/// Returns the admin's password: a new one, or that of the earlier demo in the same folder.
fn password_of(folder: &Path) -> io::Result<String> {
    let file = folder.join("admin-password");
    if let Ok(known) = fs::read_to_string(&file) {
        return Ok(known.trim().to_owned());
    }
    let password = format!("demo-{:016x}", rand::random::<u64>());
    fs::write(&file, &password)?;
    Ok(password)
}

/// Returns the settings of the demo's server: everything on loopback, on free ports, and nobody waits for long.
fn settings_text(data: &Path, ca_file: &Path, password: &str, certificate: &(PathBuf, PathBuf)) -> io::Result<String> {
    let (cert_file, key_file) = certificate;
    // There 0 means none.
    let webrtc_port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    Ok(format!(
        "# Written by `zorio demo`. `zorio --config THIS admin …` works beside it while it runs.\n\
         data_dir = {data:?}\n\n\
         [http]\nlisten = [\"127.0.0.1:0\"]\n\n\
         [https]\nlisten = [\"127.0.0.1:0\"]\n\n\
         [tls]\ncert_file = {cert_file:?}\nkey_file = {key_file:?}\n\n\
         [sip]\nudp_listen = [\"127.0.0.1:0\"]\ntcp_listen = [\"127.0.0.1:0\"]\n\n\
         [media]\nbind_address = \"127.0.0.1\"\nwebrtc_port = {webrtc_port}\nthreads = 1\n\n\
         [calls]\nring_seconds = 7\n\n\
         [webhooks]\nallow_networks = [\"127.0.0.0/8\"]\nca_file = {ca_file:?}\n\n\
         [bootstrap]\nadmin_username = {ADMIN:?}\nadmin_password = {password:?}\n\n\
         [metrics]\nlisten = []\n",
    ))
}

/// Looks for a file whose name contains `part`, in the folder and those in it.
fn find(folder: &Path, part: &str) -> Option<PathBuf> {
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = find(&path, part) {
                return Some(found);
            }
        } else if entry.file_name().to_string_lossy().contains(part) {
            return Some(path);
        }
    }
    None
}
