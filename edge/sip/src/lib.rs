#![doc = include_str!("../README.md")]

mod addresses;
mod config;
mod connections;
mod endpoint;
mod guard;
mod leg;
mod orders;
mod register;
mod resolver;
mod sip;
mod subscribe;
mod transport;

pub use sip_proto::{
    dialog::DialogRecord,
    digest::{self, Credentials},
    endpoint::{
        Destination, Flow, HostKey, Notification, OutOfDialog, Realm, RequestFailed, SubscriptionKey, SubscriptionNews,
        Transport,
    },
    registration::{self, Binding, Bindings, Contact},
    session::{
        EndedBy, Invite, LOOPS, LegEvent, LegEventKind, LegKey, Notify, Reason, Refer, ReferKey, Replaces, Request,
        TrunkCredentials, TrustedSource, dtmf_of_info,
    },
    timers::Timings,
};

pub use self::{
    config::{Config, Limits},
    leg::{Incoming, Leg, LegSink},
    register::{Register, RegisterFailed, RegisterRequest, Registered},
    resolver::{Target, Unresolved},
    sip::{Event, Response, Sip},
    subscribe::SubscribeRequest,
    transport::websocket::{Answer as HandshakeAnswer, Handshake, PATH as WEBSOCKET_PATH},
};
