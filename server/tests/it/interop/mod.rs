//! Foreign implementations: a proxy as the carrier, a softphone as the phone. What is not installed is named.

mod kamailio;
mod linphone;
