//! An extension: a number of the account that phones register under.

use std::fmt;

use domain::{TenantId, Timestamp};
use md5::{Digest as _, Md5};
use sha2::Sha256;

use super::names;

/// An extension without its SIP secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    pub tenant: TenantId,
    /// 3-10 digits; also the name to register with.
    pub number: String,
    pub display_name: Option<String>,
    pub voicemail_enabled: bool,
    /// An active caller ID of the account, shown when this extension dials out.
    pub outbound_caller_id: Option<String>,
    pub recording_mode: RecordingMode,
    pub status: ExtensionStatus,
    pub team_id: Option<i64>,
    pub department_id: Option<i64>,
    /// Calls that may be up at the same time, 1-10.
    pub max_concurrent: i64,
    pub tls_enabled: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

names! {
    /// Which calls of an extension are recorded.
    pub enum RecordingMode {
        None = "none",
        Inbound = "inbound",
        Outbound = "outbound",
        All = "all",
    }

    pub enum ExtensionStatus {
        Active = "active",
        Disabled = "disabled",
    }
}

/// What a REGISTER or INVITE of an extension is checked against. The secret is sealed until it is needed.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub tenant: TenantId,
    pub number: String,
    pub status: ExtensionStatus,
    /// The realm that the HA1s were computed for.
    pub realm: String,
    /// A sealed [`Ha1Pair`].
    pub sealed: Vec<u8>,
}

/// The digest secrets of one login: `H(user:realm:password)` by MD5 and by SHA-256 (RFC 8760). `Debug` hides them.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1Pair {
    pub md5: [u8; 16],
    pub sha256: [u8; 32],
}

impl Ha1Pair {
    pub fn compute(user: &str, realm: &str, password: &str) -> Self {
        let text = format!("{user}:{realm}:{password}");
        Self { md5: Md5::digest(text.as_bytes()).into(), sha256: Sha256::digest(text.as_bytes()).into() }
    }

    /// Returns the MD5 HA1 as lower-case hex, the form that enters the digest response (RFC 7616 §3.4.2).
    pub fn md5_hex(&self) -> String {
        hex::encode(self.md5)
    }

    /// Returns the SHA-256 HA1 as lower-case hex.
    pub fn sha256_hex(&self) -> String {
        hex::encode(self.sha256)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        [&self.md5[..], &self.sha256[..]].concat()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (md5, sha256) = bytes.split_at_checked(16)?;
        Some(Self { md5: md5.try_into().ok()?, sha256: sha256.try_into().ok()? })
    }
}

impl fmt::Debug for Ha1Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1Pair(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ha1_is_the_example_of_rfc_7616() {
        let pair = Ha1Pair::compute("Mufasa", "http-auth@example.org", "Circle of Life");
        assert_eq!(pair.md5_hex(), "3d78807defe7de2157e2b0b6573a855f");
        assert_eq!(pair.sha256_hex(), "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232");
        assert_eq!(Ha1Pair::from_bytes(&pair.to_bytes()).unwrap(), pair);
        assert_eq!(Ha1Pair::from_bytes(b"short"), None);
    }

    #[test]
    fn a_printed_secret_shows_nothing() {
        assert_eq!(format!("{:?}", Ha1Pair::compute("1001", "pbx", "secret")), "Ha1Pair(***)");
    }
}
