//! `/routing`: where dialled numbers leave, which extension a number from outside rings, and a try before the call.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use domain::{
    ids::TrunkId,
    routing::{Destination, Rewrite},
};
use pbx::{
    model::{NewRoute, Route, RouteKind, RouteOptions, Trunk, TrunkStatus},
    ops::{
        caller_id_groups::{self, GroupDetail},
        routes::{self, Leads, Way},
        time_conditions::{self, TimeConditionState},
    },
};
use web::Listing;

use super::{
    caller_ids::trunks_of,
    destinations::{self, Destinations},
    extensions::may_manage,
    trunks::SEES,
};
use crate::{Answer, Console, Failure, asked::Asked, form::Form, pager::Pager, view::View};

/// Longest number that is tried.
const LONGEST_NUMBER: usize = 40;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/routing", get(list).post(create))
        .route("/routing/new", get(new))
        .route("/routing/{id}", get(show).post(change))
        .route("/routing/{id}/delete", post(delete))
}

#[derive(Template)]
#[template(path = "routing/list.html")]
struct List<'a> {
    v: &'a View,
    asked: &'a Asked,
    routes: &'a [Route],
    trunks: &'a [Trunk],
    has_any: bool,
    way: Option<Way>,
    pager: Pager,
    may_manage: bool,
}

#[derive(Template)]
#[template(path = "routing/form.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    /// None for a new one.
    route: Option<&'a Route>,
    trunks: Vec<Trunk>,
    to: Destinations,
    conditions: Vec<TimeConditionState>,
    groups: Vec<GroupDetail>,
    may_manage: bool,
}

impl List<'_> {
    fn pattern<'a>(&self, route: &'a Route) -> &'a str {
        match &route.kind {
            RouteKind::Prefix { prefix, .. } => prefix,
            RouteKind::Default { .. } => "",
            RouteKind::Did { number, .. } => number,
        }
    }

    fn kind(&self, route: &Route) -> &'static str {
        kind_of(route)
    }

    fn trunk(&self, route: &Route) -> Option<&Trunk> {
        let id = trunk_of(route)?;
        self.trunks.iter().find(|trunk| trunk.id == id)
    }

    fn destination<'a>(&self, route: &'a Route) -> Option<&'a Destination> {
        match &route.kind {
            RouteKind::Did { destination, .. } => Some(destination),
            _ => None,
        }
    }

    fn extension<'a>(&self, route: &'a Route) -> Option<&'a str> {
        match &route.kind {
            RouteKind::Did { destination: Destination::Extension(extension), .. } => Some(extension),
            _ => None,
        }
    }

    fn is_off(&self, trunk: &Trunk) -> bool {
        trunk.status == TrunkStatus::Disabled
    }
}

impl Page<'_> {
    /// Returns the value of the choice of a time condition.
    fn choice(&self, state: &TimeConditionState, open: &str) -> String {
        format!("{}|{open}", state.condition.id)
    }
}

const fn kind_of(route: &Route) -> &'static str {
    match route.kind {
        RouteKind::Prefix { .. } => "prefix",
        RouteKind::Default { .. } => "default",
        RouteKind::Did { .. } => "did",
    }
}

const fn trunk_of(route: &Route) -> Option<TrunkId> {
    match &route.kind {
        RouteKind::Prefix { trunk, .. } | RouteKind::Default { trunk } => Some(*trunk),
        RouteKind::Did { trunk, .. } => *trunk,
    }
}

async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.needs(SEES)?;
    let mut found = routes::list(&console.pbx.desk(), who).await?;
    let has_any = !found.is_empty();
    let trunks = trunks_of(&console, who).await?;
    let (wanted, kind) = (asked.text("search").to_lowercase(), asked.text("kind"));
    found.retain(|route| {
        let trunk = trunk_of(route).and_then(|id| trunks.iter().find(|trunk| trunk.id == id));
        let texts = match &route.kind {
            RouteKind::Prefix { prefix, .. } => [Some(prefix), None],
            RouteKind::Default { .. } => [None, None],
            RouteKind::Did { number, destination: Destination::Extension(extension), .. } => {
                [Some(number), Some(extension)]
            }
            RouteKind::Did { number, .. } => [Some(number), None],
        };
        let mut texts = texts.into_iter().flatten().chain(trunk.map(|trunk| &trunk.name));
        (wanted.is_empty() || texts.any(|text| text.to_lowercase().contains(&wanted)))
            && (kind.is_empty() || kind == kind_of(route))
    });
    // In the order in which they are tried: the longest prefix first.
    found.sort_by_key(|route| {
        let (group, length) = match &route.kind {
            RouteKind::Prefix { prefix, .. } => (0, prefix.len()),
            RouteKind::Default { .. } => (1, 0),
            RouteKind::Did { .. } => (2, 0),
        };
        (group, std::cmp::Reverse(length), route.priority, route.id)
    });
    let page = asked.page();
    let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let skip = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let shown = found.into_iter().skip(skip).take(usize::try_from(page.limit()).unwrap_or(0)).collect();
    let listing = Listing::new(page, shown, total);
    let number: String = asked.text("number").chars().filter(|c| !" .-()".contains(*c)).collect();
    let way = match number.is_empty() || number.len() > LONGEST_NUMBER {
        true => None,
        false => Some(routes::way(&console.pbx, who, &number)?),
    };
    let pager = Pager::of(&listing, &asked);
    let may_manage = may_manage(&view);
    view.page(&List {
        v: &view,
        asked: &asked,
        routes: &listing.data,
        trunks: &trunks,
        has_any,
        way,
        pager,
        may_manage,
    })
}

async fn new(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    if !may_manage(&view) {
        return Err(Failure::forbidden());
    }
    let kind = if asked.text("kind") == "did" { "did" } else { "prefix" };
    draw(&console, &view, &Form::default().with("kind", kind).with("priority", 0), None).await
}

async fn show(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    let route = routes::show(&console.pbx.desk(), view.needs(SEES)?, id).await?;
    let trunk = trunk_of(&route).map_or_else(String::new, |trunk| trunk.to_string());
    let form = Form::default().with("kind", kind_of(&route)).with("trunk_id", trunk).with("priority", route.priority);
    let form = match &route.kind {
        RouteKind::Prefix { prefix, .. } => form.with("prefix", prefix),
        RouteKind::Default { .. } => form,
        RouteKind::Did { number, destination, .. } => {
            form.with("number", number).with("destination", destinations::value(destination))
        }
    };
    let options = &route.options;
    let when = options.when.map_or_else(String::new, |(id, open)| format!("{id}|{open}"));
    let mut form = form
        .with("caller", options.caller.as_deref().unwrap_or_default())
        .with("when", when)
        .with("strip", options.rewrite.strip)
        .with("prepend", &options.rewrite.prepend)
        .with("caller_id_group_id", options.caller_id_group.map_or_else(String::new, |id| id.to_string()));
    if options.anonymous {
        form = form.with("anonymous", "yes");
    }
    draw(&console, &view, &form, Some(&route)).await
}

async fn draw(console: &Console, view: &View, form: &Form, route: Option<&Route>) -> Answer {
    let who = view.who()?;
    let trunks = trunks_of(console, who).await?;
    let (to, desk) = (Destinations::of(console, view, who).await?, console.pbx.desk());
    let (conditions, groups) = (time_conditions::list(&desk, who).await?, caller_id_groups::list(&desk, who).await?);
    let page = Page { v: view, form, route, trunks, to, conditions, groups, may_manage: may_manage(view) };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn create(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let who = view.needs(SEES)?;
    if let Some(new) = read(&view, &mut form) {
        match routes::create(&console.pbx.desk(), who, new).await {
            Ok(_) => return view.go_with("/routing", "routing.created"),
            Err(error) => form = refused(&view, form, error)?,
        }
    }
    draw(&console, &view, &form, None).await
}

async fn change(State(console): State<Console>, view: View, Path(id): Path<i64>, mut form: Form) -> Answer {
    let (who, desk) = (view.needs(SEES)?, console.pbx.desk());
    let route = routes::show(&desk, who, id).await?;
    if let Some(new) = read(&view, &mut form) {
        match routes::replace(&desk, who, id, new).await {
            Ok(_) => return view.go_with("/routing", "routing.saved"),
            Err(error) => form = refused(&view, form, error)?,
        }
    }
    draw(&console, &view, &form, Some(&route)).await
}

async fn delete(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    routes::delete(&console.pbx.desk(), view.needs(SEES)?, id).await?;
    view.go_with("/routing", "routing.deleted")
}

fn refused(view: &View, form: Form, error: pbx::Error) -> Result<Form, Failure> {
    match error {
        pbx::Error::Taken(_) => Ok(form.with_message(view.t("routing.taken"))),
        error => form.refused(view, error),
    }
}

fn read(view: &View, form: &mut Form) -> Option<NewRoute> {
    let priority = form.number(view, "priority").unwrap_or(0);
    let trunk = form.number(view, "trunk_id").map(TrunkId);
    let kind = match (form.text("kind"), trunk) {
        ("did", trunk) => RouteKind::Did {
            number: form.text("number").to_owned(),
            destination: match read_destination(form) {
                Some(destination) => destination,
                None => {
                    form.wrong("destination", view.t("routing.choose_destination"));
                    return None;
                }
            },
            trunk,
        },
        (_, None) => {
            form.wrong("trunk_id", view.t("routing.choose_trunk"));
            return None;
        }
        ("default", Some(trunk)) => RouteKind::Default { trunk },
        (_, Some(trunk)) => RouteKind::Prefix { prefix: form.text("prefix").to_owned(), trunk },
    };
    let strip = form.number(view, "strip").unwrap_or(0);
    if !(0..=32).contains(&strip) {
        form.wrong("strip", view.t("common.not_a_number"));
    }
    let when = form.text("when").split_once('|').and_then(|(id, open)| Some((id.parse().ok()?, open == "true")));
    let options = RouteOptions {
        rewrite: Rewrite { strip: u8::try_from(strip).unwrap_or(0), prepend: form.text("prepend").to_owned() },
        caller_id_group: form.number(view, "caller_id_group_id"),
        anonymous: form.flag("anonymous"),
        caller: form.optional("caller"),
        when,
    };
    (!form.is_wrong()).then_some(NewRoute { kind, priority, options })
}

/// Returns what an inbound number is to lead to; the older field names an extension alone.
fn read_destination(form: &Form) -> Option<Destination> {
    if let Some(extension) = form.optional("extension") {
        return Some(Destination::Extension(extension));
    }
    let named = destinations::read(form.text("destination"));
    Destination::read(&named.kind, &named.target)
}
