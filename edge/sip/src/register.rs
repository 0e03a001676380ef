//! Registrations: those that come in, and those that a client sends.

use std::net::SocketAddr;

use sip_proto::{
    endpoint::{IncomingRegister, RegisterAnswer, RequestFailed, RequestKey},
    registration::Refused,
};

use crate::{Contact, Credentials, Destination, Flow, Transport, leg::Guard, orders::Order};

/// A REGISTER with credentials of a fresh nonce. It is answered once; dropping it answers 503.
#[derive(Debug)]
pub struct RegisterRequest {
    /// The user of the To URI.
    pub user: String,
    /// The host of the Request-URI.
    pub host: String,
    pub credentials: Option<Credentials>,
    pub contacts: Vec<Contact>,
    /// `Contact: *`
    pub wildcard: bool,
    pub expires: Option<u32>,
    pub call_id: String,
    pub cseq: u32,
    pub source: SocketAddr,
    pub transport: Transport,
    pub flow: Flow,
    pub user_agent: Option<String>,
    pub path: Vec<String>,
    request: RequestKey,
    guard: Guard,
}

impl RegisterRequest {
    pub(crate) fn new(incoming: IncomingRegister, guard: Guard) -> Self {
        Self {
            user: incoming.user,
            host: incoming.host,
            credentials: incoming.credentials,
            contacts: incoming.contacts,
            wildcard: incoming.wildcard,
            expires: incoming.expires,
            call_id: incoming.call_id,
            cseq: incoming.cseq,
            source: incoming.source,
            transport: incoming.transport,
            flow: incoming.flow,
            user_agent: incoming.user_agent,
            path: incoming.path,
            request: incoming.request,
            guard,
        }
    }

    /// Answers 200 with all current bindings and their seconds. The flow counts as authenticated from now on.
    pub fn accept(self, bindings: Vec<(String, u32)>) {
        self.answer(RegisterAnswer::Accept(bindings));
    }

    /// Answers a failure.
    pub fn reject(self, status: u16) {
        self.answer(RegisterAnswer::Reject { status, min_expires: None });
    }

    /// Answers as the bindings machine refused: 423 carries Min-Expires.
    pub fn refuse(self, refused: Refused) {
        self.answer(RegisterAnswer::Reject { status: refused.status(), min_expires: refused.min_expires() });
    }

    /// Asks for credentials again; counts against the source.
    pub fn challenge(self) {
        self.answer(RegisterAnswer::Challenge);
    }

    fn answer(self, answer: RegisterAnswer) {
        self.guard.give(Order::Register { request: self.request, flow: self.flow, answer });
    }
}

/// A registration that a client sends.
#[derive(Clone, Debug)]
pub struct Register {
    pub registrar: Destination,
    /// The host of the Request-URI, From and To.
    pub domain: String,
    pub user: String,
    pub password: String,
    /// Our own address with the user if absent.
    pub contact: Option<String>,
    /// Seconds; 0 takes the registration back.
    pub expires: u32,
    /// The same for all refreshes of a registration; a new one if absent.
    pub call_id: Option<String>,
    /// Higher for each refresh with the same Call-ID.
    pub cseq: u32,
}

/// What the registrar granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Seconds until the registration ends; refresh earlier.
    pub expires: u32,
    /// Our contact.
    pub contact: String,
    pub call_id: String,
    /// The CSeq number of the last request.
    pub cseq: u32,
}

/// Why a registration failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterFailed {
    #[error("the registrar answered {status}")]
    Refused { status: u16 },
    #[error(transparent)]
    Unanswered(#[from] RequestFailed),
    #[error("the SIP edge is closed")]
    Closed,
}
