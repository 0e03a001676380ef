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

use sip_proto::{endpoint::Hosts, message::Message};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, oneshot},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Config, Destination, DialogRecord, Flow, Incoming, Invite, Leg, LegKey, LegSink, Notification, OutOfDialog, Reason,
    Register, RegisterFailed, RegisterRequest, Registered, RequestFailed, SubscribeRequest, SubscriptionKey,
    SubscriptionNews, Transport, TrunkCredentials, TrustedSource,
    connections::Local,
    endpoint,
    orders::{Commands, Order},
    resolver::{Resolver, Target, Unresolved},
    transport::{
        door::Door,
        tcp,
        websocket::{Answer, Handshake, Origins},
    },
};

/// Something from the network that is not about an existing leg.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every event is a large one, and a box more is no gain")]
pub enum Event {
    Incoming(Incoming),
    Register(RegisterRequest),
    Subscribe(SubscribeRequest),
    /// A subscription was refreshed, is about to end, or is gone.
    Subscription {
        subscription: SubscriptionKey,
        news: SubscriptionNews,
    },
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
    local: Local,
    hosts: Hosts,
    origins: Origins,
    door: Arc<Door>,
    resolver: Resolver,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Sip {
    /// Binds the sockets and starts the endpoint; events come over the bounded channel.
    pub async fn open(config: Config) -> io::Result<(Self, mpsc::Receiver<Event>)> {
        let dns_servers = config.dns_servers.clone();
        let opened = endpoint::open(config).await?;
        let resolver = Resolver::open(&dns_servers, opened.names);
        let shared = Shared {
            commands: opened.commands,
            next_leg: AtomicU64::new(1),
            legs: opened.legs,
            local: opened.local,
            hosts: opened.hosts,
            origins: opened.origins,
            door: opened.door,
            resolver,
            closing: opened.closing,
            tasks: opened.tasks,
        };
        Ok((Self { shared: Arc::new(shared) }, opened.events))
    }

    /// Returns the address of the first socket or listener of a transport.
    pub fn local(&self, transport: Transport) -> Option<SocketAddr> {
        self.shared.local.iter().find(|(its, _)| *its == transport).map(|(_, address)| *address)
    }

    /// Returns the addresses of all sockets or listeners of a transport.
    pub fn all(&self, transport: Transport) -> impl Iterator<Item = SocketAddr> {
        self.shared.local.iter().filter(move |(its, _)| *its == transport).map(|(_, address)| *address)
    }

    /// Returns the address of the first UDP socket.
    pub fn local_udp(&self) -> Option<SocketAddr> {
        self.local(Transport::Udp)
    }

    /// Returns the address of the first TCP listener.
    pub fn local_tcp(&self) -> Option<SocketAddr> {
        self.local(Transport::Tcp)
    }

    /// Returns where requests to a SIP host go, in the order in which they are to be tried (RFC 3263).
    ///
    /// # Errors
    /// When the name has no address, or DNS does not answer within a few seconds.
    pub async fn resolve(&self, target: Target<'_>) -> Result<Vec<Destination>, Unresolved> {
        self.shared.resolver.resolve(target).await
    }

    /// Replaces the web sites whose pages may connect by WebSocket; `*` lets everybody in.
    pub fn allow_origins(&self, origins: impl IntoIterator<Item = String>) {
        self.shared.origins.replace(origins);
    }

    /// Judges a WebSocket handshake that an HTTP server got at [`PATH`](crate::WEBSOCKET_PATH).
    pub fn judge(&self, handshake: &Handshake<'_>) -> Answer {
        handshake.answer(&self.shared.origins)
    }

    /// Speaks SIP over a WebSocket whose handshake an HTTP server answers: `stream` is what the connection becomes.
    /// Returns at once.
    pub fn serve_upgrade<S>(
        &self,
        stream: impl Future<Output = Option<S>> + Send + 'static,
        peer: SocketAddr,
        is_secure: bool,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let door = self.shared.door.clone();
        let transport = if is_secure { Transport::Wss } else { Transport::Ws };
        let Some(pass) = door.enter(peer.ip(), transport) else { return };
        let flow = Flow { transport, id: door.number(), peer };
        let within = door.limits.handshake;
        door.clone().tasks.spawn(async move {
            if let Ok(Some(stream)) = tokio::time::timeout(within, stream).await {
                tcp::serve(door, flow, pass, stream).await;
            }
        });
    }

    /// Sends a few bytes without meaning over UDP, so that a NAT on the way keeps the flow open.
    pub fn keep_alive(&self, to: impl Into<Destination>) {
        self.shared.commands.give(Order::KeepAlive(to.into()));
    }

    /// Comes back once what was asked for before has been given to the network (to the connection's task, for streams).
    pub async fn sent(&self) {
        let (done, sent) = oneshot::channel();
        self.shared.commands.give(Order::Sent(done));
        // An error says that the edge is closed or overloaded: there is nothing to wait for.
        let _ = sent.await;
    }

    /// Returns the URI at which a peer there reaches a user of ours.
    pub fn contact(&self, user: &str, peer: Destination) -> String {
        let host = self.shared.hosts.of(peer.transport, peer.addr);
        format!("sip:{}@{host}{}", sip_proto::uri::encode_user(user), peer.transport.parameter())
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

    /// Says that the phone at the end of `from` is at the end of `to` now, having registered there as the same instance:
    /// its dialogs go on over that (RFC 5626 §5.3).
    pub fn move_flow(&self, from: Flow, to: Flow) {
        self.shared.commands.give(Order::MoveFlow { from, to });
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
        let contact = register.contact.clone().unwrap_or_else(|| self.contact(&register.user, register.registrar));
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

    /// Tells a subscriber the state of what it watches. Of states that come faster than they are acknowledged only the
    /// last one is told.
    pub fn notify(&self, subscription: SubscriptionKey, notification: Notification) {
        self.shared.commands.give(Order::Notify { subscription, notification });
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
}
