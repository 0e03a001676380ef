//! What other rooms and the server ask of the exchange as it runs.

use std::{collections::HashSet, time::Duration};

use domain::{TenantId, UserId, cause::Cause, ids::TrunkId};

use crate::{
    Pbx, SessionLogin, TollAlarm,
    driver::session_login,
    model::{self, Extension},
};

/// How long a drained node waits for BYEs and records once every call was told to end.
const LAST_WORDS: Duration = Duration::from_secs(10);

impl Pbx {
    /// Refuses new calls, lets those that are up go on for `patience`, then ends them and waits for their records.
    pub async fn drain(&self, patience: Duration) {
        self.live.close();
        self.trunk_registrations.leave().await;
        self.live.until_empty(patience).await;
        self.live.hang_up_all(Cause::NormalTemporaryFailure);
        self.live.until_empty(LAST_WORDS).await;
        self.queues.settle(LAST_WORDS).await;
        self.sip.drain(LAST_WORDS).await;
    }

    /// Returns where a trunk's registration at its carrier stands.
    pub fn trunk_registration(&self, trunk: TrunkId) -> model::RegistrationState {
        self.trunk_registrations.state(trunk)
    }

    /// Returns whether a trunk answered when it was asked last; one that is never asked does.
    pub fn trunk_answers(&self, trunk: TrunkId) -> bool {
        !self.border.is_down(trunk)
    }

    /// Returns how many calls are up on this node.
    pub fn live_calls(&self) -> usize {
        self.live.count()
    }

    /// Returns what the guard against toll fraud refused within the last hour, of every account.
    pub fn toll_alarms(&self) -> Vec<TollAlarm> {
        self.border.alarms()
    }

    /// Says which trunks do not answer: calls try them last.
    pub fn trunks_are_down(&self, trunks: HashSet<TrunkId>) {
        self.border.set_down(trunks);
    }

    /// Returns an extension that may register and call now.
    pub fn active_extension(&self, tenant: TenantId, number: &str) -> Option<Extension> {
        let account = self.directory.account(tenant)?;
        Some(account.active(number)?.extension.clone())
    }

    /// Makes a SIP login for one session of an extension's webphone; `None` if the extension may not register. It ends
    /// with its time, when the extension's secret changes, and when the extension or the user is disabled.
    /// Whoever asks has checked that the user may have it.
    pub fn session_login(
        &self,
        tenant: TenantId,
        extension: &str,
        user: Option<UserId>,
        life: Duration,
    ) -> Option<SessionLogin> {
        let account = self.directory.account(tenant)?;
        let line = account.active(extension)?;
        Some(session_login::issue(&self.secrets, tenant, line, user, self.db.now(), life))
    }
}
