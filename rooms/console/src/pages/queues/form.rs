//! `/queues/new` and `/queues/{name}/settings`: what a queue is, and who serves it.

use askama::Template;
use axum::extract::{Path, State};
use domain::queue::{NoAgentAction, Strategy, TimeBase};
use pbx::{
    model::{ExtensionStatus, Queue, QueueTier, StoredPrompt},
    ops::{
        extensions::{self, Search},
        prompts,
        queues::{self, Fill},
    },
};
use web::{Fields, Page as Slice};

use super::{
    super::destinations::{self, Destinations},
    path_of,
};
use crate::{Answer, Console, Failure, form::Form, nav::Needs, view::View};

/// Extensions that are offered to choose from.
const MOST_EXTENSIONS: i64 = 200;

#[derive(Template)]
#[template(path = "queues/form.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    /// None for a new one.
    queue: Option<&'a Queue>,
    path: String,
    /// With the names of their extensions.
    tiers: Vec<(QueueTier, String)>,
    /// Extensions that do not serve it yet: number and name.
    others: Vec<(String, String)>,
    strategies: &'static [Strategy],
    bases: &'static [TimeBase],
    actions: &'static [NoAgentAction],
    /// What callers may be sent on to.
    to: Destinations,
    prompts: Vec<StoredPrompt>,
    may_manage: bool,
}

pub(super) fn may_manage(view: &View) -> bool {
    view.who().is_ok_and(|who| Needs::Manager.are_met_by(who)) && view.may_write()
}

pub(super) async fn new(State(console): State<Console>, view: View) -> Answer {
    if !may_manage(&view) {
        return Err(Failure::forbidden());
    }
    let who = view.who()?;
    let queue = Queue::new(who.tenant, view.now());
    draw(&console, &view, &filled(&queue), None).await
}

pub(super) async fn show(State(console): State<Console>, view: View, Path(name): Path<String>) -> Answer {
    let queue = queues::show(&console.pbx.desk(), view.who()?, &name).await?;
    draw(&console, &view, &filled(&queue), Some(&queue)).await
}

pub(super) async fn create(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let fill = read(&view, &mut form);
    if !form.is_wrong() {
        match queues::create(&console.pbx.desk(), view.who()?, fill, Fields::new()).await {
            Ok(queue) => return view.go_with(&format!("{}/settings", path_of(&queue.name)), "queues.created"),
            Err(error) => form = refused(&view, form, error)?,
        }
    }
    draw(&console, &view, &form, None).await
}

pub(super) async fn change(
    State(console): State<Console>,
    view: View,
    Path(name): Path<String>,
    mut form: Form,
) -> Answer {
    let (who, desk) = (view.who()?, console.pbx.desk());
    let queue = queues::show(&desk, who, &name).await?;
    let fill = read(&view, &mut form);
    if !form.is_wrong() {
        match queues::update(&desk, who, &name, fill, Fields::new()).await {
            Ok(queue) => return view.go_with(&format!("{}/settings", path_of(&queue.name)), "queues.saved"),
            Err(error) => form = refused(&view, form, error)?,
        }
    }
    draw(&console, &view, &form, Some(&queue)).await
}

pub(super) async fn delete(State(console): State<Console>, view: View, Path(name): Path<String>) -> Answer {
    match queues::delete(&console.pbx.desk(), view.who()?, &name).await {
        Ok(()) => view.go_with("/queues", "queues.deleted"),
        Err(pbx::Error::InUse { .. }) => view.go_sorry(&format!("{}/settings", path_of(&name)), "queues.in_use"),
        Err(error) => Err(error.into()),
    }
}

async fn draw(console: &Console, view: &View, form: &Form, queue: Option<&Queue>) -> Answer {
    let (who, desk) = (view.who()?, console.pbx.desk());
    let (mut tiers, mut others) = (Vec::new(), Vec::new());
    if let Some(queue) = queue {
        let serving = queues::tiers(&desk, who, &queue.name).await?;
        let slice = Slice { page: 1, per_page: MOST_EXTENSIONS };
        let all = extensions::list(&desk, who, Search::default(), slice).await?.data;
        let name_of = |number: &str| {
            let found = all.iter().find(|extension| extension.number == number);
            found.and_then(|extension| extension.display_name.clone()).unwrap_or_default()
        };
        let free = all.iter().filter(|extension| matches!(extension.status, ExtensionStatus::Active));
        let free = free.filter(|extension| serving.iter().all(|tier| tier.extension != extension.number));
        others = free.map(|extension| (extension.number.clone(), name_of(&extension.number))).collect();
        let named = |tier: QueueTier| {
            let name = name_of(&tier.extension);
            (tier, name)
        };
        tiers = serving.into_iter().map(named).collect();
    }
    // Whoever only looks is shown what is chosen.
    let (to, prompts) = match may_manage(view) {
        true => (Destinations::of(console, view, who).await?, prompts::list(&console.pbx, who).await?),
        false => (Destinations { groups: Vec::new() }, Vec::new()),
    };
    let page = Page {
        v: view,
        form,
        queue,
        path: queue.map(|queue| path_of(&queue.name)).unwrap_or_default(),
        tiers,
        others,
        strategies: Strategy::ALL,
        bases: TimeBase::ALL,
        actions: NoAgentAction::ALL,
        to,
        prompts,
        may_manage: may_manage(view),
    };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

/// Says at its field what is taken.
fn refused(view: &View, mut form: Form, error: pbx::Error) -> Result<Form, Failure> {
    match error {
        pbx::Error::Taken("queue_name") => form.wrong("name", view.t("queues.name_taken")),
        pbx::Error::Taken("queue_number") => form.wrong("queue_number", view.t("queues.number_taken")),
        error => return form.refused(view, error),
    }
    Ok(form)
}

/// Returns the form with what the queue is.
fn filled(queue: &Queue) -> Form {
    let key = |key: Option<char>| key.map_or_else(String::new, String::from);
    let id = |id: Option<i64>| id.map_or_else(String::new, |id| id.to_string());
    let mut form = Form::default()
        .with("name", &queue.name)
        .with("queue_number", &queue.number)
        .with("strategy", queue.strategy.as_str())
        .with("tier_rule_wait_second", queue.tier_rule_wait_second)
        .with("discard_abandoned_after", queue.discard_abandoned_after)
        .with("max_wait_time", queue.max_wait_time)
        .with("max_wait_time_with_no_agent", queue.max_wait_time_with_no_agent)
        .with("max_wait_time_with_no_agent_time_reached", queue.no_agent_action.as_str())
        .with("time_base_score", queue.time_base_score.as_str())
        .with("recording_template", queue.recording_template.as_deref().unwrap_or_default())
        .with("status", queue.status.as_str())
        .with("ring_time", queue.ring_time)
        .with("wrap_up_time", queue.wrap_up_time)
        .with("reject_delay_time", queue.reject_delay_time)
        .with("busy_delay_time", queue.busy_delay_time)
        .with("no_answer_delay_time", queue.no_answer_delay_time)
        .with("max_no_answer", queue.max_no_answer)
        .with("announce_interval", queue.announce_interval)
        .with("music_prompt_id", id(queue.music_prompt))
        .with("greeting_prompt_id", id(queue.greeting_prompt))
        .with("agent_prompt_id", id(queue.agent_prompt))
        .with("service_level_seconds", queue.service_level_seconds)
        .with("exit_key", key(queue.exit_key))
        .with("callback_key", key(queue.callback_key))
        .with("overflow", queue.overflow.as_ref().map(destinations::value).unwrap_or_default());
    for (name, is_on) in [
        ("tier_rules_apply", queue.tier_rules_apply),
        ("tier_rule_wait_multiply_level", queue.tier_rule_wait_multiply_level),
        ("tier_rule_no_agent_no_wait", queue.tier_rule_no_agent_no_wait),
        ("abandoned_resume_allowed", queue.abandoned_resume_allowed),
        ("announce_position", queue.announce_position),
        ("announce_wait", queue.announce_wait),
    ] {
        if is_on {
            form = form.with(name, "on");
        }
    }
    form
}

fn read(view: &View, form: &mut Form) -> Fill {
    let mut number = |name: &'static str| form.number(view, name);
    let numbers = [
        number("tier_rule_wait_second"),
        number("discard_abandoned_after"),
        number("max_wait_time"),
        number("max_wait_time_with_no_agent"),
        number("ring_time"),
        number("wrap_up_time"),
        number("reject_delay_time"),
        number("busy_delay_time"),
        number("no_answer_delay_time"),
        number("max_no_answer"),
        number("announce_interval"),
        number("service_level_seconds"),
    ];
    let (music, greeting, agent) = (number("music_prompt_id"), number("greeting_prompt_id"), number("agent_prompt_id"));
    let overflow = destinations::read(form.text("overflow"));
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let [wait, discard, max, max_no_agent, ring, wrap_up, reject, busy, no_answer, most, announce, level] = numbers;
    Fill {
        name: form.optional("name"),
        queue_number: form.optional("queue_number"),
        team_id: None,
        strategy: form.optional("strategy"),
        tier_rules_apply: Some(form.flag("tier_rules_apply")),
        tier_rule_wait_second: wait,
        tier_rule_wait_multiply_level: Some(form.flag("tier_rule_wait_multiply_level")),
        tier_rule_no_agent_no_wait: Some(form.flag("tier_rule_no_agent_no_wait")),
        abandoned_resume_allowed: Some(form.flag("abandoned_resume_allowed")),
        discard_abandoned_after: discard,
        max_wait_time: max,
        max_wait_time_with_no_agent: max_no_agent,
        max_wait_time_with_no_agent_time_reached: form.optional("max_wait_time_with_no_agent_time_reached"),
        time_base_score: form.optional("time_base_score"),
        recording_template: Some(form.optional("recording_template")),
        status: form.optional("status"),
        ring_time: ring,
        wrap_up_time: wrap_up,
        reject_delay_time: reject,
        busy_delay_time: busy,
        no_answer_delay_time: no_answer,
        max_no_answer: most,
        announce_interval: announce,
        announce_position: Some(form.flag("announce_position")),
        announce_wait: Some(form.flag("announce_wait")),
        music_prompt_id: Some(music),
        greeting_prompt_id: Some(greeting),
        agent_prompt_id: Some(agent),
        service_level_seconds: level,
        exit_key: Some(form.optional("exit_key")),
        callback_key: Some(form.optional("callback_key")),
        overflow_kind: Some(given(overflow.kind)),
        overflow_target: Some(given(overflow.target)),
    }
}
