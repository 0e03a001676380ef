//! A carrier's registrar: customers sign in, and it behaves as a test wants.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sip::{Config, Destination, Event, Sip, TrustedSource};
use sip_proto::digest::ha1;
use tokio::{sync::mpsc, task::JoinSet};

use crate::wait::until;

/// How long a slow registrar takes to forget.
const SLOW: Duration = Duration::from_secs(1);

/// What a registrar says to a customer with the right password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Grants that many seconds.
    Grants(u32),
    /// 423 unless at least that many seconds are asked for, which it then grants.
    AtLeast(u32),
    Refuses(u16),
    /// Grants 3600 seconds, and takes a second to forget a customer who leaves.
    ForgetsSlowly,
}

/// What one REGISTER said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub user: String,
    pub contact: String,
    pub expires: u32,
    pub from: SocketAddr,
}

/// A running registrar; gone when dropped.
#[derive(Debug)]
pub struct Registrar {
    pub sip: Sip,
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    login: (String, String),
    manner: Mutex<Manner>,
    seen: Mutex<Vec<Seen>>,
}

impl Registrar {
    /// Opens a registrar that knows one customer.
    pub async fn open(config: Config, username: &str, password: &str) -> std::io::Result<Self> {
        let (sip, events) = Sip::open(config).await?;
        let shared = Arc::new(Shared {
            login: (username.to_owned(), password.to_owned()),
            manner: Mutex::new(Manner::Grants(3600)),
            seen: Mutex::default(),
        });
        let mut task = JoinSet::new();
        task.spawn(serve(shared.clone(), events));
        Ok(Self { sip, shared, _task: task })
    }

    pub fn set_manner(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    /// Returns every REGISTER with the right password so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until that many were seen.
    pub async fn until_seen(&self, count: usize, patience: Duration) -> anyhow::Result<Vec<Seen>> {
        until("the registrar sees a REGISTER", patience, async || {
            let seen = self.seen();
            (seen.len() >= count).then_some(seen)
        })
        .await
    }

    /// Calls a number of the customer's from the outside, at the contact that it registered. Returns the leg's events.
    pub fn call(&self, number: &str, seen: &Seen, to: Destination, sdp: &str) -> mpsc::Receiver<sip::LegEvent> {
        let (_, host) = seen.contact.split_once('@').unwrap_or(("", &seen.contact));
        self.invite(format!("sip:{number}@{host}"), number, to, sdp)
    }

    /// Calls the contact as it was registered; the number is in To.
    pub fn call_contact(&self, number: &str, seen: &Seen, to: Destination, sdp: &str) -> mpsc::Receiver<sip::LegEvent> {
        self.invite(seen.contact.clone(), number, to, sdp)
    }

    fn invite(&self, target: String, number: &str, to: Destination, sdp: &str) -> mpsc::Receiver<sip::LegEvent> {
        let mut invite = sip::Invite::new(target, to, "0901234567", "carrier.example");
        invite.to_uri = Some(format!("sip:{number}@carrier.example"));
        invite.sdp = Some(sdp.to_owned().into());
        let (sink, events) = sip::LegSink::channel(64);
        // The leg lives in the edge; it ends when the other side ends it.
        self.sip.invite(invite, sink);
        events
    }

    /// Lets requests from an address in without a challenge.
    pub fn trust(&self, source: std::net::IpAddr) {
        self.sip.trust(vec![TrustedSource { ip: source, port: None }]);
    }
}

async fn serve(shared: Arc<Shared>, mut events: mpsc::Receiver<Event>) {
    let mut slow = JoinSet::new();
    while let Some(event) = events.recv().await {
        let Event::Register(request) = event else { continue };
        let (username, password) = &shared.login;
        let right = request.credentials.as_ref().is_some_and(|given| {
            let expected = ha1(given.algorithm(), username, given.realm(), password);
            given.username() == username && given.verify("REGISTER", &expected)
        });
        if !right {
            request.challenge();
            continue;
        }
        let contact = request.contacts.first().map(|contact| contact.uri.clone()).unwrap_or_default();
        let wish = request.contacts.first().and_then(|contact| contact.expires).or(request.expires).unwrap_or_default();
        let seen = Seen { user: request.user.clone(), contact: contact.clone(), expires: wish, from: request.source };
        let manner = *shared.manner.lock().unwrap_or_else(PoisonError::into_inner);
        if manner == Manner::ForgetsSlowly && wish == 0 {
            let shared = shared.clone();
            slow.spawn(async move {
                tokio::time::sleep(SLOW).await;
                shared.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
                request.accept(Vec::new());
            });
            continue;
        }
        shared.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        match manner {
            _ if wish == 0 => request.accept(Vec::new()),
            Manner::ForgetsSlowly => request.accept(vec![(contact, 3600)]),
            Manner::Grants(seconds) => request.accept(vec![(contact, seconds)]),
            Manner::AtLeast(min) if wish < min => {
                request.refuse(sip::registration::Refused::TooBrief { wish, min });
            }
            Manner::AtLeast(_) => request.accept(vec![(contact, wish)]),
            Manner::Refuses(status) => request.reject(status),
        }
    }
}
