//! A script as it is going to be heard: checked text, checked keys, and what leads must say for it.

use std::collections::{BTreeMap, BTreeSet};

use ::store::Tx;
use domain::TenantId;
use serde_json::{Map, Value as Json};
use speech::{
    Kind, Plan, Reading, Template, Value,
    template::Refusal,
    tree::{Draft, ScriptId, Tree, check_switches},
};
use web::{Fields, Rule, Text};

use super::voices;
use crate::{
    Result,
    model::{DtmfAction, Script, ScriptStatus},
    store,
};

/// Checks the text of a script.
pub(super) fn check_template(text: &str, fields: &mut Fields) -> Option<Template> {
    match Template::parse(text) {
        Ok(template) => Some(template),
        Err(problems) => {
            for problem in problems {
                let said = Text::of(
                    problem.to_string(),
                    format!("Dòng {}, cột {}: {}", problem.line, problem.column, problem.fault),
                );
                fields.add("template_text", said);
            }
            None
        }
    }
}

/// Checks the keys of a script and what they lead to. `status` is what the script is to be.
pub(super) async fn check_keys(
    tx: &mut Tx,
    tenant: TenantId,
    script: &Script,
    actions: &[DtmfAction],
    fields: &mut Fields,
) -> Result<()> {
    let drafts: Vec<Draft> = actions.iter().map(DtmfAction::draft).collect();
    let repeats = u8::try_from(script.max_repeat_per_attempt).unwrap_or(0);
    let tree = match Tree::check(&drafts, repeats) {
        Ok(tree) => tree,
        Err(problems) => {
            for problem in problems {
                let field = match problem.at {
                    Some(at) => format!("dtmf_actions.{at}.{}", problem.field),
                    None => problem.field.to_owned(),
                };
                fields.add(&*field, fault(&field, problem.fault));
            }
            return Ok(());
        }
    };
    let scripts = store::scripts::all(tx, tenant).await?;
    let queues = store::house::queues(tx, tenant).await?;
    let sounds = store::house::sound_paths(tx, tenant).await?;
    for (at, action) in actions.iter().enumerate() {
        let draft = action.draft();
        let name = |field: &str| format!("dtmf_actions.{at}.{field}");
        match draft.action_type.trim() {
            "playback" | "playback_then_hangup" => {
                let path = draft.target_audio_url.as_deref().unwrap_or_default().trim();
                fields.check(&name("target_audio_url"), sounds.iter().any(|known| known == path), Rule::Selected);
            }
            "queue" => {
                let queue = queue_name(draft.target_queue_name.as_deref().unwrap_or_default());
                fields.check(
                    &name("target_queue_name"),
                    queues.iter().any(|known| known.name == queue),
                    Rule::Selected,
                );
            }
            "switch_script" => {
                let target = scripts.iter().find(|known| Some(known.id) == draft.target_script_id);
                let fits = target.is_some_and(|target| may_lead(script.status, target.status));
                let itself = draft.target_script_id == Some(script.id);
                fields.check(&name("target_script_id"), fits || itself, Rule::Selected);
            }
            _ => {}
        }
    }
    let start = ScriptId(script.id);
    let mut switches = switches(&scripts);
    switches.insert(start, tree.switches().collect());
    // A target that is not there was named above.
    if let Err(fault @ (speech::tree::SwitchFault::Cycle(_) | speech::tree::SwitchFault::TooDeep)) =
        check_switches(start, &switches)
    {
        let said = Text::of(
            format!("The script {fault}."),
            format!("Kịch bản chuyển tiếp không hợp lệ (vòng lặp hoặc quá dài): {fault}."),
        );
        fields.add("dtmf_actions", said);
    }
    Ok(())
}

/// Whether a script of one state may lead to one of another: what is used may only lead to what can be used.
const fn may_lead(from: ScriptStatus, to: ScriptStatus) -> bool {
    match from {
        ScriptStatus::Active => matches!(to, ScriptStatus::Active),
        ScriptStatus::Draft | ScriptStatus::Archived => !matches!(to, ScriptStatus::Archived),
    }
}

fn fault(field: &str, fault: speech::tree::Fault) -> Rule {
    use speech::tree::{Fault, MOST_BRANCHES, MOST_TARGET};
    match fault {
        Fault::TooMany => Rule::Entries(0, MOST_BRANCHES),
        Fault::Repeats => Rule::Between(1, 5),
        Fault::NoKey | Fault::Control | Fault::NoPath => Rule::Format,
        Fault::Twice => Rule::Text(Text::new("This key is used twice.", "Phím này được dùng hai lần.")),
        Fault::NoAction if field.ends_with("action_type") => Rule::Selected,
        Fault::NoAction | Fault::NoScript => Rule::Selected,
        Fault::Missing => Rule::Required,
        Fault::TooLong => Rule::Length(0, MOST_TARGET),
    }
}

/// Returns where the keys of each script lead.
pub(crate) fn switches(scripts: &[Script]) -> BTreeMap<ScriptId, Vec<ScriptId>> {
    let targets = |script: &Script| {
        let actions = script.actions();
        let switches = actions.iter().filter(|action| action.action_type.as_deref() == Some("switch_script"));
        switches.filter_map(|action| action.target_script_id).map(ScriptId).collect()
    };
    scripts.iter().map(|script| (ScriptId(script.id), targets(script))).collect()
}

/// Returns a script and those that its keys lead to, at any remove.
pub(crate) fn reached(start: i64, scripts: &[Script]) -> Vec<&Script> {
    let switches = switches(scripts);
    let (mut open, mut seen) = (vec![ScriptId(start)], BTreeSet::new());
    while let Some(script) = open.pop() {
        if seen.insert(script) {
            open.extend(switches.get(&script).into_iter().flatten().copied());
        }
    }
    scripts.iter().filter(|script| seen.contains(&ScriptId(script.id))).collect()
}

/// Takes the `@default` off the name of a queue.
pub(crate) fn queue_name(text: &str) -> &str {
    let text = text.trim();
    text.strip_suffix("@default").unwrap_or(text)
}

/// What the leads of a campaign have to say: the plans of every script that they may hear.
pub(crate) struct Spoken {
    plans: Vec<Plan>,
}

impl Spoken {
    /// Plans the scripts that a campaign may say.
    pub(crate) async fn of(tx: &mut Tx, tenant: TenantId, script: i64) -> Result<Self> {
        let scripts = store::scripts::all(tx, tenant).await?;
        let variables = store::variables::all(tx, tenant).await?;
        let kinds: BTreeMap<String, Kind> =
            variables.into_iter().map(|variable| (variable.variable_code, variable.r#type.kind())).collect();
        let plans = reached(script, &scripts).into_iter().filter_map(|script| {
            let template = Template::parse(&script.template_text).ok()?;
            let reading = voices::find(&script.voice_id).and_then(|voice| Reading::of(voice.language));
            Some(template.plan(&kinds, reading.unwrap_or(Reading::NORTH)))
        });
        Ok(Self { plans: plans.collect() })
    }

    /// Checks the values of a lead; what is missing or cannot be read is named once.
    pub(crate) fn check(&self, payload: &Map<String, Json>) -> Vec<Refusal> {
        let values = values(payload);
        let mut refusals: Vec<Refusal> = Vec::new();
        for plan in &self.plans {
            for refusal in plan.fill(&values).err().into_iter().flatten() {
                if refusals.iter().all(|known| known.code() != refusal.code()) {
                    refusals.push(refusal);
                }
            }
        }
        refusals
    }
}

/// Returns the values of a lead as they are spoken; what is neither text nor number is no value.
pub(crate) fn values(payload: &Map<String, Json>) -> BTreeMap<String, Value> {
    let value = |json: &Json| match json {
        Json::String(text) => Some(Value::Text(text.clone())),
        Json::Number(number) => Some(Value::Number(number.to_string())),
        _ => None,
    };
    payload.iter().filter_map(|(code, json)| Some((code.clone(), value(json)?))).collect()
}
