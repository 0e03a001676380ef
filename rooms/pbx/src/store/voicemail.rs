//! Mailboxes and messages.

use domain::{TenantId, Timestamp};
use store::{FromRow, Row, Tx, sql};

use super::{Result, Slice};
use crate::model::{Boot, Mailbox, Message, MessageState};

impl FromRow for Mailbox {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            tenant: row.get("tenant_id")?,
            extension: row.get("extension_number")?,
            pin_mac: row.get("pin_mac")?,
            pin_failures: row.get("pin_failures")?,
            locked_until: row.get("locked_until")?,
            greeting_path: row.get("greeting_path")?,
            greeting_ms: row.get("greeting_ms")?,
            email: row.get("email")?,
            attach: row.get("attach")?,
            review: row.get("review")?,
        })
    }
}

impl FromRow for Message {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            tenant: row.get("tenant_id")?,
            extension: row.get("extension_number")?,
            call: row.get("call_uuid")?,
            caller_number: row.get("caller_number")?,
            caller_name: row.get("caller_name")?,
            state: row.get("state")?,
            path: row.get("path")?,
            size_bytes: row.get("size_bytes")?,
            duration_ms: row.get("duration_ms")?,
            created_at: row.get("created_at")?,
        })
    }
}

pub(crate) async fn mailbox(tx: &mut Tx, tenant: TenantId, extension: &str) -> Result<Option<Mailbox>> {
    sql("select tenant_id, extension_number, pin_mac, pin_failures, locked_until, greeting_path, greeting_ms, email,
            attach, review
         from voicemail_box where tenant_id = $1 and extension_number = $2")
    .bind(tenant)
    .bind(extension)
    .first(tx)
    .await
}

/// Returns the settings of every mailbox of every account that was set up, for the directory in memory.
pub(crate) async fn any_tenant_mailboxes(tx: &mut Tx) -> Result<Vec<Mailbox>> {
    sql("select tenant_id, extension_number, pin_mac, pin_failures, locked_until, greeting_path, greeting_ms, email,
            attach, review
         from voicemail_box")
    .all(tx)
    .await
}

/// Writes the settings of a mailbox, new or not.
pub(crate) async fn put_mailbox(tx: &mut Tx, tenant: TenantId, mailbox: &Mailbox) -> Result<()> {
    let now = tx.now();
    sql("insert into voicemail_box (tenant_id, extension_number, pin_mac, pin_failures, locked_until, greeting_path,
            greeting_ms, email, attach, review, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (tenant_id, extension_number) do update
         set pin_mac = excluded.pin_mac, pin_failures = excluded.pin_failures, locked_until = excluded.locked_until,
             greeting_path = excluded.greeting_path, greeting_ms = excluded.greeting_ms, email = excluded.email,
             attach = excluded.attach, review = excluded.review, updated_at = excluded.updated_at")
    .bind(tenant)
    .bind(&mailbox.extension)
    .bind(mailbox.pin_mac.clone())
    .bind(mailbox.pin_failures)
    .bind(mailbox.locked_until)
    .bind(mailbox.greeting_path.as_deref())
    .bind(mailbox.greeting_ms)
    .bind(mailbox.email.as_deref())
    .bind(mailbox.attach)
    .bind(mailbox.review)
    .bind(now)
    .run(tx)
    .await?;
    Ok(())
}

pub(crate) async fn delete_mailbox(tx: &mut Tx, tenant: TenantId, extension: &str) -> Result<bool> {
    let rows = sql("delete from voicemail_box where tenant_id = $1 and extension_number = $2")
        .bind(tenant)
        .bind(extension)
        .run(tx)
        .await?;
    Ok(rows > 0)
}

/// Stores a message that is about to be recorded, whose `id` is ignored, and returns its id.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, message: &Message, boot: &Boot) -> Result<i64> {
    let (id,) = sql("insert into voicemail_message (tenant_id, extension_number, call_uuid, boot_id, caller_number,
            caller_name, state, path, size_bytes, duration_ms, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) returning id")
    .bind(tenant)
    .bind(&message.extension)
    .bind(message.call)
    .bind(&boot.id)
    .bind(&message.caller_number)
    .bind(message.caller_name.as_deref())
    .bind(message.state)
    .bind(&message.path)
    .bind(message.size_bytes)
    .bind(message.duration_ms)
    .bind(message.created_at)
    .one::<(i64,)>(tx)
    .await?;
    Ok(id)
}

/// Makes a recording a message. Returns whether it still was one: of several who try, one succeeds.
pub(crate) async fn complete(tx: &mut Tx, tenant: TenantId, id: i64, bytes: i64, millis: i64) -> Result<bool> {
    let rows = sql("update voicemail_message set state = 'new', size_bytes = $3, duration_ms = $4
         where tenant_id = $1 and id = $2 and state = 'recording'")
    .bind(tenant)
    .bind(id)
    .bind(bytes)
    .bind(millis)
    .run(tx)
    .await?;
    Ok(rows > 0)
}

pub(crate) async fn set_state(tx: &mut Tx, tenant: TenantId, id: i64, state: MessageState) -> Result<bool> {
    let rows = sql("update voicemail_message set state = $3
         where tenant_id = $1 and id = $2 and state <> 'recording'")
    .bind(tenant)
    .bind(id)
    .bind(state)
    .run(tx)
    .await?;
    Ok(rows > 0)
}

pub(crate) async fn find(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<Option<Message>> {
    sql("select id, tenant_id, extension_number, call_uuid, caller_number, caller_name, state, path, size_bytes,
            duration_ms, created_at
         from voicemail_message where tenant_id = $1 and id = $2")
    .bind(tenant)
    .bind(id)
    .first(tx)
    .await
}

/// Returns the messages of one page of a mailbox, the newest first, and how many there are in all.
pub(crate) async fn list(tx: &mut Tx, tenant: TenantId, extension: &str, slice: Slice) -> Result<(Vec<Message>, i64)> {
    let messages = sql("select id, tenant_id, extension_number, call_uuid, caller_number, caller_name, state, path,
            size_bytes, duration_ms, created_at
         from voicemail_message
         where tenant_id = $1 and extension_number = $2 and state <> 'recording'
         order by created_at desc, id desc limit $3 offset $4")
    .bind(tenant)
    .bind(extension)
    .bind(slice.limit)
    .bind(slice.offset)
    .all(tx)
    .await?;
    let (total,) = sql("select count(*) from voicemail_message
         where tenant_id = $1 and extension_number = $2 and state <> 'recording'")
    .bind(tenant)
    .bind(extension)
    .one::<(i64,)>(tx)
    .await?;
    Ok((messages, total))
}

/// Returns how many messages the mailbox holds by state: what is being recorded counts.
pub(crate) async fn counts(tx: &mut Tx, tenant: TenantId, extension: &str) -> Result<Vec<(MessageState, i64)>> {
    sql("select state, count(*) from voicemail_message where tenant_id = $1 and extension_number = $2 group by state")
        .bind(tenant)
        .bind(extension)
        .all(tx)
        .await
}

/// Returns how many messages every mailbox of every account holds by state, for the directory in memory.
pub(crate) async fn any_tenant_counts(tx: &mut Tx) -> Result<Vec<(TenantId, String, MessageState, i64)>> {
    sql("select tenant_id, extension_number, state, count(*) from voicemail_message
         group by tenant_id, extension_number, state")
    .all(tx)
    .await
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: i64) -> Result<bool> {
    let rows =
        sql("delete from voicemail_message where tenant_id = $1 and id = $2").bind(tenant).bind(id).run(tx).await?;
    Ok(rows > 0)
}

/// Deletes every message of a mailbox. Returns where their sound lies.
pub(crate) async fn delete_all(tx: &mut Tx, tenant: TenantId, extension: &str) -> Result<Vec<(String,)>> {
    sql("delete from voicemail_message where tenant_id = $1 and extension_number = $2 returning path")
        .bind(tenant)
        .bind(extension)
        .all(tx)
        .await
}

/// Returns what is still being recorded although its run is not this one and has not been heard of since `silent`.
pub(crate) async fn any_tenant_cut_off(tx: &mut Tx, boot: &Boot, silent: Timestamp) -> Result<Vec<Message>> {
    sql("select id, tenant_id, extension_number, call_uuid, caller_number, caller_name, state, path, size_bytes,
            duration_ms, created_at
         from voicemail_message
         where state = 'recording' and boot_id <> $1
           and not exists (select 1 from pbx_boot where pbx_boot.boot_id = voicemail_message.boot_id
                           and node <> $2 and heartbeat_at > $3)")
    .bind(&boot.id)
    .bind(&boot.node)
    .bind(silent)
    .all(tx)
    .await
}

/// Returns messages older than `before`, the oldest first, at most `most`.
pub(crate) async fn any_tenant_older(
    tx: &mut Tx,
    state: MessageState,
    before: Timestamp,
    most: i64,
) -> Result<Vec<Message>> {
    sql("select id, tenant_id, extension_number, call_uuid, caller_number, caller_name, state, path, size_bytes,
            duration_ms, created_at
         from voicemail_message where state = $1 and created_at < $2 order by created_at limit $3")
    .bind(state)
    .bind(before)
    .bind(most)
    .all(tx)
    .await
}
