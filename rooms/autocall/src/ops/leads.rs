//! The leads of a campaign.

use ::store::audit;
use domain::{Principal, number::Region};
use serde_json::json;
use web::{Listing, Page};

use super::{campaigns, digits_of, may_read, may_write};
use crate::{
    Autocall, Error, Result,
    model::{Attempt, Lead, Refused},
    store::{self, leads::Filter},
};

/// A lead with all that was done for it.
#[derive(Clone, Debug)]
pub(crate) struct LeadDetail {
    pub(crate) lead: Lead,
    pub(crate) attempts: Vec<Attempt>,
    /// Why it was not dialled, the latest first.
    pub(crate) refusals: Vec<Refused>,
}

impl Autocall {
    /// Lists a campaign's leads; `phone` is a number or a part of one in any writing.
    pub(crate) async fn leads(
        &self,
        who: &Principal,
        campaign: i64,
        phone: Option<&str>,
        mut filter: Filter,
        page: Page,
    ) -> Result<Listing<Lead>> {
        let tenant = may_read(who)?;
        let mut tx = self.db.read(tenant).await?;
        campaigns::find(&mut tx, tenant, campaign).await?;
        if let Some(phone) = phone {
            let (region, _) = store::house::region_and_zone(&mut tx, tenant).await?;
            let Some(digits) = digits_of(phone, Region::of(&region)) else {
                return Ok(Listing::new(page, Vec::new(), 0));
            };
            filter.digits = Some(digits);
        }
        let total = store::leads::count(&mut tx, tenant, campaign, &filter).await?;
        let rows = store::leads::page(&mut tx, tenant, campaign, &filter, page.limit(), page.offset()).await?;
        Ok(Listing::new(page, rows, total))
    }

    pub(crate) async fn lead(&self, who: &Principal, id: i64) -> Result<LeadDetail> {
        let tenant = may_read(who)?;
        let mut tx = self.db.read(tenant).await?;
        let lead = store::leads::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound("lead"))?;
        let attempts = store::attempts::of_lead(&mut tx, tenant, id).await?;
        let refusals = store::leads::refusals(&mut tx, tenant, id).await?;
        Ok(LeadDetail { lead, attempts, refusals })
    }

    /// Deletes a lead that no call is under way to. What was dialled stays in the ledger.
    pub(crate) async fn delete_lead(&self, who: &Principal, id: i64) -> Result<()> {
        let tenant = may_write(who)?;
        let mut tx = self.db.begin(tenant).await?;
        let lead = store::leads::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound("lead"))?;
        if store::leads::delete(&mut tx, tenant, id).await? == 0 {
            return Err(Error::State { what: "lead", from: lead.status.as_str(), to: "deleted" });
        }
        store::leads::delete_refusals(&mut tx, tenant, id).await?;
        let detail = json!({ "campaign_id": lead.campaign_id });
        audit(&mut tx, who, "autocall.lead.delete", &format!("autocall_lead:{id}"), detail).await?;
        tx.commit().await?;
        Ok(())
    }
}
