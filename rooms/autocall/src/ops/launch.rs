//! The life of a campaign: draft → running ⇄ paused → finished → archived.

use ::store::{Tx, audit};
use domain::{EventName, Principal, TenantId};
use serde_json::json;
use web::{Fields, Text};

use super::{campaigns::find, may_write, refuse, reports::figures::Figures, spoken, voices};
use crate::{
    Autocall, Error, Result, events,
    model::{Campaign, CampaignStatus, LeadStatus, ScriptStatus},
    store,
};

/// What a client may tell a campaign to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Start,
    Pause,
    Resume,
    Archive,
    Unarchive,
}

impl Step {
    /// Returns the state after the step and the event that tells of it; `None` if the step does not lead from there.
    const fn from(self, campaign: &Campaign) -> Option<(CampaignStatus, Option<EventName>)> {
        use CampaignStatus::{Archived, Draft, Finished, Paused, Running};
        match (self, campaign.status) {
            (Self::Start, Draft) => Some((Running, Some(EventName::AutocallStarted))),
            (Self::Pause, Running) => Some((Paused, Some(EventName::AutocallPaused))),
            (Self::Resume, Paused) => Some((Running, Some(EventName::AutocallResumed))),
            (Self::Archive, Draft | Paused | Finished) => Some((Archived, None)),
            (Self::Unarchive, Archived) => match campaign.archived_from {
                Some(before) => Some((before, None)),
                None => Some((Finished, None)),
            },
            _ => None,
        }
    }

    /// Returns the state that the step is to lead to, for the refusal.
    const fn wanted(self) -> &'static str {
        match self {
            Self::Start | Self::Resume => "running",
            Self::Pause => "paused",
            Self::Archive => "archived",
            Self::Unarchive => "unarchived",
        }
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Start => "autocall.campaign.start",
            Self::Pause => "autocall.campaign.pause",
            Self::Resume => "autocall.campaign.resume",
            Self::Archive => "autocall.campaign.archive",
            Self::Unarchive => "autocall.campaign.unarchive",
        }
    }
}

impl Autocall {
    /// Takes a campaign a step further.
    ///
    /// # Errors
    /// `State` if the step does not lead from the campaign's state; `Invalid` names all that a launch lacks.
    pub(crate) async fn step(&self, who: &Principal, id: i64, step: Step) -> Result<Campaign> {
        let tenant = may_write(who)?;
        let mut tx = self.db.begin(tenant).await?;
        let mut campaign = find(&mut tx, tenant, id).await?;
        let from = campaign.status;
        let Some((to, event)) = step.from(&campaign) else {
            return Err(Error::State { what: "campaign", from: from.as_str(), to: step.wanted() });
        };
        if matches!(step, Step::Start | Step::Resume) {
            refuse(lacks(&mut tx, tenant, &campaign, step == Step::Start).await?)?;
        }
        let now = tx.now();
        campaign.status = to;
        campaign.archived_from = (step == Step::Archive).then_some(from);
        campaign.updated_at = now;
        match step {
            Step::Start => campaign.started_at = Some(now),
            Step::Pause => campaign.paused_at = Some(now),
            Step::Resume | Step::Archive | Step::Unarchive => {}
        }
        if store::campaigns::set_status(&mut tx, tenant, &campaign, from).await? == 0 {
            return Err(Error::State { what: "campaign", from: "changing", to: step.wanted() });
        }
        let target = format!("autocall_campaign:{id}");
        audit(&mut tx, who, step.action(), &target, json!({ "from": from.as_str(), "to": to.as_str() })).await?;
        if let Some(name) = event {
            self.tell_campaign(&mut tx, tenant, &campaign, name, who.name()).await?;
        }
        tx.commit().await?;
        Ok(campaign)
    }

    /// Publishes what became of a campaign, with its figures so far.
    pub(crate) async fn tell_campaign(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        campaign: &Campaign,
        name: EventName,
        actor: &str,
    ) -> Result<()> {
        let figures = Figures::of_all(tx, tenant, campaign.id).await?;
        let data = json!({
            "campaign_id": campaign.id, "name": campaign.name, "status": campaign.status.as_str(),
            "totals": {
                "total_leads": store::leads::total(tx, tenant, campaign.id).await?, "dialed": figures.dialed,
                "answered": figures.answered, "no_answer": figures.no_answer, "busy": figures.busy,
                "failed": figures.failed, "abandoned": figures.abandoned,
            },
            "at": tx.now().rfc3339(), "actor": actor,
        });
        events::publish(&self.bus, tx, tenant, name, None, &data).await?;
        Ok(())
    }
}

/// Returns everything that a campaign lacks to be dialled.
async fn lacks(tx: &mut Tx, tenant: TenantId, campaign: &Campaign, first: bool) -> Result<Fields> {
    let mut fields = Fields::new();
    let leads = store::leads::by_status(tx, tenant, campaign.id).await?;
    let waiting = leads.iter().any(|(status, count)| *status == LeadStatus::Pending && *count > 0);
    fields.check("leads", waiting || !first, Text::new("There is no lead to call.", "Không có lead nào để gọi."));
    let scripts = store::scripts::all(tx, tenant).await?;
    let reached = spoken::reached(campaign.script_id, &scripts);
    let is_active = !reached.is_empty() && reached.iter().all(|script| script.status == ScriptStatus::Active);
    let rule = Text::new(
        "The script and all that its keys lead to must be active.",
        "Kịch bản và mọi kịch bản mà phím bấm chuyển tới phải đang hoạt động.",
    );
    fields.check("script_id", is_active, rule);
    let spoken = reached.iter().all(|script| voices::find(&script.voice_id).is_some());
    fields.check("voice_id", spoken, Text::new("Voice not available.", "Giọng đọc không khả dụng."));
    let (queues, sounds) = (store::house::queues(tx, tenant).await?, store::house::sound_paths(tx, tenant).await?);
    let actions: Vec<_> = reached.iter().flat_map(|script| script.actions()).collect();
    let queue_is_there = |name: &str| {
        let name = spoken::queue_name(name);
        queues.iter().any(|queue| queue.name == name && queue.status == "active")
    };
    let queues_are_there = actions.iter().filter_map(|action| action.target_queue_name.as_deref()).all(queue_is_there);
    let rule = Text::new(
        "A queue of the script is missing or inactive.",
        "Hàng đợi trong kịch bản không tồn tại hoặc đã tắt.",
    );
    fields.check("queue", queues_are_there, rule);
    let mut paths = actions.iter().filter_map(|action| action.target_audio_url.as_ref());
    let sounds_are_there = paths.all(|path| sounds.contains(path));
    let rule = Text::new("A media file of the script is missing.", "Tệp âm thanh trong kịch bản không tồn tại.");
    fields.check("media_file", sounds_are_there, rule);
    if let Some(id) = campaign.caller_id_group_id {
        let found = store::house::caller_id_group(tx, tenant, id).await?;
        let usable = found.is_some_and(|(status, numbers)| status == "active" && numbers > 0);
        let rule = Text::new(
            "The caller-ID group must be active and have an active number.",
            "Nhóm số gọi ra phải đang hoạt động và có ít nhất một số hoạt động.",
        );
        fields.check("caller_id_group_id", usable, rule);
    }
    let trunks = store::house::active_trunks(tx, tenant).await?;
    fields.check("trunk", trunks > 0, Text::new("There is no active trunk.", "Không có trunk nào đang hoạt động."));
    let now = tx.now();
    let rule = Text::new("The end of the campaign is over.", "Thời điểm kết thúc của chiến dịch đã qua.");
    fields.check("end_at", campaign.end_at.is_none_or(|end| end > now), rule);
    Ok(fields)
}
