//! `/audit`: who did what. The model of every list.

use accounts::{AuditFilter, AuditLine};
use askama::Template;
use axum::{Router, extract::State, routing::get};
use web::csv;

use crate::{Answer, Console, Failure, asked::Asked, nav::Needs, pager::Pager, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/audit", get(list)).route("/audit.csv", get(export))
}

#[derive(Template)]
#[template(path = "audit/list.html")]
struct List<'a> {
    v: &'a View,
    asked: &'a Asked,
    lines: &'a [AuditLine],
    actions: &'a [String],
    pager: Pager,
    export: String,
}

async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.needs(Needs::Admin)?;
    let listing = console.accounts.audit(who, &filter(&view, &asked), asked.page()).await?;
    let actions = console.accounts.audit_actions(who).await?;
    let (pager, export) = (Pager::of(&listing, &asked), asked.export("/audit.csv"));
    view.page(&List { v: &view, asked: &asked, lines: &listing.data, actions: &actions, pager, export })
}

/// All lines of the filter as a file, read in batches: no transaction is open while the browser reads.
async fn export(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.needs(Needs::Admin)?.clone();
    let filter = filter(&view, &asked);
    let lines = futures_util::stream::try_unfold(Some(None), move |place| {
        let (console, who, filter) = (console.clone(), who.clone(), filter.clone());
        async move {
            let Some(before) = place else { return Ok::<_, Failure>(None) };
            let lines = console.accounts.audit_export(&who, &filter, before).await.map_err(Failure::from)?;
            let mut text = String::new();
            for line in &lines {
                let (at, detail) = (line.at.rfc3339(), line.detail.to_string());
                let address = line.address.as_deref().unwrap_or_default();
                let who = [&at, &line.actor_kind, &line.actor, address];
                let what = [line.action.as_str(), &line.target, &detail, &line.request_id];
                csv::line(&mut text, who.into_iter().chain(what));
            }
            let next = lines.last().map(|line| Some(line.id));
            Ok(Some((text, next)))
        }
    });
    let head = ["at", "actor_kind", "actor", "address", "action", "target", "detail", "request_id"];
    Ok(csv::file("audit.csv", csv::Readers::People, &head, lines))
}

fn filter(view: &View, asked: &Asked) -> AuditFilter {
    AuditFilter {
        from: asked.day_start(view, "from"),
        to: asked.day_end(view, "to"),
        actor: asked.optional("actor"),
        action: asked.optional("action"),
        target: None,
        text: asked.optional("search"),
    }
}

/// A detail as a person reads it: one line for each value, before and after side by side.
struct Detail {
    name: String,
    before: Option<String>,
    after: String,
}

/// The pages of what the log names, by kind: `contact:7` is at `/contacts/7`.
const PAGES: [(&str, &str); 14] = [
    ("call", "/calls"),
    ("caller_id", "/caller-ids"),
    ("caller_id_group", "/caller-ids/groups"),
    ("contact", "/contacts"),
    ("extension", "/extensions"),
    ("menu", "/menus"),
    ("prompt", "/prompts"),
    ("ring_group", "/ring-groups"),
    ("route", "/routing"),
    ("team", "/teams"),
    ("time_condition", "/time-conditions"),
    ("trunk", "/trunks"),
    ("user", "/users"),
    ("webhook", "/settings/webhooks"),
];

impl List<'_> {
    /// Returns the page of what a line is about, unless the line is of its end.
    fn page_of(&self, line: &AuditLine) -> Option<String> {
        if line.action.ends_with(".delete") {
            return None;
        }
        let (kind, id) = line.target.split_once(':')?;
        let (_, path) = PAGES.iter().find(|(name, _)| *name == kind)?;
        let is_plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_plain.then(|| format!("{path}/{id}"))
    }

    fn details(&self, line: &AuditLine) -> Vec<Detail> {
        let object = |name: &str| line.detail.get(name).and_then(|value| value.as_object());
        let (after, before) = match (object("after"), object("before")) {
            (Some(after), before) => (Some(after), before),
            (None, _) => (line.detail.as_object(), None),
        };
        let entries = after.into_iter().flatten();
        entries
            .map(|(name, value)| Detail {
                name: name.replace('_', " "),
                before: before.and_then(|before| before.get(name)).map(plain),
                after: plain(value),
            })
            .collect()
    }
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => "–".to_owned(),
        other => other.to_string(),
    }
}
