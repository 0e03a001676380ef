//! Digest on both sides: challenges for strangers without state, answers to the challenges of trunks.

use std::{collections::HashMap, net::IpAddr};

use super::{
    config::{MAX_NONCES, Realm},
    core::Core,
    flow::Flow,
};
use crate::{
    dialog::text,
    digest::{self, Algorithm, Challenge, Credentials, Login, Nonce},
    message::{Message, Method, Name, ResponseBuilder, Wire},
    session::TrunkCredentials,
    uri::{Host, Scheme, Uri},
};

/// Counters below the highest one by more than this are refused.
const COUNTER_WINDOW: u32 = 64;

/// The counters of nonces in use (RFC 7616 §3.4.6): each may be used once.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    young: HashMap<u64, Counter>,
    old: HashMap<u64, Counter>,
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    highest: u32,
    /// Bit n: `highest - n` was used.
    used: u64,
}

impl Nonces {
    /// Notes the use of a counter; returns false if it was used before.
    pub(crate) fn use_once(&mut self, nonce: u64, nc: u32) -> bool {
        if nc == 0 {
            return false;
        }
        if let Some(counter) = self.young.get_mut(&nonce) {
            return counter.take(nc);
        }
        let mut counter = self.old.remove(&nonce).unwrap_or(Counter { highest: 0, used: 0 });
        let fresh = counter.take(nc);
        if self.young.len() >= MAX_NONCES / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(nonce, counter);
        fresh
    }
}

impl Counter {
    fn take(&mut self, nc: u32) -> bool {
        if nc > self.highest {
            let shift = nc - self.highest;
            self.used = if shift >= COUNTER_WINDOW { 0 } else { self.used << shift };
            self.used |= 1;
            self.highest = nc;
            return true;
        }
        let back = self.highest - nc;
        if back >= COUNTER_WINDOW || self.used & (1 << back) != 0 {
            return false;
        }
        self.used |= 1 << back;
        true
    }
}

/// What a request's credentials are worth before the password is looked at.
#[derive(Debug)]
pub(crate) enum Checked {
    /// The nonce is ours, fresh and used this way for the first time.
    Fresh(Box<Credentials>),
    Challenge {
        stale: bool,
    },
    Malformed,
}

/// Checks the credentials of a request from `source`; `now` counts seconds.
pub(crate) fn check(core: &Core, nonces: &mut Nonces, source: IpAddr, request: &Message, now: u64) -> Checked {
    let realm = realm_of(core, request);
    let values = request.headers(Name::Authorization).chain(request.headers(Name::ProxyAuthorization));
    let credentials = match Credentials::find(values, &realm) {
        Ok(Some(credentials)) => credentials,
        Ok(None) => return Checked::Challenge { stale: false },
        Err(_) => return Checked::Malformed,
    };
    if credentials.username().is_empty() {
        return Checked::Challenge { stale: false };
    }
    if !is_for(request, credentials.uri()) {
        return Checked::Malformed;
    }
    match digest::check(&core.config.nonce_key, credentials.nonce(), now, source, &realm) {
        Nonce::Fresh if nonces.use_once(core.ids.hash(&[credentials.nonce()]), credentials.nc()) => {
            Checked::Fresh(Box::new(credentials))
        }
        Nonce::Fresh | Nonce::Stale => Checked::Challenge { stale: true },
        Nonce::Bad => Checked::Challenge { stale: false },
    }
}

/// Returns the status and header of a challenge: 401 for REGISTER, 407 for everything that we pass on.
pub(crate) fn challenge(
    core: &mut Core,
    flow: Flow,
    request: &Message,
    stale: bool,
    now: u64,
) -> (u16, Name, Challenge) {
    let realm = realm_of(core, request);
    let salt = core.ids.random64();
    let challenge = Challenge {
        nonce: digest::mint(&core.config.nonce_key, now, salt, flow.peer.ip(), &realm),
        realm,
        algorithm: Algorithm::Md5,
        qop_auth: true,
        stale,
        opaque: None,
    };
    match request.method() {
        Method::Register => (401, Name::WwwAuthenticate, challenge),
        _ => (407, Name::ProxyAuthenticate, challenge),
    }
}

/// Builds a challenge that needs no memory. It is kept short: strangers must not gain bytes by us.
pub(crate) fn stateless_challenge(core: &mut Core, flow: Flow, request: &Message, stale: bool, now: u64) -> Wire {
    let (status, name, challenge) = challenge(core, flow, request, stale, now);
    ResponseBuilder::for_request(request, status, "Unauthorized")
        .source(flow.peer)
        .to_tag(&core.stateless_tag(request))
        .header(name, challenge)
        .wire()
}

/// Answers the challenge in a response to a request of ours, if its realm is the pinned one and it is the first one
/// (or the nonce was stale).
pub(crate) fn answer(
    request: &Message,
    response: &Message,
    credentials: &TrunkCredentials,
    challenges: u8,
    cnonce: u64,
) -> Option<(Name, String)> {
    let (theirs, ours) = match response.status()? {
        401 => (Name::WwwAuthenticate, Name::Authorization),
        407 => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
        _ => return None,
    };
    let challenge = response
        .headers(theirs)
        .filter_map(|value| Challenge::parse(value).ok())
        .find(|challenge| credentials.realm.as_ref().is_none_or(|realm| *realm == challenge.realm))?;
    if challenges > 0 && request.header(ours).is_some() && !challenge.stale {
        return None;
    }
    let login = Login { username: &credentials.username, password: &credentials.password };
    let uri = text(request.raw_request_uri());
    let value = challenge.answer(&login, request.method().as_str(), &uri, &format!("{cnonce:016x}"), 1);
    Some((ours, value))
}

/// Returns whether the digest `uri` names what the request is for (RFC 7616 §3.4.6): credentials that were overheard
/// call nobody else.
///
/// Ports, parameters and headers do not matter: phones and proxies drop and add them. Neither does a missing user,
/// nor any user of a REGISTER, nor an address in the place of a name.
fn is_for(request: &Message, uri: &[u8]) -> bool {
    if request.raw_request_uri() == Some(uri) {
        return true;
    }
    let (Some(target), Ok(named)) = (request.request_uri(), Uri::parse(uri)) else {
        return false;
    };
    let is_sip = |uri: &Uri| matches!(uri.scheme(), Scheme::Sip | Scheme::Sips);
    if !is_sip(&target) || !is_sip(&named) {
        return target.is_equivalent(&named);
    }
    let same_user = *request.method() == Method::Register
        || named.user().is_none()
        || named.user_decoded() == target.user_decoded();
    let same_host = match (named.host(), target.host()) {
        (Host::Name(named), Host::Name(target)) => named.eq_ignore_ascii_case(target),
        _ => true,
    };
    same_user && same_host
}

fn realm_of(core: &Core, request: &Message) -> String {
    let host = || request.request_uri().map_or_else(String::new, |uri| uri.host_str().to_ascii_lowercase());
    match &core.config.realm {
        Realm::RequestHost => host(),
        Realm::Fixed(realm) if core.domains.is_empty() => realm.clone(),
        // An account with a domain of its own has its own realm: its logins prove nothing elsewhere.
        Realm::Fixed(realm) => core.domains.get(&host()).unwrap_or(realm).clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_used_once_in_any_order() {
        let mut nonces = Nonces::default();
        assert!(!nonces.use_once(1, 0));
        for nc in [1, 3, 2, 200, 199, 137] {
            assert!(nonces.use_once(1, nc), "{nc}");
        }
        for nc in [1, 2, 3, 136, 137, 199, 200] {
            assert!(!nonces.use_once(1, nc), "{nc}");
        }
        assert!(nonces.use_once(2, 1), "another nonce counts for itself");
    }

    #[test]
    fn credentials_are_for_their_request_however_phones_write_its_uri() {
        let fits = |method: &str, target: &str, uri: &str| {
            let message = format!(
                "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
                 From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n\r\n"
            );
            is_for(&crate::message::parse(message.into()).unwrap(), uri.as_bytes())
        };
        for (method, target, uri) in [
            ("INVITE", "sip:200@pbx.example", "sip:200@pbx.example"),
            ("INVITE", "sip:200@pbx.example;transport=tcp", "sip:200@PBX.example:5060"),
            ("INVITE", "sip:*21%23@pbx.example", "sip:*21#@pbx.example;user=phone"),
            ("INVITE", "sip:200@pbx.example", "sip:192.0.2.1:5060"),
            ("INVITE", "sip:200@192.0.2.1", "sip:200@pbx.example"),
            ("INVITE", "tel:+84-28-1234", "tel:+84281234"),
            ("REGISTER", "sip:pbx.example", "sip:100@pbx.example"),
            ("REGISTER", "sips:pbx.example", "sip:pbx.example"),
        ] {
            assert!(fits(method, target, uri), "{method} {target} by {uri}");
        }
        for (method, target, uri) in [
            ("INVITE", "sip:200@pbx.example", "sip:201@pbx.example"),
            ("INVITE", "sip:200@pbx.example", "sip:200@other.example"),
            ("INVITE", "sip:200@pbx.example", "tel:200"),
            ("INVITE", "tel:+84281234", "tel:+84281235"),
            ("REGISTER", "sip:pbx.example", "sip:other.example"),
            ("REGISTER", "sip:pbx.example", "pbx"),
        ] {
            assert!(!fits(method, target, uri), "{method} {target} by {uri}");
        }
    }

    #[test]
    fn a_million_nonces_are_forgotten() {
        let mut nonces = Nonces::default();
        for nonce in 0..1_000_000 {
            nonces.use_once(nonce, 1);
        }
        assert!(nonces.young.len() + nonces.old.len() <= MAX_NONCES);
        assert!(!nonces.use_once(999_999, 1));
    }
}
