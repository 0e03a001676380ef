//! A price of calls to numbers that begin alike.

use domain::{guard, ids::TrunkId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// `None`: whichever trunk it goes by.
    pub trunk: Option<TrunkId>,
    /// E.164 without `+`.
    pub prefix: String,
    pub name: String,
    pub price: guard::Rate,
}
