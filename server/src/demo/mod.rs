//! `zorio demo`: real calls against a simulated carrier and agents, on a server of its own.
//!
//! Nothing here reaches into the server: the CRM speaks HTTP, the phones and the carrier speak SIP and RTP, the
//! receiver takes signed HTTPS deliveries, all on loopback. What the demo believes it has seen there.

mod finale;
mod ledger;
mod plan;
mod play;
mod site;
mod stage;
mod view;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};

use self::{
    site::Site,
    stage::{ALONE, Stage},
    view::{Look, View},
};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Leaves the server running with its addresses and credentials printed, until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
    /// Folder to keep the data in; a temporary one, removed at the end, if absent.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Plays the demo. An error, and so an exit status other than 0, unless every expected event arrived and verified and
/// every record and recording is as it must be.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let mut view = View::on_stdout(no_colour);
    let folder = Folder::of(args.data_dir)?;
    view.say("Zorio demo: a CRM asks for calls, agents and a carrier make them, webhooks tell.", Look::Title);
    let stage = Arc::new(Box::pin(Stage::set(folder.path())).await?);
    introduce(&stage, &mut view);
    view.heading("Calls");
    view.gap();
    let calls = Box::pin(play::play(&stage, &mut view)).await;
    let fine = finale::show(&calls, &stage.receiver, &mut view);
    if args.keep {
        stage.leave_agents_alone();
        let site = Site::open(stage.crm.clone(), stage::VISITOR).await?;
        invite(&stage, &site, &mut view);
        tokio::select! {
            () = play::watch(&stage, &mut view) => {}
            stopped = tokio::signal::ctrl_c() => stopped.context("cannot wait for Ctrl-C")?,
        }
        view.say("\n  Stopping.", Look::Faint);
    }
    // The tasks of the calls are over, so this is the last handle.
    if let Ok(stage) = Arc::try_unwrap(stage) {
        stage.strike().await;
    }
    if folder.temporary && !args.keep {
        view.say("  Its data is removed now; --data-dir DIR keeps it, --keep leaves the server running.", Look::Faint);
    }
    if !fine {
        bail!("not every call of the demo went as planned");
    }
    Ok(())
}

/// Says who is there.
fn introduce(stage: &Stage, view: &mut View) {
    view.gap();
    view.fact("server", format!("{}   SIP {} (UDP and TCP)", stage.crm.base(), stage.sip));
    view.fact("carrier", format!("{} (trunk \"sandbox-carrier\", default route)", stage.carrier.address()));
    view.fact("agents", format!("{} registered", plan::AGENTS.join(", ")));
    view.fact("webhook", format!("{} (TLS, every delivery verified twice)", stage.hook()));
    view.fact("data", stage.data.display());
}

/// Says how to go on by hand.
fn invite(stage: &Stage, site: &Site, view: &mut View) {
    view.heading("The server stays up. Try it:");
    view.gap();
    view.say("  Talk from this browser, with a microphone (the link makes you extension 1000):", Look::Plain);
    view.gap();
    view.say(&format!("    http://{}/", site.address), Look::Call);
    view.gap();
    view.say(
        "  Call *60, which says back what you say, or 1001, an agent who answers. The same phone as a frame of",
        Look::Plain,
    );
    view.say(
        &format!("  another site: http://{0}/iframe, and without a face: http://{0}/npm", site.address),
        Look::Plain,
    );
    view.gap();
    let base = stage.crm.base();
    let token = stage.crm.token().unwrap_or_default();
    view.fact("console", format!("{base}/   {} / {} (asks for a password of your own)", stage.admin(), stage.password));
    view.fact("API", base);
    if let Some(https) = stage.app.addresses.https.first() {
        view.fact("over TLS", format!("https://{https} (self-signed certificate: curl --insecure)"));
    }
    view.fact("docs", format!("{base}/openapi/"));
    view.fact("token", token);
    view.fact("SIP", format!("{} (UDP and TCP)", stage.sip));
    for (extension, password) in stage.logins() {
        view.fact(&format!("  {extension}"), password);
    }
    view.fact("webhook", format!("{} secret {}", stage.hook(), stage.secret));
    view.fact("settings", stage.settings.display());
    view.gap();
    view.say("  A call, from agent 1001 to a number that answers (the last digit picks what happens):", Look::Plain);
    view.gap();
    view.say(
        &format!(
            "    curl -s {base}/api/pbx/calls/click-to-call -H 'Authorization: Bearer {token}' \\\n      \
             -H 'Content-Type: application/json' -d '{{\"from_extension\":\"1001\",\"to_phone\":\"84287770007\"}}'"
        ),
        Look::Call,
    );
    view.gap();
    view.say("  0 busy, 1 rejected, 2 unallocated, 3 no answer, 4 answers slowly, 5 answering machine,", Look::Plain);
    view.say("  6 hangs up mid-call, 7 to 9 answers and talks (9 presses the digit before it).", Look::Plain);
    view.gap();
    view.say(&format!("    zorio --config {} admin webhook list", stage.settings.display()), Look::Call);
    view.gap();
    view.say(
        &format!("  Agents hang up after {} s. Events are shown as they arrive; Ctrl-C ends it.", ALONE.as_secs()),
        Look::Plain,
    );
    view.gap();
}

/// The folder of the demo's data; a temporary one goes with this value.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn of(chosen: Option<PathBuf>) -> anyhow::Result<Self> {
        match chosen {
            Some(path) => Ok(Self { path, temporary: false }),
            None => {
                let path = std::env::temp_dir().join(format!("zorio-demo-{:08x}", rand::random::<u32>()));
                fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
                Ok(Self { path, temporary: true })
            }
        }
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
