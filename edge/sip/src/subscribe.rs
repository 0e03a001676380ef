//! Subscriptions that phones ask for.

use std::net::SocketAddr;

use sip_proto::endpoint::{IncomingSubscribe, RequestKey, SubscribeAnswer, SubscriptionKey};

use crate::{Credentials, Flow, Transport, leg::Guard, orders::Order};

/// A SUBSCRIBE with credentials of a fresh nonce. It is answered once; dropping it answers 503.
#[derive(Debug)]
pub struct SubscribeRequest {
    /// The subscription that an acceptance begins; [`crate::Sip::notify`] names it.
    pub subscription: SubscriptionKey,
    /// The event package: `dialog` or `message-summary`.
    pub event: String,
    /// The user of the Request-URI: whom it is about.
    pub user: String,
    /// The host of the Request-URI.
    pub host: String,
    pub from_user: String,
    pub credentials: Option<Credentials>,
    /// Seconds; 0 asks for the state once.
    pub expires: Option<u32>,
    /// Content types that the phone takes; none stands for the package's own.
    pub accept: Vec<String>,
    pub source: SocketAddr,
    pub transport: Transport,
    pub flow: Flow,
    pub user_agent: Option<String>,
    request: RequestKey,
    guard: Guard,
}

impl SubscribeRequest {
    pub(crate) fn new(incoming: IncomingSubscribe, guard: Guard) -> Self {
        Self {
            subscription: incoming.subscription,
            event: incoming.event,
            user: incoming.user,
            host: incoming.host,
            from_user: incoming.from_user,
            credentials: incoming.credentials,
            expires: incoming.expires,
            accept: incoming.accept,
            source: incoming.source,
            transport: incoming.transport,
            flow: incoming.flow,
            user_agent: incoming.user_agent,
            request: incoming.request,
            guard,
        }
    }

    /// Answers 200: a NOTIFY with the state has to follow at once. With 0 seconds it is the only one.
    pub fn accept(self, expires: u32) {
        self.answer(SubscribeAnswer::Accept(expires));
    }

    /// Answers a failure.
    pub fn reject(self, status: u16) {
        self.answer(SubscribeAnswer::Reject { status, min_expires: None });
    }

    /// Answers 423: the wish is below `min` seconds.
    pub fn too_brief(self, min: u32) {
        self.answer(SubscribeAnswer::Reject { status: 423, min_expires: Some(min) });
    }

    /// Asks for credentials again; counts against the source.
    pub fn challenge(self) {
        self.answer(SubscribeAnswer::Challenge);
    }

    fn answer(self, answer: SubscribeAnswer) {
        self.guard.give(Order::Subscribe { request: self.request, flow: self.flow, answer });
    }
}
