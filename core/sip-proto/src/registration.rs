//! The bindings of one address of record (RFC 3261 §10.3, RFC 5626 §6), as a pure machine.
//!
//! The owner stores [`Binding`]s; for each REGISTER it loads them, calls [`Bindings::apply`] and stores the result.
//! A refused request changes nothing. Times are milliseconds since 1970.

use crate::{endpoint::flow::Flow, uri::Uri};

/// Contacts kept per address of record.
pub const MAX_CONTACTS: usize = 10;

/// The bounds on how long a binding lives, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// A shorter wish, other than 0, is refused with 423.
    pub min: u32,
    /// A longer wish is cut down.
    pub max: u32,
    /// What a phone gets that has no wish.
    pub default: u32,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { min: 60, max: 3600, default: 3600 }
    }
}

/// One Contact of a REGISTER request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// The URI as received.
    pub uri: String,
    /// The `expires` parameter in seconds.
    pub expires: Option<u32>,
    /// The `q` parameter in thousandths.
    pub q: Option<u16>,
    /// `+sip.instance`, without the angle brackets.
    pub instance: Option<String>,
    pub reg_id: Option<u32>,
}

/// One place where the address of record can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub uri: String,
    /// Milliseconds since 1970.
    pub expires_at: i64,
    pub q: u16,
    pub instance: Option<String>,
    pub reg_id: Option<u32>,
    pub call_id: String,
    pub cseq: u32,
    /// Where the REGISTER came from: calls go back over the same flow (RFC 5626 §5.3).
    pub flow: Flow,
    /// The Path header values (RFC 3327), topmost first.
    pub path: Vec<String>,
    pub user_agent: Option<String>,
}

impl Binding {
    /// Returns the seconds left at `now`, rounded up.
    pub fn seconds_left(&self, now: i64) -> u32 {
        let left = self.expires_at.saturating_sub(now).max(0);
        u32::try_from(left.saturating_add(999) / 1000).unwrap_or(u32::MAX)
    }
}

/// The parts of a REGISTER request that change bindings.
#[derive(Clone, Debug)]
pub struct Update<'a> {
    pub contacts: &'a [Contact],
    /// `Contact: *`
    pub wildcard: bool,
    /// The Expires header in seconds.
    pub expires: Option<u32>,
    pub call_id: &'a str,
    pub cseq: u32,
    pub flow: Flow,
    pub path: &'a [String],
    pub user_agent: Option<&'a str>,
}

/// Why a REGISTER is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("Contact: * needs Expires: 0 and no other contact")]
    BadWildcard,
    #[error("the request is older than the binding it would change")]
    OutOfOrder,
    #[error("the wish for {wish} s is below the minimum of {min} s")]
    TooBrief { wish: u32, min: u32 },
    #[error("more than {MAX_CONTACTS} contacts")]
    TooMany,
    #[error("a contact is not a URI")]
    BadContact,
}

impl Refused {
    /// Returns the status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Self::BadWildcard | Self::BadContact => 400,
            Self::OutOfOrder => 500,
            Self::TooBrief { .. } => 423,
            Self::TooMany => 403,
        }
    }

    /// Returns the value of Min-Expires, which goes with 423 alone.
    pub fn min_expires(self) -> Option<u32> {
        match self {
            Self::TooBrief { min, .. } => Some(min),
            _ => None,
        }
    }
}

/// What a REGISTER changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Bindings that are new or were refreshed.
    pub kept: Vec<Binding>,
    /// Bindings that ended by this request.
    pub removed: Vec<Binding>,
}

/// All bindings of one address of record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    list: Vec<Binding>,
}

impl Bindings {
    /// Returns the machine over what was stored.
    pub fn new(stored: Vec<Binding>) -> Self {
        Self { list: stored }
    }

    /// Applies one REGISTER at `now`; expired bindings are dropped on the way.
    pub fn apply(&mut self, update: &Update<'_>, lifetimes: Lifetimes, now: i64) -> Result<Changed, Refused> {
        self.expire(now);
        if update.wildcard {
            return self.remove_all(update);
        }
        if update.contacts.len() > MAX_CONTACTS {
            return Err(Refused::TooMany);
        }
        // Most have one contact: room for more would be most of what a registration costs.
        let mut list = Vec::with_capacity(self.list.len().max(1));
        list.extend_from_slice(&self.list);
        let mut changed = Changed::default();
        for contact in update.contacts {
            let parsed = Uri::parse(contact.uri.as_bytes()).map_err(|_| Refused::BadContact)?;
            let seconds = granted(contact, update, lifetimes)?;
            let at = list.iter().position(|binding| same_binding(binding, contact, &parsed));
            if let Some(at) = at {
                let old = list.remove(at);
                if old.call_id == update.call_id && update.cseq <= old.cseq {
                    return Err(Refused::OutOfOrder);
                }
                if seconds == 0 {
                    changed.removed.push(old);
                }
            }
            if seconds > 0 {
                let binding = Binding {
                    uri: contact.uri.clone(),
                    expires_at: now.saturating_add(i64::from(seconds) * 1000),
                    q: contact.q.unwrap_or(1000),
                    instance: contact.instance.clone(),
                    reg_id: contact.reg_id,
                    call_id: update.call_id.to_owned(),
                    cseq: update.cseq,
                    flow: update.flow,
                    path: update.path.to_vec(),
                    user_agent: update.user_agent.map(str::to_owned),
                };
                list.push(binding.clone());
                changed.kept.push(binding);
            }
        }
        if list.len() > MAX_CONTACTS {
            return Err(Refused::TooMany);
        }
        list.shrink_to_fit();
        self.list = list;
        Ok(changed)
    }

    /// Drops the bindings that ended by `now` and returns them.
    pub fn expire(&mut self, now: i64) -> Vec<Binding> {
        self.list.extract_if(.., |b| b.expires_at <= now).collect()
    }

    /// Drops the bindings over a flow that was closed (RFC 5626 §6).
    pub fn flow_closed(&mut self, flow: Flow) -> Vec<Binding> {
        self.list.extract_if(.., |b| b.flow == flow).collect()
    }

    /// Returns the contacts and seconds for the Contact headers of the 200.
    pub fn answer(&self, now: i64) -> Vec<(String, u32)> {
        self.list.iter().map(|binding| (binding.uri.clone(), binding.seconds_left(now))).collect()
    }

    /// Returns all bindings, oldest change first.
    pub fn list(&self) -> &[Binding] {
        &self.list
    }

    fn remove_all(&mut self, update: &Update<'_>) -> Result<Changed, Refused> {
        if update.expires != Some(0) || !update.contacts.is_empty() {
            return Err(Refused::BadWildcard);
        }
        if self.list.iter().any(|b| b.call_id == update.call_id && update.cseq <= b.cseq) {
            return Err(Refused::OutOfOrder);
        }
        Ok(Changed { kept: Vec::new(), removed: std::mem::take(&mut self.list) })
    }
}

/// The contact's own wish, else the request's, else the default; within the bounds.
fn granted(contact: &Contact, update: &Update<'_>, lifetimes: Lifetimes) -> Result<u32, Refused> {
    let Some(wish) = contact.expires.or(update.expires) else {
        return Ok(lifetimes.default);
    };
    if wish > 0 && wish < lifetimes.min {
        return Err(Refused::TooBrief { wish, min: lifetimes.min });
    }
    Ok(wish.min(lifetimes.max))
}

/// Instance and reg-id name a flow (RFC 5626 §6); otherwise the URIs decide (RFC 3261 §10.3 step 7).
fn same_binding(binding: &Binding, contact: &Contact, uri: &Uri) -> bool {
    if contact.reg_id.is_some() && contact.instance.is_some() {
        return binding.reg_id == contact.reg_id && binding.instance == contact.instance;
    }
    binding.uri == contact.uri || Uri::parse(binding.uri.as_bytes()).is_ok_and(|known| known.is_equivalent(uri))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::flow::Transport;

    fn flow(id: u64) -> Flow {
        Flow { transport: Transport::Tcp, id, peer: "192.0.2.1:5060".parse().unwrap() }
    }

    fn contact(uri: &str, expires: Option<u32>) -> Contact {
        Contact { uri: uri.to_owned(), expires, ..Contact::default() }
    }

    fn update<'a>(contacts: &'a [Contact], call_id: &'a str, cseq: u32) -> Update<'a> {
        let flow = flow(1);
        Update { contacts, wildcard: false, expires: None, call_id, cseq, flow, path: &[], user_agent: None }
    }

    fn apply(bindings: &mut Bindings, update: &Update<'_>, now: i64) -> Result<Changed, Refused> {
        bindings.apply(update, Lifetimes::default(), now)
    }

    #[test]
    fn a_contact_lives_as_long_as_it_wishes_within_the_bounds() {
        let table = [
            (Some(300), None, Ok(300)),
            (None, Some(300), Ok(300)),
            (Some(120), Some(300), Ok(120)),
            (None, None, Ok(3600)),
            (Some(4_294_967_295), None, Ok(3600)),
            (Some(59), None, Err(Refused::TooBrief { wish: 59, min: 60 })),
            (Some(60), None, Ok(60)),
        ];
        for (parameter, header, granted) in table {
            let mut bindings = Bindings::default();
            let contacts = [contact("sip:a@h", parameter)];
            let result = apply(&mut bindings, &Update { expires: header, ..update(&contacts, "c", 1) }, 1_000);
            assert_eq!(result.map(|_| bindings.answer(1_000)[0].1), granted);
        }
    }

    #[test]
    fn equal_uris_are_one_binding_and_zero_removes_it() {
        let mut bindings = Bindings::default();
        apply(&mut bindings, &update(&[contact("sip:a@Host.example;transport=TCP", Some(60))], "c", 1), 0).unwrap();
        apply(&mut bindings, &update(&[contact("sip:a@host.example;transport=tcp", Some(90))], "c", 2), 0).unwrap();
        assert_eq!(bindings.answer(0), [("sip:a@host.example;transport=tcp".to_owned(), 90)]);
        let changed =
            apply(&mut bindings, &update(&[contact("sip:a@host.example;transport=tcp", Some(0))], "c", 3), 0).unwrap();
        assert_eq!((changed.removed.len(), bindings.list().len()), (1, 0));
    }

    #[test]
    fn an_older_request_changes_nothing() {
        let mut bindings = Bindings::default();
        apply(&mut bindings, &update(&[contact("sip:a@h", Some(60))], "c", 5), 0).unwrap();
        for cseq in [5, 4] {
            let both = [contact("sip:b@h", Some(60)), contact("sip:a@h", Some(90))];
            assert_eq!(apply(&mut bindings, &update(&both, "c", cseq), 0), Err(Refused::OutOfOrder));
            let wildcard = Update { wildcard: true, expires: Some(0), ..update(&[], "c", cseq) };
            assert_eq!(apply(&mut bindings, &wildcard, 0), Err(Refused::OutOfOrder));
        }
        assert_eq!(bindings.answer(0), [("sip:a@h".to_owned(), 60)], "all or nothing");
        apply(&mut bindings, &update(&[contact("sip:a@h", Some(90))], "other", 1), 0).unwrap();
        assert_eq!(bindings.answer(0)[0].1, 90, "another Call-ID counts for itself");
    }

    #[test]
    fn a_wildcard_removes_everything_and_stands_alone() {
        let mut bindings = Bindings::default();
        apply(&mut bindings, &update(&[contact("sip:a@h", None), contact("sip:b@h", None)], "c", 1), 0).unwrap();
        let contacts = [contact("sip:a@h", None)];
        for (expires, contacts) in [(Some(3600), &[][..]), (None, &[][..]), (Some(0), &contacts[..])] {
            let bad = Update { wildcard: true, expires, ..update(contacts, "c", 2) };
            assert_eq!(apply(&mut bindings, &bad, 0), Err(Refused::BadWildcard));
        }
        let all = Update { wildcard: true, expires: Some(0), ..update(&[], "c", 2) };
        assert_eq!(apply(&mut bindings, &all, 0).unwrap().removed.len(), 2);
    }

    #[test]
    fn an_instance_with_a_reg_id_replaces_its_flow() {
        let mut bindings = Bindings::default();
        let of = |uri: &str, reg_id| Contact {
            instance: Some("urn:uuid:1".to_owned()),
            reg_id: Some(reg_id),
            ..contact(uri, Some(60))
        };
        apply(&mut bindings, &update(&[of("sip:a@1.invalid", 1)], "c", 1), 0).unwrap();
        apply(&mut bindings, &Update { flow: flow(2), ..update(&[of("sip:a@2.invalid", 1)], "d", 1) }, 0).unwrap();
        apply(&mut bindings, &update(&[of("sip:a@3.invalid", 2)], "e", 1), 0).unwrap();
        let uris: Vec<String> = bindings.answer(0).into_iter().map(|(uri, _)| uri).collect();
        assert_eq!(uris, ["sip:a@2.invalid", "sip:a@3.invalid"]);
        assert_eq!(bindings.flow_closed(flow(2)).len(), 1);
        assert_eq!(bindings.list().len(), 1);
    }

    #[test]
    fn ten_contacts_are_kept_and_an_eleventh_is_refused() {
        let mut bindings = Bindings::default();
        for n in 0..10 {
            apply(&mut bindings, &update(&[contact(&format!("sip:{n}@h"), Some(60))], "c", n + 1), 0).unwrap();
        }
        let eleventh = [contact("sip:10@h", Some(60))];
        assert_eq!(apply(&mut bindings, &update(&eleventh, "c", 11), 0), Err(Refused::TooMany));
        assert_eq!(bindings.list().len(), 10);
        apply(&mut bindings, &update(&eleventh, "c", 12), 60_000).unwrap();
        assert_eq!(bindings.list().len(), 1, "the ten ended by then");
    }

    #[test]
    fn what_is_no_uri_is_no_contact() {
        let mut bindings = Bindings::default();
        for uri in ["", "sip:", "x y", "sip:@h"] {
            assert_eq!(apply(&mut bindings, &update(&[contact(uri, None)], "c", 1), 0), Err(Refused::BadContact));
        }
        assert_eq!(Refused::BadContact.status(), 400);
    }
}
