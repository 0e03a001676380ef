//! Queues and who serves them.

use domain::{
    Principal, TenantId, number,
    queue::{NoAgentAction, Strategy, TimeBase},
    routing::Destination,
};
use serde_json::json;
use store::Tx;
use web::{Fields, Listing, Page, Rule, Text};

use super::{Desk, Done, may_manage, may_read, places, refuse, taken};
use crate::{
    changes::Changed,
    error::{Error, Result},
    model::{Queue, QueueStatus, QueueTier},
    store as rows,
    store::numbers::Holder,
};

/// Longest name in characters.
const LONGEST_NAME: usize = 64;
/// Longest template of a recording's file name.
const LONGEST_TEMPLATE: usize = 255;
/// Longest of the times that people wait, in seconds: an hour for rules, a day for patience.
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// The writable fields. Absent ones keep what they are; `Some(None)` clears.
#[derive(Clone, Debug, Default)]
pub struct Fill {
    pub name: Option<String>,
    pub queue_number: Option<String>,
    pub team_id: Option<Option<i64>>,
    pub strategy: Option<String>,
    pub tier_rules_apply: Option<bool>,
    pub tier_rule_wait_second: Option<i64>,
    pub tier_rule_wait_multiply_level: Option<bool>,
    pub tier_rule_no_agent_no_wait: Option<bool>,
    pub abandoned_resume_allowed: Option<bool>,
    pub discard_abandoned_after: Option<i64>,
    pub max_wait_time: Option<i64>,
    pub max_wait_time_with_no_agent: Option<i64>,
    pub max_wait_time_with_no_agent_time_reached: Option<String>,
    pub time_base_score: Option<String>,
    pub recording_template: Option<Option<String>>,
    pub status: Option<String>,
    pub ring_time: Option<i64>,
    pub wrap_up_time: Option<i64>,
    pub reject_delay_time: Option<i64>,
    pub busy_delay_time: Option<i64>,
    pub no_answer_delay_time: Option<i64>,
    pub max_no_answer: Option<i64>,
    pub announce_interval: Option<i64>,
    pub announce_position: Option<bool>,
    pub announce_wait: Option<bool>,
    pub music_prompt_id: Option<Option<i64>>,
    pub greeting_prompt_id: Option<Option<i64>>,
    pub agent_prompt_id: Option<Option<i64>>,
    pub service_level_seconds: Option<i64>,
    pub exit_key: Option<Option<String>>,
    pub callback_key: Option<Option<String>>,
    pub overflow_kind: Option<Option<String>>,
    pub overflow_target: Option<Option<String>>,
}

/// An agent's place, as it is written. Absent fields keep what they are.
#[derive(Clone, Debug, Default)]
pub struct TierFill {
    pub extension: Option<String>,
    pub tier_level: Option<i64>,
    pub tier_position: Option<i64>,
}

/// Lists the queues with `text` in their name or number.
pub async fn list(desk: &Desk, who: &Principal, text: Option<&str>, page: Page) -> Result<Listing<Queue>> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    let slice = rows::Slice { offset: page.offset(), limit: page.limit() };
    let (queues, total) = rows::queues::list(&mut tx, tenant, text, slice).await?;
    Ok(Listing::new(page, queues, total))
}

pub async fn show(desk: &Desk, who: &Principal, name: &str) -> Result<Queue> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    find(&mut tx, tenant, name).await
}

pub async fn create(desk: &Desk, who: &Principal, fill: Fill, mut fields: Fields) -> Result<Queue> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let mut queue = Queue::new(tenant, tx.now());
    fields.require("name", fill.name.as_ref());
    fields.require("queue_number", fill.queue_number.as_ref());
    put(&mut queue, fill, &mut fields);
    check_others(&mut tx, &queue, None, &mut fields).await?;
    refuse(fields)?;
    refuse_taken(&mut tx, tenant, &queue).await?;
    queue.id = rows::queues::insert(&mut tx, tenant, &queue).await.map_err(taken("queue_name"))?;
    desk.commit(tx, who, done("queue.create", &queue)).await?;
    Ok(queue)
}

pub async fn update(desk: &Desk, who: &Principal, name: &str, fill: Fill, mut fields: Fields) -> Result<Queue> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let mut queue = find(&mut tx, tenant, name).await?;
    let before = queue.clone();
    put(&mut queue, fill, &mut fields);
    check_others(&mut tx, &queue, Some(&before), &mut fields).await?;
    refuse(fields)?;
    refuse_taken(&mut tx, tenant, &queue).await?;
    queue.updated_at = tx.now();
    if queue.name != before.name {
        rows::queues::rename(&mut tx, tenant, &before.name, &queue.name).await?;
    }
    rows::queues::update(&mut tx, tenant, &queue).await.map_err(taken("queue_name"))?;
    desk.commit(tx, who, done("queue.update", &queue)).await?;
    Ok(queue)
}

/// Deletes a queue that nothing leads to; whoever waits in it is let go. The ledger stays.
pub async fn delete(desk: &Desk, who: &Principal, name: &str) -> Result<()> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let queue = find(&mut tx, tenant, name).await?;
    let own = Destination::Queue(queue.name.clone());
    places::refuse_if_used(&mut tx, tenant, "queue", &own).await?;
    rows::queues::delete_tiers(&mut tx, tenant, queue.id).await?;
    rows::queues::delete(&mut tx, tenant, queue.id).await?;
    desk.commit(tx, who, done("queue.delete", &queue)).await
}

/// Returns the agents of a queue, by level and position.
pub async fn tiers(desk: &Desk, who: &Principal, name: &str) -> Result<Vec<QueueTier>> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    let queue = find(&mut tx, tenant, name).await?;
    Ok(rows::queues::tiers(&mut tx, tenant, queue.id).await?)
}

/// Has an extension serve a queue.
pub async fn add_tier(
    desk: &Desk,
    who: &Principal,
    name: &str,
    fill: TierFill,
    mut fields: Fields,
) -> Result<QueueTier> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let queue = find(&mut tx, tenant, name).await?;
    let extension = fields.require("extension", fill.extension.clone());
    if let Some(extension) = &extension {
        let known = rows::extensions::find(&mut tx, tenant, extension).await?.is_some();
        fields.check("extension", known, Rule::Selected);
    }
    let mut tier = QueueTier { queue: queue.id, extension: extension.unwrap_or_default(), level: 1, position: 1 };
    put_tier(&mut tier, &fill, &mut fields);
    refuse(fields)?;
    let inserted = rows::queues::insert_tier(&mut tx, tenant, &tier).await;
    inserted.map_err(|error| if error.is_unique() { Error::InQueue } else { error.into() })?;
    desk.commit(tx, who, tier_done("queue.tier_add", &queue, &tier)).await?;
    Ok(tier)
}

pub async fn update_tier(
    desk: &Desk,
    who: &Principal,
    name: &str,
    extension: &str,
    fill: TierFill,
    mut fields: Fields,
) -> Result<QueueTier> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let queue = find(&mut tx, tenant, name).await?;
    let mut tier = find_tier(&mut tx, &queue, extension).await?;
    let same = fill.extension.as_deref().is_none_or(|other| other == extension);
    fields.check("extension", same, Text::new("The extension cannot be changed.", "Không thể đổi máy nhánh."));
    put_tier(&mut tier, &fill, &mut fields);
    refuse(fields)?;
    rows::queues::update_tier(&mut tx, tenant, &tier).await?;
    desk.commit(tx, who, tier_done("queue.tier_update", &queue, &tier)).await?;
    Ok(tier)
}

pub async fn remove_tier(desk: &Desk, who: &Principal, name: &str, extension: &str) -> Result<()> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let queue = find(&mut tx, tenant, name).await?;
    let tier = find_tier(&mut tx, &queue, extension).await?;
    rows::queues::delete_tier(&mut tx, tenant, queue.id, extension).await?;
    desk.commit(tx, who, tier_done("queue.tier_remove", &queue, &tier)).await
}

pub(super) async fn find(tx: &mut Tx, tenant: TenantId, name: &str) -> Result<Queue> {
    rows::queues::find(tx, tenant, name).await?.ok_or(Error::NotFound("queue"))
}

async fn find_tier(tx: &mut Tx, queue: &Queue, extension: &str) -> Result<QueueTier> {
    let tiers = rows::queues::tiers(tx, queue.tenant, queue.id).await?;
    tiers.into_iter().find(|tier| tier.extension == extension).ok_or(Error::NotFound("agent of the queue"))
}

/// What a queue names beside itself is of the same account. What stays as it was is not asked about again: a team that
/// is gone meanwhile is no reason to keep somebody from changing something else.
async fn check_others(tx: &mut Tx, queue: &Queue, before: Option<&Queue>, fields: &mut Fields) -> Result<()> {
    let tenant = queue.tenant;
    if let Some(team) = queue.team_id.filter(|_| before.is_none_or(|before| before.team_id != queue.team_id)) {
        fields.check("team_id", rows::accounts::has_team(tx, tenant, team).await?, Rule::Selected);
    }
    type Named = fn(&Queue) -> Option<i64>;
    let prompts: [(&str, Named); 3] = [
        ("music_prompt_id", |queue| queue.music_prompt),
        ("greeting_prompt_id", |queue| queue.greeting_prompt),
        ("agent_prompt_id", |queue| queue.agent_prompt),
    ];
    for (field, named) in prompts {
        if let Some(id) = named(queue).filter(|_| before.and_then(named) != named(queue)) {
            fields.check(field, rows::prompts::find(tx, tenant, id).await?.is_some(), Rule::Selected);
        }
    }
    if let Some(overflow) = queue.overflow.as_ref().filter(|_| before.is_none_or(|b| b.overflow != queue.overflow)) {
        fields.check("overflow_target", places::exists(tx, tenant, overflow).await?, Rule::Selected);
    }
    Ok(())
}

/// A name stands for one queue, and a number leads to one thing.
async fn refuse_taken(tx: &mut Tx, tenant: TenantId, queue: &Queue) -> Result<()> {
    let (name, number) = rows::queues::taken(tx, tenant, queue).await?;
    if name {
        return Err(Error::Taken("queue_name"));
    }
    if number || places::is_taken(tx, tenant, &queue.number, Some(Holder::Queue(queue.id))).await? {
        return Err(Error::Taken("queue_number"));
    }
    Ok(())
}

fn put_tier(tier: &mut QueueTier, fill: &TierFill, fields: &mut Fields) {
    if let Some(level) = fields.number("tier_level", fill.tier_level, 1, 9) {
        tier.level = level;
    }
    if let Some(position) = fields.number("tier_position", fill.tier_position, 1, 9) {
        tier.position = position;
    }
}

/// Checks the given fields and puts the good ones in place.
fn put(queue: &mut Queue, fill: Fill, fields: &mut Fields) {
    if let Some(name) = fill.name {
        let name = fields.text("name", Some(&name), 1, LONGEST_NAME).unwrap_or_default();
        fields.check("name", !name.contains(|c: char| c == '/' || c.is_control()), Rule::Format);
        queue.name = name;
    }
    if let Some(number) = fill.queue_number {
        fields.check("queue_number", number::is_extension(&number), Rule::Format);
        queue.number = number;
    }
    if let Some(team) = fill.team_id {
        queue.team_id = team;
    }
    choose(&mut queue.strategy, fill.strategy, Strategy::parse, "strategy", fields);
    choose(&mut queue.time_base_score, fill.time_base_score, TimeBase::parse, "time_base_score", fields);
    choose(&mut queue.status, fill.status, QueueStatus::parse, "status", fields);
    let action = fill.max_wait_time_with_no_agent_time_reached;
    choose(
        &mut queue.no_agent_action,
        action,
        NoAgentAction::parse,
        "max_wait_time_with_no_agent_time_reached",
        fields,
    );
    for (place, given) in [
        (&mut queue.tier_rules_apply, fill.tier_rules_apply),
        (&mut queue.tier_rule_wait_multiply_level, fill.tier_rule_wait_multiply_level),
        (&mut queue.tier_rule_no_agent_no_wait, fill.tier_rule_no_agent_no_wait),
        (&mut queue.abandoned_resume_allowed, fill.abandoned_resume_allowed),
        (&mut queue.announce_position, fill.announce_position),
        (&mut queue.announce_wait, fill.announce_wait),
    ] {
        *place = given.unwrap_or(*place);
    }
    for (field, place, given, least, most) in [
        ("tier_rule_wait_second", &mut queue.tier_rule_wait_second, fill.tier_rule_wait_second, 0, HOUR),
        ("discard_abandoned_after", &mut queue.discard_abandoned_after, fill.discard_abandoned_after, 0, DAY),
        ("max_wait_time", &mut queue.max_wait_time, fill.max_wait_time, 0, DAY),
        (
            "max_wait_time_with_no_agent",
            &mut queue.max_wait_time_with_no_agent,
            fill.max_wait_time_with_no_agent,
            0,
            DAY,
        ),
        ("ring_time", &mut queue.ring_time, fill.ring_time, 1, 300),
        ("wrap_up_time", &mut queue.wrap_up_time, fill.wrap_up_time, 0, HOUR),
        ("reject_delay_time", &mut queue.reject_delay_time, fill.reject_delay_time, 0, HOUR),
        ("busy_delay_time", &mut queue.busy_delay_time, fill.busy_delay_time, 0, HOUR),
        ("no_answer_delay_time", &mut queue.no_answer_delay_time, fill.no_answer_delay_time, 0, HOUR),
        ("max_no_answer", &mut queue.max_no_answer, fill.max_no_answer, 0, 100),
        ("announce_interval", &mut queue.announce_interval, fill.announce_interval, 0, HOUR),
        ("service_level_seconds", &mut queue.service_level_seconds, fill.service_level_seconds, 1, HOUR),
    ] {
        if let Some(number) = fields.number(field, given, least, most) {
            *place = number;
        }
    }
    if let Some(template) = fill.recording_template {
        let template = fields.text("recording_template", template.as_deref(), 0, LONGEST_TEMPLATE);
        queue.recording_template = template.filter(|template| !template.is_empty());
    }
    queue.music_prompt = fill.music_prompt_id.unwrap_or(queue.music_prompt);
    queue.greeting_prompt = fill.greeting_prompt_id.unwrap_or(queue.greeting_prompt);
    queue.agent_prompt = fill.agent_prompt_id.unwrap_or(queue.agent_prompt);
    put_key(&mut queue.exit_key, fill.exit_key, "exit_key", fields);
    put_key(&mut queue.callback_key, fill.callback_key, "callback_key", fields);
    let differ = queue.exit_key.is_none() || queue.exit_key != queue.callback_key;
    fields.check("callback_key", differ, Text::new("The two keys must differ.", "Hai phím phải khác nhau."));
    put_overflow(queue, fill.overflow_kind, fill.overflow_target, fields);
}

fn choose<T>(
    place: &mut T,
    given: Option<String>,
    parse: impl Fn(&str) -> Option<T>,
    field: &str,
    fields: &mut Fields,
) {
    if let Some(name) = given {
        match parse(&name) {
            Some(value) => *place = value,
            None => fields.add(field, Rule::Selected),
        }
    }
}

fn put_key(place: &mut Option<char>, given: Option<Option<String>>, field: &str, fields: &mut Fields) {
    let Some(given) = given else { return };
    let Some(text) = given.filter(|text| !text.is_empty()) else { return *place = None };
    let mut keys = text.chars();
    match (keys.next(), keys.next()) {
        (Some(key), None) if key.is_ascii_digit() || key == '*' || key == '#' => *place = Some(key),
        _ => fields.add(field, Rule::Format),
    }
}

fn put_overflow(queue: &mut Queue, kind: Option<Option<String>>, target: Option<Option<String>>, fields: &mut Fields) {
    if kind.is_none() && target.is_none() {
        return;
    }
    let before = queue.overflow.as_ref();
    let kind = kind.unwrap_or_else(|| before.map(|before| before.kind().to_owned()));
    let target = target.unwrap_or_else(|| before.map(Destination::target)).unwrap_or_default();
    let Some(kind) = kind.filter(|kind| !kind.is_empty()) else { return queue.overflow = None };
    if !Destination::KINDS.contains(&kind.as_str()) {
        return fields.add("overflow_kind", Rule::Selected);
    }
    let found = Destination::read(&kind, &target);
    let is_itself = matches!(&found, Some(Destination::Queue(name)) if *name == queue.name);
    fields.check("overflow_target", found.is_some() && !is_itself, Rule::Selected);
    queue.overflow = found;
}

fn done<'a>(action: &'static str, queue: &Queue) -> Done<'a> {
    Done {
        action,
        target: format!("queue:{}", queue.name).into(),
        detail: json!({
            "queue_number": queue.number,
            "strategy": queue.strategy.as_str(),
            "status": queue.status,
            "ring_time": queue.ring_time,
            "wrap_up_time": queue.wrap_up_time,
            "max_wait_time": queue.max_wait_time,
            "max_wait_time_with_no_agent": queue.max_wait_time_with_no_agent,
        }),
        changed: Changed::Queues(queue.tenant),
    }
}

fn tier_done<'a>(action: &'static str, queue: &Queue, tier: &QueueTier) -> Done<'a> {
    Done {
        action,
        target: format!("queue:{}", queue.name).into(),
        detail: json!({
            "extension": tier.extension,
            "tier_level": tier.level,
            "tier_position": tier.position,
        }),
        changed: Changed::Queues(queue.tenant),
    }
}
