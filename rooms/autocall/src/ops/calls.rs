//! The ledger of attempts, as it is shown.

use domain::{CallId, Principal, number::Region};
use jiff::tz::TimeZone;
use web::{Fields, Listing, Page, Rule};

use super::{digits_of, may_read, refuse, time};
use crate::{
    Autocall, Error, Result,
    model::{Attempt, AttemptResult},
    store::{self, attempts::Filter},
};

/// Which attempts a client asks for, as it wrote it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) campaign: Option<i64>,
    pub(crate) lead: Option<i64>,
    pub(crate) phone: Option<String>,
    pub(crate) result: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

impl Autocall {
    /// Lists attempts, the newest first.
    pub(crate) async fn attempts(&self, who: &Principal, asked: Asked, page: Page) -> Result<Listing<Attempt>> {
        let tenant = may_read(who)?;
        let mut tx = self.db.read(tenant).await?;
        let (region, zone) = store::house::region_and_zone(&mut tx, tenant).await?;
        let zone = TimeZone::get(&zone).unwrap_or(TimeZone::UTC);
        let mut fields = Fields::new();
        let result = asked.result.as_deref().map(AttemptResult::parse);
        fields.check("result", result != Some(None), Rule::Selected);
        let from = asked.from.as_deref().map(|text| time::from(text, &zone));
        fields.check("from", from != Some(None), Rule::Format);
        let to = asked.to.as_deref().map(|text| time::to(text, &zone));
        fields.check("to", to != Some(None), Rule::Format);
        refuse(fields)?;
        let digits = asked.phone.as_deref().map(|phone| digits_of(phone, Region::of(&region)));
        if digits == Some(None) {
            return Ok(Listing::new(page, Vec::new(), 0));
        }
        let filter = Filter {
            campaign: asked.campaign,
            lead: asked.lead,
            digits: digits.flatten(),
            result: result.flatten(),
            from: from.flatten(),
            to: to.flatten(),
        };
        let total = store::attempts::count(&mut tx, tenant, &filter).await?;
        let rows = store::attempts::page(&mut tx, tenant, &filter, page.limit(), page.offset()).await?;
        Ok(Listing::new(page, rows, total))
    }

    pub(crate) async fn attempt(&self, who: &Principal, call: CallId) -> Result<Attempt> {
        let tenant = may_read(who)?;
        let mut tx = self.db.read(tenant).await?;
        store::attempts::find(&mut tx, tenant, call).await?.ok_or(Error::NotFound("call"))
    }
}
