//! One webhook: how it does, and what can be done with it.

use askama::Template;
use axum::extract::State;
use domain::ids::WebhookId;
use webhooks::{Answer as Answered, EventInfo, Overview, Secret, Webhook};

use super::{
    describe,
    samples::{SAMPLES, Sample},
    seconds, tone,
};
use crate::{
    Answer, Console,
    key::Key,
    nav::Needs,
    pages::deliveries::{failure_text, pretty},
    view::View,
};

#[derive(Template)]
#[template(path = "webhooks/show.html")]
struct Show<'a> {
    v: &'a View,
    webhook: &'a Webhook,
    figures: &'a webhooks::Figures,
    tone: &'static str,
    samples: &'static [Sample],
    /// What the last test event came to.
    tested: Option<Tested>,
}

/// A test event and its answer, as they are shown.
struct Tested {
    delivery: String,
    is_answered: bool,
    is_good: bool,
    /// The status, or why there is none.
    said: String,
    duration_ms: i64,
    body: String,
}

/// An event with an example of what is sent.
struct Sampled {
    name: &'static str,
    description: &'static str,
    body: String,
}

impl Show<'_> {
    fn events(&self) -> Vec<Sampled> {
        let all: Vec<EventInfo> = webhooks::events().into_iter().flat_map(|group| group.events).collect();
        let chosen = self.webhook.events.iter().map(|name| Sampled {
            name: name.as_str(),
            description: describe(
                self.v,
                *name,
                all.iter().find(|info| info.name == *name).map_or("", |info| info.description),
            ),
            body: pretty(&webhooks::sample(*name)),
        });
        chosen.collect()
    }

    fn campaigns(&self) -> String {
        self.webhook.filter.campaigns.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
    }

    fn oldest_due(&self) -> String {
        seconds(self.v, self.figures.oldest_due_seconds)
    }

    fn pace(&self) -> Option<String> {
        self.webhook.pace.map(|pace| self.v.number(i64::from(pace)))
    }

    /// Returns the room's reason for a suspension in the reader's language.
    fn reason(&self) -> &str {
        match self.webhook.reason.as_deref() {
            Some(reason) if reason.contains("410") => self.v.t("webhooks.suspended_gone"),
            Some(_) => self.v.t("webhooks.suspended_failures"),
            None => "",
        }
    }
}

pub(super) async fn show(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    draw(&console, &view, WebhookId(id), None).await
}

async fn draw(console: &Console, view: &View, id: WebhookId, tested: Option<Tested>) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let Overview { webhook, figures } = console.webhooks.show(who, id).await?;
    let tone = tone(webhook.status);
    view.page(&Show { v: view, webhook: &webhook, figures: &figures, tone, samples: &SAMPLES, tested })
}

/// Sends a test event and shows what the receiver answered.
pub(super) async fn test(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    let (who, id) = (view.needs(Needs::Admin)?, WebhookId(id));
    let sent = console.webhooks.test(who, id).await?;
    let tested = Tested::of(&view, sent);
    draw(&console, &view, id, Some(tested)).await
}

impl Tested {
    fn of(view: &View, sent: webhooks::Tested) -> Self {
        let Answered { status, duration_ms, body, error } =
            sent.answer.clone().unwrap_or(Answered { status: None, duration_ms: 0, body: String::new(), error: None });
        Self {
            delivery: sent.delivery.to_string(),
            is_answered: sent.answer.is_some(),
            is_good: sent.answer.is_some() && error.is_none(),
            said: match (status, error) {
                (Some(status), _) => format!("HTTP {status}"),
                (None, Some(error)) => failure_text(view, error),
                (None, None) => String::new(),
            },
            duration_ms,
            body,
        }
    }
}

pub(super) async fn pause(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    console.webhooks.pause(view.needs(Needs::Admin)?, WebhookId(id)).await?;
    view.go_with(&format!("/settings/webhooks/{id}"), "webhooks.paused")
}

pub(super) async fn resume(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    console.webhooks.resume(view.needs(Needs::Admin)?, WebhookId(id)).await?;
    view.go_with(&format!("/settings/webhooks/{id}"), "webhooks.resumed")
}

pub(super) async fn delete(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    console.webhooks.delete(view.needs(Needs::Admin)?, WebhookId(id)).await?;
    view.go_with("/settings/webhooks", "webhooks.deleted")
}

pub(super) async fn rotate(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    let (who, id) = (view.needs(Needs::Admin)?, WebhookId(id));
    // What belongs to another account is not there, whether or not the password was given.
    let webhook = console.webhooks.show(who, id).await?.webhook;
    view.fresh()?;
    let secret = console.webhooks.rotate(who, id).await?;
    self::secret(&view, &webhook, &secret, true)
}

#[derive(Template)]
#[template(path = "webhooks/secret.html")]
struct Shown<'a> {
    v: &'a View,
    webhook: &'a Webhook,
    secret: &'a str,
    standard: String,
    is_rotated: bool,
    samples: &'static [Sample],
}

/// Shows a secret, this once.
pub(super) fn secret(view: &View, webhook: &Webhook, secret: &Secret, is_rotated: bool) -> Answer {
    let (plain, standard) = (secret.reveal(), secret.standard());
    view.page(&Shown { v: view, webhook, secret: plain, standard, is_rotated, samples: &SAMPLES })
}
