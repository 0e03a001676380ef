//! REGISTER on the server's side.

use std::{sync::Arc, time::Instant};

use super::{
    Endpoint, Flow, RequestKey, auth,
    config::FLOW_TIMER_SECS,
    core::{ServerUser, Slot},
    io::{Answer, Event, IncomingRegister, RegisterAnswer},
};
use crate::{
    dialog::text,
    digest::Credentials,
    message::{Message, Name, NameAddr, ResponseBuilder},
    registration::Contact,
    session::uas::{shown, user_of},
};

impl Endpoint {
    /// Takes a REGISTER into a transaction and asks the registrar.
    pub(super) fn on_register(&mut self, flow: Flow, request: Message, credentials: Option<Credentials>, size: usize) {
        let wildcard = request.contact_wildcard();
        let contacts: Vec<Contact> = request.contacts().map(|contact| read_contact(&contact)).collect();
        // RFC 3261 §10.3 step 6.
        if wildcard && (!contacts.is_empty() || request.expires() != Some(0)) {
            return self.refuse(flow, &request, 400, size);
        }
        let host = request.request_uri().map_or_else(String::new, |uri| uri.host_str().to_owned());
        let mut register = IncomingRegister {
            request: RequestKey(0),
            user: user_of(request.to().as_ref()),
            host,
            credentials,
            contacts,
            wildcard,
            expires: request.expires(),
            call_id: request.call_id().to_owned(),
            cseq: request.cseq().0,
            source: flow.peer,
            transport: flow.transport,
            flow,
            user_agent: request.header(Name::UserAgent).map(|agent| shown(&text(Some(agent)))),
            path: request.values(Name::Path).map(|path| text(Some(path))).collect(),
        };
        let slot = self.core.serve(flow, request, ServerUser::Register);
        register.request = key(slot);
        self.core.event(Event::Register(Box::new(register)));
    }

    /// Answers a REGISTER; only the first answer counts.
    pub(super) fn answer_register(&mut self, request: RequestKey, answer: RegisterAnswer, now: Instant) {
        let Some((asked, bindings)) = self.answer(request, ServerUser::Register, answer, now) else {
            return;
        };
        let tag = self.core.stateless_tag(&asked.request);
        self.core.respond(
            asked.slot,
            200,
            &tag,
            |response| with_contacts(with_flow(response, &asked.request), &bindings),
            now,
        );
    }

    /// Refuses a REGISTER or SUBSCRIBE, or returns it with what its owner grants. Generic as [`Answer`] is.
    pub(super) fn answer<Granted>(
        &mut self,
        request: RequestKey,
        user: ServerUser,
        answer: Answer<Granted>,
        now: Instant,
    ) -> Option<(Asked, Granted)> {
        let slot = slot(request);
        let seconds = self.seconds(now);
        let core = &mut self.core;
        let found = core.server_slot(slot).filter(|found| found.user == user)?;
        let (flow, request) = (found.flow, found.request.clone()?);
        match answer {
            Answer::Accept(granted) => return Some((Asked { slot, flow, request }, granted)),
            Answer::Reject { status, min_expires } => {
                let tag = core.stateless_tag(&request);
                let status = if (300..700).contains(&status) { status } else { 500 };
                core.respond(
                    slot,
                    status,
                    &tag,
                    |response| match (status, min_expires) {
                        (423, Some(min)) => response.header(Name::MinExpires, min),
                        _ => response,
                    },
                    now,
                );
            }
            Answer::Challenge => {
                let tag = core.stateless_tag(&request);
                let (status, name, challenge) = auth::challenge(core, flow, &request, false, seconds);
                core.respond(slot, status, &tag, |response| response.header(name, challenge), now);
            }
        }
        None
    }
}

/// A request that its owner accepts.
pub(super) struct Asked {
    pub(super) slot: Slot,
    pub(super) flow: Flow,
    pub(super) request: Arc<Message>,
}

fn with_contacts<'a>(mut response: ResponseBuilder<'a>, bindings: &[(String, u32)]) -> ResponseBuilder<'a> {
    for (uri, expires) in bindings {
        response = response.header(Name::Contact, format_args!("<{uri}>;expires={expires}"));
    }
    response
}

/// Says what became of Path (RFC 3327 §5.3) and of the flow (RFC 5626 §6): who keeps it alive gets an interval.
fn with_flow<'a>(mut response: ResponseBuilder<'a>, request: &Message) -> ResponseBuilder<'a> {
    for path in request.headers(Name::Path) {
        response = response.header_bytes(Name::Path, path);
    }
    let mut contacts = request.contacts();
    let is_outbound = contacts.any(|it| it.param("reg-id").is_some() && it.param("+sip.instance").is_some());
    // A proxy before us would have to speak RFC 5626 itself: then it is in the Path.
    if is_outbound && request.supports("outbound") && (request.via_count() == 1 || request.header(Name::Path).is_some())
    {
        response = response.header(Name::Require, "outbound").custom("Flow-Timer", FLOW_TIMER_SECS);
    }
    response
}

fn read_contact(contact: &NameAddr) -> Contact {
    let unquoted = |value: &str| value.trim_matches('"').trim_matches(|c| c == '<' || c == '>').to_owned();
    Contact {
        uri: contact.uri().as_str().to_owned(),
        expires: contact.expires(),
        q: contact.q(),
        instance: contact.param("+sip.instance").map(|instance| unquoted(&instance)),
        reg_id: contact.param("reg-id").and_then(|id| id.parse().ok()),
    }
}

pub(super) fn key(slot: Slot) -> RequestKey {
    RequestKey((u64::from(slot.generation) << 32) | u64::from(slot.index))
}

pub(super) fn slot(key: RequestKey) -> Slot {
    Slot { index: (key.0 & 0xffff_ffff) as u32, generation: (key.0 >> 32) as u32 }
}
