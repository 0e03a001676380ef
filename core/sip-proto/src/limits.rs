//! Every bound the parsers keep, in one place.
//!
//! Network input never makes memory grow past these.

/// Longest message, and so the longest body, in bytes.
pub const MESSAGE: usize = 64 * 1024;
/// Longest message in one UDP datagram, in bytes.
pub const DATAGRAM: usize = 65_507;
/// Longest logical header line (folds included) and start line, in bytes.
pub const LINE: usize = 8 * 1024;
/// Most header fields in one message.
pub const HEADERS: usize = 200;
/// Most Via values in one message.
pub const VIAS: usize = 70;
/// Most Route values in one message, and most Record-Route values.
pub const ROUTES: usize = 20;
/// Most Contact values in one message.
pub const CONTACTS: usize = 10;
/// Longest method, Call-ID, tag and topmost branch, in bytes.
pub const TOKEN: usize = 256;
/// Longest URI, in bytes.
pub const URI: usize = 1024;
/// Most parameters of one URI, and of one Via or address.
pub const PARAMETERS: usize = 32;
/// Largest CSeq number (RFC 3261 §8.1.1.5 keeps it below 2^31).
pub const CSEQ: u32 = 0x7fff_ffff;
/// Largest Max-Forwards that is sent.
pub const MAX_FORWARDS_SENT: u8 = 70;
/// Deepest nesting of multipart bodies that is looked into.
pub const MULTIPART_DEPTH: usize = 2;
/// Most parts of one multipart body.
pub const MULTIPART_PARTS: usize = 8;

/// Longest SDP body, in bytes.
pub const SDP: usize = 64 * 1024;
/// Longest SDP line, in bytes.
pub const SDP_LINE: usize = 4 * 1024;
/// Most `m=` lines of one SDP body.
pub const SDP_MEDIA: usize = 8;
/// Most `a=` lines of one SDP body.
pub const SDP_ATTRIBUTES: usize = 500;
/// Most formats of one `m=` line: there are no more payload types.
pub const SDP_FORMATS: usize = 128;
/// Lowest port that media is sent to.
pub const SDP_LOWEST_PORT: u16 = 1024;

/// Most parameters of one Authorization or challenge header.
pub const DIGEST_PARAMETERS: usize = 32;
