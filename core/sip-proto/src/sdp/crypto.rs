//! Keys of SRTP in the description itself (SDES, RFC 4568). Nothing here is ever shown by `Debug`.

use std::fmt;

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    Media,
    webrtc::{self, WebRtc},
};

/// An SRTP crypto suite (RFC 4568 §6.2, RFC 6188).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES-128 in counter mode, tags of 80 bits.
    Aes128Sha80,
    /// AES-128 in counter mode, tags of 32 bits (SRTCP: 80).
    Aes128Sha32,
    /// AES-256 in counter mode, tags of 80 bits.
    Aes256Sha80,
}

impl Suite {
    /// The suites in the order of our offers; their position and one is their tag.
    const ALL: [Self; 3] = [Self::Aes128Sha80, Self::Aes256Sha80, Self::Aes128Sha32];

    /// Returns the registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128Sha80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Aes128Sha32 => "AES_CM_128_HMAC_SHA1_32",
            Self::Aes256Sha80 => "AES_256_CM_HMAC_SHA1_80",
        }
    }

    /// Returns the length of master key and master salt together, in bytes.
    pub const fn key_length(self) -> usize {
        match self {
            Self::Aes128Sha80 | Self::Aes128Sha32 => 30,
            Self::Aes256Sha80 => 46,
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }
}

/// Text that is kept from sight and wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Zeroizing<String>);

impl Hidden {
    /// Hides a text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The `a=crypto` attribute as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crypto {
    /// Number of the line, which the answer repeats.
    pub tag: u32,
    /// Name of the suite.
    pub suite: String,
    /// Key parameters (`inline:…`) and session parameters.
    pub parameters: Hidden,
}

/// Master key and master salt of one direction.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<Vec<u8>>);

impl MasterKey {
    /// Returns key and salt in one.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for MasterKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for MasterKey {}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// What both sides agreed on for SRTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srtp {
    pub suite: Suite,
    /// What we protect with.
    pub send: MasterKey,
    /// What the peer protects with.
    pub receive: MasterKey,
}

/// Our master keys, one per suite, the same for the whole life of a stream.
#[derive(Clone)]
pub struct Keys(Zeroizing<Vec<u8>>);

impl Keys {
    /// Random bytes that make a set of keys.
    pub const LENGTH: usize = 106;

    /// Makes the keys of fresh random bytes.
    pub fn new(random: [u8; Self::LENGTH]) -> Self {
        Self(Zeroizing::new(random.to_vec()))
    }

    fn of(&self, suite: Suite) -> MasterKey {
        let range = match suite {
            Suite::Aes128Sha80 => 0..30,
            Suite::Aes128Sha32 => 30..60,
            Suite::Aes256Sha80 => 60..106,
        };
        MasterKey(Zeroizing::new(self.0.get(range).unwrap_or_default().to_vec()))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// Whether a stream is protected. Keys travel in the description: only where the signalling is encrypted.
#[derive(Debug, Clone, Default)]
pub enum Security {
    /// Plain RTP; a protected stream is refused.
    #[default]
    Plain,
    /// Plain or protected, as the peer offers; our own offers are plain.
    Accepts(Keys),
    /// Protected with whoever can and plain with all others (RFC 8643): our offers are of a plain stream with keys beside
    /// it, which whoever knows nothing of them passes over.
    Prefers(Keys),
    /// Protected; a plain stream is refused.
    Requires(Keys),
    /// A stream that a browser can use; nothing else is offered or answered.
    WebRtc(Box<WebRtc>),
}

impl Security {
    /// Returns the keys for a stream of this protocol; `Err` if such a stream is not for us.
    pub(super) fn for_protocol(&self, protocol: &str) -> Result<Option<&Keys>, ()> {
        let is = |names: [&str; 2]| names.iter().any(|name| protocol.eq_ignore_ascii_case(name));
        match self {
            Self::Plain | Self::Accepts(_) | Self::Prefers(_) if is(["RTP/AVP", "RTP/AVPF"]) => Ok(None),
            Self::Accepts(keys) | Self::Prefers(keys) | Self::Requires(keys) if is(["RTP/SAVP", "RTP/SAVPF"]) => {
                Ok(Some(keys))
            }
            _ => Err(()),
        }
    }

    /// Returns what a browser is told, if it is one that we talk to.
    pub(super) fn webrtc(&self) -> Option<&WebRtc> {
        match self {
            Self::WebRtc(local) => Some(local),
            _ => None,
        }
    }

    /// Returns the keys for a stream that is plain by its protocol and has keys beside it (RFC 8643 §3).
    pub(super) fn for_keys_beside(&self, media: &Media) -> Option<&Keys> {
        match self {
            Self::Accepts(keys) | Self::Prefers(keys) if !media.crypto.is_empty() => Some(keys),
            _ => None,
        }
    }

    /// Tells whether a stream of this protocol is for us.
    pub(super) fn speaks(&self, protocol: &str) -> bool {
        match self {
            Self::WebRtc(_) => webrtc::is_protocol(protocol),
            _ => self.for_protocol(protocol).is_ok(),
        }
    }

    /// Returns the protocol and the `a=crypto` lines of our offers.
    pub(super) fn offered(&self) -> (&'static str, Vec<Crypto>) {
        match self {
            Self::Plain | Self::Accepts(_) => ("RTP/AVP", Vec::new()),
            Self::WebRtc(_) => ("UDP/TLS/RTP/SAVPF", Vec::new()),
            Self::Prefers(keys) => ("RTP/AVP", lines(keys)),
            Self::Requires(keys) => ("RTP/SAVP", lines(keys)),
        }
    }
}

/// Returns a line for each suite.
fn lines(keys: &Keys) -> Vec<Crypto> {
    (1..).zip(Suite::ALL).map(|(tag, suite)| line(tag, suite, &keys.of(suite))).collect()
}

fn line(tag: u32, suite: Suite, key: &MasterKey) -> Crypto {
    let text = Zeroizing::new(BASE64.encode(key.reveal()));
    let parameters = Hidden::new(format!("inline:{}", *text));
    Crypto { tag, suite: suite.name().to_owned(), parameters }
}

/// Answers the first line that can be used: returns our line and the agreement.
pub(super) fn answer(offered: &Media, keys: &Keys) -> Option<(Crypto, Srtp)> {
    offered.crypto.iter().find_map(|crypto| {
        let suite = Suite::named(&crypto.suite)?;
        let receive = key(crypto.parameters.reveal(), suite)?;
        let send = keys.of(suite);
        Some((line(crypto.tag, suite, &send), Srtp { suite, send, receive }))
    })
}

/// Reads the one line of an answer to [`Security::offered`].
pub(super) fn answered(answer: &Media, keys: &Keys) -> Option<Srtp> {
    let [crypto] = &*answer.crypto else { return None };
    let position = usize::try_from(crypto.tag.checked_sub(1)?).ok()?;
    let suite = Suite::ALL.get(position).copied().filter(|suite| suite.name() == crypto.suite)?;
    Some(Srtp { suite, send: keys.of(suite), receive: key(crypto.parameters.reveal(), suite)? })
}

/// Padding is optional in practice.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads `inline:<key||salt>[|lifetime]`. Several keys, a master key identifier and session parameters that change
/// what is protected are beyond us: such a line is passed over.
fn key(parameters: &str, suite: Suite) -> Option<MasterKey> {
    let mut words = parameters.split(' ').filter(|word| !word.is_empty());
    let inline = words.next()?;
    if words.any(|word| !word.starts_with("WSH=")) {
        return None;
    }
    let (method, inline) = inline.split_at_checked("inline:".len())?;
    if !method.eq_ignore_ascii_case("inline:") {
        return None;
    }
    let mut parts = inline.split('|');
    let text = parts.next()?;
    // What follows is a lifetime, of which no call sends that many packets, or `MKI:length`.
    if parts.any(|part| part.contains(':')) || inline.contains(';') {
        return None;
    }
    let bytes = Zeroizing::new(BASE64.decode(text).ok()?);
    (bytes.len() == suite.key_length()).then_some(MasterKey(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    #[test]
    fn a_key_is_read_with_and_without_lifetime() {
        for parameters in
            [format!("inline:{KEY}"), format!("inline:{KEY}|2^20"), format!("INLINE:{KEY}|1048576 WSH=64")]
        {
            let key = key(&parameters, Suite::Aes128Sha80).expect("a key");
            assert_eq!(key.reveal().len(), 30);
            assert_eq!(format!("{key:?}"), "MasterKey(…)");
        }
    }

    #[test]
    fn what_is_beyond_us_is_passed_over() {
        for parameters in [
            String::new(),
            "inline:".to_owned(),
            "inline:AAAA".to_owned(),
            format!("prompt:{KEY}"),
            format!("inline:{KEY}|2^20|1:4"),
            format!("inline:{KEY}|1:4"),
            format!("inline:{KEY};inline:{KEY}"),
            format!("inline:{KEY} UNENCRYPTED_SRTP"),
            format!("inline:{KEY} UNAUTHENTICATED_SRTP"),
            format!("inline:{KEY} KDR=1"),
            format!("inline:{KEY}*"),
        ] {
            assert!(key(&parameters, Suite::Aes128Sha80).is_none(), "{parameters}");
        }
        assert!(key(&format!("inline:{KEY}"), Suite::Aes256Sha80).is_none(), "too short for the suite");
    }
}
