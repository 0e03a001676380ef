//! Console sessions: who is signed in, how far, since when.

use std::{net::IpAddr, time::Duration};

use ::store::{Bind, Cell, Column, Kind, Value};
use domain::{Principal, Timestamp, UserId, principal::Role};
use web::Language;

/// How long a confirmed password opens what asks for it again.
pub const FRESH: Duration = Duration::from_secs(5 * 60);

/// Where a request of the console comes from.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The host that was asked, in lower case and without the port; `None` if the request names none.
    pub host: Option<String>,
    pub address: IpAddr,
    /// Shown in the list of sessions; cut to 200 characters.
    pub user_agent: String,
    /// `X-Request-Id`, for the audit log.
    pub request_id: String,
}

/// What the sign-in form carries.
#[derive(Clone)]
pub struct SignIn {
    pub username: String,
    pub password: String,
}

/// How far sign-in came.
#[derive(Debug)]
pub enum SignedIn {
    /// The session is open, or asks for another password first: see [`Session::stage`].
    Complete(NewSession),
    /// The session opens only the page of the second factor.
    SecondFactor(NewSession),
}

/// A session's new cookie; any older one of the same session opens nothing from now on.
#[derive(Clone)]
pub struct NewSession {
    /// 48 letters and digits. Only its SHA-256 is stored.
    pub cookie: String,
    pub stage: Stage,
}

/// What a session opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Only the second factor's page and sign-out.
    SecondFactor,
    /// Only the page of the new password and sign-out.
    ChangePassword,
    /// Everything that the role may.
    Open,
}

impl Stage {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SecondFactor => "second_factor",
            Self::ChangePassword => "change_password",
            Self::Open => "open",
        }
    }
}

/// Number of a session; not a secret, and opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub i64);

/// A signed-in person, as the console knows them during one request.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: SessionId,
    /// Without a token. Until the session is open it may nothing: its role is `read_only` and it has no permission.
    pub principal: Principal,
    pub user: UserId,
    pub username: String,
    /// What the user is, whatever the stage.
    pub role: Role,
    pub extension: Option<String>,
    pub email: Option<String>,
    /// The user's, else the account's; `None` if neither says: then the browser's counts.
    pub language: Option<Language>,
    /// What every unsafe request of the session has to carry.
    pub csrf: String,
    pub stage: Stage,
    pub has_second_factor: bool,
    pub created_at: Timestamp,
    /// When the password was last confirmed; sign-in counts.
    pub reauthenticated_at: Option<Timestamp>,
    pub tenant_name: String,
    /// An IANA name, such as `Asia/Ho_Chi_Minh`.
    pub timezone: String,
}

impl Session {
    /// Tells whether the password was confirmed within [`FRESH`] before `now`.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.reauthenticated_at.is_some_and(|at| now < at.after(FRESH))
    }
}

/// A line of the list of sessions.
#[derive(Clone, Debug)]
pub struct SessionInfo {
    pub id: SessionId,
    pub user: UserId,
    pub username: String,
    pub stage: Stage,
    pub address: String,
    pub user_agent: String,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    /// The session that asks.
    pub is_current: bool,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("username", &self.username).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for NewSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSession").field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl Column for SessionId {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        i64::from_cell(cell).map(Self)
    }
}

impl Bind for SessionId {
    const KIND: Kind = Kind::Int;

    fn into_value(self) -> Value {
        self.0.into_value()
    }
}

impl Column for Stage {
    fn from_cell(cell: Cell<'_>) -> Result<Self, String> {
        let name = cell.text()?;
        let all = [Self::SecondFactor, Self::ChangePassword, Self::Open];
        all.into_iter().find(|stage| stage.as_str() == name).ok_or_else(|| format!("unknown stage {name:?}"))
    }
}

impl Bind for Stage {
    const KIND: Kind = Kind::Text;

    fn into_value(self) -> Value {
        self.as_str().into_value()
    }
}
