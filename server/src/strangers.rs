//! How many connections one address may have on which nobody has signed in.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// The addresses with connections of strangers. Clones share them.
///
/// Addresses without any are forgotten, so there are never more than connections.
#[derive(Clone, Debug)]
pub(crate) struct Strangers {
    most: usize,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection; it counts until somebody signs in on it or it ends.
#[derive(Debug)]
pub(crate) struct Guest {
    counted: Option<(Strangers, IpAddr)>,
    known: AtomicBool,
}

impl Strangers {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, counts: Arc::default() }
    }

    /// Counts a connection; `None` if the address has too many already.
    pub(crate) fn admit(&self, address: IpAddr) -> Option<Guest> {
        let source = source(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(source).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Guest { counted: Some((self.clone(), source)), known: AtomicBool::new(false) })
    }

    fn leave(&self, source: IpAddr) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.entry(source) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl Guest {
    /// Returns the connection of somebody who is trusted anyway.
    pub(crate) const fn friend() -> Self {
        Self { counted: None, known: AtomicBool::new(true) }
    }

    /// Ends the counting: a request on the connection came with a valid token or session.
    pub(crate) fn signed_in(&self) {
        if let Some((strangers, source)) = &self.counted
            && !self.known.swap(true, Ordering::Relaxed)
        {
            strangers.leave(*source);
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.signed_in();
    }
}

/// Returns what counts as one address: of IPv6 a network of 64 bits, which is what one customer gets.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_closed_at_its_bound_and_others_are_not() {
        let strangers = Strangers::new(2);
        let first = strangers.admit(address("192.0.2.1")).unwrap();
        let _second = strangers.admit(address("::ffff:192.0.2.1")).unwrap();
        assert!(strangers.admit(address("192.0.2.1")).is_none());
        assert!(strangers.admit(address("192.0.2.2")).is_some());
        drop(first);
        assert!(strangers.admit(address("192.0.2.1")).is_some());
    }

    #[test]
    fn a_network_of_64_bits_is_one_address() {
        let strangers = Strangers::new(1);
        let _one = strangers.admit(address("2001:db8:1:2::1")).unwrap();
        assert!(strangers.admit(address("2001:db8:1:2:ffff::9")).is_none());
        assert!(strangers.admit(address("2001:db8:1:3::1")).is_some());
    }

    #[test]
    fn whoever_signed_in_does_not_count_and_leaves_nothing_behind() {
        let strangers = Strangers::new(1);
        let known: Vec<_> = (0..100)
            .map(|_| {
                let guest = strangers.admit(address("192.0.2.1")).unwrap();
                guest.signed_in();
                guest.signed_in();
                guest
            })
            .collect();
        let stranger = strangers.admit(address("192.0.2.1")).unwrap();
        assert!(strangers.admit(address("192.0.2.1")).is_none());
        drop((known, stranger));
        assert!(strangers.counts.lock().unwrap().is_empty());
    }
}
