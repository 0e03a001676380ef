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
        let mut list = self.list.clone();
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
        self.list = list;
        Ok(changed)
    }

    /// Drops the bindings that ended by `now` and returns them.
    pub fn expire(&mut self, now: i64) -> Vec<Binding> {
        let (live, ended) = std::mem::take(&mut self.list).into_iter().partition(|b| b.expires_at > now);
        self.list = live;
        ended
    }

    /// Drops the bindings over a flow that was closed (RFC 5626 §6).
    pub fn flow_closed(&mut self, flow: Flow) -> Vec<Binding> {
        let (live, ended) = std::mem::take(&mut self.list).into_iter().partition(|b| b.flow != flow);
        self.list = live;
        ended
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
