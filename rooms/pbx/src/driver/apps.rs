//! What apps need of the world: answers to their questions, rows for what they keep, files for what they record.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{
    Principal, TenantId,
    app::{AppFact, AppInput, Choice, MenuPlan, Next, Prompt, Question, Recording},
    routing::{Destination, Setting},
};
use serde_json::json;
use store::Secrets;

use super::{
    groups::Turns, parking::Lot, prompts::Prompts, resolve::Caller, rooms::Rooms, voicemail, voicemail::Mailboxes,
};
use crate::{
    Pbx,
    changes::Changed,
    model::{KeyAction, MenuRow},
    ops::time_conditions,
    store as rows,
};

/// How long the next digit of a number is waited for in a menu.
const BETWEEN: Duration = Duration::from_millis(2_500);

/// What apps of all calls share. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Apps {
    pub(crate) prompts: Prompts,
    pub(crate) lot: Lot,
    pub(crate) rooms: Rooms,
    pub(crate) turns: Turns,
    pub(crate) mailboxes: Mailboxes,
    /// A message could not be written down when its caller hung up.
    pub(crate) begun: Arc<AtomicBool>,
}

/// What is being recorded in a call, and where. One at a time.
#[derive(Clone, Debug)]
pub(crate) struct Take {
    /// The row of a message.
    pub(crate) message: Option<i64>,
    /// Below the folder of voicemail.
    pub(crate) path: String,
}

impl Take {
    /// Returns the file to write.
    pub(crate) fn file(&self, pbx: &Pbx) -> PathBuf {
        pbx.config.voicemail_dir.join(&self.path)
    }
}

/// Returns a menu as its machine knows it.
pub(super) fn menu(row: &MenuRow) -> MenuPlan {
    let said = |prompt: Option<i64>| prompt.map(Prompt::Stored).into_iter().collect::<Vec<_>>();
    let choice = |action: &KeyAction| match action {
        KeyAction::Again => Choice::Again,
        KeyAction::To(Destination::Reject(_)) => Choice::Hangup,
        KeyAction::To(destination) => Choice::To(destination.clone()),
    };
    MenuPlan {
        greeting: said(row.greeting),
        invalid: said(row.invalid),
        keys: row.keys.iter().map(|(key, action)| (*key, choice(action))).collect(),
        dials: row.dial_digits.and_then(|digits| usize::try_from(digits).ok()),
        wait: Duration::from_secs(u64::try_from(row.wait_seconds.max(1)).unwrap_or(1)),
        between: BETWEEN,
        repeats: u8::try_from(row.repeats).unwrap_or(0),
        otherwise: match &row.otherwise {
            Destination::Reject(cause) => Next::Hangup(*cause),
            destination => Next::To(destination.clone()),
        },
    }
}

/// Answers a question of the app that `caller` is with.
pub(crate) async fn answer(pbx: &Pbx, tenant: TenantId, caller: &Caller, question: Question) -> AppInput {
    match question {
        Question::Number(dialled) => AppInput::Found(inside(pbx, tenant, &dialled)),
        Question::Open { extension, pin } => {
            let own = caller.extension.as_ref() == Some(&extension);
            let opened = voicemail::open(pbx, tenant, &extension, pin.as_deref(), own).await;
            AppInput::Opened(opened.unwrap_or_else(|error| {
                tracing::error!(%error, tenant.id = %tenant, "a mailbox cannot be opened");
                domain::app::Opened::Refused
            }))
        }
        Question::SetPin { extension, pin } => {
            let set = voicemail::set_pin(pbx, tenant, &extension, &pin).await;
            AppInput::PinSet(set.inspect_err(|error| tracing::error!(%error, "a PIN cannot be kept")).is_ok())
        }
    }
}

/// Returns where a caller may be sent who dials a number in a menu: inside of the account, never out.
fn inside(pbx: &Pbx, tenant: TenantId, dialled: &str) -> Option<Destination> {
    let account = pbx.directory.account(tenant)?;
    account.own(dialled)
}

/// Makes room for a recording and notes that it runs; nothing if the database or the disk cannot take it.
pub(crate) async fn begin_recording(pbx: &Pbx, tenant: TenantId, caller: &Caller, what: &Recording) -> Option<Take> {
    let begun = match what {
        Recording::Message(extension) => voicemail::begin_message(pbx, tenant, caller, extension).await,
        Recording::Greeting(extension) => voicemail::begin_greeting(pbx, tenant, extension).await,
    };
    begun.inspect_err(|error| tracing::error!(%error, call.uuid = %caller.call, "a message cannot be recorded")).ok()
}

/// Writes down what an app wants kept. `take` is the last recording of the call; when the caller hung up, its file has
/// to be complete by now.
pub(crate) async fn keep(pbx: &Pbx, tenant: TenantId, fact: AppFact, take: Option<&Take>) {
    let kept = match (fact, take) {
        (AppFact::MessageLeft { extension, millis }, Some(take)) => {
            voicemail::complete_message(pbx, tenant, &extension, take, millis).await
        }
        (AppFact::GreetingLeft { extension, millis }, Some(take)) => {
            voicemail::complete_greeting(pbx, tenant, &extension, take, millis).await
        }
        (AppFact::Discarded, Some(take)) => voicemail::discard(pbx, tenant, take).await,
        (AppFact::Heard { extension, message }, _) => voicemail::heard(pbx, tenant, &extension, message).await,
        (AppFact::Deleted { extension, message }, _) => voicemail::delete(pbx, tenant, &extension, message).await,
        _ => Ok(()),
    };
    if let Err(error) = kept {
        tracing::error!(%error, tenant.id = %tenant, "what a caller did could not be kept; a message is tried again");
        pbx.apps.begun.store(true, Ordering::Relaxed);
    }
}

/// Does what a feature code says for the extension that dialled it.
pub(super) async fn change(pbx: Pbx, tenant: TenantId, number: String, setting: Setting) {
    if let Setting::TimeCondition(id) = setting {
        if let Err(error) = time_conditions::turn(&pbx.desk(), tenant, &number, id).await {
            tracing::error!(%error, time_condition = id, "a feature code could not be followed");
        }
        return;
    }
    let changed = async {
        let mut tx = pbx.db.begin(tenant).await?;
        let Some(mut wish) = rows::forwarding::find(&mut tx, tenant, &number).await? else { return Ok(()) };
        match setting {
            Setting::DoNotDisturb(on) => wish.do_not_disturb = on,
            Setting::Forward(to) => wish.always = to,
            Setting::TimeCondition(_) => {}
        }
        rows::forwarding::update(&mut tx, tenant, &number, &wish).await?;
        let detail = json!({ "by": "feature_code", "do_not_disturb": wish.do_not_disturb, "always": wish.always });
        let who = Principal::system(tenant);
        store::audit(&mut tx, &who, "extension.forwarding", &format!("extension:{number}"), detail).await?;
        rows::any_tenant_bump_change_version(&mut tx).await?;
        let changes = pbx.changes.clone();
        let changed = Changed::Wish(tenant, number.clone());
        tx.after_commit(move || changes.send(changed));
        tx.commit().await
    };
    if let Err(error) = changed.await {
        tracing::error!(%error, extension = %number, "a feature code could not be followed");
    }
}

/// Returns the MAC of a PIN. The key is not in the database: who has that alone cannot try all PINs.
pub(crate) fn pin_mac(secrets: &Secrets, tenant: TenantId, extension: &str, pin: &str) -> Vec<u8> {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let key = secrets.derive("voicemail pin v1");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&*key).expect("HMAC takes keys of any length");
    mac.update(format!("{tenant}\n{extension}\n{pin}").as_bytes());
    mac.finalize().into_bytes().to_vec()
}
