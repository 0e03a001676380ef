//! `zorio admin alert`.

use ::alerts::{Incident, IncidentFilter, Kind, NewRule, Rule};
use clap::Subcommand;
use domain::Principal;
use serde_json::{Value, json};
use web::{Language, Page};

use crate::wire::Rooms;

#[derive(Subcommand, Debug)]
pub(super) enum AlertCommand {
    /// Lists the account's rules.
    List,
    /// Sets a rule: all of it. The secret of a first URL is shown this once.
    Set {
        /// webhook_suspended, trunk_down, toll_fraud, deliveries_late, certificate_expiring or disk_low.
        #[arg(value_parser = kind)]
        kind: Kind,
        /// Addresses that get letters.
        #[arg(long, value_delimiter = ',')]
        mail: Vec<String>,
        /// Where notices are posted.
        #[arg(long)]
        url: Option<String>,
        /// Seconds, days or per cent, as the kind has it; the kind's default if absent.
        #[arg(long)]
        threshold: Option<i64>,
        /// Letters in Vietnamese.
        #[arg(long)]
        vietnamese: bool,
        /// Raises nothing.
        #[arg(long)]
        off: bool,
    },
    /// Sends a test to everybody whom the rule names, and says what came of it.
    Test {
        #[arg(value_parser = kind)]
        kind: Kind,
    },
    /// Lists the latest incidents.
    Incidents {
        /// Only those that are not over.
        #[arg(long)]
        open: bool,
    },
}

pub(super) async fn alert(rooms: &Rooms, who: &Principal, command: &AlertCommand) -> anyhow::Result<Value> {
    let alerts = &rooms.alerts;
    match command {
        AlertCommand::List => Ok(alerts.list(who).await?.iter().map(rule_body).collect()),
        AlertCommand::Set { kind, mail, url, threshold, vietnamese, off } => {
            let new = NewRule {
                enabled: !off,
                recipients: mail.clone(),
                language: if *vietnamese { Language::Vi } else { Language::En },
                threshold: *threshold,
                webhook_url: url.clone(),
            };
            let (rule, secret) = alerts.set(who, *kind, new).await?;
            let mut body = rule_body(&rule);
            if let Some(secret) = secret {
                body["secret"] = json!(secret.0);
            }
            Ok(body)
        }
        AlertCommand::Test { kind } => {
            let tests = alerts.test_rule(who, *kind).await?;
            let body =
                |test: &::alerts::Tested| json!({"channel": test.channel, "target": test.target, "error": test.error});
            Ok(tests.iter().map(body).collect())
        }
        AlertCommand::Incidents { open } => {
            let filter = IncidentFilter { open_only: *open, kind: None };
            Ok(alerts.incidents(who, filter, Page::default()).await?.data.iter().map(incident_body).collect())
        }
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    let known = || Kind::ALL.map(Kind::as_str).join(", ");
    Kind::parse(text).ok_or_else(|| format!("one of {}", known()))
}

fn rule_body(rule: &Rule) -> Value {
    json!({
        "kind": rule.kind.as_str(),
        "enabled": rule.enabled,
        "recipients": rule.recipients,
        "threshold": rule.threshold.or_else(|| rule.kind.threshold().map(|own| own.default)),
        "unit": rule.kind.threshold().map(|own| own.unit),
        "url": rule.webhook_url,
    })
}

fn incident_body(incident: &Incident) -> Value {
    json!({
        "id": incident.id,
        "kind": incident.kind.as_str(),
        "name": incident.name,
        "value": incident.kind.threshold().map(|_| incident.value),
        "opened_at": incident.opened_at.rfc3339(),
        "resolved_at": incident.resolved_at.map(|at| at.rfc3339()),
    })
}
