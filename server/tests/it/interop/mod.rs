//! Foreign implementations: a proxy as the carrier. What is not installed is named.

mod kamailio;
