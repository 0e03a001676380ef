//! `/caller-ids/groups`: numbers that take turns, and how each of them stands.

use std::collections::HashSet;

use askama::Template;
use axum::extract::{Path, State};
use domain::{
    Principal,
    rotation::{HealthRule, Strategy},
};
use pbx::{
    MemberState,
    model::{CallerId, CallerIdGroupStatus},
    ops::{
        caller_id_groups::{self, GroupDetail, NewGroup},
        caller_ids,
    },
};
use web::Page as Slice;

use super::may_manage;
use crate::{Answer, Console, Failure, form::Form, pages::trunks::SEES, view::View};

/// Numbers that are offered to choose from.
const MOST_NUMBERS: i64 = 500;

#[derive(Template)]
#[template(path = "caller_ids/groups.html")]
struct List<'a> {
    v: &'a View,
    groups: &'a [GroupDetail],
    may_manage: bool,
}

impl List<'_> {
    fn count(&self, many: usize) -> i64 {
        i64::try_from(many).unwrap_or(i64::MAX)
    }
}

#[derive(Template)]
#[template(path = "caller_ids/group.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    /// None for a new one.
    group: Option<&'a GroupDetail>,
    states: Vec<(String, MemberState)>,
    strategies: &'static [Strategy],
    numbers: Vec<Choice>,
    may_manage: bool,
}

/// A number that may take its turn, with the fields of its place in the group.
struct Choice {
    number: CallerId,
    id: String,
    weight: String,
    cap: String,
}

impl From<CallerId> for Choice {
    fn from(number: CallerId) -> Self {
        let id = number.id;
        Self { number, id: id.to_string(), weight: format!("weight_{id}"), cap: format!("cap_{id}") }
    }
}

impl Page<'_> {
    fn calls(&self, state: &MemberState) -> String {
        format!("{} / {}", state.outcomes.answered, state.outcomes.calls())
    }
}

pub(super) async fn list(State(console): State<Console>, view: View) -> Answer {
    let groups = caller_id_groups::list(&console.pbx.desk(), view.needs(SEES)?).await?;
    view.page(&List { v: &view, groups: &groups, may_manage: may_manage(&view) })
}

pub(super) async fn new(State(console): State<Console>, view: View) -> Answer {
    view.needs(SEES)?;
    if !may_manage(&view) {
        return Err(Failure::forbidden());
    }
    draw(&console, &view, &fill(Form::default(), &NewGroup::default()), None).await
}

pub(super) async fn show(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    let detail = caller_id_groups::show(&console.pbx.desk(), view.needs(SEES)?, id).await?;
    let group = detail.group.clone();
    let known = NewGroup {
        name: group.name,
        description: group.description,
        strategy: group.strategy,
        sticky: group.sticky,
        status: group.status,
        cooldown: group.cooldown,
        health_hours: group.health_hours,
        health: group.health,
        members: detail.members.iter().map(|(one, _)| (one.caller_id, one.weight, one.daily_cap)).collect(),
        extensions: detail.extensions.clone(),
    };
    draw(&console, &view, &fill(Form::default(), &known), Some(&detail)).await
}

/// Puts a group into a form.
fn fill(form: Form, group: &NewGroup) -> Form {
    let mut form = form
        .with("name", &group.name)
        .with("description", group.description.as_deref().unwrap_or_default())
        .with("strategy", group.strategy.as_str())
        .with("status", group.status.as_str())
        .with("cooldown_seconds", group.cooldown)
        .with("health_hours", group.health_hours)
        .with("health_calls", group.health.calls)
        .with("health_answered", group.health.answered)
        .with("health_blocked", group.health.blocked)
        .with("extensions", group.extensions.join("\n"));
    if group.sticky {
        form = form.with("sticky", "yes");
    }
    for (number, weight, cap) in &group.members {
        form = form
            .with("members", number)
            .with(&format!("weight_{number}"), weight)
            .with(&format!("cap_{number}"), cap.map_or_else(String::new, |cap| cap.to_string()));
    }
    form
}

async fn draw(console: &Console, view: &View, form: &Form, group: Option<&GroupDetail>) -> Answer {
    let who = view.needs(SEES)?;
    let states = match group {
        Some(group) => states(console, who, group).await?,
        None => Vec::new(),
    };
    let numbers = numbers_of(console, who).await?.into_iter().map(Choice::from).collect();
    let (strategies, may_manage) = (Strategy::ALL, may_manage(view));
    let page = Page { v: view, form, group, states, strategies, numbers, may_manage };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn numbers_of(console: &Console, who: &Principal) -> Result<Vec<CallerId>, Failure> {
    let slice = Slice { page: 1, per_page: MOST_NUMBERS };
    Ok(caller_ids::search(&console.pbx.desk(), who, None, None, slice).await?.data)
}

/// Returns how the group's active numbers stand, each by its number.
async fn states(
    console: &Console,
    who: &Principal,
    group: &GroupDetail,
) -> Result<Vec<(String, MemberState)>, Failure> {
    let (_, states) = caller_id_groups::monitor(&console.pbx, who, group.group.id).await?;
    let number = |id: i64| group.members.iter().find(|(member, _)| member.caller_id == id);
    let named = states.into_iter().filter_map(|state| Some((number(state.caller_id)?.1.number.clone(), state)));
    Ok(named.collect())
}

pub(super) async fn create(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let who = view.needs(SEES)?;
    let group = read(&console, &view, &mut form).await?;
    if !form.is_wrong() {
        match caller_id_groups::create(&console.pbx.desk(), who, group).await {
            Ok(_) => return view.go_with("/caller-ids/groups", "caller_id_groups.created"),
            Err(error) => form = refused(&view, form, error)?,
        }
    }
    draw(&console, &view, &form, None).await
}

pub(super) async fn change(State(console): State<Console>, view: View, Path(id): Path<i64>, mut form: Form) -> Answer {
    let (who, desk) = (view.needs(SEES)?, console.pbx.desk());
    let detail = caller_id_groups::show(&desk, who, id).await?;
    let group = read(&console, &view, &mut form).await?;
    if !form.is_wrong() {
        match caller_id_groups::replace(&desk, who, id, group).await {
            Ok(_) => return view.go_with(&format!("/caller-ids/groups/{id}"), "caller_id_groups.saved"),
            Err(error) => form = refused(&view, form, error)?,
        }
    }
    draw(&console, &view, &form, Some(&detail)).await
}

pub(super) async fn delete(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    match caller_id_groups::delete(&console.pbx.desk(), view.needs(SEES)?, id).await {
        Ok(()) => view.go_with("/caller-ids/groups", "caller_id_groups.deleted"),
        Err(pbx::Error::InUse { count, .. }) => Err(Failure::in_use(view.count("caller_id_groups.in_use", count))),
        Err(error) => Err(error.into()),
    }
}

/// Has a number be used again at once.
pub(super) async fn clear(State(console): State<Console>, view: View, Path((id, number)): Path<(i64, i64)>) -> Answer {
    caller_id_groups::clear(&console.pbx, view.needs(SEES)?, id, number).await?;
    view.go_with(&format!("/caller-ids/groups/{id}"), "caller_id_groups.cleared")
}

fn refused(view: &View, mut form: Form, error: pbx::Error) -> Result<Form, Failure> {
    if matches!(error, pbx::Error::Taken(_)) {
        form.wrong("name", view.t("caller_id_groups.taken"));
        return Ok(form);
    }
    form.refused(view, error)
}

async fn read(console: &Console, view: &View, form: &mut Form) -> Result<NewGroup, Failure> {
    let usual = NewGroup::default();
    let chosen: HashSet<i64> = form.list("members").filter_map(|id| id.parse().ok()).collect();
    let mut members = Vec::new();
    for number in numbers_of(console, view.who()?).await?.iter().filter(|number| chosen.contains(&number.id)) {
        let weight = form.number(view, &format!("weight_{}", number.id)).unwrap_or(1);
        members.push((number.id, weight, form.number(view, &format!("cap_{}", number.id))));
    }
    let extensions = form.value("extensions").split(|c: char| c == ',' || c.is_whitespace());
    let extensions = extensions.filter(|text| !text.is_empty()).map(str::to_owned).collect();
    let mut share = |name: &str, usual: u32| {
        let number = form.number(view, name).map_or(Some(usual), |number| u32::try_from(number).ok());
        number.unwrap_or_else(|| {
            form.wrong(name, view.t("common.not_a_number"));
            usual
        })
    };
    let health = HealthRule {
        calls: share("health_calls", usual.health.calls),
        answered: share("health_answered", usual.health.answered),
        blocked: share("health_blocked", usual.health.blocked),
    };
    Ok(NewGroup {
        name: form.text("name").to_owned(),
        description: form.optional("description"),
        strategy: Strategy::parse(form.text("strategy")).unwrap_or(usual.strategy),
        sticky: form.flag("sticky"),
        status: CallerIdGroupStatus::parse(form.text("status")).unwrap_or(usual.status),
        cooldown: form.number(view, "cooldown_seconds").unwrap_or(usual.cooldown),
        health_hours: form.number(view, "health_hours").unwrap_or(usual.health_hours),
        health,
        members,
        extensions,
    })
}
