//! Mailboxes at work: deposits, the PIN, what waits, what a crash cut off, and what has become too old.
//!
//! A message has a row before its first sample is on disk, and becomes one when its caller is done; a run that finds
//! rows of an earlier one that are still being recorded completes them by what is in the file.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::store::{Error, Tx};
use audio::wav::HEADER;
use domain::{
    Principal, TenantId, Timestamp,
    app::{Card, Opened, Prompt, Voicemail, VoicemailPlan},
};
use serde_json::json;
use subtle::ConstantTimeEq as _;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::{
    apps::{Take, pin_mac},
    directory::{Account, Line},
    resolve::Caller,
};
use crate::{
    Pbx,
    changes::Changed,
    model::{Message, MessageState, Waiting, voicemail::MOST_MESSAGES},
    store as rows,
};

/// Wrong PINs after which a mailbox is locked, and for how long.
const GUESSES: i64 = 5;
const LOCKED_FOR: Duration = Duration::from_secs(15 * 60);
/// A run that was silent for so long is dead.
const SILENT: Duration = Duration::from_secs(30);
/// What is shorter is no message.
const SHORTEST_MS: i64 = 1_000;
/// Messages that are deleted for their age in one go.
const SWEPT: i64 = 500;
/// News of mailboxes that may wait for a listener.
const BACKLOG: usize = 256;
/// Bytes of a second of 16-bit sound at 8 kHz.
const BYTES_PER_SECOND: i64 = 16_000;

/// How many messages wait in each mailbox and what they take of the disk, in memory, and word of changes. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct Mailboxes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    held: Mutex<Held>,
    changed: broadcast::Sender<(TenantId, String)>,
}

#[derive(Debug, Default)]
struct Held {
    boxes: HashMap<(TenantId, String), Contents>,
    /// The bytes of all messages of an account.
    bytes: HashMap<TenantId, i64>,
}

/// What is in a mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Contents {
    waiting: Waiting,
    bytes: i64,
}

impl Held {
    /// Puts what is in a mailbox now; returns what was.
    fn put(&mut self, key: (TenantId, String), contents: Contents) -> Option<Contents> {
        let tenant = key.0;
        let known = self.boxes.insert(key, contents);
        *self.bytes.entry(tenant).or_default() += contents.bytes - known.unwrap_or_default().bytes;
        known
    }
}

impl Default for Mailboxes {
    fn default() -> Self {
        Self(Arc::new(Inner { held: Mutex::default(), changed: broadcast::channel(BACKLOG).0 }))
    }
}

impl Mailboxes {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many messages wait in the mailbox of an extension.
    pub(crate) fn waiting(&self, tenant: TenantId, extension: &str) -> Waiting {
        let key = (tenant, extension.to_owned());
        self.lock().boxes.get(&key).map(|contents| contents.waiting).unwrap_or_default()
    }

    /// Returns how many bytes the messages of an account take.
    pub(crate) fn bytes(&self, tenant: TenantId) -> i64 {
        self.lock().bytes.get(&tenant).copied().unwrap_or(0)
    }

    /// Tells of every mailbox whose messages changed from now on; who lags behind asks for all again.
    pub(crate) fn listen(&self) -> broadcast::Receiver<(TenantId, String)> {
        self.0.changed.subscribe()
    }

    /// Forgets the mailboxes of extensions that are gone.
    pub(crate) fn forget_gone(&self, is_there: impl Fn(TenantId, &str) -> bool) {
        let known: Vec<(TenantId, String)> = self.lock().boxes.keys().cloned().collect();
        for key in known.into_iter().filter(|(tenant, extension)| !is_there(*tenant, extension)) {
            let mut held = self.lock();
            held.put(key.clone(), Contents::default());
            held.boxes.remove(&key);
        }
    }

    fn set(&self, tenant: TenantId, extension: &str, contents: Contents) {
        let key = (tenant, extension.to_owned());
        let known = self.lock().put(key.clone(), contents);
        if known.map(|known| known.waiting) != Some(contents.waiting) {
            // Nobody has to listen.
            let _ = self.0.changed.send(key);
        }
    }

    /// Reads how many messages wait everywhere.
    pub(crate) async fn load(&self, pbx: &Pbx) -> Result<(), Error> {
        let mut tx = pbx.db.read_any_tenant().await?;
        let mut all: HashMap<(TenantId, String), Vec<Counted>> = HashMap::new();
        for (tenant, extension, state, count, bytes) in rows::voicemail::any_tenant_counts(&mut tx).await? {
            all.entry((tenant, extension)).or_default().push((state, count, bytes));
        }
        let mut held = Held::default();
        for (key, counts) in all {
            held.put(key, tally(&counts));
        }
        *self.lock() = held;
        Ok(())
    }
}

/// How many messages of a state a mailbox has, and their bytes.
type Counted = (MessageState, i64, i64);

fn tally(counts: &[Counted]) -> Contents {
    let of = |wanted| counts.iter().find(|(state, ..)| *state == wanted).map_or(0, |(_, count, _)| *count);
    let number = |count: i64| u32::try_from(count).unwrap_or(0);
    let waiting = Waiting { new: number(of(MessageState::New)), old: number(of(MessageState::Old)) };
    Contents { waiting, bytes: counts.iter().map(|(.., bytes)| *bytes).sum() }
}

/// Counts a mailbox anew once the transaction, which changes it, commits.
pub(crate) async fn recount(
    mailboxes: &Mailboxes,
    tx: &mut Tx,
    tenant: TenantId,
    extension: &str,
) -> Result<(), Error> {
    let counts = rows::voicemail::counts(tx, tenant, extension).await?;
    let (mailboxes, extension) = (mailboxes.clone(), extension.to_owned());
    tx.after_commit(move || mailboxes.set(tenant, &extension, tally(&counts)));
    Ok(())
}

/// Returns the app that takes a message for an extension; nothing if its voicemail is off.
pub(super) fn leave(pbx: &Pbx, tenant: TenantId, account: &Account, line: &Line) -> Option<Voicemail> {
    if !line.extension.voicemail_enabled {
        return None;
    }
    let extension = line.extension.number.clone();
    let mailbox = account.places.mailbox(tenant, &extension);
    let waiting = pbx.apps.mailboxes.waiting(tenant, &extension);
    let fits = pbx.config.voicemail_storage.is_none_or(|most| pbx.apps.mailboxes.bytes(tenant) < most);
    if !fits {
        tracing::warn!(tenant.id = %tenant, extension, "the account's mailboxes hold as much as they may");
    }
    Some(Voicemail::new(VoicemailPlan {
        greeting: mailbox.greeting_path.map(|_| Prompt::Greeting(extension.clone())).into_iter().collect(),
        extension,
        has_room: fits && i64::from(waiting.new) + i64::from(waiting.old) < MOST_MESSAGES,
        longest: pbx.config.voicemail_longest,
        silence: pbx.config.voicemail_silence,
        review: mailbox.review,
    }))
}

/// Opens a mailbox for who calls; `own` says that it is that of the calling extension.
pub(super) async fn open(
    pbx: &Pbx,
    tenant: TenantId,
    extension: &str,
    pin: Option<&str>,
    own: bool,
) -> Result<Opened, Error> {
    let line =
        pbx.directory.line(tenant, extension).filter(|line| line.is_active() && line.extension.voicemail_enabled);
    if line.is_none() {
        // A mailbox that does not exist answers like one whose PIN is wrong.
        return Ok(if pin.is_some() { Opened::WrongPin } else { Opened::PinWanted });
    }
    let mut tx = pbx.db.begin(tenant).await?;
    let now = tx.now();
    match pin {
        Some(pin) => {
            if let Some(refused) = guess(pbx, &mut tx, tenant, extension, pin).await? {
                tx.commit().await?;
                return Ok(refused);
            }
        }
        None => {
            let mailbox = rows::voicemail::mailbox(&mut tx, tenant, extension).await?;
            if mailbox.as_ref().and_then(|mailbox| mailbox.locked_until).is_some_and(|until| now < until) {
                return Ok(Opened::Refused);
            }
            // Without a PIN a mailbox opens from its own phone alone.
            if !own || mailbox.is_some_and(|mailbox| mailbox.pin_mac.is_some()) {
                return Ok(Opened::PinWanted);
            }
        }
    }
    let slice = rows::Slice { offset: 0, limit: MOST_MESSAGES };
    let (mut messages, _) = rows::voicemail::list(&mut tx, tenant, extension, slice).await?;
    tx.commit().await?;
    messages.sort_by_key(|message| (message.state != MessageState::New, message.created_at, message.id));
    let card = |message: Message| Card {
        id: message.id,
        is_new: message.state == MessageState::New,
        caller: message.caller_number,
    };
    Ok(Opened::Messages(messages.into_iter().map(card).collect()))
}

/// Counts a guess and looks at it; returns how it is answered if it does not open the mailbox.
async fn guess(pbx: &Pbx, tx: &mut Tx, tenant: TenantId, extension: &str, pin: &str) -> Result<Option<Opened>, Error> {
    let now = tx.now();
    let Some((mac, guesses)) = rows::voicemail::count_guess(tx, tenant, extension).await? else {
        let mailbox = rows::voicemail::mailbox(tx, tenant, extension).await?;
        // A mailbox without a row has no PIN: there is nothing to guess.
        return Ok(Some(mailbox.map_or(Opened::WrongPin, |_| Opened::Refused)));
    };
    let given = pin_mac(&pbx.secrets, tenant, extension, pin);
    if guesses <= GUESSES && mac.is_some_and(|mac| bool::from(mac.ct_eq(&given))) {
        rows::voicemail::end_guesses(tx, tenant, extension, None).await?;
        return Ok(None);
    }
    if guesses < GUESSES {
        return Ok(Some(Opened::WrongPin));
    }
    rows::voicemail::end_guesses(tx, tenant, extension, Some(now.after(LOCKED_FOR))).await?;
    let (who, target) = (Principal::system(tenant), format!("voicemail:{extension}"));
    ::store::audit(tx, &who, "voicemail.locked", &target, json!({ "guesses": GUESSES })).await?;
    tracing::warn!(tenant.id = %tenant, extension, "a mailbox is locked after too many wrong PINs");
    Ok(Some(Opened::Refused))
}

/// Gives a mailbox another PIN.
pub(super) async fn set_pin(pbx: &Pbx, tenant: TenantId, extension: &str, pin: &str) -> Result<(), Error> {
    let mut tx = pbx.db.begin(tenant).await?;
    let mac = pin_mac(&pbx.secrets, tenant, extension, pin);
    rows::voicemail::set_pin(&mut tx, tenant, extension, Some(mac)).await?;
    note(pbx, &mut tx, tenant, extension, "voicemail.pin").await?;
    tx.commit().await
}

/// The audit row and the marker of a change that an owner made by telephone.
async fn note(pbx: &Pbx, tx: &mut Tx, tenant: TenantId, extension: &str, action: &'static str) -> Result<(), Error> {
    let target = format!("voicemail:{extension}");
    ::store::audit(tx, &Principal::system(tenant), action, &target, json!({ "by": "telephone" })).await?;
    rows::any_tenant_bump_change_version(tx).await?;
    let changes = pbx.changes.clone();
    tx.after_commit(move || changes.send(Changed::Places(tenant)));
    Ok(())
}

/// Notes that a message begins, and makes its folder.
pub(super) async fn begin_message(
    pbx: &Pbx,
    tenant: TenantId,
    caller: &Caller,
    extension: &str,
) -> Result<Take, Error> {
    let path = fresh_path(pbx, tenant).await?;
    let mut tx = pbx.db.begin(tenant).await?;
    let message = Message {
        id: 0,
        tenant,
        extension: extension.to_owned(),
        call: caller.call,
        caller_number: caller.number.clone(),
        caller_name: caller.name.clone(),
        state: MessageState::Recording,
        path: path.clone(),
        size_bytes: 0,
        duration_ms: 0,
        created_at: tx.now(),
    };
    let id = rows::voicemail::insert(&mut tx, tenant, &message, &pbx.boot).await?;
    tx.commit().await?;
    Ok(Take { message: Some(id), path })
}

pub(super) async fn begin_greeting(pbx: &Pbx, tenant: TenantId, _extension: &str) -> Result<Take, Error> {
    Ok(Take { message: None, path: fresh_path(pbx, tenant).await? })
}

/// Returns a path that nothing has, in a folder that exists.
async fn fresh_path(pbx: &Pbx, tenant: TenantId) -> Result<String, Error> {
    let folder = tenant.to_string();
    let whole = pbx.config.voicemail_dir.join(&folder);
    tokio::fs::create_dir_all(&whole)
        .await
        .map_err(|error| Error::File { path: whole.display().to_string(), reason: error.to_string() })?;
    Ok(format!("{folder}/{}.wav", Uuid::now_v7()))
}

/// Makes a recording a message, and sends word of it.
pub(super) async fn complete_message(
    pbx: &Pbx,
    tenant: TenantId,
    extension: &str,
    take: &Take,
    millis: u64,
) -> Result<(), Error> {
    let Some(id) = take.message else { return Ok(()) };
    let (bytes, on_disk) = measure(&take.file(pbx)).await;
    let millis = if on_disk > 0 { on_disk } else { i64::try_from(millis).unwrap_or(0) };
    let mut tx = pbx.db.begin(tenant).await?;
    if rows::voicemail::complete(&mut tx, tenant, id, bytes, millis).await? {
        recount(&pbx.apps.mailboxes, &mut tx, tenant, extension).await?;
        super::voicemail_notice::add(&mut tx, tenant, extension, id).await?;
    }
    tx.commit().await
}

pub(super) async fn complete_greeting(
    pbx: &Pbx,
    tenant: TenantId,
    extension: &str,
    take: &Take,
    millis: u64,
) -> Result<(), Error> {
    let mut tx = pbx.db.begin(tenant).await?;
    let known = rows::voicemail::mailbox(&mut tx, tenant, extension).await?;
    let before = known.and_then(|mailbox| mailbox.greeting_path);
    let greeting = (take.path.as_str(), i64::try_from(millis).ok());
    rows::voicemail::set_greeting(&mut tx, tenant, extension, Some(greeting)).await?;
    note(pbx, &mut tx, tenant, extension, "voicemail.greeting").await?;
    tx.commit().await?;
    if let Some(before) = before {
        remove(pbx, &before).await;
    }
    Ok(())
}

/// Forgets a recording that is worth nothing.
pub(super) async fn discard(pbx: &Pbx, tenant: TenantId, take: &Take) -> Result<(), Error> {
    if let Some(id) = take.message {
        let mut tx = pbx.db.begin(tenant).await?;
        rows::voicemail::delete(&mut tx, tenant, id).await?;
        tx.commit().await?;
    }
    remove(pbx, &take.path).await;
    Ok(())
}

pub(super) async fn heard(pbx: &Pbx, tenant: TenantId, extension: &str, message: i64) -> Result<(), Error> {
    let mut tx = pbx.db.begin(tenant).await?;
    rows::voicemail::set_state(&mut tx, tenant, message, MessageState::Old).await?;
    recount(&pbx.apps.mailboxes, &mut tx, tenant, extension).await?;
    tx.commit().await
}

pub(super) async fn delete(pbx: &Pbx, tenant: TenantId, extension: &str, message: i64) -> Result<(), Error> {
    let mut tx = pbx.db.begin(tenant).await?;
    let found = rows::voicemail::find(&mut tx, tenant, message).await?;
    let Some(found) = found.filter(|found| found.extension == extension) else { return Ok(()) };
    rows::voicemail::delete(&mut tx, tenant, message).await?;
    recount(&pbx.apps.mailboxes, &mut tx, tenant, extension).await?;
    tx.commit().await?;
    remove(pbx, &found.path).await;
    Ok(())
}

/// Returns where the sound of a message lies.
pub(super) async fn message_path(pbx: &Pbx, tenant: TenantId, message: i64) -> Option<String> {
    let mut tx = pbx.db.read(tenant).await.ok()?;
    rows::voicemail::find(&mut tx, tenant, message).await.ok()?.map(|message| message.path)
}

/// Deletes a file of ours. One that is gone already is no fault; one that stays is found by its row's absence.
pub(crate) async fn remove(pbx: &Pbx, path: &str) {
    match tokio::fs::remove_file(pbx.config.voicemail_dir.join(path)).await {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, path, "a file of voicemail cannot be deleted"),
    }
}

/// Returns the bytes and milliseconds of a recording of one channel.
async fn measure(file: &Path) -> (i64, i64) {
    let bytes = tokio::fs::metadata(file).await.map_or(0, |meta| i64::try_from(meta.len()).unwrap_or(i64::MAX));
    let sound = (bytes - i64::try_from(HEADER).unwrap_or(0)).max(0);
    (bytes, sound.saturating_mul(1_000) / BYTES_PER_SECOND)
}

/// Completes or forgets what an earlier run was recording when it was cut off. Returns how many messages were saved.
pub(crate) async fn recover(pbx: &Pbx) -> Result<usize, Error> {
    let silent = Timestamp(pbx.db.now().millis() - i64::try_from(SILENT.as_millis()).unwrap_or(i64::MAX));
    let left = {
        let mut tx = pbx.db.read_any_tenant().await?;
        rows::voicemail::any_tenant_cut_off(&mut tx, &pbx.boot, silent).await?
    };
    complete_all(pbx, left).await
}

/// Completes what this run could not write down when its callers hung up. Returns whether nothing is left.
pub(crate) async fn complete_begun(pbx: &Pbx) -> Result<bool, Error> {
    let begun = {
        let mut tx = pbx.db.read_any_tenant().await?;
        rows::voicemail::any_tenant_begun(&mut tx, &pbx.boot).await?
    };
    let count = begun.len();
    let left: Vec<Message> = begun.into_iter().filter(|message| !pbx.live.is_up(message.call)).collect();
    let all = left.len() == count;
    complete_all(pbx, left).await?;
    Ok(all)
}

async fn complete_all(pbx: &Pbx, left: Vec<Message>) -> Result<usize, Error> {
    let mut saved = 0;
    for message in left {
        let take = Take { message: Some(message.id), path: message.path.clone() };
        let (_, millis) = measure(&take.file(pbx)).await;
        if millis >= SHORTEST_MS {
            let length = u64::try_from(millis).unwrap_or(0);
            complete_message(pbx, message.tenant, &message.extension, &take, length).await?;
            saved += 1;
        } else {
            discard(pbx, message.tenant, &take).await?;
        }
    }
    Ok(saved)
}

/// Deletes messages that are older than they may be.
pub(crate) async fn sweep(pbx: &Pbx) -> Result<(), Error> {
    let Some(retention) = pbx.config.voicemail_retention else { return Ok(()) };
    let before = Timestamp(pbx.db.now().millis() - i64::try_from(retention.as_millis()).unwrap_or(i64::MAX));
    for state in [MessageState::New, MessageState::Old] {
        let old = {
            let mut tx = pbx.db.read_any_tenant().await?;
            rows::voicemail::any_tenant_older(&mut tx, state, before, SWEPT).await?
        };
        for message in old {
            delete(pbx, message.tenant, &message.extension, message.id).await?;
        }
    }
    Ok(())
}
