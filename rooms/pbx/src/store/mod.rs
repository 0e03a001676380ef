//! Every SQL statement of this room. The tenant comes first; what spans accounts says so by its name.

pub(crate) mod accounts;
pub(crate) mod agents;
pub(crate) mod caller_id_groups;
pub(crate) mod caller_ids;
pub(crate) mod calls;
// Its statements are put together by macros that its neighbours use too.
#[macro_use]
pub(crate) mod cdr;
pub(crate) mod cdr_hours;
pub(crate) mod cdr_numbers;
pub(crate) mod changes;
pub(crate) mod extensions;
pub(crate) mod figures;
pub(crate) mod forwarding;
pub(crate) mod guard;
pub(crate) mod menus;
pub(crate) mod numbers;
pub(crate) mod prompts;
pub(crate) mod queue_calls;
pub(crate) mod queues;
pub(crate) mod rates;
pub(crate) mod recordings;
pub(crate) mod registrations;
pub(crate) mod ring_groups;
pub(crate) mod routes;
pub(crate) mod time_conditions;
pub(crate) mod trunk_registrations;
pub(crate) mod trunks;
pub(crate) mod voicemail;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use changes::{any_tenant_bump_change_version, any_tenant_change_version};

pub(crate) type Result<T> = std::result::Result<T, ::store::Error>;

/// One page of a list: which rows, counted from 0, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    pub(crate) offset: i64,
    pub(crate) limit: i64,
}

/// Returns the error of a column that holds what its field cannot.
fn unreadable(column: &'static str, held: impl std::fmt::Debug) -> ::store::Error {
    ::store::Error::Column { column: column.to_owned(), reason: format!("cannot hold {held:?}") }
}
