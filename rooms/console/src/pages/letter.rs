//! The letters with an invitation or a link for a new password.

use accounts::{Link, LinkKind, Visit};
use askama::Template;
use mail::Letter;
use web::Language;

use crate::{Answer, Console, view::View, words};

/// Sends a link, or shows it this once to whoever made it: because no relay is set, or the user has no address.
pub(super) async fn hand_over(console: &Console, view: &View, user: i64, link: &Link) -> Answer {
    let who = view.who()?;
    let url = address(console, link);
    let letter = link.email.as_ref().map(|to| letter(to, link.kind.as_str(), link, &url, ""));
    if let Some(letter) = letter.filter(|_| console.mail.configured()) {
        match console.mail.send(who.tenant, &letter).await {
            Ok(()) => return view.go_with(&format!("/users/{user}"), "users.sent"),
            // An address that no letter takes, or no room for one: the link is good nevertheless.
            Err(error) => tracing::warn!(%error, "a link was not mailed and is shown instead"),
        }
    }
    view.page(&Shown { v: view, user, link, url, is_invitation: link.kind == LinkKind::Invitation })
}

#[derive(Template)]
#[template(path = "users/link.html")]
struct Shown<'a> {
    v: &'a View,
    user: i64,
    link: &'a Link,
    url: String,
    is_invitation: bool,
}

/// Writes the letter of a kind: `invitation`, `reset`, or `forgotten`, which says from where it was asked for.
fn letter(to: &str, kind: &str, link: &Link, url: &str, from: &str) -> Letter {
    let language = link.language.unwrap_or(Language::En);
    let say = |part: &str| words::maybe(language, &format!("users.letter.{kind}.{part}")).unwrap_or_default();
    Letter {
        to: vec![to.to_owned()],
        subject: words::fill(say("subject"), &[&link.tenant_name]),
        text: words::fill(say("text"), &[&link.username, &link.tenant_name, &url, &from]),
        html: None,
        attachments: Vec::new(),
    }
}

/// Returns the whole address of a link.
fn address(console: &Console, link: &Link) -> String {
    format!("{}{}", console.config.public_url.trim_end_matches('/'), link.url_path)
}

/// Mails a link to the user who asked for it; there is nobody to show it to.
pub(super) async fn mail_forgotten(
    console: &Console,
    username: &str,
    visit: &Visit,
    spoken: Language,
) -> Result<(), web::Error> {
    let Some(mut link) = console.accounts.forgot_password(username, visit).await? else { return Ok(()) };
    let Some(to) = link.email.clone() else { return Ok(()) };
    link.language.get_or_insert(spoken);
    let url = address(console, &link);
    let letter = letter(&to, "forgotten", &link, &url, &visit.address.to_string());
    console.mail.send(link.tenant, &letter).await.map_err(|error| web::Error::internal(&error))
}

#[cfg(test)]
mod tests {
    use domain::{TenantId, Timestamp};

    use super::*;

    #[test]
    fn a_letter_names_the_user_the_account_the_link_and_how_long_it_is_good() {
        for (kind, hours) in [
            ("invitation", ["24 hours", "24 giờ"]),
            ("reset", ["24 hours", "24 giờ"]),
            ("forgotten", ["an hour", "một giờ"]),
        ] {
            for (language, hours) in [Language::En, Language::Vi].into_iter().zip(hours) {
                let link = Link {
                    url_path: "/reset/x".to_owned(),
                    kind: LinkKind::Reset,
                    expires_at: Timestamp(0),
                    username: "an".to_owned(),
                    email: None,
                    language: Some(language),
                    tenant: TenantId(1),
                    tenant_name: "Acme".to_owned(),
                };
                let letter = letter("an@acme.example", kind, &link, "https://pbx.example/reset/x", "192.0.2.7");
                assert!(letter.subject.contains("Acme"), "{}", letter.subject);
                for part in ["an", "https://pbx.example/reset/x", hours] {
                    assert!(letter.text.contains(part), "{}", letter.text);
                }
                assert_eq!(letter.text.contains("192.0.2.7"), kind == "forgotten", "{}", letter.text);
            }
        }
    }
}
