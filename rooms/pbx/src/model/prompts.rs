//! Sound that an account has put in.

use domain::{TenantId, Timestamp};

/// A prompt: 16-bit PCM at 8 kHz, one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPrompt {
    pub id: i64,
    pub tenant: TenantId,
    /// 1-100 characters, one prompt each.
    pub name: String,
    /// Below the folder of prompts.
    pub path: String,
    pub size_bytes: i64,
    pub duration_ms: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
