//! Which trunks sign in at their carrier, and how.

use domain::{Principal, ids::TrunkId};
use serde_json::json;
use web::{Fields, Rule, Text};

use super::{Desk, Done, may_manage, may_read, refuse};
use crate::{
    changes::Changed,
    driver::trunk_registrations::place,
    error::{Error, Result},
    model::TrunkRegistration,
    store as rows,
};

/// Most registrars of a trunk.
const MOST_REGISTRARS: usize = 8;
/// The bounds on how long a registration is asked for, in seconds.
const EXPIRES: (i64, i64) = (60, 86_400);
/// What is asked for unless it is said.
pub const EXPIRES_DEFAULT: i64 = 3_600;

/// How a trunk is to register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRegistration {
    /// `host` or `host:port`, tried in this order; the trunk's own host if empty.
    pub registrars: Vec<String>,
    /// Seconds; an hour if absent.
    pub expires: Option<i64>,
}

/// Returns how a trunk registers; `None` if it does not.
pub async fn show(desk: &Desk, who: &Principal, trunk: TrunkId) -> Result<Option<TrunkRegistration>> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    rows::trunks::find(&mut tx, tenant, trunk).await?.ok_or(Error::NotFound("trunk"))?;
    Ok(rows::trunk_registrations::find(&mut tx, tenant, trunk).await?)
}

/// Lets a trunk with a login register at its carrier, or no more.
pub async fn set(desk: &Desk, who: &Principal, id: TrunkId, new: Option<NewRegistration>) -> Result<()> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let trunk = rows::trunks::find(&mut tx, tenant, id).await?.ok_or(Error::NotFound("trunk"))?;
    let detail = match new {
        None => {
            rows::trunk_registrations::delete(&mut tx, tenant, id).await?;
            json!({ "name": trunk.name, "registers": false })
        }
        Some(new) => {
            let mut fields = Fields::new();
            let text = Text::new(
                "A trunk without a login cannot register.",
                "Trung kế không có đăng nhập thì không thể đăng ký.",
            );
            fields.check("username", trunk.username.is_some() && trunk.sealed_password.is_some(), text);
            let text = Text::new("There are too many registrars.", "Có quá nhiều máy chủ đăng ký.");
            fields.check("registrars", new.registrars.len() <= MOST_REGISTRARS, text);
            fields.check("registrars", new.registrars.iter().all(|text| place(text).is_some()), Rule::Format);
            let expires = fields.number("expires", new.expires, EXPIRES.0, EXPIRES.1);
            refuse(fields)?;
            let (registrars, expires) = (new.registrars, expires.unwrap_or(EXPIRES_DEFAULT));
            let registration = TrunkRegistration { tenant, trunk: id, registrars, expires };
            rows::trunk_registrations::put(&mut tx, tenant, &registration).await?;
            json!({
                "name": trunk.name,
                "registers": true,
                "registrars": registration.registrars,
                "expires": registration.expires,
            })
        }
    };
    let done = Done {
        action: "trunk.registration",
        target: format!("trunk:{id}").into(),
        detail,
        changed: Changed::Trunks(tenant),
    };
    desk.commit(tx, who, done).await
}
