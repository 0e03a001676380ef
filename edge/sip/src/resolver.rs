//! Names to addresses.

use std::{io, net::SocketAddr};

/// Returns the addresses of `host`, best first; port 5060 unless given.
///
/// Only A and AAAA records are asked for; NAPTR and SRV (RFC 3263) are not.
pub async fn resolve(host: &str, port: Option<u16>) -> io::Result<Vec<SocketAddr>> {
    let port = port.unwrap_or(5060);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = host.parse() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(found)
}
