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

/// Writes who is told of messages and whether callers may speak them anew; PIN and greeting stay as they are.
pub(crate) async fn put_mailbox(tx: &mut Tx, tenant: TenantId, mailbox: &Mailbox) -> Result<()> {
    let now = tx.now();
    sql("insert into voicemail_box (tenant_id, extension_number, pin_failures, email, attach, review, updated_at)
         values ($1, $2, 0, $3, $4, $5, $6)
         on conflict (tenant_id, extension_number) do update
         set email = excluded.email, attach = excluded.attach, review = excluded.review,
             updated_at = excluded.updated_at")
    .bind(tenant)
    .bind(&mailbox.extension)
    .bind(mailbox.email.as_deref())
    .bind(mailbox.attach)
    .bind(mailbox.review)
    .bind(now)
    .run(tx)
    .await?;
    Ok(())
}

/// Gives a mailbox another PIN, or none; guesses are counted anew.
pub(crate) async fn set_pin(tx: &mut Tx, tenant: TenantId, extension: &str, mac: Option<Vec<u8>>) -> Result<()> {
    let now = tx.now();
    let usual = Mailbox::usual(tenant, extension.to_owned());
    sql("insert into voicemail_box (tenant_id, extension_number, pin_failures, pin_mac, attach, review, updated_at)
         values ($1, $2, 0, $3, $4, $5, $6)
         on conflict (tenant_id, extension_number) do update
         set pin_mac = excluded.pin_mac, pin_failures = 0, locked_until = null, updated_at = excluded.updated_at")
    .bind(tenant)
    .bind(extension)
    .bind(mac)
    .bind(usual.attach)
    .bind(usual.review)
    .bind(now)
    .run(tx)
    .await?;
    Ok(())
}

/// Gives a mailbox another greeting, or none.
pub(crate) async fn set_greeting(
    tx: &mut Tx,
    tenant: TenantId,
    extension: &str,
    greeting: Option<(&str, Option<i64>)>,
) -> Result<()> {
    let now = tx.now();
    let (path, millis) = greeting.unzip();
    let usual = Mailbox::usual(tenant, extension.to_owned());
    sql("insert into voicemail_box (tenant_id, extension_number, pin_failures, greeting_path, greeting_ms, attach, review,
            updated_at)
         values ($1, $2, 0, $3, $4, $5, $6, $7)
         on conflict (tenant_id, extension_number) do update
         set greeting_path = excluded.greeting_path, greeting_ms = excluded.greeting_ms,
             updated_at = excluded.updated_at")
    .bind(tenant)
    .bind(extension)
    .bind(path)
    .bind(millis.flatten())
    .bind(usual.attach)
    .bind(usual.review)
    .bind(now)
    .run(tx)
    .await?;
    Ok(())
}

/// Counts a guess before it is looked at, so that no two guesses are counted as one, and returns the secret to compare
/// it with and how many guesses there were; nothing while the mailbox is locked, or if it has no row.
pub(crate) async fn count_guess(
    tx: &mut Tx,
    tenant: TenantId,
    extension: &str,
) -> Result<Option<(Option<Vec<u8>>, i64)>> {
    let now = tx.now();
    sql("update voicemail_box set pin_failures = pin_failures + 1
         where tenant_id = $1 and extension_number = $2 and (locked_until is null or locked_until <= $3)
         returning pin_mac, pin_failures")
    .bind(tenant)
    .bind(extension)
    .bind(now)
    .first(tx)
    .await
}

/// Forgets the guesses, and locks the mailbox until then if they were too many.
pub(crate) async fn end_guesses(
    tx: &mut Tx,
    tenant: TenantId,
    extension: &str,
    locked_until: Option<Timestamp>,
) -> Result<()> {
    sql("update voicemail_box set pin_failures = 0, locked_until = $3 where tenant_id = $1 and extension_number = $2")
        .bind(tenant)
        .bind(extension)
        .bind(locked_until)
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

/// Returns how many messages the mailbox holds by state, and their bytes: what is being recorded counts.
pub(crate) async fn counts(tx: &mut Tx, tenant: TenantId, extension: &str) -> Result<Vec<(MessageState, i64, i64)>> {
    sql("select state, count(*), cast(sum(size_bytes) as bigint) from voicemail_message
         where tenant_id = $1 and extension_number = $2 group by state")
    .bind(tenant)
    .bind(extension)
    .all(tx)
    .await
}

/// Returns how many messages every mailbox of every account holds by state, and their bytes, for the directory in memory.
pub(crate) async fn any_tenant_counts(tx: &mut Tx) -> Result<Vec<(TenantId, String, MessageState, i64, i64)>> {
    sql("select tenant_id, extension_number, state, count(*), cast(sum(size_bytes) as bigint) from voicemail_message
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

/// Returns what this run has not completed.
pub(crate) async fn any_tenant_begun(tx: &mut Tx, boot: &Boot) -> Result<Vec<Message>> {
    sql("select id, tenant_id, extension_number, call_uuid, caller_number, caller_name, state, path, size_bytes,
            duration_ms, created_at
         from voicemail_message where state = 'recording' and boot_id = $1")
    .bind(&boot.id)
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
