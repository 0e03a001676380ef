//! When two URIs name the same resource.

use super::{Host, Scheme, Uri, percent_decode};
use crate::text::Params;

impl Uri {
    /// Tells whether both name the same resource by RFC 3261 §19.1.4 (tel: RFC 3966 §4; others byte for byte).
    pub fn is_equivalent(&self, other: &Self) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        match self.scheme {
            Scheme::Other => self.raw == other.raw,
            Scheme::Tel => {
                let digits = |uri: &Self| -> Vec<u8> {
                    let number = uri.user().unwrap_or_default().bytes();
                    number
                        .filter(|byte| !matches!(byte, b'-' | b'.' | b'(' | b')'))
                        .map(|b| b.to_ascii_lowercase())
                        .collect()
                };
                digits(self) == digits(other)
                    && covers(self.params(), other.params(), |_| true)
                    && covers(other.params(), self.params(), |_| true)
            }
            Scheme::Sip | Scheme::Sips => {
                let significant = |name: &[u8]| {
                    [b"user".as_slice(), b"ttl", b"method", b"maddr", b"transport"]
                        .iter()
                        .any(|known| name.eq_ignore_ascii_case(known))
                };
                self.user_decoded() == other.user_decoded()
                    && self.password.map(|p| percent_decode(p.get(&self.raw)))
                        == other.password.map(|p| percent_decode(p.get(&other.raw)))
                    && self.same_host(other)
                    && self.port() == other.port()
                    && covers(self.params(), other.params(), significant)
                    && covers(other.params(), self.params(), significant)
                    && same_headers(self.headers(), other.headers())
            }
        }
    }

    fn same_host(&self, other: &Self) -> bool {
        match (self.host(), other.host()) {
            (Host::Name(mine), Host::Name(theirs)) => mine.eq_ignore_ascii_case(theirs),
            (mine, theirs) => mine == theirs,
        }
    }
}

/// Tells whether every parameter of `mine` agrees with `theirs`; those that are `needed` must be there.
fn covers(mine: Params<'_>, theirs: Params<'_>, needed: impl Fn(&[u8]) -> bool) -> bool {
    for (name, value) in mine {
        match theirs.clone().find(|(other, _)| percent_decode(other).eq_ignore_ascii_case(&percent_decode(name))) {
            Some((_, other)) => {
                let left = percent_decode(value.unwrap_or_default());
                if !left.eq_ignore_ascii_case(&percent_decode(other.unwrap_or_default())) {
                    return false;
                }
            }
            None if needed(name) => return false,
            None => {}
        }
    }
    true
}

fn same_headers(mine: Option<&str>, theirs: Option<&str>) -> bool {
    let sorted = |headers: Option<&str>| {
        let mut list: Vec<(Vec<u8>, Vec<u8>)> = headers
            .unwrap_or_default()
            .split('&')
            .map(|header| {
                let (name, value) = header.split_once('=').unwrap_or((header, ""));
                (percent_decode(name.as_bytes()).to_ascii_lowercase(), percent_decode(value.as_bytes()).into_owned())
            })
            .collect();
        list.sort();
        list
    };
    sorted(mine) == sorted(theirs)
}
