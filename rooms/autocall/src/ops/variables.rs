//! Variables: what stands in two braces, and how it is read aloud.

use ::store::audit;
use domain::Principal;
use serde_json::json;
use speech::template::{MOST_CODE, Template};
use web::{Fields, Listing, Page, Rule, Text};

use super::{full, may_read, may_write, refuse, taken};
use crate::{
    Autocall, Error, Result,
    model::{Variable, VariableType},
    store,
};

/// Most variables of an account.
const MOST: i64 = 1_000;

/// What a client may write of a variable. Absent fields keep what they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct VariableFill {
    pub(crate) variable_code: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) kind: Option<String>,
}

impl Autocall {
    pub(crate) async fn variables(&self, who: &Principal, text: Option<&str>, page: Page) -> Result<Listing<Variable>> {
        let tenant = may_read(who)?;
        let mut tx = self.db.read(tenant).await?;
        let total = store::variables::count(&mut tx, tenant, text).await?;
        let rows = store::variables::page(&mut tx, tenant, text, page.limit(), page.offset()).await?;
        Ok(Listing::new(page, rows, total))
    }

    pub(crate) async fn variable(&self, who: &Principal, id: i64) -> Result<Variable> {
        let tenant = may_read(who)?;
        let mut tx = self.db.read(tenant).await?;
        store::variables::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound("variable"))
    }

    /// # Errors
    /// `Taken` if there is a variable of that code.
    pub(crate) async fn add_variable(
        &self,
        who: &Principal,
        fill: VariableFill,
        mut fields: Fields,
    ) -> Result<Variable> {
        let tenant = may_write(who)?;
        let mut tx = self.db.begin(tenant).await?;
        let count = store::variables::count(&mut tx, tenant, None).await?;
        fields.check("variable_code", count < MOST, full(MOST));
        let (code, label, kind) = check(&fill, &mut fields);
        refuse(fields)?;
        let id = store::variables::insert(&mut tx, tenant, &code, &label, kind).await.map_err(taken("variable"))?;
        let target = format!("autocall_variable:{id}");
        audit(&mut tx, who, "autocall.variable.create", &target, json!({ "variable_code": code })).await?;
        let variable = store::variables::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound("variable"))?;
        tx.commit().await?;
        Ok(variable)
    }

    pub(crate) async fn change_variable(
        &self,
        who: &Principal,
        id: i64,
        fill: VariableFill,
        mut fields: Fields,
    ) -> Result<Variable> {
        let tenant = may_write(who)?;
        let mut tx = self.db.begin(tenant).await?;
        let known = store::variables::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound("variable"))?;
        let whole = VariableFill {
            variable_code: fill.variable_code.or_else(|| Some(known.variable_code.clone())),
            label: fill.label.or(Some(known.label)),
            kind: fill.kind.or_else(|| Some(known.r#type.as_str().to_owned())),
        };
        let (code, label, kind) = check(&whole, &mut fields);
        refuse(fields)?;
        if code != known.variable_code && is_named(&mut tx, tenant, &known.variable_code).await? {
            return Err(Error::InUse { what: "variable", by: "a script" });
        }
        store::variables::update(&mut tx, tenant, id, &code, &label, kind).await.map_err(taken("variable"))?;
        let target = format!("autocall_variable:{id}");
        audit(&mut tx, who, "autocall.variable.update", &target, json!({ "variable_code": code })).await?;
        let variable = store::variables::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound("variable"))?;
        tx.commit().await?;
        Ok(variable)
    }

    /// Deletes a variable that no script names.
    pub(crate) async fn delete_variable(&self, who: &Principal, id: i64) -> Result<()> {
        let tenant = may_write(who)?;
        let mut tx = self.db.begin(tenant).await?;
        let known = store::variables::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound("variable"))?;
        if is_named(&mut tx, tenant, &known.variable_code).await? {
            return Err(Error::InUse { what: "variable", by: "a script" });
        }
        store::variables::delete(&mut tx, tenant, id).await?;
        let target = format!("autocall_variable:{id}");
        let detail = json!({ "variable_code": known.variable_code });
        audit(&mut tx, who, "autocall.variable.delete", &target, detail).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Returns whether a script names the variable.
async fn is_named(tx: &mut ::store::Tx, tenant: domain::TenantId, code: &str) -> Result<bool> {
    let scripts = store::scripts::all(tx, tenant).await?;
    Ok(scripts.iter().any(|script| {
        Template::parse(&script.template_text).is_ok_and(|template| template.variables().contains(&code))
    }))
}

fn check(fill: &VariableFill, fields: &mut Fields) -> (String, String, VariableType) {
    let code = fields.require_text("variable_code", fill.variable_code.as_deref(), 1, MOST_CODE).unwrap_or_default();
    let starts = code.starts_with(|c: char| c.is_ascii_lowercase());
    let plain = code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let rule = Text::new(
        "Small letters, digits and _ after a letter, for example customer_name.",
        "Chữ thường không dấu, chữ số và _, bắt đầu bằng chữ, ví dụ customer_name.",
    );
    fields.check("variable_code", code.is_empty() || (starts && plain), rule);
    let label = fields.text("label", fill.label.as_deref(), 0, 255).filter(|label| !label.is_empty());
    let kind = fill.kind.as_deref().map_or(Some(VariableType::Text), VariableType::parse);
    fields.check("type", kind.is_some(), Rule::Selected);
    (code.clone(), label.unwrap_or(code), kind.unwrap_or(VariableType::Text))
}
