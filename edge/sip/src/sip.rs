//! The handle of the SIP edge.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use sip_proto::message::Message;
use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Config, DialogRecord, Flow, Incoming, Invite, Leg, LegKey, LegSink, OutOfDialog, Reason, Register, RegisterFailed,
    RegisterRequest, Registered, RequestFailed, TrunkCredentials, TrustedSource, endpoint,
    orders::{Commands, Order},
};

/// Something from the network that is not about an existing leg.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every event is a large one, and a box more is no gain")]
pub enum Event {
    Incoming(Incoming),
    Register(RegisterRequest),
    /// A connection closed: bindings over it are gone.
    FlowClosed(Flow),
}

/// The final response to an out-of-dialog request.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub message: Message,
}

/// The SIP edge: sockets and the task that turns the endpoint. A cheap clone.
#[derive(Clone, Debug)]
pub struct Sip {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    commands: Commands,
    next_leg: AtomicU64,
    /// Legs that live in the endpoint.
    legs: Arc<AtomicUsize>,
    udp: Option<SocketAddr>,
    tcp: Option<SocketAddr>,
    host: std::net::IpAddr,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Sip {
    /// Binds the sockets and starts the endpoint; events come over the bounded channel.
    pub async fn open(config: Config) -> io::Result<(Self, mpsc::Receiver<Event>)> {
        let opened = endpoint::open(config).await?;
        let shared = Shared {
            commands: opened.commands,
            next_leg: AtomicU64::new(1),
            legs: opened.legs,
            udp: opened.udp,
            tcp: opened.tcp,
            host: opened.host,
            closing: opened.closing,
            tasks: opened.tasks,
        };
        Ok((Self { shared: Arc::new(shared) }, opened.events))
    }

    /// Returns the address of the first UDP socket.
    pub fn local_udp(&self) -> Option<SocketAddr> {
        self.shared.udp
    }

    /// Returns the address of the first TCP listener.
    pub fn local_tcp(&self) -> Option<SocketAddr> {
        self.shared.tcp
    }

    /// Calls somebody; the outcome arrives at `sink`.
    pub fn invite(&self, invite: Invite, sink: LegSink) -> Leg {
        let key = LegKey(self.shared.next_leg.fetch_add(1, Ordering::Relaxed).wrapping_mul(2));
        self.shared.commands.invite(key, invite, sink);
        Leg::new(key, self.shared.commands.clone())
    }

    /// Replaces the set of sources whose requests are not challenged.
    pub fn trust<S: Into<TrustedSource>>(&self, sources: Vec<S>) {
        self.shared.commands.give(Order::Trust(sources.into_iter().map(Into::into).collect()));
    }

    /// Replaces the domains that are realms of their own: a challenge to a request for one of them names it.
    /// All other hosts get the realm of the configuration.
    pub fn serve_domains(&self, domains: impl IntoIterator<Item = String>) {
        let domains = domains.into_iter().map(|domain| domain.to_ascii_lowercase()).collect();
        self.shared.commands.give(Order::Domains(domains));
    }

    /// Sends a request outside of any dialog and returns its final response.
    pub async fn request(&self, request: OutOfDialog) -> Result<Response, RequestFailed> {
        let (reply, answer) = oneshot::channel();
        self.shared.commands.give(Order::Request { request: Box::new(request), reply });
        let message = answer.await.unwrap_or(Err(RequestFailed::Transport))?;
        Ok(Response { status: message.status().unwrap_or_default(), message })
    }

    /// Registers as a phone does, once; the caller refreshes it before it ends.
    pub async fn register(&self, register: Register) -> Result<Registered, RegisterFailed> {
        if self.shared.closing.is_cancelled() {
            return Err(RegisterFailed::Closed);
        }
        let contact = register.contact.clone().unwrap_or_else(|| self.contact(&register));
        let call_id = register.call_id.clone().unwrap_or_else(|| format!("{:032x}", rand::random::<u128>()));
        let aor = format!("sip:{}@{}", register.user, register.domain);
        let request = OutOfDialog {
            method: "REGISTER".to_owned(),
            target_uri: format!("sip:{}", register.domain),
            destination: register.registrar,
            from_uri: aor.clone(),
            to_uri: aor,
            call_id: Some(call_id.clone()),
            cseq: register.cseq,
            headers: vec![
                ("Contact".to_owned(), format!("<{contact}>")),
                ("Expires".to_owned(), register.expires.to_string()),
            ],
            body: None,
            credentials: Some(TrunkCredentials { username: register.user, password: register.password, realm: None }),
        };
        let response = self.request(request).await?;
        if !(200..300).contains(&response.status) {
            return Err(RegisterFailed::Refused { status: response.status });
        }
        let ours = response.message.contacts().find(|known| known.uri().as_str() == contact);
        let granted = ours.and_then(|known| known.expires());
        Ok(Registered {
            expires: granted.or_else(|| response.message.expires()).unwrap_or(register.expires),
            contact,
            call_id,
            cseq: response.message.cseq().0,
        })
    }

    /// Sends BYE for a dialog that a crash left behind.
    pub fn bye_orphan(&self, record: DialogRecord, reason: Reason) {
        self.shared.commands.give(Order::ByeOrphan { record: Box::new(record), reason: Some(reason) });
    }

    /// Returns the number of legs that live now.
    pub fn legs(&self) -> usize {
        self.shared.legs.load(Ordering::Relaxed)
    }

    /// Refuses new calls with 503 and waits until the last leg ended, at most `patience`.
    pub async fn drain(&self, patience: Duration) {
        self.shared.commands.give(Order::Drain);
        let ended = async {
            while self.legs() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(patience, ended).await;
    }

    /// Closes all sockets and waits for the tasks. Legs that still live are cut off.
    pub async fn close(&self) {
        self.shared.closing.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    fn contact(&self, register: &Register) -> String {
        let port = |address: Option<SocketAddr>| address.map_or(5060, |address| address.port());
        let address = match register.registrar.transport {
            crate::Transport::Udp => SocketAddr::new(self.shared.host, port(self.shared.udp)),
            crate::Transport::Tcp => SocketAddr::new(self.shared.host, port(self.shared.tcp)),
        };
        match register.registrar.transport {
            crate::Transport::Udp => format!("sip:{}@{address}", register.user),
            crate::Transport::Tcp => format!("sip:{}@{address};transport=tcp", register.user),
        }
    }
}
