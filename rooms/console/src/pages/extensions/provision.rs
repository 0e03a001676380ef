//! An extension's password, shown this once, and how it gets into a softphone.
//!
//! There is no QR code that all softphones read. The one that needs no vendor's portal is Linphone's: the address of a
//! file that sets the account up. Ours is good for ten minutes and one fetch, and the password is kept in memory for
//! no longer. For every other softphone the values stand beside the code, to be typed or copied.

use std::{
    collections::VecDeque,
    fmt::Write as _,
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
use http::header;
use pbx::{model::Extension, ops::phones};
use rand::distr::{Alphanumeric, SampleString};

use crate::{Answer, Console, Failure, view::View};

/// How long a phone may fetch its file.
const LIFETIME: Duration = Duration::from_secs(600);
/// Characters of the secret part of the address: 190 bits.
const TOKEN_LENGTH: usize = 32;
/// Files that wait to be fetched; the oldest goes first.
const MOST_OFFERS: usize = 1_000;

/// Files that wait for their phones.
#[derive(Clone, Default)]
pub(super) struct Offers(Arc<Mutex<VecDeque<Offer>>>);

struct Offer {
    token: String,
    until: Timestamp,
    file: String,
}

impl Offers {
    /// Keeps a file and returns the token that fetches it.
    fn keep(&self, file: String, now: Timestamp) -> String {
        let token = Alphanumeric.sample_string(&mut rand::rng(), TOKEN_LENGTH);
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|offer| offer.until > now);
        if waiting.len() >= MOST_OFFERS {
            waiting.pop_front();
        }
        waiting.push_back(Offer { token: token.clone(), until: now.after(LIFETIME), file });
        token
    }

    /// Gives a file out, once.
    fn take(&self, token: &str, now: Timestamp) -> Option<String> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|offer| offer.until > now);
        let at = waiting.iter().position(|offer| {
            use subtle::ConstantTimeEq as _;
            offer.token.as_bytes().ct_eq(token.as_bytes()).into()
        })?;
        waiting.remove(at).map(|offer| offer.file)
    }
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
    url: String,
    is_new: bool,
}

/// Draws the page with the password.
pub(super) async fn show(
    console: &Console,
    view: &View,
    offers: &Offers,
    extension: &Extension,
    password: &str,
    is_new: bool,
) -> Answer {
    let registrar = phones::registrar(&console.pbx, view.who()?).await?;
    let public_url = console.config.public_url.trim_end_matches('/');
    let domain = registrar.domain.as_deref().unwrap_or_else(|| host_of(public_url));
    let (port, transport) = match (registrar.tcp, registrar.udp) {
        // Behind NAT a connection stays open by itself.
        (Some(port), _) => (Some(port), "tcp"),
        (None, port) => (port, "udp"),
    };
    let file = linphone(extension, password, domain, port, transport);
    let url = format!("{public_url}/provision/{}", offers.keep(file, view.now()));
    view.page(&Page { v: view, extension, password, domain, port, transport, url, is_new })
}

/// Gives a phone its file. Whoever has the address has the password: it works once.
pub(super) async fn hand_out(
    State(console): State<Console>,
    Path(token): Path<String>,
    Shared(offers): Shared<Offers>,
) -> Answer {
    let file = offers.take(&token, console.clock.now()).ok_or_else(Failure::not_found)?;
    Ok(([(header::CONTENT_TYPE, "application/xml; charset=utf-8")], file).into_response())
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

/// Writes the file that sets Linphone up. It also takes itself out, so that the address is not asked again.
fn linphone(extension: &Extension, password: &str, domain: &str, port: Option<u16>, transport: &str) -> String {
    let (number, port) = (&extension.number, port.map_or_else(String::new, |port| format!(":{port}")));
    let identity = match &extension.display_name {
        Some(name) => format!("\"{}\" <sip:{number}@{domain}>", name.replace(['"', '\\'], "")),
        None => format!("<sip:{number}@{domain}>"),
    };
    let sections: [(&str, &[(&str, &str)]); 4] = [
        (
            "proxy_0",
            &[
                ("reg_identity", &identity),
                ("reg_proxy", &format!("<sip:{domain}{port};transport={transport}>")),
                ("reg_sendregister", "1"),
                ("reg_expires", "600"),
            ],
        ),
        ("auth_info_0", &[("username", number), ("passwd", password), ("domain", domain)]),
        ("sip", &[("default_proxy", "0")]),
        ("misc", &[("config-uri", "")]),
    ];
    let mut xml =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<config xmlns=\"http://www.linphone.org/xsds/lpconfig.xsd\">\n"
            .to_owned();
    for (name, entries) in sections {
        writeln!(xml, "<section name=\"{name}\">").expect("a string takes it");
        for (name, value) in entries {
            writeln!(xml, "<entry name=\"{name}\" overwrite=\"true\">{}</entry>", escaped(value))
                .expect("a string takes it");
        }
        xml.push_str("</section>\n");
    }
    xml + "</config>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use domain::TenantId;
    use pbx::model::{ExtensionStatus, RecordingMode};

    use super::*;

    #[test]
    fn a_file_is_given_out_once_and_not_after_ten_minutes() {
        let (offers, now) = (Offers::default(), Timestamp(0));
        let (first, second) = (offers.keep("1".to_owned(), now), offers.keep("2".to_owned(), now));
        assert_eq!(offers.take("nonsense", now), None);
        assert_eq!((offers.take(&first, now).as_deref(), offers.take(&first, now)), (Some("1"), None));
        assert_eq!(offers.take(&second, now.after(LIFETIME)), None);
    }

    #[test]
    fn a_name_cannot_break_out_of_the_file() {
        let extension = Extension {
            tenant: TenantId(1),
            number: "1001".to_owned(),
            display_name: Some("An \"</entry><entry name=\"x\">& co".to_owned()),
            voicemail_enabled: false,
            outbound_caller_id: None,
            recording_mode: RecordingMode::None,
            status: ExtensionStatus::Active,
            team_id: None,
            department_id: None,
            max_concurrent: 2,
            tls_enabled: false,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        };
        let xml = linphone(&extension, "a<b&c", "pbx.example", Some(5060), "tcp");
        assert_eq!(xml.matches("<entry ").count(), 9, "{xml}");
        assert!(xml.contains(">&lt;sip:pbx.example:5060;transport=tcp&gt;<"), "{xml}");
        assert!(xml.contains(">a&lt;b&amp;c<"), "{xml}");
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
