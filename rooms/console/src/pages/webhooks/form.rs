//! Creating and changing a webhook.

use askama::Template;
use axum::extract::State;
use domain::{EventName, ids::WebhookId};
use webhooks::{Change, EventFilter, EventGroup, NewWebhook, Webhook};

use super::{describe, show};
use crate::{Answer, Console, Failure, form::Form, key::Key, nav::Needs, pages::fresh, view::View};

#[derive(Template)]
#[template(path = "webhooks/form.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    /// `None` for a new one.
    webhook: Option<&'a Webhook>,
    groups: Vec<EventGroup>,
}

impl Page<'_> {
    fn describe(&self, name: &EventName, english: &&'static str) -> &'static str {
        describe(self.v, *name, english)
    }

    /// Tells whether the fields that few need are filled in, and so have to be seen.
    fn is_special(&self) -> bool {
        ["extensions", "queues", "campaigns", "pace", "authority"]
            .iter()
            .any(|name| !self.form.text(name).is_empty() || self.form.error(name).is_some())
    }
}

fn draw(view: &View, form: &Form, webhook: Option<&Webhook>) -> Answer {
    let page = Page { v: view, form, webhook, groups: webhooks::events() };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

pub(super) async fn blank(view: View) -> Answer {
    view.needs(Needs::Admin)?;
    draw(&view, &Form::default(), None)
}

pub(super) async fn create(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let new = read(&view, &mut form);
    if form.is_wrong() || !fresh::confirm(&console, &view, &mut form).await? {
        return draw(&view, &form, None);
    }
    match console.webhooks.create(who, new).await {
        Ok(created) => show::secret(&view, &created.webhook, &created.secret, false),
        Err(error) => draw(&view, &refused(&view, form, error)?, None),
    }
}

pub(super) async fn edit(State(console): State<Console>, view: View, Key(id): Key<i64>) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let webhook = console.webhooks.show(who, WebhookId(id)).await?.webhook;
    let mut form = Form::default()
        .with("name", &webhook.name)
        .with("url", &webhook.url)
        .with("extensions", webhook.filter.extensions.join(", "))
        .with("queues", webhook.filter.queues.join(", "))
        .with("campaigns", webhook.filter.campaigns.iter().map(i64::to_string).collect::<Vec<_>>().join(", "))
        .with("pace", webhook.pace.map_or_else(String::new, |pace| pace.to_string()))
        .with("authority", webhook.authority.as_deref().unwrap_or_default());
    for event in &webhook.events {
        form = form.with("events", event.as_str());
    }
    draw(&view, &form, Some(&webhook))
}

pub(super) async fn change(State(console): State<Console>, view: View, Key(id): Key<i64>, mut form: Form) -> Answer {
    let (who, id) = (view.needs(Needs::Admin)?, WebhookId(id));
    let webhook = console.webhooks.show(who, id).await?.webhook;
    let asked = read(&view, &mut form);
    // Whoever can send an account's events elsewhere reads them.
    let moves = asked.url.trim() != webhook.url;
    if form.is_wrong() || (moves && !fresh::confirm(&console, &view, &mut form).await?) {
        return draw(&view, &form, Some(&webhook));
    }
    let change = Change {
        name: Some(asked.name),
        url: Some(asked.url),
        events: Some(asked.events),
        filter: Some(asked.filter),
        pace: Some(asked.pace),
        authority: Some(asked.authority),
    };
    match console.webhooks.change(who, id, change).await {
        Ok(_) => view.go_with(&format!("/settings/webhooks/{id}"), "webhooks.saved"),
        Err(error) => draw(&view, &refused(&view, form, error)?, Some(&webhook)),
    }
}

/// Takes a refusal over into the form. The room's filter is three fields here: its error stands at the first.
fn refused(view: &View, form: Form, error: webhooks::Error) -> Result<Form, Failure> {
    let mut form = form.refused(view, error)?;
    if let Some(text) = form.error("filter").map(str::to_owned) {
        form.wrong("extensions", text);
    }
    Ok(form)
}

fn read(view: &View, form: &mut Form) -> NewWebhook {
    let events: Vec<_> = form.list("events").filter_map(EventName::parse).collect();
    if events.is_empty() {
        form.wrong("events", view.t("webhooks.no_event"));
    }
    let pace = form.number(view, "pace").map(|pace| u32::try_from(pace).unwrap_or(0));
    let named = names(form.value("campaigns"));
    let campaigns: Vec<i64> = named.iter().filter_map(|text| text.parse().ok()).collect();
    if campaigns.len() < named.len() {
        form.wrong("campaigns", view.t("webhooks.campaigns_wrong"));
    }
    NewWebhook {
        name: form.text("name").to_owned(),
        url: form.text("url").to_owned(),
        events,
        filter: EventFilter {
            extensions: names(form.value("extensions")),
            queues: names(form.value("queues")),
            campaigns,
        },
        pace,
        authority: form.optional("authority"),
    }
}

/// Splits what was put in at commas and line ends.
fn names(text: &str) -> Vec<String> {
    text.split([',', ';', '\n']).map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_between_commas_or_on_lines() {
        assert_eq!(names(" 101,102 ;\r\n103,, "), ["101", "102", "103"]);
        assert!(names(" , ").is_empty());
    }
}
