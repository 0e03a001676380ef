//! Numbers that nobody of the account may call: one list for all campaigns.

use ::store::audit;
use domain::{Principal, number::Region};
use serde_json::json;
use web::{Fields, Listing, Page, Rule};

use super::{digits_of, may_read, may_write, refuse, taken};
use crate::{Autocall, Error, Result, model::Blocked, store};

impl Autocall {
    /// Lists blocked numbers; `phone` is a number or a part of one in any writing.
    pub(crate) async fn blacklist(&self, who: &Principal, phone: Option<&str>, page: Page) -> Result<Listing<Blocked>> {
        let tenant = may_read(who)?;
        let mut tx = self.db.read(tenant).await?;
        let digits = match phone {
            None => None,
            Some(phone) => {
                let (region, _) = store::house::region_and_zone(&mut tx, tenant).await?;
                let Some(digits) = digits_of(phone, Region::of(&region)) else {
                    return Ok(Listing::new(page, Vec::new(), 0));
                };
                Some(digits)
            }
        };
        let total = store::dnc::count(&mut tx, tenant, digits.as_deref()).await?;
        let rows = store::dnc::page(&mut tx, tenant, digits.as_deref(), page.limit(), page.offset()).await?;
        Ok(Listing::new(page, rows, total))
    }

    /// Blocks a number from the moment this returns.
    ///
    /// # Errors
    /// `Taken` if it is blocked already.
    pub(crate) async fn block(
        &self,
        who: &Principal,
        phone: Option<&str>,
        reason: Option<&str>,
        mut fields: Fields,
    ) -> Result<Blocked> {
        let tenant = may_write(who)?;
        let mut tx = self.db.begin(tenant).await?;
        let (region, _) = store::house::region_and_zone(&mut tx, tenant).await?;
        let original = fields.require_text("phone", phone, 1, 40);
        let e164 = original.as_deref().and_then(|phone| Region::of(&region).e164(phone));
        fields.check("phone", original.is_none() || e164.is_some(), Rule::Format);
        let reason = fields.text("reason", reason, 0, 500).filter(|reason| !reason.is_empty());
        refuse(fields)?;
        let (e164, original) = (e164.unwrap_or_default(), original.unwrap_or_default());
        let id = store::dnc::insert(&mut tx, tenant, &e164, &original, reason.as_deref(), who.name())
            .await
            .map_err(taken("number"))?;
        audit(&mut tx, who, "dnc.create", &format!("dnc:{id}"), json!({ "source": "manual" })).await?;
        let blocked = store::dnc::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound("number"))?;
        tx.commit().await?;
        Ok(blocked)
    }

    pub(crate) async fn unblock(&self, who: &Principal, id: i64) -> Result<()> {
        let tenant = may_write(who)?;
        let mut tx = self.db.begin(tenant).await?;
        if store::dnc::delete(&mut tx, tenant, id).await? == 0 {
            return Err(Error::NotFound("number"));
        }
        audit(&mut tx, who, "dnc.delete", &format!("dnc:{id}"), json!({})).await?;
        tx.commit().await?;
        Ok(())
    }
}
