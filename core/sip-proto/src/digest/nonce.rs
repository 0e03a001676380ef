//! Nonces that need no memory.

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Seconds a nonce of ours is good for.
pub const NONCE_LIFE: u64 = 60;

/// What became of a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonce {
    /// Ours, for this source and realm, and young enough.
    Fresh,
    /// Ours but too old: challenge again with `stale=true`.
    Stale,
    /// Not ours, or made for somebody else.
    Bad,
}

const NONCE_CLEAR: usize = 24;
const NONCE_MAC: usize = 32;

/// Makes a nonce that needs no memory: time, salt and a MAC over them, the source and the realm.
///
/// `now` is in seconds. The salt tells nonces of one second apart and must not repeat within one.
pub fn mint(key: &[u8], now: u64, salt: u64, source: IpAddr, realm: &str) -> String {
    let now = u32::try_from(now).unwrap_or(u32::MAX);
    let mut nonce = format!("{now:08x}{salt:016x}");
    let mac = nonce_mac(key, nonce.as_bytes(), source, realm);
    nonce.push_str(&mac);
    nonce
}

/// Checks a nonce that [`mint`] should have made, at `now` in seconds.
pub fn check(key: &[u8], nonce: &[u8], now: u64, source: IpAddr, realm: &str) -> Nonce {
    let Some((clear, mac)) = nonce.split_at_checked(NONCE_CLEAR) else { return Nonce::Bad };
    if mac.len() != NONCE_MAC || !bool::from(nonce_mac(key, clear, source, realm).as_bytes().ct_eq(mac)) {
        return Nonce::Bad;
    }
    let time = clear.get(..8).map(crate::text::ascii).and_then(|time| u64::from_str_radix(time, 16).ok());
    match time.and_then(|time| now.checked_sub(time)) {
        Some(age) if age <= NONCE_LIFE => Nonce::Fresh,
        _ => Nonce::Stale,
    }
}

fn nonce_mac(key: &[u8], clear: &[u8], source: IpAddr, realm: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(clear);
    match source.to_canonical() {
        IpAddr::V4(address) => mac.update(&address.octets()),
        IpAddr::V6(address) => mac.update(&address.octets()),
    }
    mac.update(b"|");
    mac.update(realm.as_bytes());
    let mut text = hex::encode(mac.finalize().into_bytes());
    text.truncate(NONCE_MAC);
    text
}
