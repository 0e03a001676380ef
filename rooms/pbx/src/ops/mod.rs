//! What the room can do: permission, transaction, store, publish, commit.

pub mod agents;
pub mod caller_id_groups;
pub mod caller_ids;
pub mod calls;
pub mod cdr;
pub mod extensions;
pub mod figures;
pub mod forwarding;
pub mod menus;
pub mod phones;
pub mod places;
pub mod prompts;
pub mod queue_status;
pub mod queues;
pub mod rates;
pub mod recordings;
pub mod ring_groups;
pub mod ring_test;
pub mod routes;
pub mod time_conditions;
pub mod toll;
pub mod trunk_registrations;
pub mod trunk_test;
pub mod trunks;
pub mod voicemail;
pub mod waveform;

use domain::{
    Permission, Principal, TenantId,
    principal::{Access, Actor, Role},
};
use serde_json::Value;
use store::{Db, Secrets, Tx};
use web::{Fields, Text};

use crate::{
    Pbx,
    changes::{Changed, Changes},
    error::{Error, Result},
    store as rows,
};

/// Where extensions, trunks, caller IDs and routes are kept. The command line opens this alone, without any socket;
/// a server beside it notices the writes within a second.
#[derive(Clone)]
pub struct Desk {
    pub(crate) db: Db,
    pub(crate) secrets: Secrets,
    pub(crate) realm: String,
    pub(crate) changes: Changes,
}

impl Desk {
    /// `realm` is the digest realm that passwords of extensions are stored for.
    pub fn open(db: Db, secrets: Secrets, realm: impl Into<String>) -> Self {
        Self { db, secrets, realm: realm.into(), changes: Changes::new() }
    }

    /// Begins a write of the caller's account.
    async fn write(&self, who: &Principal) -> Result<Tx> {
        Ok(self.db.begin(who.tenant).await?)
    }

    /// Ends a write: audit row, marker for other processes, commit, word to the driver, which has heeded it on return.
    async fn commit(&self, mut tx: Tx, who: &Principal, done: Done<'_>) -> Result<()> {
        store::audit(&mut tx, who, done.action, &done.target, done.detail).await?;
        rows::any_tenant_bump_change_version(&mut tx).await?;
        let (changes, changed) = (self.changes.clone(), done.changed);
        tx.after_commit(move || changes.send(changed));
        tx.commit().await?;
        self.changes.until_followed().await;
        tracing::info!(tenant.id = %who.tenant, action = done.action, target = %done.target, "exchange changed");
        Ok(())
    }
}

/// What a write did.
struct Done<'a> {
    action: &'static str,
    target: std::borrow::Cow<'a, str>,
    /// For the audit log; never a secret.
    detail: Value,
    changed: Changed,
}

impl Pbx {
    /// Returns the desk whose writes this exchange has followed when they return.
    pub fn desk(&self) -> Desk {
        Desk {
            db: self.db.clone(),
            secrets: self.secrets.clone(),
            realm: self.config.realm.clone(),
            changes: self.changes.clone(),
        }
    }
}

/// Checks that the caller may read what the exchange consists of.
fn may_read(who: &Principal) -> Result<TenantId> {
    who.may(Permission::PbxApiAccess, Access::Read)?;
    Ok(who.tenant)
}

/// Checks that the caller may change what the exchange consists of. Agents make and answer calls; they hold the scope
/// of the API for that, and may not create, change or delete extensions with it.
fn may_manage(who: &Principal) -> Result<TenantId> {
    who.may(Permission::PbxApiAccess, Access::Write)?;
    match who.actor {
        Actor::User { role: Role::Agent, .. } => Err(Error::RoleTooLow),
        _ => Ok(who.tenant),
    }
}

/// Refuses with every bad field that was found.
fn refuse(fields: Fields) -> Result<()> {
    if fields.is_empty() { Ok(()) } else { Err(Error::Invalid(fields)) }
}

/// Says that an account has as many of something as it may.
fn full(most: impl std::fmt::Display) -> Text {
    Text::of(
        format!("There are {most} already, and no more are kept. Delete one first."),
        format!("Đã có {most}, là mức tối đa. Hãy xóa bớt trước."),
    )
}

/// Turns the violation of a unique key into the refusal of `field`.
fn taken(field: &'static str) -> impl FnOnce(store::Error) -> Error {
    move |error| if error.is_unique() { Error::Taken(field) } else { error.into() }
}
