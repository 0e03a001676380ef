//! What stands between caller and callee: the product, or the reference.

mod kamailio;
mod zorio;

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

pub(crate) use self::kamailio::Kamailio;
pub(crate) use self::zorio::{PASSWORD, Setup, Zorio};

/// What is done with the media of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    Relayed,
    Recorded,
}

pub(crate) enum Stack {
    Zorio(Box<Zorio>),
    Kamailio(Box<Kamailio>),
}

impl Stack {
    /// Where the caller sends its INVITE.
    pub(crate) fn sip(&self) -> SocketAddr {
        match self {
            Self::Zorio(zorio) => zorio.sip(),
            Self::Kamailio(kamailio) => kamailio.sip(),
        }
    }

    /// The numbers that are treated so.
    pub(crate) fn numbers(&self, treatment: Treatment) -> Vec<String> {
        match self {
            Self::Zorio(zorio) => zorio.numbers(treatment),
            Self::Kamailio(_) => kamailio::numbers(treatment),
        }
    }

    /// Every process that counts as the product.
    pub(crate) fn processes(&self) -> Vec<u32> {
        match self {
            Self::Zorio(zorio) => zorio.processes(),
            Self::Kamailio(kamailio) => kamailio.processes(),
        }
    }
}

/// Starts the reference if it is installed; says what is missing if not.
pub(crate) fn reference(folder: &Path) -> Result<Option<Stack>> {
    match Kamailio::missing() {
        Some(missing) => {
            println!("  {missing} is not installed: no reference for this figure");
            Ok(None)
        }
        None => Ok(Some(Stack::Kamailio(Box::new(Kamailio::start(folder)?)))),
    }
}
