//! What can go wrong in a database, sorted by what the caller does about it.

use std::sync::Arc;

/// Why a statement, a transaction or a start failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A unique key exists already; the text names the constraint or columns.
    #[error("unique constraint violated: {0}")]
    Unique(String),
    /// A row that is referred to does not exist, or one that others refer to was deleted.
    #[error("foreign key violated: {0}")]
    ForeignKey(String),
    /// A `check` or `not null` constraint refused the row.
    #[error("check violated: {0}")]
    Check(String),
    /// [`crate::Query::one`] found no row.
    #[error("no such row")]
    NotFound,
    /// Too many wait, a lock or a statement took too long; the same may succeed later.
    #[error("the database is busy: {0}")]
    Busy(&'static str),
    /// The database cannot be reached or refuses to write (disk full, gone, shutting down).
    #[error("the database is unavailable")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// A column is missing or holds what its field cannot.
    #[error("column {column}: {reason}")]
    Column { column: String, reason: String },
    /// The statement itself is wrong.
    #[error("database error")]
    Database(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The group that this transaction was committed with could not be committed. Nothing of it is stored.
    #[error("commit failed: {0}")]
    Commit(String),
    #[error("migration failed: {0}")]
    Migrate(String),
    /// The address or an option of the database is wrong.
    #[error("{0}")]
    Config(String),
    /// A secret does not open: other key, other row, or changed bytes.
    #[error("a secret does not open: {0}")]
    Sealed(&'static str),
    #[error("json: {0}")]
    Json(String),
    #[error("{path}: {reason}")]
    File { path: String, reason: String },
}

impl Error {
    /// Returns whether the same may succeed when tried again later.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Unavailable(_) | Self::Commit(_))
    }

    pub const fn is_unique(&self) -> bool {
        matches!(self, Self::Unique(_))
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        match &error {
            sqlx::Error::RowNotFound => return Self::NotFound,
            sqlx::Error::PoolTimedOut => return Self::Busy("no connection became free"),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => {
                return Self::Unavailable(Arc::new(error));
            }
            sqlx::Error::Database(database) => {
                let named = || database.constraint().unwrap_or_else(|| database.message()).to_owned();
                match database.kind() {
                    ErrorKind::UniqueViolation => return Self::Unique(named()),
                    ErrorKind::ForeignKeyViolation => return Self::ForeignKey(named()),
                    ErrorKind::NotNullViolation | ErrorKind::CheckViolation => return Self::Check(named()),
                    _ => {}
                }
                match database.code().as_deref().unwrap_or_default() {
                    // SQLITE_BUSY and its snapshot variant; PostgreSQL: serialization, deadlock, lock and statement timeouts.
                    "5" | "517" | "40001" | "40P01" | "55P03" | "57014" => return Self::Busy("a lock was not free"),
                    // SQLITE_IOERR, FULL, CANTOPEN, READONLY; PostgreSQL: shutdown, disk full, too many connections.
                    "10" | "13" | "14" | "8" | "57P01" | "57P02" | "57P03" | "53100" | "53300" | "53200" => {
                        return Self::Unavailable(Arc::new(error));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Self::Database(Arc::new(error))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::{ErrorCode, ffi};
        if let rusqlite::Error::SqliteFailure(failure, message) = &error {
            let named = || message.clone().unwrap_or_else(|| failure.to_string());
            match (failure.code, failure.extended_code) {
                (
                    _,
                    ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID,
                ) => {
                    return Self::Unique(named());
                }
                (_, ffi::SQLITE_CONSTRAINT_FOREIGNKEY | ffi::SQLITE_CONSTRAINT_TRIGGER) => {
                    return Self::ForeignKey(named());
                }
                (ErrorCode::ConstraintViolation, _) => return Self::Check(named()),
                (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => return Self::Busy("a lock was not free"),
                (ErrorCode::SystemIoFailure | ErrorCode::DiskFull | ErrorCode::CannotOpen | ErrorCode::ReadOnly, _) => {
                    return Self::Unavailable(Arc::new(error));
                }
                _ => {}
            }
        }
        Self::Database(Arc::new(error))
    }
}
