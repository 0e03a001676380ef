//! `/alerts`: who is told when something goes wrong, and what did.

mod incidents;
mod rule;

use alerts::Rule;
use askama::Template;
use axum::{
    Router,
    extract::State,
    routing::{get, post},
};

use crate::{Answer, Console, nav::Needs, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/alerts", get(list))
        .route("/alerts/incidents", get(incidents::list))
        .route("/alerts/incidents/{id}", get(incidents::show))
        .route("/alerts/rules/{kind}", get(rule::show).post(rule::set))
        .route("/alerts/rules/{kind}/test", post(rule::test))
        .route("/alerts/rules/{kind}/rotate", post(rule::rotate))
}

#[derive(Template)]
#[template(path = "alerts/list.html")]
struct List<'a> {
    v: &'a View,
    rules: &'a [Rule],
    open: i64,
    has_mail: bool,
}

impl List<'_> {
    fn is_deaf(&self, rule: &Rule) -> bool {
        rule.enabled && rule.recipients.is_empty() && rule.webhook_url.is_none()
    }

    fn threshold(&self, rule: &Rule) -> Option<String> {
        threshold(self.v, rule)
    }
}

/// Returns when a rule fires, with the kind's own threshold where none is set.
fn threshold(view: &View, rule: &Rule) -> Option<String> {
    let own = rule.kind.threshold()?;
    Some(measured(view, own.unit, rule.threshold.unwrap_or(own.default)))
}

/// Returns a figure with its unit.
fn measured(view: &View, unit: &str, value: i64) -> String {
    match unit {
        "seconds" => view.count("common.span.seconds", value),
        "days" => view.count("common.span.days", value),
        _ => format!("{}%", view.number(value)),
    }
}

async fn list(State(console): State<Console>, view: View) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let rules = console.alerts.list(who).await?;
    let open = console.alerts.open_incidents(who).await?;
    view.page(&List { v: &view, rules: &rules, open, has_mail: console.mail.configured() })
}

#[cfg(test)]
mod tests {
    use alerts::Kind;

    use crate::words;

    #[test]
    fn every_kind_is_described() {
        for kind in Kind::ALL {
            for part in ["kind", "when"] {
                let key = format!("alerts.{part}.{}", kind.as_str());
                assert!(words::known(&key).is_some(), "{key}");
            }
        }
    }
}
