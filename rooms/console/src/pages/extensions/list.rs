//! `/extensions`: the list, with the phones as they come and go, and the same list as a file.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{Extension as Shared, extract::State};
use domain::{Permission, Principal, Timestamp, principal::Access};
use futures_util::stream;
use http::{HeaderMap, header};
use pbx::{
    model::{Extension, ExtensionStatus},
    ops::{
        extensions::{self, Search},
        phones::{self, Phone},
    },
};
use tokio::sync::watch;
use web::{Page as Slice, csv};

use crate::{Answer, Console, Failure, asked::Asked, live, pager::Pager, view::View};

/// Between two looks at the phones of an account that somebody watches.
const LOOK: Duration = Duration::from_secs(2);
/// Rows that the file reads at a time.
const BATCH: i64 = 200;

/// Says to all who watch an account's phones that it is time to look again.
pub(super) type Ticks = live::Shared<Timestamp>;

#[derive(Template)]
#[template(path = "extensions/list.html")]
struct List<'a> {
    v: &'a View,
    asked: &'a Asked,
    rows: Vec<Row>,
    pager: Pager,
    export: String,
    may_manage: bool,
}

struct Row {
    extension: Extension,
    phones: Vec<Phone>,
}

impl Row {
    fn phone_count(&self) -> i64 {
        i64::try_from(self.phones.len()).unwrap_or(i64::MAX)
    }
}

/// The phones of each row: each part finds its place by its id.
#[derive(Template)]
#[template(path = "extensions/states.html")]
struct States<'a> {
    v: &'a View,
    rows: &'a [Row],
}

pub(super) async fn list(
    State(console): State<Console>,
    view: View,
    asked: Asked,
    headers: HeaderMap,
    Shared(ticks): Shared<Ticks>,
) -> Answer {
    let who = view.who()?;
    let listing = extensions::list(&console.pbx.desk(), who, search(&asked), asked.page()).await?;
    let pager = Pager::of(&listing, &asked);
    let rows = rows(&console, who, listing.data)?;
    if headers.get(header::ACCEPT).is_some_and(|accept| accept == "text/event-stream") {
        let (watched, eyes) = (watched(&console, who, &ticks), console.clone());
        let shown: Vec<Extension> = rows.into_iter().map(|row| row.extension).collect();
        return Ok(live::stream(&console, view.clone(), watched, move |view, _| {
            states(&eyes, view, &shown).map(|html| ("phones", html)).into_iter().collect()
        }));
    }
    let export = asked.export("/extensions.csv");
    view.page(&List { v: &view, asked: &asked, rows, pager, export, may_manage: may_manage(&view) })
}

/// Tells whether changes of the exchange may be offered: agents make calls and change nothing.
pub(crate) fn may_manage(view: &View) -> bool {
    view.may_write() && view.who().is_ok_and(|who| crate::nav::Needs::Manager.are_met_by(who))
}

fn search(asked: &Asked) -> Search {
    Search { text: asked.optional("search"), status: ExtensionStatus::parse(asked.text("status")) }
}

fn rows(console: &Console, who: &Principal, extensions: Vec<Extension>) -> Result<Vec<Row>, Failure> {
    let row = |extension: Extension| {
        let phones = phones::of(&console.pbx, who, &extension.number)?;
        Ok(Row { extension, phones })
    };
    extensions.into_iter().map(row).collect()
}

fn states(console: &Console, view: &View, shown: &[Extension]) -> Option<String> {
    let rows = rows(console, view.who().ok()?, shown.to_vec()).ok()?;
    States { v: view, rows: &rows }.render().ok()
}

/// Who is registered is known in memory: each watcher looks for the own rows alone.
pub(super) fn watched(console: &Console, who: &Principal, ticks: &Ticks) -> watch::Receiver<Option<Arc<Timestamp>>> {
    let clock = console.clock.clone();
    ticks.watch(console, who.tenant, LOOK, move || {
        let now = clock.now();
        async move { Some(now) }
    })
}

pub(super) async fn export(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.who()?.clone();
    who.may(Permission::PbxApiAccess, Access::Read)?;
    let search = search(&asked);
    let lines = stream::try_unfold(1, move |page| {
        let (console, who, search) = (console.clone(), who.clone(), search.clone());
        async move {
            let slice = Slice { page, per_page: BATCH };
            let batch = extensions::list(&console.pbx.desk(), &who, search, slice).await?;
            if batch.data.is_empty() {
                return Ok::<_, Failure>(None);
            }
            let mut text = String::new();
            for row in rows(&console, &who, batch.data)? {
                csv::line(&mut text, columns(&row).iter().map(String::as_str));
            }
            Ok(Some((text, page + 1)))
        }
    });
    Ok(csv::file("extensions.csv", csv::Readers::People, &COLUMNS, lines))
}

const COLUMNS: [&str; 8] = [
    "extension_number",
    "display_name",
    "status",
    "outbound_caller_id",
    "recording_mode",
    "max_concurrent",
    "team_id",
    "phones",
];

fn columns(row: &Row) -> [String; COLUMNS.len()] {
    let extension = &row.extension;
    [
        extension.number.clone(),
        extension.display_name.clone().unwrap_or_default(),
        extension.status.as_str().to_owned(),
        extension.outbound_caller_id.clone().unwrap_or_default(),
        extension.recording_mode.as_str().to_owned(),
        extension.max_concurrent.to_string(),
        extension.team_id.map_or_else(String::new, |id| id.to_string()),
        row.phones.len().to_string(),
    ]
}
