//! Campaigns: made, changed, listed, and how far they are.

use ::store::{Tx, audit};
use domain::{Principal, TenantId, Timestamp};
use jiff::tz::TimeZone;
use serde_json::json;
use web::{Fields, Listing, Page, Rule, Text};

use super::{
    LONGEST_NAME, full, is_admin, may_read, may_write, refuse, reports::figures::Figures, scripts::paragraph, time,
};
use crate::{
    Autocall, Error, Result,
    model::{CallPurpose, Campaign, CampaignStatus, LeadStatus, RetryWhen, ScriptStatus},
    store::{self, campaigns::Filter},
};

/// Most campaigns of an account.
const MOST: i64 = 10_000;

/// What a client may write of a campaign. Absent fields keep what they are; `Some(None)` clears.
#[derive(Clone, Debug, Default)]
pub(crate) struct CampaignFill {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) script_id: Option<i64>,
    pub(crate) caller_id_group_id: Option<Option<i64>>,
    pub(crate) max_retries: Option<i64>,
    pub(crate) retry_interval_minutes: Option<i64>,
    pub(crate) retry_only_when: Option<String>,
    pub(crate) max_concurrent: Option<i64>,
    pub(crate) originate_timeout: Option<i64>,
    pub(crate) write_to_main_cdr: Option<bool>,
    pub(crate) call_purpose: Option<String>,
    pub(crate) pdpl_enforce: Option<bool>,
    pub(crate) record_calls: Option<bool>,
    pub(crate) tts_fallback: Option<bool>,
    pub(crate) amd_enabled: Option<bool>,
    pub(crate) start_at: Option<Option<String>>,
    pub(crate) end_at: Option<Option<String>>,
}

/// How far a campaign is.
#[derive(Clone, Debug)]
pub(crate) struct CampaignStats {
    pub(crate) campaign: Campaign,
    pub(crate) leads: Vec<(LeadStatus, i64)>,
    pub(crate) figures: Figures,
    /// Calls that are up.
    pub(crate) up: i64,
    /// Rules of the gate, and how many leads wait because of each.
    pub(crate) held_back: Vec<(String, i64)>,
}

impl Autocall {
    pub(crate) async fn campaigns(
        &self,
        who: &Principal,
        filter: &Filter<'_>,
        page: Page,
    ) -> Result<Listing<Campaign>> {
        let tenant = may_read(who)?;
        let mut tx = self.db.read(tenant).await?;
        let total = store::campaigns::count(&mut tx, tenant, filter).await?;
        let rows = store::campaigns::page(&mut tx, tenant, filter, page.limit(), page.offset()).await?;
        Ok(Listing::new(page, rows, total))
    }

    pub(crate) async fn campaign(&self, who: &Principal, id: i64) -> Result<Campaign> {
        let tenant = may_read(who)?;
        let mut tx = self.db.read(tenant).await?;
        find(&mut tx, tenant, id).await
    }

    pub(crate) async fn add_campaign(
        &self,
        who: &Principal,
        fill: CampaignFill,
        mut fields: Fields,
    ) -> Result<Campaign> {
        let tenant = may_write(who)?;
        let mut tx = self.db.begin(tenant).await?;
        let now = tx.now();
        let count = store::campaigns::count(&mut tx, tenant, &Filter::default()).await?;
        fields.check("name", count < MOST, full(MOST));
        let mut campaign = Campaign {
            id: 0,
            name: String::new(),
            description: None,
            script_id: 0,
            status: CampaignStatus::Draft,
            archived_from: None,
            caller_id_group_id: None,
            max_retries: 3,
            retry_interval_minutes: 60,
            retry_only_when: RetryWhen::NoAnswer,
            max_concurrent: 10,
            originate_timeout: 40,
            write_to_main_cdr: false,
            call_purpose: CallPurpose::Service,
            pdpl_enforce: true,
            record_calls: false,
            tts_fallback: false,
            amd_enabled: false,
            start_at: None,
            end_at: None,
            started_at: None,
            paused_at: None,
            finished_at: None,
            created_at: now,
            updated_at: now,
        };
        write(&mut tx, who, &mut campaign, fill, fields).await?;
        campaign.id = store::campaigns::insert(&mut tx, tenant, &campaign).await?;
        note(&mut tx, who, "autocall.campaign.create", &campaign).await?;
        tx.commit().await?;
        Ok(campaign)
    }

    /// Changes a campaign that is not over. Its script stays once leads were taken in for it.
    pub(crate) async fn change_campaign(
        &self,
        who: &Principal,
        id: i64,
        fill: CampaignFill,
        mut fields: Fields,
    ) -> Result<Campaign> {
        let tenant = may_write(who)?;
        let mut tx = self.db.begin(tenant).await?;
        let mut campaign = find(&mut tx, tenant, id).await?;
        if matches!(campaign.status, CampaignStatus::Finished | CampaignStatus::Archived) {
            return Err(Error::State { what: "campaign", from: campaign.status.as_str(), to: "changed" });
        }
        let moves = fill.script_id.is_some_and(|script| script != campaign.script_id);
        if moves && store::leads::total(&mut tx, tenant, id).await? > 0 {
            let rule = Text::new(
                "The script stays as it is: leads were taken in for it.",
                "Không thể đổi kịch bản: chiến dịch đã có lead theo kịch bản này.",
            );
            fields.add("script_id", rule);
        }
        write(&mut tx, who, &mut campaign, fill, fields).await?;
        campaign.updated_at = tx.now();
        store::campaigns::update(&mut tx, tenant, &campaign).await?;
        note(&mut tx, who, "autocall.campaign.update", &campaign).await?;
        tx.commit().await?;
        Ok(campaign)
    }

    /// Deletes a campaign that nobody was called for, with its leads. What was dialled stays in the ledger.
    pub(crate) async fn delete_campaign(&self, who: &Principal, id: i64) -> Result<()> {
        let tenant = may_write(who)?;
        let mut tx = self.db.begin(tenant).await?;
        let campaign = find(&mut tx, tenant, id).await?;
        if campaign.status == CampaignStatus::Running {
            return Err(Error::State { what: "campaign", from: campaign.status.as_str(), to: "deleted" });
        }
        if store::attempts::any(&mut tx, tenant, id).await? {
            return Err(Error::InUse { what: "campaign", by: "the records of its calls; archive it" });
        }
        store::leads::delete_all_refusals(&mut tx, tenant, id).await?;
        store::leads::delete_all(&mut tx, tenant, id).await?;
        store::campaigns::delete(&mut tx, tenant, id).await?;
        note(&mut tx, who, "autocall.campaign.delete", &campaign).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Returns how far a campaign is.
    pub(crate) async fn stats(&self, who: &Principal, id: i64) -> Result<CampaignStats> {
        let tenant = may_read(who)?;
        let mut tx = self.db.read(tenant).await?;
        let campaign = find(&mut tx, tenant, id).await?;
        let leads = store::leads::by_status(&mut tx, tenant, id).await?;
        let figures = Figures::of_all(&mut tx, tenant, id).await?;
        let up = store::reports::up(&mut tx, tenant, id).await?;
        let held_back = store::leads::held_back(&mut tx, tenant, id).await?;
        Ok(CampaignStats { campaign, leads, figures, up, held_back })
    }
}

pub(super) async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Campaign> {
    store::campaigns::find(tx, tenant, id).await?.ok_or(Error::NotFound("campaign"))
}

/// Puts what was given into a campaign and checks the whole of it.
async fn write(
    tx: &mut Tx,
    who: &Principal,
    campaign: &mut Campaign,
    fill: CampaignFill,
    mut fields: Fields,
) -> Result<()> {
    let tenant = who.tenant;
    let name = fill.name.unwrap_or_else(|| campaign.name.clone());
    campaign.name = fields.require_text("name", Some(&name), 1, LONGEST_NAME).unwrap_or_default();
    if let Some(description) = fill.description {
        campaign.description = paragraph("description", description.as_deref(), &mut fields);
    }
    let known = campaign.script_id;
    match fill.script_id.or_else(|| Some(known).filter(|id| *id > 0)) {
        None => fields.add("script_id", Rule::Required),
        Some(id) if id != known => {
            let script = store::scripts::find(tx, tenant, id).await?;
            let is_active = script.is_some_and(|script| script.status == ScriptStatus::Active);
            let rule = Text::new("The script must exist and be active.", "Kịch bản phải tồn tại và đang hoạt động.");
            fields.check("script_id", is_active, rule);
            campaign.script_id = id;
        }
        Some(_) => {}
    }
    if let Some(group) = fill.caller_id_group_id {
        if let Some(id) = group {
            let found = store::house::caller_id_group(tx, tenant, id).await?;
            fields.check("caller_id_group_id", found.is_some_and(|(status, _)| status == "active"), Rule::Selected);
        }
        campaign.caller_id_group_id = group;
    }
    let mut number = |field: &str, given: Option<i64>, kept: &mut i64, min: i64, max: i64| {
        if given.is_some() {
            *kept = fields.number(field, given, min, max).unwrap_or(*kept);
        }
    };
    number("max_retries", fill.max_retries, &mut campaign.max_retries, 0, 10);
    number("retry_interval_minutes", fill.retry_interval_minutes, &mut campaign.retry_interval_minutes, 1, 43_200);
    number("max_concurrent", fill.max_concurrent, &mut campaign.max_concurrent, 1, 200);
    number("originate_timeout", fill.originate_timeout, &mut campaign.originate_timeout, 10, 180);
    if let Some(when) = fill.retry_only_when {
        let when = RetryWhen::parse(&when);
        fields.check("retry_only_when", when.is_some(), Rule::Selected);
        campaign.retry_only_when = when.unwrap_or(campaign.retry_only_when);
    }
    if let Some(purpose) = fill.call_purpose {
        let purpose = CallPurpose::parse(&purpose);
        fields.check("call_purpose", purpose.is_some(), Rule::Selected);
        campaign.call_purpose = purpose.unwrap_or(campaign.call_purpose);
    }
    campaign.write_to_main_cdr = fill.write_to_main_cdr.unwrap_or(campaign.write_to_main_cdr);
    campaign.record_calls = fill.record_calls.unwrap_or(campaign.record_calls);
    campaign.tts_fallback = fill.tts_fallback.unwrap_or(campaign.tts_fallback);
    campaign.amd_enabled = fill.amd_enabled.unwrap_or(campaign.amd_enabled);
    if let Some(enforce) = fill.pdpl_enforce {
        if !enforce && campaign.pdpl_enforce && !is_admin(who) {
            return Err(Error::RoleTooLow);
        }
        campaign.pdpl_enforce = enforce;
    }
    // The contract's times are UTC unless they say otherwise.
    let mut moment = |field: &str, given: Option<Option<String>>, kept: &mut Option<Timestamp>| match given {
        None => {}
        Some(text) => match text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            None => *kept = None,
            Some(text) => {
                let at = time::moment(text, &TimeZone::UTC);
                fields.check(field, at.is_some(), Rule::Format);
                *kept = at;
            }
        },
    };
    moment("start_at", fill.start_at, &mut campaign.start_at);
    moment("end_at", fill.end_at, &mut campaign.end_at);
    let in_order = campaign.end_at.is_none_or(|end| campaign.start_at.is_none_or(|start| end > start));
    fields.check(
        "end_at",
        in_order,
        Text::new("The end must be after the start.", "Thời điểm kết thúc phải sau khi bắt đầu."),
    );
    refuse(fields)
}

async fn note(tx: &mut Tx, who: &Principal, action: &'static str, campaign: &Campaign) -> Result<()> {
    let detail = json!({
        "name": campaign.name, "script_id": campaign.script_id, "call_purpose": campaign.call_purpose.as_str(),
        "pdpl_enforce": campaign.pdpl_enforce,
    });
    audit(tx, who, action, &format!("autocall_campaign:{}", campaign.id), detail).await?;
    Ok(())
}
