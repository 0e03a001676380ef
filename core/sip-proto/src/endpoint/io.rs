//! What goes into an endpoint and what comes out.

use std::{collections::HashSet, net::SocketAddr};

use bytes::Bytes;

use super::flow::{Destination, Flow, Transport};
use crate::{
    dialog::DialogRecord,
    digest::Credentials,
    message::{Message, Wire},
    registration::Contact,
    session::{IncomingInvite, Invite, LegCommand, LegEvent, LegKey, Reason, TrunkCredentials, TrustedSource},
};

/// Names a request that waits for its owner's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey(pub u64);

/// Something for the endpoint to work on.
#[derive(Clone, Debug)]
pub enum Input {
    /// One message: a datagram, or one frame of a stream.
    Received {
        flow: Flow,
        bytes: Bytes,
    },
    /// A connection is gone.
    FlowClosed(Flow),
    /// A message could not be sent there.
    Unreachable(Destination),
    Command(Command),
}

/// What the rest of the program asks for.
#[derive(Clone, Debug)]
pub enum Command {
    Invite {
        leg: LegKey,
        invite: Box<Invite>,
    },
    Leg {
        leg: LegKey,
        command: LegCommand,
    },
    Register {
        request: RequestKey,
        answer: RegisterAnswer,
    },
    /// Sends a request outside of any dialog; the result carries `id`.
    Request {
        id: u64,
        request: Box<OutOfDialog>,
    },
    Subscribe {
        request: RequestKey,
        answer: SubscribeAnswer,
    },
    /// Tells a subscriber the state of what it watches.
    Notify {
        subscription: SubscriptionKey,
        notification: Notification,
    },
    /// Ends a dialog that a former process left behind.
    ByeOrphan {
        record: Box<DialogRecord>,
        reason: Option<Reason>,
    },
    /// Replaces the domains that are realms of their own; all other hosts get the configured realm.
    Domains(HashSet<String>),
    /// Replaces the set of sources that are not challenged.
    Trust(Vec<TrustedSource>),
    /// The peer at the end of `from` is at the end of `to` now: it registered there as the same instance.
    MoveFlow {
        from: Flow,
        to: Flow,
    },
    /// While on, new INVITE and REGISTER are answered 503 with Retry-After.
    Overload(bool),
}

/// Something for the driver to do.
#[derive(Clone, Debug)]
pub enum Output {
    Send { to: Destination, bytes: Wire },
    Event(Event),
}

/// Something for the rest of the program to know.
#[derive(Clone, Debug)]
pub enum Event {
    Incoming(Box<IncomingInvite>),
    Register(Box<IncomingRegister>),
    Subscribe(Box<IncomingSubscribe>),
    Subscription {
        subscription: SubscriptionKey,
        news: SubscriptionNews,
    },
    Leg(LegEvent),
    /// The final response to an out-of-dialog request.
    Response {
        id: u64,
        outcome: Result<Message, RequestFailed>,
    },
}

/// An out-of-dialog request got no final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestFailed {
    #[error("nobody answered within 32 s")]
    Timeout,
    #[error("the destination cannot be reached")]
    Transport,
    #[error("too many transactions")]
    Overloaded,
}

/// A REGISTER with credentials of a fresh nonce.
#[derive(Clone, Debug)]
pub struct IncomingRegister {
    pub request: RequestKey,
    /// The user of the To URI: the address of record.
    pub user: String,
    /// The host of the Request-URI.
    pub host: String,
    pub credentials: Option<Credentials>,
    pub contacts: Vec<Contact>,
    pub wildcard: bool,
    pub expires: Option<u32>,
    pub call_id: String,
    pub cseq: u32,
    pub source: SocketAddr,
    pub transport: Transport,
    pub flow: Flow,
    pub user_agent: Option<String>,
    pub path: Vec<String>,
}

/// The answer to a request that somebody with a login asks for a while; generic because the two differ only in what is
/// granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<Granted> {
    Accept(Granted),
    /// A failure; `min_expires` goes with 423.
    Reject {
        status: u16,
        min_expires: Option<u32>,
    },
    /// 401 or 407 again: the login is wrong.
    Challenge,
}

/// The answer to a REGISTER: 200 grants all current bindings and their seconds.
pub type RegisterAnswer = Answer<Vec<(String, u32)>>;

/// The answer to a SUBSCRIBE: 200 grants so many seconds, and a NOTIFY has to follow at once. With 0 seconds it is the
/// only one.
pub type SubscribeAnswer = Answer<u32>;

/// A request outside of any dialog, such as OPTIONS or REGISTER.
#[derive(Clone, Debug)]
pub struct OutOfDialog {
    pub method: String,
    pub target_uri: String,
    pub destination: Destination,
    pub from_uri: String,
    pub to_uri: String,
    /// A new one if absent.
    pub call_id: Option<String>,
    pub cseq: u32,
    pub headers: Vec<(String, String)>,
    pub body: Option<(String, Bytes)>,
    pub credentials: Option<TrunkCredentials>,
}

/// Names a subscription for as long as it lives: the key of the SUBSCRIBE that began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionKey(pub u64);

/// A SUBSCRIBE outside of a dialog, with credentials of a fresh nonce (RFC 6665).
#[derive(Clone, Debug)]
pub struct IncomingSubscribe {
    pub request: RequestKey,
    /// The subscription that an acceptance begins.
    pub subscription: SubscriptionKey,
    /// The event package, in lower case: one of those in Allow-Events.
    pub event: String,
    /// The user of the Request-URI: what is to be watched.
    pub user: String,
    /// The host of the Request-URI.
    pub host: String,
    pub from_user: String,
    pub credentials: Option<Credentials>,
    /// Seconds; 0 asks for the state once.
    pub expires: Option<u32>,
    /// Content types of Accept; none stands for the package's own.
    pub accept: Vec<String>,
    pub source: SocketAddr,
    pub transport: Transport,
    pub flow: Flow,
    pub user_agent: Option<String>,
}

/// What became of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionNews {
    /// The subscriber refreshed it: a NOTIFY with the full state has to follow.
    Refreshed,
    /// The subscriber ended it, or its time is over: one last NOTIFY has to follow.
    Ending,
    /// It is gone: the subscriber does not know it or cannot be reached.
    Gone,
}

/// The state of what a subscriber watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    pub content_type: &'static str,
    pub body: Bytes,
    /// Ends the subscription with this reason (RFC 6665 §4.1.3), such as `noresource`.
    pub ends: Option<&'static str>,
}
