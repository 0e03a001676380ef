//! One rule: on or off, when, and who is told how.

use alerts::{Kind, NewRule, Rule, Secret, Tested};
use askama::Template;
use axum::extract::State;
use web::Language;

use super::threshold;
use crate::{Answer, Console, Failure, form::Form, key::Key, nav::Needs, pages::fresh, view::View};

#[derive(Template)]
#[template(path = "alerts/rule.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    rule: &'a Rule,
    kind: &'static str,
    unit: Option<&'static str>,
    default: String,
    has_mail: bool,
    /// What a test came to.
    tested: Option<Vec<Tested>>,
}

#[derive(Template)]
#[template(path = "alerts/secret.html")]
struct Shown<'a> {
    v: &'a View,
    kind: &'static str,
    secret: &'a str,
}

/// Finds a rule; a kind that does not exist, or that is not this account's, is 404.
async fn find(console: &Console, view: &View, kind: &str) -> Result<Rule, Failure> {
    let who = view.needs(Needs::Admin)?;
    let kind = Kind::parse(kind).ok_or_else(Failure::not_found)?;
    let rules = console.alerts.list(who).await?;
    rules.into_iter().find(|rule| rule.kind == kind).ok_or_else(Failure::not_found)
}

fn filled(rule: &Rule) -> Form {
    let mut form = Form::default()
        .with("recipients", rule.recipients.join("\n"))
        .with("language", rule.language.as_str())
        .with("threshold", rule.threshold.map_or_else(String::new, |value| value.to_string()))
        .with("webhook_url", rule.webhook_url.as_deref().unwrap_or_default());
    if rule.enabled {
        form = form.with("enabled", "on");
    }
    form
}

pub(super) async fn show(State(console): State<Console>, view: View, Key(kind): Key<String>) -> Answer {
    let rule = find(&console, &view, &kind).await?;
    draw(&console, &view, &rule, &filled(&rule), None)
}

fn draw(console: &Console, view: &View, rule: &Rule, form: &Form, tested: Option<Vec<Tested>>) -> Answer {
    let page = Page {
        v: view,
        form,
        rule,
        kind: rule.kind.as_str(),
        unit: rule.kind.threshold().map(|threshold| threshold.unit),
        default: threshold(view, &Rule { threshold: None, ..rule.clone() }).unwrap_or_default(),
        has_mail: console.mail.configured(),
        tested,
    };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

pub(super) async fn set(State(console): State<Console>, view: View, Key(kind): Key<String>, mut form: Form) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let rule = find(&console, &view, &kind).await?;
    let recipients = form.value("recipients").split(['\n', ',', ';']).map(str::trim);
    let new = NewRule {
        enabled: form.flag("enabled"),
        recipients: recipients.filter(|text| !text.is_empty()).map(str::to_owned).collect(),
        language: Language::parse(form.text("language")).unwrap_or_default(),
        threshold: form.number(&view, "threshold"),
        webhook_url: form.optional("webhook_url"),
    };
    // Another URL is told of what goes wrong, and a first one is given a secret.
    let moves = new.webhook_url.is_some() && new.webhook_url != rule.webhook_url;
    if form.is_wrong() || (moves && !fresh::confirm(&console, &view, &mut form).await?) {
        return draw(&console, &view, &rule, &form, None);
    }
    let addresses = new.recipients.clone();
    match console.alerts.set(who, rule.kind, new).await {
        Ok((_, Some(secret))) => shown(&view, rule.kind, &secret),
        Ok((_, None)) => view.go_with("/alerts", "alerts.saved"),
        Err(error) => {
            let form = named(form.refused(&view, error)?, &addresses);
            draw(&console, &view, &rule, &form, None)
        }
    }
}

/// Says at the field which of its addresses is wrong.
fn named(mut form: Form, addresses: &[String]) -> Form {
    let at = |name: &str| name.strip_prefix("recipients.").and_then(|place| place.parse::<usize>().ok());
    let wrong = form.errors().find_map(|(name, text)| Some((addresses.get(at(name)?)?.clone(), text.clone())));
    if let Some((address, text)) = wrong {
        form.wrong("recipients", format!("{address}: {text}"));
    }
    form
}

/// Sends a sample and shows what came of it.
pub(super) async fn test(State(console): State<Console>, view: View, Key(kind): Key<String>) -> Answer {
    let rule = find(&console, &view, &kind).await?;
    let tested = console.alerts.test_rule(view.who()?, rule.kind).await?;
    draw(&console, &view, &rule, &filled(&rule), Some(tested))
}

pub(super) async fn rotate(State(console): State<Console>, view: View, Key(kind): Key<String>) -> Answer {
    let rule = find(&console, &view, &kind).await?;
    view.fresh()?;
    let secret = console.alerts.rotate_secret(view.who()?, rule.kind).await?;
    shown(&view, rule.kind, &secret)
}

fn shown(view: &View, kind: Kind, secret: &Secret) -> Answer {
    view.page(&Shown { v: view, kind: kind.as_str(), secret: &secret.0 })
}
