//! Every SQL statement of the room.

pub(crate) mod attempts;
pub(crate) mod campaigns;
pub(crate) mod dnc;
pub(crate) mod house;
pub(crate) mod leads;
pub(crate) mod ledger;
pub(crate) mod reports;
pub(crate) mod scripts;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod variables;
