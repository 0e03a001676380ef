//! The letter with an invitation or a link for a new password.

use accounts::{Link, LinkKind};
use askama::Template;
use mail::Letter;
use web::Language;

use crate::{Answer, Console, view::View, words};

/// Sends a link, or shows it this once to whoever made it: because no relay is set, or the user has no address.
pub(super) async fn hand_over(console: &Console, view: &View, user: i64, link: &Link) -> Answer {
    let who = view.who()?;
    let url = format!("{}{}", console.config.public_url.trim_end_matches('/'), link.url_path);
    let letter = link.email.as_ref().map(|to| letter(to, link, &url));
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

fn letter(to: &str, link: &Link, url: &str) -> Letter {
    let language = link.language.unwrap_or(Language::En);
    let kind = match link.kind {
        LinkKind::Invitation => "invitation",
        LinkKind::Reset => "reset",
    };
    let say = |part: &str| words::maybe(language, &format!("users.letter.{kind}.{part}")).unwrap_or_default();
    Letter {
        to: vec![to.to_owned()],
        subject: words::fill(say("subject"), &[&link.tenant_name]),
        text: words::fill(say("text"), &[&link.username, &link.tenant_name, &url]),
        html: None,
        attachments: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    #[test]
    fn a_letter_names_the_user_the_account_and_the_link() {
        for (kind, language) in [
            (LinkKind::Invitation, Language::En),
            (LinkKind::Invitation, Language::Vi),
            (LinkKind::Reset, Language::En),
            (LinkKind::Reset, Language::Vi),
        ] {
            let link = Link {
                url_path: "/invite/x".to_owned(),
                kind,
                expires_at: Timestamp(0),
                username: "an".to_owned(),
                email: None,
                language: Some(language),
                tenant_name: "Acme".to_owned(),
            };
            let letter = letter("an@acme.example", &link, "https://pbx.example/invite/x");
            assert!(letter.subject.contains("Acme"), "{}", letter.subject);
            for part in ["an", "https://pbx.example/invite/x", "24"] {
                assert!(letter.text.contains(part), "{}", letter.text);
            }
        }
    }
}
