//! Simulated agents: phones that register with an extension's password, answer by themselves, speak and listen.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use media::{Media, NoPorts};
use sip::{Destination, Event, Invite, Register, RegisterFailed, Registered, Sip, TrunkCredentials};
use tokio::sync::mpsc;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    Voice,
    phone::{About, Call, Caller, HEARS, Log, Party, Reaction, Speaks, Talk, rehearse},
};

/// Who the agent is and how the phone behaves.
#[derive(Clone, Debug)]
pub struct Config {
    pub extension: String,
    pub password: String,
    /// The server's SIP address.
    pub registrar: Destination,
    /// Whose certificates the phone trusts, by TLS.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The account's SIP domain.
    pub domain: String,
    /// The phone's own address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Seconds asked for; the phone registers again at half of what is granted.
    pub expires: u32,
    /// What the phone does with a call that comes in.
    pub reaction: Reaction,
    /// How much of each call is kept; zero for load.
    pub hears: Duration,
    /// What its line can do.
    pub speaks: Speaks,
}

impl Config {
    /// Returns an agent on 127.0.0.1 that registers by UDP, answers after a moment and talks in its own voice
    /// until the other side hangs up.
    pub fn new(extension: &str, password: &str, registrar: SocketAddr) -> Self {
        Self {
            extension: extension.to_owned(),
            password: password.to_owned(),
            registrar: Destination::udp(registrar),
            tls: None,
            domain: registrar.ip().to_string(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            expires: 120,
            reaction: Reaction::Answers {
                after: Duration::from_millis(300),
                talk: Talk::in_voice(Voice::of_agent(extension)),
            },
            hears: HEARS,
            speaks: Speaks::default(),
        }
    }
}

/// Why an agent cannot work.
#[derive(Debug, thiserror::Error)]
pub enum AgentFailed {
    #[error("the phone cannot open its socket")]
    Socket(#[from] io::Error),
    #[error("the registration failed")]
    Registration(#[from] RegisterFailed),
}

/// A registered phone. Its registration ends with [`Agent::leave`], or runs out after the last clone is gone.
#[derive(Clone)]
pub struct Agent {
    inner: Arc<Inner>,
    _stop: Arc<DropGuard>,
}

struct Inner {
    sip: Sip,
    config: Config,
    reaction: Mutex<Reaction>,
    caller: Caller,
    calls: Log,
    registered: Mutex<Registered>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Agent {
    /// Opens the phone's socket and registers. `media` may be shared with other parties.
    pub async fn register(config: Config, media: Media) -> Result<Self, AgentFailed> {
        let edge = sip::Config {
            user_agent: "Zorio sandbox phone".to_owned(),
            tls_client: config.tls.clone(),
            ..sip::Config::on(config.listen)
        };
        let (sip, events) = Sip::open(edge).await?;
        sip.trust(vec![config.registrar.addr.ip()]);
        rehearse([Voice::of_agent(&config.extension)]).await;
        let registered = config.first_registration(&sip).await?;
        let stop = CancellationToken::new();
        let inner = Arc::new(Inner {
            sip,
            reaction: Mutex::new(config.reaction.clone()),
            caller: Caller { media, hears: config.hears, speaks: config.speaks },
            config,
            calls: Log::default(),
            registered: Mutex::new(registered),
            tracker: TaskTracker::new(),
            stop: stop.clone(),
        });
        inner.tracker.spawn(Arc::clone(&inner).take_calls(events));
        inner.tracker.spawn(stop.clone().run_until_cancelled_owned(Arc::clone(&inner).stay_registered()));
        Ok(Self { inner, _stop: Arc::new(stop.drop_guard()) })
    }

    pub fn extension(&self) -> &str {
        &self.inner.config.extension
    }

    /// Returns the phone's own address.
    pub fn address(&self) -> SocketAddr {
        self.inner.sip.local_udp().expect("the phone was opened with a UDP address")
    }

    /// Changes what the phone does with the next calls.
    pub fn set_reaction(&self, reaction: Reaction) {
        *self.inner.reaction.lock().unwrap_or_else(PoisonError::into_inner) = reaction;
    }

    /// Dials a number in the agent's voice.
    pub fn dial(&self, number: &str) -> Result<Call, NoPorts> {
        self.dial_and(number, Talk::in_voice(Voice::of_agent(self.extension())))
    }

    /// Dials a number and talks like that.
    pub fn dial_and(&self, number: &str, talk: Talk) -> Result<Call, NoPorts> {
        self.place("sip", number, talk, Vec::new())
    }

    /// Takes the place that another phone has in `other` (RFC 3891): it calls with what that phone would be named by.
    /// `early_only`: only while that phone still rings.
    pub fn take_over(&self, other: &Call, early_only: bool) -> Result<Call, NoPorts> {
        let replaces = other.named().map(|(_, replaces)| sip::Replaces { early_only, ..replaces });
        let headers = replaces.map(|replaces| ("Replaces".to_owned(), replaces.to_string())).into_iter().collect();
        let talk = Talk::in_voice(Voice::of_agent(self.extension()));
        self.place("sip", &other.about().number, talk, headers)
    }

    fn place(&self, scheme: &str, number: &str, talk: Talk, headers: Vec<(String, String)>) -> Result<Call, NoPorts> {
        let config = &self.inner.config;
        let target = format!("{scheme}:{number}@{}", config.domain);
        let credentials =
            TrunkCredentials { username: config.extension.clone(), password: config.password.clone(), realm: None };
        let invite = Invite {
            credentials: Some(credentials),
            headers,
            ..Invite::new(target, config.registrar, &config.extension, &config.domain)
        };
        let about = About { number: number.to_owned(), caller: config.extension.clone(), ..About::default() };
        let (call, running) = Party::place(&self.inner.sip, invite, about, self.inner.caller.clone(), talk)?;
        self.inner.calls.add(call.clone());
        self.inner.tracker.spawn(self.inner.stop.clone().run_until_cancelled_owned(running));
        Ok(call)
    }

    /// Dials a number that is to be encrypted on every hop.
    pub fn dial_sips(&self, number: &str) -> Result<Call, NoPorts> {
        self.place("sips", number, Talk::in_voice(Voice::of_agent(self.extension())), Vec::new())
    }

    /// Returns the latest calls, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.inner.calls.all()
    }

    /// Waits for a call that has `property`, one that came already or one to come; `None` after `patience`.
    pub async fn call(&self, patience: Duration, property: impl Fn(&Call) -> bool) -> Option<Call> {
        self.inner.calls.find(patience, property).await
    }

    /// Registers again at once.
    pub async fn refresh(&self) -> Result<(), RegisterFailed> {
        self.inner.refresh(self.inner.config.expires).await.map(|_| ())
    }

    /// Takes the registration back and closes the phone.
    pub async fn leave(self) -> Result<(), RegisterFailed> {
        let left = self.inner.refresh(0).await.map(|_| ());
        self.inner.stop.cancel();
        left
    }
}

impl Config {
    /// Registers, and as a real phone does tries again after a refusal: the extension may be a moment old.
    async fn first_registration(&self, sip: &Sip) -> Result<Registered, RegisterFailed> {
        let mut waits = [100, 400].into_iter();
        loop {
            match (sip.register(self.registration(None)).await, waits.next()) {
                (Err(RegisterFailed::Refused { .. }), Some(wait)) => {
                    tokio::time::sleep(Duration::from_millis(wait)).await
                }
                (outcome, _) => return outcome,
            }
        }
    }

    fn registration(&self, former: Option<&Registered>) -> Register {
        Register {
            registrar: self.registrar,
            domain: self.domain.clone(),
            user: self.extension.clone(),
            password: self.password.clone(),
            contact: None,
            expires: self.expires,
            call_id: former.map(|former| former.call_id.clone()),
            cseq: former.map_or(1, |former| former.cseq + 1),
        }
    }
}

impl Inner {
    async fn take_calls(self: Arc<Self>, mut events: mpsc::Receiver<Event>) {
        while let Some(Some(event)) = self.stop.run_until_cancelled(events.recv()).await {
            if let Event::Incoming(incoming) = event {
                let reaction = self.reaction.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let (call, running) = Party::take(&incoming, self.caller.clone(), reaction);
                self.calls.add(call);
                self.tracker.spawn(self.stop.clone().run_until_cancelled_owned(running));
            }
        }
        self.sip.close().await;
    }

    async fn stay_registered(self: Arc<Self>) {
        loop {
            let granted = self.registered.lock().unwrap_or_else(PoisonError::into_inner).expires;
            tokio::time::sleep(Duration::from_secs(u64::from(granted / 2).max(5))).await;
            if let Err(error) = self.refresh(self.config.expires).await {
                tracing::warn!(%error, extension = self.config.extension, "a simulated phone lost its registration");
            }
        }
    }

    async fn refresh(&self, expires: u32) -> Result<Registered, RegisterFailed> {
        let former = self.registered.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let register = Register { expires, ..self.config.registration(Some(&former)) };
        let registered = self.sip.register(register).await?;
        *self.registered.lock().unwrap_or_else(PoisonError::into_inner) = registered.clone();
        Ok(registered)
    }
}
