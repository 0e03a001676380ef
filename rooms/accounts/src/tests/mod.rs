//! The room on a real database whose clock the tests move.

mod admins;
mod audit;
mod keys;
mod links;
mod second_factor;
mod sessions;
mod settings;
mod tokens;

use std::net::IpAddr;

use ::store::testing::{TestDb, test_db};
use domain::{Principal, UserId, principal::Role};
use web::{LimitSettings, Limits};

use crate::{Accounts, Bootstrap, Error, NewSession, NewUser, Session, SignIn, SignedIn, Visit};

/// Every user's password here.
const PASSWORD: &str = "correct horse battery staple";
/// Another one.
const OTHER: &str = "quiet otters sing at dawn";

struct Rig {
    db: TestDb,
    accounts: Accounts,
    /// The host's own tools, in the first account.
    host: Principal,
}

impl Rig {
    /// Opens the room with a first account, whose admin has [`PASSWORD`], and limits that no test reaches by accident.
    async fn start() -> Self {
        Self::start_with(LimitSettings { login: 10_000, login_per_address: 10_000, ..LimitSettings::default() }).await
    }

    async fn start_with(limits: LimitSettings) -> Self {
        let db = test_db().await;
        let accounts = open(&db, limits).await;
        let first = Bootstrap { username: "admin".to_owned(), password: Some(PASSWORD.to_owned()) };
        let tenant = accounts.bootstrap(&first).await.unwrap().unwrap().tenant;
        Self { db, accounts, host: Principal::system(tenant) }
    }

    /// Makes a user who has [`PASSWORD`] and has to choose another.
    async fn user(&self, username: &str, role: Role) -> UserId {
        let new =
            NewUser { username: username.to_owned(), password: Some(PASSWORD.to_owned()), role, ..NewUser::default() };
        self.accounts.create_user(&self.host, new).await.unwrap().0.id
    }

    /// Makes a user like [`Self::user`], with an address for letters.
    async fn with_address(&self, username: &str) -> UserId {
        let new = NewUser {
            username: username.to_owned(),
            password: Some(PASSWORD.to_owned()),
            role: Role::Agent,
            email: Some(format!("{username}@acme.example")),
            ..NewUser::default()
        };
        self.accounts.create_user(&self.host, new).await.unwrap().0.id
    }

    async fn sign_in(&self, username: &str, password: &str) -> Result<SignedIn, Error> {
        let attempt = SignIn { username: username.to_owned(), password: password.to_owned() };
        self.accounts.sign_in(attempt, &visit()).await
    }

    /// Signs in and returns the cookie, whatever it opens.
    async fn cookie(&self, username: &str, password: &str) -> String {
        match self.sign_in(username, password).await.unwrap() {
            SignedIn::Complete(NewSession { cookie, .. }) | SignedIn::SecondFactor(NewSession { cookie, .. }) => cookie,
        }
    }

    async fn session(&self, cookie: &str) -> Option<Session> {
        self.accounts.session(cookie, &visit()).await.unwrap()
    }

    /// Signs a user in who has [`PASSWORD`], chooses [`OTHER`] and is then inside; returns the cookie too.
    async fn inside(&self, username: &str) -> (String, Session) {
        let cookie = self.cookie(username, PASSWORD).await;
        let session = self.session(&cookie).await.unwrap();
        let new = self.accounts.change_password(&session, PASSWORD, OTHER).await.unwrap();
        let session = self.session(&new.cookie).await.unwrap();
        (new.cookie, session)
    }

    /// Returns the audit log, newest first, as `action target`.
    async fn log(&self) -> Vec<String> {
        let page = web::Page { page: 1, per_page: 200 };
        let lines = self.accounts.audit(&self.host, &crate::AuditFilter::default(), page).await.unwrap();
        lines.data.into_iter().map(|line| format!("{} {}", line.action, line.target)).collect()
    }
}

async fn open(db: &TestDb, limits: LimitSettings) -> Accounts {
    let limits = Limits::new(limits, db.clock().clone());
    Accounts::open((**db).clone(), limits, db.secrets.clone()).await.unwrap()
}

fn visit() -> Visit {
    from([192, 0, 2, 1])
}

fn from(address: impl Into<IpAddr>) -> Visit {
    Visit { host: None, address: address.into(), user_agent: "test".to_owned(), request_id: "r-1".to_owned() }
}
