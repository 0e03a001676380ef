//! `/settings/incoming`: the one URL that is told of every call that comes in.

use askama::Template;
use axum::extract::State;
use webhooks::{Secret, Webhook};

use super::{
    samples::{SAMPLES, Sample},
    tone,
};
use crate::{Answer, Console, form::Form, nav::Needs, pages::fresh, view::View};

#[derive(Template)]
#[template(path = "webhooks/incoming.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    webhook: Option<&'a Webhook>,
    tone: &'static str,
    client_id: String,
    api: String,
}

#[derive(Template)]
#[template(path = "webhooks/incoming_secret.html")]
struct Shown<'a> {
    v: &'a View,
    secret: &'a str,
    standard: String,
    samples: &'static [Sample],
}

pub(super) async fn show(State(console): State<Console>, view: View) -> Answer {
    let webhook = console.webhooks.incoming(view.needs(Needs::Admin)?).await?;
    let form = Form::default().with("url", webhook.as_ref().map_or("", |webhook| webhook.url.as_str()));
    draw(&console, &view, &form, webhook.as_ref()).await
}

async fn draw(console: &Console, view: &View, form: &Form, webhook: Option<&Webhook>) -> Answer {
    let settings = console.accounts.settings(view.needs(Needs::Admin)?).await?;
    let page = Page {
        v: view,
        form,
        webhook,
        tone: webhook.map_or("idle", |webhook| tone(webhook.status)),
        client_id: settings.client_id.to_string(),
        api: format!("{}/api/v3/calls/webhooks", console.config.public_url.trim_end_matches('/')),
    };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

pub(super) async fn set(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let webhook = console.webhooks.incoming(who).await?;
    let moves = webhook.as_ref().is_none_or(|webhook| webhook.url != form.text("url"));
    if moves && !fresh::confirm(&console, &view, &mut form).await? {
        return draw(&console, &view, &form, webhook.as_ref()).await;
    }
    match console.webhooks.set_incoming(who, form.text("url")).await {
        Ok(set) => match set.secret {
            Some(secret) => shown(&view, &secret),
            None => view.go_with("/settings/incoming", "incoming.saved"),
        },
        Err(error) => draw(&console, &view, &form.refused(&view, error)?, webhook.as_ref()).await,
    }
}

pub(super) async fn resume(State(console): State<Console>, view: View) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let webhook = console.webhooks.incoming(who).await?.ok_or_else(crate::Failure::not_found)?;
    console.webhooks.resume(who, webhook.id).await?;
    view.go_with("/settings/incoming", "webhooks.resumed")
}

pub(super) async fn rotate(State(console): State<Console>, view: View) -> Answer {
    let who = view.needs(Needs::Admin)?;
    view.fresh()?;
    shown(&view, &console.webhooks.rotate_incoming(who).await?)
}

pub(super) async fn remove(State(console): State<Console>, view: View) -> Answer {
    console.webhooks.remove_incoming(view.needs(Needs::Admin)?).await?;
    view.go_with("/settings/incoming", "incoming.removed")
}

fn shown(view: &View, secret: &Secret) -> Answer {
    let (plain, standard) = (secret.reveal(), secret.standard());
    view.page(&Shown { v: view, secret: plain, standard, samples: &SAMPLES })
}
