//! What an extension wants done with its calls.

use domain::{Principal, TenantId, number};
use serde_json::json;
use web::{Fields, Rule};

use super::{Desk, Done, may_manage, may_read, refuse};
use crate::{
    changes::Changed,
    error::{Error, Result},
    model::{Forwarding, forwarding::TO_VOICEMAIL},
    store as rows,
};

/// Seconds that phones may ring.
const RING: std::ops::RangeInclusive<i64> = 5..=300;

pub async fn show(desk: &Desk, who: &Principal, extension: &str) -> Result<Forwarding> {
    let tenant = may_read(who)?;
    let mut tx = desk.db.read(tenant).await?;
    rows::forwarding::find(&mut tx, tenant, extension).await?.ok_or(Error::NotFound("extension"))
}

/// Puts what the extension wants in the place of what it wanted.
pub async fn put(
    desk: &Desk,
    who: &Principal,
    extension: &str,
    mut wish: Forwarding,
    mut fields: Fields,
) -> Result<Forwarding> {
    let tenant = may_manage(who)?;
    let mut tx = desk.write(who).await?;
    let known = rows::extensions::find(&mut tx, tenant, extension).await?.ok_or(Error::NotFound("extension"))?;
    for (field, target) in [
        ("forward_always", &mut wish.always),
        ("forward_busy", &mut wish.busy),
        ("forward_no_answer", &mut wish.no_answer),
        ("forward_offline", &mut wish.offline),
    ] {
        *target = target.take().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let Some(to) = target.as_deref() else { continue };
        let itself = to == extension;
        let mailbox = to == TO_VOICEMAIL;
        fields.check(field, mailbox || number::is_dialable(to), Rule::Format);
        fields.check(field, !itself && (!mailbox || known.voicemail_enabled), Rule::Selected);
    }
    fields.number("ring_seconds", wish.ring_seconds, *RING.start(), *RING.end());
    refuse(fields)?;
    rows::forwarding::update(&mut tx, tenant, extension, &wish).await?;
    desk.commit(tx, who, done(tenant, extension, &wish)).await?;
    Ok(wish)
}

fn done<'a>(tenant: TenantId, extension: &str, wish: &Forwarding) -> Done<'a> {
    Done {
        action: "extension.forwarding",
        target: format!("extension:{extension}").into(),
        detail: json!({
            "always": wish.always,
            "busy": wish.busy,
            "no_answer": wish.no_answer,
            "offline": wish.offline,
            "do_not_disturb": wish.do_not_disturb,
            "ring_seconds": wish.ring_seconds,
        }),
        changed: Changed::Wish(tenant, extension.to_owned()),
    }
}
