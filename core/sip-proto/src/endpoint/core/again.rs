//! Requests that are sent once more: with credentials, with what the peer wants, or to the next destination.

use std::time::Instant;

use super::{Core, Moved, Outgoing};
use crate::{
    endpoint::{
        auth,
        config::{MAX_CHALLENGES, MAX_SESSION_SECS},
        flow::{Destination, Flow},
        ids::Token,
    },
    message::{Message, Method, Name, RequestBuilder, Wire},
    session::timer,
};

impl Core {
    /// Answers a challenge, if it comes from where the request went and names the pinned realm.
    pub(super) fn retry_with_credentials(
        &mut self,
        index: u32,
        flow: Flow,
        response: &Message,
        request: Option<&Wire>,
        now: Instant,
    ) -> Option<(u32, u32)> {
        let slot = self.clients.get(usize::try_from(index).ok()?)?;
        let challenges = slot.challenges;
        let credentials = slot.credentials.clone()?;
        let to = slot.to;
        if challenges >= MAX_CHALLENGES || flow.peer != to.addr {
            return None;
        }
        let request = request?.message();
        let nonce_seed = self.ids.random64();
        let (name, answer) = auth::answer(&request, response, &credentials, challenges, nonce_seed)?;
        let (client, cseq) = self.send_anew(index, &request, &[(name, answer)], now)?;
        self.client(client)?.challenges = challenges + 1;
        Some((client, cseq))
    }

    /// Asks for a longer session, as the 422 wants it (RFC 4028 §7.3).
    pub(super) fn retry_with_longer_session(
        &mut self,
        index: u32,
        response: &Message,
        request: Option<&Wire>,
        now: Instant,
    ) -> Option<(u32, u32)> {
        let least = timer::min_se(response).filter(|least| *least <= MAX_SESSION_SECS)?;
        let request = request?.message();
        // Once: what says Min-SE was asked for more before.
        if request.header(Name::SessionExpires).is_none() || request.header(Name::MinSe).is_some() {
            return None;
        }
        let seconds = self.config.session_expires.unwrap_or_default().max(least).to_string();
        self.send_anew(index, &request, &[(Name::SessionExpires, seconds), (Name::MinSe, least.to_string())], now)
    }

    /// Sends a request again as a new one, with some header fields in the place of what was there.
    fn send_anew(
        &mut self,
        index: u32,
        request: &Message,
        changed: &[(Name, String)],
        now: Instant,
    ) -> Option<(u32, u32)> {
        let slot = self.clients.get(usize::try_from(index).ok()?)?;
        let (to, user, method, also) = (slot.to, slot.user, slot.method.clone(), slot.also.clone());
        let (credentials, challenges) = (slot.credentials.clone(), slot.challenges);
        let cseq = request.cseq().0.checked_add(1)?;
        let token = self.client_token();
        let without: Vec<Name> = changed.iter().map(|(name, _)| *name).chain([Name::CSeq]).collect();
        let mut again = self.again(request, &method, token, to, &without)?;
        again = again.header(Name::CSeq, format_args!("{cseq} {method}"));
        for (name, value) in changed {
            again = again.header(*name, value);
        }
        let message = with_body(again, request).wire();
        let client = self.start(Outgoing { token, method, message, to, user, credentials }, now);
        self.client(client)?.challenges = challenges;
        self.try_also(client, also, now);
        Some((client, cseq))
    }

    /// Sends an INVITE that came to nothing to its next destination: the same request with another branch
    /// (RFC 3263 §4.3).
    pub(super) fn try_elsewhere(&mut self, index: u32, request: Option<&Wire>, now: Instant) -> Option<Moved> {
        let slot = self.client(index)?;
        if slot.also.is_empty() || slot.method != Method::Invite {
            return None;
        }
        let mut also = std::mem::take(&mut slot.also);
        let to = also.remove(0);
        let (user, method, credentials) = (slot.user, slot.method.clone(), slot.credentials.clone());
        let request = request?.message();
        let token = self.client_token();
        let again = self.again(&request, &method, token, to, &[Name::Contact])?;
        let again = again.header(Name::Contact, self.contact(to));
        let message = with_body(again, &request).wire();
        let client = self.start(Outgoing { token, method, message, to, user, credentials }, now);
        self.try_also(client, also, now);
        Some(Moved { user, client, to })
    }

    /// Starts a request anew: with a Via of its own and without its body and the named headers.
    fn again(
        &self,
        request: &Message,
        method: &Method,
        token: Token,
        to: Destination,
        without: &[Name],
    ) -> Option<RequestBuilder> {
        let uri = String::from_utf8_lossy(request.raw_request_uri()?).into_owned();
        let via = self.ids.branch(token);
        let mut again = RequestBuilder::new(method, &uri).via(to.transport.token(), self.host(to), via);
        let mut vias = 0;
        for (id, written, value) in request.named_headers() {
            match id {
                Name::Via if vias == 0 => vias = 1,
                Name::ContentLength | Name::ContentType => {}
                known if known != Name::Other && without.contains(&known) => {}
                Name::Other => {
                    again = again.custom(&String::from_utf8_lossy(written), String::from_utf8_lossy(value));
                }
                known => again = again.header_bytes(known, value),
            }
        }
        Some(again)
    }
}

fn with_body(builder: RequestBuilder, request: &Message) -> RequestBuilder {
    match request.content_type() {
        Some(kind) => builder.body(kind, request.body()),
        None => builder,
    }
}
