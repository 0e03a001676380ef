//! Mailboxes and their messages, as the console shows them.
//!
//! Whoever manages the exchange sees all mailboxes; an agent sees the own one.

use domain::{
    Permission, Principal, TenantId,
    principal::{Access, Actor, Role},
};
use serde_json::json;
use store::Tx;
use web::{Fields, Listing, Page, Rule};

use super::{
    Desk, Done,
    recordings::{Sound, open_file},
    refuse,
};
use crate::{
    Pbx,
    changes::Changed,
    driver::{apps::pin_mac, voicemail as driver},
    error::{Error, Result},
    model::{Mailbox, Message, MessageState, Waiting},
    store as rows,
};

/// A mailbox in the list.
#[derive(Clone, Debug)]
pub struct BoxView {
    pub extension: String,
    pub display_name: Option<String>,
    pub email: Option<String>,
    pub has_pin: bool,
    pub has_greeting: bool,
    pub waiting: Waiting,
}

/// The writable settings. Absent ones keep what they are.
#[derive(Clone, Debug, Default)]
pub struct Fill {
    /// 4-10 digits; `Some(None)` takes it away.
    pub pin: Option<Option<String>>,
    pub email: Option<Option<String>>,
    pub attach: Option<bool>,
    pub review: Option<bool>,
    /// Takes the recorded greeting away.
    pub drop_greeting: bool,
}

/// Returns the mailboxes that the caller may see, by extension.
pub async fn list(pbx: &Pbx, who: &Principal) -> Result<Vec<BoxView>> {
    who.may(Permission::PbxApiAccess, Access::Read)?;
    let tenant = who.tenant;
    let account = pbx.directory.account(tenant).ok_or(Error::NotFound("account"))?;
    let mut boxes: Vec<BoxView> = account
        .extensions
        .values()
        .filter(|line| line.extension.voicemail_enabled && sees(who, &line.extension.number))
        .map(|line| {
            let number = line.extension.number.clone();
            let mailbox = account.places.mailbox(tenant, &number);
            BoxView {
                display_name: line.extension.display_name.clone(),
                email: mailbox.email,
                has_pin: mailbox.pin_mac.is_some(),
                has_greeting: mailbox.greeting_path.is_some(),
                waiting: pbx.apps.mailboxes.waiting(tenant, &number),
                extension: number,
            }
        })
        .collect();
    boxes.sort_by(|a, b| a.extension.cmp(&b.extension));
    Ok(boxes)
}

/// Returns the settings of a mailbox.
pub async fn show(desk: &Desk, who: &Principal, extension: &str) -> Result<Mailbox> {
    let tenant = may_see(who, extension)?;
    let mut tx = desk.db.read(tenant).await?;
    mailbox(&mut tx, tenant, extension).await
}

/// Changes the settings that are given.
pub async fn update(desk: &Desk, who: &Principal, extension: &str, fill: Fill, mut fields: Fields) -> Result<Mailbox> {
    let tenant = may_see(who, extension)?;
    who.may(Permission::PbxApiAccess, Access::Write)?;
    let mut tx = desk.write(who).await?;
    let mut mailbox = mailbox(&mut tx, tenant, extension).await?;
    let pin_changed = fill.pin.is_some();
    match fill.pin {
        Some(Some(pin)) => {
            let digits = pin.bytes().all(|byte| byte.is_ascii_digit());
            fields.check("pin", digits && (4..=10).contains(&pin.len()), Rule::Format);
            mailbox.pin_mac = Some(pin_mac(&desk.secrets, tenant, extension, &pin));
        }
        Some(None) => mailbox.pin_mac = None,
        None => {}
    }
    if pin_changed {
        (mailbox.pin_failures, mailbox.locked_until) = (0, None);
    }
    if let Some(email) = fill.email {
        let email = email.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        fields.check("email", email.as_deref().is_none_or(mail::is_address), Rule::Format);
        mailbox.email = email;
    }
    mailbox.attach = fill.attach.unwrap_or(mailbox.attach);
    mailbox.review = fill.review.unwrap_or(mailbox.review);
    if fill.drop_greeting {
        (mailbox.greeting_path, mailbox.greeting_ms) = (None, None);
    }
    refuse(fields)?;
    rows::voicemail::put_mailbox(&mut tx, tenant, &mailbox).await?;
    if pin_changed {
        rows::voicemail::set_pin(&mut tx, tenant, extension, mailbox.pin_mac.clone()).await?;
    }
    if fill.drop_greeting {
        rows::voicemail::set_greeting(&mut tx, tenant, extension, None).await?;
    }
    let detail = json!({
        "email": mailbox.email,
        "attach": mailbox.attach,
        "review": mailbox.review,
        "pin_changed": pin_changed,
    });
    desk.commit(tx, who, done("voicemail.update", tenant, extension, detail)).await?;
    Ok(mailbox)
}

/// Returns the messages of a mailbox, the newest first.
pub async fn messages(desk: &Desk, who: &Principal, extension: &str, page: Page) -> Result<Listing<Message>> {
    let tenant = may_see(who, extension)?;
    let mut tx = desk.db.read(tenant).await?;
    mailbox(&mut tx, tenant, extension).await?;
    let slice = rows::Slice { offset: page.offset(), limit: page.limit() };
    let (messages, total) = rows::voicemail::list(&mut tx, tenant, extension, slice).await?;
    Ok(Listing::new(page, messages, total))
}

/// Opens the sound of a message, a WAV file. Who listened stands in the audit log; the message stays new until its
/// owner says otherwise.
pub async fn open(pbx: &Pbx, who: &Principal, extension: &str, message: i64) -> Result<Sound> {
    let tenant = may_see(who, extension)?;
    let mut tx = pbx.db.begin(tenant).await?;
    let message = find(&mut tx, tenant, extension, message).await?;
    let detail = json!({ "message": message.id });
    store::audit(&mut tx, who, "voicemail.listen", &format!("voicemail:{extension}"), detail).await?;
    tx.commit().await?;
    open_file(&pbx.config.voicemail_dir, &message.path).await
}

/// Opens the greeting that the owner recorded.
pub async fn greeting(pbx: &Pbx, who: &Principal, extension: &str) -> Result<Sound> {
    let mailbox = show(&pbx.desk(), who, extension).await?;
    let path = mailbox.greeting_path.ok_or(Error::NotFound("greeting"))?;
    open_file(&pbx.config.voicemail_dir, &path).await
}

/// Marks a message as listened to, or as new again.
pub async fn mark(pbx: &Pbx, who: &Principal, extension: &str, message: i64, state: MessageState) -> Result<()> {
    let tenant = may_see(who, extension)?;
    who.may(Permission::PbxApiAccess, Access::Write)?;
    let mut tx = pbx.db.begin(tenant).await?;
    let message = find(&mut tx, tenant, extension, message).await?;
    let state = if state == MessageState::New { MessageState::New } else { MessageState::Old };
    rows::voicemail::set_state(&mut tx, tenant, message.id, state).await?;
    driver::recount(&pbx.apps.mailboxes, &mut tx, tenant, extension).await?;
    let detail = json!({ "message": message.id, "state": state });
    store::audit(&mut tx, who, "voicemail.mark", &format!("voicemail:{extension}"), detail).await?;
    Ok(tx.commit().await?)
}

/// Deletes a message and its sound.
pub async fn delete(pbx: &Pbx, who: &Principal, extension: &str, message: i64) -> Result<()> {
    let tenant = may_see(who, extension)?;
    who.may(Permission::PbxApiAccess, Access::Write)?;
    let mut tx = pbx.db.begin(tenant).await?;
    let message = find(&mut tx, tenant, extension, message).await?;
    rows::voicemail::delete(&mut tx, tenant, message.id).await?;
    driver::recount(&pbx.apps.mailboxes, &mut tx, tenant, extension).await?;
    let detail = json!({ "message": message.id });
    store::audit(&mut tx, who, "voicemail.delete", &format!("voicemail:{extension}"), detail).await?;
    tx.commit().await?;
    driver::remove(pbx, &message.path).await;
    Ok(())
}

/// Returns whether the caller may see the mailbox of that extension.
fn sees(who: &Principal, extension: &str) -> bool {
    match &who.actor {
        Actor::User { role: Role::Agent, extension: own, .. } => own.as_deref() == Some(extension),
        _ => true,
    }
}

fn may_see(who: &Principal, extension: &str) -> Result<TenantId> {
    who.may(Permission::PbxApiAccess, Access::Read)?;
    if sees(who, extension) { Ok(who.tenant) } else { Err(Error::NotFound("mailbox")) }
}

async fn mailbox(tx: &mut Tx, tenant: TenantId, extension: &str) -> Result<Mailbox> {
    let line = rows::extensions::find(tx, tenant, extension).await?;
    line.filter(|line| line.voicemail_enabled).ok_or(Error::NotFound("mailbox"))?;
    let known = rows::voicemail::mailbox(tx, tenant, extension).await?;
    Ok(known.unwrap_or_else(|| Mailbox::usual(tenant, extension.to_owned())))
}

async fn find(tx: &mut Tx, tenant: TenantId, extension: &str, id: i64) -> Result<Message> {
    let found = rows::voicemail::find(tx, tenant, id).await?;
    let found = found.filter(|found| found.extension == extension && found.state != MessageState::Recording);
    found.ok_or(Error::NotFound("message"))
}

fn done<'a>(action: &'static str, tenant: TenantId, extension: &str, detail: serde_json::Value) -> Done<'a> {
    Done { action, target: format!("voicemail:{extension}").into(), detail, changed: Changed::Places(tenant) }
}
