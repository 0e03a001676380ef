//! What must hold whatever is killed when. The oracle is a ledger that the test keeps itself.

mod drain;
mod keys;
mod kill;
mod ledger;
mod queue;
mod receivers;
mod transferred;
