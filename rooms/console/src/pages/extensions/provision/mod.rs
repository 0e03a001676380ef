//! An extension's password, shown this once, and how it gets into a phone.
//!
//! There is no QR code that all softphones read. The one that needs no vendor's portal is Linphone's: the address of a
//! file that sets the account up. Other makes have files of their own, which desk phones fetch by their hardware
//! address. Each address is good for ten minutes and one fetch, and the password is kept in memory for no longer. For
//! every other phone the values stand beside, to be typed or copied.

mod files;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use askama::Template;
use axum::{
    Extension as Shared,
    extract::{Path, State},
    response::IntoResponse,
};
use domain::Timestamp;
use http::{Method, header};
use pbx::{model::Extension, ops::phones};
use rand::distr::{Alphanumeric, SampleString};

use crate::{Answer, Console, Failure, view::View};
use files::Make;

/// How long a phone may fetch its file.
const LIFETIME: Duration = Duration::from_secs(600);
/// Characters of the secret part of the address: 190 bits.
const TOKEN_LENGTH: usize = 32;
/// Files that wait to be fetched; the oldest goes first.
const MOST_OFFERS: usize = 1_000;

/// What a phone has to know.
#[derive(Clone)]
struct Account {
    number: String,
    name: Option<String>,
    password: String,
    /// Where phones sign in, without the port.
    domain: String,
    port: Option<u16>,
    /// `udp`, `tcp` or `tls`.
    transport: &'static str,
}

impl Account {
    /// Returns where phones sign in, with the port if there is one.
    fn server(&self) -> String {
        self.port.map_or_else(|| self.domain.clone(), |port| format!("{}:{port}", self.domain))
    }

    /// Speech is encrypted where signalling is: the keys stand in it.
    fn encrypts(&self) -> bool {
        self.transport == "tls"
    }
}

/// Files that wait for their phones.
#[derive(Clone, Default)]
pub(super) struct Offers(Arc<Mutex<VecDeque<Offer>>>);

struct Offer {
    token: String,
    until: Timestamp,
    make: Make,
    /// The hardware address of the one phone that may fetch it, in lower case.
    mac: Option<String>,
    account: Account,
}

impl Offers {
    /// Keeps a file and returns the token that fetches it.
    fn keep(&self, make: Make, mac: Option<&str>, account: Account, now: Timestamp) -> String {
        let token = Alphanumeric.sample_string(&mut rand::rng(), TOKEN_LENGTH);
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|offer| offer.until > now);
        if waiting.len() >= MOST_OFFERS {
            waiting.pop_front();
        }
        let mac = mac.map(str::to_owned);
        waiting.push_back(Offer { token: token.clone(), until: now.after(LIFETIME), make, mac, account });
        token
    }

    /// Gives a file out, once; a file of another name is not there, and leaves this one where it is.
    fn take(&self, token: &str, file: &str, now: Timestamp) -> Option<(Make, String)> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|offer| offer.until > now);
        let at = waiting.iter().position(|offer| {
            use subtle::ConstantTimeEq as _;
            offer.token.as_bytes().ct_eq(token.as_bytes()).into()
        })?;
        waiting.get(at).filter(|offer| offer.make.is_asked(file, offer.mac.as_deref()))?;
        waiting.remove(at).map(|offer| (offer.make, offer.make.write(&offer.account)))
    }
}

/// A file that waits, as the page shows it.
struct Waiting {
    make: Make,
    /// What a softphone or its user opens, or where a desk phone looks for its file.
    url: String,
}

#[derive(Template)]
#[template(path = "extensions/password.html")]
struct Page<'a> {
    v: &'a View,
    extension: &'a Extension,
    password: &'a str,
    /// Where phones sign in, without the port.
    domain: &'a str,
    port: Option<u16>,
    transport: &'static str,
    /// What Linphone's code says; none where the password would cross a network in the clear.
    url: Option<String>,
    files: Vec<Waiting>,
    is_new: bool,
}

/// Draws the page with the password. A `mac` ties the files of desk phones to one phone.
pub(super) async fn show(
    console: &Console,
    view: &View,
    offers: &Offers,
    extension: &Extension,
    password: &str,
    for_phone: &ForPhone,
) -> Answer {
    let registrar = phones::registrar(&console.pbx, view.who()?).await?;
    let public_url = console.config.public_url.trim_end_matches('/');
    let domain = registrar.domain.as_deref().unwrap_or_else(|| host_of(public_url));
    let (port, transport) = match (registrar.tls.filter(|_| extension.tls_enabled), registrar.tcp, registrar.udp) {
        (Some(port), ..) => (Some(port), "tls"),
        // Behind NAT a connection stays open by itself.
        (None, Some(port), _) => (Some(port), "tcp"),
        (None, None, port) => (port, "udp"),
    };
    let account = Account {
        number: extension.number.clone(),
        name: extension.display_name.clone(),
        password: password.to_owned(),
        domain: domain.to_owned(),
        port,
        transport,
    };
    let (mut url, mut files) = (None, Vec::new());
    if is_private(public_url) {
        let mac = for_phone.mac.as_deref();
        for make in Make::ALL {
            let token = offers.keep(make, mac, account.clone(), view.now());
            let folder = format!("{public_url}/provision/{token}/");
            match (make, mac) {
                (Make::Linphone, _) => url = Some(format!("{folder}{}", make.file(""))),
                // The phone adds the name by itself.
                (make, None) if make.is_desk_phone() => files.push(Waiting { make, url: folder }),
                (make, mac) => files.push(Waiting { make, url: folder + &make.file(mac.unwrap_or_default()) }),
            }
        }
    }
    let is_new = for_phone.is_new;
    view.page(&Page { v: view, extension, password, domain, port, transport, url, files, is_new })
}

/// What the page of a password is drawn for.
#[derive(Default)]
pub(super) struct ForPhone {
    pub(super) is_new: bool,
    /// The desk phone's hardware address: twelve digits in lower case.
    pub(super) mac: Option<String>,
}

/// Reads a hardware address in any form: twelve hexadecimal digits, with or without marks between them.
pub(super) fn mac(text: &str) -> Option<String> {
    let plain = text.chars().filter(|c| !matches!(c, ':' | '-' | '.' | ' ')).collect::<String>().to_ascii_lowercase();
    (plain.len() == 12 && plain.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(plain)
}

/// Gives a phone its file. Whoever has the address has the password: it works once.
pub(super) async fn hand_out(
    State(console): State<Console>,
    Path((token, file)): Path<(String, String)>,
    method: Method,
    Shared(offers): Shared<Offers>,
) -> Answer {
    // A look at the head is no fetch.
    let found = (method == Method::GET).then(|| offers.take(&token, &file, console.clock.now())).flatten();
    let (make, text) = found.ok_or_else(Failure::not_found)?;
    Ok(([(header::CONTENT_TYPE, make.content_type()), (header::CACHE_CONTROL, "no-store")], text).into_response())
}

/// Tells whether what goes over an address stays between its ends: by TLS, or within this host.
fn is_private(url: &str) -> bool {
    let host = host_of(url);
    let loopback = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    url.starts_with("https://") || loopback || host == "localhost"
}

/// Returns the host of an address, without port.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account {
            number: "1001".to_owned(),
            name: None,
            password: "secret".to_owned(),
            domain: "pbx.example".to_owned(),
            port: None,
            transport: "udp",
        }
    }

    #[test]
    fn a_file_is_given_out_once_to_its_phone_and_not_after_ten_minutes() {
        let (offers, now) = (Offers::default(), Timestamp(0));
        let first = offers.keep(Make::Linphone, None, account(), now);
        let second = offers.keep(Make::Yealink, Some("001565abcdef"), account(), now);
        assert!(offers.take("nonsense", "linphone.xml", now).is_none());
        assert!(offers.take(&first, "linphone.xml", now).is_some());
        assert!(offers.take(&first, "linphone.xml", now).is_none());
        for other in ["y000000000028.cfg", "001565000000.cfg", "linphone.xml", ""] {
            assert!(offers.take(&second, other, now).is_none(), "{other}");
        }
        assert!(offers.take(&second, "001565ABCDEF.cfg", now).is_some());
        let third = offers.keep(Make::Zoiper, None, account(), now);
        assert!(offers.take(&third, "zoiper.xml", now.after(LIFETIME)).is_none());
    }

    #[test]
    fn hardware_addresses_are_read_in_every_form() {
        for text in ["00:15:65:AB:CD:EF", "001565abcdef", "0015.65ab.cdef", "00-15-65-ab-cd-ef"] {
            assert_eq!(mac(text).as_deref(), Some("001565abcdef"), "{text}");
        }
        for text in ["", "001565abcde", "001565abcdeg", "001565abcdef00"] {
            assert_eq!(mac(text), None, "{text}");
        }
    }

    #[test]
    fn a_password_crosses_no_network_in_the_clear() {
        for (url, private) in [
            ("https://pbx.example", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://localhost:8080", true),
            ("http://pbx.example", false),
            ("http://10.0.0.1:8080", false),
        ] {
            assert_eq!(is_private(url), private, "{url}");
        }
    }

    #[test]
    fn the_host_of_an_address_stands_between_scheme_and_port() {
        for (url, host) in [
            ("https://pbx.example", "pbx.example"),
            ("http://127.0.0.1:8080", "127.0.0.1"),
            ("https://[::1]:8443/x", "[::1]"),
            ("pbx.example/x", "pbx.example"),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }
}
