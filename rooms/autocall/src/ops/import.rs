//! Leads come in: each checked for its number and for what the script says of it.

use std::collections::HashSet;

use ::store::{Tx, audit};
use domain::{EventName, Principal, TenantId, number::Region};
use serde_json::{Map, Value, json};
use speech::template::Refusal;
use web::{Fields, Rule, Text};

use super::{campaigns::find, may_write, refuse, spoken::Spoken};
use crate::{
    Autocall, Error, Result, events,
    model::CampaignStatus,
    store::{self, leads::NewLead},
};

/// Most leads of a request.
pub(crate) const MOST: usize = 5_000;
/// Leads that one transaction writes: some milliseconds for those who wait.
const AT_ONCE: usize = 500;
/// Longest number as it is written.
const LONGEST_PHONE: usize = 40;
/// Most values of a lead, and most bytes of all of them.
const MOST_VALUES: usize = 64;
const LONGEST_PAYLOAD: usize = 16 * 1024;

/// A lead as a client sends it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeadFill {
    pub(crate) phone: Option<String>,
    pub(crate) payload: Option<Value>,
    pub(crate) external_ref: Option<String>,
    /// The lead itself was no object.
    pub(crate) is_broken: bool,
}

/// What becomes of a number that the campaign has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnDuplicate {
    #[default]
    Skip,
    /// The values of a lead that waits are replaced.
    Update,
}

impl OnDuplicate {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "skip" => Some(Self::Skip),
            "update" => Some(Self::Update),
            _ => None,
        }
    }
}

/// What an import did, in leads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Imported {
    pub(crate) inserted: i64,
    pub(crate) updated: i64,
    pub(crate) skipped_duplicate: i64,
    /// Their numbers must not be called.
    pub(crate) dnc: i64,
    pub(crate) invalid: Vec<Invalid>,
}

/// A lead that was not taken.
#[derive(Clone, Debug)]
pub(crate) struct Invalid {
    /// Its place in the request, from 0.
    pub(crate) index: usize,
    pub(crate) phone: Option<String>,
    pub(crate) errors: Fields,
}

impl Autocall {
    /// Takes leads into a campaign that is not over.
    ///
    /// # Errors
    /// `Invalid` if there are none or too many; what is wrong with single leads is in the answer.
    pub(crate) async fn import(
        &self,
        who: &Principal,
        id: i64,
        leads: Option<Vec<LeadFill>>,
        on_duplicate: OnDuplicate,
        mut fields: Fields,
    ) -> Result<Imported> {
        let tenant = may_write(who)?;
        let mut tx = self.db.read(tenant).await?;
        let campaign = find(&mut tx, tenant, id).await?;
        let leads = fields.require("leads", leads).unwrap_or_default();
        let is_there = fields.names().any(|name| name == "leads");
        fields.check("leads", is_there || (1..=MOST).contains(&leads.len()), Rule::Entries(1, MOST));
        refuse(fields)?;
        if matches!(campaign.status, CampaignStatus::Finished | CampaignStatus::Archived) {
            return Err(Error::State { what: "campaign", from: campaign.status.as_str(), to: "given leads" });
        }
        let (region, _) = store::house::region_and_zone(&mut tx, tenant).await?;
        let spoken = Spoken::of(&mut tx, tenant, campaign.script_id).await?;
        let mut done = Imported::default();
        let checked = check(leads, Region::of(&region), &spoken, &mut done);
        let phones: Vec<&str> = checked.iter().map(|lead| lead.phone.as_str()).collect();
        let blocked: HashSet<String> = store::dnc::among(&mut tx, tenant, &phones).await?.into_iter().collect();
        drop(tx);
        let (blocked, wanted): (Vec<_>, Vec<_>) = checked.into_iter().partition(|lead| blocked.contains(&lead.phone));
        done.dnc = count(blocked.len());
        let mut parts = wanted.chunks(AT_ONCE).peekable();
        loop {
            let part = parts.next().unwrap_or_default();
            let mut tx = self.db.begin(tenant).await?;
            self.keep(&mut tx, tenant, id, part, on_duplicate, &mut done).await?;
            let is_last = parts.peek().is_none();
            if is_last {
                let detail = json!({
                    "inserted": done.inserted, "updated": done.updated, "skipped_duplicate": done.skipped_duplicate,
                    "dnc": done.dnc, "invalid": done.invalid.len(),
                });
                audit(&mut tx, who, "autocall.leads.import", &format!("autocall_campaign:{id}"), detail).await?;
            }
            tx.commit().await?;
            if is_last {
                return Ok(done);
            }
        }
    }

    async fn keep(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        campaign: i64,
        leads: &[NewLead],
        on_duplicate: OnDuplicate,
        done: &mut Imported,
    ) -> Result<()> {
        let new = store::leads::insert_new(tx, tenant, campaign, leads).await?;
        done.inserted += count(new.len());
        let known: HashSet<&str> = new.iter().map(|(_, phone, _)| phone.as_str()).collect();
        let others: Vec<NewLead> = leads.iter().filter(|lead| !known.contains(lead.phone.as_str())).cloned().collect();
        let updated = match on_duplicate {
            OnDuplicate::Update if !others.is_empty() => {
                let rows = store::leads::update_waiting(tx, tenant, campaign, &others).await?;
                i64::try_from(rows).unwrap_or(i64::MAX)
            }
            _ => 0,
        };
        done.updated += updated;
        done.skipped_duplicate += count(others.len()) - updated;
        let at = tx.now();
        let events = new.iter().flat_map(|(id, phone, external_ref)| {
            let data = json!({
                "lead_id": id, "campaign_id": campaign, "phone": phone, "external_ref": external_ref,
            });
            events::occurrence(tenant, EventName::AutocallLeadAdded, None, at, &data)
        });
        self.bus.publish_all(tx, events.collect()).await?;
        Ok(())
    }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// Returns the leads that may be kept, each number once; the others are counted and named in `done`.
fn check(leads: Vec<LeadFill>, region: Region, spoken: &Spoken, done: &mut Imported) -> Vec<NewLead> {
    let mut seen = HashSet::new();
    let mut checked = Vec::with_capacity(leads.len());
    for (index, lead) in leads.into_iter().enumerate() {
        let original = lead.phone.clone();
        let mut errors = Fields::new();
        match one(lead, region, spoken, &mut errors).filter(|_| errors.is_empty()) {
            None => done.invalid.push(Invalid { index, phone: original, errors }),
            Some(lead) if !seen.insert(lead.phone.clone()) => done.skipped_duplicate += 1,
            Some(lead) => checked.push(lead),
        }
    }
    checked
}

fn one(lead: LeadFill, region: Region, spoken: &Spoken, errors: &mut Fields) -> Option<NewLead> {
    if lead.is_broken {
        errors.add("lead", Rule::Type("object"));
        return None;
    }
    let original = errors.require_text("phone", lead.phone.as_deref(), 1, LONGEST_PHONE);
    let phone = original.as_deref().and_then(|phone| region.e164(phone));
    errors.check("phone", original.is_none() || phone.is_some(), Rule::Format);
    let external_ref = lead.external_ref.as_deref();
    let external_ref = errors.text("external_ref", external_ref, 0, 255).filter(|text| !text.is_empty());
    let payload = match lead.payload {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(payload)) => payload,
        // PHP writes an empty object as an empty list.
        Some(Value::Array(list)) if list.is_empty() => Map::new(),
        Some(_) => {
            errors.add("payload", Rule::Type("object"));
            return None;
        }
    };
    errors.check("payload", payload.len() <= MOST_VALUES, Rule::Entries(0, MOST_VALUES));
    for refusal in spoken.check(&payload) {
        let field = format!("payload.{}", refusal.code());
        match refusal {
            Refusal::Missing { .. } => errors.add(field, Rule::Required),
            Refusal::Unreadable { why, .. } => {
                let said = Text::of(format!("The value {why}."), format!("Giá trị không hợp lệ: {why}."));
                errors.add(field, said);
            }
        }
    }
    let payload = Value::Object(payload).to_string();
    errors.check("payload", payload.len() <= LONGEST_PAYLOAD, Rule::Length(0, LONGEST_PAYLOAD));
    Some(NewLead { phone: phone?, phone_original: original?, external_ref, payload })
}
