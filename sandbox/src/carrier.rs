//! The simulated carrier: a SIP trunk on loopback whose numbers behave by their last digit.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use media::{Media, NoPorts};
use sip::{Destination, Event, Incoming, Invite, Sip, TrustedSource};
use sip_proto::digest::{Ha1, ha1};
use tokio::sync::mpsc;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    Outcome, Voice,
    phone::{About, Call, Caller, HEARS, Log, Party, Reaction, Says, Speaks, Talk, rehearse},
};

/// How the carrier behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// UDP and TCP; port 0 takes free ones.
    pub listen: SocketAddr,
    /// The certificate, where it listens for TLS too.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Whom it lets call.
    pub customers: Customers,
    /// Ringing before an ordinary answer.
    pub answers_after: Duration,
    /// Ringing before the answer of a number that ends in 4.
    pub answers_slowly_after: Duration,
    /// Talking before a number that ends in 6 hangs up.
    pub hangs_up_after: Duration,
    /// How much of each call is kept; zero for load.
    pub hears: Duration,
    /// What its lines can do.
    pub speaks: Speaks,
}

/// Whom the carrier lets call.
#[derive(Clone, Debug)]
pub enum Customers {
    /// Everybody from these addresses, without a password.
    Addresses(Vec<TrustedSource>),
    /// Whoever knows the login (digest).
    Login { username: String, password: String },
}

impl Config {
    /// Returns a carrier on a free port of 127.0.0.1 that lets everybody on this host call.
    pub fn on_loopback() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            customers: Customers::Addresses(vec![TrustedSource { ip: [127, 0, 0, 1].into(), port: None }]),
            answers_after: Duration::from_millis(400),
            answers_slowly_after: Duration::from_secs(4),
            hangs_up_after: Duration::from_millis(2_500),
            hears: HEARS,
            speaks: Speaks::default(),
        }
    }
}

/// The carrier. Stops when the last clone is gone; calls that stand then are cut.
#[derive(Clone)]
pub struct Carrier {
    inner: Arc<Inner>,
    _stop: Arc<DropGuard>,
}

struct Inner {
    sip: Sip,
    config: Config,
    caller: Caller,
    calls: Log,
    exceptions: Mutex<HashMap<String, Reaction>>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Carrier {
    /// Opens the trunk's sockets. `media` may be shared with other parties.
    pub async fn open(config: Config, media: Media) -> io::Result<Self> {
        let edge = sip::Config {
            user_agent: "Zorio sandbox carrier".to_owned(),
            tls: config.tls.iter().map(|_| SocketAddr::new(config.listen.ip(), 0)).collect(),
            tls_server: config.tls.clone(),
            ..sip::Config::on(config.listen)
        };
        let (sip, events) = Sip::open(edge).await?;
        if let Customers::Addresses(sources) = &config.customers {
            sip.trust(sources.clone());
        }
        rehearse((0..10).map(|digit| Voice::of_customer(&digit.to_string())).chain([Voice::MACHINE])).await;
        let stop = CancellationToken::new();
        let inner = Arc::new(Inner {
            sip,
            caller: Caller { media, hears: config.hears, speaks: config.speaks },
            config,
            calls: Log::default(),
            exceptions: Mutex::default(),
            tracker: TaskTracker::new(),
            stop: stop.clone(),
        });
        inner.tracker.spawn(Arc::clone(&inner).take_calls(events));
        Ok(Self { inner, _stop: Arc::new(stop.drop_guard()) })
    }

    /// Returns the address that a trunk sends calls to, UDP or TCP.
    pub fn address(&self) -> SocketAddr {
        self.inner.sip.local_udp().expect("the carrier was opened with a UDP address")
    }

    /// Returns the address by TLS, if it listens for that.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.inner.sip.local(sip::Transport::Tls)
    }

    /// Makes one number react in its own way, whatever its last digit.
    pub fn set_reaction(&self, number: &str, reaction: Reaction) {
        self.inner.exceptions.lock().unwrap_or_else(PoisonError::into_inner).insert(number.to_owned(), reaction);
    }

    /// Calls a number of a customer whose server is at `to`, as `caller`, who talks in the own voice.
    pub fn dial(&self, to: Destination, number: &str, caller: &str) -> Result<Call, NoPorts> {
        let (host, domain) = (to.addr.ip().to_string(), self.inner.config.listen.ip().to_string());
        let invite = Invite::new(format!("sip:{number}@{host}"), to, caller, &domain);
        let about = About { number: number.to_owned(), caller: caller.to_owned(), ..About::default() };
        let talk = Talk::in_voice(Voice::of_customer(caller));
        let (call, running) = Party::place(&self.inner.sip, invite, about, self.inner.caller.clone(), talk)?;
        self.inner.calls.add(call.clone());
        self.inner.tracker.spawn(self.inner.stop.clone().run_until_cancelled_owned(running));
        Ok(call)
    }

    /// Returns the latest calls, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.inner.calls.all()
    }

    /// Waits for a call to `number`, one that came already or one to come; `None` after `patience`.
    pub async fn call_to(&self, number: &str, patience: Duration) -> Option<Call> {
        self.inner.calls.find(patience, |call| call.about().number == number).await
    }
}

impl Inner {
    async fn take_calls(self: Arc<Self>, mut events: mpsc::Receiver<Event>) {
        while let Some(Some(event)) = self.stop.run_until_cancelled(events.recv()).await {
            match event {
                Event::Incoming(incoming) if self.lets_in(&incoming) => {
                    let reaction = self.reaction(&incoming.request.uri_user);
                    let (call, running) = Party::take(&incoming, self.caller.clone(), reaction);
                    self.calls.add(call);
                    self.tracker.spawn(self.stop.clone().run_until_cancelled_owned(running));
                }
                Event::Incoming(incoming) => incoming.challenge(),
                Event::Register(register) => register.reject(403),
                Event::Subscribe(request) => request.reject(403),
                Event::Subscription { .. } | Event::FlowClosed(_) => {}
            }
        }
        self.sip.close().await;
    }

    fn lets_in(&self, incoming: &Incoming) -> bool {
        match (&self.config.customers, &incoming.credentials) {
            (Customers::Addresses(_), _) => true,
            (Customers::Login { username, password }, Some(given)) => {
                let expected: Ha1 = ha1(given.algorithm(), username, given.realm(), password);
                given.username() == username && given.verify("INVITE", &expected)
            }
            (Customers::Login { .. }, None) => false,
        }
    }

    fn reaction(&self, number: &str) -> Reaction {
        let exceptions = self.exceptions.lock().unwrap_or_else(PoisonError::into_inner);
        exceptions.get(number).cloned().unwrap_or_else(|| self.config.reaction(number))
    }
}

impl Config {
    /// Returns what the carrier does with a number.
    fn reaction(&self, number: &str) -> Reaction {
        let outcome = Outcome::of(number);
        let talk = Talk::in_voice(Voice::of_customer(number));
        let (after, talk) = match outcome {
            Outcome::Busy | Outcome::Rejected | Outcome::Unallocated => {
                let (status, q850) = outcome.refusal().expect("these three are refusals");
                return Reaction::Refuses { status, q850 };
            }
            Outcome::NoAnswer => return Reaction::Rings,
            Outcome::AnswersSlowly => (self.answers_slowly_after, talk),
            Outcome::AnsweringMachine => (self.answers_after, Talk { says: Says::Greeting, ..talk }),
            Outcome::HangsUp => (self.answers_after, Talk { hangs_up_after: Some(self.hangs_up_after), ..talk }),
            Outcome::Answers { presses } => (self.answers_after, Talk { presses, ..talk }),
        };
        Reaction::Answers { after, talk }
    }
}
