//! Every SQL statement of the room.

pub(crate) mod attempts;
pub(crate) mod campaigns;
pub(crate) mod dnc;
pub(crate) mod house;
pub(crate) mod leads;
pub(crate) mod reports;
pub(crate) mod scripts;
pub(crate) mod variables;
