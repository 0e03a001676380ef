//! Scripts: text with variables, a voice, and keys.

use ::store::{Tx, audit};
use domain::{Principal, TenantId};
use serde_json::json;
use web::{Fields, Listing, Page, Rule, Text};

use super::{
    LONGEST_DESCRIPTION, LONGEST_NAME, full, may_read, may_write, refuse,
    spoken::{self, check_keys, check_template},
    voices,
};
use crate::{
    Autocall, Error, Result,
    model::{DtmfAction, Script, ScriptStatus, Tier},
    store::{self, house::QueueName, scripts::Filter},
};

/// Most scripts of an account.
const MOST: i64 = 1_000;

/// What a client may write of a script. Absent fields keep what they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScriptFill {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) template_text: Option<String>,
    pub(crate) voice_id: Option<String>,
    pub(crate) tts_tier: Option<String>,
    pub(crate) max_repeat_per_attempt: Option<i64>,
    pub(crate) status: Option<String>,
    pub(crate) dtmf_actions: Option<Vec<DtmfAction>>,
}

impl ScriptFill {
    /// Whether it changes what is heard.
    const fn is_heard(&self) -> bool {
        self.template_text.is_some()
            || self.voice_id.is_some()
            || self.tts_tier.is_some()
            || self.max_repeat_per_attempt.is_some()
            || self.dtmf_actions.is_some()
    }
}

impl Autocall {
    pub(crate) async fn scripts(&self, who: &Principal, filter: &Filter<'_>, page: Page) -> Result<Listing<Script>> {
        let tenant = may_read(who)?;
        let mut tx = self.db.read(tenant).await?;
        let total = store::scripts::count(&mut tx, tenant, filter).await?;
        let rows = store::scripts::page(&mut tx, tenant, filter, page.limit(), page.offset()).await?;
        Ok(Listing::new(page, rows, total))
    }

    pub(crate) async fn script(&self, who: &Principal, id: i64) -> Result<Script> {
        let tenant = may_read(who)?;
        let mut tx = self.db.read(tenant).await?;
        find(&mut tx, tenant, id).await
    }

    /// Lists the queues that a key may lead to.
    pub(crate) async fn queue_names(&self, who: &Principal) -> Result<Vec<QueueName>> {
        let tenant = may_read(who)?;
        let mut tx = self.db.read(tenant).await?;
        Ok(store::house::queues(&mut tx, tenant).await?)
    }

    pub(crate) async fn add_script(&self, who: &Principal, fill: ScriptFill, mut fields: Fields) -> Result<Script> {
        let tenant = may_write(who)?;
        let mut tx = self.db.begin(tenant).await?;
        let now = tx.now();
        let count = store::scripts::total(&mut tx, tenant).await?;
        fields.check("name", count < MOST, full(MOST));
        let mut script = Script {
            id: 0,
            name: String::new(),
            description: None,
            template_text: String::new(),
            voice_id: String::new(),
            tts_tier: Tier::Local,
            max_repeat_per_attempt: 1,
            status: ScriptStatus::Draft,
            dtmf_actions: "[]".to_owned(),
            created_at: now,
            updated_at: now,
        };
        write(&mut tx, tenant, &mut script, fill, fields).await?;
        script.id = store::scripts::insert(&mut tx, tenant, &script).await?;
        note(&mut tx, who, "autocall.script.create", &script).await?;
        tx.commit().await?;
        Ok(script)
    }

    /// Changes a script: one that a campaign says, or that is archived, is not changed in what is heard.
    pub(crate) async fn change_script(
        &self,
        who: &Principal,
        id: i64,
        fill: ScriptFill,
        fields: Fields,
    ) -> Result<Script> {
        let tenant = may_write(who)?;
        let mut tx = self.db.begin(tenant).await?;
        let mut script = find(&mut tx, tenant, id).await?;
        let before = script.status;
        let is_heard = fill.is_heard();
        write(&mut tx, tenant, &mut script, fill, fields).await?;
        if !may_become(before, script.status) {
            return Err(Error::State { what: "script", from: before.as_str(), to: script.status.as_str() });
        }
        let leaves = before == ScriptStatus::Active && script.status != ScriptStatus::Active;
        if (is_heard || leaves) && is_said(&mut tx, tenant, id).await? {
            return Err(Error::InUse { what: "script", by: "a campaign that runs" });
        }
        if leaves && is_led_to(&mut tx, tenant, id, true).await? {
            return Err(Error::InUse { what: "script", by: "another script" });
        }
        script.updated_at = tx.now();
        store::scripts::update(&mut tx, tenant, &script).await?;
        note(&mut tx, who, "autocall.script.update", &script).await?;
        tx.commit().await?;
        Ok(script)
    }

    /// Deletes a script that nothing names.
    pub(crate) async fn delete_script(&self, who: &Principal, id: i64) -> Result<()> {
        let tenant = may_write(who)?;
        let mut tx = self.db.begin(tenant).await?;
        let script = find(&mut tx, tenant, id).await?;
        if store::campaigns::of_script(&mut tx, tenant, id).await? > 0 {
            return Err(Error::InUse { what: "script", by: "a campaign" });
        }
        if is_led_to(&mut tx, tenant, id, false).await? {
            return Err(Error::InUse { what: "script", by: "another script" });
        }
        store::scripts::delete(&mut tx, tenant, id).await?;
        note(&mut tx, who, "autocall.script.delete", &script).await?;
        tx.commit().await?;
        Ok(())
    }
}

async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Script> {
    store::scripts::find(tx, tenant, id).await?.ok_or(Error::NotFound("script"))
}

/// Whether a script goes from one state to the other: forward only.
const fn may_become(from: ScriptStatus, to: ScriptStatus) -> bool {
    use ScriptStatus::{Active, Archived, Draft};
    matches!((from, to), (Draft, _) | (Active, Active | Archived) | (Archived, Archived))
}

/// Whether a campaign that runs or is paused says it, itself or by a key.
async fn is_said(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<bool> {
    let in_use = store::campaigns::scripts_in_use(tx, tenant).await?;
    if in_use.is_empty() {
        return Ok(false);
    }
    let scripts = store::scripts::all(tx, tenant).await?;
    Ok(in_use.iter().any(|start| spoken::reached(*start, &scripts).iter().any(|script| script.id == id)))
}

/// Whether a key of another script leads to it; `active`: of one that can be used.
async fn is_led_to(tx: &mut Tx, tenant: TenantId, id: i64, active: bool) -> Result<bool> {
    let scripts = store::scripts::all(tx, tenant).await?;
    let others = scripts.iter().filter(|script| script.id != id);
    let mut others = others.filter(|script| !active || script.status == ScriptStatus::Active);
    Ok(others.any(|script| script.actions().iter().any(|action| action.target_script_id == Some(id))))
}

/// Puts what was given into a script and checks the whole of it.
async fn write(tx: &mut Tx, tenant: TenantId, script: &mut Script, fill: ScriptFill, mut fields: Fields) -> Result<()> {
    let name = fill.name.unwrap_or_else(|| script.name.clone());
    script.name = fields.require_text("name", Some(&name), 1, LONGEST_NAME).unwrap_or_default();
    if let Some(description) = fill.description {
        script.description = paragraph("description", description.as_deref(), &mut fields);
    }
    let text = fill.template_text.unwrap_or_else(|| script.template_text.clone());
    if text.trim().is_empty() {
        fields.add("template_text", Rule::Required);
    } else {
        check_template(&text, &mut fields);
    }
    script.template_text = text;
    let voice = fill.voice_id.unwrap_or_else(|| script.voice_id.clone());
    if fields.require("voice_id", Some(voice.trim()).filter(|voice| !voice.is_empty())).is_some() {
        let rule = Text::new("Voice not available.", "Giọng đọc không khả dụng.");
        fields.check("voice_id", voices::find(voice.trim()).is_some(), rule);
    }
    script.voice_id = voice.trim().to_owned();
    if let Some(tier) = fill.tts_tier {
        let tier = Tier::parse(&tier);
        fields.check("tts_tier", tier.is_some(), Rule::Selected);
        script.tts_tier = tier.unwrap_or(script.tts_tier);
    }
    if let Some(repeats) = fill.max_repeat_per_attempt {
        fields.check("max_repeat_per_attempt", (1..=5).contains(&repeats), Rule::Between(1, 5));
        script.max_repeat_per_attempt = repeats.clamp(1, 5);
    }
    if let Some(status) = fill.status {
        let status = ScriptStatus::parse(&status);
        fields.check("status", status.is_some(), Rule::Selected);
        script.status = status.unwrap_or(script.status);
    }
    let actions: Vec<DtmfAction> = match fill.dtmf_actions {
        Some(actions) => actions.into_iter().map(plain).collect(),
        None => script.actions(),
    };
    check_keys(tx, tenant, script, &actions, &mut fields).await?;
    script.dtmf_actions = serde_json::to_string(&actions).unwrap_or_else(|_| "[]".to_owned());
    refuse(fields)
}

/// Returns a key with the targets that its action uses and no others.
fn plain(action: DtmfAction) -> DtmfAction {
    let trimmed = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let kind = trimmed(action.action_type);
    let (audio, queue, script) = match kind.as_deref() {
        Some("playback" | "playback_then_hangup") => (trimmed(action.target_audio_url), None, None),
        Some("queue") => (None, trimmed(action.target_queue_name), None),
        Some("switch_script") => (None, None, action.target_script_id),
        _ => (None, None, None),
    };
    DtmfAction {
        digit: trimmed(action.digit),
        label: trimmed(action.label),
        action_type: kind,
        target_audio_url: audio,
        target_queue_name: queue,
        target_script_id: script,
    }
}

/// Checks a text of several lines.
pub(super) fn paragraph(field: &str, text: Option<&str>, fields: &mut Fields) -> Option<String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty())?;
    fields.check(field, text.chars().count() <= LONGEST_DESCRIPTION, Rule::Length(0, LONGEST_DESCRIPTION));
    fields.check(field, !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')), Rule::Format);
    Some(text.to_owned())
}

async fn note(tx: &mut Tx, who: &Principal, action: &'static str, script: &Script) -> Result<()> {
    let detail = json!({ "name": script.name, "status": script.status.as_str() });
    audit(tx, who, action, &format!("autocall_script:{}", script.id), detail).await?;
    Ok(())
}
