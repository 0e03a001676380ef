//! The seven reports of a campaign, all from its ledger.

pub(crate) mod figures;

use std::collections::BTreeMap;

use ::store::Tx;
use domain::{Principal, TenantId, Timestamp};
use figures::Figures;
use jiff::{Zoned, tz::TimeZone};
use web::{Fields, Rule, Text};

use super::{campaigns::find, may_read, refuse, time};
use crate::{
    Autocall, Result,
    model::{AttemptResult, Campaign},
    store::{
        self,
        reports::{QuarterSum, Reached, Span},
    },
};

/// The zone of reports unless the client names another.
pub(crate) const ZONE: &str = "Asia/Ho_Chi_Minh";
/// Most rows of a trend.
const MOST_BUCKETS: usize = 5_000;
/// Most campaigns that one is compared with.
const MOST_COMPARED: usize = 10;

/// Of which time a report is, as the client wrote it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) timezone: Option<String>,
}

/// Of which time a report is.
#[derive(Clone, Debug)]
pub(crate) struct Time {
    pub(crate) span: Span,
    pub(crate) zone: TimeZone,
}

/// The figures of a campaign.
#[derive(Clone, Debug)]
pub(crate) struct Kpis {
    pub(crate) total_leads: i64,
    pub(crate) figures: Figures,
    /// First keys of answered attempts; an empty text for those without any.
    pub(crate) keys: Vec<(String, i64)>,
    pub(crate) computed_at: Timestamp,
}

/// How long a row of a trend is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Granularity {
    #[default]
    Day,
    Hour,
}

/// A row of a trend.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    /// `2026-02-03`, or `2026-02-03T13:00:00+07:00`.
    pub(crate) name: String,
    pub(crate) figures: Figures,
}

/// A time beside the same time before, and beside other campaigns.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) current: (Span, Figures),
    pub(crate) previous: (Span, Figures),
    pub(crate) campaigns: Vec<(Campaign, Figures)>,
}

/// Attempts that ended for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) hangup_cause: Option<String>,
    pub(crate) result: AttemptResult,
    pub(crate) count: i64,
}

/// What a key was pressed for.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// `None`: none was pressed.
    pub(crate) digit: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) action_type: Option<String>,
    pub(crate) count: i64,
}

/// An hour of the week: 1 is Monday, hours from 0.
pub(crate) type Hour = (i8, i8);

/// How far leads came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Funnel {
    pub(crate) total_leads: i64,
    pub(crate) reached: Reached,
}

/// A report that is being made: where, of what, of which time.
struct Report {
    tx: Tx,
    tenant: TenantId,
    campaign: Campaign,
    time: Time,
}

impl Autocall {
    async fn report(&self, who: &Principal, id: i64, asked: &Asked) -> Result<Report> {
        let tenant = may_read(who)?;
        let mut tx = self.db.read(tenant).await?;
        let campaign = find(&mut tx, tenant, id).await?;
        let time = time_of(&campaign, asked, tx.now())?;
        Ok(Report { tx, tenant, campaign, time })
    }

    pub(crate) async fn kpis(&self, who: &Principal, id: i64, asked: &Asked) -> Result<Kpis> {
        self.report(who, id, asked).await?.kpis().await
    }

    pub(crate) async fn trend(
        &self,
        who: &Principal,
        id: i64,
        asked: &Asked,
        granularity: Granularity,
    ) -> Result<Vec<Bucket>> {
        self.report(who, id, asked).await?.trend(granularity).await
    }

    /// Compares with the same length of time before, and with other campaigns of the account in the same time.
    pub(crate) async fn comparison(
        &self,
        who: &Principal,
        id: i64,
        asked: &Asked,
        others: &[i64],
    ) -> Result<Comparison> {
        self.report(who, id, asked).await?.comparison(others).await
    }

    pub(crate) async fn causes(&self, who: &Principal, id: i64, asked: &Asked) -> Result<Vec<Cause>> {
        self.report(who, id, asked).await?.causes().await
    }

    pub(crate) async fn heatmap(&self, who: &Principal, id: i64, asked: &Asked) -> Result<BTreeMap<Hour, Figures>> {
        self.report(who, id, asked).await?.heatmap().await
    }

    pub(crate) async fn keys(&self, who: &Principal, id: i64, asked: &Asked) -> Result<Vec<Key>> {
        self.report(who, id, asked).await?.keys().await
    }

    pub(crate) async fn funnel(&self, who: &Principal, id: i64, asked: &Asked) -> Result<Funnel> {
        self.report(who, id, asked).await?.funnel().await
    }
}

impl Report {
    async fn kpis(&mut self) -> Result<Kpis> {
        let id = self.campaign.id;
        Ok(Kpis {
            total_leads: store::leads::total(&mut self.tx, self.tenant, id).await?,
            figures: Figures::of(&mut self.tx, self.tenant, id, self.time.span).await?,
            keys: store::reports::by_first_key(&mut self.tx, self.tenant, id, self.time.span).await?,
            computed_at: self.tx.now(),
        })
    }

    async fn quarters(&mut self) -> Result<Vec<QuarterSum>> {
        Ok(store::reports::by_quarter(&mut self.tx, self.tenant, self.campaign.id, self.time.span).await?)
    }

    async fn trend(&mut self, granularity: Granularity) -> Result<Vec<Bucket>> {
        let mut buckets: Vec<Bucket> = Vec::new();
        for quarter in self.quarters().await? {
            let name = bucket(&local(quarter.quarter, &self.time.zone), granularity);
            if buckets.last().is_none_or(|last| last.name != name) {
                if buckets.len() == MOST_BUCKETS {
                    break;
                }
                buckets.push(Bucket { name, figures: Figures::default() });
            }
            if let Some(last) = buckets.last_mut() {
                last.figures.merge(&figures_of(&quarter));
            }
        }
        Ok(buckets)
    }

    async fn comparison(&mut self, others: &[i64]) -> Result<Comparison> {
        let mut fields = Fields::new();
        fields.check("campaign_ids", others.len() <= MOST_COMPARED, Rule::Entries(0, MOST_COMPARED));
        let (from, to) = self.time.span;
        let length = to.millis().saturating_sub(from.millis());
        let before = (Timestamp::from_millis(from.millis().saturating_sub(length)), from);
        let (tx, id) = (&mut self.tx, self.campaign.id);
        let current = Figures::of(tx, self.tenant, id, (from, to)).await?;
        let previous = Figures::of(tx, self.tenant, id, before).await?;
        let mut campaigns = Vec::new();
        for other in others.iter().take(MOST_COMPARED) {
            match store::campaigns::find(tx, self.tenant, *other).await? {
                Some(campaign) => {
                    let figures = Figures::of(tx, self.tenant, *other, (from, to)).await?;
                    campaigns.push((campaign, figures));
                }
                None => fields.add("campaign_ids", Rule::Selected),
            }
        }
        refuse(fields)?;
        Ok(Comparison { current: ((from, to), current), previous: (before, previous), campaigns })
    }

    /// Returns the causes, the most frequent first.
    async fn causes(&mut self) -> Result<Vec<Cause>> {
        let rows = store::reports::by_cause(&mut self.tx, self.tenant, self.campaign.id, self.time.span).await?;
        let causes = rows.into_iter().map(|(hangup_cause, result, count)| Cause { hangup_cause, result, count });
        let mut causes: Vec<Cause> = causes.collect();
        causes.sort_by(|a, b| {
            b.count
                .cmp(&a.count)
                .then_with(|| (&a.hangup_cause, a.result.as_str()).cmp(&(&b.hangup_cause, b.result.as_str())))
        });
        Ok(causes)
    }

    async fn heatmap(&mut self) -> Result<BTreeMap<Hour, Figures>> {
        let mut hours: BTreeMap<Hour, Figures> = BTreeMap::new();
        for quarter in self.quarters().await? {
            let at = local(quarter.quarter, &self.time.zone);
            let hour = (at.weekday().to_monday_one_offset(), at.hour());
            hours.entry(hour).or_default().merge(&figures_of(&quarter));
        }
        Ok(hours)
    }

    /// Returns what was pressed first, with what the campaign's script has for it.
    async fn keys(&mut self) -> Result<Vec<Key>> {
        let pressed = store::reports::by_first_key(&mut self.tx, self.tenant, self.campaign.id, self.time.span).await?;
        let script = store::scripts::find(&mut self.tx, self.tenant, self.campaign.script_id).await?;
        let actions = script.map(|script| script.actions()).unwrap_or_default();
        let count_of = |digit: &str| pressed.iter().find(|(key, _)| key == digit).map_or(0, |(_, count)| *count);
        let mut keys: Vec<Key> = actions
            .iter()
            .map(|action| Key {
                digit: action.digit.clone(),
                label: action.label.clone(),
                action_type: action.action_type.clone(),
                count: count_of(action.digit.as_deref().unwrap_or_default()),
            })
            .collect();
        for (digit, count) in &pressed {
            let known = keys.iter().any(|key| key.digit.as_ref() == Some(digit));
            if !digit.is_empty() && !known {
                keys.push(Key { digit: Some(digit.clone()), label: None, action_type: None, count: *count });
            }
        }
        keys.push(Key { digit: None, label: None, action_type: None, count: count_of("") });
        Ok(keys)
    }

    async fn funnel(&mut self) -> Result<Funnel> {
        let id = self.campaign.id;
        Ok(Funnel {
            total_leads: store::leads::total(&mut self.tx, self.tenant, id).await?,
            reached: store::reports::reached(&mut self.tx, self.tenant, id, self.time.span).await?,
        })
    }
}

fn figures_of(quarter: &QuarterSum) -> Figures {
    let mut figures = Figures {
        transferred: quarter.transferred,
        transfer_answered: quarter.transfer_answered,
        ..Figures::default()
    };
    figures.add(quarter.result, quarter.count, quarter.talk);
    figures
}

/// Returns the clock of a zone at a quarter of an hour; no zone's clock differs from UTC by less.
fn local(quarter: i64, zone: &TimeZone) -> Zoned {
    let at = jiff::Timestamp::from_millisecond(quarter.saturating_mul(store::reports::QUARTER))
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.to_zoned(zone.clone())
}

fn bucket(at: &Zoned, granularity: Granularity) -> String {
    match granularity {
        Granularity::Day => at.date().to_string(),
        Granularity::Hour => at.strftime("%Y-%m-%dT%H:00:00%:z").to_string(),
    }
}

/// Returns of which time a report is: from the campaign's start until now unless the client says otherwise.
fn time_of(campaign: &Campaign, asked: &Asked, now: Timestamp) -> Result<Time> {
    let mut fields = Fields::new();
    let zone_name = asked.timezone.clone().unwrap_or_else(|| ZONE.to_owned());
    let zone = TimeZone::get(&zone_name).ok();
    fields.check("timezone", zone.is_some(), Rule::Selected);
    let zone = zone.unwrap_or(TimeZone::UTC);
    let from = asked.from.as_deref().map(|text| time::from(text, &zone));
    fields.check("from", from != Some(None), Rule::Format);
    let to = asked.to.as_deref().map(|text| time::to(text, &zone));
    fields.check("to", to != Some(None), Rule::Format);
    let from = from.flatten().unwrap_or_else(|| store::campaigns::begins(campaign));
    // What is dialled in this very millisecond belongs to it.
    let to = to.flatten().unwrap_or_else(|| Timestamp::from_millis(now.millis().saturating_add(1)));
    let rule = Text::new("The end must be after the start.", "Thời điểm kết thúc phải sau khi bắt đầu.");
    fields.check("to", asked.to.is_none() || to > from, rule);
    refuse(fields)?;
    Ok(Time { span: (from, to), zone })
}

#[cfg(test)]
mod tests;
